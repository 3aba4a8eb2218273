//! Reads the data files of tests, and says what has none.

use std::path::Path;

/// All sheets of a folder of `testdata`, by name.
pub(crate) fn files<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let sheet = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (
            path.display().to_string(),
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
    };
    paths.into_iter().map(sheet).collect()
}

/// Text to bytes; `{hh}` is one byte.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let text = text.as_bytes();
    let mut output = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, crate::transforms::pair(text, at + 1), text.get(at + 3)) {
            (b'{', Some(value), Some(b'}')) => {
                output.push(value);
                at += 4;
            }
            _ => {
                output.push(byte);
                at += 1;
            }
        }
    }
    output
}

/// Every text of the folders of `testdata`, lower-case.
fn all_texts() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let folders = ["actions", "directives", "operators", "transforms", "variables"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().to_lowercase() + "\n").collect()
}

#[test]
fn every_name_of_the_language_stands_in_a_case() {
    let texts = all_texts();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let words: std::collections::HashSet<&[u8]> = texts.as_bytes().split(|byte| !word(*byte)).collect();
    let names = |names: &[&'static str]| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let directives: Vec<&str> = crate::directives::TABLE.iter().map(|(name, _)| *name).collect();
    let variables: Vec<&str> = crate::variables::NAMES.iter().map(|(name, _)| *name).collect();
    let operators: Vec<&str> = crate::operators::TABLE.iter().map(|entry| entry.name).collect();
    let transforms: Vec<&str> = crate::transforms::TABLE.iter().map(|(name, _)| *name).collect();
    let actions: Vec<&str> = crate::actions::table::TABLE.iter().map(|(name, _)| *name).collect();
    let refused = crate::actions::table::ERROR;
    // Options of `ctl` are arms of its parser.
    let ctl = &[
        "ruleEngine",
        "ruleRemoveById",
        "ruleRemoveByTag",
        "ruleRemoveByMsg",
        "ruleRemoveTargetById",
        "ruleRemoveTargetByTag",
        "ruleRemoveTargetByMsg",
        "requestBodyAccess",
        "requestBodyLimit",
        "requestBodyProcessor",
        "forceRequestBodyVariable",
        "responseBodyAccess",
        "responseBodyLimit",
        "responseBodyProcessor",
        "forceResponseBodyVariable",
        "auditEngine",
        "auditLogParts",
        "debugLogLevel",
        "hashEngine",
        "hashEnforcement",
    ][..];
    let mut missing = Vec::new();
    for (kind, all) in [
        ("directive", &directives[..]),
        ("variable", &variables),
        ("operator", &operators),
        ("transformation", &transforms),
        ("action", &actions),
        ("refused action", refused),
        ("ctl", ctl),
    ] {
        assert!(all.len() >= 5, "{kind}");
        let absent = names(all).into_iter().filter(|name| !words.contains(name.as_bytes()));
        missing.extend(absent.map(|name| format!("{kind} {name}")));
    }
    assert!(missing.is_empty(), "without a case: {}", missing.join(", "));
}
