//! Rules in, verdicts out: the language's semantics over the public interface.

#![allow(clippy::unwrap_used, reason = "tests")]

use argos_seclang::{Mode, NoFiles, Now, Outcome, RuleSet, Transaction, Verdict};

fn compile(rules: &str) -> RuleSet {
    match RuleSet::builder(NoFiles).rules_str("test.conf", rules).compile() {
        Ok((set, _)) => set,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn codes(rules: &str) -> Vec<(&'static str, u32, u32)> {
    let errors = RuleSet::builder(NoFiles).rules_str("test.conf", rules).compile().unwrap_err();
    errors.iter().map(|error| (error.code, error.line, error.column)).collect()
}

fn start(set: &RuleSet, uri: &str) -> Transaction {
    let mut transaction = set.transaction(Now::default());
    transaction.connection([192, 0, 2, 7].into(), 5000, [192, 0, 2, 1].into(), 443);
    transaction.request_line(b"GET", uri.as_bytes(), b"HTTP/1.1");
    transaction
}

fn get(rules: &str, uri: &str) -> Outcome {
    let set = compile(rules);
    let mut transaction = start(&set, uri);
    transaction.phase1();
    transaction.phase2();
    transaction.finish()
}

fn ids(outcome: &Outcome) -> Vec<u64> {
    outcome.matched.iter().map(|matched| matched.id).collect()
}

const SCORE: &str = r#"
SecDefaultAction "phase:2,log,pass"
SecAction "id:1,phase:1,nolog,pass,setvar:tx.critical=5,setvar:tx.anomaly_score=0"
SecRule ARGS "@rx ^attack(\d)" "id:2,phase:2,block,capture,msg:'seen %{TX.1}',logdata:'%{MATCHED_VAR_NAME}',severity:CRITICAL,chain"
  SecRule ARGS:mode "@streq on" "t:lowercase,setvar:'tx.anomaly_score=+%{tx.critical}'"
SecRule TX:ANOMALY_SCORE "@ge 5" "id:3,phase:2,deny,status:429,msg:'score %{tx.anomaly_score}'"
"#;

#[test]
fn a_chain_scores_in_its_last_link_and_block_follows_the_default() {
    let outcome = get(SCORE, "/?a=attack7&mode=ON");
    assert_eq!(ids(&outcome), [1, 2, 3]);
    assert_eq!(outcome.score_in, 5);
    assert_eq!(outcome.matched[1].msg, "seen 7");
    assert_eq!(outcome.interrupted.unwrap().status, 429);
    assert_eq!(outcome.verdict, Verdict::Blocked);
    assert_eq!(ids(&get(SCORE, "/?a=attack7&mode=off")), [1]);
}

#[test]
fn detect_records_what_block_would_do() {
    let set = compile(SCORE);
    let mut transaction = start(&set, "/?a=attack7&mode=on");
    transaction.set_mode(Mode::Detect);
    assert!(transaction.phase1().is_none() && transaction.phase2().is_none());
    let outcome = transaction.finish();
    assert_eq!(ids(&outcome), [1, 2, 3]);
    assert_eq!((outcome.verdict, outcome.interrupted), (Verdict::Detected, None));
}

#[test]
fn diagnostics_carry_code_and_place() {
    let text = "SecRule ARGS \"@rx a(\" \"id:1\"\nSecNonsense on\nSecRule ARGZ \\\n  \"@nope x\" \"id:2,frob\"\nSecRule ARGS a \"phase:1\"\nSecAction \"id:1\"";
    assert_eq!(
        codes(text),
        [
            ("seclang.regex", 1, 19),
            ("seclang.unknown_directive", 2, 1),
            ("seclang.unknown_action", 4, 19),
            ("seclang.unknown_variable", 3, 9),
            ("seclang.unknown_operator", 4, 5),
            ("seclang.id_missing", 5, 1),
            ("seclang.id_duplicate", 6, 1),
        ]
    );
}
