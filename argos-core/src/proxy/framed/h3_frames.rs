//! The frames of HTTP/3: each has a kind, a length and a payload, inside a stream of QUIC. Source: RFC 9114 §7.

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BufMut as _;
use quinn::{ReadError, RecvStream, SendStream, VarInt};
use tokio::io::AsyncReadExt as _;

/// Error codes. Source: RFC 9114 §8.1, RFC 9204 §6.
pub(crate) mod code {
    pub(crate) const NO_ERROR: u32 = 0x100;
    pub(crate) const INTERNAL_ERROR: u32 = 0x102;
    pub(crate) const STREAM_CREATION_ERROR: u32 = 0x103;
    pub(crate) const CLOSED_CRITICAL_STREAM: u32 = 0x104;
    pub(crate) const FRAME_UNEXPECTED: u32 = 0x105;
    pub(crate) const FRAME_ERROR: u32 = 0x106;
    pub(crate) const EXCESSIVE_LOAD: u32 = 0x107;
    pub(crate) const ID_ERROR: u32 = 0x108;
    pub(crate) const SETTINGS_ERROR: u32 = 0x109;
    pub(crate) const MISSING_SETTINGS: u32 = 0x10a;
    pub(crate) const REQUEST_REJECTED: u32 = 0x10b;
    pub(crate) const REQUEST_INCOMPLETE: u32 = 0x10d;
    pub(crate) const MESSAGE_ERROR: u32 = 0x10e;
    pub(crate) const QPACK_DECOMPRESSION_FAILED: u32 = 0x200;
    pub(crate) const QPACK_ENCODER_STREAM_ERROR: u32 = 0x201;
    pub(crate) const QPACK_DECODER_STREAM_ERROR: u32 = 0x202;
}

pub(crate) const DATA: u64 = 0;
pub(crate) const HEADERS: u64 = 1;
pub(crate) const CANCEL_PUSH: u64 = 3;
pub(crate) const SETTINGS: u64 = 4;
pub(crate) const GOAWAY: u64 = 7;
pub(crate) const MAX_PUSH_ID: u64 = 0xd;

/// Whether a kind has a meaning, be it that it is forbidden: those of HTTP/2 that have none here are.
/// Source: RFC 9114 §7.2.8.
pub(crate) fn is_known(kind: u64) -> bool {
    kind <= 9 || kind == MAX_PUSH_ID
}

/// Bytes that are read at once, where it is not known how many will come.
const PIECE: usize = 1024;

/// What is wrong with what came.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// The client gave the stream up, or the connection is over.
    Gone,
    /// The connection has to end for it.
    Connection(u32, &'static str),
    /// The stream has to.
    Stream(u32, &'static str),
}

impl From<ReadError> for Wrong {
    fn from(_: ReadError) -> Self {
        Self::Gone
    }
}

/// A stream of QUIC as it is read.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) recv: RecvStream,
    raw: Vec<u8>,
    at: usize,
    /// Nothing more comes.
    ended: bool,
}

impl Input {
    pub(crate) fn new(recv: RecvStream) -> Self {
        Self { recv, raw: Vec::new(), at: 0, ended: false }
    }

