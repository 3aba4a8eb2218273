//! Who dispatches events and sends what comes of them: one thread, while Argos serves.
//!
//! ```text
//! Events ──▶ dispatch: rules ▶ throttle ▶ rate ▶ render ──▶ rows ──▶ one lane for each channel ──▶ Sender
//!                                                            ▲                                      │
//!                                                            └────────── what came of it ───────────┘
//! ```
//!
//! A row stands before its first attempt, and what waits is found again at the next start. The rows are the queue: a lane
//! knows the ids of at most a thousand, and reads more when it has done those.

mod lane;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::{AbortHandle, LocalSet, spawn_local};
use tokio::time::sleep;

use self::lane::Lane;
use super::Argos;
use super::change::in_transaction;
use crate::clock::{Timestamp, request_id};
use crate::error::{Error, Result};
use crate::event::{DeliveryStatus, Event};
use crate::notify::plan::Channel;
use crate::notify::throttle::{Rates, Throttle};
use crate::notify::{Occasion, Plan};
use crate::schema::{Actor, ChannelId, DeliveryId};
use crate::snapshot::Snapshot;
use crate::store::deliveries::{self, NewDelivery, Waiting};
use crate::store::{StoreError, Tx};

/// Events that one transaction stores the deliveries of.
const AT_ONCE: usize = 256;
/// Rows of one channel that may wait, give or take a batch: they are never purged, so that their number is bounded here.
const MOST_WAITING: usize = 10_000;
/// Between two tries to store what could not be stored.
const PAUSE: Duration = Duration::from_secs(1);

/// The thread that dispatches and sends; dropped, it ends. What waits is taken up again at the next start.
#[derive(Debug)]
pub(super) struct Notifier {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    argos: Argos,
}

