//! Requests and answers, recorded or made up, and what a rule set says of them.

use std::path::Path;

use argos_seclang::{LeftOut, Now, Outcome, RuleSet};

use super::{base64, folder};

/// One request and its answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) line: [Vec<u8>; 3],
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

/// Runs all phases.
pub(crate) fn run(set: &RuleSet, exchange: &Exchange) -> Outcome {
    run_without(set, exchange, &[])
}

/// Runs all phases and leaves something out.
pub(crate) fn run_without(set: &RuleSet, exchange: &Exchange, left: &[LeftOut]) -> Outcome {
    let mut transaction = set.transaction(Now { unix_millis: 1_790_000_000_000 });
    transaction.connection([203, 0, 113, 7].into(), 50_123, [192, 0, 2, 10].into(), 443);
    let [method, uri, version] = &exchange.line;
    transaction.request_line(method, uri, version);
    for (name, value) in &exchange.headers {
        transaction.request_header(name, value);
    }
    left.iter().for_each(|left| transaction.leave_out(left));
    if transaction.phase1().is_none() {
        transaction.request_body(&exchange.body);
        if transaction.phase2().is_none() {
            transaction.response(200, b"HTTP/1.1");
            transaction.response_header(b"Content-Type", b"text/html");
            if transaction.phase3().is_none() {
                transaction.response_body(&exchange.answer);
                transaction.phase4();
            }
        }
    }
    transaction.finish()
}

/// All that rules left behind, as text.
pub(crate) fn show(outcome: &Outcome) -> String {
    let matched: Vec<String> = outcome.matched.iter().map(|matched| format!("{matched:?}")).collect();
    format!("{}\n{:?} {} {}", matched.join("\n"), outcome.interrupted, outcome.score_in, outcome.score_out)
}

/// The first requests of a recorded corpus; none where the shared inputs are missing.
pub(crate) fn recorded(name: &str, most: usize) -> Vec<Exchange> {
    let Some(folder) = folder("tools/waf-bench/corpus") else { return Vec::new() };
    read(&folder.join(format!("{name}.jsonl"))).into_iter().take(most).collect()
}

fn read(file: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(file).unwrap();
    let request = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = |text: &serde_json::Value| text.as_str().unwrap_or_default().as_bytes().to_vec();
        let headers = value["headers"].as_array().unwrap();
        Exchange {
            line: ["method", "uri", "version"].map(|key| bytes(&value[key])),
            headers: headers.iter().map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect(),
            body: base64(value["body"].as_str().unwrap_or_default().as_bytes()),
            answer: b"<html><body>ODBC error; <?php phpinfo();</body></html>".to_vec(),
        }
    };
    text.lines().map(request).collect()
}
