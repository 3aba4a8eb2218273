//! Generations: each change of configuration is one row that can be read back.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::settings;
use super::tx::{CONFIG_TABLES, Change, Read, Tx};
use crate::error::{Error, Result};

/// A full copy of the configuration is kept in the first row and at every generation that this divides.
pub const CHECKPOINT_EVERY: u64 = 100;

/// The stored generation; 0 before the first change.
///
/// # Errors
/// Those of the database.
pub fn generation(read: &Read<'_>) -> Result<u64> {
    let text = settings::value(read, "config.generation")?.unwrap_or_default();
    Ok(text.parse().unwrap_or(0))
}

/// Stores the transaction's changes as the next generation and returns its number.
///
/// # Errors
/// Those of the database.
pub fn record(tx: &Tx<'_>, summary: &str) -> Result<u64> {
    let next = generation(tx)? + 1;
    let changes = gzip(&Value::Array(tx.changes().iter().map(to_json).collect()))?;
    let sha256 = hex::encode(Sha256::digest(&changes));
    settings::write_own(tx, "config.generation", &next.to_string())?;
    tx.execute(
        "INSERT INTO config_versions (generation, created_at, user_id, actor, summary, changes, sha256)
         VALUES (:generation, :created_at, :user_id, :actor, :summary, :changes, :sha256)",
        rusqlite::named_params! {
            ":generation": as_column(next)?,
            ":created_at": tx.now().0,
            ":user_id": tx.actor().user_id().map(|id| id.0),
            ":actor": tx.actor().label(),
            ":summary": summary,
            ":changes": changes,
            ":sha256": sha256,
        },
    )?;
    // The first row begins every later walk, so its copy is part of the change itself.
    if tx.one("SELECT COUNT(*) FROM config_versions", [], |r| r.get::<_, i64>(0))? == Some(1) {
        checkpoint(tx, next)?;
    }
    Ok(next)
}

/// Whether a full copy is due at `generation`, to be written after the swap.
#[must_use]
pub fn wants_checkpoint(generation: u64) -> bool {
    generation.is_multiple_of(CHECKPOINT_EVERY)
}

/// Writes the full copy into the row of generation `at`, if that is still the stored one.
///
/// # Errors
/// Those of the database.
pub fn checkpoint(tx: &Tx<'_>, at: u64) -> Result<()> {
    if generation(tx)? != at {
        return Ok(());
    }
    let mut tables = Map::new();
    for table in CONFIG_TABLES {
        let rows = tx.rows(*table)?.into_iter().map(Value::Object).collect();
        tables.insert(table.name.into(), Value::Array(rows));
    }
    let rows = tx.execute(
        "UPDATE config_versions SET checkpoint = :checkpoint WHERE generation = :generation",
        rusqlite::named_params! { ":checkpoint": gzip(&Value::Object(tables))?, ":generation": as_column(at)? },
    )?;
    if rows != 1 {
        return Err(Error::internal(format!("config_versions {at}: {rows} rows where 1 was meant")));
    }
    Ok(())
}

fn as_column(generation: u64) -> Result<i64> {
    i64::try_from(generation).map_err(|_| Error::internal("the generation is beyond what a column holds"))
}

fn to_json(change: &Change) -> Value {
    json!({"table": change.table.name, "key": change.key, "old": change.old, "new": change.new})
}

fn gzip(value: &Value) -> Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    let written = out.write_all(value.to_string().as_bytes()).and_then(|()| out.finish());
    written.map_err(|e| Error::internal(format!("compressing a generation: {e}")))
}
