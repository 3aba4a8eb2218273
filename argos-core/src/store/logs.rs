//! `log_entries`.

use rusqlite::{Row, named_params, params};

use super::columns::{parsed, time};
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{HostId, LogEntry, LogId, LogSource, RuleId};

const INSERT: &str = "INSERT INTO log_entries (timestamp, source, host_id, rule_id, level, host_domain, remote_ip,
        method, path, user_agent, upstream, message, raw, waf_rule_message, waf_severity, status, duration_ms,
        size_bytes, waf_rule_id, waf_anomaly_score, request_id, query, action, country, http_version, bytes_in)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

const COLUMNS: &str =
    "id, timestamp, source, host_id, rule_id, level, host_domain, remote_ip, method, path, user_agent,
    upstream, message, raw, waf_rule_message, waf_severity, status, duration_ms, size_bytes, waf_rule_id,
    waf_anomaly_score, request_id, query, action, country, http_version, bytes_in";

/// Stores one row; its id is ignored.
///
/// # Errors
/// Those of the database.
pub fn insert(tx: &Tx<'_>, e: &LogEntry) -> Result<()> {
    // By position, in the order of the columns: looking 26 names up costs more than binding their values.
    let params = params![
        e.timestamp.0,
        e.source.as_str(),
        e.host_id.map(|id| id.0),
        e.rule_id.map(|id| id.0),
        e.level,
        e.host_domain,
        e.remote_ip,
        e.method,
        e.path,
        e.user_agent,
        e.upstream,
        e.message,
        e.raw,
        e.waf_rule_message,
        e.waf_severity,
        e.status,
        e.duration_ms,
        e.size_bytes,
        e.waf_rule_id,
        e.waf_anomaly_score,
        e.request_id,
        e.query,
        e.action,
        e.country,
        e.http_version,
        e.bytes_in,
    ];
    tx.execute(INSERT, params).map(drop)
}

/// Rows that are stored whoever waits.
const AT_LEAST: usize = 16;

/// Stores rows of the proxy, and how many: less than all when `hurry` says that somebody waits. A host or rule that
/// was deleted since the request is left out of its row.
///
/// # Errors
/// Those of the database.
pub fn insert_all(tx: &Tx<'_>, entries: &mut [LogEntry], hurry: impl Fn() -> bool) -> Result<usize> {
    let mut hosts = Known::new("SELECT 1 FROM hosts WHERE id = ?1");
    let mut rules = Known::new("SELECT 1 FROM rules WHERE id = ?1");
    for (n, entry) in entries.iter_mut().enumerate() {
        if n > 0 && n % AT_LEAST == 0 && hurry() {
            return Ok(n);
        }
        if let Some(HostId(id)) = entry.host_id
            && !hosts.contains(tx, id)?
        {
            entry.host_id = None;
        }
        if let Some(RuleId(id)) = entry.rule_id
            && !rules.contains(tx, id)?
        {
            entry.rule_id = None;
        }
        insert(tx, entry)?;
    }
    Ok(entries.len())
}

/// Ids that were looked up in this transaction.
struct Known {
    sql: &'static str,
    seen: std::collections::HashMap<i64, bool>,
}

impl Known {
    fn new(sql: &'static str) -> Self {
        Self { sql, seen: std::collections::HashMap::new() }
    }

    fn contains(&mut self, read: &Read<'_>, id: i64) -> Result<bool> {
        if let Some(known) = self.seen.get(&id) {
            return Ok(*known);
        }
        let found = read.one(self.sql, [id], |_| Ok(()))?.is_some();
        self.seen.insert(id, found);
        Ok(found)
    }
}

// By position, in the order of the columns above: a look-up by name costs more than the row itself.
fn from_row(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    Ok(LogEntry {
        id: LogId(row.get(0)?),
        timestamp: time(row, 1)?,
        source: parsed(row, 2, LogSource::parse)?,
        level: row.get(5)?,
        host_id: row.get::<_, Option<i64>>(3)?.map(HostId),
        host_domain: row.get(6)?,
        rule_id: row.get::<_, Option<i64>>(4)?.map(RuleId),
        remote_ip: row.get(7)?,
        method: row.get(8)?,
        path: row.get(9)?,
        query: row.get(22)?,
        status: row.get(16)?,
        duration_ms: row.get(17)?,
        size_bytes: row.get(18)?,
        bytes_in: row.get(26)?,
        upstream: row.get(11)?,
        user_agent: row.get(10)?,
        message: row.get(12)?,
        action: row.get(23)?,
        waf_rule_id: row.get(19)?,
        waf_rule_message: row.get(14)?,
        waf_severity: row.get(15)?,
        waf_anomaly_score: row.get(20)?,
        request_id: row.get(21)?,
        country: row.get(24)?,
        http_version: row.get(25)?,
        raw: row.get(13)?,
    })
}

