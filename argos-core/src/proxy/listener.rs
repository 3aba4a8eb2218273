//! Listening sockets and the connections they accept, on one core.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::core::{Core, Shared};
use super::h1::connection;
use super::proxy_protocol::{self, Told};
use super::stream::Stream;
use super::tls::{Terms, TlsStream};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// Files that are not client connections or their upstreams: database, log, listeners.
const OTHER_FILES: usize = 256;

/// Binds `address` as the first of the sockets that all cores share; refused when another process has it, which
/// shared sockets alone would not tell. Where the system has no IPv6, `[::]` becomes `0.0.0.0`.
pub(crate) fn bind_first(address: SocketAddr) -> io::Result<StdListener> {
    if address.port() != 0 {
        let alone = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        alone.set_reuse_address(true)?;
        if let Err(e) = alone.bind(&address.into())
            && e.kind() == io::ErrorKind::AddrInUse
        {
            return Err(e);
        }
    }
    bind(address)
}

/// Binds `address` once more, for another core.
pub(crate) fn bind(address: SocketAddr) -> io::Result<StdListener> {
    or_without_ipv6(address, open)
}

/// Has `open` open a socket at `address`; at `0.0.0.0` instead of `[::]` where the system has no IPv6.
pub(crate) fn or_without_ipv6<T>(address: SocketAddr, open: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match open(address) {
        Err(e) if address.is_ipv6() && address.ip().is_unspecified() && no_ipv6(&e) => {
            let instead = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            tracing::warn!(%address, %instead, "the system has no IPv6");
            open(instead)
        }
        bound => bound,
    }
}

fn no_ipv6(e: &io::Error) -> bool {
    // EAFNOSUPPORT and EADDRNOTAVAIL on Linux.
    e.kind() == io::ErrorKind::AddrNotAvailable || e.raw_os_error() == Some(97)
}

fn open(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Where listening sockets come from: those that are inherited are taken first.
pub(crate) struct Sources<'a> {
    inherited: &'a [StdListener],
    used: Vec<bool>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(inherited: &'a [StdListener]) -> Self {
        Self { inherited, used: vec![false; inherited.len()] }
    }

    /// The socket at `address` of one more core, the first of them if so. All cores share an inherited one.
    pub(crate) fn socket(&mut self, address: SocketAddr, first: bool) -> io::Result<StdListener> {
        let same = |socket: &StdListener| socket.local_addr().is_ok_and(|own| own == address);
        if let Some(at) = self.inherited.iter().position(same) {
            self.used[at] = true;
            let socket = self.inherited[at].try_clone()?;
            socket.set_nonblocking(true)?;
            return Ok(socket);
        }
        if first { bind_first(address) } else { bind(address) }
    }

    /// Says which inherited sockets serve nothing: whoever connects there waits in vain.
    pub(crate) fn warn(&self) {
        for (socket, _) in self.inherited.iter().zip(&self.used).filter(|(_, used)| !**used) {
            let address = socket.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string());
            tracing::warn!("the inherited socket at {address} is not used: no listener has this address");
        }
    }
}

/// How many client connections the limit of open files allows: each may need an upstream's socket too.
pub(crate) fn connection_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"));
    let files = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<usize>().ok()).unwrap_or(65_536);
    (files.saturating_sub(OTHER_FILES) / 2).max(64)
}

/// A listening TCP socket of one core.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) socket: StdListener,
    /// How TLS is spoken there; none = it is not.
    pub(crate) terms: Option<Arc<Terms>>,
    /// Whether each connection begins with a PROXY protocol header.
    pub(crate) announced: bool,
}

/// The connections of one core, and who wants to know that one ended.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) count: Cell<usize>,
    pub(crate) ended: Notify,
    /// Set once no more is to be accepted, and told to who waits.
    pub(crate) stopping: Cell<bool>,
    pub(crate) stop: Notify,
}

