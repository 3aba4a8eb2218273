//! What `ctl` has changed in one transaction.

use crate::actions::{AuditEngine, Ctl, PartsChange, Processor};
use crate::compile::is_protected;
use crate::program::{Engine, Rule};
use crate::variables::{Selector, VarId};

/// Switches and exclusions of one transaction; they act on later rules only.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) engine: Option<Engine>,
    pub(super) processor: Option<Processor>,
    pub(super) body_access: Option<bool>,
    pub(super) force_body: bool,
    pub(super) request_limit: Option<usize>,
    pub(super) response_limit: Option<usize>,
    pub(super) response_access: Option<bool>,
    pub(super) response_processor: Option<Processor>,
    pub(super) force_response: bool,
    pub(super) audit_engine: Option<AuditEngine>,
    pub(super) audit_parts: Vec<PartsChange>,
    removed_ids: Vec<(u64, u64)>,
    removed_tags: Vec<Box<[u8]>>,
    removed_msgs: Vec<Box<[u8]>>,
    targets: Vec<(Which, VarId, Selector)>,
    /// What own rules of a host said, which protected rules are spared.
    spared: Vec<Which>,
    spared_targets: Vec<(Which, VarId, Selector)>,
    /// The rules that `removed_…` mean, and those that `targets` mean, as bits by their place.
    removed: Vec<u64>,
    narrowed: Vec<u64>,
}

#[derive(Debug)]
enum Which {
    Ids(u64, u64),
    Tag(Box<[u8]>),
    Msg(Box<[u8]>),
}

impl Which {
    fn means(&self, rule: &Rule) -> bool {
        match self {
            Self::Ids(from, to) => (*from..=*to).contains(&rule.id),
            Self::Tag(tag) => has_tag(rule, tag),
            Self::Msg(msg) => has_msg(rule, msg),
        }
    }
}

impl Ctl {
    fn removes_rules(&self) -> bool {
        matches!(self.said(), Self::RemoveById(..) | Self::RemoveByTag(..) | Self::RemoveByMsg(..))
    }

    /// What it says of all rules, protected ones included.
    pub(crate) fn said(&self) -> &Self {
        match self {
            Self::Sparing(said) => said,
            said => said,
        }
    }

    /// The rules it means, and of those whether not the rules themselves but targets of theirs.
    fn which(&self) -> Option<(Which, Option<(VarId, Selector)>)> {
        Some(match self.said() {
            Self::RemoveById(from, to) => (Which::Ids(*from, *to), None),
            Self::RemoveByTag(tag) => (Which::Tag(tag.clone()), None),
            Self::RemoveByMsg(msg) => (Which::Msg(msg.clone()), None),
            Self::RemoveTargetById(from, to, variable, selector) => {
                (Which::Ids(*from, *to), Some((*variable, selector.clone())))
            }
            Self::RemoveTargetByTag(tag, variable, selector) => {
                (Which::Tag(tag.clone()), Some((*variable, selector.clone())))
            }
            Self::RemoveTargetByMsg(msg, variable, selector) => {
                (Which::Msg(msg.clone()), Some((*variable, selector.clone())))
            }
            _ => return None,
        })
    }

    /// Whether it names `rule`, or targets of it.
    pub(crate) fn means(&self, rule: &Rule) -> bool {
        self.which().is_some_and(|(which, _)| which.means(rule))
    }

    /// Whether it names ids of protected rules alone.
    pub(crate) fn names_protected(&self) -> bool {
        match self.which() {
            Some((Which::Ids(from, to), _)) => only_protected(from, to),
            _ => false,
        }
    }

    /// The rules of `rules` that the change means, as bits by their place; None where it names no rules.
    pub(crate) fn meant(&self, rules: &[Rule]) -> Option<Vec<u64>> {
        let (which, _) = self.which()?;
        let spares = matches!(self, Self::Sparing(_));
        let means = |rule: &Rule| which.means(rule) && !(spares && is_protected(rule.id));
        let mut bits = vec![0; rules.len().div_ceil(64)];
        for (place, _) in rules.iter().enumerate().filter(|(_, rule)| means(rule)) {
            bits[place / 64] |= 1 << (place % 64);
        }
        Some(bits)
    }
}

/// Whether every rule from `from` to `to` is protected.
pub(crate) fn only_protected(from: u64, to: u64) -> bool {
    // No row of protected ids is longer.
    from <= to && to - from < 10_000 && (from..=to).all(is_protected)
}

