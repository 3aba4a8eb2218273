//! A pool of upstream endpoints.

use std::fmt;

use super::{GroupId, HostId, Target, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// What is spoken to the targets.
    GroupProtocol {
        /// Plain HTTP.
        Http = "http",
        /// HTTP over TLS.
        Https = "https",
    }
}
text_enum! {
    /// How a target is chosen.
    Algorithm {
        /// Smooth weighted round robin.
        RoundRobin = "round_robin",
        /// Lowest (in-flight + 1) / weight.
        LeastConn = "least_conn",
        /// Weighted rendezvous hash of the client address.
        IpHash = "ip_hash",
        /// Two weighted picks, fewer in-flight wins.
        Random = "random",
    }
}
text_enum! {
    /// The method of a health check.
    HealthMethod {
        /// `GET`
        Get = "GET",
        /// `HEAD`
        Head = "HEAD",
        /// `POST`
        Post = "POST",
    }
}
text_enum! {
    /// The HTTP version spoken to targets.
    HttpVersion {
        /// ALPN over TLS, HTTP/1.1 over plain TCP.
        Auto = "auto",
        /// HTTP/1.1.
        Http11 = "1.1",
        /// HTTP/2, by prior knowledge over plain TCP.
        Http2 = "2",
    }
}

/// The name of a target group: 1–63 characters, no control characters, trimmed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct GroupName(#[schemars(length(min = 1, max = 63))] String);

impl GroupName {
    /// Parses `text`; none when it is empty, over 63 characters or holds a control character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let ok = (1..=63).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        ok.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for GroupName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(d)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a name has 1–63 characters and no control character"))
    }
}

/// A pool of endpoints with one protocol, one algorithm and one health check.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct TargetGroup {
    /// Identity.
    pub id: GroupId,
    /// Unique name.
    pub name: GroupName,
    /// What is spoken to the targets.
    pub protocol: GroupProtocol,
    /// Whether target certificates are checked.
    pub verify_tls: bool,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// Whether targets are checked actively.
    pub health_check_enabled: bool,
    /// Path of the check.
    pub health_check_path: String,
    /// Method of the check.
    pub health_check_method: HealthMethod,
    /// Accepted statuses, such as `200,2xx,200-204`.
    pub health_check_expect_status: String,
    /// Seconds between checks, 1–300.
    pub health_check_interval_seconds: i64,
    /// Seconds until a check fails, 1–60.
    pub health_check_timeout_seconds: i64,
    /// Failures in a row until a target is out, 1–10.
    pub health_check_fails_to_unhealthy: i64,
    /// Successes in a row until it is back, 1–10.
    pub health_check_passes_to_healthy: i64,
    /// HTTP version spoken to the targets.
    pub http_version: HttpVersion,
    /// Whether the client's `Host` is passed on; else `host:port` of the target.
    pub preserve_host: bool,
    /// Name for SNI and the certificate check; empty = target host.
    pub tls_server_name: String,
    /// Seconds over which the weight of a target grows that recovered or came later, 0–600.
    pub slow_start_seconds: i64,
    /// Name of the cookie by which a client goes on with the target that it was given; empty = none.
    pub sticky_cookie: String,
    /// Seconds for which it does, 0–31,536,000; 0 = until the browser is closed.
    pub sticky_ttl_seconds: i64,
    /// Certificates that are trusted for the targets, in PEM; empty = those that the system trusts.
    pub ca_bundle_pem: String,
    /// The certificate that targets are shown, and those that signed it, in PEM; empty = none.
    pub client_cert_pem: String,
    /// Whether its key is stored.
    pub client_key_pem_set: bool,
    /// Milliseconds to connect; null = `proxy.connect_timeout_ms`.
    pub connect_timeout_ms: Option<i64>,
    /// Milliseconds to the response head; null = `proxy.response_timeout_ms`.
    pub response_timeout_ms: Option<i64>,
    /// Further targets tried; null = `proxy.max_retries`.
    pub max_retries: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its endpoints, by id.
    pub targets: Vec<Target>,
    /// Hosts whose default it is or whose rules forward to it.
    pub used_by: Vec<HostId>,
    /// What its owner should know, such as that certificates are not checked.
    pub warnings: Vec<String>,
}
