//! Browsers that people subscribed with.

use super::PushSubscriptionId;
use crate::clock::Timestamp;

/// A browser that its user gets notifications with; its keys are nowhere to be seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PushSubscription {
    /// Identity.
    pub id: PushSubscriptionId,
    /// Where its push service is told, as the browser said: it tells whether a browser is this one.
    pub endpoint: String,
    /// The program that it subscribed with.
    pub user_agent: String,
    /// When it was subscribed with.
    pub created_at: Timestamp,
}

/// What browsers subscribe with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PushKey {
    /// The public key of this Argos for `applicationServerKey` (RFC 8292): a point of the curve P-256, uncompressed, in
    /// base64url without padding.
    pub public_key: String,
}
