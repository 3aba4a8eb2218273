//! Who orders certificates: one thread, while Argos serves TLS.
//!
//! ```text
//! acme_orders ──due──▶ begin ──▶ issue: account ▶ place ▶ prove ▶ key ▶ finalize ▶ store
//!      ▲                          │ each step is kept before the next begins
//!      └── next attempt, renewal ─┴─ what failed
//! ```
//!
//! What is due stands in the table, so that a restart goes on where the last process ended.

mod issue;
mod keep;
mod zone;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio::time::sleep;

use super::Argos;
use super::change::in_transaction;
use crate::certs;
use crate::certs::acme::{Pace, Wire};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{Actor, HostId};
use crate::store::acme_orders::{self, AcmeOrder};

/// Steps that go on at the same time.
const AT_ONCE: usize = 4;
/// Of them at one directory that answers: what one authority does never stops the others.
const AT_ONE: usize = AT_ONCE - 1;
/// At one that did not answer the last time, or was not asked yet.
const AT_SILENT: usize = 1;
/// Rows that are looked at for what is due.
const LOOKED_AT: u32 = 32;
/// The longest time between two looks: clocks jump.
const EVERY: Duration = Duration::from_secs(60);
/// How long a host rests whose last step could not be kept.
const HELD_MS: i64 = 60_000;
/// Hosts of an earlier version that are taken up in one transaction.
const ADOPTED_AT_ONCE: u32 = 200;

/// Asks the thread whether it goes on: it calls what it is sent.
pub(super) type Probe = mpsc::UnboundedSender<Box<dyn FnOnce() + Send>>;

/// The thread that orders; dropped, it ends. An order that goes on is taken up again at the next start.
#[derive(Debug)]
pub(super) struct Ordering {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    probe: Probe,
}

impl Ordering {
    pub(super) fn start(argos: Argos) -> Result<Self> {
        let failed = |e| Error::internal(format!("starting the thread that orders certificates: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let (probe, probed) = mpsc::unbounded_channel();
        let work = move || LocalSet::new().block_on(&runtime, run(argos, stopped, probed));
        let thread = std::thread::Builder::new().name("argos-orders".into()).spawn(work).map_err(failed)?;
        Ok(Self { stop: Some(stop), thread: Some(thread), probe })
    }

    /// What asks the thread whether it goes on.
    pub(super) fn probe(&self) -> Probe {
        self.probe.clone()
    }
}

impl Drop for Ordering {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that orders certificates panicked");
        }
    }
}

async fn run(
    argos: Argos,
    mut stopped: oneshot::Receiver<()>,
    mut probed: mpsc::UnboundedReceiver<Box<dyn FnOnce() + Send>>,
) {
    if let Err(e) = argos.adopt_orders() {
        tracing::error!("hosts whose certificates an authority signs: {e}");
    }
    let changed = argos.inner.cx.changed.clone();
    let orderer = Rc::new(Orderer::new(argos));
    let mut queue = Queue::default();
    let mut tasks = JoinSet::new();
    let mut going_on = HashMap::new();
    loop {
        let next = loop {
            match queue.next(&orderer.argos) {
                Ok(Next::Do(work)) => {
                    let (begun, orderer) = (work.clone(), Rc::clone(&orderer));
                    let task = tasks.spawn_local(async move { orderer.work(*work).await });
                    going_on.insert(task.id(), *begun);
                }
                Ok(Next::At(moment)) => break moment,
                Err(e) => {
                    tracing::error!("orders of certificates: {e}");
                    break None;
                }
            }
        };
        let now = orderer.argos.inner.cx.clock.now();
        let wait = next.map_or(EVERY, |at| Duration::from_millis((at.0 - now.0).max(0).unsigned_abs()).min(EVERY));
        tokio::select! {
            _ = &mut stopped => return,
            () = changed.notified() => {}
            Some(answer) = probed.recv() => answer(),
            Some(done) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                let task = done.as_ref().map_or_else(JoinError::id, |(task, _)| *task);
                if let Some(work) = going_on.remove(&task) {
                    let host = work.host();
                    let did = done.map(|(_, did)| did).unwrap_or_else(|e| {
                        tracing::error!("certificate of {}: a step of its order panicked: {e}", work.order().domain);
                        orderer.broke_off(work)
                    });
                    queue.ended(host, did, orderer.argos.inner.cx.clock.now());
                }
            }
            () = sleep(wait) => {}
        }
    }
}

/// A step that is due.
#[derive(Clone)]
pub(super) enum Work {
    /// An order, or what is left of one.
    Order(AcmeOrder),
    /// A question for the time of renewal.
    Ari(AcmeOrder),
}

