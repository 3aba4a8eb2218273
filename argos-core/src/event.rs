//! What happened that somebody may want to hear of: one bus for all parts, which never waits for a listener.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::schema::{HostId, text_enum};

/// Events that wait for one listener; what comes beyond is dropped and counted.
const QUEUE: usize = 1000;

text_enum! {
    /// What happened.
    EventKind {
        /// The certificate of a host of `tls_mode` `auto` ends within 14 days.
        CertExpiringSoon = "cert_expiring_soon",
        /// An authority did not sign: the first failure, then one a day.
        CertRenewalFailed = "cert_renewal_failed",
        /// Checks or requests took a target out.
        TargetUnhealthy = "target_unhealthy",
        /// A target that was out gets requests again.
        TargetRecovered = "target_recovered",
        /// An uploaded certificate has 30, 14, 7 or 1 days left, or has ended.
        ManualCertExpiringSoon = "manual_cert_expiring_soon",
    }
}

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

impl EventKind {
    /// How much it matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::CertExpiringSoon | Self::ManualCertExpiringSoon => Severity::Warning,
            Self::CertRenewalFailed | Self::TargetUnhealthy => Severity::Error,
            Self::TargetRecovered => Severity::Info,
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Event {
    /// What.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// How much it matters.
    pub severity: Severity,
    /// The host it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_id: Option<HostId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_domain: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// In words.
    pub message: String,
    /// The facts, by name.
    pub data: Map<String, Value>,
}

impl Event {
    /// An event of `kind` about no single host, with the facts `data`.
    #[must_use]
    pub fn of_system(kind: EventKind, at: Timestamp, message: String, data: Value) -> Self {
        let data = if let Value::Object(data) = data { data } else { Map::new() };
        Self { kind, severity: kind.severity(), host_id: None, host_domain: None, timestamp: at, message, data }
    }

    /// An event of `kind` about the host `host`, with the facts `data`.
    #[must_use]
    pub fn of_host(kind: EventKind, at: Timestamp, host: (HostId, &str), message: String, data: Value) -> Self {
        let (host_id, host_domain) = (Some(host.0), Some(host.1.to_owned()));
        Self { host_id, host_domain, ..Self::of_system(kind, at, message, data) }
    }
}

/// The bus. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Events {
    listeners: Arc<Mutex<Vec<SyncSender<Event>>>>,
    dropped: Arc<AtomicU64>,
}

impl Events {
    /// Every event from now on, in their order, until the result is dropped.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<Event> {
        let (sender, receiver) = sync_channel(QUEUE);
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Tells all listeners. A listener whose queue is full misses it.
    pub fn emit(&self, event: &Event) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|listener| {
            match listener.try_send(event.clone()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
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
        let data = json!({"n": n});
        Event::of_host(EventKind::CertRenewalFailed, Timestamp(n), (HostId(1), "a.test"), "failed".into(), data)
    }

    #[test]
    fn a_slow_listener_misses_events_and_holds_up_nobody() {
        let events = Events::default();
        let (slow, gone) = (events.subscribe(), events.subscribe());
        drop(gone);
        for n in 0..1500 {
            events.emit(&event(n));
        }
        assert_eq!(events.dropped(), 500);
        assert_eq!(slow.try_iter().count(), 1000);
        events.emit(&event(7));
        assert_eq!(slow.try_recv().unwrap().data["n"], 7);
    }

    #[test]
    fn its_form_is_that_of_the_catalogue() {
        let shown = serde_json::to_value(event(0)).unwrap();
        assert_eq!(
            shown,
            json!({"type": "cert_renewal_failed", "severity": "error", "host_id": 1, "host_domain": "a.test",
                "timestamp": "1970-01-01T00:00:00.000Z", "message": "failed", "data": {"n": 0}})
        );
    }
}
