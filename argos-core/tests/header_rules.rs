//! Header rules of a host, as upstreams and clients see them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::sync::Arc;

use argos_core::schema::{HeaderOp, HeaderRule};
use argos_core::snapshot::{HeaderRules, Host, Snapshot};
use serde_json::json;
use support::versions::{Version, World, request};
use support::{Site, Upstream, dead_address, group, host, rule, snapshot, target};

/// Rules as `op name: value`.
fn list(rules: &[&str]) -> Vec<HeaderRule> {
    let one = |text: &&str| {
        let (op, rest) = text.split_once(' ').unwrap();
        let (name, value) = rest.split_once(": ").map_or((rest, None), |(name, value)| (name, Some(value.to_owned())));
        HeaderRule { op: HeaderOp::parse(op).unwrap(), name: name.to_owned(), value }
    };
    rules.iter().map(one).collect()
}

fn headers(request: &[&str], reply: &[&str]) -> Option<Arc<HeaderRules>> {
    Some(Arc::new(HeaderRules::compile(&list(request), &list(reply)).unwrap()))
}

fn live(upstream: &Upstream, request: &[&str], reply: &[&str]) -> Snapshot {
    let first = Host { headers: headers(request, reply), ..host(1, "*", 1) };
    snapshot([first], [group(1, [target(1, upstream.address, 1)])])
}

#[test]
fn upstreams_get_requests_as_the_rules_make_them() {
    let upstream = Upstream::echo();
    let rules = [
        "set X-Real-IP: {remote_ip}",
        "remove Cookie",
        "set User-Agent: by Argos",
        "add X-Where: {scheme}://{host}{uri}",
        "add X-Where: {path} {query}",
        "remove Via-Not",
        "add X-Gone: 1",
        "remove x-gone",
    ];
    let site = Site::start(live(&upstream, &rules, &[]));
    let answer = site.ask(
        "GET /a%20b/../c?q=1 HTTP/1.1\r\nHost: A.example:80\r\nCookie: a=1\r\nuser-agent: curl\r\nUser-Agent: two\r\n\
         X-Real-IP: 1.1.1.1\r\nX-Kept: yes\r\n\r\n",
    );
    let seen = answer.text();
    for line in [
        "GET /c?q=1 HTTP/1.1\r\nHost: A.example:80\r\n",
        "\r\nX-Real-IP: 127.0.0.1\r\n",
        "\r\nUser-Agent: by Argos\r\n",
        "\r\nX-Where: http://a.example/c?q=1\r\nX-Where: /c q=1\r\n",
        "\r\nX-Kept: yes\r\n",
        "\r\nVia: 1.1 argos\r\n",
    ] {
        assert!(seen.contains(line), "{line:?} is not in {seen}");
    }
    for gone in ["Cookie", "curl", "two", "1.1.1.1", "X-Gone"] {
        assert!(!seen.contains(gone), "{gone} is in {seen}");
    }
}

#[test]
fn a_body_arrives_whole_whatever_the_rules() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, &["set Content-Type: x/y", "add A: b"], &["set Content-Type: y/z"]));
    for framing in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        let answer = site.ask(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n{framing}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("y/z")));
        assert!(answer.text().contains("hello") && answer.text().contains("Content-Type: x/y\r\n"), "{answer:?}");
    }
}

#[test]
fn argos_own_answers_have_them_too() {
    let redirect = r#"{"type":"redirect","config":{"status_code":307,"target":"/new"}}"#;
    let fixed = r#"{"type":"fixed_response","config":{"status_code":200,"body":"hi"}}"#;
    let rules: [&[_]; 3] = [&[], &[(1, redirect)], &[(2, fixed)]];
    let hosts = rules.iter().zip(1..).map(|(rules, id)| Host {
        rules: rules.iter().map(|(id, action)| rule(*id, "[]", action)).collect::<Vec<_>>().into(),
        headers: headers(&[], &["set X-Frame-Options: DENY", "remove Date", "add Set-Cookie: a=1", "set X-To: {path}"]),
        ..host(id, &format!("{id}.test"), 1)
    });
    let site = Site::start(snapshot(hosts, [group(1, [target(1, dead_address(), 1)])]));
    for (host, status) in [(1, 502), (2, 307), (3, 200)] {
        let answer = site.ask(format!("GET /x HTTP/1.1\r\nHost: {host}.test\r\n\r\n"));
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{}", answer.head);
        assert_eq!(answer.header("set-cookie"), Some("a=1"));
        assert_eq!(answer.header("x-to"), Some("/x"));
        assert_eq!(answer.header("date"), None);
        assert!(answer.header("content-length").is_some() && answer.header("x-request-id").is_some());
    }
    // A name that no host serves has no rules.
    assert_eq!(site.ask("GET / HTTP/1.1\r\nHost: none.test\r\n\r\n").header("x-frame-options"), None);
}

#[test]
fn interim_answers_stay_as_they_came() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let upstream = Upstream::saying(format!("{hints}HTTP/1.1 200 OK\r\nLink: </b.css>\r\nContent-Length: 2\r\n\r\nok"));
    let site = Site::start(live(&upstream, &[], &["set Link: </c.css>"]));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (interim, last) = (client.answer(), client.answer());
    assert_eq!((interim.status, interim.header("link")), (103, Some("</a.css>")));
    assert_eq!((last.status, last.headers("link")), (200, vec!["</c.css>"]));
}

#[test]
fn over_each_version_they_hold() {
    let upstream = Upstream::echo();
    let world = World::start(&upstream, 1);
    world.host(json!({
        "request_headers": [{"op": "set", "name": "X-Asked", "value": "{scheme} {path}"}, {"op": "remove", "name": "X-Bad"}],
        "response_headers": [
            {"op": "set", "name": "X-Served", "value": "no"},
            {"op": "add", "name": "X-Two", "value": "1"},
            {"op": "add", "name": "X-Two", "value": "2"},
        ],
    }));
    for version in Version::ALL {
        let answer = world.ask(version, vec![request("GET", "/p?q", &[("x-bad", "1")])]).remove(0);
        assert_eq!(answer.field("x-served").unwrap(), "no", "{version:?}");
        assert_eq!(answer.field("x-two").unwrap(), "1 | 2", "{version:?}");
        assert!(answer.text().contains("X-Asked: https /p\r\n"), "{version:?} {}", answer.text());
        assert!(!answer.text().to_lowercase().contains("x-bad"), "{version:?} {}", answer.text());
    }
    // A change is live for the next request.
    world.host(json!({"request_headers": [], "response_headers": []}));
    assert_eq!(world.get(Version::One, "/", &[]).field("x-served").unwrap(), "yes");
}