impl Work {
    fn order(&self) -> &AcmeOrder {
        match self {
            Self::Order(order) | Self::Ari(order) => order,
        }
    }

    fn host(&self) -> HostId {
        self.order().host_id
    }
}

/// How a step ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Did {
    /// Its result could be stored.
    kept: bool,
    /// The authority did not answer in time.
    silent: bool,
}

/// What comes next.
pub(super) enum Next {
    /// This, now.
    Do(Box<Work>),
    /// Nothing before this moment; none = nothing is known.
    At(Option<Timestamp>),
}

/// What goes on, and how fast more may begin.
#[derive(Default)]
pub(super) struct Queue {
    /// Hosts with a step that goes on, each with the directory it is done at.
    busy: BTreeMap<HostId, String>,
    /// Directories that answered when they were last asked.
    heard: HashSet<String>,
    /// Hosts whose last step could not be kept, and since when: they are still due, and must not spin.
    held: HashMap<HostId, Timestamp>,
    pace: Pace,
}

impl Queue {
    /// The next step, which then goes on until [`Queue::ended`].
    pub(super) fn next(&mut self, argos: &Argos) -> Result<Next> {
        // When one ends there is another look.
        if self.busy.len() >= AT_ONCE {
            return Ok(Next::At(None));
        }
        let now = argos.inner.cx.clock.now();
        // Looked over by the database, so that many that wait at one don't hide those of another.
        let full = self.full();
        let (due, asks, next) = argos.view(|view| {
            let due = acme_orders::due(&view.read, &full, LOOKED_AT)?;
            Ok((due, acme_orders::due_for_ari(&view.read, &full, LOOKED_AT)?, acme_orders::next(&view.read, now)?))
        })?;
        self.held.retain(|_, since| (0..HELD_MS).contains(&(now.0 - since.0)));
        let free =
            |order: &AcmeOrder| !self.busy.contains_key(&order.host_id) && !self.held.contains_key(&order.host_id);
        let work = match due.into_iter().find(free) {
            Some(order) if self.pace.begin(now) => Work::Order(order),
            order => match asks.into_iter().find(free) {
                Some(asks) => Work::Ari(asks),
                None if order.is_some() => return Ok(Next::At(Some(self.pace.next(now)))),
                None => return Ok(Next::At(next)),
            },
        };
        self.busy.insert(work.host(), work.order().directory_url.clone());
        Ok(Next::Do(Box::new(work)))
    }

    /// Directories where as many steps go on as may.
    fn full(&self) -> Vec<&str> {
        let mut steps = BTreeMap::new();
        for directory in self.busy.values() {
            *steps.entry(directory.as_str()).or_insert(0) += 1;
        }
        let most = |directory: &str| if self.heard.contains(directory) { AT_ONE } else { AT_SILENT };
        steps
            .into_iter()
            .filter(|(directory, steps)| *steps >= most(directory))
            .map(|(directory, _)| directory)
            .collect()
    }

    /// The step of this host has ended.
    pub(super) fn ended(&mut self, host: HostId, did: Did, now: Timestamp) {
        if let Some(directory) = self.busy.remove(&host) {
            if did.silent {
                self.heard.remove(&directory);
            } else {
                self.heard.insert(directory);
            }
        }
        if !did.kept {
            self.held.insert(host, now);
        }
    }
}

/// Does what is due.
struct Orderer {
    argos: Argos,
    /// The way to each authority, by directory, what names it, and trusted roots.
    wires: RefCell<HashMap<(String, &'static str, String), Wire>>,
    /// The ways that steps of now take, each with what its authority asked for.
    taken: RefCell<HashMap<HostId, Wire>>,
    /// One account is registered at a time at each directory: hosts of one contact share it.
    registering: RefCell<HashMap<String, Rc<Mutex<()>>>>,
}

impl Orderer {
    fn new(argos: Argos) -> Self {
        Self { argos, wires: RefCell::default(), taken: RefCell::default(), registering: RefCell::default() }
    }

    /// Whose turn it is to register an account at a directory.
    fn turn(&self, directory: &str) -> Rc<Mutex<()>> {
        let mut turns = self.registering.borrow_mut();
        turns.retain(|_, turn| Rc::strong_count(turn) > 1);
        Rc::clone(turns.entry(directory.to_owned()).or_default())
    }
}

impl Argos {
    /// Takes up the hosts that an earlier version stored.
    fn adopt_orders(&self) -> Result<()> {
        let mut after = Some(HostId(0));
        while let Some(host) = after {
            let (now, key) = (self.inner.cx.clock.now(), self.inner.cx.key.clone());
            after = self.inner.store.write(move |conn| {
                in_transaction(conn, now, Actor::System, |tx| certs::adopt(tx, &key, host, ADOPTED_AT_ONCE))
            })??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
