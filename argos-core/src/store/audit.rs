//! The audit row: who changed what, in the same transaction as the change.

use serde_json::{Map, Value, json};

use super::logs;
use super::tx::{Change, Subject, Tx};
use crate::error::Result;
use crate::schema::{Actor, Cookies, LogEntry, LogSource, UserId};

/// Where a call came from, for its audit row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address, or `cli`, or empty inside a program.
    pub source_ip: String,
    /// The client's program, at most 256 bytes.
    pub user_agent: String,
    /// The call's id.
    pub request_id: String,
    /// The name of the panel that was asked, without port; empty where none was.
    pub host: String,
    /// Whether it came over TLS, so that cookies can be kept to that.
    pub secure: bool,
    /// Cookies that came with it.
    pub cookies: Cookies,
}

/// A row about sign-in. Address, agent and request id come from the call, so that none lacks them.
#[derive(Clone, Debug)]
pub struct AuthEvent<'a> {
    /// What happened.
    pub action: &'static str,
    /// The person that it is about; none where there is no such person.
    pub user: Option<UserId>,
    /// The name that was given or is theirs.
    pub username: &'a str,
    /// What else is to be said, such as a reason.
    pub detail: Value,
}

/// Writes a row about sign-in.
///
/// # Errors
/// Those of the database.
pub fn auth(tx: &Tx<'_>, event: &AuthEvent<'_>) -> Result<()> {
    let origin = tx.origin();
    let raw = json!({
        "user_id": event.user.map_or(0, |id| id.0),
        "actor": tx.actor().label(),
        "username": event.username,
        "action": event.action,
        "resource_type": "user",
        "resource_id": event.user.map_or_else(String::new, |id| id.to_string()),
        "detail": event.detail,
        "request_id": origin.request_id,
        "source_ip": origin.source_ip,
        "user_agent": origin.user_agent,
    });
    let mut row = from_call(tx, origin);
    row.message = format!("{} {}", event.action, event.username);
    row.action = event.action.into();
    row.raw = raw.to_string();
    tx.audited();
    logs::insert(tx, &row)
}

/// A row that says where its call came from.
fn from_call(tx: &Tx<'_>, origin: &Origin) -> LogEntry {
    let mut row = LogEntry::new(LogSource::Audit, tx.now(), "info");
    row.remote_ip = match tx.actor() {
        Actor::Cli if origin.source_ip.is_empty() => "cli".into(),
        _ => origin.source_ip.clone(),
    };
    row.user_agent.clone_from(&origin.user_agent);
    row.request_id.clone_from(&origin.request_id);
    row
}

/// Writes the audit row of a change; `generation` is none when no configuration changed.
///
/// # Errors
/// Those of the database; the change is then rolled back.
pub fn record(tx: &Tx<'_>, subject: &Subject, generation: Option<u64>) -> Result<()> {
    let (actor, origin) = (tx.actor(), tx.origin());
    let raw = json!({
        "user_id": actor.user_id().map_or(0, |id| id.0),
        "actor": actor.label(),
        "action": subject.action,
        "resource_type": subject.resource_type,
        "resource_id": subject.resource_id,
        "diff": diff(&tx.changes()),
        "generation": generation,
        "request_id": origin.request_id,
        "source_ip": origin.source_ip,
        "user_agent": origin.user_agent,
    });
    let mut row = from_call(tx, origin);
    if let Some((id, domain)) = &subject.host {
        // A deleted host has no row to point to; its name stays.
        let gone = tx.changes().iter().any(|c| c.table.name == "hosts" && c.new.is_none() && c.key == json!(id.0));
        row.host_id = (!gone).then_some(*id);
        row.host_domain = domain.clone();
    }
    row.message = format!("{} {}", subject.action, subject.resource_type);
    row.action = subject.action.into();
    row.raw = raw.to_string();
    logs::insert(tx, &row)
}

/// The changed fields with old and new values; secrets are `***`.
#[must_use]
pub fn diff(changes: &[Change]) -> Value {
    let rows = changes.iter().map(|change| {
        let fields = shown(change).into_iter().map(|(field, old, new)| (field, json!({"old": old, "new": new})));
        json!({"table": change.table.name, "key": change.key, "fields": fields.collect::<Map<_, _>>()})
    });
    rows.collect()
}

/// The changed fields of a row, but its own times, each with the value before and after; secrets are `***`.
pub(super) fn shown(change: &Change) -> Vec<(String, Value, Value)> {
    let side = |row: &Option<Map<String, Value>>, column: &str| row.as_ref().and_then(|r| r.get(column)).cloned();
    let mut fields: Vec<(String, Value, Value)> = Vec::new();
    for column in change.old.iter().chain(&change.new).flat_map(Map::keys) {
        let (old, new) = (side(&change.old, column), side(&change.new, column));
        if old == new || column == "updated_at" || column == "created_at" || fields.iter().any(|f| f.0 == *column) {
            continue;
        }
        let hidden = change.table.secrets.contains(&column.as_str()) || is_envelope(&old) || is_envelope(&new);
        fields.push((column.clone(), masked(old, hidden), masked(new, hidden)));
    }
    fields
}

/// A value as it is shown: `***` for a secret that is set.
pub(super) fn masked(value: Option<Value>, hidden: bool) -> Value {
    match value {
        Some(Value::String(s)) if (hidden || s.contains("argos1:")) && !s.is_empty() => json!("***"),
        Some(value) => value,
        None => Value::Null,
    }
}

fn is_envelope(value: &Option<Value>) -> bool {
    value.as_ref().and_then(Value::as_str).is_some_and(|s| s.contains("argos1:"))
}
