//! A client's stream over HTTP/3.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use quinn::{RecvStream, SendStream};
use tokio::io::ReadBuf;

use super::fields::Fields;
use super::h3_fields::{RequestHead, check, lines, put_section};
use super::h3_frames::{self as frames, Input, Wrong, code};
use super::qpack::{self, Section};
use crate::proxy::h1::chunked::MAX_TRAILERS;
use crate::proxy::h3::Line;

/// Bytes of content in one frame.
const MOST_IN_FRAME: usize = 64 * 1024;

const TOO_LONG: Wrong = Wrong::Stream(code::MESSAGE_ERROR, "content is longer than Content-Length says");

/// The stream.
pub(crate) struct Half {
    line: Rc<Line>,
    input: Input,
    send: SendStream,
    // Frames, or their begins, that are written before anything else; `written` bytes of them are.
    out: Vec<u8>,
    written: usize,
    // Content of the frame being read that has not come, and of the one being written that is still owed.
    left: u64,
    owed: usize,
    // The rest of a frame that means nothing, and a frame that was looked at before its time.
    skip: u64,
    next: Option<(u64, u64)>,
    // What `Content-Length` says, and how much was announced by frames.
    declared: Option<u64>,
    content: u64,
    after_trailers: bool,
    whole: bool,
    trailers: Vec<u8>,
    // Whether what is written next is the last, and whether trailers are written.
    last: bool,
    trailed: bool,
    ended: bool,
    gave_up: bool,
    // Ready once the client wants no more of the answer.
    unwanted: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("stream", &self.send.id()).finish_non_exhaustive()
    }
}

impl Half {
    pub(crate) fn new(line: Rc<Line>, recv: RecvStream, send: SendStream) -> Self {
        Self {
            line,
            input: Input::new(recv),
            send,
            out: Vec::new(),
            written: 0,
            left: 0,
            owed: 0,
            skip: 0,
            next: None,
            declared: None,
            content: 0,
            after_trailers: false,
            whole: false,
            trailers: Vec::new(),
            last: false,
            trailed: false,
            ended: false,
            gave_up: false,
            unwanted: None,
        }
    }

