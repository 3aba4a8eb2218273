//! The conventions of the API on every operation of the registry: trying, tags, whole replacement, merge patches,
//! lists, keys. A new operation is tried here without a line of its own, but for its sample.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod any_change;
mod samples;
mod support;

use std::collections::BTreeSet;

use any_change::{Rows, stored, text};
use argos_core::api::{Described, Method, STALE, TERMS, Terms, describe};
use argos_core::clock::{Clock, Timestamp};
use argos_core::schema::By;
use argos_core::{Argos, ErrorKind, Options, Reply, Result};
use rusqlite::Connection;
use samples::{body_fields, object, properties, put, sample, takes_null, whole, works};
use serde_json::{Map, Value, json};
use support::Folder;

/// An Argos with the samples' configuration, whose clock stands still.
struct World {
    argos: Argos,
    folder: Folder,
    clock: Clock,
    db: Connection,
}

impl World {
    fn new() -> Self {
        let world = Self::empty();
        for (name, input) in samples::world() {
            world.call(name, object(input)).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        // Nothing is dispatched here: what would have come of it.
        let sql = "INSERT INTO notification_deliveries (channel_id, event_type, event_payload, status)
            VALUES (1, 'login_failed', '{}', 'failed'), (1, 'login_failed', '{}', 'failed')";
        world.db.execute(sql, []).unwrap();
        world
    }

    fn empty() -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(1_700_000_000_000));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let db = Connection::open(folder.path().join("argos.db")).unwrap();
        Self { argos, folder, clock, db }
    }

    fn call(&self, name: &str, input: Map<String, Value>) -> Result<Reply> {
        self.argos.call(name, input)
    }

    /// What the query `name` shows of the thing that `input` is about.
    fn shown(&self, name: &str, input: &Map<String, Value>) -> Reply {
        let query = find(name);
        let own = |field: &String| query.path_fields().any(|f| f == field);
        let mut asked: Map<String, Value> =
            input.iter().filter(|(f, _)| own(f)).map(|(f, v)| (f.clone(), v.clone())).collect();
        if properties(&query).any(|(field, _)| field == "limit") {
            asked.insert("limit".into(), 500.into());
        }
        self.call(name, asked).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn input(&self, op: &Described) -> Map<String, Value> {
        whole(op, || self.shown(op.of.unwrap(), &object(sample(op.name))).value)
    }

    /// Everything that a change leaves behind: rows, audit, generations, what runs.
    fn trace(&self) -> (Rows, i64, i64, Vec<String>) {
        self.argos.check_writer().unwrap();
        let count = |table: &str| {
            self.db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get::<_, i64>(0)).unwrap()
        };
        (stored(&self.db), count("log_entries"), count("config_versions"), text(&self.argos.snapshot()))
    }
}

fn find(name: &str) -> Described {
    describe().into_iter().find(|op| op.name == name).unwrap_or_else(|| panic!("no operation {name}"))
}

fn all(wanted: impl Fn(&Described) -> bool) -> Vec<Described> {
    let found: Vec<Described> = describe().into_iter().filter(|op| wanted(op)).collect();
    assert!(!found.is_empty());
    found
}

fn takes(op: &Described, term: &str) -> bool {
    op.terms().any(|t| t.name == term)
}

#[test]
fn every_sample_works() {
    for op in describe().iter().filter(|op| works(op.name)) {
        let world = World::new();
        let before = world.trace();
        let reply = world.call(op.name, world.input(op)).unwrap_or_else(|e| panic!("{}: {e}", op.name));
        assert_eq!(world.trace() != before, op.mutates, "{}", op.name);
        assert_eq!(reply.generation.is_some(), op.configures, "{}", op.name);
        assert_eq!(reply.etag.is_some(), op.tagged, "{}", op.name);
        assert_eq!(reply.value.is_null(), op.status == 204, "{}", op.name);
    }
}

