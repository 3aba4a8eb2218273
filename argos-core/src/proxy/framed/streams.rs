//! The requests of one client connection that carries many at a time, each in a task of its own.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Waker};

use super::Framed;
use crate::proxy::budget::Gauge;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::head::Refusal;
use crate::proxy::h1::response::{self, After};
use crate::proxy::pipeline;
use crate::proxy::stop::Stop;
use crate::proxy::stream::Stream;
use crate::proxy::tls::Secured;
use crate::snapshot::Snapshot;

/// Exchanges that are kept for the next streams.
const SPARES: usize = 16;

/// Who is connected: what all streams share.
pub(crate) struct Peer {
    pub(crate) core: Rc<Core>,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) secured: Option<Rc<Secured>>,
}

/// The streams of a connection.
pub(crate) struct Streams {
    pub(crate) gauge: Rc<Gauge>,
    who: Peer,
    open: Cell<usize>,
    // The connection's loop, to be told that the last stream ended.
    waker: RefCell<Option<Waker>>,
    // Exchanges of streams that ended.
    #[allow(clippy::vec_box, reason = "an exchange is large and goes to and fro")]
    spares: RefCell<Vec<Box<Exchange>>>,
}

impl Streams {
    pub(crate) fn new(who: Peer, gauge: Rc<Gauge>) -> Rc<Self> {
        Rc::new(Self { gauge, who, open: Cell::new(0), waker: RefCell::default(), spares: RefCell::default() })
    }

    pub(crate) fn core(&self) -> &Rc<Core> {
        &self.who.core
    }

    /// How many are being answered.
    pub(crate) fn open(&self) -> usize {
        self.open.get()
    }

    /// Has the task be told when the last stream ends.
    pub(crate) fn woken_by(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
    }

    /// Wakes the connection's loop.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// The address of the client, as it was proven.
    pub(crate) fn address(&self) -> IpAddr {
        self.who.peer.ip()
    }

    /// Serves one stream in a task of its own.
    pub(crate) fn begin<F: AsyncFnOnce(&Self) + 'static>(streams: &Rc<Self>, serve: F) {
        streams.open.set(streams.open.get() + 1);
        let streams = Rc::clone(streams);
        tokio::task::spawn_local(async move {
            let guard = Counted(&streams);
            serve(guard.0).await;
        });
    }

    /// An exchange for one request.
    pub(crate) fn exchange(&self) -> Box<Exchange> {
        let spare = self.spares.borrow_mut().pop();
        spare.unwrap_or_else(|| {
            let who = &self.who;
            let mut ex = Box::new(Exchange::new(Rc::clone(&who.core), Stream::Gone, who.peer, who.local));
            ex.secured.clone_from(&who.secured);
            ex
        })
    }

    /// Answers the request over `half` whose head `read` gives.
    pub(crate) async fn answer(
        &self,
        ex: &mut Exchange,
        half: Framed,
        read: impl FnOnce(&mut Exchange, &Snapshot) -> Result<(), Refusal>,
    ) -> After {
        let core = &self.who.core;
        let live = core.live();
        ex.socket = Stream::Framed(Box::new(half));
        ex.input = core.buffers.small();
        ex.begin(&live);
        let outcome = match read(ex, &live) {
            Ok(()) => pipeline::answer(ex, &live, core).await,
            Err(refusal) => Err(Stop::Refused(refusal)),
        };
        let after = response::send(ex, &live, core, outcome).await;
        ex.finish();
        if after == After::Cut {
            ex.socket.reset();
        }
        after
    }

    /// Takes the exchange of a request that is over back.
    pub(crate) fn rest(&self, mut ex: Box<Exchange>) {
        ex.rest();
        let mut spares = self.spares.borrow_mut();
        if spares.len() < SPARES {
            spares.push(ex);
        }
    }

    /// Writes a row about a connection whose client does what it should not.
    pub(crate) fn refuse(&self, why: &str) {
        self.who.core.record_unheard(self.who.peer.ip(), why);
    }
}

/// A stream that is counted among the open ones.
struct Counted<'a>(&'a Streams);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0 {
            self.0.wake();
        }
    }
}