/// Accepts until told to stop; then what was already waiting is still taken.
pub(crate) async fn accept(core: Rc<Core>, open: Rc<Open>, door: Door, fd_limit: usize) {
    let Door { socket, terms, announced } = door;
    let terms = terms.as_ref();
    let Ok(listener) = TcpListener::from_std(socket) else { return };
    loop {
        let stopping = open.stopping.get();
        let accepted = if stopping {
            tokio::select! { biased;
                accepted = listener.accept() => accepted,
                () = std::future::ready(()) => return,
            }
        } else {
            tokio::select! { biased;
                () = open.stop.notified() => continue,
                accepted = listener.accept() => accepted,
            }
        };
        match accepted {
            Ok((socket, peer)) => start(&core, &open, socket, peer, Way { terms, announced }, fd_limit),
            // Out of files or memory: others must end first.
            Err(e) if !stopping => {
                tracing::warn!(error = %e, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => return,
        }
    }
}

/// How a door's connections begin.
#[derive(Clone, Copy)]
struct Way<'a> {
    terms: Option<&'a Arc<Terms>>,
    announced: bool,
}

fn start(core: &Rc<Core>, open: &Rc<Open>, socket: TcpStream, peer: SocketAddr, way: Way<'_>, fd_limit: usize) {
    let Some(slot) = slot(core, open, fd_limit) else { return };
    let Ok(local) = socket.local_addr() else { return };
    // A delay of small writes would be the only effect of an error here.
    let _ = socket.set_nodelay(true);
    let core = Rc::clone(core);
    if way.announced {
        let terms = way.terms.cloned();
        tokio::task::spawn_local(async move {
            let _slot = slot;
            let mut socket = socket;
            if let Some(told) = announced(&core, &mut socket, Told { peer, local }).await {
                let terms = terms.as_deref();
                if let Some((_share, stream)) = admit(&core, socket, told, terms) {
                    connection::serve(core, stream, told.peer, told.local).await;
                }
            }
        });
        return;
    }
    let told = Told { peer, local };
    let Some((share, stream)) = admit(&core, socket, told, way.terms.map(|terms| &**terms)) else { return };
    tokio::task::spawn_local(async move {
        let (_slot, _share) = (slot, share);
        connection::serve(core, stream, peer, local).await;
    });
}

/// Who is connected by what the proxy before us says; none where it says nothing, or nothing that can be understood.
async fn announced(core: &Core, socket: &mut TcpStream, own: Told) -> Option<Told> {
    let deadline = core.timers.deadline();
    let read = deadline.within(core.live().proxy.header_timeout, proxy_protocol::read(socket)).await;
    match read {
        Ok(Ok(told)) => Some(told.unwrap_or(own)),
        _ => {
            core.record_unheard(own.peer.ip(), "the connection does not begin with a PROXY protocol header");
            None
        }
    }
}

/// The stream of a connection that may stay, and its share of those of its address.
fn admit(core: &Rc<Core>, socket: TcpStream, told: Told, terms: Option<&Terms>) -> Option<(Option<Share>, Stream)> {
    let share = share(core, told.peer.ip())?;
    let stream = match terms {
        None => Stream::Plain(socket),
        Some(terms) => match terms.session(told.local.ip().to_canonical()) {
            Ok(session) => Stream::Tls(Box::new(TlsStream::new(socket, Rc::clone(&core.buffers), session))),
            Err(e) => {
                tracing::warn!(error = %e, "a connection can't speak TLS");
                return None;
            }
        },
    };
    Some((share, stream))
}

/// The share of a connection of `ip`, where those are counted; none where there are too many.
fn share(core: &Core, ip: IpAddr) -> Option<Option<Share>> {
    let ip = ip.to_canonical();
    let live = core.live();
    match live.proxy.max_connections_per_ip {
        0 => Some(None),
        // Behind a proxy all clients have its address.
        _ if live.proxy.trusted_proxies.iter().any(|net| net.contains(&ip)) => Some(None),
        most => {
            let share = Share::take(core, ip, most);
            if share.is_none() {
                core.record_unheard(ip, "the address has too many connections");
            }
            share.map(Some)
        }
    }
}

/// The place of a connection among all and among those of its address.
pub(crate) struct Place {
    _slot: Slot,
    _share: Option<Share>,
}

impl Place {
    /// None where there is none.
    pub(crate) fn take(core: &Rc<Core>, open: &Rc<Open>, ip: IpAddr, fd_limit: usize) -> Option<Self> {
        let slot = slot(core, open, fd_limit)?;
        share(core, ip).map(|share| Self { _slot: slot, _share: share })
    }
}

/// The slot of one more connection, unless there are too many.
fn slot(core: &Rc<Core>, open: &Rc<Open>, fd_limit: usize) -> Option<Slot> {
    let slot = Slot::take(core, open);
    (slot.others < most(core, fd_limit)).then_some(slot)
}

/// Whether more than half of the connections that there may be are open.
pub(crate) fn is_crowded(core: &Core, fd_limit: usize) -> bool {
    core.shared.connections.load(Ordering::Relaxed) > most(core, fd_limit) / 2
}

fn most(core: &Core, fd_limit: usize) -> usize {
    match core.live().proxy.max_connections {
        0 => fd_limit,
        limit => limit,
    }
}

/// One connection among those of its address, which all cores count together.
struct Share {
    shared: Arc<Shared>,
    key: IpAddr,
}

impl Share {
    /// None where the address has its most connections. An IPv6 client has a whole /64 to itself.
    fn take(core: &Core, ip: IpAddr, most: usize) -> Option<Self> {
        let key = match ip {
            IpAddr::V4(_) => ip,
            IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & !u128::from(u64::MAX)).into(),
        };
        let shared = Arc::clone(&core.shared);
        let mut counts = shared.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Self { shared, key })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.shared.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// One counted connection.
struct Slot {
    core: Rc<Core>,
    open: Rc<Open>,
    others: usize,
}

impl Slot {
    fn take(core: &Rc<Core>, open: &Rc<Open>) -> Self {
        open.count.set(open.count.get() + 1);
        let others = core.shared.connections.fetch_add(1, Ordering::Relaxed);
        Self { core: Rc::clone(core), open: Rc::clone(open), others }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.core.shared.connections.fetch_sub(1, Ordering::Relaxed);
        self.open.count.set(self.open.count.get() - 1);
        if self.open.count.get() == 0 {
            self.open.ended.notify_one();
        }
    }
}
