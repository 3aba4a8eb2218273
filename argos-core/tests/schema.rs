//! The migrated file against the written schema: every table, column, default, index, reference, closed set, and
//! seeded setting. The lists here are the schema once more, on purpose by hand.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod schema_parts;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use argos_core::schema::{SETTINGS, Setting};
use rusqlite::Connection;
use schema_parts::{CHECKS, COLUMNS, ENUMS, INDEXES, JSON, RANGES, REFERENCES, SEEDED, SEEDS, UNIQUES};
use support::{Folder, argos};

/// A database that was made by opening a data folder, without rows of ours.
fn migrated(folder: &Folder) -> Connection {
    drop(argos(folder));
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    db
}

/// The same with one row in every table, each referring to all it can.
fn seeded(folder: &Folder) -> Connection {
    let db = migrated(folder);
    seed(&db);
    db
}

fn seed(db: &Connection) {
    for (table, values) in SEEDS {
        let columns: Vec<&str> = values.iter().map(|(column, _)| *column).collect();
        let given: Vec<&str> = values.iter().map(|(_, value)| *value).collect();
        db.execute_batch(&format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), given.join(", ")))
            .unwrap_or_else(|e| panic!("{table}: {e}"));
    }
}

/// Runs `sql` and takes it back; what SQLite said.
fn tried(db: &Connection, sql: &str) -> Result<(), String> {
    db.execute_batch("SAVEPOINT try").unwrap();
    let done = db.execute_batch(sql).map_err(|e| e.to_string());
    db.execute_batch("ROLLBACK TO try; RELEASE try").unwrap();
    done
}

fn refused(db: &Connection, sql: &str, reason: &str) {
    match tried(db, sql) {
        Ok(()) => panic!("accepted: {sql}"),
        Err(e) => assert!(e.contains(reason), "{sql}: {e}, expected {reason}"),
    }
}

