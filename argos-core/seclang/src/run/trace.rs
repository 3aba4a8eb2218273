//! What one transaction did, step by step: for people who ask why a request was stopped, or was not.
//!
//! Only [`RuleSet::explain`](super::RuleSet::explain) makes a transaction that keeps a trace. It evaluates rules as they
//! are written; the shortcuts that other transactions take know nothing of this file.

use super::resolve::{Candidate, Context, resolve};
use super::segment::Segment;
use super::store::{Bytes, Store};
use super::transaction::Transaction;
use super::{Disruption, Interruption};
use crate::operators::number;
use crate::program::{Link, Program, Rule, Test};
use crate::variables::{Selector, VarId};

/// Decides whether a value may be shown: name of the variable, value as received, value as the operator saw it. Without
/// the last one nothing is shown, and it is told only what there is. Of a name over 256 bytes it sees the end.
pub type Hides = Box<dyn FnMut(&str, &[u8], Option<&[u8]>) -> bool + Send>;

/// What rules did in one transaction, in the order of evaluation.
#[derive(Default)]
pub struct Trace {
    /// Each rule on each target that existed.
    pub steps: Vec<Step>,
    /// Tries without a match that were left out beyond the first [`MOST_STEPS`].
    pub left_out: usize,
    /// What rules, or the limits of bodies, decided.
    pub decisions: Vec<Decision>,
    /// Scores, thresholds and levels of `TX` at the end, by name.
    pub numbers: Vec<(String, i64)>,
    hides: Option<Hides>,
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are the request's, secrets among them.
        f.debug_struct("Trace").field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}

/// One rule on one target.
#[derive(Clone)]
pub struct Step {
    /// The rule.
    pub rule_id: u64,
    /// Its phase.
    pub phase: u8,
    /// Which link of its chain, from 0.
    pub link: usize,
    /// Name of the rule text.
    pub file: std::sync::Arc<str>,
    /// Line in it.
    pub line: u32,
    /// Name of the target, such as `ARGS:q`, at most 256 bytes; empty where a whole rule was left out, or has no target.
    pub variable: String,
    /// The value as the operator saw it, at most 256 bytes; none where it is hidden, or the name is cut.
    pub value: Option<Vec<u8>>,
    /// Transformations before that, by name.
    pub transformations: Vec<&'static str>,
    /// What came of it.
    pub result: Tried,
    /// What the match added to scores of `TX`, by their names.
    pub scores: Vec<(String, i64)>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, result) = (self.rule_id, self.result);
        f.debug_struct("Step").field("rule_id", &id).field("result", &result).finish_non_exhaustive()
    }
}

/// What came of one rule on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The operator accepted the value.
    Matched,
    /// It did not.
    Passed,
    /// `ctl` of an earlier rule left the target or the rule out.
    LeftOutByRule,
    /// An exclusion of this rule set left the target or the rule out.
    LeftOutBySet,
}

/// An outcome that a rule, or a limit of bodies, demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule; 0 for a limit of bodies.
    pub rule_id: u64,
    /// The phase.
    pub phase: u8,
    /// What it demanded; none = that later rules do not run (`allow`).
    pub action: Option<Disruption>,
    /// Status of the answer; 0 where there is none.
    pub status: u16,
    /// Whether it was done; false when only detecting.
    pub done: bool,
}

/// Tries of one trace; matches beyond it are kept up to twice as many.
pub const MOST_STEPS: usize = 20_000;

/// Bytes that a step shows of a name and of a value.
const SHOWN: usize = 256;

/// Scores that are followed: more than rule sets have, as names may come from the request.
const MOST_SCORES: usize = 64;

impl Trace {
    pub(super) fn new(hides: Hides) -> Self {
        Self { hides: Some(hides), ..Self::default() }
    }

    fn is_full(&self, result: Tried) -> bool {
        self.steps.len() >= if result == Tried::Passed { MOST_STEPS } else { 2 * MOST_STEPS }
    }

    fn push(&mut self, step: Step) {
        if self.is_full(step.result) {
            self.left_out += 1;
        } else {
            self.steps.push(step);
        }
    }

