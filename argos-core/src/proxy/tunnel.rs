//! A WebSocket: after `101` bytes go both ways until both sides have ended. Source: RFC 6455 §4, RFC 9110 §7.8.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::AsyncWrite as _;

use super::exchange::Exchange;
use super::h1::body::{Framer, Pump, Sink, Source};
use super::h1::response::{self, After};
use super::stage::upstream::Link;
use crate::logs::AccessAction;

/// Passes the answer `101` on, then bytes both ways; ends when nothing moves for `idle`.
pub(crate) async fn relay(ex: &mut Exchange, mut link: Link, idle: Duration) -> After {
    let core = ex.core.clone();
    let raw = || Framer::new(Source::Close, Sink::Plain, u64::MAX);
    let framed = ex.socket.is_framed();
    let mut out = core.buffers.small();
    if !framed {
        response::reply_head(&mut out, ex, &link.input, Sink::Plain, false);
    } else if response::send_reply_fields(ex, &link.input, false).is_err() {
        return After::Cut;
    }
    let mut framer = raw();
    framer.sink = if framed { Sink::Frames } else { Sink::Plain };
    // An open-ended body has no form that could be wrong.
    let _ = framer.push(&link.input[ex.reply.end..], &mut out);
    let mut down = Pump::new(framer, out);
    let mut framer = raw();
    let mut first = core.buffers.small();
    let _ = framer.push(&ex.input[ex.at..], &mut first);
    ex.at = ex.input.len();
    let mut up = Pump::new(framer, first);
    core.buffers.give(std::mem::take(&mut link.input));
    ex.facts.status = 101;
    ex.deadline.set(idle);
    // Each direction: copying, then telling the reader that no more comes, then over.
    let (mut up_done, mut down_done) = (false, false);
    let mut moved = 0;
    let whole = poll_fn(|cx| {
        if !up_done && let Poll::Ready(end) = up.poll(cx, &mut ex.socket, &mut link.socket, &core.buffers) {
            if end.is_err() {
                return Poll::Ready(false);
            }
            up_done = Pin::new(&mut link.socket).poll_shutdown(cx).is_ready();
        }
        if !down_done && let Poll::Ready(end) = down.poll(cx, &mut link.socket, &mut ex.socket, &core.buffers) {
            if end.is_err() {
                return Poll::Ready(false);
            }
            down_done = Pin::new(&mut ex.socket).poll_shutdown(cx).is_ready();
        }
        if up_done && down_done {
            return Poll::Ready(true);
        }
        if up.moved + down.moved != moved {
            moved = up.moved + down.moved;
            ex.deadline.set(idle);
        }
        ex.deadline.poll(cx).map(|_| false)
    })
    .await;
    ex.deadline.clear();
    ex.facts.action = AccessAction::Proxied;
    ex.facts.message = if whole { "tunnel closed" } else { "tunnel cut" };
    (ex.facts.bytes_in, ex.facts.bytes_out) = (up.framer.content, down.framer.content);
    core.buffers.give(up.finish(&core.buffers));
    core.buffers.give(down.finish(&core.buffers));
    // A stream that both sides have ended is over like that of any request.
    if framed && whole { After::Keep } else { After::Cut }
}
