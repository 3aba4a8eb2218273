//! The settings that requests read, parsed once per change.

use std::collections::HashMap;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::auth::SessionTerms;
use crate::auth::return_url::within;
use crate::clock::Timestamp;
use crate::schema::{AppsecMode, Cookie, CookieName, SameSite, Setting, csv, parse_range, site};
use crate::secret::Secret;
use crate::store::Origin;

/// Limits and switches of the proxy: the settings `proxy.*` and `tls.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Peers whose `X-Forwarded-*` are believed.
    pub trusted_proxies: Box<[IpNet]>,
    /// Largest request head in bytes.
    pub max_header_bytes: usize,
    /// Most header lines.
    pub max_headers: usize,
    /// Longest request target in bytes.
    pub max_uri_bytes: usize,
    /// Largest request body in bytes; 0 = no limit.
    pub max_body_bytes: u64,
    /// Most client connections of the process; 0 = from the limit of open files.
    pub max_connections: usize,
    /// Until an upstream accepts.
    pub connect_timeout: Duration,
    /// Until an upstream's response head.
    pub response_timeout: Duration,
    /// Between bytes of a body, on either side.
    pub body_idle_timeout: Duration,
    /// Until a whole request head.
    pub header_timeout: Duration,
    /// Until the next request of a connection.
    pub keepalive_timeout: Duration,
    /// How long an idle upstream connection is kept.
    pub upstream_idle_timeout: Duration,
    /// Between bytes of a tunnel.
    pub tunnel_idle_timeout: Duration,
    /// Further targets tried.
    pub max_retries: u32,
    /// Further tries in percent of the requests of a group, over ten seconds.
    pub retry_budget_percent: u32,
    /// 404 or 503.
    pub disabled_host_status: u16,
    /// Whether upstreams get `Forwarded`.
    pub send_forwarded: bool,
    /// Most client connections of one address; 0 = no limit.
    pub max_connections_per_ip: usize,
    /// Bytes of a request's body that must come in a second, over ten of them; 0 = no limit.
    pub min_body_rate: u32,
    /// Most streams of one HTTP/2 connection at once.
    pub h2_max_streams: u32,
    /// Whether clients must speak TLS 1.3.
    pub only_tls13: bool,
}

/// Limits and switches of the WAF: the settings `appsec.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppsecSettings {
    /// Cap over all hosts.
    pub mode: AppsecMode,
    /// Whether a failing engine lets requests pass.
    pub fail_open: bool,
    /// Inbound anomaly threshold of hosts without their own.
    pub inbound_threshold: u32,
    /// Outbound anomaly threshold of hosts without their own.
    pub outbound_threshold: u32,
    /// Rules below this severity write no row.
    pub audit_min_severity: Box<str>,
    /// Bytes of a request body that are inspected.
    pub request_body_limit: usize,
    /// Whether a longer body is refused instead of inspected in part.
    pub request_body_reject: bool,
    /// Bytes of a response body that are inspected.
    pub response_body_limit: usize,
}

/// What the panel and the gate read: settings `panel.*`, `session.*` and `oidc.cookie_parent_domain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanelSettings {
    /// Where people reach the panel; none = not said.
    pub public_url: Option<Url>,
    /// The name under which the proxy's listeners lead to the panel; empty = none.
    pub proxy_host: Box<str>,
    /// Further names of the panel listener, comma-separated.
    pub allowed_hosts: Box<str>,
    /// Whether answers forbid inline styles and ask for https.
    pub strict_headers: bool,
    /// The domain below which the panel's sessions count on protected hosts too; empty = none.
    pub parent_domain: Box<str>,
    /// How long sessions last.
    pub sessions: SessionTerms,
}

impl PanelSettings {
    pub(crate) fn read(v: &Values<'_>) -> Self {
        let hours = |key| i64::from(v.number::<u32>(key)) * 3_600_000;
        Self {
            public_url: site(v.text("panel.public_url")),
            proxy_host: v.text("panel.proxy_host").into(),
            allowed_hosts: v.text("panel.allowed_hosts").into(),
            strict_headers: v.text("panel.security_headers_strict") == "true",
            parent_domain: v.text("oidc.cookie_parent_domain").into(),
            sessions: SessionTerms {
                absolute_ms: hours("session.absolute_timeout_hours"),
                idle_ms: hours("session.idle_timeout_hours"),
            },
        }
    }
}

