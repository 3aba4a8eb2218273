//! What a caller leaves out of a transaction from its start: rules, or targets of rules.

use std::sync::Arc;

use super::target;
use crate::ast::VariableText;
use crate::diagnostic::{Diagnostic, Findings};
use crate::lex::Mapped;
use crate::parse::{self, position};
use crate::program::Rule;
use crate::run::RuleSet;
use crate::run::left_out::LeftOut;
use crate::source::Position;
use crate::variables::{Selector, VarId};

/// Rules that a transaction leaves out, or targets that they do not look at.
///
/// It acts as `ctl:ruleRemoveById`, `…ByTag`, `ruleRemoveTargetById` and `…ByTag` would before the first rule. Rules
/// that set up, sum or block are never meant; see [`is_protected`].
#[derive(Clone, Debug)]
pub struct Exclusion {
    which: Which,
    targets: Vec<(VarId, Selector)>,
}

#[derive(Clone, Debug)]
enum Which {
    Id(u64),
    Tag(Box<[u8]>),
}

impl Exclusion {
    /// Means the rule with this id.
    #[must_use]
    pub fn id(id: u64) -> Self {
        Self { which: Which::Id(id), targets: Vec::new() }
    }

    /// Means the rules with this tag, in the same letters.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self { which: Which::Tag(tag.as_bytes().into()), targets: Vec::new() }
    }

    /// Leaves out only these targets, not the whole rule: a comma-separated list such as `ARGS:password,
    /// REQUEST_COOKIES:/^id_/`. An empty list means the whole rule.
    ///
    /// # Errors
    /// The first target that can't be read.
    pub fn targets(mut self, list: &str) -> Result<Self, Diagnostic> {
        let file: Arc<str> = "target".into();
        for (item, column) in items(list) {
            let mut text = Mapped::default();
            item.bytes().enumerate().for_each(|(at, byte)| text.append(byte, (1, (column + at) as u32 + 1)));
            let mut findings = Findings::default();
            let mut found = parse::variables(&file, &text, &mut findings);
            let at = position(&file, &text, 0);
            let one = matches!(found.as_slice(), [VariableText { count: false, exclude: false, .. }]);
            if findings.errors.is_empty() && !one {
                let why = "a variable such as ARGS:name is needed, without ! and &";
                findings.error("seclang.exclusion_target", &at, item.as_bytes(), why);
            }
            found.iter_mut().for_each(|variable| variable.exclude = true);
            let targets = target::compile(&file, &found, &mut findings);
            if let Some(first) = findings.errors.into_iter().next() {
                return Err(first);
            }
            self.targets.extend(targets.exclude);
        }
        if self.targets.is_empty() && !list.trim().is_empty() {
            let at = Position { file, line: 1, column: 1 };
            return Err(Diagnostic::new("seclang.exclusion_target", &at, list.as_bytes(), "no target is named"));
        }
        Ok(self)
    }

    fn means(&self, rule: &Rule) -> bool {
        match &self.which {
            Which::Id(id) => rule.id == *id,
            Which::Tag(tag) => rule.tags.iter().any(|own| own.literal() == Some(tag)),
        }
    }
}

impl RuleSet {
    /// What `exclusion` leaves out of this rule set: made once, given to transactions.
    #[must_use]
    pub fn left_out(&self, exclusion: &Exclusion) -> LeftOut {
        let mut left = LeftOut::new(exclusion.targets.clone());
        for (place, rule) in self.program().rules.iter().enumerate().filter(|(_, rule)| exclusion.means(rule)) {
            left.add(place as u32, is_protected(rule.id));
        }
        if let Some(segment) = &self.own().segment {
            let own = (segment.from()..).zip(&segment.program().rules);
            own.filter(|(_, rule)| exclusion.means(rule)).for_each(|(place, _)| left.add(place, false));
        }
        left
    }
}

