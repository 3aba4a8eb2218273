//! `settings`. An absent row means the default.

use std::collections::HashMap;

use rusqlite::named_params;

use super::tx::{Read, SETTINGS, Tx};
use crate::clock::Timestamp;
use crate::error::Result;

const UPSERT: &str = "INSERT INTO settings (key, value, updated_at) VALUES (:key, :value, :now)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";

/// The stored value of a key.
///
/// # Errors
/// Those of the database.
pub fn value(read: &Read<'_>, key: &str) -> Result<Option<String>> {
    read.one("SELECT value FROM settings WHERE key = :key", named_params! { ":key": key }, |r| r.get(0))
}

/// All stored values.
///
/// # Errors
/// Those of the database.
pub fn values(read: &Read<'_>) -> Result<HashMap<String, String>> {
    let rows = read.all("SELECT key, value FROM settings", [], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.into_iter().collect())
}

/// All stored rows with the time of their last change, by key.
///
/// # Errors
/// Those of the database.
pub fn rows(read: &Read<'_>) -> Result<HashMap<String, (String, Timestamp)>> {
    let map = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, (r.get(1)?, Timestamp(r.get(2)?))));
    Ok(read.all("SELECT key, value, updated_at FROM settings", [], map)?.into_iter().collect())
}

/// Writes a setting as a change of configuration.
///
/// # Errors
/// Those of the database.
pub fn write(tx: &Tx<'_>, key: &'static str, value: &str) -> Result<()> {
    tx.update(SETTINGS, key, UPSERT, named_params! { ":key": key, ":value": value, ":now": tx.now().0 })
}

/// Writes a value that Argos itself keeps among the settings; no change of configuration.
///
/// # Errors
/// Those of the database.
pub fn write_own(tx: &Tx<'_>, key: &'static str, value: &str) -> Result<()> {
    tx.execute(UPSERT, named_params! { ":key": key, ":value": value, ":now": tx.now().0 }).map(drop)
}

/// When it was last looked for what is to be told from time to time; none = never. It is the time of the detectors' row.
///
/// # Errors
/// Those of the database.
pub fn last_look(read: &Read<'_>) -> Result<Option<Timestamp>> {
    let sql = "SELECT updated_at FROM settings WHERE key = 'logs.errors_offset'";
    read.one(sql, [], |r| r.get(0).map(Timestamp))
}

/// Notes that it was looked at `at`.
///
/// # Errors
/// Those of the database.
pub fn note_look(tx: &Tx<'_>, at: Timestamp) -> Result<()> {
    let sql = "INSERT INTO settings (key, value, updated_at) VALUES ('logs.errors_offset', '0', :at)
        ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at";
    tx.execute(sql, named_params! { ":at": at.0 }).map(drop)
}