    fn step(program: &Program, rule: &Rule, link: &Link) -> Step {
        let chain = link.test.as_ref().map(|test| program.chains.names(test.chain)).unwrap_or_default();
        Step {
            rule_id: rule.id,
            phase: rule.phase,
            link: rule.links.iter().position(|other| std::ptr::eq(other, link)).unwrap_or_default(),
            file: rule.file.clone(),
            line: rule.line,
            variable: String::new(),
            value: Some(Vec::new()),
            transformations: chain,
            result: Tried::Matched,
            scores: Vec::new(),
        }
    }

    /// Adds `step` about `candidate`, of which the operator saw what `seen` makes.
    fn note(
        &mut self,
        candidate: &Candidate,
        seen: impl FnOnce() -> Bytes,
        step: impl FnOnce() -> Step,
        result: Tried,
    ) {
        let (full, raw) = (self.is_full(result), &candidate.value.bytes);
        let (variable, told) = names(candidate);
        let mut hides = |seen: Option<&[u8]>| {
            let told = told.as_ref().unwrap_or(&variable);
            self.hides.as_mut().is_some_and(|hides| hides(told, raw, seen))
        };
        if full {
            // A secret that stands here may stand in what is shown later.
            hides(None);
            self.left_out += 1;
            return;
        }
        let seen = seen();
        let hidden = hides(Some(&seen)) || told.is_some();
        let value = (!hidden).then(|| seen[..seen.len().min(SHOWN)].to_vec());
        self.steps.push(Step { variable, value, result, ..step() });
    }
}

/// The name of a candidate as a step has it; and what decides about its value, where it is cut.
fn names(candidate: &Candidate) -> (String, Option<String>) {
    let text = |key: Option<&[u8]>| String::from_utf8_lossy(&candidate.name_with(key)).into_owned();
    match candidate.key.as_deref() {
        Some(key) if key.len() > SHOWN / 2 && candidate.name_with(None).len() + 1 + key.len() > SHOWN => {
            let most = SHOWN - candidate.name_with(None).len() - 1;
            let mut cut = text(Some(&key[..most]));
            // What is no text is longer as text.
            cut.truncate(cut.floor_char_boundary(SHOWN));
            (cut, Some(text(Some(&key[key.len() - most..]))))
        }
        key => (text(key), None),
    }
}

impl Transaction {
    /// Whether the rule at `place` is left out, as a trace is told.
    pub(super) fn leaves_out(&mut self, program: &Program, rule: &Rule, place: u32) -> bool {
        let by_set = self.own.removes(place) || self.own.leaving.has(place) || self.leaving.has(place);
        let result = match (self.control.removes(rule), by_set) {
            (true, _) => Tried::LeftOutByRule,
            (false, true) => Tried::LeftOutBySet,
            (false, false) => return false,
        };
        if let (Some(trace), Some(link), false) = (&mut self.trace, rule.links.first(), rule.is_own()) {
            trace.push(Step { result, ..Trace::step(program, rule, link) });
        }
        true
    }

    /// Notes the targets of a link that exist and are left out.
    pub(super) fn trace_excluded(
        &mut self,
        program: &Program,
        rule: &Rule,
        link: &Link,
        test: &Test,
        removed: &dyn Fn(VarId, &[u8]) -> bool,
    ) {
        let Some(mut trace) = self.trace.take() else { return };
        let others = |variable: VarId, key: &[u8]| test.targets.excludes(variable, key) || !removed(variable, key);
        let context = Context { now: self.now, rule: Some(rule) };
        let mut found = Vec::new();
        // A count has a value whatever is left out of it.
        for target in test.targets.include.iter().filter(|target| !target.count) {
            resolve(&mut self.store, context, target, &others, &mut found);
        }
        let place = program.rules.iter().position(|other| std::ptr::eq(other, rule)).unwrap_or_default();
        // The places of a host's own rules follow those of the shared ones.
        let own = self.own.segment.as_deref().filter(|own| std::ptr::eq(own.program(), program));
        let place = place as u32 + own.map_or(0, Segment::from);
        let leaving = self.own.leaving.targets(place).chain(self.leaving.targets(place));
        let own: Vec<&(VarId, Selector)> = self.own.excluded(place).iter().chain(leaving).collect();
        for candidate in found {
            let key = candidate.key.as_deref().unwrap_or_default();
            let by_set = own.iter().any(|(id, selector)| *id == candidate.variable && selector.accepts(key));
            let result = if by_set { Tried::LeftOutBySet } else { Tried::LeftOutByRule };
            let step = || Step { transformations: Vec::new(), ..Trace::step(program, rule, link) };
            trace.note(&candidate, || candidate.value.bytes.clone(), step, result);
        }
        self.trace = Some(trace);
    }

