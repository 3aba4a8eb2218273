//! Configuration in time: any kept generation can be compared with any other and brought back, whole or in part.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod any_change;
mod support;

use std::collections::BTreeMap;
use std::io::Write as _;

use any_change::{Dice, Rows, operation, stored, text};
use argos_core::api::{BlameObject, DiffVersions, GetHealth, ListVersions, RollBack};
use argos_core::schema::{ConfigVersion, FieldBlame, FieldChange, RowKey};
use argos_core::{Argos, ErrorKind};
use flate2::Compression;
use flate2::write::GzEncoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Folder, argos};

fn db(folder: &Folder) -> Connection {
    Connection::open(folder.path().join("argos.db")).unwrap()
}

/// Runs an operation that must succeed; the generation it made.
fn call(argos: &Argos, name: &str, input: Value) -> u64 {
    let applied = argos.call(name, input.as_object().unwrap().clone());
    applied.unwrap_or_else(|e| panic!("{name}: {e:?}")).generation.unwrap()
}

fn host(argos: &Argos, domain: &str, port: u16) -> u64 {
    let targets = json!({"targets": [{"host": "127.0.0.1", "port": port}]});
    call(argos, "hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group": targets}))
}

fn block(argos: &Argos, host: i64) -> u64 {
    call(argos, "rules.create", json!({"host_id": host, "action": {"type": "block", "config": {}}}))
}

fn diff(argos: &Argos, a: u64, b: u64) -> Vec<FieldChange> {
    let mut page = argos.config().diff(DiffVersions::first(a, b)).unwrap();
    while let Some(cursor) = page.next_cursor.take() {
        let next = DiffVersions { limit: Some(500), cursor: Some(cursor), ..DiffVersions::first(a, b) };
        let next = argos.config().diff(next).unwrap();
        page.items.extend(next.items);
        page.next_cursor = next.next_cursor;
    }
    page.items
}

fn versions(argos: &Argos) -> Vec<ConfigVersion> {
    argos.config().versions(ListVersions { limit: Some(500), ..ListVersions::default() }).unwrap().items
}

fn blame(argos: &Argos, table: &str, key: i64) -> BTreeMap<String, FieldBlame> {
    let op = BlameObject::first(table.into(), RowKey::Number(key));
    argos.config().blame(op).unwrap().items.into_iter().map(|f| (f.field.clone(), f)).collect()
}

/// Whatever a change leaves to be done is done when this returns.
fn rest(argos: &Argos) {
    argos.rest().unwrap();
}

/// What is running is what is stored, and what a start would compile.
fn consistent(running: Argos, folder: &Folder, shown: &str) -> Argos {
    let health = running.system().health(GetHealth {}).unwrap();
    assert_eq!(health.stored_generation, health.running_generation, "{shown}");
    let live = text(&running.snapshot());
    drop(running);
    let fresh = argos(folder);
    assert!(fresh.faults().is_empty(), "{shown}: {:?}", fresh.faults());
    assert_eq!(text(&fresh.snapshot()), live, "{shown}");
    fresh
}

