//! The upstream is asked, and asked again or elsewhere where that is safe, until the head of an answer is there.
//!
//! Another try is safe when nothing of the request was processed (no connection, nothing sent), or when the method
//! may be repeated, its body is whole in memory and no byte of an answer has come. Source: RFC 9110 §9.2.2.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use sha1::{Digest as _, Sha1};
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::balance::Choice;
use super::inspect::{Held, HeldReply, gather};
use crate::logs::Version;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::forward;
use crate::proxy::framed::{Framed, h2_upstream};
use crate::proxy::h1::body::{Broken, Framer, Pump, Sink, Source};
use crate::proxy::h1::field::LineScan;
use crate::proxy::h1::head::Framing;
use crate::proxy::h1::response;
use crate::proxy::pace::Pace;
use crate::proxy::pool::Line;
use crate::proxy::stop::Stop;
use crate::proxy::stream::Stream;
use crate::proxy::tls::Outbound;
use crate::proxy::upstreams::target::Busy;
use crate::schema::TargetId;
use crate::snapshot::Snapshot;

/// An upstream's answer whose head is in `Exchange::reply`.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) link: Link,
    /// What the WAF has seen of its body.
    pub(crate) held: Option<HeldReply>,
}

/// A connection to an upstream while a request uses it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) socket: Stream<Outbound>,
    /// What it sent: the head and what came after it.
    pub(crate) input: Vec<u8>,
    /// Where it is kept while it is idle.
    pub(crate) pool: Arc<str>,
    /// The request counts among those of its target while this is held.
    pub(crate) busy: Option<Busy>,
}

/// Bytes of a body that are kept to be sent again.
const REPLAYED: usize = 64 * 1024;

/// Most interim answers before the final one.
const MOST_INTERIM: usize = 64;

/// What a server adds to the key. Source: RFC 6455 §1.3.
const WEBSOCKET: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why one try failed.
enum Failure {
    /// Trying again helps nobody.
    Final(Stop),
    /// Nothing was sent.
    Unsent(String),
    /// It was sent, perhaps in part, and no byte of an answer came.
    Unanswered(String),
    /// The same, for as long as an answer may take.
    Late(String),
}

impl Failure {
    /// How the request ends where it is not tried again.
    fn into_stop(self) -> Stop {
        match self {
            Self::Final(stop) => stop,
            Self::Unsent(text) | Self::Unanswered(text) => Stop::Unreachable(text),
            Self::Late(_) => Stop::UpstreamSlow,
        }
    }

    /// What it says against the target; none when it says nothing.
    fn against_target(&self) -> Option<&str> {
        match self {
            Self::Unsent(text) | Self::Unanswered(text) | Self::Late(text) => Some(text),
            Self::Final(Stop::BadReply(CUT_SHORT)) => Some(CUT_SHORT),
            Self::Final(_) => None,
        }
    }
}

/// A head that begins and does not end.
const CUT_SHORT: &str = "its head is cut short";

/// How long one try may take.
struct Patience {
    response: Duration,
    idle: Duration,
}

