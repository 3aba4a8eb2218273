//! `notification_deliveries`.

use rusqlite::{Row, named_params, params_from_iter};
use serde_json::Value;

use super::columns::{json, moment, parsed, time};
use super::span::Span;
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{Alert, Delivery, DeliveryStats, DeliveryStatus, Severity};
use crate::schema::{ChannelId, DeliveryId, HostId, NotificationRuleId};

/// A row to be.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// Its id, given out by the one who writes these rows.
    pub id: DeliveryId,
    /// The rule that wants it.
    pub rule: NotificationRuleId,
    /// Where it goes.
    pub channel: ChannelId,
    /// What happened.
    pub event_type: &'static str,
    /// The event in its stored form.
    pub event: std::sync::Arc<str>,
    /// How far it is.
    pub status: DeliveryStatus,
    /// Why it is not sent.
    pub error: String,
    /// The same for each attempt.
    pub idempotency_key: String,
}

/// A delivery that waits, as far as deciding needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: DeliveryId,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this moment.
    pub next_attempt_at: Timestamp,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The delivery.
    pub id: DeliveryId,
    /// How far it is now.
    pub status: DeliveryStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// Why it was not sent, or not yet.
    pub error: String,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
    /// What was rendered only now.
    pub rendered: Option<String>,
}

/// Which deliveries a list has; all must hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter<'a> {
    /// To this channel.
    pub channel: Option<ChannelId>,
    /// Wanted by this rule.
    pub rule: Option<NotificationRuleId>,
    /// Of this event.
    pub event_type: Option<&'a str>,
    /// So far.
    pub status: Option<DeliveryStatus>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
}

const COLUMNS: &str = "id, rule_id, channel_id, event_type, event_payload, status, error_message, attempts, created_at,
    sent_at, idempotency_key, next_attempt_at";

const MATCHES: &str = "(:channel IS NULL OR channel_id = :channel) AND (:rule IS NULL OR rule_id = :rule)
    AND (:event IS NULL OR event_type = :event) AND (:status IS NULL OR status = :status)
    AND (:from IS NULL OR created_at >= :from) AND (:to IS NULL OR created_at <= :to)";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.get("id")?),
        rule_id: row.get::<_, Option<i64>>("rule_id")?.map(NotificationRuleId),
        channel_id: row.get::<_, Option<i64>>("channel_id")?.map(ChannelId),
        event_type: row.get("event_type")?,
        event: json(row, "event_payload")?,
        rendered_payload: None,
        status: parsed(row, "status", DeliveryStatus::parse)?,
        error_message: row.get("error_message")?,
        attempts: row.get("attempts")?,
        created_at: time(row, "created_at")?,
        sent_at: moment(row, "sent_at")?,
        idempotency_key: row.get("idempotency_key")?,
        next_attempt_at: moment(row, "next_attempt_at")?,
    })
}

/// Deliveries by id, without what was sent.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, of: &DeliveryFilter<'_>, span: Span) -> Result<Vec<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM notification_deliveries WHERE {MATCHES} AND {}", span.sql("id"));
    let params = named_params! {
        ":channel": of.channel.map(|id| id.0), ":rule": of.rule.map(|id| id.0), ":event": of.event_type,
        ":status": of.status.map(DeliveryStatus::as_str), ":from": of.from.map(|at| at.0), ":to": of.to.map(|at| at.0),
        ":after": span.after, ":limit": span.limit,
    };
    read.all(&sql, params, from_row)
}

/// How many of them there are by status.
///
/// # Errors
/// Those of the database.
pub fn stats(read: &Read<'_>, of: &DeliveryFilter<'_>) -> Result<DeliveryStats> {
    let sql = format!("SELECT status, count(*) FROM notification_deliveries WHERE {MATCHES} GROUP BY status");
    let params = named_params! {
        ":channel": of.channel.map(|id| id.0), ":rule": of.rule.map(|id| id.0), ":event": of.event_type,
        ":status": of.status.map(DeliveryStatus::as_str), ":from": of.from.map(|at| at.0), ":to": of.to.map(|at| at.0),
    };
    let mut stats = DeliveryStats::default();
    let map = |r: &Row<'_>| Ok((parsed(r, 0, DeliveryStatus::parse)?, r.get(1)?));
    for (status, count) in read.all(&sql, params, map)? {
        let field = match status {
            DeliveryStatus::Pending => &mut stats.pending,
            DeliveryStatus::Sent => &mut stats.sent,
            DeliveryStatus::Failed => &mut stats.failed,
            DeliveryStatus::Throttled => &mut stats.throttled,
            DeliveryStatus::RateLimited => &mut stats.rate_limited,
        };
        *field = count;
    }
    Ok(stats)
}

