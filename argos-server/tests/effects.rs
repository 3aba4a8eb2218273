//! Every setting has an effect: each stored field and each setting that can be written is changed, and the
//! difference is observed from outside the running binary: in an answer, at an upstream, or in a row that is left.
//!
//! The tables are compared with the migrated database, the list of settings and the schema of the operations, so a
//! new column, setting, matcher or action without a row fails here. What has no effect yet is refused by name, and
//! its row shows the refusal.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod effects_parts;
#[path = "../../argos-core/tests/samples/mod.rs"]
mod samples;
mod support;

use std::collections::BTreeSet;
use std::path::Path;

use argos_core::api::{Described, describe};
use argos_core::schema::{Access, By, SETTINGS};
use effects_parts::Proof;
use effects_parts::settings::ATTACK;
use effects_parts::world::{PATIENCE, World, echo, merged, saying};
use effects_parts::{columns, rules, settings};
use rusqlite::Connection;
use serde_json::json;
use support::Folder;

/// Both sets, so that what is missing on either side stands in the message.
fn same<'a>(what: &str, listed: impl IntoIterator<Item = &'a str>, known: impl IntoIterator<Item = &'a str>) {
    let mut listed: Vec<&str> = listed.into_iter().collect();
    listed.sort_unstable();
    let twice = listed.windows(2).find(|w| w[0] == w[1]);
    assert_eq!(twice, None, "{what}: a row stands twice");
    let (listed, known): (BTreeSet<&str>, BTreeSet<&str>) = (listed.into_iter().collect(), known.into_iter().collect());
    let without: Vec<_> = known.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&known).collect();
    assert!(without.is_empty() && gone.is_empty(), "{what}: no row for {without:?}; no such thing as {gone:?}");
}

