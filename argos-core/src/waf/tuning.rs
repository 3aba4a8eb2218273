//! What one host changes about the rules that all hosts share.

use std::sync::Arc;

use argos_seclang::{LeftOut, RuleSet, is_protected};

use super::scope::{Addressed, When};
use super::{OwnRules, RuleSource};
use crate::error::{Error, Result};
use crate::schema::{CustomRule, Exclusion};

/// The exclusions and own rules of one host, read and not yet bound to rules.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    exclusions: Vec<Excluded>,
    own: OwnRules,
}

#[derive(Clone, Debug)]
struct Excluded {
    rules: argos_seclang::Exclusion,
    when: When,
}

/// The rules of one host, and what only some of its requests leave out.
#[derive(Clone, Debug)]
pub struct Tuned {
    tuning: Tuning,
    sometimes: Vec<(When, LeftOut)>,
}

impl Tuning {
    /// Reads the exclusions and own rules of a host; those that are off are read and left aside.
    ///
    /// # Errors
    /// As [`reach`].
    pub fn of(exclusions: &[Exclusion], own: &[CustomRule]) -> Result<Self> {
        let mut tuning = Self::default();
        own.iter().for_each(|row| tuning.own.add(row));
        for row in exclusions {
            let rules = named(row.crs_rule_id, &row.tag, &row.target)?;
            if row.enabled {
                let when = When::new(&row.path_pattern, &row.method);
                tuning.exclusions.push(Excluded { rules, when });
            }
        }
        Ok(tuning)
    }

    /// Whether the host changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exclusions.is_empty() && self.own.is_empty()
    }

    /// The host's own rules.
    #[must_use]
    pub fn own_rules(&self) -> &OwnRules {
        &self.own
    }

    /// The rules of the host: `shared` without what it leaves out.
    ///
    /// # Errors
    /// `waf.rules_broken`.
    pub fn apply(self, shared: &RuleSet) -> Result<(RuleSet, Arc<Tuned>)> {
        let mut own = shared.vary();
        let mut sometimes = Vec::new();
        for exclusion in &self.exclusions {
            let left = shared.left_out(&exclusion.rules);
            match left.rules() {
                0 => {}
                _ if exclusion.when.is_always() => own = own.leave_out(left),
                _ => sometimes.push((exclusion.when.clone(), left)),
            }
        }
        let (rules, _) = own.compile().map_err(|found| super::inspect::broken(&found))?;
        Ok((rules, Arc::new(Tuned { tuning: self, sometimes })))
    }
}

impl Tuned {
    /// What the host changes.
    #[must_use]
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// What the request that `addressed` tells about leaves out beside what all do; it is asked only where that matters.
    pub fn left_out<'a, 'r>(&'a self, addressed: impl FnOnce() -> Addressed<'r>) -> impl Iterator<Item = &'a LeftOut> {
        let addressed = (!self.sometimes.is_empty()).then(addressed);
        let holds = move |when: &When| addressed.as_ref().is_some_and(|addressed| when.holds(addressed));
        self.sometimes.iter().filter(move |(when, _)| holds(when)).map(|(_, left)| left)
    }
}

/// What an exclusion means among the rules that are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many rules; none where no rules can be used.
    pub rules: Option<usize>,
    /// Whether one of those that set up, sum or block is named: nothing may leave them out.
    pub protected: bool,
}

/// What an exclusion of the rule `id`, else of the rules with `tag`, means among `rules`.
///
/// # Errors
/// `exclusion.target` with its column.
pub fn reach(rules: &RuleSource, id: Option<i64>, tag: &str, target: &str) -> Result<Reach> {
    let named = named(id, tag, target)?;
    let protected = id.is_some_and(|id| is_protected(id.unsigned_abs()));
    Ok(match rules.rules() {
        Ok(rules) => {
            let left = rules.left_out(&named);
            Reach { rules: Some(left.rules()), protected: protected || left.names_protected() }
        }
        Err(_) => Reach { rules: None, protected },
    })
}

fn named(id: Option<i64>, tag: &str, target: &str) -> Result<argos_seclang::Exclusion> {
    let rules = match id {
        Some(id) => argos_seclang::Exclusion::id(id.unsigned_abs()),
        None => argos_seclang::Exclusion::tag(tag),
    };
    rules.targets(target).map_err(|found| {
        let token = if found.token.is_empty() { String::new() } else { format!(" ({})", found.token) };
        let reason = format!("column {}: {}{token}", found.column, found.text);
        Error::invalid("exclusion.target", "target", reason)
    })
}
