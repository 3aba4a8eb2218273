//! The two sides of TLS: towards clients, whom we show a certificate, and towards upstreams, who show us theirs.

use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::UnbufferedStatus;
use rustls::{ClientConfig, CommonState, Error, ServerConfig};

use super::Asked;

/// What a stream needs of either side.
pub(crate) trait Session: Unpin {
    /// What the library keeps of the side.
    type Data;

    /// Whether an end that the other side did not announce is a fault: it may have been cut off by somebody between.
    /// Source: RFC 9112 §9.8.
    const ANNOUNCED_END: bool;

    /// Goes on with what came.
    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// What both sides have.
    fn state(&self) -> &CommonState;

    /// Whether it is ours to say the first word, and that is not said; asked once.
    fn begins(&mut self) -> bool {
        false
    }

    /// The handshake is over.
    fn agreed(&mut self) {}
}

/// Towards a client.
pub(crate) struct Inbound {
    session: UnbufferedServerConnection,
    asked: Arc<Asked>,
    /// What the client asked for, once the handshake is over.
    name: Option<Box<str>>,
}

impl Inbound {
    pub(super) fn new(config: Arc<ServerConfig>, asked: Arc<Asked>) -> Result<Self, Error> {
        Ok(Self { session: UnbufferedServerConnection::new(config)?, asked, name: None })
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Session for Inbound {
    type Data = ServerConnectionData;

    // Requests say how long they are.
    const ANNOUNCED_END: bool = false;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.session.process_tls_records(incoming)
    }

    fn state(&self) -> &CommonState {
        &self.session
    }

    fn agreed(&mut self) {
        self.name = self.asked.name();
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
