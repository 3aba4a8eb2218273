//! A session as it is listed.

use super::{HostId, SessionId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// Where a session counts.
    SessionKind {
        /// At the panel, and on the hosts below the parent domain of cookies.
        Panel = "panel",
        /// On one protected host.
        Host = "host",
    }
}

/// A session; its token is nowhere to be seen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct SessionRow {
    /// Identity.
    pub id: SessionId,
    /// Where it counts.
    pub kind: SessionKind,
    /// The protected host, for sessions of that kind.
    pub host_id: Option<HostId>,
    /// That host's name.
    pub host_domain: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, at most a minute late.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The address that it began from.
    pub remote_ip: String,
    /// The program that it began with.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}
