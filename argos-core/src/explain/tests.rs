//! What is explained, and what an explanation must not show.

use argos_seclang::{NoFiles, RuleSet};

use super::*;
use crate::waf::inspect::InspectorOptions;

const RULES: &str = r#"
SecAction "id:1,phase:1,nolog,pass,setvar:tx.inbound_anomaly_score_threshold=5"
SecRule ARGS|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|FULL_REQUEST "@contains evil" "id:11,phase:2,pass,log,capture,t:lowercase,logdata:'%{MATCHED_VAR}',setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule MATCHED_VARS|TX:0 "@rx ." "id:12,phase:2,pass"
SecRule ARGS "@rx ^(.+)$" "id:13,phase:2,pass,capture,chain"
    SecRule TX:1 "@rx ." "t:base64Encode"
SecAction "id:20,phase:2,nolog,pass,setvar:tx.blocking_inbound_anomaly_score=+%{tx.inbound_anomaly_score_pl1}"
SecRule TX:blocking_inbound_anomaly_score "@ge 5" "id:21,phase:2,deny,status:403,log"
SecRule ARGS:own "@rx ." "id:22,phase:2,pass,nolog,sanitiseArg:own"
"#;

fn explain(mode: WafMode, line: &RequestLine) -> Explanation {
    let (rules, _) = RuleSet::builder(NoFiles).rules_str("own.conf", RULES).compile().unwrap();
    let masked: [Box<str>; 1] = ["password".into()];
    let judge = Judge { rules: &rules, tuned: None, mode, web_app: "1", now: Timestamp(0), masked: &masked };
    judge.explain(&Asked::from(line), ExplainedFrom::Request)
}

fn get(uri: &str) -> RequestLine {
    RequestLine { uri: uri.to_owned(), ..RequestLine::default() }
}

#[test]
fn the_reason_names_rule_score_threshold_and_mode() {
    let attack = get("/?q=evil");
    let blocked = explain(WafMode::Block, &attack);
    assert_eq!(blocked.verdict, WafVerdict::Blocked);
    for part in ["Rule 21 stops", "phase 2", "status 403", "inbound score", "threshold 5"] {
        assert!(blocked.reason.contains(part), "{}", blocked.reason);
    }
    let detected = explain(WafMode::Detect, &attack);
    assert!(detected.verdict == WafVerdict::Detected && detected.reason.contains("would stop"), "{}", detected.reason);
    assert!(detected.reason.contains("mode is detect") && !detected.decisions[0].done);
    let passed = explain(WafMode::Block, &get("/?q=fine"));
    assert!(passed.verdict == WafVerdict::Passed && passed.reason.contains("No rule stops"), "{}", passed.reason);
}

#[test]
fn secrets_are_shown_nowhere_whatever_became_of_them() {
    let mut line = get("/?password=evil-secret1&own=evil-secret5");
    line.method = "POST".to_owned();
    line.headers = [
        ("Authorization", "Bearer evil-secret2"),
        ("Cookie", "c=evil-secret3"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    line.body = b"a=1&user%5Bpassword%5D=evil-secret4".to_vec();
    let explained = explain(WafMode::Block, &line);
    let text = serde_json::to_string(&explained).unwrap();
    for n in 1..=4 {
        assert!(!text.contains(&format!("secret{n}")), "{n}: {text}");
    }
    assert!(!text.contains("ZXZpbC1zZWNyZXQ"), "its base64 form: {text}");
    let hidden = |name: &str| explained.steps.iter().filter(|s| s.variable == name).all(|s| s.value == "***");
    assert!(hidden("ARGS:password") && hidden("REQUEST_HEADERS:Authorization") && hidden("FULL_REQUEST"));
    assert!(explained.steps.iter().any(|s| s.variable == "ARGS:a" && s.value == "1"));
    // Rules that hide a value run late; it is hidden in the steps before, too.
    let line = get("/?own=later-secret");
    let explained = serde_json::to_string(&explain(WafMode::Detect, &line)).unwrap();
    assert!(!explained.contains("later-secret"), "{explained}");
}

#[test]
fn without_a_host_the_rules_of_an_inspector_are_explained() {
    let options = InspectorOptions { baseline: true, ..InspectorOptions::default() };
    let inspector = Inspector::compile(options).unwrap();
    let mut line = get("/?q=1%27%20OR%20%271%27=%271");
    line.id = Some(crate::waf::inspect::LineId::Text("a".to_owned()));
    let explained = offline(&inspector, WafMode::Block, &line, &[]);
    assert_eq!((explained.verdict, &explained.result.id), (WafVerdict::Blocked, &line.id));
    let sqli = explained.steps.iter().find(|s| s.rule_id == 3001 && s.result == TryResult::Matched).unwrap();
    assert_eq!(sqli.variable, "ARGS:q");
    assert!(sqli.scores.iter().any(|score| score.added == 5), "{sqli:?}");
    assert_eq!(explained.limits.inbound_threshold, Some(5));
    let found = inspector.inspect(&line);
    assert_eq!((found.score_in, found.status), (explained.result.score_in, explained.result.status));
}

#[test]
fn what_is_learned_while_rules_run_is_hidden_in_matched_rules_too() {
    let mut line = get("/?other=evil-multi1");
    line.method = "POST".to_owned();
    line.headers = vec![("Content-Type".to_owned(), "multipart/form-data; boundary=b".to_owned())];
    line.body = b"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nevil-multi1\r\n--b--\r\n".to_vec();
    let text = serde_json::to_string(&explain(WafMode::Block, &line)).unwrap();
    assert!(text.contains("ARGS:password") && !text.contains("multi1"), "{text}");
}

#[test]
fn each_value_of_a_name_that_a_document_has_twice_is_hidden() {
    let mut line = get("/?other=evil-first1&more=evil-second2&deep=evil-third3");
    line.body =
        br#"{"password":"evil-first1","password":"evil-second2","user":[{"password":{"x":"evil-third3"}}]}"#.to_vec();
    let text = serde_json::to_string(&explain(WafMode::Block, &line)).unwrap();
    for secret in ["first1", "second2", "third3"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn with_more_secrets_than_are_remembered_nothing_is_shown() {
    let mut line = get("/?q=evil-shown");
    assert!(serde_json::to_string(&explain(WafMode::Block, &line)).unwrap().contains("evil-shown"));
    let cookies: Vec<String> = (0..100).map(|n| format!("c{n}=value{n}")).collect();
    line.headers = vec![("Cookie".to_owned(), cookies.join("; "))];
    let explained = explain(WafMode::Block, &line);
    assert_eq!(explained.verdict, WafVerdict::Blocked);
    let text = serde_json::to_string(&explained).unwrap();
    assert!(!text.contains("evil-shown") && !text.contains("value7"), "{text}");
}
