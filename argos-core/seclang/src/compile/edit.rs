//! Directives that change rules loaded before them.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::actions::{Act, Ctl, ctl};
use crate::ast::ActionText;
use crate::compile::is_protected;
use crate::compile::load::Compiler;
use crate::compile::phases::Step;
use crate::compile::rule::Draft;
use crate::compile::target;
use crate::diagnostic::Findings;
use crate::directives::DirectiveId;
use crate::lex::Word;
use crate::operators;
use crate::parse::{self, position};
use crate::program::{Rule, Template};
use crate::run::only_protected;
use crate::source::Position;

/// Which rules are meant.
pub(super) enum Which {
    Ids(Vec<(u64, u64)>),
    Tag(Regex),
    Msg(Regex),
    /// All of these that neither set up, sum nor block.
    Sparing(Box<Which>),
}

impl Which {
    pub(super) fn means(&self, rule: &Rule) -> bool {
        // The pattern is held against the text as written, before macros.
        let written = |template: &Template, regex: &Regex| template.literal().is_some_and(|text| regex.is_match(text));
        match self {
            Which::Ids(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&rule.id)),
            Which::Tag(regex) => rule.tags.iter().any(|tag| written(tag, regex)),
            Which::Sparing(which) => !is_protected(rule.id) && which.means(rule),
            Which::Msg(regex) => rule.msg.as_ref().is_some_and(|msg| written(msg, regex)),
        }
    }
}

impl Compiler<'_> {
    /// Removes rules or changes what they look at.
    pub(super) fn edit(&mut self, id: DirectiveId, file: &Arc<str>, at: &Position, words: &[Word]) {
        let updates = matches!(
            id,
            DirectiveId::UpdateTargetById
                | DirectiveId::UpdateTargetByTag
                | DirectiveId::UpdateTargetByMsg
                | DirectiveId::UpdateActionById
        );
        // A third word of an update of targets names the target that is replaced.
        let fits = match id {
            DirectiveId::UpdateActionById => words.len() == 2,
            _ => !updates || (2..=3).contains(&words.len()),
        };
        if !fits {
            return self.findings.error("seclang.argument_count", at, &[], "this directive takes a rule and a change");
        }
        let names = if updates { &words[..1] } else { words };
        let Some(which) = Which::read(id, at, names, &mut self.findings) else { return };
        let which = self.spared(which, at, words);
        if !updates {
            self.steps.retain(|step| !matches!(step, Step::Rule(rule) if which.means(&rule.0)));
            return;
        }
        if id == DirectiveId::UpdateActionById {
            return self.update_actions(file, at, &which, words);
        }
        let replaced = match words.get(2) {
            Some(word) => {
                let list = parse::variables(file, &word.text, &mut self.findings);
                target::compile(file, &list, &mut self.findings).include
            }
            None => Vec::new(),
        };
        let list = parse::variables(file, &words[1].text, &mut self.findings);
        let targets = target::compile(file, &list, &mut self.findings);
        let mut changed = false;
        for step in &mut self.steps {
            if let Step::Rule(rule) = step
                && which.means(&rule.0)
                && let Some(test) = rule.0.links.first_mut().and_then(|link| link.test.as_mut())
            {
                changed = true;
                test.targets.include.retain(|own| !replaced.iter().any(|old| old.same(own)));
                test.targets.include.extend(targets.include.iter().cloned());
                test.targets.exclude.extend(targets.exclude.iter().cloned());
            }
        }
        self.changed(changed, file, words);
    }

    /// `which`; of a host's own rules without those that set up, sum or block.
    fn spared(&mut self, which: Which, at: &Position, words: &[Word]) -> Which {
        if !self.sparing {
            return which;
        }
        let meant = |step: &Step| matches!(step, Step::Rule(rule) if is_protected(rule.0.id) && which.means(&rule.0));
        if self.steps.iter().any(meant) {
            warn_spared(at, words, &mut self.findings);
        }
        Which::Sparing(Box::new(which))
    }

    /// Refuses a change by a host's own rules that names only rules that set up, sum or block.
    pub(super) fn names_protected(&mut self, id: DirectiveId, file: &Arc<str>, words: &[Word]) -> bool {
        let names = match id {
            DirectiveId::RuleRemoveById => words,
            DirectiveId::UpdateTargetById | DirectiveId::UpdateActionById => &words[..words.len().min(1)],
            _ => return false,
        };
        for word in names {
            let parts = word.text.bytes.split(|byte| matches!(byte, b',' | b' '));
            let mut ranges = parts.filter_map(ctl::range);
            if ranges.any(|(from, to)| only_protected(from, to)) {
                self.findings.error("seclang.protected", &position(file, &word.text, 0), &word.text.bytes, PROTECTED);
                return true;
            }
        }
        false
    }

    /// Has the `ctl` of a host's own rule spare protected rules, and refuses one that names only those.
    pub(super) fn spare(&mut self, file: &Arc<str>, actions: &[ActionText], draft: &mut Draft) {
        for text in actions.iter().filter(|action| action.name.bytes.eq_ignore_ascii_case(b"ctl")) {
            let Some(value) = &text.value else { continue };
            if let Ok(ctl::Parsed::Change(change)) = ctl::parse(&value.bytes)
                && change.names_protected()
            {
                self.findings.error("seclang.protected", &position(file, value, 0), &value.bytes, PROTECTED);
            }
        }
        for act in &mut draft.acts {
            if let Act::Ctl(change, _) = act {
                *change = Ctl::Sparing(Box::new(change.clone()));
            }
        }
    }

    /// Changes the head of rules and adds to what they do; id, phase and chain stay.
    fn update_actions(&mut self, file: &Arc<str>, at: &Position, which: &Which, words: &[Word]) {
        let actions = parse::actions(file, &words[1].text, &mut self.findings);
        let mut draft = Draft::read(file, &actions, &mut self.findings);
        if self.sparing {
            self.spare(file, &actions, &mut draft);
        }
        if draft.id_given || draft.phase.is_some() || draft.chain {
            let text = "id, phase and chain of a rule can't be changed";
            return self.findings.error("seclang.update_action", at, &words[1].text.bytes, text);
        }
        let mut changed = false;
        let transforms = draft.own_transforms || !draft.transforms.is_empty();
        let chain = transforms.then(|| self.program.chains.intern(&draft.transforms));
        for step in &mut self.steps {
            if let Step::Rule(rule) = step
                && which.means(&rule.0)
            {
                changed = true;
                if draft.skip_after.is_some() {
                    rule.1.clone_from(&draft.skip_after);
                }
                draft.change(&mut rule.0, chain);
            }
        }
        self.changed(changed, file, words);
    }

    fn changed(&mut self, changed: bool, file: &Arc<str>, words: &[Word]) {
        if !changed {
            no_such_rule(file, words, &mut self.findings);
        }
    }
}

