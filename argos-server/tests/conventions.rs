//! The conventions of the API over HTTP and at the command line, on every route of the real binary.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

#[path = "../../argos-core/tests/samples/mod.rs"]
mod samples;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use argos_core::api::input::fill_path;
use argos_core::api::{Described, Method, Place, TERMS, describe};
use argos_core::schema::By;
use samples::{object, sample, whole, works, world};
use serde_json::{Map, Value, json};
use support::{Answer, Folder, Server, api, ask, token};

/// A server with the samples' configuration.
struct Site {
    folder: Folder,
    server: Server,
    bearer: String,
    document: Value,
}

/// Whether the sample works here, where no event has happened that a rule wants.
fn tried(name: &str) -> bool {
    works(name) && name != "deliveries.get" && name != "deliveries.retry"
}

impl Site {
    fn new() -> Self {
        let site = Self::empty();
        for (name, input) in world().into_iter().filter(|(name, _)| !name.starts_with("users.")) {
            let answer = site.call(&find(name), object(input), &[]);
            assert!((200..300).contains(&answer.status), "{name}: {}", answer.body);
        }
        site
    }

    fn empty() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, &[]);
        let bearer = format!("Bearer {}", token(&folder, "admin"));
        let document = serde_json::from_str(include_str!("../../docs/reference/openapi.json")).unwrap();
        Self { folder, server, bearer, document }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("Authorization", self.bearer.as_str())];
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "Content-Type") {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers);
        ask(self.server.panel, method, &format!("/api/v1{path}"), &all, body)
    }

    /// Calls an operation; terms stand in `more` by their names.
    fn call(&self, op: &Described, mut input: Map<String, Value>, more: &[(&str, &str)]) -> Answer {
        let mut path = fill_path(op.path, |field| input.remove(field)).unwrap();
        let (mut headers, mut query) = (Vec::new(), Vec::new());
        for (name, value) in more {
            match TERMS.iter().find(|term| term.name == *name).map(|term| term.place) {
                Some(Place::Header(header)) => headers.push((header, *value)),
                Some(Place::Query) => query.push(format!("{name}={value}")),
                None => headers.push((*name, *value)),
            }
        }
        if op.method == Method::Get {
            query.extend(input.iter().map(|(k, v)| format!("{k}={}", v.as_str().map_or(v.to_string(), str::to_owned))));
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        let body =
            if op.method == Method::Get || input.is_empty() { String::new() } else { Value::Object(input).to_string() };
        let answer = self.ask(op.method.as_str(), &path, &headers, &body);
        self.documented(op, &answer);
        answer
    }

    /// The document knows every status and every header of ours.
    fn documented(&self, op: &Described, answer: &Answer) {
        let declared = &self.document["paths"][op.path][op.method.as_str().to_lowercase()]["responses"];
        let response = &declared[answer.status.to_string()];
        assert!(response.is_object(), "{}: {} is not in the document: {}", op.name, answer.status, answer.body);
        let Some(known) = response["headers"].as_object() else { return };
        for name in ["ETag", "Location", "X-Argos-Generation", "X-Request-Id"] {
            assert!(answer.header(name).is_none() || known.contains_key(name), "{}: {name}", op.name);
        }
    }

    fn shown(&self, name: &str, input: &Map<String, Value>) -> Answer {
        let query = find(name);
        let mut asked = input.clone();
        asked.retain(|field, _| query.path_fields().any(|f| f == field));
        self.call(&query, asked, &[])
    }

    fn input(&self, op: &Described) -> Map<String, Value> {
        let mut input = whole(op, || self.shown(op.of.unwrap(), &object(sample(op.name))).json());
        if op.name == "tokens.revoke" {
            // The first token is the one that asks.
            input.insert("id".into(), 2.into());
        }
        input
    }

    fn generation(&self) -> Value {
        self.ask("GET", "/system/health", &[], "").json()["stored_generation"].clone()
    }
}

/// Operations that a token may ask.
fn operations() -> Vec<Described> {
    describe().into_iter().filter(|op| op.by == By::Anyone).collect()
}

fn find(name: &str) -> Described {
    operations().into_iter().find(|op| op.name == name).unwrap_or_else(|| panic!("no operation {name}"))
}

fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag").unwrap_or_else(|| panic!("no ETag: {}", answer.head));
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag}");
    tag.to_owned()
}

