//! Directives that change rules loaded before them.

use std::sync::Arc;

use regex::bytes::Regex;

use crate::actions::ctl;
use crate::compile::load::Compiler;
use crate::compile::phases::Step;
use crate::compile::target;
use crate::directives::DirectiveId;
use crate::lex::Word;
use crate::operators;
use crate::parse::{self, position};
use crate::program::{Rule, Template};
use crate::source::Position;

/// Which rules are meant.
enum Which {
    Ids(Vec<(u64, u64)>),
    Tag(Regex),
    Msg(Regex),
}

impl Which {
    fn means(&self, rule: &Rule) -> bool {
        // The pattern is held against the text as written, before macros.
        let written = |template: &Template, regex: &Regex| template.literal().is_some_and(|text| regex.is_match(text));
        match self {
            Which::Ids(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&rule.id)),
            Which::Tag(regex) => rule.tags.iter().any(|tag| written(tag, regex)),
            Which::Msg(regex) => rule.msg.as_ref().is_some_and(|msg| written(msg, regex)),
        }
    }
}

impl Compiler<'_> {
    /// Removes rules or changes what they look at.
    pub(super) fn edit(&mut self, id: DirectiveId, file: &Arc<str>, at: &Position, words: &[Word]) {
        let updates = matches!(
            id,
            DirectiveId::UpdateTargetById | DirectiveId::UpdateTargetByTag | DirectiveId::UpdateTargetByMsg
        );
        // A third word of an update names the target that is replaced.
        if updates && words.len() != 2 {
            let (code, text) = match words.len() {
                3 => ("seclang.not_available_yet", "replacing a target is not available yet"),
                _ => ("seclang.argument_count", "this directive takes a rule and targets"),
            };
            return self.findings.error(code, at, &[], text);
        }
        let names = if updates { &words[..1] } else { words };
        let Some(which) = self.which(id, at, names) else { return };
        if !updates {
            self.steps.retain(|step| !matches!(step, Step::Rule(rule) if which.means(&rule.0)));
            return;
        }
        let list = parse::variables(file, &words[1].text, &mut self.findings);
        let targets = target::compile(file, &list, &mut self.findings);
        let mut changed = false;
        for step in &mut self.steps {
            if let Step::Rule(rule) = step
                && which.means(&rule.0)
                && let Some(test) = rule.0.links.first_mut().and_then(|link| link.test.as_mut())
            {
                changed = true;
                test.targets.include.extend(targets.include.iter().cloned());
                test.targets.exclude.extend(targets.exclude.iter().cloned());
            }
        }
        if !changed {
            let at = position(file, &words[0].text, 0);
            self.findings.warn("seclang.no_such_rule", &at, &words[0].text.bytes, "no rule before this one is meant");
        }
    }

    fn which(&mut self, id: DirectiveId, at: &Position, words: &[Word]) -> Option<Which> {
        if matches!(id, DirectiveId::RuleRemoveById | DirectiveId::UpdateTargetById) {
            let mut ranges = Vec::new();
            let parts = words.iter().flat_map(|word| word.text.bytes.split(|byte| matches!(byte, b',' | b' ')));
            for part in parts.filter(|part| !part.is_empty()) {
                match ctl::range(part) {
                    Some(range) => ranges.push(range),
                    None => {
                        let text = "an id or a range of ids is needed";
                        self.findings.error("seclang.directive_value", at, part, text);
                    }
                }
            }
            return Some(Which::Ids(ranges));
        }
        let pattern = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
        match operators::compile_regex(pattern) {
            Ok(regex) if matches!(id, DirectiveId::RuleRemoveByMsg | DirectiveId::UpdateTargetByMsg) => {
                Some(Which::Msg(regex))
            }
            Ok(regex) => Some(Which::Tag(regex)),
            Err(refusal) => {
                self.findings.error(refusal.code, at, pattern, refusal.text);
                None
            }
        }
    }
}
