//! The process itself.

use std::sync::PoisonError;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::{Query, View};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::notify::Component;
use crate::store::versions;

/// Shows which build this is.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetVersion {}
operation!(GetVersion => Version, "system.version", Get "/system/version", Viewer, 200, "Shows which build this is.");

/// Which build this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// The release.
    pub version: &'static str,
    /// The commit it was built from, or `unknown`.
    pub commit: &'static str,
    /// When it was built, RFC 3339, or `unknown`.
    pub built_at: &'static str,
}

impl Version {
    /// This build.
    #[must_use]
    pub const fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            commit: match option_env!("ARGOS_COMMIT") {
                Some(commit) => commit,
                None => "unknown",
            },
            built_at: match option_env!("ARGOS_BUILT_AT") {
                Some(at) => at,
                None => "unknown",
            },
        }
    }
}

impl Query for GetVersion {
    fn run(self, _view: &View<'_>) -> Result<Version> {
        Ok(Version::current())
    }
}

/// Shows whether the stored and the running configuration are the same, the log queue's figures, and how each part of
/// Argos did when it was last checked.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetHealth {}
operation!(GetHealth => Health, "system.health", Get "/system/health", Viewer, 200,
    "Shows the stored and the running generation, the log queue's figures and what health checks found.");

/// The state of the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Health {
    /// Generation of the stored configuration.
    pub stored_generation: u64,
    /// Generation of the configuration that requests use.
    pub running_generation: u64,
    /// Hosts in the running configuration.
    pub hosts: usize,
    /// Hosts that can't be served, with the reason.
    pub faulty_hosts: Vec<FaultyHost>,
    /// Rows that wait to be written.
    pub log_queue_depth: usize,
    /// Access rows dropped since the start.
    pub log_dropped_access: u64,
    /// Error rows dropped since the start.
    pub log_dropped_error: u64,
    /// WAF rows dropped since the start.
    pub log_dropped_waf_audit: u64,
    /// Events dropped since the start, because whoever listens was too slow.
    pub events_dropped: u64,
    /// The parts that are checked every 30 seconds while Argos serves, by name.
    pub components: Vec<ComponentHealth>,
}

/// How a part of Argos did when it was last checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ComponentHealth {
    /// Which.
    pub component: Component,
    /// Whether it works.
    pub ok: bool,
    /// Failed checks in a row.
    pub failures: u64,
    /// What is wrong; empty = nothing.
    pub error: String,
    /// When it was checked.
    pub checked_at: Timestamp,
}

/// A host that can't be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FaultyHost {
    /// Its name.
    pub domain: String,
    /// Why.
    pub reason: String,
}

impl Query for GetHealth {
    fn run(self, view: &View<'_>) -> Result<Health> {
        let dropped = view.cx.logs.dropped();
        let faulty = view.live.hosts.iter().filter_map(|(name, host)| {
            Some(FaultyHost { domain: name.to_string(), reason: host.fault.as_deref()?.to_owned() })
        });
        let health = view.cx.health.lock().unwrap_or_else(PoisonError::into_inner);
        let components = health.parts().map(|part| ComponentHealth {
            component: part.component,
            ok: part.failures == 0,
            failures: part.failures,
            error: part.error.clone(),
            checked_at: part.checked_at,
        });
        Ok(Health {
            components: components.collect(),
            events_dropped: view.cx.events.dropped(),
            stored_generation: versions::generation(&view.read)?,
            running_generation: view.live.generation,
            hosts: view.live.hosts.len(),
            faulty_hosts: faulty.collect(),
            log_queue_depth: view.cx.logs.depth(),
            log_dropped_access: dropped.access,
            log_dropped_error: dropped.error,
            log_dropped_waf_audit: dropped.waf_audit,
        })
    }
}