fn problem(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"]), (status, &json!(code)), "{body}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(body["status"], status);
    assert_eq!(body["type"], format!("urn:argos:problem:{code}"));
    assert_eq!(body["request_id"], answer.header("x-request-id").unwrap());
}

#[test]
fn every_operation_answers_as_it_declares() {
    let site = Site::new();
    // Looks first; what deletes comes last, so that the others find what they are about.
    let mut operations = operations();
    operations.sort_by_key(|op| match op.method {
        Method::Get => 0,
        Method::Delete => 2,
        _ if op.name == "config.rollback" => 3,
        // It names every rule, so it comes before one more is made.
        _ if op.name == "rules.reorder" => 0,
        _ => 1,
    });
    for op in operations.iter().filter(|op| tried(op.name)) {
        let mut input = site.input(op);
        if op.name == "hosts.delete" {
            input.insert("id".into(), 2.into());
        }
        let answer = site.call(op, input.clone(), &[]);
        assert_eq!(answer.status, op.status, "{}: {}", op.name, answer.body);
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() > 10), "{}", op.name);
        assert_eq!(answer.header("etag").is_some(), op.tagged || op.method == Method::Get, "{}", op.name);
        assert!(answer.header("x-argos-generation").is_none() || op.configures, "{}", op.name);
        assert_eq!(answer.body.is_empty(), op.status == 204, "{}", op.name);
        assert_eq!(answer.header("content-type").is_some(), op.status != 204, "{}", op.name);
        let Some(place) = op.place else {
            assert_eq!(answer.header("location"), None, "{}", op.name);
            continue;
        };
        let made = answer.json();
        let at = fill_path(place, |field| input.get(field).or_else(|| made.get(field)).cloned()).unwrap();
        assert_eq!(answer.header("location"), Some(format!("/api/v1{at}").as_str()), "{}", op.name);
        let found = site.ask("GET", &at, &[], "");
        let readable = operations.iter().any(|o| o.method == Method::Get && o.path == place);
        assert_eq!(found.status, if readable { 200 } else { 405 }, "{}", op.name);
        if readable {
            assert_eq!((found.body.as_str(), tag(&found)), (answer.body.as_str(), tag(&answer)), "{}", op.name);
        }
    }
}

#[test]
fn what_is_known_is_not_sent_again() {
    let site = Site::new();
    for op in operations().iter().filter(|op| op.method == Method::Get && tried(op.name)) {
        let first = site.call(op, site.input(op), &[]);
        let known = tag(&first);
        // What counts time or rows is another thing with every look.
        let moves = ["tokens.list", "waf.overview", "waf.would_block"];
        if op.name.starts_with("logs.") || moves.contains(&op.name) {
            continue;
        }
        for asked in ["*".to_owned(), known.clone(), format!("\"x\", W/{known}")] {
            let again = site.call(op, site.input(op), &[("If-None-Match", &asked)]);
            assert_eq!((again.status, again.body.as_str()), (304, ""), "{} {asked}", op.name);
            assert_eq!(tag(&again), known);
            assert!(again.header("content-type").is_none() && again.header("x-request-id").is_some());
        }
        let other = site.call(op, site.input(op), &[("If-None-Match", "\"other\"")]);
        assert_eq!((other.status, other.body), (200, first.body), "{}", op.name);
    }
}