impl PanelSettings {
    /// Whether cookies for the caller are to be kept to TLS.
    #[must_use]
    pub fn is_secure(&self, origin: &Origin) -> bool {
        origin.secure || self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }

    /// The cookie of a panel session, or what makes the browser forget it.
    #[must_use]
    pub fn session_cookie(&self, origin: &Origin, value: Option<Secret<String>>, expires: Timestamp) -> Cookie {
        // A browser takes a cookie for a domain only from a host in it.
        let domain = Some(&*self.parent_domain).filter(|domain| within(&origin.host, domain));
        Cookie {
            name: CookieName::Session,
            value,
            path: "/",
            domain: domain.map(str::to_owned),
            secure: self.is_secure(origin),
            same_site: if self.parent_domain.is_empty() { SameSite::Strict } else { SameSite::Lax },
            expires,
        }
    }
}

impl Default for PanelSettings {
    fn default() -> Self {
        Self::read(&Values(&HashMap::new()))
    }
}

/// Stored values over defaults.
pub(crate) struct Values<'a>(pub(crate) &'a HashMap<String, String>);

impl Values<'_> {
    /// The value of `key`: the stored one, else the default.
    ///
    /// # Panics
    /// For a key that is not in the list of settings.
    pub(crate) fn text(&self, key: &str) -> &str {
        match self.0.get(key) {
            Some(value) => value,
            None => Setting::find(key).expect("keys read here are in the list of settings").default,
        }
    }

    // A stored number that an older version allowed and this one doesn't falls back to the default.
    fn number<T: std::str::FromStr + Default>(&self, key: &str) -> T {
        let default = Setting::find(key).map_or("", |s| s.default);
        self.text(key).parse().or_else(|_| default.parse()).unwrap_or_default()
    }

    fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key))
    }
}

impl ProxySettings {
    pub(crate) fn read(v: &Values<'_>) -> Self {
        Self {
            trusted_proxies: csv(v.text("proxy.trusted_proxies")).filter_map(parse_range).collect(),
            max_header_bytes: v.number("proxy.max_header_bytes"),
            max_headers: v.number("proxy.max_headers"),
            max_uri_bytes: v.number("proxy.max_uri_bytes"),
            max_body_bytes: v.number("proxy.max_body_bytes"),
            max_connections: v.number("proxy.max_connections"),
            connect_timeout: v.millis("proxy.connect_timeout_ms"),
            response_timeout: v.millis("proxy.response_timeout_ms"),
            body_idle_timeout: v.millis("proxy.body_idle_timeout_ms"),
            header_timeout: v.millis("proxy.header_timeout_ms"),
            keepalive_timeout: v.millis("proxy.keepalive_timeout_ms"),
            upstream_idle_timeout: v.millis("proxy.upstream_idle_timeout_ms"),
            tunnel_idle_timeout: v.millis("proxy.tunnel_idle_timeout_ms"),
            max_retries: v.number("proxy.max_retries"),
            retry_budget_percent: v.number("proxy.retry_budget_percent"),
            max_connections_per_ip: v.number("proxy.max_connections_per_ip"),
            min_body_rate: v.number("proxy.min_body_rate_bytes"),
            h2_max_streams: v.number("proxy.h2_max_streams"),
            disabled_host_status: v.number("proxy.disabled_host_status"),
            send_forwarded: v.text("proxy.send_forwarded") == "true",
            only_tls13: v.text("tls.min_version") == "1.3",
        }
    }
}

impl AppsecSettings {
    pub(crate) fn read(v: &Values<'_>) -> Self {
        Self {
            mode: AppsecMode::parse(v.text("appsec.mode")).unwrap_or(AppsecMode::Block),
            fail_open: v.text("appsec.fail_open") == "true",
            inbound_threshold: v.number("appsec.inbound_threshold"),
            outbound_threshold: v.number("appsec.outbound_threshold"),
            audit_min_severity: v.text("appsec.audit_min_severity").into(),
            request_body_limit: v.number("appsec.request_body_limit"),
            request_body_reject: v.text("appsec.request_body_limit_action") == "reject",
            response_body_limit: v.number("appsec.response_body_limit"),
        }
    }
}

impl Default for ProxySettings {
    fn default() -> Self {
        Self::read(&Values(&HashMap::new()))
    }
}

impl Default for AppsecSettings {
    fn default() -> Self {
        Self::read(&Values(&HashMap::new()))
    }
}
