//! Log rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::page::limit;
use super::{Query, View, cursor};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{HostId, LogEntry, LogId, LogSource, Order, RuleId, csv};
use crate::store::{hosts, logs};

/// One page of log rows.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogPage {
    /// The rows.
    pub items: Vec<LogEntry>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Searches log rows; all filters must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchLogs {
    /// Not before: RFC 3339, or back from now as `-15m`, `-24h`, `-7d`.
    pub from: Option<String>,
    /// Not after, as `from`.
    pub to: Option<String>,
    /// Any of `access`, `error`, `audit`, `waf_audit`, comma-separated.
    pub source: Option<String>,
    /// Statuses: `200`, `4xx`, `500-504`, comma-separated.
    pub status: Option<String>,
    /// The host; rows of its name that were written before it existed are included.
    pub host_id: Option<HostId>,
    /// The rule of the host.
    pub rule_id: Option<RuleId>,
    /// WAF rules, comma-separated.
    pub waf_rule_id: Option<String>,
    /// Methods, comma-separated.
    pub method: Option<String>,
    /// Actions, comma-separated.
    pub action: Option<String>,
    /// Any of `info`, `warn`, `error`, comma-separated.
    pub level: Option<String>,
    /// One request.
    pub request_id: Option<String>,
    /// The client's address.
    pub remote_ip: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    /// At least so many milliseconds.
    pub min_duration_ms: Option<i64>,
    /// At most so many milliseconds.
    pub max_duration_ms: Option<i64>,
    /// `desc` (newest first, default) or `asc`.
    pub order: Option<Order>,
    /// Items in one page, 1–1000, default 100.
    pub limit: Option<i64>,
    /// Where the page begins.
    pub cursor: Option<String>,
}
operation!(SearchLogs => LogPage, "logs.search", Get "/logs", Viewer, 200, "Searches log rows; all filters must hold.");

impl Query for SearchLogs {
    fn run(self, view: &View<'_>) -> Result<LogPage> {
        let ascending = self.order == Some(Order::Asc);
        let list = if ascending { "logs.asc" } else { "logs.desc" };
        let key = view.cx.cursor_key();
        let limit = limit(self.limit, 1000)?;
        let after = match self.cursor.as_deref() {
            Some(text) => {
                let [at, id] = cursor::decode::<2>(&key, list, text)?;
                Some((Timestamp(at), LogId(id)))
            }
            None => None,
        };
        let filter = self.filter(view)?;
        let mut items = logs::search(&view.read, &filter, ascending, after, limit + 1)?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|e| cursor::encode(&key, list, &[e.timestamp.0, e.id.0]));
        Ok(LogPage { items, next_cursor })
    }
}

impl SearchLogs {
    fn filter(self, view: &View<'_>) -> Result<logs::LogFilter> {
        let now = view.read.now();
        let host = match self.host_id {
            Some(id) => Some((id, hosts::get(&view.read, id)?.domain.to_string())),
            None => None,
        };
        let words = |text: &Option<String>| csv(text.as_deref().unwrap_or_default()).map(str::to_owned).collect();
        let remote_ip = self.remote_ip.map(|text| {
            let ip = text.parse::<std::net::IpAddr>();
            ip.map(|ip| ip.to_canonical().to_string())
                .or_else(|_| if text == "cli" { Ok(text.clone()) } else { Err(()) })
                .map_err(|()| Error::invalid("remote_ip", "remote_ip", "not an IP address"))
        });
        if self.path.as_deref().is_some_and(|p| p.starts_with("re:") || p.starts_with('=') || p.ends_with('*')) {
            let reason = "not available yet: give a part of the path, without re:, = and *";
            return Err(Error::invalid("not_available_yet", "path", reason));
        }
        Ok(logs::LogFilter {
            from: self.from.map(|text| moment("from", &text, now)).transpose()?,
            to: self.to.map(|text| moment("to", &text, now)).transpose()?,
            sources: each("source", &self.source, "access, error, audit, waf_audit", |word| {
                LogSource::ALL.iter().copied().find(|s| s.api_name() == word)
            })?,
            statuses: each("status", &self.status, "such as 200, 4xx or 500-504", statuses)?,
            host,
            rule_id: self.rule_id,
            waf_rule_ids: each("waf_rule_id", &self.waf_rule_id, "rule numbers", |word| {
                word.parse::<i64>().ok().filter(|n| *n > 0)
            })?,
            methods: words(&self.method),
            actions: words(&self.action),
            levels: each("level", &self.level, "info, warn, error", |word| {
                ["info", "warn", "error"].contains(&word).then(|| word.to_owned())
            })?,
            request_id: self.request_id,
            remote_ip: remote_ip.transpose()?,
            path: self.path,
            min_duration_ms: self.min_duration_ms,
            max_duration_ms: self.max_duration_ms,
        })
    }
}

