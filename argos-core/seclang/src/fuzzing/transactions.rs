//! Whole transactions: however a body is cut, whatever ran before, the outcome is the same.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use super::choices::Choices;
use crate::operators::{self, From};
use crate::{BodyRoom, Limits, Mode, NoFiles, Now, Outcome, RuleSet, Verdict, transforms};

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    method: &'a [u8],
    uri: &'a [u8],
    headers: [(&'a [u8], &'a [u8]); 3],
    pub(super) body: &'a [u8],
    status: u16,
    answer: &'a [u8],
}

/// One that has something of everything.
pub(super) const REQUEST: Request<'_> = Request {
    method: b"POST",
    uri: b"/a/b.php?x=1&y=%27+or+1%3D1",
    headers: [
        (b"Host", b"a.example"),
        (b"Content-Type", b"application/x-www-form-urlencoded"),
        (b"Cookie", b"s=1; t=<script>"),
    ],
    body: b"u=1&v=union+select",
    status: 500,
    answer: b"<html>Fatal error: x in /a.php</html>",
};

/// Rules that see every byte: the built-in ones at their strictest.
static BUILT_IN: LazyLock<RuleSet> = LazyLock::new(|| {
    let built = RuleSet::builder(NoFiles).baseline().paranoia(4).mode(Mode::Detect).compile();
    built.expect("the built-in rules compile").0
});

/// The same with bounds that small bodies reach.
static NARROW: LazyLock<RuleSet> = LazyLock::new(|| {
    let limits = Limits {
        request_body_bytes: 40,
        request_body_no_files_bytes: 30,
        response_body_bytes: 20,
        arguments: 5,
        json_depth: 3,
        matched: 10,
        variables: 20,
        ..Limits::default()
    };
    let built = RuleSet::builder(NoFiles).baseline().paranoia(4).limits(limits).mode(Mode::Detect).compile();
    built.expect("the built-in rules compile").0
});

/// One rule for each transformation and each operator.
static EVERYTHING: LazyLock<RuleSet> = LazyLock::new(|| {
    const TARGETS: &str = "ARGS|ARGS_NAMES|REQUEST_HEADERS|REQUEST_COOKIES|REQUEST_BODY|FILES|XML:/*|RESPONSE_BODY";
    let mut rules = String::new();
    let mut id = 0;
    for (name, _) in transforms::TABLE {
        id += 1;
        rules += &format!(
            "SecRule {TARGETS} \"@rx (a)|(.)\" \"id:{id},phase:4,pass,capture,multiMatch,t:{name},\
             setvar:tx.%{{TX.1}}=+%{{TX.2}}\"\n"
        );
    }
    for entry in operators::TABLE.iter().filter(|entry| entry.from == From::Argument) {
        id += 1;
        let argument = match entry.name {
            "validatebyterange" => "32-126",
            "validatenid" => "cl .+",
            "rsub" => "s/(?=a)(a|.)*x/b/",
            "rxglobal" => "(?!a)(.+)+x",
            _ => "10.0.0.1",
        };
        let actions = format!("id:{id},phase:4,pass,capture,logdata:'%{{MATCHED_VAR}}'");
        rules += &format!("SecRule {TARGETS} \"@{} {argument}\" \"{actions}\"\n", entry.name);
    }
    let built = RuleSet::builder(NoFiles).rules_str("everything.conf", rules).compile();
    built.expect("a rule for each noun compiles").0
});

