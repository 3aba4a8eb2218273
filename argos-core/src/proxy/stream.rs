//! One end of a message's way, the client's or an upstream's: a connection, plain or with TLS around it, or a stream
//! within one that carries many. Whoever reads and writes need not know which.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::framed::Framed;
use super::h1::body::Wire;
use super::tls::{Inbound, Outbound, Session, TlsStream};

/// A client's connection, or with [`Outbound`] one to an upstream.
pub(crate) enum Stream<S = Inbound> {
    /// Bytes as they are.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<S>>),
    /// A stream of HTTP/2 or HTTP/3.
    Framed(Box<Framed>),
    /// Nobody any more.
    Gone,
}

impl<S> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(socket) => f.debug_tuple("Plain").field(socket).finish(),
            Self::Tls(tls) => f.debug_tuple("Tls").field(tls).finish(),
            Self::Framed(framed) => f.debug_tuple("Framed").field(framed).finish(),
            Self::Gone => f.write_str("Gone"),
        }
    }
}

impl<S> Stream<S> {
    /// Whether heads and ends are told apart from the bytes of a body.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(self, Self::Framed(_))
    }
}

impl Stream<Outbound> {
    /// Whether it may be used again: open, with nothing that came unasked. Without news from the kernel this is no
    /// system call.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Self::Plain(socket) => {
                matches!(socket.try_read(&mut [0; 1]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            }
            Self::Tls(tls) => tls.is_quiet(),
            Self::Framed(_) | Self::Gone => false,
        }
    }

    /// The address at its other end, as far as the system knows.
    pub(crate) fn peer(&self) -> Option<IpAddr> {
        let address = match self {
            Self::Plain(socket) => socket.peer_addr(),
            Self::Tls(tls) => tls.socket.peer_addr(),
            Self::Framed(_) | Self::Gone => return None,
        };
        address.ok().map(|at| at.ip())
    }

    /// Lets go of what an idle connection does not need.
    pub(crate) fn rest(&mut self) {
        if let Self::Tls(tls) = self {
            tls.give_back();
        }
    }
}

impl Stream {
    /// Ready once reading may give something, the end included. It may turn out that there is nothing yet.
    pub(crate) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => socket.poll_read_ready(cx),
            Self::Tls(tls) => tls.poll_read_ready(cx),
            Self::Framed(_) | Self::Gone => Poll::Ready(Ok(())),
        }
    }

    /// Ready with whether there is something to read without taking it; false at the end.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match self {
            Self::Plain(socket) => socket.poll_peek(cx, &mut ReadBuf::new(&mut [0; 1])).map_ok(|n| n > 0),
            Self::Tls(tls) => tls.poll_more(cx),
            Self::Framed(framed) => framed.poll_more(cx),
            Self::Gone => Poll::Ready(Ok(false)),
        }
    }

    /// The stream of one request, where a connection carries many.
    pub(crate) fn framed(&mut self) -> Option<&mut Framed> {
        match self {
            Self::Framed(framed) => Some(framed),
            _ => None,
        }
    }

    /// Ends a request's stream in the middle.
    pub(crate) fn reset(&mut self) {
        if let Self::Framed(framed) = self {
            framed.reset();
        }
    }

    /// Announces the end where bytes alone don't; ready once that is written.
    pub(crate) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tls(tls) => tls.poll_farewell(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// TLS, where it is spoken, to be asked for what is told once.
    pub(crate) fn tls_mut(&mut self) -> Option<&mut TlsStream> {
        match self {
            Self::Tls(tls) => Some(tls),
            _ => None,
        }
    }

    /// What TLS has to say of the connection.
    pub(crate) fn tls(&self) -> Option<&TlsStream> {
        match self {
            Self::Tls(tls) => Some(tls),
            _ => None,
        }
    }
}

impl<S: Session> Wire for Stream<S> {
    fn take_trailers(&mut self) -> Vec<u8> {
        match self {
            Self::Framed(framed) => framed.take_trailers(),
            _ => Vec::new(),
        }
    }

    fn ends_with_next_write(&mut self) {
        match self {
            Self::Tls(tls) => tls.ends_with_next_write(),
            Self::Framed(framed) => framed.ends_with_next_write(),
            Self::Plain(_) | Self::Gone => {}
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        match self {
            Self::Framed(framed) => framed.poll_end(cx, trailers),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Session> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Self::Tls(tls) => tls.poll_read(cx, buf),
            Self::Framed(framed) => framed.poll_read(cx, buf),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}

impl<S: Session> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => tls.poll_write(cx, bytes),
            Self::Framed(framed) => framed.poll_write(cx, bytes),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => tls.poll_flush(cx),
            Self::Framed(_) | Self::Gone => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => tls.poll_shutdown(cx),
            Self::Framed(framed) => framed.poll_end(cx, &[]),
            Self::Gone => Poll::Ready(Ok(())),
        }
    }
}
