//! Stored configuration compiled to one immutable value: the proxy's only source of configuration.
//!
//! Every request loads one [`Snapshot`] and uses it to its end. A change compiles the next one from what it
//! touched and shares all else with the last: tables are held in parts, and a part is copied only when a row in
//! it changed. Nothing here is mutable; health, limits, bans and pools are state and live in `proxy`.

mod access;
mod compile;
mod headers;
mod limits;
mod notifications;
mod panel_host;
mod parts;
mod rule;
mod touched;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use argos_seclang::RuleSet;
use url::Url;

pub use access::Access;
pub use compile::{HostFault, compile, compile_all, reload};
pub use headers::{FieldChange, FieldRule, HeaderRules};
pub use limits::{AppsecSettings, PanelSettings, ProxySettings};
pub use panel_host::PANEL_HOST;
pub use parts::Parts;
pub use rule::{Action, Glob, Matcher, Piece, Reply, Rule, RuleFault, Template, Test, ValueTest};

use crate::certs::{Clients, Opener, Served, UpstreamTls};
use crate::notify::Plan;
use crate::schema::{Algorithm, AppsecMode, GroupId, HostId, StatusSet, TargetId, TlsMode, WafMode};
use crate::secret::Secret;
use crate::waf::{RuleSource, Tuned};

/// The whole configuration in the form that requests use.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The generation that it was compiled from.
    pub generation: u64,
    /// Hosts by canonical name; wildcards under their own name, such as `*.example.org`.
    pub hosts: Parts<Box<str>, Arc<Host>>,
    /// Names of the hosts by id, so that a change finds the old name.
    pub names: Parts<HostId, Box<str>>,
    /// Target groups.
    pub groups: Parts<GroupId, Arc<Group>>,
    /// Limits and switches of the proxy.
    pub proxy: Arc<ProxySettings>,
    /// Limits and switches of the WAF.
    pub appsec: Arc<AppsecSettings>,
    /// Where the rules of all hosts come from.
    pub rules: RuleSource,
    /// Parameters whose values never reach a log, lower-case.
    pub masked: Arc<[Box<str>]>,
    /// What opens the keys of certificates.
    pub opener: Opener,
    /// The certificate where no host has one.
    pub fallback: Option<Arc<Served>>,
    /// The panel's certificate, once it was wanted.
    pub panel: Option<Arc<Served>>,
    /// The certificate of the panel's own name among the proxy's, of the local CA.
    pub panel_own: Option<Arc<Served>>,
    /// Where the panel listens for the proxy.
    pub panel_at: Option<SocketAddr>,
    /// Where people reach the panel, if that was said when Argos was opened: the setting counts for nothing then.
    pub given_public_url: Option<Url>,
    /// What the panel and the gate read.
    pub panel_settings: Arc<PanelSettings>,
    /// Who is told of events, and how.
    pub notifications: Arc<Plan>,
}

impl Snapshot {
    /// The host that answers for `name` (lower-case, no port): exact, then wildcard, then `*`.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts
            .get(name)
            .or_else(|| {
                let (_, parent) = name.split_once('.')?;
                let mut wildcard = String::with_capacity(parent.len() + 2);
                wildcard.push_str("*.");
                wildcard.push_str(parent);
                self.hosts.get(wildcard.as_str())
            })
            .or_else(|| self.hosts.get("*"))
    }

    /// The certificate for a client that asks for `name`, or for none but reached the address `local`: that of the host
    /// which would answer for the name.
    #[must_use]
    pub fn certificate(&self, name: Option<&str>, local: IpAddr) -> Option<&Arc<Served>> {
        self.meant(name, local).and_then(|h| h.tls.certificate.as_ref()).or(self.fallback.as_ref())
    }

    /// The host that a handshake is for: for `name`, or for none at the address `local`.
    #[must_use]
    pub fn meant(&self, name: Option<&str>, local: IpAddr) -> Option<&Arc<Host>> {
        match name {
            Some(name) => self.host(name),
            None => self.hosts.get(local.to_canonical().to_string().as_str()).or_else(|| self.hosts.get("*")),
        }
    }
}

