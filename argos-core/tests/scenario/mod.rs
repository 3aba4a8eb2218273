//! Scenarios: files of calls with what they must give, the same through every face of Argos. The form of a file is in
//! CONTRIBUTING.md; the runners for Python and Node beside their packages read the same files.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

mod check;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use argos_core::api::Described;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use check::{check, filled_fields};

/// Names of all faces.
pub const FACES: &[&str] = &["rust", "http", "socket", "folder", "python", "node"];

/// Roles that `as` may name; each has a token of that name in every folder.
pub const ROLES: &[&str] = &["viewer", "operator", "admin"];

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The file's name without its ending.
    #[serde(skip)]
    pub stem: String,
    pub about: String,
    pub scenarios: Vec<Scenario>,
}

/// Calls on a data folder of their own, one after the other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// The faces that can run it; all when omitted.
    pub only: Option<Vec<String>>,
    /// Why some can't.
    pub why: Option<String>,
    pub steps: Vec<Step>,
}

/// One call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub call: String,
    #[serde(default)]
    pub input: Map<String, Value>,
    /// On which terms: `if_match`, `dry_run`, `idempotency_key`.
    #[serde(default)]
    pub terms: Map<String, Value>,
    /// The input as text, for what is no JSON object.
    pub text: Option<String>,
    /// Who asks, where the face knows more than one: a role, or `nobody`.
    #[serde(rename = "as")]
    pub who: Option<String>,
    /// Faces that can't ask this, and why.
    #[serde(default)]
    pub skip: Vec<String>,
    pub why: Option<String>,
    /// The result; fields that are not named may hold anything.
    pub expect: Option<Value>,
    /// The result with all its fields.
    #[serde(default, deserialize_with = "some")]
    pub exactly: Option<Value>,
    pub error: Option<Refusal>,
    /// The tag that comes with the result; null for none.
    #[serde(default, deserialize_with = "some")]
    pub etag: Option<Value>,
    /// The generation that a change makes; null for none.
    #[serde(default, deserialize_with = "some")]
    pub generation: Option<Option<u64>>,
}

/// A field that is there, also as null.
fn some<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// A refusal as every face must tell it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub kind: String,
    pub code: String,
    /// The values at fault, in order.
    #[serde(default)]
    pub fields: Vec<String>,
    /// The HTTP status, where it is not that of the kind.
    pub status: Option<u16>,
}

/// What a call gave.
#[derive(Debug)]
pub enum Outcome {
    /// The result; generation and tag are none where the face does not tell them.
    Done(Value, Option<Option<u64>>, Option<Option<String>>),
    Refused(Refusal),
}

/// A way to Argos, open on a new folder that holds the tokens of [`ROLES`].
pub trait Face: Sized {
    const NAME: &'static str;
    /// Who the audit rows say asks.
    const ACTOR: &'static str;
    /// Whether steps with `as` can be asked.
    const ROLES: bool;

    fn open() -> Self;
    fn call(&mut self, step: &Step, input: Map<String, Value>, terms: Map<String, Value>) -> Outcome;
    /// The text of the live setup token, where the face can see it.
    fn setup_token(&self) -> Option<String> {
        None
    }
}

impl Scenario {
    pub fn runs_on(&self, face: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|name| name == face))
    }
}

impl Step {
    pub fn is_refused(&self) -> bool {
        self.error.is_some()
    }
}

/// Every file, by name.
pub fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("argos-core/testdata/scenarios");
    let mut files: Vec<File> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let read: Result<File, _> = serde_json::from_slice(&std::fs::read(&path).unwrap());
            let mut file = read.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            file.stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            file
        })
        .collect();
    files.sort_by(|a, b| a.stem.cmp(&b.stem));
    files
}

/// Runs every scenario through one face; all failures at once.
pub fn run_all<F: Face>() {
    let (mut failed, mut asked) = (Vec::new(), 0);
    for file in files() {
        for scenario in file.scenarios.iter().filter(|s| s.runs_on(F::NAME)) {
            match run::<F>(scenario) {
                Ok(steps) => asked += steps,
                Err(fault) => failed.push(format!("{}: {}: {fault}", file.stem, scenario.name)),
            }
        }
    }
    assert!(failed.is_empty(), "{} failed through {}:\n{}", failed.len(), F::NAME, failed.join("\n"));
    assert!(asked > 0, "nothing was asked");
    println!("{asked} calls through {}", F::NAME);
}

