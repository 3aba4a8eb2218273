//! Requests that are tried on the rules of a host: what they find, and why.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::{Look, Query, View};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::explain::{ExplainedFrom, Explanation, Judge, Proposal, curl, from_rows, propose};
use crate::schema::{AppsecMode, HostId, LogEntry, LogId, LogSource, WafMode};
use crate::snapshot::Waf;
use crate::store::{Span, exclusions, logs};
use crate::waf::asked::Asked;
use crate::waf::inspect::{LineId, RequestLine, ResultLine};

/// Tries a request on the rules that a host runs now. Nothing is recorded.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateRequest {
    /// The host whose rules judge.
    pub host_id: HostId,
    /// The request, and its answer if there is one.
    pub request: RequestLine,
}
operation!(EvaluateRequest => ResultLine, "waf.evaluate", Post "/waf/evaluate", Operator, 200,
    "Tries a request on the rules that a host runs now, and tells what they find.");

impl Query for EvaluateRequest {
    fn run(self, view: &View<'_>) -> Result<ResultLine> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<ResultLine>> {
        let bench = Bench::of(view, self.host_id)?;
        Ok(Look::rest(move || Ok(bench.judge().evaluate(&self.request))))
    }
}

/// Explains what the rules that a host runs now do with a request: one of `request`, `curl`, `request_id`, `log_id`.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The host whose rules judge; a request of the log has its own.
    pub host_id: Option<HostId>,
    /// The request, and its answer if there is one.
    pub request: Option<RequestLine>,
    /// The request as a curl command, such as `curl -X POST -d a=1 http://shop.example/`.
    pub curl: Option<String>,
    /// A request of the log: it is tried again if it is still in memory, else its rows are shown.
    pub request_id: Option<String>,
    /// A row of the log whose request is meant.
    pub log_id: Option<LogId>,
}
operation!(ExplainRequest => Explanation, "waf.explain", Post "/waf/explain", Operator, 200,
    "Explains what the rules that a host runs now do with a request: each rule on each target, and what decided.");

// A request holds secrets: its headers, its body.
impl fmt::Debug for ExplainRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ExplainRequest");
        shown.field("host_id", &self.host_id).field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

impl Query for ExplainRequest {
    fn run(self, view: &View<'_>) -> Result<Explanation> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<Explanation>> {
        let line = match (self.request, self.curl, self.request_id, self.log_id) {
            (Some(request), None, None, None) => request,
            (None, Some(command), None, None) => curl::parse(&command)?,
            (None, None, Some(id), None) => {
                let at = moment_of(&id);
                return of_log(view, id, at);
            }
            (None, None, None, Some(id)) => {
                let (id, at) = of_row(view, id)?;
                return of_log(view, id, Some(at));
            }
            _ => return Err(one_of()),
        };
        let bench = Bench::of(view, self.host_id.ok_or_else(no_host)?)?;
        Ok(Look::rest(move || {
            let mut explained = bench.judge().explain(&Asked::from(&line), ExplainedFrom::Request);
            explained.result.id = line.id;
            Ok(explained)
        }))
    }
}

/// The request that a log row is about, and when it came.
fn of_row(view: &View<'_>, id: LogId) -> Result<(String, Timestamp)> {
    let row = logs::find(&view.read, id)?;
    let row = row.ok_or_else(|| Error::not_found("log.not_found", format!("log row {id}")))?;
    let about_request = !row.request_id.is_empty() && row.source != LogSource::Audit;
    about_request
        .then_some((row.request_id, row.timestamp))
        .ok_or_else(|| Error::invalid("waf.log_row", "log_id", "this row is about no request of the proxy"))
}

/// Explains a request of the log.
fn of_log(view: &View<'_>, id: String, at: Option<Timestamp>) -> Result<Look<Explanation>> {
    if let Some(kept) = view.cx.flagged.find(&id)
        && let Ok(bench) = Bench::of(view, kept.host)
    {
        return Ok(Look::rest(move || {
            let mut explained = bench.judge().explain(&kept.asked, ExplainedFrom::Memory);
            explained.result.id = Some(LineId::Text(id));
            explained.whole = kept.whole;
            Ok(explained)
        }));
    }
    let rows = findings(view, &id, at)?;
    let explained = from_rows(&rows);
    explained
        .map(Look::Answer)
        .ok_or_else(|| Error::not_found("waf.request_not_found", format!("a WAF row of request {id}")))
}

fn findings(view: &View<'_>, id: &str, at: Option<Timestamp>) -> Result<Vec<LogEntry>> {
    let rows = logs::findings(&view.read, id, at)?;
    // An identity that a trusted proxy gave may look like one of ours.
    if rows.is_empty() && at.is_some() { logs::findings(&view.read, id, None) } else { Ok(rows) }
}

