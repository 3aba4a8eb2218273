//! Whatever is changed in whatever order: the running configuration is what a restart would compile, and its
//! generation is the stored one. What was recorded of the changes, played back, gives what is stored.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::BTreeMap;
use std::io::Read as _;

use argos_core::Argos;
use argos_core::api::GetHealth;
use argos_core::snapshot::Snapshot;
use argos_core::store::CONFIG_TABLES;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};
use support::{Folder, argos};

/// A snapshot as text, the same for the same configuration. Maps are sorted; rule sets are compared by what they
/// are composed from.
fn text(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "{} {:?} {:?} {:?} {:?}",
        snapshot.generation, snapshot.proxy, snapshot.appsec, snapshot.masked, snapshot.panel_hosts
    )];
    let names: BTreeMap<_, _> = snapshot.names.iter().map(|(id, name)| (id.0, name)).collect();
    lines.push(format!("{names:?}"));
    let hosts: BTreeMap<_, _> = snapshot.hosts.iter().collect();
    for (name, host) in hosts {
        let waf = host.waf.as_ref().map(|w| (w.key, w.mode, w.block_status, w.block_body.clone(), w.response_body));
        lines.push(format!(
            "{name}: {:?} {} {} {:?} {:?} {} {:?} {:?} {waf:?}",
            host.id,
            host.domain,
            host.enabled,
            host.group,
            host.max_body_bytes,
            host.access_log,
            host.fault,
            host.rules
        ));
    }
    let groups: BTreeMap<_, _> = snapshot.groups.iter().map(|(id, group)| (id.0, format!("{group:?}"))).collect();
    lines.extend(groups.into_values());
    lines
}

/// Numbers that look random and are the same in every run: SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn coin(&mut self) -> bool {
        self.roll(2) == 0
    }

    /// One of the stored ids, or one that may not exist.
    fn id(&mut self, known: &[i64]) -> i64 {
        if known.is_empty() || self.roll(12) == 0 {
            return i64::try_from(self.roll(40)).unwrap() + 1;
        }
        known[usize::try_from(self.roll(known.len() as u64)).unwrap()]
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.roll(words.len() as u64)).unwrap()]
    }
}

fn list(argos: &Argos, name: &str, input: Value) -> Vec<i64> {
    let page = argos.call(name, input.as_object().unwrap().clone());
    let Ok(page) = page else { return Vec::new() };
    page.value["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// One operation; many are refused, which must change nothing.
fn operation(argos: &Argos, dice: &mut Dice) -> (&'static str, Value) {
    let hosts = list(argos, "hosts.list", json!({}));
    let groups = list(argos, "target_groups.list", json!({}));
    let (host, group) = (dice.id(&hosts), dice.id(&groups));
    let targets = list(argos, "targets.list", json!({"target_group_id": group}));
    let mut rules = list(argos, "rules.list", json!({"host_id": host}));
    let (target, rule) = (dice.id(&targets), dice.id(&rules));
    let domain = format!("{}{}.example", dice.of(&["", "*."]), dice.of(&["a", "b", "c", "d", "e"]));
    let port = dice.roll(5);
    let on = dice.coin();
    let action = match dice.roll(5) {
        0 => json!({"type": "forward", "config": {"target_group_id": group}}),
        1 => {
            json!({"type": "redirect", "config": {"status_code": 302 + 10 * (dice.roll(6) / 5), "target": "https://{host}{path}"}})
        }
        2 => json!({"type": "fixed_response", "config": {"status_code": 200, "body": "text"}}),
        3 => json!({"type": "rewrite", "config": {"strip_prefix": "/x"}}),
        _ => json!({"type": "block", "config": {}}),
    };
    let matchers = match dice.roll(4) {
        0 => json!([{"type": "path", "config": {"patterns": ["/a*"]}}]),
        1 => json!([{"type": "path_regex", "config": {"pattern": dice.of(&["^/(x)", "("])}}]),
        _ => json!([]),
    };
    match dice.roll(26) {
        0..=2 => (
            "hosts.create",
            json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": [{"host": "127.0.0.1", "port": port}]}}),
        ),
        3 => ("hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group_id": group, "enabled": on})),
        4 => ("hosts.update", json!({"id": host, "domain": domain, "target_group_id": group})),
        5 => ("hosts.update", json!({"id": host, "max_body_bytes": if on { json!(9) } else { Value::Null }})),
        6 => ("hosts.toggle", json!({"id": host, "enabled": on})),
        7 => ("hosts.delete", json!({"id": host})),
        8 => ("target_groups.create", json!({"name": domain.replace('*', "x"), "targets": []})),
        9 => ("target_groups.update", json!({"id": group, "preserve_host": on, "max_retries": port})),
        10 => ("target_groups.delete", json!({"id": group})),
        11 => ("targets.create", json!({"target_group_id": group, "host": "::1", "port": port, "weight": 1 + port})),
        12 => ("targets.update", json!({"target_group_id": group, "id": target, "port": port})),
        13 => ("targets.toggle", json!({"target_group_id": group, "id": target, "enabled": on})),
        14 => ("targets.delete", json!({"target_group_id": group, "id": target})),
        15 | 16 => ("rules.create", json!({"host_id": host, "action": action, "matchers": matchers, "enabled": on})),
        17 => ("rules.update", json!({"host_id": host, "id": rule, "action": action, "matchers": matchers})),
        18 => ("rules.toggle", json!({"host_id": host, "id": rule, "enabled": on})),
        22 => ("rules.delete", json!({"host_id": host, "id": rule})),
        19 => {
            rules.reverse();
            ("rules.reorder", json!({"host_id": host, "rule_ids": rules}))
        }
        20 => (
            "security.update",
            json!({"host_id": host, "waf_enabled": dice.coin(), "waf_paranoia": dice.roll(6),
                "waf_mode": dice.of(&["detect", "block"]), "waf_inbound_threshold": if on { json!(7) } else { Value::Null }}),
        ),
        _ => match dice.roll(3) {
            0 => ("settings.set", json!({"key": "appsec.inbound_threshold", "value": dice.of(&["5", "6", "0"])})),
            1 => {
                ("settings.update", json!({"proxy.max_retries": dice.of(&["1", "2", "9"]), "logs.mask_params": "a,b"}))
            }
            _ => ("settings.reset", json!({"key": "appsec.inbound_threshold"})),
        },
    }
}

