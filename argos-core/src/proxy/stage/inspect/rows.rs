//! What an inspection leaves behind: a row for each rule that matched, and a line of the audit log. Both masked.

use std::cell::RefCell;
use std::sync::Arc;

use argos_seclang::{Matched, Outcome, Severity, Verdict};
use serde_json::{Map, Value, json};

use super::Inspection;
use crate::logs::{Finding, Record, Secrets, is_secret_header, mask_uri};
use crate::notify::Sighting;
use crate::proxy::exchange::Exchange;

/// Most rows of one transaction.
const MOST_ROWS: usize = 50;
/// What rules of this severity and of worse ones match is an attack.
const ATTACK: &str = "ERROR";
/// Shorter cookies say no secret that could be told from other text.
const SHORTEST_COOKIE: usize = 8;
/// Most bytes of matched data in a row.
const MOST_DATA: usize = 256;

/// Writes the rows and the line.
pub(super) fn record(ex: &Exchange, inspection: &Inspection, outcome: &Outcome) {
    // What rules want hidden adds to what the settings hide.
    let hidden = outcome.masked.arguments.iter().map(|name| String::from_utf8_lossy(name).into_owned().into());
    let masked: Vec<Box<str>> = inspection.masked.iter().cloned().chain(hidden).collect();
    let shown = Shown {
        ex,
        verdict: match outcome.verdict {
            Verdict::Blocked => "blocked",
            Verdict::Detected => "detected",
            _ => "passed",
        },
        secrets: RefCell::default(),
        body: inspection.copied.body(),
        masked,
        outcome,
    };
    if outcome.matched.iter().any(|rule| rule.log && rank(severity(rule)) <= rank(ATTACK)) {
        let blocked = outcome.verdict == Verdict::Blocked;
        ex.core.sight(Sighting::Attack { at: ex.facts.at, client: ex.client.ip, blocked });
    }
    shown.rows(inspection);
    if let Some(log) = &ex.core.shared.audit_log
        && (log.all() || shown.outcome.audit.record || shown.outcome.interrupted.is_some())
    {
        log.write(shown.line(inspection).to_string());
    }
}

/// An outcome and how it is shown.
struct Shown<'a> {
    ex: &'a Exchange,
    outcome: &'a Outcome,
    verdict: &'static str,
    masked: Vec<Box<str>>,
    /// The copy of the body.
    body: &'a [u8],
    secrets: RefCell<Option<Secrets>>,
}

