//! A bearer token for the API.

use super::{TokenId, UserId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// What a token may do.
    TokenRole {
        /// Reads configuration and logs.
        Viewer = "viewer",
        /// Changes hosts, groups, rules and security.
        Operator = "operator",
        /// Everything that tokens may.
        Admin = "admin",
    }
}

impl From<TokenRole> for super::Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Viewer => Self::Viewer,
            TokenRole::Operator => Self::Operator,
            TokenRole::Admin => Self::Admin,
        }
    }
}

/// A token as it is listed; its text is shown once, when it is made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct ApiToken {
    /// Identity.
    pub id: TokenId,
    /// Unique name.
    pub name: String,
    /// What it may do.
    pub role: TokenRole,
    /// Who made it; null for the command line.
    pub created_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; null = never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, at most a minute late.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
