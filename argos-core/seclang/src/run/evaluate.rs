//! One phase of rules over one transaction.

use std::ops::Range;

use super::expand::expand;
use super::own::Own;
use super::resolve::{Candidate, Context, count, resolve};
use super::store::Bytes;
use super::texts::{TextId, Texts};
use super::transaction::Transaction;
use super::{Disruption, Interruption, Matched, Mode};
use crate::actions::{Disruptive, Scope};
use crate::operators::Captures;
use crate::plan::{Gate, Shortcut};
use crate::program::{Engine, Link, Program, Rule, Test};
use crate::variables::{Selector, VarId};

/// Rules that are evaluated with tables of their own: the shared ones, or those of the host.
struct Part<'a> {
    program: &'a Program,
    own: &'a Own,
    /// The place of its first rule.
    from: u32,
}

/// Whether the phase goes on behind a part.
enum Flow {
    On,
    End(Option<Interruption>),
}

impl Flow {
    fn stopped(self) -> Option<Interruption> {
        match self {
            Self::On => None,
            Self::End(interruption) => interruption,
        }
    }
}

impl Transaction {
    /// Runs the rules of `phase`. Phase 5 never interrupts.
    pub(super) fn run(&mut self, phase: u8) -> Option<Interruption> {
        let (program, own) = (self.program.clone(), self.own.clone());
        let all = program.phases[usize::from(phase)].len();
        let Some(segment) = own.segment.as_deref().filter(|s| !s.program.phases[usize::from(phase)].is_empty()) else {
            return self.run_part(&Part { program: &program, own: &own, from: 0 }, phase, 0..all).stopped();
        };
        let shared = Part { program: &program, own: &own, from: 0 };
        let border = segment.at[usize::from(phase)] as usize;
        let mut flow = self.run_part(&shared, phase, 0..border);
        if matches!(flow, Flow::On) {
            self.change_lane();
            let part = Part { program: &segment.program, own: &own, from: segment.from };
            flow = self.run_part(&part, phase, 0..segment.program.phases[usize::from(phase)].len());
            self.change_lane();
        }
        match flow {
            Flow::On => self.run_part(&shared, phase, border..all).stopped(),
            flow => flow.stopped(),
        }
    }

    /// Runs rules of `phase` that stand in `range` of their list.
    fn run_part(&mut self, part: &Part<'_>, phase: u8, range: Range<usize>) -> Flow {
        let Part { program, own, from } = *part;
        let list = &program.phases[usize::from(phase)][..range.end];
        let mut at = range.start;
        while let Some(&index) = list.get(at) {
            at += 1;
            if self.engine() == Engine::Off {
                return Flow::End(None);
            }
            let rule = &program.rules[index as usize];
            let place = from + index;
            let passed_over = match self.plain {
                true => self.leaves_out(program, rule, place),
                false => self.removes(part, rule, place) || !self.may_pass(program, index),
            };
            if passed_over || own.removes(place) || own.leaving.has(place) || self.leaving.has(place) {
                self.store.matched.clear();
                continue;
            }
            if !self.chain_matches(part, index) {
                continue;
            }
            self.record(rule);
            if let Some(interruption) = self.disrupt(rule, phase) {
                return Flow::End(Some(interruption));
            }
            if self.allowed(phase) {
                return Flow::End(None);
            }
            if let Some(to) = rule.skip_to {
                at = at.max(to as usize);
            } else {
                // A rule that the set leaves out is not there to be skipped.
                let mut left = rule.skip;
                while left > 0 && at < list.len() {
                    left -= u32::from(!own.removes(from + list[at]));
                    at += 1;
                }
            }
        }
        Flow::On
    }

    /// Whether `ctl` switched the rule off. That of the shared rules does not know the places of a host's own.
    fn removes(&self, part: &Part<'_>, rule: &Rule, place: u32) -> bool {
        match part.from {
            0 => self.control.removes_at(place),
            _ => self.control.removes(rule),
        }
    }

    /// The engine switch in force.
    pub(super) fn engine(&self) -> Engine {
        self.control.engine.unwrap_or(self.own.settings.engine)
    }

