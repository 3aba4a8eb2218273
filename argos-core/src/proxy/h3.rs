//! One client connection that speaks HTTP/3: its streams are requests of their own, which go the way of all.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use quinn::{Connection, ConnectionError, RecvStream, SendStream};

use super::budget::Gauge;
use super::framed::h3_client::Half;
use super::framed::h3_frames::{self as frames, Input, Wrong, code};
use super::framed::streams::{Peer, Streams};
use super::framed::{Framed, head, most_of_fields};
use super::h1::connection::LAST_CALL;
use super::h1::head::Refusal;
use super::h1::response::After;
use crate::logs::Version;

/// Kinds of streams that one side alone writes. Source: RFC 9114 §6.2, RFC 9204 §4.2.
const CONTROL: u64 = 0;
const PUSH: u64 = 1;
const ENCODER: u64 = 2;
const DECODER: u64 = 3;

/// Settings. Source: RFC 9114 §7.2.4.1, RFC 9220 §5.
const MAX_FIELD_SECTION_SIZE: u64 = 6;
const ENABLE_CONNECT_PROTOCOL: u64 = 8;
/// Bytes of a client's settings.
const MOST_SETTINGS: u64 = 4096;
/// A client that has to acknowledge an answer and says nothing for so long is gone; it does not hold up the stop.
const SILENCE: Duration = Duration::from_secs(2);
/// The last stream there can be.
const LAST_STREAM: u64 = (1 << 62) - 4;

/// A connection, as its streams see it.
pub(crate) struct Line {
    quic: Connection,
    pub(crate) streams: Rc<Streams>,
    control: RefCell<Option<SendStream>>,
    // What of our control stream the client had no room for.
    unsent: RefCell<Vec<u8>>,
    // Which streams of the client's came that there is one of.
    came: Cell<u8>,
    // Answers that are written and have not arrived.
    delivering: Cell<usize>,
    failed: Cell<bool>,
}

impl Line {
    /// Ends the connection for what the client did.
    pub(crate) fn fail(&self, code: u32, why: &str) {
        if !self.failed.replace(true) {
            self.streams.refuse(&format!("HTTP/3: {why}"));
            self.quic.close(frames::var(code), why.as_bytes());
        }
    }

    /// Ends the connection once a budget is spent.
    pub(crate) fn check(&self) {
        if let Some(why) = self.streams.gauge.spent() {
            self.fail(code::EXCESSIVE_LOAD, why);
        }
    }

    // Begins our control stream; false when the connection is over. The streams of QPACK are not needed without a
    // dynamic table. Source: RFC 9204 §4.2.
    async fn open(&self) -> bool {
        let settings = &self.streams.core().live().proxy;
        let most = most_of_fields(settings);
        let mut payload = Vec::with_capacity(16);
        for (id, value) in [(MAX_FIELD_SECTION_SIZE, most as u64), (ENABLE_CONNECT_PROTOCOL, 1)] {
            frames::put_integer(&mut payload, id);
            frames::put_integer(&mut payload, value);
        }
        let mut out = Vec::with_capacity(32);
        frames::put_integer(&mut out, CONTROL);
        frames::put_head(&mut out, frames::SETTINGS, payload.len());
        out.extend_from_slice(&payload);
        let Ok(mut send) = self.quic.open_uni().await else { return false };
        let written = send.write_all(&out).await;
        *self.control.borrow_mut() = Some(send);
        written.is_ok()
    }

    // Tells the client which streams are no longer served. Source: RFC 9114 §5.2.
    fn go_away(&self, first: u64) {
        let mut payload = Vec::with_capacity(8);
        frames::put_integer(&mut payload, first);
        let mut out = self.unsent.borrow_mut();
        frames::put_head(&mut out, frames::GOAWAY, payload.len());
        out.extend_from_slice(&payload);
        if let Some(control) = &mut *self.control.borrow_mut() {
            // The stop does not wait for a client that has no room for a few bytes.
            let written = frames::poll_write(control, &mut Context::from_waker(Waker::noop()), &out);
            if let Poll::Ready(Some(n)) = written {
                out.drain(..n);
            }
        }
    }

    // Datagrams that came.
    fn heard(&self) -> u64 {
        self.quic.stats().udp_rx.datagrams
    }

