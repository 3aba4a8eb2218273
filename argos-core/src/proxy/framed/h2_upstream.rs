//! A stream towards an upstream over HTTP/2. Its answer is read in HTTP/1's form, interim heads and all, so that it is
//! judged by the same parser.

use std::future::Future as _;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::io::ReadBuf;

use super::h2_client::{end, fault, poll_receive, poll_send};

/// The stream.
#[derive(Debug)]
pub(crate) struct Half {
    response: Option<ResponseFuture>,
    recv: Option<RecvStream>,
    send: SendStream<Bytes>,
    // A head's text that nobody has taken, from `at` on.
    text: Vec<u8>,
    at: usize,
    chunk: Bytes,
    trailers: Vec<u8>,
    last: bool,
    ended: bool,
    head_only: bool,
    // The request counts among those of its connection while this is held.
    _counted: Rc<()>,
}

impl Half {
    /// `ends` says that the request has no body, `head_only` that the answer has none.
    pub(crate) fn new(
        begun: (ResponseFuture, SendStream<Bytes>),
        counted: Rc<()>,
        ends: bool,
        head_only: bool,
    ) -> Self {
        let (response, send) = begun;
        Self {
            response: Some(response),
            recv: None,
            send,
            text: Vec::new(),
            at: 0,
            chunk: Bytes::new(),
            trailers: Vec::new(),
            last: false,
            ended: ends,
            head_only,
            _counted: counted,
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.at == self.text.len() {
            ready!(self.poll_head(cx))?;
        }
        if self.at < self.text.len() {
            let n = buf.remaining().min(self.text.len() - self.at);
            buf.put_slice(&self.text[self.at..self.at + n]);
            self.at += n;
            return Poll::Ready(Ok(()));
        }
        match &mut self.recv {
            Some(recv) => poll_receive(recv, &mut self.chunk, &mut self.trailers, cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Ready with the text of the next head, or once there is none to come.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(response) = &mut self.response else { return Poll::Ready(Ok(())) };
        (self.at, self.text) = (0, Vec::new());
        if let Poll::Ready(Some(interim)) = response.poll_informational(cx) {
            write_head(&mut self.text, &interim.map_err(refused)?, false);
            return Poll::Ready(Ok(()));
        }
        let answer = ready!(Pin::new(response).poll(cx)).map_err(refused)?;
        self.response = None;
        let (head, recv) = answer.into_parts();
        write_head(&mut self.text, &Response::from_parts(head, ()), recv.is_end_stream() && !self.head_only);
        self.recv = Some(recv);
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_send(&mut self.send, self.last, &mut self.ended, cx, bytes)
    }

    pub(super) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    pub(super) fn ends_with_next_write(&mut self) {
        self.last = true;
    }

    pub(super) fn poll_end(&mut self, _: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        Poll::Ready(end(&mut self.send, &mut self.ended, trailers))
    }

    pub(super) fn reset(&mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}

/// A stream that the upstream certainly did not look at is told from others. Source: RFC 9113 §8.7.
fn refused(e: h2::Error) -> io::Error {
    match e.reason() {
        // Those that a leaving upstream did answer are ended otherwise.
        _ if e.is_go_away() && e.is_remote() => io::Error::new(io::ErrorKind::ConnectionRefused, e),
        Some(Reason::REFUSED_STREAM) => io::Error::new(io::ErrorKind::ConnectionRefused, e),
        _ => fault(e),
    }
}

fn write_head(out: &mut Vec<u8>, head: &Response<()>, ends: bool) {
    let status = head.status();
    // Writing to memory can't fail.
    let _ = write!(out, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or_default());
    for (name, value) in head.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let unsized_end = ends && !head.headers().contains_key(http::header::CONTENT_LENGTH);
    if unsized_end && !status.is_informational() && !matches!(status.as_u16(), 204 | 304) {
        out.extend_from_slice(b"content-length: 0\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
