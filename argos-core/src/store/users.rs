//! `users`, as far as the first administrator needs it.

use rusqlite::named_params;

use super::tx::{Read, Tx};
use crate::error::Result;
use crate::schema::{Role, UserId};

/// Whether any administrator exists.
///
/// # Errors
/// Those of the database.
pub fn admin_exists(read: &Read<'_>) -> Result<bool> {
    Ok(read.one("SELECT 1 FROM users WHERE role = 'admin' LIMIT 1", [], |_| Ok(()))?.is_some())
}

/// Stores a new local user.
///
/// # Errors
/// Conflict for a name that is taken.
pub fn insert(tx: &Tx<'_>, username: &str, password_hash: &str, role: Role) -> Result<UserId> {
    tx.execute(
        "INSERT INTO users (username, password_hash, role, password_changed_at, created_at, updated_at)
         VALUES (:username, :hash, :role, :now, :now, :now)",
        named_params! { ":username": username, ":hash": password_hash, ":role": role.as_str(), ":now": tx.now().0 },
    )?;
    Ok(UserId(tx.last_id()))
}
