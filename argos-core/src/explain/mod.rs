//! Why the WAF did what it did with one request: each rule on each target that existed, and what decided.
//!
//! The request is evaluated once more, by the rules as they are written, with a trace. Values that the log hides are
//! hidden here too.

pub mod curl;
mod hidden;
pub mod overlap;
mod propose;
pub(crate) mod route;
mod rows;
mod scope;
mod words;

use argos_seclang::{Decision, Disruption, LeftOut, Mode, Now, Outcome, RuleSet, Step, Trace, Tried, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::logs::Secrets;
use crate::proxy::path::matching_form;
use crate::schema::{WafMode, text_enum};
use crate::waf::Tuned;
use crate::waf::asked::Asked;
use crate::waf::inspect::{Inspector, MatchedRule, RequestLine, ResultLine};
use hidden::Shared;
pub use propose::{Proposal, ProposedExclusion, RefusedRule, propose};
pub use rows::from_rows;

text_enum! {
    /// What an explanation was made from.
    ExplainedFrom {
        /// The request that was given.
        Request = "request",
        /// A request of the proxy that is still in memory.
        Memory = "memory",
        /// The log rows of a request that is not in memory any more: without steps.
        Row = "row",
    }
}

text_enum! {
    /// How a transaction ended.
    WafVerdict {
        /// Nothing would have stopped it.
        Passed = "passed",
        /// Block mode would have stopped it.
        Detected = "detected",
        /// It was stopped.
        Blocked = "blocked",
    }
}

text_enum! {
    /// What came of one rule on one target.
    TryResult {
        /// The value matched.
        Matched = "matched",
        /// It did not.
        Passed = "passed",
        /// The target, or the rule, was left out.
        Excluded = "excluded",
    }
}

text_enum! {
    /// Who left a target or a rule out.
    ExcludedBy {
        /// `ctl` of a rule that matched before.
        Ctl = "ctl",
        /// An exclusion of the host.
        Exclusion = "exclusion",
    }
}

impl WafVerdict {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Passed,
            Verdict::Detected => Self::Detected,
            Verdict::Blocked => Self::Blocked,
        }
    }
}

/// Why the WAF did what it did with one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What it was made from.
    pub source: ExplainedFrom,
    /// Whether all is there that rules saw; a long body in memory is cut.
    pub whole: bool,
    /// What a disruptive outcome does; null = the rows do not tell.
    pub mode: Option<WafMode>,
    /// How the transaction ended.
    pub verdict: WafVerdict,
    /// Why, in words.
    pub reason: String,
    /// What `waf.evaluate` gives; `nolog` rules are among the matched ones.
    pub result: ResultLine,
    /// Thresholds and levels in force; null = the rules set none.
    pub limits: ExplainedLimits,
    /// What rules demanded, in order.
    pub decisions: Vec<ExplainedDecision>,
    /// Each rule on each target that existed, in order.
    pub steps: Vec<ExplainedStep>,
    /// Further tries without a match that are not shown.
    pub steps_left_out: usize,
}

/// Thresholds and levels that rules read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedLimits {
    /// Inbound anomaly threshold.
    pub inbound_threshold: Option<i64>,
    /// Outbound anomaly threshold.
    pub outbound_threshold: Option<i64>,
    /// Blocking paranoia level.
    pub paranoia: Option<i64>,
    /// Recorded paranoia level.
    pub detection_paranoia: Option<i64>,
}

/// What a rule demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedDecision {
    /// The rule; 0 = the limit of a body.
    pub rule_id: u64,
    /// Its phase.
    pub phase: u8,
    /// `deny`, `drop`, `redirect` or `allow`.
    pub action: String,
    /// Status of the answer; null = none.
    pub status: Option<u16>,
    /// Whether it was done: block does it, detect records it.
    pub done: bool,
}

/// One rule on one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExplainedStep {
    /// The rule.
    pub rule_id: u64,
    /// Its phase.
    pub phase: u8,
    /// Which link of a chain, from 1.
    pub link: usize,
    /// The file.
    pub file: String,
    /// Line in it.
    pub line: u32,
    /// Target, such as `ARGS:q`; empty where a whole rule was left out, or has no target.
    pub variable: String,
    /// Transformations, in order.
    pub transformations: Vec<String>,
    /// The value behind them, at most 256 bytes; `***` where the log hides it.
    pub value: String,
    /// What came of it.
    pub result: TryResult,
    /// Who left it out.
    pub excluded_by: Option<ExcludedBy>,
    /// What the match added to scores.
    pub scores: Vec<ScoreAdded>,
}

/// What a match added to a score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScoreAdded {
    /// Name of the score in `TX`.
    pub name: String,
    /// How much.
    pub added: i64,
}

