//! The deliveries of one channel, one after the other: a slow channel delays no other.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::{PAUSE, rendered, stored};
use crate::api::{sender_terms, subscribers};
use crate::argos::Argos;
use crate::argos::change::in_transaction;
use crate::clock::{Timestamp, random};
use crate::error::Result;
use crate::event::{Delivery, DeliveryStatus, Severity};
use crate::notify::plan::Channel;
use crate::notify::{Outcome, Parcel, Rendered, Sender, Subscriber};
use crate::schema::{Actor, ChannelId, ChannelKind, DeliveryId, PushSubscriptionId};
use crate::snapshot::Snapshot;
use crate::store::deliveries::{self, Attempted, Waiting};
use crate::store::{Tx, push_subscriptions};

/// Ids that a lane knows at once.
const QUEUE: usize = 1000;
/// Attempts of one delivery, before it takes somebody to have it tried again.
const ATTEMPTS: u32 = 3;
/// What came of attempts is stored at least so often.
const NOTED_MS: i64 = 200;
const NOTED_WITHIN: Duration = Duration::from_millis(200);
/// And when it is of so many.
const NOTED: usize = 64;
/// The longest look away from the clock, which may jump.
const LOOK: Duration = Duration::from_millis(250);

/// The deliveries of one channel.
pub(super) struct Lane {
    argos: Argos,
    id: ChannelId,
    queue: RefCell<VecDeque<Waiting>>,
    /// Those that failed and are tried again, by the moment.
    later: RefCell<BTreeSet<(Timestamp, DeliveryId, u32)>>,
    /// Whether rows may wait that are in neither.
    more: Cell<bool>,
    /// The highest id that it knew: a new row may have been read before it is added.
    last: Cell<DeliveryId>,
    /// Rows that wait, known or not, as far as it was counted.
    waiting: Cell<usize>,
    wake: Notify,
    /// What is not stored yet.
    done: RefCell<Done>,
}

/// What attempts came to.
#[derive(Clone, Default)]
struct Done {
    attempts: Vec<Attempted>,
    /// Subscriptions that push services said are gone.
    gone: Vec<PushSubscriptionId>,
    since: Option<Timestamp>,
}

impl Lane {
    pub(super) fn new(argos: Argos, id: ChannelId) -> Self {
        Self {
            argos,
            id,
            queue: RefCell::default(),
            later: RefCell::default(),
            more: Cell::new(false),
            last: Cell::new(DeliveryId(0)),
            waiting: Cell::new(0),
            wake: Notify::new(),
            done: RefCell::default(),
        }
    }

    /// Adds a new row, or has it read later where as many as may be are known.
    pub(super) fn add(&self, one: Waiting) {
        if one.id <= self.last.get() {
            return;
        }
        self.waiting.set(self.waiting.get() + 1);
        let known = self.queue.borrow().len() + self.later.borrow().len();
        if self.more.get() || known >= QUEUE {
            self.more.set(true);
        } else {
            self.last.set(one.id);
            self.queue.borrow_mut().push_back(one);
        }
        self.wake.notify_one();
    }

