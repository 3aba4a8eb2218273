//! The upstream is asked, and asked again or elsewhere where that is safe, until the head of an answer is there.
//!
//! Another try is safe when nothing of the request was processed (no connection, nothing sent), or when the method
//! may be repeated, its body is whole in memory and no byte of an answer has come. Source: RFC 9110 §9.2.2.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::balance::Choice;
use super::inspect::HeldReply;
use crate::logs::Version;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::forward::{self, ReplySink};
use crate::proxy::h1::body::{Broken, Framer, Pump, Sink, Source};
use crate::proxy::h1::field::LineScan;
use crate::proxy::stop::Stop;
use crate::proxy::stream::Stream;
use crate::proxy::tls::Outbound;
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
}

/// Why one try failed.
enum Failure {
    /// Trying again helps nobody.
    Final(Stop),
    /// Nothing was sent.
    Unsent(String),
    /// It was sent, perhaps in part, and no byte of an answer came.
    Unanswered(String),
}

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
    let start = first_bytes(ex, core)?;
    let repeatable = ex.body.done() && is_idempotent(ex.method());
    let retries = choice.group.max_retries.unwrap_or(live.proxy.max_retries) as usize;
    let mut tried: SmallVec<[TargetId; 4]> = SmallVec::new();
    let mut fresh = false;
    loop {
        ex.facts.attempts = ex.facts.attempts.saturating_add(1);
        ex.facts.upstream = Some(Arc::clone(&choice.target.authority));
        let (pooled, tried_one) = attempt(ex, live, core, &choice, &start, fresh).await;
        let text = match tried_one {
            Ok(reply) => {
                ex.facts.upstream_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                core.buffers.give(start);
                return Ok(reply);
            }
            Err(Failure::Final(stop)) => return Err(stop),
            Err(Failure::Unanswered(text)) if !repeatable => return Err(Stop::Unreachable(text)),
            // It was closed while it was idle; that says nothing about the target.
            Err(Failure::Unsent(_) | Failure::Unanswered(_)) if pooled => {
                fresh = true;
                continue;
            }
            Err(Failure::Unsent(text) | Failure::Unanswered(text)) => text,
        };
        tried.push(choice.target.id);
        if tried.len() > retries || !choice.advance(core, &tried) {
            return Err(Stop::Unreachable(text));
        }
        ex.record_fault("upstream", false, 0, &format!("{text}; the next target is tried"));
        fresh = false;
    }
}

/// The framed bytes of the body that are here: those that were held, or came with the head. What is wrong with them is seen before anything is sent.
fn first_bytes(ex: &mut Exchange, core: &Core) -> Result<Vec<u8>, Stop> {
    if let Some(held) = ex.held.take() {
        let mut start = Vec::with_capacity(held.bytes().len() + 64);
        ex.body.replay(held.bytes(), &mut start);
        return Ok(start);
    }
    if ex.body.done() {
        return Ok(Vec::new());
    }
    let mut start = core.buffers.small();
    match ex.body.push(&ex.input[ex.at..], &mut start) {
        Ok(used) => {
            ex.at += used;
            Ok(start)
        }
        Err(broken) => Err(client_fault(broken)),
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
    let (group, target) = (choice.group, choice.target);
    let millis = |own: Option<u32>, setting| own.map_or(setting, |ms| Duration::from_millis(ms.into()));
    let idle = if fresh { None } else { core.pool.take(&target.pool) };
    let pooled = idle.is_some();
    let socket = match idle {
        Some(socket) => socket,
        None => {
            let limit = millis(group.connect_timeout_ms, live.proxy.connect_timeout);
            match core.pool.connect(core, target, limit, &ex.deadline).await {
                Ok(socket) => socket,
                Err(text) => return (false, Err(Failure::Unsent(text))),
            }
        }
    };
    let mut link = Link { socket, input: core.buffers.small(), pool: Arc::clone(&target.pool) };
    let mut out = core.buffers.small();
    let waits = ex.head.expects_continue && start.is_empty() && !ex.body.done();
    forward::request_head(&mut out, ex, live, choice, waits);
    out.extend_from_slice(start);
    let rest = Framer { limit: ex.body.limit, ..Framer::new(Source::Done, Sink::Plain, 0) };
    ex.sending = Some(Pump::new(std::mem::replace(&mut ex.body, rest), out));
    let response = millis(group.response_timeout_ms, live.proxy.response_timeout);
    let patience = Patience { response, idle: live.proxy.body_idle_timeout };
    match converse(ex, &mut link, &patience).await {
        Ok(()) => (pooled, Ok(Reply { link, held: None })),
        Err(failure) => {
            core.buffers.give(link.input);
            // A whole or unsent body is there for the next try.
            if let Some(pump) = ex.sending.take() {
                ex.body = pump.framer;
            }
            (pooled, Err(failure))
        }
    }
}

/// Sends the request and reads until the final head; interim ones are passed on.
async fn converse(ex: &mut Exchange, link: &mut Link, patience: &Patience) -> Result<(), Failure> {
    let head_only = ex.method() == b"HEAD";
    let mut watch = true;
    ex.deadline.set(if ex.body_is_sent() { patience.response } else { patience.idle });
    loop {
        let mut scan = LineScan::default();
        poll_fn(|cx| poll_head(ex, link, &mut scan, head_only, &mut watch, patience, cx)).await?;
        match ex.reply.status {
            200.. => return Ok(()),
            101 if ex.head.websocket && ex.reply.websocket => return Ok(()),
            101 => return Err(Failure::Final(Stop::BadReply("it switches protocols unasked"))),
            _ => interim(ex, link, patience).await?,
        }
        link.input.drain(..ex.reply.end);
    }
}

/// Passes an interim answer on to clients that can take it.
async fn interim(ex: &mut Exchange, link: &Link, patience: &Patience) -> Result<(), Failure> {
    let wanted = ex.reply.status != 100 || ex.head.expects_continue;
    if ex.head.version == Version::Http10 || !wanted {
        return Ok(());
    }
    let mut out = ex.core.buffers.small();
    forward::reply_head(&mut out, ex, &link.input, ReplySink { sink: Sink::Plain, close: false });
    let written = ex.deadline.within(patience.idle, ex.socket.write_all(&out)).await;
    ex.core.buffers.give(out);
    ex.deadline.set(if ex.body_is_sent() { patience.response } else { patience.idle });
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
        match pump.poll(cx, &mut ex.socket, &mut link.socket, &ex.core.buffers) {
            Poll::Ready(Ok(())) => {
                ex.body_sent();
                ex.deadline.set(patience.response);
            }
            Poll::Ready(Err(Broken::Write)) if before == 0 && pump.moved == 0 => {
                return fail(Failure::Unsent("the connection was closed".into()));
            }
            // The upstream takes no more; what it has to say may still arrive.
            Poll::Ready(Err(Broken::Write)) if !last => ex.cut_body(),
            Poll::Ready(Err(Broken::Write)) => {}
            Poll::Ready(Err(broken)) => return fail(Failure::Final(client_fault(broken))),
            Poll::Pending if pump.moved != before => ex.deadline.set(patience.idle),
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
            Poll::Ready(end) if link.input.is_empty() => {
                let text = match end {
                    Err(e) => format!("no answer: {e}"),
                    Ok(_) => "no answer: the connection was closed".into(),
                };
                return fail(Failure::Unanswered(text));
            }
            Poll::Ready(_) => return fail(Failure::Final(Stop::BadReply("its head is cut short"))),
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
        return fail(Failure::Final(if client { Stop::SlowClient } else { Stop::UpstreamSlow }));
    }
    Poll::Pending
}
