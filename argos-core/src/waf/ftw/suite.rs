//! Suites and overrides as files: YAML to tests. Every scalar is read as text, as the format means it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_norway::Value;

use crate::error::{Error, Result};

/// One test: its stages run in order, the first surprise fails it.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) id: String,
    pub(super) stages: Vec<Stage>,
    pub(super) ignored: bool,
    pub(super) overridden: bool,
}

/// One request and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stage {
    #[serde(default)]
    pub(super) input: Input,
    #[serde(default)]
    pub(super) output: Output,
}

/// A request as suites write it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Input {
    #[serde(deserialize_with = "text")]
    pub(super) method: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) uri: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) version: Option<String>,
    pub(super) headers: Option<serde_norway::Mapping>,
    #[serde(deserialize_with = "text")]
    pub(super) data: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) encoded_data: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) encoded_request: Option<String>,
    pub(super) autocomplete_headers: Option<bool>,
    pub(super) stop_magic: Option<bool>,
}

/// What is expected; what is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Output {
    pub(super) status: Option<u16>,
    pub(super) response_contains: Option<String>,
    pub(super) log_contains: Option<String>,
    pub(super) no_log_contains: Option<String>,
    pub(super) expect_error: bool,
    pub(super) isolated: bool,
    pub(super) log: Log,
}

/// What is expected of the log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Log {
    pub(super) expect_ids: Vec<u64>,
    pub(super) no_expect_ids: Vec<u64>,
    pub(super) match_regex: Option<String>,
    pub(super) no_match_regex: Option<String>,
}

#[derive(Deserialize)]
struct Sheet {
    #[serde(default, deserialize_with = "text")]
    rule_id: Option<String>,
    tests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "text")]
    test_id: Option<String>,
    #[serde(default)]
    stages: Vec<Wrapped>,
}

/// Older suites wrap a stage in `stage:`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wrapped {
    Old { stage: Stage },
    Plain(Stage),
}

#[derive(Deserialize)]
struct Overrides {
    #[serde(default)]
    test_overrides: Vec<Override>,
}

#[derive(Deserialize)]
struct Override {
    #[serde(deserialize_with = "text")]
    rule_id: Option<String>,
    test_ids: Vec<Value>,
    reason: String,
    #[serde(default)]
    ignore: bool,
    #[serde(default)]
    output: Output,
}

/// The tests of `path`, a file or a folder, in order of file names.
pub(super) fn load(path: &Path) -> Result<Vec<Test>> {
    let mut files = Vec::new();
    list(path, 0, &mut files)?;
    files.sort();
    let mut tests = Vec::new();
    for file in &files {
        let Ok(sheet) = serde_norway::from_str::<Sheet>(&read(file)?) else {
            // A folder of suites may hold other YAML, but a file that says it has tests must be readable.
            if files.len() > 1 && !read(file)?.lines().any(|line| line.starts_with("tests:")) {
                continue;
            }
            let why = serde_norway::from_str::<Sheet>(&read(file)?).err().map(|e| e.to_string()).unwrap_or_default();
            return Err(fault(file, &why));
        };
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let rule = sheet.rule_id.unwrap_or_else(|| stem.to_owned());
        for (index, entry) in sheet.tests.into_iter().enumerate() {
            let number = entry.test_id.unwrap_or_else(|| (index + 1).to_string());
            let unwrap = |stage| match stage {
                Wrapped::Old { stage } | Wrapped::Plain(stage) => stage,
            };
            tests.push(Test {
                id: format!("{rule}-{number}"),
                stages: entry.stages.into_iter().map(unwrap).collect(),
                ignored: false,
                overridden: false,
            });
        }
    }
    Ok(tests)
}

/// Replaces expectations as the list at `path` says.
pub(super) fn override_with(path: &Path, tests: &mut [Test]) -> Result<()> {
    let list: Overrides = serde_norway::from_str(&read(path)?).map_err(|e| fault(path, &e.to_string()))?;
    for entry in list.test_overrides {
        if entry.reason.trim().is_empty() {
            return Err(fault(path, "an override needs a reason"));
        }
        let rule = entry.rule_id.unwrap_or_default();
        let ids: Vec<String> = entry.test_ids.iter().map(|id| format!("{rule}-{}", scalar(id))).collect();
        for test in tests.iter_mut().filter(|test| ids.contains(&test.id)) {
            test.ignored = entry.ignore;
            test.overridden = !entry.ignore;
            test.stages.iter_mut().filter(|_| !entry.ignore).for_each(|stage| stage.output = entry.output.clone());
        }
    }
    Ok(())
}

fn list(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(|e| fault(path, &e.to_string()))? {
        let path = entry.map_err(|e| fault(path, &e.to_string()))?.path();
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if path.is_dir() && depth < DEPTH {
            list(&path, depth + 1, files)?;
        } else if yaml {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| fault(path, &e.to_string()))
}

fn fault(path: &Path, why: &str) -> Error {
    Error::invalid("waf.suite_broken", "tests", format!("{}: {why}", path.display()))
}

/// A scalar as it was written.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

fn text<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<String>, D::Error> {
    Option::<Value>::deserialize(from).map(|value| value.filter(|value| !value.is_null()).as_ref().map(scalar))
}

/// Folders in folders.
const DEPTH: usize = 8;
