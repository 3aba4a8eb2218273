//! Connections to upstreams: idle ones kept per address and core, new ones made, names looked up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::timer::Deadline;
use crate::snapshot::Target;

/// How long the addresses of a name are used before it is looked up again.
const NAME_TTL: Duration = Duration::from_secs(15);
/// Most idle connections kept for one upstream on one core.
const MAX_IDLE: usize = 1024;

/// The upstream connections of one core.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<HashMap<Arc<str>, Upstream>>);

#[derive(Debug, Default)]
struct Upstream {
    idle: Vec<Idle>,
    addresses: Vec<SocketAddr>,
    looked_up: Option<Instant>,
}

#[derive(Debug)]
struct Idle {
    socket: TcpStream,
    since: Instant,
}

impl Pool {
    /// The connection to `authority` that was idle for the shortest time, if one is alive.
    pub(crate) fn take(&self, authority: &str) -> Option<TcpStream> {
        let mut pool = self.0.borrow_mut();
        let idle = &mut pool.get_mut(authority)?.idle;
        while let Some(Idle { socket, .. }) = idle.pop() {
            // Bytes that nobody asked for make the next answer ambiguous; an end means it is gone. Without news
            // from the kernel this is no system call.
            match socket.try_read(&mut [0; 1]) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Some(socket),
                _ => {}
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn give(&self, authority: &Arc<str>, socket: TcpStream, now: Instant) {
        let mut pool = self.0.borrow_mut();
        let idle = match pool.get_mut(&**authority) {
            Some(upstream) => &mut upstream.idle,
            None => &mut pool.entry(Arc::clone(authority)).or_default().idle,
        };
        if idle.len() < MAX_IDLE {
            idle.push(Idle { socket, since: now });
        }
    }

    /// A new connection: every address of the target in turn, each for at most `limit`.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<TcpStream, String> {
        let mut last = String::from("the name has no address");
        for address in self.addresses(target, limit, deadline).await? {
            match deadline.within(limit, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    // A delay of small writes would be the only effect of an error here.
                    let _ = socket.set_nodelay(true);
                    return Ok(socket);
                }
                Ok(Err(e)) => last = format!("connect to {address}: {e}"),
                Err(_) => last = format!("connect to {address}: no answer within {} ms", limit.as_millis()),
            }
        }
        Err(last)
    }

    async fn addresses(
        &self,
        target: &Target,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<Vec<SocketAddr>, String> {
        if let Ok(ip) = target.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, target.port)]);
        }
        if let Some(upstream) = self.0.borrow().get(&*target.authority)
            && upstream.looked_up.is_some_and(|at| at.elapsed() < NAME_TTL)
        {
            return Ok(upstream.addresses.clone());
        }
        let found = deadline.within(limit, tokio::net::lookup_host((&*target.host, target.port))).await;
        let addresses: Vec<SocketAddr> = match found {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(e)) => return Err(format!("look-up of {}: {e}", target.host)),
            Err(_) => return Err(format!("look-up of {}: no answer in time", target.host)),
        };
        let mut pool = self.0.borrow_mut();
        let upstream = pool.entry(Arc::clone(&target.authority)).or_default();
        upstream.addresses.clone_from(&addresses);
        upstream.looked_up = Some(Instant::now());
        Ok(addresses)
    }

    /// Closes what was idle for longer than `limit`.
    pub(crate) fn expire(&self, limit: Duration) {
        let now = Instant::now();
        self.0.borrow_mut().retain(|_, upstream| {
            // The list is in order of `since` but for pops at its end, so that the old ones are at the front.
            let old = upstream.idle.iter().take_while(|i| now.duration_since(i.since) >= limit).count();
            upstream.idle.drain(..old);
            !upstream.idle.is_empty() || upstream.looked_up.is_some_and(|at| at.elapsed() < NAME_TTL)
        });
    }
}