/// Rows of configuration by table and key.
type Rows = BTreeMap<(String, String), Value>;

/// What is stored, except the number of the generation itself.
fn stored(db: &Connection) -> Rows {
    let mut rows = Rows::new();
    for table in CONFIG_TABLES {
        let mut statement = db.prepare(&format!("SELECT * FROM {}", table.name)).unwrap();
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let value = |i: usize| match row.get_ref(i).unwrap() {
                ValueRef::Integer(n) => json!(n),
                ValueRef::Text(t) => json!(std::str::from_utf8(t).unwrap()),
                ValueRef::Null => Value::Null,
                other => panic!("{}: {other:?}", table.name),
            };
            let row: Value = columns.iter().enumerate().map(|(i, c)| (c.clone(), value(i))).collect();
            rows.insert((table.name.into(), row[table.key].to_string()), row);
        }
    }
    rows.remove(&("settings".into(), json!("config.generation").to_string()));
    rows
}

/// The oldest full copy and every recorded change after it.
fn played_back(db: &Connection) -> Rows {
    let unpacked = |packed: Vec<u8>| -> Value {
        let mut text = String::new();
        GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let mut rows = Rows::new();
    let sql = "SELECT generation, changes, checkpoint FROM config_versions ORDER BY generation";
    let mut statement = db.prepare(sql).unwrap();
    let versions = statement.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get(2)?))).unwrap();
    for (i, version) in versions.enumerate() {
        let (generation, changes, checkpoint): (i64, Vec<u8>, Option<Vec<u8>>) = version.unwrap();
        assert_eq!(generation, i64::try_from(i).unwrap() + 1, "no generation is left out");
        if i == 0 {
            for (table, list) in unpacked(checkpoint.expect("the first row has a full copy")).as_object().unwrap() {
                let key = CONFIG_TABLES.iter().find(|t| t.name == table).unwrap().key;
                for row in list.as_array().unwrap() {
                    rows.insert((table.clone(), row[key].to_string()), row.clone());
                }
            }
            rows.remove(&("settings".into(), json!("config.generation").to_string()));
            continue;
        }
        for change in unpacked(changes).as_array().unwrap() {
            let at = (change["table"].as_str().unwrap().to_owned(), change["key"].to_string());
            let before =
                if change["new"].is_null() { rows.remove(&at) } else { rows.insert(at, change["new"].clone()) };
            assert_eq!(before.unwrap_or_default(), change["old"], "generation {generation}: the row before");
        }
        if let Some(copy) = checkpoint {
            let count: usize = unpacked(copy).as_object().unwrap().values().map(|l| l.as_array().unwrap().len()).sum();
            assert_eq!(count, rows.len() + 1, "generation {generation}: rows of the full copy");
        }
    }
    rows
}

