//! Rules in, verdicts out: the language's semantics over the public interface.

#![allow(clippy::unwrap_used, reason = "tests")]

use argos_seclang::{BodyRoom, Limits, LoadError, Loader, Mode, NoFiles, Now, Outcome, RuleSet, Transaction, Verdict};

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
    assert_eq!(&*outcome.matched[1].msg, "seen 7");
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

#[test]
fn each_class_of_directives_is_told_apart() {
    let (_, report) = RuleSet::builder(NoFiles)
        .rules_str("a.conf", "SecAuditLog /var/log/a\nSecRequestBodyAccess On\nSecUploadKeepFiles Off\n")
        .compile()
        .unwrap();
    let found: Vec<_> = report.warnings.iter().map(|warning| (warning.code, warning.line)).collect();
    assert_eq!(found, [("seclang.no_effect", 1), ("seclang.no_effect", 3)]);
    assert_eq!(
        codes("SecRuleScript x.lua\nSecHashEngine On\nSecGsbLookupDb x\nSecFrob x\nSecUploadKeepFiles On"),
        [
            ("seclang.refused_directive", 1, 1),
            ("seclang.refused_directive", 2, 1),
            ("seclang.refused_directive", 3, 1),
            ("seclang.unknown_directive", 4, 1),
            ("seclang.refused_directive", 5, 1),
        ]
    );
    assert_eq!(codes("SecRuleEngine perhaps"), [("seclang.directive_value", 1, 1)]);
    assert_eq!(codes("SecRule ARGS \"@rx a"), [("seclang.open_quote", 1, 15)]);
    assert_eq!(codes("Include x.conf"), [("seclang.file", 1, 1)]);
}

#[test]
fn at_most_a_hundred_errors_are_kept() {
    assert_eq!(codes(&"SecFrob x\n".repeat(150)).len(), 100);
}

#[test]
fn a_diagnostic_reads_as_place_code_text() {
    let errors = RuleSet::builder(NoFiles).rules_str("my.conf", "\n  SecFrob x").compile().unwrap_err();
    assert_eq!(errors[0].to_string(), "my.conf:2:3: seclang.unknown_directive: unknown directive (SecFrob)");
}

