//! Whether the parts of Argos work: while it serves, each is checked every 30 seconds.
//!
//! What may hang is asked and not waited for beyond [`PATIENCE`]: whoever checks goes on. A question that was not answered
//! yet is not asked a second time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Argos;
use super::orders::Probe;
use crate::error::{Error, Result};
use crate::event::{Event, LogRowsDropped};
use crate::logs::{Drops, Figures, QUEUE_ROWS};
use crate::notify::Component;
use crate::proxy::Pulse;

/// Between two checks.
const EVERY: Duration = Duration::from_secs(30);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a part answered.
type Found = std::result::Result<(), String>;

/// The thread that checks; dropped, it ends.
#[derive(Debug)]
pub(super) struct Watch {
    checks: Arc<Mutex<Checks>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(checks: Checks) -> Result<Self> {
        let (stop, stopped) = channel();
        let checks = Arc::new(Mutex::new(checks));
        let own = Arc::clone(&checks);
        let work = move || {
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                own.lock().unwrap_or_else(PoisonError::into_inner).run();
            }
        };
        let thread = std::thread::Builder::new().name("argos-health".into()).spawn(work);
        let thread = thread.map_err(|e| Error::internal(format!("starting the thread of health checks: {e}")))?;
        Ok(Self { checks, stop: Some(stop), thread: Some(thread) })
    }

    /// Checks now.
    pub(super) fn check(&self) {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).run();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of health checks panicked");
        }
    }
}

/// What a part was found to be.
type Told = (Component, Found);

/// What is checked, and what was seen the last time.
pub(super) struct Checks {
    argos: Argos,
    pulse: Arc<Pulse>,
    orders: Option<Probe>,
    patience: Duration,
    drops: Drops,
    /// Events that listeners had missed.
    missed: u64,
    answers: (Sender<Told>, Receiver<Told>),
    /// Parts that were asked and have not answered.
    asked: Vec<Component>,
}

impl std::fmt::Debug for Checks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checks").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl Checks {
    /// Of the parts of `argos`; `orders` is none where no certificates are ordered.
    pub(super) fn new(argos: Argos, pulse: Arc<Pulse>, orders: Option<Probe>) -> Self {
        let drops = Drops::new(Figures::of(&argos.inner.cx.logs));
        let missed = argos.inner.cx.events.dropped();
        Self { argos, pulse, orders, patience: PATIENCE, drops, missed, answers: channel(), asked: Vec::new() }
    }

    /// Checks all parts once, and tells what is to be told.
    fn run(&mut self) {
        self.note(Component::Proxy, self.pulse.check());
        let queue = self.drops.check(Figures::of(&self.argos.inner.cx.logs));
        self.note(Component::LogQueue, queue);
        self.tell_drops();
        self.ask_writer();
        self.ask_disk();
        self.ask_orders();
        self.hear();
    }

    fn ask_writer(&mut self) {
        let Some(answer) = self.ask(Component::Writer) else { return };
        let sent = self.argos.inner.store.submit({
            let answer = answer.clone();
            move |conn| answer.give(super::touch_database(conn))
        });
        if let Err(e) = sent {
            answer.give(Err(e));
        }
    }

    fn ask_disk(&mut self) {
        let Some(answer) = self.ask(Component::Disk) else { return };
        let store = self.argos.inner.store.clone();
        let asked = answer.clone();
        let thread = std::thread::Builder::new().name("argos-room".into());
        if let Err(e) = thread.spawn(move || asked.give(store.check_room())) {
            answer.give(Err(Error::internal(format!("starting the thread that looks for room: {e}"))));
        }
    }

    fn ask_orders(&mut self) {
        let Some(probe) = self.orders.clone() else { return };
        let Some(answer) = self.ask(Component::Acme) else { return };
        if probe
            .send(Box::new({
                let answer = answer.clone();
                move || answer.give(Ok(()))
            }))
            .is_err()
        {
            answer.give(Err(Error::internal("the thread that orders certificates has ended")));
        }
    }

    /// What `component` answers with, unless it still owes an answer.
    fn ask(&mut self, component: Component) -> Option<Answer> {
        if self.asked.contains(&component) {
            return None;
        }
        self.asked.push(component);
        Some(Answer { component, to: self.answers.0.clone() })
    }

    /// Hears the answers, as long as it is patient.
    fn hear(&mut self) {
        while !self.asked.is_empty() {
            match self.answers.1.recv_timeout(self.patience) {
                Ok((component, found)) => {
                    self.asked.retain(|asked| *asked != component);
                    self.note(component, found);
                }
                Err(_) => break,
            }
        }
        for component in self.asked.clone() {
            self.note(component, Err(format!("no answer within {:?}", self.patience)));
        }
    }

    fn note(&self, component: Component, found: Found) {
        let cx = &self.argos.inner.cx;
        let now = cx.clock.now();
        if let Err(e) = &found {
            tracing::warn!("health check of {component}: {e}");
        }
        let told = cx.health.lock().unwrap_or_else(PoisonError::into_inner).note(component, found, now);
        if let Some(facts) = told {
            cx.events.emit(Event::of_system(now, facts));
        }
    }

    /// Tells of log rows and of events that were dropped.
    fn tell_drops(&mut self) {
        let cx = &self.argos.inner.cx;
        let now = cx.clock.now();
        let missed = cx.events.dropped();
        if missed > self.missed {
            tracing::warn!("{} events were dropped: whoever listens is too slow", missed - self.missed);
            self.missed = missed;
        }
        let Some(dropped) = self.drops.told(now) else { return };
        let (access, error, waf) = (dropped.access, dropped.error, dropped.waf_audit);
        tracing::warn!("log rows were dropped: {access} of requests, {error} of errors, {waf} of the WAF");
        if access > 0 {
            let facts = LogRowsDropped { dropped: access, queue_capacity: QUEUE_ROWS as u64 };
            cx.events.emit(Event::of_system(now, facts));
        }
    }
}

/// Where a part answers.
#[derive(Clone)]
struct Answer {
    component: Component,
    to: Sender<(Component, Found)>,
}

impl Answer {
    fn give(&self, found: Result<()>) {
        // Who asked may be gone.
        let _ = self.to.send((self.component, found.map_err(|e| e.to_string())));
    }
}

#[cfg(test)]
mod tests;
