//! A client's stream over HTTP/2.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::io::ReadBuf;

use super::fields::{Fields, lines_of};

/// The stream.
#[derive(Debug)]
pub(crate) struct Half {
    recv: RecvStream,
    respond: SendResponse<Bytes>,
    // Once the head is sent.
    send: Option<SendStream<Bytes>>,
    // What was received and nobody has taken.
    chunk: Bytes,
    trailers: Vec<u8>,
    last: bool,
    ended: bool,
}

pub(super) fn fault(e: h2::Error) -> io::Error {
    if e.is_io() { e.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()) } else { io::Error::other(e) }
}

/// Receives content into `buf`; nothing is added at the end, whose trailers are put into `trailers`.
pub(super) fn poll_receive(
    recv: &mut RecvStream,
    chunk: &mut Bytes,
    trailers: &mut Vec<u8>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    while chunk.is_empty() {
        match ready!(recv.poll_data(cx)) {
            Some(data) => *chunk = data.map_err(fault)?,
            None => {
                if let Some(map) = ready!(recv.poll_trailers(cx)).map_err(fault)? {
                    let lines = lines_of(&map).ok_or_else(|| io::Error::other("the trailers are too large"));
                    *trailers = lines?;
                }
                return Poll::Ready(Ok(()));
            }
        }
    }
    let n = chunk.len().min(buf.remaining());
    buf.put_slice(&chunk[..n]);
    chunk.advance(n);
    // What was taken makes room for more.
    recv.flow_control().release_capacity(n).map_err(fault)?;
    Poll::Ready(Ok(()))
}

/// Sends what the other side has room for; the end with it if this is the last.
pub(super) fn poll_send(
    send: &mut SendStream<Bytes>,
    last: bool,
    ended: &mut bool,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    if send.capacity() < bytes.len() {
        send.reserve_capacity(bytes.len());
    }
    let room = loop {
        match send.capacity() {
            0 => match ready!(send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(e)) => return Poll::Ready(Err(fault(e))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            },
            room => break room,
        }
    };
    let n = room.min(bytes.len());
    let end = last && n == bytes.len();
    send.send_data(Bytes::copy_from_slice(&bytes[..n]), end).map_err(fault)?;
    *ended |= end;
    Poll::Ready(Ok(n))
}

/// Sends the end, with trailers where there are some.
pub(super) fn end(send: &mut SendStream<Bytes>, ended: &mut bool, trailers: &[u8]) -> io::Result<()> {
    if std::mem::replace(ended, true) {
        return Ok(());
    }
    let sent = match trailers {
        [] => send.send_data(Bytes::new(), true),
        lines => send.send_trailers(Fields::of_lines(lines).into_map()),
    };
    sent.map_err(fault)
}

impl Half {
    pub(crate) fn new(recv: RecvStream, respond: SendResponse<Bytes>) -> Self {
        let (chunk, trailers) = (Bytes::new(), Vec::new());
        Self { recv, respond, send: None, chunk, trailers, last: false, ended: false }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        poll_receive(&mut self.recv, &mut self.chunk, &mut self.trailers, cx, buf)
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(send) = &mut self.send else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        poll_send(send, self.last, &mut self.ended, cx, bytes)
    }

    pub(super) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    pub(super) fn ends_with_next_write(&mut self) {
        self.last = true;
    }

    pub(super) fn poll_end(&mut self, _: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        let Some(send) = &mut self.send else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        Poll::Ready(end(send, &mut self.ended, trailers))
    }

    /// Ready once the client has given the stream up, or is gone.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.send {
            Some(send) => send.poll_reset(cx).map(|_| ()),
            None => self.respond.poll_reset(cx).map(|_| ()),
        }
    }

    pub(super) fn send_head(&mut self, status: u16, fields: Fields, ends: bool) -> io::Result<()> {
        let send = self.respond.send_response(response(status, fields)?, ends).map_err(fault)?;
        (self.send, self.ended) = (Some(send), ends);
        Ok(())
    }

    pub(super) fn send_interim(&mut self, status: u16, fields: Fields) -> io::Result<()> {
        self.respond.send_informational(response(status, fields)?).map_err(fault)
    }

    pub(super) fn reset(&mut self) {
        match &mut self.send {
            Some(send) => send.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
    }
}

fn response(status: u16, fields: Fields) -> io::Result<Response<()>> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(status).map_err(io::Error::other)?;
    *response.headers_mut() = fields.into_map();
    Ok(response)
}
