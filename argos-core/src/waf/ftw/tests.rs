//! The runner over its own small suite, and over the public one where it lies beside the project.

use std::path::{Path, PathBuf};

use super::*;

const SUITE: &str = r#"
rule_id: 4000
tests:
  - test_id: 1
    stages:
      - input: { headers: { Host: localhost }, uri: "/?q=1%27%20OR%20%271%27=%271" }
        output: { status: 403, log: { expect_ids: [9900] } }
  - test_id: 2
    stages:
      - stage:
          input: { method: POST, headers: { Host: localhost }, data: "a={{ \"x\" | repeat 3 }}" }
          output: { log: { no_expect_ids: [9900] } }
"#;

fn options(folder: &Path, suite: &str) -> FtwOptions {
    std::fs::write(folder.join("suite.yaml"), suite).unwrap();
    FtwOptions { tests: folder.to_owned(), ..FtwOptions::default() }
}

#[test]
fn a_suite_passes_fails_and_is_overridden() {
    let folder = tempfile::tempdir().unwrap();
    let suite = SUITE.replace("expect_ids: [9900]", "expect_ids: []");
    let good = run(&options(folder.path(), &suite)).unwrap();
    assert_eq!((good.run, good.passed), (2, 2), "{:?}", good.failures);
    let bad = options(folder.path(), &suite.replace("status: 403", "status: 200"));
    let report = run(&bad).unwrap();
    assert_eq!((report.passed, report.failures[0].id.as_str()), (1, "4000-1"));
    let list = tempfile::NamedTempFile::new().unwrap();
    let entry = "test_overrides: [{ rule_id: 4000, test_ids: [1], reason: r, output: { status: 403 } }]";
    std::fs::write(list.path(), entry).unwrap();
    let report = run(&FtwOptions { overrides: Some(list.path().to_owned()), ..bad.clone() }).unwrap();
    assert_eq!((report.passed, report.overridden), (2, 1));
    std::fs::write(list.path(), entry.replace("reason: r", "reason: ''")).unwrap();
    assert!(run(&FtwOptions { overrides: Some(list.path().to_owned()), ..bad.clone() }).is_err());
    let filtered = run(&FtwOptions { filter: Some("-2$".to_owned()), ..bad }).unwrap();
    assert_eq!((filtered.run, filtered.passed), (1, 1));
}

#[test]
fn own_rules_have_tests_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let suite = r#"
rule_id: 100001
tests:
  - test_id: 1
    stages: [{ input: { uri: "/?coupon=FREE10" }, output: { status: 429, log: { expect_ids: [100001] } } }]
  - test_id: 2
    stages: [{ input: { uri: "/?coupon=SPRING" }, output: { status: 200, log: { no_expect_ids: [100001] } } }]
"#;
    let rules = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(rules.path(), "SecRule ARGS:coupon \"^FREE\" \"id:100001,phase:2,deny,status:429,log\"\n").unwrap();
    let with = FtwOptions { rules: vec![rules.path().to_owned()], ..options(folder.path(), suite) };
    let report = run(&with).unwrap();
    assert_eq!((report.run, report.passed), (2, 2), "{:?}", report.failures);
    assert_eq!(run(&FtwOptions { rules: Vec::new(), ..with }).unwrap().passed, 1);
}

#[test]
fn the_core_rule_set_passes_its_own_suite() {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../shared".to_owned());
    let crs = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("crs");
    if !crs.join("tests").is_dir() {
        println!("not run: SHARED_DIR missing");
        return;
    }
    let options = FtwOptions {
        tests: crs.join("tests"),
        crs: Some(crs),
        rules: Vec::new(),
        setup: Some(SETUP.to_owned()),
        overrides: Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/seclang/testdata/crs-overrides.yaml"))),
        filter: None,
    };
    let report = run(&options).unwrap();
    let lines: Vec<_> = report.failures.iter().map(|failure| format!("{}: {}", failure.id, failure.reason)).collect();
    println!("{} of {} passed, {} under an override", report.passed, report.run, report.overridden);
    assert!(report.failures.is_empty(), "{} failures\n{}", lines.len(), lines.join("\n"));
    assert!(report.run > 4900 && report.overridden + report.ignored <= 4);
}
