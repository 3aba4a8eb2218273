//! What happened that somebody may want to hear of: one bus for all parts, which never waits for a listener.

mod facts;
mod records;
mod samples;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::Value;

pub use facts::*;
pub use records::{Alert, Delivery, DeliveryStats, DeliveryStatus, NotificationRule};

use crate::clock::Timestamp;
use crate::schema::{HostId, text_enum};

/// Events that wait for one listener; what comes beyond is dropped and counted.
const QUEUE: usize = 1000;

text_enum! {
    /// How much it matters.
    Severity {
        /// Good to know.
        Info = "info",
        /// Will matter.
        Warning = "warning",
        /// Something failed.
        Error = "error",
        /// Something failed that others depend on.
        Critical = "critical",
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The host that it is about, with its name.
    pub host: Option<(HostId, String)>,
    /// When.
    pub timestamp: Timestamp,
    /// What.
    pub facts: Facts,
}

impl Event {
    /// An event about no single host.
    #[must_use]
    pub fn of_system(at: Timestamp, facts: impl Into<Facts>) -> Self {
        Self { host: None, timestamp: at, facts: facts.into() }
    }

    /// An event about a host.
    #[must_use]
    pub fn of_host(at: Timestamp, (id, domain): (HostId, &str), facts: impl Into<Facts>) -> Self {
        Self { host: Some((id, domain.to_owned())), ..Self::of_system(at, facts) }
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.facts.kind()
    }

    /// In words.
    #[must_use]
    pub fn message(&self) -> String {
        self.facts.message(self.host.as_ref().map(|(_, domain)| &**domain))
    }

    /// The facts by name.
    #[must_use]
    pub fn data(&self) -> Value {
        // Facts are plain fields: they always have a form.
        serde_json::to_value(&self.facts).unwrap_or_default()
    }
}

/// What is stored and sent: `type`, `severity`, the host, `timestamp`, `message`, `data`.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("type", &self.kind())?;
        map.serialize_entry("severity", &self.kind().severity())?;
        if let Some((id, domain)) = &self.host {
            map.serialize_entry("host_id", id)?;
            map.serialize_entry("host_domain", domain)?;
        }
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("message", &self.message())?;
        map.serialize_entry("data", &self.facts)?;
        map.end()
    }
}

/// The bus. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Events {
    listeners: Arc<Mutex<Vec<Listener>>>,
    dropped: Arc<AtomicU64>,
}

/// Where events go, and what wakes who waits for them.
struct Listener {
    queue: SyncSender<Arc<Event>>,
    wake: Option<Box<dyn Fn() -> bool + Send>>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

impl Events {
    /// Every event from now on, in their order, until the result is dropped.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<Arc<Event>> {
        self.listen(None)
    }

    /// As [`Events::subscribe`]; `wake` is called behind each event, and must not wait. It tells whether somebody is awake:
    /// while nobody is, what a full queue misses is not counted.
    pub(crate) fn subscribe_woken(&self, wake: impl Fn() -> bool + Send + 'static) -> Receiver<Arc<Event>> {
        self.listen(Some(Box::new(wake)))
    }

    fn listen(&self, wake: Option<Box<dyn Fn() -> bool + Send>>) -> Receiver<Arc<Event>> {
        let (queue, receiver) = sync_channel(QUEUE);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Listener { queue, wake });
        receiver
    }

    /// Tells all listeners. A listener whose queue is full misses it; nobody is waited for.
    pub fn emit(&self, event: Event) {
        let event = Arc::new(event);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| {
            let sent = listener.queue.try_send(Arc::clone(&event));
            let awake = listener.wake.as_ref().is_none_or(|wake| wake());
            match sent {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.dropped.fetch_add(u64::from(awake), Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
    }

    /// Events that listeners missed.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(n: i64) -> Event {
        let facts = LogRowsDropped { dropped: n.unsigned_abs(), queue_capacity: 65_536 };
        Event::of_host(Timestamp(n), (HostId(1), "a.test"), facts)
    }

    #[test]
    fn a_slow_listener_misses_events_and_holds_up_nobody() {
        let events = Events::default();
        let (slow, gone) = (events.subscribe(), events.subscribe());
        drop(gone);
        for n in 0..1500 {
            events.emit(event(n));
        }
        assert_eq!(events.dropped(), 500);
        assert_eq!(slow.try_iter().count(), 1000);
        events.emit(event(7));
        assert_eq!(slow.try_recv().unwrap().timestamp, Timestamp(7));
    }

    #[test]
    fn its_form_is_that_of_the_catalogue() {
        let shown = serde_json::to_value(event(0)).unwrap();
        assert_eq!(
            shown,
            json!({"type": "log_rows_dropped", "severity": "warning", "host_id": 1, "host_domain": "a.test",
                "timestamp": "1970-01-01T00:00:00.000Z", "message": "0 rows of the access log were dropped in a minute",
                "data": {"dropped": 0, "queue_capacity": 65536}})
        );
    }
}
