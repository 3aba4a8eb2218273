//! Connections to servers outside, and how much may come through one.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::legacy::{self, Client as Pool};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::guard::Guard;
use super::{CONNECT, Cause, Refusal};

/// Bytes of heads, and of what frames a body, beyond those that a body may have twice.
const HEADS: usize = 256 << 10;
/// Time that a connection is kept.
const KEPT: Duration = Duration::from_secs(90);
/// Time without a byte after which the system asks whether the server still is.
const ALIVE: Duration = Duration::from_secs(15);

/// What makes and keeps connections.
pub(super) type Client = legacy::Client<Connector, Full<Bytes>>;

/// A client whose servers `guard` has agreed to, over TLS where there is a `tls`. `most` are the bytes of a body.
pub(super) fn client(guard: Guard, tls: Option<ClientConfig>, most: usize, keep: bool) -> Client {
    let mut tcp = HttpConnector::new_with_resolver(guard);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(ALIVE));
    tcp.set_connect_timeout(Some(CONNECT));
    // A body in small pieces has as many bytes again around them.
    let most = most.saturating_mul(2).saturating_add(HEADS);
    let tls = tls.map(|tls| TlsConnector::from(Arc::new(tls)));
    Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEPT)
        .pool_max_idle_per_host(if keep { 2 } else { 0 })
        .build(Connector { tcp, tls, most })
}

/// What connects.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Guard>,
    tls: Option<TlsConnector>,
    most: usize,
}

type Failure = Box<dyn StdError + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (most, tls) = (self.most, self.tls.clone());
        let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let tcp = self.tcp.call(to);
        let connect = async move {
            let tcp = tcp.await?.into_inner();
            let stream: Box<dyn Stream> = match tls {
                Some(tls) => Box::new(tls.connect(ServerName::try_from(host)?, tcp).await?),
                None => Box::new(tcp),
            };
            Ok(TokioIo::new(Line { stream, most, left: most }))
        };
        Box::pin(async move {
            let late = |_| {
                let refusal = Refusal::new(Cause::Unreachable, "takes no connection in time");
                refusal.saying(format!("takes no connection within {} s", CONNECT.as_secs()))
            };
            timeout(CONNECT, connect).await.map_err(late)?
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection. It ends when a server says more than it may to what it is asked: a body is bounded by whoever reads it,
/// but heads come before anybody reads, and any number of them may announce the answer.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    most: usize,
    /// Bytes that may still be read before something is written.
    left: usize,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, to))?;
        let Some(left) = self.left.checked_sub(to.filled().len() - before) else {
            return Poll::Ready(Err(io::Error::other(Refusal::new(Cause::Refused, "answers more than is taken"))));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.left = self.most;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
