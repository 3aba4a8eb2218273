//! How much the patterns of a host's own rules may take: anyone who may write them could fill the memory otherwise.

use std::sync::Arc;

use super::load::Compiler;
use crate::ast::{ActionText, Body, Item, SelectorText, VariableText};
use crate::diagnostic::Findings;
use crate::lex::Mapped;
use crate::operators::pattern_size;
use crate::parse::{self, position};
use crate::source::Position;

/// Bytes that all patterns of a host's own rules take at most together once they are compiled, by an estimate from
/// above.
pub(super) const MOST: usize = 32 << 20;

impl Compiler<'_> {
    /// Whether the patterns of `item`, among a host's own rules, are within what is left. The first that is not is an
    /// error; nothing after it is compiled.
    pub(super) fn affords(&mut self, file: &Arc<str>, item: &Item) -> bool {
        if self.spent > MOST {
            return false;
        }
        for (at, pattern) in patterns(file, item) {
            self.spent = self.spent.saturating_add(pattern_size(&pattern));
            if self.spent > MOST {
                let text = format!("the patterns of a host's own rules take more than {} MiB together", MOST >> 20);
                self.findings.error("seclang.patterns_too_large", &at, &pattern, text);
                return false;
            }
        }
        true
    }
}

/// All that `item` compiles, with its place.
fn patterns(file: &Arc<str>, item: &Item) -> Vec<(Position, Vec<u8>)> {
    let mut found = Vec::new();
    let mut add = |text: &Mapped, from: usize| found.push((position(file, text, from), text.bytes[from..].to_vec()));
    let of_selectors = |list: &[VariableText], add: &mut dyn FnMut(&Mapped, usize)| {
        for variable in list {
            if let SelectorText::Regex(pattern) = &variable.selector {
                add(pattern, 0);
            }
        }
    };
    let of_actions = |actions: &[ActionText], add: &mut dyn FnMut(&Mapped, usize)| {
        for text in actions.iter().filter_map(|action| action.value.as_ref()) {
            // `ctl:ruleRemoveTargetById=1;ARGS:/pattern/`; the slash at the end is a letter more.
            if let Some(start) = memchr::memmem::find(&text.bytes, b":/") {
                add(text, start + 2);
            }
        }
    };
    match &item.body {
        Body::Rule { variables, operator, actions } => {
            of_selectors(variables, &mut add);
            add(&operator.argument, 0);
            of_actions(actions, &mut add);
        }
        Body::Action(actions) => of_actions(actions, &mut add),
        Body::Plain(words) => {
            for word in words {
                add(&word.text, 0);
                // A list of targets; what is wrong with it is said where it is compiled.
                of_selectors(&parse::variables(file, &word.text, &mut Findings::default()), &mut add);
            }
        }
    }
    found
}
