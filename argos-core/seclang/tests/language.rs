//! Variables and actions over their data files, through the public interface.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use argos_seclang::{LoadError, Loader, Now, Outcome, RuleSet, Verdict};
use serde::Deserialize;

#[derive(Deserialize)]
struct Sheet {
    case: Vec<Case>,
}

/// One rule text over one exchange. What is left out is not checked.
#[derive(Deserialize)]
struct Case {
    rules: String,
    /// Files beside the rules, by name.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default = "get")]
    method: String,
    #[serde(default = "root")]
    uri: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    response: Option<Response>,
    /// Ids of the matched rules in order, the engine's own left out.
    matched: Option<Vec<u64>>,
    /// `logdata` of the last matched rule.
    data: Option<String>,
    /// Name of the variable that matched last.
    variable: Option<String>,
    /// Status of the interruption; 0 means none.
    status: Option<u16>,
    score_in: Option<i64>,
    /// The code of the only warning.
    warned: Option<String>,
    /// The code of the error that refuses the rules.
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
}

/// The files of a case.
struct Files(BTreeMap<String, String>);

impl Loader for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let missing = || LoadError { name: name.to_owned(), reason: "is not there".to_owned() };
        self.0.get(name).map(|text| text.clone().into_bytes()).ok_or_else(missing)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let (first, last) = pattern.split_once('*').unwrap_or((pattern, ""));
        let fits = |name: &&String| {
            *name == pattern || (pattern.contains('*') && name.starts_with(first) && name.ends_with(last))
        };
        let found: Vec<String> = self.0.keys().filter(fits).cloned().collect();
        if found.is_empty() && !pattern.contains('*') { self.read(pattern).map(|_| found) } else { Ok(found) }
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn run(set: &RuleSet, case: &Case) -> Outcome {
    // 2024-02-29 12:34:56 UTC, a Thursday.
    let mut transaction = set.transaction(Now { unix_millis: 1_709_210_096_789 });
    transaction.connection([192, 0, 2, 7].into(), 5000, [192, 0, 2, 1].into(), 443);
    transaction.unique_id("u-1");
    transaction.server_name(b"shop.example");
    transaction.request_line(case.method.as_bytes(), case.uri.as_bytes(), b"HTTP/1.1");
    for (name, value) in &case.headers {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    let mut stopped = transaction.phase1().is_some();
    if !stopped {
        if let Some(body) = case.body.as_ref().filter(|_| transaction.wants_request_body()) {
            transaction.request_body(body.as_bytes());
        }
        stopped = transaction.phase2().is_some();
    }
    if let Some(response) = case.response.as_ref().filter(|_| !stopped) {
        transaction.response(response.status, b"HTTP/1.1");
        for (name, value) in &response.headers {
            transaction.response_header(name.as_bytes(), value.as_bytes());
        }
        if transaction.phase3().is_none() {
            if transaction.wants_response_body() {
                transaction.response_body(response.body.as_bytes());
            }
            transaction.phase4();
        }
    }
    transaction.finish()
}

/// What is wrong with `case`.
fn check(case: &Case) -> Vec<String> {
    let compiled = RuleSet::builder(Files(case.files.clone())).rules_str("case.conf", &case.rules).compile();
    let set = match (compiled, &case.refused) {
        (Ok((_, report)), None)
            if case
                .warned
                .as_ref()
                .is_some_and(|code| report.warnings.len() != 1 || report.warnings[0].code != code) =>
        {
            return vec![format!("warned {:?}", report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>())];
        }
        (Ok((set, _)), None) => set,
        (Ok(_), Some(code)) => return vec![format!("should be refused with {code}")],
        (Err(errors), Some(code)) if errors.len() == 1 && errors[0].code == code => return Vec::new(),
        (Err(errors), _) => return errors.iter().map(ToString::to_string).collect(),
    };
    let outcome = run(&set, case);
    let mut wrong = Vec::new();
    let own = |id: &u64| !(200_000..=200_099).contains(id);
    let matched: Vec<u64> = outcome.matched.iter().map(|matched| matched.id).filter(own).collect();
    let last = outcome.matched.last();
    if case.matched.as_ref().is_some_and(|wanted| *wanted != matched) {
        wrong.push(format!("matched {matched:?}"));
    }
    if case.data.is_some() && case.data.as_ref() != last.map(|last| &last.data) {
        wrong.push(format!("data {:?}", last.map(|last| &last.data)));
    }
    if case.variable.is_some() && case.variable.as_ref() != last.map(|last| &last.variable) {
        wrong.push(format!("variable {:?}", last.map(|last| &last.variable)));
    }
    let status = outcome.interrupted.as_ref().map_or(0, |stop| stop.status);
    if case.status.is_some_and(|wanted| wanted != status) {
        wrong.push(format!("status {status}"));
    }
    if case.score_in.is_some_and(|wanted| wanted != outcome.score_in) {
        wrong.push(format!("score {}", outcome.score_in));
    }
    if (status != 0) != (outcome.verdict == Verdict::Blocked) {
        wrong.push(format!("verdict {:?} beside status {status}", outcome.verdict));
    }
    wrong
}

fn sheets(folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut wrong = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let sheet: Sheet = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in sheet.case {
            cases += 1;
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            wrong.extend(check(&case).into_iter().map(|found| format!("{name}: {}\n  -> {found}", case.rules.trim())));
        }
    }
    assert!(cases > 0);
    assert!(wrong.is_empty(), "{} of {cases} cases\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn variables_follow_their_data() {
    sheets("variables");
}

#[test]
fn actions_follow_their_data() {
    sheets("actions");
}

#[test]
fn directives_follow_their_data() {
    sheets("directives");
}
