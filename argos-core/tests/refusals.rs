//! Every refused input of HTTP/1 as raw bytes, alone and pipelined before a second request.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::schema::LogSource;
use support::{Site, Upstream, simple, with_proxy};

/// What is sent, the status, and whether the connection is closed after it.
type Case = (&'static str, &'static str, u16, bool);

const CLOSE: bool = true;
const KEEP: bool = false;

const CASES: &[Case] = &[
    // Framing.
    (
        "length and chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    ("two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, CLOSE),
    ("length list", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 6\r\n\r\nhello", 400, CLOSE),
    ("signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400, CLOSE),
    ("negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400, CLOSE),
    ("hex length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400, CLOSE),
    ("empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, CLOSE),
    ("huge length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400, CLOSE),
    ("gzip, chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, CLOSE),
    (
        "chunked twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    ("identity", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, CLOSE),
    ("xchunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, CLOSE),
    ("chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, CLOSE),
    // Lines.
    ("folded", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, CLOSE),
    ("space before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, CLOSE),
    ("empty name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400, CLOSE),
    ("name no token", "GET / HTTP/1.1\r\nHost: a\r\nX(): b\r\n\r\n", 400, CLOSE),
    ("no colon", "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, CLOSE),
    ("NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, CLOSE),
    ("CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, CLOSE),
    ("LF in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\nb: c\r\n\r\n", 400, CLOSE),
    ("bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, CLOSE),
    ("bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, CLOSE),
    ("bare CR", "GET / HTTP/1.1\rHost: a\r\r\nX: b\r\n\r\n", 400, CLOSE),
    // Chunks.
    (
        "signed chunk",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "0x chunk",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "blank after size",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "17 digits",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "bad chunk end",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
        400,
        CLOSE,
    ),
    ("LF chunk end", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", 400, CLOSE),
    (
        "bad trailer",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "host trailer",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n",
        400,
        CLOSE,
    ),
    (
        "trailer of a client's certificate",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Client-Cert-Verified: yes\r\n\r\n",
        400,
        CLOSE,
    ),
    // Host.
    ("no Host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", 400, KEEP),
    ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, KEEP),
    ("user in Host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, KEEP),
    ("path in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, KEEP),
    ("space in Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, KEEP),
    ("authority is not Host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("bad Host with a body", "POST / HTTP/1.1\r\nHost: u@a\r\nContent-Length: 5\r\n\r\nhello", 400, KEEP),
    // Target.
    ("relative target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("* of GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("fragment in a path", "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("fragment behind a query", "GET /?a=1#&q=x HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("fragment of an absolute URI", "GET http://a#x HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, KEEP),
    ("%00", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("%zz", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("% at the end", "GET /a% HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("raw control byte", "GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("raw DEL", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("raw tab", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400, KEEP),
    ("raw space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSE),
    // Version.
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, CLOSE),
    ("HTTP/4.0 and a bad target", "GET a HTTP/4.0\r\nHost: a\r\n\r\n", 505, CLOSE),
    ("HTTP/0.8", "GET / HTTP/0.8\r\nHost: a\r\n\r\n", 400, CLOSE),
    ("HTTP/2.0 that is no preface", "PRI / HTTP/2.0\r\nHost: a\r\n\r\n", 505, CLOSE),
    ("HTTP/0.9", "GET /\r\n", 400, CLOSE),
    ("lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, CLOSE),
    ("no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400, CLOSE),
];

fn small(upstream: &Upstream) -> Site {
    Site::start(with_proxy(simple(upstream.address), |s| {
        (s.max_header_bytes, s.max_headers, s.max_uri_bytes) = (8192, 20, 1024);
        s.max_body_bytes = 100;
        s.header_timeout = std::time::Duration::from_millis(100);
        s.body_idle_timeout = std::time::Duration::from_millis(100);
    }))
}

#[test]
fn each_refusal_has_its_status_its_fate_and_its_row() {
    for (name, bytes, status, close) in CASES {
        check(name, bytes.as_bytes(), *status, *close);
    }
}

fn check(name: &str, bytes: &[u8], status: u16, close: bool) {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    let alone = site.ask(bytes);
    assert_eq!(alone.status, status, "{name}");
    assert_eq!(alone.header("connection") == Some("close"), close, "{name}: {}", alone.head);

    let mut client = site.connect();
    client.send([bytes, b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(client.answer().status, status, "{name} before a second request");
    if close {
        assert!(client.is_closed(), "{name}: the connection goes on");
        assert_eq!(upstream.received(), "", "{name}: the upstream saw something");
    } else {
        assert!(client.answer().text().starts_with("GET /second "), "{name}");
        assert!(upstream.received().starts_with("GET /second "), "{name}: {}", upstream.received());
    }
    drop(client);
    let rows = site.rows();
    let errors: Vec<_> = rows.iter().filter(|r| r.source == LogSource::Error).collect();
    assert_eq!(errors.len(), 2, "{name}: {rows:#?}");
    for row in errors {
        assert_eq!((row.level.as_str(), row.action.as_str()), ("warn", "bad_request"), "{name}");
        assert_eq!(row.status, i64::from(status), "{name}");
    }
    let refused = rows.iter().filter(|r| r.source == LogSource::Access && r.action == "bad_request").count();
    assert_eq!(refused, 2, "{name}: {rows:#?}");
}

#[test]
fn what_is_too_large_is_refused() {
    let line = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(n));
    check("long URI", line(1100).as_bytes(), 414, KEEP);
    check("endless URI", line(9000).as_bytes(), 414, CLOSE);
    check("large head", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(9000)).as_bytes(), 431, CLOSE);
    check("many lines", format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(30)).as_bytes(), 431, CLOSE);
    check("announced body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413, CLOSE);
    let chunk = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n{}\r\n0\r\n\r\n",
        "x".repeat(101)
    );
    check("chunked body", chunk.as_bytes(), 413, CLOSE);
    for size in ["65", "ffffffffffffffff"] {
        let announced = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nx");
        check("announced chunk", announced.as_bytes(), 413, CLOSE);
    }
    let extension =
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;{}\r\n", "x".repeat(300));
    check("chunk extension", extension.as_bytes(), 400, CLOSE);
}

#[test]
fn limits_are_met_exactly() {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    let answer = site.ask(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(1023)));
    assert_eq!(answer.status, 200);
    let answer = site.ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(19)));
    assert_eq!(answer.status, 200);
    let answer = site.ask(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{}", "x".repeat(100)));
    assert_eq!(answer.status, 200);
}

#[test]
fn slow_clients_get_408() {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    for part in
        ["GET / HT", "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhal"]
    {
        let mut client = site.connect();
        client.send(part);
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{part:?}");
        assert!(client.is_closed());
    }
    let rows = site.rows();
    assert_eq!(rows.iter().filter(|r| r.source == LogSource::Error && r.status == 408).count(), 3);
}

#[test]
fn a_client_that_says_nothing_is_closed_without_an_answer() {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    assert!(site.connect().is_closed());
    assert!(site.rows().is_empty());
}

#[test]
fn good_forms_are_accepted() {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    for (request, line) in [
        ("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /x?y HTTP/1.1\r\n"),
        ("GET HTTP://A HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n"),
        ("GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?y HTTP/1.1\r\n"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\n"),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n"),
        ("GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n"),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", "GET / HTTP/1.1\r\n"),
        ("GET http://a/x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.1\r\nHost: a\r\n"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 001\r\nHost: a\r\n\r\nx",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "POST / HTTP/1.1\r\n"),
        ("GET /\u{e9}?\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\u{e9}?\u{e9} HTTP/1.1\r\n"),
        ("get / HTTP/1.1\r\nHost: a:8080\r\nX:\r\n\r\n", "get / HTTP/1.1\r\n"),
    ] {
        let answer = site.ask(request);
        assert_eq!(answer.status, 200, "{request:?}");
        assert!(answer.text().starts_with(line), "{request:?}: {}", answer.text());
    }
}

#[test]
fn over_a_hundred_refusals_a_second_are_counted_only() {
    let upstream = Upstream::echo();
    let site = small(&upstream);
    let mut client = site.connect();
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\n\r\n".repeat(100));
        (0..100).for_each(|_| assert_eq!(client.answer().status, 400));
    }
    drop(client);
    let rows = site.rows();
    let access = rows.iter().filter(|r| r.source == LogSource::Access).count();
    let errors = rows.iter().filter(|r| r.source == LogSource::Error).count();
    assert_eq!(access, 500);
    assert!((100..=300).contains(&errors), "{errors} rows");
}