#[test]
fn every_change_of_configuration_can_be_tried_and_leaves_no_trace() {
    for op in all(|op| op.configures) {
        assert!(takes(&op, "dry_run"));
        let world = World::new();
        let input = world.input(&op);
        let before = world.trace();
        let tried = world.argos.on(Terms::dry_run()).call(op.name, input.clone()).unwrap();
        assert_eq!(tried.generation, None, "{}", op.name);
        assert_eq!(world.trace(), before, "{}", op.name);
        // The clock stands still: what is done is what was tried, to the last field.
        let done = world.call(op.name, input).unwrap();
        assert!(done.generation.is_some(), "{}", op.name);
        assert_eq!((tried.value, tried.etag), (done.value, done.etag), "{}", op.name);
    }
}

#[test]
fn what_a_try_would_refuse_is_refused() {
    let world = World::new();
    let before = world.trace();
    let trying = world.argos.on(Terms::dry_run());
    let regex = json!({"host_id": 1, "action": {"type": "block", "config": {}},
        "matchers": [{"type": "path_regex", "config": {"pattern": "("}}]});
    for (name, input, code) in [
        ("hosts.create", samples::world()[0].1.clone(), "host.domain_taken"),
        ("rules.create", regex, "rule.does_not_compile"),
        ("target_groups.delete", json!({"id": 1}), "target_group.in_use"),
        ("tokens.create", json!({"name": "x", "role": "viewer"}), "unknown_field"),
    ] {
        assert_eq!(trying.call(name, object(input)).unwrap_err().code(), code);
    }
    assert_eq!(world.trace(), before);
}

#[test]
fn a_change_asks_for_the_tag_of_what_it_changes() {
    for op in all(|op| op.of.is_some()) {
        let world = World::new();
        let (input, shown_by) = (world.input(&op), op.of.unwrap());
        let first = world.shown(shown_by, &input).etag.unwrap_or_else(|| panic!("{shown_by} shows no tag"));
        let before = world.trace();
        for wrong in ["0000", "\"0000\", W/\"x\"", &format!("W/\"{first}\"")] {
            let refused = world.argos.on(Terms::if_match(wrong)).call(op.name, input.clone()).unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, STALE), "{}: {wrong}", op.name);
        }
        assert_eq!(world.trace(), before, "{}", op.name);
        let quoted = format!("\"x\", \"{first}\"");
        let done = world.argos.on(Terms::if_match(quoted)).call(op.name, input.clone()).unwrap();
        assert!(done.generation.is_some() || !op.configures, "{}", op.name);
        if op.method == Method::Delete && op.name != "settings.reset" {
            continue;
        }
        let now = world.shown(shown_by, &input);
        // What acts to the outside only leaves the thing as it was.
        if op.method == Method::Post && !op.configures && op.name != "deliveries.retry" {
            assert_eq!(now.etag.as_ref(), Some(&first), "{}", op.name);
            continue;
        }
        assert_ne!(now.etag.as_ref(), Some(&first), "{}", op.name);
        if op.tagged {
            assert_eq!((done.value, done.etag), (now.value, now.etag), "{}", op.name);
        }
        let again = world.argos.on(Terms::if_match(first)).call(op.name, input).unwrap_err();
        assert_eq!(again.code(), STALE, "{}", op.name);
    }
}

#[test]
fn of_two_changes_with_one_tag_one_wins() {
    let world = World::new();
    for round in 0..30 {
        let tag = world.shown("hosts.get", &object(json!({"id": 1}))).etag.unwrap();
        let won: usize = std::thread::scope(|scope| {
            let change = |n: usize| {
                let argos = world.argos.on(Terms::if_match(tag.clone()));
                let input = json!({"id": 1, "max_body_bytes": 10 * round + n + 1});
                scope.spawn(move || argos.call("hosts.update", object(input)))
            };
            let tries: Vec<_> = (0..4).map(change).collect();
            let done: Vec<_> = tries.into_iter().map(|t| t.join().unwrap()).collect();
            done.iter().filter_map(|d| d.as_ref().err()).for_each(|e| assert_eq!(e.code(), STALE));
            done.iter().filter(|d| d.is_ok()).count()
        });
        assert_eq!(won, 1, "round {round}");
    }
}

#[test]
fn terms_that_an_operation_does_not_take_are_refused() {
    for op in all(|op| op.mutates && works(op.name)) {
        let world = World::new();
        for (terms, name) in [(Terms::dry_run(), "dry_run"), (Terms::if_match("*"), "if_match")] {
            if takes(&op, name) {
                continue;
            }
            let refused = world.argos.on(terms).call(op.name, world.input(&op)).unwrap_err();
            assert_eq!((refused.code(), refused.fields()[0].field.as_str()), ("unknown_field", name), "{}", op.name);
        }
    }
}