    /// What was read and not taken.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.raw[self.at..]
    }

    /// Takes the first `n` of what waits.
    pub(crate) fn take(&mut self, n: usize) {
        self.at += n;
        if self.at == self.raw.len() {
            self.raw.clear();
            self.at = 0;
        }
    }

    /// Lets go of what nobody needs while nothing comes.
    pub(crate) fn rest(&mut self) {
        if self.raw.is_empty() {
            self.raw = Vec::new();
        }
    }

    /// Reads more; false at the end.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<bool, Wrong>> {
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        if self.at > 0 {
            self.raw.drain(..self.at);
            self.at = 0;
        }
        self.raw.reserve(most.min(PIECE));
        let read = pin!(self.recv.read_buf(&mut (&mut self.raw).limit(most))).poll(cx);
        let n = ready!(read).map_err(|_| Wrong::Gone)?;
        self.ended = n == 0;
        Poll::Ready(Ok(n > 0))
    }

    /// Reads into `buf` what comes next, no more than `most`; nothing at the end.
    pub(crate) fn poll_into(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
        most: usize,
    ) -> Poll<Result<usize, Wrong>> {
        let most = most.min(buf.remaining());
        let waiting = self.waiting();
        if !waiting.is_empty() {
            let n = waiting.len().min(most);
            buf.put_slice(&waiting[..n]);
            self.take(n);
            return Poll::Ready(Ok(n));
        }
        let read = pin!(self.recv.read_buf(&mut buf.limit(most))).poll(cx);
        let n = ready!(read).map_err(|_| Wrong::Gone)?;
        self.ended = n == 0;
        Poll::Ready(Ok(n))
    }

    /// The kind and the length of the next frame; none at the end.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<(u64, u64)>, Wrong>> {
        loop {
            let waiting = self.waiting();
            if let Some((kind, a)) = integer(waiting)
                && let Some((size, b)) = integer(&waiting[a..])
            {
                self.take(a + b);
                return Poll::Ready(Ok(Some((kind, size))));
            }
            if !ready!(self.poll_more(cx, PIECE))? {
                return Poll::Ready(match self.waiting() {
                    [] => Ok(None),
                    _ => Err(Wrong::Connection(code::FRAME_ERROR, "a frame is cut off")),
                });
            }
        }
    }

    /// Passes over the next `left` bytes.
    pub(crate) fn poll_skip(&mut self, cx: &mut Context<'_>, left: &mut u64) -> Poll<Result<(), Wrong>> {
        while *left > 0 {
            let most = usize::try_from(*left).unwrap_or(usize::MAX).min(PIECE);
            if self.waiting().is_empty() && !ready!(self.poll_more(cx, most))? {
                return Poll::Ready(Err(Wrong::Connection(code::FRAME_ERROR, "a frame is cut off")));
            }
            let n = self.waiting().len().min(most);
            self.take(n);
            *left -= n as u64;
        }
        Poll::Ready(Ok(()))
    }

    /// Ready once the next `size` bytes wait.
    pub(crate) fn poll_whole(&mut self, cx: &mut Context<'_>, size: usize) -> Poll<Result<(), Wrong>> {
        while self.waiting().len() < size {
            let missing = size - self.waiting().len();
            if !ready!(self.poll_more(cx, missing))? {
                return Poll::Ready(Err(Wrong::Connection(code::FRAME_ERROR, "a frame is cut off")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The integer at the begin of `bytes`, and how long it is. Source: RFC 9000 §16.
pub(crate) fn integer(bytes: &[u8]) -> Option<(u64, usize)> {
    let size = 1 << (bytes.first()? >> 6);
    let bytes = bytes.get(..size)?;
    let value = bytes[1..].iter().fold(u64::from(bytes[0] & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, size))
}

/// Appends an integer, which has no more than 62 bits.
pub(crate) fn put_integer(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => out.push(value as u8),
        0x40..0x4000 => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        0x4000..0x4000_0000 => out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.extend_from_slice(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// Appends the begin of a frame whose payload has `size` bytes.
pub(crate) fn put_head(out: &mut Vec<u8>, kind: u64, size: usize) {
    put_integer(out, kind);
    put_integer(out, size as u64);
}

/// Writes what of `bytes` there is room for; none when the client wants no more.
pub(crate) fn poll_write(send: &mut SendStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<usize>> {
    Pin::new(send).poll_write(cx, bytes).map(Result::ok)
}

pub(crate) const fn var(code: u32) -> VarInt {
    VarInt::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_length() {
        for value in [0, 0x3f, 0x40, 0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, (1 << 62) - 1] {
            let mut out = Vec::new();
            put_integer(&mut out, value);
            assert_eq!(integer(&out), Some((value, out.len())), "{value:x}");
            assert_eq!(integer(&out[..out.len() - 1]), None);
        }
        // RFC 9000 Appendix A.1.
        assert_eq!(integer(&[0x9d, 0x7f, 0x3e, 0x7d]), Some((494_878_333, 4)));
        assert_eq!(integer(&[0x40, 0x25]), Some((37, 2)));
    }
}