fn has(bits: &[u64], place: u32) -> bool {
    bits.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
}

impl Control {
    pub(super) fn apply(&mut self, change: &Ctl, meant: Option<&[u64]>) {
        if let Some(meant) = meant {
            let all = if change.removes_rules() { &mut self.removed } else { &mut self.narrowed };
            all.resize(meant.len(), 0);
            all.iter_mut().zip(meant).for_each(|(all, meant)| *all |= meant);
        }
        match change {
            Ctl::Sparing(said) => match said.which() {
                Some((which, None)) => bounded(&mut self.spared, which),
                Some((which, Some((variable, selector)))) => {
                    bounded(&mut self.spared_targets, (which, variable, selector));
                }
                None => self.apply(said, None),
            },
            Ctl::Engine(engine) => self.engine = Some(*engine),
            Ctl::RemoveById(from, to) => bounded(&mut self.removed_ids, (*from, *to)),
            Ctl::RemoveByTag(tag) => bounded(&mut self.removed_tags, tag.clone()),
            Ctl::RemoveTargetById(from, to, variable, selector) => {
                bounded(&mut self.targets, (Which::Ids(*from, *to), *variable, selector.clone()));
            }
            Ctl::RemoveTargetByTag(tag, variable, selector) => {
                bounded(&mut self.targets, (Which::Tag(tag.clone()), *variable, selector.clone()));
            }
            Ctl::RemoveByMsg(msg) => bounded(&mut self.removed_msgs, msg.clone()),
            Ctl::RemoveTargetByMsg(msg, variable, selector) => {
                bounded(&mut self.targets, (Which::Msg(msg.clone()), *variable, selector.clone()));
            }
            Ctl::RequestBodyLimit(bytes) => self.request_limit = Some(*bytes),
            Ctl::ResponseBodyLimit(bytes) => self.response_limit = Some(*bytes),
            Ctl::ResponseBodyAccess(access) => self.response_access = Some(*access),
            Ctl::ResponseProcessor(processor) => self.response_processor = Some(*processor),
            Ctl::ForceResponseBody(force) => self.force_response = *force,
            Ctl::AuditEngine(engine) => self.audit_engine = Some(*engine),
            Ctl::AuditParts(change) => bounded(&mut self.audit_parts, change.clone()),
            Ctl::Processor(processor) => self.processor = Some(*processor),
            Ctl::RequestBodyAccess(access) => self.body_access = Some(*access),
            Ctl::ForceRequestBody(force) => self.force_body = *force,
        }
    }

    /// Whether the rule at `place` is switched off; the same as [`Self::removes`].
    pub(super) fn removes_at(&self, place: u32) -> bool {
        has(&self.removed, place)
    }

    /// The targets that the rule at `place` must not look at; the same as [`Self::excluded`].
    pub(super) fn excluded_at(&self, place: u32, rule: &Rule) -> Vec<(VarId, Selector)> {
        if has(&self.narrowed, place) { self.excluded(rule) } else { Vec::new() }
    }

    /// Whether `rule` is switched off.
    pub(super) fn removes(&self, rule: &Rule) -> bool {
        self.removed_ids.iter().any(|(from, to)| (*from..=*to).contains(&rule.id))
            || self.removed_tags.iter().any(|tag| has_tag(rule, tag))
            || self.removed_msgs.iter().any(|msg| has_msg(rule, msg))
            || !self.spared.is_empty() && !is_protected(rule.id) && self.spared.iter().any(|which| which.means(rule))
    }

    /// The targets `rule` must not look at.
    pub(super) fn excluded(&self, rule: &Rule) -> Vec<(VarId, Selector)> {
        let spared = if is_protected(rule.id) { &[][..] } else { &self.spared_targets };
        self.targets
            .iter()
            .chain(spared)
            .filter(|(which, _, _)| which.means(rule))
            .map(|(_, variable, selector)| (*variable, selector.clone()))
            .collect()
    }
}

fn has_tag(rule: &Rule, tag: &[u8]) -> bool {
    rule.tags.iter().any(|own| own.literal() == Some(tag))
}

fn has_msg(rule: &Rule, msg: &[u8]) -> bool {
    rule.msg.as_ref().and_then(|own| own.literal()) == Some(msg)
}

/// A rule that matches every argument may repeat its `ctl` each time; the list must not grow with the request.
fn bounded<T>(list: &mut Vec<T>, entry: T) {
    if list.len() < MOST {
        list.push(entry);
    }
}

const MOST: usize = 10_000;
