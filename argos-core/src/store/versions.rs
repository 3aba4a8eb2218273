//! Generations: each change of configuration is one row that can be read back.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::named_params;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::columns::time;
use super::span::Span;
use super::tx::{CONFIG_TABLES, Change, Read, Tx};
use super::{history, settings};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ConfigVersion, Setting};

/// A full copy of the configuration is kept in the first row and at every generation that this divides.
pub const CHECKPOINT_EVERY: u64 = 100;

/// A full copy of at most so many bytes is made whenever a generation is dropped. A larger one is not: dropping
/// waits for the next copy that is made anyway, so that a change costs what it touches, not what is stored.
const SMALL_COPY: i64 = 4096;

/// Generations dropped in one transaction: a change that waits gets its turn between two.
const DROPPED_AT_ONCE: u32 = 50;

/// The stored generation; 0 before the first change.
///
/// # Errors
/// Those of the database.
pub fn generation(read: &Read<'_>) -> Result<u64> {
    let text = settings::value(read, "config.generation")?.unwrap_or_default();
    Ok(text.parse().unwrap_or(0))
}

/// Kept generations.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<ConfigVersion>> {
    let sql = format!(
        "SELECT generation, created_at, actor, summary FROM config_versions WHERE generation >= :oldest AND {}",
        span.sql("generation")
    );
    let oldest = oldest(read)?;
    let version = |r: &rusqlite::Row<'_>| {
        Ok(ConfigVersion {
            generation: number(r)?,
            created_at: time(r, "created_at")?,
            actor: r.get("actor")?,
            summary: r.get("summary")?,
        })
    };
    read.all(&sql, named_params! { ":after": span.after, ":oldest": oldest, ":limit": span.limit }, version)
}

/// Refuses a generation that is not kept.
///
/// # Errors
/// `config.version_not_found`.
pub fn require(read: &Read<'_>, generation: u64) -> Result<()> {
    let sql = "SELECT 1 FROM config_versions WHERE generation = :generation AND generation >= :oldest";
    // A number beyond what the column holds is no row either.
    let params = named_params! { ":generation": i64::try_from(generation).ok(), ":oldest": oldest(read)? };
    let found = read.one(sql, params, |_| Ok(()))?;
    found.ok_or_else(|| Error::not_found("config.version_not_found", format!("generation {generation}")))
}

/// The oldest of the newest `config.history_max` generations, if there are so many; else 0.
fn oldest(read: &Read<'_>) -> Result<i64> {
    let sql = "SELECT generation FROM config_versions ORDER BY generation DESC LIMIT 1 OFFSET :newer";
    let newer = history_max(read)? - 1;
    Ok(read.one(sql, named_params! { ":newer": newer }, |r| r.get(0))?.unwrap_or(0))
}

fn history_max(read: &Read<'_>) -> Result<i64> {
    const KEY: &str = "config.history_max";
    let stored = settings::value(read, KEY)?;
    let default = Setting::find(KEY).map_or("", |s| s.default);
    let number = stored.as_deref().unwrap_or(default).parse::<i64>();
    number.map_err(|_| Error::internal(format!("{KEY} holds no number")))
}

/// One generation as it was recorded.
pub(super) struct Recorded {
    /// The version's own row.
    pub version: ConfigVersion,
    /// The rows it touched.
    pub changes: Vec<Change>,
}

/// The generations after `from` up to `to`, in order. Each is checked against its SHA-256.
///
/// # Errors
/// `config.history_corrupt`.
pub(super) fn recorded(read: &Read<'_>, from: u64, to: u64) -> Result<Vec<Recorded>> {
    let sql = "SELECT generation FROM config_versions WHERE generation > :from AND generation <= :to
        ORDER BY generation";
    let params = named_params! { ":from": as_column(from)?, ":to": as_column(to)? };
    let numbers = read.all(sql, params, number)?;
    numbers.into_iter().map(|generation| one(read, generation)).collect()
}

