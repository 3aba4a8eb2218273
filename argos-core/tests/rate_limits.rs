//! Rate limits as clients meet them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::sync::Arc;

use arc_swap::ArcSwap;
use argos_core::clock::Clock;
use argos_core::logs::Queue;
use argos_core::proxy::{Proxy, ServeOptions};
use argos_core::schema::LogSource;
use argos_core::snapshot::{Host, Limit, LimitBy, Snapshot};
use serde_json::json;
use support::versions::{Version, World, request};
use support::{Answer, Site, Upstream, dead_address, group, host, rule, snapshot, target, with_proxy};

/// A window in which nothing comes back while a test runs.
const DAY: u32 = 86_400;

fn limit(requests: u32, by: LimitBy) -> Option<Limit> {
    Some(Limit { requests, window: DAY, by, status: 429 })
}

fn live(upstream: &Upstream, limit: Option<Limit>) -> Snapshot {
    let limited = Host { limit, ..host(1, "*", 1) };
    snapshot([limited], [group(1, [target(1, upstream.address, 1)])])
}

fn get(site: &Site, fields: &str) -> Answer {
    site.ask(format!("GET /x HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"))
}

#[test]
fn over_several_cores_exactly_so_many_pass() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
    let site = Site::with_threads(live(&upstream, limit(100, LimitBy::Address)), 4);
    let passed: usize = std::thread::scope(|scope| {
        let ask = || {
            // Some connections stay, and others are new, so that every core gets some.
            let mut kept = site.connect();
            let mut passed = 0;
            for n in 0..25 {
                let mut fresh = site.connect();
                let client = if n % 2 == 0 { &mut fresh } else { &mut kept };
                client.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
                let status = client.answer().status;
                assert!(status == 200 || status == 429, "{status}");
                passed += usize::from(status == 200);
            }
            passed
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(passed, 100);
    let rows = site.rows();
    let limited = rows.iter().filter(|row| row.action == "rate_limited" && row.status == 429).count();
    assert_eq!((rows.len(), limited), (200, 100));
}

#[test]
fn answers_tell_what_is_left() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, Some(Limit { window: 60, ..limit(3, LimitBy::Address).unwrap() })));
    for left in [2, 1, 0] {
        let answer = get(&site, "");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"host\";q=3;w=60"));
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"host\";r={left};t=")), "{}", answer.head);
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = get(&site, "");
    assert_eq!(refused.status, 429);
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"host\";q=3;w=60"));
    assert_eq!(refused.header("ratelimit").unwrap(), format!("\"host\";r=0;t={wait}"));
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    let rows = site.rows();
    let row = rows.iter().find(|row| row.source == LogSource::Access && row.status == 429).unwrap();
    assert_eq!((row.action.as_str(), row.message.as_str()), ("rate_limited", "more requests than the host allows"));
}

#[test]
fn the_refusal_has_the_form_that_the_client_wants_and_the_hosts_status() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, Some(Limit { status: 503, ..limit(1, LimitBy::Host).unwrap() })));
    assert_eq!(get(&site, "").status, 200);
    for (accept, kind, part) in [
        ("text/html", "text/html; charset=utf-8", "<h1>503 Service Unavailable</h1>"),
        ("application/json", "application/problem+json", "\"status\":503"),
        ("*/*", "text/plain; charset=utf-8", "503 Service Unavailable\n"),
    ] {
        let answer = get(&site, &format!("Accept: {accept}\r\n"));
        assert_eq!((answer.status, answer.header("content-type")), (503, Some(kind)));
        assert!(answer.text().contains(part), "{}", answer.text());
    }
}

#[test]
fn answers_of_argos_itself_tell_it_too() {
    let dead = dead_address();
    let limited = |id, rules: Vec<_>| Host {
        limit: limit(9, LimitBy::Address),
        rules: rules.into(),
        ..host(id, &format!("{id}.test"), 1)
    };
    let redirect = r#"{"type":"redirect","config":{"status_code":307,"target":"/new"}}"#;
    let block = r#"{"type":"block","config":{}}"#;
    let hosts = [limited(1, vec![]), limited(2, vec![rule(1, "[]", redirect)]), limited(3, vec![rule(2, "[]", block)])];
    let site = Site::start(snapshot(hosts, [group(1, [target(1, dead, 1)])]));
    for (host, status) in [(1, 502), (2, 307), (3, 403)] {
        let answer = site.ask(format!("GET / HTTP/1.1\r\nHost: {host}.test\r\n\r\n"));
        assert_eq!(answer.status, status);
        assert!(answer.header("ratelimit").unwrap().starts_with("\"host\";r=8;t="), "{}", answer.head);
    }
    // A version that is not spoken counts as well: the rules look at its head.
    for left in (0..8).rev() {
        let answer = site.ask("GET / HTTP/1.2\r\nHost: 1.test\r\n\r\n");
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"host\";r={left};")), "{}", answer.head);
    }
    assert_eq!(site.ask("GET / HTTP/1.2\r\nHost: 1.test\r\n\r\n").status, 429);
}

