//! Requests evaluated without a proxy: one line in, one line out, for offline evaluation and other languages.
//!
//! Only the engine runs: no strict parsing, no exclusions, no sign-in, no rules of a host.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use argos_seclang::{Diagnostic, Hides, Mode, NoFiles, Now, Outcome, RuleSet, Trace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, FieldError, Result};
use crate::schema::WafMode;

use super::asked;
use super::folder::Files;

/// Which rules inspect, and how strictly.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InspectorOptions {
    /// Rule text; files named in it are refused.
    pub rules: Option<String>,
    /// Rule files, after `rules`; these may name further files.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
    /// The folder of a core rule set; `rules` and files stand after its initialisation and before its detection.
    pub crs: Option<PathBuf>,
    /// Whether the built-in rules inspect, before `rules`.
    pub baseline: bool,
    /// Paranoia level, 1–4; default 1.
    pub paranoia: u8,
    /// Inbound anomaly threshold, 1–1000; default 5.
    pub inbound: u32,
    /// Outbound anomaly threshold, 1–1000; default 4.
    pub outbound: u32,
    /// What a disruptive outcome does; default block.
    pub mode: WafMode,
    /// Whether `nolog` rules are in the result too.
    pub all: bool,
}

impl Default for InspectorOptions {
    fn default() -> Self {
        let (rules, mode) = (None, WafMode::Block);
        let (files, crs) = (Vec::new(), None);
        Self { rules, files, crs, baseline: false, paranoia: 1, inbound: 5, outbound: 4, mode, all: false }
    }
}

/// Compiled rules that inspect requests. Cheap to clone; may be used from many threads at once.
#[derive(Clone, Debug)]
pub struct Inspector {
    rules: RuleSet,
    all: bool,
    clock: Clock,
}

/// Compiles rule files, around a core rule set if there is one, and reports all that is worth saying about them: errors, or the warnings of a good load.
///
/// # Errors
/// `waf.rules_broken` with every position.
pub fn check(crs: Option<&Path>, files: &[PathBuf]) -> Result<Checked> {
    let mut builder = RuleSet::builder(Files::default());
    if let Some(folder) = crs {
        let name = folder.to_str().ok_or_else(|| Error::invalid("waf.file_name", "crs", "a name is not UTF-8"))?;
        builder = builder.crs(name);
    }
    for file in files {
        let name = file.to_str().ok_or_else(|| Error::invalid("waf.file_name", "file", "a name is not UTF-8"))?;
        builder = builder.rules_file(name);
    }
    let (_, report) = builder.compile().map_err(|found| broken(&found))?;
    Ok(Checked { rules: report.rules, warnings: report.warnings.iter().map(finding).collect() })
}

/// Rule files that compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Rules that were loaded, a chain counting once; the recommended base rules are among them.
    pub rules: usize,
    /// What has no effect, with its position.
    pub warnings: Vec<FieldError>,
}

impl Inspector {
    /// Compiles the rules.
    ///
    /// # Errors
    /// `waf.rules_broken` with line and column of everything that is wrong; `out_of_range`; `missing_field` when
    /// there would be no rule at all.
    pub fn compile(options: InspectorOptions) -> Result<Self> {
        if options.rules.is_none() && options.files.is_empty() && options.crs.is_none() && !options.baseline {
            return Err(Error::invalid("missing_field", "rules", "give rule text or crs, or ask for the baseline"));
        }
        within("paranoia", options.paranoia.into(), 4)?;
        within("inbound", options.inbound, 1000)?;
        within("outbound", options.outbound, 1000)?;
        let mode = match options.mode {
            WafMode::Detect => Mode::Detect,
            WafMode::Block => Mode::Block,
        };
        let builder = match options.files.is_empty() && options.crs.is_none() {
            true => RuleSet::builder(NoFiles),
            false => RuleSet::builder(Files::default()),
        };
        let mut builder = builder.paranoia(options.paranoia).thresholds(options.inbound, options.outbound).mode(mode);
        if options.baseline {
            builder = builder.baseline();
        }
        if let Some(folder) = options.crs {
            let name = folder.to_str().ok_or_else(|| Error::invalid("waf.file_name", "crs", "a name is not UTF-8"))?;
            builder = builder.crs(name);
        }
        if let Some(text) = options.rules {
            builder = builder.rules_str("rules", text);
        }
        for file in options.files {
            let name = file.to_str().ok_or_else(|| Error::invalid("waf.file_name", "rules", "a name is not UTF-8"))?;
            builder = builder.rules_file(name);
        }
        let (rules, _) = builder.compile().map_err(|found| broken(&found))?;
        Ok(Self { rules, all: options.all, clock: Clock::system() })
    }

