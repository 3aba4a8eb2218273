//! What the WAF found, in sums.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::{Query, View};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{AppsecMode, HostId};
use crate::store::findings;

/// Lines of a report.
const MOST: u32 = 1000;

/// Minutes that a report may look back: 31 days. Every row since then is read.
const LONGEST: i64 = 31 * 24 * 60;

/// What the WAF found, host by host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WafOverview {
    /// The figures begin here: 24 hours ago.
    pub from: Timestamp,
    /// Hosts of which rules found something, most stopped requests first; at most 1,000.
    pub hosts: Vec<HostFindings>,
}

/// What the WAF found at one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostFindings {
    /// The host.
    pub host_id: HostId,
    /// Its name; empty = it is gone.
    pub domain: String,
    /// What its WAF does now.
    pub mode: AppsecMode,
    /// Requests that were stopped.
    pub blocked: i64,
    /// Requests that block mode would have stopped.
    pub detected: i64,
    /// Requests that passed although rules matched.
    pub passed: i64,
    /// Addresses that all of them came from.
    pub clients: i64,
    /// The last of them.
    pub last_at: Timestamp,
}

/// Shows what the WAF found in the last 24 hours, host by host.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetWafOverview {}
operation!(GetWafOverview => WafOverview, "waf.overview", Get "/waf/overview", Viewer, 200,
    "Shows what the WAF found in the last 24 hours, host by host.");

impl Query for GetWafOverview {
    fn run(self, view: &View<'_>) -> Result<WafOverview> {
        let from = back(view.read.now(), 24 * 60);
        let sums = findings::by_host(&view.read, from, MOST)?;
        let hosts = sums.into_iter().map(|sum| HostFindings {
            host_id: sum.host,
            domain: domain(view, sum.host),
            mode: mode(view, sum.host),
            blocked: sum.blocked,
            detected: sum.detected,
            passed: sum.passed,
            clients: sum.clients,
            last_at: sum.last,
        });
        Ok(WafOverview { from, hosts: hosts.collect() })
    }
}

fn domain(view: &View<'_>, host: HostId) -> String {
    view.live.names.get(&host).map(|name| name.to_string()).unwrap_or_default()
}

fn mode(view: &View<'_>, host: HostId) -> AppsecMode {
    let host = view.live.names.get(&host).and_then(|name| view.live.hosts.get(name));
    let waf = host.and_then(|host| host.waf.as_ref());
    waf.map_or(AppsecMode::Disabled, |waf| waf.effective(view.live.appsec.mode))
}

/// What block mode would have stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WouldBlock {
    /// The figures begin here.
    pub from: Timestamp,
    /// Host, rule and path, the most frequent first; at most 1,000.
    pub rules: Vec<WouldBlockRule>,
}

/// How often one rule took part where block mode would have stopped a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WouldBlockRule {
    /// The host.
    pub host_id: HostId,
    /// Its name; empty = it is gone.
    pub domain: String,
    /// The WAF rule; the one that decides by the score is among them.
    pub waf_rule_id: i64,
    /// What it says.
    pub message: String,
    /// The path, as rules compare it.
    pub path: String,
    /// Requests.
    pub transactions: i64,
    /// The last of them.
    pub last_at: Timestamp,
}

/// Shows what block mode would have stopped, by host, rule and path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetWouldBlock {
    /// How far back: `15m`, `24h` (default), `7d`; at most `31d`.
    pub window: Option<String>,
}
operation!(GetWouldBlock => WouldBlock, "waf.would_block", Get "/waf/would-block", Viewer, 200,
    "Shows what block mode would have stopped, by host, rule and path.");

impl Query for GetWouldBlock {
    fn run(self, view: &View<'_>) -> Result<WouldBlock> {
        let from = back(view.read.now(), minutes(self.window.as_deref().unwrap_or("24h"))?);
        let rules = findings::would_block(&view.read, from, MOST)?.into_iter().map(|sum| WouldBlockRule {
            host_id: sum.host,
            domain: domain(view, sum.host),
            waf_rule_id: sum.rule_id,
            message: sum.message,
            path: sum.path,
            transactions: sum.transactions,
            last_at: sum.last,
        });
        Ok(WouldBlock { from, rules: rules.collect() })
    }
}

/// The minutes of a window such as `15m`, `24h` or `7d`.
fn minutes(window: &str) -> Result<i64> {
    let refused = |code: &'static str| {
        let reason = format!("{window:?}: a number and m, h or d, from 1m to 31d, such as 15m, 24h or 7d");
        Error::invalid(code, "window", reason)
    };
    let unit = match window.as_bytes().last() {
        Some(b'm') => 1,
        Some(b'h') => 60,
        Some(b'd') => 24 * 60,
        _ => return Err(refused("time")),
    };
    let digits = &window[..window.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused("time"));
    }
    // What is no such number is too large.
    let minutes = digits.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
    minutes.filter(|minutes| (1..=LONGEST).contains(minutes)).ok_or_else(|| refused("out_of_range"))
}

/// So many minutes before the start of this minute: a report that is asked for twice in a row is the same one.
fn back(now: Timestamp, minutes: i64) -> Timestamp {
    Timestamp((now.0.div_euclid(60_000) - minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_time_of_31_days_at_most() {
        for (text, expected) in
            [("1m", 1), ("15m", 15), ("24h", 1440), ("31d", 44640), ("744h", 44640), ("44640m", 44640)]
        {
            assert_eq!(minutes(text).unwrap(), expected, "{text}");
        }
        for (text, code) in [
            ("32d", "out_of_range"),
            ("745h", "out_of_range"),
            ("44641m", "out_of_range"),
            ("0h", "out_of_range"),
            ("99999999999999999999d", "out_of_range"),
            ("-1h", "time"),
            ("+1h", "time"),
            ("h", "time"),
            ("24", "time"),
            ("a week", "time"),
            ("1é", "time"),
            ("", "time"),
        ] {
            let refused = minutes(text).unwrap_err();
            assert_eq!((refused.code(), &*refused.fields()[0].field), (code, "window"), "{text}");
            assert!(refused.to_string().contains("from 1m to 31d"), "{refused}");
        }
    }

    #[test]
    fn the_whole_window_counts() {
        assert_eq!(back(Timestamp(120_000), 1), Timestamp(60_000));
        assert_eq!(back(Timestamp(179_999), 1), Timestamp(60_000));
    }
}
