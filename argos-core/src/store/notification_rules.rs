//! `notification_rules`.

use rusqlite::{Row, named_params};
use serde_json::json;

use super::columns::{parsed, time};
use super::span::Span;
use super::tx::{NOTIFICATION_RULES, Read, Tx};
use crate::error::{Error, Result};
use crate::event::{EventKind, NotificationRule, Severity};
use crate::schema::{ChannelId, HostId, NotificationRuleId};

/// The fields that callers set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRuleFields {
    /// A name for people.
    pub name: String,
    /// Where events go.
    pub channel_id: ChannelId,
    /// What happened.
    pub event_type: EventKind,
    /// Only events about these hosts; empty = all.
    pub filter_host_ids: Vec<HostId>,
    /// Only events that matter so much; empty = all.
    pub filter_severities: Vec<Severity>,
    /// Seconds in which one event about the same host is enough; 0 = none is held back.
    pub throttle_window_seconds: i64,
    /// Whether it is used.
    pub enabled: bool,
}

impl From<NotificationRule> for NotificationRuleFields {
    fn from(rule: NotificationRule) -> Self {
        Self {
            name: rule.name,
            channel_id: rule.channel_id,
            event_type: rule.event_type,
            filter_host_ids: rule.filter_host_ids,
            filter_severities: rule.filter_severities,
            throttle_window_seconds: rule.throttle_window_seconds,
            enabled: rule.enabled,
        }
    }
}

const SELECT: &str = "SELECT id, name, channel_id, event_type, filter_host_ids, filter_severities,
    throttle_window_seconds, enabled, created_at, updated_at FROM notification_rules";

fn from_row(row: &Row<'_>) -> rusqlite::Result<NotificationRule> {
    Ok(NotificationRule {
        id: NotificationRuleId(row.get("id")?),
        name: row.get("name")?,
        channel_id: ChannelId(row.get("channel_id")?),
        event_type: parsed(row, "event_type", EventKind::parse)?,
        filter_host_ids: parsed(row, "filter_host_ids", from_list)?,
        filter_severities: parsed(row, "filter_severities", from_list)?,
        throttle_window_seconds: row.get("throttle_window_seconds")?,
        enabled: row.get("enabled")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

fn from_list<T: serde::de::DeserializeOwned>(text: &str) -> Option<Vec<T>> {
    if text.is_empty() { Some(Vec::new()) } else { serde_json::from_str(text).ok() }
}

/// The stored form: nothing for the empty list.
fn to_list<T: serde::Serialize>(list: &[T]) -> String {
    if list.is_empty() { String::new() } else { json!(list).to_string() }
}

/// Rules by id; those of one channel, if it is given.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, channel: Option<ChannelId>, span: Span) -> Result<Vec<NotificationRule>> {
    let sql = format!("{SELECT} WHERE (:channel IS NULL OR channel_id = :channel) AND {}", span.sql("id"));
    let channel = channel.map(|id| id.0);
    read.all(&sql, named_params! { ":channel": channel, ":after": span.after, ":limit": span.limit }, from_row)
}

/// One rule.
///
/// # Errors
/// `notification_rule.not_found`.
pub fn get(read: &Read<'_>, id: NotificationRuleId) -> Result<NotificationRule> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("notification_rule.not_found", format!("notification rule {id}")))
}

/// Stores a new rule.
///
/// # Errors
/// Those of the database.
pub fn insert(tx: &Tx<'_>, fields: &NotificationRuleFields) -> Result<NotificationRuleId> {
    let id = tx.insert(
        NOTIFICATION_RULES,
        "INSERT INTO notification_rules (name, channel_id, event_type, filter_host_ids, filter_severities,
            throttle_window_seconds, enabled, created_at, updated_at)
         VALUES (:name, :channel, :event, :hosts, :severities, :throttle, :enabled, :now, :now)",
        named_params! {
            ":name": fields.name,
            ":channel": fields.channel_id.0,
            ":event": fields.event_type.as_str(),
            ":hosts": to_list(&fields.filter_host_ids),
            ":severities": to_list(&fields.filter_severities),
            ":throttle": fields.throttle_window_seconds,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )?;
    Ok(NotificationRuleId(id))
}

/// Replaces the fields of a rule.
///
/// # Errors
/// Those of the database.
pub fn update(tx: &Tx<'_>, id: NotificationRuleId, fields: &NotificationRuleFields) -> Result<()> {
    tx.update(
        NOTIFICATION_RULES,
        id.0,
        "UPDATE notification_rules SET name = :name, channel_id = :channel, event_type = :event,
            filter_host_ids = :hosts, filter_severities = :severities, throttle_window_seconds = :throttle,
            enabled = :enabled, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":name": fields.name,
            ":channel": fields.channel_id.0,
            ":event": fields.event_type.as_str(),
            ":hosts": to_list(&fields.filter_host_ids),
            ":severities": to_list(&fields.filter_severities),
            ":throttle": fields.throttle_window_seconds,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )
}

/// Deletes a rule.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: NotificationRuleId) -> Result<()> {
    tx.delete(NOTIFICATION_RULES, id.0)
}
