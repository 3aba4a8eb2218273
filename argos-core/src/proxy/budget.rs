//! What a connection that carries many streams may do that costs its sender little and us more: each kind of frame that
//! answers nothing has a budget. Once one is spent the connection is ended. Source: RFC 9113 §10.5, RFC 9114 §10.5.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Streams that a client may give up within [`RESETS_OVER`], beyond those that were answered.
const RESETS: u32 = 200;
const RESETS_OVER: Duration = Duration::from_secs(30);
/// SETTINGS and PING frames within [`CONTROLS_OVER`]; so many DATA frames without content too.
const CONTROLS: u32 = 32;
const CONTROLS_OVER: Duration = Duration::from_secs(10);
/// Frames that nobody reads within the same time. Browsers send PRIORITY with each request.
const PRIORITIES: u32 = 1024;

/// What was counted, shared with the connection's own loop.
#[derive(Debug)]
pub(crate) struct Gauge {
    spent: Cell<Option<&'static str>>,
    answered: Cell<u32>,
    head_open: Cell<bool>,
    resets: Cell<Budget>,
    controls: Cell<Budget>,
    empty: Cell<Budget>,
    priorities: Cell<Budget>,
}

impl Gauge {
    pub(crate) fn new() -> Rc<Self> {
        let now = Instant::now();
        let budget = || Cell::new(Budget { since: now, count: 0 });
        Rc::new(Self {
            spent: Cell::new(None),
            answered: Cell::new(0),
            head_open: Cell::new(false),
            resets: budget(),
            controls: budget(),
            empty: budget(),
            priorities: budget(),
        })
    }

    /// Which budget is spent.
    pub(crate) fn spent(&self) -> Option<&'static str> {
        self.spent.get()
    }

    /// A budget is spent: the first is what the connection ends for.
    pub(crate) fn overspent(&self, why: &'static str) {
        if self.spent.get().is_none() {
            self.spent.set(Some(why));
        }
    }

    fn spend(&self, budget: &Cell<Budget>, over: Duration, most: u32, why: &'static str) {
        let mut counted = budget.get();
        if counted.spend(Instant::now(), over, most) {
            self.overspent(why);
        }
        budget.set(counted);
    }

    /// The client gave a stream up.
    pub(crate) fn given_up(&self) {
        let before = self.resets.get().since;
        let most = RESETS.saturating_add(self.answered.get());
        self.spend(&self.resets, RESETS_OVER, most, "too many streams were reset");
        if self.resets.get().since != before {
            self.answered.set(0);
        }
    }

    /// A frame came that is about the connection.
    pub(crate) fn controlled(&self, why: &'static str) {
        self.spend(&self.controls, CONTROLS_OVER, CONTROLS, why);
    }

    /// A frame came that carries nothing.
    pub(crate) fn carried_nothing(&self, why: &'static str) {
        self.spend(&self.empty, CONTROLS_OVER, CONTROLS, why);
    }

    /// A frame came that nobody reads, such as the order of streams.
    pub(crate) fn prioritized(&self, why: &'static str) {
        self.spend(&self.priorities, CONTROLS_OVER, PRIORITIES, why);
    }

    /// A stream was answered to its end.
    pub(crate) fn answered(&self) {
        self.answered.set(self.answered.get().saturating_add(1));
    }

    /// A head has begun, or ended.
    pub(crate) fn set_head_open(&self, open: bool) {
        self.head_open.set(open);
    }

    /// Whether a head has begun and not ended.
    pub(crate) fn head_open(&self) -> bool {
        self.head_open.get()
    }
}

/// A count that begins anew after a time.
#[derive(Clone, Copy, Debug)]
struct Budget {
    since: Instant,
    count: u32,
}

impl Budget {
    /// Counts one; true once there are more than `most` within `over`.
    fn spend(&mut self, now: Instant, over: Duration, most: u32) -> bool {
        if now.duration_since(self.since) >= over {
            *self = Self { since: now, count: 0 };
        }
        self.count += 1;
        self.count > most
    }
}
