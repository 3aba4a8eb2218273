//! A request's head that came in frames, in the one form that is read: HTTP/1's.
//!
//! Nothing is repaired: what has no such form, or two, is refused, as it would be over HTTP/1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::request::Parts;

use super::qpack::Section;
use crate::logs::Version;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::LineScan;
use crate::proxy::h1::head::{Framing, Limits, Refusal, arrived};
use crate::snapshot::Snapshot;

const fn refusal(status: u16, text: &'static str) -> Refusal {
    Refusal { status, close: false, text }
}

/// What is asked for, beside the fields.
#[derive(Debug, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) scheme: Option<&'a [u8]>,
    pub(crate) authority: Option<&'a [u8]>,
    pub(crate) path: Option<&'a [u8]>,
    /// What an extended CONNECT asks for.
    pub(crate) protocol: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    /// Of a request over HTTP/2.
    pub(crate) fn of(parts: &'a Parts, protocol: Option<&'a str>) -> Self {
        Self {
            method: parts.method.as_str().as_bytes(),
            scheme: parts.uri.scheme_str().map(str::as_bytes),
            authority: parts.uri.authority().map(|a| a.as_str().as_bytes()),
            path: parts.uri.path_and_query().map(|p| p.as_str().as_bytes()),
            protocol: protocol.map(str::as_bytes),
        }
    }

    fn is_websocket(&self) -> bool {
        self.protocol.is_some_and(|p| p.eq_ignore_ascii_case(b"websocket"))
    }
}

/// Fields as either version has them: names in lower case, values without ends of lines.
pub(crate) trait Given {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])>;
}

impl Given for HeaderMap {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
    }
}

impl Given for Section {
    fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().filter(|(name, _)| !name.starts_with(b":"))
    }
}

/// Reads a head into `ex`, whose input holds nothing. `ends` says that no body follows.
pub(crate) fn read(
    ex: &mut Exchange,
    live: &Snapshot,
    ask: &Ask<'_>,
    given: &impl Given,
    version: Version,
    ends: bool,
) -> Result<(), Refusal> {
    let mut text = std::mem::take(&mut ex.input);
    let written = write(&mut text, ask, given, || ex.core.random.borrow_mut().take::<16>());
    ex.input = text;
    // What was understood stays, for the log.
    let settings = &live.proxy;
    let limits = Limits { head: settings.max_header_bytes, fields: settings.max_headers, uri: settings.max_uri_bytes };
    let mut scan = LineScan::default();
    let end = arrived(&mut scan, &ex.input, limits)?.ok_or(refusal(400, "a field is not well-formed"))?;
    let parsed = ex.head.parse(&ex.input[..end], scan.first.unwrap_or(end), limits);
    (ex.head.version, ex.head.close) = (version, false);
    if !ends && ex.head.framing == Framing::None && !ex.head.websocket {
        ex.head.framing = Framing::Open;
    }
    ex.expect_body();
    written.and(parsed)?;
    match ex.head.websocket && ex.head.framing != Framing::None {
        true => Err(refusal(400, "a WebSocket has no length")),
        false => Ok(()),
    }
}

fn write(out: &mut Vec<u8>, ask: &Ask<'_>, given: &impl Given, key: impl FnOnce() -> [u8; 16]) -> Result<(), Refusal> {
    let websocket = ask.is_websocket();
    let connect = ask.method == b"CONNECT";
    let target = if connect && !websocket { ask.authority } else { ask.path }.unwrap_or_default();
    let method = if websocket { b"GET" } else { ask.method };
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(if target.is_empty() { b"/" } else { target });
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let authority = write_host(out, ask, given);
    if websocket {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ");
        out.extend_from_slice(STANDARD.encode(key()).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let fields = write_fields(out, given, websocket);
    out.extend_from_slice(b"\r\n");
    authority?;
    fields?;
    if connect && ask.protocol.is_some() && !websocket {
        return Err(refusal(501, "this protocol is not spoken over CONNECT"));
    }
    if !(connect || target.starts_with(b"/") || target == b"*") {
        return Err(refusal(400, "the path does not begin with /"));
    }
    match ask.scheme {
        None => Ok(()),
        Some(scheme) if scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https") => Ok(()),
        Some(_) => Err(refusal(400, "the scheme is neither http nor https")),
    }
}

fn write_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The name that is asked for, which `:authority` and `Host` must agree about. Source: RFC 9113 §8.3.1.
fn write_host(out: &mut Vec<u8>, ask: &Ask<'_>, given: &impl Given) -> Result<(), Refusal> {
    if let Some(authority) = ask.authority {
        write_line(out, b"host", authority);
    }
    for (_, host) in given.fields().filter(|(name, _)| *name == b"host") {
        match ask.authority {
            None => write_line(out, b"host", host),
            Some(authority) if authority.eq_ignore_ascii_case(host) => {}
            Some(_) => return Err(refusal(400, ":authority is not Host")),
        }
    }
    Ok(())
}

fn write_fields(out: &mut Vec<u8>, given: &impl Given, websocket: bool) -> Result<(), Refusal> {
    let (mut good, mut cookies) = (true, false);
    for (name, value) in given.fields() {
        match name {
            // Whoever speaks of frames has no say about the connection to the upstream.
            b"host" => continue,
            b"sec-websocket-key" if websocket => continue,
            // One that was taken apart for the sake of compression is one again. Source: RFC 9113 §8.2.3.
            b"cookie" if std::mem::replace(&mut cookies, true) => continue,
            b"cookie" => {
                out.extend_from_slice(b"cookie: ");
                for (i, (_, value)) in given.fields().filter(|(name, _)| *name == b"cookie").enumerate() {
                    out.extend_from_slice(if i > 0 { b"; " } else { b"" });
                    out.extend_from_slice(value);
                }
                out.extend_from_slice(b"\r\n");
            }
            _ => {
                // Source: RFC 9113 §8.2.1.
                good &= value.trim_ascii().len() == value.len();
                write_line(out, name, value);
            }
        }
    }
    if good { Ok(()) } else { Err(refusal(400, "blanks around the value of a field")) }
}
