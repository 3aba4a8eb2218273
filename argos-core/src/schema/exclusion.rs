//! What one host leaves out of the rules it runs.

use super::{ExclusionId, HostId};
use crate::clock::Timestamp;

/// Rules that a host leaves out, or targets that they do not look at, for some requests or for all.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Exclusion {
    /// Identity.
    pub id: ExclusionId,
    /// The host.
    pub host_id: HostId,
    /// The rule with this id; null = the rules with `tag`.
    pub crs_rule_id: Option<i64>,
    /// The rules with this tag, in the same letters; empty = the rule `crs_rule_id`.
    pub tag: String,
    /// The path up to a segment's border, as rules see it: decoded, without dot segments; empty = every path. `/api`
    /// covers `/api` and `/api/x`, `/api/` only what lies inside.
    pub path_pattern: String,
    /// Methods, comma-separated; empty = every method.
    pub method: String,
    /// Targets that the rules do not look at, comma-separated, such as `ARGS:password`; empty = the whole rules.
    pub target: String,
    /// Why, for people.
    pub reason: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What keeps it from having an effect now, such as no loaded rule with that id.
    pub warnings: Vec<String>,
}

/// Characters of an exclusion's path, at most.
pub const MOST_PATH: usize = 2048;

impl Exclusion {
    /// Whether `path` can be an exclusion's path.
    #[must_use]
    pub fn has_path(path: &str) -> bool {
        let plain = path.chars().count() <= MOST_PATH && !path.chars().any(char::is_control);
        plain && (path.is_empty() || path.starts_with('/'))
    }

    /// Whether `method` can be one of an exclusion's methods.
    #[must_use]
    pub fn has_method(method: &str) -> bool {
        let token = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
        (1..=32).contains(&method.len()) && method.bytes().all(token)
    }
}
