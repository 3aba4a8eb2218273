//! Rule text: read alike each time, every finding at a place of the text, and what compiles runs.

use super::choices::Choices;
use super::transactions::{REQUEST, exchange};
use crate::{Diagnostic, NoFiles, RuleSet};

/// Findings that one load keeps.
const ERRORS: usize = 100;
const WARNINGS: usize = 1000;
/// Characters of a finding's token.
const TOKEN: usize = 80;

pub(super) fn rules(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let text = match choices.below(4) {
        // A rule whose parts are anything, as the parser meets them behind sound words.
        0 => [b"SecRule ARGS|", choices.bytes(30), b" \"", choices.bytes(60), b"\" \"id:1,", choices.rest(), b"\""]
            .concat(),
        1 => {
            [b"SecRule ARGS \"@rx ", choices.bytes(120), b"\" \"id:1,phase:2,capture,", choices.rest(), b"\""].concat()
        }
        2 => [b"SecAction \"id:1,", choices.rest(), b"\""].concat(),
        _ => choices.rest().to_vec(),
    };
    let compiled = compile(&text);
    let again = compile(&text);
    assert_eq!(findings(&compiled), findings(&again), "one text, two readings");
    let lines = text.split(|byte| *byte == b'\n').count();
    let longest = text.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default();
    let (errors, warnings) = findings(&compiled);
    assert!(errors.len() <= ERRORS && warnings.len() <= WARNINGS);
    for found in errors.iter().chain(&warnings).filter(|found| found.file == NAME) {
        assert!((1..=lines).contains(&(found.line as usize)), "{found} of {lines} lines");
        assert!((1..=longest + 1).contains(&(found.column as usize)), "{found} of {longest} columns");
        assert!(found.token.chars().count() <= TOKEN && !found.text.is_empty());
        assert!(found.code.starts_with("seclang."), "{found}");
    }
    // A comment before it moves every finding one line down and changes nothing else.
    let moved = compile(&[b"# one line\n", &text[..]].concat());
    let down = |found: &Vec<Diagnostic>| -> Vec<_> {
        let moved = |d: &Diagnostic| Diagnostic { line: d.line + u32::from(d.file == NAME), ..d.clone() };
        found.iter().map(moved).collect()
    };
    assert_eq!((down(&errors), down(&warnings)), findings(&moved), "a comment changes what is found");
    if let Ok((set, _)) = compiled {
        let _ = exchange(&set, &REQUEST, &[REQUEST.body]);
    }
}

type Compiled = Result<(RuleSet, crate::LoadReport), Vec<Diagnostic>>;

fn compile(text: &[u8]) -> Compiled {
    RuleSet::builder(NoFiles).rules_str(NAME, text).compile()
}

fn findings(compiled: &Compiled) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    match compiled {
        Ok((_, report)) => (Vec::new(), report.warnings.clone()),
        Err(errors) => (errors.clone(), Vec::new()),
    }
}

/// What the text is called.
const NAME: &str = "fuzz.conf";
