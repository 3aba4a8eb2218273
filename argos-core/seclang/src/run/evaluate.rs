//! One phase of rules over one transaction.

use std::sync::Arc;

use super::expand::expand;
use super::resolve::{Candidate, Context, resolve};
use super::store::{Bytes, Member};
use super::transaction::Transaction;
use super::{Disruption, Interruption, Matched, Mode};
use crate::actions::{Disruptive, Scope};
use crate::operators::Captures;
use crate::program::{Engine, Link, Program, Rule, Test};
use crate::variables::{Selector, VarId, name_of};

impl Transaction {
    /// Runs the rules of `phase`. Phase 5 never interrupts.
    pub(super) fn run(&mut self, phase: u8) -> Option<Interruption> {
        let program = self.program.clone();
        let list = &program.phases[usize::from(phase)];
        let mut at = 0;
        while let Some(&index) = list.get(at) {
            at += 1;
            if self.engine() == Engine::Off {
                return None;
            }
            let rule = &program.rules[index as usize];
            if self.control.removes(rule) || !self.chain_matches(&program, rule) {
                continue;
            }
            self.record(rule);
            if let Some(interruption) = self.disrupt(&program, rule, phase) {
                return Some(interruption);
            }
            if self.allowed(phase) {
                return None;
            }
            if let Some(to) = rule.skip_to {
                at = at.max(to as usize);
            } else {
                at += rule.skip as usize;
            }
        }
        None
    }

    /// The engine switch in force.
    pub(super) fn engine(&self) -> Engine {
        self.control.engine.unwrap_or(self.program.settings.engine)
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

    fn chain_matches(&mut self, program: &Program, rule: &Rule) -> bool {
        self.store.matched.clear();
        let exclusions = self.control.excluded(rule);
        rule.links.iter().all(|link| self.link_matches(program, rule, link, &exclusions))
    }

    fn link_matches(&mut self, program: &Program, rule: &Rule, link: &Link, exclusions: &[(VarId, Selector)]) -> bool {
        let Some(test) = &link.test else {
            self.act(link, rule);
            return true;
        };
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let excluded = |variable: VarId, key: &[u8]| {
            test.targets.excludes(variable, key)
                || exclusions.iter().any(|(id, selector)| *id == variable && selector.accepts(key))
        };
        let context = Context { now: self.now, rule: Some(rule) };
        for target in &test.targets.include {
            resolve(&mut self.store, context, target, &excluded, &mut candidates);
        }
        let operator = &program.operators[test.operator as usize];
        let mut matched = false;
        for candidate in &candidates {
            let argument = expand(&operator.argument, &mut self.store, context);
            let mut captures = Captures {
                wanted: test.capture && !test.negate,
                spent: self.store.steps_exceeded >= GIVEN_UP,
                ..Captures::default()
            };
            let hit = self
                .values(program, test, candidate)
                .into_iter()
                .find(|value| operator.operator.matches(value, &argument, &mut captures) != test.negate);
            self.store.steps_exceeded += u32::from(captures.exceeded);
            if let Some(value) = hit {
                matched = true;
                self.note(candidate, value, captures);
                self.act(link, rule);
            }
        }
        self.candidates = candidates;
        matched
    }

    /// What the operator sees: the transformed value, and with `multiMatch` each stage that changed.
    fn values(&mut self, program: &Program, test: &Test, candidate: &Candidate) -> Vec<Bytes> {
        // A count is made for this look only; remembering it would fill the memo.
        if !test.multi_match {
            return vec![self.memo.transformed(&candidate.value, test.chain, &program.chains)];
        }
        let mut stages = vec![candidate.value.bytes.clone()];
        for node in program.chains.path(test.chain) {
            let stage = self.memo.transformed(&candidate.value, node, &program.chains);
            if stages.last() != Some(&stage) {
                stages.push(stage);
            }
        }
        stages
    }

    /// Remembers a match for `MATCHED_VAR*` and `TX:0`–`TX:9`.
    fn note(&mut self, candidate: &Candidate, value: Bytes, captures: Captures) {
        let mut name = Vec::new();
        if candidate.count {
            name.push(b'&');
        }
        name.extend_from_slice(name_of(candidate.variable).as_bytes());
        if let Some(key) = &candidate.key {
            name.push(b':');
            name.extend_from_slice(key);
        }
        let name = self.store.value(name);
        let value = self.store.value(value);
        self.store.matched.push(Member { name, value });
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
        if self.matched.len() >= self.program.settings.limits.matched {
            return;
        }
        let context = Context { now: self.now, rule: Some(rule) };
        let store = &mut self.store;
        // For people to read; what rules compare stays bytes.
        let mut text = |template| String::from_utf8_lossy(&expand(template, store, context)).into_owned();
        let msg = rule.msg.as_ref().map(&mut text).unwrap_or_default();
        let data = rule.logdata.as_ref().map(&mut text).unwrap_or_default();
        let tags = rule.tags.iter().map(&mut text).collect();
        let last = self.store.matched.last();
        self.matched.push(Matched {
            id: rule.id,
            phase: rule.phase,
            msg,
            data,
            severity: rule.severity,
            tags,
            file: rule.file.to_string(),
            line: rule.line,
            variable: last.map(|last| String::from_utf8_lossy(&last.name.bytes).into_owned()).unwrap_or_default(),
            value: last
                .map(|last| last.value.bytes[..last.value.bytes.len().min(MATCHED_BYTES)].to_vec())
                .unwrap_or_default(),
            log: rule.log,
            audit: rule.audit,
        });
    }

    fn disrupt(&mut self, program: &Arc<Program>, rule: &Rule, phase: u8) -> Option<Interruption> {
        let context = Context { now: self.now, rule: Some(rule) };
        let (action, location) = match &rule.disruptive {
            Disruptive::Pass => return None,
            Disruptive::Allow(scope) => {
                self.allow = Some((*scope, phase));
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
            (_, status) => status.unwrap_or(program.settings.status),
        };
        let interruption = Interruption { status, phase, rule_id: rule.id, action, location };
        self.stop(interruption)
    }

    /// Does or records an interruption, as the mode says.
    pub(super) fn stop(&mut self, interruption: Interruption) -> Option<Interruption> {
        if self.mode == Mode::Detect || self.engine() == Engine::DetectionOnly {
            self.would_interrupt = true;
            return None;
        }
        self.interrupted = Some(interruption.clone());
        Some(interruption)
    }
}

/// Patterns that may give up in one transaction before those that need backtracking are not tried any more.
const GIVEN_UP: u32 = 8;

/// Bytes of a matched value that are kept for the log.
const MATCHED_BYTES: usize = 256;
