//! Rules that can never match, for the load report.
//!
//! Guarantee: a rule is named only when no transaction whatever can make it match.

use crate::compile::phases::Step;
use crate::diagnostic::Findings;
use crate::program::{Rule, Test};
use crate::source::Position;
use crate::variables::{Target, VarId};

/// Operators whose answer is known before any value is.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Places of operators that say no to everything.
    pub(super) no: Vec<u32>,
    /// Places of operators that say yes to everything.
    pub(super) yes: Vec<u32>,
}

/// Adds a warning for each rule that can never match.
pub(super) fn warn(steps: &[Step], known: &Known, findings: &mut Findings) {
    for step in steps {
        if let Step::Rule(rule) = step
            && let Some(why) =
                rule.0.links.iter().filter_map(|link| link.test.as_ref()).find_map(|test| why(&rule.0, test, known))
        {
            let at = Position { file: rule.0.file.clone(), line: rule.0.line, column: 1 };
            findings.warn("seclang.never_matches", &at, rule.0.id.to_string().as_bytes(), why);
        }
    }
}

fn why(rule: &Rule, test: &Test, known: &Known) -> Option<&'static str> {
    let operators = if test.negate { &known.yes } else { &known.no };
    if operators.contains(&test.operator) {
        return Some("can never match: its operator refuses every value");
    }
    if test.targets.include.is_empty() {
        return Some("can never match: every target is excluded");
    }
    let late = |target: &Target| !target.count && first_phase(target.variable) > rule.phase;
    test.targets.include.iter().all(late).then_some("can never match: its targets have no value in this phase")
}

/// The first phase in which a variable can have a value; 6 is none. A count has one in every phase.
fn first_phase(variable: VarId) -> u8 {
    use VarId::*;
    match variable {
        WebserverErrorLog | FilesTmpNames => 6,
        ResponseBody | ResponseArgs | ResponseXml | ResbodyErrorMsg => 4,
        ResponseStatus
        | Status
        | StatusLine
        | ResponseProtocol
        | ResponseHeaders
        | ResponseHeadersNames
        | ResponseContentType
        | ResponseContentLength => 3,
        ArgsPost | ArgsPostNames | Files | FilesNames | FilesSizes | FilesTmpContent | MultipartFilename
        | MultipartName | MultipartPartHeaders | Xml | Json | RequestBody => 2,
        _ => 1,
    }
}
