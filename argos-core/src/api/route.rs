//! Requests that are tried on the way that they would take: which host, which rule, which target, and why.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::inspect::Bench;
use super::operation::operation;
use super::{Query, View};
use crate::auth::Session;
use crate::error::{Error, Result};
use crate::explain::route::{self, Asking, HostShown, LimitShown, RuleMatch};
use crate::explain::{ExplainedFrom, WafVerdict, curl};
use crate::proxy::stop::Stop;
use crate::proxy::walk::{Ground, Walk};
use crate::schema::{HostId, WafMode};
use crate::store::{Span, rules};
use crate::waf::asked::Asked;
use crate::waf::inspect::{RequestLine, ResultLine};

/// Tries a request on the rules of one host, whatever host its name would lead to.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRules {
    /// The host.
    pub host_id: HostId,
    /// The method; default `GET`.
    #[serde(default)]
    pub method: Option<String>,
    /// Path and query, or a whole URL.
    pub uri: String,
    /// Names and values; without `Host` the host's own name.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>")]
    pub headers: Vec<(String, String)>,
    /// The client; default 127.0.0.1.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub remote_ip: Option<IpAddr>,
}
operation!(MatchRules => RuleMatch, "rules.match_request", Post "/hosts/{host_id}/rules/match", Viewer, 200,
    "Tries a request on the rules of a host: each rule, what of it did not hold, and which target is asked.",
    positional ["uri"]);

// Headers may hold secrets.
impl fmt::Debug for MatchRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatchRules").field("host_id", &self.host_id).finish_non_exhaustive()
    }
}

impl Query for MatchRules {
    fn run(self, view: &View<'_>) -> Result<RuleMatch> {
        let host = route::running(&view.live, self.host_id)
            .ok_or_else(|| Error::not_found("host.not_found", format!("host {}", self.host_id)))?;
        let (https, mut line) = request(self.method, &self.uri, self.headers, self.remote_ip)?;
        if !line.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            line.headers.insert(0, ("Host".into(), route::a_name_of(host)));
        }
        let (mut walk, parsed) = begin(view, &line, https)?;
        parsed.map_err(|stop| Error::invalid("request.refused", "uri", refusal(&stop)))?;
        let stored = rules::list(&view.read, self.host_id, Span::ALL)?;
        Ok(route::rules_of(&mut walk, host, &stored))
    }
}

/// Explains where a request would go: given by `url`, or as a curl command.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRoute {
    /// The method; default `GET`.
    pub method: Option<String>,
    /// The URL, such as `https://shop.example/cart?id=1`.
    pub url: Option<String>,
    /// Names and values.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>")]
    pub headers: Vec<(String, String)>,
    /// The client; default 127.0.0.1.
    #[schemars(with = "Option<String>")]
    pub remote_ip: Option<IpAddr>,
    /// The request as a curl command, such as `curl -X POST -d a=1 http://shop.example/`.
    pub curl: Option<String>,
    /// Whether the WAF judges it, too; default false.
    pub waf: Option<bool>,
}
operation!(ExplainRoute => RouteExplanation, "requests.explain", Post "/requests/explain", Operator, 200,
    "Explains where a request would go: host, rate limit, WAF, rules, target, and why. Nothing is sent or counted.");

impl fmt::Debug for ExplainRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExplainRoute").finish_non_exhaustive()
    }
}

/// Where a request would go, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteExplanation {
    /// What the client gets, in words.
    pub outcome: String,
    /// The status of an answer of our own; null = the target answers.
    pub status: Option<u16>,
    /// The log's action of an answer of our own; null = the target answers.
    pub action: Option<String>,
    /// The name that is asked for.
    pub name: String,
    /// The client's address, behind trusted proxies.
    pub client: String,
    /// Whether it comes over https, to us or to a trusted proxy.
    pub https: bool,
    /// The host that answers; null = none.
    pub host: Option<HostShown>,
    /// How the client stands with the host's rate limit; null = it has none.
    pub limit: Option<LimitShown>,
    /// Whether the host wants a sign-in.
    pub auth_required: bool,
    /// Whether its gate lets the request pass; null = it wants no sign-in.
    pub gate: Option<GateShown>,
    /// What the WAF says; null = it was not asked, or is off.
    pub waf: Option<WafShown>,
    /// What the rules do; null = no host answers.
    pub rules: Option<RuleMatch>,
}