#[test]
fn any_generation_of_a_random_sequence_comes_back_row_by_row() {
    let seed = 11;
    let folder = Folder::new();
    let mut running = argos(&folder);
    call(&running, "settings.set", json!({"key": "config.history_max", "value": "1000"}));
    let db = db(&folder);
    let mut dice = Dice(seed);
    let mut states: BTreeMap<u64, Rows> = BTreeMap::from([(1, stored(&db))]);
    let mut steps = 0;
    while steps < 300 {
        let (name, input) = operation(&running, &mut dice);
        let done = running.call(name, input.as_object().unwrap().clone());
        if let Some(generation) = done.ok().and_then(|d| d.generation) {
            states.insert(generation, stored(&db));
            steps += 1;
        }
    }
    let last = *states.keys().last().unwrap();
    let mut now = last;
    for n in [last - 1, 250, 150, 1, last, 77, 299, 2, 100, last] {
        let shown = format!("seed {seed}, back to {n}");
        let applied = running.config().rollback(RollBack::all(n)).unwrap_or_else(|e| panic!("{shown}: {e:?}"));
        assert_eq!(applied.generation, Some(now + 1), "{shown}");
        now += 1;
        assert_eq!(stored(&db), states[&n], "{shown}");
        assert_eq!(diff(&running, n, now), [], "{shown}");
        assert_eq!(diff(&running, now, n), [], "{shown}");
        running = consistent(running, &folder, &shown);
    }
    for _ in 0..20 {
        let (a, b) = (1 + dice.roll(last), 1 + dice.roll(last));
        let differing = |a: &Rows, b: &Rows| {
            let rows: Vec<(String, String)> = a.keys().chain(b.keys()).cloned().collect();
            let mut out = Vec::new();
            for at in rows {
                let (old, new) = (a.get(&at), b.get(&at));
                let columns = old.or(new).unwrap().as_object().unwrap().keys();
                for column in columns.filter(|c| !["created_at", "updated_at"].contains(&c.as_str())) {
                    let side = |row: Option<&Value>| row.map_or(Value::Null, |r| r[column].clone());
                    if side(old) != side(new) {
                        out.push(format!("{} {} {column} {} {}", at.0, at.1, side(old), side(new)));
                    }
                }
            }
            out.sort();
            out.dedup();
            out
        };
        let mut found: Vec<String> = diff(&running, a, b)
            .iter()
            .map(|c| format!("{} {} {} {} {}", c.table, Value::from(&c.key), c.field, c.old, c.new))
            .collect();
        found.sort();
        assert_eq!(found, differing(&states[&a], &states[&b]), "seed {seed}: {a} to {b}");
    }
    // A rollback to what stands is no change.
    assert_eq!(running.config().rollback(RollBack::all(now)).unwrap().generation, None);
}

#[test]
fn names_and_priorities_are_swapped_back() {
    let folder = Folder::new();
    let argos = argos(&folder);
    host(&argos, "a.example", 1);
    host(&argos, "b.example", 2);
    block(&argos, 1);
    let n = block(&argos, 1);
    let before = stored(&db(&folder));
    for (id, domain) in [(1, "c.example"), (2, "a.example"), (1, "b.example")] {
        call(&argos, "hosts.update", json!({"id": id, "domain": domain}));
    }
    for (id, name) in [(1, "third"), (2, "a.example"), (1, "b.example")] {
        call(&argos, "target_groups.update", json!({"id": id, "name": name}));
    }
    call(&argos, "rules.reorder", json!({"host_id": 1, "rule_ids": [2, 1]}));
    let done = argos.config().rollback(RollBack::all(n)).unwrap();
    assert_eq!((done.value.to, done.value.rows), (n, 6));
    assert_eq!(stored(&db(&folder)), before);
    assert_eq!(argos.snapshot().host("a.example").unwrap().id.0, 1);
    consistent(argos, &folder, "swapped");
}

#[test]
fn a_deleted_host_comes_back_alone_with_its_rules_and_security() {
    let folder = Folder::new();
    let argos = argos(&folder);
    host(&argos, "a.example", 1);
    host(&argos, "b.example", 2);
    call(&argos, "security.update", json!({"host_id": 1, "waf_mode": "block", "waf_paranoia": 3}));
    block(&argos, 1);
    let n = block(&argos, 1);
    let before = stored(&db(&folder));
    call(&argos, "hosts.delete", json!({"id": 1}));
    call(&argos, "hosts.update", json!({"id": 2, "domain": "later.example"}));
    call(&argos, "settings.set", json!({"key": "proxy.max_retries", "value": "5"}));
    let now = stored(&db(&folder));
    let op = RollBack::one(n, "hosts", RowKey::Text("1".into()));
    let done = argos.config().rollback(op).unwrap();
    assert_eq!(done.value.rows, 4);
    let after = stored(&db(&folder));
    for (at, row) in &after {
        let own = at.0 == "hosts" && row["id"] == 1 || row["host_id"] == 1;
        assert_eq!(Some(row), if own { before.get(at) } else { now.get(at) }, "{at:?}");
    }
    assert_eq!(after.len(), now.len() + 4);
    assert_eq!(argos.snapshot().host("a.example").unwrap().rules.len(), 2);
    let sql = "SELECT action || ' ' || host_id || ' ' || host_domain FROM log_entries ORDER BY id DESC LIMIT 1";
    let row: String = db(&folder).query_row(sql, [], |r| r.get(0)).unwrap();
    assert_eq!(row, "config_rolled_back 1 a.example");
    // Before it was made there was none: going there is deleting it.
    argos.config().rollback(RollBack::one(1, "hosts", RowKey::Number(2))).unwrap();
    assert!(argos.snapshot().host("later.example").is_none());
    assert!(argos.snapshot().host("a.example").is_some());
    consistent(argos, &folder, "alone");
}

