//! One client connection that speaks HTTP/2: its streams are requests of their own, which go the way of all.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;

use super::core::Core;
use super::exchange::Exchange;
use super::framed::{Framed, h2_client, head};
use super::h1::connection::LAST_CALL;
use super::h1::response::{self, After};
use super::meter::{Gauge, Metered};
use super::pipeline;
use super::stop::Stop;
use super::stream::Stream;
use super::timer::Deadline;
use super::tls::Secured;
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
/// What each field counts beyond its bytes. Source: RFC 9113 §6.5.2.
const FIELD_ADDS: usize = 32;
/// Exchanges that are kept for the next streams.
const SPARES: usize = 16;

/// Who is connected: what all streams share.
pub(crate) struct Peer {
    pub(crate) core: Rc<Core>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) secured: Option<Rc<Secured>>,
}

struct Streams {
    who: Peer,
    gauge: Rc<Gauge>,
    open: Cell<usize>,
    // The connection's loop, to be told that the last stream ended.
    waker: RefCell<Option<Waker>>,
    // Exchanges of streams that ended.
    #[allow(clippy::vec_box, reason = "an exchange is large and goes to and fro")]
    spares: RefCell<Vec<Box<Exchange>>>,
}

/// Serves a connection until either side ends it. `first` is what was read of it.
pub(crate) async fn serve(who: Peer, stream: Stream, first: Vec<u8>) {
    let core = Rc::clone(&who.core);
    let deadline = core.timers.deadline();
    let gauge = Rc::<Gauge>::default();
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
    let list = (settings.max_header_bytes + FIELD_ADDS * settings.max_headers).saturating_mul(2);
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
    let streams = Streams { who, gauge, open: Cell::new(0), waker: RefCell::default(), spares: RefCell::default() };
    run(&core, Rc::new(streams), (connection, wire), &deadline).await;
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
            let now = match streams.open.get() {
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
            Some(Ok((request, respond))) => Streams::begin(&streams, request, respond),
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

impl Streams {
    /// Answers one request in a task of its own.
    fn begin(streams: &Rc<Self>, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        streams.open.set(streams.open.get() + 1);
        let streams = Rc::clone(streams);
        tokio::task::spawn_local(async move {
            let guard = Counted(&streams);
            guard.0.answer(request, respond).await;
        });
    }

    /// Has the task be told when the last stream ends.
    fn woken_by(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
    }

    fn exchange(&self) -> Box<Exchange> {
        let spare = self.spares.borrow_mut().pop();
        spare.unwrap_or_else(|| {
            let who = &self.who;
            let mut ex = Box::new(Exchange::new(Rc::clone(&who.core), Stream::Gone, who.peer, who.local));
            ex.secured.clone_from(&who.secured);
            ex
        })
    }

    async fn answer(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let core = &self.who.core;
        let mut ex = self.exchange();
        let live = core.live();
        let (parts, recv) = request.into_parts();
        let ends = recv.is_end_stream();
        let half = h2_client::Half::new(recv, respond);
        ex.socket = Stream::Framed(Box::new(Framed::Client2(half)));
        ex.input = core.buffers.small();
        ex.begin(&live);
        let protocol = parts.extensions.get::<h2::ext::Protocol>().map(h2::ext::Protocol::as_str);
        let outcome = match head::read(&mut ex, &live, &parts, protocol, Version::Http2, ends) {
            Ok(()) => pipeline::answer(&mut ex, &live, core).await,
            Err(refusal) => Err(Stop::Refused(refusal)),
        };
        let after = response::send(&mut ex, &live, core, outcome).await;
        ex.finish();
        if after == After::Cut {
            ex.socket.reset();
        } else {
            self.gauge.answered();
        }
        ex.rest();
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push(ex);
        }
    }

    /// Writes a row about a connection whose client does what it should not.
    fn refuse(&self, why: &str) {
        self.who.core.record_unheard(self.who.peer.ip(), why);
    }
}

/// A stream that is counted among the open ones.
struct Counted<'a>(&'a Streams);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0
            && let Some(waker) = &*self.0.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }
}
