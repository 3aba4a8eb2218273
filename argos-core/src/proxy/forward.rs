//! Heads on their way: what is removed, replaced and added in either direction.

use std::io::Write as _;

use super::exchange::Exchange;
use super::h1::body::Sink;
use super::h1::field::{Field, Known, items, length};
use super::h1::head::{Framing, split_authority};
use super::stage::balance::Choice;
use super::tls::TlsStream;
use crate::logs::Version;
use crate::snapshot::Snapshot;

/// Source: RFC 6797 §6.1.
const HSTS: &str = "Strict-Transport-Security";

/// The cookie that is Argos's own.
const SESSION_COOKIE: &[u8] = b"argos_session";

fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes the head that the upstream gets. `waits` says that the client's `Expect: 100-continue` is passed on.
pub(crate) fn request_head(out: &mut Vec<u8>, ex: &Exchange, live: &Snapshot, choice: &Choice<'_>, waits: bool) {
    let (bytes, head) = (ex.bytes(), &ex.head);
    out.extend_from_slice(ex.method());
    out.push(b' ');
    out.extend_from_slice(ex.forwarded_path());
    if let Some(query) = ex.forwarded_query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host = head.host.map(|h| h.of_bytes(bytes));
    match host {
        Some(host) if choice.group.preserve_host => put(out, "Host", host),
        _ => put(out, "Host", choice.target.authority.as_bytes()),
    }
    let trace = ex.known(Known::Traceparent).filter(|t| is_traceparent(t));
    let mut sized = false;
    for field in &head.fields {
        let (name, value) = (field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        match field.known {
            Known::Other | Known::Accept | Known::Agent | Known::Referer | Known::Type | Known::Encoding => {}
            Known::Date | Known::Trailer => {}
            Known::Cookie => {
                put_cookies(out, name, value);
                continue;
            }
            Known::Length if !sized && head.framing != Framing::Chunked => {
                sized = true;
                // `007` is a length too, but not every reader's seven.
                if value.len() > 1 && value[0] == b'0' {
                    let size = length(value).unwrap_or_default();
                    drop(write!(out, "Content-Length: {size}\r\n"));
                    continue;
                }
            }
            Known::Expect if waits => {}
            Known::Tracestate if trace.is_some() => {}
            Known::Origin if ex.client.trusted => {}
            Known::Shown if ex.client.trusted && !ex.facts.client_auth => {}
            _ => continue,
        }
        if head.connection_lists && field.known != Known::Length && listed(&head.fields, bytes, name) {
            continue;
        }
        line(out, name, value);
    }
    if head.framing == Framing::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if head.websocket {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if head.takes_trailers {
        out.extend_from_slice(b"Connection: TE\r\nTE: trailers\r\n");
    }
    put_origin(out, ex, live, host);
    if ex.facts.client_auth {
        put_shown(out, ex);
    }
    put(out, "X-Request-Id", ex.id.as_bytes());
    match trace {
        Some(trace) => put(out, "traceparent", trace),
        None => put_trace(out, ex),
    }
    out.extend_from_slice(b"Via: 1.1 argos\r\n\r\n");
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether `Connection` names the header, so that it is meant for this hop only. Source: RFC 9110 §7.6.1.
fn listed(fields: &[Field], bytes: &[u8], name: &[u8]) -> bool {
    let mut lines = fields.iter().filter(|f| f.known == Known::Connection);
    lines.any(|f| items(f.value.of_bytes(bytes)).any(|item| item.eq_ignore_ascii_case(name)))
}

// Where the request came from.
fn put_origin(out: &mut Vec<u8>, ex: &Exchange, live: &Snapshot, host: Option<&[u8]>) {
    out.extend_from_slice(b"X-Forwarded-For: ");
    for ip in ex.client.chain.iter().rev() {
        let _ = write!(out, "{ip}, ");
    }
    out.extend_from_slice(ex.peer.text.as_bytes());
    out.extend_from_slice(b"\r\n");
    let scheme: &[u8] = if ex.https { b"https" } else { b"http" };
    put(out, "X-Forwarded-Proto", scheme);
    // A trusted proxy knows which name and port the client used.
    let said = |name| if ex.client.trusted { ex.known(name) } else { None };
    let name = said(Known::ForwardedHost).filter(|h| split_authority(h).is_some()).or(host);
    if let Some(name) = name {
        put(out, "X-Forwarded-Host", name);
    }
    let is_port = |p: &&[u8]| (1..=5).contains(&p.len()) && p.iter().all(u8::is_ascii_digit);
    match said(Known::ForwardedPort).filter(is_port) {
        Some(port) => put(out, "X-Forwarded-Port", port),
        None => drop(write!(out, "X-Forwarded-Port: {}\r\n", ex.peer.local.port())),
    }
    if live.proxy.send_forwarded {
        let node = |out: &mut Vec<u8>, ip: std::net::IpAddr| match ip {
            std::net::IpAddr::V4(ip) => write!(out, "for={ip}"),
            std::net::IpAddr::V6(ip) => write!(out, "for=\"[{ip}]\""),
        };
        out.extend_from_slice(b"Forwarded: ");
        for ip in ex.client.chain.iter().rev() {
            let _ = node(out, *ip);
            out.extend_from_slice(b", ");
        }
        let _ = node(out, ex.peer.ip);
        if let Some(name) = name {
            out.extend_from_slice(b";host=\"");
            out.extend_from_slice(name);
            out.push(b'"');
        }
        out.extend_from_slice(b";proto=");
        out.extend_from_slice(scheme);
        out.extend_from_slice(b"\r\n");
    }
}

/// What the client's certificate is, where the host asks for one.
fn put_shown(out: &mut Vec<u8>, ex: &Exchange) {
    let Some(shown) = ex.socket.tls().and_then(TlsStream::shown) else {
        return put(out, "X-Client-Cert-Verified", b"no");
    };
    put(out, "X-Client-Cert-Verified", b"yes");
    put(out, "X-Client-Cert-Subject", shown.subject().as_bytes());
    put(out, "X-Client-Cert-Fingerprint", shown.fingerprint().as_bytes());
}

/// Whether `value` names a trace. Source: W3C Trace Context §3.2.
fn is_traceparent(value: &[u8]) -> bool {
    let hex = |part: &[u8]| part.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let used = |part: &[u8]| hex(part) && part.iter().any(|b| *b != b'0');
    let shape = value.len() == 55 && value[2] == b'-' && value[35] == b'-' && value[52] == b'-';
    shape
        && hex(&value[..2])
        && &value[..2] != b"ff"
        && used(&value[3..35])
        && used(&value[36..52])
        && hex(&value[53..])
}

fn put_trace(out: &mut Vec<u8>, ex: &Exchange) {
    let random = ex.core.random.borrow_mut().take::<24>();
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    // 48 digits cannot fail to fit their two places.
    let _ = hex::encode_to_slice(&random[..16], &mut text[3..35]);
    let _ = hex::encode_to_slice(&random[16..], &mut text[36..52]);
    put(out, "traceparent", &text);
}

// One `Cookie` line without the session of the panel; the other cookies keep their order and bytes.
fn put_cookies(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    if !value.split(|b| *b == b';').any(is_session) {
        return line(out, name, value);
    }
    let mut kept = value.split(|b| *b == b';').filter(|c| !is_session(c)).peekable();
    if kept.peek().is_none() {
        return;
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    for (i, cookie) in kept.enumerate() {
        if i > 0 {
            out.push(b';');
        }
        out.extend_from_slice(if i == 0 { cookie.trim_ascii_start() } else { cookie });
    }
    out.extend_from_slice(b"\r\n");
}

// Some upstreams decode names, drop quotes or read `.` as `_`; all those spellings count.
fn is_session(cookie: &[u8]) -> bool {
    let name = cookie.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
    if name.len() < SESSION_COOKIE.len() {
        return false;
    }
    let name: Vec<u8> = percent_encoding::percent_decode(name).collect();
    let name = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(&name);
    let folded = |b: &u8| if matches!(b, b'.' | b' ' | b'+' | b'[') { b'_' } else { b.to_ascii_lowercase() };
    name.len() == SESSION_COOKIE.len() && name.iter().zip(SESSION_COOKIE).all(|(a, b)| folded(a) == *b)
}

/// How the client gets a body whose framing the upstream chose: what the head says and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReplySink {
    pub(crate) sink: Sink,
    /// Whether the connection ends after it.
    pub(crate) close: bool,
}

/// Writes the head that the client gets for the upstream's answer in `ex.reply`, whose bytes are `bytes`.
pub(crate) fn reply_head(out: &mut Vec<u8>, ex: &Exchange, bytes: &[u8], to: ReplySink) {
    let head = &ex.reply;
    status_line(out, head.status, head.reason.of_bytes(bytes));
    let interim = head.status < 200;
    let (mut dated, mut sized) = (interim, false);
    for field in &head.fields {
        let (name, value) = (field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        match field.known {
            Known::Connection | Known::Hop | Known::Coding | Known::Te | Known::RequestId => continue,
            Known::Upgrade if !head.websocket => continue,
            Known::Length if sized || head.status == 204 || interim => continue,
            Known::Length if to.sink != Sink::Plain => continue,
            Known::Length => sized = true,
            Known::Date => dated = true,
            Known::Trailer if to.sink != (Sink::Chunked { trailers: true }) => continue,
            _ => {}
        }
        if head.connection_lists && field.known != Known::Length && listed(&head.fields, bytes, name) {
            continue;
        }
        if ex.facts.hsts_max_age > 0 && name.eq_ignore_ascii_case(HSTS.as_bytes()) {
            continue;
        }
        line(out, name, value);
    }
    if matches!(to.sink, Sink::Chunked { .. }) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if !interim {
        put(out, "X-Request-Id", ex.id.as_bytes());
        put_hsts(out, ex);
    }
    if !dated {
        put(out, "Date", &ex.core.date(ex.facts.at));
    }
    match (head.websocket, interim) {
        (true, _) => out.extend_from_slice(b"Connection: Upgrade\r\n"),
        (false, false) => connection(out, ex, to.close),
        (false, true) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Says for how long the client shall ask over https only, where the host wants that.
pub(crate) fn put_hsts(out: &mut Vec<u8>, ex: &Exchange) {
    if ex.facts.hsts_max_age > 0 {
        drop(write!(out, "{HSTS}: max-age={}\r\n", ex.facts.hsts_max_age));
    }
}

/// Says whether the connection goes on where the version's default is otherwise.
pub(crate) fn connection(out: &mut Vec<u8>, ex: &Exchange, close: bool) {
    if close {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if ex.head.version == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
}

pub(crate) fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    let digits = [status / 100, status / 10 % 10, status % 10].map(|d| b'0' + d as u8);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&digits);
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_cookie_is_removed_in_any_spelling() {
        for (given, expected) in [
            ("a=1; b=2", Some("a=1; b=2")),
            ("argos_session=x", None),
            ("a=1; argos_session=x; b=2", Some("a=1; b=2")),
            ("ARGOS_Session=x;  a=\"1\"", Some("a=\"1\"")),
            ("argos_session=x; a=1;argos_session=y", Some("a=1")),
            ("argos%5fsession=x; a=1", Some("a=1")),
            ("argos.session=x; a=1", Some("a=1")),
            ("\"argos_session\"=x; a=1", Some("a=1")),
            ("argos_session2=x", Some("argos_session2=x")),
            ("a=argos_session", Some("a=argos_session")),
            ("argos_session", None),
        ] {
            let mut out = Vec::new();
            put_cookies(&mut out, b"Cookie", given.as_bytes());
            let expected = expected.map(|e| format!("Cookie: {e}\r\n")).unwrap_or_default();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn traceparents_are_checked() {
        let good = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_traceparent(good));
        for bad in [
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "x",
        ] {
            assert!(!is_traceparent(bad.as_bytes()), "{bad}");
        }
    }
}
