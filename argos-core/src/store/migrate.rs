//! From an older schema to this one: one transaction for each step, refused before anything is written when the
//! database is newer or a step was edited.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::StoreError;
use crate::clock::Timestamp;

/// One step.
pub struct Step {
    /// Four digits, `_`, a name.
    pub version: &'static str,
    /// Lower-case hex SHA-256 of the SQL file, or of the declared revision of code.
    pub checksum: String,
    /// What it does.
    pub work: Work,
}

/// What a step does.
pub enum Work {
    /// Runs SQL.
    Sql(&'static str),
    /// Runs code inside the step's transaction.
    Code(fn(&Transaction<'_>) -> rusqlite::Result<()>),
}

/// The steps of this version.
pub(super) fn steps() -> Vec<Step> {
    let steps = argos_migrations::ALL.iter();
    steps.map(|m| Step { version: m.version, checksum: m.checksum(), work: Work::Sql(m.sql) }).collect()
}

/// Versions that are stored, with their checksums; none in an empty database.
fn applied(db: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'";
    if !db.prepare(sql)?.exists([])? {
        return Ok(BTreeMap::new());
    }
    let mut statement = db.prepare("SELECT version, checksum FROM schema_migrations")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Which steps are missing. Writes nothing.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Edited`].
pub(super) fn missing<'a>(db: &Connection, steps: &'a [Step]) -> Result<Vec<&'a Step>, StoreError> {
    let applied = applied(db)?;
    for (version, checksum) in &applied {
        match steps.iter().find(|s| s.version == version) {
            None => return Err(StoreError::Newer(version.clone())),
            Some(step) if step.checksum != *checksum => return Err(StoreError::Edited(version.clone())),
            Some(_) => {}
        }
    }
    Ok(steps.iter().filter(|s| !applied.contains_key(s.version)).collect())
}

/// Applies one step whole or not at all. Foreign keys are off outside the transaction, so that tables can be
/// rebuilt, and checked inside it.
pub(super) fn apply(db: &mut Connection, step: &Step, now: Timestamp) -> Result<(), StoreError> {
    let fault = |fault: String| StoreError::Migration { version: step.version.into(), fault };
    db.pragma_update(None, "foreign_keys", false)?;
    let done = (|| {
        let tx = db.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        let worked = match &step.work {
            Work::Sql(sql) => tx.execute_batch(sql),
            Work::Code(run) => run(&tx),
        };
        worked.map_err(|e| fault(e.to_string()))?;
        let broken: Option<String> = {
            let mut check = tx.prepare("PRAGMA foreign_key_check")?;
            let mut rows = check.query([])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        if let Some(table) = broken {
            return Err(fault(format!("a row of {table} refers to nothing")));
        }
        tx.execute(
            "INSERT INTO schema_migrations (version, applied_at, checksum) VALUES (?1, ?2, ?3)",
            (step.version, now.0, &step.checksum),
        )?;
        tx.commit()?;
        Ok(())
    })();
    db.pragma_update(None, "foreign_keys", true)?;
    done
}
