//! The frames of HTTP/2 with clients: looked at as they come in, before anything acts on them, and sent off together.
//! Once a budget is spent nothing more is read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::budget::Gauge;
use super::buffer::Buffers;

/// Bytes that begin an HTTP/2 connection. Source: RFC 9113 §3.4.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frames that go on with one head.
const CONTINUATIONS: u32 = 16;

const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM_OR_ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// The frames of one direction, looked at by their headers.
#[derive(Debug)]
struct Frames {
    preface: usize,
    header: [u8; HEADER],
    have: usize,
    payload: usize,
    // Whether a head ends with the payload.
    ends_head: bool,
    continuations: u32,
}

impl Frames {
    fn new() -> Self {
        Self { preface: PREFACE.len(), header: [0; HEADER], have: 0, payload: 0, ends_head: false, continuations: 0 }
    }

    fn look(&mut self, mut bytes: &[u8], gauge: &Gauge) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            let skipped = self.payload.min(bytes.len());
            self.payload -= skipped;
            self.end_head(gauge);
            bytes = &bytes[skipped..];
            let n = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + n].copy_from_slice(&bytes[..n]);
            self.have += n;
            bytes = &bytes[n..];
            if self.have == HEADER {
                self.have = 0;
                self.frame(gauge);
                self.end_head(gauge);
            }
        }
    }

    fn end_head(&mut self, gauge: &Gauge) {
        if self.payload == 0 && std::mem::take(&mut self.ends_head) {
            gauge.set_head_open(false);
        }
    }

    fn frame(&mut self, gauge: &Gauge) {
        let [a, b, c, kind, flags, ..] = self.header;
        self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        match kind {
            DATA if self.payload == 0 && flags & END_STREAM_OR_ACK == 0 => {
                gauge.carried_nothing("too many empty DATA frames");
            }
            SETTINGS | PING if flags & END_STREAM_OR_ACK == 0 => gauge.controlled("too many SETTINGS or PING frames"),
            PRIORITY => gauge.prioritized("too many PRIORITY frames"),
            RST_STREAM => gauge.given_up(),
            HEADERS => {
                self.continuations = 0;
                gauge.set_head_open(true);
                self.ends_head = flags & END_HEADERS != 0;
            }
            CONTINUATION => {
                self.continuations += 1;
                self.ends_head = flags & END_HEADERS != 0;
                if self.continuations > CONTINUATIONS {
                    gauge.overspent("too many CONTINUATION frames");
                }
            }
            _ => {}
        }
    }
}

/// Bytes after which what waits is written without being asked.
const MOST_WAITING: usize = 64 * 1024;

/// A connection whose incoming frames are looked at, and whose outgoing ones leave together: each frame is written by
/// itself, and asked to be flushed, but what a turn of the connection's loop gives is one write.
#[derive(Debug)]
pub(crate) struct Metered<T>(Rc<RefCell<Wire<T>>>);

#[derive(Debug)]
struct Wire<T> {
    inner: T,
    /// What was read before it was known to speak HTTP/2 comes first.
    first: Vec<u8>,
    at: usize,
    frames: Frames,
    gauge: Rc<Gauge>,
    /// Bytes to write; `sent` of them are written.
    out: Vec<u8>,
    sent: usize,
    buffers: Rc<Buffers>,
}

impl<T> Clone for Metered<T> {
    /// Another hold on the same connection.
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: AsyncWrite + Unpin> Metered<T> {
    pub(crate) fn new(inner: T, first: Vec<u8>, gauge: Rc<Gauge>, buffers: Rc<Buffers>) -> Self {
        let frames = Frames::new();
        Self(Rc::new(RefCell::new(Wire { inner, first, at: 0, frames, gauge, out: Vec::new(), sent: 0, buffers })))
    }

    /// Writes what waits.
    pub(crate) fn poll_out(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_out(cx)
    }
}

impl<T: AsyncWrite + Unpin> Wire<T> {
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.sent += n,
            }
        }
        // An idle connection keeps no buffer.
        if !self.out.is_empty() {
            self.buffers.give(std::mem::take(&mut self.out));
            self.sent = 0;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.0.borrow_mut();
        if this.gauge.spent().is_some() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if this.at < this.first.len() {
            let n = buf.remaining().min(this.first.len() - this.at);
            buf.put_slice(&this.first[this.at..this.at + n]);
            this.at += n;
            if this.at == this.first.len() {
                this.first = Vec::new();
                this.at = 0;
            }
        } else {
            match Pin::new(&mut this.inner).poll_read(cx, buf) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        }
        this.frames.look(&buf.filled()[before..], &this.gauge);
        if this.gauge.spent().is_some() {
            // The loop of the connection ends it before what came is acted upon.
            buf.set_filled(before);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self.0.borrow_mut();
        if this.out.len() >= MOST_WAITING {
            ready!(this.poll_out(cx))?;
        }
        if this.out.capacity() == 0 {
            this.out = this.buffers.small();
        }
        this.out.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// What waits leaves at the end of the loop's turn.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.0.borrow_mut();
        ready!(this.poll_out(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![size[1], size[2], size[3], kind, flags, 0, 0, 0, 1];
        frame.extend_from_slice(payload);
        frame
    }

    fn spent(frames: &[Vec<u8>], pieces: usize) -> (usize, Option<&'static str>) {
        let gauge = Gauge::new();
        let mut seen = Frames::new();
        PREFACE.chunks(pieces).for_each(|piece| seen.look(piece, &gauge));
        for (i, frame) in frames.iter().enumerate() {
            frame.chunks(pieces).for_each(|piece| seen.look(piece, &gauge));
            if let Some(why) = gauge.spent() {
                return (i, Some(why));
            }
        }
        (frames.len(), None)
    }

    #[test]
    fn each_kind_has_its_budget() {
        for pieces in [1, 3, 10_000] {
            for (frames, most, why) in [
                (vec![frame(RST_STREAM, 0, &[0; 4]); 500], 200, "too many streams were reset"),
                (vec![frame(PING, 0, &[0; 8]); 40], 32, "too many SETTINGS or PING frames"),
                (vec![frame(SETTINGS, 0, &[]); 40], 32, "too many SETTINGS or PING frames"),
                (vec![frame(DATA, 0, &[]); 40], 32, "too many empty DATA frames"),
                (vec![frame(PRIORITY, 0, &[0; 5]); 1100], 1024, "too many PRIORITY frames"),
                (vec![frame(CONTINUATION, 0, b"xx"); 40], 16, "too many CONTINUATION frames"),
            ] {
                assert_eq!(spent(&frames, pieces), (most, Some(why)));
            }
            for frames in [
                vec![frame(PING, END_STREAM_OR_ACK, &[0; 8]); 1000],
                vec![frame(DATA, END_STREAM_OR_ACK, &[]); 1000],
                vec![frame(DATA, 0, b"content"); 1000],
            ] {
                assert_eq!(spent(&frames, pieces), (1000, None));
            }
        }
    }

    #[test]
    fn answered_streams_may_be_reset_and_heads_are_open_until_they_end() {
        let gauge = Gauge::new();
        let mut seen = Frames::new();
        seen.look(PREFACE, &gauge);
        for _ in 0..1000 {
            seen.look(&frame(HEADERS, 0, b"x"), &gauge);
            assert!(gauge.head_open());
            seen.look(&frame(CONTINUATION, END_HEADERS, b"x"), &gauge);
            assert!(!gauge.head_open());
            gauge.answered();
            seen.look(&frame(RST_STREAM, 0, &[0; 4]), &gauge);
        }
        assert_eq!(gauge.spent(), None);
    }
}
