//! Deadlines of connections: one slot each, looked at by one coarse tick per core.
//!
//! Setting a deadline is one store, so that a request may move it at every step. A deadline is met at most two
//! [`TICK`]s late and never early.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Between two looks at the deadlines.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// The deadlines of one core.
#[derive(Debug)]
pub(crate) struct Timers {
    start: Instant,
    // Milliseconds since the start, as of the last tick.
    now: Cell<u64>,
    slots: RefCell<Vec<Option<Rc<Slot>>>>,
    free: RefCell<Vec<usize>>,
}

#[derive(Debug, Default)]
struct Slot {
    // Milliseconds since the start; 0 = none.
    due: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Deadline {
    timers: Rc<Timers>,
    slot: Rc<Slot>,
    index: usize,
}

/// A deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elapsed;

impl Timers {
    pub(crate) fn new() -> Rc<Self> {
        let (slots, free) = (RefCell::default(), RefCell::default());
        Rc::new(Self { start: Instant::now(), now: Cell::new(1), slots, free })
    }

    /// A slot for a connection.
    pub(crate) fn deadline(self: &Rc<Self>) -> Deadline {
        let slot = Rc::new(Slot::default());
        let index = match self.free.borrow_mut().pop() {
            Some(index) => {
                self.slots.borrow_mut()[index] = Some(Rc::clone(&slot));
                index
            }
            None => {
                self.slots.borrow_mut().push(Some(Rc::clone(&slot)));
                self.slots.borrow().len() - 1
            }
        };
        Deadline { timers: Rc::clone(self), slot, index }
    }

    /// Wakes whoever's deadline has passed.
    pub(crate) fn tick(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        self.now.set(now);
        for slot in self.slots.borrow().iter().flatten() {
            if slot.due.get() != 0 && slot.due.get() <= now {
                slot.wake();
            }
        }
    }

    /// Wakes everybody, so that they see that the proxy stops.
    pub(crate) fn wake_all(&self) {
        self.slots.borrow().iter().flatten().for_each(|slot| slot.wake());
    }
}

impl Slot {
    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Deadline {
    /// Sets it `after` from now.
    pub(crate) fn set(&self, after: Duration) {
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        // `now` may be a tick old, so that a tick is added to never be early.
        self.slot.due.set(self.timers.now.get().saturating_add(millis).saturating_add(TICK.as_millis() as u64));
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.slot.due.set(0);
    }

    /// Ready once it has passed; else the task is woken then, and by [`Timers::wake_all`].
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Elapsed> {
        let due = self.slot.due.get();
        if due != 0 && due <= self.timers.now.get() {
            return Poll::Ready(Elapsed);
        }
        let mut waker = self.slot.waker.borrow_mut();
        match &*waker {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// The result of `work` unless it takes longer than `limit`.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, work: F) -> Result<F::Output, Elapsed> {
        self.set(limit);
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(out) => Poll::Ready(Ok(out)),
            Poll::Pending => self.poll(cx).map(Err),
        })
        .await
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.timers.slots.borrow_mut()[self.index] = None;
        self.timers.free.borrow_mut().push(self.index);
    }
}
