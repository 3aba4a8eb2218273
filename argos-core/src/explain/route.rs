//! Why a request goes where it goes: which host, which rule, what of each rule did not hold, which target.
//!
//! The request takes the way of the proxy's own stages; see `proxy::walk`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::proxy::h1::head::split_authority;
use crate::proxy::stop::Stop;
use crate::proxy::upstreams::{Looked, Why};
use crate::proxy::walk::{Ruled, Sent, Walk};
use crate::schema::{Algorithm, GroupId, HostId, Rule, RuleId, TargetId, text_enum};
use crate::snapshot::{Group, Host, Snapshot};
use crate::waf::inspect::RequestLine;

text_enum! {
    /// How a host answers for a name.
    HostMatch {
        /// It is its name.
        Exact = "exact",
        /// Its wildcard covers the name.
        Wildcard = "wildcard",
        /// The name is the address that the client reached.
        Address = "address",
        /// It takes names that no other host serves.
        CatchAll = "catch_all",
    }
}

/// The three forms of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PathFormsShown {
    /// As received.
    pub raw: String,
    /// Decoded and without dot segments: what rules compare.
    pub matching: String,
    /// What the target gets, as far as no rule rewrites it.
    pub forwarded: String,
}

/// How one rule did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TriedRule {
    /// The rule.
    pub rule_id: RuleId,
    /// Its name.
    pub name: String,
    /// Whether all its matchers held.
    pub matched: bool,
    /// The first that did not; null = all did.
    pub failed_matcher: Option<FailedMatcher>,
}

/// A matcher that did not hold.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct FailedMatcher {
    /// Its place in the rule, from 0.
    pub index: usize,
    /// Its type, such as `path`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it wants: its `config` as JSON text.
    pub expected: String,
    /// What the request has in its place; of several values all, null = none.
    pub found: Option<String>,
}

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RouteAction {
    /// `forward`, `redirect`, `fixed_response`, `block`, `rewrite`; `default` where no rule matched; `refuse` where what
    /// a rule makes can't be sent.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status of an answer of our own; null = the target answers.
    pub status: Option<u16>,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The target group that is asked.
    pub target_group_id: Option<GroupId>,
    /// Path and query that the target gets.
    pub target_uri: Option<String>,
}

/// Which target would be asked, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TargetChoice {
    /// The group.
    pub target_group_id: GroupId,
    /// Its name.
    pub target_group: String,
    /// How it chooses.
    pub algorithm: Algorithm,
    /// The target; null = that is settled only when the request comes, or there is none.
    pub target_id: Option<TargetId>,
    /// Its `host:port`.
    pub address: Option<String>,
    /// Why.
    pub reason: String,
    /// The targets among which it is chosen.
    pub candidates: Vec<CandidateShown>,
}

/// A target that may be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CandidateShown {
    /// The target.
    pub target_id: TargetId,
    /// Its `host:port`.
    pub address: String,
    /// Its part of all weights, 0–1.
    pub share: f64,
    /// Requests under way.
    pub in_flight: u32,
}

/// What the rules of a host do with a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RuleMatch {
    /// The rule that decides; null = none matches.
    pub rule_id: Option<RuleId>,
    /// What is done.
    pub action: RouteAction,
    /// Captures of the rule's first `path_regex`, from 1.
    pub captures: Vec<String>,
    /// The path that the rules compare.
    pub path_forms: PathFormsShown,
    /// Which target is asked; null where none is.
    pub target: Option<TargetChoice>,
    /// Each rule that was tried, in order.
    pub tried: Vec<TriedRule>,
}

/// What is left of a host's rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitShown {
    /// Whether the request would pass.
    pub allowed: bool,
    /// Requests in a window.
    pub requests: u32,
    /// Its seconds.
    pub window_seconds: u32,
    /// Requests left after this one.
    pub left: u32,
    /// Seconds until there is one more.
    pub seconds: u32,
}

/// Where a request arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HostShown {
    /// The host.
    pub host_id: HostId,
    /// Its name.
    pub domain: String,
    /// How it answers for the requested name.
    pub matched_by: HostMatch,
}

/// A request before it is sent.
pub(crate) struct Asking<'a> {
    pub(crate) line: &'a RequestLine,
    pub(crate) https: bool,
}

impl Asking<'_> {
    /// The same as bytes on a connection; the reason where it can't be such.
    pub(crate) fn sent(&self) -> Result<Sent, (&'static str, String)> {
        let line = self.line;
        let plain = |text: &str| !text.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0));
        if line.method.is_empty() || !line.method.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(("method", "a word without blanks".into()));
        }
        if line.uri.is_empty() || line.uri.bytes().any(|b| b.is_ascii_whitespace() || b == 0) {
            return Err(("uri", "a path with a query or without, without blanks".into()));
        }
        let mut head = format!("{} {} {}\r\n", line.method, line.uri, line.version);
        for (i, (name, value)) in line.headers.iter().enumerate() {
            if name.is_empty() || !plain(name) || !plain(value) {
                return Err(("headers", format!("header {i}: a name and a value without line ends")));
            }
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let authority =
            line.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, v)| v.as_str());
        let (name, port) = authority.and_then(|text| split_authority(text.as_bytes())).unwrap_or(("", None));
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        // A client that asks by address has reached it.
        let ip = name.parse::<IpAddr>().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let port = port.unwrap_or(if self.https { 443 } else { 80 });
        let sni = self.https.then(|| name.into_boxed_str());
        Ok(Sent { head: head.into_bytes(), client: line.remote_ip, local: SocketAddr::new(ip, port), sni })
    }
}