/// One generation, checked against its SHA-256.
///
/// # Errors
/// `config.history_corrupt`.
pub(super) fn one(read: &Read<'_>, generation: u64) -> Result<Recorded> {
    let sql = "SELECT created_at, actor, summary, changes, sha256 FROM config_versions WHERE generation = :generation";
    let found = read.one(sql, named_params! { ":generation": as_column(generation)? }, |r| {
        let version = ConfigVersion {
            generation,
            created_at: time(r, "created_at")?,
            actor: r.get("actor")?,
            summary: r.get("summary")?,
        };
        Ok((version, r.get::<_, Vec<u8>>("changes")?, r.get::<_, String>("sha256")?))
    })?;
    let (version, packed, sha256) =
        found.ok_or_else(|| Error::not_found("config.version_not_found", format!("generation {generation}")))?;
    if hex::encode(Sha256::digest(&packed)) != sha256 {
        return Err(corrupt(generation, "its changes do not match their checksum"));
    }
    let changes = from_json(&gunzip(&packed, generation)?);
    let changes = changes.ok_or_else(|| corrupt(generation, "its changes can't be read"))?;
    Ok(Recorded { version, changes })
}

/// Numbers of the generations that have a row, newest first.
///
/// # Errors
/// Those of the database.
pub(super) fn numbers(read: &Read<'_>) -> Result<Vec<u64>> {
    let sql = "SELECT generation FROM config_versions WHERE generation >= :oldest ORDER BY generation DESC";
    read.all(sql, named_params! { ":oldest": oldest(read)? }, number)
}

