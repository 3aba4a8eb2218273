//! The panel's listener inside TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections whose handshake is done and that nobody has taken yet.
const WAITING: usize = 16;

/// Gives connections whose handshake is done; others keep nobody waiting.
pub(crate) struct SecureListener {
    ready: Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl SecureListener {
    /// Accepts from `listener` by the terms of `config`.
    pub(crate) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> io::Result<Self> {
        let (address, acceptor) = (listener.local_addr()?, TlsAcceptor::from(config));
        let (done, ready) = channel(WAITING);
        tokio::spawn(async move {
            let mut listener = listener;
            loop {
                let (socket, peer) = Listener::accept(&mut listener).await;
                let (acceptor, done) = (acceptor.clone(), done.clone());
                tokio::spawn(async move {
                    // Whoever does not speak TLS, or not soon, is left.
                    if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(socket)).await {
                        let _ = done.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { ready, address })
    }
}

impl Listener for SecureListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(next) => next,
            // The task that accepts ends with the process.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
