//! Recorded requests and how the rule engine sees them: what the benches and `waf-replay` share.

use std::path::Path;

use argos_seclang::{LoadError, Loader, Now, Outcome, RuleSet};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Rule files on disk. Its globs know one star, in the file name.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Loader for Disk {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(name).map_err(|error| LoadError { name: name.to_owned(), reason: error.to_string() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let Some((before, after)) = pattern.split_once('*') else {
            return Ok(Path::new(pattern).exists().then(|| pattern.to_owned()).into_iter().collect());
        };
        let (folder, start) = before.rsplit_once('/').unwrap_or((".", before));
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names
            .filter(|name| name.starts_with(start) && name.ends_with(after))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        names.sort();
        Ok(names)
    }
}

/// One recorded request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, target and version.
    pub line: [Vec<u8>; 3],
    /// Names and values in order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// The requests of one `*.jsonl` file.
///
/// # Errors
/// The file can't be read or is not of that form.
pub fn corpus(file: &Path) -> Result<Vec<Request>, Box<dyn std::error::Error>> {
    std::fs::read_to_string(file)?.lines().filter(|line| !line.is_empty()).map(request).collect()
}

fn request(line: &str) -> Result<Request, Box<dyn std::error::Error>> {
    let value: Value = serde_json::from_str(line)?;
    let text = |key: &str| value[key].as_str().unwrap_or_default().as_bytes().to_vec();
    let pair = |pair: &Value| {
        let part = |index: usize| pair[index].as_str().unwrap_or_default().as_bytes().to_vec();
        (part(0), part(1))
    };
    Ok(Request {
        line: ["method", "uri", "version"].map(text),
        headers: value["headers"].as_array().map(|list| list.iter().map(pair).collect()).unwrap_or_default(),
        body: STANDARD.decode(value["body"].as_str().unwrap_or_default())?,
    })
}

/// What the reference harness sets beside the rule set, so that both engines do the same work.
pub const SETTINGS: &str = "\
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecRequestBodyJsonDepthLimit 512
SecArgumentsLimit 1000
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml
SecResponseBodyLimit 524288
";

/// The core rule set in `folder` at `paranoia`, in block mode.
///
/// # Errors
/// All that is wrong with the rules, as one text.
pub fn core_rule_set(folder: &str, paranoia: u8) -> Result<RuleSet, String> {
    let builder = RuleSet::builder(Disk).crs(folder).rules_str("crs-setup-bench.conf", SETTINGS).paranoia(paranoia);
    let compiled = builder.compile();
    let text = |found: &argos_seclang::Diagnostic| found.to_string();
    Ok(compiled.map_err(|found| found.iter().map(text).collect::<Vec<_>>().join("\n"))?.0)
}

/// Inspects `request` and, where it passes, a small page as its answer.
#[must_use]
pub fn replay(set: &RuleSet, request: &Request) -> Outcome {
    let mut transaction = set.transaction(Now { unix_millis: 1_790_000_000_000 });
    transaction.connection([203, 0, 113, 7].into(), 50_123, [192, 0, 2, 10].into(), 443);
    let [method, uri, version] = &request.line;
    transaction.request_line(method, uri, version);
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    let mut stopped = transaction.phase1();
    if stopped.is_none() {
        if !request.body.is_empty() && transaction.wants_request_body() {
            transaction.request_body(&request.body);
        }
        stopped = transaction.phase2();
    }
    if stopped.is_none() {
        transaction.response(200, b"HTTP/1.1");
        transaction.response_header(b"Content-Type", b"text/html; charset=utf-8");
        stopped = transaction.phase3();
    }
    if stopped.is_none() {
        if transaction.wants_response_body() {
            transaction.response_body(PAGE);
        }
        transaction.phase4();
    }
    transaction.finish()
}

/// The answer of [`replay`].
const PAGE: &[u8] = b"<!doctype html><html><head><title>ok</title></head><body><p>Hello</p></body></html>";
