//! Listening sockets and the connections they accept, on one core.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::core::Core;
use super::h1::connection;
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

/// How many client connections the limit of open files allows: each may need an upstream's socket too.
pub(crate) fn connection_limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"));
    let files = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<usize>().ok()).unwrap_or(65_536);
    (files.saturating_sub(OTHER_FILES) / 2).max(64)
}

/// A listening socket of one core.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) socket: StdListener,
    /// How TLS is spoken there; none = it is not.
    pub(crate) terms: Option<Arc<Terms>>,
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
    let Door { socket, terms } = door;
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
            Ok((socket, peer)) => start(&core, &open, socket, peer, terms.as_deref(), fd_limit),
            // Out of files or memory: others must end first.
            Err(e) if !stopping => {
                tracing::warn!(error = %e, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(_) => return,
        }
    }
}

fn start(
    core: &Rc<Core>,
    open: &Rc<Open>,
    socket: TcpStream,
    peer: SocketAddr,
    terms: Option<&Terms>,
    fd_limit: usize,
) {
    let limit = match core.live().proxy.max_connections {
        0 => fd_limit,
        limit => limit,
    };
    let slot = Slot::take(core, open);
    if slot.others >= limit {
        return;
    }
    let Ok(local) = socket.local_addr() else { return };
    // A delay of small writes would be the only effect of an error here.
    let _ = socket.set_nodelay(true);
    let core = Rc::clone(core);
    let stream = match terms {
        None => Stream::Plain(socket),
        Some(terms) => match terms.session(local.ip()) {
            Ok(session) => Stream::Tls(Box::new(TlsStream::new(socket, Rc::clone(&core.buffers), session))),
            Err(e) => return tracing::warn!(error = %e, "a connection can't speak TLS"),
        },
    };
    tokio::task::spawn_local(async move {
        let _slot = slot;
        connection::serve(core, stream, peer, local).await;
    });
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
