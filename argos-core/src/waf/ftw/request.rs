//! A stage's input to the bytes that a client would send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::suite::{Input, scalar};

/// The bytes of one request.
pub(super) fn bytes(input: &Input) -> Result<Vec<u8>, String> {
    let decode = |text: &str| {
        let text: String = text.split_whitespace().collect();
        STANDARD.decode(text).map_err(|e| format!("base64: {e}"))
    };
    if let Some(encoded) = &input.encoded_request {
        return decode(encoded);
    }
    let method = input.method.as_deref().unwrap_or("GET");
    let uri = input.uri.as_deref().unwrap_or("/");
    let version = input.version.as_deref().unwrap_or("HTTP/1.1");
    let mut headers: Vec<(String, String)> =
        input.headers.iter().flatten().map(|(name, value)| (scalar(name), scalar(value))).collect();
    headers.sort();
    let mut data = match (&input.data, &input.encoded_data) {
        (Some(text), _) => templates(text).into_bytes(),
        (None, Some(encoded)) => decode(encoded)?,
        (None, None) => Vec::new(),
    };
    let complete = input.autocomplete_headers.unwrap_or(!input.stop_magic.unwrap_or(false));
    let value = |headers: &[(String, String)], wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_lowercase())
    };
    if complete && !data.is_empty() {
        if value(&headers, "content-type").is_none() {
            headers.push(("Content-Type".to_owned(), FORM.to_owned()));
        }
        if value(&headers, "content-type").as_deref() == Some(FORM) {
            data = form(data);
        }
    }
    if value(&headers, "content-type").is_some_and(|kind| kind.contains("multipart/form-data;")) {
        data = data.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    }
    if complete {
        if value(&headers, "connection").is_none() {
            headers.push(("Connection".to_owned(), "close".to_owned()));
        }
        let body = !data.is_empty() || ["POST", "PUT", "PATCH", "DELETE"].iter().any(|verb| method.contains(verb));
        if body && value(&headers, "content-length").is_none() {
            headers.push(("Content-Length".to_owned(), data.len().to_string()));
        }
    }
    let mut bytes = format!("{method} {uri} {version}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&data);
    Ok(bytes)
}

/// Form data percent-encoded, unless it holds an escape already or is malformed.
fn form(data: Vec<u8>) -> Vec<u8> {
    if data.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return data;
    }
    let encode = |text: &[u8]| -> Vec<u8> {
        let mut output = Vec::new();
        for &byte in text {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => output.push(byte),
                b' ' => output.push(b'+'),
                _ => output.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
        output
    };
    let trimmed = if data.len() > 1 { data.strip_suffix(b"&").unwrap_or(&data) } else { &data };
    let part = |part: &[u8]| match memchr::memchr(b'=', part) {
        Some(at) => [encode(&part[..at]), b"=".to_vec(), encode(&part[at + 1..])].concat(),
        None => encode(part),
    };
    trimmed.split(|byte| *byte == b'&').map(part).collect::<Vec<_>>().join(&b'&')
}

/// Fills in `{{ "text" | repeat 3 }}`.
fn templates(text: &str) -> String {
    let mut output = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let inner = rest[start + 2..start + length].trim_matches('-').trim();
        output.push_str(&rest[..start]);
        match repeated(inner) {
            Some(filled) => output.push_str(&filled),
            None => output.push_str(&rest[start..start + length + 2]),
        }
        rest = &rest[start + length + 2..];
    }
    output + rest
}

fn repeated(inner: &str) -> Option<String> {
    let (quoted, count) = inner.rsplit_once('|')?;
    let count: usize = count.trim().strip_prefix("repeat")?.trim().parse().ok()?;
    let piece: String = serde_json::from_str(quoted.trim()).ok()?;
    (piece.len().saturating_mul(count) <= REPEATED).then(|| piece.repeat(count))
}

/// Bytes a template may become.
const REPEATED: usize = 16 << 20;
const FORM: &str = "application/x-www-form-urlencoded";