    /// Notes a try; `hit` is the value that the operator accepted.
    pub(super) fn trace_tried(
        &mut self,
        program: &Program,
        rule: &Rule,
        link: &Link,
        candidate: &Candidate,
        hit: Option<&Bytes>,
    ) {
        let (Some(trace), Some(test)) = (&mut self.trace, &link.test) else { return };
        let seen = || hit.cloned().unwrap_or_else(|| program.chains.run(test.chain, &candidate.value.bytes));
        let result = if hit.is_some() { Tried::Matched } else { Tried::Passed };
        trace.note(candidate, seen, || Trace::step(program, rule, link), result);
    }

    /// Does what a matching link says, and notes what that adds to scores.
    pub(super) fn act_traced(&mut self, program: &Program, rule: &Rule, link: &Link) {
        if self.trace.is_none() {
            return self.act(link, rule);
        }
        let before = scores(&self.store);
        self.act(link, rule);
        let added: Vec<(String, i64)> = scores(&self.store)
            .into_iter()
            .map(|(name, now)| {
                let then = before.iter().find(|(other, _)| *other == name).map_or(0, |(_, value)| *value);
                (name, now - then)
            })
            .filter(|(name, added)| *added != 0 && !is_setting(name))
            .collect();
        let Some(trace) = &mut self.trace else { return };
        match trace.steps.last_mut() {
            Some(last) if link.test.is_some() && last.rule_id == rule.id && last.result == Tried::Matched => {
                last.scores = added;
            }
            _ if !added.is_empty() => trace.push(Step { scores: added, ..Trace::step(program, rule, link) }),
            _ => {}
        }
    }

    /// Notes what a rule decided.
    pub(super) fn trace_decision(&mut self, found: &Interruption, done: bool) {
        if let Some(trace) = &mut self.trace {
            let Interruption { rule_id, phase, status, action, .. } = *found;
            trace.decisions.push(Decision { rule_id, phase, action: Some(action), status, done });
        }
    }

    /// Notes that a rule lets the rest pass.
    pub(super) fn trace_allow(&mut self, rule: &Rule) {
        if let Some(trace) = &mut self.trace {
            let (rule_id, phase) = (rule.id, rule.phase);
            trace.decisions.push(Decision { rule_id, phase, action: None, status: 0, done: true });
        }
    }

    /// The trace with its last numbers.
    pub(super) fn take_trace(&mut self) -> Trace {
        let mut trace = self.trace.take().map(|trace| *trace).unwrap_or_default();
        trace.numbers = scores(&self.store);
        trace
    }
}

/// Members of `TX` that are about scores: their names end in what the core rule sets end theirs in.
fn scores(store: &Store) -> Vec<(String, i64)> {
    let about = |name: &str| name.contains("score") || name.ends_with("paranoia_level") || name.ends_with("_threshold");
    let members = store.tx.members().iter();
    let short = members.filter(|member| member.name.bytes.len() <= SHOWN);
    let named = short.map(|member| (String::from_utf8_lossy(&member.name.bytes), &member.value.bytes));
    let scores = named.filter(|(name, _)| about(name)).take(MOST_SCORES);
    scores.map(|(name, value)| (name.into_owned(), number(value))).collect()
}

/// Whether a name is what a set-up decides, and no sum: a threshold, a level, the weight of a severity.
fn is_setting(name: &str) -> bool {
    let weight = |severity: &str| name.strip_prefix(severity) == Some("_anomaly_score");
    !name.contains("score")
        || name.ends_with("_threshold")
        || ["critical", "error", "warning", "notice"].iter().any(|s| weight(s))
}