#[test]
fn put_takes_every_field_and_no_null_where_there_is_none() {
    for op in all(|op| op.method == Method::Put) {
        let world = World::new();
        let stored = world.shown(op.of.unwrap(), &object(sample(op.name))).value;
        let input = put(&op, &stored);
        let before = world.trace();
        let same = world.call(op.name, input.clone()).unwrap_or_else(|e| panic!("{}: {e}", op.name));
        assert_eq!((same.generation, &same.value), (None, &stored), "{}", op.name);
        // Secrets may be left out: nobody can give back what is not shown.
        for field in body_fields(&op).into_iter().filter(|field| input.contains_key(*field)) {
            let mut less = input.clone();
            less.remove(field);
            let refused = world.call(op.name, less).unwrap_err();
            let named = refused.fields()[0].field.as_str();
            assert_eq!((refused.code(), named), ("missing_field", field), "{}", op.name);
            if !takes_null(&op.input["properties"][field]) {
                let mut null = input.clone();
                null.insert(field.into(), Value::Null);
                let refused = world.call(op.name, null).unwrap_err();
                let named = refused.fields()[0].field.as_str();
                assert_eq!((refused.code(), named), ("wrong_value", field), "{}", op.name);
            }
        }
        assert_eq!(world.trace(), before, "{}", op.name);
    }
}

#[test]
fn patch_keeps_what_is_omitted_and_clears_what_is_null() {
    for op in all(|op| op.method == Method::Patch) {
        let world = World::new();
        let mut input = object(sample(op.name));
        input.retain(|field, _| op.path_fields().any(|f| f == field));
        let before = world.trace();
        let same = world.call(op.name, input.clone()).unwrap_or_else(|e| panic!("{}: {e}", op.name));
        assert_eq!(same.generation, None, "{}", op.name);
        assert_eq!(world.trace(), before, "{}", op.name);
        for field in body_fields(&op) {
            let mut null = input.clone();
            null.insert(field.into(), Value::Null);
            let done = world.call(op.name, null);
            if takes_null(&op.input["properties"][field]) {
                assert_eq!(done.unwrap().value[field], Value::Null, "{} {field}", op.name);
            } else {
                assert_eq!(done.unwrap_err().fields()[0].field, field, "{}", op.name);
            }
        }
    }
}

#[test]
fn put_and_patch_know_the_same_fields() {
    // A list of who may come in is given whole.
    let puts = all(|op| op.method == Method::Put && !["settings.set", "access.replace"].contains(&op.name));
    // Secrets are not shown, so that nobody could put back what was shown.
    let alone = [
        "settings.update",
        "waf.mode",
        "dns_providers.update",
        "channels.update",
        "users.update",
        "auth.set_oidc_config",
    ];
    let patches = all(|op| op.method == Method::Patch && !alone.contains(&op.name));
    let paths = |ops: &[Described]| ops.iter().map(|op| op.path).collect::<BTreeSet<_>>();
    assert_eq!(paths(&puts), paths(&patches));
    for put in puts {
        let patch = patches.iter().find(|op| op.path == put.path).unwrap();
        let fields = |op: &Described| body_fields(op).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(fields(&put), fields(patch), "{}", put.path);
    }
}

/// Lists, which have pages; the rows behind a given one are no list.
fn lists() -> Vec<Described> {
    // One's own sessions and browsers are asked for through a session.
    let alone = ["logs.tail", "auth.sessions", "users.sessions", "push.list"];
    all(|op| !op.mutates && op.output["properties"].get("next_cursor").is_some() && !alone.contains(&op.name))
}

fn page(world: &World, op: &Described, more: Value) -> Result<Value> {
    let mut input = object(sample(op.name));
    input.extend(object(more));
    world.call(op.name, input).map(|reply| reply.value)
}

