//! `acme_accounts`.

use rusqlite::{Row, named_params};

use super::columns::time;
use super::span::Span;
use super::tx::{Read, Tx};
use crate::error::{Error, Result};
use crate::schema::{AcmeAccount, AcmeAccountId};

const SELECT: &str = "SELECT id, directory_url, email, account_url, eab_kid, created_at FROM acme_accounts";

fn from_row(row: &Row<'_>) -> rusqlite::Result<AcmeAccount> {
    Ok(AcmeAccount {
        id: AcmeAccountId(row.get("id")?),
        directory_url: row.get("directory_url")?,
        email: row.get("email")?,
        account_url: row.get("account_url")?,
        eab_kid: row.get("eab_kid")?,
        created_at: time(row, "created_at")?,
    })
}

/// Accounts by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<AcmeAccount>> {
    let sql = format!("{SELECT} WHERE {}", span.sql("id"));
    read.all(&sql, named_params! { ":after": span.after, ":limit": span.limit }, from_row)
}

/// One account.
///
/// # Errors
/// `acme_account.not_found`.
pub fn get(read: &Read<'_>, id: AcmeAccountId) -> Result<AcmeAccount> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("acme_account.not_found", format!("ACME account {id}")))
}

/// The account of a contact with a directory, and the envelope of its key.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, directory_url: &str, email: &str) -> Result<Option<(AcmeAccount, String)>> {
    let sql = "SELECT id, directory_url, email, account_url, eab_kid, created_at, key_encrypted FROM acme_accounts
        WHERE directory_url = :directory AND email = :email";
    let params = named_params! { ":directory": directory_url, ":email": email };
    read.one(sql, params, |r| Ok((from_row(r)?, r.get("key_encrypted")?)))
}

/// Stores the key of an account that is about to be registered; one that is there already stays.
///
/// # Errors
/// Those of the database.
pub fn begin(tx: &Tx<'_>, directory_url: &str, email: &str, key_encrypted: &str) -> Result<()> {
    let sql = "INSERT INTO acme_accounts (directory_url, email, key_encrypted, created_at)
        VALUES (:directory, :email, :key, :now) ON CONFLICT (directory_url, email) DO NOTHING";
    let params = named_params! {
        ":directory": directory_url, ":email": email, ":key": key_encrypted, ":now": tx.now().0,
    };
    tx.execute(sql, params).map(drop)
}

/// Stores where an account was registered, with its key and what it is bound to. Without a URL it is registered anew.
///
/// # Errors
/// Those of the database.
pub fn registered(
    tx: &Tx<'_>,
    directory_url: &str,
    email: &str,
    account_url: &str,
    key_encrypted: &str,
    eab_kid: &str,
) -> Result<()> {
    let sql = "INSERT INTO acme_accounts (directory_url, email, account_url, key_encrypted, eab_kid, created_at)
        VALUES (:directory, :email, :url, :key, :kid, :now)
        ON CONFLICT (directory_url, email) DO UPDATE SET account_url = :url, key_encrypted = :key, eab_kid = :kid";
    let params = named_params! {
        ":directory": directory_url, ":email": email, ":url": account_url, ":key": key_encrypted, ":kid": eab_kid,
        ":now": tx.now().0,
    };
    tx.execute(sql, params).map(drop)
}

/// Has an account registered anew, with the key that it has.
///
/// # Errors
/// Those of the database.
pub fn unregister(tx: &Tx<'_>, directory_url: &str, email: &str) -> Result<()> {
    let sql = "UPDATE acme_accounts SET account_url = '' WHERE directory_url = :directory AND email = :email";
    tx.execute(sql, named_params! { ":directory": directory_url, ":email": email }).map(drop)
}

/// Forgets an account and its key.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: AcmeAccountId) -> Result<()> {
    tx.execute("DELETE FROM acme_accounts WHERE id = :id", named_params! { ":id": id.0 }).map(drop)
}