fn each<T>(
    field: &'static str,
    text: &Option<String>,
    allowed: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>> {
    let refused = |word: &str| Error::invalid(field, field, format!("{word:?} is not allowed; allowed: {allowed}"));
    csv(text.as_deref().unwrap_or_default()).map(|word| parse(word).ok_or_else(|| refused(word))).collect()
}

fn statuses(word: &str) -> Option<(i64, i64)> {
    let status = |text: &str| text.parse::<i64>().ok().filter(|n| (100..=599).contains(n));
    if let Some(class) = word.strip_suffix("xx") {
        let class: i64 = class.parse().ok().filter(|n| (1..=5).contains(n))?;
        return Some((class * 100, class * 100 + 99));
    }
    match word.split_once('-') {
        Some((low, high)) => Some((status(low)?, status(high)?)).filter(|(low, high)| low <= high),
        None => status(word).map(|n| (n, n)),
    }
}

pub(super) fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp> {
    let refused = || Error::invalid("time", field, "not an RFC 3339 time, and not -<n>m, -<n>h or -<n>d");
    let Some(back) = text.strip_prefix('-') else { return Timestamp::parse(text).ok_or_else(refused) };
    let (number, unit) = back.split_at_checked(back.len().saturating_sub(1)).ok_or_else(refused)?;
    let unit = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(refused()),
    };
    let number: i64 = number.parse().ok().filter(|n| (0..=100_000).contains(n)).ok_or_else(refused)?;
    Ok(Timestamp(now.0 - number * unit))
}

/// Shows one log row.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetLog {
    /// The row.
    pub id: LogId,
}
operation!(GetLog => LogEntry, "logs.get", Get "/logs/{id}", Viewer, 200, "Shows one log row.");

impl Query for GetLog {
    fn run(self, view: &View<'_>) -> Result<LogEntry> {
        let found = logs::find(&view.read, self.id)?;
        found.ok_or_else(|| Error::not_found("log.not_found", format!("log row {}", self.id)))
    }
}

impl From<LogId> for GetLog {
    fn from(id: LogId) -> Self {
        Self { id }
    }
}

/// Rows written after a given one, by id: the next step of a reader that follows the log.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TailLogs {
    /// Rows with a greater id; omitted = the newest `limit` rows.
    pub after_id: Option<i64>,
    /// Rows at most, 1–1000, default 100.
    pub limit: Option<i64>,
}
operation!(TailLogs => LogPage, "logs.tail", Get "/logs/tail", Viewer, 200,
    "Rows written after a given one, by id: the next step of a reader that follows the log.");

impl Query for TailLogs {
    fn run(self, view: &View<'_>) -> Result<LogPage> {
        let limit = limit(self.limit, 1000)?;
        let items = match self.after_id {
            Some(after) => logs::since(&view.read, LogId(after), limit)?,
            None => logs::newest(&view.read, limit)?,
        };
        Ok(LogPage { items, next_cursor: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_codes_classes_and_ranges() {
        for (word, expected) in [
            ("200", Some((200, 200))),
            ("4xx", Some((400, 499))),
            ("500-504", Some((500, 504))),
            ("504-500", None),
            ("6xx", None),
            ("99", None),
            ("ok", None),
        ] {
            assert_eq!(statuses(word), expected, "{word}");
        }
    }

    #[test]
    fn moments_are_absolute_or_back_from_now() {
        let now = Timestamp(100_000_000);
        assert_eq!(moment("from", "-15m", now).unwrap(), Timestamp(100_000_000 - 900_000));
        assert_eq!(moment("from", "1970-01-01T00:00:01Z", now).unwrap(), Timestamp(1000));
        for bad in ["-15", "-m", "-15w", "-", "15m", "--5m", "-é"] {
            assert_eq!(moment("from", bad, now).unwrap_err().fields()[0].field, "from", "{bad}");
        }
    }
}
