//! Answers on their way to the client: an upstream's, or one of our own.

use std::future::poll_fn;
use std::io::Write as _;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::body::{Broken, Framer, Pump, Sink, Source};
use super::field::Known;
use super::reply_head::ReplyFraming;
use crate::logs::{AccessAction, Version};
use crate::proxy::buffer::SMALL;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::forward::{self, ReplySink};
use crate::proxy::page;
use crate::proxy::stage::upstream::Reply;
use crate::proxy::stop::{Answer, Stop};
use crate::proxy::tunnel;
use crate::snapshot::Snapshot;

/// Unread body bytes up to here are read and thrown away to keep a connection; beyond, it is closed.
const MAX_DRAIN: u64 = 64 * 1024;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It waits for the next request.
    Keep,
    /// It is closed; the client is told and may still be sending.
    Linger,
    /// It is cut: the answer is incomplete or nobody is there.
    Cut,
}

/// Writes the answer of `outcome` and notes it for the log.
pub(crate) async fn send(ex: &mut Exchange, live: &Snapshot, core: &Core, outcome: Result<Reply, Stop>) -> After {
    let idle = live.proxy.body_idle_timeout;
    match outcome {
        Ok(reply) if ex.reply.websocket => tunnel::relay(ex, reply.link, live.proxy.tunnel_idle_timeout).await,
        Ok(reply) => pass(ex, core, reply, idle).await,
        Err(stop) => stopped(ex, core, stop, idle).await,
    }
}

/// Why an upstream's answer did not reach the client whole.
enum Short {
    Body(Broken),
    Stalled,
}