/// What a request is judged by: a host's rules, its mode and its name.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    /// The rules.
    pub rules: &'a RuleSet,
    /// What the host leaves out of some requests.
    pub tuned: Option<&'a Tuned>,
    /// What a disruptive outcome does.
    pub mode: WafMode,
    /// Whose records of `IP`, `SESSION` and so on the rules see.
    pub web_app: &'a str,
    /// The time.
    pub now: Timestamp,
    /// Names of parameters whose values are not shown.
    pub masked: &'a [Box<str>],
}

impl Judge<'_> {
    /// What the rules find in `line`. Nothing is recorded, and no record of `IP`, `SESSION` and so on changes.
    #[must_use]
    pub fn evaluate(&self, line: &RequestLine) -> ResultLine {
        let asked = Asked::from(line);
        let mut transaction = self.apart().transaction(self.at());
        self.begin(&mut transaction, &asked);
        asked.run(&mut transaction);
        ResultLine::new(line.id.clone(), transaction.finish(), false)
    }

    /// Why the rules find what they find in `asked`.
    #[must_use]
    pub fn explain(&self, asked: &Asked, source: ExplainedFrom) -> Explanation {
        self.explain_without(asked, source, &[])
    }

    /// As [`explain`](Self::explain), with more left out.
    fn explain_without(&self, asked: &Asked, source: ExplainedFrom, left: &[LeftOut]) -> Explanation {
        let hidden = Shared::of(asked, self.masked);
        let mut transaction = self.apart().explain(self.at(), hidden.watch());
        self.begin(&mut transaction, asked);
        left.iter().for_each(|left| transaction.leave_out(left));
        asked.run(&mut transaction);
        let (outcome, trace) = transaction.finish_explained();
        explanation(source, self.mode, outcome, trace, &hidden)
    }

    /// How `asked` ends with more left out.
    fn verdict_without(&self, asked: &Asked, left: &[LeftOut]) -> WafVerdict {
        let mut transaction = self.apart().transaction(self.at());
        self.begin(&mut transaction, asked);
        left.iter().for_each(|left| transaction.leave_out(left));
        asked.run(&mut transaction);
        WafVerdict::of(transaction.finish().verdict)
    }

    /// The same rules with records of their own, so that trying a request leaves nothing behind.
    fn apart(&self) -> RuleSet {
        self.rules.apart()
    }

    fn at(&self) -> Now {
        Now { unix_millis: self.now.millis() }
    }

    fn begin(&self, transaction: &mut argos_seclang::Transaction, asked: &Asked) {
        transaction.set_mode(match self.mode {
            WafMode::Detect => Mode::Detect,
            WafMode::Block => Mode::Block,
        });
        transaction.web_app(self.web_app);
        if let (Some(tuned), Some(addressed)) = (self.tuned, asked.addressed(matching_form)) {
            tuned.left_out(|| addressed).for_each(|left| transaction.leave_out(left));
        }
        if let Some(host) = asked.values("host").next() {
            let end = memchr::memrchr(b':', host).filter(|at| host[*at..].iter().skip(1).all(u8::is_ascii_digit));
            transaction.server_name(&host[..end.unwrap_or(host.len())].to_ascii_lowercase());
        }
    }
}

/// Why the rules of `inspector` find what they find in `line`; without a host, its exclusions and its own rules.
#[must_use]
pub fn offline(inspector: &Inspector, mode: WafMode, line: &RequestLine, masked: &[Box<str>]) -> Explanation {
    let hidden = Shared::of(&Asked::from(line), masked);
    let (outcome, trace) = inspector.explain(line, hidden.watch());
    let mut explained = explanation(ExplainedFrom::Request, mode, outcome, trace, &hidden);
    explained.result.id.clone_from(&line.id);
    explained
}

fn explanation(source: ExplainedFrom, mode: WafMode, outcome: Outcome, trace: Trace, hidden: &Shared) -> Explanation {
    let mut hidden = hidden.learned();
    // What `sanitise` actions hide is known only now.
    hidden.also(&outcome.masked.arguments);
    let number = |name: &str| trace.numbers.iter().find(|(own, _)| own == name).map(|(_, value)| *value);
    let limits = ExplainedLimits {
        inbound_threshold: number("inbound_anomaly_score_threshold"),
        outbound_threshold: number("outbound_anomaly_score_threshold"),
        paranoia: number("blocking_paranoia_level").or_else(|| number("paranoia_level")),
        detection_paranoia: number("detection_paranoia_level").or_else(|| number("executing_paranoia_level")),
    };
    let verdict = WafVerdict::of(outcome.verdict);
    let matched: Vec<_> = outcome.matched.iter().map(|m| (m.variable.clone(), m.value.clone())).collect();
    let reason = reason(verdict, &outcome, &limits, &trace.decisions);
    let mut result = ResultLine::new(None, outcome, true);
    // All is learned before anything is shown.
    trace.steps.iter().for_each(|step| hidden.learn(&step.variable, step.value.as_deref().unwrap_or_default()));
    matched.iter().for_each(|(variable, value)| hidden.learn(variable, value));
    for (shown, (variable, value)) in result.matched.iter_mut().zip(matched) {
        mask(shown, &variable, &value, &mut hidden);
    }
    let step = |step: Step| {
        let hide = step.value.as_ref().is_none_or(|value| hidden.hides(&step.variable, value, value));
        let variable = hidden.name(&step.variable);
        shown(Step { variable, ..step }, hide)
    };
    Explanation {
        source,
        whole: true,
        mode: Some(mode),
        verdict,
        reason,
        result,
        limits,
        decisions: trace.decisions.iter().map(decision).collect(),
        steps: trace.steps.into_iter().map(step).collect(),
        steps_left_out: trace.left_out,
    }
}

