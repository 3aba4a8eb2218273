//! `log_entries`.

use rusqlite::{CachedStatement, Row, named_params};

use super::StoreError;
use super::columns::{parsed, time};
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{HostId, LogEntry, LogId, LogSource, RuleId};

const INSERT: &str = "INSERT INTO log_entries (timestamp, source, host_id, rule_id, level, host_domain, remote_ip,
        method, path, user_agent, upstream, message, raw, waf_rule_message, waf_severity, status, duration_ms,
        size_bytes, waf_rule_id, waf_anomaly_score, request_id, query, action, country, http_version, bytes_in)
    VALUES";

/// The parameters of one row of [`INSERT`].
const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// How many they are.
const WIDTH: usize = 26;

const COLUMNS: &str =
    "id, timestamp, source, host_id, rule_id, level, host_domain, remote_ip, method, path, user_agent,
    upstream, message, raw, waf_rule_message, waf_severity, status, duration_ms, size_bytes, waf_rule_id,
    waf_anomaly_score, request_id, query, action, country, http_version, bytes_in";

/// Stores one row; its id is ignored.
///
/// # Errors
/// Those of the database.
pub fn insert(tx: &Tx<'_>, e: &LogEntry) -> Result<()> {
    Inserts::new(tx, 1)?.insert(std::slice::from_ref(e), None)
}

/// Rows that one statement stores: what SQLite does once for a statement (a table of the values that a CHECK allows,
/// cursors, the highest id) costs more than the columns of a row. These are stored whoever waits.
const GROUP: usize = 16;

/// Stores the rows that `next` fills in, until there are no more, or until `hurry` says that somebody waits; whether
/// it came to the end. A host or rule that was deleted since the request is left out of its row.
///
/// # Errors
/// Those of the database.
pub fn insert_all(tx: &Tx<'_>, mut next: impl FnMut(&mut LogEntry) -> bool, hurry: impl Fn() -> bool) -> Result<bool> {
    let mut hosts = Known::new("SELECT 1 FROM hosts WHERE id = ?1");
    let mut rules = Known::new("SELECT 1 FROM rules WHERE id = ?1");
    let mut inserts = Inserts::new(tx, GROUP)?;
    // Each group in the memory of the last but one.
    let mut rows = vec![LogEntry::new(LogSource::Access, Timestamp(0), ""); GROUP];
    let mut before: Option<Vec<LogEntry>> = None;
    loop {
        let filled = rows.iter_mut().map(&mut next).take_while(|more| *more).count();
        for row in &mut rows[..filled] {
            if let Some(HostId(id)) = row.host_id
                && !hosts.contains(tx, id)?
            {
                row.host_id = None;
            }
            if let Some(RuleId(id)) = row.rule_id
                && !rules.contains(tx, id)?
            {
                row.rule_id = None;
            }
        }
        if filled < GROUP {
            let mut single = Inserts::new(tx, 1)?;
            rows[..filled].iter().try_for_each(|row| single.insert(std::slice::from_ref(row), None))?;
            return Ok(true);
        }
        inserts.insert(&rows, before.as_deref())?;
        if hurry() {
            return Ok(false);
        }
        match &mut before {
            Some(before) => std::mem::swap(&mut rows, before),
            None => before = Some(rows.clone()),
        }
    }
}

/// One statement for groups of rows of one transaction.
struct Inserts<'c> {
    statement: CachedStatement<'c>,
}

impl<'c> Inserts<'c> {
    fn new(tx: &Tx<'c>, rows: usize) -> Result<Self> {
        let values = vec![ROW; rows].join(", ");
        Ok(Self { statement: tx.prepared(&format!("{INSERT} {values}"))? })
    }

    /// Stores `rows`, as many as the statement is for, where `before` are those that it stored last. A parameter keeps
    /// its value from one run of a statement to the next, and most columns of neighbouring rows are equal: those are
    /// not bound again, which would copy them.
    fn insert(&mut self, rows: &[LogEntry], before: Option<&[LogEntry]>) -> Result<()> {
        for (n, row) in rows.iter().enumerate() {
            self.bind(n * WIDTH, row, before.map(|rows| &rows[n])).map_err(StoreError::from)?;
        }
        self.statement.raw_execute().map_err(StoreError::from)?;
        Ok(())
    }

