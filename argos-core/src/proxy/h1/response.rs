//! Answers on their way to the client: an upstream's, or one of our own.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::body::{Broken, Framer, Pump, Sink, Source, Wire as _};
use super::field::Known;
use super::reply_head::ReplyFraming;
use crate::logs::{AccessAction, Version};
use crate::proxy::buffer::SMALL;
use crate::proxy::compress::{self, Plan, Room, Squeeze};
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::forward::{self, Lines};
use crate::proxy::framed::fields::Fields;
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
    /// It is closed, as the client wished: it sends no more.
    Close,
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
    let framed = ex.socket.is_framed();
    let trailers = ex.head.takes_trailers;
    let source = match ex.reply.framing {
        ReplyFraming::None => Source::Done,
        // There the length was checked already, and trailers may follow.
        ReplyFraming::Length(_) if framed && link.socket.is_framed() => Source::Close,
        ReplyFraming::Length(n) => Source::Length(n),
        ReplyFraming::Chunked => Source::Chunked(Box::default()),
        ReplyFraming::Close => Source::Close,
    };
    ex.facts.plan = compress::plan(ex, &link.input);
    let room = match ex.facts.plan {
        Some(Plan::In(coding)) if !matches!(source, Source::Done) => {
            let room = Room::take(&core.shared, coding);
            if room.is_none() {
                ex.facts.plan = Some(Plan::Plain);
            }
            room
        }
        _ => None,
    };
    let sink = match ex.reply.framing {
        _ if framed => Sink::Frames,
        _ if room.is_some() => Sink::Chunked { trailers },
        ReplyFraming::Chunked | ReplyFraming::Close if !old => Sink::Chunked { trailers },
        _ => Sink::Plain,
    };
    let unsized_body = old && !matches!(source, Source::Done | Source::Length(_));
    let long = matches!(source, Source::Length(n) if n > SMALL as u64);
    let unread = ex.sending.is_some() || ex.cut;
    let close = ex.head.close || unsized_body || unread || core.stopping.get();
    let mut out = if long { core.buffers.large() } else { core.buffers.small() };
    if !framed {
        reply_head(&mut out, ex, &link.input, sink, close);
    }
    // What is coded is framed afterwards.
    let mut plain = Vec::new();
    let (first, to) = if room.is_some() { (&mut plain, Sink::Plain) } else { (&mut out, sink) };
    let (mut framer, mut extra) = match reply.held {
        Some(mut held) => {
            let content = std::mem::replace(&mut held.framer, Framer::new(Source::Done, to, 0));
            let mut framer = Framer { sink: to, ..content };
            framer.replay(held.bytes(), first);
            (framer, held.extra)
        }
        None => {
            let mut framer = Framer::new(source, to, u64::MAX);
            match framer.push(&link.input[ex.reply.end..], first) {
                Ok(used) => (framer, link.input.len() > ex.reply.end + used),
                Err(_) => {
                    return stopped(ex, core, Stop::BadReply("its chunked body is not well-formed"), idle).await;
                }
            }
        }
    };
    let mut squeeze = None;
    if let Some(room) = room {
        let content = std::mem::replace(&mut framer, Framer::new(Source::Close, sink, u64::MAX));
        match Squeeze::new(room, content, plain) {
            Ok(coded) => squeeze = Some(coded),
            Err(_) => return After::Cut,
        }
    }
    if framed {
        let ends = framer.done() && out.is_empty() && framer.trailers.is_empty();
        if send_reply_fields(ex, &link.input, ends).is_err() {
            core.buffers.give(out);
            return After::Cut;
        }
    }
    core.buffers.give(std::mem::take(&mut link.input));
    ex.facts.status = ex.reply.status;
    ex.deadline.set(idle);
    // Over frames trailers may follow, and the pump knows.
    if close && !framed && framer.done() {
        ex.socket.ends_with_next_write();
    }
    let mut down = Pump::new(framer, out);
    let mut moved = 0;
    let end = poll_fn(|cx| {
        if let Some(up) = &mut ex.sending {
            match up.poll(cx, &mut ex.socket, &mut link.socket, &core.buffers) {
                Poll::Ready(Ok(())) => ex.body_sent(),
                Poll::Ready(Err(_)) => ex.cut_body(),
                Poll::Pending if !ex.pace.keeps_up(up.came, !up.starves(), Instant::now()) => ex.cut_body(),
                Poll::Pending => {}
            }
        }
        let moving = match &mut squeeze {
            None => down.poll(cx, &mut link.socket, &mut ex.socket, &core.buffers),
            Some(squeeze) => down.poll(cx, &mut squeeze.of(&mut link.socket), &mut ex.socket, &core.buffers),
        };
        if let Poll::Ready(end) = moving {
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
    extra |= !left.is_empty() || squeeze.as_ref().is_some_and(Squeeze::has_more);
    let end = match (end, squeeze.and_then(Squeeze::broken)) {
        (Err(Short::Body(Broken::Read)), Some(broken)) => Err(Short::Body(broken)),
        (end, _) => end,
    };
    core.buffers.give(left);
    match end {
        Ok(()) => {
            ex.facts.action = AccessAction::Proxied;
            if !ex.reply.close && !extra && ex.sending.is_none() && !ex.cut && !link.socket.is_framed() {
                core.pool.give(&link.pool, link.socket, Instant::now());
            }
            match close {
                false => After::Keep,
                true if sends_no_more(ex) => After::Close,
                true => After::Linger,
            }
        }
        Err(Short::Body(Broken::Write)) => After::Cut,
        Err(Short::Stalled) if !starves => After::Cut,
        Err(short) => {
            let text = match short {
                Short::Body(Broken::Chunk(_)) => "its chunked body is not well-formed",
                Short::Stalled => "its body stalled",
                Short::Body(_) => "its body is cut short",
            };
            if let Some(busy) = &link.busy {
                busy.target().doubt.notify_one();
            }
            ex.facts.action = AccessAction::UpstreamError;
            ex.facts.message = text;
            ex.record_fault("upstream", true, ex.reply.status, text);
            After::Cut
        }
    }
}

/// Whether nothing is on its way that could meet a closed socket, which would take the answer away from the client.
fn sends_no_more(ex: &Exchange) -> bool {
    ex.head.close && ex.sending.is_none() && !ex.cut && ex.body.done() && ex.at == ex.input.len()
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
    let grpc = is_grpc(ex);
    let content = content_of(ex, &answer, grpc);
    ex.facts.bytes_out = content.len() as u64;
    let mut out = core.buffers.small();
    let begun = match ex.socket.is_framed() {
        false => {
            forward::status_line(&mut out, answer.status, page::reason(answer.status).as_bytes());
            answer_fields(&mut out, ex, core, &answer, &content, close);
            out.extend_from_slice(b"\r\n");
            Ok(())
        }
        true => {
            let mut fields = Fields::default();
            answer_fields(&mut fields, ex, core, &answer, &content, close);
            if grpc {
                let (status, text) = (page::grpc_status(answer.status), page::reason(answer.status));
                fields.put("grpc-status", status.to_string().as_bytes());
                fields.put("grpc-message", text.as_bytes());
            }
            let status = if grpc { 200 } else { answer.status };
            ex.socket.framed().map_or(Ok(()), |framed| framed.send_head(status, fields, content.is_empty()))
        }
    };
    out.extend_from_slice(content.as_bytes());
    if close || ex.socket.is_framed() {
        ex.socket.ends_with_next_write();
    }
    let socket = &mut ex.socket;
    let writing = async {
        begun?;
        socket.write_all(&out).await?;
        poll_fn(|cx| socket.poll_end(cx, &[])).await
    };
    let written = ex.deadline.within(idle, writing).await;
    core.buffers.give(out);
    ex.deadline.clear();
    match (written, left) {
        (Ok(Ok(())), _) if ex.socket.is_framed() => After::Keep,
        (Ok(Ok(())), Some(left)) if !close => drain(ex, left, idle).await,
        (Ok(Ok(())), Some(0)) if sends_no_more(ex) => After::Close,
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

/// The content of an answer of our own, as far as it is sent, and its type.
struct Content<'a> {
    kind: &'a str,
    text: Cow<'a, str>,
    sent: bool,
}

impl Content<'_> {
    fn as_bytes(&self) -> &[u8] {
        if self.sent { self.text.as_bytes() } else { &[] }
    }

    fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    fn len(&self) -> usize {
        self.as_bytes().len()
    }
}

/// Whether the client waits for a status of gRPC, which is told in fields and nothing else.
fn is_grpc(ex: &Exchange) -> bool {
    let kind = ex.known(Known::Type).unwrap_or_default();
    ex.socket.is_framed() && kind.get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/grpc"))
}

fn content_of<'a>(ex: &Exchange, answer: &'a Answer, grpc: bool) -> Content<'a> {
    if grpc {
        return Content { kind: "application/grpc", text: Cow::Borrowed(""), sent: false };
    }
    let sent = !matches!(answer.status, 204 | 304) && ex.method() != b"HEAD";
    match &answer.content {
        Some(reply) => Content { kind: &reply.content_type, text: Cow::Borrowed(&reply.body), sent },
        None => {
            let gate = answer.gate.as_deref();
            // What is told to programs has one form, whatever they say they like.
            let accept = match gate.is_some_and(|gate| gate.challenge.is_some()) {
                true => b"application/json",
                false => ex.known(Known::Accept).unwrap_or_default(),
            };
            let (kind, text) = page::page(answer.status, gate.and_then(|g| g.text), accept, ex.id.as_str());
            Content { kind, text: Cow::Owned(text), sent }
        }
    }
}