    /// The head, whose fields count no more than `most` bytes. None where there is nobody to answer.
    pub(crate) async fn head(&mut self, most: usize) -> Option<RequestHead> {
        let head = poll_fn(|cx| self.poll_head(cx, most)).await;
        head.map_err(|wrong| self.give_up(wrong)).ok()
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Result<RequestHead, Wrong>> {
        let size = match self.left {
            0 => match ready!(self.poll_frame(cx))? {
                Some((frames::HEADERS, size)) => size,
                Some(_) => return Poll::Ready(Err(Wrong::Connection(code::FRAME_UNEXPECTED, "content before a head"))),
                None => return Poll::Ready(Err(Wrong::Stream(code::REQUEST_INCOMPLETE, "a request without a head"))),
            },
            size => size,
        };
        let size = match usize::try_from(size) {
            // Nobody writes fields so that they take more than they count.
            Ok(size) if size <= most => size,
            _ => return Poll::Ready(Ok(RequestHead { too_large: true, ..RequestHead::default() })),
        };
        // Kept for the next look.
        self.left = size as u64;
        ready!(self.input.poll_whole(cx, size))?;
        self.left = 0;
        let section = Section::decode(&self.input.waiting()[..size], most);
        self.input.take(size);
        let section = match section {
            Ok(section) => section,
            Err(qpack::Fault::TooLarge) => {
                return Poll::Ready(Ok(RequestHead { too_large: true, ..RequestHead::default() }));
            }
            Err(fault) => return Poll::Ready(Err(fault.into())),
        };
        check(&section).map_err(|why| Wrong::Stream(code::MESSAGE_ERROR, why))?;
        self.declared = section.iter().find(|(name, _)| *name == b"content-length").and_then(|(_, value)| {
            // Several, or what is no number, are refused with the head.
            std::str::from_utf8(value).ok()?.parse().ok()
        });
        // The end mostly comes with the head.
        let next = match self.poll_frame(cx) {
            Poll::Ready(next) => next?.map(Some),
            Poll::Pending => Some(None),
        };
        let ends = next.is_none();
        self.next = next.flatten();
        if ends && self.declared.is_some_and(|n| n > 0) {
            return Poll::Ready(Err(Wrong::Stream(code::MESSAGE_ERROR, "content is shorter than Content-Length says")));
        }
        self.whole = ends;
        Poll::Ready(Ok(RequestHead { section, ends, too_large: false }))
    }

    /// The next frame of content or fields; none at the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<(u64, u64)>, Wrong>> {
        if let Some(next) = self.next.take() {
            return Poll::Ready(Ok(Some(next)));
        }
        loop {
            ready!(self.input.poll_skip(cx, &mut self.skip))?;
            match ready!(self.input.poll_frame(cx))? {
                Some((kind, size)) if !frames::is_known(kind) => {
                    self.line.streams.gauge.prioritized("too many frames of unknown kinds");
                    self.skip = size;
                    self.line.check();
                }
                Some((kind @ (frames::DATA | frames::HEADERS), size)) if !self.after_trailers => {
                    return Poll::Ready(Ok(Some((kind, size))));
                }
                Some(_) => {
                    let why = "a frame that has no place in a request";
                    return Poll::Ready(Err(Wrong::Connection(code::FRAME_UNEXPECTED, why)));
                }
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_content(cx, buf)).map_err(|wrong| self.give_up(wrong)).map_err(io::Error::from)?;
        Poll::Ready(Ok(()))
    }

    fn poll_content(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), Wrong>> {
        while !self.whole {
            if self.left > 0 && !self.after_trailers {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let n = ready!(self.input.poll_into(cx, buf, most))?;
                if n == 0 {
                    return Poll::Ready(Err(Wrong::Connection(code::FRAME_ERROR, "a frame is cut off")));
                }
                self.left -= n as u64;
                if self.left == 0 && self.declared == Some(self.content) && self.more_waits() {
                    return Poll::Ready(Err(TOO_LONG));
                }
                return Poll::Ready(Ok(()));
            }
            if self.after_trailers && self.left > 0 {
                let size = self.left as usize;
                ready!(self.input.poll_whole(cx, size))?;
                self.left = 0;
                let section = Section::decode(&self.input.waiting()[..size], MAX_TRAILERS * 2);
                self.input.take(size);
                self.trailers = section.map_err(Wrong::from).and_then(|section| lines(&section))?;
            }
            match ready!(self.poll_frame(cx))? {
                Some((frames::DATA, size)) => {
                    if size == 0 {
                        self.line.streams.gauge.carried_nothing("too many empty DATA frames");
                        self.line.check();
                    }
                    self.content = self.content.saturating_add(size);
                    if self.declared.is_some_and(|n| self.content > n) {
                        return Poll::Ready(Err(TOO_LONG));
                    }
                    self.left = size;
                }
                Some((_, size)) => {
                    if size > 2 * MAX_TRAILERS as u64 {
                        return Poll::Ready(Err(Wrong::Stream(code::EXCESSIVE_LOAD, "the trailers are too large")));
                    }
                    (self.after_trailers, self.left) = (true, size);
                    if size == 0 {
                        return Poll::Ready(Err(qpack::Fault::Compression.into()));
                    }
                }
                None => {
                    if self.declared.is_some_and(|n| self.content < n) {
                        let why = "content is shorter than Content-Length says";
                        return Poll::Ready(Err(Wrong::Stream(code::MESSAGE_ERROR, why)));
                    }
                    self.whole = true;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    // Whether content comes after what is the last by its length: whoever reads by the length would not look.
    fn more_waits(&self) -> bool {
        let waiting = self.input.waiting();
        let size = waiting.strip_prefix(&[frames::DATA as u8]).and_then(frames::integer);
        size.is_some_and(|(size, _)| size > 0)
    }

    /// Ends what has to end.
    fn give_up(&mut self, wrong: Wrong) -> io::ErrorKind {
        match wrong {
            Wrong::Gone => self.gave_up = true,
            Wrong::Connection(code, why) => self.line.fail(code, why),
            Wrong::Stream(code, why) => {
                self.line.streams.refuse(why);
                self.end_with(code);
            }
        }
        io::ErrorKind::ConnectionReset
    }

    /// Ends both directions in the middle.
    pub(crate) fn end_with(&mut self, code: u32) {
        // What is over already needs no end.
        let _ = self.send.reset(frames::var(code));
        let _ = self.input.recv.stop(frames::var(code));
        (self.ended, self.whole) = (true, true);
    }

    /// Ready once the client has all of the answer, wants no more of it or is gone.
    pub(crate) fn delivered(&self) -> impl Future<Output = ()> + use<> {
        let stopped = self.send.stopped();
        async move { drop(stopped.await) }
    }

    /// The connection that it is of.
    pub(crate) fn line(&self) -> &Rc<Line> {
        &self.line
    }

    /// Whether the client gave the stream up.
    pub(crate) fn was_given_up(&self) -> bool {
        self.gave_up
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            self.written += ready!(self.poll_send(cx, None))?;
        }
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }

    // Writes `bytes`, or what waits in `out`.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: Option<&[u8]>) -> Poll<io::Result<usize>> {
        match ready!(frames::poll_write(&mut self.send, cx, bytes.unwrap_or(&self.out[self.written..]))) {
            Some(n) => Poll::Ready(Ok(n)),
            None => {
                self.gave_up = true;
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.owed == 0 && !bytes.is_empty() {
            self.owed = bytes.len().min(MOST_IN_FRAME);
            frames::put_head(&mut self.out, frames::DATA, self.owed);
        }
        ready!(self.poll_out(cx))?;
        let n = ready!(self.poll_send(cx, Some(&bytes[..bytes.len().min(self.owed)])))?;
        self.owed -= n;
        if self.last && n == bytes.len() && self.owed == 0 {
            self.finish();
        }
        Poll::Ready(Ok(n))
    }

    fn finish(&mut self) {
        // The connection may be over, which the next write would tell.
        let _ = self.send.finish();
        self.ended = true;
    }

    pub(super) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    pub(super) fn ends_with_next_write(&mut self) {
        self.last = true;
    }

    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        // They are put once; what waits after that is the rest of them.
        if !trailers.is_empty() && !std::mem::replace(&mut self.trailed, true) {
            let fields = Fields::of_lines(trailers);
            put_section(&mut self.out, None, fields);
        }
        ready!(self.poll_out(cx))?;
        self.finish();
        Poll::Ready(Ok(()))
    }

    /// Ready once the client has given the stream up, or is gone.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.gave_up {
            return Poll::Ready(());
        }
        let unwanted = self.unwanted.get_or_insert_with(|| {
            let stopped = self.send.stopped();
            Box::pin(async move { drop(stopped.await) })
        });
        ready!(unwanted.as_mut().poll(cx));
        self.gave_up = true;
        Poll::Ready(())
    }

    pub(super) fn send_head(&mut self, status: u16, fields: Fields, ends: bool) -> io::Result<()> {
        put_section(&mut self.out, Some(status), fields);
        self.write_now()?;
        if ends && self.out.is_empty() {
            self.finish();
        }
        Ok(())
    }

    pub(super) fn send_interim(&mut self, status: u16, fields: Fields) -> io::Result<()> {
        put_section(&mut self.out, Some(status), fields);
        self.write_now()
    }

    // What the client has no room for goes before the next bytes.
    fn write_now(&mut self) -> io::Result<()> {
        match self.poll_out(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(written) => written,
            Poll::Pending => Ok(()),
        }
    }

    pub(super) fn reset(&mut self) {
        self.end_with(code::INTERNAL_ERROR);
    }
}

impl Drop for Half {
    /// An answer that was not written to its end must not look as if it was.
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.send.reset(frames::var(code::INTERNAL_ERROR));
        }
        if !self.whole {
            // The rest of the request is not needed. Source: RFC 9114 §4.1.
            let _ = self.input.recv.stop(frames::var(code::NO_ERROR));
        }
    }
}