#[test]
fn lists_come_in_pages_in_both_directions() {
    let world = World::new();
    for op in lists() {
        let whole = |order: &str| page(&world, &op, json!({"order": order, "limit": 500})).unwrap()["items"].clone();
        let (up, down) = (whole("asc"), whole("desc"));
        let mut turned = up.as_array().unwrap().clone();
        assert!(turned.len() > 1, "{}: the samples have no two rows", op.name);
        turned.reverse();
        assert_eq!(Value::from(turned), down, "{}", op.name);
        let own = page(&world, &op, json!({"limit": 500})).unwrap()["items"].clone();
        assert!(own == up || own == down, "{}", op.name);
        for (order, expected) in [("asc", &up), ("desc", &down)] {
            let (mut seen, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let size = 1 + expected.as_array().unwrap().len() / 4;
                let next = page(&world, &op, json!({"order": order, "limit": size, "cursor": cursor})).unwrap();
                seen.extend(next["items"].as_array().unwrap().clone());
                cursor = next["next_cursor"].clone();
                if cursor.is_null() {
                    break;
                }
            }
            assert_eq!(&Value::from(seen), expected, "{} {order}", op.name);
        }
        for bad in [json!({"limit": 0}), json!({"limit": 1001}), json!({"order": "up"}), json!({"cursor": "AAAA"})] {
            let field = bad.as_object().unwrap().keys().next().unwrap().clone();
            assert_eq!(page(&world, &op, bad).unwrap_err().fields()[0].field, field, "{}", op.name);
        }
    }
}

#[test]
fn a_cursor_is_good_for_its_own_list_only() {
    let world = World::new();
    let begin = |op: &Described, more: Value| {
        let mut asked = object(json!({"limit": 1}));
        asked.extend(object(more));
        page(&world, op, Value::Object(asked)).unwrap()["next_cursor"].clone()
    };
    let mut cursors: Vec<(String, Value)> =
        lists().iter().map(|op| (op.name.to_owned(), begin(op, json!({})))).collect();
    cursors.push(("targets of another group".into(), begin(&find("targets.list"), json!({"target_group_id": 2}))));
    cursors.push(("exclusions of another host".into(), begin(&find("exclusions.list"), json!({"host_id": 2}))));
    cursors.push(("custom rules of another host".into(), begin(&find("custom_rules.list"), json!({"host_id": 2}))));
    cursors.push(("rules of another tag".into(), begin(&find("waf.rules"), json!({"tag": "attack-xss"}))));
    cursors.push(("another diff".into(), begin(&find("config.diff"), json!({"b": 4}))));
    for op in lists() {
        let turned = page(&world, &op, json!({"limit": 1})).unwrap();
        let newest_first = ["config.versions", "logs.search", "deliveries.list"].contains(&op.name);
        let order = if newest_first { "asc" } else { "desc" };
        let wrong_way = json!({"order": order, "cursor": turned["next_cursor"]});
        assert_eq!(page(&world, &op, wrong_way).unwrap_err().fields()[0].field, "cursor", "{}", op.name);
        for (of, cursor) in &cursors {
            assert!(cursor.is_string(), "{of} has one page only");
            let taken = page(&world, &op, json!({"cursor": cursor}));
            match taken {
                Ok(_) => assert_eq!(of, op.name),
                Err(e) => assert_eq!((e.code(), of != op.name), ("cursor", true), "{of} → {}", op.name),
            }
        }
    }
}

#[test]
fn a_call_made_again_is_answered_and_not_done() {
    let calls = all(|op| takes(op, "idempotency_key") && works(op.name));
    for op in &calls {
        let world = World::new();
        let input = world.input(op);
        let keyed = world.argos.on(Terms { idempotency_key: Some("k-1".into()), ..Terms::default() });
        let first = keyed.call(op.name, input.clone()).unwrap();
        let after = world.trace();
        assert_eq!(keyed.call(op.name, input.clone()).unwrap(), first, "{}", op.name);
        assert_eq!(world.trace(), after, "{}", op.name);
        let other = calls.iter().find(|other| other.name != op.name).unwrap();
        let refused = keyed.call(other.name, world.input(other)).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "idempotency.other_call"), "{}", op.name);
        assert_eq!(world.trace(), after, "{}", op.name);
        world.clock.set(Timestamp(1_700_000_000_000 + 24 * 3_600_000));
        keyed.call(other.name, world.input(other)).unwrap();
    }
}

