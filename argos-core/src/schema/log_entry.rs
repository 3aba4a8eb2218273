//! One stored log row.

use super::{HostId, LogId, RuleId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// Where a row comes from. The stored texts of the first two are labels kept for compatibility on disk.
    LogSource {
        /// One request of the proxy.
        Access = "caddy_access",
        /// A refused input or failed upstream.
        Error = "caddy_error",
        /// A change or sign-in.
        Audit = "audit",
        /// A rule of the WAF that matched.
        WafAudit = "waf_audit",
    }
}

impl LogSource {
    /// The name of the typed API: `access`, `error`, `audit`, `waf_audit`.
    #[must_use]
    pub const fn api_name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Error => "error",
            Self::Audit => "audit",
            Self::WafAudit => "waf_audit",
        }
    }
}

/// A row of `log_entries`. Texts that do not apply are empty, numbers 0.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct LogEntry {
    /// Identity; grows with time of writing.
    pub id: LogId,
    /// The moment it is about.
    pub timestamp: Timestamp,
    /// Where it comes from.
    pub source: LogSource,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// The host that answered.
    pub host_id: Option<HostId>,
    /// The name asked for.
    pub host_domain: String,
    /// The rule of the host that matched.
    pub rule_id: Option<RuleId>,
    /// The client's address, or `cli`.
    pub remote_ip: String,
    /// The request's method.
    pub method: String,
    /// The matching form of the path.
    pub path: String,
    /// The query, masked.
    pub query: String,
    /// The final status.
    pub status: i64,
    /// Milliseconds from the head's arrival to the last byte.
    pub duration_ms: i64,
    /// Bytes of the response body.
    pub size_bytes: i64,
    /// Bytes of the request body.
    pub bytes_in: i64,
    /// `host:port` last tried.
    pub upstream: String,
    /// The client's program.
    pub user_agent: String,
    /// What happened.
    pub message: String,
    /// Which stage answered, or the audit action.
    pub action: String,
    /// The WAF rule.
    pub waf_rule_id: i64,
    /// Its message.
    pub waf_rule_message: String,
    /// Its severity.
    pub waf_severity: String,
    /// The final score of the transaction.
    pub waf_anomaly_score: i64,
    /// The request's id.
    pub request_id: String,
    /// Country code of the client, if known.
    pub country: String,
    /// Such as `HTTP/1.1`.
    pub http_version: String,
    /// Further detail as JSON text, or empty.
    pub raw: String,
}

impl LogEntry {
    /// Makes it an empty row of `source` once more; its texts keep their memory.
    pub fn renew(&mut self, source: LogSource, timestamp: Timestamp, level: &str) {
        let texts = [
            &mut self.level,
            &mut self.host_domain,
            &mut self.remote_ip,
            &mut self.method,
            &mut self.path,
            &mut self.query,
            &mut self.upstream,
            &mut self.user_agent,
            &mut self.message,
            &mut self.action,
            &mut self.waf_rule_message,
            &mut self.waf_severity,
            &mut self.request_id,
            &mut self.country,
            &mut self.http_version,
            &mut self.raw,
        ];
        texts.into_iter().for_each(String::clear);
        let texts = std::mem::replace(self, Self::new(source, timestamp, ""));
        *self = Self {
            id: LogId(0),
            timestamp,
            source,
            host_id: None,
            rule_id: None,
            status: 0,
            duration_ms: 0,
            size_bytes: 0,
            bytes_in: 0,
            waf_rule_id: 0,
            waf_anomaly_score: 0,
            ..texts
        };
        self.level.push_str(level);
    }

    /// An empty row of `source`, to be filled.
    #[must_use]
    pub fn new(source: LogSource, timestamp: Timestamp, level: &str) -> Self {
        Self {
            id: LogId(0),
            timestamp,
            source,
            level: level.into(),
            host_id: None,
            host_domain: String::new(),
            rule_id: None,
            remote_ip: String::new(),
            method: String::new(),
            path: String::new(),
            query: String::new(),
            status: 0,
            duration_ms: 0,
            size_bytes: 0,
            bytes_in: 0,
            upstream: String::new(),
            user_agent: String::new(),
            message: String::new(),
            action: String::new(),
            waf_rule_id: 0,
            waf_rule_message: String::new(),
            waf_severity: String::new(),
            waf_anomaly_score: 0,
            request_id: String::new(),
            country: String::new(),
            http_version: String::new(),
            raw: String::new(),
        }
    }
}
