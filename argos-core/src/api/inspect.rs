//! Requests that are tried on the rules of a host: what they find, and why.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::{Query, View};
use crate::error::{Error, Result};
use crate::explain::{ExplainedFrom, Explanation, Judge, curl};
use crate::schema::{AppsecMode, HostId, WafMode};
use crate::snapshot::Host;
use crate::waf::asked::Asked;
use crate::waf::inspect::{RequestLine, ResultLine};

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
        let host = running(view, self.host_id)?;
        judged(view, &host, |judge| judge.evaluate(&self.request))
    }
}

/// Explains what the rules that a host runs now do with a request: one of `request` and `curl`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The host whose rules judge.
    pub host_id: HostId,
    /// The request, and its answer if there is one.
    pub request: Option<RequestLine>,
    /// The request as a curl command, such as `curl -X POST -d a=1 http://shop.example/`.
    pub curl: Option<String>,
}
operation!(ExplainRequest => Explanation, "waf.explain", Post "/waf/explain", Operator, 200,
    "Explains what the rules that a host runs now do with a request: each rule on each target, and what decided.");

impl Query for ExplainRequest {
    fn run(self, view: &View<'_>) -> Result<Explanation> {
        let line = match (self.request, self.curl) {
            (Some(request), None) => request,
            (None, Some(command)) => curl::parse(&command)?,
            _ => return Err(Error::invalid("waf.request", "request", "give either request or curl")),
        };
        let host = running(view, self.host_id)?;
        let mut explained = judged(view, &host, |judge| judge.explain(&Asked::from(&line), ExplainedFrom::Request))?;
        explained.result.id = line.id;
        Ok(explained)
    }
}

/// The host as it runs.
fn running(view: &View<'_>, id: HostId) -> Result<Arc<Host>> {
    let name = view.live.names.get(&id);
    let host = name.and_then(|name| view.live.hosts.get(name));
    host.cloned().ok_or_else(|| Error::not_found("host.not_found", format!("host {id}")))
}

/// Lets the rules of `host` judge, in the mode that holds for it.
fn judged<T>(view: &View<'_>, host: &Host, judge: impl FnOnce(&Judge<'_>) -> T) -> Result<T> {
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
    let (web_app, now) = (host.id.to_string(), view.read.now());
    let (rules, tuned, masked) = (&waf.rules, waf.tuned.as_deref(), &view.live.masked);
    Ok(judge(&Judge { rules, tuned, mode, web_app: &web_app, now, masked }))
}