fn run<F: Face>(scenario: &Scenario) -> Result<usize, String> {
    let can_ask = |step: &Step| !step.skip.iter().any(|name| name == F::NAME) && (step.who.is_none() || F::ROLES);
    if !scenario.steps.iter().any(can_ask) {
        return Ok(0);
    }
    let mut face = F::open();
    let mut known = BTreeMap::from([("actor".to_owned(), Value::from(F::ACTOR))]);
    known.extend(face.setup_token().map(|token| ("setup_token".to_owned(), token.into())));
    let mut asked = 0;
    for (i, step) in scenario.steps.iter().enumerate() {
        if !can_ask(step) {
            continue;
        }
        asked += 1;
        let at = |fault: String| format!("step {} ({}): {fault}", i + 1, step.call);
        let input = filled_fields(&step.input, &known).map_err(at)?;
        let terms = filled_fields(&step.terms, &known).map_err(at)?;
        match (face.call(step, input, terms), &step.error) {
            (Outcome::Refused(given), None) => return Err(at(format!("refused: {given:?}"))),
            (Outcome::Done(value, ..), Some(_)) => return Err(at(format!("not refused, gave {value}"))),
            (Outcome::Refused(given), Some(expected)) => same_refusal(&given, expected).map_err(at)?,
            (Outcome::Done(value, generation, etag), None) => {
                let (expected, whole) = step.result();
                check(expected, &value, whole, &mut known).map_err(|e| at(format!("{e}\n  in {value}")))?;
                if let (Some(given), Some(expected)) = (generation, step.generation)
                    && given != expected
                {
                    return Err(at(format!("generation {given:?}, expected {expected:?}")));
                }
                if let (Some(given), Some(expected)) = (etag, &step.etag) {
                    check(expected, &given.into(), true, &mut known).map_err(|e| at(format!("the tag {e}")))?;
                }
            }
        }
    }
    Ok(asked)
}

/// A face that does not tell the status leaves it out.
fn same_refusal(given: &Refusal, expected: &Refusal) -> Result<(), String> {
    let status = given.status.map(|_| expected.status.unwrap_or_else(|| status_of(&expected.kind)));
    let expected = Refusal { status, ..expected.clone() };
    if *given == expected { Ok(()) } else { Err(format!("refused with {given:?}\n  expected {expected:?}")) }
}

/// How each kind looks over HTTP and at the command line.
const KINDS: &[(&str, u16, i32)] = &[
    ("Invalid", 422, 5),
    ("Unauthorized", 401, 7),
    ("Forbidden", 403, 7),
    ("NotFound", 404, 3),
    ("Conflict", 409, 4),
    ("RateLimited", 429, 8),
    ("Unavailable", 503, 8),
    ("Corrupt", 500, 6),
    ("Internal", 500, 1),
];

fn row(kind: &str) -> &'static (&'static str, u16, i32) {
    KINDS.iter().find(|(name, _, _)| *name == kind).unwrap_or_else(|| panic!("{kind} is no kind of error"))
}

pub fn status_of(kind: &str) -> u16 {
    row(kind).1
}

pub fn exit_of(kind: &str) -> i32 {
    row(kind).2
}

impl Step {
    /// The expected result, and whether no other field may be there.
    pub fn result(&self) -> (&Value, bool) {
        static ANY: Value = Value::Null;
        match (&self.expect, &self.exactly) {
            (Some(part), None) => (part, false),
            (None, Some(whole)) => (whole, true),
            _ => (&ANY, true),
        }
    }
}

/// What is wrong with the files themselves: each step must be one that can fail, each operation must be asked.
pub fn faults(files: &[File], operations: &[Described]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let mut names = HashSet::new();
        for scenario in &file.scenarios {
            let at = |fault: &str| format!("{}: {}: {fault}", file.stem, scenario.name);
            if !names.insert(&scenario.name) {
                faults.push(at("a second scenario of that name"));
            }
            if scenario.only.is_some() != scenario.why.is_some() {
                faults.push(at("`only` and `why` go together"));
            }
            let unknown = |name: &&String| !FACES.contains(&name.as_str());
            faults.extend(scenario.only.iter().flatten().filter(unknown).map(|name| at(&format!("no face {name}"))));
            let mut changed_by_role = false;
            for (i, step) in scenario.steps.iter().enumerate() {
                let at = |fault: &str| at(&format!("step {}: {fault}", i + 1));
                let ends = [step.expect.is_some(), step.exactly.is_some(), step.error.is_some()];
                if ends.iter().filter(|end| **end).count() != 1 {
                    faults.push(at("one of `expect`, `exactly` and `error` is needed"));
                }
                if step.skip.is_empty() != step.why.is_none() {
                    faults.push(at("`skip` and `why` go together"));
                }
                faults.extend(step.skip.iter().filter(unknown).map(|name| at(&format!("no face {name}"))));
                if step.who.as_ref().is_some_and(|who| who != "nobody" && !ROLES.contains(&who.as_str())) {
                    faults.push(at("`as` names a role or nobody"));
                }
                if let Some(error) = &step.error {
                    row(&error.kind);
                }
                let mutates = operations.iter().any(|op| op.name == step.call && op.mutates);
                if step.who.is_none() && changed_by_role {
                    faults.push(at("it may need what a step with `as` changed, which not every face can ask"));
                }
                changed_by_role |= step.who.is_some() && mutates && step.error.is_none();
            }
        }
    }
    faults
}
