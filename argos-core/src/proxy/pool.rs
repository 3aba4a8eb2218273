//! Connections to upstreams: idle ones kept per address, terms of TLS and core, new ones made, names looked up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use rustls::pki_types::ServerName;
use smallvec::{SmallVec, smallvec};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::core::Core;
use super::h1::reply_head::MAX_HEAD;
use super::stream::Stream;
use super::timer::Deadline;
use super::tls::{Outbound, TlsStream};
use super::upstreams::Names;
use crate::certs::{UpstreamTls, refusal};
use crate::snapshot::Target;

/// Most idle connections kept for one upstream on one core.
const MAX_IDLE: usize = 1024;
/// Most requests at once over one connection that carries many.
const MAX_STREAMS: usize = 100;
/// Bytes of one answer that wait to be taken; each stream has room of its own, so that none holds up the others.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes of one request that wait to be sent.
const SEND_BUFFER: usize = 64 * 1024;

/// The upstream connections of one core.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<HashMap<Arc<str>, Upstream>>);

#[derive(Debug, Default)]
struct Upstream {
    idle: Vec<Idle>,
    shared: Vec<Shared>,
    /// Whether its connections carry many requests, as far as is known.
    many: bool,
    /// Tells that the connection that is being made is there, or can't be had.
    opening: Option<Rc<Opened>>,
    /// The name that it was reached by, and the addresses that this had.
    name: Option<Name>,
    /// Which of several addresses is the first to be asked next.
    turn: usize,
}

/// The name of an upstream, as its connections know it.
#[derive(Debug)]
struct Name {
    host: Box<str>,
    addresses: Rc<[IpAddr]>,
    /// Whether these were others before.
    moved: bool,
    /// When a connection was last made or given back.
    used: Instant,
}

impl Name {
    fn leads_to(&self, peer: Option<IpAddr>) -> bool {
        peer.is_none_or(|peer| self.addresses.contains(&peer.to_canonical()))
    }
}

#[derive(Debug)]
struct Idle {
    socket: Stream<Outbound>,
    since: Instant,
}

/// A connection that carries many requests at once.
#[derive(Debug)]
struct Shared {
    sender: SendRequest<Bytes>,
    // One more for each request that is under way.
    open: Rc<()>,
    used: Instant,
    peer: Option<IpAddr>,
}

/// A way to an upstream.
#[derive(Debug)]
pub(crate) enum Line {
    /// A connection for one request at a time.
    One(Stream<Outbound>),
    /// A connection for many, and what counts the request while it is held.
    Many(SendRequest<Bytes>, Rc<()>),
}