    // By position, in the order of the columns: looking 26 names up costs more than binding their values.
    fn bind(&mut self, at: usize, e: &LogEntry, before: Option<&LogEntry>) -> rusqlite::Result<()> {
        macro_rules! bind {
            ($($place:literal: $field:ident $(=> $value:expr)?),+ $(,)?) => {
                $(if before.is_none_or(|b| b.$field != e.$field) {
                    self.statement.raw_bind_parameter(at + $place, bind!(@ e.$field $(, $value)?))?;
                })+
            };
            (@ $own:expr) => { &$own };
            (@ $own:expr, $value:expr) => { $value };
        }
        bind! {
            1: timestamp => e.timestamp.0,
            2: source => e.source.as_str(),
            3: host_id => e.host_id.map(|id| id.0),
            4: rule_id => e.rule_id.map(|id| id.0),
            5: level,
            6: host_domain,
            7: remote_ip,
            8: method,
            9: path,
            10: user_agent,
            11: upstream,
            12: message,
            13: raw,
            14: waf_rule_message,
            15: waf_severity,
            16: status,
            17: duration_ms,
            18: size_bytes,
            19: waf_rule_id,
            20: waf_anomaly_score,
            21: request_id,
            22: query,
            23: action,
            24: country,
            25: http_version,
            26: bytes_in,
        }
        Ok(())
    }
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

/// The rows that the WAF left about one request, in order: those of `at`, where the moment is known.
///
/// # Errors
/// Those of the database.
pub fn findings(read: &Read<'_>, request_id: &str, at: Option<Timestamp>) -> Result<Vec<LogEntry>> {
    let when = if at.is_some() { "timestamp = :at AND " } else { ":at IS NULL AND " };
    let sql = format!(
        "SELECT {COLUMNS} FROM log_entries WHERE source = 'waf_audit' AND {when}request_id = :id ORDER BY id LIMIT 50"
    );
    read.all(&sql, named_params! { ":at": at.map(|at| at.0), ":id": request_id }, from_row)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Actor;

    #[test]
    fn rows_are_stored_as_they_are_whatever_stood_in_their_memory_before() {
        let mut db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(argos_migrations::ALL[0].sql).unwrap();
        db.execute_batch("INSERT INTO target_groups (id, name) VALUES (1, 'g')").unwrap();
        db.execute_batch("INSERT INTO hosts (id, domain, target_group_id) VALUES (3, 'a.example', 1)").unwrap();
        let row = |n: i64| {
            let source = if n % 5 == 0 { LogSource::WafAudit } else { LogSource::Access };
            let mut row = LogEntry::new(source, Timestamp(n), if n % 3 == 0 { "warn" } else { "info" });
            row.host_id = (n % 7 == 0).then_some(HostId(3));
            (row.path, row.status, row.bytes_in) = (format!("/{}", n / 4), 200 + n % 2, n);
            row.raw = if n % 11 == 0 { String::new() } else { format!("{{\"n\":{n}}}") };
            row
        };
        let many = GROUP as i64;
        for count in [0, 1, many - 1, many, 3 * many + 2] {
            let open = db.transaction().unwrap();
            let tx = Tx::new(&open, Timestamp(0), Actor::System);
            let mut wanted: Vec<_> = (0..count).map(row).collect();
            let mut rest = wanted.iter();
            let next = |to: &mut LogEntry| rest.next().inspect(|row| *to = LogEntry::clone(row)).is_some();
            assert!(insert_all(&tx, next, || false).unwrap());
            let stored = newest(&tx, 1000).unwrap();
            let first = stored.first().map_or(0, |row| row.id.0);
            (0..).zip(&mut wanted).for_each(|(n, row)| row.id = LogId(first + n));
            assert_eq!(stored, wanted);
            drop(tx);
        }
    }

    #[test]
    fn what_names_a_host_or_rule_that_is_gone_is_stored_without_and_a_hurry_ends_after_a_group() {
        let mut db = rusqlite::Connection::open_in_memory().unwrap();
        db.execute_batch(argos_migrations::ALL[0].sql).unwrap();
        let open = db.transaction().unwrap();
        let tx = Tx::new(&open, Timestamp(0), Actor::System);
        let mut asked = 0;
        let next = |row: &mut LogEntry| {
            asked += 1;
            (row.host_id, row.rule_id) = (Some(HostId(9)), Some(RuleId(9)));
            true
        };
        assert!(!insert_all(&tx, next, || true).unwrap());
        let stored = newest(&tx, 1000).unwrap();
        assert_eq!((asked, stored.len()), (GROUP, GROUP));
        assert!(stored.iter().all(|row| row.host_id.is_none() && row.rule_id.is_none()));
    }

    #[test]
    fn a_statement_has_as_many_parameters_as_columns() {
        assert_eq!(ROW.matches('?').count(), WIDTH);
        assert_eq!(INSERT.split(['(', ')']).nth(1).map(|columns| columns.split(',').count()), Some(WIDTH));
    }
}
