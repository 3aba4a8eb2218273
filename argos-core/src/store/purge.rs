//! Rows that have a lifetime: one list of all tables that hold such, and what deletes from them.

use rusqlite::named_params;

use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;

const HOUR_MS: i64 = 3_600_000;

/// A table whose rows have a lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The table.
    pub table: &'static str,
    /// The moment that its rows live from; or to, where they live for nothing behind it.
    column: &'static str,
    /// How long.
    kept_ms: i64,
}

/// Every table whose rows have a lifetime of their own. Sessions that nobody uses end by a setting: see [`purge`].
pub const LIFETIMES: &[Lifetime] = &[
    Lifetime { table: "auth_bans", column: "banned_until", kept_ms: 0 },
    Lifetime { table: "login_attempts", column: "timestamp", kept_ms: 24 * HOUR_MS },
    Lifetime { table: "sessions", column: "expires_at", kept_ms: 0 },
    Lifetime { table: "totp_attempts", column: "attempted_at", kept_ms: 24 * HOUR_MS },
];

/// The last full hour: purges come once in each.
#[must_use]
pub fn mark(read: &Read<'_>) -> Timestamp {
    Timestamp(read.now().0.div_euclid(HOUR_MS) * HOUR_MS)
}

/// Whether some row has outlived its lifetime by the last full hour.
///
/// # Errors
/// Those of the database.
pub fn is_due(read: &Read<'_>, idle_ms: i64) -> Result<bool> {
    let mark = mark(read).0;
    for Lifetime { table, column, kept_ms } in LIFETIMES {
        let sql = format!("SELECT 1 FROM {table} WHERE {column} <= :end LIMIT 1");
        if read.one(&sql, named_params! { ":end": mark - kept_ms }, |_| Ok(()))?.is_some() {
            return Ok(true);
        }
    }
    let sql = "SELECT 1 FROM sessions WHERE COALESCE(last_seen_at, created_at) < :end LIMIT 1";
    Ok(read.one(sql, named_params! { ":end": mark - idle_ms }, |_| Ok(()))?.is_some())
}

/// Deletes every row that has outlived its lifetime, and sessions that were not used for `idle_ms`.
///
/// # Errors
/// Those of the database.
pub fn purge(tx: &Tx<'_>, idle_ms: i64) -> Result<()> {
    let mark = mark(tx).0;
    for Lifetime { table, column, kept_ms } in LIFETIMES {
        let sql = format!("DELETE FROM {table} WHERE {column} <= :end");
        tx.execute(&sql, named_params! { ":end": mark - kept_ms })?;
    }
    let sql = "DELETE FROM sessions WHERE COALESCE(last_seen_at, created_at) < :end";
    tx.execute(sql, named_params! { ":end": mark - idle_ms })?;
    tx.people_changed();
    Ok(())
}
