//! Bodies on their way from one side to the other: unframed, checked, framed anew.
//!
//! A [`Pump`] is one direction. Reading goes on while earlier bytes wait to be written, up to the buffer's size;
//! then it waits, so that a slow reader slows the writer down.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::BufMut as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use super::chunked::{ChunkFault, Decoder};
use crate::proxy::buffer::{Buffers, LARGE, SMALL};

/// What is left to read.
#[derive(Debug)]
pub(crate) enum Source {
    /// Nothing.
    Done,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Box<Decoder>),
    /// Everything until the end of the connection.
    Close,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sink {
    /// As it is.
    Plain,
    /// As it is, with its end and its trailers told apart from it, as HTTP/2 and HTTP/3 do.
    Frames,
    /// In chunks, with or without the trailers that came.
    Chunked {
        /// Whether trailers are passed on.
        trailers: bool,
    },
}

/// Turns one framing into another.
#[derive(Debug)]
pub(crate) struct Framer {
    pub(crate) source: Source,
    pub(crate) sink: Sink,
    /// Content bytes so far.
    pub(crate) content: u64,
    /// Most content bytes.
    pub(crate) limit: u64,
    /// Trailer lines that came and were not written with the content, each with CR LF.
    pub(crate) trailers: Vec<u8>,
}

/// One end of a body's way. Over HTTP/1 its end and its trailers are part of the bytes; over HTTP/2 and HTTP/3 they are
/// told apart from them.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// The trailer lines that came with the end that was just read, each with CR LF.
    fn take_trailers(&mut self) -> Vec<u8>;

    /// What is written next is the last.
    fn ends_with_next_write(&mut self);

    /// Tells the end, unless it went with the last write.
    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>>;
}

/// Why a body does not arrive whole.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The reading side failed or ended too early.
    Read,
    /// The writing side failed.
    Write,
    /// The chunks are not well-formed.
    Chunk(ChunkFault),
    /// It is longer than allowed.
    TooLong,
}

// Hexadecimal digits of a chunk's size: enough for the largest buffer.
const SIZE_DIGITS: usize = 6;

impl Framer {
    pub(crate) fn new(source: Source, sink: Sink, limit: u64) -> Self {
        Self { source, sink, content: 0, limit, trailers: Vec::new() }
    }

    /// Whether all was read.
    pub(crate) fn done(&self) -> bool {
        matches!(self.source, Source::Done)
    }

    fn is_chunked(&self) -> bool {
        matches!(self.sink, Sink::Chunked { .. })
    }

