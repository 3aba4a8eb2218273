//! What a request leaves behind, as small as it can be; the writer's thread makes it a row.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::json;

use super::mask::masked_query;
use crate::clock::Timestamp;
use crate::schema::{HostId, LogEntry, LogSource, RuleId, text_enum};

text_enum! {
    /// Which part of the proxy answered a request.
    AccessAction {
        /// The upstream's answer was passed on.
        Proxied = "proxied",
        /// A redirect rule.
        Redirect = "redirect",
        /// A fixed-response rule.
        FixedResponse = "fixed_response",
        /// A block rule.
        BlockRule = "block_rule",
        /// The WAF.
        WafBlocked = "waf_blocked",
        /// No host serves the name.
        NotFound = "not_found",
        /// The input was refused.
        BadRequest = "bad_request",
        /// No upstream answered, or Argos itself could not.
        UpstreamError = "upstream_error",
        /// The client left before the answer was complete.
        ClientClosed = "client_closed",
    }
}

text_enum! {
    /// The HTTP version of a request.
    Version {
        /// HTTP/1.0
        Http10 = "HTTP/1.0",
        /// HTTP/1.1
        Http11 = "HTTP/1.1",
    }
}

/// One row to be, by source.
#[derive(Debug)]
pub enum Record {
    /// A request.
    Access(Box<Access>),
    /// A refused input or a failed part.
    Error(Box<Fault>),
    /// A rule of the WAF that matched.
    WafAudit(Box<Finding>),
}

/// The texts of an access row in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    bytes: Box<[u8]>,
    ends: [u32; Texts::COUNT],
}

impl Texts {
    const COUNT: usize = 8;

    /// Texts in the order method, path (matching form), query, host, user agent, referer, upstream, request id.
    #[must_use]
    pub fn new(parts: [&[u8]; Self::COUNT]) -> Self {
        let mut bytes = Vec::with_capacity(parts.iter().map(|p| p.len()).sum());
        let mut ends = [0; Self::COUNT];
        for (end, part) in ends.iter_mut().zip(parts) {
            bytes.extend_from_slice(part);
            // Heads are at most 16 MiB, so that a u32 holds every end.
            *end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        Self { bytes: bytes.into_boxed_slice(), ends }
    }

    fn text(&self, i: usize) -> String {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        let bytes = self.bytes.get(start..self.ends[i] as usize).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Where a request's time went, in microseconds; 0 = the part did not happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// From the head's arrival to the last byte of the answer.
    pub total: u64,
    /// From the first try of an upstream to its response head.
    pub upstream: u64,
}

/// A request.
#[derive(Debug)]
pub struct Access {
    /// When its head was there.
    pub at: Timestamp,
    /// The snapshot's host.
    pub host: Option<HostId>,
    /// The rule that matched.
    pub rule: Option<RuleId>,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The final status.
    pub status: u16,
    /// Which part answered.
    pub action: AccessAction,
    /// The outcome as text; empty = the action says it all.
    pub message: &'static str,
    /// The request's HTTP version.
    pub version: Version,
    /// Upstreams tried.
    pub attempts: u8,
    /// Where the time went.
    pub timings: Timings,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// The inbound score of the WAF, if it was evaluated.
    pub waf_score: Option<i64>,
    /// Method, path, query and so on.
    pub texts: Texts,
}

impl Access {
    /// An empty record, to be filled.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            host: None,
            rule: None,
            client: None,
            status: 0,
            action: AccessAction::ClientClosed,
            message: "",
            version: Version::Http11,
            attempts: 0,
            timings: Timings::default(),
            bytes_in: 0,
            bytes_out: 0,
            waf_score: None,
            texts: Texts::default(),
        }
    }