impl Pool {
    /// A connection of `key` that has room: one that carries many unless `only_http1`, else the one that was idle for
    /// the shortest time, if it is alive. Bytes that nobody asked for make the next answer ambiguous; an end means that
    /// it is gone.
    pub(crate) fn take(&self, key: &str, only_http1: bool) -> Option<Line> {
        let mut pool = self.0.borrow_mut();
        let upstream = pool.get_mut(key)?;
        if !only_http1 {
            upstream.shared.retain_mut(Shared::is_open);
            if let Some(shared) = upstream.shared.iter_mut().find(|shared| shared.has_room()) {
                shared.used = Instant::now();
                return Some(Line::Many(shared.sender.clone(), Rc::clone(&shared.open)));
            }
        }
        while let Some(Idle { mut socket, .. }) = upstream.idle.pop() {
            if socket.is_quiet() {
                return Some(Line::One(socket));
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn give(&self, key: &Arc<str>, mut socket: Stream<Outbound>, now: Instant) {
        let mut pool = self.0.borrow_mut();
        let upstream = match pool.get_mut(&**key) {
            Some(upstream) => upstream,
            None => pool.entry(Arc::clone(key)).or_default(),
        };
        if let Some(name) = &mut upstream.name {
            name.used = now;
            if name.moved && !name.leads_to(socket.peer()) {
                return;
            }
        }
        let idle = &mut upstream.idle;
        if idle.len() < MAX_IDLE {
            socket.rest();
            idle.push(Idle { socket, since: now });
        }
    }

    /// A new connection, as [`dial`] makes it. HTTP/2 is spoken where that is known or agreed on, unless `only_http1`.
    pub(crate) async fn connect(
        &self,
        core: &Core,
        target: &Target,
        only_http1: bool,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<Line, String> {
        if !only_http1 && let Some(line) = self.opened_meanwhile(target, limit, deadline).await? {
            return Ok(line);
        }
        let opening = if only_http1 { None } else { self.begin_opening(core, target) };
        let dialled = dial(core, target, only_http1, limit, deadline).await;
        if let (Err(text), Some(opening)) = (&dialled, &opening) {
            *opening.told.failed.borrow_mut() = Some(text.clone());
        }
        let stream = dialled?;
        match speaks_http2(target, &stream)? && !only_http1 {
            true => self.share(core, target, stream).await,
            false => Ok(Line::One(stream)),
        }
    }

    /// A connection that somebody else makes: one is enough for many, however many want it at once. Where that fails it
    /// fails for all who waited: each of them would find the same after as long again.
    async fn opened_meanwhile(
        &self,
        target: &Target,
        limit: Duration,
        deadline: &Deadline,
    ) -> Result<Option<Line>, String> {
        loop {
            let opening = self.0.borrow().get(&*target.pool).and_then(|upstream| upstream.opening.clone());
            let Some(opening) = opening else { return Ok(None) };
            if deadline.within(limit, opening.ended.notified()).await.is_err() {
                return Ok(None);
            }
            if let Some(text) = &*opening.failed.borrow() {
                return Err(text.clone());
            }
            // Without room the first of those who waited makes the next.
            if let Some(line) = self.take(&target.pool, false) {
                return Ok(Some(line));
            }
        }
    }

    /// Has others wait for the connection to `target` that is about to be made, where it will carry theirs too.
    fn begin_opening(&self, core: &Core, target: &Target) -> Option<Opening> {
        let mut pool = self.0.borrow_mut();
        let upstream = pool.entry(Arc::clone(&target.pool)).or_default();
        if !(target.http2 || upstream.many) || upstream.opening.is_some() {
            return None;
        }
        let told = Rc::<Opened>::default();
        upstream.opening = Some(Rc::clone(&told));
        Some(Opening { pool: Rc::clone(&core.pool), key: Arc::clone(&target.pool), told })
    }

    /// Begins to speak HTTP/2, and keeps the connection for others too.
    async fn share(&self, core: &Core, target: &Target, stream: Stream<Outbound>) -> Result<Line, String> {
        let peer = stream.peer();
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(MAX_STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW * MAX_STREAMS as u32)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(MAX_HEAD as u32);
        let begun = builder.handshake::<_, Bytes>(stream).await;
        let (sender, connection) = begun.map_err(|e| format!("HTTP/2 with {}: {e}", target.authority))?;
        // It lives while somebody has a way to send; what goes wrong is told to each stream.
        tokio::task::spawn_local(async move { drop(connection.await) });
        let open = Rc::new(());
        let shared = Shared { sender: sender.clone(), open: Rc::clone(&open), used: Instant::now(), peer };
        let mut pool = core.pool.0.borrow_mut();
        let upstream = pool.entry(Arc::clone(&target.pool)).or_default();
        upstream.many = true;
        upstream.shared.push(shared);
        Ok(Line::Many(sender, open))
    }

    /// Where `target` is, in the order to be asked: each new connection begins with the next address of the first family.
    async fn addresses(&self, core: &Core, target: &Target) -> Result<SmallVec<[SocketAddr; 4]>, String> {
        if let Ok(ip) = target.host.parse::<IpAddr>() {
            return Ok(smallvec![SocketAddr::new(ip, target.port)]);
        }
        let found = core.names.addresses(&target.host).await.map_err(|text| text.to_string())?;
        let mut pool = self.0.borrow_mut();
        let upstream = pool.entry(Arc::clone(&target.pool)).or_default();
        let first = found.iter().take_while(|ip| ip.is_ipv4() == found[0].is_ipv4()).count().max(1);
        let turn = upstream.turn % first;
        upstream.turn = turn + 1;
        upstream.watch(&target.host, &found);
        let order = found[turn..first].iter().chain(&found[..turn]).chain(&found[first..]);
        Ok(order.map(|ip| SocketAddr::new(*ip, target.port)).collect())
    }

    /// Begins no more on the connection that `open` counts: it may be dead without a word.
    pub(crate) fn leave(&self, key: &str, open: &Weak<()>) {
        if let Some(upstream) = self.0.borrow_mut().get_mut(key) {
            upstream.shared.retain(|shared| Rc::as_ptr(&shared.open) != open.as_ptr());
        }
    }

    /// Closes what was idle for longer than `limit`, and what leads to where a name was and is no more.
    pub(crate) fn expire(&self, names: &Names, limit: Duration) {
        let now = Instant::now();
        self.0.borrow_mut().retain(|_, upstream| {
            // The list is in order of `since` but for pops at its end, so that the old ones are at the front.
            let old = upstream.idle.iter().take_while(|i| now.duration_since(i.since) >= limit).count();
            upstream.idle.drain(..old);
            upstream.shared.retain_mut(|s| s.streams() > 0 || now.duration_since(s.used) < limit);
            let mut used = !upstream.idle.is_empty() || !upstream.shared.is_empty() || upstream.opening.is_some();
            // A connection may also be in use at this moment, and come back.
            used |= upstream.name.as_ref().is_some_and(|name| now.duration_since(name.used) < limit);
            if used
                && let Some(Name { host, .. }) = &upstream.name
                && let Some(found) = names.watched(host)
            {
                let host = host.clone();
                upstream.watch(&host, &found);
            }
            used
        });
    }
}

impl Upstream {
    /// Notes where `host` is. If it is elsewhere than before, nothing new begins on what leads to the old places.
    fn watch(&mut self, host: &str, found: &Rc<[IpAddr]>) {
        let Some(name) = &mut self.name else {
            let (host, addresses) = (host.into(), Rc::clone(found));
            self.name = Some(Name { host, addresses, moved: false, used: Instant::now() });
            return;
        };
        if Rc::ptr_eq(&name.addresses, found) {
            return;
        }
        let moved = name.addresses != *found;
        name.addresses = Rc::clone(found);
        if moved {
            name.moved = true;
            self.idle.retain(|idle| name.leads_to(idle.socket.peer()));
            self.shared.retain(|shared| name.leads_to(shared.peer));
        }
    }
}

/// A new connection to `target`: every address of it in turn, each for at most `limit`, and the handshake as long again.
pub(crate) async fn dial(
    core: &Core,
    target: &Target,
    only_http1: bool,
    limit: Duration,
    deadline: &Deadline,
) -> Result<Stream<Outbound>, String> {
    let mut last = String::from("the name has no address");
    // Who answers and is not believed says more than an address where nobody is.
    let mut disbelieved = None;
    let addresses = deadline.within(limit, core.pool.addresses(core, target)).await;
    for address in addresses.map_err(|_| format!("look-up of {}: no answer in time", target.host))?? {
        match deadline.within(limit, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                // A delay of small writes would be the only effect of an error here.
                let _ = socket.set_nodelay(true);
                let Some(tls) = &target.tls else { return Ok(Stream::Plain(socket)) };
                match agree(core, socket, target, tls, only_http1, limit, deadline).await {
                    Ok(stream) => return Ok(Stream::Tls(stream)),
                    Err(text) => disbelieved = Some(text),
                }
            }
            Ok(Err(e)) => last = format!("connect to {address}: {e}"),
            Err(_) => last = format!("connect to {address}: no answer within {} ms", limit.as_millis()),
        }
    }
    Err(disbelieved.unwrap_or(last))
}

/// Whether HTTP/2 is spoken over `stream`.
///
/// # Errors
/// When it has to be, and was not agreed on.
pub(crate) fn speaks_http2(target: &Target, stream: &Stream<Outbound>) -> Result<bool, String> {
    match stream {
        Stream::Tls(tls) if tls.is_h2() => Ok(true),
        Stream::Tls(_) if target.tls.as_ref().is_some_and(|tls| tls.only_http2()) => {
            Err(format!("{} does not speak HTTP/2", target.authority))
        }
        Stream::Tls(_) => Ok(false),
        _ => Ok(target.http2),
    }
}

/// What comes of a connection that is being made.
#[derive(Debug, Default)]
struct Opened {
    ended: Notify,
    /// Why it can't be had.
    failed: RefCell<Option<String>>,
}

/// A connection that is being made.
struct Opening {
    pool: Rc<Pool>,
    key: Arc<str>,
    told: Rc<Opened>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(upstream) = self.pool.0.borrow_mut().get_mut(&*self.key) {
            upstream.opening = None;
        }
        self.told.ended.notify_waiters();
    }
}

impl Shared {
    /// Whether requests may still begin on it.
    fn is_open(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        !matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Err(_)))
    }

