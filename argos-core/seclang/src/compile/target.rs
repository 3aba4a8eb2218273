//! Variable lists to [`Targets`].

use std::sync::Arc;

use crate::ast::{SelectorText, VariableText};
use crate::diagnostic::Findings;
use crate::operators::compile_regex;
use crate::parse::position;
use crate::run::{XML_ATTRIBUTES, XML_TEXT};
use crate::variables::{self, Selector, Target, Targets, VarId};

/// Compiles the variable list of a rule.
pub(crate) fn compile(file: &Arc<str>, list: &[VariableText], findings: &mut Findings) -> Targets {
    let mut targets = Targets::default();
    for text in list {
        let at = position(file, &text.name, 0);
        let Some(variable) = variables::by_name(&text.name.bytes) else {
            let known = variables::NOT_YET.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(&text.name.bytes));
            match known {
                true => findings.error(
                    "seclang.not_available_yet",
                    &at,
                    &text.name.bytes,
                    "this variable is not available yet",
                ),
                false => findings.error("seclang.unknown_variable", &at, &text.name.bytes, "unknown variable"),
            }
            continue;
        };
        let selector = match &text.selector {
            SelectorText::None => Selector::All,
            SelectorText::Key(key) => Selector::Key(key.bytes.to_ascii_lowercase().into()),
            SelectorText::Regex(pattern) => {
                // Names compare without case, so patterns over names do too.
                match compile_regex(&[b"(?i)", pattern.bytes.as_slice()].concat()) {
                    Ok(regex) => Selector::Regex(Box::new(regex)),
                    Err(refusal) => {
                        findings.error(refusal.code, &position(file, pattern, 0), &pattern.bytes, refusal.text);
                        continue;
                    }
                }
            }
        };
        // Both paths that known rule sets use; others would silently stand for nothing.
        if variable == VarId::Xml
            && !matches!(&selector, Selector::Key(path) if [XML_TEXT, XML_ATTRIBUTES].contains(&path.as_ref()))
            && !(text.exclude && matches!(selector, Selector::All))
        {
            let why = "only the paths /* and //@* are available yet";
            findings.error("seclang.not_available_yet", &at, &text.name.bytes, why);
            continue;
        }
        if text.exclude {
            targets.exclude.push((variable, selector));
        } else {
            targets.include.push(Target { variable, selector, count: text.count });
        }
    }
    targets
}