impl Notifier {
    /// Starts it, unless this Argos has one: two would send everything twice.
    pub(super) fn start(argos: Argos) -> Result<Option<Self>> {
        if argos.inner.notifies.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        let failed = |e| Error::internal(format!("starting the thread of notifications: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let arrived = Arc::new(Notify::new());
        let wake = Arc::clone(&arrived);
        let events = argos.inner.cx.events.subscribe_woken(move || wake.notify_one());
        let asked = argos.clone();
        let work = move || {
            let local = LocalSet::new();
            local.block_on(&runtime, run(asked, events, arrived, stopped));
            drop(local);
            // The system may still look for a name that nobody waits for any more.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("argos-notify".into()).spawn(work).map_err(failed)?;
        Ok(Some(Self { stop: Some(stop), thread: Some(thread), argos }))
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of notifications panicked");
        }
        self.argos.inner.notifies.store(false, Ordering::Relaxed);
    }
}

async fn run(argos: Argos, events: Receiver<Arc<Event>>, arrived: Arc<Notify>, mut stopped: oneshot::Receiver<()>) {
    let retried = argos.inner.cx.retried.clone();
    let mut dispatcher = Dispatcher::new(argos);
    let work = async {
        dispatcher.resume().await;
        loop {
            tokio::select! {
                () = arrived.notified() => while dispatcher.dispatch(&events).await {},
                () = retried.notified() => dispatcher.look_again(),
            }
        }
    };
    tokio::select! {
        _ = &mut stopped => {}
        () = work => {}
    }
    dispatcher.end();
}

/// Decides what becomes of events.
struct Dispatcher {
    argos: Argos,
    throttle: Throttle,
    rates: Rates,
    lanes: BTreeMap<ChannelId, (Rc<Lane>, AbortHandle)>,
    /// The last id that was given to a row. Nobody else makes rows.
    last_id: i64,
}

impl Dispatcher {
    fn new(argos: Argos) -> Self {
        Self { argos, throttle: Throttle::default(), rates: Rates::default(), lanes: BTreeMap::new(), last_id: 0 }
    }

    /// Takes up what an earlier process left.
    async fn resume(&mut self) {
        loop {
            let left = stored(&self.argos, |tx| {
                deliveries::give_up_orphans(tx)?;
                deliveries::last_id(tx)
            });
            match left.await {
                Ok(last_id) => {
                    self.last_id = last_id;
                    return self.look_again();
                }
                Err(e) => tracing::error!("notifications wait: {e}"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Has every lane look for rows that it does not know.
    fn look_again(&mut self) {
        let live = self.argos.inner.live.load_full();
        for id in live.notifications.channels.keys() {
            self.lane(*id).look_again();
        }
    }

    fn lane(&mut self, id: ChannelId) -> &Rc<Lane> {
        let argos = &self.argos;
        let (lane, _) = self.lanes.entry(id).or_insert_with(|| {
            let lane = Rc::new(Lane::new(argos.clone(), id));
            // Whatever an earlier process left.
            lane.look_again();
            let task = spawn_local(Rc::clone(&lane).work());
            (lane, task.abort_handle())
        });
        lane
    }

    /// Dispatches events that wait; whether there may be more.
    async fn dispatch(&mut self, events: &Receiver<Arc<Event>>) -> bool {
        let batch: Vec<Arc<Event>> = events.try_iter().take(AT_ONCE).collect();
        if batch.is_empty() {
            return false;
        }
        let live = self.argos.inner.live.load_full();
        self.forget_gone(&live.notifications);
        let mut rows = Vec::new();
        for event in &batch {
            self.decide(event, &live, &mut rows);
        }
        let rows = Arc::new(rows);
        // Events come in meanwhile and wait in their queue; when that is full they are counted.
        while !rows.is_empty() {
            let all = Arc::clone(&rows);
            match stored(&self.argos, move |tx| deliveries::insert_all(tx, &all)).await {
                Ok(()) => break,
                Err(e) => tracing::error!("{} notifications are not stored yet: {e}", rows.len()),
            }
            sleep(PAUSE).await;
        }
        for row in rows.iter().filter(|row| row.status == DeliveryStatus::Pending) {
            self.lane(row.channel).add(Waiting { id: row.id, attempts: 0, next_attempt_at: Timestamp(0) });
        }
        true
    }

    /// The rows of one event.
    fn decide(&mut self, event: &Event, live: &Snapshot, rows: &mut Vec<NewDelivery>) {
        let mut wanting = live.notifications.wanting(event).peekable();
        if wanting.peek().is_none() {
            return;
        }
        let now = self.argos.inner.cx.clock.now();
        // An event is plain fields: it always has a form.
        let payload = serde_json::to_value(event).unwrap_or_default();
        let text: Arc<str> = payload.to_string().into();
        let host = event.host.as_ref().map(|(id, _)| *id);
        for (rule, channel) in wanting {
            self.last_id += 1;
            let id = DeliveryId(self.last_id);
            let window = rule.throttle_window_seconds;
            let (status, told) = if !channel.enabled {
                (DeliveryStatus::Failed, Err("channel disabled".to_owned()))
            } else if !self.throttle.allows((rule.id, event.kind(), host), window, now) {
                let text = format!("another came within the {window} seconds before");
                (DeliveryStatus::Throttled, Err(text))
            } else if !self.rates.take(channel.id, channel.rate, now) {
                let text = format!("the channel sends at most {} in a minute", channel.rate);
                (DeliveryStatus::RateLimited, Err(text))
            } else if self.lane(channel.id).waiting() >= MOST_WAITING {
                (DeliveryStatus::Failed, Err("too many deliveries wait".to_owned()))
            } else {
                match rendered(channel, live, &payload, id) {
                    Ok(text) => (DeliveryStatus::Pending, Ok(text)),
                    Err(e) => (DeliveryStatus::Failed, Err(e)),
                }
            };
            let (rendered, error) = told.map_or_else(|e| (String::new(), e), |text| text);
            rows.push(NewDelivery {
                id,
                rule: rule.id,
                channel: channel.id,
                event_type: event.kind().as_str(),
                event: Arc::clone(&text),
                rendered,
                status,
                error,
                idempotency_key: request_id(),
            });
        }
    }

    fn forget_gone(&mut self, plan: &Plan) {
        self.rates.retain(|id| plan.channels.contains_key(&id));
        self.lanes.retain(|id, (lane, task)| {
            let lives = plan.channels.contains_key(id);
            if !lives {
                lane.flush_at_once();
                task.abort();
            }
            lives
        });
    }

    /// Notes what came of the attempts that have ended.
    fn end(&mut self) {
        for (lane, task) in self.lanes.values() {
            task.abort();
            lane.flush_at_once();
        }
    }
}

/// What is sent for an event in its stored form, and why it is not what the channel's own template makes.
pub(super) fn rendered(
    channel: &Channel,
    live: &Snapshot,
    event: &Value,
    id: DeliveryId,
) -> Result<(String, String), String> {
    let ready = channel.ready.as_ref().map_err(Clone::clone)?;
    let panel = live.panel_settings.public_url.as_ref().map_or("", |url| url.as_str());
    let occasion = Occasion { event, delivery_id: id.0, panel_url: panel, generation: live.generation };
    match ready.template.render_checked(&occasion) {
        Ok(text) => Ok((text.to_stored(), String::new())),
        Err(why) => {
            tracing::warn!("delivery {id}: the template of channel {} can't be used: {why}", channel.id);
            let text = ready.fallback.render(&occasion).map_err(|e| e.to_string())?;
            Ok((text.to_stored(), format!("the default was sent in place of the template: {why}")))
        }
    }
}

/// Writes in a transaction, without holding up whoever waits on this thread.
pub(super) async fn stored<T: Send + 'static>(
    argos: &Argos,
    work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let now = argos.inner.cx.clock.now();
    let (done, result) = oneshot::channel();
    argos.inner.store.submit(move |conn| {
        // Whoever asked may be gone.
        drop(done.send(in_transaction(conn, now, Actor::System, work)));
    })?;
    // A job that panicked dropped its end.
    result.await.unwrap_or_else(|_| Err(Error::from(StoreError::Panicked)))
}
