//! The baseline over recorded traffic: ordinary requests pass, attacks are counted.
//!
//! The traffic lies outside this package; without it the test says so and passes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use std::path::{Path, PathBuf};

use argos_seclang::{NoFiles, Now, Outcome, RuleSet, Verdict};
use serde_json::Value;

fn baseline(paranoia: u8) -> RuleSet {
    RuleSet::builder(NoFiles).baseline().paranoia(paranoia).thresholds(5, 4).compile().unwrap().0
}

fn corpus() -> Option<PathBuf> {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("tools/waf-bench/corpus");
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return None;
    }
    Some(folder)
}

fn requests(file: &Path) -> Vec<Value> {
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
fn ordinary_traffic_passes_at_paranoia_1() {
    let Some(folder) = corpus() else { return };
    let set = baseline(1);
    let mut wrong = Vec::new();
    for name in ["a_get", "b_form1k", "c_json10k", "d_json64k", "f_upload256k"] {
        for request in requests(&folder.join(format!("{name}.jsonl"))) {
            let outcome = run(&set, &request);
            if outcome.verdict != Verdict::Pass || outcome.score_in > 0 {
                let why = outcome.matched.iter().filter(|matched| matched.log);
                let why: Vec<_> =
                    why.map(|matched| format!("{} {} {}", matched.id, matched.variable, matched.data)).collect();
                wrong.push(format!("{}: {}", request["name"], why.join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} false positives\n{}", wrong.len(), wrong.join("\n"));
}

/// The share that the baseline must keep stopping at paranoia 1.
const BLOCKED_AT_LEAST: usize = 415;

#[test]
fn attacks_are_stopped_at_paranoia_1() {
    let Some(folder) = corpus() else { return };
    for paranoia in [1, 2] {
        let set = baseline(paranoia);
        let all = requests(&folder.join("e_attack.jsonl"));
        let (blocked, passed): (Vec<_>, Vec<_>) =
            all.iter().partition(|request| run(&set, request).verdict == Verdict::Blocked);
        println!("paranoia {paranoia}: {} of {} attacks blocked", blocked.len(), all.len());
        if paranoia == 1 {
            for request in passed {
                println!("passed: {}", request["name"]);
            }
        }
        assert!(blocked.len() >= BLOCKED_AT_LEAST);
    }
}
