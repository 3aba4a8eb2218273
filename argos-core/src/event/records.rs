//! Who wants to hear of what, and what came of it.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{EventKind, Severity};
use crate::clock::Timestamp;
use crate::schema::{ChannelId, DeliveryId, HostId, NotificationRuleId, text_enum};

/// Which events go to which channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotificationRule {
    /// Identity.
    pub id: NotificationRuleId,
    /// A name for people; may be empty.
    pub name: String,
    /// Where they go.
    pub channel_id: ChannelId,
    /// What happened.
    pub event_type: EventKind,
    /// Only events about these hosts; empty = all events, also those about no host.
    pub filter_host_ids: Vec<HostId>,
    /// Only events that matter so much; empty = all.
    pub filter_severities: Vec<Severity>,
    /// Seconds in which one event about the same host is enough, 0–86,400; 0 = none is held back.
    pub throttle_window_seconds: i64,
    /// Whether it is used.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

text_enum! {
    /// How far a delivery is.
    DeliveryStatus {
        /// It will be tried, again or for the first time.
        Pending = "pending",
        /// The receiver has it.
        Sent = "sent",
        /// It was given up; see its error.
        Failed = "failed",
        /// Held back, because another of its rule came shortly before.
        Throttled = "throttled",
        /// Not sent, because the channel had sent as many as it may.
        RateLimited = "rate_limited",
    }
}

/// One event on its way to one channel.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Delivery {
    /// Identity.
    pub id: DeliveryId,
    /// The rule that wanted it; null once that is deleted.
    pub rule_id: Option<NotificationRuleId>,
    /// Where it goes; null once that is deleted.
    pub channel_id: Option<ChannelId>,
    /// What happened.
    pub event_type: String,
    /// The event: `type`, `severity`, `host_id`, `host_domain`, `timestamp`, `message`, `data`.
    pub event: Value,
    /// What is or was sent; empty before its first attempt and where it is longer than 64 KiB, and null in lists.
    pub rendered_payload: Option<String>,
    /// How far it is.
    pub status: DeliveryStatus,
    /// Why it was not sent, or not yet.
    pub error_message: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When the event was dispatched.
    pub created_at: Timestamp,
    /// When the receiver took it.
    pub sent_at: Option<Timestamp>,
    /// The same for each attempt, so that a receiver can tell that it has it.
    pub idempotency_key: String,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
}

/// Deliveries by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeliveryStats {
    /// Those that will be tried.
    pub pending: i64,
    /// Those that receivers have.
    pub sent: i64,
    /// Those that were given up.
    pub failed: i64,
    /// Those held back by their rules.
    pub throttled: i64,
    /// Those that their channels could not send.
    pub rate_limited: i64,
}

/// Something that mattered, as it was told.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Alert {
    /// What happened.
    pub event_type: String,
    /// How much it matters.
    pub severity: Severity,
    /// The host that it is about.
    pub host_id: Option<HostId>,
    /// Its name.
    pub host_domain: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// In words.
    pub message: String,
}