/// When a request came, by the identity that Argos gives: RFC 9562 §5.7.
fn moment_of(id: &str) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(id).ok()?.get_timestamp()?.to_unix();
    let seconds = i64::try_from(seconds).ok()?;
    Some(Timestamp(seconds.checked_mul(1000)?.checked_add(i64::from(nanos / 1_000_000))?))
}

/// Proposes exclusions for a request: one of `request`, `curl`, `request_id` and `log_id`. Nothing is saved.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeExclusions {
    /// The host whose rules judge; a request of the log has its own.
    pub host_id: Option<HostId>,
    /// The request, and its answer if there is one.
    pub request: Option<RequestLine>,
    /// The request as a curl command.
    pub curl: Option<String>,
    /// A request of the log that is still in memory.
    pub request_id: Option<String>,
    /// A row of the log whose request is meant.
    pub log_id: Option<LogId>,
}
operation!(ProposeExclusions => Proposal, "waf.propose", Post "/waf/propose", Operator, 200,
    "Proposes the narrowest exclusions that let a request pass, tried on it; saves nothing.");

impl fmt::Debug for ProposeExclusions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ProposeExclusions");
        shown.field("host_id", &self.host_id).field("log_id", &self.log_id).finish_non_exhaustive()
    }
}

impl Query for ProposeExclusions {
    fn run(self, view: &View<'_>) -> Result<Proposal> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<Proposal>> {
        let id = match (&self.request, &self.curl, self.request_id, self.log_id) {
            (Some(_), None, None, None) | (None, Some(_), None, None) => {
                let id = self.host_id.ok_or_else(no_host)?;
                let line = self.request.map_or_else(|| curl::parse(self.curl.as_deref().unwrap_or_default()), Ok)?;
                let bench = Bench::of(view, id)?;
                let known = exclusions::list(&view.read, id, Span::ALL)?;
                let why = "a request that was tried";
                return Ok(Look::rest(move || Ok(propose(&bench.judge(), id.0, &known, &Asked::from(&line), why))));
            }
            (None, None, Some(id), None) => id,
            (None, None, None, Some(row)) => of_row(view, row)?.0,
            _ => return Err(one_of()),
        };
        let kept = view.cx.flagged.find(&id).ok_or_else(|| {
            Error::not_found("waf.request_not_kept", format!("request {id} in memory, where the last 1,000 are kept,"))
        })?;
        let bench = Bench::of(view, kept.host)?;
        let known = exclusions::list(&view.read, kept.host, Span::ALL)?;
        Ok(Look::rest(move || {
            let why = format!("request {id}");
            let mut proposal = propose(&bench.judge(), kept.host.0, &known, &kept.asked, &why);
            proposal.whole = kept.whole;
            Ok(proposal)
        }))
    }
}

fn one_of() -> Error {
    Error::invalid("waf.request", "request", "give one of request, curl, request_id and log_id")
}

fn no_host() -> Error {
    Error::invalid("missing_field", "host_id", "needed with a request")
}

/// What a host judges by, on its own: judging takes long, and needs no view.
pub(super) struct Bench {
    waf: Waf,
    mode: WafMode,
    web_app: String,
    now: Timestamp,
    masked: Arc<[Box<str>]>,
}

impl Bench {
    /// That of the host as it runs, in the mode that holds for it.
    pub(super) fn of(view: &View<'_>, id: HostId) -> Result<Self> {
        let host = view.live.names.get(&id).and_then(|name| view.live.hosts.get(name));
        let host = host.ok_or_else(|| Error::not_found("host.not_found", format!("host {id}")))?;
        let off = || {
            let reason = "the WAF of this host is off: see waf_enabled, its rules and the setting appsec.mode";
            Error::invalid("waf.off", "host_id", reason)
        };
        let waf = host.waf.as_ref().ok_or_else(off)?;
        let mode = match waf.effective(view.live.appsec.mode) {
            AppsecMode::Disabled => return Err(off()),
            AppsecMode::Detect => WafMode::Detect,
            AppsecMode::Block => WafMode::Block,
        };
        Ok(Self {
            waf: waf.clone(),
            mode,
            web_app: id.to_string(),
            now: view.read.now(),
            masked: Arc::clone(&view.live.masked),
        })
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        let Self { waf, mode, web_app, now, masked } = self;
        Judge { rules: &waf.rules, tuned: waf.tuned.as_deref(), mode: *mode, web_app, now: *now, masked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curl_command_is_not_printed() {
        let curl = || Some("curl -H 'Authorization: Bearer hush' http://a.test/".to_owned());
        let explain = format!("{:?}", ExplainRequest { curl: curl(), ..ExplainRequest::default() });
        let propose = format!("{:?}", ProposeExclusions { curl: curl(), ..ProposeExclusions::default() });
        assert!(explain.starts_with("ExplainRequest") && !explain.contains("curl") && !explain.contains("hush"));
        assert!(propose.starts_with("ProposeExclusions") && !propose.contains("curl") && !propose.contains("hush"));
    }
}