/// A refused rollback leaves no row, no generation and no audit row.
fn refused(argos: &Argos, folder: &Folder, op: RollBack) -> argos_core::Error {
    let db = db(folder);
    let count =
        |table: &str| -> i64 { db.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap() };
    let trace = || (stored(&db), count("log_entries"), count("config_versions"));
    let before = (trace(), text(&argos.snapshot()));
    let error = argos.config().rollback(op).unwrap_err();
    assert_eq!((trace(), text(&argos.snapshot())), before);
    error
}

#[test]
fn a_name_that_a_later_host_has_is_named() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let n = host(&argos, "a.example", 1);
    call(&argos, "hosts.delete", json!({"id": 1}));
    call(&argos, "hosts.create", json!({"domain": "a.example", "tls_mode": "none", "target_group_id": 1}));
    let error = refused(&argos, &folder, RollBack::one(n, "hosts", RowKey::Number(1)));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "host.domain_taken"));
    assert_eq!(error.message(), "hosts 1.domain: domain a.example is now that of host 2");
    assert_eq!(error.fields()[0].field, "hosts 1.domain");
    // With everything the later host goes, and the name is free.
    argos.config().rollback(RollBack::all(n)).unwrap();
    assert_eq!(argos.snapshot().host("a.example").unwrap().id.0, 1);
}

