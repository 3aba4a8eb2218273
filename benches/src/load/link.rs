//! A connection of a client, in the version that it asks for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ask::{Ask, Fault};
use super::{h1, h2, h3};

/// Without any step a request is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// HTTP/1.1 as it is.
    Http1,
    /// HTTP/1.1 inside TLS.
    Http1Tls,
    /// HTTP/2 inside TLS.
    Http2,
    /// HTTP/3.
    Http3,
}

impl Spoken {
    /// All but those that have one of these short names: h1, h1s, h2, h3.
    #[must_use]
    pub fn all_but(without: &[String]) -> Vec<Self> {
        let all = [("h1", Self::Http1), ("h1s", Self::Http1Tls), ("h2", Self::Http2), ("h3", Self::Http3)];
        all.into_iter().filter(|(name, _)| !without.iter().any(|w| w == name)).map(|(_, spoken)| spoken).collect()
    }

    /// For tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1 plain",
            Self::Http1Tls => "HTTP/1.1 TLS",
            Self::Http2 => "HTTP/2",
            Self::Http3 => "HTTP/3",
        }
    }

    /// Whether one connection carries many requests at once.
    #[must_use]
    pub fn carries_many(self) -> bool {
        matches!(self, Self::Http2 | Self::Http3)
    }
}

/// Where clients connect, and whom they trust.
#[derive(Clone, Debug)]
pub struct Gate {
    http: SocketAddr,
    https: SocketAddr,
    name: String,
    tls: [Arc<ClientConfig>; 2],
    quic: quinn::Endpoint,
}

/// Ends a connection's task with the last hold on the connection.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

impl Driver {
    pub(super) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Gate {
    /// The gate of a gateway whose hosts, `name` among them, have certificates under `root` (PEM). Made where the
    /// runtime is.
    ///
    /// # Errors
    /// When the root can't be used.
    pub fn new(http: SocketAddr, https: SocketAddr, name: &str, root: &str) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(root.as_bytes()).map_err(Fault::connection)?;
        roots.add(root).map_err(Fault::connection)?;
        let config = |alpn: &[u8]| {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let mut config =
                versions.map_err(Fault::connection)?.with_root_certificates(roots.clone()).with_no_client_auth();
            config.alpn_protocols = vec![alpn.to_vec()];
            Ok::<_, Fault>(Arc::new(config))
        };
        let mut quic = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).map_err(Fault::connection)?;
        let crypto = QuicClientConfig::try_from(config(b"h3")?).map_err(Fault::connection)?;
        let mut quic_config = quinn::ClientConfig::new(Arc::new(crypto));
        // How long a connection may idle is the gateway's affair.
        let mut transport = quinn::TransportConfig::default();
        transport.max_idle_timeout(None);
        quic_config.transport_config(Arc::new(transport));
        quic.set_default_client_config(quic_config);
        Ok(Self { http, https, name: name.to_owned(), tls: [config(b"http/1.1")?, config(b"h2")?], quic })
    }

    pub(super) async fn tcp(&self) -> Result<TcpStream, Fault> {
        let socket = TcpStream::connect(self.http).await.map_err(Fault::connection)?;
        socket.set_nodelay(true).map_err(Fault::connection)?;
        Ok(socket)
    }

    pub(super) async fn tls(&self, many: bool) -> Result<TlsStream<TcpStream>, Fault> {
        let socket = TcpStream::connect(self.https).await.map_err(Fault::connection)?;
        socket.set_nodelay(true).map_err(Fault::connection)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls[usize::from(many)]));
        let name = ServerName::try_from(self.name.clone()).map_err(Fault::connection)?;
        let stream = connector.connect(name, socket).await.map_err(Fault::connection)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        match agreed == Some(if many { b"h2" } else { b"http/1.1" }) {
            true => Ok(stream),
            false => Err(Fault::Connection(format!("ALPN is {agreed:?}"))),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub enum Link {
    /// One request after the other.
    One(h1::Link),
    /// Many at once.
    Many(h2::Link),
    /// Many at once, without waiting for each other's packets.
    Apart(h3::Link),
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn open(gate: &Gate, spoken: Spoken) -> Result<Self, Fault> {
        let opening = async {
            match spoken {
                Spoken::Http1 => h1::Link::open(gate.tcp().await?).await.map(Self::One),
                Spoken::Http1Tls => h1::Link::open(gate.tls(false).await?).await.map(Self::One),
                Spoken::Http2 => h2::Link::open(gate.tls(true).await?).await.map(Self::Many),
                Spoken::Http3 => h3::Link::open(&gate.quic, gate.https, &gate.name).await.map(Self::Apart),
            }
        };
        tokio::time::timeout(PATIENCE, opening).await.unwrap_or(Err(Fault::Slow))
    }

    /// Another hold on it, where it carries many requests.
    #[must_use]
    pub fn share(&self) -> Option<Self> {
        match self {
            Self::One(_) => None,
            Self::Many(link) => Some(Self::Many(link.clone())),
            Self::Apart(link) => Some(Self::Apart(link.clone())),
        }
    }

    /// Whether a further request may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::One(link) => link.is_open(),
            Self::Many(_) | Self::Apart(_) => true,
        }
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// Why there is none, or that it is a wrong one.
    pub async fn ask(&mut self, ask: &Ask) -> Result<(), Fault> {
        let asking = async {
            match self {
                Self::One(link) => link.ask(ask).await,
                Self::Many(link) => link.ask(ask).await,
                Self::Apart(link) => link.ask(ask).await,
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(Fault::Slow))
    }
}
