//! Which rules a host runs: the engine's rule sets, composed per host and shared where they are equal.
//!
//! This room knows hosts and no syntax; `argos-seclang` knows syntax and no hosts.

pub mod asked;
pub mod audit_log;
pub mod download;
pub mod flagged;
mod folder;
pub mod ftw;
pub mod inspect;
pub mod install;
mod own_rules;
pub mod scope;
mod source;
mod tuning;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use argos_seclang::{Collections, Limits, RuleSet};

pub use argos_seclang::ListedRule;
pub use audit_log::AuditLog;
pub use inspect::finding;
pub use own_rules::{CustomFault, Made, OwnRules};
pub use source::{BASELINE, Places, RuleSource};
pub use tuning::{Reach, Tuned, Tuning, reach};

use crate::error::{Error, Result};
use crate::store::Undo;

/// What a rule set is composed from. Equal compositions share one compiled set.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Composition {
    /// The rules.
    pub source: RuleSource,
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

/// Chooses the rules, compiles rule sets and remembers them.
#[derive(Debug, Default)]
pub struct RuleSets {
    places: Places,
    known: Mutex<HashMap<Composition, RuleSet>>,
    /// The rules that were read last.
    current: Arc<Mutex<RuleSource>>,
    /// Records that outlive requests, for all hosts: each has those of its own application.
    collections: Collections,
}

impl RuleSets {
    /// Rule sets from `places`.
    #[must_use]
    pub fn new(places: Places) -> Self {
        Self { places, ..Self::default() }
    }

    /// Whether the caller chose the rules, so that the setting `crs.path` decides nothing.
    #[must_use]
    pub fn given(&self) -> bool {
        self.places.given.is_some()
    }

    /// The rules to run where the setting `crs.path` is `setting`. Rules of the same folder that were read before
    /// are not read again.
    ///
    /// # Errors
    /// `waf.rule_set_missing`.
    pub fn source(&self, setting: &str) -> Result<RuleSource> {
        let chosen = self.places.choose(setting)?;
        let mut current = lock(&self.current);
        if current.is_unusable() || current.path() != chosen.as_deref() {
            *current = self.places.rules(chosen);
        }
        Ok(current.clone())
    }

    /// As [`Self::source`]; rules that can't be found are unusable ones.
    #[must_use]
    pub fn found(&self, setting: &str) -> RuleSource {
        self.source(setting).unwrap_or_else(RuleSource::unusable)
    }

    /// The data folder, into which rule sets are installed.
    ///
    /// # Errors
    /// `Internal` where there is none.
    pub fn data_dir(&self) -> Result<&Path> {
        self.places.data_dir.as_deref().ok_or_else(|| Error::internal("there is no data folder to install into"))
    }

    /// The chosen rules, read anew and compiled once; nothing runs them yet.
    ///
    /// # Errors
    /// `waf.rule_set_missing`, `waf.rules_broken` with every position.
    pub fn read_anew(&self, setting: &str) -> Result<RuleSource> {
        let source = self.places.rules(self.places.choose(setting)?);
        source.report()?;
        Ok(source)
    }

    /// `source`, or what hosts run if that was read from the same folder since: another change was faster.
    #[must_use]
    pub fn newest(&self, source: RuleSource) -> RuleSource {
        let current = lock(&self.current);
        if current.is_newer_than(&source) { current.clone() } else { source }
    }

    /// Makes `source` what hosts run that are compiled from now on; the result takes it back.
    pub fn adopt(&self, source: RuleSource) -> Undo {
        let before = std::mem::replace(&mut *lock(&self.current), source);
        let current = self.current.clone();
        Box::new(move || *lock(&current) = before)
    }

    /// The rule set of `c`, made at the first call. The rules of a source are compiled once; what hosts decide about
    /// them costs microseconds.
    ///
    /// # Errors
    /// `waf.rules_broken` with every position, when the rules do not compile.
    pub fn get(&self, c: Composition) -> Result<RuleSet> {
        if let Some(known) = lock(&self.known).get(&c) {
            return Ok(known.clone());
        }
        let (rules, _) = c
            .source
            .rules()?
            .vary()
            .collections(self.collections.clone())
            .limits(c.limits())
            .paranoia(c.paranoia)
            .detection_paranoia(c.detection_paranoia)
            .thresholds(c.inbound, c.outbound)
            .compile()
            .map_err(|found| inspect::broken(&found))?;
        let mut known = lock(&self.known);
        if known.len() >= REMEMBERED || known.keys().next().is_some_and(|old| old.source != c.source) {
            known.clear();
        }
        known.insert(c, rules.clone());
        Ok(rules)
    }
    /// The rules of a host that changes something about those of `c`.
    ///
    /// # Errors
    /// As [`Self::get`], also about the host's own rules.
    pub fn tuned(&self, tuning: Tuning, c: Composition) -> Result<(RuleSet, Option<Arc<Tuned>>)> {
        if tuning.is_empty() {
            return Ok((self.get(c)?, None));
        }
        let own = tuning.own_rules();
        let mut rules = self.get(c.clone())?;
        if !own.is_empty() {
            rules = match own.add_to(rules.vary()).compile() {
                Ok((rules, _)) => rules,
                Err(found) if own_rules::needs_all(&found) => self.composed(own, &c)?,
                Err(found) => return Err(inspect::broken(&found)),
            };
        }
        let (rules, tuned) = tuning.apply(&rules)?;
        Ok((rules, Some(tuned)))
    }

    /// The rules of `c` compiled afresh, with a host's own among them.
    fn composed(&self, own: &OwnRules, c: &Composition) -> Result<RuleSet> {
        let builder = own.compose(c.source.builder()?);
        let builder = builder.collections(self.collections.clone()).limits(c.limits()).paranoia(c.paranoia);
        let builder = builder.detection_paranoia(c.detection_paranoia).thresholds(c.inbound, c.outbound);
        builder.compile().map(|(rules, _)| rules).map_err(|found| inspect::broken(&found))
    }
}

impl Composition {
    fn limits(&self) -> Limits {
        Limits {
            request_body_bytes: self.request_body_limit,
            request_body_reject: self.request_body_reject,
            response_body_bytes: self.response_body_limit,
            ..Limits::default()
        }
    }
}

/// Every rule of `source` in the order in which they stand, without the engine's own.
///
/// # Errors
/// Those of rules that can't be used.
pub fn catalogue(source: &RuleSource) -> Result<Vec<ListedRule>> {
    source.rules().map(RuleSet::list)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves at worst an entry missing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