    fn allowed(&self, phase: u8) -> bool {
        phase != 5
            && match self.allow {
                Some((Scope::Phase, from)) => from == phase,
                Some((Scope::Request, _)) => phase <= 2,
                Some((Scope::All, _)) => true,
                None => false,
            }
    }

    /// Whether an earlier `allow` makes `phase` not run at all.
    pub(super) fn skipped(&self, phase: u8) -> bool {
        self.interrupted.is_some() && phase != 5 || self.allowed(phase)
    }

    /// Whether the first link of the rule at `place` may match.
    fn may_pass(&mut self, program: &Program, place: u32) -> bool {
        match program.plan.gates[place as usize] {
            Gate::Open => true,
            Gate::Views { bit, from, to } => {
                self.may_match(program, bit, &program.plan.gate_views[from as usize..to as usize])
            }
            Gate::Number(number) => self.number_holds(program, number),
        }
    }

    /// Whether a comparison with a variable of `TX` holds, asked anew only when one has changed.
    fn number_holds(&mut self, program: &Program, number: u32) -> bool {
        let now = self.store.tx.changes();
        if self.numbers.is_empty() {
            self.numbers.resize(program.plan.numbers.len(), (0, false));
        }
        let (at, known) = self.numbers[number as usize];
        if at == now {
            return known;
        }
        let test = &program.plan.numbers[number as usize];
        let member = self.store.tx.hashed(&test.name, test.hash);
        let holds = member.is_some_and(|member| test.compare.holds(crate::operators::number(&member.value.bytes)));
        self.numbers[number as usize] = (now, holds);
        holds
    }

    fn chain_matches(&mut self, part: &Part<'_>, index: u32) -> bool {
        self.store.matched.clear();
        let (program, place) = (part.program, part.from + index);
        let rule = &program.rules[index as usize];
        let mut exclusions = match self.plain || part.from > 0 {
            true => self.control.excluded(rule),
            false => self.control.excluded_at(place, rule),
        };
        exclusions.extend(part.own.leaving.targets(place).chain(self.leaving.targets(place)).cloned());
        let own = part.own.excluded(place);
        let Some((first, rest)) = rule.links.split_first() else { return true };
        if !own.is_empty() {
            // As the directive would have it: the first link alone.
            let all: Vec<_> = exclusions.iter().chain(own).cloned().collect();
            if !self.link_matches(program, rule, first, &all) {
                return false;
            }
        } else if !self.link_matches(program, rule, first, &exclusions) {
            return false;
        }
        rest.iter().all(|link| self.link_matches(program, rule, link, &exclusions))
    }

    fn link_matches(&mut self, program: &Program, rule: &Rule, link: &Link, exclusions: &[(VarId, Selector)]) -> bool {
        let Some(test) = &link.test else {
            self.act_traced(program, rule, link);
            return true;
        };
        let removed = |variable: VarId, key: &[u8]| {
            exclusions.iter().any(|(id, selector)| *id == variable && selector.accepts(key))
        };
        let passed_over = match &test.shortcut {
            _ if self.plain => false,
            Shortcut::None => false,
            Shortcut::Screened { bit, views } => {
                return self.may_match(program, *bit, views)
                    && self.screened(program, rule, link, test, (*bit, views), &removed);
            }
            Shortcut::Number(number) => !self.number_holds(program, *number),
            Shortcut::Count(compare) => {
                let excluded =
                    |variable: VarId, key: &[u8]| test.targets.excludes(variable, key) || removed(variable, key);
                let counted = count(&self.store, &test.targets.include[0], &excluded);
                counted.is_some_and(|count| !compare.holds(count as i64))
            }
        };
        !passed_over && self.plainly(program, rule, link, test, &removed)
    }

