//! Whatever is changed in whatever order: the running configuration is what a restart would compile, and its
//! generation is the stored one. What was recorded of the changes, played back, gives what is stored.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod any_change;
mod support;

use std::collections::BTreeMap;
use std::io::Read as _;

use any_change::{Dice, operation, played_back, stored, text};
use argos_core::api::GetHealth;
use flate2::read::GzDecoder;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Folder, argos};

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
    assert_eq!(made.len(), 29, "{made:?}");
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