/// How `host`, which answers for a name, does so.
pub(crate) fn matched_by(host: &Host) -> HostMatch {
    match &*host.domain {
        "*" => HostMatch::CatchAll,
        domain if domain.starts_with("*.") => HostMatch::Wildcard,
        domain if domain.parse::<IpAddr>().is_ok() => HostMatch::Address,
        _ => HostMatch::Exact,
    }
}

/// What the rules of `host`, stored as `rules`, do with the request of `walk`.
pub(crate) fn rules_of(walk: &mut Walk, host: &Host, rules: &[Rule]) -> RuleMatch {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ex = &walk.ex;
    let path_forms = PathFormsShown {
        raw: text(ex.raw_path()),
        matching: text(ex.matching_path()),
        forwarded: text(ex.forwarded_path()),
    };
    let Ruled { tried, captures, end } = walk.rules(host);
    let rule_id = walk.ex.facts.rule;
    let stored = |id: RuleId| rules.iter().find(|rule| rule.id == id);
    let tried = tried.into_iter().map(|(id, failed)| TriedRule {
        rule_id: id,
        name: stored(id).map(|rule| rule.name.clone()).unwrap_or_default(),
        matched: failed.is_none(),
        failed_matcher: failed.and_then(|index| failed_matcher(walk, stored(id)?, index)),
    });
    let tried = tried.collect();
    let kind = match rule_id.and_then(stored) {
        Some(rule) => word(&serde_json::to_value(&rule.action).unwrap_or_default(), "type"),
        None if rule_id.is_some() => "rule".into(),
        None => "default".into(),
    };
    let mut action = RouteAction { kind, status: None, location: None, target_group_id: None, target_uri: None };
    let mut target = None;
    match end {
        Ok(group) => {
            action.target_group_id = Some(group);
            let mut uri = Vec::new();
            crate::proxy::forward::target(&mut uri, &walk.ex);
            action.target_uri = Some(text(&uri));
            match walk.target(group) {
                Some((group, looked)) => {
                    let choice = choice(&group, &looked);
                    action.status = (looked.why == Why::None).then_some(503);
                    target = Some(choice);
                }
                None => action.status = Some(503),
            }
        }
        Err(stop) => {
            action.status = Some(stop.status());
            match stop {
                Stop::Redirect { location, .. } => action.location = Some(text(&location)),
                Stop::BadResult => action.kind = "refuse".into(),
                _ => {}
            }
        }
    }
    let captures = captures.iter().map(|capture| text(capture)).collect();
    RuleMatch { rule_id, action, captures, path_forms, target, tried }
}

fn word(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn failed_matcher(walk: &Walk, rule: &Rule, index: usize) -> Option<FailedMatcher> {
    let value = serde_json::to_value(rule.matchers.get(index)?).ok()?;
    let kind = word(&value, "type");
    let config = value.get("config").cloned().unwrap_or_default();
    let ex = &walk.ex;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let joined = |values: Vec<String>| (!values.is_empty()).then(|| values.join(", "));
    let found = match kind.as_str() {
        "path" | "path_exact" | "path_regex" => Some(text(ex.matching_path())),
        "method" => Some(text(ex.method())),
        "header" => joined(ex.values(word(&config, "name").as_bytes()).map(text).collect()),
        "query" => ex.raw_query().map(text),
        "cookie" => joined(ex.values(b"cookie").map(text).collect()),
        "remote_ip" => Some(ex.client.ip.to_string()),
        "host_header" => Some(ex.name.clone()),
        _ => None,
    };
    Some(FailedMatcher { index, kind, expected: config.to_string(), found })
}

fn choice(group: &Arc<Group>, looked: &Looked) -> TargetChoice {
    let sum: f64 = looked.candidates.iter().map(|c| f64::from(c.weight)).sum();
    let candidates = looked.candidates.iter().map(|candidate| {
        let target = &group.targets[candidate.index];
        CandidateShown {
            target_id: target.id,
            address: target.authority.to_string(),
            share: f64::from(candidate.weight) / sum,
            in_flight: candidate.in_flight,
        }
    });
    let chosen = looked.chosen.map(|index| &group.targets[index]);
    let reason = match looked.why {
        Why::Before => "the client's cookie names it",
        Why::Only => "it is the only target that gets requests",
        Why::Address => "the client's address leads to it while the targets stay the same",
        Why::LeastBusy => "it has the fewest requests under way for its weight",
        Why::EquallyBusy => "several have as few requests under way for their weights, and take turns",
        Why::Turns => "the targets take turns by weight, on each core for itself",
        Why::Lot => "of two that are drawn by weight the less busy one",
        Why::LastResort => "all targets are out: the one that failed the longest ago is tried",
        Why::None => "the group has no target that is switched on",
    };
    TargetChoice {
        target_group_id: group.id,
        target_group: group.name.to_string(),
        algorithm: group.algorithm,
        target_id: chosen.map(|target| target.id),
        address: chosen.map(|target| target.authority.to_string()),
        reason: reason.into(),
        candidates: candidates.collect(),
    }
}

/// The name under which a request to `host` may arrive, for one that does not say.
pub(crate) fn a_name_of(host: &Host) -> String {
    match host.domain.strip_prefix("*.") {
        Some(parent) => format!("any.{parent}"),
        None if &*host.domain == "*" => "any.invalid".into(),
        None if host.domain.contains(':') => format!("[{}]", host.domain),
        None => host.domain.to_string(),
    }
}

/// The host with this id as it runs.
pub(crate) fn running(live: &Snapshot, id: HostId) -> Option<&Arc<Host>> {
    live.names.get(&id).and_then(|name| live.hosts.get(name))
}