    fn into_entry(self, masked: &[Box<str>]) -> LogEntry {
        let level = match self.status {
            500.. => "error",
            400..=499 => "warn",
            _ => "info",
        };
        let mut row = LogEntry::new(LogSource::Access, self.at, level);
        let t = &self.texts;
        let query = t.text(2);
        row.host_id = self.host;
        row.host_domain = t.text(3);
        row.rule_id = self.rule;
        row.remote_ip = self.client.map(|ip| ip.to_string()).unwrap_or_default();
        row.method = t.text(0);
        row.path = t.text(1);
        row.query = masked_query(&query, masked).into_owned();
        row.status = self.status.into();
        row.duration_ms = signed(self.timings.total / 1000);
        row.size_bytes = signed(self.bytes_out);
        row.bytes_in = signed(self.bytes_in);
        row.upstream = t.text(6);
        row.user_agent = t.text(4);
        row.message = if self.message.is_empty() { self.action.as_str() } else { self.message }.into();
        row.action = self.action.as_str().into();
        row.waf_anomaly_score = self.waf_score.unwrap_or(0);
        row.request_id = t.text(7);
        row.http_version = self.version.as_str().into();
        let referer = t.text(5);
        let referer = match referer.split_once('?') {
            Some((page, query)) => format!("{page}?{}", masked_query(query, masked)),
            None => referer,
        };
        row.raw = json!({
            "protocol": row.http_version, "request_id": row.request_id, "attempts": self.attempts,
            "timings": {"total_us": self.timings.total, "upstream_us": self.timings.upstream}, "referer": referer,
        })
        .to_string();
        row
    }
}

/// A refused input or a failed part.
#[derive(Debug)]
pub struct Fault {
    /// When.
    pub at: Timestamp,
    /// Whether it is Argos's or the upstream's fault: level `error` instead of `warn`.
    pub severe: bool,
    /// The part at fault, such as `upstream`; `bad_request` for refused inputs.
    pub component: &'static str,
    /// What happened.
    pub text: Box<str>,
    /// Further faults of this sort that were not recorded one by one.
    pub more: u64,
    /// The snapshot's host, if known.
    pub host: Option<HostId>,
    /// The name asked for, if known.
    pub domain: Box<str>,
    /// The client's address, if known.
    pub client: Option<IpAddr>,
    /// The method, if known.
    pub method: Box<str>,
    /// The matching path, if known.
    pub path: Box<str>,
    /// The query, if known.
    pub query: Box<str>,
    /// The status that was answered; 0 = none.
    pub status: u16,
    /// `host:port`, if known.
    pub upstream: Box<str>,
    /// The request's id, if it has one.
    pub request_id: Box<str>,
    /// The request's HTTP version, if known.
    pub version: Option<Version>,
}

impl Fault {
    /// A warning of `component`, to be filled with what is known.
    #[must_use]
    pub fn new(at: Timestamp, component: &'static str, text: Box<str>) -> Self {
        Self {
            at,
            severe: false,
            component,
            text,
            more: 0,
            host: None,
            domain: Box::default(),
            client: None,
            method: Box::default(),
            path: Box::default(),
            query: Box::default(),
            status: 0,
            upstream: Box::default(),
            request_id: Box::default(),
            version: None,
        }
    }

    fn into_entry(self, masked: &[Box<str>]) -> LogEntry {
        let mut row = LogEntry::new(LogSource::Error, self.at, if self.severe { "error" } else { "warn" });
        row.message = format!("{}: {}", self.component, self.text);
        if self.more > 0 {
            let _ = write!(row.message, " ({} more not recorded)", self.more);
        }
        row.action = self.component.into();
        row.host_id = self.host;
        row.host_domain = self.domain.into();
        row.remote_ip = self.client.map(|ip| ip.to_string()).unwrap_or_default();
        row.method = self.method.into();
        row.path = self.path.into();
        row.query = masked_query(&self.query, masked).into_owned();
        row.status = self.status.into();
        row.upstream = self.upstream.into();
        row.request_id = self.request_id.into();
        row.http_version = self.version.map(|v| v.as_str().to_owned()).unwrap_or_default();
        row.raw = json!({"component": row.action, "request_id": row.request_id, "suppressed": self.more}).to_string();
        row
    }
}

