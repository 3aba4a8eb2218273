//! Any bytes, anywhere: no panic.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use argos_seclang::{NoFiles, Now, RuleSet};
use proptest::prelude::*;

static BASELINE: LazyLock<RuleSet> = LazyLock::new(|| {
    RuleSet::builder(NoFiles).baseline().paranoia(4).thresholds(100_000, 100_000).compile().unwrap().0
});

/// One rule per transformation and per operator, so that each sees the random bytes.
static EVERYTHING: LazyLock<RuleSet> = LazyLock::new(|| {
    let mut rules = String::new();
    let mut id = 0;
    for folder in ["transforms", "operators"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
        for entry in std::fs::read_dir(path).unwrap() {
            let name = entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
            id += 1;
            let targets = "ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|REQUEST_URI_RAW|RESPONSE_BODY";
            rules += &match folder {
                "transforms" => format!("SecRule {targets} \"@rx (a)|(.)\" \"id:{id},phase:4,pass,capture,multiMatch,t:{name},setvar:tx.%{{TX.1}}=+%{{TX.2}}\"\n"),
                _ => format!("SecRule {targets} \"@{name} 10.0.0.1\" \"id:{id},phase:4,pass,capture,logdata:'%{{MATCHED_VAR}}'\"\n")
                    .replace("@validateByteRange 10.0.0.1", "@validateByteRange 32-126")
                    .replace("@validateNid 10.0.0.1", "@validateNid cl .+")
                    .replace("@rsub 10.0.0.1", "@rsub s/(?=a)(a|.)*x/b/")
                    .replace("@rxGlobal 10.0.0.1", "@rxGlobal (?!a)(.+)+x"),
            };
        }
    }
    RuleSet::builder(NoFiles).rules_str("all.conf", rules).compile().unwrap().0
});

/// Bytes with more of what parsers stumble over than chance would give.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        prop::sample::select(&b"%&=+;'\"\\/<>(){}[]|`$#-*.,:@! \r\n\0ux0a"[..]).prop_map(|byte| vec![byte]),
        prop::sample::select(
            &[
                "%u00",
                "/*",
                "*/",
                "--",
                "0x41",
                "&#x",
                "\\u",
                "<!--",
                "<a b='",
                "</a>",
                "\r\n--x\r\n",
                "Content-Disposition: form-data; name=\"a\"",
                "or 1=1",
                "{\"a\":[",
                "union select"
            ][..]
        )
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn exchange(set: &RuleSet, kind: &[u8], [method, uri, name, value, body]: [&[u8]; 5]) {
    let mut transaction = set.transaction(Now { unix_millis: -1 });
    transaction.request_line(method, uri, value);
    transaction.request_header(name, value);
    transaction.request_header(b"Cookie", body);
    transaction.request_header(b"Content-Type", kind);
    transaction.phase1();
    transaction.request_body(body);
    transaction.phase2();
    transaction.response(200, value);
    transaction.response_header(name, value);
    transaction.response_header(b"content-type", b"text/html");
    transaction.phase3();
    transaction.response_body(body);
    transaction.phase4();
    let _ = transaction.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_never_panic(parts in prop::array::uniform5(bytes()), kind in 0_usize..6) {
        let kind: &[u8] = [&b"application/json"[..], b"application/x-www-form-urlencoded", b"text/xml", b"text/plain", b"multipart/form-data; boundary=x", b"x"][kind];
        let parts = [&parts[0][..], &parts[1], &parts[2], &parts[3], &parts[4]];
        exchange(&BASELINE, kind, parts);
        exchange(&EVERYTHING, kind, parts);
    }

    #[test]
    fn rule_text_never_panics(text in bytes(), variable in bytes(), operator in bytes(), actions in bytes()) {
        let _ = RuleSet::builder(NoFiles).rules_str("a.conf", &text).compile();
        let rule = [b"SecRule ", &variable[..], b" \"", &operator, b"\" \"", &actions, b"\""].concat();
        let _ = RuleSet::builder(NoFiles).rules_str("a.conf", &rule).compile();
        let rule = [b"SecRule ARGS|TX:", &variable[..], b" \"@rx ", &operator, b"\" \"id:1,", &actions, b"\""].concat();
        if let Ok((set, _)) = RuleSet::builder(NoFiles).rules_str("a.conf", &rule).compile() {
            exchange(&set, b"application/json", [b"GET", &text, &variable, &operator, &actions]);
        }
    }
}
