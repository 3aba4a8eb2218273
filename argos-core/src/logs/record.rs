//! What a request leaves behind, as small as it can be; the writer's thread makes it a row.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::json;

use super::mask::{masked_path, masked_query};
use crate::clock::Timestamp;
use crate::schema::{HostId, LogEntry, LogSource, RuleId, text_enum};

text_enum! {
    /// Which part of the proxy answered a request.
    AccessAction {
        /// The upstream's answer was passed on.
        Proxied = "proxied",
        /// An authority asked for the proof of a name.
        AcmeChallenge = "acme_challenge",
        /// Plain HTTP was sent on to https.
        HttpsRedirect = "https_redirect",
        /// A visitor was sent to sign in.
        AuthRedirect = "auth_redirect",
        /// A visitor came back from signing in, or signed out.
        AuthCallback = "auth_callback",
        /// A visitor who may not come in.
        AuthDenied = "auth_denied",
        /// A name that is not served over this connection.
        Misdirected = "misdirected",
        /// A redirect rule.
        Redirect = "redirect",
        /// A fixed-response rule.
        FixedResponse = "fixed_response",
        /// A block rule.
        BlockRule = "block_rule",
        /// The WAF.
        WafBlocked = "waf_blocked",
        /// More requests than the host allows.
        RateLimited = "rate_limited",
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
        /// HTTP/2
        Http2 = "HTTP/2.0",
        /// HTTP/3
        Http3 = "HTTP/3.0",
    }
}

/// Lower-case names of parameters whose values never reach a log, as the request's snapshot has them.
pub type Masked = Arc<[Box<str>]>;

/// One row to be, but for those of [`Access`], which travel in [`AccessBatch`]es.
#[derive(Debug)]
pub enum Record {
    /// A refused input or a failed part.
    Error(Box<Fault>),
    /// A rule of the WAF that matched.
    WafAudit(Box<Finding>),
}

/// The texts of a request's rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The matching form of the path.
    pub path: &'a [u8],
    /// The query as received.
    pub query: &'a [u8],
    /// The name asked for.
    pub host: &'a [u8],
    /// The name asked for in the TLS handshake; empty = none, or no TLS.
    pub sni: &'a [u8],
    /// Fingerprint and subject of the client's certificate, with a blank between; empty = none.
    pub shown: &'a [u8],
    /// `User-Agent`.
    pub agent: &'a [u8],
    /// `Referer`.
    pub referer: &'a [u8],
    /// `host:port` of the upstream.
    pub upstream: &'a [u8],
    /// The request's id.
    pub request_id: &'a [u8],
}

impl Texts<'_> {
    fn parts(&self) -> [&[u8]; TEXTS] {
        let t = self;
        [t.method, t.path, t.query, t.host, t.sni, t.shown, t.agent, t.referer, t.upstream, t.request_id]
    }

    /// Appends all to `bytes`; where each one ends.
    pub(super) fn pack(&self, bytes: &mut Vec<u8>) -> [u32; TEXTS] {
        let mut ends = [0; TEXTS];
        for (end, part) in ends.iter_mut().zip(self.parts()) {
            bytes.extend_from_slice(part);
            // Heads are at most 16 MiB and a batch is handed over long before 4 GiB of them.
            *end = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        ends
    }
}

/// How many texts a row has.
pub(super) const TEXTS: usize = 10;

/// The texts that [`Texts::pack`] put behind `start`.
pub(super) fn unpack(bytes: &[u8], start: usize, ends: [u32; TEXTS]) -> Texts<'_> {
    let mut at = start;
    let [method, path, query, host, sni, shown, agent, referer, upstream, request_id] = ends.map(|end| {
        let part = bytes.get(at..end as usize).unwrap_or_default();
        at = end as usize;
        part
    });
    Texts { method, path, query, host, sni, shown, agent, referer, upstream, request_id }
}

/// [`Texts`] of their own.
#[derive(Clone, Debug)]
pub struct OwnTexts {
    bytes: Vec<u8>,
    ends: [u32; TEXTS],
}

impl From<Texts<'_>> for OwnTexts {
    fn from(texts: Texts<'_>) -> Self {
        let mut bytes = Vec::with_capacity(texts.parts().iter().map(|p| p.len()).sum());
        let ends = texts.pack(&mut bytes);
        Self { bytes, ends }
    }
}