    /// Inspects one request, and its answer if there is one.
    #[must_use]
    pub fn inspect(&self, line: &RequestLine) -> ResultLine {
        let mut transaction = self.rules.transaction(self.now());
        asked::feed(&mut transaction, line);
        ResultLine::new(line.id.clone(), transaction.finish(), self.all)
    }

    /// Inspects one request as [`inspect`](Self::inspect) does and keeps a trace, whose values `hides` decides about.
    #[must_use]
    pub fn explain(&self, line: &RequestLine, hides: Hides) -> (Outcome, Trace) {
        let mut transaction = self.rules.explain(self.now(), hides);
        asked::feed(&mut transaction, line);
        transaction.finish_explained()
    }

    fn now(&self) -> Now {
        Now { unix_millis: self.clock.now().millis() }
    }
}

fn within(field: &'static str, value: u32, max: u32) -> Result<()> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid("out_of_range", field, format!("allowed: 1–{max}; got {value}")))
}

/// Everything wrong with the texts; the field is the name of the text.
pub(super) fn broken(found: &[Diagnostic]) -> Error {
    let more = found.len().saturating_sub(1);
    let mut message = found.first().map_or_else(|| "the rules do not compile".to_owned(), ToString::to_string);
    if more > 0 {
        message.push_str(&format!("; and {more} more"));
    }
    Error::new(ErrorKind::Invalid, "waf.rules_broken", message).with_fields(found.iter().map(finding))
}

/// A finding of a load with its position; the field is the name of the text.
#[must_use]
pub fn finding(d: &Diagnostic) -> FieldError {
    let token = if d.token.is_empty() { String::new() } else { format!(" ({})", d.token) };
    FieldError {
        field: d.file.clone(),
        reason: format!("{}: {}{token}", d.code, d.text),
        line: Some(d.line),
        column: Some(d.column),
    }
}

/// What a caller calls a request by; it comes back with the result.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum LineId {
    /// A number, as written.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

/// One request to inspect. Source: section "Offline evaluation" of the WAF reference.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestLine {
    /// Echoed.
    #[serde(default)]
    #[schemars(schema_with = "line_id")]
    pub id: Option<LineId>,
    /// The method.
    pub method: String,
    /// The raw target.
    pub uri: String,
    /// Such as `HTTP/1.1`, which is the default.
    #[serde(default = "http_1_1")]
    pub version: String,
    /// Names and values in the order received.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body; standard base64 in JSON.
    #[serde(default, rename = "body_b64", deserialize_with = "base64")]
    #[schemars(with = "String", skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<u8>,
    /// The client; default 127.0.0.1.
    #[serde(default = "localhost")]
    #[schemars(with = "String")]
    pub remote_ip: IpAddr,
    /// The answer. Without it phases 3 and 4 do not run.
    #[serde(default)]
    pub response: Option<ResponseLine>,
}

/// The answer to an inspected request.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseLine {
    /// The status.
    pub status: u16,
    /// Names and values in the order sent.
    #[serde(default)]
    #[schemars(with = "Vec<Vec<String>>", skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body; standard base64 in JSON.
    #[serde(default, rename = "body_b64", deserialize_with = "base64")]
    #[schemars(with = "String", skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<u8>,
}

