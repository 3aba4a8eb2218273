//! What a trace tells of one transaction, and that it changes nothing.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

use argos_seclang::{Disruption, Exclusion, MOST_STEPS, Mode, NoFiles, Now, Outcome, RuleSet, Step, Trace, Tried};

const RULES: &str = r#"
SecAction "id:1,phase:1,nolog,pass,setvar:tx.inbound_anomaly_score_threshold=5,setvar:tx.critical_anomaly_score=5"
SecRule REQUEST_URI "@beginsWith /quiet" "id:2,phase:1,pass,nolog,ctl:ruleRemoveTargetById=11;ARGS:b"
SecRule REQUEST_URI "@beginsWith /silent" "id:3,phase:1,pass,nolog,ctl:ruleRemoveById=11"
SecRule ARGS "@contains evil" "id:11,phase:2,pass,log,t:urlDecodeUni,t:lowercase,setvar:tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score},chain"
    SecRule MATCHED_VAR "@contains l" "t:none"
SecRule REQUEST_HEADERS:X-None "@rx ." "id:12,phase:2,pass"
SecAction "id:20,phase:2,nolog,pass,setvar:tx.blocking_inbound_anomaly_score=+%{tx.inbound_anomaly_score_pl1}"
SecRule TX:blocking_inbound_anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:21,phase:2,deny,status:403,log"
"#;

fn set() -> RuleSet {
    RuleSet::builder(NoFiles).rules_str("test.conf", RULES).compile().unwrap().0
}

fn explain(set: &RuleSet, mode: Mode, uri: &str) -> (Outcome, Trace) {
    let mut transaction =
        set.explain(Now::default(), Box::new(|name, raw, _: Option<&[u8]>| name == "ARGS:token" || raw == b"hush"));
    transaction.set_mode(mode);
    transaction.request_line(b"GET", uri.as_bytes(), b"HTTP/1.1");
    transaction.phase1();
    transaction.phase2();
    transaction.finish_explained()
}

fn of(trace: &Trace, id: u64) -> Vec<&Step> {
    trace.steps.iter().filter(|step| step.rule_id == id).collect()
}

#[test]
fn each_target_that_exists_is_told_with_value_result_and_score() {
    let (outcome, trace) = explain(&set(), Mode::Block, "/?a=fine&b=%45VIL");
    let steps: Vec<_> =
        of(&trace, 11).iter().map(|s| (s.variable.as_str(), s.value.clone().unwrap(), s.link, s.result)).collect();
    assert_eq!(
        steps,
        [
            ("ARGS:a", b"fine".to_vec(), 0, Tried::Passed),
            ("ARGS:b", b"evil".to_vec(), 0, Tried::Matched),
            ("MATCHED_VAR", b"evil".to_vec(), 1, Tried::Matched),
        ]
    );
    assert_eq!(of(&trace, 11)[1].transformations, ["urldecodeuni", "lowercase"]);
    assert_eq!(of(&trace, 11)[1].scores, [("inbound_anomaly_score_pl1".to_owned(), 5)]);
    assert_eq!(of(&trace, 20)[0].scores, [("blocking_inbound_anomaly_score".to_owned(), 5)]);
    assert!(of(&trace, 12).is_empty(), "its target does not exist");
    assert!(of(&trace, 1).is_empty(), "weights and thresholds are no scores");
    let decision = trace.decisions[0];
    assert_eq!((decision.rule_id, decision.status, decision.action), (21, 403, Some(Disruption::Deny)));
    assert!(decision.done && outcome.interrupted.is_some());
    assert!(trace.numbers.contains(&("inbound_anomaly_score_threshold".to_owned(), 5)));
    let (outcome, trace) = explain(&set(), Mode::Detect, "/?b=evil");
    assert!(outcome.interrupted.is_none() && !trace.decisions[0].done && trace.decisions[0].rule_id == 21);
}

#[test]
fn what_is_left_out_is_told_with_who_did() {
    let (_, trace) = explain(&set(), Mode::Block, "/quiet?a=1&b=evil");
    let left: Vec<_> = of(&trace, 11).iter().map(|s| (s.variable.as_str(), s.result)).collect();
    assert_eq!(left, [("ARGS:b", Tried::LeftOutByRule), ("ARGS:a", Tried::Passed)]);
    let (_, trace) = explain(&set(), Mode::Block, "/silent?b=evil");
    assert_eq!(of(&trace, 11).iter().map(|s| s.result).collect::<Vec<_>>(), [Tried::LeftOutByRule]);
    for (text, variable) in [("SecRuleUpdateTargetById 11 \"!ARGS:b\"", "ARGS:b"), ("SecRuleRemoveById 11", "")] {
        let (set, _) = set().vary().exclusions("own", text).compile().unwrap();
        let (_, trace) = explain(&set, Mode::Block, "/?b=evil");
        let left: Vec<_> = of(&trace, 11).iter().map(|s| (s.variable.as_str(), s.result)).collect();
        assert_eq!(left, [(variable, Tried::LeftOutBySet)], "{text}");
    }
}

