//! The public core rule set over recorded traffic: ordinary requests match nothing, attacks are stopped as other
//! engines stop them.
//!
//! Rules and traffic lie outside this package; without them the tests say so and pass.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use std::path::{Path, PathBuf};

use argos_seclang::{Now, Outcome, RuleSet, Verdict};
use serde_json::Value;
use shared::Disk;

fn shared() -> Option<PathBuf> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared);
    if !folder.join("crs/rules").is_dir() {
        println!("not run: SHARED_DIR missing");
        return None;
    }
    Some(folder)
}

fn core_rules(shared: &Path, paranoia: u8) -> RuleSet {
    let folder = shared.join("crs");
    RuleSet::builder(Disk).crs(folder.to_str().unwrap()).paranoia(paranoia).compile().unwrap().0
}

fn requests(shared: &Path, name: &str) -> Vec<Value> {
    let file = shared.join("tools/waf-bench/corpus").join(name).with_extension("jsonl");
    std::fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn run(set: &RuleSet, request: &Value) -> Outcome {
    let text = |key: &str| request[key].as_str().unwrap_or_default().as_bytes();
    let mut transaction = set.transaction(Now::default());
    transaction.connection([127, 0, 0, 1].into(), 40_000, [127, 0, 0, 1].into(), 80);
    transaction.request_line(text("method"), text("uri"), text("version"));
    for header in request["headers"].as_array().unwrap() {
        transaction.request_header(header[0].as_str().unwrap().as_bytes(), header[1].as_str().unwrap().as_bytes());
    }
    if transaction.phase1().is_none() {
        if transaction.wants_request_body() {
            transaction.request_body(&shared::base64(text("body")));
        }
        transaction.phase2();
    }
    transaction.finish()
}

#[test]
fn no_ordinary_request_matches_a_rule_at_paranoia_1() {
    let Some(shared) = shared() else { return };
    let set = core_rules(&shared, 1);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for name in ["a_get", "b_form1k", "c_json10k", "d_json64k", "f_upload256k"] {
        for request in requests(&shared, name) {
            seen += 1;
            let outcome = run(&set, &request);
            let logged = outcome.matched.iter().filter(|matched| matched.log);
            wrong.extend(logged.map(|matched| format!("{}: {} {}", request["name"], matched.id, matched.data)));
        }
    }
    assert!(seen > 300 && wrong.is_empty(), "{seen} requests\n{}", wrong.join("\n"));
}

/// What libmodsecurity and Coraza stop of the same 600 requests.
#[test]
fn attacks_are_stopped_as_other_engines_stop_them() {
    let Some(shared) = shared() else { return };
    let attacks = requests(&shared, "e_attack");
    assert_eq!(attacks.len(), 600);
    for (paranoia, wanted) in [(1, 415), (2, 530), (4, 596)] {
        let set = core_rules(&shared, paranoia);
        let blocked = attacks.iter().filter(|request| run(&set, request).verdict == Verdict::Blocked).count();
        assert_eq!(blocked, wanted, "at paranoia {paranoia}");
    }
}
