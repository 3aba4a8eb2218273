//! Sums over the rows that the WAF left.

use rusqlite::{Row, named_params};

use super::columns::time;
use super::tx::Read;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::HostId;

/// Transactions of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSum {
    /// The host.
    pub host: HostId,
    /// That were stopped.
    pub blocked: i64,
    /// That block mode would have stopped.
    pub detected: i64,
    /// That passed although rules matched.
    pub passed: i64,
    /// Addresses that they came from.
    pub clients: i64,
    /// The last of them.
    pub last: Timestamp,
}

/// Transactions that block mode would have stopped, by rule and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSum {
    /// The host.
    pub host: HostId,
    /// The rule.
    pub rule_id: i64,
    /// What it says.
    pub message: String,
    /// The path in its matching form.
    pub path: String,
    /// How many.
    pub transactions: i64,
    /// The last of them.
    pub last: Timestamp,
}

// The limit keeps the inner query apart, so that the JSON of a row is read once.
const BY_HOST: &str = "SELECT host_id,
        COUNT(DISTINCT CASE WHEN verdict = 'blocked' THEN request_id END),
        COUNT(DISTINCT CASE WHEN verdict = 'detected' THEN request_id END),
        COUNT(DISTINCT CASE WHEN verdict NOT IN ('blocked', 'detected') THEN request_id END),
        COUNT(DISTINCT remote_ip),
        MAX(timestamp)
    FROM (
        SELECT host_id, request_id, remote_ip, timestamp,
            CASE action WHEN 'blocked' THEN 'blocked' ELSE json_extract(raw, '$.verdict') END AS verdict
        FROM log_entries
        WHERE source = 'waf_audit' AND timestamp >= :from AND host_id IS NOT NULL
        LIMIT -1
    )
    GROUP BY host_id
    ORDER BY 2 DESC, 3 DESC, host_id
    LIMIT :limit";

const WOULD_BLOCK: &str = "SELECT host_id, waf_rule_id, MAX(waf_rule_message), path,
        COUNT(DISTINCT request_id), MAX(timestamp)
    FROM log_entries
    WHERE source = 'waf_audit' AND timestamp >= :from AND host_id IS NOT NULL
        AND action = 'detected' AND json_extract(raw, '$.verdict') = 'detected'
    GROUP BY host_id, waf_rule_id, path
    ORDER BY 5 DESC, host_id, waf_rule_id, path
    LIMIT :limit";

/// The transactions of each host since `from`, most stopped ones first.
///
/// # Errors
/// Those of the database.
pub fn by_host(read: &Read<'_>, from: Timestamp, limit: u32) -> Result<Vec<HostSum>> {
    let of = |row: &Row<'_>| {
        Ok(HostSum {
            host: HostId(row.get(0)?),
            blocked: row.get(1)?,
            detected: row.get(2)?,
            passed: row.get(3)?,
            clients: row.get(4)?,
            last: time(row, 5)?,
        })
    };
    read.all(BY_HOST, named_params! { ":from": from.0, ":limit": limit }, of)
}

/// What block mode would have stopped since `from`, by host, rule and path, most frequent first.
///
/// # Errors
/// Those of the database.
pub fn would_block(read: &Read<'_>, from: Timestamp, limit: u32) -> Result<Vec<RuleSum>> {
    let of = |row: &Row<'_>| {
        Ok(RuleSum {
            host: HostId(row.get(0)?),
            rule_id: row.get(1)?,
            message: row.get(2)?,
            path: row.get(3)?,
            transactions: row.get(4)?,
            last: time(row, 5)?,
        })
    };
    read.all(WOULD_BLOCK, named_params! { ":from": from.0, ":limit": limit }, of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_by_source_and_time_is_used() {
        let conn = rusqlite::Connection::open_in_memory().unwrap();
        for migration in argos_migrations::ALL {
            conn.execute_batch(migration.sql).unwrap();
        }
        for sql in [BY_HOST, WOULD_BLOCK] {
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps =
                plan.query_map(named_params! { ":from": 0, ":limit": 1 }, |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let index = "SEARCH log_entries USING INDEX log_entries_source (source=? AND timestamp>?)";
            assert!(steps.iter().any(|step| step == index), "{steps:?}");
        }
    }
}
