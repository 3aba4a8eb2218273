//! A request through the proxy and back, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use argos_core::schema::LogSource;
use support::{Site, Upstream, only, simple};

#[test]
fn a_request_reaches_the_upstream_and_its_answer_the_client() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    for path in ["/one?x=1&token=secret", "/two"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\nReferer: /r\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-served"), Some("yes"));
        assert!(answer.header("date").is_some() && answer.header("x-request-id").is_some());
        assert!(answer.text().starts_with(&format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n")), "{}", answer.text());
    }
    let upstream_text = upstream.address.to_string();
    let rows = site.rows();
    assert_eq!(rows.len(), 2);
    let row = &rows[0];
    assert_eq!((row.source, row.level.as_str(), row.status), (LogSource::Access, "info", 200));
    assert_eq!((row.method.as_str(), row.path.as_str(), row.query.as_str()), ("GET", "/one", "x=1&token=***"));
    assert_eq!((row.host_domain.as_str(), row.remote_ip.as_str()), ("a.example", "127.0.0.1"));
    assert_eq!(
        (row.upstream.as_str(), row.user_agent.as_str(), row.action.as_str()),
        (&*upstream_text, "test", "proxied")
    );
    assert_eq!((row.http_version.as_str(), row.message.as_str()), ("HTTP/1.1", "proxied"));
    assert!(row.size_bytes > 100 && row.request_id.len() == 36 && row.host_id.is_some());
    assert!(row.raw.contains("\"referer\":\"/r\""));
}

#[test]
fn small_bodies_pass() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.answer().text().ends_with("\r\n\r\nhello"));
    assert!(client.answer().text().starts_with("GET /next "));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n");
    client.send("3\r\nllo\r\n0\r\n\r\n");
    let text = client.answer().text();
    assert!(text.contains("\r\nTransfer-Encoding: chunked\r\n") && text.ends_with("0\r\n\r\n"), "{text}");
    drop(client);
    let rows = site.rows();
    assert_eq!(rows.iter().map(|r| r.bytes_in).collect::<Vec<_>>(), [5, 0, 5]);
    let _ = only;
}