/// One delivery, with what is or was sent.
///
/// # Errors
/// `delivery.not_found`.
pub fn get(read: &Read<'_>, id: DeliveryId) -> Result<Delivery> {
    let found = find(read, id)?;
    found.ok_or_else(|| Error::not_found("delivery.not_found", format!("delivery {id}")))
}

/// As [`get`]; none where there is none.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, id: DeliveryId) -> Result<Option<Delivery>> {
    let sql = format!("SELECT {COLUMNS}, rendered_payload FROM notification_deliveries WHERE id = :id");
    read.one(&sql, named_params! { ":id": id.0 }, |row| {
        Ok(Delivery { rendered_payload: Some(row.get("rendered_payload")?), ..from_row(row)? })
    })
}

/// Events of the last while that mattered so much, newest first, each once however many heard of it.
///
/// # Errors
/// Those of the database.
pub fn alerts(read: &Read<'_>, since: Timestamp, severities: &[Severity], limit: u32) -> Result<Vec<Alert>> {
    let words: Vec<String> = severities.iter().map(|s| format!("'{s}'")).collect();
    let sql = format!(
        "SELECT event_payload FROM notification_deliveries
         WHERE created_at >= ?1 AND event_payload ->> 'severity' IN ({}) AND event_payload ->> 'timestamp' IS NOT NULL
         GROUP BY event_payload ORDER BY max(id) DESC LIMIT ?2",
        words.join(", ")
    );
    let payloads: Vec<Value> = read.all(&sql, params_from_iter([since.0, i64::from(limit)]), |r| json(r, 0))?;
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let alert = |event: Value| {
        Some(Alert {
            event_type: text(&event, "type"),
            severity: Severity::parse(event["severity"].as_str()?)?,
            host_id: event["host_id"].as_i64().map(HostId),
            host_domain: event["host_domain"].as_str().map(str::to_owned),
            timestamp: Timestamp::parse(event["timestamp"].as_str()?)?,
            message: text(&event, "message"),
        })
    };
    Ok(payloads.into_iter().filter_map(alert).collect())
}

/// The highest id that was ever given out.
///
/// # Errors
/// Those of the database.
pub fn last_id(read: &Read<'_>) -> Result<i64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'notification_deliveries'";
    Ok(read.one(sql, [], |r| r.get(0))?.unwrap_or(0))
}

/// Deliveries to a channel that wait, by id.
///
/// # Errors
/// Those of the database.
pub fn waiting_for(read: &Read<'_>, channel: ChannelId, limit: usize) -> Result<Vec<Waiting>> {
    let sql = "SELECT id, attempts, COALESCE(next_attempt_at, 0) FROM notification_deliveries
        WHERE status = 'pending' AND channel_id = :channel ORDER BY id LIMIT :limit";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    read.all(sql, named_params! { ":channel": channel.0, ":limit": limit }, |r| {
        Ok(Waiting {
            id: DeliveryId(r.get(0)?),
            attempts: u32::try_from(r.get::<_, i64>(1)?).unwrap_or(u32::MAX),
            next_attempt_at: time(r, 2)?,
        })
    })
}

/// Stores rows; one that is stored already stays as it is.
///
/// # Errors
/// Those of the database.
pub fn insert_all(tx: &Tx<'_>, rows: &[NewDelivery]) -> Result<()> {
    for row in rows {
        let due = (row.status == DeliveryStatus::Pending).then_some(tx.now().0);
        // The rule or the channel may have been deleted since the event was looked at.
        tx.execute(
            "INSERT INTO notification_deliveries (id, rule_id, channel_id, event_type, event_payload, status,
                error_message, attempts, created_at, idempotency_key, next_attempt_at)
             SELECT :id, (SELECT id FROM notification_rules WHERE id = :rule),
                (SELECT id FROM notification_channels WHERE id = :channel), :type, :event, :status, :error, 0, :now, :key,
                :due
             WHERE NOT EXISTS (SELECT 1 FROM notification_deliveries WHERE id = :id AND idempotency_key = :key)",
            named_params! {
                ":id": row.id.0,
                ":rule": row.rule.0,
                ":channel": row.channel.0,
                ":type": row.event_type,
                ":event": &*row.event,
                ":status": row.status.as_str(),
                ":error": row.error,
                ":now": tx.now().0,
                ":key": row.idempotency_key,
                ":due": due,
            },
        )?;
    }
    Ok(())
}