pub(super) fn transactions(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let cuts = [choices.below(256), choices.below(256)];
    let request = request(&mut choices);
    let cut = |at: usize| at.min(request.body.len());
    let pieces = {
        let (first, second) = (cut(cuts[0]).min(cut(cuts[1])), cut(cuts[0]).max(cut(cuts[1])));
        [&request.body[..first], &request.body[first..second], &request.body[second..]]
    };
    for set in [&*BUILT_IN, &*NARROW, &*EVERYTHING] {
        let whole = exchange(set, &request, &[request.body]);
        let shown = |outcome: &Outcome| format!("{outcome:?}");
        assert_eq!(shown(&whole), shown(&exchange(set, &request, &pieces)), "a body in pieces is read otherwise");
        assert!(whole.matched.len() <= Limits::default().matched);
        assert!(whole.matched.iter().all(|rule| rule.value.len() <= 256 && (1..=5).contains(&rule.phase)));
        assert!(whole.score_in >= 0 && whole.score_out >= 0);
    }
    blocking_stops_where_detecting_would(&request);
}

/// Up to the interruption both modes find the same.
fn blocking_stops_where_detecting_would(request: &Request<'_>) {
    let detected = exchange(&BUILT_IN, request, &[request.body]);
    let mut transaction = BUILT_IN.transaction(NOW);
    transaction.set_mode(Mode::Block);
    let blocked = go(transaction, request, &[request.body]);
    assert_eq!(blocked.verdict == Verdict::Blocked, detected.verdict == Verdict::Detected);
    let before = |outcome: &Outcome, last: u8| {
        let ids = outcome.matched.iter().filter(|rule| rule.phase <= last).map(|rule| rule.id);
        ids.collect::<Vec<_>>()
    };
    let Some(stop) = &blocked.interrupted else { return };
    let (blocked, detected) = (before(&blocked, stop.phase), before(&detected, stop.phase));
    assert!(detected.starts_with(&blocked), "{blocked:?} is no beginning of {detected:?}");
}

const NOW: Now = Now { unix_millis: 1_767_225_600_007 };

/// A request as `choices` says.
fn request<'a>(choices: &mut Choices<'a>) -> Request<'a> {
    let kinds: [&[u8]; 8] = [
        b"application/x-www-form-urlencoded",
        b"application/json",
        b"text/xml",
        b"multipart/form-data; boundary=x",
        b"multipart/form-data; boundary=\"x\"",
        b"text/plain",
        b"application/JSON; charset=utf-8",
        b"",
    ];
    let kind = choices.of(&kinds);
    let method = choices.of(&[&b"GET"[..], b"POST", b"PUT", b"x y"]);
    let uri = choices.bytes(120);
    let name = choices.of(&[&b"User-Agent"[..], b"Cookie", b"Referer", b"X-Any", b"Content-Length"]);
    let value = choices.bytes(80);
    let cookie = choices.bytes(60);
    let status = [200, 302, 404, 500][choices.below(4)];
    let answer = choices.bytes(60);
    let headers = [(&b"Content-Type"[..], kind), (name, value), (&b"cookie"[..], cookie)];
    Request { method, uri, headers, body: choices.clone().rest(), status, answer }
}

/// Runs all phases with the body in `pieces`.
pub(super) fn exchange(set: &RuleSet, request: &Request<'_>, pieces: &[&[u8]]) -> Outcome {
    go(set.transaction(NOW), request, pieces)
}

fn go(mut transaction: crate::Transaction, request: &Request<'_>, pieces: &[&[u8]]) -> Outcome {
    let client = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    transaction.connection(client, 4711, client, 80);
    transaction.unique_id("id");
    transaction.server_name(b"a.example");
    transaction.request_line(request.method, request.uri, b"HTTP/1.1");
    for (name, value) in request.headers {
        transaction.request_header(name, value);
    }
    transaction.phase1();
    let mut full = false;
    for piece in pieces {
        // Once it is full it stays full, whatever follows.
        let room = transaction.request_body(piece);
        assert!(!full || room == BodyRoom::Full);
        full = room == BodyRoom::Full;
    }
    transaction.phase2();
    transaction.response(request.status, b"HTTP/1.1");
    transaction.response_header(b"Content-Type", b"text/html");
    transaction.phase3();
    transaction.response_body(request.answer);
    transaction.phase4();
    transaction.finish()
}
