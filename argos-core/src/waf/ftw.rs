//! Regression suites in the FTW format, run in process: each stage is one transaction over a compiled rule set.
//!
//! Source: the go-ftw documentation. What a live run asks of a server is asked of [`front`], what it asks of the
//! backend of [`reflect`]; both do only what suites look at.

mod front;
mod judge;
mod reflect;
mod request;
mod suite;

use std::path::PathBuf;

use argos_seclang::{Mode, Now, RuleSet, Transaction};
use regex::Regex;
use serde::Serialize;

use super::folder::Files;
use super::inspect::broken;
use crate::error::{Error, Result};
use suite::{Stage, Test};

/// What to run, over which rules.
#[derive(Clone, Debug, Default)]
pub struct FtwOptions {
    /// A folder of suites, or one file.
    pub tests: PathBuf,
    /// The rule set's folder; without it the built-in rules run.
    pub crs: Option<PathBuf>,
    /// Rule files of one's own, loaded after the rule set.
    pub rules: Vec<PathBuf>,
    /// Rule text after the rule set's own set-up, such as [`SETUP`].
    pub setup: Option<String>,
    /// A list of tests whose expectation is another one, each with its reason.
    pub overrides: Option<PathBuf>,
    /// A pattern over `rule-test` ids.
    pub filter: Option<String>,
}

/// The set-up that the core rule set's own suite is written for: every level, limits on arguments and files, and
/// nothing that blocks.
pub const SETUP: &str = r#"SecAction "id:900005,phase:1,nolog,pass,t:none,\
    ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=910000,\
    setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4,\
    setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,\
    setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,\
    setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
"#;

/// How a suite went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FtwReport {
    /// Tests that ran.
    pub run: usize,
    /// Tests that ran and came out as expected, overridden ones included.
    pub passed: usize,
    /// Tests left out by the overrides.
    pub ignored: usize,
    /// Tests that passed under an overridden expectation.
    pub overridden: usize,
    /// What failed, by id.
    pub failures: Vec<FtwFailure>,
}

/// One failed test.
#[derive(Clone, Debug, Serialize)]
pub struct FtwFailure {
    /// `rule-test`.
    pub id: String,
    /// What was not as expected.
    pub reason: String,
}

/// Runs a suite.
///
/// # Errors
/// `waf.rules_broken`; `waf.suite_broken` for tests, overrides or filters that can't be read.
pub fn run(options: &FtwOptions) -> Result<FtwReport> {
    let rules = compile(options)?;
    let filter = options.filter.as_deref().map(Regex::new).transpose();
    let filter = filter.map_err(|e| Error::invalid("waf.suite_broken", "filter", e.to_string()))?;
    let mut tests = suite::load(&options.tests)?;
    if let Some(path) = &options.overrides {
        suite::override_with(path, &mut tests)?;
    }
    tests.retain(|test| filter.as_ref().is_none_or(|filter| filter.is_match(&test.id)));
    let mut report = FtwReport::default();
    for test in &tests {
        if test.ignored {
            report.ignored += 1;
            continue;
        }
        report.run += 1;
        match run_test(&rules, test) {
            Ok(()) => {
                report.passed += 1;
                report.overridden += usize::from(test.overridden);
            }
            Err(reason) => report.failures.push(FtwFailure { id: test.id.clone(), reason }),
        }
    }
    Ok(report)
}

fn compile(options: &FtwOptions) -> Result<RuleSet> {
    let mut builder = RuleSet::builder(Files::default()).mode(Mode::Block);
    if let Some(setup) = &options.setup {
        builder = builder.rules_str("crs-setup-ftw.conf", setup);
    }
    builder = match &options.crs {
        Some(folder) => {
            let name = folder.to_str().ok_or_else(|| Error::invalid("waf.file_name", "crs", "a name is not UTF-8"))?;
            builder.crs(name)
        }
        None => builder.baseline(),
    };
    for file in &options.rules {
        let name = file.to_str().ok_or_else(|| Error::invalid("waf.file_name", "rules", "a name is not UTF-8"))?;
        builder = builder.rules_file(name);
    }
    Ok(builder.compile().map_err(|found| broken(&found))?.0)
}

fn run_test(rules: &RuleSet, test: &Test) -> std::result::Result<(), String> {
    for stage in &test.stages {
        run_stage(rules, stage)?;
    }
    Ok(())
}

fn run_stage(rules: &RuleSet, stage: &Stage) -> std::result::Result<(), String> {
    let bytes = request::bytes(&stage.input)?;
    let seen = exchange(rules, &bytes);
    judge::judge(&stage.output, &seen)
}

/// What a stage showed.
#[derive(Debug)]
struct Seen {
    /// 0 where there is no answer.
    status: u16,
    /// The answer as it would stand on the wire.
    answer: Vec<u8>,
    /// Rules that were logged, as id and log line.
    log: Vec<(u64, String)>,
}

/// One request through front, rules and backend.
fn exchange(rules: &RuleSet, bytes: &[u8]) -> Seen {
    let request = match front::read(bytes) {
        Ok(request) => request,
        Err(status) => return Seen { status, answer: front::status_line(status), log: Vec::new() },
    };
    let mut transaction = rules.transaction(Now { unix_millis: 1_700_000_000_000 });
    let local = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    transaction.connection(local, 40_000, local, 80);
    transaction.unique_id("ftw");
    transaction.request_line(&request.method, &request.uri, &request.version);
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    let mut stopped = transaction.phase1();
    if stopped.is_none() {
        if transaction.wants_request_body() {
            transaction.request_body(&request.body);
        }
        stopped = transaction.phase2();
    }
    let answer = match &stopped {
        None => reflect::answer(&request.method, &request.uri, &request.body),
        Some(stop) => reflect::Answer { status: stop.status, headers: Vec::new(), body: Vec::new() },
    };
    let stopped = match stopped {
        None => respond(&mut transaction, &answer),
        some => some,
    };
    let outcome = transaction.finish();
    let status = stopped.map_or(answer.status, |stop| stop.status);
    let logged = outcome.matched.iter().filter(|matched| matched.log);
    let log = logged.map(|matched| (matched.id, judge::line(matched))).collect();
    Seen { status, answer: answer.wire(), log }
}

fn respond(transaction: &mut Transaction, answer: &reflect::Answer) -> Option<argos_seclang::Interruption> {
    transaction.response(answer.status, b"HTTP/1.1");
    for (name, value) in &answer.headers {
        transaction.response_header(name.as_bytes(), value.as_bytes());
    }
    if let Some(stop) = transaction.phase3() {
        return Some(stop);
    }
    if transaction.wants_response_body() {
        transaction.response_body(&answer.body);
    }
    transaction.phase4()
}

#[cfg(test)]
mod tests;
