//! `login_attempts`, `totp_attempts`, `auth_bans`: how often somebody failed, and until when nobody listens to them.

use rusqlite::named_params;

use super::columns::time;
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{UserId, text_enum};

text_enum! {
    /// What somebody is banned from.
    BanScope {
        /// Giving passwords.
        Login = "login",
        /// Giving codes.
        Totp = "totp",
    }
}

/// Failures of a name in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// How many since the last success.
    pub failures: u32,
    /// When the last one was.
    pub last: Timestamp,
}

/// Failures to give a password from an address since a moment.
///
/// # Errors
/// Those of the database.
pub fn login_failures(read: &Read<'_>, ip: &str, since: Timestamp) -> Result<u32> {
    let sql = "SELECT COUNT(*) FROM login_attempts WHERE remote_ip = :ip AND timestamp > :since AND success = 0";
    Ok(read.one(sql, named_params! { ":ip": ip, ":since": since.0 }, |r| r.get(0))?.unwrap_or(0))
}

/// Failures to give the password of a name in a row, since a moment; none without one.
///
/// # Errors
/// Those of the database.
pub fn row_of(read: &Read<'_>, username: &str, since: Timestamp) -> Result<Option<Row>> {
    let sql = "SELECT COUNT(*) AS failures, MAX(timestamp) AS last FROM login_attempts
        WHERE username = :name AND success = 0 AND timestamp > :since AND id > COALESCE(
            (SELECT MAX(id) FROM login_attempts WHERE username = :name AND success = 1 AND timestamp > :since), 0)
        HAVING COUNT(*) > 0";
    read.one(sql, named_params! { ":name": username, ":since": since.0 }, |r| {
        Ok(Row { failures: r.get("failures")?, last: time(r, "last")? })
    })
}

/// Notes an attempt to give a password.
///
/// # Errors
/// Those of the database.
pub fn note_login(tx: &Tx<'_>, ip: &str, username: &str, success: bool) -> Result<()> {
    tx.execute(
        "INSERT INTO login_attempts (remote_ip, username, success, timestamp) VALUES (:ip, :name, :success, :now)",
        named_params! { ":ip": ip, ":name": username, ":success": success, ":now": tx.now().0 },
    )?;
    Ok(())
}

/// Failures of a person to give a code from an address since a moment.
///
/// # Errors
/// Those of the database.
pub fn totp_failures(read: &Read<'_>, user: UserId, ip: &str, since: Timestamp) -> Result<u32> {
    let sql = "SELECT COUNT(*) FROM totp_attempts
        WHERE user_id = :user AND ip = :ip AND attempted_at > :since AND success = 0";
    let params = named_params! { ":user": user.0, ":ip": ip, ":since": since.0 };
    Ok(read.one(sql, params, |r| r.get(0))?.unwrap_or(0))
}

/// Notes an attempt to give a code.
///
/// # Errors
/// Those of the database.
pub fn note_totp(tx: &Tx<'_>, user: UserId, ip: &str, success: bool) -> Result<()> {
    tx.execute(
        "INSERT INTO totp_attempts (user_id, ip, success, attempted_at) VALUES (:user, :ip, :success, :now)",
        named_params! { ":user": user.0, ":ip": ip, ":success": success, ":now": tx.now().0 },
    )?;
    Ok(())
}

/// When a ban ends that has not ended.
///
/// # Errors
/// Those of the database.
pub fn banned_until(read: &Read<'_>, scope: BanScope, key: &str) -> Result<Option<Timestamp>> {
    let sql = "SELECT banned_until FROM auth_bans WHERE scope = :scope AND key = :key AND banned_until > :now";
    let params = named_params! { ":scope": scope.as_str(), ":key": key, ":now": read.now().0 };
    read.one(sql, params, |r| time(r, 0))
}

/// Bans until a moment.
///
/// # Errors
/// Those of the database.
pub fn ban(tx: &Tx<'_>, scope: BanScope, key: &str, until: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO auth_bans (scope, key, banned_until, created_at) VALUES (:scope, :key, :until, :now)
         ON CONFLICT (scope, key) DO UPDATE SET banned_until = excluded.banned_until, created_at = excluded.created_at",
        named_params! { ":scope": scope.as_str(), ":key": key, ":until": until.0, ":now": tx.now().0 },
    )?;
    Ok(())
}
