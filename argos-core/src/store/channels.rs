//! `notification_channels`.

use rusqlite::{Row, named_params};
use serde_json::{Map, Value};

use super::columns::{json, parsed, time};
use super::span::Span;
use super::tx::{NOTIFICATION_CHANNELS, Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{ChannelId, ChannelKind};

/// A channel as it is stored.
#[derive(Clone, Debug)]
pub struct StoredChannel {
    /// Identity.
    pub id: ChannelId,
    /// Its fields.
    pub fields: ChannelFields,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that callers set.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelFields {
    /// Unique name.
    pub name: String,
    /// How it reaches people.
    pub kind: ChannelKind,
    /// Whether it is used.
    pub enabled: bool,
    /// What its type needs; secrets are envelopes.
    pub config: Map<String, Value>,
    /// What is sent; empty = the default of its type.
    pub template: String,
    /// Deliveries in a minute; 0 = as many as come.
    pub rate_limit_per_minute: i64,
}

const SELECT: &str = "SELECT id, name, type, enabled, config, template, rate_limit_per_minute, created_at, updated_at
    FROM notification_channels";

fn from_row(row: &Row<'_>) -> rusqlite::Result<StoredChannel> {
    Ok(StoredChannel {
        id: ChannelId(row.get("id")?),
        fields: ChannelFields {
            name: row.get("name")?,
            kind: parsed(row, "type", ChannelKind::parse)?,
            enabled: row.get("enabled")?,
            config: json(row, "config")?,
            template: row.get("template")?,
            rate_limit_per_minute: row.get("rate_limit_per_minute")?,
        },
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// Channels by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<StoredChannel>> {
    let sql = format!("{SELECT} WHERE {}", span.sql("id"));
    read.all(&sql, named_params! { ":after": span.after, ":limit": span.limit }, from_row)
}

/// One channel.
///
/// # Errors
/// `channel.not_found`.
pub fn get(read: &Read<'_>, id: ChannelId) -> Result<StoredChannel> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("channel.not_found", format!("channel {id}")))
}

/// Stores a new channel.
///
/// # Errors
/// `channel.name_taken`.
pub fn insert(tx: &Tx<'_>, fields: &ChannelFields) -> Result<ChannelId> {
    refuse_taken(tx, &fields.name, None)?;
    let id = tx.insert(
        NOTIFICATION_CHANNELS,
        "INSERT INTO notification_channels
            (name, type, enabled, config, template, rate_limit_per_minute, created_at, updated_at)
         VALUES (:name, :type, :enabled, :config, :template, :rate, :now, :now)",
        named_params! {
            ":name": fields.name,
            ":type": fields.kind.as_str(),
            ":enabled": fields.enabled,
            ":config": Value::from(fields.config.clone()).to_string(),
            ":template": fields.template,
            ":rate": fields.rate_limit_per_minute,
            ":now": tx.now().0,
        },
    )?;
    Ok(ChannelId(id))
}

/// Replaces the fields of a channel; its type stays.
///
/// # Errors
/// `channel.name_taken`.
pub fn update(tx: &Tx<'_>, id: ChannelId, fields: &ChannelFields) -> Result<()> {
    refuse_taken(tx, &fields.name, Some(id))?;
    tx.update(
        NOTIFICATION_CHANNELS,
        id.0,
        "UPDATE notification_channels SET name = :name, enabled = :enabled, config = :config, template = :template,
            rate_limit_per_minute = :rate, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":name": fields.name,
            ":enabled": fields.enabled,
            ":config": Value::from(fields.config.clone()).to_string(),
            ":template": fields.template,
            ":rate": fields.rate_limit_per_minute,
            ":now": tx.now().0,
        },
    )
}

/// Deletes a channel with its rules. What was on its way there is given up.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: ChannelId) -> Result<()> {
    tx.cascades(super::tx::NOTIFICATION_RULES, "channel_id", id.0)?;
    super::deliveries::give_up(tx, id)?;
    tx.delete(NOTIFICATION_CHANNELS, id.0)
}

fn refuse_taken(read: &Read<'_>, name: &str, me: Option<ChannelId>) -> Result<()> {
    let sql = "SELECT id FROM notification_channels WHERE name = :name";
    let by = read.one(sql, named_params! { ":name": name }, |r| r.get(0).map(ChannelId))?;
    match by {
        Some(by) if Some(by) != me => {
            let text = format!("name {name:?} is already used by channel {by}");
            Err(Error::conflict("channel.name_taken", "name", text))
        }
        _ => Ok(()),
    }
}
