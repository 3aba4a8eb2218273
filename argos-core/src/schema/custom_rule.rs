//! A host's own WAF rules.

use super::{CustomRuleId, HostId};
use crate::clock::Timestamp;

/// Directives that one host runs beside the rules of all.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct CustomRule {
    /// Identity; the host's own rules run in its order.
    pub id: CustomRuleId,
    /// The host.
    pub host_id: HostId,
    /// A name for people.
    pub name: String,
    /// `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`, any number of them.
    pub secrule: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
