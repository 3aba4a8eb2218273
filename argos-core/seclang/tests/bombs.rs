//! Bodies made to exhaust: each hits the limit that is named for it, and has its documented answer.

#![allow(clippy::unwrap_used, reason = "tests")]

use argos_seclang::{BodyRoom, Limits, NoFiles, Now, Outcome, RuleSet};

/// Shows what became of the body; the base rule that refuses unreadable bodies comes before.
const RULES: &str = r#"
SecRule &ARGS "@gt 0" "id:1,phase:5,pass,log,logdata:'%{MATCHED_VAR}'"
SecRule REQBODY_ERROR "@eq 1" "id:2,phase:5,pass,log,logdata:'%{REQBODY_ERROR_MSG}'"
SecRule INBOUND_DATA_ERROR "@eq 1" "id:3,phase:5,pass,log,logdata:'%{REQUEST_BODY_LENGTH}'"
"#;

fn set(limits: Limits) -> RuleSet {
    RuleSet::builder(NoFiles).limits(limits).rules_str("bombs.conf", RULES).compile().unwrap().0
}

/// One request with a body of `chunks`; how many of them were taken before the room was full.
fn send<'a>(set: &RuleSet, uri: &str, kind: &str, chunks: impl Iterator<Item = &'a [u8]>) -> (Outcome, usize) {
    let mut transaction = set.transaction(Now::default());
    transaction.request_line(b"POST", uri.as_bytes(), b"HTTP/1.1");
    transaction.request_header(b"Content-Type", kind.as_bytes());
    transaction.phase1();
    let mut taken = 0;
    if transaction.wants_request_body() {
        for chunk in chunks {
            taken += 1;
            if transaction.request_body(chunk) == BodyRoom::Full {
                break;
            }
        }
    }
    transaction.phase2();
    (transaction.finish(), taken)
}

fn data(outcome: &Outcome, id: u64) -> Option<&str> {
    outcome.matched.iter().find(|matched| matched.id == id).map(|matched| matched.data.as_str())
}

fn status(outcome: &Outcome) -> Option<u16> {
    outcome.interrupted.as_ref().map(|stop| stop.status)
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn json_that_nests_too_deep_is_refused() {
    let set = set(Limits::default());
    for (depth, refused) in [(512, None), (513, Some(400)), (200_000, Some(400))] {
        let body = ["[".repeat(depth), "]".repeat(depth)].concat();
        let (outcome, _) = send(&set, "/", "application/json", std::iter::once(body.as_bytes()));
        assert_eq!(status(&outcome), refused, "{depth} levels");
        let why = data(&outcome, 2);
        assert_eq!(why.is_some_and(|why| why.contains("SecRequestBodyJsonDepthLimit")), refused.is_some(), "{why:?}");
    }
    let body = "<a>".repeat(100_000);
    let (outcome, _) = send(&set, "/", "text/xml", std::iter::once(body.as_bytes()));
    assert_eq!((status(&outcome), data(&outcome, 2)), (Some(400), Some("elements nest too deep")));
}

#[test]
fn a_hundred_thousand_arguments_are_not_parsed() {
    let set = set(Limits::default());
    let pairs: Vec<String> = (0..100_000).map(|n| format!("a{n}=1")).collect();
    let form = pairs.join("&");
    let json = format!("[{}]", vec!["1"; 100_000].join(","));
    let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let multipart = format!("{}--x--\r\n", part.repeat(100_000));
    for (kind, body) in [(FORM, &form), ("application/json", &json), ("multipart/form-data; boundary=x", &multipart)] {
        let (outcome, _) = send(&set, "/", kind, std::iter::once(body.as_bytes()));
        assert_eq!((status(&outcome), data(&outcome, 1)), (Some(400), Some("1000")), "{kind}");
        assert!(data(&outcome, 2).unwrap().contains("SecArgumentsLimit"), "{kind}");
    }
    // Those of the query count too.
    let (outcome, _) = send(&set, &format!("/?{form}"), FORM, std::iter::once(&b"b=1"[..]));
    assert_eq!((status(&outcome), data(&outcome, 1)), (Some(400), Some("1000")));
}

#[test]
fn more_cookies_than_arguments_are_allowed_are_refused() {
    let set = set(Limits::default());
    for (cookies, refused) in [(1000, None), (1001, Some(400))] {
        let mut transaction = set.transaction(Now::default());
        transaction.request_line(b"GET", b"/", b"HTTP/1.1");
        // In two lines: the limit is that of the request.
        let lines = [cookies - 600, 600].map(|count| vec!["a=1"; count].join("; "));
        lines.iter().for_each(|line| transaction.request_header(b"Cookie", line.as_bytes()));
        if transaction.phase1().is_none() {
            transaction.phase2();
        }
        assert_eq!(status(&transaction.finish()), refused, "{cookies} cookies");
    }
}

#[test]
fn a_gibibyte_of_one_field_is_inspected_to_the_limit_or_refused() {
    let head = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    let mebibyte = vec![b'a'; 1 << 20];
    let chunks = || std::iter::once(&head[..]).chain(std::iter::repeat_n(&mebibyte[..], 1024));
    let kind = "multipart/form-data; boundary=x";
    let limits = Limits::default();
    let bytes = limits.request_body_bytes;
    let (outcome, taken) = send(&set(limits.clone()), "/", kind, chunks());
    assert_eq!((status(&outcome), data(&outcome, 1)), (None, Some("1")));
    assert_eq!(data(&outcome, 3), Some(bytes.to_string().as_str()), "no more is kept than the limit");
    assert!(taken < 16, "{taken} chunks were taken");
    let (outcome, _) = send(&set(Limits { request_body_reject: true, ..limits }), "/", kind, chunks());
    assert_eq!(status(&outcome), Some(413));
}

#[test]
fn names_and_entities_do_not_multiply() {
    let set = set(Limits::default());
    // A long key repeats in the name of every value below it.
    let key = "k".repeat(1 << 20);
    let json = format!("{{\"{key}\":[{}]}}", vec!["1"; 900].join(","));
    let (outcome, _) = send(&set, "/", "application/json", std::iter::once(json.as_bytes()));
    assert_eq!(status(&outcome), Some(400));
    // Declared entities are text: nothing is expanded.
    let xml = format!("<!DOCTYPE a [<!ENTITY b \"{}\">]><a>{}</a>", "c".repeat(1000), "&b;".repeat(1000));
    let (outcome, _) = send(&set, "/", "text/xml", std::iter::once(xml.as_bytes()));
    assert_eq!(status(&outcome), None, "{:?}", outcome.matched);
}