/// Whether the rule with this id sets up, sums or blocks, so that no exclusion means it: the engine's own rules (500
/// and 200000–200099), the set-up, sums and decisions of the built-in rules and of core rule sets. Source: the files
/// `REQUEST-901`, `REQUEST-905`, `REQUEST-949`, `RESPONSE-959` and `RESPONSE-980` of the core rule set.
#[must_use]
pub fn is_protected(id: u64) -> bool {
    let core = matches!(id / 1000, 901 | 905 | 949 | 959 | 980);
    // Levels of paranoia begin at 8000 in the built-in rules, sums and decisions at 9000.
    let built_in = matches!(id, 1000..=1099 | 8000..=9999);
    core || built_in || id == crate::run::own::HOST_RULE || (200_000..=200_099).contains(&id)
}

/// The items of `list`, trimmed, with their offsets. A comma inside `/…/` separates nothing.
fn items(list: &str) -> Vec<(&str, usize)> {
    let bytes = list.as_bytes();
    let (mut found, mut from, mut at) = (Vec::new(), 0, 0);
    while from <= bytes.len() {
        if at >= bytes.len() || bytes[at] == b',' {
            let item = &list[from..at.min(bytes.len())];
            let start = from + (item.len() - item.trim_start().len());
            if !item.trim().is_empty() {
                found.push((item.trim(), start));
            }
            at += 1;
            from = at;
            continue;
        }
        let xml = list[from..at].trim_start().to_ascii_uppercase().ends_with("XML");
        if bytes[at] == b':' && !xml {
            let open = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'\''));
            if bytes.get(open) == Some(&b'/') {
                at = end_of_pattern(bytes, open + 1).unwrap_or(open);
            }
        }
        at += 1;
    }
    found
}

/// The offset of the `/` that ends a pattern which begins at `from`: the next one at the end of an item.
fn end_of_pattern(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'/' if matches!(bytes.get(at + 1), None | Some(b',' | b'\'' | b' ')) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_comma_inside_a_pattern_separates_nothing() {
        for (list, expected) in [
            ("", vec![]),
            (" , ", vec![]),
            ("ARGS:a", vec![("ARGS:a", 0)]),
            ("ARGS:a, ARGS:b", vec![("ARGS:a", 0), ("ARGS:b", 8)]),
            ("ARGS:/^a{1,2}$/,REQUEST_URI", vec![("ARGS:/^a{1,2}$/", 0), ("REQUEST_URI", 16)]),
            ("ARGS:'/a,b/',ARGS:c", vec![("ARGS:'/a,b/'", 0), ("ARGS:c", 13)]),
            ("ARGS:/a\\/,b/,XML:/*", vec![("ARGS:/a\\/,b/", 0), ("XML:/*", 13)]),
            ("ARGS:/a,ARGS:b", vec![("ARGS:/a", 0), ("ARGS:b", 8)]),
        ] {
            assert_eq!(items(list), expected, "{list}");
        }
    }

    #[test]
    fn a_target_that_can_not_be_read_is_named_with_its_column() {
        for (list, code, column) in [
            ("ARGS:a, NOTHING:b", "seclang.unknown_variable", 9),
            ("!ARGS:a", "seclang.exclusion_target", 1),
            ("&ARGS", "seclang.exclusion_target", 1),
            ("ARGS:a|ARGS:b", "seclang.exclusion_target", 1),
            (",", "seclang.exclusion_target", 1),
            ("ARGS:/(/", "seclang.regex", 7),
        ] {
            let found = Exclusion::id(1).targets(list).unwrap_err();
            assert_eq!((found.code, found.column), (code, column), "{list}: {found}");
        }
        assert_eq!(Exclusion::tag("x").targets("ARGS, XML:/*,ARGS:/^a,b/").unwrap().targets.len(), 3);
    }

    #[test]
    fn rules_that_set_up_sum_or_block_are_protected() {
        for id in [500, 1001, 1032, 8021, 9109, 200_000, 200_006, 901_001, 905_110, 949_110, 959_100, 980_999] {
            assert!(is_protected(id), "{id}");
        }
        for id in [501, 1101, 3001, 7001, 100_000, 200_100, 911_100, 942_100, 950_100] {
            assert!(!is_protected(id), "{id}");
        }
    }
}
