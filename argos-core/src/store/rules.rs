//! `rules`.

use rusqlite::{Row, named_params};
use serde_json::{Value, json};

use super::columns::{json, time};
use super::span::Span;
use super::tx::{RULES, Read, Tx};
use crate::error::{Error, Result};
use crate::schema::{Action, GroupId, HostId, Matcher, Rule, RuleId};

/// The highest priority that a rule may have.
pub const MAX_PRIORITY: i64 = 50_000;

/// Where a reorder parks rows, so that no two share a priority on the way.
const PARKED: i64 = 100_000;

/// The fields of a rule that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFields {
    /// 1–50,000, unique in the host.
    pub priority: i64,
    /// A name for people.
    pub name: String,
    /// Whether it takes part.
    pub enabled: bool,
    /// What happens.
    pub action: Action,
    /// What must hold.
    pub matchers: Vec<Matcher>,
}

const SELECT: &str = "SELECT id, host_id, priority, name, enabled,
        json_object('type', action_type, 'config', json(action_config)) AS action, matchers_config,
        created_at, updated_at
    FROM rules";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Rule> {
    Ok(Rule {
        id: RuleId(row.get("id")?),
        host_id: HostId(row.get("host_id")?),
        priority: row.get("priority")?,
        name: row.get("name")?,
        enabled: row.get("enabled")?,
        action: json(row, "action")?,
        matchers: json(row, "matchers_config")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        warnings: Vec::new(),
    })
}

/// Rules of a host by priority.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, host: HostId, span: Span) -> Result<Vec<Rule>> {
    let sql = format!("{SELECT} WHERE host_id = :host AND {}", span.sql("priority"));
    read.all(&sql, named_params! { ":host": host.0, ":after": span.after, ":limit": span.limit }, from_row)
}

/// One rule of a host.
///
/// # Errors
/// `rule.not_found`, also when it belongs to another host.
pub fn get(read: &Read<'_>, host: HostId, id: RuleId) -> Result<Rule> {
    let sql = format!("{SELECT} WHERE id = :id AND host_id = :host");
    let found = read.one(&sql, named_params! { ":id": id.0, ":host": host.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("rule.not_found", format!("rule {id} of host {host}")))
}

/// Rules that forward to a group, with their hosts.
///
/// # Errors
/// Those of the database.
pub fn forwarding_to(read: &Read<'_>, group: GroupId) -> Result<Vec<(HostId, RuleId)>> {
    let sql = "SELECT host_id, id FROM rules
        WHERE action_type = 'forward' AND json_extract(action_config, '$.target_group_id') = :group ORDER BY id";
    read.all(sql, named_params! { ":group": group.0 }, |r| Ok((HostId(r.get(0)?), RuleId(r.get(1)?))))
}

/// The priority of a rule that is given none: the highest so far and 10.
///
/// # Errors
/// `rule.priority_full` when that is beyond 50,000.
pub fn next_priority(read: &Read<'_>, host: HostId) -> Result<i64> {
    let sql = "SELECT COALESCE(MAX(priority), 0) FROM rules WHERE host_id = :host";
    let highest: i64 = read.one(sql, named_params! { ":host": host.0 }, |r| r.get(0))?.unwrap_or(0);
    if highest + 10 > MAX_PRIORITY {
        let text = format!("the last rule has priority {highest}; reorder the rules or give a priority");
        return Err(Error::conflict("rule.priority_full", "priority", text));
    }
    Ok(highest + 10)
}

/// Stores a new rule.
///
/// # Errors
/// `rule.priority_taken`.
pub fn insert(tx: &Tx<'_>, host: HostId, fields: &RuleFields) -> Result<RuleId> {
    refuse_taken(tx, host, fields.priority, None)?;
    let (action_type, action_config) = split(&fields.action)?;
    let id = tx.insert(
        RULES,
        "INSERT INTO rules (host_id, priority, name, enabled, action_type, action_config, matchers_config,
            created_at, updated_at)
         VALUES (:host, :priority, :name, :enabled, :action_type, :action_config, :matchers, :now, :now)",
        named_params! {
            ":host": host.0,
            ":priority": fields.priority,
            ":name": fields.name,
            ":enabled": fields.enabled,
            ":action_type": action_type,
            ":action_config": action_config,
            ":matchers": json!(fields.matchers).to_string(),
            ":now": tx.now().0,
        },
    )?;
    Ok(RuleId(id))
}

/// Replaces the fields of a rule.
///
/// # Errors
/// `rule.priority_taken`.
pub fn update(tx: &Tx<'_>, host: HostId, id: RuleId, fields: &RuleFields) -> Result<()> {
    refuse_taken(tx, host, fields.priority, Some(id))?;
    let (action_type, action_config) = split(&fields.action)?;
    tx.update(
        RULES,
        id.0,
        "UPDATE rules SET priority = :priority, name = :name, enabled = :enabled, action_type = :action_type,
            action_config = :action_config, matchers_config = :matchers, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":priority": fields.priority,
            ":name": fields.name,
            ":enabled": fields.enabled,
            ":action_type": action_type,
            ":action_config": action_config,
            ":matchers": json!(fields.matchers).to_string(),
            ":now": tx.now().0,
        },
    )
}

/// Deletes a rule; its log rows stay.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: RuleId) -> Result<()> {
    tx.delete(RULES, id.0)
}

/// Gives the rules of a host the priorities 10, 20, 30 … in the order of `ids`, which holds each exactly once.
///
/// # Errors
/// Those of the database.
pub fn reorder(tx: &Tx<'_>, host: HostId, ids: &[RuleId]) -> Result<()> {
    let park = "UPDATE rules SET priority = priority + :parked WHERE id = :id AND host_id = :host";
    for id in ids {
        let params = named_params! { ":id": id.0, ":host": host.0, ":parked": PARKED };
        tx.update(RULES, id.0, park, params)?;
    }
    let place = "UPDATE rules SET priority = :priority, updated_at = :now WHERE id = :id AND host_id = :host";
    for (priority, id) in (10..).step_by(10).zip(ids) {
        let params = named_params! { ":id": id.0, ":host": host.0, ":priority": priority, ":now": tx.now().0 };
        tx.update(RULES, id.0, place, params)?;
    }
    Ok(())
}

/// The two columns that an action is stored in.
fn split(action: &Action) -> Result<(String, String)> {
    let mut value = serde_json::to_value(action).map_err(|e| Error::internal(format!("writing an action: {e}")))?;
    let config = value.get_mut("config").map_or(Value::Null, Value::take);
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    Ok((kind.to_owned(), config.to_string()))
}

fn refuse_taken(read: &Read<'_>, host: HostId, priority: i64, me: Option<RuleId>) -> Result<()> {
    let sql = "SELECT id FROM rules WHERE host_id = :host AND priority = :priority";
    match read.one(sql, named_params! { ":host": host.0, ":priority": priority }, |r| r.get(0).map(RuleId))? {
        Some(by) if Some(by) != me => {
            let text = format!("priority {priority} is already used by rule {by} of host {host}");
            Err(Error::conflict("rule.priority_taken", "priority", text))
        }
        _ => Ok(()),
    }
}