/// What the gate of a host that wants a sign-in makes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GateShown {
    /// Whether it lets the request pass.
    pub passes: bool,
    /// Who is signed in and may come in; null = nobody.
    pub user: Option<String>,
    /// Why it does or does not.
    pub reason: String,
}

/// What the WAF says of a request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WafShown {
    /// Whether a disruptive outcome is done or recorded.
    pub mode: WafMode,
    /// What it comes to.
    pub verdict: WafVerdict,
    /// What the rules found.
    pub result: ResultLine,
}

impl Query for ExplainRoute {
    fn run(self, view: &View<'_>) -> Result<RouteExplanation> {
        let (https, line) = match (self.url, self.curl) {
            (Some(url), None) => request(self.method, &url, self.headers, self.remote_ip)?,
            (None, Some(command)) => {
                let (https, line) = curl::parse_whole(&command)?;
                (https, RequestLine { remote_ip: self.remote_ip.unwrap_or(line.remote_ip), ..line })
            }
            _ => return Err(Error::invalid("request.missing", "url", "give one of url and curl")),
        };
        let (mut walk, parsed) = begin(view, &line, https)?;
        let ex = &walk.ex;
        let mut shown = RouteExplanation {
            outcome: String::new(),
            status: None,
            action: None,
            name: ex.name.clone(),
            client: ex.client.ip.to_string(),
            https: ex.https,
            host: None,
            limit: None,
            auth_required: false,
            gate: None,
            waf: None,
            rules: None,
        };
        let host = match parsed.and_then(|()| walk.route()) {
            Ok(host) => host,
            Err(stop) => {
                shown.end(&stop);
                shown.host = walk.ex.facts.host.and_then(|id| {
                    let host = route::running(&view.live, id)?;
                    Some(host_shown(host))
                });
                return Ok(shown);
            }
        };
        shown.host = Some(host_shown(&host));
        let standing = walk.limit(&host);
        shown.limit = standing.map(|standing| LimitShown {
            allowed: standing.allowed,
            requests: standing.requests,
            window_seconds: standing.window,
            left: standing.left,
            seconds: standing.seconds,
        });
        if self.waf.unwrap_or(false) {
            shown.waf = waf(view, host.id, &line)?;
        }
        let gate = walk.gate(&host);
        shown.auth_required = host.access.is_some();
        shown.gate = host.access.as_ref().map(|_| gate_shown(&gate));
        let stored = rules::list(&view.read, host.id, Span::ALL)?;
        let ruled = route::rules_of(&mut walk, &host, &stored);
        match (&standing, &host.limit, &shown.waf) {
            (Some(standing), Some(limit), _) if !standing.allowed => {
                shown.end(&Stop::Limited { status: limit.status, seconds: standing.seconds });
            }
            (_, _, Some(found)) if found.mode == WafMode::Block && found.verdict == WafVerdict::Blocked => {
                let status = host.waf.as_ref().map_or(403, |waf| waf.block_status);
                shown.answered(status, "waf_blocked", "the WAF stops it");
            }
            _ => match &gate {
                Err(stop) => shown.end(stop),
                Ok(_) => shown.ruled(&ruled),
            },
        }
        shown.rules = Some(ruled);
        Ok(shown)
    }
}

impl RouteExplanation {
    /// It ends before an upstream is asked.
    fn end(&mut self, stop: &Stop) {
        self.answered(stop.status(), stop.action().as_str(), &refusal(stop));
    }

    fn answered(&mut self, status: u16, action: &str, why: &str) {
        self.outcome = format!("answered with {status}: {why}");
        (self.status, self.action) = (Some(status), Some(action.to_owned()));
    }

