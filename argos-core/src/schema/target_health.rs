//! How an endpoint does.

use super::{GroupId, TargetId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// Whether an endpoint takes requests.
    TargetState {
        /// Nothing is known yet; it takes requests.
        Unknown = "unknown",
        /// It does.
        Healthy = "healthy",
        /// Checks or requests failed; it gets none, but a trial now and then.
        Unhealthy = "unhealthy",
        /// It is switched off.
        Disabled = "disabled",
    }
}

/// How one endpoint does.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct TargetHealth {
    /// The endpoint.
    pub target_id: TargetId,
    /// Its group.
    pub target_group_id: GroupId,
    /// The name of its group.
    pub target_group: String,
    /// `host:port`.
    pub address: String,
    /// Whether it takes requests.
    pub state: TargetState,
    /// Since when; null = since it is known.
    pub since: Option<Timestamp>,
    /// Why the last check or request failed; empty = none did since it was last healthy.
    pub last_error: String,
    /// Requests under way.
    pub in_flight: u32,
    /// Its weight as it counts now: less while it starts slowly, 0 while it is out.
    pub effective_weight: f64,
}