    /// Takes what belongs to the body from `raw`, appends it to `out`, and says how many bytes that were. A fault
    /// appends nothing.
    pub(crate) fn push(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<usize, Broken> {
        let begin = out.len();
        let used = self.append(raw, out);
        if used.is_err() {
            out.truncate(begin);
        }
        used
    }

    fn append(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Result<usize, Broken> {
        let begin = out.len();
        let head = if self.is_chunked() { SIZE_DIGITS + 2 } else { 0 };
        out.extend_from_slice(&[0; SIZE_DIGITS + 2][..head]);
        let used = match &mut self.source {
            Source::Done => 0,
            Source::Close => {
                out.extend_from_slice(raw);
                raw.len()
            }
            Source::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(raw.len());
                out.extend_from_slice(&raw[..n]);
                *left -= n as u64;
                n
            }
            Source::Chunked(decoder) => decoder.read(raw, |b| out.extend_from_slice(b)).map_err(Broken::Chunk)?,
        };
        let size = out.len() - begin - head;
        self.count(size)?;
        if head > 0 {
            if size == 0 {
                out.truncate(begin);
            } else {
                write_size(&mut out[begin..begin + head], size);
                out.extend_from_slice(b"\r\n");
            }
        }
        self.end(out);
        Ok(used)
    }

    /// Appends content that was taken out earlier, framed for the sink of now.
    pub(crate) fn replay(&mut self, content: &[u8], out: &mut Vec<u8>) {
        let chunked = self.is_chunked();
        for piece in content.chunks(LARGE) {
            let begin = out.len();
            if chunked {
                out.extend_from_slice(&[0; SIZE_DIGITS + 2]);
                write_size(&mut out[begin..], piece.len());
            }
            out.extend_from_slice(piece);
            if chunked {
                out.extend_from_slice(b"\r\n");
            }
        }
        if self.done() {
            self.write_end(out);
        }
    }

    /// The reading side ended, perhaps with trailers: good only for a body that ends so.
    pub(crate) fn close(&mut self, trailers: Vec<u8>, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.source {
            Source::Done => Ok(()),
            Source::Close => {
                self.trailers = trailers;
                self.source = Source::Length(0);
                self.end(out);
                Ok(())
            }
            _ => Err(Broken::Read),
        }
    }

    fn count(&mut self, size: usize) -> Result<(), Broken> {
        self.content += size as u64;
        let announced = match &self.source {
            Source::Chunked(decoder) => decoder.announced(),
            _ => 0,
        };
        if self.content.saturating_add(announced) > self.limit { Err(Broken::TooLong) } else { Ok(()) }
    }

    // Marks the end once it was read.
    fn end(&mut self, out: &mut Vec<u8>) {
        match &mut self.source {
            Source::Length(0) => {}
            Source::Chunked(decoder) if decoder.done() => self.trailers = decoder.take_trailers(),
            _ => return,
        }
        self.source = Source::Done;
        self.write_end(out);
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        let Sink::Chunked { trailers } = self.sink else { return };
        out.extend_from_slice(b"0\r\n");
        if trailers {
            out.extend_from_slice(&self.trailers);
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn write_size(place: &mut [u8], size: usize) {
    for (i, digit) in place[..SIZE_DIGITS].iter_mut().enumerate() {
        let nibble = size >> (4 * (SIZE_DIGITS - 1 - i)) & 15;
        *digit = b"0123456789abcdef"[nibble];
    }
    place[SIZE_DIGITS..].copy_from_slice(b"\r\n");
}

/// One direction of a body under way.
#[derive(Debug)]
pub(crate) struct Pump {
    pub(crate) framer: Framer,
    // Bytes to write; `sent` of them are written.
    out: Vec<u8>,
    sent: usize,
    // Bytes read and not understood yet; what is left at the end belongs to the next message.
    raw: Vec<u8>,
    /// Bytes moved in either step, to see that it goes on.
    pub(crate) moved: u64,
    /// Bytes that were read.
    pub(crate) came: u64,
    last: Option<Broken>,
}

impl Pump {
    /// A pump whose first bytes to write are `out`.
    pub(crate) fn new(framer: Framer, out: Vec<u8>) -> Self {
        Self { framer, out, sent: 0, raw: Vec::new(), moved: 0, came: 0, last: None }
    }

    /// Whether it waits for the reading side rather than for the writing side.
    pub(crate) fn starves(&self) -> bool {
        self.sent == self.out.len()
    }

    /// Gives its buffers back; the bytes that were read beyond the body remain.
    pub(crate) fn finish(self, buffers: &Buffers) -> Vec<u8> {
        buffers.give(self.out);
        self.raw
    }

    /// Moves what can be moved. `from` and `to` may be the same two sockets as those of the other direction.
    pub(crate) fn poll<R: Wire, W: Wire>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        buffers: &Buffers,
    ) -> Poll<Result<(), Broken>> {
        let frames = self.framer.sink == Sink::Frames;
        loop {
            let before = self.moved;
            if self.sent < self.out.len() {
                if frames && self.framer.done() && self.framer.trailers.is_empty() {
                    to.ends_with_next_write();
                }
                match Pin::new(&mut *to).poll_write(cx, &self.out[self.sent..]) {
                    Poll::Ready(Ok(n)) if n > 0 => self.wrote(n),
                    Poll::Ready(_) => return Poll::Ready(Err(Broken::Write)),
                    Poll::Pending => {}
                }
            }
            if self.sent == self.out.len() {
                if let Some(broken) = self.last.take() {
                    return Poll::Ready(Err(broken));
                }
                if self.framer.done() {
                    return match frames {
                        true => to.poll_end(cx, &self.framer.trailers).map_err(|_| Broken::Write),
                        false => Poll::Ready(Ok(())),
                    };
                }
            }
            // After a fault what came before it is still delivered.
            if !self.framer.done() && self.last.is_none() && self.has_room(buffers) {
                match self.poll_read(cx, from, buffers) {
                    Poll::Ready(Ok(n)) => {
                        self.moved += n as u64 + 1;
                        self.came += n as u64;
                    }
                    Poll::Ready(Err(broken)) => {
                        self.moved += 1;
                        self.last = Some(broken);
                    }
                    Poll::Pending => {}
                }
            }
            if self.moved == before {
                return Poll::Pending;
            }
        }
    }

    fn wrote(&mut self, n: usize) {
        self.sent += n;
        self.moved += n as u64;
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
    }

    // A buffer that was filled once is replaced by a large one; a large one that is full waits for the writer.
    fn has_room(&mut self, buffers: &Buffers) -> bool {
        // Chunk framing adds a few bytes to what is read.
        const SLACK: usize = 64;
        if self.out.len() + SLACK < self.out.capacity() {
            return true;
        }
        if self.out.capacity() < LARGE {
            let mut large = buffers.large();
            large.extend_from_slice(&self.out[self.sent..]);
            buffers.give(std::mem::replace(&mut self.out, large));
            self.sent = 0;
            return true;
        }
        if self.sent >= self.out.len() / 2 && self.sent > 0 {
            self.out.drain(..self.sent);
            self.sent = 0;
            return true;
        }
        false
    }

    fn poll_read<R: Wire>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        buffers: &Buffers,
    ) -> Poll<Result<usize, Broken>> {
        let plain = !self.framer.is_chunked() && !matches!(self.framer.source, Source::Chunked(_));
        if !plain {
            return self.poll_read_framed(cx, from, buffers);
        }
        let room = self.out.capacity() - self.out.len();
        let most = match self.framer.source {
            Source::Length(left) => usize::try_from(left).unwrap_or(usize::MAX).min(room),
            _ => room,
        };
        let read = pin!(from.read_buf(&mut (&mut self.out).limit(most))).poll(cx);
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(Broken::Read)),
            Poll::Ready(Ok(0)) => Poll::Ready(self.framer.close(from.take_trailers(), &mut self.out).map(|()| 0)),
            Poll::Ready(Ok(n)) => {
                self.framer.count(n)?;
                if let Source::Length(left) = &mut self.framer.source {
                    *left -= n as u64;
                }
                self.framer.end(&mut self.out);
                Poll::Ready(Ok(n))
            }
        }
    }

