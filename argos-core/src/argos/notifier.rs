//! Who dispatches events and sends what comes of them, while Argos serves: one thread decides, and one for each channel
//! sends, so that no channel waits for another, whatever its receiver or its template does.
//!
//! ```text
//! Events ──▶ dispatch: rules ▶ throttle ▶ rate ──▶ rows ──▶ one lane for each channel: render ▶ Sender
//!                                                   ▲                                         │
//!                                                   └──────────── what came of it ────────────┘
//! ```
//!
//! A row stands before its first attempt, and what waits is found again at the next start. The rows are the queue: a lane
//! knows the ids of at most a thousand, and reads more when it has done those.

mod known;
mod lane;
mod running;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use self::lane::Lane;
use self::running::Running;
use super::Argos;
use super::change::in_transaction;
use crate::clock::{Timestamp, request_id};
use crate::error::{Error, Result};
use crate::event::{DeliveryStatus, Event, Events, Facts};
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
/// Tries of which one is told in the process log.
const TOLD_EVERY: u32 = 60;
/// Time in which events of the end are stored.
const LAST: Duration = Duration::from_secs(5);

/// Events that wait to be dispatched. They do so from the opening on, so that none is missed before Argos serves.
#[derive(Debug)]
pub(super) struct Heard {
    events: Receiver<Arc<Event>>,
    arrived: Arc<Notify>,
    /// Whether somebody dispatches them.
    awake: Arc<AtomicBool>,
}

impl Heard {
    pub(super) fn new(events: &Events) -> Self {
        let (arrived, awake) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (wake, is_awake) = (Arc::clone(&arrived), Arc::clone(&awake));
        let events = events.subscribe_woken(move || {
            wake.notify_one();
            is_awake.load(Ordering::Relaxed)
        });
        Self { events, arrived, awake }
    }
}

/// The thread that dispatches; dropped, it ends. What waits is taken up again at the next start.
#[derive(Debug)]
pub(super) struct Notifier {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Heard>>,
    argos: Argos,
}

impl Notifier {
    /// Starts it, unless this Argos has one: two would send everything twice.
    pub(super) fn start(argos: Argos) -> Result<Option<Self>> {
        let Some(heard) = waiting(&argos).take() else { return Ok(None) };
        let failed = |e| Error::internal(format!("starting the thread of notifications: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, mut stopped) = oneshot::channel();
        let asked = argos.clone();
        let work = move || {
            heard.awake.store(true, Ordering::Relaxed);
            // A fault ends no more than what it was met in.
            while let Err(fault) =
                catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(&asked, &heard, &mut stopped))))
            {
                drop(fault);
                tracing::error!("dispatching events panicked; it begins anew");
                if !matches!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
                    break;
                }
                std::thread::sleep(PAUSE);
            }
            heard.awake.store(false, Ordering::Relaxed);
            heard
        };
        let thread = std::thread::Builder::new().name("argos-notify".into()).spawn(work).map_err(failed)?;
        Ok(Some(Self { stop: Some(stop), thread: Some(thread), argos }))
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        let heard = match ended {
            Some(Ok(heard)) => heard,
            _ => {
                tracing::error!("the thread of notifications panicked");
                Heard::new(&self.argos.inner.cx.events)
            }
        };
        *waiting(&self.argos) = Some(heard);
    }
}

fn waiting(argos: &Argos) -> MutexGuard<'_, Option<Heard>> {
    argos.inner.heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stores the deliveries of what waits, and sends none.
pub(super) fn keep(argos: &Argos) -> Result<()> {
    let waiting = waiting(argos);
    let Some(heard) = &*waiting else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|e| Error::internal(format!("starting a runtime: {e}")))?;
    let mut dispatcher = Dispatcher::new(argos.clone());
    let work = async {
        dispatcher.last_id = stored(argos, |tx| deliveries::last_id(tx)).await?;
        while let Some(rows) = dispatcher.rows(&heard.events) {
            stored(argos, move |tx| deliveries::insert_all(tx, &rows)).await?;
        }
        Ok(())
    };
    runtime.block_on(work)
}

async fn run(argos: &Argos, heard: &Heard, stopped: &mut oneshot::Receiver<()>) {
    let retried = argos.inner.cx.retried.clone();
    let mut dispatcher = Dispatcher::new(argos.clone());
    let work = async {
        dispatcher.resume().await;
        loop {
            // What came before is in the queue, whether or not it told.
            while dispatcher.dispatch(&heard.events).await {}
            tokio::select! {
                () = heard.arrived.notified() => {}
                () = retried.notified() => dispatcher.look_again(),
            }
        }
    };
    tokio::select! {
        _ = stopped => {}
        () = work => {}
    }
    let rest = async {
        // It may have been stopped before it knew which ids are free.
        if dispatcher.last_id == 0 {
            dispatcher.resume().await;
        }
        while dispatcher.dispatch(&heard.events).await {}
    };
    if timeout(LAST, rest).await.is_err() {
        tracing::error!("events of the end are not stored: their deliveries are lost");
    }
    dispatcher.end();
}