/// Sends the request to the chosen target and returns once the head of the final answer is there.
pub(crate) async fn send(
    ex: &mut Exchange,
    live: &Snapshot,
    core: &Core,
    mut choice: Choice<'_>,
) -> Result<Reply, Stop> {
    let began = Instant::now();
    let idempotent = is_idempotent(ex.method());
    let short = !matches!(ex.body.source, Source::Length(n) if n > REPLAYED as u64);
    if idempotent && short && !ex.body.done() && ex.held.is_none() && !ex.head.expects_continue {
        // Whole in memory it can be sent once more.
        ex.held = Some(gather(ex, core, REPLAYED, live.proxy.body_idle_timeout).await?.0);
    }
    let start = first_bytes(ex, core)?;
    let repeatable = idempotent && ex.body.done();
    let retries = choice.group.max_retries.unwrap_or(live.proxy.max_retries) as usize;
    let mut tried: SmallVec<[TargetId; 4]> = SmallVec::new();
    let mut fresh = false;
    // A request that may have been read is sent once more for nothing, and not once at each target.
    let mut asked_again = false;
    loop {
        ex.facts.attempts = ex.facts.attempts.saturating_add(1);
        ex.facts.upstream = Some(Arc::clone(&choice.target().authority));
        let (pooled, tried_one) = attempt(ex, live, core, &choice, start.content(), fresh).await;
        let failure = match tried_one {
            Ok(mut reply) => {
                let now = Instant::now();
                ex.facts.upstream_us = u64::try_from(now.duration_since(began).as_micros()).unwrap_or(u64::MAX);
                choice.answered(core, ex.reply.status, now);
                ex.facts.cookie = choice.cookie(ex);
                reply.link.busy = Some(choice.picked.busy);
                if let Start::Bytes(start) = start {
                    core.buffers.give(start);
                }
                return Ok(reply);
            }
            Err(failure) => failure,
        };
        // What is gone can't be sent again, whoever has or has not looked at it.
        let gone = ex.drawn || ex.cut;
        let sent = !matches!(failure, Failure::Unsent(_));
        // It was closed while it was idle; that says nothing about the target.
        let stale = pooled && matches!(failure, Failure::Unsent(_) | Failure::Unanswered(_));
        if stale && (!sent || !std::mem::replace(&mut asked_again, true)) {
            if gone || (sent && !repeatable) {
                return Err(failure.into_stop());
            }
            fresh = true;
            continue;
        }
        if let Some(reason) = failure.against_target().filter(|_| !stale) {
            choice.missed(core, reason);
        }
        if gone || (sent && !repeatable) || matches!(failure, Failure::Final(_)) {
            return Err(failure.into_stop());
        }
        tried.push(choice.target().id);
        if tried.len() > retries || !choice.advance(ex, core, live, &tried) {
            return Err(failure.into_stop());
        }
        let text = failure.against_target().unwrap_or_default();
        ex.record_fault("upstream", false, 0, &format!("{text}; the next target is tried"));
        fresh = false;
    }
}

/// The content of the body that is here: what was held, or came with the head. What is wrong with it is seen before
/// anything is sent.
fn first_bytes(ex: &mut Exchange, core: &Core) -> Result<Start, Stop> {
    if let Some(held) = ex.held.take() {
        return Ok(Start::Held(held));
    }
    if ex.body.done() {
        return Ok(Start::Bytes(Vec::new()));
    }
    let mut start = core.buffers.small();
    let sink = std::mem::replace(&mut ex.body.sink, Sink::Plain);
    ex.at += ex.body.push(&ex.input[ex.at..], &mut start).map_err(client_fault)?;
    ex.body.sink = sink;
    Ok(Start::Bytes(start))
}

/// The first content of a body.
enum Start {
    /// What rules have seen.
    Held(Held),
    /// What came with the head.
    Bytes(Vec<u8>),
}

