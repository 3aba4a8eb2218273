//! Every field of every matcher and action: the same request, answered in another way when the field has another
//! value.

use serde_json::{Value, json};

use super::world::{World, echo};

/// A field with two values, the request, and what only the first and only the second answer holds.
pub struct Row {
    pub field: &'static str,
    pub values: [Value; 2],
    pub request: (&'static str, &'static str, &'static [(&'static str, &'static str)]),
    pub shows: [&'static str; 2],
}

const GET: (&str, &str, &[(&str, &str)]) = ("GET", "/a/b?x=1", &[("X-A", "one"), ("Cookie", "c=one")]);

/// A matcher that holds with the first value only.
fn matcher(field: &'static str, kind: &str, one: Value, other: Value) -> Row {
    let rule = |config: &Value| {
        json!({
            "matchers": [{"type": kind, "config": config}],
            "action": {"type": "fixed_response", "config": {"status_code": 299, "body": "ruled"}},
        })
    };
    Row { field, values: [rule(&one), rule(&other)], request: GET, shows: ["HTTP/1.1 299", "HTTP/1.1 200"] }
}

fn action(field: &'static str, kind: &str, one: Value, other: Value, shows: [&'static str; 2]) -> Row {
    let rule = |config: &Value| json!({"matchers": [], "action": {"type": kind, "config": config}});
    Row { field, values: [rule(&one), rule(&other)], request: GET, shows }
}

/// As [`matcher`], turned round.
fn negated(field: &'static str, kind: &str, config: Value) -> Row {
    let mut not = config.clone();
    not["negate"] = json!(true);
    matcher(field, kind, config, not)
}

pub fn all() -> Vec<Row> {
    let name = |value: &str| json!({"name": "x-a", "value": value});
    let cookie = |value: &str| json!({"name": "c", "value": value});
    let query = |name: &str, value: &str| json!({"name": name, "value": value});
    let moved = |status: u16, target: &str| json!({"status_code": status, "target": target});
    vec![
        matcher("path.patterns", "path", json!({"patterns": ["/a/*"]}), json!({"patterns": ["/b/*"]})),
        negated("path.negate", "path", json!({"patterns": ["/a/*"]})),
        matcher("path_exact.values", "path_exact", json!({"values": ["/a/b"]}), json!({"values": ["/a"]})),
        negated("path_exact.negate", "path_exact", json!({"values": ["/a/b"]})),
        matcher("path_regex.pattern", "path_regex", json!({"pattern": "^/a/."}), json!({"pattern": "^/b"})),
        negated("path_regex.negate", "path_regex", json!({"pattern": "^/a/."})),
        matcher("method.methods", "method", json!({"methods": ["GET"]}), json!({"methods": ["POST"]})),
        negated("method.negate", "method", json!({"methods": ["GET"]})),
        matcher("header.name", "header", name("one"), json!({"name": "x-b", "value": "one"})),
        matcher("header.value", "header", name("one"), name("two")),
        matcher(
            "header.mode",
            "header",
            json!({"name": "x-a", "value": "^o", "mode": "regex"}),
            json!({"name": "x-a", "value": "^o", "mode": "exact"}),
        ),
        negated("header.negate", "header", name("one")),
        matcher("query.name", "query", query("x", "1"), query("y", "1")),
        matcher("query.value", "query", query("x", "1"), query("x", "2")),
        negated("query.negate", "query", query("x", "1")),
        matcher("cookie.name", "cookie", cookie("one"), json!({"name": "d", "value": "one"})),
        matcher("cookie.value", "cookie", cookie("one"), cookie("two")),
        matcher(
            "cookie.mode",
            "cookie",
            json!({"name": "c", "value": "^o", "mode": "regex"}),
            json!({"name": "c", "value": "^o", "mode": "exact"}),
        ),
        negated("cookie.negate", "cookie", cookie("one")),
        matcher("remote_ip.ranges", "remote_ip", json!({"ranges": ["127.0.0.0/8"]}), json!({"ranges": ["192.0.2.1"]})),
        negated("remote_ip.negate", "remote_ip", json!({"ranges": ["127.0.0.0/8"]})),
        matcher("host_header.values", "host_header", json!({"values": ["*.test"]}), json!({"values": ["a.example"]})),
        negated("host_header.negate", "host_header", json!({"values": ["*.test"]})),
        action(
            "redirect.status_code",
            "redirect",
            moved(302, "/x"),
            moved(308, "/x"),
            ["HTTP/1.1 302", "HTTP/1.1 308"],
        ),
        action(
            "redirect.target",
            "redirect",
            moved(302, "/x"),
            moved(302, "/y"),
            ["Location: /x?x=1", "Location: /y?x=1"],
        ),
        action(
            "redirect.strip_query",
            "redirect",
            moved(302, "/x"),
            json!({"status_code": 302, "target": "/x", "strip_query": true}),
            ["Location: /x?x=1\r\n", "Location: /x\r\n"],
        ),
        action(
            "fixed_response.status_code",
            "fixed_response",
            json!({"status_code": 201}),
            json!({"status_code": 202}),
            ["HTTP/1.1 201", "HTTP/1.1 202"],
        ),
        action(
            "fixed_response.body",
            "fixed_response",
            json!({"status_code": 200, "body": "first text"}),
            json!({"status_code": 200, "body": "second text"}),
            ["first text", "second text"],
        ),
        action(
            "fixed_response.content_type",
            "fixed_response",
            json!({"status_code": 200, "body": "x", "content_type": "text/css"}),
            json!({"status_code": 200, "body": "x", "content_type": "text/csv"}),
            ["text/css", "text/csv"],
        ),
        action(
            "block.status",
            "block",
            json!({"status": 403}),
            json!({"status": 451}),
            ["HTTP/1.1 403", "HTTP/1.1 451"],
        ),
        action(
            "block.body",
            "block",
            json!({"body": "first text"}),
            json!({"body": "second text"}),
            ["first text", "second text"],
        ),
        action(
            "block.content_type",
            "block",
            json!({"body": "x", "content_type": "text/css"}),
            json!({"body": "x", "content_type": "text/csv"}),
            ["text/css", "text/csv"],
        ),
        action(
            "rewrite.path",
            "rewrite",
            json!({"path": "/new"}),
            json!({"path": "/other{path}"}),
            ["GET /new?x=1 ", "GET /other/a/b?x=1 "],
        ),
        action(
            "rewrite.strip_prefix",
            "rewrite",
            json!({"strip_prefix": "/a"}),
            json!({"strip_prefix": "/z"}),
            ["GET /b?x=1 ", "GET /a/b?x=1 "],
        ),
        action(
            "rewrite.query",
            "rewrite",
            json!({"query": "y=2"}),
            json!({"query": ""}),
            ["GET /a/b?y=2 ", "GET /a/b HTTP"],
        ),
    ]
}

/// Fields that are refused, with the reason in the answer.
pub const REFUSED: &[(&str, &str)] = &[
    ("country.codes", r#"{"type": "country", "config": {"codes": ["DE"]}}"#),
    ("country.negate", r#"{"type": "country", "config": {"codes": ["DE"], "negate": true}}"#),
];

/// Fields that have rows of their own among the columns.
pub const ELSEWHERE: &[&str] = &["forward.target_group_id"];

/// The fields of matchers and actions, from the schema of `rules.create`.
pub fn known() -> Vec<String> {
    let ops = argos_core::api::describe();
    let input = &ops.iter().find(|op| op.name == "rules.create").unwrap().input["properties"];
    let mut fields = Vec::new();
    for union in [&input["action"], &input["matchers"]["items"]] {
        for variant in union["oneOf"].as_array().unwrap() {
            let kind = variant["properties"]["type"]["const"].as_str().unwrap();
            let config = variant["properties"]["config"]["properties"].as_object().unwrap();
            fields.extend(config.keys().map(|field| format!("{kind}.{field}")));
        }
    }
    fields
}

pub fn observe(w: &World, row: &Row) {
    let site = w.site(echo());
    let made = w.call("rules.create", with_host(site.host, &row.values[0]));
    let (method, path, headers) = row.request;
    let holds = |own: &str, others: &str| {
        let answer = w.request(&site, method, path, headers, "");
        let text = format!("{}\r\n\r\n{}", answer.head, answer.body);
        let lower = text.to_ascii_lowercase();
        assert!(lower.contains(&own.to_ascii_lowercase()), "{}: no {own:?} in {text}", row.field);
        assert!(!lower.contains(&others.to_ascii_lowercase()), "{}: {others:?} in {text}", row.field);
    };
    holds(row.shows[0], row.shows[1]);
    let mut change = with_host(site.host, &row.values[1]);
    change["id"] = made["id"].clone();
    w.call("rules.update", change);
    holds(row.shows[1], row.shows[0]);
}

pub fn refused(w: &World, matcher: &str) {
    let site = w.site(echo());
    let matcher: Value = serde_json::from_str(matcher).unwrap();
    let rule = json!({"host_id": site.host, "matchers": [matcher], "action": {"type": "block", "config": {}}});
    let (status, problem) = w.ask("rules.create", rule);
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("matchers[0].config")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("not available yet"), "{problem}");
}

fn with_host(host: i64, rule: &Value) -> Value {
    super::world::merged(json!({"host_id": host}), rule.clone())
}