#[test]
fn a_stored_answer_is_not_given_to_a_weaker_role() {
    let world = World::new();
    let keyed = Terms { idempotency_key: Some("k".into()), ..Terms::default() };
    let token = |role| argos_core::schema::Actor::Token { id: argos_core::schema::TokenId(1), name: "t".into(), role };
    let acting = |role| world.argos.on(keyed.clone()).acting(token(role), argos_core::store::Origin::default());
    let input = object(sample("hosts.create"));
    acting(argos_core::schema::Role::Operator).call("hosts.create", input.clone()).unwrap();
    let refused = acting(argos_core::schema::Role::Viewer).call("hosts.create", input).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
}

#[test]
fn declarations_follow_the_conventions() {
    let operations = describe();
    let shown = |path: &str| operations.iter().find(|op| op.method == Method::Get && op.path == path);
    for op in &operations {
        for (field, _) in properties(op) {
            assert!(TERMS.iter().all(|term| term.name != field), "{}: {field} is the name of a term", op.name);
        }
        let expected = match op.method {
            Method::Put | Method::Patch | Method::Delete => shown(op.path),
            Method::Post => {
                op.path.rsplit_once('/').filter(|_| op.status == 200 && op.mutates).and_then(|(at, _)| shown(at))
            }
            Method::Get => None,
        };
        // What stands below `auth` is about whoever asks, and a list is nobody's tag.
        let alone =
            op.name != "auth.set_oidc_config" && op.name.starts_with("auth.") || op.name == "users.end_sessions";
        assert_eq!(op.of, expected.map(|query| query.name).filter(|_| !alone), "{}: declare `of`", op.name);
        match op.method {
            // A browser that is sent on keeps a cookie.
            Method::Get if op.status == 302 => assert!(op.name.starts_with("auth.oidc_") && op.mutates, "{}", op.name),
            Method::Get => assert_eq!((op.status, op.mutates), (200, false), "{}", op.name),
            Method::Put | Method::Patch => assert_eq!((op.status, op.mutates), (200, true), "{}", op.name),
            Method::Delete => assert_eq!((op.status, op.mutates), (204, true), "{}", op.name),
            Method::Post => {}
        }
        // What is made is found below the path of what makes it; the first administrator has no page yet.
        assert_eq!(op.place.is_some(), op.status == 201 && op.name != "setup.create", "{}", op.name);
        if op.verb() == "create" {
            assert_eq!(op.status, 201, "{}", op.name);
        }
        if op.verb() == "list" {
            for field in ["limit", "order", "cursor"] {
                assert!(properties(op).any(|(name, _)| name == field), "{}: no {field}", op.name);
            }
        }
    }
}

#[test]
fn lists_are_never_null() {
    fn check(schema: &Value, at: &str) {
        let types = argos_core::api::input::types_of(schema);
        assert!(!(types.contains(&"array") && types.contains(&"null")), "{at}: a list that can be null");
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            check(field, &format!("{at}.{name}"));
        }
        for (name, shape) in schema["$defs"].as_object().into_iter().flatten() {
            check(shape, &format!("{at} {name}"));
        }
        if schema.get("items").is_some() {
            check(&schema["items"], &format!("{at}[]"));
        }
    }
    let world = World::empty();
    for op in describe() {
        check(&op.output, op.name);
        let needs = op.input["required"].as_array().is_some_and(|r| !r.is_empty());
        // What is asked by POST takes one thing or another.
        let is_text = op.media_type() != "application/json";
        if op.mutates || needs || is_text || op.method == Method::Post || op.by == By::Session {
            continue;
        }
        let value = world.call(op.name, Map::new()).unwrap_or_else(|e| panic!("{}: {e}", op.name)).value;
        for (name, field) in op.output["properties"].as_object().into_iter().flatten() {
            if argos_core::api::input::types_of(field).contains(&"array") {
                assert!(value[name].is_array(), "{} {name}: {value}", op.name);
            }
        }
    }
}

/// Tables without an operation that could write a duplicate yet.
const NOT_WRITTEN_YET: &[&str] =
    &["backups", "bans", "notification_channels", "push_subscriptions", "security_whitelist"];