    /// The test as it is written: each value of each target, transformed afresh.
    fn plainly(
        &mut self,
        program: &Program,
        rule: &Rule,
        link: &Link,
        test: &Test,
        removed: &dyn Fn(VarId, &[u8]) -> bool,
    ) -> bool {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let excluded = |variable: VarId, key: &[u8]| test.targets.excludes(variable, key) || removed(variable, key);
        let context = Context { now: self.now, rule: Some(rule) };
        for target in &test.targets.include {
            resolve(&mut self.store, context, target, &excluded, &mut candidates);
        }
        if self.trace.is_some() {
            self.trace_excluded(program, rule, link, test, removed);
        }
        let operator = &program.operators[test.operator as usize];
        let mut matched = false;
        for candidate in &candidates {
            let argument = expand(&operator.argument, &mut self.store, context);
            let mut captures = self.captures(test);
            let mut accepts = |value: &Bytes| operator.operator.matches(value, &argument, &mut captures) != test.negate;
            let hit = if test.multi_match {
                stages(program, test, &candidate.value.bytes).into_iter().find(accepts)
            } else {
                Some(program.chains.run(test.chain, &candidate.value.bytes)).filter(&mut accepts)
            };
            self.store.steps_exceeded += u32::from(captures.exceeded);
            if self.trace.is_some() {
                self.trace_tried(program, rule, link, candidate, hit.as_ref());
            }
            if let Some(value) = hit {
                matched = true;
                self.note(candidate, value, captures);
                self.act_traced(program, rule, link);
            }
        }
        self.candidates = candidates;
        matched
    }

    /// The test over views, asking the operator only about texts that may satisfy it.
    ///
    /// Guarantee: the same values match, in the same order, as in [`Self::plainly`].
    fn screened(
        &mut self,
        program: &Program,
        rule: &Rule,
        link: &Link,
        test: &Test,
        (bit, views): (u32, &[u32]),
        removed: &dyn Fn(VarId, &[u8]) -> bool,
    ) -> bool {
        let operator = &program.operators[test.operator as usize];
        let argument = operator.argument.literal().unwrap_or_default();
        let pure = program.plan.pure[bit as usize];
        let mut matched = false;
        for view in views {
            if !self.may_match(program, bit, std::slice::from_ref(view)) {
                continue;
            }
            let view = program.plan.views[*view as usize];
            let found = self.views.take(view.part);
            for (candidate, text) in found.candidates.iter().zip(&found.texts) {
                if removed(candidate.variable, candidate.key.as_deref().unwrap_or_default()) {
                    continue;
                }
                let mut captures = self.captures(test);
                let texts = &mut self.texts;
                let mut accepts = |texts: &mut Texts, text: TextId| {
                    if !texts.may(text, bit, view.lane, &program.plan.screen) {
                        return false;
                    }
                    let accepted = operator.operator.matches(texts.bytes(text), argument, &mut captures) != test.negate;
                    if !accepted && pure {
                        texts.rule_out(text, bit, &program.plan.screen);
                    }
                    accepted
                };
                let hit = if view.multi {
                    let mut form = *text;
                    let mut hit = accepts(texts, form).then_some(form);
                    for step in program.chains.steps(view.chain) {
                        if hit.is_some() {
                            break;
                        }
                        let next = texts.step(form, *step, &program.chains);
                        if texts.bytes(next) != texts.bytes(form) {
                            form = next;
                            hit = accepts(texts, form).then_some(form);
                        }
                    }
                    hit
                } else {
                    let form = texts.form(*text, view.chain, &program.chains);
                    accepts(texts, form).then_some(form)
                };
                self.store.steps_exceeded += u32::from(captures.exceeded);
                let Some(text) = hit else { continue };
                matched = true;
                let value = self.texts.bytes(text).clone();
                self.note(candidate, value, captures);
                self.act(link, rule);
            }
            self.views.put_back(view.part, found);
        }
        matched
    }

    fn captures(&self, test: &Test) -> Captures {
        Captures {
            wanted: test.capture && !test.negate,
            spent: self.store.steps_exceeded >= GIVEN_UP,
            ..Captures::default()
        }
    }

    /// Remembers a match for `MATCHED_VAR*` and `TX:0`–`TX:9`.
    fn note(&mut self, candidate: &Candidate, value: Bytes, captures: Captures) {
        let value = self.store.value(value);
        self.store.matched.push(Candidate { value, ..candidate.clone() });
        if let Some(geo) = captures.geo {
            self.store.geo =
                geo.into_iter().map(|(name, value)| self.store.member(name.as_bytes(), value.into_bytes())).collect();
        }
        if !captures.path.is_empty() {
            self.store.args_path = captures
                .path
                .iter()
                .map(|(name, value)| self.store.member(name.as_slice(), value.as_slice()))
                .collect();
        }
        for (index, text) in captures.found.iter().enumerate() {
            self.store.set(VarId::Tx, index.to_string().as_bytes(), text, usize::MAX);
        }
    }

