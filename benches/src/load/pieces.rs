//! A body that leaves piece by piece, with pauses, or only in part.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// Bytes that leave together where there are pauses.
pub const PIECE: usize = 16 * 1024;

/// The body.
#[derive(Debug)]
pub struct Pieces {
    left: Bytes,
    /// So many bytes never come.
    kept: usize,
    sized: bool,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
}

impl Pieces {
    /// All at once.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self { left: bytes, kept: 0, sized: true, pause: None }
    }

    /// Without telling how long it is.
    #[must_use]
    pub fn unsized_if(mut self, is: bool) -> Self {
        self.sized = !is;
        self
    }

    /// Stops after half of it, without an end.
    #[must_use]
    pub fn half_if(mut self, is: bool) -> Self {
        self.kept = if is { self.left.len().div_ceil(2) } else { 0 };
        self
    }

    /// With a pause before each piece.
    #[must_use]
    pub fn paced(mut self, pause: Option<Duration>) -> Self {
        self.pause = pause.map(|each| (each, Box::pin(tokio::time::sleep(each))));
        self
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if self.left.len() <= self.kept {
            // Whoever asked for half a body leaves while the other side waits.
            return Poll::Pending;
        }
        let mut size = self.left.len() - self.kept;
        if let Some((each, sleep)) = &mut self.pause {
            ready!(sleep.as_mut().poll(cx));
            sleep.set(tokio::time::sleep(*each));
            size = size.min(PIECE);
        }
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized { SizeHint::with_exact(self.left.len() as u64) } else { SizeHint::default() }
    }
}
