//! The deliveries of one channel, one after the other, on a thread of their own: whatever a receiver or a template does,
//! it delays no other channel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::known::{ATTEMPTS, Known, QUEUE};
use super::{PAUSE, TOLD_EVERY, rendered, stored};
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
use crate::store::deliveries::{self, Attempted, NewDelivery, Waiting};
use crate::store::{Tx, push_subscriptions};

/// What came of attempts is stored at least so often.
const NOTED_MS: i64 = 200;
const NOTED_WITHIN: Duration = Duration::from_millis(200);
/// And when it is of so many.
const NOTED: usize = 64;
/// The longest look away from the clock, which may jump.
const LOOK: Duration = Duration::from_millis(250);

/// Time that the attempt has which goes on at the end.
const LAST: Duration = Duration::from_secs(2);
/// Deliveries that can't be stored and are sent all the same.
const UNSTORED: usize = 100;
/// Bytes of a text that is stored; a longer one is made again where it is wanted.
const MOST_STORED: usize = 64 * 1024;

/// The deliveries of one channel.
pub(super) struct Lane {
    argos: Argos,
    id: ChannelId,
    known: Mutex<Known>,
    wake: Notify,
    /// What is not stored yet.
    done: Mutex<Done>,
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
        Self { argos, id, known: Mutex::default(), wake: Notify::new(), done: Mutex::default() }
    }

    pub(super) fn id(&self) -> ChannelId {
        self.id
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a new row, or has it read later where as many as may be are known.
    pub(super) fn add(&self, one: Waiting) {
        let mut known = self.known();
        if known.last.is_some_and(|last| one.id <= last) {
            return;
        }
        if known.sent.remove(&one.id) {
            known.last = Some(one.id);
            drop(known);
            return self.came_unstored(one.id);
        }
        known.waiting += 1;
        if known.more || known.count() >= QUEUE {
            known.more = true;
        } else {
            known.last = Some(one.id);
            known.queue.push_back(one);
        }
        drop(known);
        self.wake.notify_one();
    }

    /// Has a delivery sent once though its row can't be stored now.
    pub(super) fn send_unstored(&self, row: &NewDelivery) {
        let mut known = self.known();
        if known.unstored.len() < UNSTORED {
            known.unstored.push_back(Arc::new(row.clone()));
        }
        drop(known);
        self.wake.notify_one();
    }

    /// Rows that wait.
    pub(super) fn waiting(&self) -> usize {
        self.known().waiting
    }

    /// Has it look for rows that it does not know.
    pub(super) fn look_again(&self) {
        self.known().more = true;
        self.wake.notify_one();
    }

    /// What its thread does until it is stopped. `alive` is dropped at the end.
    pub(super) fn run(&self, stopped: oneshot::Receiver<()>, alive: SyncSender<()>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => return tracing::error!("starting the runtime of channel {}: {e}", self.id),
        };
        let last = async {
            // Whether it was told or forgotten makes no difference.
            drop(stopped.await);
            self.known().ends = true;
            self.wake.notify_one();
            sleep(LAST).await;
        };
        runtime.block_on(async {
            tokio::select! {
                () = last => {}
                () = self.work() => {}
            }
        });
        // The system may still look for a name that nobody waits for any more.
        runtime.shutdown_background();
        drop(alive);
    }

    async fn work(&self) {
        let mut sender = None;
        loop {
            let now = self.now();
            self.note(now).await;
            if self.known().ends {
                return self.note_now().await;
            }
            let unstored = self.known().unstored.pop_front();
            if let Some(row) = unstored {
                self.attempt_unstored(&row, &mut sender).await;
                continue;
            }
            let (next, more) = {
                let mut known = self.known();
                (known.next(now), known.more)
            };
            match next {
                Some(one) => self.attempt(one, &mut sender).await,
                None if more => self.read_more().await,
                None => {
                    let wait = self.known().later.first().map(|(at, ..)| (at.0 - now.0).clamp(1, 250).unsigned_abs());
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

    /// Reads rows that it does not know. Nothing is in hand but what waits for its next attempt.
    async fn read_more(&self) {
        let full = {
            let mut known = self.known();
            let full = known.count() >= QUEUE;
            // Before it looks: a row that comes while it does is added as a new one, or is among those that it finds.
            known.more = full;
            full
        };
        if full {
            // All that it may know wait for their next attempt.
            return sleep(LOOK).await;
        }
        match self.argos.view(|view| deliveries::waiting_for(&view.read, self.id, QUEUE + 1)) {
            Ok(found) => self.known().take_in(found),
            Err(e) => {
                tracing::error!("deliveries of channel {} wait: {e}", self.id);
                self.known().more = true;
                sleep(PAUSE).await;
            }
        }
    }

    async fn attempt(&self, one: Waiting, sender: &mut Option<Sender>) {
        let row = match self.argos.view(|view| deliveries::find(&view.read, one.id)) {
            Ok(row) => row,
            Err(e) => {
                tracing::error!("delivery {} waits: {e}", one.id);
                self.known().later.insert((Timestamp(self.now().0 + 1000), one.id, one.attempts));
                return;
            }
        };
        // It may have been given up meanwhile.
        let Some(row) = row.filter(|row| row.status == DeliveryStatus::Pending) else { return };
        let Some(tried) = self.tried(&row, sender).await else { return };
        self.came(&row, one, tried);
    }

    /// The one attempt of a delivery whose row can't be stored now.
    async fn attempt_unstored(&self, new: &NewDelivery, sender: &mut Option<Sender>) {
        let row = Delivery {
            id: new.id,
            rule_id: Some(new.rule),
            channel_id: Some(new.channel),
            event_type: new.event_type.to_owned(),
            event: serde_json::from_str(&new.event).unwrap_or_default(),
            rendered_payload: None,
            status: new.status,
            error_message: String::new(),
            attempts: 0,
            created_at: self.now(),
            sent_at: None,
            idempotency_key: new.idempotency_key.clone(),
            next_attempt_at: None,
        };
        let tried = self.tried(&row, sender).await;
        if tried.is_some_and(|tried| tried.outcome == Outcome::Sent) {
            self.known().sent.insert(new.id);
        }
    }

    /// Makes an attempt; none where the channel is gone.
    async fn tried(&self, row: &Delivery, sender: &mut Option<Sender>) -> Option<Tried> {
        let live = self.argos.inner.live.load_full();
        let channel = live.notifications.channels.get(&self.id)?;
        let refused = |error: String| Tried { outcome: Outcome::Refused { error }, fresh: None, gone: Vec::new() };
        if !channel.enabled {
            return Some(refused("channel disabled".into()));
        }
        let stored = row.rendered_payload.clone().filter(|text| !text.is_empty());
        let (text, fresh) = match stored {
            Some(text) => (text, None),
            None => {
                let made = catch_unwind(AssertUnwindSafe(|| rendered(channel, &live, &row.event, row.id)));
                match made.unwrap_or_else(|_| Err("rendering ended in a fault of Argos".into())) {
                    Ok((text, note)) => (text.clone(), Some((text, note))),
                    Err(error) => return Some(refused(error)),
                }
            }
        };
        let subscribers = match channel.kind {
            ChannelKind::BrowserPush => match self.argos.view(|view| subscribers(&view.read)) {
                Ok(subscribers) => subscribers,
                Err(e) => {
                    let outcome = Outcome::Failed { error: e.to_string(), after: None };
                    return Some(Tried { outcome, fresh, gone: Vec::new() });
                }
            },
            _ => Vec::new(),
        };
        // A fault of a sender must not end the lane, nor be met again and again.
        let sent = AssertUnwindSafe(self.send(row, channel, &live, &text, &subscribers, sender));
        let mut sent = Box::pin(sent.catch_unwind());
        let ended = loop {
            match timeout(NOTED_WITHIN, &mut sent).await {
                Ok(ended) => break ended,
                // A slow receiver does not keep what came of the others from being stored.
                Err(_) => self.note_now().await,
            }
        };
        drop(sent);
        let outcome = ended.unwrap_or_else(|_| {
            tracing::error!("an attempt of delivery {} panicked", row.id);
            *sender = None;
            Outcome::Refused { error: "an attempt ended in a fault of Argos".into() }
        });
        let gone = sender.as_mut().map(Sender::take_gone).unwrap_or_default();
        Some(Tried { outcome, fresh, gone })
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
    fn came(&self, row: &Delivery, one: Waiting, tried: Tried) {
        let now = self.now();
        let rounds = one.attempts + 1;
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX).saturating_add(1);
        let (fresh, note) = tried.fresh.unzip();
        let (status, error, next) = match tried.outcome {
            Outcome::Sent => (DeliveryStatus::Sent, note.unwrap_or_default(), None),
            Outcome::Failed { error, after } if rounds < ATTEMPTS => {
                let next = Timestamp(now.0 + pause_ms(rounds, after));
                self.known().later.insert((next, row.id, rounds));
                (DeliveryStatus::Pending, error, Some(next))
            }
            Outcome::Failed { error, .. } | Outcome::Refused { error } => (DeliveryStatus::Failed, error, None),
        };
        if status != DeliveryStatus::Pending {
            let mut known = self.known();
            known.waiting = known.waiting.saturating_sub(1);
        }
        let mut done = self.done();
        if done.attempts.is_empty() {
            done.since = Some(now);
        }
        done.gone.extend(tried.gone);
        done.attempts.push(Attempted {
            id: row.id,
            status,
            attempts,
            error,
            sent_at: (status == DeliveryStatus::Sent).then_some(now),
            next_attempt_at: next,
            rendered: fresh.filter(|text| text.len() <= MOST_STORED),
        });
    }

    /// Notes that the receiver has what could not be stored before.
    fn came_unstored(&self, id: DeliveryId) {
        let now = self.now();
        let mut done = self.done();
        done.attempts.push(Attempted {
            id,
            status: DeliveryStatus::Sent,
            attempts: 1,
            error: String::new(),
            sent_at: Some(now),
            next_attempt_at: None,
            rendered: None,
        });
        done.since.get_or_insert(now);
        drop(done);
        self.wake.notify_one();
    }

    /// Stores what attempts came to, when it is time. Until then a kill has them made once more, with the same key.
    async fn note(&self, now: Timestamp) {
        let due = {
            let idle = self.known().queue.is_empty();
            let done = self.done();
            let old = done.since.is_none_or(|at| !(0..NOTED_MS).contains(&(now.0 - at.0)));
            !done.attempts.is_empty() && (idle || old || done.attempts.len() >= NOTED)
        };
        if due {
            self.note_now().await;
        }
    }

    /// Stores what attempts came to.
    async fn note_now(&self) {
        for tries in 0u32.. {
            // What is added while it is stored is the next turn's.
            let done = self.done().clone();
            if done.attempts.is_empty() {
                return;
            }
            let (attempts, gone) = (done.attempts.len(), done.gone.len());
            match stored(&self.argos, move |tx| done.store(tx)).await {
                Ok(()) => {
                    let mut done = self.done();
                    done.attempts.drain(..attempts);
                    done.gone.drain(..gone);
                    done.since = None;
                    return;
                }
                Err(e) if tries % TOLD_EVERY == 0 => {
                    tracing::error!("what came of deliveries of channel {} is not stored yet: {e}", self.id);
                }
                Err(_) => {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Stores what attempts came to, and waits for it.
    pub(super) fn flush_at_once(&self) {
        let done = std::mem::take(&mut *self.done());
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

/// What an attempt came to.
struct Tried {
    outcome: Outcome,
    /// The text, where it was rendered for this attempt, and why it is not what the channel's own template makes.
    fresh: Option<(String, String)>,
    /// Subscriptions that push services said are gone.
    gone: Vec<PushSubscriptionId>,
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
