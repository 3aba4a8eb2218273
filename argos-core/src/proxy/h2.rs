//! One client connection that speaks HTTP/2: its streams are requests of their own, which go the way of all.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;

use super::budget::Gauge;
use super::core::Core;
use super::framed::head::Ask;
use super::framed::streams::{Peer, Streams};
use super::framed::{Framed, h2_client, head, most_of_fields};
use super::h1::connection::LAST_CALL;
use super::h1::response::After;
use super::meter::Metered;
use super::stream::Stream;
use super::timer::Deadline;
use crate::logs::Version;

/// Room for a stream's body that was not taken yet, and for all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of answers that wait in one stream for the client.
const SEND_BUFFER: usize = 64 * 1024;
/// Streams that were ended for the client's faults before the connection is.
const FAULTS: usize = 200;
/// More than the budget of resets allows.
const PENDING_RESETS: usize = 1000;
/// The library derives from the size of a head how many frames may go on with it; with this, no fewer than ours.
const LEAST_LIST: usize = 13 * 16 * 1024;

/// Serves a connection until either side ends it. `first` is what was read of it.
pub(crate) async fn serve(who: Peer, stream: Stream, first: Vec<u8>) {
    let core = Rc::clone(&who.core);
    let deadline = core.timers.deadline();
    let gauge = Gauge::new();
    let live = core.live();
    let settings = &live.proxy;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(settings.h2_max_streams)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_local_error_reset_streams(Some(FAULTS))
        // Those that the client gave up before they were looked at: its budget says how many.
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .enable_connect_protocol();
    // Larger heads are refused here, where they leave a row.
    let list = most_of_fields(settings).max(LEAST_LIST);
    builder.max_header_list_size(u32::try_from(list).unwrap_or(u32::MAX));
    deadline.set(settings.header_timeout);
    drop(live);
    let wire = Metered::new(stream, first, Rc::clone(&gauge), Rc::clone(&core.buffers));
    let mut shake = pin!(builder.handshake(wire.clone()));
    let connection = poll_fn(|cx| {
        let shaken = shake.as_mut().poll(cx);
        if let Poll::Ready(Err(_)) = wire.poll_out(cx) {
            return Poll::Ready(None);
        }
        match shaken {
            Poll::Ready(agreed) => Poll::Ready(agreed.ok()),
            Poll::Pending if gauge.spent().is_some() => Poll::Ready(None),
            Poll::Pending => deadline.poll(cx).map(|_| None),
        }
    });
    let Some(connection) = connection.await else { return };
    run(&core, Streams::new(who, gauge), (connection, wire), &deadline).await;
}

/// What the connection waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Its streams, which have their own deadlines.
    Streams,
    /// The rest of a head.
    Head,
    /// Its next request.
    Request,
    /// What is on its way when the proxy stops.
    LastCall,
    /// That the client takes the last word.
    End,
}

async fn run(
    core: &Rc<Core>,
    streams: Rc<Streams>,
    (mut connection, wire): (Connection<Metered<Stream>, Bytes>, Metered<Stream>),
    deadline: &Deadline,
) {
    let (mut stopping, mut ending) = (false, false);
    // The deadline of the handshake is that of the first request.
    let mut wait = Wait::Request;
    loop {
        let next = poll_fn(|cx| {
            if core.stopping.get() && !std::mem::replace(&mut stopping, true) {
                connection.graceful_shutdown();
            }
            let mut next = connection.poll_accept(cx);
            if next.is_pending()
                && let Poll::Ready(Err(_)) = wire.poll_out(cx)
            {
                return Poll::Ready(None);
            }
            if let Some(why) = streams.gauge.spent().filter(|_| !std::mem::replace(&mut ending, true)) {
                streams.refuse(why);
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                next = connection.poll_accept(cx);
            }
            if next.is_ready() {
                return next;
            }
            streams.woken_by(cx);
            let now = match streams.open() {
                _ if ending => Wait::End,
                _ if streams.gauge.head_open() => Wait::Head,
                0 if stopping => Wait::LastCall,
                0 => Wait::Request,
                _ => Wait::Streams,
            };
            if now != std::mem::replace(&mut wait, now) {
                let live = core.live();
                match now {
                    Wait::Streams => deadline.clear(),
                    Wait::Head => deadline.set(live.proxy.header_timeout),
                    Wait::Request => deadline.set(live.proxy.keepalive_timeout),
                    Wait::LastCall | Wait::End => deadline.set(LAST_CALL),
                }
            }
            if deadline.poll(cx).is_pending() {
                return Poll::Pending;
            }
            match wait {
                Wait::End => return Poll::Ready(None),
                Wait::Head => {
                    streams.refuse("the request did not arrive in time");
                    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                }
                _ => connection.abrupt_shutdown(Reason::NO_ERROR),
            }
            (ending, wait) = (true, Wait::End);
            deadline.set(LAST_CALL);
            connection.poll_accept(cx)
        });
        match next.await {
            Some(Ok((request, respond))) => begin(&streams, request, respond),
            // What a stream did wrong has ended that stream; this is about the connection.
            Some(Err(e)) => {
                if !ending && e.is_go_away() && e.is_library() {
                    streams.refuse(&format!("the connection's frames are refused: {e}"));
                }
                return;
            }
            None => return,
        }
    }
}

/// Answers one request in a task of its own.
fn begin(streams: &Rc<Streams>, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
    Streams::begin(streams, async move |streams| {
        let mut ex = streams.exchange();
        let (parts, recv) = request.into_parts();
        let ends = recv.is_end_stream();
        let half = Framed::Client2(h2_client::Half::new(recv, respond));
        let protocol = parts.extensions.get::<h2::ext::Protocol>().map(h2::ext::Protocol::as_str);
        let ask = Ask::of(&parts, protocol);
        let after = streams
            .answer(&mut ex, half, |ex, live| head::read(ex, live, &ask, &parts.headers, Version::Http2, ends))
            .await;
        if after != After::Cut {
            streams.gauge.answered();
        }
        streams.rest(ex);
    });
}