/// What a search is narrowed by; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Any of these.
    pub sources: Vec<LogSource>,
    /// Any of these closed ranges; empty = all.
    pub statuses: Vec<(i64, i64)>,
    /// The host, and rows of its name that were written before it existed.
    pub host: Option<(HostId, String)>,
    /// Equal.
    pub rule_id: Option<RuleId>,
    /// Any of these.
    pub waf_rule_ids: Vec<i64>,
    /// Any of these.
    pub methods: Vec<String>,
    /// Any of these.
    pub actions: Vec<String>,
    /// Any of these.
    pub levels: Vec<String>,
    /// Equal.
    pub request_id: Option<String>,
    /// Equal.
    pub remote_ip: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// At least.
    pub min_duration_ms: Option<i64>,
    /// At most.
    pub max_duration_ms: Option<i64>,
}

/// Where a page begins: after this row.
pub type After = Option<(Timestamp, LogId)>;

/// Rows by (timestamp, id), newest first unless `ascending`, after `after`, at most `limit`.
///
/// # Errors
/// Those of the database.
pub fn search(read: &Read<'_>, f: &LogFilter, ascending: bool, after: After, limit: u32) -> Result<Vec<LogEntry>> {
    let mut w = Where::default();
    w.opt("timestamp >= ?", f.from.map(|t| t.0));
    w.opt("timestamp <= ?", f.to.map(|t| t.0));
    w.any("source", f.sources.iter().map(|s| s.as_str().to_owned()));
    w.any("waf_rule_id", f.waf_rule_ids.iter().copied());
    w.any("method", f.methods.iter().cloned());
    w.any("action", f.actions.iter().cloned());
    w.any("level", f.levels.iter().cloned());
    w.opt("rule_id = ?", f.rule_id.map(|r| r.0));
    w.opt("request_id = ?", f.request_id.clone());
    w.opt("remote_ip = ?", f.remote_ip.clone());
    w.opt("instr(path, ?) > 0", f.path.clone());
    w.opt("duration_ms >= ?", f.min_duration_ms);
    w.opt("duration_ms <= ?", f.max_duration_ms);
    if let Some((id, domain)) = &f.host {
        w.push("(host_id = ? OR (host_id IS NULL AND host_domain = ?))", [id.0.into(), domain.clone().into()]);
    }
    if !f.statuses.is_empty() {
        let ranges = vec!["status BETWEEN ? AND ?"; f.statuses.len()].join(" OR ");
        w.push(&format!("({ranges})"), f.statuses.iter().flat_map(|(a, b)| [(*a).into(), (*b).into()]));
    }
    let (sign, order) = if ascending { (">", "ASC") } else { ("<", "DESC") };
    if let Some((at, id)) = after {
        w.push(&format!("(timestamp, id) {sign} (?, ?)"), [at.0.into(), id.0.into()]);
    }
    let filter = if w.sql.is_empty() { "1" } else { &w.sql };
    let sql = format!(
        "SELECT {COLUMNS} FROM log_entries WHERE {filter} ORDER BY timestamp {order}, id {order} LIMIT {limit}"
    );
    read.all(&sql, rusqlite::params_from_iter(w.params), from_row)
}

/// Rows with an id above `after`, by id: what was written since.
///
/// # Errors
/// Those of the database.
pub fn since(read: &Read<'_>, after: LogId, limit: u32) -> Result<Vec<LogEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM log_entries WHERE id > :after ORDER BY id LIMIT :limit");
    read.all(&sql, named_params! { ":after": after.0, ":limit": limit }, from_row)
}

/// The newest `limit` rows, by id.
///
/// # Errors
/// Those of the database.
pub fn newest(read: &Read<'_>, limit: u32) -> Result<Vec<LogEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM log_entries ORDER BY id DESC LIMIT :limit");
    let mut rows = read.all(&sql, named_params! { ":limit": limit }, from_row)?;
    rows.reverse();
    Ok(rows)
}

/// One row, if it exists.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, id: LogId) -> Result<Option<LogEntry>> {
    let sql = format!("SELECT {COLUMNS} FROM log_entries WHERE id = :id");
    read.one(&sql, named_params! { ":id": id.0 }, from_row)
}

/// Conditions joined by AND, with their parameters in order. Only literal texts of this file become SQL.
#[derive(Default)]
struct Where {
    sql: String,
    params: Vec<rusqlite::types::Value>,
}

impl Where {
    fn push(&mut self, condition: &str, values: impl IntoIterator<Item = rusqlite::types::Value>) {
        if !self.sql.is_empty() {
            self.sql.push_str(" AND ");
        }
        self.sql.push_str(condition);
        self.params.extend(values);
    }

    fn opt(&mut self, condition: &str, value: Option<impl Into<rusqlite::types::Value>>) {
        if let Some(value) = value {
            self.push(condition, [value.into()]);
        }
    }

    fn any<T: Into<rusqlite::types::Value>>(&mut self, column: &str, values: impl Iterator<Item = T>) {
        let values: Vec<rusqlite::types::Value> = values.map(Into::into).collect();
        if !values.is_empty() {
            let marks = vec!["?"; values.len()].join(", ");
            self.push(&format!("{column} IN ({marks})"), values);
        }
    }
}