/// A rule of the WAF that matched. `raw` is masked by the part that made it.
#[derive(Debug)]
pub struct Finding {
    /// When the transaction began.
    pub at: Timestamp,
    /// The snapshot's host.
    pub host: Option<HostId>,
    /// The client's address.
    pub client: IpAddr,
    /// The request's status.
    pub status: u16,
    /// Whether the transaction was interrupted.
    pub blocked: bool,
    /// The request's HTTP version.
    pub version: Version,
    /// The same texts as the access row's.
    pub texts: Texts,
    /// The rule.
    pub rule_id: i64,
    /// Its expanded message.
    pub message: Box<str>,
    /// Its severity's name.
    pub severity: &'static str,
    /// The final score of the rule's direction.
    pub score: i64,
    /// Masked JSON.
    pub raw: Box<str>,
}

impl Finding {
    fn into_entry(self, masked: &[Box<str>]) -> LogEntry {
        let mut row = LogEntry::new(LogSource::WafAudit, self.at, "error");
        let t = &self.texts;
        row.host_id = self.host;
        row.host_domain = t.text(3);
        row.remote_ip = self.client.to_string();
        row.method = t.text(0);
        row.path = t.text(1);
        row.query = masked_query(&t.text(2), masked).into_owned();
        row.status = self.status.into();
        row.user_agent = t.text(4);
        row.request_id = t.text(7);
        row.http_version = self.version.as_str().into();
        row.message = self.message.clone().into();
        row.action = if self.blocked { "blocked" } else { "detected" }.into();
        row.waf_rule_id = self.rule_id;
        row.waf_rule_message = self.message.into();
        row.waf_severity = self.severity.into();
        row.waf_anomaly_score = self.score;
        row.raw = self.raw.into();
        row
    }
}

impl Record {
    /// The row to store; the values of the parameters in `masked` (lower-case names) become `***`.
    #[must_use]
    pub fn into_entry(self, masked: &[Box<str>]) -> LogEntry {
        match self {
            Self::Access(r) => r.into_entry(masked),
            Self::Error(r) => r.into_entry(masked),
            Self::WafAudit(r) => r.into_entry(masked),
        }
    }

    // Which queue: the most dispensable first.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Access(_) => 0,
            Self::Error(_) => 1,
            Self::WafAudit(_) => 2,
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_record_fills_every_column_it_has() {
        let mut access = Access::new(Timestamp(7));
        access.host = Some(HostId(3));
        access.rule = Some(RuleId(4));
        access.client = "10.0.0.1".parse().ok();
        access.status = 404;
        access.action = AccessAction::Proxied;
        access.attempts = 1;
        access.timings = Timings { total: 5_999, upstream: 12 };
        (access.bytes_in, access.bytes_out, access.waf_score) = (1, 2, Some(5));
        access.texts = Texts::new([b"GET", b"/a", b"token=x&b=1", b"a.example", b"ua", b"/r?code=1", b"u:80", b"id"]);
        let row = Record::Access(Box::new(access)).into_entry(&["token".into(), "code".into()]);
        assert_eq!((row.method.as_str(), row.path.as_str(), row.query.as_str()), ("GET", "/a", "token=***&b=1"));
        assert_eq!((row.status, row.duration_ms, row.size_bytes, row.bytes_in), (404, 5, 2, 1));
        assert_eq!((row.upstream.as_str(), row.user_agent.as_str(), row.request_id.as_str()), ("u:80", "ua", "id"));
        assert_eq!((row.level.as_str(), row.action.as_str(), row.waf_anomaly_score), ("warn", "proxied", 5));
        let raw: serde_json::Value = serde_json::from_str(&row.raw).unwrap();
        assert_eq!(
            (&raw["referer"], &raw["attempts"], &raw["protocol"]),
            (&json!("/r?code=***"), &json!(1), &json!("HTTP/1.1"))
        );
    }
}