#[test]
fn a_duplicate_of_every_unique_key_is_a_conflict_that_names_the_field() {
    let world = World::new();
    let rule = json!({"host_id": 1, "id": 2, "priority": 10});
    let target = json!({"target_group_id": 1, "id": 2, "port": 9001});
    let new_target = json!({"target_group_id": 1, "host": "127.0.0.1", "port": 9001});
    let of_rule = json!({"host_id": 1, "crs_rule_id": 3001, "path_pattern": "/api"});
    let of_tag = json!({"host_id": 1, "tag": "attack-sqli"});
    let same_rule = json!({"host_id": 2, "id": 4, "crs_rule_id": 3001});
    let mut block = object(sample("rules.create"));
    block.insert("priority".into(), 10.into());
    let tried: &[(&str, &str, Value, &str)] = &[
        ("hosts domain", "hosts.create", samples::world()[0].1.clone(), "domain"),
        (
            "acme_accounts directory_url email",
            "acme_accounts.create",
            json!({"directory_url": "https://ca.example/dir", "email": "a@a.example"}),
            "email",
        ),
        // The same certificate once more takes the place of the one before.
        ("certificates host_id fingerprint_sha256", "", Value::Null, ""),
        ("hosts domain", "hosts.update", json!({"id": 2, "domain": "A.example"}), "domain"),
        ("target_groups name", "target_groups.create", json!({"name": "spare", "targets": []}), "name"),
        ("target_groups name", "target_groups.update", json!({"id": 1, "name": "spare"}), "name"),
        ("targets target_group_id host port", "targets.create", new_target, "host"),
        ("targets target_group_id host port", "targets.update", target, "host"),
        ("rules host_id priority", "rules.create", Value::Object(block), "priority"),
        ("rules host_id priority", "rules.update", rule, "priority"),
        ("waf_exclusions host_id crs_rule_id path_pattern", "exclusions.create", of_rule, "path_pattern"),
        ("waf_exclusions host_id tag path_pattern", "exclusions.create", of_tag, "path_pattern"),
        ("waf_exclusions host_id crs_rule_id path_pattern", "exclusions.update", same_rule, "path_pattern"),
        ("api_tokens name", "tokens.create", json!({"name": "one", "role": "viewer"}), "name"),
        ("dns_providers name", "dns_providers.update", json!({"id": 2, "name": "dns"}), "name"),
        // A list is replaced whole, and names each once.
        ("host_access host_id user_id", "", Value::Null, ""),
        ("host_access host_id role", "", Value::Null, ""),
        // Random: 256 bits never come twice.
        ("api_tokens token_hash", "", Value::Null, ""),
        ("users username", "users.create", json!({"username": "ONE"}), "username"),
        ("users username", "users.update", json!({"id": 2, "username": "One"}), "username"),
        // Random: 256 bits never come twice.
        ("sessions token", "", Value::Null, ""),
        // A ban takes the place of the one before.
        ("auth_bans scope key", "", Value::Null, ""),
        ("users external_provider external_id", "", Value::Null, ""),
    ];
    let before = world.trace();
    for (key, name, input, field) in tried.iter().filter(|(_, name, ..)| !name.is_empty()) {
        let refused = world.call(name, object(input.clone())).unwrap_err();
        let named: Vec<&str> = refused.fields().iter().map(|f| f.field.as_str()).collect();
        assert_eq!((refused.kind(), named.as_slice()), (ErrorKind::Conflict, &[*field][..]), "{key} {name}: {refused}");
    }
    assert_eq!(world.trace(), before);
    let sql = "SELECT m.name, l.name FROM sqlite_schema m, pragma_index_list(m.name) l
        WHERE m.type = 'table' AND l.\"unique\" AND l.origin != 'pk' ORDER BY 1, 2";
    let mut statement = world.db.prepare(sql).unwrap();
    let indexes = statement.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?))).unwrap();
    for (table, index) in indexes.map(std::result::Result::unwrap) {
        let mut columns = world.db.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno").unwrap();
        let columns = columns.query_map([&index], |r| r.get::<_, String>(0)).unwrap();
        let key = columns.map(std::result::Result::unwrap).fold(table.clone(), |key, column| key + " " + &column);
        let known = NOT_WRITTEN_YET.contains(&table.as_str()) || tried.iter().any(|(k, ..)| *k == key);
        assert!(known, "{key}: a unique key that nothing tries to write twice");
    }
    assert!(world.folder.path().exists());
}