#[test]
fn references_that_lead_nowhere_are_all_listed() {
    let folder = Folder::new();
    let argos = argos(&folder);
    host(&argos, "a.example", 1);
    call(&argos, "target_groups.create", json!({"name": "second", "targets": []}));
    let forward = json!({"type": "forward", "config": {"target_group_id": 2}});
    let n = call(&argos, "rules.create", json!({"host_id": 1, "action": forward}));
    call(&argos, "hosts.delete", json!({"id": 1}));
    call(&argos, "target_groups.delete", json!({"id": 1}));
    call(&argos, "target_groups.delete", json!({"id": 2}));
    let error = refused(&argos, &folder, RollBack::one(n, "hosts", RowKey::Number(1)));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "config.unresolved"));
    let fields: Vec<&str> = error.fields().iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["hosts 1.target_group_id", "rules 1.action_config.target_group_id"]);
    // One after the other it works: a group comes with its targets.
    argos.config().rollback(RollBack::one(n, "target_groups", RowKey::Number(1))).unwrap();
    argos.config().rollback(RollBack::one(n, "target_groups", RowKey::Number(2))).unwrap();
    argos.config().rollback(RollBack::one(n, "hosts", RowKey::Number(1))).unwrap();
    assert_eq!(argos.snapshot().groups.get(&argos_core::schema::GroupId(1)).unwrap().targets.len(), 1);
    // A group that hosts use does not go.
    let error = refused(&argos, &folder, RollBack::one(1, "rules", RowKey::Number(9)));
    assert_eq!(error.code(), "config.object_not_found");
    let error = refused(&argos, &folder, RollBack::one(1, "target_groups", RowKey::Number(2)));
    assert_eq!(error.code(), "target_group.in_use");
    consistent(argos, &folder, "one after the other");
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_no_table_is_refused() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let now = host(&argos, "a.example", 1);
    for n in [0, now + 1, u64::MAX] {
        assert_eq!(refused(&argos, &folder, RollBack::all(n)).kind(), ErrorKind::NotFound, "{n}");
        for (a, b) in [(n, now), (now, n)] {
            let error = argos.config().diff(DiffVersions::first(a, b)).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "config.version_not_found"), "{n}");
        }
    }
    let text = |key: &str| RowKey::Text(key.into());
    let mut half = RollBack::one(now, "hosts", text("1"));
    half.key = None;
    for (op, code, field) in [
        (RollBack::one(now, "users", text("1")), "config.table", "table"),
        (RollBack::one(now, "hosts", text("a.example")), "config.key", "key"),
        (RollBack::one(now, "settings", RowKey::Number(1)), "config.key", "key"),
        (RollBack::one(now, "settings", text("crypto.key_check")), "config.object_not_found", ""),
        (RollBack::one(now, "hosts", text("7")), "config.object_not_found", ""),
        (half, "missing_field", "key"),
    ] {
        let error = refused(&argos, &folder, op);
        assert_eq!((error.code(), error.fields().first().map_or("", |f| &f.field)), (code, field));
    }
    let op = BlameObject::first("settings".into(), text("crypto.key_check"));
    assert_eq!(argos.config().blame(op).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn blame_names_generation_and_actor_of_each_field() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let made = host(&argos, "a.example", 1);
    let off = call(&argos, "hosts.toggle", json!({"id": 1, "enabled": false}));
    let renamed = call(&argos, "hosts.update", json!({"id": 1, "domain": "b.example"}));
    let fields = blame(&argos, "hosts", 1);
    for (field, value, generation) in [
        ("domain", json!("b.example"), renamed),
        ("enabled", json!(0), off),
        ("tls_mode", json!("none"), made),
        ("max_body_bytes", Value::Null, made),
    ] {
        let found = &fields[field];
        assert_eq!((&found.value, found.generation), (&value, Some(generation)), "{field}");
        assert_eq!(found.actor.as_deref(), Some("system"), "{field}");
        assert!(found.created_at.is_some());
    }
    // What was made before the kept history has no author.
    call(&argos, "settings.set", json!({"key": "config.history_max", "value": "10"}));
    for n in 0..10 {
        call(&argos, "hosts.toggle", json!({"id": 1, "enabled": n % 2 == 0}));
    }
    rest(&argos);
    let fields = blame(&argos, "hosts", 1);
    assert_eq!(
        (fields["domain"].generation, &fields["domain"].created_at, &fields["domain"].actor),
        (None, &None, &None)
    );
    assert_eq!(fields["enabled"].generation, Some(renamed + 11));
}

#[test]
fn only_the_newest_generations_are_kept_and_each_of_them_can_be_reached() {
    let folder = Folder::new();
    let mut running = argos(&folder);
    let db = db(&folder);
    let mut dice = Dice(5);
    let mut states: BTreeMap<u64, Rows> = BTreeMap::new();
    let change = |running: &Argos, dice: &mut Dice, states: &mut BTreeMap<u64, Rows>| {
        loop {
            let (name, input) = operation(running, dice);
            let done = running.call(name, input.as_object().unwrap().clone());
            if let Some(generation) = done.ok().and_then(|d| d.generation) {
                states.insert(generation, stored(&db));
                return generation;
            }
        }
    };
    for _ in 0..120 {
        change(&running, &mut dice, &mut states);
    }
    call(&running, "settings.set", json!({"key": "config.history_max", "value": "10"}));
    states.insert(121, stored(&db));
    rest(&running);
    let rows = || -> (i64, i64, bool) {
        let sql = "SELECT count(*), min(generation),
            (SELECT checkpoint IS NOT NULL FROM config_versions ORDER BY generation LIMIT 1) FROM config_versions";
        db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap()
    };
    assert_eq!(rows(), (10, 112, true));
    let mut last = 121;
    for _ in 0..30 {
        last = change(&running, &mut dice, &mut states);
        rest(&running);
        assert_eq!(rows(), (10, i64::try_from(last).unwrap() - 9, true));
    }
    let kept: Vec<u64> = versions(&running).iter().map(|v| v.generation).collect();
    assert_eq!(kept, (last - 9..=last).rev().collect::<Vec<u64>>());
    assert_eq!(running.config().rollback(RollBack::all(last - 10)).unwrap_err().kind(), ErrorKind::NotFound);
    // The copy in the oldest row is the state of then.
    assert_eq!(copied(&db, last - 9), states[&(last - 9)]);
    // A rollback pushes the oldest out, so the newest nine stay reachable.
    for n in [last - 7, last - 6, last] {
        running.config().rollback(RollBack::all(n)).unwrap();
        assert_eq!(stored(&db), states[&n], "{n}");
        running = consistent(running, &folder, "kept");
    }
}

