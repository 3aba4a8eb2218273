//! QUIC: a socket for each core, bound to the same address, and the connections that come in by it.

mod route;

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::HandshakeData;
use quinn::{Connecting, Endpoint, EndpointConfig, IdleTimeout, Incoming, Runtime as _, TokioRuntime};
use quinn::{TransportConfig, VarInt};
use socket2::{Domain, Socket, Type};

use self::route::{Numbered, Routed, Router};
use super::core::Core;
use super::framed::streams::Peer;
use super::h3;
use super::listener::{self, Open, Place, or_without_ipv6};
use super::tls::{Secured, Shaking, Terms};
use crate::snapshot::ProxySettings;

/// Room for what a client has not acknowledged, in all of a connection.
const SEND_WINDOW: u64 = 1024 * 1024;
/// Room for a stream's bytes that were not taken yet, and for all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes that wait in the system for a core, or for the network.
const SOCKET_BUFFER: usize = 2 * 1024 * 1024;
/// Streams that a client alone writes, at a time: three have a meaning.
const CLIENT_STREAMS: u32 = 8;
/// Handshakes under way on a core, beyond which a client has to show first that it has its address.
const UNPROVEN: usize = 128;
/// Whoever answers nothing for so long, at the least, is gone, however short an idle connection may stay.
const LEAST_SILENCE: Duration = Duration::from_secs(30);
/// How often a silent client is asked whether it is there, so that requests and WebSockets may wait longer than either
/// side waits for the other. Clients wait for 30 s as a rule.
const ASK: Duration = Duration::from_secs(10);
/// How long the last word of connections may take.
const FAREWELL: Duration = Duration::from_millis(100);
/// Sockets of one address: the number of a core has one byte in what names a connection.
pub(crate) const MOST_SOCKETS: usize = 256;

/// A socket of one core.
#[derive(Debug)]
pub(crate) struct Door {
    socket: UdpSocket,
    number: u8,
    router: Arc<Router>,
    config: EndpointConfig,
    terms: Arc<Terms>,
}

/// Binds `address` for `cores`, each with a socket of its own.
pub(crate) fn bind(address: SocketAddr, cores: usize, terms: &Arc<Terms>) -> io::Result<Vec<Door>> {
    // Whether another process has it, shared sockets alone would not tell.
    let mut address = address;
    if address.port() != 0 {
        drop(or_without_ipv6(address, |address| open(address, false))?);
    }
    let cores = cores.min(MOST_SOCKETS);
    let router = Arc::new(Router::new(cores));
    let config = EndpointConfig::default();
    let mut doors = Vec::with_capacity(cores);
    for number in 0..cores {
        let socket = or_without_ipv6(address, |address| open(address, true))?;
        address = socket.local_addr()?;
        let (router, terms) = (Arc::clone(&router), Arc::clone(terms));
        doors.push(Door { socket, number: number as u8, router, config: config.clone(), terms });
    }
    Ok(doors)
}

/// Serves an inherited socket, which one core alone can.
pub(crate) fn inherit(socket: &UdpSocket, terms: &Arc<Terms>) -> io::Result<Door> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    let (router, terms) = (Arc::new(Router::new(1)), Arc::clone(terms));
    Ok(Door { socket, number: 0, router, config: EndpointConfig::default(), terms })
}

fn open(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    // As far as the system lets: what finds no room is lost and has to be sent again.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

impl Door {
    /// Where it is bound.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn endpoint(self) -> io::Result<Endpoint> {
        let Self { socket, number, router, mut config, .. } = self;
        let names = Arc::clone(&router);
        config.cid_generator(move || Box::new(Numbered::new(Arc::clone(&names), number)));
        let socket = Routed::new(TokioRuntime.wrap_udp_socket(socket)?, router, number);
        Endpoint::new_with_abstract_socket(config, None, Arc::new(socket), Arc::new(TokioRuntime))
    }
}

