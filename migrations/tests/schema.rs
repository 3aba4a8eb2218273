//! `schema.sql` shows the sum of all migrations. `UPDATE=1` rewrites it.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

use argos_migrations::ALL;
use rusqlite::Connection;

#[test]
fn schema_sql_is_the_sum_of_all_migrations() {
    let db = Connection::open_in_memory().unwrap();
    for step in ALL {
        db.execute_batch(step.sql).unwrap();
    }
    let mut statement = db.prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name").unwrap();
    let rows = statement.query_map([], |r| r.get::<_, String>(0)).unwrap();
    let mut text = String::from(
        "-- The sum of all migrations, for reading. Written by `UPDATE=1 cargo test -p argos-migrations`.\n",
    );
    for sql in rows {
        text.push('\n');
        text.push_str(&sql.unwrap());
        text.push_str(";\n");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.sql");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stored == text, "schema.sql is stale: run UPDATE=1 cargo test -p argos-migrations");
}

#[test]
fn files_have_lf_line_ends() {
    for step in ALL {
        assert!(!step.sql.contains('\r'), "{}", step.version);
    }
}