    // Whether a stream of this kind, of which there is one, came first now.
    fn first(&self, kind: u64) -> bool {
        let bit = 1 << kind;
        self.came.replace(self.came.get() | bit) & bit == 0
    }
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(who: Peer, quic: Connection) {
    let line = Rc::new(Line {
        quic,
        streams: Streams::new(who, Gauge::new()),
        control: RefCell::default(),
        unsent: RefCell::default(),
        came: Cell::new(0),
        delivering: Cell::new(0),
        failed: Cell::new(false),
    });
    let deadline = line.streams.core().timers.deadline();
    let header_timeout = line.streams.core().live().proxy.header_timeout;
    if deadline.within(header_timeout, line.open()).await == Ok(true) {
        run(&line, &deadline).await;
    }
    line.quic.close(frames::var(code::NO_ERROR), b"");
}

/// What came, or what is over.
enum Event {
    Request(Result<(SendStream, RecvStream), ConnectionError>),
    Other(Result<RecvStream, ConnectionError>),
    LastCall,
    Silence,
    Idle,
}

async fn run(line: &Rc<Line>, deadline: &super::timer::Deadline) {
    let (streams, core) = (&line.streams, line.streams.core());
    let (mut stopping, mut ending, mut idle) = (false, false, true);
    let (mut next, mut heard) = (0, None);
    deadline.set(core.live().proxy.keepalive_timeout);
    let mut request = pin!(line.quic.accept_bi());
    let mut other = pin!(line.quic.accept_uni());
    loop {
        let event = poll_fn(|cx| {
            if core.stopping.get() && !std::mem::replace(&mut stopping, true) {
                line.go_away(LAST_STREAM);
                deadline.set(LAST_CALL);
            }
            if let Poll::Ready(came) = request.as_mut().poll(cx) {
                return Poll::Ready(Event::Request(came));
            }
            if let Poll::Ready(came) = other.as_mut().poll(cx) {
                return Poll::Ready(Event::Other(came));
            }
            streams.woken_by(cx);
            if ending && heard.is_none() && streams.open() == line.delivering.get() {
                heard = Some(line.heard());
                deadline.set(SILENCE);
            }
            let now_idle = streams.open() == 0;
            if ending && now_idle {
                return Poll::Ready(Event::Idle);
            }
            if !stopping && now_idle != std::mem::replace(&mut idle, now_idle) {
                match now_idle {
                    true => deadline.set(core.live().proxy.keepalive_timeout),
                    false => deadline.clear(),
                }
            }
            match deadline.poll(cx) {
                Poll::Ready(_) if ending => Poll::Ready(Event::Silence),
                Poll::Ready(_) if stopping => Poll::Ready(Event::LastCall),
                Poll::Ready(_) if !stopping && now_idle => Poll::Ready(Event::Idle),
                _ => Poll::Pending,
            }
        });
        match event.await {
            Event::Request(Ok((mut send, mut recv))) => {
                request.set(line.quic.accept_bi());
                if ending {
                    // The client knows that it was not looked at. Source: RFC 9114 §5.2.
                    let _ = send.reset(frames::var(code::REQUEST_REJECTED));
                    let _ = recv.stop(frames::var(code::REQUEST_REJECTED));
                    continue;
                }
                next = u64::from(recv.id()) + 4;
                // Where datagrams come from is not proven until the client has answered there, which nobody tells. So the
                // address of the handshake is that of all requests, and who has another comes anew.
                if line.quic.remote_address().ip() != streams.address() && !stopping {
                    (stopping, ending) = (true, true);
                    line.go_away(next);
                    deadline.clear();
                }
                begin(line, recv, send);
            }
            Event::Other(Ok(recv)) => {
                other.set(line.quic.accept_uni());
                let line = Rc::clone(line);
                tokio::task::spawn_local(async move {
                    match alone(&line, Input::new(recv)).await {
                        Err(Wrong::Connection(code, why) | Wrong::Stream(code, why)) => line.fail(code, why),
                        Ok(()) | Err(Wrong::Gone) => {}
                    }
                });
            }
            Event::LastCall => {
                ending = true;
                line.go_away(next);
                deadline.clear();
            }
            Event::Silence => {
                let now = line.heard();
                if heard.replace(now) == Some(now) {
                    return;
                }
                deadline.set(SILENCE);
            }
            // A request may be on its way.
            Event::Idle if !ending => {
                stopping = true;
                line.go_away(LAST_STREAM);
                deadline.set(LAST_CALL);
            }
            Event::Request(Err(_)) | Event::Other(Err(_)) | Event::Idle => return,
        }
    }
}

/// Answers one request in a task of its own.
fn begin(line: &Rc<Line>, recv: RecvStream, send: SendStream) {
    let mut half = Half::new(Rc::clone(line), recv, send);
    Streams::begin(&line.streams, async move |streams| {
        let mut ex = streams.exchange();
        let live = streams.core().live();
        let most = most_of_fields(&live.proxy);
        let timeout = live.proxy.header_timeout;
        drop(live);
        let head = match ex.deadline.within(timeout, half.head(most)).await {
            Ok(Some(head)) => head,
            Ok(None) => {
                if half.was_given_up() {
                    streams.gauge.given_up();
                    half.line().check();
                }
                return streams.rest(ex);
            }
            Err(_) => {
                streams.refuse("the request did not arrive in time");
                half.end_with(code::REQUEST_INCOMPLETE);
                return streams.rest(ex);
            }
        };
        let line = Rc::clone(half.line());
        let read = |ex: &mut super::exchange::Exchange, live: &crate::snapshot::Snapshot| {
            let read = head::read(ex, live, &head.ask(), &head.section, Version::Http3, head.ends);
            match head.too_large {
                true => Err(Refusal { status: 431, close: false, text: "the fields are too large" }),
                false => read,
            }
        };
        let after = streams.answer(&mut ex, Framed::Client3(half), read).await;
        let delivered = match ex.socket.framed() {
            Some(Framed::Client3(half)) if half.was_given_up() => {
                streams.gauge.given_up();
                line.check();
                None
            }
            Some(Framed::Client3(half)) if after != After::Cut => {
                streams.gauge.answered();
                Some(half.delivered())
            }
            _ => None,
        };
        streams.rest(ex);
        // What is written has not arrived: a connection that is closed before that would take it away.
        if let Some(delivered) = delivered {
            line.delivering.set(line.delivering.get() + 1);
            streams.wake();
            delivered.await;
            line.delivering.set(line.delivering.get() - 1);
        }
    });
}

/// Reads a stream that the client alone writes.
async fn alone(line: &Line, mut input: Input) -> Result<(), Wrong> {
    let kind = poll_fn(|cx| {
        loop {
            if let Some((kind, size)) = frames::integer(input.waiting()) {
                input.take(size);
                return Poll::Ready(Ok(Some(kind)));
            }
            if !std::task::ready!(input.poll_more(cx, 64))? {
                return Poll::Ready(Ok::<_, Wrong>(None));
            }
        }
    });
    let Some(kind) = kind.await? else {
        line.streams.gauge.prioritized("too many streams of unknown kinds");
        line.check();
        return Ok(());
    };
    let closed = Wrong::Connection(code::CLOSED_CRITICAL_STREAM, "a stream that must stay was closed");
    match kind {
        CONTROL | ENCODER | DECODER if !line.first(kind) => {
            Err(Wrong::Connection(code::STREAM_CREATION_ERROR, "a second stream of a kind of which there is one"))
        }
        CONTROL => control(line, &mut input).await.map_err(|wrong| critical(line, wrong, closed)),
        ENCODER | DECODER => compression(kind, &mut input).await.map_err(|wrong| critical(line, wrong, closed)),
        PUSH => Err(Wrong::Connection(code::STREAM_CREATION_ERROR, "a push stream of a client")),
        _ => {
            line.streams.gauge.prioritized("too many streams of unknown kinds");
            line.check();
            // It may be closed already.
            let _ = input.recv.stop(frames::var(code::STREAM_CREATION_ERROR));
            Ok(())
        }
    }
}

// A stream that is gone while the connection is not was closed by the client.
fn critical(line: &Line, wrong: Wrong, closed: Wrong) -> Wrong {
    match wrong {
        Wrong::Gone if line.quic.close_reason().is_none() => closed,
        wrong => wrong,
    }
}

async fn control(line: &Line, input: &mut Input) -> Result<(), Wrong> {
    let (mut settled, mut last_push, mut going) = (false, 0, u64::MAX);
    loop {
        input.rest();
        let Some((kind, size)) = poll_fn(|cx| input.poll_frame(cx)).await? else { return Err(Wrong::Gone) };
        if !settled && kind != frames::SETTINGS {
            return Err(Wrong::Connection(code::MISSING_SETTINGS, "the control stream does not begin with SETTINGS"));
        }
        match kind {
            frames::SETTINGS if settled => {
                return Err(Wrong::Connection(code::FRAME_UNEXPECTED, "SETTINGS for the second time"));
            }
            frames::SETTINGS => {
                if size > MOST_SETTINGS {
                    return Err(Wrong::Connection(code::EXCESSIVE_LOAD, "SETTINGS are too large"));
                }
                let size = size as usize;
                poll_fn(|cx| input.poll_whole(cx, size)).await?;
                check_settings(&input.waiting()[..size])?;
                input.take(size);
                settled = true;
            }
            frames::GOAWAY | frames::MAX_PUSH_ID | frames::CANCEL_PUSH => {
                line.streams.gauge.controlled("too many frames about the connection");
                line.check();
                let value = lone_integer(input, size).await?;
                let good = match kind {
                    frames::GOAWAY => value <= std::mem::replace(&mut going, value),
                    frames::MAX_PUSH_ID => value >= std::mem::replace(&mut last_push, value),
                    // Nothing was ever promised.
                    _ => false,
                };
                if !good {
                    return Err(Wrong::Connection(code::ID_ERROR, "an identifier that can't be"));
                }
            }
            kind if frames::is_known(kind) => {
                return Err(Wrong::Connection(code::FRAME_UNEXPECTED, "a frame that has no place on a control stream"));
            }
            _ => {
                line.streams.gauge.prioritized("too many frames of unknown kinds");
                line.check();
                let mut left = size;
                poll_fn(|cx| input.poll_skip(cx, &mut left)).await?;
            }
        }
    }
}

async fn lone_integer(input: &mut Input, size: u64) -> Result<u64, Wrong> {
    let wrong = || Wrong::Connection(code::FRAME_ERROR, "a frame that is not one integer");
    let size = usize::try_from(size).ok().filter(|size| *size <= 8).ok_or_else(wrong)?;
    poll_fn(|cx| input.poll_whole(cx, size)).await?;
    let value = frames::integer(&input.waiting()[..size]).filter(|(_, used)| *used == size);
    input.take(size);
    value.map(|(value, _)| value).ok_or_else(wrong)
}

/// Source: RFC 9114 §7.2.4.
fn check_settings(mut bytes: &[u8]) -> Result<(), Wrong> {
    let mut seen = Vec::new();
    while !bytes.is_empty() {
        let cut = || Wrong::Connection(code::FRAME_ERROR, "SETTINGS that are cut off");
        let (id, a) = frames::integer(bytes).ok_or_else(cut)?;
        let (value, b) = frames::integer(&bytes[a..]).ok_or_else(cut)?;
        bytes = &bytes[a + b..];
        let bad = matches!(id, 2..=5) || (id == ENABLE_CONNECT_PROTOCOL && value > 1) || seen.contains(&id);
        if bad {
            return Err(Wrong::Connection(code::SETTINGS_ERROR, "a setting that can't be"));
        }
        seen.push(id);
    }
    Ok(())
}

// What a client says about its dynamic table, or ours: there is none. Source: RFC 9204 §4.3, §4.4.
async fn compression(kind: u64, input: &mut Input) -> Result<(), Wrong> {
    // An integer may go on for a few bytes.
    let mut goes_on = false;
    loop {
        while let Some(byte) = input.waiting().first().copied() {
            input.take(1);
            if goes_on {
                goes_on = byte & 0x80 != 0;
                continue;
            }
            match kind {
                // A capacity of 0 changes nothing.
                ENCODER if byte == 0x20 => {}
                ENCODER => {
                    let why = "an entry for the dynamic table, which has no room";
                    return Err(Wrong::Connection(code::QPACK_ENCODER_STREAM_ERROR, why));
                }
                // A stream that was given up had no fields of ours that wait.
                _ if byte & 0xc0 == 0x40 => goes_on = byte & 0x3f == 0x3f,
                _ => {
                    let why = "a word about the dynamic table, which is not used";
                    return Err(Wrong::Connection(code::QPACK_DECODER_STREAM_ERROR, why));
                }
            }
        }
        input.rest();
        if !poll_fn(|cx| input.poll_more(cx, 64)).await? {
            return Err(Wrong::Gone);
        }
    }
}
