//! `api_tokens`.

use rusqlite::{Row, named_params};

use super::columns::{moment, parsed, time};
use super::span::Span;
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{ApiToken, Role, TokenId, TokenRole, UserId};

const SELECT: &str =
    "SELECT id, name, role, created_by, created_at, expires_at, last_used_at, revoked_at FROM api_tokens";

fn from_row(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        id: TokenId(row.get("id")?),
        name: row.get("name")?,
        role: parsed(row, "role", TokenRole::parse)?,
        created_by: row.get::<_, Option<i64>>("created_by")?.map(UserId),
        created_at: time(row, "created_at")?,
        expires_at: moment(row, "expires_at")?,
        last_used_at: moment(row, "last_used_at")?,
        revoked_at: moment(row, "revoked_at")?,
    })
}

/// Tokens by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<ApiToken>> {
    let sql = format!("{SELECT} WHERE {}", span.sql("id"));
    read.all(&sql, named_params! { ":after": span.after, ":limit": span.limit }, from_row)
}

/// One token.
///
/// # Errors
/// `token.not_found`.
pub fn get(read: &Read<'_>, id: TokenId) -> Result<ApiToken> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("token.not_found", format!("token {id}")))
}

/// The token with that hash, unless it is revoked, has ended, or whoever made it is disabled.
///
/// # Errors
/// Those of the database.
pub fn find_live(read: &Read<'_>, hash: &str) -> Result<Option<ApiToken>> {
    let sql = format!(
        "{SELECT} WHERE token_hash = :hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
         AND (created_by IS NULL OR EXISTS (SELECT 1 FROM users u WHERE u.id = created_by AND u.enabled = 1))"
    );
    read.one(&sql, named_params! { ":hash": hash, ":now": read.now().0 }, from_row)
}

/// Stores a new token by its hash.
///
/// # Errors
/// `token.name_taken`.
pub fn insert(tx: &Tx<'_>, name: &str, hash: &str, role: TokenRole, expires_at: Option<Timestamp>) -> Result<TokenId> {
    let taken = tx
        .one("SELECT id FROM api_tokens WHERE name = :name", named_params! { ":name": name }, |r| r.get::<_, i64>(0))?;
    if let Some(by) = taken {
        return Err(Error::conflict(
            "token.name_taken",
            "name",
            format!("name {name:?} is already used by token {by}"),
        ));
    }
    tx.execute(
        "INSERT INTO api_tokens (name, token_hash, role, created_by, created_at, expires_at)
         VALUES (:name, :hash, :role, :created_by, :now, :expires_at)",
        named_params! {
            ":name": name,
            ":hash": hash,
            ":role": role.as_str(),
            ":created_by": tx.actor().user_id().map(|id| id.0),
            ":now": tx.now().0,
            ":expires_at": expires_at.map(|t| t.0),
        },
    )?;
    Ok(TokenId(tx.last_id()))
}

/// Ends the tokens that a user made and that may do more than `most`; without it all of them.
///
/// # Errors
/// Those of the database.
pub fn revoke_above(tx: &Tx<'_>, maker: UserId, most: Option<Role>) -> Result<()> {
    let sql = format!("{SELECT} WHERE created_by = :maker AND revoked_at IS NULL");
    for token in tx.all(&sql, named_params! { ":maker": maker.0 }, from_row)? {
        if most.is_none_or(|most| Role::from(token.role) > most) {
            revoke(tx, token.id)?;
        }
    }
    Ok(())
}

/// Ends a token now.
///
/// # Errors
/// Those of the database.
pub fn revoke(tx: &Tx<'_>, id: TokenId) -> Result<()> {
    let sql = "UPDATE api_tokens SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL";
    tx.execute(sql, named_params! { ":id": id.0, ":now": tx.now().0 }).map(drop)
}

/// Notes that a token was used.
///
/// # Errors
/// Those of the database.
pub fn touch(tx: &Tx<'_>, id: TokenId) -> Result<()> {
    let sql = "UPDATE api_tokens SET last_used_at = :now WHERE id = :id";
    tx.execute(sql, named_params! { ":id": id.0, ":now": tx.now().0 }).map(drop)
}
