//! Where a request is said to go is where it goes: the explanation beside the running proxy, for random rules and
//! requests and for each way to end.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use argos_core::{Argos, ServeOptions, Serving};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use support::{Answer, Client, Folder, Upstream, argos};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

fn call(argos: &Argos, name: &str, input: Value) -> Value {
    argos.call(name, object(input.clone())).unwrap_or_else(|e| panic!("{name} {input}: {e}")).value
}

fn serve(argos: &Argos) -> (Serving, SocketAddr) {
    let http = vec!["127.0.0.1:0".parse().unwrap()];
    let serving = argos.start(&ServeOptions { http, threads: 1, ..ServeOptions::default() }).unwrap();
    let address = serving.addresses()[0];
    (serving, address)
}

/// An upstream that says who it is and what it was asked for.
fn telling() -> Upstream {
    Upstream::run(|served| {
        let own = served.socket.local_addr().unwrap();
        while let Some(request) = served.request() {
            let line = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
            let body = format!("{own} {line}");
            served.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

fn target(upstream: &Upstream) -> Value {
    json!({"host": "127.0.0.1", "port": upstream.address.port()})
}

/// A request as both sides get it.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    uri: &'static str,
    headers: Vec<(String, String)>,
}

impl Asked {
    fn send(&self, address: SocketAddr) -> Answer {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.uri);
        self.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let mut client = Client::to(address);
        client.send(head + "\r\n");
        client.answer()
    }
}

fn matcher() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        select(vec!["/a*", "/*", "*b", "/a/?", "/api/*", "*", "/a%2Fb"])
            .prop_map(|p| json!({"type": "path", "config": {"patterns": [p]}})),
        select(vec!["/a", "/a/b", "/", "/b"]).prop_map(|p| json!({"type": "path_exact", "config": {"values": [p]}})),
        select(vec!["^/a/(.*)", "b$", "(?i)^/A", "^/api/(x)(y)?"])
            .prop_map(|p| json!({"type": "path_regex", "config": {"pattern": p}})),
        select(vec![vec!["GET"], vec!["POST", "PUT"], vec!["HEAD"]])
            .prop_map(|m| json!({"type": "method", "config": {"methods": m}})),
        (select(vec!["1", "*", "2"]), any::<bool>()).prop_map(|(value, regex)| {
            let (value, mode) = if regex { ("[12]", "regex") } else { (value, "exact") };
            json!({"type": "header", "config": {"name": "X-A", "value": value, "mode": mode}})
        }),
        select(vec!["1", "*", "x y"]).prop_map(|v| json!({"type": "query", "config": {"name": "q", "value": v}})),
        select(vec!["1", "*"]).prop_map(|v| json!({"type": "cookie", "config": {"name": "c", "value": v}})),
        select(vec!["192.0.2.0/25", "127.0.0.0/8", "0.0.0.0/0"])
            .prop_map(|r| json!({"type": "remote_ip", "config": {"ranges": [r]}})),
        select(vec!["a.shop.test", "*.shop.test", "b.shop.test"])
            .prop_map(|v| json!({"type": "host_header", "config": {"values": [v]}})),
    ];
    (kinds, prop::bool::weighted(0.2)).prop_map(|(mut matcher, negate)| {
        if negate {
            matcher["config"]["negate"] = json!(true);
        }
        matcher
    })
}