async fn pass(ex: &mut Exchange, core: &Core, reply: Reply, idle: Duration) -> After {
    let mut link = reply.link;
    let old = ex.head.version == Version::Http10;
    let trailers = ex.head.takes_trailers;
    let (source, sink) = match ex.reply.framing {
        ReplyFraming::None => (Source::Done, Sink::Plain),
        ReplyFraming::Length(n) => (Source::Length(n), Sink::Plain),
        ReplyFraming::Chunked if old => (Source::Chunked(Box::default()), Sink::Plain),
        ReplyFraming::Chunked => (Source::Chunked(Box::default()), Sink::Chunked { trailers }),
        ReplyFraming::Close if old => (Source::Close, Sink::Plain),
        ReplyFraming::Close => (Source::Close, Sink::Chunked { trailers: false }),
    };
    let unsized_body = old && !matches!(source, Source::Done | Source::Length(_));
    let long = matches!(source, Source::Length(n) if n > SMALL as u64);
    let unread = ex.sending.is_some() || ex.cut;
    let close = ex.head.close || unsized_body || unread || core.stopping.get();
    let mut out = if long { core.buffers.large() } else { core.buffers.small() };
    forward::reply_head(&mut out, ex, &link.input, ReplySink { sink, close });
    let (framer, mut extra) = match reply.held {
        Some(mut held) => {
            let content = std::mem::replace(&mut held.framer, Framer::new(Source::Done, sink, 0));
            let mut framer = Framer { sink, ..content };
            framer.replay(held.bytes(), &mut out);
            (framer, held.extra)
        }
        None => {
            let mut framer = Framer::new(source, sink, u64::MAX);
            match framer.push(&link.input[ex.reply.end..], &mut out) {
                Ok(used) => (framer, link.input.len() > ex.reply.end + used),
                Err(_) => {
                    return stopped(ex, core, Stop::BadReply("its chunked body is not well-formed"), idle).await;
                }
            }
        }
    };
    core.buffers.give(std::mem::take(&mut link.input));
    ex.facts.status = ex.reply.status;
    ex.deadline.set(idle);
    let mut down = Pump::new(framer, out);
    let mut moved = 0;
    let end = poll_fn(|cx| {
        if let Some(up) = &mut ex.sending {
            match up.poll(cx, &mut ex.socket, &mut link.socket, &core.buffers) {
                Poll::Ready(Ok(())) => ex.body_sent(),
                Poll::Ready(Err(_)) => ex.cut_body(),
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(end) = down.poll(cx, &mut link.socket, &mut ex.socket, &core.buffers) {
            return Poll::Ready(end.map_err(Short::Body));
        }
        let now = down.moved + ex.sending.as_ref().map_or(0, |up| up.moved);
        if now != moved {
            moved = now;
            ex.deadline.set(idle);
        }
        ex.deadline.poll(cx).map(|_| Err(Short::Stalled))
    })
    .await;
    ex.deadline.clear();
    ex.facts.bytes_out = down.framer.content;
    let starves = down.starves();
    let left = down.finish(&core.buffers);
    extra |= !left.is_empty();
    core.buffers.give(left);
    match end {
        Ok(()) => {
            ex.facts.action = AccessAction::Proxied;
            if !ex.reply.close && !extra && ex.sending.is_none() && !ex.cut {
                core.pool.give(&link.pool, link.socket, Instant::now());
            }
            if close { After::Linger } else { After::Keep }
        }
        Err(Short::Body(Broken::Write)) => After::Cut,
        Err(Short::Stalled) if !starves => After::Cut,
        Err(short) => {
            let text = match short {
                Short::Body(Broken::Chunk(_)) => "its chunked body is not well-formed",
                Short::Stalled => "its body stalled",
                Short::Body(_) => "its body is cut short",
            };
            ex.facts.action = AccessAction::UpstreamError;
            ex.facts.message = text;
            ex.record_fault("upstream", true, ex.reply.status, text);
            After::Cut
        }
    }
}

async fn stopped(ex: &mut Exchange, core: &Core, stop: Stop, idle: Duration) -> After {
    let status = stop.status();
    if let Some((component, severe, text)) = stop.fault() {
        ex.record_fault(component, severe, status, &text);
    }
    (ex.facts.status, ex.facts.action, ex.facts.message) = (status, stop.action(), stop.message());
    let closes = stop.closes();
    let Some(answer) = stop.into_answer() else { return After::Cut };
    let left = if closes { None } else { unread(ex) };
    let close = ex.head.close || core.stopping.get() || left.is_none();
    let mut out = core.buffers.small();
    ex.facts.bytes_out = write_answer(&mut out, ex, core, &answer, close);
    let written = ex.deadline.within(idle, ex.socket.write_all(&out)).await;
    core.buffers.give(out);
    ex.deadline.clear();
    match (written, left) {
        (Ok(Ok(())), Some(left)) if !close => drain(ex, left, idle).await,
        (Ok(Ok(())), _) => After::Linger,
        _ => {
            ex.facts.action = AccessAction::ClientClosed;
            After::Cut
        }
    }
}

/// How many bytes of the request's body are still to come; none when that is unknown, too many, or held back by the
/// client until it sees `100 Continue`.
fn unread(ex: &mut Exchange) -> Option<u64> {
    if ex.sending.is_some() || ex.cut {
        return None;
    }
    if !ex.body.done() {
        let mut scrap = Vec::new();
        ex.at += ex.body.push(&ex.input[ex.at..], &mut scrap).ok()?;
    }
    match ex.body.source {
        Source::Done => Some(0),
        Source::Length(left) if left <= MAX_DRAIN && !ex.head.expects_continue => Some(left),
        _ => None,
    }
}

async fn drain(ex: &mut Exchange, left: u64, idle: Duration) -> After {
    if left == 0 {
        return After::Keep;
    }
    let mut rest = (&mut ex.socket).take(left);
    let mut sink = tokio::io::sink();
    match ex.deadline.within(idle, tokio::io::copy(&mut rest, &mut sink)).await {
        Ok(Ok(n)) if n == left => {
            ex.facts.bytes_in += n;
            After::Keep
        }
        _ => After::Cut,
    }
}

/// Writes a whole answer of our own; says how many bytes its content has.
fn write_answer(out: &mut Vec<u8>, ex: &Exchange, core: &Core, answer: &Answer, close: bool) -> u64 {
    let page;
    let (content_type, content): (&str, &[u8]) = match &answer.content {
        Some(reply) => (&reply.content_type, reply.body.as_bytes()),
        None => {
            let accept = ex.known(Known::Accept).unwrap_or_default();
            page = page::page(answer.status, accept, ex.id.as_str());
            (page.0, page.1.as_bytes())
        }
    };
    forward::status_line(out, answer.status, page::reason(answer.status).as_bytes());
    let bodiless = matches!(answer.status, 204 | 304);
    if !bodiless {
        // Writing to memory can't fail.
        let _ = write!(out, "Content-Type: {content_type}\r\nContent-Length: {}\r\n", content.len());
    }
    // A refusal must not outlive its rule in somebody's cache.
    if answer.content.is_none() || answer.status >= 400 {
        out.extend_from_slice(b"Cache-Control: no-store\r\n");
    }
    if let Some(location) = &answer.location {
        out.extend_from_slice(b"Location: ");
        out.extend_from_slice(location);
        out.extend_from_slice(b"\r\n");
    }
    if answer.status == 405 {
        out.extend_from_slice(b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    }
    out.extend_from_slice(b"X-Request-Id: ");
    out.extend_from_slice(ex.id.as_bytes());
    out.extend_from_slice(b"\r\nDate: ");
    out.extend_from_slice(&core.date(ex.facts.at));
    out.extend_from_slice(b"\r\n");
    forward::put_hsts(out, ex);
    forward::connection(out, ex, close);
    out.extend_from_slice(b"\r\n");
    if bodiless || ex.method() == b"HEAD" {
        return 0;
    }
    out.extend_from_slice(content);
    content.len() as u64
}