fn mask(shown: &mut MatchedRule, variable: &str, value: &[u8], hidden: &mut Secrets) {
    if hidden.hides(variable, value, value) && !shown.data.is_empty() {
        "***".clone_into(&mut shown.data);
    }
    shown.data = hidden.text(&shown.data);
    shown.msg = hidden.text(&shown.msg);
}

fn shown(step: Step, hide: bool) -> ExplainedStep {
    let (result, excluded_by) = match step.result {
        Tried::Matched => (TryResult::Matched, None),
        Tried::Passed => (TryResult::Passed, None),
        Tried::LeftOutByRule => (TryResult::Excluded, Some(ExcludedBy::Ctl)),
        Tried::LeftOutBySet => (TryResult::Excluded, Some(ExcludedBy::Exclusion)),
    };
    let value = match (&step.value, hide) {
        (Some(value), false) => String::from_utf8_lossy(value).into_owned(),
        _ => "***".to_owned(),
    };
    ExplainedStep {
        rule_id: step.rule_id,
        phase: step.phase,
        link: step.link + 1,
        file: step.file.to_string(),
        line: step.line,
        variable: step.variable,
        transformations: step.transformations.iter().map(|name| (*name).to_owned()).collect(),
        value,
        result,
        excluded_by,
        scores: step.scores.into_iter().map(|(name, added)| ScoreAdded { name, added }).collect(),
    }
}

fn decision(decision: &Decision) -> ExplainedDecision {
    ExplainedDecision {
        rule_id: decision.rule_id,
        phase: decision.phase,
        action: match decision.action {
            Some(Disruption::Deny) => "deny",
            Some(Disruption::Drop) => "drop",
            Some(Disruption::Redirect) => "redirect",
            None => "allow",
        }
        .to_owned(),
        status: Some(decision.status).filter(|status| *status > 0),
        done: decision.done,
    }
}

/// Why, in one or two sentences.
fn reason(verdict: WafVerdict, outcome: &Outcome, limits: &ExplainedLimits, decisions: &[Decision]) -> String {
    let compare = |name: &str, score: i64, threshold: Option<i64>| match threshold {
        Some(threshold) if score >= threshold => format!("the {name} score {score} reaches the threshold {threshold}"),
        Some(threshold) => format!("the {name} score {score} is below the threshold {threshold}"),
        None => format!("the {name} score is {score}"),
    };
    let inbound = compare("inbound", outcome.score_in, limits.inbound_threshold);
    let outbound = compare("outbound", outcome.score_out, limits.outbound_threshold);
    let stopped = decisions.iter().find(|decision| decision.action.is_some());
    let allowed = decisions.iter().find(|decision| decision.action.is_none());
    match (verdict, stopped, allowed) {
        (WafVerdict::Passed, _, Some(by)) => {
            format!(
                "Rule {} let the request pass by `allow` in phase {}: later rules did not run.",
                by.rule_id, by.phase
            )
        }
        (WafVerdict::Passed, ..) => format!("No rule stops this request: {inbound}, {outbound}."),
        (_, Some(by), _) => {
            let what = match by.rule_id {
                0 => "The limit of a body".to_owned(),
                id => format!("Rule {id}"),
            };
            let scores = if by.phase <= 2 { inbound } else { outbound };
            let (phase, status) = (by.phase, by.status);
            match verdict {
                WafVerdict::Blocked => {
                    format!("{what} stops this request in phase {phase} with status {status}; {scores}.")
                }
                _ => format!(
                    "{what} would stop this request in phase {phase} with status {status}, and the mode is detect, so \
                     that it passes; {scores}."
                ),
            }
        }
        (_, None, _) => format!("The engine ended it: {inbound}, {outbound}."),
    }
}

#[cfg(test)]
mod tests;