    fn ruled(&mut self, ruled: &RuleMatch) {
        let by = match ruled.rule_id {
            Some(id) => format!("rule {id} ({})", ruled.action.kind),
            None => "no rule matches".to_owned(),
        };
        let Some(status) = ruled.action.status else {
            let group = ruled.target.as_ref().map(|target| target.target_group.as_str()).unwrap_or_default();
            let target = ruled.target.as_ref().and_then(|target| target.address.as_deref());
            let one = target.map_or_else(String::new, |address| format!(", {address}"));
            self.outcome = format!("forwarded to {group}{one}: {by}");
            return;
        };
        let action = match ruled.action.kind.as_str() {
            _ if ruled.action.target_group_id.is_some() => "upstream_error",
            "redirect" => "redirect",
            "fixed_response" => "fixed_response",
            "block" => "block_rule",
            _ => "bad_request",
        };
        let why = match (&ruled.action.location, ruled.action.target_group_id) {
            (Some(location), _) => format!("{by} leads to {location}"),
            (None, Some(_)) => format!("{by}, and its target group has no target that is switched on"),
            (None, None) => by,
        };
        self.answered(status, action, &why);
    }
}

fn host_shown(host: &crate::snapshot::Host) -> HostShown {
    HostShown { host_id: host.id, domain: host.domain.to_string(), matched_by: route::matched_by(host) }
}

fn gate_shown(gate: &std::result::Result<Option<Arc<Session>>, Stop>) -> GateShown {
    match gate {
        Ok(session) => {
            let user = session.as_ref().map(|session| session.person.username.clone());
            GateShown { passes: true, user, reason: "the session is good and its owner may open the host".into() }
        }
        Err(stop) => GateShown { passes: false, user: None, reason: refusal(stop) },
    }
}

/// Why a request ends, as the log and an administrator are told.
fn refusal(stop: &Stop) -> String {
    match stop {
        Stop::HttpsRedirect(location) => format!("it leads to {}", String::from_utf8_lossy(location)),
        Stop::UnknownHost => "no host has this name".into(),
        _ => stop.message().to_owned(),
    }
}

fn begin(view: &View<'_>, line: &RequestLine, https: bool) -> Result<(Walk, std::result::Result<(), Stop>)> {
    let sent = Asking { line, https }.sent();
    let sent = sent.map_err(|(field, reason)| Error::invalid("request.form", field, reason))?;
    let ground = Ground {
        live: view.live.clone(),
        clock: view.cx.clock.clone(),
        upstreams: view.cx.upstreams.clone(),
        quotas: view.cx.quotas.clone(),
        sessions: view.cx.sessions.clone(),
    };
    Ok(Walk::begin(&ground, sent))
}

/// The request of a method and a URL, or of a path.
fn request(
    method: Option<String>,
    uri: &str,
    headers: Vec<(String, String)>,
    client: Option<IpAddr>,
) -> Result<(bool, RequestLine)> {
    let bare = RequestLine::default();
    let remote_ip = client.unwrap_or(bare.remote_ip);
    let method = method.unwrap_or_else(|| "GET".into());
    let scheme = uri.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?', '#']));
    let Some((scheme, rest)) = scheme else {
        let uri = uri.split('#').next().unwrap_or_default().to_owned();
        return Ok((false, RequestLine { method, uri, headers, remote_ip, ..bare }));
    };
    let https = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        other => return Err(Error::invalid("request.scheme", "url", format!("http or https; got {other}"))),
    };
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(at);
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let mut uri = target.split('#').next().unwrap_or_default().to_owned();
    if !uri.starts_with('/') {
        uri.insert(0, '/');
    }
    let mut all = headers;
    if !all.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        all.insert(0, ("Host".into(), authority.into()));
    }
    Ok((https, RequestLine { method, uri, headers: all, remote_ip, ..bare }))
}

/// What the WAF of the host says; none where it is off.
fn waf(view: &View<'_>, host: HostId, line: &RequestLine) -> Result<Option<WafShown>> {
    let is_on = route::running(&view.live, host).is_some_and(|host| host.waf.is_some());
    let bench = match Bench::of(view, host) {
        Ok(bench) => bench,
        Err(_) if !is_on || view.live.appsec.mode == crate::schema::AppsecMode::Disabled => return Ok(None),
        Err(e) => return Err(e),
    };
    let judge = bench.judge();
    let explained = judge.explain(&Asked::from(line), ExplainedFrom::Request);
    Ok(Some(WafShown { mode: judge.mode, verdict: explained.verdict, result: explained.result }))
}
