//! Answers that are compressed on their way: what comes from an upstream, taken out of its framing and coded.
//!
//! To the pump that moves an answer, a [`Squeezed`] is the upstream: it reads coded bytes from it, which end when the
//! content does, and frames them. What came is given on as soon as the upstream pauses. Nothing is read while coded
//! bytes wait to be taken, so that a slow client slows the upstream down as without a coding.

mod choice;
mod encoder;

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use self::encoder::Encoder;
use super::core::Shared;
use super::h1::body::{Broken, Framer, Wire};

pub(crate) use choice::{Coding, Plan, plan, put_instead, varies};

/// Content that is coded at a time.
const PIECE: usize = 16 * 1024;

/// Bytes that all codings under way may take together; beyond, answers go as they are.
const MOST_ROOM: usize = 256 << 20;

/// The room that one coding takes of what all may take.
#[derive(Debug)]
pub(crate) struct Room {
    coding: Coding,
    shared: Arc<Shared>,
}

impl Room {
    /// None where there is no more.
    pub(crate) fn take(shared: &Arc<Shared>, coding: Coding) -> Option<Self> {
        let room = Self { coding, shared: Arc::clone(shared) };
        let taken = shared.coding.fetch_add(encoder::cost(coding), Ordering::Relaxed);
        (taken + encoder::cost(coding) <= MOST_ROOM).then_some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.coding.fetch_sub(encoder::cost(self.coding), Ordering::Relaxed);
    }
}

/// The coding of one answer.
#[derive(Debug)]
pub(crate) struct Squeeze {
    _room: Room,
    encoder: Encoder,
    /// Takes content out of the upstream's framing.
    framer: Framer,
    /// Bytes as they came; what is left at the end belongs to the next answer.
    raw: Vec<u8>,
    /// Content that is not coded yet, from `at` on.
    content: Vec<u8>,
    at: usize,
    /// Coded bytes that nobody has taken, from `given` on.
    coded: Vec<u8>,
    given: usize,
    /// Whether the encoder holds something back.
    holds: bool,
    /// Why the content is not whole.
    broken: Option<Broken>,
}

impl Squeeze {
    /// Begins with `content`, which `framer` has taken out already.
    pub(crate) fn new(room: Room, framer: Framer, content: Vec<u8>) -> io::Result<Self> {
        Ok(Self {
            encoder: Encoder::new(room.coding)?,
            _room: room,
            framer,
            raw: Vec::new(),
            content,
            at: 0,
            coded: Vec::new(),
            given: 0,
            holds: false,
            broken: None,
        })
    }

    /// The upstream as the pump sees it.
    pub(crate) fn of<'a, W>(&'a mut self, upstream: &'a mut W) -> Squeezed<'a, W> {
        Squeezed { squeeze: self, upstream }
    }

    /// Whether bytes came that belong to no answer.
    pub(crate) fn has_more(&self) -> bool {
        !self.raw.is_empty()
    }

    /// Why the content was not whole.
    pub(crate) fn broken(self) -> Option<Broken> {
        self.broken
    }

    /// Makes coded bytes of what is there; false when nothing is left to do but to read.
    fn work(&mut self) -> io::Result<bool> {
        if self.at < self.content.len() {
            let end = self.content.len().min(self.at + PIECE);
            self.encoder.write(&self.content[self.at..end])?;
            self.encoder.take(&mut self.coded);
            (self.at, self.holds) = (end, true);
            if self.at == self.content.len() {
                self.content.clear();
                // What was held for the rules may have been long.
                self.content.shrink_to(2 * PIECE);
                self.at = 0;
            }
            return Ok(true);
        }
        if self.framer.done() && !matches!(self.encoder, Encoder::Over) {
            self.encoder.finish(&mut self.coded)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn poll_content<W: Wire>(&mut self, cx: &mut Context<'_>, upstream: &mut W) -> Poll<Result<(), Broken>> {
        self.raw.reserve(PIECE);
        let mut limited = bytes::BufMut::limit(&mut self.raw, PIECE);
        match ready!(pin!(upstream.read_buf(&mut limited)).poll(cx)) {
            Err(_) => Poll::Ready(Err(Broken::Read)),
            Ok(0) => Poll::Ready(self.framer.close(upstream.take_trailers(), &mut self.content)),
            Ok(_) => {
                let used = self.framer.push(&self.raw, &mut self.content)?;
                self.raw.drain(..used);
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// An upstream whose content is coded.
pub(crate) struct Squeezed<'a, W> {
    squeeze: &'a mut Squeeze,
    upstream: &'a mut W,
}

impl<W: Wire> AsyncRead for Squeezed<'_, W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { squeeze, upstream } = self.get_mut();
        loop {
            if squeeze.given < squeeze.coded.len() {
                let n = buf.remaining().min(squeeze.coded.len() - squeeze.given);
                buf.put_slice(&squeeze.coded[squeeze.given..squeeze.given + n]);
                squeeze.given += n;
                return Poll::Ready(Ok(()));
            }
            squeeze.coded.clear();
            squeeze.given = 0;
            if squeeze.work()? {
                continue;
            }
            if matches!(squeeze.encoder, Encoder::Over) {
                return Poll::Ready(Ok(()));
            }
            if squeeze.broken.is_none()
                && let Poll::Ready(read) = squeeze.poll_content(cx, *upstream)
            {
                squeeze.broken = read.err();
                continue;
            }
            if squeeze.holds {
                squeeze.encoder.flush()?;
                squeeze.encoder.take(&mut squeeze.coded);
                squeeze.holds = false;
                continue;
            }
            // What came is given on, and its end must not look like one.
            return match squeeze.broken {
                Some(_) => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                None => Poll::Pending,
            };
        }
    }
}

impl<W: Wire> AsyncWrite for Squeezed<'_, W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().upstream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().upstream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().upstream).poll_shutdown(cx)
    }
}

impl<W: Wire> Wire for Squeezed<'_, W> {
    fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.squeeze.framer.trailers)
    }

    fn ends_with_next_write(&mut self) {
        self.upstream.ends_with_next_write();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        self.upstream.poll_end(cx, trailers)
    }
}

#[cfg(test)]
mod tests;