/// How many changes were audited.
fn audited(db: &Connection) -> u32 {
    db.query_row("SELECT count(*) FROM log_entries WHERE source = 'audit'", [], |r| r.get(0)).unwrap()
}

#[test]
fn the_running_configuration_is_what_a_restart_would_compile() {
    let (mut made, mut refused, mut nothing) = (BTreeMap::new(), 0, 0);
    for seed in 0..6 {
        let folder = Folder::new();
        let mut running = argos(&folder);
        let db = Connection::open(folder.path().join("argos.db")).unwrap();
        let mut dice = Dice(seed);
        for step in 0..100 {
            let (name, input) = operation(&running, &mut dice);
            let shown = format!("seed {seed}, step {step}: {name} {input}");
            let before = running.snapshot();
            let rows = audited(&db);
            match running.call(name, input.as_object().unwrap().clone()) {
                Ok(applied) => {
                    let expected = before.generation + u64::from(applied.generation.is_some());
                    assert_eq!(applied.generation.unwrap_or(before.generation), expected, "{shown}");
                    let rows_now = audited(&db);
                    assert_eq!(rows_now, rows + u32::from(applied.generation.is_some()), "{shown}");
                    if applied.generation.is_some() {
                        *made.entry(name).or_insert(0) += 1;
                    } else {
                        nothing += 1;
                        assert_eq!(text(&running.snapshot()), text(&before), "{shown}");
                    }
                }
                Err(_) => {
                    refused += 1;
                    assert_eq!(text(&running.snapshot()), text(&before), "{shown}");
                    assert_eq!(audited(&db), rows, "{shown}");
                }
            }
            let health = running.system().health(GetHealth {}).unwrap();
            assert_eq!(health.stored_generation, health.running_generation, "{shown}");
            assert_eq!(health.running_generation, running.snapshot().generation, "{shown}");
            if step % 10 == 9 {
                let live = text(&running.snapshot());
                drop(running);
                assert_eq!(played_back(&db), stored(&db), "{shown}");
                running = argos(&folder);
                assert!(running.faults().is_empty(), "{shown}: {:?}", running.faults());
                assert_eq!(text(&running.snapshot()), live, "{shown}");
            }
        }
    }
    // The dice reach what they are meant to reach.
    assert_eq!(made.len(), 20, "{made:?}");
    assert!(refused > 50 && nothing > 5, "{refused} refused, {nothing} without a change");
}

/// Rows that a foreign key deletes with their host are recorded, also in tables that no operation writes yet.
#[test]
fn deleting_a_host_records_every_configuration_row_that_goes_with_it() {
    let folder = Folder::new();
    let first = argos(&folder);
    let host =
        json!({"domain": "a.example", "tls_mode": "none", "target_group": {"targets": [{"host": "::1", "port": 1}]}});
    first.call("hosts.create", host.as_object().unwrap().clone()).unwrap();
    let block = json!({"host_id": 1, "action": {"type": "block", "config": {}}});
    first.call("rules.create", block.as_object().unwrap().clone()).unwrap();
    drop(first);
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    db.execute_batch(
        "INSERT INTO waf_exclusions (host_id, tag) VALUES (1, 'attack-sqli');
         INSERT INTO waf_custom_rules (host_id, secrule) VALUES (1, 'SecMarker x');
         INSERT INTO host_access (host_id, role) VALUES (1, 'viewer');
         INSERT INTO certificates (host_id, names, kind, cert_pem, key_encrypted, fingerprint_sha256, not_before, not_after)
            VALUES (1, '[]', 'manual', '', '', 'f', 1, 2);",
    )
    .unwrap();
    let before = stored(&db);
    let second = argos(&folder);
    second.call("hosts.delete", json!({"id": 1}).as_object().unwrap().clone()).unwrap();
    drop(second);
    let after = stored(&db);
    let mut gone: Vec<_> = before.keys().filter(|at| !after.contains_key(*at)).cloned().collect();
    let sql = "SELECT changes FROM config_versions ORDER BY generation DESC LIMIT 1";
    let packed: Vec<u8> = db.query_row(sql, [], |r| r.get(0)).unwrap();
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let changes: Value = serde_json::from_str(&text).unwrap();
    let mut recorded = Vec::new();
    for change in changes.as_array().unwrap() {
        assert!(change["new"].is_null(), "{change}");
        let at = (change["table"].as_str().unwrap().to_owned(), change["key"].to_string());
        assert_eq!(change["old"], before[&at]);
        recorded.push(at);
    }
    gone.sort();
    recorded.sort();
    assert_eq!((gone.len(), &recorded), (7, &gone));
}
