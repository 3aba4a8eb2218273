//! `waf_custom_rules`.

use rusqlite::{Row, named_params};

use super::columns::time;
use super::span::Span;
use super::tx::{Read, Tx, WAF_CUSTOM_RULES};
use crate::error::{Error, Result};
use crate::schema::{CustomRule, CustomRuleId, HostId};

/// The fields of an own rule that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRuleFields {
    /// A name for people.
    pub name: String,
    /// The directives.
    pub secrule: String,
    /// Whether it takes part.
    pub enabled: bool,
}

const SELECT: &str = "SELECT id, host_id, name, secrule, enabled, created_at, updated_at FROM waf_custom_rules";

fn from_row(row: &Row<'_>) -> rusqlite::Result<CustomRule> {
    Ok(CustomRule {
        id: CustomRuleId(row.get("id")?),
        host_id: HostId(row.get("host_id")?),
        name: row.get("name")?,
        secrule: row.get("secrule")?,
        enabled: row.get("enabled")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        warnings: Vec::new(),
    })
}

/// Own rules of a host by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, host: HostId, span: Span) -> Result<Vec<CustomRule>> {
    let sql = format!("{SELECT} WHERE host_id = :host AND {}", span.sql("id"));
    read.all(&sql, named_params! { ":host": host.0, ":after": span.after, ":limit": span.limit }, from_row)
}

/// One own rule of a host.
///
/// # Errors
/// `custom_rule.not_found`, also when it belongs to another host.
pub fn get(read: &Read<'_>, host: HostId, id: CustomRuleId) -> Result<CustomRule> {
    let sql = format!("{SELECT} WHERE id = :id AND host_id = :host");
    let found = read.one(&sql, named_params! { ":id": id.0, ":host": host.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("custom_rule.not_found", format!("custom rule {id} of host {host}")))
}

/// Stores a new own rule.
///
/// # Errors
/// Those of the database.
pub fn insert(tx: &Tx<'_>, host: HostId, fields: &CustomRuleFields) -> Result<CustomRuleId> {
    let id = tx.insert(
        WAF_CUSTOM_RULES,
        "INSERT INTO waf_custom_rules (host_id, name, secrule, enabled, created_at, updated_at)
         VALUES (:host, :name, :secrule, :enabled, :now, :now)",
        named_params! {
            ":host": host.0,
            ":name": fields.name,
            ":secrule": fields.secrule,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )?;
    Ok(CustomRuleId(id))
}

/// Replaces the fields of an own rule.
///
/// # Errors
/// Those of the database.
pub fn update(tx: &Tx<'_>, id: CustomRuleId, fields: &CustomRuleFields) -> Result<()> {
    tx.update(
        WAF_CUSTOM_RULES,
        id.0,
        "UPDATE waf_custom_rules SET name = :name, secrule = :secrule, enabled = :enabled, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":name": fields.name,
            ":secrule": fields.secrule,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )
}

/// Deletes an own rule.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: CustomRuleId) -> Result<()> {
    tx.delete(WAF_CUSTOM_RULES, id.0)
}
