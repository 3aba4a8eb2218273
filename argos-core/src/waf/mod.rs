//! Which rules a host runs: the engine's rule sets, composed per host and shared where they are equal.
//!
//! This room knows hosts and no syntax; `argos-seclang` knows syntax and no hosts.

mod folder;
pub mod ftw;
pub mod inspect;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use argos_seclang::{Limits, NoFiles, RuleSet};

use crate::error::Error;

/// What a rule set is composed from. Equal compositions share one compiled set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Composition {
    /// Blocking paranoia level, 1–4.
    pub paranoia: u8,
    /// Recorded paranoia level, 1–4.
    pub detection_paranoia: u8,
    /// Inbound anomaly threshold.
    pub inbound: u32,
    /// Outbound anomaly threshold.
    pub outbound: u32,
    /// Bytes of a request body that are inspected.
    pub request_body_limit: usize,
    /// Whether a longer body is refused.
    pub request_body_reject: bool,
    /// Bytes of a response body that are inspected.
    pub response_body_limit: usize,
}

/// How many compositions are remembered; beyond it the memory starts anew (sets in use live on in their hosts).
const REMEMBERED: usize = 256;

/// Compiles rule sets and remembers them.
#[derive(Debug, Default)]
pub struct RuleSets(Mutex<HashMap<Composition, RuleSet>>);

impl RuleSets {
    /// The rule set of `c`, compiled at the first call.
    ///
    /// # Errors
    /// `waf.rules_broken` with every position, when the rules do not compile.
    pub fn get(&self, c: Composition) -> Result<RuleSet, Error> {
        if let Some(known) = self.lock().get(&c) {
            return Ok(known.clone());
        }
        let rules = compile(&c)?;
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(c, rules.clone());
        Ok(rules)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Composition, RuleSet>> {
        // A panic elsewhere leaves at worst an entry missing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compile(c: &Composition) -> Result<RuleSet, Error> {
    let limits = Limits {
        request_body_bytes: c.request_body_limit,
        request_body_reject: c.request_body_reject,
        response_body_bytes: c.response_body_limit,
        ..Limits::default()
    };
    RuleSet::builder(NoFiles)
        .baseline()
        .limits(limits)
        .paranoia(c.paranoia)
        .detection_paranoia(c.detection_paranoia)
        .thresholds(c.inbound, c.outbound)
        .compile()
        .map(|(rules, _)| rules)
        .map_err(|faults| {
            let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Error::internal(format!("the built-in rules do not compile: {text}"))
        })
}