/// Accepts connections until told to stop; those that are open then have what is returned.
pub(crate) async fn accept(core: Rc<Core>, open: Rc<Open>, door: Door, fd_limit: usize) -> Option<Endpoint> {
    let terms = Arc::clone(&door.terms);
    let endpoint = match door.endpoint() {
        Ok(endpoint) => endpoint,
        Err(e) => {
            tracing::error!(error = %e, "a QUIC socket can't be used");
            return None;
        }
    };
    endpoint.set_server_config(Some(terms.quic()));
    let shaking = Rc::new(Cell::new(0));
    while !open.stopping.get() {
        let incoming = tokio::select! { biased;
            () = open.stop.notified() => continue,
            incoming = endpoint.accept() => incoming,
        };
        let Some(incoming) = incoming else { break };
        begin(&core, &open, &terms, incoming, &endpoint, (&shaking, fd_limit));
    }
    endpoint.set_server_config(None);
    Some(endpoint)
}

/// Gives the connections of an endpoint that have just ended the time for their last word.
pub(crate) async fn farewell(endpoint: &Endpoint) {
    if endpoint.open_connections() > 0 {
        // Whoever answers no more is not waited for.
        let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    }
}

fn begin(
    core: &Rc<Core>,
    open: &Rc<Open>,
    terms: &Terms,
    incoming: Incoming,
    endpoint: &Endpoint,
    (shaking, fd_limit): (&Rc<Cell<usize>>, usize),
) {
    // Whoever forges addresses gets a small answer, and takes nobody's place.
    let scarce = || core.live().proxy.max_connections_per_ip > 0 || listener::is_crowded(core, fd_limit);
    if !incoming.remote_address_validated() && (shaking.get() >= UNPROVEN || scarce()) {
        // It can't have been asked before.
        return drop(incoming.retry());
    }
    let peer = incoming.remote_address();
    let Some(place) = Place::take(core, open, peer.ip(), fd_limit) else { return incoming.refuse() };
    let Ok(bound) = endpoint.local_addr() else { return incoming.refuse() };
    let local = SocketAddr::new(incoming.local_ip().unwrap_or(bound.ip()), bound.port());
    let (config, asked) = match terms.quic_session(local.ip().to_canonical(), transport(&core.live().proxy)) {
        Ok(session) => session,
        Err(e) => {
            tracing::warn!(error = %e, "a connection can't speak TLS");
            return incoming.refuse();
        }
    };
    let Ok(connecting) = incoming.accept_with(config) else { return };
    let hold = Hold::new(shaking);
    let core = Rc::clone(core);
    tokio::task::spawn_local(async move {
        let _place = place;
        let who = Peer { core, peer, local, secured: None };
        serve(who, connecting, asked, hold).await;
    });
}

async fn serve(mut who: Peer, connecting: Connecting, asked: Shaking, hold: Hold) {
    let deadline = who.core.timers.deadline();
    let shaken = deadline.within(who.core.live().proxy.header_timeout, connecting).await;
    drop((hold, deadline));
    if let Some(text) = asked.fault() {
        who.core.record_handshake(who.peer.ip(), asked.name(), &text, true);
    }
    let Ok(Ok(quic)) = shaken else {
        if asked.wants_certificate() {
            let text = "the host asks for a client's certificate, which HTTP/3 has no way for: HTTP/2 is meant";
            who.core.record_handshake(who.peer.ip(), asked.name(), text, false);
        }
        return;
    };
    let agreed = quic.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    if agreed.is_none_or(|data| data.protocol.as_deref() != Some(b"h3")) {
        return quic.close(VarInt::from_u32(0), b"no protocol was agreed on");
    }
    who.secured = Some(Rc::new(Secured { version: "TLSv1.3", name: asked.name(), clients: None, shown: None }));
    h3::serve(who, quic).await;
}

fn transport(settings: &ProxySettings) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let silence = settings.keepalive_timeout.max(LEAST_SILENCE);
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(settings.h2_max_streams))
        .max_concurrent_uni_streams(VarInt::from_u32(CLIENT_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(ASK))
        // Longer than there is a number for is for ever.
        .max_idle_timeout(IdleTimeout::try_from(silence).ok());
    transport
}

/// One handshake among those under way.
struct Hold(Rc<Cell<usize>>);

impl Hold {
    fn new(shaking: &Rc<Cell<usize>>) -> Self {
        shaking.set(shaking.get() + 1);
        Self(Rc::clone(shaking))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