/// An id in a schema: a text, a number, or none.
fn line_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "null"]})
}

impl Default for RequestLine {
    /// `GET /` of this machine.
    fn default() -> Self {
        Self {
            id: None,
            method: "GET".to_owned(),
            uri: "/".to_owned(),
            version: http_1_1(),
            headers: Vec::new(),
            body: Vec::new(),
            remote_ip: localhost(),
            response: None,
        }
    }
}

impl std::fmt::Debug for RequestLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Target, headers and body may hold secrets.
        f.debug_struct("RequestLine").field("id", &self.id).field("method", &self.method).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ResponseLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseLine").field("status", &self.status).finish_non_exhaustive()
    }
}

fn http_1_1() -> String {
    "HTTP/1.1".to_owned()
}

fn localhost() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

fn base64<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(d)?).map_err(|e| serde::de::Error::custom(format!("not standard base64: {e}")))
}

/// What inspection found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ResultLine {
    /// The request's.
    #[schemars(schema_with = "line_id")]
    pub id: Option<LineId>,
    /// Whether a disruptive action was done; never when only detecting.
    pub interrupted: bool,
    /// Status of the interruption.
    pub status: Option<u16>,
    /// Phase of the interruption.
    pub phase: Option<u8>,
    /// Final inbound anomaly score.
    pub score_in: i64,
    /// Final outbound anomaly score.
    pub score_out: i64,
    /// Rules whose whole chain matched, in evaluation order.
    pub matched: Vec<MatchedRule>,
}

/// One rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MatchedRule {
    /// The rule.
    pub id: u64,
    /// Its phase.
    pub phase: u8,
    /// Its text, expanded.
    pub msg: String,
    /// Upper-case name, such as `CRITICAL`.
    pub severity: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its `logdata`, expanded.
    pub data: String,
}

