//! Every transformation over its data file.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::testdata::{bytes, files};

#[derive(serde::Deserialize)]
struct Sheet {
    transform: String,
    case: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    input: String,
    output: Option<String>,
}

#[test]
fn transformations_follow_their_data() {
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for (file, sheet) in files::<Sheet>("transforms") {
        let (name, transform) = super::by_name(sheet.transform.as_bytes()).unwrap();
        seen.push(name);
        for case in sheet.case {
            let input = bytes(&case.input);
            let output = transform(&input);
            if output != case.output.as_deref().map(bytes) {
                let shown = output.map(|output| output.escape_ascii().to_string());
                wrong.push(format!("{file}: {} gave {shown:?}, not {:?}", case.input, case.output));
            }
        }
    }
    for (name, _) in super::TABLE {
        assert!(seen.contains(name), "{name} has no data file");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