fn strings(db: &Connection, sql: &str) -> Vec<String> {
    db.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn every_column_setting_matcher_and_action_has_a_row() {
    let folder = Folder::new();
    folder.json(&["host", "list"]);
    let db = Connection::open(folder.data().join("argos.db")).unwrap();
    let tables = strings(&db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let rows = columns::all();
    let listed = rows.iter().map(|(table, _)| *table).chain(columns::UNWRITTEN.iter().copied());
    same("tables", listed, tables.iter().map(String::as_str));
    for (table, columns) in &rows {
        let known = strings(&db, &format!("SELECT name FROM pragma_table_info('{table}')"));
        same(table, columns.iter().map(|(column, _)| *column), known.iter().map(String::as_str));
    }
    let writable = SETTINGS.iter().filter(|s| s.access == Access::Writable).map(|s| s.key);
    let listed = settings::all();
    same("settings", listed.iter().map(|(key, _)| *key), writable);
    let known = rules::known();
    let fields = rules::all();
    let listed = fields.iter().map(|row| row.field).chain(rules::REFUSED.iter().map(|(field, _)| *field));
    let listed = listed.chain(rules::ELSEWHERE.iter().copied());
    same("matchers and actions", listed, known.iter().map(String::as_str));
}

/// That the operation refuses the field by name, as not available yet.
fn not_yet(w: &World, operation: &str, field: &str, value: &serde_json::Value) {
    let site = w.site(echo());
    let key = match operation {
        "security.update" => json!({"host_id": site.host}),
        "target_groups.update" => json!({"id": site.group}),
        _ => json!({"id": site.host}),
    };
    let (status, problem) = w.ask(operation, merged(key, json!({field: value})));
    assert_eq!((status, &problem["code"]), (422, &json!("not_available_yet")), "{operation} {field}: {problem}");
    assert_eq!(problem["errors"][0]["field"], json!(field), "{operation}");
    assert!(problem["detail"].as_str().unwrap().contains("not available yet"), "{problem}");
}

fn try_it(w: &World, what: String, proof: &Proof) {
    // Shown only when the test fails.
    eprintln!("{what}");
    *w.trying.borrow_mut() = what;
    match proof {
        Proof::Effect(observe) => observe(w),
        Proof::NotYet(operation, field, value) => not_yet(w, operation, field, value),
        Proof::ShownBy(file, test) => {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(file);
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.contains(&format!("#[test]\n    fn {test}()")) || text.contains(&format!("#[test]\nfn {test}()"))
            );
        }
        // Looked at in the end.
        Proof::Unwritten | Proof::Filled => {}
    }
    w.tidy();
}

#[test]
fn whatever_can_be_written_has_an_effect_or_is_refused() {
    let w = World::start();
    let rows = columns::all();
    for (table, columns) in &rows {
        for (column, proof) in columns {
            try_it(&w, format!("{table}.{column}"), proof);
        }
    }
    for row in rules::all() {
        try_rule(&w, row.field, |w| rules::observe(w, &row));
    }
    for (field, matcher) in rules::REFUSED {
        try_rule(&w, field, |w| rules::refused(w, matcher));
    }
    for (key, proof) in settings::all() {
        try_it(&w, format!("setting {key}"), &proof);
    }
    for setting in SETTINGS.iter().filter(|s| s.access != Access::Writable) {
        let expected = match setting.access {
            Access::NotYet => "setting.not_available_yet",
            _ => "setting.read_only",
        };
        let (status, problem) = w.ask("settings.set", json!({"key": setting.key, "value": setting.default}));
        assert_eq!((status, &problem["code"]), (422, &json!(expected)), "{}: {problem}", setting.key);
    }
    // What was not reached above: every changing operation was done before the tables are looked at.
    let site = w.site(echo());
    let rule = json!({"host_id": site.host, "action": {"type": "block", "config": {}}});
    let rule = w.call("rules.create", rule)["id"].clone();
    let targets = w.call("targets.list", json!({"target_group_id": site.group}));
    let target = json!({"target_group_id": site.group, "id": targets["items"][0]["id"]});
    assert_eq!(w.get(&site, "/").status, 403);
    w.replace("rules", json!({"host_id": site.host, "id": rule}), "enabled", json!(false));
    assert_eq!(w.get(&site, "/").status, 200);
    w.replace("targets", target, "weight", json!(2));
    w.replace("target_groups", json!({"id": site.group}), "max_retries", json!(1));
    w.replace("security", json!({"host_id": site.host}), "waf_block_status", json!(418));
    w.replace("hosts", json!({"id": site.host}), "enabled", json!(false));
    assert_eq!(w.get(&site, "/").status, 404);
    w.call("hosts.delete", json!({"id": site.host}));
    let targets = w.call("targets.list", json!({"target_group_id": site.group}));
    w.call("targets.delete", json!({"target_group_id": site.group, "id": targets["items"][0]["id"]}));
    w.call("target_groups.delete", json!({"id": site.group}));
    let guarded = w.guarded(echo());
    for (mode, status) in [("detect", 200), ("disabled", 200), ("block", 403)] {
        assert_eq!(w.call("waf.mode", json!({"mode": mode}))["mode"], mode);
        assert_eq!(w.get(&guarded, ATTACK).status, status, "{mode}");
    }
    // Hosts run the built-in rules here, whatever is installed; that it takes effect is shown in `crs.rs`.
    w.call("waf.install", samples::sample("waf.install"));
    let secure = w.site(echo());
    let uploaded = w.call("certificates.upload", samples::upload(secure.host, &secure.domain));
    assert_eq!(w.get(&secure, "/").status, 308);
    w.call("certificates.delete", json!({"id": uploaded["id"]}));
    w.call("certificates.renew", json!({"id": secure.host}));
    // That orders use them is shown in `acme.rs`.
    let account = w.call("acme_accounts.create", samples::sample("acme_accounts.create"));
    w.call("acme_accounts.delete", json!({"id": account["id"]}));
    assert_eq!(w.call("auth.set_oidc_config", json!({"client_id": "argos"}))["client_id"], "argos");
    notify(&w);
    let called = w.called.borrow().clone();
    let operations = describe();
    // What people do through a session, or to sign in, has effects in `sign_in.rs`, `gate.rs` and `oidc.rs`.
    let is_here =
        |op: &&Described| op.by == By::Anyone && (!op.name.starts_with("auth.") || op.name == "auth.set_oidc_config");
    let changing = operations.iter().filter(|op| op.mutates).filter(is_here).map(|op| op.name);
    same("changing operations", called, changing);
    let db = w.end();
    for table in columns::UNWRITTEN {
        let rows: i64 = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}: an operation writes it; give its columns rows");
    }
    for (table, columns) in &rows {
        for (column, proof) in columns {
            let filled = columns::is_filled(&db, table, column);
            match proof {
                Proof::Unwritten => assert!(!filled, "{table}.{column}: an operation writes it; give it a row"),
                Proof::Filled => assert!(filled, "{table}.{column}: nothing writes it"),
                _ => {}
            }
        }
    }
}

/// Channels, rules and deliveries, with a receiver that is there.
fn notify(w: &World) {
    w.set("notifications.allow_private_targets", "true");
    let config = json!({"url": format!("http://{}/", saying("taken"))});
    let channel = w.call("channels.create", json!({"name": w.name(), "type": "webhook", "config": config}));
    let channel = json!({"id": channel["id"]});
    w.call("channels.toggle", merged(channel.clone(), json!({"enabled": false})));
    let rule = json!({"channel_id": channel["id"], "event_type": "config_change"});
    let rule = json!({"id": w.call("notification_rules.create", rule)["id"]});
    w.call("notification_rules.toggle", merged(rule.clone(), json!({"enabled": false})));
    w.replace("notification_rules", rule.clone(), "enabled", json!(true));
    let status = |wanted: &str| {
        let begun = std::time::Instant::now();
        loop {
            let found = w.call("deliveries.list", json!({"status": wanted}))["items"][0].clone();
            if !found.is_null() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "no delivery is {wanted}");
        }
    };
    let failed = status("failed");
    assert_eq!(failed["error_message"], "channel disabled");
    w.call("channels.toggle", merged(channel.clone(), json!({"enabled": true})));
    w.call("deliveries.retry", json!({"id": failed["id"]}));
    status("sent");
    w.call("notification_rules.delete", rule);
    w.call("channels.delete", channel);
}

fn try_rule(w: &World, field: &str, observe: impl FnOnce(&World)) {
    eprintln!("rules: {field}");
    *w.trying.borrow_mut() = format!("rules: {field}");
    observe(w);
    w.tidy();
}