fn action(groups: [i64; 2]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(groups.to_vec()).prop_map(|id| json!({"type": "forward", "config": {"target_group_id": id}})),
        (
            select(vec![301, 308]),
            select(vec!["https://x.test{uri}", "/new/{1}", "{scheme}://{host}/?{query}"]),
            any::<bool>()
        )
            .prop_map(|(status, target, strip)| {
                json!({"type": "redirect", "config": {"status_code": status, "target": target, "strip_query": strip}})
            }),
        Just(json!({"type": "fixed_response", "config": {"status_code": 299, "body": "fixed"}})),
        Just(json!({"type": "block", "config": {"status": 451}})),
        select(vec![
            json!({"path": "/new{path}"}),
            json!({"strip_prefix": "/a"}),
            json!({"path": "/n", "query": "z=1"})
        ])
        .prop_map(|config| json!({"type": "rewrite", "config": config})),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let uris =
        vec!["/", "/a", "/a/b", "/a/b?q=1", "/api/xy", "/A", "/a%2Fb?q=%31", "//a", "/a/../b", "/b?q=x+y", "/a?"];
    (
        select(vec!["GET", "POST", "PUT", "DELETE"]),
        select(uris),
        select(vec!["a.shop.test", "b.shop.test:80", "c.shop.test", "other.test"]),
        select(vec![None, Some("1"), Some("2"), Some("3")]),
        select(vec![None, Some("c=1"), Some("d=1; c=2")]),
        select(vec![None, Some("192.0.2.7"), Some("192.0.2.200")]),
    )
        .prop_map(|(method, uri, host, a, cookie, client)| {
            let mut headers = vec![("Host".to_owned(), host.to_owned())];
            let mut push = |name: &str, value: Option<&str>| headers.extend(value.map(|v| (name.into(), v.to_owned())));
            push("X-A", a);
            push("Cookie", cookie);
            push("X-Forwarded-For", client);
            push("Content-Length", (method != "GET").then_some("0"));
            Asked { method, uri, headers }
        })
}

#[test]
fn random_requests_go_where_they_are_said_to_go() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let ups: Vec<_> = (0..5).map(|_| telling()).collect();
    let group = |name: &str, targets: &[&Upstream]| {
        let targets: Vec<Value> = targets.iter().map(|up| target(up)).collect();
        let input = json!({"name": name, "targets": targets, "algorithm": "ip_hash"});
        call(&argos, "target_groups.create", input)["id"].as_i64().unwrap()
    };
    let many = group("many", &[&ups[0], &ups[1], &ups[2]]);
    let one = group("one", &[&ups[3]]);
    let empty = group("empty", &[]);
    let host =
        call(&argos, "hosts.create", json!({"domain": "*.shop.test", "target_group_id": many, "tls_mode": "none"}));
    let host = host["id"].as_i64().unwrap();
    call(&argos, "settings.set", json!({"key": "proxy.trusted_proxies", "value": "127.0.0.1"}));
    let (serving, address) = serve(&argos);

    let never = |argos: &Argos| -> Vec<Value> {
        let rules = call(argos, "rules.list", json!({"host_id": host}));
        let told = |rule: &&Value| {
            let mut warnings = rule["warnings"].as_array().unwrap().iter();
            warnings.any(|text| text.as_str().unwrap().starts_with("it never decides"))
        };
        rules["items"].as_array().unwrap().iter().filter(told).map(|rule| rule["id"].clone()).collect()
    };
    let hidden = std::cell::Cell::new(0);
    let rules = prop::collection::vec((prop::collection::vec(matcher(), 0..3), action([one, empty])), 0..5);
    let cases = (rules, prop::collection::vec(asked(), 6));
    let mut runner = TestRunner::new(Config { cases: 80, failure_persistence: None, ..Config::default() });
    runner
        .run(&cases, |(rules, requests)| {
            for rule in call(&argos, "rules.list", json!({"host_id": host}))["items"].as_array().unwrap() {
                call(&argos, "rules.delete", json!({"host_id": host, "id": rule["id"]}));
            }
            for (matchers, action) in &rules {
                // Not every redirect has the capture that it names; what can't be saved is not tried.
                let input = json!({"host_id": host, "matchers": matchers, "action": action});
                let _ = argos.call("rules.create", object(input));
            }
            let never = never(&argos);
            hidden.set(hidden.get() + never.len());
            for asked in requests {
                let decided = same(&argos, address, &asked)?;
                prop_assert!(!never.contains(&decided), "rule {} was said never to decide: {:?}", decided, asked);
            }
            Ok(())
        })
        .unwrap();
    assert!(hidden.get() > 20, "{} rules were said never to decide: too few to tell", hidden.get());
    serving.stop(Duration::ZERO);
}