#[test]
fn a_change_of_something_else_than_was_seen_is_refused() {
    let site = Site::new();
    for op in operations().iter().filter(|op| op.of.is_some() && tried(op.name)) {
        let before = site.generation();
        let stale = site.call(op, site.input(op), &[("if_match", "\"0123\"")]);
        problem(&stale, 412, "stale");
        assert_eq!((site.generation(), stale.header("x-argos-generation")), (before, None), "{}", op.name);
    }
    let shown = site.ask("GET", "/hosts/1", &[], "");
    let done = site.ask("PATCH", "/hosts/1", &[("If-Match", &tag(&shown))], r#"{"access_log":false}"#);
    assert_eq!(done.status, 200);
    assert_eq!(tag(&done), tag(&site.ask("GET", "/hosts/1", &[], "")));
    problem(&site.ask("PATCH", "/hosts/1", &[("If-Match", &tag(&shown))], "{}"), 412, "stale");
    problem(&site.ask("DELETE", "/hosts/1", &[("If-Match", "\"open")], ""), 422, "if_match");
    problem(&site.ask("DELETE", "/tokens/1", &[("If-Match", "*")], ""), 422, "unknown_field");
    let now = tag(&done);
    let both = [("If-Match", "\"x\""), ("If-Match", now.as_str())];
    assert_eq!(site.ask("DELETE", "/hosts/1", &both, "").status, 204);
    problem(&site.ask("DELETE", "/hosts/1", &[("If-Match", "*")], ""), 404, "host.not_found");
}

#[test]
fn a_try_says_what_would_be_and_changes_nothing() {
    let site = Site::new();
    for op in operations().iter().filter(|op| op.mutates && tried(op.name)) {
        let before = site.generation();
        let tried = site.call(op, site.input(op), &[("dry_run", "true")]);
        if op.configures {
            assert_eq!(tried.status, op.status, "{}: {}", op.name, tried.body);
        } else {
            problem(&tried, 422, "unknown_field");
        }
        assert_eq!((site.generation(), tried.header("x-argos-generation")), (before, None), "{}", op.name);
    }
    let tried = site.ask("PATCH", "/hosts/1?dry_run=true", &[], r#"{"domain":"new.example"}"#);
    assert_eq!(tried.json()["domain"], "new.example");
    assert_eq!(site.ask("GET", "/hosts/1", &[], "").json()["domain"], "a.example");
    problem(&site.ask("PATCH", "/hosts/1?dry_run=true", &[], r#"{"domain":"b.example"}"#), 409, "host.domain_taken");
    problem(&site.ask("PATCH", "/hosts/1?dry_run=maybe", &[], "{}"), 422, "wrong_value");
    problem(&site.ask("PATCH", "/hosts/1?dry_run=true&dry_run=true", &[], "{}"), 422, "duplicate_field");
    problem(&site.ask("PATCH", "/hosts/1?enabled=true", &[], "{}"), 422, "unknown_field");
    problem(&site.ask("GET", "/hosts/1?dry_run=true", &[], ""), 422, "unknown_field");
    problem(&site.ask("GET", "/hosts/1?id=2", &[], ""), 422, "duplicate_field");
    let done = site.ask("PATCH", "/hosts/1?dry_run=false", &[], r#"{"domain":"new.example"}"#);
    assert!(done.header("x-argos-generation").is_some());
}

#[test]
fn a_call_made_again_has_the_same_answer() {
    let site = Site::new();
    let key = [("Idempotency-Key", "a-1")];
    let body = json!({"domain": "once.example", "tls_mode": "none", "target_group_id": 1}).to_string();
    let first = site.ask("POST", "/hosts", &key, &body);
    assert_eq!(first.status, 201, "{}", first.body);
    let generation = site.generation();
    let again = site.ask("POST", "/hosts", &key, &body);
    assert_eq!((again.status, &again.body), (201, &first.body));
    for header in ["location", "etag", "x-argos-generation"] {
        assert_eq!((again.header(header), again.header(header).is_some()), (first.header(header), true), "{header}");
    }
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    problem(&site.ask("POST", "/hosts", &key, &body.replace("once", "twice")), 409, "idempotency.other_call");
    problem(&site.ask("POST", "/hosts", &[("Idempotency-Key", "a b")], &body), 422, "idempotency_key");
    assert_eq!(site.generation(), generation);
    // Another caller's key is another key; the name is taken.
    let other = token(&site.folder, "operator");
    let other = format!("Bearer {other}");
    let headers = [("Authorization", other.as_str()), ("Content-Type", "application/json"), key[0]];
    problem(&ask(site.server.panel, "POST", "/api/v1/hosts", &headers, &body), 409, "host.domain_taken");
}

#[test]
fn every_route_refuses_other_methods_and_says_which_it_takes() {
    let site = Site::empty();
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let operations = operations();
    for op in &operations {
        paths.entry(op.path).or_default().insert(op.method.as_str());
    }
    for (path, methods) in paths {
        let target = path.replace(['{', '}'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().filter(|m| !methods.contains(*m)) {
            let refused = site.ask(method, &target, &[], "");
            problem(&refused, 405, "method_not_allowed");
            let allowed: BTreeSet<&str> = refused.header("allow").unwrap().split(',').map(str::trim).collect();
            let allowed: BTreeSet<&str> = allowed.into_iter().filter(|m| *m != "HEAD").collect();
            assert_eq!(allowed, methods, "{method} {path}");
        }
    }
    problem(&site.ask("GET", "/no-such", &[], ""), 404, "route.not_found");
    for path in ["/healthz", "/api/v1/healthz", "/readyz"] {
        let answer = ask(site.server.panel, "GET", path, &[], "");
        assert_eq!((answer.status, answer.header("x-request-id").is_some()), (200, true), "{path}");
    }
}

#[test]
fn bodies_are_checked_on_every_route_that_takes_one() {
    let site = Site::empty();
    let long = format!("{{\"x\":\"{}\"}}", "a".repeat(1 << 20));
    for op in operations().iter().filter(|op| !matches!(op.method, Method::Get | Method::Delete)) {
        let segments = op.path.split('/').map(|segment| match segment {
            "{key}" => "proxy.max_retries",
            field if field.starts_with('{') => "1",
            word => word,
        });
        let target = segments.collect::<Vec<_>>().join("/");
        let ask = |content: &str, body: &str| {
            let headers = [("Authorization", site.bearer.as_str()), ("Content-Type", content)];
            let answer = ask(site.server.panel, op.method.as_str(), &format!("/api/v1{target}"), &headers, body);
            site.documented(op, &answer);
            answer
        };
        problem(&ask("text/plain", "{}"), 415, "body.media_type");
        if op.method != Method::Patch {
            problem(&ask("application/merge-patch+json", "{}"), 415, "body.media_type");
        }
        problem(&ask("application/json", "{"), 400, "json.syntax");
        problem(&ask("application/json", "[]"), 422, "json.not_an_object");
        problem(&ask("application/json; charset=utf-8", r#"{"x":1,"x":2}"#), 422, "json.duplicate_key");
        match op.most_body < long.len() {
            true => problem(&ask("application/json", &long), 413, "body.too_large"),
            // It takes more: a body this long is read, and its field is none of this operation.
            false => problem(&ask("application/json", &long), 422, "unknown_field"),
        }
        let unknown = ask("application/json", r#"{"no.such":"1"}"#);
        assert_eq!((unknown.status, &unknown.json()["errors"][0]["field"]), (422, &json!("no.such")), "{}", op.name);
    }
    let coded = [("Content-Encoding", "gzip")];
    problem(&site.ask("POST", "/target-groups", &coded, "{}"), 415, "body.coding");
    let merges = site.ask("PATCH", "/settings", &[("Content-Type", "application/merge-patch+json")], "[]");
    problem(&merges, 422, "json.not_an_object");
    problem(&site.ask("GET", "/hosts", &[], "{}"), 422, "body.unexpected");
    problem(&site.ask("DELETE", "/hosts/1", &[], "{}"), 422, "body.unexpected");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let site = Site::empty();
    for (name, values) in [
        ("Host", ["localhost", "localhost"]),
        ("Authorization", [site.bearer.as_str(), "Bearer x"]),
        ("Content-Type", ["application/json", "text/plain"]),
        ("Content-Encoding", ["identity", "gzip"]),
    ] {
        let answer = site.ask("POST", "/target-groups", &values.map(|value| (name, value)), "{}");
        problem(&answer, 400, "header.twice");
    }
    let unless = site.ask("PATCH", "/settings", &[("If-None-Match", "*")], "{}");
    problem(&unless, 422, "unknown_field");
    assert_eq!(unless.json()["errors"][0]["field"], "if_none_match");
    for id in ["+1", "01", "1.0", "0", "-1"] {
        problem(&site.ask("GET", &format!("/hosts/{id}"), &[], ""), 422, "wrong_value");
    }
}

#[test]
fn words_of_a_path_are_decoded_once() {
    let site = Site::empty();
    let key = |path: &str| site.ask("GET", &format!("/settings/{path}"), &[], "");
    assert_eq!(key("proxy%2Emax_retries").json()["key"], "proxy.max_retries");
    for (path, named) in
        [("a%2Fb", "\"a/b\""), ("a%252Fb", "\"a%2Fb\""), ("%C3%A9%20%3F", "\"é ?\""), ("a+b", "\"a+b\"")]
    {
        let answer = key(path);
        problem(&answer, 404, "setting.not_found");
        assert!(answer.json()["detail"].as_str().unwrap().contains(named), "{path}: {}", answer.body);
    }
    problem(&key("%FF"), 422, "path");
    problem(&site.ask("GET", "/hosts/%31%20", &[], ""), 422, "wrong_value");
    assert_eq!(site.ask("GET", "/hosts/%31", &[], "").json()["code"], "host.not_found");
    for id in ["0", "-1", "1.0", "9223372036854775808", "x"] {
        problem(&site.ask("GET", &format!("/hosts/{id}"), &[], ""), 422, "wrong_value");
    }
}

#[test]
fn an_untrusted_database_and_a_hidden_fault_are_problems_too() {
    let site = Site::new();
    let db = rusqlite::Connection::open(site.folder.data().join("argos.db")).unwrap();
    db.execute("UPDATE config_versions SET sha256 = 'x' WHERE generation = 2", []).unwrap();
    problem(&site.ask("GET", "/config/versions/1/diff/3", &[], ""), 500, "config.history_corrupt");
    // A text where only a number belongs: no caller can bring that about, and none is told more than the identity.
    db.pragma_update(None, "ignore_check_constraints", true).unwrap();
    db.execute("UPDATE hosts SET created_at = 'secret detail' WHERE id = 1", []).unwrap();
    let hidden = site.ask("GET", "/hosts/1", &[], "");
    problem(&hidden, 500, "internal");
    assert!(!hidden.body.contains("secret detail") && hidden.json()["detail"].as_str().unwrap().contains("request_id"));
}

#[test]
fn the_command_line_has_the_same_terms() {
    let site = Site::new();
    let folder = &site.folder;
    let run = |args: &[&str]| {
        let out = folder.run(args);
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let etag = |stderr: &str| stderr.lines().find_map(|l| l.strip_prefix("etag: ").map(str::to_owned)).unwrap();
    // Every page is shown, also of what is no `list`.
    assert_eq!(folder.json(&["config", "diff", "1", "3"])["next_cursor"], Value::Null);
    let one = folder.json(&["config", "diff", "1", "3", "--limit", "1"]);
    assert!(one["next_cursor"].is_string());
    // Over the socket of the running process first, then in the folder itself.
    let (code, stderr) = run(&["host", "get", "1"]);
    assert_eq!(code, 0);
    let seen = etag(&stderr);
    assert_eq!(format!("\"{seen}\""), tag(&site.ask("GET", "/hosts/1", &[], "")));
    let tried = folder.json(&["host", "update", "1", "--access-log", "false", "--dry-run"]);
    assert_eq!(tried["access_log"], false);
    assert_eq!(folder.json(&["host", "get", "1"])["access_log"], true);
    assert_eq!(run(&["host", "update", "1", "--access-log", "false", "--if-match", &seen]).0, 0);
    let (code, stderr) = run(&["host", "update", "1", "--access-log", "true", "--if-match", &seen]);
    assert_eq!((code, stderr.contains("changed meanwhile")), (4, true), "{stderr}");
    let create = ["host", "create", "-d", "k.example", "--tls-mode", "none", "--target-group-id", "1"];
    let keyed = [&create[..], &["--idempotency-key", "k"]].concat();
    assert_eq!(folder.json(&keyed), folder.json(&keyed));
    assert_eq!(run(&create).0, 4);
    let Site { folder, server, .. } = site;
    assert!(server.stop());
    let run = |args: &[&str]| folder.run(args);
    let seen = etag(&String::from_utf8_lossy(&run(&["host", "get", "1"]).stderr));
    let change = ["host", "toggle", "1", "false", "--if-match", &seen];
    assert_eq!(folder.json(&[&change[..], &["--dry-run"]].concat())["enabled"], false);
    assert_eq!(run(&change).status.code(), Some(0));
    assert_eq!(run(&change).status.code(), Some(4));
    let terms = r#"{"dry_run":true}"#;
    let tried = folder.json(&["call", "hosts.toggle", r#"{"id":1,"enabled":true}"#, "--terms", terms]);
    assert_eq!(tried["enabled"], true);
    assert_eq!(folder.json(&["host", "get", "1"])["enabled"], false);
    assert_eq!(run(&["call", "hosts.get", r#"{"id":1}"#, "--terms", r#"{"no":1}"#]).status.code(), Some(5));
}

#[test]
fn a_viewer_is_refused_before_anything_is_repeated_or_tried() {
    let site = Site::new();
    let viewer = token(&site.folder, "viewer");
    for op in operations().iter().filter(|op| op.mutates && op.role.is_some()) {
        let path = fill_path(op.path, |field| object(sample(op.name)).get(field).cloned()).unwrap();
        let refused = api(&site.server, &viewer, op.method.as_str(), &format!("{path}?dry_run=true"), "{}");
        problem(&refused, 403, "forbidden");
    }
}