impl Start {
    fn content(&self) -> &[u8] {
        match self {
            Self::Held(held) => held.bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE" | b"TRACE")
}

pub(crate) fn client_fault(broken: Broken) -> Stop {
    match broken {
        Broken::Chunk(fault) => Stop::BadBody(fault),
        Broken::TooLong => Stop::TooLarge,
        Broken::Read | Broken::Write => Stop::ClientGone,
    }
}

/// One try of one target; also says whether it used a connection that had been idle.
async fn attempt(
    ex: &mut Exchange,
    live: &Snapshot,
    core: &Core,
    choice: &Choice<'_>,
    start: &[u8],
    fresh: bool,
) -> (bool, Result<Reply, Failure>) {
    let (group, target) = (choice.group, choice.target());
    let millis = |own: Option<u32>, setting| own.map_or(setting, |ms| Duration::from_millis(ms.into()));
    let only_http1 = ex.head.websocket;
    let idle = if fresh { None } else { core.pool.take(&target.pool, only_http1) };
    let pooled = idle.is_some();
    let line = match idle {
        Some(line) => line,
        None => {
            let limit = millis(group.connect_timeout_ms, live.proxy.connect_timeout);
            match core.pool.connect(core, target, only_http1, limit, &ex.deadline).await {
                Ok(line) => line,
                Err(text) => return (false, Err(Failure::Unsent(text))),
            }
        }
    };
    if !ex.body.done() {
        ex.pace = Pace::new(live.proxy.min_body_rate, Instant::now());
    }
    let waits = ex.head.expects_continue && start.is_empty() && !ex.body.done();
    let mut out = core.buffers.small();
    let open = ex.head.framing == Framing::Open;
    let mut shared = Weak::new();
    let socket = match line {
        Line::One(socket) => {
            forward::request_head(&mut out, ex, live, choice, waits);
            ex.body.sink = if open { Sink::Chunked { trailers: true } } else { Sink::Plain };
            socket
        }
        Line::Many(sender, counted) => {
            ex.body.sink = Sink::Frames;
            shared = Rc::downgrade(&counted);
            let ends = start.is_empty() && ex.body.done() && ex.body.trailers.is_empty();
            let Some(request) = forward::request(ex, live, choice, waits) else {
                core.buffers.give(out);
                return (pooled, Err(Failure::Final(Stop::BadResult)));
            };
            match begin(sender, counted, request, ends) {
                Ok(half) => Stream::Framed(Box::new(Framed::Upstream2(half))),
                Err(e) => {
                    core.buffers.give(out);
                    return (pooled, Err(Failure::Unsent(format!("HTTP/2 with {}: {e}", target.authority))));
                }
            }
        }
    };
    ex.body.replay(start, &mut out);
    let mut link = Link { socket, input: core.buffers.small(), pool: Arc::clone(&target.pool), busy: None };
    let rest = Framer { limit: ex.body.limit, ..Framer::new(Source::Done, Sink::Plain, 0) };
    ex.sending = Some(Pump::new(std::mem::replace(&mut ex.body, rest), out));
    let response = millis(group.response_timeout_ms, live.proxy.response_timeout);
    let patience = Patience { response, idle: live.proxy.body_idle_timeout };
    if ex.body_is_sent() {
        choice.picked.busy.waits(|| core.shared.upstreams.now_ms());
    }
    match converse(ex, &mut link, &patience).await {
        Ok(()) => (pooled, Ok(Reply { link, held: None })),
        Err(failure) => {
            core.buffers.give(link.input);
            if matches!(failure, Failure::Late(_)) {
                core.pool.leave(&target.pool, &shared);
            }
            // A whole or unsent body is there for the next try.
            if let Some(pump) = ex.sending.take() {
                ex.body = pump.framer;
            }
            (pooled, Err(failure))
        }
    }
}

/// Begins a request on a connection that carries many.
fn begin(
    mut sender: SendRequest<Bytes>,
    counted: Rc<()>,
    request: Request<()>,
    ends: bool,
) -> Result<h2_upstream::Half, h2::Error> {
    let head_only = request.method() == http::Method::HEAD;
    let (response, send) = sender.send_request(request, ends)?;
    Ok(h2_upstream::Half::new((response, send), counted, ends, head_only))
}

/// Sends the request and reads until the final head; interim ones are passed on.
async fn converse(ex: &mut Exchange, link: &mut Link, patience: &Patience) -> Result<(), Failure> {
    let head_only = ex.method() == b"HEAD";
    let began = Instant::now();
    let mut watch = true;
    ex.deadline.set(if ex.body_is_sent() { patience.response } else { patience.idle });
    let mut interims = 0;
    loop {
        let mut scan = LineScan::default();
        poll_fn(|cx| poll_head(ex, link, &mut scan, head_only, &mut watch, patience, cx)).await?;
        match ex.reply.status {
            // Over frames any success would open the WebSocket, and a page would be read as its messages. Source: RFC 8441 §5.
            200..300 if ex.head.websocket && ex.socket.is_framed() => {
                return Err(Failure::Final(Stop::BadReply("it answers a WebSocket with a page")));
            }
            200.. => return Ok(()),
            101 if ex.head.websocket && ex.reply.websocket && takes_key(ex, &link.input) => return Ok(()),
            101 => return Err(Failure::Final(Stop::BadReply("it switches protocols unasked"))),
            // They may go on for as long as an answer may take, and no longer.
            _ if interims == MOST_INTERIM => {
                return Err(Failure::Final(Stop::BadReply("it has too many interim answers")));
            }
            _ => {
                interims += 1;
                interim(ex, link, patience, began).await?;
            }
        }
        link.input.drain(..ex.reply.end);
    }
}

/// Whether the upstream took the key that we made, where the client's version has none. Else the client sees for itself.
/// Source: RFC 6455 §4.1.
fn takes_key(ex: &Exchange, bytes: &[u8]) -> bool {
    if !ex.socket.is_framed() {
        return true;
    }
    let key = ex.values(b"sec-websocket-key").next().unwrap_or_default();
    let digest = Sha1::new().chain_update(key).chain_update(WEBSOCKET).finalize();
    let wanted = STANDARD.encode(digest);
    let mut fields = ex.reply.fields.iter();
    fields.any(|f| {
        f.name.of_bytes(bytes).eq_ignore_ascii_case(b"sec-websocket-accept")
            && f.value.of_bytes(bytes) == wanted.as_bytes()
    })
}

/// Passes an interim answer on to clients that can take it.
async fn interim(ex: &mut Exchange, link: &Link, patience: &Patience, began: Instant) -> Result<(), Failure> {
    let left = patience.response.saturating_sub(began.elapsed());
    let wanted = ex.reply.status != 100 || ex.head.expects_continue;
    if ex.head.version == Version::Http10 || !wanted {
        ex.deadline.set(if ex.body_is_sent() { left } else { patience.idle });
        return Ok(());
    }
    let written = if ex.socket.is_framed() {
        Ok(response::send_reply_fields(ex, &link.input, false))
    } else {
        let mut out = ex.core.buffers.small();
        response::reply_head(&mut out, ex, &link.input, Sink::Plain, false);
        let written = ex.deadline.within(patience.idle, ex.socket.write_all(&out)).await;
        ex.core.buffers.give(out);
        written
    };
    ex.deadline.set(if ex.body_is_sent() { left } else { patience.idle });
    match written {
        Ok(Ok(())) => Ok(()),
        _ => Err(Failure::Final(Stop::ClientGone)),
    }
}

fn poll_head(
    ex: &mut Exchange,
    link: &mut Link,
    scan: &mut LineScan,
    head_only: bool,
    watch: &mut bool,
    patience: &Patience,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Failure>> {
    let fail = |failure| Poll::Ready(Err(failure));
    if let Some(pump) = &mut ex.sending {
        let before = pump.moved;
        let last = pump.framer.done();
        let polled = pump.poll(cx, &mut ex.socket, &mut link.socket, &ex.core.buffers);
        ex.drawn |= pump.came > 0;
        match polled {
            Poll::Ready(Ok(())) => {
                ex.body_sent();
                ex.deadline.set(patience.response);
            }
            Poll::Ready(Err(Broken::Write)) if before == 0 && pump.moved == 0 && !link.socket.is_framed() => {
                return fail(Failure::Unsent("the connection was closed".into()));
            }
            // The upstream takes no more; what it has to say may still arrive.
            Poll::Ready(Err(Broken::Write)) if !last => ex.cut_body(),
            Poll::Ready(Err(Broken::Write)) => {}
            Poll::Ready(Err(broken)) => return fail(Failure::Final(client_fault(broken))),
            Poll::Pending if pump.moved != before => {
                if !ex.pace.keeps_up(pump.came, !pump.starves(), Instant::now()) {
                    return fail(Failure::Final(Stop::SlowClient));
                }
                ex.deadline.set(patience.idle);
            }
            Poll::Pending => {}
        }
    }
    loop {
        if !link.input.is_empty() {
            match ex.reply.parse(scan, &link.input, head_only) {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(text) => return fail(Failure::Final(Stop::BadReply(text))),
            }
        }
        match pin!(link.socket.read_buf(&mut link.input)).poll(cx) {
            Poll::Ready(Ok(n)) if n > 0 => {}
            Poll::Ready(Err(e)) if link.input.is_empty() && e.kind() == io::ErrorKind::ConnectionRefused => {
                return fail(Failure::Unsent(format!("no answer: {e}")));
            }
            Poll::Ready(end) if link.input.is_empty() => {
                let text = match end {
                    Err(e) => format!("no answer: {e}"),
                    Ok(_) => "no answer: the connection was closed".into(),
                };
                return fail(Failure::Unanswered(text));
            }
            Poll::Ready(_) => return fail(Failure::Final(Stop::BadReply(CUT_SHORT))),
            Poll::Pending => break,
        }
    }
    if *watch && ex.sending.is_none() && ex.at == ex.input.len() {
        // Nobody waits for the answer when the client is gone; one that only said that it sends no more looks the
        // same and is taken as gone too. Bytes of a next request end the watch.
        match ex.socket.poll_more(cx) {
            Poll::Ready(Ok(true)) => *watch = false,
            Poll::Ready(_) => return fail(Failure::Final(Stop::ClientGone)),
            Poll::Pending => {}
        }
    }
    if ex.deadline.poll(cx).is_ready() {
        let client = ex.sending.as_ref().is_some_and(Pump::starves);
        return fail(match client {
            true => Failure::Final(Stop::SlowClient),
            false => Failure::Late(format!("no answer within {} ms", patience.response.as_millis())),
        });
    }
    Poll::Pending
}