/// That what is said of a request is what the proxy does, and which rule decides.
fn same(argos: &Argos, address: SocketAddr, asked: &Asked) -> Result<Value, TestCaseError> {
    let name = asked.headers[0].1.clone();
    let url = format!("http://{name}{}", asked.uri);
    let input = json!({"method": asked.method, "url": url, "headers": asked.headers});
    let said = call(argos, "requests.explain", input);
    let answer = asked.send(address);
    let context = format!("{asked:?}\n{said:#}\n{answer:?}");
    match said["status"].as_u64() {
        Some(status) => {
            prop_assert_eq!(status, u64::from(answer.status), "{}", context);
            if let Some(location) = said["rules"]["action"]["location"].as_str() {
                prop_assert_eq!(Some(location), answer.header("location"), "{}", context);
            }
        }
        None => {
            let choice = &said["rules"]["target"];
            let address = choice["address"].as_str().expect("a hash settles the target");
            let uri = said["rules"]["action"]["target_uri"].as_str().unwrap();
            let expected = format!("{address} {} {uri} HTTP/1.1", asked.method);
            prop_assert_eq!(expected, answer.text(), "{}", context);
        }
    }
    // The rules that were tried end with the one that decides, and each other one says what did not hold.
    if let Some(tried) = said["rules"]["tried"].as_array() {
        let (last, before) = tried.split_last().map_or((None, &[][..]), |(last, before)| (Some(last), before));
        prop_assert!(before.iter().all(|rule| rule["matched"] == false && rule["failed_matcher"]["type"].is_string()));
        let decided = said["rules"]["rule_id"].as_i64();
        prop_assert_eq!(last.filter(|rule| rule["matched"] == true).and_then(|rule| rule["rule_id"].as_i64()), decided);
    }
    Ok(said["rules"]["rule_id"].clone())
}

