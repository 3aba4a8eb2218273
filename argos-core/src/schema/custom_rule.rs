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
    /// What to know about it: what it turns off, such as `ctl:ruleEngine=Off` does, and what it leaves alone though it
    /// seems to mean it.
    pub warnings: Vec<RuleFinding>,
}

/// Something wrong with a rule's text, or something to know about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct RuleFinding {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// Stable code, such as `seclang.unknown_operator`.
    pub code: String,
    /// The finding in words.
    pub text: String,
}
