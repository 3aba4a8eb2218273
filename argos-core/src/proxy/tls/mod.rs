//! TLS: what is spoken with clients, which certificate they get, and the stream of one connection, a client's or an
//! upstream's.

mod side;
mod stream;

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use quinn::TransportConfig;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

pub(crate) use self::side::{Inbound, Outbound, Secured, Session};
pub(crate) use self::stream::TlsStream;
use crate::certs::acme::{ALPN, Challenges};
use crate::certs::{self, Clients, Served};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;

static VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

/// What all handshakes share.
#[derive(Debug)]
pub(crate) struct Terms {
    any: ServerConfig,
    only_tls13: ServerConfig,
    quic: ServerConfig,
    /// What QUIC has beside TLS, the same for all connections.
    transport: quinn::ServerConfig,
    live: Arc<ArcSwap<Snapshot>>,
    challenges: Arc<Challenges>,
}

impl Terms {
    /// The terms under which the hosts of `live` are served. Their session tickets are sealed with keys of this process
    /// alone, which change every six hours and open nothing after twelve.
    ///
    /// # Errors
    /// `internal`, when the algorithms don't suit the versions or the system gives no randomness.
    pub(crate) fn new(live: Arc<ArcSwap<Snapshot>>, challenges: Arc<Challenges>, clock: &Clock) -> Result<Self> {
        let ticketer = Ticketer::new().map_err(failed)?;
        let config = |versions: &[&'static SupportedProtocolVersion]| -> Result<ServerConfig> {
            let mut config = config(versions, clock, Arc::new(Nobody))?;
            config.ticketer = Arc::clone(&ticketer);
            config.alpn_protocols.push(ALPN.to_vec());
            Ok(config)
        };
        let mut quic = config(ONLY_TLS13)?;
        quic.alpn_protocols = vec![b"h3".to_vec()];
        let nobody = quic_crypto(quic.clone()).map_err(failed)?;
        let transport = quinn::ServerConfig::with_crypto(nobody);
        Ok(Self { any: config(VERSIONS)?, only_tls13: config(ONLY_TLS13)?, quic, transport, live, challenges })
    }

    /// What an endpoint of QUIC begins with. Each connection gets terms of its own.
    pub(crate) fn quic(&self) -> quinn::ServerConfig {
        self.transport.clone()
    }

    /// Our side of a QUIC connection that reached the address `local`, and what its client asks for.
    pub(crate) fn quic_session(
        &self,
        local: IpAddr,
        transport: TransportConfig,
    ) -> std::result::Result<(Arc<quinn::ServerConfig>, Shaking), rustls::Error> {
        let asked = self.asked(local);
        let mut tls = self.quic.clone();
        tls.cert_resolver = Arc::clone(&asked) as _;
        let mut config = self.transport.clone();
        config.crypto = quic_crypto(tls)?;
        config.transport_config(Arc::new(transport));
        Ok((Arc::new(config), Shaking(asked)))
    }

    /// The side of a connection that reached the address `local`.
    pub(crate) fn session(&self, local: IpAddr) -> std::result::Result<Inbound, rustls::Error> {
        let only_tls13 = self.live.load().proxy.only_tls13;
        let (config, asked) = self.for_one(local);
        Inbound::new(config, asked, if only_tls13 { ONLY_TLS13 } else { VERSIONS })
    }

    /// The terms of one connection that reached the address `local`, and where the name that the client asks for will
    /// stand.
    fn for_one(&self, local: IpAddr) -> (Arc<ServerConfig>, Arc<Asked>) {
        let live = self.live.load();
        let mut config = if live.proxy.only_tls13 { self.only_tls13.clone() } else { self.any.clone() };
        let asked = self.asked(local);
        config.cert_resolver = Arc::clone(&asked) as _;
        (Arc::new(config), asked)
    }

    fn asked(&self, local: IpAddr) -> Arc<Asked> {
        Arc::new(Asked {
            live: Arc::clone(&self.live),
            challenges: Arc::clone(&self.challenges),
            local,
            name: Mutex::default(),
            own: OnceLock::new(),
            unusable: OnceLock::new(),
        })
    }
}