#[test]
fn a_header_counts_where_it_is_there_once_and_else_the_address() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, limit(1, LimitBy::Header("x-key".into()))));
    for (fields, status) in [
        ("X-Key: a\r\n", 200),
        ("x-key:  a \r\n", 429),
        ("X-Key: b\r\n", 200),
        // All of these are the address.
        ("", 200),
        ("", 429),
        ("X-Key:\r\n", 429),
        ("X-Key: c\r\nX-Key: a\r\n", 429),
        ("X-Key: c\r\n", 200),
    ] {
        assert_eq!(get(&site, fields).status, status, "{fields:?}");
    }
}

#[test]
fn behind_a_trusted_proxy_the_client_counts() {
    let upstream = Upstream::echo();
    let trusting = with_proxy(live(&upstream, limit(1, LimitBy::Address)), |proxy| {
        proxy.trusted_proxies = Box::new(["127.0.0.0/8".parse().unwrap()]);
    });
    let site = Site::start(trusting);
    for (client, status) in [
        ("203.0.113.9", 200),
        ("203.0.113.9", 429),
        ("203.0.113.10", 200),
        ("2001:db8::1", 200),
        ("2001:db8::ffff:2", 429),
        ("2001:db8:0:1::1", 200),
    ] {
        assert_eq!(get(&site, &format!("X-Forwarded-For: {client}\r\n")).status, status, "{client}");
    }
}

#[test]
fn counts_outlive_a_change_also_of_the_numbers() {
    let upstream = Upstream::echo();
    let site = Site::start(live(&upstream, limit(2, LimitBy::Host)));
    assert_eq!([get(&site, "").status, get(&site, "").status, get(&site, "").status], [200, 200, 429]);
    site.live.store(Arc::new(live(&upstream, limit(2, LimitBy::Host))));
    assert_eq!(get(&site, "").status, 429);
    // Twice as many in the same time: half of it is used.
    site.live.store(Arc::new(live(&upstream, None)));
    assert_eq!(get(&site, "").header("ratelimit"), None);
    site.live.store(Arc::new(live(&upstream, Some(Limit { window: 2 * DAY, ..limit(4, LimitBy::Host).unwrap() }))));
    assert_eq!([get(&site, "").status, get(&site, "").status, get(&site, "").status], [200, 200, 429]);
}

#[test]
fn the_proof_of_a_name_is_not_limited() {
    let upstream = Upstream::echo();
    let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..ServeOptions::default() };
    let presented = options.challenges.by_http("a-token", "a-token.thumbprint");
    let live = Arc::new(ArcSwap::from_pointee(live(&upstream, limit(1, LimitBy::Host))));
    let logs = Arc::new(Queue::new(|| ()));
    let proxy = Proxy::start(options, Arc::clone(&live), Arc::clone(&logs), Clock::system()).unwrap();
    let address = proxy.addresses()[0];
    let site = Site { proxy, live, logs, address };
    assert_eq!([get(&site, "").status, get(&site, "").status], [200, 429]);
    for _ in 0..3 {
        let answer = site.get("/.well-known/acme-challenge/a-token");
        assert_eq!((answer.status, answer.text().as_str()), (200, "a-token.thumbprint"));
        assert_eq!(answer.header("ratelimit"), None);
    }
    drop(presented);
}

#[test]
fn over_each_version_a_request_counts_once() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup");
    let mut world = World::start(&upstream, 2);
    let change = json!({"rate_limit_enabled": true, "rate_limit_requests": 12, "rate_limit_window_seconds": DAY});
    world.security(change);
    let mut left = 12;
    for version in Version::ALL {
        for answer in world.ask(version, (0..4).map(|n| request("GET", &format!("/{n}"), &[])).collect()) {
            left -= 1;
            assert_eq!(answer.status, 200, "{version:?} {answer:?}");
            assert_eq!(answer.field("ratelimit-policy").unwrap(), "\"host\";q=12;w=86400");
            let told = answer.field("ratelimit").unwrap();
            assert!(told.starts_with(&format!("\"host\";r={left};t=")), "{version:?}: {told}");
        }
    }
    for version in Version::ALL {
        let answer = world.get(version, "/", &[]);
        assert_eq!(answer.status, 429, "{version:?}");
        let wait = answer.field("retry-after").unwrap();
        assert_eq!(answer.field("ratelimit").unwrap(), format!("\"host\";r=0;t={wait}"), "{version:?}");
        assert!(answer.text().contains("429 Too Many Requests"));
    }
    let rows = world.rows();
    let limited: Vec<_> = rows.iter().filter(|row| row["action"] == "rate_limited").collect();
    assert_eq!((rows.len(), limited.len()), (15, 3));
}
