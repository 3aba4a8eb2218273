//! Whether the given key is the one that this database's secrets were sealed with.

use rusqlite::{Connection, OptionalExtension as _};

use super::StoreError;
use crate::clock::Timestamp;
use crate::secret::{MasterKey, is_envelope};

const TEXT: &str = "argos-key-check-1";

/// Columns that hold envelopes. `notification_channels.config` is JSON with envelopes inside.
const ENVELOPES: &[(&str, &str)] = &[
    ("users", "totp_secret_encrypted"),
    ("users", "totp_recovery_codes_encrypted"),
    ("certificates", "key_encrypted"),
    ("acme_accounts", "key_encrypted"),
    ("dns_providers", "config_encrypted"),
    ("target_groups", "client_key_encrypted"),
    ("settings", "value"),
];

/// What a look at an existing database finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The key is right.
    Good,
    /// There is no key check, and nothing that contradicts the key.
    Absent,
}

/// Whether the database was used with a key: a new one would never open what is in it.
pub(super) fn needs_key(db: &Connection) -> Result<bool, StoreError> {
    Ok(stored(db)?.is_some() || !every_envelope(db, |_| false)?)
}

fn stored(db: &Connection) -> Result<Option<String>, StoreError> {
    if !db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'settings'")?.exists([])? {
        return Ok(None);
    }
    Ok(value(db, "crypto.key_check")?.filter(|text| !text.is_empty()))
}

fn value(db: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    Ok(db.query_row("SELECT value FROM settings WHERE key = ?1", [key], |r| r.get(0)).optional()?)
}

/// Compares the key with what is stored. Writes nothing.
///
/// # Errors
/// [`StoreError::WrongKey`].
pub(super) fn look(db: &Connection, key: &MasterKey) -> Result<Check, StoreError> {
    match stored(db)? {
        Some(text) if key.decrypt(&text).is_ok_and(|plain| plain.expose() == TEXT) => Ok(Check::Good),
        Some(_) => Err(wrong(db)?),
        // Without a key check the envelopes themselves, if there are any, must all open.
        None if every_envelope(db, |text| key.decrypt(text).is_ok())? => Ok(Check::Absent),
        None => Err(wrong(db)?),
    }
}

/// Stores the key check.
pub(super) fn write(db: &Connection, key: &MasterKey, now: Timestamp) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO settings (key, value, updated_at) VALUES ('crypto.key_check', ?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        (key.encrypt(TEXT), now.0),
    )?;
    Ok(())
}

/// Whether `holds` is true of every stored envelope.
fn every_envelope(db: &Connection, holds: impl Fn(&str) -> bool) -> Result<bool, StoreError> {
    for (table, column) in ENVELOPES {
        // An older database is looked at before it is migrated.
        if !db.prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?.exists([table, column])? {
            continue;
        }
        let mut statement = db.prepare(&format!("SELECT {column} FROM {table} WHERE {column} LIKE 'argos1:%'"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            if is_envelope(&text) && !holds(&text) {
                return Ok(false);
            }
        }
    }
    every_envelope_of_channels(db, holds)
}

fn every_envelope_of_channels(db: &Connection, holds: impl Fn(&str) -> bool) -> Result<bool, StoreError> {
    if !db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'notification_channels'")?.exists([])? {
        return Ok(true);
    }
    let sql = "SELECT t.value FROM notification_channels c, json_tree(c.config) t
        WHERE t.type = 'text' AND t.value LIKE 'argos1:%'";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if is_envelope(&text) && !holds(&text) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn wrong(db: &Connection) -> Result<StoreError, StoreError> {
    let generation = value(db, "config.generation")?.unwrap_or_else(|| "0".into());
    let created: Option<i64> =
        db.query_row("SELECT MIN(applied_at) FROM schema_migrations", [], |r| r.get(0)).optional()?.flatten();
    let created = created.map_or_else(|| "unknown".into(), |ms| Timestamp(ms).to_string());
    Ok(StoreError::WrongKey { generation, created })
}
