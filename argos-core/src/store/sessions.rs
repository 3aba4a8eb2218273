//! `sessions`.

use rusqlite::{Connection, Row, ToSql, named_params};

use super::StoreError;
use super::columns::{json, parsed, time};
use super::span::Span;
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{HostId, Person, Provider, Role, SessionId, SessionKind, SessionRow, UserId};

/// What is stored of a session and of the person that it is of.
#[derive(Debug)]
pub struct Stored {
    /// Whose it is.
    pub person: Person,
    /// Identity.
    pub id: SessionId,
    /// Where it counts.
    pub kind: SessionKind,
    /// The protected host, for sessions of that kind.
    pub host: Option<HostId>,
    /// The panel session that it hangs on.
    pub parent: Option<SessionId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A session that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// Stored form of its token.
    pub token_hash: &'a str,
    /// Whose it is.
    pub user: UserId,
    /// Where it counts.
    pub kind: SessionKind,
    /// The protected host, for sessions of that kind.
    pub host: Option<HostId>,
    /// The panel session that it hangs on.
    pub parent: Option<SessionId>,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// The address that it begins from.
    pub remote_ip: &'a str,
    /// The program that it begins with.
    pub user_agent: &'a str,
}

/// The session whose token has that hash, if its person can sign in.
///
/// # Errors
/// Those of the database.
pub fn by_hash(read: &Read<'_>, hash: &str) -> Result<Option<Stored>> {
    one(read, "s.token", hash)
}

/// The session with that id, if its person can sign in.
///
/// # Errors
/// Those of the database.
pub fn by_id(read: &Read<'_>, id: SessionId) -> Result<Option<Stored>> {
    one(read, "s.id", id.0)
}

fn one(read: &Read<'_>, column: &str, value: impl ToSql) -> Result<Option<Stored>> {
    let sql = format!(
        "SELECT s.id, s.user_id, s.kind, s.host_id, s.parent_id, s.created_at, s.expires_at,
            COALESCE(s.last_seen_at, s.created_at) AS seen, u.username, u.email, u.display_name, u.role,
            u.external_provider, u.oidc_groups
        FROM sessions s JOIN users u ON u.id = s.user_id WHERE {column} = :value AND u.enabled = 1"
    );
    read.one(&sql, named_params! { ":value": value }, |row| {
        Ok(Stored {
            person: Person {
                id: UserId(row.get("user_id")?),
                username: row.get("username")?,
                email: row.get("email")?,
                display_name: row.get("display_name")?,
                role: parsed(row, "role", Role::parse)?,
                provider: provider(row)?,
                groups: json(row, "oidc_groups")?,
            },
            id: SessionId(row.get("id")?),
            kind: parsed(row, "kind", SessionKind::parse)?,
            host: row.get::<_, Option<i64>>("host_id")?.map(HostId),
            parent: row.get::<_, Option<i64>>("parent_id")?.map(SessionId),
            created_at: time(row, "created_at")?,
            seen: time(row, "seen")?,
            expires_at: time(row, "expires_at")?,
        })
    })
}

/// Who vouches for the person of a row.
pub(super) fn provider(row: &Row<'_>) -> rusqlite::Result<Provider> {
    let external: Option<String> = row.get("external_provider")?;
    Ok(if external.is_some() { Provider::Oidc } else { Provider::Local })
}

/// Sessions of a user, by id.
///
/// # Errors
/// Those of the database.
pub fn of_user(read: &Read<'_>, user: UserId, current: Option<SessionId>, span: Span) -> Result<Vec<SessionRow>> {
    let sql = format!(
        "SELECT s.id, s.kind, s.host_id, h.domain, s.created_at, COALESCE(s.last_seen_at, s.created_at) AS seen,
            s.expires_at, s.remote_ip, s.user_agent
         FROM sessions s LEFT JOIN hosts h ON h.id = s.host_id
         WHERE s.user_id = :user AND s.expires_at > :now AND {}",
        span.sql("s.id")
    );
    let params = named_params! { ":user": user.0, ":now": read.now().0, ":after": span.after, ":limit": span.limit };
    read.all(&sql, params, |row| {
        let id = SessionId(row.get("id")?);
        Ok(SessionRow {
            id,
            kind: parsed(row, "kind", SessionKind::parse)?,
            host_id: row.get::<_, Option<i64>>("host_id")?.map(HostId),
            host_domain: row.get("domain")?,
            created_at: time(row, "created_at")?,
            last_seen_at: time(row, "seen")?,
            expires_at: time(row, "expires_at")?,
            remote_ip: row.get("remote_ip")?,
            user_agent: row.get("user_agent")?,
            current: current == Some(id),
        })
    })
}