/// Files in memory.
struct Files(&'static [(&'static str, &'static str)]);

impl Loader for Files {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let found = self.0.iter().find(|file| file.0 == name);
        found
            .map(|file| file.1.as_bytes().to_vec())
            .ok_or_else(|| LoadError { name: name.into(), reason: "none".into() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let prefix = pattern.split('*').next().unwrap();
        let whole = !pattern.contains('*');
        let hit = |name: &&str| if whole { *name == pattern } else { name.starts_with(prefix) };
        Ok(self.0.iter().map(|file| file.0).filter(hit).map(str::to_owned).collect())
    }
}

#[test]
fn includes_are_relative_sorted_and_never_circular() {
    let files = Files(&[
        ("etc/main.conf", "Include rules/*.conf"),
        ("etc/rules/a.conf", "SecAction \"id:1,phase:1,pass\""),
        ("etc/rules/b.conf", "SecAction \"id:2,phase:1,pass\""),
    ]);
    let (set, report) = RuleSet::builder(files).rules_file("etc/main.conf").compile().unwrap();
    assert_eq!((set.rule_count(), report.rules), (2, 2));
    assert!(set.has_phase(1) && !set.has_phase(2));
    let circle = Files(&[("a.conf", "Include b.conf"), ("b.conf", "Include a.conf")]);
    let errors = RuleSet::builder(circle).rules_file("a.conf").compile().unwrap_err();
    assert_eq!((errors.len(), errors[0].code, errors[0].file.as_str()), (1, "seclang.include_loop", "b.conf"));
}

#[test]
fn removal_acts_on_rules_loaded_before() {
    let rules = r#"
SecAction "id:1,phase:1,pass,tag:'attack-x'"
SecAction "id:2,phase:1,pass"
SecAction "id:3,phase:1,pass"
SecRuleRemoveById 2-3 99
SecRuleRemoveByTag attack-
SecAction "id:4,phase:1,pass,tag:attack-y"
"#;
    assert_eq!(ids(&get(rules, "/")), [4]);
}

#[test]
fn host_values_stand_after_the_set_up_and_win() {
    let (set, _) = RuleSet::builder(NoFiles)
        .rules_str("r.conf", r#"SecRule TX:inbound_anomaly_score_threshold "@eq 7" "id:2,phase:1,pass""#)
        .rules_str("etc/crs-setup.conf", r#"SecAction "id:1,phase:1,pass,setvar:tx.inbound_anomaly_score_threshold=9""#)
        .thresholds(7, 4)
        .compile()
        .unwrap();
    let mut transaction = start(&set, "/");
    transaction.phase1();
    assert_eq!(ids(&transaction.finish()), [1, 500, 2]);
}

#[test]
fn bodies_are_wanted_only_when_someone_reads_them() {
    let set = compile(r#"SecRule ARGS "@rx a" "id:1,phase:2,pass""#);
    let wants = |set: &RuleSet, kind: &str| {
        let mut transaction = start(set, "/");
        transaction.request_header(b"Content-Type", kind.as_bytes());
        transaction.phase1();
        transaction.wants_request_body()
    };
    assert!(wants(&set, "application/x-www-form-urlencoded"));
    assert!(wants(&set, "application/problem+json; charset=utf-8"));
    assert!(!wants(&set, "application/octet-stream"));
    assert!(wants(&set, "multipart/form-data; boundary=x"));
    assert!(!wants(&compile(""), "application/json"));
    assert!(!wants(&compile("SecRequestBodyAccess Off\nSecAction \"id:1,pass\""), "application/json"));
}

#[test]
fn the_body_is_full_only_beyond_the_limit() {
    let set = compile("SecRequestBodyLimit 4\nSecAction \"id:1,pass\"");
    let mut transaction = start(&set, "/");
    transaction.phase1();
    assert_eq!(transaction.request_body(b"abcd"), BodyRoom::More);
    assert_eq!(transaction.request_body(b"e"), BodyRoom::Full);
}

#[test]
fn matched_values_are_whole_and_rule_sets_are_shared() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn movable<T: Send + 'static>(_: &T) {}
    let set = compile(r#"SecRule ARGS "@rx a" "id:1,phase:2,pass""#);
    shared(&set);
    let mut transaction = start(&set, &format!("/?q={}", "a".repeat(1000)));
    movable(&transaction);
    transaction.phase1();
    transaction.phase2();
    let outcome = transaction.finish();
    assert_eq!(outcome.matched[0].value.len(), 1000);
    assert_eq!((&*outcome.matched[0].file, outcome.matched[0].line), ("test.conf", 1));
}

#[test]
fn updates_change_what_earlier_rules_look_at() {
    let rules = r#"
SecRule ARGS "@streq x" "id:1,phase:1,pass,tag:'a',msg:'one'"
SecRule ARGS:none "@streq x" "id:2,phase:1,pass,msg:'two'"
SecRule ARGS "@streq x" "id:3,phase:1,pass,tag:'c'"
SecAction "id:4,phase:1,pass,msg:'four'"
SecRuleUpdateTargetById 1 "!ARGS:q"
SecRuleUpdateTargetByMsg two "ARGS:q"
SecRuleUpdateTargetByTag ^c$ "!ARGS:/^q/"
SecRuleRemoveByMsg ^four$
"#;
    assert_eq!(ids(&get(rules, "/?q=x")), [2]);
    assert_eq!(ids(&get(rules, "/?p=x")), [1, 3]);
}

#[test]
fn phrases_and_networks_come_from_files_beside_the_rules() {
    let files = Files(&[
        (
            "etc/a.conf",
            "SecRule ARGS \"@pmFromFile w.data\" \"id:1,phase:1,pass\"\nSecRule REMOTE_ADDR \"@ipMatchFromFile n.data\" \"id:2,phase:1,pass\"",
        ),
        ("etc/w.data", "# words\n\nbad word\nother\n"),
        ("etc/n.data", "10.0.0.0/8\n192.0.2.0/24\n"),
    ]);
    let (set, _) = RuleSet::builder(files).rules_file("etc/a.conf").compile().unwrap();
    let mut transaction = start(&set, "/?q=a+BAD+Word");
    transaction.phase1();
    assert_eq!(ids(&transaction.finish()), [1, 2]);
    assert_eq!(codes("SecRule ARGS \"@pmFromFile w.data\" \"id:1\""), [("seclang.file", 1, 27)]);
}

fn limited(limits: Limits, rules: &str, uri: &str) -> Outcome {
    let (set, _) = RuleSet::builder(NoFiles).limits(limits).rules_str("l.conf", rules).compile().unwrap();
    let mut transaction = start(&set, uri);
    transaction.phase1();
    transaction.finish()
}

#[test]
fn matched_rules_are_kept_up_to_their_limit() {
    let rules = "SecAction \"id:1,phase:1,pass\"\nSecAction \"id:2,phase:1,pass\"\nSecAction \"id:3,phase:1,pass\"";
    let kept = |matched| ids(&limited(Limits { matched, ..Limits::default() }, rules, "/"));
    assert_eq!(kept(3), [1, 2, 3]);
    assert_eq!(kept(2), [1, 2]);
}

#[test]
fn variables_of_a_transaction_have_a_limit_and_known_ones_can_still_change() {
    let rules = r#"
SecRule ARGS "@rx ." "id:1,phase:1,pass,setvar:tx.n_%{MATCHED_VAR}=1,setvar:tx.n_a=+1"
SecRule &TX:/^n_/ "@eq 2" "id:2,phase:1,pass"
SecRule TX:n_a "@eq 4" "id:3,phase:1,pass"
"#;
    let kept = |variables| ids(&limited(Limits { variables, ..Limits::default() }, rules, "/?1=a&2=b&3=c"));
    assert_eq!(kept(2), [1, 2, 3]);
    assert_eq!(kept(3), [1, 3]);
}

#[test]
fn directives_override_the_limits_of_the_caller() {
    let limits = Limits { arguments: 5, ..Limits::default() };
    let (set, _) =
        RuleSet::builder(NoFiles).limits(limits.clone()).rules_str("l.conf", "SecArgumentsLimit 7").compile().unwrap();
    assert_eq!(set.limits().arguments, 7);
    let (set, _) = RuleSet::builder(NoFiles).limits(limits).compile().unwrap();
    assert_eq!(set.limits().arguments, 5);
}

#[test]
fn rules_that_take_bytes_stay_bytes() {
    let rules = b"SecRule ARGS \"@streq \xff\xfe\" \"id:1,phase:1,pass,msg:'caf\xe9'\"";
    let (set, _) = RuleSet::builder(NoFiles).rules_str("latin1.conf", rules).compile().unwrap();
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(b"GET", b"/?a=%ff%fe&b=\xff", b"HTTP/1.1");
    transaction.phase1();
    assert_eq!(*transaction.finish().matched[0].value, *b"\xff\xfe");
}

/// Knows one address, and lists one.
struct Known;

impl argos_seclang::GeoLookup for Known {
    fn look_up(&self, address: std::net::IpAddr) -> Option<Vec<(&'static str, String)>> {
        (address.to_string() == "192.0.2.7").then(|| vec![("COUNTRY_CODE", "NL".to_owned())])
    }
}

impl argos_seclang::Resolver for Known {
    fn has_address(&self, name: &str) -> bool {
        name == "7.2.0.192.list.example"
    }
}

#[test]
fn lookups_of_the_caller_are_asked() {
    let rules = r#"
        SecRule REMOTE_ADDR "@geoLookup" "id:1,phase:1,pass,chain"
         SecRule GEO:COUNTRY_CODE "@streq NL" ""
        SecRule REMOTE_ADDR "@rbl list.example" "id:2,phase:1,pass""#;
    let known = std::sync::Arc::new(Known);
    let (set, _) =
        RuleSet::builder(NoFiles).geo(known.clone()).resolver(known).rules_str("a.conf", rules).compile().unwrap();
    for (last, wanted) in [(7, &[1, 2][..]), (8, &[])] {
        let mut transaction = set.transaction(Now::default());
        transaction.connection([192, 0, 2, last].into(), 1, [192, 0, 2, 1].into(), 2);
        transaction.request_line(b"GET", b"/", b"HTTP/1.1");
        transaction.phase1();
        assert_eq!(ids(&transaction.finish()), wanted);
    }
}

#[test]
fn collections_outlive_transactions_and_are_shared_by_application() {
    let rules = r#"SecAction "id:1,phase:1,pass,initcol:ip=%{REMOTE_ADDR},setvar:ip.seen=+1"
        SecRule IP:seen "@ge 3" "id:2,phase:1,deny""#;
    let shared = argos_seclang::Collections::new();
    let set = |app: &str| {
        let builder = RuleSet::builder(NoFiles).collections(shared.clone()).web_app(app);
        builder.rules_str("a.conf", rules).compile().unwrap().0
    };
    let (one, two, other) = (set("a"), set("a"), set("b"));
    let stopped = |set: &RuleSet, seconds: i64| {
        let mut transaction = set.transaction(Now { unix_millis: seconds * 1000 });
        transaction.connection([192, 0, 2, 7].into(), 1, [192, 0, 2, 1].into(), 2);
        transaction.request_line(b"GET", b"/", b"HTTP/1.1");
        transaction.phase1().is_some()
    };
    assert_eq!([stopped(&one, 0), stopped(&two, 1), stopped(&one, 2)], [false, false, true]);
    assert!(!stopped(&other, 3), "another application has records of its own");
    assert!(!stopped(&one, 2 + 3600), "nothing wrote for SecCollectionTimeout");
    assert_eq!(shared.len(), 2);
}

/// One file called `unicode.map`.
struct Map;

impl Loader for Map {
    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Ok(b"# note\n1250 (one)\n0105:61\n\n20127 (two)\n0105:62 0106:63\n".to_vec())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        Ok(vec![pattern.to_owned()])
    }
}

#[test]
fn a_unicode_map_decides_what_characters_become() {
    for (page, wanted) in [("1250", "a"), ("20127", "b"), ("", "a")] {
        let rules = format!(
            "SecUnicodeMapFile unicode.map {page}\nSecRule QUERY_STRING \"@streq {wanted}\" \"id:1,phase:1,pass,t:urlDecodeUni\""
        );
        let (set, _) = RuleSet::builder(Map).rules_str("a.conf", &rules).compile().unwrap();
        let mut transaction = set.transaction(Now::default());
        transaction.request_line(b"GET", b"/?%u0105", b"HTTP/1.1");
        transaction.phase1();
        assert_eq!(ids(&transaction.finish()), [1], "{page}");
    }
    let refused = RuleSet::builder(Map).rules_str("a.conf", "SecUnicodeMapFile unicode.map 7").compile().unwrap_err();
    assert_eq!(refused[0].code, "seclang.directive_value");
}

#[test]
fn audit_directives_decide_what_is_recorded() {
    let audit = |rules: &str| get(rules, "/").audit;
    assert!(!audit("SecAction \"id:1,phase:1,pass,nolog\"").record);
    assert!(audit("SecAction \"id:1,phase:1,pass,log\"").record);
    let changed =
        audit("SecAuditEngine On\nSecAuditLogParts ABZ\nSecAction \"id:1,phase:1,nolog,ctl:auditLogParts=+E\"");
    assert_eq!((changed.record, changed.parts.as_str()), (true, "ABZE"));
    // Such a rule is logged and shown, but is no reason for a record.
    assert!(!audit("SecAction \"id:1,phase:1,pass,log,noauditlog\"").record);
    let status = "SecAuditLogRelevantStatus \"^(?:5|4(?!04))\"\nSecAction \"id:1,phase:1,pass,log\"";
    assert_eq!((audit(status).record, audit(status).details), (true, false));
    assert!(!audit("SecAuditEngine On\nSecAction \"id:1,phase:1,pass,log,ctl:auditEngine=Off\"").record);
}

#[test]
fn a_core_rule_set_is_loaded_around_the_rules_of_the_caller() {
    struct Files;
    impl Loader for Files {
        fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
            let id = match name {
                "crs/crs-setup.conf.example" => 1,
                "crs/plugins/x-before.conf" => 2,
                "crs/rules/REQUEST-901-A.conf" => 3,
                "crs/rules/REQUEST-902-B.conf" => 5,
                _ => 6,
            };
            Ok(format!("SecAction \"id:{id},phase:1,pass\"").into_bytes())
        }

        fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
            let names: &[&str] = match pattern {
                "crs/crs-setup.conf.example" => &["crs/crs-setup.conf.example"],
                "crs/plugins/*-before.conf" => &["crs/plugins/x-before.conf"],
                "crs/plugins/*-after.conf" => &["crs/plugins/x-after.conf"],
                "crs/rules/*.conf" => &["crs/rules/REQUEST-902-B.conf", "crs/rules/REQUEST-901-A.conf"],
                _ => &[],
            };
            Ok(names.iter().map(|name| (*name).to_owned()).collect())
        }
    }
    let own = "SecRuleRemoveById 6\nSecAction \"id:4,phase:1,pass\"";
    let run = |own: &str| {
        let (set, _) = RuleSet::builder(Files).rules_str("own.conf", own).crs("crs/").compile().unwrap();
        let mut transaction = set.transaction(Now::default());
        transaction.phase1();
        ids(&transaction.finish())
    };
    assert_eq!(run(own), [1, 2, 3, 4, 5]);
    assert_eq!(run("SecAction \"id:4,phase:1,pass\""), [1, 2, 3, 4, 5, 6]);
    let errors = RuleSet::builder(NoFiles).crs("nowhere").compile().unwrap_err();
    assert_eq!(errors[0].code, "seclang.file");
}

#[test]
fn the_load_report_names_rules_that_can_never_match() {
    let rules = r#"
SecRule ARGS "@noMatch" "id:1,phase:1,pass"
SecRule ARGS "!@unconditionalMatch" "id:2,phase:1,pass"
SecRule !ARGS:a "@rx a" "id:3,phase:1,pass"
SecRule RESPONSE_BODY "@rx a" "id:4,phase:2,pass"
SecRule ARGS_POST|FILES "@rx a" "id:5,phase:1,pass"
SecRule WEBSERVER_ERROR_LOG "@rx a" "id:6,phase:5,pass"
SecRule ARGS "@rx a" "id:7,phase:2,pass,chain"
    SecRule RESPONSE_STATUS "@rx a" ""
SecRule ARGS "@unconditionalMatch" "id:11,phase:1,pass"
SecRule &FILES "@eq 0" "id:12,phase:1,pass"
SecRule ARGS_POST|ARGS_GET "@rx a" "id:13,phase:1,pass"
SecRule RESPONSE_BODY "@rx a" "id:14,phase:4,pass,msg:'%{NOTHING}'"
SecAuditLog x
"#;
    let (_, report) = RuleSet::builder(NoFiles).rules_str("a.conf", rules).compile().unwrap();
    let of = |code: &str| -> Vec<&str> {
        report.warnings.iter().filter(|found| found.code == code).map(|found| found.token.as_str()).collect()
    };
    assert_eq!(of("seclang.never_matches"), ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!((of("seclang.unknown_macro"), of("seclang.no_effect")), (vec!["NOTHING"], vec!["SecAuditLog"]));
}