const PROTECTED: &str = "rules that set up, sum or block can't be removed or changed";

pub(super) const SPARED: &str = "rules that set up, sum or block stay as they are";

/// Notes that rules stay as they are though a directive means them.
pub(super) fn warn_spared(at: &Position, words: &[Word], findings: &mut Findings) {
    let token = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
    findings.warn("seclang.protected", at, token, SPARED);
}

/// Notes that a directive meant no rule.
pub(super) fn no_such_rule(file: &Arc<str>, words: &[Word], findings: &mut Findings) {
    let Some(Word { text, .. }) = words.first() else { return };
    findings.warn("seclang.no_such_rule", &position(file, text, 0), &text.bytes, "no rule before this one is meant");
}

impl Which {
    /// The rules that `words` of the directive `id` name.
    pub(super) fn read(id: DirectiveId, at: &Position, words: &[Word], findings: &mut Findings) -> Option<Self> {
        if matches!(id, DirectiveId::RuleRemoveById | DirectiveId::UpdateTargetById | DirectiveId::UpdateActionById) {
            let mut ranges = Vec::new();
            let parts = words.iter().flat_map(|word| word.text.bytes.split(|byte| matches!(byte, b',' | b' ')));
            for part in parts.filter(|part| !part.is_empty()) {
                match ctl::range(part) {
                    Some(range) => ranges.push(range),
                    None => {
                        let text = "an id or a range of ids is needed";
                        findings.error("seclang.directive_value", at, part, text);
                    }
                }
            }
            return Some(Self::Ids(ranges));
        }
        let pattern = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
        match operators::compile_regex(pattern) {
            Ok(regex) if matches!(id, DirectiveId::RuleRemoveByMsg | DirectiveId::UpdateTargetByMsg) => {
                Some(Self::Msg(regex))
            }
            Ok(regex) => Some(Self::Tag(regex)),
            Err(refusal) => {
                findings.error(refusal.code, at, pattern, refusal.text);
                None
            }
        }
    }
}