/// Stores the transaction's changes as the next generation and returns its number.
///
/// # Errors
/// Those of the database.
pub fn record(tx: &Tx<'_>, summary: &str) -> Result<u64> {
    let next = generation(tx)? + 1;
    let changes = gzip(&Value::Array(tx.changes().iter().map(to_json).collect()))?;
    let sha256 = hex::encode(Sha256::digest(&changes));
    let first = tx.one("SELECT 1 FROM config_versions LIMIT 1", [], |_| Ok(()))?.is_none();
    settings::write_own(tx, "config.generation", &next.to_string())?;
    tx.execute(
        "INSERT INTO config_versions (generation, created_at, user_id, actor, summary, changes, sha256)
         VALUES (:generation, :created_at, :user_id, :actor, :summary, :changes, :sha256)",
        named_params! {
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
    if first {
        store_copy(tx, next, &history::copy_at(tx, next)?)?;
    }
    Ok(next)
}

/// What the kept generations need: read beside the writer, then written in one small step.
#[derive(Debug, Default)]
pub struct Tending {
    copy: Option<(u64, Vec<u8>)>,
    copy_of_oldest: Option<Vec<u8>>,
    oldest: Option<u64>,
}

impl Tending {
    /// Whether nothing is to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.copy.is_none() && self.oldest.is_none()
    }
}

/// Looks what is due after the generations `made`, and makes the full copies it takes. A copy holds the state of
/// exactly its own generation, whatever was changed since.
///
/// # Errors
/// `config.history_corrupt`.
pub fn tending(read: &Read<'_>, made: &[u64]) -> Result<Tending> {
    let mut due = Tending::default();
    if let Some(at) = made.iter().copied().filter(|n| n.is_multiple_of(CHECKPOINT_EVERY)).max()
        && !has_copy(read, at)?
        && require(read, at).is_ok()
    {
        due.copy = Some((at, history::copy_at(read, at)?));
    }
    due.oldest = wants_prune(read)?;
    if let Some(oldest) = due.oldest
        && !has_copy(read, oldest)?
    {
        due.copy_of_oldest = Some(history::copy_at(read, oldest)?);
    }
    Ok(due)
}

/// Writes what [`tending`] found and drops at most a few of the generations that may go; whether more may.
///
/// # Errors
/// Those of the database.
pub fn tend(tx: &Tx<'_>, due: &mut Tending) -> Result<bool> {
    if let Some((at, copy)) = due.copy.take() {
        store_copy(tx, at, &copy)?;
    }
    let Some(oldest) = due.oldest else { return Ok(false) };
    if let Some(copy) = due.copy_of_oldest.take() {
        store_copy(tx, oldest, &copy)?;
    }
    // Where the oldest has no copy after all, nothing before it goes.
    if !has_copy(tx, oldest)? {
        return Ok(false);
    }
    let sql = "DELETE FROM config_versions WHERE generation IN
        (SELECT generation FROM config_versions WHERE generation < :oldest ORDER BY generation LIMIT :step)";
    let gone = tx.execute(sql, named_params! { ":oldest": as_column(oldest)?, ":step": DROPPED_AT_ONCE })?;
    Ok(gone == DROPPED_AT_ONCE as usize)
}

fn has_copy(read: &Read<'_>, generation: u64) -> Result<bool> {
    let sql = "SELECT 1 FROM config_versions WHERE generation = :generation AND checkpoint IS NOT NULL";
    Ok(read.one(sql, named_params! { ":generation": as_column(generation)? }, |_| Ok(()))?.is_some())
}

/// Gives a generation its full copy, unless it is gone or has one.
fn store_copy(tx: &Tx<'_>, at: u64, copy: &[u8]) -> Result<()> {
    let sql = "UPDATE config_versions SET checkpoint = :copy WHERE generation = :generation AND checkpoint IS NULL";
    tx.execute(sql, named_params! { ":copy": copy, ":generation": as_column(at)? }).map(drop)
}

/// The generation that becomes the oldest, when rows beyond `config.history_max` can go. Of a large configuration
/// about a hundred rows may wait for a full copy; they are shown to nobody.
fn wants_prune(read: &Read<'_>) -> Result<Option<u64>> {
    let first = "SELECT generation FROM config_versions ORDER BY generation LIMIT 1";
    let Some(first) = read.one(first, [], number)? else { return Ok(None) };
    let max = history_max(read)?.unsigned_abs();
    if generation(read)?.saturating_sub(first) < max {
        return Ok(None);
    }
    let oldest = oldest(read)?.unsigned_abs();
    if oldest <= first {
        return Ok(None);
    }
    let sql = "SELECT generation, length(checkpoint) FROM config_versions
        WHERE generation BETWEEN :first AND :oldest AND checkpoint IS NOT NULL ORDER BY generation DESC LIMIT 1";
    let params = named_params! { ":first": as_column(first)?, ":oldest": as_column(oldest)? };
    let copy = read.one(sql, params, |r| Ok((number(r)?, r.get::<_, i64>(1)?)))?;
    let late = oldest - first >= 2 * CHECKPOINT_EVERY;
    Ok(match copy {
        Some((at, size)) if size > SMALL_COPY && !late => (at > first).then_some(at),
        _ => Some(oldest),
    })
}

/// The column `generation`, which is never negative.
fn number(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>("generation").map(i64::unsigned_abs)
}

fn as_column(generation: u64) -> Result<i64> {
    i64::try_from(generation).map_err(|_| Error::internal("the generation is beyond what a column holds"))
}

fn to_json(change: &Change) -> Value {
    json!({"table": change.table.name, "key": change.key, "old": change.old, "new": change.new})
}

/// What [`to_json`] wrote.
fn from_json(changes: &Value) -> Option<Vec<Change>> {
    let row = |value: &Value| match value {
        Value::Null => Some(None),
        Value::Object(row) => Some(Some(row.clone())),
        _ => None,
    };
    let one = |change: &Value| {
        let name = change["table"].as_str()?;
        Some(Change {
            table: *CONFIG_TABLES.iter().find(|t| t.name == name)?,
            key: change["key"].clone(),
            old: row(&change["old"])?,
            new: row(&change["new"])?,
        })
    };
    changes.as_array()?.iter().map(one).collect()
}

/// A generation that can't be trusted.
pub(super) fn corrupt(generation: u64, fault: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "config.history_corrupt", format!("generation {generation}: {fault}"))
}

fn gzip(value: &Value) -> Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    let written = out.write_all(value.to_string().as_bytes()).and_then(|()| out.finish());
    written.map_err(|e| Error::internal(format!("compressing a generation: {e}")))
}

fn gunzip(packed: &[u8], generation: u64) -> Result<Value> {
    let mut text = Vec::new();
    let read = GzDecoder::new(packed).read_to_end(&mut text);
    read.map_err(|e| corrupt(generation, &e.to_string()))?;
    serde_json::from_slice(&text).map_err(|e| corrupt(generation, &e.to_string()))
}