impl ResultLine {
    /// What an outcome is in short; `all` shows `nolog` rules too.
    #[must_use]
    pub fn new(id: Option<LineId>, outcome: Outcome, all: bool) -> Self {
        let shown = outcome.matched.into_iter().filter(|m| all || m.log);
        Self {
            id,
            interrupted: outcome.interrupted.is_some(),
            status: outcome.interrupted.as_ref().map(|i| i.status),
            phase: outcome.interrupted.as_ref().map(|i| i.phase),
            score_in: outcome.score_in,
            score_out: outcome.score_out,
            matched: shown
                .map(|m| MatchedRule {
                    id: m.id,
                    phase: m.phase,
                    msg: m.msg.to_string(),
                    severity: m.severity.map(|s| s.as_str().to_owned()),
                    tags: m.tags.to_vec(),
                    data: m.data,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RULES: &str = r#"
SecRule ARGS "@detectSQLi" "id:100001,phase:2,deny,status:403,log,msg:'SQL in %{MATCHED_VAR_NAME}',severity:CRITICAL,tag:attack-sqli"
SecRule REQUEST_HEADERS:X-Quiet "@unconditionalMatch" "id:100002,phase:1,pass,nolog"
SecRule RESPONSE_STATUS "@streq 500" "id:100003,phase:3,deny,status:502,log"
"#;

    fn inspect(options: Value, line: Value) -> Value {
        let mut options: InspectorOptions = serde_json::from_value(options).unwrap();
        options.rules.get_or_insert_with(|| RULES.to_owned());
        let line = serde_json::from_value(line).unwrap();
        serde_json::to_value(Inspector::compile(options).unwrap().inspect(&line)).unwrap()
    }

    #[test]
    fn an_attack_is_stopped_and_the_result_has_the_shape_of_the_reference() {
        let line = json!({"id": "a", "method": "GET", "uri": "/?q=1%27%20OR%20%271%27%3D%271", "version": "HTTP/1.1",
            "headers": [["Host", "shop.test"]], "body_b64": "", "remote_ip": "192.0.2.1"});
        let found = json!({"id": 100_001, "phase": 2, "msg": "SQL in ARGS:q", "severity": "CRITICAL",
            "tags": ["attack-sqli"], "data": ""});
        let blocked = json!({"id": "a", "interrupted": true, "status": 403, "phase": 2, "score_in": 0,
            "score_out": 0, "matched": [found]});
        assert_eq!(inspect(json!({}), line.clone()), blocked);
        let detected = inspect(json!({"mode": "detect"}), line);
        assert_eq!((&detected["interrupted"], &detected["status"]), (&json!(false), &Value::Null));
        assert_eq!(detected["matched"], json!([found]));
    }

    #[test]
    fn a_plain_request_passes() {
        let passed = inspect(json!({}), json!({"id": 7, "method": "GET", "uri": "/?q=shoes"}));
        let nothing = json!({"id": 7, "interrupted": false, "status": null, "phase": null, "score_in": 0,
            "score_out": 0, "matched": []});
        assert_eq!(passed, nothing);
    }

    #[test]
    fn a_body_is_inspected() {
        let form = json!([["Content-Type", "application/x-www-form-urlencoded"]]);
        let body = STANDARD.encode("q=1' OR '1'='1");
        let line = json!({"method": "POST", "uri": "/", "headers": form, "body_b64": body});
        assert_eq!(inspect(json!({}), line)["status"], 403);
    }

    #[test]
    fn the_answer_is_inspected_only_when_there_is_one() {
        let line = json!({"method": "GET", "uri": "/"});
        assert_eq!(inspect(json!({}), line)["interrupted"], false);
        let line = json!({"method": "GET", "uri": "/", "response": {"status": 500}});
        let found = inspect(json!({}), line);
        assert_eq!((&found["status"], &found["phase"]), (&json!(502), &json!(3)));
    }

    #[test]
    fn silent_rules_are_shown_on_request() {
        let line = json!({"method": "GET", "uri": "/", "headers": [["X-Quiet", "1"]]});
        assert_eq!(inspect(json!({}), line.clone())["matched"], json!([]));
        let found = inspect(json!({"all": true}), line);
        assert!(found["matched"].as_array().unwrap().iter().any(|rule| rule["id"] == 100_002), "{found}");
    }

    #[test]
    fn every_fault_of_the_rules_has_its_place() {
        let rules =
            "SecRule ARGS \"@rx a\" \"id:1,phase:2,deny\"\nSecNothing\nSecRule ARGS \"@rx (\" \"id:2,phase:2,deny\"\n";
        let error = Inspector::compile(InspectorOptions { rules: Some(rules.to_owned()), ..Default::default() });
        let error = error.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "waf.rules_broken"));
        let places: Vec<_> = error.fields().iter().map(|f| (f.field.as_str(), f.line)).collect();
        assert_eq!(places, [("rules", Some(2)), ("rules", Some(3))]);
        assert!(error.fields().iter().all(|f| f.column.is_some()));
    }

    #[test]
    fn options_outside_their_range_are_refused() {
        for (options, code, field) in [
            (json!({}), "missing_field", "rules"),
            (json!({"baseline": true, "paranoia": 5}), "out_of_range", "paranoia"),
            (json!({"baseline": true, "inbound": 0}), "out_of_range", "inbound"),
            (json!({"baseline": true, "outbound": 1001}), "out_of_range", "outbound"),
        ] {
            let error = Inspector::compile(serde_json::from_value(options).unwrap()).unwrap_err();
            assert_eq!((error.code(), error.fields()[0].field.as_str()), (code, field));
        }
    }

    #[test]
    fn a_line_that_says_something_else_is_refused() {
        for line in [
            json!({"method": "GET"}),
            json!({"method": "GET", "uri": "/", "heders": []}),
            json!({"method": "GET", "uri": "/", "body_b64": "%"}),
            json!({"method": "GET", "uri": "/", "remote_ip": "here"}),
        ] {
            assert!(serde_json::from_value::<RequestLine>(line.clone()).is_err(), "{line}");
        }
    }
}
