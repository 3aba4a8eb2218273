//! Every operator over its data file.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::Captures;
use crate::testdata::{bytes, files};

#[derive(serde::Deserialize)]
struct Sheet {
    operator: String,
    #[serde(default)]
    refused: Vec<String>,
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    argument: String,
    input: String,
    matches: bool,
}

#[test]
fn operators_follow_their_data() {
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for (file, sheet) in files::<Sheet>("operators") {
        let entry = super::by_name(sheet.operator.as_bytes()).unwrap();
        seen.push(entry.name);
        for argument in sheet.refused {
            if (entry.make)(&bytes(&argument)).is_ok() {
                wrong.push(format!("{file}: argument {argument} should be refused"));
            }
        }
        for case in sheet.case {
            let argument = bytes(&case.argument);
            match (entry.make)(&argument) {
                Ok(operator) => {
                    for wanted in [false, true] {
                        let mut captures = Captures { wanted, ..Captures::default() };
                        let matches = operator.matches(&bytes(&case.input), &argument, &mut captures);
                        if matches != case.matches {
                            wrong.push(format!("{file}: {} over {} gave {matches}", case.argument, case.input));
                        }
                    }
                }
                Err(refusal) => wrong.push(format!("{file}: {} refused: {refusal:?}", case.argument)),
            }
        }
    }
    // Operators over files, datasets and lookups are tested where there are some.
    for entry in super::TABLE.iter().filter(|entry| entry.from == super::From::Argument) {
        assert!(seen.contains(&entry.name), "{} has no data file", entry.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
