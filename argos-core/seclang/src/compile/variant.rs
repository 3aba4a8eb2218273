//! Further rule sets over rules that are compiled already.

use std::sync::Arc;

use super::edit::{Which, no_such_rule};
use super::segment::{self, Made};
use super::target;
use crate::ast::{Body, Item};
use crate::collections::Collections;
use crate::diagnostic::{Diagnostic, Findings, LoadReport};
use crate::directives::{self, Class, DirectiveId};
use crate::limits::Limits;
use crate::parse::{self, position};
use crate::run::own::{HostValues, Own};
use crate::run::{LeftOut, Mode, RuleSet};
use crate::source::Position;

/// A rule set to be that shares all that is compiled with another; see [`RuleSet::vary`]. What is not set stays as it
/// is there.
#[derive(Debug)]
pub struct Variant {
    base: RuleSet,
    host: HostValues,
    mode: Mode,
    limits: Option<Limits>,
    collections: Option<Collections>,
    exclusions: Vec<(String, Vec<u8>)>,
    left_out: Vec<LeftOut>,
    custom: Vec<(String, Vec<u8>)>,
}

impl Variant {
    pub(crate) fn new(base: RuleSet) -> Self {
        let (host, mode) = (base.own().host, base.default_mode());
        Self {
            base,
            host,
            mode,
            limits: None,
            collections: None,
            exclusions: Vec::new(),
            left_out: Vec::new(),
            custom: Vec::new(),
        }
    }

    /// Sets `tx.blocking_paranoia_level`, 1 to 4.
    #[must_use]
    pub fn paranoia(mut self, level: u8) -> Self {
        self.host.paranoia = Some(level.clamp(1, 4));
        self
    }

    /// Sets `tx.detection_paranoia_level`, 1 to 4; it is the blocking level where it is not set.
    #[must_use]
    pub fn detection_paranoia(mut self, level: u8) -> Self {
        self.host.detection_paranoia = Some(level.clamp(1, 4));
        self
    }

    /// Sets `tx.inbound_anomaly_score_threshold` and `tx.outbound_anomaly_score_threshold`.
    #[must_use]
    pub fn thresholds(mut self, inbound: u32, outbound: u32) -> Self {
        self.host.thresholds = Some((inbound, outbound));
        self
    }

    /// What transactions do with a disruptive outcome unless told otherwise.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Other bounds before the rule text's own directives.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Shares the records of `IP`, `SESSION`, `USER`, `GLOBAL` and `RESOURCE` with other rule sets.
    #[must_use]
    pub fn collections(mut self, collections: Collections) -> Self {
        self.collections = Some(collections);
        self
    }

    /// Adds text of `SecRuleRemoveById`, `…ByTag`, `…ByMsg` and of `SecRuleUpdateTargetById`, `…ByTag`, `…ByMsg` that
    /// exclude targets (`!ARGS:name`), under a name that diagnostics show. They act on all rules.
    #[must_use]
    pub fn exclusions(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.exclusions.push((name.to_owned(), text.as_ref().to_vec()));
        self
    }

    /// Leaves this out of every transaction: what it means was asked of the rule set that is varied.
    #[must_use]
    pub fn leave_out(mut self, left: LeftOut) -> Self {
        self.left_out.push(left);
        self
    }

    /// Adds a host's own rules, as [`Builder::custom`](crate::Builder::custom) does. Most of them run among the compiled
    /// rules as they are. `seclang.needs_all` is the error about those that do not: they change actions of other rules or
    /// add targets to them, jump to a marker among them, or skip rules. Then the whole set has to be compiled afresh.
    #[must_use]
    pub fn custom(mut self, name: &str, text: impl AsRef<[u8]>) -> Self {
        self.custom.push((name.to_owned(), text.as_ref().to_vec()));
        self
    }

    /// Makes the rule set.
    ///
    /// # Errors
    /// All that is wrong with the exclusions, `seclang.not_an_exclusion` for other directives among them.
    pub fn compile(self) -> Result<(RuleSet, LoadReport), Vec<Diagnostic>> {
        let mut own = self.base.own().clone();
        own.values(self.base.program(), self.host);
        if let Some(limits) = self.limits {
            let stated = std::mem::replace(&mut own.settings.limits, limits);
            own.settings.limits.keep(&stated, &own.settings.stated);
        }
        if !self.custom.is_empty() {
            match segment::make(&self.base, &mut own, &self.custom)? {
                Made::Segment(made) => own.segment = Some(Arc::new(*made)),
                Made::NeedsAll => {
                    let at = Position { file: self.custom[0].0.as_str().into(), line: 1, column: 1 };
                    let text = "these rules change others themselves: all have to be compiled together";
                    return Err(vec![Diagnostic::new(NEEDS_ALL, &at, &[], text)]);
                }
            }
        }
        self.left_out.iter().for_each(|left| own.leaving.add(left));
        let mut findings = Findings::default();
        for (name, text) in &self.exclusions {
            let file: Arc<str> = name.as_str().into();
            for item in parse::parse(&file, text, &mut findings) {
                exclude(&self.base, &mut own, &file, item, &mut findings);
            }
        }
        if !findings.errors.is_empty() {
            return Err(findings.errors);
        }
        let signature = own.settings.signature.clone();
        let set = self.base.with(own, self.mode, self.collections);
        let rules = set.rule_count();
        Ok((set, LoadReport { warnings: findings.warnings, rules, signature }))
    }
}

/// The code of the error that own rules can't be added to compiled ones.
pub const NEEDS_ALL: &str = "seclang.needs_all";

fn exclude(base: &RuleSet, own: &mut Own, file: &Arc<str>, item: Item, findings: &mut Findings) {
    let at = position(file, &item.name, 0);
    let id = match directives::by_name(&item.name.bytes) {
        Some(Class::Effective(id)) => Some(id),
        _ => None,
    };
    let (updates, id) = match id {
        Some(id @ (DirectiveId::RuleRemoveById | DirectiveId::RuleRemoveByTag | DirectiveId::RuleRemoveByMsg)) => {
            (false, id)
        }
        Some(
            id @ (DirectiveId::UpdateTargetById | DirectiveId::UpdateTargetByTag | DirectiveId::UpdateTargetByMsg),
        ) => (true, id),
        _ => {
            let text = "only directives that exclude rules or targets may stand here";
            return findings.error("seclang.not_an_exclusion", &at, &item.name.bytes, text);
        }
    };
    let words = match item.body {
        Body::Plain(words) if words.len() == 2 || !updates && !words.is_empty() => words,
        _ => {
            return findings.error(
                "seclang.argument_count",
                &at,
                &[],
                "this directive names rules and, of updates, a target",
            );
        }
    };
    let Some(which) = Which::read(id, &at, if updates { &words[..1] } else { &words }, findings) else { return };
    let meant = base.program().rules.iter().enumerate().filter(|(_, rule)| which.means(rule));
    if !updates {
        return meant.for_each(|(place, _)| own.remove(place as u32));
    }
    let list = parse::variables(file, &words[1].text, findings);
    let targets = target::compile(file, &list, findings);
    if !targets.include.is_empty() {
        let text = "a target that is added changes the rules themselves: only !exclusions may stand here";
        return findings.error(
            "seclang.not_an_exclusion",
            &position(file, &words[1].text, 0),
            &words[1].text.bytes,
            text,
        );
    }
    let mut changed = false;
    for (place, rule) in meant {
        if rule.links.first().is_some_and(|link| link.test.is_some()) {
            changed = true;
            own.exclude(place as u32, &targets.exclude);
        }
    }
    if !changed {
        no_such_rule(file, &words, findings);
    }
}
