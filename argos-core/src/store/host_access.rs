//! `host_access`: who may open a host that wants a sign-in.
//!
//! No row means every user who is switched on. A list therefore never shrinks to none by itself: where the last one of
//! it goes, the host is left to administrators.

use rusqlite::named_params;

use super::columns::parsed;
use super::tx::{Read, Tx, table_named};
use crate::error::Result;
use crate::schema::{HostAccess, HostId, Role, UserId};

const TABLE: &str = "host_access";

/// Who may open a host.
///
/// # Errors
/// Those of the database.
pub fn get(read: &Read<'_>, host: HostId) -> Result<HostAccess> {
    let mut access = HostAccess { users: Vec::new(), roles: Vec::new() };
    for (_, entry) in rows(read, host)? {
        match entry {
            Entry::User(user) => access.users.push(user),
            Entry::Role(role) => access.roles.push(role),
        }
    }
    access.users.sort_unstable();
    access.roles.sort_unstable();
    Ok(access)
}

/// One row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    User(UserId),
    Role(Role),
}

fn rows(read: &Read<'_>, host: HostId) -> Result<Vec<(i64, Entry)>> {
    let sql = "SELECT id, user_id, role FROM host_access WHERE host_id = :host ORDER BY id";
    read.all(sql, named_params! { ":host": host.0 }, |row| {
        let entry = match row.get::<_, Option<i64>>("user_id")? {
            Some(user) => Entry::User(UserId(user)),
            None => Entry::Role(parsed(row, "role", Role::parse)?),
        };
        Ok((row.get("id")?, entry))
    })
}

/// Replaces who may open a host. Rows that stay are not touched.
///
/// # Errors
/// Those of the database.
pub fn replace(tx: &Tx<'_>, host: HostId, access: &HostAccess) -> Result<()> {
    let users = access.users.iter().copied().map(Entry::User);
    let wanted: Vec<Entry> = users.chain(access.roles.iter().copied().map(Entry::Role)).collect();
    let stored = rows(tx, host)?;
    for (id, _) in stored.iter().filter(|(_, entry)| !wanted.contains(entry)) {
        tx.delete(table_named(TABLE), *id)?;
    }
    for entry in wanted.iter().filter(|entry| stored.iter().all(|(_, known)| known != *entry)) {
        insert(tx, host, *entry)?;
    }
    Ok(())
}

fn insert(tx: &Tx<'_>, host: HostId, entry: Entry) -> Result<()> {
    let (user, role) = match entry {
        Entry::User(user) => (Some(user.0), None),
        Entry::Role(role) => (None, Some(role.as_str())),
    };
    let sql = "INSERT INTO host_access (host_id, user_id, role, created_at) VALUES (:host, :user, :role, :now)";
    let params = named_params! { ":host": host.0, ":user": user, ":role": role, ":now": tx.now().0 };
    tx.insert(table_named(TABLE), sql, params).map(drop)
}

/// Takes a user, who is about to be deleted, out of every list. A host that was open to nobody else is left to
/// administrators, and not to everybody.
///
/// # Errors
/// Those of the database.
pub fn forget_user(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let sql = "SELECT id, host_id FROM host_access WHERE user_id = :user ORDER BY id";
    let listed: Vec<(i64, HostId)> =
        tx.all(sql, named_params! { ":user": user.0 }, |row| Ok((row.get(0)?, HostId(row.get(1)?))))?;
    for (id, host) in listed {
        tx.delete(table_named(TABLE), id)?;
        if rows(tx, host)?.is_empty() {
            insert(tx, host, Entry::Role(Role::Admin))?;
        }
    }
    Ok(())
}

/// Which of these users do not exist.
///
/// # Errors
/// Those of the database.
pub fn missing(read: &Read<'_>, users: &[UserId]) -> Result<Vec<usize>> {
    let mut missing = Vec::new();
    for (place, user) in users.iter().enumerate() {
        let sql = "SELECT 1 FROM users WHERE id = :id";
        if read.one(sql, named_params! { ":id": user.0 }, |_| Ok(()))?.is_none() {
            missing.push(place);
        }
    }
    Ok(missing)
}