impl OwnTexts {
    /// The texts.
    #[must_use]
    pub fn texts(&self) -> Texts<'_> {
        unpack(&self.bytes, 0, self.ends)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends `text` as a JSON string.
fn push_json(out: &mut String, text: &str) {
    if text.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
        out.push_str(&json!(text).to_string());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
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

/// A request, but for its [`Texts`].
#[derive(Clone, Debug)]
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
    /// The TLS version that the client spoke; empty = plain HTTP.
    pub tls: &'static str,
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
            tls: "",
            attempts: 0,
            timings: Timings::default(),
            bytes_in: 0,
            bytes_out: 0,
            waf_score: None,
        }
    }

    /// Makes `row` the row of this request. Only what differs between rows is written anew in memory that is there:
    /// the log writer makes each row in the same one.
    pub(super) fn fill(&self, row: &mut LogEntry, t: Texts<'_>, masked: &[Box<str>]) {
        let level = match self.status {
            500.. => "error",
            400..=499 => "warn",
            _ => "info",
        };
        row.renew(LogSource::Access, self.at, level);
        row.host_id = self.host;
        row.rule_id = self.rule;
        row.status = self.status.into();
        row.duration_ms = signed(self.timings.total / 1000);
        row.size_bytes = signed(self.bytes_out);
        row.bytes_in = signed(self.bytes_in);
        row.waf_anomaly_score = self.waf_score.unwrap_or(0);
        if let Some(client) = self.client {
            let _ = write!(row.remote_ip, "{client}");
        }
        for (column, bytes) in [
            (&mut row.host_domain, t.host),
            (&mut row.method, t.method),
            (&mut row.upstream, t.upstream),
            (&mut row.user_agent, t.agent),
            (&mut row.request_id, t.request_id),
        ] {
            column.push_str(&String::from_utf8_lossy(bytes));
        }
        row.path.push_str(&masked_path(&String::from_utf8_lossy(t.path), masked));
        row.query.push_str(&masked_query(&String::from_utf8_lossy(t.query), masked));
        row.message.push_str(if self.message.is_empty() { self.action.as_str() } else { self.message });
        row.action.push_str(self.action.as_str());
        row.http_version.push_str(self.version.as_str());
        let referer = String::from_utf8_lossy(t.referer);
        let raw = &mut row.raw;
        raw.push_str(r#"{"protocol":"#);
        push_json(raw, &row.http_version);
        if !self.tls.is_empty() {
            let _ = write!(raw, r#","tls":"{}","sni":"#, self.tls);
            push_json(raw, &String::from_utf8_lossy(t.sni));
        }
        if let Some((fingerprint, subject)) = String::from_utf8_lossy(t.shown).split_once(' ') {
            raw.push_str(r#","client_cert":{"subject":"#);
            push_json(raw, subject);
            raw.push_str(r#","fingerprint_sha256":"#);
            push_json(raw, fingerprint);
            raw.push('}');
        }
        raw.push_str(r#","request_id":"#);
        push_json(raw, &row.request_id);
        let Timings { total, upstream } = self.timings;
        let attempts = self.attempts;
        let _ = write!(
            raw,
            r#","attempts":{attempts},"timings":{{"total_us":{total},"upstream_us":{upstream}}},"referer":"#
        );
        match referer.split_once('?') {
            Some((page, query)) => {
                push_json(raw, &format!("{}?{}", masked_path(page, masked), masked_query(query, masked)));
            }
            None => push_json(raw, &masked_path(&referer, masked)),
        }
        raw.push('}');
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
    /// Its parameters whose values are not shown.
    pub masked: Masked,
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
            masked: Arc::default(),
            status: 0,
            upstream: Box::default(),
            request_id: Box::default(),
            version: None,
        }
    }

    fn into_entry(self) -> LogEntry {
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
        row.path = masked_path(&self.path, &self.masked).into_owned();
        row.query = masked_query(&self.query, &self.masked).into_owned();
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
    pub texts: OwnTexts,
    /// Parameters of the query whose values are not shown.
    pub masked: Masked,
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
    fn into_entry(self) -> LogEntry {
        let mut row = LogEntry::new(LogSource::WafAudit, self.at, "error");
        let t = self.texts.texts();
        row.host_id = self.host;
        row.host_domain = text(t.host);
        row.remote_ip = self.client.to_string();
        row.method = text(t.method);
        row.path = masked_path(&String::from_utf8_lossy(t.path), &self.masked).into_owned();
        row.query = masked_query(&String::from_utf8_lossy(t.query), &self.masked).into_owned();
        row.status = self.status.into();
        row.user_agent = text(t.agent);
        row.request_id = text(t.request_id);
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
    /// The row to store; the values of masked parameters become `***`.
    #[must_use]
    pub fn into_entry(self) -> LogEntry {
        match self {
            Self::Error(r) => r.into_entry(),
            Self::WafAudit(r) => r.into_entry(),
        }
    }

    // Which queue: the most dispensable first.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Error(_) => 0,
            Self::WafAudit(_) => 1,
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::AccessBatch;

    #[test]
    fn an_access_record_fills_every_column_it_has() {
        let mut access = Access::new(Timestamp(7));
        access.host = Some(HostId(3));
        access.rule = Some(RuleId(4));
        access.client = "10.0.0.1".parse().ok();
        access.status = 404;
        access.action = AccessAction::Proxied;
        access.attempts = 1;
        access.tls = "TLSv1.3";
        access.timings = Timings { total: 5_999, upstream: 12 };
        (access.bytes_in, access.bytes_out, access.waf_score) = (1, 2, Some(5));
        let texts = Texts {
            method: b"GET",
            path: b"/a",
            query: b"token=x&b=1",
            host: b"a.example",
            sni: b"b.example",
            shown: b"ab12 CN=a \"b\"",
            agent: b"ua",
            referer: b"/r?code=1",
            upstream: b"u:80",
            request_id: b"id",
        };
        let mut batch = AccessBatch::default();
        let masked: Masked = ["token".into(), "code".into()].into();
        batch.push(Access::new(Timestamp(6)), Texts { method: b"PUT", ..Texts::default() }, &masked);
        batch.push(access, texts, &masked);
        batch.drop_first();
        let mut row = LogEntry::new(LogSource::Error, Timestamp(1), "error");
        (row.country, row.rule_id, row.waf_severity) = ("XX".into(), Some(RuleId(9)), "ERROR".into());
        assert!(batch.next_into(&mut row));
        assert_eq!((row.country.as_str(), row.rule_id, row.waf_severity.as_str()), ("", Some(RuleId(4)), ""));
        assert_eq!((row.method.as_str(), row.path.as_str(), row.query.as_str()), ("GET", "/a", "token=***&b=1"));
        assert_eq!((row.status, row.duration_ms, row.size_bytes, row.bytes_in), (404, 5, 2, 1));
        assert_eq!((row.upstream.as_str(), row.user_agent.as_str(), row.request_id.as_str()), ("u:80", "ua", "id"));
        assert_eq!((row.level.as_str(), row.action.as_str(), row.waf_anomaly_score), ("warn", "proxied", 5));
        let raw: serde_json::Value = serde_json::from_str(&row.raw).unwrap();
        assert_eq!(
            (&raw["referer"], &raw["attempts"], &raw["protocol"]),
            (&json!("/r?code=***"), &json!(1), &json!("HTTP/1.1"))
        );
        assert_eq!((&raw["tls"], &raw["sni"]), (&json!("TLSv1.3"), &json!("b.example")));
        assert_eq!(raw["client_cert"], json!({"subject": "CN=a \"b\"", "fingerprint_sha256": "ab12"}));
        assert!(!batch.next_into(&mut row));
    }

    #[test]
    fn the_detail_of_a_row_is_json_whatever_the_client_sends() {
        let mut batch = AccessBatch::default();
        let texts = Texts { referer: b"/\"a\\\n\xff\x01", request_id: b"i\"d", ..Texts::default() };
        batch.push(Access::new(Timestamp(1)), texts, &Masked::default());
        let mut row = LogEntry::new(LogSource::Access, Timestamp(0), "");
        assert!(batch.next_into(&mut row));
        let raw: serde_json::Value = serde_json::from_str(&row.raw).unwrap();
        assert_eq!((&raw["referer"], &raw["request_id"]), (&json!("/\"a\\\n\u{fffd}\u{1}"), &json!("i\"d")));
    }
}