#[test]
fn each_way_to_end_is_foretold() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let up = telling();
    let make = |domain: &str, more: Value| {
        let mut input = json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": [target(&up)]}});
        input.as_object_mut().unwrap().extend(object(more));
        call(&argos, "hosts.create", input)["id"].clone()
    };
    make("plain.test", json!({}));
    make("off.test", json!({"enabled": false}));
    make("secure.test", json!({"tls_mode": "auto"}));
    make("small.test", json!({"max_body_bytes": 10}));
    let limited = make("limited.test", json!({}));
    let limit = json!({"host_id": limited, "rate_limit_enabled": true, "rate_limit_requests": 1,
        "rate_limit_window_seconds": 600, "waf_mode": "block"});
    call(&argos, "security.update", limit);
    let guarded = make("guarded.test", json!({}));
    call(&argos, "security.update", json!({"host_id": guarded, "waf_mode": "block"}));
    let (serving, address) = serve(&argos);
    let explain = |asked: &Asked| {
        let url = format!("http://{}{}", asked.headers[0].1, asked.uri);
        let input = json!({"method": asked.method, "url": url, "headers": asked.headers, "waf": true});
        call(&argos, "requests.explain", input)
    };
    let long: &'static str = Box::leak(format!("/{}", "x".repeat(17_000)).into_boxed_str());
    for (method, uri, host, more, status, action) in [
        ("GET", "/", "plain.test", "", None, ""),
        ("GET", "/", "unknown.test", "", Some(404), "not_found"),
        ("GET", "/", "off.test", "", Some(404), "not_found"),
        ("GET", "/p?q", "secure.test", "", Some(308), "https_redirect"),
        ("GET", "/%zz", "plain.test", "", Some(400), "bad_request"),
        ("GET", "/%00", "plain.test", "", Some(400), "bad_request"),
        ("GET", long, "plain.test", "", Some(414), "bad_request"),
        ("POST", "/", "small.test", "Content-Length: 11", Some(413), "bad_request"),
        ("POST", "/", "plain.test", "Content-Length: x", Some(400), "bad_request"),
        ("GET", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", "guarded.test", "", Some(403), "waf_blocked"),
    ] {
        let mut headers = vec![("Host".to_owned(), host.to_owned())];
        headers.extend(more.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
        let asked = Asked { method, uri, headers };
        let said = explain(&asked);
        assert_eq!(said["status"].as_u64(), status, "{method} {host} {said:#}");
        assert_eq!(said["action"].as_str().unwrap_or_default(), action, "{said:#}");
        assert_eq!(asked.send(address).status, status.unwrap_or(200) as u16, "{method} {uri} {host}");
    }

    // It says how a client stands, and does not count.
    let asked = Asked { method: "GET", uri: "/", headers: vec![("Host".into(), "limited.test".into())] };
    let before = explain(&asked);
    assert_eq!((&before["limit"]["allowed"], &before["limit"]["left"]), (&json!(true), &json!(0)));
    assert_eq!(explain(&asked)["limit"], before["limit"]);
    assert_eq!(asked.send(address).status, 200);
    let after = explain(&asked);
    assert_eq!((&after["status"], &after["action"]), (&json!(429), &json!("rate_limited")));
    assert_eq!(asked.send(address).status, 429);
    serving.stop(Duration::ZERO);
}

#[test]
fn the_first_matcher_that_does_not_hold_is_shown_with_what_was_found() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let host = json!({"domain": "shop.test", "target_group": {"targets": [{"host": "127.0.0.1", "port": 9}]}});
    let host = call(&argos, "hosts.create", host)["id"].clone();
    let rule = json!({"host_id": host, "name": "api", "matchers": [
        {"type": "method", "config": {"methods": ["GET"]}},
        {"type": "header", "config": {"name": "X-Key", "value": "7"}}],
        "action": {"type": "block", "config": {}}});
    let id = call(&argos, "rules.create", rule)["id"].clone();
    let regex = json!({"host_id": host, "matchers": [{"type": "path_regex", "config": {"pattern": "^/u/(\\d+)/(.*)$"}}],
        "action": {"type": "redirect", "config": {"status_code": 302, "target": "/user/{1}"}}});
    call(&argos, "rules.create", regex);
    let said = call(
        &argos,
        "rules.match_request",
        json!({"host_id": host, "uri": "/u/7/x%20y?z=1", "headers": [["X-Key", "8"]]}),
    );
    let first = &said["tried"][0];
    assert_eq!((&first["rule_id"], &first["name"], &first["matched"]), (&id, &json!("api"), &json!(false)));
    assert_eq!(
        first["failed_matcher"],
        json!({"index": 1, "type": "header", "expected": r#"{"name":"X-Key","value":"7","mode":"exact"}"#, "found": "8"})
    );
    assert_eq!((&said["captures"], &said["action"]["location"]), (&json!(["7", "x y"]), &json!("/user/7?z=1")));
    assert_eq!(said["path_forms"], json!({"raw": "/u/7/x%20y", "matching": "/u/7/x y", "forwarded": "/u/7/x%20y"}));
    let said = call(&argos, "requests.explain", json!({"curl": "curl -X POST -d a=1 https://shop.test/cart"}));
    assert_eq!((&said["host"]["matched_by"], &said["https"]), (&json!("exact"), &json!(true)));
    assert_eq!((&said["rules"]["rule_id"], &said["rules"]["action"]["type"]), (&Value::Null, &json!("default")));
    assert_eq!(said["rules"]["target"]["address"], "127.0.0.1:9");
    assert!(said["outcome"].as_str().unwrap().starts_with("forwarded to shop.test, 127.0.0.1:9: no rule matches"));
    for (input, field) in [
        (json!({}), "url"),
        (json!({"url": "ftp://x.test/"}), "url"),
        (json!({"url": "http://x.test/", "headers": [["A", "b\r\nC: d"]]}), "headers"),
        (json!({"url": "http://x.test/", "method": "G T"}), "method"),
        (json!({"url": "http://x.test/a b"}), "uri"),
        (json!({"curl": "wget http://x.test/"}), "curl"),
    ] {
        let refused = argos.call("requests.explain", object(input.clone())).unwrap_err();
        assert_eq!(refused.fields()[0].field, field, "{input}: {refused}");
    }
}