fn accepted(db: &Connection, sql: &str) {
    tried(db, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

fn tables(db: &Connection) -> BTreeSet<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    db.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

fn count(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |r| r.get(0)).unwrap_or_else(|e| panic!("{sql}: {e}"))
}

#[test]
fn exactly_the_named_tables_exist() {
    let folder = Folder::new();
    let db = migrated(&folder);
    let named: BTreeSet<String> = COLUMNS.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(tables(&db), named);
}

/// Type, NOT NULL and default of a column in the shorthand of [`COLUMNS`].
fn expanded(short: &str) -> (&str, bool, Option<String>) {
    const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    match short {
        "PK" | "TS?" | "INT?" => ("INTEGER", false, None),
        "TS" | "INT" => ("INTEGER", true, None),
        "NOW" => ("INTEGER", true, Some(NOW.into())),
        "T0" => ("TEXT", true, Some("''".into())),
        "TEXT" => ("TEXT", true, None),
        "TEXT?" | "KEY" => ("TEXT", false, None),
        "BLOB" => ("BLOB", true, None),
        "BLOB?" => ("BLOB", false, None),
        "REAL=0" => ("REAL", true, Some("0".into())),
        "BOOL0" => ("INTEGER", true, Some("0".into())),
        "BOOL1" => ("INTEGER", true, Some("1".into())),
        other => match other.split_once('=') {
            Some(("INT", default)) => ("INTEGER", true, Some(default.into())),
            Some(("TEXT", default)) => ("TEXT", true, Some(format!("'{default}'"))),
            _ => panic!("{other}"),
        },
    }
}

#[test]
fn every_column_has_its_type_nullability_and_default() {
    let folder = Folder::new();
    let db = migrated(&folder);
    for (table, columns) in COLUMNS {
        let named: BTreeMap<String, _> = columns
            .split_whitespace()
            .map(|word| word.split_once(':').unwrap())
            .map(|(column, short)| (column.to_owned(), expanded(short)))
            .map(|(column, (kind, not_null, default))| (column, (kind.to_owned(), not_null, default)))
            .collect();
        let sql = "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_info(?1)";
        let mut statement = db.prepare(sql).unwrap();
        let held: BTreeMap<String, _> = statement
            .query_map([table], |r| Ok((r.get(0)?, (r.get(1)?, r.get(2)?, r.get(3)?))))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(held, named, "columns of {table}");
    }
}

#[test]
fn ids_are_rowids_that_are_never_reused() {
    let folder = Folder::new();
    let db = seeded(&folder);
    let with_id: Vec<&str> = COLUMNS.iter().filter(|(_, c)| c.contains(" id:PK")).map(|(t, _)| *t).collect();
    let highest = |db: &Connection| -> Vec<i64> {
        with_id.iter().map(|t| count(db, &format!("SELECT coalesce(max(id), 0) FROM {t}"))).collect()
    };
    let before = highest(&db);
    assert!(before.iter().all(|id| *id > 0));
    for (table, _) in SEEDS.iter().rev() {
        db.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
    seed(&db);
    for ((table, old), new) in with_id.iter().zip(&before).zip(highest(&db)) {
        assert!(new > *old, "{table}: id {new} after {old}");
    }
}

#[test]
fn every_index_exists_and_no_other() {
    let folder = Folder::new();
    let db = migrated(&folder);
    for table in tables(&db) {
        let named = INDEXES.iter().find(|(t, _)| **t == table).map_or(&[][..], |(_, indexes)| indexes);
        let named: BTreeSet<String> = named.iter().map(|i| (*i).to_owned()).collect();
        let sql = "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1)";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement
            .query_map([&table], |r| {
                Ok((r.get::<_, String>(0)?, r.get::<_, bool>(1)?, r.get::<_, String>(2)?, r.get::<_, bool>(3)?))
            })
            .unwrap();
        let mut held = BTreeSet::new();
        for (name, unique, origin, partial) in rows.map(Result::unwrap) {
            let sql = "SELECT name || iif(desc, ' DESC', '') FROM pragma_index_xinfo(?1) WHERE key ORDER BY seqno";
            let mut statement = db.prepare(sql).unwrap();
            let columns: Vec<String> =
                statement.query_map([&name], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
            let kind = match (origin.as_str(), unique) {
                ("pk", _) => "PRIMARY ",
                (_, true) => "UNIQUE ",
                _ => "",
            };
            held.insert(format!("{kind}{}{}", columns.join(", "), if partial { " PARTIAL" } else { "" }));
        }
        assert_eq!(held, named, "indexes of {table}");
    }
}

#[test]
fn every_reference_is_named_and_no_other_exists() {
    let folder = Folder::new();
    let db = migrated(&folder);
    let named: BTreeSet<(String, String, String, String)> =
        REFERENCES.iter().map(|(t, c, p, a)| ((*t).into(), (*c).into(), (*p).into(), (*a).into())).collect();
    let mut held = BTreeSet::new();
    for table in tables(&db) {
        let mut statement =
            db.prepare("SELECT \"from\", \"table\", on_delete, \"to\" FROM pragma_foreign_key_list(?1)").unwrap();
        let mut rows = statement.query([&table]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            assert_eq!(row.get::<_, String>(3).unwrap(), "id", "{table}");
            held.insert((table.clone(), row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap()));
        }
    }
    assert_eq!(held, named);
}

#[test]
fn deleting_a_parent_does_what_the_matrix_says() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (child, column, parent, action) in REFERENCES {
        let referring = format!("SELECT count(*) FROM {child} WHERE {column} IS NOT NULL");
        let all = format!("SELECT count(*) FROM {child}");
        let before = count(&db, &all);
        let with = count(&db, &referring);
        assert!(with > 0, "{child}.{column}: no row refers to {parent}");
        db.execute_batch("SAVEPOINT matrix").unwrap();
        // What forbids the deletion of its parent is taken away first, unless it is what is tested.
        for (other, through, of, act) in REFERENCES {
            if *act == "RESTRICT" && of == parent && (other, through) != (child, column) {
                let nullable = *through == "dns_provider_id";
                let sql = if nullable {
                    format!("UPDATE {other} SET {through} = NULL")
                } else {
                    format!("DELETE FROM {other}")
                };
                db.execute(&sql, []).unwrap();
            }
        }
        let left = count(&db, &all);
        let deleted = db.execute(
            &format!("DELETE FROM {parent} WHERE id IN (SELECT {column} FROM {child} WHERE {column} IS NOT NULL)"),
            [],
        );
        match *action {
            "RESTRICT" => {
                let fault = deleted.unwrap_err().to_string();
                assert!(fault.contains("FOREIGN KEY"), "{child}.{column}: {fault}");
                assert_eq!(count(&db, &referring), with, "{child}.{column}");
            }
            "CASCADE" => {
                assert!(deleted.unwrap() > 0, "{child}.{column}");
                assert_eq!(count(&db, &referring), 0, "{child}.{column}");
                assert!(count(&db, &all) < before, "{child}.{column}: the row stayed");
            }
            "SET NULL" => {
                assert!(deleted.unwrap() > 0, "{child}.{column}");
                assert_eq!(count(&db, &referring), 0, "{child}.{column}");
                assert_eq!(count(&db, &all), left, "{child}.{column}: the row went");
            }
            other => panic!("{other}"),
        }
        assert_eq!(count(&db, "SELECT count(*) FROM pragma_foreign_key_check"), 0, "{child}.{column}");
        db.execute_batch("ROLLBACK TO matrix; RELEASE matrix").unwrap();
    }
}

#[test]
fn a_deleted_user_leaves_what_they_did() {
    let folder = Folder::new();
    let db = seeded(&folder);
    let kept = [
        ("certificates", "uploaded_by"),
        ("bans", "created_by"),
        ("backups", "trigger_user_id"),
        ("config_versions", "user_id"),
        ("jobs", "user_id"),
        ("api_tokens", "created_by"),
    ];
    assert_eq!(db.execute("DELETE FROM users", []).unwrap(), 1);
    for (table, column) in kept {
        assert_eq!(count(&db, &format!("SELECT count(*) FROM {table} WHERE {column} IS NULL")), 1, "{table}");
    }
    for table in ["sessions", "totp_attempts", "push_subscriptions"] {
        assert_eq!(count(&db, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

#[test]
fn closed_sets_take_their_words_and_no_other() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (table, column, words) in ENUMS {
        let set = |word: &str| format!("UPDATE {table} SET {column} = '{word}'");
        for word in words.split(',') {
            accepted(&db, &set(word));
        }
        let lower = words.split(',').find(|w| !w.is_empty()).unwrap();
        let swapped = if lower == lower.to_uppercase() { lower.to_lowercase() } else { lower.to_uppercase() };
        for other in ["other", &format!("{lower} "), &format!("{lower}x"), &swapped] {
            // A version number has no other case.
            if words.split(',').all(|word| word != other) {
                refused(&db, &set(other), "CHECK constraint failed");
            }
        }
        if words.split(',').all(|word| !word.is_empty()) {
            refused(&db, &set(""), "CHECK constraint failed");
        }
    }
}

#[test]
fn switches_are_0_or_1() {
    let folder = Folder::new();
    let db = seeded(&folder);
    let mut switches = 0;
    for (table, columns) in COLUMNS {
        for (column, short) in columns.split_whitespace().map(|word| word.split_once(':').unwrap()) {
            if short.starts_with("BOOL") {
                switches += 1;
                // A limit that is on must say how much.
                let more = if column == "rate_limit_enabled" {
                    ", rate_limit_requests = 1, rate_limit_window_seconds = 1"
                } else {
                    ""
                };
                for good in ["0", "1"] {
                    accepted(&db, &format!("UPDATE {table} SET {column} = {good}{more}"));
                }
                for bad in ["2", "-1", "'true'"] {
                    refused(&db, &format!("UPDATE {table} SET {column} = {bad}{more}"), "CHECK constraint failed");
                }
                refused(&db, &format!("UPDATE {table} SET {column} = NULL"), "NOT NULL constraint failed");
            }
        }
    }
    assert_eq!(switches, 23);
}

#[test]
fn ranges_hold_at_both_ends() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (table, column, min, max, more) in RANGES {
        let set = |value: i64| format!("UPDATE {table} SET {column} = {value}{more}");
        for good in [*min, *max] {
            accepted(&db, &set(good));
        }
        for bad in [min - 1, max + 1] {
            refused(&db, &set(bad), "CHECK constraint failed");
        }
    }
}

#[test]
fn json_columns_hold_json() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (table, column) in JSON {
        let set = |value: &str| format!("UPDATE {table} SET {column} = '{value}'");
        accepted(&db, &set("[]"));
        for bad in ["{", "word", "[1,]"] {
            refused(&db, &set(bad), "CHECK constraint failed");
        }
    }
}

#[test]
fn rows_that_contradict_themselves_are_refused() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (sql, allowed) in CHECKS {
        match allowed {
            true => accepted(&db, sql),
            false => refused(&db, sql, "CHECK constraint failed"),
        }
    }
}

#[test]
fn duplicates_are_refused_by_each_unique_key() {
    let folder = Folder::new();
    let db = seeded(&folder);
    let mut tested = BTreeSet::new();
    for (table, key, besides, apart) in UNIQUES {
        tested.insert(format!("{table}: {key}"));
        // A second row like the first; `besides` lets it pass the table's other keys, `apart` this one.
        let second = |changes: &str| {
            let changes: BTreeMap<&str, &str> =
                changes.split(';').filter(|c| !c.is_empty()).map(|c| c.split_once('=').unwrap()).collect();
            let columns = COLUMNS.iter().find(|(t, _)| t == table).unwrap().1;
            let columns: Vec<&str> = columns.split_whitespace().map(|w| w.split_once(':').unwrap().0).collect();
            let columns: Vec<&str> = columns.into_iter().filter(|c| *c != "id").collect();
            let values: Vec<&str> = columns.iter().map(|c| changes.get(c).copied().unwrap_or(c)).collect();
            format!("INSERT INTO {table} ({}) SELECT {} FROM {table} LIMIT 1", columns.join(", "), values.join(", "))
        };
        let columns: Vec<String> = key.split(", ").map(|c| format!("{table}.{c}")).collect();
        let reason = format!("UNIQUE constraint failed: {}", columns.join(", "));
        refused(&db, &second(besides), &reason);
        accepted(&db, &second(&format!("{besides};{apart}")));
    }
    // Every unique key of the list of indexes has its case.
    for (table, indexes) in INDEXES {
        for index in *indexes {
            if let Some(key) = index.strip_prefix("UNIQUE ").or_else(|| index.strip_prefix("PRIMARY ")) {
                let key = key.trim_end_matches(" PARTIAL");
                assert!(tested.contains(&format!("{table}: {key}")), "{table}: {key} is not tested");
            }
        }
    }
}

#[test]
fn names_of_users_differ_by_more_than_case() {
    let folder = Folder::new();
    let db = seeded(&folder);
    let reason = "UNIQUE constraint failed: users.username";
    refused(&db, "INSERT INTO users (username) SELECT upper(username) FROM users", reason);
    assert_eq!(count(&db, "SELECT count(*) FROM users WHERE username = 'PERSON'"), 1);
}

/// Two local users have no external identity; only complete pairs must differ.
#[test]
fn users_without_an_external_identity_do_not_collide() {
    let folder = Folder::new();
    let db = seeded(&folder);
    accepted(&db, "INSERT INTO users (username) VALUES ('a'), ('b')");
    accepted(&db, "INSERT INTO users (username, external_provider) VALUES ('a', 'oidc'), ('b', 'oidc')");
}

#[test]
fn times_are_milliseconds_and_set_without_being_given() {
    let folder = Folder::new();
    let db = seeded(&folder);
    for (table, columns) in COLUMNS {
        for (column, _) in columns.split_whitespace().filter_map(|w| w.split_once(':')).filter(|(_, s)| *s == "NOW") {
            let low = count(&db, &format!("SELECT min({column}) FROM {table}"));
            // Between 2001 and 2286: seconds would be below, microseconds above.
            assert!((1_000_000_000_000..10_000_000_000_000).contains(&low), "{table}.{column}: {low}");
        }
    }
}

#[test]
fn the_file_is_wal_and_gives_pages_back() {
    let folder = Folder::new();
    let db = migrated(&folder);
    assert_eq!(db.query_row("PRAGMA journal_mode", [], |r| r.get::<_, String>(0)).unwrap(), "wal");
    assert_eq!(count(&db, "PRAGMA auto_vacuum"), 2);
}

#[test]
fn the_seeded_settings_are_the_marked_ones_with_their_defaults() {
    let db = Connection::open_in_memory().unwrap();
    for step in argos_migrations::ALL {
        db.execute_batch(step.sql).unwrap();
    }
    let mut statement = db.prepare("SELECT key, value FROM settings").unwrap();
    let held: BTreeMap<String, String> =
        statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
    let named: BTreeMap<String, String> = SEEDED.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    assert_eq!(held, named);
    for (key, value) in SEEDED {
        assert_eq!(Setting::find(key).unwrap_or_else(|| panic!("{key}")).default, *value, "{key}");
    }
}

#[test]
fn a_first_start_adds_only_the_key_check_and_every_stored_key_is_known() {
    let folder = Folder::new();
    let db = migrated(&folder);
    let mut statement = db.prepare("SELECT key FROM settings").unwrap();
    let held: BTreeSet<String> = statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    let named = SEEDED.iter().map(|(key, _)| *key).chain(["crypto.key_check"]);
    assert_eq!(held, named.map(str::to_owned).collect());
    assert!(held.iter().all(|key| SETTINGS.iter().any(|s| s.key == key)));
}