/// Begins a session.
///
/// # Errors
/// Those of the database.
pub fn insert(tx: &Tx<'_>, new: &NewSession<'_>) -> Result<SessionId> {
    let now = tx.now().0;
    tx.execute(
        "INSERT INTO sessions (token, user_id, created_at, last_seen_at, expires_at, kind, parent_id, host_id,
            remote_ip, user_agent)
         VALUES (:token, :user, :now, :now, :expires, :kind, :parent, :host, :ip, :agent)",
        named_params! {
            ":token": new.token_hash, ":user": new.user.0, ":now": now, ":expires": new.expires_at.0,
            ":kind": new.kind.as_str(), ":parent": new.parent.map(|id| id.0), ":host": new.host.map(|id| id.0),
            ":ip": new.remote_ip, ":agent": new.user_agent,
        },
    )?;
    Ok(SessionId(tx.last_id()))
}

/// Whether that session of that user still is.
///
/// # Errors
/// Those of the database.
pub fn is_there(read: &Read<'_>, user: UserId, id: SessionId) -> Result<bool> {
    let sql = "SELECT 1 FROM sessions WHERE id = :id AND user_id = :user AND expires_at > :now";
    let params = named_params! { ":id": id.0, ":user": user.0, ":now": read.now().0 };
    Ok(read.one(sql, params, |_| Ok(()))?.is_some())
}

/// Ends a session of a user, and those that hang on it.
///
/// # Errors
/// `session.not_found`.
pub fn end(tx: &Tx<'_>, user: UserId, id: SessionId) -> Result<()> {
    let sql = "DELETE FROM sessions WHERE id = :id AND user_id = :user";
    if tx.execute(sql, named_params! { ":id": id.0, ":user": user.0 })? == 0 {
        return Err(Error::not_found("session.not_found", format!("session {id}")));
    }
    tx.people_changed();
    Ok(())
}

/// Ends all sessions of a user but `kept` and those that hang on it, and says how many.
///
/// # Errors
/// Those of the database.
pub fn end_all(tx: &Tx<'_>, user: UserId, kept: Option<SessionId>) -> Result<usize> {
    let sql = "DELETE FROM sessions WHERE user_id = :user AND id IS NOT :kept AND parent_id IS NOT :kept";
    // `IS NOT NULL` would hold for every session: a number that none has stands for nobody.
    let kept = kept.map_or(-1, |id| id.0);
    tx.people_changed();
    tx.execute(sql, named_params! { ":user": user.0, ":kept": kept })
}

/// Deletes a session that has ended.
///
/// # Errors
/// Those of the database.
pub fn drop_one(conn: &Connection, id: SessionId) -> Result<()> {
    let sql = "DELETE FROM sessions WHERE id = :id";
    Ok(conn.execute(sql, named_params! { ":id": id.0 }).map(drop).map_err(StoreError::from)?)
}

/// Notes when sessions were last used.
///
/// # Errors
/// Those of the database.
pub fn note_uses(conn: &mut Connection, uses: &[(SessionId, Timestamp)]) -> Result<()> {
    let open = conn.transaction().map_err(StoreError::from)?;
    {
        let sql = "UPDATE sessions SET last_seen_at = :at WHERE id = :id";
        let mut statement = open.prepare_cached(sql).map_err(StoreError::from)?;
        for (id, at) in uses {
            statement.execute(named_params! { ":id": id.0, ":at": at.0 }).map_err(StoreError::from)?;
        }
    }
    Ok(open.commit().map_err(StoreError::from)?)
}
