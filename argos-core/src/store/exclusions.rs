//! `waf_exclusions`.

use rusqlite::{Row, named_params};

use super::columns::time;
use super::span::Span;
use super::tx::{Read, Tx, WAF_EXCLUSIONS};
use crate::error::{Error, Result};
use crate::schema::{Exclusion, ExclusionId, HostId};

/// The fields of an exclusion that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExclusionFields {
    /// A rule; none = the rules with `tag`.
    pub crs_rule_id: Option<i64>,
    /// A tag, empty with `crs_rule_id`.
    pub tag: String,
    /// Prefix of the matching path; empty = every path.
    pub path_pattern: String,
    /// Methods, comma-separated; empty = every method.
    pub method: String,
    /// Targets, comma-separated; empty = the whole rule.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Whether it takes part.
    pub enabled: bool,
}

const SELECT: &str = "SELECT id, host_id, crs_rule_id, tag, path_pattern, method, target, reason, enabled,
        created_at, updated_at
    FROM waf_exclusions";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Exclusion> {
    Ok(Exclusion {
        id: ExclusionId(row.get("id")?),
        host_id: HostId(row.get("host_id")?),
        crs_rule_id: row.get("crs_rule_id")?,
        tag: row.get("tag")?,
        path_pattern: row.get("path_pattern")?,
        method: row.get("method")?,
        target: row.get("target")?,
        reason: row.get("reason")?,
        enabled: row.get("enabled")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        warnings: Vec::new(),
    })
}

/// Exclusions of a host by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, host: HostId, span: Span) -> Result<Vec<Exclusion>> {
    let sql = format!("{SELECT} WHERE host_id = :host AND {}", span.sql("id"));
    read.all(&sql, named_params! { ":host": host.0, ":after": span.after, ":limit": span.limit }, from_row)
}

/// One exclusion of a host.
///
/// # Errors
/// `exclusion.not_found`, also when it belongs to another host.
pub fn get(read: &Read<'_>, host: HostId, id: ExclusionId) -> Result<Exclusion> {
    let sql = format!("{SELECT} WHERE id = :id AND host_id = :host");
    let found = read.one(&sql, named_params! { ":id": id.0, ":host": host.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("exclusion.not_found", format!("exclusion {id} of host {host}")))
}

/// Stores a new exclusion.
///
/// # Errors
/// `exclusion.taken`.
pub fn insert(tx: &Tx<'_>, host: HostId, fields: &ExclusionFields) -> Result<ExclusionId> {
    refuse_taken(tx, host, fields, None)?;
    let id = tx.insert(
        WAF_EXCLUSIONS,
        "INSERT INTO waf_exclusions (host_id, crs_rule_id, tag, path_pattern, method, target, reason, enabled,
            created_at, updated_at)
         VALUES (:host, :rule, :tag, :path, :method, :target, :reason, :enabled, :now, :now)",
        named_params! {
            ":host": host.0,
            ":rule": fields.crs_rule_id,
            ":tag": fields.tag,
            ":path": fields.path_pattern,
            ":method": fields.method,
            ":target": fields.target,
            ":reason": fields.reason,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )?;
    Ok(ExclusionId(id))
}

/// Replaces the fields of an exclusion.
///
/// # Errors
/// `exclusion.taken`.
pub fn update(tx: &Tx<'_>, host: HostId, id: ExclusionId, fields: &ExclusionFields) -> Result<()> {
    refuse_taken(tx, host, fields, Some(id))?;
    tx.update(
        WAF_EXCLUSIONS,
        id.0,
        "UPDATE waf_exclusions SET crs_rule_id = :rule, tag = :tag, path_pattern = :path, method = :method,
            target = :target, reason = :reason, enabled = :enabled, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":rule": fields.crs_rule_id,
            ":tag": fields.tag,
            ":path": fields.path_pattern,
            ":method": fields.method,
            ":target": fields.target,
            ":reason": fields.reason,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )
}

/// Deletes an exclusion.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: ExclusionId) -> Result<()> {
    tx.delete(WAF_EXCLUSIONS, id.0)
}

fn refuse_taken(read: &Read<'_>, host: HostId, fields: &ExclusionFields, me: Option<ExclusionId>) -> Result<()> {
    let sql = "SELECT id FROM waf_exclusions
        WHERE host_id = :host AND crs_rule_id IS :rule AND tag = :tag AND path_pattern = :path";
    let params = named_params! {
        ":host": host.0, ":rule": fields.crs_rule_id, ":tag": fields.tag, ":path": fields.path_pattern,
    };
    match read.one(sql, params, |r| r.get(0).map(ExclusionId))? {
        Some(by) if Some(by) != me => {
            let text = format!("exclusion {by} of host {host} has the same rules and path; change that one");
            Err(Error::conflict("exclusion.taken", "path_pattern", text))
        }
        _ => Ok(()),
    }
}
