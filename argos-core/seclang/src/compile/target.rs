//! Variable lists to [`Targets`].

use std::sync::Arc;

use crate::ast::{SelectorText, VariableText};
use crate::body::xpath::Path;
use crate::diagnostic::Findings;
use crate::operators::compile_regex;
use crate::parse::position;
use crate::variables::{self, Selector, Target, Targets, VarId};

/// Compiles the variable list of a rule.
pub(crate) fn compile(file: &Arc<str>, list: &[VariableText], findings: &mut Findings) -> Targets {
    let mut targets = Targets::default();
    for text in list {
        let at = position(file, &text.name, 0);
        let Some(variable) = variables::by_name(&text.name.bytes) else {
            findings.error("seclang.unknown_variable", &at, &text.name.bytes, "unknown variable");
            continue;
        };
        let selector = match &text.selector {
            SelectorText::None => Selector::All,
            SelectorText::Key(key) if matches!(variable, VarId::Xml | VarId::ResponseXml) => {
                match Path::parse(&key.bytes) {
                    Some(path) => Selector::Path(Box::new(path)),
                    None => {
                        let at = position(file, key, 0);
                        findings.error(
                            "seclang.xpath",
                            &at,
                            &key.bytes,
                            "paths of names, *, @name, @* and text() are known",
                        );
                        continue;
                    }
                }
            }
            SelectorText::Key(key) => Selector::Key(key.bytes.to_ascii_lowercase().into()),
            SelectorText::Regex(pattern) => {
                // Names compare without case, so patterns over names do too.
                match compile_regex(&[b"(?i)", pattern.bytes.as_slice()].concat()) {
                    Ok(regex) => Selector::Regex(Arc::new(regex)),
                    Err(refusal) => {
                        findings.error(refusal.code, &position(file, pattern, 0), &pattern.bytes, refusal.text);
                        continue;
                    }
                }
            }
        };
        let pathless = matches!(variable, VarId::Xml | VarId::ResponseXml) && !matches!(selector, Selector::Path(_));
        if pathless && !text.exclude {
            findings.error("seclang.xpath", &at, &text.name.bytes, "a path such as /* is needed");
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