fn quic_crypto(tls: ServerConfig) -> std::result::Result<Arc<QuicServerConfig>, rustls::Error> {
    QuicServerConfig::try_from(tls).map(Arc::new).map_err(|e| rustls::Error::General(e.to_string()))
}

/// What a client of QUIC asks for while it shakes hands.
#[derive(Debug)]
pub(crate) struct Shaking(Arc<Asked>);

impl Shaking {
    /// The name, in lower case.
    pub(crate) fn name(&self) -> Option<Box<str>> {
        self.0.name()
    }

    /// Why the certificate that should have been shown was not.
    pub(crate) fn fault(&self) -> Option<String> {
        self.0.fault()
    }

    /// Whether the host asks for a certificate of the client: the handshake can't begin anew for it, as it can over TCP.
    pub(crate) fn wants_certificate(&self) -> bool {
        self.0.own.get().is_some()
    }
}

/// How the panel speaks TLS: with the certificate that `live` has for it.
///
/// # Errors
/// `internal`, when the algorithms don't suit the versions.
pub fn panel_terms(live: Arc<ArcSwap<Snapshot>>, clock: &Clock) -> Result<Arc<ServerConfig>> {
    config(VERSIONS, clock, Arc::new(Panel(live))).map(Arc::new)
}

fn failed(e: rustls::Error) -> Error {
    Error::internal(format!("setting up TLS: {e}"))
}

fn config(
    versions: &[&'static SupportedProtocolVersion],
    clock: &Clock,
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig> {
    let builder = ServerConfig::builder_with_details(certs::provider(), certs::time(clock));
    let builder = builder.with_protocol_versions(versions).map_err(failed)?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
    config.alpn_protocols = [&b"h2"[..], b"http/1.1", b"http/1.0"].map(<[u8]>::to_vec).into();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // Each costs a part of the handshake, and whoever uses one gets another.
    config.send_tls13_tickets = 1;
    Ok(config)
}

/// Chooses the certificate of the panel.
#[derive(Debug)]
struct Panel(Arc<ArcSwap<Snapshot>>);

impl ResolvesServerCert for Panel {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().panel.as_ref()?.certified().map(Arc::clone)
    }
}

/// Chooses the certificate of one connection, and keeps the name that was asked for.
struct Asked {
    live: Arc<ArcSwap<Snapshot>>,
    challenges: Arc<Challenges>,
    local: IpAddr,
    name: Mutex<Option<Box<str>>>,
    /// What the clients of the chosen host have to show: the handshake begins anew under these terms.
    own: OnceLock<Arc<Clients>>,
    /// What should have been served and can't be.
    unusable: OnceLock<Arc<Served>>,
}

impl Asked {
    fn fault(&self) -> Option<String> {
        self.unusable.get()?.fault().map(str::to_owned)
    }

    fn name(&self) -> Option<Box<str>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Asked {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name: Option<Box<str>> = hello.server_name().map(|name| name.to_ascii_lowercase().into());
        if hello.alpn().is_some_and(|mut offered| offered.next() == Some(ALPN) && offered.next().is_none()) {
            // Whoever asks so wants a proof and nothing else. Source: RFC 8737 §3.
            return self.challenges.certificate(name.as_deref()?);
        }
        let live = self.live.load();
        self.name.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&name);
        let clients = live.meant(name.as_deref(), self.local).and_then(|host| host.tls.clients.as_ref());
        if let Some(clients) = clients
            && self.own.get().is_none()
        {
            // Only a session that was begun for it asks for a certificate; see `Inbound::again`.
            self.own.get_or_init(|| Arc::clone(clients));
            return None;
        }
        let chosen = live.certificate(name.as_deref(), self.local);
        if let Some(chosen) = chosen.filter(|c| c.certified().is_none()) {
            self.unusable.get_or_init(|| Arc::clone(chosen));
        }
        let certified = chosen.and_then(|c| c.certified()).or_else(|| live.fallback.as_ref()?.certified());
        certified.map(Arc::clone)
    }
}

/// Stands where the resolver of each connection will be.
#[derive(Debug)]
struct Nobody;

impl ResolvesServerCert for Nobody {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}