    /// Rows that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.get()
    }

    /// Has it look for rows that it does not know.
    pub(super) fn look_again(&self) {
        self.more.set(true);
        self.wake.notify_one();
    }

    pub(super) async fn work(self: Rc<Self>) {
        let mut sender = None;
        loop {
            let now = self.now();
            self.note(now).await;
            match self.next(now) {
                Some(one) => self.attempt(one, &mut sender).await,
                None if self.more.get() => self.read_more().await,
                None => {
                    let wait = self.later.borrow().first().map(|(at, ..)| (at.0 - now.0).clamp(1, 250).unsigned_abs());
                    let woken = self.wake.notified();
                    match wait {
                        // Whether it was woken or the time has come makes no difference.
                        Some(ms) => drop(timeout(Duration::from_millis(ms).min(LOOK), woken).await),
                        None => woken.await,
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.argos.inner.cx.clock.now()
    }

    /// The next one that is due.
    fn next(&self, now: Timestamp) -> Option<Waiting> {
        let mut later = self.later.borrow_mut();
        if later.first().is_some_and(|(at, ..)| *at <= now) {
            let (next_attempt_at, id, attempts) = later.pop_first()?;
            return Some(Waiting { id, attempts, next_attempt_at });
        }
        let one = self.queue.borrow_mut().pop_front()?;
        if one.next_attempt_at > now {
            later.insert((one.next_attempt_at, one.id, one.attempts));
            drop(later);
            return self.next(now);
        }
        Some(one)
    }

    /// Reads rows that it does not know. Nothing is in hand but what waits for its next attempt.
    async fn read_more(&self) {
        let known: HashSet<DeliveryId> = self.later.borrow().iter().map(|(_, id, _)| *id).collect();
        let room = QUEUE.saturating_sub(known.len());
        if room == 0 {
            // All that it may know wait for their next attempt.
            return sleep(LOOK).await;
        }
        let limit = QUEUE + 1;
        match self.argos.view(|view| deliveries::waiting_for(&view.read, self.id, limit)) {
            Ok(found) => {
                self.more.set(found.len() == limit);
                let mut fresh: Vec<_> = found.into_iter().filter(|one| !known.contains(&one.id)).collect();
                if fresh.len() > room {
                    self.more.set(true);
                    fresh.truncate(room);
                }
                if let Some(one) = fresh.last() {
                    self.last.set(self.last.get().max(one.id));
                }
                // Of an earlier process: what it had tried counts.
                let resumed = fresh.into_iter().map(|one| Waiting { attempts: one.attempts % ATTEMPTS, ..one });
                self.queue.borrow_mut().extend(resumed);
                let known = self.queue.borrow().len() + self.later.borrow().len();
                let counted = if self.more.get() { self.waiting.get().max(known) } else { known };
                self.waiting.set(counted);
            }
            Err(e) => {
                tracing::error!("deliveries of channel {} wait: {e}", self.id);
                sleep(PAUSE).await;
            }
        }
    }

    async fn attempt(&self, one: Waiting, sender: &mut Option<Sender>) {
        let read = self.argos.view(|view| {
            let row = deliveries::find(&view.read, one.id)?;
            let live = Arc::clone(&view.live);
            let wants = live.notifications.channels.get(&self.id).is_some_and(|c| c.kind == ChannelKind::BrowserPush);
            Ok((row, live, if wants { subscribers(&view.read)? } else { Vec::new() }))
        });
        let (row, live, subscribers) = match read {
            Ok(read) => read,
            Err(e) => {
                tracing::error!("delivery {} waits: {e}", one.id);
                self.later.borrow_mut().insert((Timestamp(self.now().0 + 1000), one.id, one.attempts));
                return;
            }
        };
        // It may have been given up meanwhile.
        let Some(row) = row.filter(|row| row.status == DeliveryStatus::Pending) else { return };
        let Some(channel) = live.notifications.channels.get(&self.id) else { return };
        let text = row.rendered_payload.clone().filter(|text| !text.is_empty());
        let (text, fresh) = match text {
            Some(text) => (Ok(text), None),
            None => {
                let text = rendered(channel, &live, &row.event, row.id).map(|(text, _)| text);
                (text.clone(), text.ok())
            }
        };
        let outcome = match text {
            Ok(text) if channel.enabled => {
                // A fault of a sender must not end the lane, nor be met again and again.
                let sent = AssertUnwindSafe(self.send(&row, channel, &live, &text, &subscribers, sender));
                let mut sent = Box::pin(sent.catch_unwind());
                let ended = loop {
                    match timeout(NOTED_WITHIN, &mut sent).await {
                        Ok(ended) => break ended,
                        // A slow receiver does not keep what came of the others from being stored.
                        Err(_) => self.note_now().await,
                    }
                };
                drop(sent);
                ended.unwrap_or_else(|_| {
                    tracing::error!("an attempt of delivery {} panicked", row.id);
                    *sender = None;
                    Outcome::Refused { error: "an attempt ended in a fault of Argos".into() }
                })
            }
            Ok(_) => Outcome::Refused { error: "channel disabled".into() },
            Err(error) => Outcome::Refused { error },
        };
        let gone = sender.as_mut().map(Sender::take_gone).unwrap_or_default();
        self.came(&row, one, outcome, fresh, gone);
    }

    async fn send(
        &self,
        row: &Delivery,
        channel: &Channel,
        live: &Snapshot,
        text: &str,
        subscribers: &[Subscriber],
        sender: &mut Option<Sender>,
    ) -> Outcome {
        let config = match &channel.ready {
            Ok(ready) => &ready.config,
            Err(error) => return Outcome::Refused { error: error.clone() },
        };
        let terms = sender_terms(&self.argos.inner.cx, &live.notifications);
        let sender = match sender.take().filter(|sender| sender.is_for(config, &terms)) {
            Some(kept) => sender.insert(kept),
            None => sender.insert(Sender::new(config.clone(), terms)),
        };
        let text = Rendered::from_stored(text, channel.kind == ChannelKind::Email);
        let severity = row.event["severity"].as_str().and_then(Severity::parse).unwrap_or(Severity::Info);
        let parcel = Parcel {
            delivery: row.id.0,
            idempotency_key: &row.idempotency_key,
            event_type: &row.event_type,
            severity,
            text: &text,
            subscribers,
        };
        sender.send(&parcel).await
    }

    /// Notes what an attempt came to.
    fn came(
        &self,
        row: &Delivery,
        one: Waiting,
        outcome: Outcome,
        rendered: Option<String>,
        gone: Vec<PushSubscriptionId>,
    ) {
        let now = self.now();
        let tried = one.attempts + 1;
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX).saturating_add(1);
        let (status, error, next) = match outcome {
            // What stands there before the first attempt says that it is not the text it should be.
            Outcome::Sent if row.attempts == 0 => (DeliveryStatus::Sent, row.error_message.clone(), None),
            Outcome::Sent => (DeliveryStatus::Sent, String::new(), None),
            Outcome::Failed { error, after } if tried < ATTEMPTS => {
                let next = Timestamp(now.0 + pause_ms(tried, after));
                self.later.borrow_mut().insert((next, row.id, tried));
                (DeliveryStatus::Pending, error, Some(next))
            }
            Outcome::Failed { error, .. } | Outcome::Refused { error } => (DeliveryStatus::Failed, error, None),
        };
        if status != DeliveryStatus::Pending {
            self.waiting.set(self.waiting.get().saturating_sub(1));
        }
        let mut done = self.done.borrow_mut();
        if done.attempts.is_empty() && done.gone.is_empty() {
            done.since = Some(now);
        }
        done.gone.extend(gone);
        done.attempts.push(Attempted {
            id: row.id,
            status,
            attempts,
            error,
            sent_at: (status == DeliveryStatus::Sent).then_some(now),
            next_attempt_at: next,
            rendered,
        });
    }

    /// Stores what attempts came to, when it is time. Until then a kill has them made once more, with the same key.
    async fn note(&self, now: Timestamp) {
        let due = {
            let done = self.done.borrow();
            let idle = self.queue.borrow().is_empty();
            let old = done.since.is_none_or(|at| !(0..NOTED_MS).contains(&(now.0 - at.0)));
            !done.attempts.is_empty() && (idle || old || done.attempts.len() >= NOTED)
        };
        if due {
            self.note_now().await;
        }
    }

    /// Stores what attempts came to.
    async fn note_now(&self) {
        while !self.done.borrow().attempts.is_empty() {
            let done = self.done.borrow().clone();
            match stored(&self.argos, move |tx| done.store(tx)).await {
                Ok(()) => return drop(self.done.take()),
                Err(e) => tracing::error!("what came of deliveries of channel {} is not stored yet: {e}", self.id),
            }
            sleep(PAUSE).await;
        }
    }

    /// Stores what attempts came to, and waits for it.
    pub(super) fn flush_at_once(&self) {
        let done = self.done.take();
        if done.attempts.is_empty() && done.gone.is_empty() {
            return;
        }
        let now = self.now();
        let work = move |conn: &mut _| in_transaction(conn, now, Actor::System, |tx| done.store(tx));
        if let Err(e) = self.argos.inner.store.write(work).and_then(|done| done) {
            tracing::error!("what came of deliveries of channel {} was not stored: {e}", self.id);
        }
    }
}

impl Done {
    fn store(&self, tx: &Tx<'_>) -> Result<()> {
        push_subscriptions::delete_gone(tx, &self.gone)?;
        deliveries::note(tx, &self.attempts)
    }
}

/// Milliseconds until the next attempt: 2 s behind the first, 4 s behind the second, each with up to 2 s more so that not
/// all come at once; longer where the receiver asks for it.
fn pause_ms(tried: u32, asked: Option<Duration>) -> i64 {
    let jitter = i64::from(u16::from_le_bytes(random())) * 2000 / i64::from(u16::MAX);
    let own = 2000 * i64::from(tried) + jitter;
    own.max(asked.and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0))
}