    fn streams(&self) -> usize {
        Rc::strong_count(&self.open) - 1
    }

    fn has_room(&self) -> bool {
        self.streams() < self.sender.current_max_send_streams().min(MAX_STREAMS)
    }
}

/// Agrees on TLS with `target`, or says why that fails.
async fn agree(
    core: &Core,
    socket: TcpStream,
    target: &Target,
    tls: &UpstreamTls,
    only_http1: bool,
    limit: Duration,
    deadline: &Deadline,
) -> Result<Box<TlsStream<Outbound>>, String> {
    let authority = &*target.authority;
    let failed = |why: &dyn std::fmt::Display| format!("TLS with {authority}: {why}");
    let config = tls.config(&core.clock, only_http1).map_err(|why| failed(&why))?;
    let name = if tls.server_name.is_empty() { &target.host } else { &tls.server_name };
    let name = ServerName::try_from(&**name).map_err(|e| failed(&e))?.to_owned();
    let session = Outbound::new(Arc::clone(config), name).map_err(|e| failed(&e))?;
    let mut stream = Box::new(TlsStream::new(socket, Rc::clone(&core.buffers), session));
    match deadline.within(limit, poll_fn(|cx| stream.poll_handshake(cx))).await {
        Ok(Ok(())) => Ok(stream),
        Ok(Err(e)) => Err(match e.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(fault) => refusal(fault, authority),
            None => failed(&e),
        }),
        Err(_) => Err(failed(&format_args!("no answer within {} ms", limit.as_millis()))),
    }
}