/// The configuration that a full copy holds, but the number of its generation.
fn copied(db: &Connection, generation: u64) -> Rows {
    let sql = "SELECT checkpoint FROM config_versions WHERE generation = ?1";
    let packed: Vec<u8> = db.query_row(sql, [i64::try_from(generation).unwrap()], |r| r.get(0)).unwrap();
    let copy: Value = serde_json::from_reader(flate2::read::GzDecoder::new(&packed[..])).unwrap();
    let mut copied = Rows::new();
    for (name, list) in copy.as_object().unwrap() {
        let key = argos_core::store::CONFIG_TABLES.iter().find(|t| t.name == name).unwrap().key;
        copied.extend(list.as_array().unwrap().iter().map(|row| ((name.clone(), row[key].to_string()), row.clone())));
    }
    let own = copied.remove(&("settings".into(), json!("config.generation").to_string())).unwrap();
    assert_eq!(own["value"], json!(generation.to_string()));
    copied
}

/// The copy is made beside the changes that come after it, and holds none of them.
#[test]
fn a_full_copy_is_the_state_of_its_generation() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let db = db(&folder);
    let mut states: BTreeMap<u64, Rows> = BTreeMap::new();
    let mut dice = Dice(3);
    while states.keys().last().is_none_or(|last| *last < 230) {
        let (name, input) = operation(&argos, &mut dice);
        let done = argos.call(name, input.as_object().unwrap().clone());
        if let Some(generation) = done.ok().and_then(|d| d.generation)
            && [1, 100, 200, 230].contains(&generation)
        {
            states.insert(generation, stored(&db));
        }
    }
    rest(&argos);
    for generation in [100, 200] {
        assert_eq!(copied(&db, generation), states[&generation], "{generation}");
    }
}

/// A full copy of a large configuration is worth several dropped rows; rows that wait are shown to nobody.
#[test]
fn a_large_configuration_is_not_copied_for_every_change() {
    let folder = Folder::new();
    let argos = argos(&folder);
    host(&argos, "a.example", 1);
    let mut dice = Dice(1);
    let noise: String = (0..200_000).map(|_| char::from(b'!' + u8::try_from(dice.roll(90)).unwrap())).collect();
    call(&argos, "security.update", json!({"host_id": 1, "waf_block_body": noise}));
    call(&argos, "settings.set", json!({"key": "config.history_max", "value": "10"}));
    let db = db(&folder);
    let count =
        |what: &str| -> i64 { db.query_row(&format!("SELECT {what} FROM config_versions"), [], |r| r.get(0)).unwrap() };
    let (mut oldest, mut prunes, mut most) = (1, 0, 0);
    for n in 0..150 {
        let last = call(&argos, "hosts.toggle", json!({"id": 1, "enabled": n % 2 == 1}));
        rest(&argos);
        let now = count("min(generation)");
        prunes += i32::from(now != oldest);
        oldest = now;
        most = most.max(count("count(*)"));
        let shown: Vec<u64> = versions(&argos).iter().map(|v| v.generation).collect();
        assert_eq!(shown, (last.saturating_sub(9).max(1)..=last).rev().collect::<Vec<u64>>());
        if last > 10 {
            assert_eq!(
                argos.config().diff(DiffVersions::first(last - 10, last)).unwrap_err().kind(),
                ErrorKind::NotFound
            );
        }
    }
    assert!((1..=6).contains(&prunes) && (11..=110).contains(&most), "{prunes} prunes, {most} rows");
}