/// Writes the fields of an answer of our own, as the host's rules amend them.
fn answer_fields(
    out: &mut impl Lines,
    ex: &Exchange,
    core: &Core,
    answer: &Answer,
    content: &Content<'_>,
    close: bool,
) {
    match ex.facts.headers.as_deref() {
        Some(rules) => forward::amended(out, ex, rules, |draft| own_fields(draft, ex, core, answer, content, close)),
        None => own_fields(out, ex, core, answer, content, close),
    }
}

fn own_fields(out: &mut impl Lines, ex: &Exchange, core: &Core, answer: &Answer, content: &Content<'_>, close: bool) {
    if !matches!(answer.status, 204 | 304) {
        out.put("Content-Type", content.kind.as_bytes());
    }
    if !matches!(answer.status, 204 | 304) && content.kind != "application/grpc" {
        // Writing to memory can't fail.
        out.with(b"Content-Length", |out| drop(write!(out, "{}", content.text.len())));
    }
    // A refusal must not outlive its rule in somebody's cache.
    if answer.content.is_none() || answer.status >= 400 {
        out.put("Cache-Control", b"no-store");
    }
    if let Some(location) = &answer.location {
        out.put("Location", location);
    }
    if answer.status == 405 {
        out.put("Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    out.put("X-Request-Id", ex.id.as_bytes());
    out.put("Date", &core.date(ex.facts.at));
    if let Some(gate) = &answer.gate {
        gate.cookies.iter().for_each(|cookie| out.put("Set-Cookie", cookie.expose().as_bytes()));
        if let Some(challenge) = &gate.challenge {
            out.put("WWW-Authenticate", challenge.as_bytes());
        }
        // Where a ticket was spent is no other site's to know.
        out.put("Referrer-Policy", b"no-referrer");
    }
    if let Some(seconds) = answer.retry_after {
        out.with(b"Retry-After", |out| drop(write!(out, "{seconds}")));
    }
    forward::put_standing(out, ex);
    forward::put_hsts(out, ex);
    forward::put_alt_svc(out, ex);
    forward::connection(out, ex, close);
}

/// Writes the head of the upstream's answer, whose bytes are `bytes`, as HTTP/1.1.
pub(crate) fn reply_head(out: &mut Vec<u8>, ex: &Exchange, bytes: &[u8], sink: Sink, close: bool) {
    forward::status_line(out, ex.reply.status, ex.reply.reason.of_bytes(bytes));
    forward::reply_fields(out, ex, bytes, sink, close);
    out.extend_from_slice(b"\r\n");
}

/// Sends the head of the upstream's answer, whose bytes are `bytes`, over a stream of frames. Where it switches to a
/// WebSocket the stream does so by any success. Source: RFC 8441 §5.
pub(crate) fn send_reply_fields(ex: &mut Exchange, bytes: &[u8], ends: bool) -> io::Result<()> {
    let mut fields = Fields::default();
    forward::reply_fields(&mut fields, ex, bytes, Sink::Frames, false);
    let status = if ex.reply.websocket { 200 } else { ex.reply.status };
    match ex.socket.framed() {
        Some(framed) if status < 200 => framed.send_interim(status, fields),
        Some(framed) => framed.send_head(status, fields, ends),
        None => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Tells a client that waits for it to send its body. Source: RFC 9110 §10.1.1.
pub(crate) async fn go_on(ex: &mut Exchange, idle: Duration) -> Result<(), Stop> {
    let sent = match ex.socket.framed() {
        Some(framed) => Ok(framed.send_interim(100, Fields::default())),
        None => ex.deadline.within(idle, ex.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")).await,
    };
    match sent {
        Ok(Ok(())) => Ok(()),
        _ => Err(Stop::ClientGone),
    }
}