/// One host in its runtime form.
#[derive(Clone, Debug)]
pub struct Host {
    /// Identity.
    pub id: HostId,
    /// Canonical name.
    pub domain: Box<str>,
    /// Whether it takes traffic.
    pub enabled: bool,
    /// The default target group.
    pub group: GroupId,
    /// Largest request body in bytes; `None` = `proxy.max_body_bytes`, 0 = no limit.
    pub max_body_bytes: Option<u64>,
    /// Whether access rows are written.
    pub access_log: bool,
    /// Enabled rules in order of priority.
    pub rules: Arc<[Rule]>,
    /// The WAF of this host, unless off.
    pub waf: Option<Waf>,
    /// How often its clients may ask; none = as often as they like.
    pub limit: Option<Limit>,
    /// What it changes about the fields of requests and answers; none = nothing.
    pub headers: Option<Arc<HeaderRules>>,
    /// Whether answers of its upstreams are compressed.
    pub compression: bool,
    /// Who may open it; none = everybody, without a sign-in.
    pub access: Option<Arc<Access>>,
    /// How it is served over TLS.
    pub tls: HostTls,
    /// Why this host can't be served; it answers 503.
    pub fault: Option<Box<str>>,
}

/// How one host is served over TLS.
#[derive(Clone, Debug)]
pub struct HostTls {
    /// Where its certificate comes from; `none` = it is served over plain HTTP only.
    pub mode: TlsMode,
    /// Whether plain HTTP is redirected.
    pub redirect: bool,
    /// Seconds of `Strict-Transport-Security`; 0 = no header.
    pub hsts_max_age: u32,
    /// What is served; none = the certificate where no host has one.
    pub certificate: Option<Arc<Served>>,
    /// What its clients have to show; none = they are not asked.
    pub clients: Option<Arc<Clients>>,
}

impl Default for HostTls {
    fn default() -> Self {
        Self { mode: TlsMode::None, redirect: false, hsts_max_age: 0, certificate: None, clients: None }
    }
}

/// How often the clients of one host may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests per window, 1–1,000,000. So many may also come at once.
    pub requests: u32,
    /// Seconds, 1–86,400.
    pub window: u32,
    /// What is counted by.
    pub by: LimitBy,
    /// Status over the limit.
    pub status: u16,
}

/// What a rate limit counts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitBy {
    /// The client's address.
    Address,
    /// The value of this header (lower-case); of requests without one, the client's address.
    Header(Box<str>),
    /// Nothing: all requests of the host.
    Host,
}

/// The WAF of one host.
#[derive(Clone, Debug)]
pub struct Waf {
    /// The compiled rules, shared between hosts of equal settings.
    pub rules: RuleSet,
    /// The host's own mode; `AppsecSettings::mode` caps it.
    pub mode: WafMode,
    /// Status of a block answer.
    pub block_status: u16,
    /// Body of a block answer; empty = the standard page.
    pub block_body: Box<str>,
    /// Whether response bodies are inspected.
    pub response_body: bool,
    /// What the rules were composed from.
    pub key: WafKey,
    /// What this host changes about them; none = nothing, and the rules are shared.
    pub tuned: Option<Arc<Tuned>>,
}

/// What a rule set is composed from; hosts with equal keys share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WafKey {
    /// Blocking paranoia level, 1–4.
    pub paranoia: u8,
    /// Recorded paranoia level, 1–4.
    pub detection_paranoia: u8,
    /// The host's inbound threshold; `None` = the setting.
    pub inbound: Option<u32>,
    /// The host's outbound threshold; `None` = the setting.
    pub outbound: Option<u32>,
}

impl Default for WafKey {
    fn default() -> Self {
        Self { paranoia: 1, detection_paranoia: 1, inbound: None, outbound: None }
    }
}

impl Waf {
    /// Whether it blocks, records or does nothing under the cap of `appsec.mode`.
    #[must_use]
    pub fn effective(&self, cap: AppsecMode) -> AppsecMode {
        let own = match self.mode {
            WafMode::Detect => AppsecMode::Detect,
            WafMode::Block => AppsecMode::Block,
        };
        own.min(cap)
    }
}