impl Shown<'_> {
    /// Writes a row for each rule that wants to be logged and is severe enough.
    fn rows(&self, inspection: &Inspection) {
        let (ex, outcome) = (self.ex, self.outcome);
        let least = rank(&inspection.appsec.audit_min_severity);
        let logged = outcome.matched.iter().filter(|m| m.log && rank(severity(m)) <= least).take(MOST_ROWS);
        let mut request = None;
        for rule in logged {
            let request = request.get_or_insert_with(|| self.request());
            let score = if rule.phase <= 2 { outcome.score_in } else { outcome.score_out };
            let raw = json!({
                "request_id": ex.id.as_str(),
                "rule": self.rule(rule),
                "verdict": self.verdict,
                "scores": self.scores(),
                "paranoia": {"blocking": inspection.paranoia.0, "detection": inspection.paranoia.1},
                "request": request,
                "generation": inspection.generation,
            });
            ex.core.record(Record::WafAudit(Box::new(Finding {
                at: ex.facts.at,
                host: ex.facts.host,
                client: ex.client.ip,
                status: ex.facts.status,
                blocked: outcome.verdict == Verdict::Blocked,
                version: ex.head.version,
                texts: ex.texts().into(),
                masked: Arc::clone(&inspection.masked),
                rule_id: i64::try_from(rule.id).unwrap_or(i64::MAX),
                message: self.message(rule).into(),
                severity: severity(rule),
                score,
                raw: raw.to_string().into(),
            })));
        }
    }

    /// The request's object in the audit log.
    fn line(&self, inspection: &Inspection) -> Value {
        let (ex, outcome) = (self.ex, self.outcome);
        let matched: Vec<Value> = outcome.matched.iter().filter(|rule| rule.log).map(|rule| self.entry(rule)).collect();
        let mut request = self.request();
        request["version"] = ex.head.version.as_str().into();
        json!({
            "time": ex.facts.at.to_string(),
            "request_id": ex.id.as_str(),
            "host": ex.name.as_str(),
            "client": ex.client.ip.to_string(),
            "request": request,
            "response": {"status": ex.facts.status},
            "matched": matched,
            "scores": self.scores(),
            "verdict": self.verdict,
            "generation": inspection.generation,
        })
    }

    fn scores(&self) -> Value {
        let categories: Map<String, Value> =
            self.outcome.categories.iter().map(|(name, score)| (name.clone(), (*score).into())).collect();
        json!({"in": self.outcome.score_in, "out": self.outcome.score_out, "per_category": categories})
    }

    /// Method, target and headers. The rules decide by `SecAuditLogParts` whether headers are kept (`B`).
    fn request(&self) -> Value {
        let (ex, masked) = (self.ex, &self.masked);
        let hidden = &self.outcome.masked.request_headers;
        let bytes = ex.bytes();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut headers = Map::new();
        for field in ex.head.fields.iter().filter(|_| self.outcome.audit.parts.contains('B')) {
            let name = text(field.name.of_bytes(bytes)).to_ascii_lowercase();
            let secret = is_secret_header(name.as_bytes())
                || hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(name.as_bytes()));
            let value = if secret { "***".into() } else { mask_uri(&text(field.value.of_bytes(bytes)), masked) };
            match headers.get_mut(&name) {
                None => drop(headers.insert(name, value.into())),
                Some(Value::Array(list)) => list.push(value.into()),
                Some(one) => *one = json!([one.take(), value]),
            }
        }
        let uri = mask_uri(&text(ex.head.target.of_bytes(bytes)), masked);
        json!({"method": text(ex.method()), "uri": uri, "headers": headers})
    }

    /// The matched rule in a row.
    fn rule(&self, rule: &Matched) -> Value {
        let (data, value) = self.values(rule);
        json!({
            "id": rule.id, "phase": rule.phase, "file": &*rule.file, "line": rule.line, "tags": self.tags(rule), "data": data,
            "matched_var": {"name": self.secrets(|secrets| secrets.name(&rule.variable)), "value": value},
        })
    }

    /// The matched rule in the audit log.
    fn entry(&self, rule: &Matched) -> Value {
        json!({
            "id": rule.id, "phase": rule.phase, "msg": self.message(rule), "data": self.values(rule).0,
            "severity": severity(rule), "tags": self.tags(rule), "file": &*rule.file, "line": rule.line,
        })
    }

    /// Data and value of a match, masked. The rules decide by `SecAuditLogParts` and `SecAuditLogRelevantStatus`
    /// whether they are kept (`H`).
    fn values(&self, rule: &Matched) -> (String, String) {
        if !self.outcome.audit.parts.contains('H') || !self.outcome.audit.details {
            return (String::new(), String::new());
        }
        let value = String::from_utf8_lossy(&rule.value[..rule.value.len().min(MOST_DATA)]).into_owned();
        self.secrets(|secrets| match secrets.hides(&rule.variable, &rule.value, &rule.value) {
            true => ("***".to_owned(), "***".to_owned()),
            false => (secrets.text(cut(&rule.data)), cut(&value).to_owned()),
        })
    }

    /// The tags of a match; macros in them may hold something of the request.
    fn tags(&self, rule: &Matched) -> Vec<String> {
        let tag = |secrets: &mut Secrets, tag: &String| match secrets.is_shown_by(tag) {
            true => "***".to_owned(),
            false => tag.clone(),
        };
        self.secrets(|secrets| rule.tags.iter().map(|text| tag(secrets, text)).collect())
    }

    /// The message of a match. It seldom holds anything of the request.
    fn message(&self, rule: &Matched) -> String {
        self.secrets(|secrets| {
            let value = String::from_utf8_lossy(&rule.value[..rule.value.len().min(MOST_DATA)]);
            let copied = !value.is_empty() && rule.msg.contains(&*value);
            let hides = copied && secrets.hides(&rule.variable, &rule.value, &rule.value);
            if hides || secrets.is_shown_by(&rule.msg) { "***".to_owned() } else { rule.msg.to_string() }
        })
    }

    /// Asks the secrets of the request, which are looked for when the first match is shown. What matched tells of more.
    fn secrets<T>(&self, ask: impl FnOnce(&mut Secrets) -> T) -> T {
        let mut secrets = self.secrets.borrow_mut();
        ask(secrets.get_or_insert_with(|| {
            let bytes = self.ex.bytes();
            let fields = self.ex.head.fields.iter().map(|f| (f.name.of_bytes(bytes), f.value.of_bytes(bytes)));
            let target = self.ex.head.target.of_bytes(bytes);
            let mut secrets = Secrets::of(&self.masked, SHORTEST_COOKIE, target, fields, self.body);
            self.outcome.matched.iter().for_each(|rule| secrets.learn(&rule.variable, &rule.value));
            secrets
        }))
    }
}

fn severity(rule: &Matched) -> &'static str {
    rule.severity.map_or("NOTICE", Severity::as_str)
}

// The most severe is 0.
fn rank(severity: &str) -> usize {
    let names = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    names.iter().position(|n| *n == severity).unwrap_or(5)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MOST_DATA);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_whole_characters() {
        assert_eq!(cut(&"é".repeat(200)).len(), 256);
        assert_eq!(cut(&format!("a{}", "é".repeat(200))).len(), 255);
    }
}