/// Writes what a generation recorded, with its checksum.
fn forge(db: &Connection, generation: u64, changes: &Value) {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(changes.to_string().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let sha256 = hex::encode(Sha256::digest(&packed));
    let sql = "UPDATE config_versions SET changes = ?1, sha256 = ?2 WHERE generation = ?3";
    assert_eq!(db.execute(sql, (packed, sha256, i64::try_from(generation).unwrap())).unwrap(), 1);
}

#[test]
fn a_change_that_was_tampered_with_is_not_used() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let made = host(&argos, "a.example", 1);
    let bad = call(&argos, "hosts.toggle", json!({"id": 1, "enabled": false}));
    let good = block(&argos, 1);
    let now = block(&argos, 1);
    let db = db(&folder);
    let sql = "UPDATE config_versions SET changes = (SELECT changes FROM config_versions WHERE generation = ?1)
        WHERE generation = ?2";
    db.execute(sql, [i64::try_from(good).unwrap(), i64::try_from(bad).unwrap()]).unwrap();
    let error = refused(&argos, &folder, RollBack::all(made));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "config.history_corrupt"));
    assert_eq!(error.message(), format!("generation {bad}: its changes do not match their checksum"));
    assert_eq!(argos.config().diff(DiffVersions::first(made, now)).unwrap_err().kind(), ErrorKind::Corrupt);
    let op = BlameObject::first("hosts".into(), RowKey::Number(1));
    assert_eq!(argos.config().blame(op).unwrap_err().kind(), ErrorKind::Corrupt);
    // What does not lead over it is used.
    argos.config().rollback(RollBack::all(good)).unwrap();
    assert_eq!(diff(&argos, good, now + 1), []);
}

#[test]
fn a_certificate_is_never_replaced_by_an_older_one_of_its_host() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let n = host(&argos, "a.example", 1);
    host(&argos, "b.example", 2);
    let renewed = call(&argos, "hosts.toggle", json!({"id": 1, "enabled": false}));
    let db = db(&folder);
    let insert = "INSERT INTO certificates (host_id, names, kind, cert_pem, key_encrypted, fingerprint_sha256,
        not_before, not_after) VALUES (?1, '[]', 'acme', 'pem', 'argos1:key', ?2, ?3, ?4)";
    // The first host was renewed, the second lost its certificate.
    db.execute(insert, (1, "old", 100, 200)).unwrap();
    db.execute(insert, (2, "lost", 100, 200)).unwrap();
    let with = stored(&db);
    let row = |id: i64| with[&("certificates".to_owned(), id.to_string())].clone();
    db.execute("DELETE FROM certificates", []).unwrap();
    db.execute(insert, (1, "new", 150, 300)).unwrap();
    let new = stored(&db)[&("certificates".to_owned(), "3".to_owned())].clone();
    let change =
        |key: i64, old: Value, new: Value| json!({"table": "certificates", "key": key, "old": old, "new": new});
    let changes =
        json!([change(1, row(1), Value::Null), change(2, row(2), Value::Null), change(3, Value::Null, new.clone())]);
    forge(&db, renewed, &changes);
    let shown = json!(diff(&argos, n, renewed)).to_string();
    assert!(!shown.contains("argos1:") && shown.contains(r#""field":"key_encrypted","old":"***""#), "{shown}");
    // The second host was made after `n`, so a certificate of it leads nowhere when it comes back alone.
    let done = argos.config().rollback(RollBack::one(renewed - 1, "hosts", RowKey::Number(1))).unwrap();
    assert_eq!((done.generation, done.value.certificates_kept), (None, 2));
    let done = argos.config().rollback(RollBack::one(renewed - 1, "hosts", RowKey::Number(2))).unwrap();
    assert_eq!((done.value.rows, done.value.certificates_kept), (1, 0));
    let rows = stored(&db);
    let certificates: Vec<&Value> = rows.iter().filter(|(at, _)| at.0 == "certificates").map(|(_, row)| row).collect();
    // Its host is not served over TLS, so it comes back unserved.
    let mut lost = row(2);
    lost["active"] = json!(0);
    assert_eq!(certificates, [&lost, &new]);
}

#[test]
fn what_is_no_configuration_stays_through_a_rollback() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let n = host(&argos, "a.example", 1);
    let rule = block(&argos, 1);
    call(&argos, "hosts.update", json!({"id": 1, "domain": "b.example"}));
    call(&argos, "rules.update", json!({"host_id": 1, "id": 1, "name": "later"}));
    let db = db(&folder);
    db.execute_batch(
        "INSERT INTO users (username) VALUES ('person');
         INSERT INTO sessions (token, user_id, expires_at, host_id) VALUES ('t', 1, 9, 1);
         INSERT INTO api_tokens (name, token_hash, role) VALUES ('ci', 'h', 'viewer');
         INSERT INTO bans (scope, value) VALUES ('ip', '192.0.2.1');
         INSERT INTO log_entries (source, host_id, rule_id) VALUES ('caddy_access', 1, 1);",
    )
    .unwrap();
    let kept = || -> (i64, i64, i64, i64, Option<i64>) {
        let sql = "SELECT (SELECT count(*) FROM users), (SELECT host_id FROM sessions),
            (SELECT count(*) FROM api_tokens), (SELECT count(*) FROM bans),
            (SELECT host_id * 10 + rule_id FROM log_entries WHERE source = 'caddy_access')";
        db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))).unwrap()
    };
    // Host and rule change in place: what refers to them still does.
    argos.config().rollback(RollBack::all(rule)).unwrap();
    assert_eq!(kept(), (1, 1, 1, 1, Some(11)));
    assert_eq!(argos.snapshot().host("a.example").unwrap().rules.len(), 1);
    // The rule goes; its log row stays, as with any deleted rule.
    argos.config().rollback(RollBack::all(n)).unwrap();
    assert_eq!(kept(), (1, 1, 1, 1, None));
    consistent(argos, &folder, "stays");
}

