//! The backend that suites are written for: 200 without a body, and under `/reflect` whatever the request's JSON says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn plain(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// The answer as bytes.
    pub(super) fn wire(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {} -\r\n", self.status).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What the backend answers.
pub(super) fn answer(method: &[u8], uri: &[u8], body: &[u8]) -> Answer {
    let path = uri.split(|byte| *byte == b'?').next().unwrap_or_default();
    let reflects = path == b"/reflect" || path.starts_with(b"/reflect/");
    let mut answer = match reflects && method == b"POST" {
        true => reflect(body),
        false => Answer::plain(200),
    };
    let named = |name: &str| answer.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !answer.body.is_empty() && !named("content-type") {
        answer.headers.push(("Content-Type".to_owned(), sniff(&answer.body).to_owned()));
    }
    let length = answer.body.len().to_string();
    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    answer.headers.push(("Content-Length".to_owned(), length));
    answer
}

fn reflect(body: &[u8]) -> Answer {
    let Ok(Value::Object(wanted)) = serde_json::from_slice::<Value>(body) else { return Answer::plain(400) };
    let status = match wanted.get("status").and_then(Value::as_u64).unwrap_or(200) {
        status @ 100..=599 => status as u16,
        _ => return Answer::plain(400),
    };
    let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
    let body = match text("body") {
        "" => match STANDARD.decode(text("encodedBody")) {
            Ok(body) => body,
            Err(_) => return Answer::plain(400),
        },
        body => body.as_bytes().to_vec(),
    };
    let headers = wanted.get("headers").and_then(Value::as_object).into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fine = !name.is_empty() && !name.contains([' ', ':', '\r', '\n']) && !value.contains(['\r', '\n', '\0']);
        fine.then(|| (name.clone(), value))
    });
    Answer { status, headers: headers.collect(), body }
}

/// The type of a body that names none, from how it begins. Source: MIME Sniffing standard §7.1, the part suites need.
fn sniff(body: &[u8]) -> &'static str {
    let start = body[..body.len().min(512)].trim_ascii_start().to_ascii_lowercase();
    let tag = |name: &&str| {
        let rest = start.strip_prefix(b"<").and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'>')))
    };
    let magic = MAGIC.iter().find(|(magic, _)| body.starts_with(magic)).map(|(_, kind)| *kind);
    match () {
        () if TAGS.iter().any(tag) || start.starts_with(b"<!--") => "text/html; charset=utf-8",
        () if start.starts_with(b"<?xml") => "text/xml; charset=utf-8",
        () if magic.is_some() => magic.unwrap_or_default(),
        () if body.iter().take(512).any(|byte| matches!(byte, 0..=8 | 11 | 14..=26 | 28..=31)) => {
            "application/octet-stream"
        }
        () => "text/plain; charset=utf-8",
    }
}

const TAGS: &[&str] = &[
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
];

const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
];
