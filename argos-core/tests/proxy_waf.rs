//! The WAF in the request's way, over real sockets and with real rules.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::schema::{AppsecMode, LogEntry, LogSource, WafMode};
use argos_core::snapshot::{AppsecSettings, Snapshot, Waf, WafKey};
use argos_seclang::{NoFiles, RuleSet};
use support::{Answer, Site, Upstream, group, host, only, snapshot, target, with_appsec, with_proxy};

const RULES: &str = r#"
SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecRule REQUEST_URI "@contains attack" "id:100,phase:1,deny,status:403,log,msg:'attack in %{REQUEST_METHOD}',severity:CRITICAL,tag:'t1'"
SecRule REQUEST_HEADERS:X-Move "@streq 1" "id:101,phase:1,redirect:https://else.example/,status:302,log,msg:'moved'"
SecRule REQUEST_HEADERS:X-Teapot "@streq 1" "id:102,phase:1,deny,status:418,log,msg:'teapot'"
SecRule REQUEST_HEADERS:X-Drop "@streq 1" "id:103,phase:1,drop,log,msg:'dropped'"
SecRule ARGS:q|ARGS:json.q "@contains evil" "id:200,phase:2,deny,log,msg:'evil argument',severity:ERROR"
SecRule ARGS:token "@contains evil" "id:201,phase:2,deny,log,msg:'evil token',severity:NOTICE,logdata:'%{MATCHED_VAR}'"
SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:104,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule ARGS_NAMES|ARGS|REQUEST_BODY|XML:/*|XML://@*|REQUEST_FILENAME|MULTIPART_PART_HEADERS "@rx wicked.*" "id:202,phase:2,pass,log,capture,msg:'wicked in %{MATCHED_VAR_NAME}',logdata:'%{TX.0} in %{MATCHED_VAR_NAME}=%{MATCHED_VAR}'"
SecRule RESPONSE_STATUS "@streq 599" "id:300,phase:3,deny,log,msg:'status'"
SecRule RESPONSE_BODY "@contains leaked" "id:400,phase:4,deny,log,msg:'leak',severity:WARNING"
"#;

fn waf(mode: WafMode) -> Waf {
    let (rules, _) = RuleSet::builder(NoFiles).rules_str("test.conf", RULES).compile().unwrap();
    let key = WafKey { paranoia: 1, detection_paranoia: 1, inbound: None, outbound: None };
    Waf { rules, mode, block_status: 403, block_body: Box::default(), response_body: true, key, tuned: None }
}

fn live(upstream: &Upstream, waf: Waf) -> Snapshot {
    let mut first = host(1, "*", 1);
    first.waf = Some(waf);
    snapshot([first], [group(1, [target(1, upstream.address, 1)])])
}

fn site(upstream: &Upstream, mode: WafMode) -> Site {
    Site::start(live(upstream, waf(mode)))
}

fn findings(rows: &[LogEntry]) -> Vec<&LogEntry> {
    rows.iter().filter(|r| r.source == LogSource::WafAudit).collect()
}

fn post(kind: &str, body: &str) -> String {
    format!("POST /p HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn detect_passes_and_block_blocks_with_the_same_rules() {
    let upstream = Upstream::echo();
    let json = post("application/json", r#"{"q":"evil"}"#);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nq=ev\r\n2\r\nil\r\n0\r\n\r\n"
    );
    let attacks = [
        ("GET /attack HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 100, "CRITICAL"),
        ("GET /?q=evil HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200, "ERROR"),
        (post(FORM, "a=1&q=evil"), 200, "ERROR"),
        (chunked, 200, "ERROR"),
        (json, 200, "ERROR"),
        ("GET /leaked HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "WARNING"),
    ];
    for (attack, id, severity) in &attacks {
        for (mode, status, action, verdict) in
            [(WafMode::Detect, 200, "proxied", "detected"), (WafMode::Block, 403, "waf_blocked", "blocked")]
        {
            // The leak is in what the upstream says.
            let upstream = if *id == 400 {
                Upstream::saying("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nleaked")
            } else {
                Upstream::echo()
            };
            let site = site(&upstream, mode);
            let answer = site.ask(attack);
            assert_eq!(answer.status, status, "{attack:?} in {mode}: {answer:?}");
            let rows = site.rows();
            let access = only(&rows, LogSource::Access);
            assert_eq!((access.action.as_str(), access.status), (action, i64::from(status)));
            let found = findings(&rows);
            assert_eq!(found.len(), 1, "{attack:?}: {rows:#?}");
            assert_eq!((found[0].waf_rule_id, found[0].action.as_str()), (*id, verdict), "{attack:?}");
            assert_eq!((found[0].waf_severity.as_str(), found[0].level.as_str()), (*severity, "error"));
            assert_eq!(found[0].request_id, access.request_id);
        }
    }
    drop(upstream);
}

#[test]
fn held_bodies_arrive_as_they_were_sent() {
    let upstream = Upstream::echo();
    let site = site(&upstream, WafMode::Block);
    let big = format!("a={}", "x".repeat(100_000));
    assert!(site.ask(post(FORM, &big)).text().ends_with(&big));
    assert!(site.ask(post(FORM, "")).status == 200);
    let mut client = site.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n"
    ));
    client.send("2\r\n23\r\n0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    let text = client.answer().text();
    assert!(text.ends_with("000005\r\na=123\r\n0\r\n\r\n"), "{text}");
    assert!(client.answer().text().starts_with("GET /next "));
}

#[test]
fn a_client_that_waits_is_told_to_go_on() {
    let upstream = Upstream::echo();
    let site = site(&upstream, WafMode::Block);
    let mut client = site.connect();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 100);
    client.send("a=1");
    assert!(client.answer().text().ends_with("\r\n\r\na=1"));
    // After phase 1: what it refuses is refused before the body.
    let mut client = site.connect();
    client.send(format!(
        "POST /attack HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 403);
}

#[test]
fn long_bodies_are_inspected_in_part_or_refused() {
    let upstream = Upstream::echo();
    let body = format!("q=evil&a={}", "x".repeat(50_000));
    let late = format!("a={}", "x".repeat(50_000));
    let limited = |mode, change: fn(&mut AppsecSettings)| {
        Site::start(with_appsec(live(&upstream, waf(mode)), |s| {
            s.request_body_limit = 1024;
            change(s);
        }))
    };
    let partial = limited(WafMode::Block, |_| ());
    assert!(partial.ask(post(FORM, &late)).text().ends_with(&late));
    let _ = body;
    let reject = limited(WafMode::Block, |s| s.request_body_reject = true);
    assert_eq!(reject.ask(post(FORM, &late)).status, 413);
    let detect = limited(WafMode::Detect, |s| s.request_body_reject = true);
    assert_eq!(detect.ask(post(FORM, &late)).status, 200);
}

#[test]
fn answers_are_held_up_to_the_limit_and_then_stream() {
    let long = "x".repeat(20_000) + "leaked";
    let upstream = Upstream::saying(format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{long}",
        long.len()
    ));
    let site = Site::start(with_appsec(live(&upstream, waf(WafMode::Block)), |s| s.response_body_limit = 1024));
    assert_eq!(site.get("/").text(), long);
    // Chunked and open-ended answers keep their content.
    for (head, body) in
        [("Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), ("Connection: close\r\n", "hello")]
    {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{head}\r\n{body}");
        let upstream = Upstream::run(move |served| {
            served.head();
            served.say(&text);
        });
        let site = self::site(&upstream, WafMode::Block);
        let answer = site.get("/");
        assert!(answer.whole && answer.text() == "hello", "{answer:?}");
    }
}

#[test]
fn a_rules_own_end_wins_over_the_hosts() {
    let upstream = Upstream::echo();
    let mut own = waf(WafMode::Block);
    (own.block_status, own.block_body) = (406, "go away".into());
    let site = Site::start(live(&upstream, own));
    let ask = |header: &str| -> Answer { site.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{header}: 1\r\n\r\n")) };
    let moved = ask("X-Move");
    assert_eq!((moved.status, moved.header("location")), (302, Some("https://else.example/")));
    assert_eq!(ask("X-Teapot").status, 418);
    let blocked = site.get("/attack");
    assert_eq!((blocked.status, blocked.text().as_str()), (406, "go away"));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Drop: 1\r\n\r\n");
    assert!(client.is_closed());
}

#[test]
fn the_setting_caps_the_host() {
    let upstream = Upstream::echo();
    for (cap, status, rows) in
        [(AppsecMode::Disabled, 200, 0), (AppsecMode::Detect, 200, 1), (AppsecMode::Block, 403, 1)]
    {
        let site = Site::start(with_appsec(live(&upstream, waf(WafMode::Block)), |s| s.mode = cap));
        assert_eq!(site.get("/attack").status, status, "{cap}");
        assert_eq!(findings(&site.rows()).len(), rows, "{cap}");
    }
}

#[test]
fn rows_are_masked_and_start_at_the_set_severity() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, waf(WafMode::Detect)));
    site.ask("GET /?token=evil%20secret HTTP/1.1\r\nHost: a\r\nAuthorization: hidden1\r\nCookie: c=hidden2\r\nX-Api-Key: hidden3\r\nX-B: shown\r\n\r\n");
    let rows = site.rows();
    let found = findings(&rows);
    assert_eq!((found[0].waf_rule_id, found[0].query.as_str()), (201, "token=***"));
    for hidden in ["secret", "hidden"] {
        assert!(!format!("{:?}", found[0]).contains(hidden), "{:?}", found[0]);
    }
    let raw: serde_json::Value = serde_json::from_str(&found[0].raw).unwrap();
    assert_eq!((&raw["request"]["headers"]["x-b"], &raw["rule"]["data"]), (&"shown".into(), &"***".into()));
    assert_eq!((&raw["rule"]["file"], &raw["verdict"]), (&"test.conf".into(), &"detected".into()));

    let site =
        Site::start(with_appsec(live(&upstream, waf(WafMode::Detect)), |s| s.audit_min_severity = "ERROR".into()));
    site.get("/attack?token=evil");
    let rows = site.rows();
    assert_eq!(findings(&rows).iter().map(|r| r.waf_rule_id).collect::<Vec<_>>(), [100]);
}

#[test]
fn secrets_of_documents_and_paths_stand_in_no_row() {
    let upstream = Upstream::echo();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    for (request, shown) in [
        // JSON that is sent as a form is the name of a parameter.
        (post(FORM, r#"{"token":"wicked-1"}"#), false),
        (post(FORM, r#"{"user": {"Token" : "wicked-1=2"}}"#), false),
        (post(FORM, "%7B%22token%22%3A%22wicked-1%22%7D"), false),
        (post("text/xml", "<a><token>wicked-1</token></a>"), false),
        (post("text/xml", "<a><n:Token kind='x'><![CDATA[wicked-1]]></n:Token></a>"), false),
        (post("text/xml", "<a token='wicked-1'>x</a>"), false),
        (post("text/xml", "<a><tokens>wicked-2</tokens></a>"), true),
        (
            post(
                "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nwicked-1\r\n--b--\r\n",
            ),
            false,
        ),
        (get("/wicked/a;token=wicked-1/b"), false),
        (get("/wicked/a;TOKEN=wicked-1?x=1"), false),
        (get("/wicked-2/a;tokens=x"), true),
        (post(FORM, "text=wicked-2"), true),
    ] {
        let site = site(&upstream, WafMode::Detect);
        let mut client = site.connect();
        client.send(&request);
        assert_eq!(client.answer().status, 200, "{request}");
        drop(client);
        let rows = site.rows();
        let text = format!("{rows:?}");
        assert!(!text.contains("wicked-1"), "{request}: {text}");
        // A body of parts reaches no rule here but by its parts.
        let found = findings(&rows);
        assert!(found.iter().any(|row| row.waf_rule_id == 202) || request.contains("multipart"), "{request}: {text}");
        assert_eq!(text.contains("wicked-2"), shown, "{request}: {text}");
    }
}

#[test]
fn a_quiet_host_still_writes_waf_rows() {
    let upstream = Upstream::echo();
    let mut first = host(1, "*", 1);
    (first.waf, first.access_log) = (Some(waf(WafMode::Block)), false);
    let site = Site::start(with_proxy(snapshot([first], [group(1, [target(1, upstream.address, 1)])]), |_| ()));
    assert_eq!(site.get("/attack").status, 403);
    let rows = site.rows();
    assert_eq!((rows.len(), findings(&rows).len()), (1, 1));
}

#[test]
fn compressed_bodies_are_read_and_unreadable_ones_refused() {
    use std::io::Write as _;
    let upstream = Upstream::echo();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"q=evil").unwrap();
    let gzip = gzip.finish().unwrap();
    let send = |coding: &str, body: &[u8]| {
        let head = format!(
            "POST /p HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n{coding}Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    for (coding, body, blocked, detected) in [
        ("Content-Encoding: gzip\r\n", gzip.as_slice(), 403, 1),
        ("Content-Encoding: identity\r\n", b"q=evil".as_slice(), 403, 1),
        // A plain body under a false name is not cleared.
        ("Content-Encoding: gzip\r\n", b"q=evil", 415, 1),
        ("Content-Encoding: x\r\n", b"q=evil", 415, 1),
        ("Content-Encoding: \r\n", b"q=evil", 415, 1),
        ("Content-Encoding: identity\r\nContent-Encoding: identity\r\n", b"q=evil", 415, 1),
        ("Content-Encoding: identity\r\n", b"q=fine", 200, 0),
    ] {
        for (mode, status) in [(WafMode::Block, blocked), (WafMode::Detect, 200)] {
            let site = site(&upstream, mode);
            let mut client = site.connect();
            client.send(send(coding, body));
            assert_eq!(client.answer().status, status, "{coding} {mode}");
            if mode == WafMode::Detect && !(coding.contains("gzip") && body == gzip.as_slice()) {
                assert_eq!(findings(&site.rows()).len(), detected, "{coding}");
            }
        }
    }
}

#[test]
fn a_large_body_is_judged_as_a_small_one() {
    let upstream = Upstream::echo();
    for (body, status) in
        [(format!("a={}&q=evil", "x".repeat(200_000)), 403), (format!("a={}&q=fine", "x".repeat(200_000)), 200)]
    {
        let site = site(&upstream, WafMode::Block);
        let answer = site.ask(post(FORM, &body));
        assert_eq!(answer.status, status);
    }
}

#[test]
fn compressed_answers_are_read_and_passed_on_as_they_came() {
    use std::io::Write as _;
    let gzip = |text: &[u8]| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    };
    let brotli = |text: &[u8]| [&[0x8b, (text.len() as u8 - 1) >> 1, 0x80][..], text, &[0x03]].concat();
    for (coding, body, status) in [
        ("gzip", gzip(b"it leaked out"), 403),
        ("gzip", gzip(b"nothing to see"), 200),
        ("br", brotli(b"it leaked out!"), 403),
        ("br", brotli(b"q=1' OR '1'='1"), 200),
        // What can't be read passes: an answer is no attack.
        ("zstd", b"leaked".to_vec(), 200),
        ("gzip", b"leaked".to_vec(), 200),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let upstream = Upstream::saying([head.as_bytes(), &body].concat());
        let answer = site(&upstream, WafMode::Block).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(answer.status, status, "{coding}");
        assert!(status == 403 || answer.body == body, "{coding}");
    }
}

#[test]
fn rules_see_the_head_of_a_version_that_is_not_spoken() {
    let upstream = Upstream::echo();
    for (mode, status) in [(WafMode::Detect, 505), (WafMode::Block, 403)] {
        let site = site(&upstream, mode);
        assert_eq!(site.ask("GET /attack HTTP/4.0\r\nHost: a\r\n\r\n").status, status, "{mode}");
        assert_eq!(site.ask("GET /fine HTTP/4.0\r\nHost: a\r\n\r\n").status, 505, "{mode}");
        let rows = site.rows();
        assert_eq!(findings(&rows).iter().map(|row| row.waf_rule_id).collect::<Vec<_>>(), [100], "{mode}");
    }
    assert_eq!(upstream.received(), "");
}
