//! The bytes to and from a mail server.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream to a mail server. It gives one line at a time: what stands behind the line that agrees to encrypt comes from
/// before the encryption, and must not be taken for an answer inside it. Source: RFC 3207 §4.2, CVE-2011-0411. And it ends
/// when a server says more than it may.
#[derive(Debug)]
pub(super) struct Way<S> {
    stream: S,
    peer: SocketAddr,
    /// Bytes that may still be read.
    left: usize,
    /// What was read and not yet given.
    held: Vec<u8>,
}

impl<S> Way<S> {
    pub(super) fn new(stream: S, peer: SocketAddr, most: usize) -> Self {
        Self { stream, peer, left: most, held: Vec::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Way<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.held.is_empty() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            std::task::ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            let read = read.filled();
            let Some(left) = this.left.checked_sub(read.len()) else {
                return Poll::Ready(Err(io::Error::other("the server says too much")));
            };
            this.left = left;
            this.held.extend_from_slice(read);
        }
        let line = this.held.iter().position(|byte| *byte == b'\n').map_or(this.held.len(), |at| at + 1);
        let count = line.min(to.remaining());
        to.put_slice(&this.held[..count]);
        this.held.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Way<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Sync + Unpin> AsyncTokioStream for Way<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}
