//! Evaluation with shortcuts against evaluation as the rules are written: the same matches, in the same order, with
//! the same texts, scores and interruption.
//!
//! Recorded traffic and the public core rule set lie outside this package; without them those tests say so and pass.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use std::sync::LazyLock;

use argos_seclang::{NoFiles, RuleSet};
use proptest::prelude::*;
use shared::exchange::{Exchange, recorded, run, show};
use shared::{Disk, folder};

/// Panics where the two evaluations differ.
fn compare(set: &RuleSet, exchange: &Exchange) {
    let (fast, plain) = (run(set, exchange), run(&set.plain(), exchange));
    assert_eq!(show(&fast), show(&plain), "{exchange:?}");
}

fn core_rule_set(paranoia: u8) -> Option<RuleSet> {
    let folder = folder("crs")?;
    // Nothing ends a transaction, so that every rule is tried.
    let set_up = "SecRuleEngine DetectionOnly\n";
    let builder = RuleSet::builder(Disk).rules_str("crs-setup-test.conf", set_up).crs(folder.to_str().unwrap());
    Some(builder.paranoia(paranoia).compile().unwrap().0)
}

#[test]
fn recorded_traffic_is_judged_alike() {
    for paranoia in [1, 4] {
        let Some(set) = core_rule_set(paranoia) else { return };
        // Plain evaluation of large bodies takes long in a test build.
        let sample = [("a_get", 12), ("b_form1k", 6), ("c_json10k", 1), ("e_attack", 120), ("f_upload256k", 1)];
        for exchange in sample.iter().flat_map(|(name, most)| recorded(name, *most)) {
            compare(&set, &exchange);
        }
    }
}

/// The words that the rule set's own suite sends: its requests, without what decides about a pass.
fn suite() -> Vec<Exchange> {
    let Some(folder) = folder("crs/tests") else { return Vec::new() };
    let mut lines = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                let text = std::fs::read(&path).unwrap();
                let texts = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                let values = texts.filter_map(|line| {
                    let value = line.strip_prefix(b"data: ").or_else(|| line.strip_prefix(b"uri: "))?;
                    Some(value.trim_ascii().to_vec())
                });
                lines.extend(values.filter(|value| value.len() > 3));
            }
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
        .chunks(2)
        .map(|pair| {
            let body = pair.last().cloned().unwrap_or_default();
            let value = pair[0].iter().copied().filter(|byte| !byte.is_ascii_control()).collect::<Vec<u8>>();
            Exchange {
                line: [b"POST".to_vec(), [b"/a?x=", value.as_slice()].concat(), b"HTTP/1.1".to_vec()],
                headers: vec![
                    (b"Host".to_vec(), b"example.com".to_vec()),
                    (b"User-Agent".to_vec(), value.clone()),
                    (b"Cookie".to_vec(), [b"c=", value.as_slice()].concat()),
                    (b"Content-Type".to_vec(), b"application/x-www-form-urlencoded".to_vec()),
                ],
                answer: body.clone(),
                body,
            }
        })
        .collect()
}

#[test]
fn what_the_suite_sends_is_judged_alike() {
    let Some(set) = core_rule_set(4) else { return };
    // Every so manieth: the plain way is slow in a test build. `SUITE_STEP=1` takes all.
    let step = std::env::var("SUITE_STEP").ok().and_then(|step| step.parse().ok()).unwrap_or(17);
    for exchange in suite().into_iter().step_by(step) {
        compare(&set, &exchange);
    }
}

static BASELINE: LazyLock<RuleSet> = LazyLock::new(|| {
    let builder = RuleSet::builder(NoFiles).baseline().paranoia(4).thresholds(100_000, 100_000);
    builder.compile().unwrap().0
});

/// Rules that use each way of looking at a value: chains, negation, `multiMatch`, captures, counts, removed targets.
static MIXED: LazyLock<RuleSet> = LazyLock::new(|| {
    let mut rules = String::from(
        r#"
        SecRule ARGS|!ARGS:skip "@contains select" "id:1,phase:2,pass,t:lowercase,setvar:tx.hits=+1,ctl:ruleRemoveTargetById=2;ARGS:a"
        SecRule ARGS|ARGS_NAMES|REQUEST_HEADERS:/^x-/ "@rx (?i)un(io)n" "id:2,phase:2,pass,capture,t:urlDecodeUni,t:removeComments,logdata:'%{TX.1} %{MATCHED_VAR_NAME}'"
        SecRule REQUEST_HEADERS "!@rx ^[a-z ]*$" "id:3,phase:2,pass,multiMatch,t:none,t:lowercase,t:compressWhitespace,logdata:'%{MATCHED_VAR}'"
        SecRule &ARGS "@gt 1" "id:4,phase:2,pass,chain"
          SecRule MATCHED_VARS|TX:HITS "@ge 1" "t:none,chain"
            SecRule REQUEST_URI "@rx ;|'" "t:htmlEntityDecode"
        SecRule &ARGS:a "@eq 0" "id:5,phase:2,pass"
        SecRule TX:hits "@gt 1" "id:6,phase:2,pass"
        SecRule ARGS "@pm or and select" "id:7,phase:2,pass,chain,capture"
          SecRule TX:0 "!@streq or" "t:lowercase,setvar:tx.hits=+1"
        SecRule ARGS "@detectSQLi" "id:8,phase:2,pass,capture,logdata:'%{TX.0}'"
        SecRule ARGS|REQUEST_HEADERS "@detectXSS" "id:9,phase:2,pass,t:jsDecode"
        SecRule ARGS "@validateByteRange 32-126" "id:10,phase:2,pass"
        SecRule ARGS "@rx (?=s)select" "id:11,phase:2,pass"
        SecRule ARGS "@within %{TX.hits} a b" "id:12,phase:2,pass"
        SecRule RESPONSE_BODY "@rx error" "id:13,phase:4,pass"
        "#,
    );
    let transforms = ["base64Decode", "cmdLine", "cssDecode", "normalizePath", "sqlHexDecode", "length", "removeNulls"];
    for (index, transform) in transforms.into_iter().enumerate() {
        let multi = if index % 2 == 0 { ",multiMatch" } else { "" };
        rules += &format!(
            "SecRule ARGS|REQUEST_URI_RAW \"@rx [a-c]{{2}}|/e|\\d\" \"id:{},phase:2,pass,t:urlDecode,t:{transform}{multi}\"\n",
            100 + index
        );
    }
    RuleSet::builder(NoFiles).rules_str("mixed.conf", rules).compile().unwrap().0
});

fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(
            &[
                "select",
                "SELECT",
                "union",
                "un/**/ion",
                "or",
                "and",
                "1=1",
                "'",
                "\"",
                "--",
                ";",
                "&",
                "=",
                "%27",
                "+",
                "a",
                "skip",
                "<script>",
                "onload=",
                "../",
                "/etc",
                "0x61",
                "\\u0061",
                "&lt;",
                "\0",
                "error",
                " ",
                "  ",
                "x-",
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_exchanges_are_judged_alike(query in text(), name in text(), value in text(), body in text()) {
        let exchange = Exchange {
            line: [b"POST".to_vec(), [b"/p?a=", query.as_slice()].concat(), b"HTTP/1.1".to_vec()],
            headers: vec![
                ([b"x-", name.as_slice()].concat(), value.clone()),
                (b"User-Agent".to_vec(), value),
                (b"Content-Type".to_vec(), b"application/x-www-form-urlencoded".to_vec()),
            ],
            answer: body.clone(),
            body,
        };
        compare(&MIXED, &exchange);
        compare(&BASELINE, &exchange);
    }
}
