//! Hosts, rules and headers as the upstream and the client see them.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::sync::Arc;

use argos_core::schema::{GroupId, LogSource};
use argos_core::snapshot::{Rule, Snapshot};
use support::{Answer, Site, Upstream, group, host, only, rule, simple, snapshot, target, with_proxy};

fn site_with(upstream: &Upstream, rules: Vec<Rule>) -> Site {
    let mut first = host(1, "*", 1);
    first.rules = rules.into();
    Site::start(snapshot([first], [group(1, [target(1, upstream.address, 1)])]))
}

fn get(site: &Site, target: &str, headers: &str) -> Answer {
    site.ask(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{headers}\r\n"))
}

const BLOCK: &str = r#"{"type":"block","config":{}}"#;

#[test]
fn each_matcher_decides() {
    let upstream = Upstream::echo();
    // matchers, target, headers, whether they hold
    let cases = [
        (r#"[]"#, "/x", "", true),
        (r#"[{"type":"path","config":{"patterns":["/api/*","/b"]}}]"#, "/api/x", "", true),
        (r#"[{"type":"path","config":{"patterns":["/api/*"]}}]"#, "/%61pi/x", "", true),
        (r#"[{"type":"path","config":{"patterns":["/api/*"]}}]"#, "//api/x", "", true),
        (r#"[{"type":"path","config":{"patterns":["/api/*"]}}]"#, "/x/../api/x", "", true),
        (r#"[{"type":"path","config":{"patterns":["/api/*"]}}]"#, "/API/x", "", false),
        (r#"[{"type":"path","config":{"patterns":["/api/*"],"negate":true}}]"#, "/api/x", "", false),
        (
            r#"[{"type":"path","config":{"patterns":["/a*"]}},{"type":"path","config":{"patterns":["*z"]}}]"#,
            "/az",
            "",
            true,
        ),
        (
            r#"[{"type":"path","config":{"patterns":["/a*"]}},{"type":"path","config":{"patterns":["*z"]}}]"#,
            "/ay",
            "",
            false,
        ),
        (r#"[{"type":"path_exact","config":{"values":["/x"]}}]"#, "/x?q", "", true),
        (r#"[{"type":"path_exact","config":{"values":["/x"]}}]"#, "/x/", "", false),
        (r#"[{"type":"path_regex","config":{"pattern":"^/u/(\\d+)$"}}]"#, "/u/12", "", true),
        (r#"[{"type":"path_regex","config":{"pattern":"^/u/(\\d+)$"}}]"#, "/u/x", "", false),
        (r#"[{"type":"method","config":{"methods":["POST","GET"]}}]"#, "/", "", true),
        (
            r#"[{"type":"method","config":{"methods":["GET"]}},{"type":"method","config":{"methods":["POST"]}}]"#,
            "/",
            "",
            false,
        ),
        (r#"[{"type":"header","config":{"name":"X-A","value":"1"}}]"#, "/", "x-a: 0\r\nX-A: 1\r\n", true),
        (r#"[{"type":"header","config":{"name":"X-A","value":"1"}}]"#, "/", "X-A: 11\r\n", false),
        (r#"[{"type":"header","config":{"name":"X-A","value":"*"}}]"#, "/", "X-A:\r\n", true),
        (r#"[{"type":"header","config":{"name":"X-A","value":"*"}}]"#, "/", "", false),
        (r#"[{"type":"header","config":{"name":"X-A","value":"^b+$","mode":"regex"}}]"#, "/", "X-A: bbb\r\n", true),
        (
            r#"[{"type":"header","config":{"name":"A","value":"1"}},{"type":"header","config":{"name":"A","value":"2"}}]"#,
            "/",
            "A: 1\r\nA: 2\r\n",
            true,
        ),
        (
            r#"[{"type":"header","config":{"name":"A","value":"1"}},{"type":"header","config":{"name":"A","value":"2"}}]"#,
            "/",
            "A: 1\r\n",
            false,
        ),
        (r#"[{"type":"query","config":{"name":"a","value":"x y"}}]"#, "/?b&a=x+y", "", true),
        (r#"[{"type":"query","config":{"name":"a","value":"*"}}]"#, "/?a", "", true),
        (r#"[{"type":"query","config":{"name":"a","value":"*"}}]"#, "/a", "", false),
        (r#"[{"type":"cookie","config":{"name":"a","value":"1"}}]"#, "/", "Cookie: b=2; a=1\r\n", true),
        (r#"[{"type":"cookie","config":{"name":"a","value":"1"}}]"#, "/", "Cookie: A=1; ba=1\r\n", false),
        (r#"[{"type":"remote_ip","config":{"ranges":["127.0.0.0/8"]}}]"#, "/", "", true),
        (r#"[{"type":"remote_ip","config":{"ranges":["10.0.0.0/8","::/0"]}}]"#, "/", "", false),
        (r#"[{"type":"host_header","config":{"values":["*.example"]}}]"#, "/", "", true),
        (r#"[{"type":"host_header","config":{"values":["b.example"]}}]"#, "/", "", false),
    ];
    for (matchers, path, headers, holds) in cases {
        let site = site_with(&upstream, vec![rule(7, matchers, BLOCK)]);
        let answer = get(&site, path, headers);
        assert_eq!(answer.status, if holds { 403 } else { 200 }, "{matchers} {path} {headers}");
        let rows = site.rows();
        let row = only(&rows, LogSource::Access);
        assert_eq!(row.rule_id.map(|r| r.0), holds.then_some(7));
        assert_eq!(row.action, if holds { "block_rule" } else { "proxied" });
    }
}

#[test]
fn redirects_fill_their_template() {
    let upstream = Upstream::echo();
    let regex = r#"[{"type":"path_regex","config":{"pattern":"^/u/([^/]*)/?(.*)$"}}]"#;
    for (matchers, target, strip, path, location) in [
        ("[]", "https://{host}{uri}", false, "/x?a=1", "https://a.example/x?a=1"),
        ("[]", "https://{host}{uri}", true, "/x?a=1", "https://a.example/x"),
        ("[]", "/new", false, "/x?a=1", "/new?a=1"),
        ("[]", "/new", false, "/x", "/new"),
        ("[]", "/new", true, "/x?a=1", "/new"),
        ("[]", "/new#f", false, "/x?a=1", "/new?a=1#f"),
        ("[]", "/new?b=2", false, "/x?a=1", "/new?b=2"),
        ("[]", "/new?q={query}", false, "/x?a=1", "/new?q=a=1"),
        ("[]", "/new?q={query}", true, "/x?a=1", "/new?q="),
        ("[]", "{scheme}://x{path}?ip={remote_ip}", false, "/a%20b", "http://x/a%20b?ip=127.0.0.1"),
        (regex, "/v/{1}-{2}", false, "/u/7/rest", "/v/7-rest"),
        // What the client wrote never becomes the name of another site.
        ("[]", "{path}/", false, "//evil.example/x", "/evil.example/x/"),
        ("[]", "{uri}", false, "/\\\\evil.example/x", "/evil.example/x"),
        (regex, "/v/{1}", false, "/u/a%20%C3%A9%25", "/v/a%20%C3%A9%25"),
    ] {
        let config = format!(
            r#"{{"type":"redirect","config":{{"status_code":307,"target":"{target}","strip_query":{strip}}}}}"#
        );
        let site = site_with(&upstream, vec![rule(1, matchers, &config)]);
        let answer = get(&site, path, "");
        assert_eq!((answer.status, answer.header("location")), (307, Some(location)), "{target} {path}");
        assert_eq!(only(&site.rows(), LogSource::Access).action, "redirect");
    }
    // A line break out of the path never becomes a header.
    let config = r#"{"type":"redirect","config":{"status_code":302,"target":"/v/{1}"}}"#;
    let site = site_with(&upstream, vec![rule(1, regex, config)]);
    assert_eq!(get(&site, "/u/a%0d%0aX:y", "").status, 400);
}

#[test]
fn rewrites_strip_then_path_then_query() {
    let upstream = Upstream::echo();
    let regex = r#"[{"type":"path_regex","config":{"pattern":"^/u/(.*)$"}}]"#;
    for (matchers, config, target, line) in [
        ("[]", r#"{"strip_prefix":"/old"}"#, "/old/x?a=1", "/x?a=1"),
        ("[]", r#"{"strip_prefix":"/old"}"#, "/old", "/"),
        ("[]", r#"{"strip_prefix":"/old/"}"#, "/old/x", "/x"),
        ("[]", r#"{"strip_prefix":"/old"}"#, "/older/x", "/older/x"),
        ("[]", r#"{"strip_prefix":"/old","path":"/new{path}"}"#, "/old/x?a=1", "/new/x?a=1"),
        ("[]", r#"{"query":""}"#, "/x?a=1", "/x"),
        ("[]", r#"{"query":"b=2&{query}"}"#, "/x?a=1", "/x?b=2&a=1"),
        ("[]", r#"{"path":"/new?c=3"}"#, "/x?a=1", "/new?c=3"),
        (regex, r#"{"path":"/v/{1}"}"#, "/u/a%20b", "/v/a%20b"),
        (regex, r#"{"path":"/v/{1}"}"#, "/u/%252e%252e/b", "/v/%252e%252e/b"),
    ] {
        let config = format!(r#"{{"type":"rewrite","config":{config}}}"#);
        let site = site_with(&upstream, vec![rule(1, matchers, &config)]);
        let answer = get(&site, target, "");
        assert!(answer.text().starts_with(&format!("GET {line} HTTP/1.1\r\n")), "{config} {target}: {}", answer.text());
        assert_eq!(
            only(&site.rows(), LogSource::Access).path,
            target.split('?').next().unwrap().replace("%20", " ").replace("%25", "%")
        );
    }
}

#[test]
fn fixed_answers_and_blocks_say_what_they_are_told() {
    let upstream = Upstream::echo();
    for (action, status, kind, body) in [
        (
            r#"{"type":"fixed_response","config":{"status_code":200,"body":"hi","content_type":"text/x"}}"#,
            200,
            Some("text/x"),
            "hi",
        ),
        (r#"{"type":"fixed_response","config":{"status_code":204,"body":""}}"#, 204, None, ""),
        (r#"{"type":"block","config":{"status":451,"body":"no"}}"#, 451, Some("text/plain; charset=utf-8"), "no"),
    ] {
        let site = site_with(&upstream, vec![rule(1, "[]", action)]);
        let answer = get(&site, "/", "");
        assert_eq!((answer.status, answer.header("content-type"), &*answer.text()), (status, kind, body), "{action}");
    }
    let site = site_with(&upstream, vec![rule(1, "[]", BLOCK)]);
    assert!(get(&site, "/", "Accept: text/html\r\n").text().contains("<h1>403 Forbidden</h1>"));
    assert_eq!(
        get(&site, "/", "Accept: application/json\r\n").header("content-type"),
        Some("application/problem+json")
    );
    // An early answer reads the body away, so that the connection goes on.
    let mut client = site.connect();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(client.answer().status, 403);
    }
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((client.answer_to_head().status, client.answer().status), (403, 403));
}

#[test]
fn the_first_rule_that_matches_decides_and_forward_never_falls_through() {
    let (one, two) = (
        Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"),
        Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"),
    );
    let mut first = host(1, "*", 1);
    first.rules = std::sync::Arc::new([
        rule(
            1,
            r#"[{"type":"path","config":{"patterns":["/two*"]}}]"#,
            r#"{"type":"forward","config":{"target_group_id":2}}"#,
        ),
        rule(
            2,
            r#"[{"type":"path","config":{"patterns":["/empty"]}}]"#,
            r#"{"type":"forward","config":{"target_group_id":3}}"#,
        ),
        rule(
            3,
            r#"[{"type":"path","config":{"patterns":["/gone"]}}]"#,
            r#"{"type":"forward","config":{"target_group_id":9}}"#,
        ),
        rule(4, r#"[{"type":"path","config":{"patterns":["/two/x","/empty","/gone"]}}]"#, BLOCK),
    ]);
    let groups = [group(1, [target(1, one.address, 1)]), group(2, [target(2, two.address, 1)]), group(3, [])];
    let site = Site::start(snapshot([first], groups));
    for (path, status, text) in [("/", 200, "one"), ("/two/x", 200, "two"), ("/empty", 503, ""), ("/gone", 503, "")] {
        let answer = site.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(text), "{path}");
    }
}

#[test]
fn names_find_their_host() {
    let upstream = Upstream::echo();
    let groups = || [group(1, [target(1, upstream.address, 1)])];
    let mut off = host(2, "off.example", 1);
    off.enabled = false;
    let mut broken = host(3, "broken.example", 1);
    broken.fault = Some("a rule does not compile".into());
    let mut quiet = host(4, "quiet.example", 1);
    quiet.access_log = false;
    let live = snapshot([host(1, "a.example", 1), off, broken, quiet], groups());
    let ask = |site: &Site, name: &str| site.ask(format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n")).status;
    let cases = [
        ("a.example", 200, "proxied"),
        ("A.Example:8080", 200, "proxied"),
        ("a.example.", 200, "proxied"),
        ("unknown.example", 404, "not_found"),
        ("127.0.0.1", 404, "not_found"),
        ("off.example", 404, "not_found"),
        ("broken.example", 503, "upstream_error"),
    ];
    for (name, status, action) in cases {
        let site = Site::start(live.clone());
        assert_eq!(ask(&site, name), status, "{name}");
        let rows = site.rows();
        assert_eq!(only(&rows, LogSource::Access).action, action, "{name}");
    }
    let site = Site::start(with_proxy(live.clone(), |s| s.disabled_host_status = 503));
    assert_eq!(ask(&site, "off.example"), 503);
    let site = Site::start(live);
    assert_eq!(ask(&site, "quiet.example"), 200);
    assert!(site.rows().is_empty());
}

#[test]
fn a_new_snapshot_is_used_by_the_next_request() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(request);
    assert_eq!(client.answer().status, 200);
    site.live.store(Arc::new(Snapshot::default()));
    client.send(request);
    assert_eq!(client.answer().status, 404);
}

#[test]
fn cookies_that_connection_names_go_no_further() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let text = site.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: cookie\r\nCookie: a=1\r\n\r\n").text();
    assert!(!text.to_ascii_lowercase().contains("cookie"), "{text}");
}

#[test]
fn headers_to_the_upstream() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let port = site.address.port();
    let sent = "Host: a.example:81\r\nConnection: keep-alive, X-Drop, host, content-length, x-forwarded-for\r\nKeep-Alive: 5\r\n\
        Proxy-Connection: x\r\nProxy-Authorization: x\r\nX-Drop: x\r\nTE: gzip\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\
        X-Auth-User: root\r\nx_auth_groups: admin\r\nX.Auth!Email: a@b\r\nX-Forwarded.For: 1.1.1.1\r\n\
        Proxy: http://evil\r\nTransfer_Encoding: chunked\r\nContent.Length: 9\r\nX_Real.IP: 1.1.1.1\r\nX-Auth-Token: kept\r\n\
        X-Forwarded-For: 1.1.1.1\r\nX_Forwarded_For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: evil\r\nX-Forwarded-Server: evil\r\nX-Request-Id: chosen-by-client\r\ntraceparent: nonsense\r\ntracestate: x=y\r\n\
        Cookie: a=1; argos_session=secret; b=2\r\nX-Kept: Two  Blanks \r\nVia: 1.0 other\r\n";
    let text = site.ask(format!("POST /p?q HTTP/1.1\r\n{sent}Content-Length: 2\r\n\r\nhi")).text();
    let lines: Vec<&str> = text.lines().collect();
    let values = |name: &str| -> Vec<&str> {
        let all = lines.iter().filter_map(|l| l.split_once(": "));
        all.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
    };
    assert_eq!(lines[..2], ["POST /p?q HTTP/1.1", "Host: a.example:81"]);
    for gone in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "x-drop",
        "te",
        "upgrade",
        "http2-settings",
        "x-auth-user",
        "x_auth_groups",
        "x.auth!email",
        "x-forwarded.for",
        "proxy",
        "transfer_encoding",
        "content.length",
        "x_real.ip",
        "x_forwarded_for",
        "forwarded",
        "x-real-ip",
        "x-forwarded-server",
        "tracestate",
    ] {
        assert!(values(gone).is_empty(), "{gone}: {text}");
    }
    assert_eq!(values("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values("x-forwarded-proto"), ["http"]);
    assert_eq!(values("x-forwarded-host"), ["a.example:81"]);
    assert_eq!(values("x-forwarded-port"), [port.to_string()]);
    assert_eq!(values("cookie"), ["a=1; b=2"]);
    assert_eq!(values("x-kept"), ["Two  Blanks"]);
    assert_eq!(values("x-auth-token"), ["kept"]);
    assert_eq!(values("via"), ["1.0 other", "1.1 argos"]);
    assert_eq!(values("content-length"), ["2"]);
    assert!(values("x-request-id")[0].len() == 36 && values("traceparent")[0].len() == 55);
    assert!(text.ends_with("\r\n\r\nhi"));
}

#[test]
fn a_trusted_proxy_is_believed() {
    let upstream = Upstream::echo();
    let live = with_proxy(simple(upstream.address), |s| {
        s.trusted_proxies = Box::new(["127.0.0.0/8".parse().unwrap()]);
        s.send_forwarded = true;
    });
    let site = Site::start(live);
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = get(
        &site,
        "/",
        &format!(
            "X-Forwarded-For: spoof, 203.0.113.9, 127.0.0.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: pub.example\r\n\
        X-Forwarded-Port: 443\r\nX-Request-Id: from-the-proxy\r\ntraceparent: {trace}\r\ntracestate: x=y\r\n"
        ),
    );
    assert_eq!(answer.header("x-request-id"), Some("from-the-proxy"));
    let text = answer.text();
    for line in [
        "X-Forwarded-For: 203.0.113.9, 127.0.0.2, 127.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: pub.example",
        "X-Forwarded-Port: 443",
        "X-Request-Id: from-the-proxy",
        &format!("traceparent: {trace}"),
        "tracestate: x=y",
        "Forwarded: for=203.0.113.9, for=127.0.0.2, for=127.0.0.1;host=\"pub.example\";proto=https",
    ] {
        assert_eq!(text.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line}\n{text}");
    }
    let rows = site.rows();
    assert_eq!((rows[0].remote_ip.as_str(), rows[0].request_id.as_str()), ("203.0.113.9", "from-the-proxy"));
}

#[test]
fn the_host_header_is_the_targets_unless_preserved() {
    let upstream = Upstream::echo();
    let mut plain = group(1, [target(1, upstream.address, 1)]);
    plain.preserve_host = false;
    let site = Site::start(snapshot([host(1, "*", 1)], [plain]));
    assert!(site.get("/").text().contains(&format!("\r\nHost: {}\r\n", upstream.address)));
}

#[test]
fn headers_to_the_client() {
    let upstream = Upstream::saying(
        "HTTP/1.1 200 Fine\r\nServer: up\r\nX-A: 1\r\nx-a: 2\r\nConnection: X-Drop, content-length\r\nX-Drop: x\r\nKeep-Alive: x\r\n\
         Proxy-Authenticate: x\r\nUpgrade: h2c\r\nX-Request-Id: upstream\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok",
    );
    let site = Site::start(simple(upstream.address));
    let answer = site.get("/");
    assert!(answer.head.starts_with("HTTP/1.1 200 Fine\r\n"));
    assert_eq!((answer.header("server"), answer.headers("x-a")), (Some("up"), vec!["1", "2"]));
    for gone in ["connection", "x-drop", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!(answer.headers("set-cookie").len(), 2);
    assert!(answer.headers("x-request-id").len() == 1 && answer.header("x-request-id").unwrap().len() == 36);
    assert!(answer.header("date").is_some_and(|d| d.ends_with(" GMT")) && answer.text() == "ok");
}

#[test]
fn the_upstream_gets_the_forwarded_path() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    for (sent, got) in [
        ("/a/%2e%2e/b", "/b"),
        ("//admin", "//admin"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a%5C..%5Cb", "/a%5C..%5Cb"),
        ("/%252e?a=%zz", "/%252e?a=%zz"),
    ] {
        assert!(site.get(sent).text().starts_with(&format!("GET {got} HTTP/1.1\r\n")), "{sent}");
    }
}

#[test]
fn weights_hold() {
    let named = |name: &str| Upstream::saying(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}"));
    let upstreams = [named("a"), named("b"), named("c")];
    let targets =
        upstreams.iter().zip([1, 2, 5]).enumerate().map(|(i, (u, weight))| target(i as i64 + 1, u.address, weight));
    let site = Site::with_threads(snapshot([host(1, "*", 1)], [group(1, targets)]), 2);
    let mut counts = [0u32; 3];
    for _ in 0..4 {
        let mut client = site.connect();
        for _ in 0..2000 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            counts[usize::from(client.answer().body[0] - b'a')] += 1;
        }
    }
    for (count, share) in counts.iter().zip([1000.0, 2000.0, 5000.0]) {
        assert!((f64::from(*count) - share).abs() <= share * 0.01, "{counts:?}");
    }
    let _ = GroupId(1);
}