/// A target group in its runtime form.
#[derive(Debug)]
pub struct Group {
    /// Identity.
    pub id: GroupId,
    /// Its name, for answers to people.
    pub name: Box<str>,
    /// Whether the client's `Host` is passed on.
    pub preserve_host: bool,
    /// Milliseconds to connect; `None` = the setting.
    pub connect_timeout_ms: Option<u32>,
    /// Milliseconds to the response head; `None` = the setting.
    pub response_timeout_ms: Option<u32>,
    /// Further targets tried; `None` = the setting.
    pub max_retries: Option<u32>,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// How targets are checked; none = they are not.
    pub check: Option<Check>,
    /// Milliseconds over which a weight grows; 0 = it is whole at once.
    pub slow_start_ms: u64,
    /// How a client goes on with its target; none = it does not.
    pub sticky: Option<Sticky>,
    /// Enabled targets, by id.
    pub targets: Box<[Target]>,
}

impl Group {
    /// A group that takes turns, all else at its default.
    #[must_use]
    pub fn plain(id: GroupId, name: &str, targets: Box<[Target]>) -> Self {
        Self {
            id,
            name: name.into(),
            preserve_host: true,
            connect_timeout_ms: None,
            response_timeout_ms: None,
            max_retries: None,
            algorithm: Algorithm::RoundRobin,
            check: None,
            slow_start_ms: 0,
            sticky: None,
            targets,
        }
    }
}

/// How the targets of a group are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'static str,
    /// Path and query.
    pub path: Box<str>,
    /// Good statuses.
    pub expect: StatusSet,
    /// Time between two checks.
    pub interval: Duration,
    /// Time until a check fails.
    pub timeout: Duration,
    /// Failures in a row until a target is out.
    pub fails: u32,
    /// Successes in a row until it is back.
    pub passes: u32,
}

/// How a client goes on with the target that it was given.
#[derive(Clone, Debug)]
pub struct Sticky {
    /// The name of the cookie.
    pub cookie: Box<str>,
    /// Seconds for which it counts; 0 = until the browser is closed.
    pub ttl_seconds: u32,
    /// What proves that the cookie is ours.
    pub key: Arc<Secret<[u8; 32]>>,
}

/// An enabled target.
#[derive(Debug)]
pub struct Target {
    /// Identity.
    pub id: TargetId,
    /// Address or name, IPv6 without brackets.
    pub host: Box<str>,
    /// TCP port.
    pub port: u16,
    /// `host:port` as `Host` headers and logs show it (IPv6 with brackets).
    pub authority: Arc<str>,
    /// Share of the requests, 1–256.
    pub weight: u32,
    /// Tells apart which of its connections may be used for each other: the authority and, over TLS, all that was agreed
    /// on and checked.
    pub pool: Arc<str>,
    /// How TLS is spoken with it; none = it is not.
    pub tls: Option<Arc<UpstreamTls>>,
    /// Whether HTTP/2 is spoken with it without asking.
    pub http2: bool,
}

impl Target {
    /// A target of plain HTTP.
    #[must_use]
    pub fn plain(id: TargetId, host: Box<str>, port: u16, weight: u32) -> Self {
        let authority: Arc<str> = match host.contains(':') {
            true => format!("[{host}]:{port}").into(),
            false => format!("{host}:{port}").into(),
        };
        Self { id, host, port, pool: Arc::clone(&authority), authority, weight, tls: None, http2: false }
    }

    /// The target, which speaks HTTP/2 and nothing else.
    #[must_use]
    pub fn known_to_speak_http2(self) -> Self {
        let pool = format!("{} 2", self.authority).into();
        Self { pool, http2: true, ..self }
    }

    /// The target inside TLS.
    #[must_use]
    pub fn inside(self, tls: &Arc<UpstreamTls>) -> Self {
        let pool = format!("{} {}", self.authority, tls.identity()).into();
        Self { pool, tls: Some(Arc::clone(tls)), ..self }
    }
}
