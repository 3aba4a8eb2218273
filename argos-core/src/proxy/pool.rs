//! Connections to upstreams: idle ones kept per address, terms of TLS and core, new ones made, names looked up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::core::Core;
use super::stream::Stream;
use super::timer::Deadline;
use super::tls::{Outbound, TlsStream};
use crate::certs::{UpstreamTls, refusal};
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
    socket: Stream<Outbound>,
    since: Instant,
}

impl Pool {
    /// The connection of `key` that was idle for the shortest time, if one is alive. Bytes that nobody asked for make
    /// the next answer ambiguous; an end means that it is gone.
    pub(crate) fn take(&self, key: &str) -> Option<Stream<Outbound>> {
        let mut pool = self.0.borrow_mut();
        let idle = &mut pool.get_mut(key)?.idle;
        while let Some(Idle { mut socket, .. }) = idle.pop() {
            if socket.is_quiet() {
                return Some(socket);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn give(&self, key: &Arc<str>, mut socket: Stream<Outbound>, now: Instant) {
        let mut pool = self.0.borrow_mut();
        let idle = match pool.get_mut(&**key) {
            Some(upstream) => &mut upstream.idle,
            None => &mut pool.entry(Arc::clone(key)).or_default().idle,
        };
        if idle.len() < MAX_IDLE {
            socket.rest();
            idle.push(Idle { socket, since: now });
        }
    }

    /// A new connection: every address of the target in turn, each for at most `limit`, and the handshake as long again.
    pub(crate) async fn connect(
        &self,
        core: &Core,
        target: &Target,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<Stream<Outbound>, String> {
        let mut last = String::from("the name has no address");
        for address in self.addresses(target, limit, deadline).await? {
            match deadline.within(limit, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => {
                    // A delay of small writes would be the only effect of an error here.
                    let _ = socket.set_nodelay(true);
                    let Some(tls) = &target.tls else { return Ok(Stream::Plain(socket)) };
                    match agree(core, socket, target, tls, limit, deadline).await {
                        Ok(stream) => return Ok(stream),
                        Err(text) => last = text,
                    }
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

/// Agrees on TLS with `target`, or says why that fails.
async fn agree(
    core: &Core,
    socket: TcpStream,
    target: &Target,
    tls: &UpstreamTls,
    limit: Duration,
    deadline: &Deadline,
) -> Result<Stream<Outbound>, String> {
    let authority = &*target.authority;
    let failed = |why: &dyn std::fmt::Display| format!("TLS with {authority}: {why}");
    let config = tls.config(&core.clock).map_err(|why| failed(&why))?;
    let name = if tls.server_name.is_empty() { &target.host } else { &tls.server_name };
    let name = ServerName::try_from(&**name).map_err(|e| failed(&e))?.to_owned();
    let session = Outbound::new(Arc::clone(config), name).map_err(|e| failed(&e))?;
    let mut stream = Box::new(TlsStream::new(socket, Rc::clone(&core.buffers), session));
    match deadline.within(limit, poll_fn(|cx| stream.poll_handshake(cx))).await {
        Ok(Ok(())) => Ok(Stream::Tls(stream)),
        Ok(Err(e)) => Err(match e.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(fault) => refusal(fault, authority),
            None => failed(&e),
        }),
        Err(_) => Err(failed(&format_args!("no answer within {} ms", limit.as_millis()))),
    }
}