    fn poll_read_framed<R: Wire>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        buffers: &Buffers,
    ) -> Poll<Result<usize, Broken>> {
        if self.raw.capacity() == 0 {
            self.raw = buffers.small();
        }
        let room = (self.out.capacity() - self.out.len() - 32).min(SMALL);
        let read = pin!(from.read_buf(&mut (&mut self.raw).limit(room))).poll(cx);
        match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(Broken::Read)),
            Poll::Ready(Ok(0)) => Poll::Ready(self.framer.close(from.take_trailers(), &mut self.out).map(|()| 0)),
            Poll::Ready(Ok(n)) => {
                let used = self.framer.push(&self.raw, &mut self.out)?;
                self.raw.drain(..used);
                Poll::Ready(Ok(n))
            }
        }
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_anew() {
        let mut out = Vec::new();
        let chunks = || Source::Chunked(Box::default());
        let mut framer = Framer::new(chunks(), Sink::Chunked { trailers: true }, 100);
        let raw = b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\nNEXT";
        assert_eq!(framer.push(raw, &mut out).unwrap(), raw.len() - 4);
        assert!(framer.done());
        assert_eq!(out, b"000005\r\nabcde\r\n0\r\nX: y\r\n\r\n");

        out.clear();
        let mut framer = Framer::new(Source::Length(4), Sink::Plain, 100);
        assert_eq!(framer.push(b"abcdef", &mut out).unwrap(), 4);
        assert!(framer.done() && out == b"abcd");

        out.clear();
        let mut framer = Framer::new(Source::Close, Sink::Chunked { trailers: false }, 100);
        framer.push(b"hi", &mut out).unwrap();
        framer.close(Vec::new(), &mut out).unwrap();
        assert_eq!(out, b"000002\r\nhi\r\n0\r\n\r\n");

        let mut framer = Framer::new(Source::Length(4), Sink::Plain, 3);
        assert!(matches!(framer.push(b"abcd", &mut out), Err(Broken::TooLong)));
        let mut framer = Framer::new(chunks(), Sink::Plain, 100);
        assert!(matches!(framer.close(Vec::new(), &mut out), Err(Broken::Read)));
    }
}