#[test]
fn a_value_that_is_not_allowed_any_more_does_not_come_back() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let n = host(&argos, "a.example", 1);
    let bad_setting = call(&argos, "settings.set", json!({"key": "proxy.max_retries", "value": "5"}));
    let bad_rule = block(&argos, 1);
    let db = db(&folder);
    let setting = |value: &str| json!({"key": "proxy.max_retries", "value": value, "updated_at": 1});
    forge(
        &db,
        bad_setting,
        &json!([{"table": "settings", "key": "proxy.max_retries", "old": setting("99"), "new": setting("5")}]),
    );
    let error = refused(&argos, &folder, RollBack::one(n, "settings", RowKey::Text("proxy.max_retries".into())));
    assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "setting.value"));
    assert_eq!(error.fields()[0].field, "proxy.max_retries");
    let rule = stored(&db)[&("rules".to_owned(), "1".to_owned())].clone();
    let mut broken = rule.clone();
    broken["matchers_config"] = json!(r#"[{"type":"path_regex","config":{"pattern":"("}}]"#);
    forge(&db, bad_rule, &json!([{"table": "rules", "key": 1, "old": broken, "new": rule}]));
    let error = refused(&argos, &folder, RollBack::one(n, "rules", RowKey::Number(1)));
    assert_eq!(
        (error.code(), error.fields()[0].field.as_str()),
        ("rule.does_not_compile", "matchers[0].config.pattern")
    );
}

#[test]
fn versions_come_newest_first_page_by_page() {
    let folder = Folder::new();
    let argos = argos(&folder);
    for n in 0..5 {
        host(&argos, &format!("h{n}.example"), 1);
    }
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let page = argos.config().versions(ListVersions { limit: Some(2), cursor, ..ListVersions::default() }).unwrap();
        seen.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.iter().map(|v| v.generation).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert_eq!((seen[0].summary.as_str(), seen[0].actor.as_str()), ("create host 5", "system"));
    argos.config().rollback(RollBack::all(2)).unwrap();
    assert_eq!(versions(&argos)[0].summary, "config_rolled_back config 2");
    let rows: i64 = db(&folder)
        .query_row("SELECT count(*) FROM log_entries WHERE action = 'config_rolled_back'", [], |r| r.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}