#[test]
fn of_a_hosts_own_rule_it_is_told_who_left_a_target_out() {
    let base = set();
    // Behind as many own rules as there are shared ones, a wrong place would be that of another rule.
    let own: String =
        (0..10).map(|n| format!("SecRule ARGS \"@contains evil\" \"id:10000{n},phase:2,pass,log\"\n")).collect();
    let (own, _) = base.vary().custom("own", own).compile().unwrap();
    for (id, expected) in [(100_000, Tried::LeftOutBySet), (100_003, Tried::LeftOutBySet)] {
        let left = own.left_out(&Exclusion::id(id).targets("ARGS:b").unwrap());
        let (set, _) = own.vary().leave_out(left).compile().unwrap();
        let (_, trace) = explain(&set, Mode::Block, "/?b=evil");
        let steps: Vec<_> = of(&trace, id).iter().map(|s| (s.variable.as_str(), s.result)).collect();
        assert_eq!(steps, [("ARGS:b", expected)], "{id}");
        assert_eq!(of(&trace, 100_005)[0].result, Tried::Matched);
    }
    // `ctl` of an own rule is told as such, also where a shared rule at the same place has an exclusion.
    let ctl = "SecAction \"id:100001,phase:1,pass,nolog,ctl:ruleRemoveTargetById=100002;ARGS:b\"\n\
        SecRule ARGS \"@contains evil\" \"id:100002,phase:2,pass,log\"";
    let left = |id| base.left_out(&Exclusion::id(id).targets("ARGS:b").unwrap());
    let set = [2, 3, 11, 12].map(left).into_iter().fold(base.vary(), |set, left| set.leave_out(left));
    let (set, _) = set.custom("own", ctl).compile().unwrap();
    let (_, trace) = explain(&set, Mode::Block, "/?b=evil");
    assert_eq!(of(&trace, 100_002)[0].result, Tried::LeftOutByRule);
}

#[test]
fn a_count_is_not_told_as_left_out() {
    let rules = "SecRule &TX:none|&ARGS \"@eq 0\" \"id:30,phase:1,pass,nolog\"";
    let (set, _) = RuleSet::builder(NoFiles).rules_str("test.conf", rules).compile().unwrap();
    let (_, trace) = explain(&set, Mode::Block, "/?a=1");
    let steps: Vec<_> = of(&trace, 30).iter().map(|s| (s.variable.as_str(), s.result)).collect();
    assert_eq!(steps, [("&TX:none", Tried::Matched), ("&ARGS", Tried::Passed)]);
}

#[test]
fn hidden_values_are_in_no_step() {
    let (_, trace) = explain(&set(), Mode::Block, "/?token=evil&b=hush");
    assert!(of(&trace, 11).iter().filter(|s| s.variable.starts_with("ARGS")).all(|s| s.value.is_none()));
    assert!(!format!("{trace:?}{:?}", trace.steps).contains("evil"));
}

#[test]
fn a_trace_finds_what_the_engine_finds() {
    for uri in ["/", "/?b=evil", "/quiet?b=evil", "/silent?a=EVIL&b=%65vil", "/?a=evil&a=evil"] {
        let mut usual = set().transaction(Now::default());
        usual.request_line(b"GET", uri.as_bytes(), b"HTTP/1.1");
        usual.phase1();
        usual.phase2();
        let (usual, (explained, _)) = (usual.finish(), explain(&set(), Mode::Block, uri));
        assert_eq!(usual.matched, explained.matched, "{uri}");
        assert_eq!((usual.verdict, usual.score_in), (explained.verdict, explained.score_in), "{uri}");
    }
    let mut usual = set().transaction(Now::default());
    usual.request_line(b"GET", b"/?b=evil", b"HTTP/1.1");
    assert!(usual.finish_explained().1.steps.is_empty(), "only who asks gets a trace");
}

#[test]
fn a_trace_ends_at_its_limit_and_says_so() {
    let rules: String = (1..=30).map(|id| format!("SecRule ARGS \"@streq no\" \"id:{id},phase:2,pass\"\n")).collect();
    let (set, _) = RuleSet::builder(NoFiles).rules_str("many.conf", rules).compile().unwrap();
    let query: Vec<String> = (0..900).map(|n| format!("a{n}=1")).collect();
    let (_, trace) = explain(&set, Mode::Block, &format!("/?{}", query.join("&")));
    assert_eq!(trace.steps.len(), MOST_STEPS);
    // The base rules try targets too.
    assert!(trace.left_out >= 30 * 900 - MOST_STEPS, "{}", trace.left_out);
}

#[test]
fn a_long_name_is_cut_and_its_value_is_shown_by_no_step() {
    let long = "n".repeat(700 << 10);
    let (_, trace) = explain(&set(), Mode::Block, &format!("/?{long}=evil&a=fine"));
    assert!(trace.steps.iter().all(|step| step.variable.len() <= 256));
    let cut: Vec<_> = trace.steps.iter().filter(|step| step.variable.starts_with("ARGS:nnn")).collect();
    assert!(!cut.is_empty() && cut.iter().all(|step| step.value.is_none()), "{cut:?}");
    assert!(of(&trace, 11).iter().any(|step| step.variable == "ARGS:a" && step.value.is_some()));
}

#[test]
fn a_full_trace_still_tells_what_there_is() {
    let rules: String = (1..=30).map(|id| format!("SecRule ARGS \"@streq no\" \"id:{id},phase:2,pass\"\n")).collect();
    let (set, _) = RuleSet::builder(NoFiles).rules_str("many.conf", rules).compile().unwrap();
    let told = std::sync::Arc::new(std::sync::Mutex::new([0usize; 2]));
    let counts = told.clone();
    let hides = move |_: &str, _: &[u8], seen: Option<&[u8]>| {
        counts.lock().unwrap()[usize::from(seen.is_none())] += 1;
        false
    };
    let mut transaction = set.explain(Now::default(), Box::new(hides));
    let query: Vec<String> = (0..900).map(|n| format!("a{n}=1")).collect();
    transaction.request_line(b"GET", format!("/?{}", query.join("&")).as_bytes(), b"HTTP/1.1");
    transaction.phase1();
    transaction.phase2();
    let (_, trace) = transaction.finish_explained();
    let [shown, only_told] = *told.lock().unwrap();
    assert!(shown <= MOST_STEPS, "{shown}");
    assert!(only_told > 0 && only_told <= trace.left_out, "{only_told}");
}