/// Stores what attempts came to. Deliveries that were given up meanwhile, because their channel is gone, stay so.
///
/// # Errors
/// Those of the database.
pub fn note(tx: &Tx<'_>, attempts: &[Attempted]) -> Result<()> {
    for done in attempts {
        tx.execute(
            "UPDATE notification_deliveries SET status = :status, attempts = :attempts, error_message = :error,
                sent_at = :sent, next_attempt_at = :next,
                rendered_payload = COALESCE(:rendered, rendered_payload)
             WHERE id = :id AND status = 'pending'",
            named_params! {
                ":id": done.id.0,
                ":status": done.status.as_str(),
                ":attempts": done.attempts,
                ":error": done.error,
                ":sent": done.sent_at.map(|at| at.0),
                ":next": done.next_attempt_at.map(|at| at.0),
                ":rendered": done.rendered,
            },
        )?;
    }
    Ok(())
}

/// Has a delivery tried once more, now.
///
/// # Errors
/// `delivery.not_retryable` for one that is on its way or was sent, or whose channel is gone.
pub fn retry(tx: &Tx<'_>, id: DeliveryId) -> Result<()> {
    let row = get(tx, id)?;
    let text = match row.status {
        DeliveryStatus::Pending => "is on its way already",
        DeliveryStatus::Sent => "was sent already",
        _ if row.channel_id.is_none() => "went to a channel that is deleted",
        _ => {
            let sql =
                "UPDATE notification_deliveries SET status = 'pending', error_message = '', next_attempt_at = :now
                WHERE id = :id";
            return tx.execute(sql, named_params! { ":id": id.0, ":now": tx.now().0 }).map(drop);
        }
    };
    Err(Error::conflict("delivery.not_retryable", "id", format!("delivery {id} {text}")))
}

/// Gives up what waits for a channel that goes.
///
/// # Errors
/// Those of the database.
pub fn give_up(tx: &Tx<'_>, channel: ChannelId) -> Result<()> {
    let sql = "UPDATE notification_deliveries SET status = 'failed', error_message = 'channel deleted',
        next_attempt_at = NULL WHERE status = 'pending' AND channel_id = :channel";
    tx.execute(sql, named_params! { ":channel": channel.0 }).map(drop)
}

/// Gives up what waits for channels that are gone.
///
/// # Errors
/// Those of the database.
pub fn give_up_orphans(tx: &Tx<'_>) -> Result<usize> {
    let sql = "UPDATE notification_deliveries SET status = 'failed', error_message = 'channel deleted',
        next_attempt_at = NULL WHERE status = 'pending' AND channel_id IS NULL";
    tx.execute(sql, [])
}

/// Whether rows are older than `before`, or more than `most`; those that wait don't count.
///
/// # Errors
/// Those of the database.
pub fn is_purge_due(read: &Read<'_>, before: Timestamp, most: i64) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM notification_deliveries WHERE created_at < :before AND status != 'pending')
        OR (SELECT count(*) FROM notification_deliveries) > :most
            AND EXISTS (SELECT 1 FROM notification_deliveries WHERE status != 'pending')";
    Ok(read.one(sql, named_params! { ":before": before.0, ":most": most }, |r| r.get(0))?.unwrap_or(false))
}

/// Deletes rows older than `before`, then the oldest beyond `most`, at most `at_once` of each; those that wait stay.
///
/// # Errors
/// Those of the database.
pub fn purge(tx: &Tx<'_>, before: Timestamp, most: i64, at_once: i64) -> Result<()> {
    let old = "DELETE FROM notification_deliveries WHERE id IN (
        SELECT id FROM notification_deliveries WHERE created_at < :before AND status != 'pending' LIMIT :at_once)";
    tx.execute(old, named_params! { ":before": before.0, ":at_once": at_once })?;
    let beyond = "DELETE FROM notification_deliveries WHERE id IN (
        SELECT id FROM notification_deliveries WHERE status != 'pending' ORDER BY created_at, id
        LIMIT max(0, min(:at_once, (SELECT count(*) FROM notification_deliveries) - :most)))";
    tx.execute(beyond, named_params! { ":most": most, ":at_once": at_once }).map(drop)
}
