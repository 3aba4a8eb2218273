//! Which fields make a request over HTTP/3, and how those of an answer are written.

use super::fields::Fields;
use super::h3_frames::{self as frames, Wrong, code};
use super::head::Ask;
use super::qpack::{self, Section};
use crate::proxy::h1::chunked::{MAX_TRAILERS, trailer_allowed};
use crate::proxy::h1::field::is_token;

/// The head of a request.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    pub(crate) section: Section,
    /// Whether nothing follows it.
    pub(crate) ends: bool,
    /// It is larger than allowed and was not read.
    pub(crate) too_large: bool,
}

impl From<qpack::Fault> for Wrong {
    fn from(fault: qpack::Fault) -> Self {
        match fault {
            qpack::Fault::Compression => {
                Self::Connection(code::QPACK_DECOMPRESSION_FAILED, "fields whose compression is broken")
            }
            qpack::Fault::TooLarge => Self::Stream(code::EXCESSIVE_LOAD, "the trailers are too large"),
        }
    }
}

/// Appends a frame with the fields of an answer's head, or of its trailers.
pub(super) fn put_section(out: &mut Vec<u8>, status: Option<u16>, fields: Fields) {
    let mut section = Vec::with_capacity(256);
    qpack::begin(&mut section);
    if let Some(status) = status {
        let digits = [status / 100, status / 10 % 10, status % 10].map(|d| b'0' + d as u8);
        qpack::encode(&mut section, b":status", &digits);
    }
    for (name, value) in &fields.into_map() {
        qpack::encode(&mut section, name.as_str().as_bytes(), value.as_bytes());
    }
    frames::put_head(out, frames::HEADERS, section.len());
    out.extend_from_slice(&section);
}

/// Whether the fields make a request. Source: RFC 9114 §4.2, §4.3.
pub(super) fn check(section: &Section) -> Result<(), &'static str> {
    let (mut seen, mut regular) = (0u8, false);
    for (name, value) in section.iter() {
        check_value(value)?;
        let Some(pseudo) = name.strip_prefix(b":") else {
            regular = true;
            check_name(name)?;
            match name {
                b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                    return Err("a field that is about the connection");
                }
                b"te" if value != b"trailers" => return Err("TE other than trailers"),
                _ => continue,
            }
        };
        let bit = match pseudo {
            b"method" if is_token(value) => 1,
            b"scheme" if !value.is_empty() => 2,
            b"authority" if is_visible(value) => 4,
            b"path" if is_visible(value) => 8,
            b"protocol" if is_token(value) => 16,
            b"method" | b"scheme" | b"authority" | b"path" | b"protocol" => {
                return Err("a pseudo-header field with a value that it can't have");
            }
            _ => return Err("an unknown pseudo-header field"),
        };
        if regular {
            return Err("a pseudo-header field after another field");
        }
        if seen & bit != 0 {
            return Err("a pseudo-header field twice");
        }
        seen |= bit;
    }
    let connect = section.iter().any(|(name, value)| name == b":method" && value == b"CONNECT");
    match (connect, seen) {
        // Source: RFC 9220 §3.
        (true, 31) => Ok(()),
        // Source: RFC 9114 §4.4.
        (true, 5) => Ok(()),
        (false, 11 | 15) => Ok(()),
        _ => Err("the pseudo-header fields are not those of a request"),
    }
}

fn check_name(name: &[u8]) -> Result<(), &'static str> {
    if !is_token(name) || name.iter().any(u8::is_ascii_uppercase) {
        return Err("a field name that is no token in lower case");
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), &'static str> {
    if value.iter().any(|b| matches!(b, 0..=8 | 10..=31 | 127)) {
        return Err("a control byte in the value of a field");
    }
    Ok(())
}

fn is_visible(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|b| *b > b' ' && *b != 127)
}

/// Trailers as lines, each with CR LF, without those that may not come as trailers. Source: RFC 9110 §6.5.1.
pub(super) fn lines(section: &Section) -> Result<Vec<u8>, Wrong> {
    let mut lines = Vec::new();
    for (name, value) in section.iter() {
        if name.starts_with(b":") {
            return Err(Wrong::Stream(code::MESSAGE_ERROR, "a pseudo-header field among the trailers"));
        }
        check_name(name).and_then(|()| check_value(value)).map_err(|why| Wrong::Stream(code::MESSAGE_ERROR, why))?;
        let begin = lines.len();
        lines.extend_from_slice(name);
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value);
        if trailer_allowed(&lines[begin..]) {
            lines.extend_from_slice(b"\r\n");
        } else {
            lines.truncate(begin);
        }
    }
    if lines.len() > MAX_TRAILERS {
        return Err(qpack::Fault::TooLarge.into());
    }
    Ok(lines)
}

impl RequestHead {
    /// What is asked for.
    pub(crate) fn ask(&self) -> Ask<'_> {
        let mut ask = Ask::default();
        for (name, value) in self.section.iter() {
            match name {
                b":method" => ask.method = value,
                b":scheme" => ask.scheme = Some(value),
                b":authority" => ask.authority = Some(value),
                b":path" => ask.path = Some(value),
                b":protocol" => ask.protocol = Some(value),
                _ => {}
            }
        }
        ask
    }
}
