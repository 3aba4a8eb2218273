//! The two sides of TLS: towards clients, whom we show a certificate, and towards upstreams, who show us theirs.

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::UnbufferedStatus;
use rustls::{ClientConfig, CommonState, Error, HandshakeKind, ServerConfig, SupportedProtocolVersion};

use super::Asked;
use crate::certs::{self, Clients, Shown};

/// What a stream needs of either side.
pub(crate) trait Session: Unpin {
    /// What the library keeps of the side.
    type Data;

    /// Whether an end that the other side did not announce is a fault: it may have been cut off by somebody between.
    /// Source: RFC 9112 §9.8.
    const ANNOUNCED_END: bool;

    /// Whether what came first may ask for terms under which the handshake begins anew.
    const BEGINS_ANEW: bool;

    /// Goes on with what came.
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// What both sides have.
    fn state(&self) -> &CommonState;

    /// Whether it is ours to say the first word, and that is not said; asked once.
    fn begins(&mut self) -> bool {
        false
    }

    /// Begins anew under terms that what came asked for, with nothing received; false where there are none.
    fn again(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    /// The handshake is over.
    fn agreed(&mut self) {}
}

/// What a handshake with a client settled; all requests of the connection have it.
#[derive(Debug)]
pub(crate) struct Secured {
    /// The version that is spoken.
    pub(crate) version: &'static str,
    /// What the client asked for.
    pub(crate) name: Option<Box<str>>,
    /// Under which terms its certificate was asked for; none = it was not.
    pub(crate) clients: Option<Arc<Clients>>,
    /// The certificate that it showed, which is trusted under those terms.
    pub(crate) shown: Option<Shown>,
}

/// Towards a client.
pub(crate) struct Inbound {
    session: UnbufferedServerConnection,
    asked: Arc<Asked>,
    config: Arc<ServerConfig>,
    versions: &'static [&'static SupportedProtocolVersion],
    /// What the client asked for, once the handshake is over.
    name: Option<Box<str>>,
    /// Under which terms its certificate was asked for.
    clients: Option<Arc<Clients>>,
    /// The certificate that it showed.
    shown: Option<Shown>,
}

impl Inbound {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        asked: Arc<Asked>,
        versions: &'static [&'static SupportedProtocolVersion],
    ) -> Result<Self, Error> {
        let session = UnbufferedServerConnection::new(Arc::clone(&config))?;
        Ok(Self { session, asked, config, versions, name: None, clients: None, shown: None })
    }

    /// Terms like those of all, but that a certificate is asked for, and that sessions are those of the host alone.
    fn terms_of(&self, clients: &Clients) -> Result<ServerConfig, Error> {
        let ready =
            clients.ready().map_err(|why| Error::General(format!("hosts.client_ca_pem can't be used: {why}")))?;
        let time = Arc::clone(&self.config.time_provider);
        let builder = ServerConfig::builder_with_details(Arc::clone(self.config.crypto_provider()), time);
        let builder = builder.with_protocol_versions(self.versions)?;
        let builder = builder.with_client_cert_verifier(Arc::clone(&ready.verifier));
        let mut config = builder.with_cert_resolver(Arc::clone(&self.asked) as _);
        config.alpn_protocols.clone_from(&self.config.alpn_protocols);
        config.session_storage = Arc::clone(&self.config.session_storage);
        config.send_tls13_tickets = self.config.send_tls13_tickets;
        config.ticketer = Arc::clone(&ready.ticketer);
        Ok(config)
    }

    pub(super) fn asked(&self) -> Option<Box<str>> {
        self.asked.name()
    }

    pub(super) fn fault(&self) -> Option<String> {
        self.asked.fault()
    }

    /// What was agreed on, told once.
    pub(super) fn secured(&mut self, version: &'static str) -> Secured {
        Secured { version, name: self.name.take(), clients: self.clients.take(), shown: self.shown.take() }
    }
}

impl Session for Inbound {
    type Data = ServerConnectionData;

    // Requests say how long they are.
    const ANNOUNCED_END: bool = false;

    const BEGINS_ANEW: bool = true;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.session.process_tls_records(incoming)
    }

    fn state(&self) -> &CommonState {
        &self.session
    }

    fn again(&mut self) -> Result<bool, Error> {
        let Some(clients) = self.asked.own.get().filter(|_| self.clients.is_none()) else { return Ok(false) };
        self.session = UnbufferedServerConnection::new(Arc::new(self.terms_of(clients)?))?;
        self.clients = Some(Arc::clone(clients));
        Ok(true)
    }

    fn agreed(&mut self) {
        self.name = self.asked.name();
        let Some(clients) = &self.clients else { return };
        let resumed = self.session.handshake_kind() == Some(HandshakeKind::Resumed);
        let now = self.config.time_provider.current_time();
        self.shown = self
            .session
            .peer_certificates()
            .zip(now)
            .and_then(|(chain, now)| certs::shown(clients, chain, resumed, now));
    }
}

/// Towards an upstream.
pub(crate) struct Outbound {
    session: UnbufferedClientConnection,
    begun: bool,
}

impl Outbound {
    pub(crate) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        Ok(Self { session: UnbufferedClientConnection::new(config, name)?, begun: false })
    }
}

impl Session for Outbound {
    type Data = ClientConnectionData;

    const ANNOUNCED_END: bool = true;

    const BEGINS_ANEW: bool = false;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.session.process_tls_records(incoming)
    }

    fn state(&self) -> &CommonState {
        &self.session
    }

    fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }
}
