//! A request's head that came in frames, in the one form that is read: HTTP/1's.
//!
//! Nothing is repaired: what has no such form, or two, is refused, as it would be over HTTP/1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, HOST};
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::logs::Version;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::LineScan;
use crate::proxy::h1::head::{Framing, Limits, Refusal, arrived};
use crate::snapshot::Snapshot;

const fn refusal(status: u16, text: &'static str) -> Refusal {
    Refusal { status, close: false, text }
}

/// Reads the head in `parts` into `ex`, whose input holds nothing. `protocol` is what an extended CONNECT asks for,
/// `ends` says that no body follows.
pub(crate) fn read(
    ex: &mut Exchange,
    live: &Snapshot,
    parts: &Parts,
    protocol: Option<&str>,
    version: Version,
    ends: bool,
) -> Result<(), Refusal> {
    let mut text = std::mem::take(&mut ex.input);
    let written = write(&mut text, parts, protocol, || ex.core.random.borrow_mut().take::<16>());
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

fn write(
    out: &mut Vec<u8>,
    parts: &Parts,
    protocol: Option<&str>,
    key: impl FnOnce() -> [u8; 16],
) -> Result<(), Refusal> {
    let websocket = protocol.is_some_and(|p| p.eq_ignore_ascii_case("websocket"));
    let connect = parts.method == Method::CONNECT;
    let target = match parts.uri.path_and_query() {
        _ if connect && !websocket => parts.uri.authority().map_or("", |a| a.as_str()),
        Some(target) => target.as_str(),
        None => "",
    };
    let method = if websocket { "GET" } else { parts.method.as_str() };
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(if target.is_empty() { b"/" } else { target.as_bytes() });
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let authority = write_host(out, parts);
    if websocket {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ");
        out.extend_from_slice(STANDARD.encode(key()).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let fields = write_fields(out, &parts.headers, websocket);
    out.extend_from_slice(b"\r\n");
    authority?;
    fields?;
    if connect && protocol.is_some() && !websocket {
        return Err(refusal(501, "this protocol is not spoken over CONNECT"));
    }
    if !(connect || target.starts_with('/') || target == "*") {
        return Err(refusal(400, "the path does not begin with /"));
    }
    match parts.uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(refusal(400, "the scheme is neither http nor https")),
    }
}

/// The name that is asked for, which `:authority` and `Host` must agree about. Source: RFC 9113 §8.3.1.
fn write_host(out: &mut Vec<u8>, parts: &Parts) -> Result<(), Refusal> {
    let authority = parts.uri.authority().map(|a| a.as_str().as_bytes());
    let mut agree = true;
    let hosts = parts.headers.get_all(HOST).iter().map(|host| host.as_bytes());
    for host in authority.into_iter().chain(hosts.filter(|host| {
        let other = authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host));
        agree &= !other;
        authority.is_none()
    })) {
        out.extend_from_slice(b"host: ");
        out.extend_from_slice(host);
        out.extend_from_slice(b"\r\n");
    }
    if agree { Ok(()) } else { Err(refusal(400, ":authority is not Host")) }
}

fn write_fields(out: &mut Vec<u8>, fields: &HeaderMap, websocket: bool) -> Result<(), Refusal> {
    let mut good = true;
    for name in fields.keys() {
        // Whoever speaks of frames has no say about the connection to the upstream.
        if *name == HOST || (websocket && name == "sec-websocket-key") {
            continue;
        }
        let values = fields.get_all(name);
        if *name == COOKIE {
            // One that was taken apart for the sake of compression is one again. Source: RFC 9113 §8.2.3.
            out.extend_from_slice(b"cookie: ");
            for (i, value) in values.iter().enumerate() {
                out.extend_from_slice(if i > 0 { b"; " } else { b"" });
                out.extend_from_slice(value.as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            continue;
        }
        for value in values {
            let value = value.as_bytes();
            // Source: RFC 9113 §8.2.1.
            good &= value.trim_ascii().len() == value.len();
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    if good { Ok(()) } else { Err(refusal(400, "blanks around the value of a field")) }
}