/// Decides what becomes of events.
struct Dispatcher {
    argos: Argos,
    throttle: Throttle,
    rates: Rates,
    lanes: BTreeMap<ChannelId, Running>,
    /// Those of channels that are gone, until they have ended.
    ending: Vec<Running>,
    /// The last id that was given to a row. Nobody else makes rows.
    last_id: i64,
    /// Rows that are not known to be stored yet.
    hand: Option<Arc<Vec<NewDelivery>>>,
}

impl Dispatcher {
    fn new(argos: Argos) -> Self {
        Self {
            argos,
            throttle: Throttle::default(),
            rates: Rates::default(),
            lanes: BTreeMap::new(),
            ending: Vec::new(),
            last_id: 0,
            hand: None,
        }
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

    fn lane(&mut self, id: ChannelId) -> &Lane {
        if self.lanes.get(&id).is_none_or(Running::has_ended) {
            self.lanes.insert(id, Running::start(self.argos.clone(), id));
        }
        &self.lanes[&id].lane
    }

    /// The rows of events that wait; none where none does.
    fn rows(&mut self, events: &Receiver<Arc<Event>>) -> Option<Arc<Vec<NewDelivery>>> {
        let batch: Vec<Arc<Event>> = events.try_iter().take(AT_ONCE).collect();
        if batch.is_empty() {
            return None;
        }
        let live = self.argos.inner.live.load_full();
        self.forget_gone(&live.notifications);
        let mut rows = Vec::new();
        for event in &batch {
            self.decide(&placed(event, &live), &live, &mut rows);
        }
        Some(Arc::new(rows))
    }

    /// Dispatches events that wait; whether there may be more.
    async fn dispatch(&mut self, events: &Receiver<Arc<Event>>) -> bool {
        // Those that a stop cut off come first.
        let Some(rows) = self.hand.take().or_else(|| self.rows(events)) else { return false };
        self.hand = Some(Arc::clone(&rows));
        let waits = |row: &&NewDelivery| row.status == DeliveryStatus::Pending;
        // Events come in meanwhile and wait in their queue; when that is full they are counted.
        for tries in 0u32.. {
            if rows.is_empty() {
                break;
            }
            let all = Arc::clone(&rows);
            match stored(&self.argos, move |tx| deliveries::insert_all(tx, &all)).await {
                Ok(()) => break,
                Err(e) if tries % TOLD_EVERY == 0 => {
                    tracing::error!("{} notifications are not stored yet: {e}", rows.len());
                }
                Err(_) => {}
            }
            if tries == 0 {
                // A disk that is full is just what people want to hear of.
                for row in rows.iter().filter(waits) {
                    self.lane(row.channel).send_unstored(row);
                }
            }
            sleep(PAUSE).await;
        }
        self.hand = None;
        for row in rows.iter().filter(waits) {
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
        let text: Arc<str> = serde_json::to_string(event).unwrap_or_default().into();
        let host = event.host.as_ref().map(|(id, _)| *id);
        for (rule, channel) in wanting {
            self.last_id += 1;
            let id = DeliveryId(self.last_id);
            let window = rule.throttle_window_seconds;
            let (status, error) = if !channel.enabled {
                (DeliveryStatus::Failed, "channel disabled".to_owned())
            } else if !self.throttle.allows((rule.id, event.kind(), host), window, now) {
                let text = format!("another came within the {window} seconds before");
                (DeliveryStatus::Throttled, text)
            } else if !self.rates.take(channel.id, channel.rate, now) {
                let text = format!("the channel sends at most {} in a minute", channel.rate);
                (DeliveryStatus::RateLimited, text)
            } else if self.lanes.get(&channel.id).is_some_and(|lane| lane.lane.waiting() >= MOST_WAITING) {
                (DeliveryStatus::Failed, "too many deliveries wait".to_owned())
            } else {
                (DeliveryStatus::Pending, String::new())
            };
            rows.push(NewDelivery {
                id,
                rule: rule.id,
                channel: channel.id,
                event_type: event.kind().as_str(),
                event: Arc::clone(&text),
                status,
                error,
                idempotency_key: request_id(),
            });
        }
    }

    fn forget_gone(&mut self, plan: &Plan) {
        self.rates.retain(|id| plan.channels.contains_key(&id));
        self.ending.retain(|lane| !lane.has_ended());
        let gone: Vec<ChannelId> = self.lanes.keys().filter(|id| !plan.channels.contains_key(id)).copied().collect();
        for mut lane in gone.into_iter().filter_map(|id| self.lanes.remove(&id)) {
            lane.stop();
            self.ending.push(lane);
        }
    }

    /// Ends the lanes, and notes what came of the attempts that have ended.
    fn end(&mut self) {
        self.lanes.values_mut().for_each(Running::stop);
        for lane in self.lanes.values_mut().chain(&mut self.ending) {
            lane.wait();
        }
    }
}

/// The event, with its host where it is about a target of exactly one: who wants to hear of a host means its targets too.
fn placed(event: &Arc<Event>, live: &Snapshot) -> Arc<Event> {
    let group = match &event.facts {
        Facts::TargetUnhealthy(of) => of.target_group_id,
        Facts::TargetRecovered(of) => of.target_group_id,
        _ => return Arc::clone(event),
    };
    let mut hosts = live.hosts.iter().map(|(_, host)| host).filter(|host| host.group == group && !host.is_panel());
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Arc::new(Event { host: Some((host.id, host.domain.to_string())), ..Event::clone(event) }),
        _ => Arc::clone(event),
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
