//! An explanation of a request that is not in memory any more, from the rows that it left.

use serde_json::Value;

use super::{ExplainedFrom, ExplainedLimits, Explanation, WafVerdict};
use crate::schema::{LogEntry, WafMode};
use crate::waf::inspect::{LineId, MatchedRule, ResultLine};

/// What the rows of one request tell; none where there are none.
#[must_use]
pub fn from_rows(rows: &[LogEntry]) -> Option<Explanation> {
    let first = rows.first()?;
    let raw: Value = serde_json::from_str(&first.raw).unwrap_or_default();
    let verdict = match raw["verdict"].as_str() {
        Some("blocked") => WafVerdict::Blocked,
        Some("detected") => WafVerdict::Detected,
        _ => WafVerdict::Passed,
    };
    let mode = match verdict {
        WafVerdict::Blocked => Some(WafMode::Block),
        WafVerdict::Detected => Some(WafMode::Detect),
        WafVerdict::Passed => None,
    };
    let score = |direction: &str| raw["scores"][direction].as_i64().unwrap_or_default();
    let (score_in, score_out) = (score("in"), score("out"));
    let what = match verdict {
        WafVerdict::Blocked => "it was stopped",
        WafVerdict::Detected => "block mode would have stopped it",
        WafVerdict::Passed => "it passed",
    };
    let reason = format!(
        "The request is not in memory any more; its rows say: {what}, with the scores {score_in} inbound and {score_out} \
         outbound."
    );
    let level = |name: &str| raw["paranoia"][name].as_i64();
    Some(Explanation {
        source: ExplainedFrom::Row,
        whole: false,
        mode,
        verdict,
        reason,
        result: ResultLine {
            id: Some(LineId::Text(first.request_id.clone())),
            interrupted: verdict == WafVerdict::Blocked,
            status: (verdict == WafVerdict::Blocked).then(|| u16::try_from(first.status).unwrap_or_default()),
            phase: None,
            score_in,
            score_out,
            matched: rows.iter().map(matched).collect(),
        },
        limits: ExplainedLimits {
            inbound_threshold: None,
            outbound_threshold: None,
            paranoia: level("blocking"),
            detection_paranoia: level("detection"),
        },
        decisions: Vec::new(),
        steps: Vec::new(),
        steps_left_out: 0,
    })
}

fn matched(row: &LogEntry) -> MatchedRule {
    let raw: Value = serde_json::from_str(&row.raw).unwrap_or_default();
    let rule = &raw["rule"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    MatchedRule {
        id: u64::try_from(row.waf_rule_id).unwrap_or_default(),
        phase: rule["phase"].as_u64().and_then(|phase| u8::try_from(phase).ok()).unwrap_or_default(),
        msg: row.waf_rule_message.clone(),
        severity: Some(row.waf_severity.clone()).filter(|name| !name.is_empty()),
        tags: rule["tags"].as_array().into_iter().flatten().map(text).collect(),
        data: text(&rule["data"]),
    }
}
