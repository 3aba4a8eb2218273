//! `targets`.

use rusqlite::{Row, named_params};

use super::columns::{parsed, time};
use super::span::Span;
use super::tx::{Read, TARGETS, Tx};
use crate::error::{Error, Result};
use crate::schema::{GroupId, Target, TargetHost, TargetId};

/// The fields of a target that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFields {
    /// Address or name.
    pub host: TargetHost,
    /// TCP port.
    pub port: u16,
    /// 1–256.
    pub weight: u32,
    /// Whether it takes requests.
    pub enabled: bool,
}

const SELECT: &str = "SELECT id, target_group_id, host, port, weight, enabled, created_at, updated_at FROM targets";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Target> {
    Ok(Target {
        id: TargetId(row.get("id")?),
        target_group_id: GroupId(row.get("target_group_id")?),
        host: parsed(row, "host", |t| TargetHost::parse(t).ok())?,
        port: row.get("port")?,
        weight: row.get("weight")?,
        enabled: row.get("enabled")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// Targets of a group by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, group: GroupId, span: Span) -> Result<Vec<Target>> {
    let sql = format!("{SELECT} WHERE target_group_id = :group AND {}", span.sql("id"));
    read.all(&sql, named_params! { ":group": group.0, ":after": span.after, ":limit": span.limit }, from_row)
}

/// Targets of all groups, or of one, by id, each with the name of its group.
///
/// # Errors
/// Those of the database.
pub fn list_with_group_names(read: &Read<'_>, group: Option<GroupId>, span: Span) -> Result<Vec<(Target, String)>> {
    let sql = format!(
        "SELECT t.id, t.target_group_id, t.host, t.port, t.weight, t.enabled, t.created_at, t.updated_at,
            g.name AS group_name
         FROM targets t JOIN target_groups g ON g.id = t.target_group_id
         WHERE (:group IS NULL OR t.target_group_id = :group) AND {}",
        span.sql("t.id")
    );
    let params = named_params! { ":group": group.map(|g| g.0), ":after": span.after, ":limit": span.limit };
    read.all(&sql, params, |row| Ok((from_row(row)?, row.get("group_name")?)))
}

/// One target of a group.
///
/// # Errors
/// `target.not_found`, also when it belongs to another group.
pub fn get(read: &Read<'_>, group: GroupId, id: TargetId) -> Result<Target> {
    let sql = format!("{SELECT} WHERE id = :id AND target_group_id = :group");
    let found = read.one(&sql, named_params! { ":id": id.0, ":group": group.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("target.not_found", format!("target {id} of target group {group}")))
}

/// Stores a new target.
///
/// # Errors
/// `target.endpoint_taken`.
pub fn insert(tx: &Tx<'_>, group: GroupId, fields: &TargetFields) -> Result<TargetId> {
    refuse_taken(tx, group, fields, None)?;
    let id = tx.insert(
        TARGETS,
        "INSERT INTO targets (target_group_id, host, port, weight, enabled, created_at, updated_at)
         VALUES (:group, :host, :port, :weight, :enabled, :now, :now)",
        named_params! {
            ":group": group.0,
            ":host": fields.host.as_str(),
            ":port": fields.port,
            ":weight": fields.weight,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )?;
    Ok(TargetId(id))
}

/// Replaces the fields of a target.
///
/// # Errors
/// `target.endpoint_taken`.
pub fn update(tx: &Tx<'_>, group: GroupId, id: TargetId, fields: &TargetFields) -> Result<()> {
    refuse_taken(tx, group, fields, Some(id))?;
    tx.update(
        TARGETS,
        id.0,
        "UPDATE targets SET host = :host, port = :port, weight = :weight, enabled = :enabled, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":host": fields.host.as_str(),
            ":port": fields.port,
            ":weight": fields.weight,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )
}

/// Deletes a target.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: TargetId) -> Result<()> {
    tx.delete(TARGETS, id.0)
}

fn refuse_taken(read: &Read<'_>, group: GroupId, fields: &TargetFields, me: Option<TargetId>) -> Result<()> {
    let sql = "SELECT id FROM targets WHERE target_group_id = :group AND host = :host AND port = :port";
    let params = named_params! { ":group": group.0, ":host": fields.host.as_str(), ":port": fields.port };
    match read.one(sql, params, |r| r.get(0).map(TargetId))? {
        Some(by) if Some(by) != me => {
            let text = format!("{}:{} is already target {by} of target group {group}", fields.host, fields.port);
            Err(Error::conflict("target.endpoint_taken", "host", text))
        }
        _ => Ok(()),
    }
}