    fn record(&mut self, rule: &Rule) {
        if let Some(severity) = rule.severity {
            let highest = self.store.highest_severity.map_or(severity, |highest| highest.min(severity));
            self.store.highest_severity = Some(highest);
        }
        if self.matched.len() >= self.own.settings.limits.matched {
            return;
        }
        let context = Context { now: self.now, rule: Some(rule) };
        let store = &mut self.store;
        // For people to read; what rules compare stays bytes.
        let mut text = |template| readable(expand(template, store, context).into_owned());
        let msg = match &rule.fixed.msg {
            Some(msg) => msg.clone(),
            None => rule.msg.as_ref().map(&mut text).unwrap_or_default().into(),
        };
        let data = rule.logdata.as_ref().map(&mut text).unwrap_or_default();
        let tags = match &rule.fixed.tags {
            Some(tags) => tags.clone(),
            None => rule.tags.iter().map(&mut text).collect(),
        };
        let last = self.store.matched.last();
        if self.matched.is_empty() {
            // What the core rule set matches in an ordinary request, so that the list does not move.
            self.matched.reserve(64);
        }
        self.matched.push(Matched {
            id: rule.id,
            phase: rule.phase,
            msg,
            data,
            severity: rule.severity,
            tags,
            file: rule.file.clone(),
            line: rule.line,
            variable: last.map(|last| readable(last.name())).unwrap_or_default(),
            value: last.map(|last| last.value.bytes.clone()).unwrap_or_default(),
            log: rule.log,
            audit: rule.audit,
        });
    }

    fn disrupt(&mut self, rule: &Rule, phase: u8) -> Option<Interruption> {
        let context = Context { now: self.now, rule: Some(rule) };
        let (action, location) = match &rule.disruptive {
            Disruptive::Pass => return None,
            Disruptive::Allow(scope) => {
                self.allow = Some((*scope, phase));
                self.trace_allow(rule);
                return None;
            }
            Disruptive::Deny => (Disruption::Deny, None),
            Disruptive::Drop => (Disruption::Drop, None),
            Disruptive::Redirect(to) => {
                let to = expand(to, &mut self.store, context);
                (Disruption::Redirect, Some(String::from_utf8_lossy(&to).into_owned()))
            }
        };
        if phase == 5 {
            return None;
        }
        let status = match (action, rule.status) {
            (Disruption::Redirect, Some(status @ 300..=399)) => status,
            (Disruption::Redirect, _) => 302,
            (_, status) => status.unwrap_or(self.own.settings.status),
        };
        let interruption = Interruption { status, phase, rule_id: rule.id, action, location };
        self.stop(interruption)
    }

    /// Does or records an interruption, as the mode says.
    pub(super) fn stop(&mut self, interruption: Interruption) -> Option<Interruption> {
        if self.mode == Mode::Detect || self.engine() == Engine::DetectionOnly {
            self.would_interrupt = true;
            self.trace_decision(&interruption, false);
            return None;
        }
        self.trace_decision(&interruption, true);
        self.interrupted = Some(interruption.clone());
        Some(interruption)
    }
}

/// Bytes as text; what is no UTF-8 is replaced.
fn readable(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// With `multiMatch`: the value, and each stage of the chain that differs from the one before.
fn stages(program: &Program, test: &Test, value: &Bytes) -> Vec<Bytes> {
    let mut stages = vec![value.clone()];
    for step in program.chains.steps(test.chain) {
        let last = &stages[stages.len() - 1];
        if let Some(changed) = program.chains.apply_step(*step, last).filter(|changed| **changed != **last) {
            stages.push(changed.into());
        }
    }
    stages
}

/// Patterns that may give up in one transaction before those that need backtracking are not tried any more.
const GIVEN_UP: u32 = 8;
