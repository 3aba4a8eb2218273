//! Heads on their way: what is removed, replaced and added in either direction.

use std::io::Write as _;

use http::{Request, Uri};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::amend::Draft;
use super::compress::{self, Plan};
use super::cookies::{is_argos, put_cookies};
use super::exchange::Exchange;
use super::framed::fields::Fields;
use super::h1::body::Sink;
use super::h1::field::{Field, Known, items, length};
use super::h1::head::{Framing, split_authority};
use super::stage::balance::Choice;
use crate::logs::Version;
use crate::schema::Person;
use crate::snapshot::{HeaderRules, Snapshot};

/// Source: RFC 6797 §6.1.
const HSTS: &str = "Strict-Transport-Security";
const ALT_SVC: &str = "Alt-Svc";
/// What tells the panel who the client is, with the proof that this proxy says so.
pub const PANEL_CLIENT: &str = "X-Argos-Client";

/// Where a head's fields go: lines of HTTP/1, or the fields of HTTP/2 and HTTP/3.
pub(crate) trait Lines {
    /// One field, whose value `write` appends.
    fn with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>));

    /// One field that is about the connection and not the message; only HTTP/1 has such.
    fn hop(&mut self, name: &str, value: &[u8]);

    /// One field.
    fn line(&mut self, name: &[u8], value: &[u8]) {
        self.with(name, |out| out.extend_from_slice(value));
    }

    /// One field of ours.
    fn put(&mut self, name: &str, value: &[u8]) {
        self.line(name.as_bytes(), value);
    }
}

impl Lines for Vec<u8> {
    fn with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.extend_from_slice(name);
        self.extend_from_slice(b": ");
        write(self);
        self.extend_from_slice(b"\r\n");
    }

    fn hop(&mut self, name: &str, value: &[u8]) {
        self.put(name, value);
    }
}

/// Writes the head that an upstream gets over HTTP/1.1.
pub(crate) fn request_head(out: &mut Vec<u8>, ex: &Exchange, live: &Snapshot, choice: &Choice<'_>, waits: bool) {
    out.extend_from_slice(ex.method());
    out.push(b' ');
    target(out, ex);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    out.put("Host", authority(ex, choice));
    request_fields(out, ex, live, choice, waits);
    out.extend_from_slice(b"\r\n");
}

/// The head that an upstream gets over HTTP/2; none where its target has no such form.
pub(crate) fn request(ex: &Exchange, live: &Snapshot, choice: &Choice<'_>, waits: bool) -> Option<Request<()>> {
    let mut path = Vec::new();
    target(&mut path, ex);
    let scheme = if choice.target().tls.is_some() { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(authority(ex, choice)).path_and_query(path);
    let mut fields = Fields::default();
    request_fields(&mut fields, ex, live, choice, waits);
    let mut request = Request::builder().method(ex.method()).uri(uri.build().ok()?).body(()).ok()?;
    *request.headers_mut() = fields.into_map();
    Some(request)
}

/// Path and query as the upstream gets them.
pub(crate) fn target(out: &mut Vec<u8>, ex: &Exchange) {
    out.extend_from_slice(ex.forwarded_path());
    if let Some(query) = ex.forwarded_query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// The authority that the upstream is asked for.
pub(crate) fn authority<'a>(ex: &'a Exchange, choice: &'a Choice<'_>) -> &'a [u8] {
    match ex.head.host {
        Some(host) if choice.group.preserve_host => host.of_bytes(ex.bytes()),
        _ => choice.target().authority.as_bytes(),
    }
}

/// Writes the fields that the upstream gets, but for the authority, as the host's rules amend them. `waits` says that
/// the client's `Expect: 100-continue` is passed on.
pub(crate) fn request_fields(out: &mut impl Lines, ex: &Exchange, live: &Snapshot, choice: &Choice<'_>, waits: bool) {
    match ex.facts.headers.as_deref() {
        Some(rules) if !rules.request.is_empty() => {
            let mut draft = Draft::default();
            own_request_fields(&mut draft, ex, live, choice, waits);
            draft.amend(&rules.request, ex);
            draft.write(out);
        }
        _ => own_request_fields(out, ex, live, choice, waits),
    }
}

fn own_request_fields(out: &mut impl Lines, ex: &Exchange, live: &Snapshot, choice: &Choice<'_>, waits: bool) {
    let (bytes, head) = (ex.bytes(), &ex.head);
    let host = head.host.map(|h| h.of_bytes(bytes));
    let trace = ex.known(Known::Traceparent).filter(|t| is_traceparent(t));
    let own = choice.group.sticky.as_ref().map(|sticky| sticky.cookie.as_bytes());
    let mut sized = false;
    for field in &head.fields {
        let (name, value) = (field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        match field.known {
            Known::Other | Known::Accept | Known::Agent | Known::Referer | Known::Type | Known::Encoding => {}
            Known::Cookie | Known::Date | Known::Trailer => {}
            Known::Length if !sized && head.framing != Framing::Open => {
                sized = true;
                put_length(out, name, value);
                continue;
            }
            Known::Expect if waits => {}
            Known::Tracestate if trace.is_some() => {}
            Known::Origin if ex.client.trusted => {}
            Known::Shown if ex.client.trusted && !ex.facts.client_auth => {}
            _ => continue,
        }
        if head.connection_lists && listed(&head.fields, bytes, name) {
            continue;
        }
        match field.known {
            Known::Cookie if !ex.facts.panel => put_cookies(out, name, value, own),
            _ => out.line(name, value),
        }
    }
    if head.framing == Framing::Open {
        out.hop("Transfer-Encoding", b"chunked");
    }
    if head.websocket {
        out.hop("Connection", b"Upgrade");
        out.hop("Upgrade", b"websocket");
    } else if head.takes_trailers {
        out.hop("Connection", b"TE");
        out.put("TE", b"trailers");
    }
    put_origin(out, ex, live, host);
    if ex.facts.client_auth {
        put_shown(out, ex);
    }
    if ex.facts.panel
        && let Some(proof) = &ex.core.shared.panel_proof
    {
        // Over the loopback the panel sees no client but us.
        out.with(PANEL_CLIENT.as_bytes(), |out| drop(write!(out, "{} {}", proof.expose(), ex.client.ip)));
    }
    if let Some(visitor) = &ex.visitor {
        put_visitor(out, &visitor.person);
    }
    out.put("X-Request-Id", ex.id.as_bytes());
    match trace {
        Some(trace) => out.put("traceparent", trace),
        None => put_trace(out, ex),
    }
    out.put("Via", b"1.1 argos");
}

/// Whether `Connection` names the header, so that it is meant for this hop only. Source: RFC 9110 §7.6.1.
fn listed(fields: &[Field], bytes: &[u8], name: &[u8]) -> bool {
    let mut lines = fields.iter().filter(|f| f.known == Known::Connection);
    lines.any(|f| items(f.value.of_bytes(bytes)).any(|item| item.eq_ignore_ascii_case(name)))
}

// `007` is a length too, but not every reader's seven.
fn put_length(out: &mut impl Lines, name: &[u8], value: &[u8]) {
    match value {
        [b'0', _, ..] => out.with(name, |out| drop(write!(out, "{}", length(value).unwrap_or_default()))),
        _ => out.line(name, value),
    }
}

// Where the request came from.
fn put_origin(out: &mut impl Lines, ex: &Exchange, live: &Snapshot, host: Option<&[u8]>) {
    out.with(b"X-Forwarded-For", |out| {
        for ip in ex.client.chain.iter().rev() {
            let _ = write!(out, "{ip}, ");
        }
        out.extend_from_slice(ex.peer.text.as_bytes());
    });
    let scheme: &[u8] = if ex.https { b"https" } else { b"http" };
    out.put("X-Forwarded-Proto", scheme);
    // A trusted proxy knows which name and port the client used.
    let said = |name| if ex.client.trusted { ex.known(name) } else { None };
    let name = said(Known::ForwardedHost).filter(|h| split_authority(h).is_some()).or(host);
    if let Some(name) = name {
        out.put("X-Forwarded-Host", name);
    }
    let is_port = |p: &&[u8]| (1..=5).contains(&p.len()) && p.iter().all(u8::is_ascii_digit);
    match said(Known::ForwardedPort).filter(is_port) {
        Some(port) => out.put("X-Forwarded-Port", port),
        None => out.with(b"X-Forwarded-Port", |out| drop(write!(out, "{}", ex.peer.local.port()))),
    }
    if live.proxy.send_forwarded {
        out.with(b"Forwarded", |out| forwarded(out, ex, name, scheme));
    }
}

/// The value of `Forwarded`. Source: RFC 7239 §4.
fn forwarded(out: &mut Vec<u8>, ex: &Exchange, name: Option<&[u8]>, scheme: &[u8]) {
    let node = |out: &mut Vec<u8>, ip: std::net::IpAddr| match ip {
        std::net::IpAddr::V4(ip) => write!(out, "for={ip}"),
        std::net::IpAddr::V6(ip) => write!(out, "for=\"[{ip}]\""),
    };
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
}

/// What the client's certificate is, where the host asks for one.
fn put_shown(out: &mut impl Lines, ex: &Exchange) {
    let Some(shown) = ex.secured.as_ref().and_then(|s| s.shown.as_ref()) else {
        return out.put("X-Client-Cert-Verified", b"no");
    };
    out.put("X-Client-Cert-Verified", b"yes");
    out.put("X-Client-Cert-Subject", shown.subject().as_bytes());
    out.put("X-Client-Cert-Fingerprint", shown.fingerprint().as_bytes());
}

/// What is not written as it is in a field about a visitor: what is no printable ASCII, and the mark of what was encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');
/// The same in a list.
const ENCODED_ITEM: &AsciiSet = &ENCODED.add(b',');

/// Who is signed in. What is not known of them has no field.
fn put_visitor(out: &mut impl Lines, person: &Person) {
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            out.with(name.as_bytes(), |out| put_encoded(out, value, ENCODED));
        }
    };
    put("X-Auth-User", &person.username);
    put("X-Auth-Email", person.email.as_deref().unwrap_or_default());
    put("X-Auth-Name", person.display_name.as_deref().unwrap_or_default());
    put("X-Auth-Provider", person.provider.as_str());
    if !person.groups.is_empty() {
        out.with(b"X-Auth-Groups", |out| {
            for (i, group) in person.groups.iter().enumerate() {
                out.extend_from_slice(if i > 0 { b"," } else { b"" });
                put_encoded(out, group, ENCODED_ITEM);
            }
        });
    }
}

fn put_encoded(out: &mut Vec<u8>, value: &str, set: &'static AsciiSet) {
    utf8_percent_encode(value, set).for_each(|part| out.extend_from_slice(part.as_bytes()));
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

fn put_trace(out: &mut impl Lines, ex: &Exchange) {
    let random = ex.core.random.borrow_mut().take::<24>();
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    // 48 digits cannot fail to fit their two places.
    let _ = hex::encode_to_slice(&random[..16], &mut text[3..35]);
    let _ = hex::encode_to_slice(&random[16..], &mut text[36..52]);
    out.put("traceparent", &text);
}

/// Writes the fields that the client gets with the upstream's answer in `ex.reply`, whose bytes are `bytes` and whose
/// body goes out as `sink` says, as the host's rules amend them; `close` says that the connection ends after it.
pub(crate) fn reply_fields(out: &mut impl Lines, ex: &Exchange, bytes: &[u8], sink: Sink, close: bool) {
    match ex.facts.headers.as_deref() {
        // An interim answer is about the request, not about what is answered.
        Some(rules) if ex.reply.status >= 200 => amended(out, ex, rules, |draft| {
            own_reply_fields(draft, ex, bytes, sink, close);
        }),
        _ => own_reply_fields(out, ex, bytes, sink, close),
    }
}

/// Writes the fields of an answer that `write` gives, as the host's rules amend them.
pub(crate) fn amended(out: &mut impl Lines, ex: &Exchange, rules: &HeaderRules, write: impl FnOnce(&mut Draft)) {
    let mut draft = Draft::default();
    write(&mut draft);
    draft.amend(&rules.reply, ex);
    draft.write(out);
}

fn own_reply_fields(out: &mut impl Lines, ex: &Exchange, bytes: &[u8], sink: Sink, close: bool) {
    let head = &ex.reply;
    let framed = sink == Sink::Frames;
    let interim = head.status < 200;
    let alt_svc = alt_svc(ex);
    let (mut dated, mut sized) = (interim, false);
    let plan = ex.facts.plan.filter(|_| !interim);
    let coding = plan.and_then(Plan::coding);
    let mut varies = false;
    for field in &head.fields {
        let (name, value) = (field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        match field.known {
            Known::Connection | Known::Hop | Known::Coding | Known::Te | Known::RequestId => continue,
            Known::Upgrade if !head.websocket || framed => continue,
            Known::Length if sized || head.status == 204 || interim => continue,
            Known::Length if matches!(sink, Sink::Chunked { .. }) || coding.is_some() => continue,
            Known::Length => {
                sized = true;
                put_length(out, name, value);
                continue;
            }
            Known::Date => dated = true,
            Known::Trailer if !framed && sink != (Sink::Chunked { trailers: true }) => continue,
            _ => {}
        }
        if head.connection_lists && listed(&head.fields, bytes, name) {
            continue;
        }
        if ex.facts.hsts_max_age > 0 && name.eq_ignore_ascii_case(HSTS.as_bytes()) {
            continue;
        }
        // What the upstream says of itself is not where we are.
        if alt_svc.is_some() && name.eq_ignore_ascii_case(ALT_SVC.as_bytes()) {
            continue;
        }
        if framed && head.websocket && name.eq_ignore_ascii_case(b"sec-websocket-accept") {
            continue;
        }
        // Who is signed in is nothing for an upstream to say.
        if field.known == Known::Other && !ex.facts.panel && name.eq_ignore_ascii_case(b"set-cookie") && is_argos(value)
        {
            continue;
        }
        if plan.is_some() && field.known == Known::Other {
            varies |= compress::varies(name, value);
            if coding.is_some() && compress::put_instead(out, name, value) {
                continue;
            }
        }
        out.line(name, value);
    }
    if let Some(coding) = coding {
        out.put("Content-Encoding", coding.name().as_bytes());
    }
    if plan.is_some() && !varies {
        out.put("Vary", b"Accept-Encoding");
    }
    if matches!(sink, Sink::Chunked { .. }) {
        out.hop("Transfer-Encoding", b"chunked");
    }
    if !interim || head.websocket {
        put_standing(out, ex);
    }
    if !interim {
        out.put("X-Request-Id", ex.id.as_bytes());
        put_hsts(out, ex);
        put_alt_svc(out, ex);
        if let Some(cookie) = &ex.facts.cookie {
            out.put("Set-Cookie", cookie.as_bytes());
        }
    }
    if !dated {
        out.put("Date", &ex.core.date(ex.facts.at));
    }
    match (head.websocket, interim) {
        (true, _) => out.hop("Connection", b"Upgrade"),
        (false, false) => connection(out, ex, close),
        (false, true) => {}
    }
}

/// Says what the client has left, where the host limits requests. Source: draft-ietf-httpapi-ratelimit-headers-10 §3, §4.
pub(crate) fn put_standing(out: &mut impl Lines, ex: &Exchange) {
    let Some(standing) = &ex.facts.standing else { return };
    // Writing to memory can't fail.
    out.with(b"RateLimit-Policy", |out| {
        drop(write!(out, "\"host\";q={};w={}", standing.requests, standing.window));
    });
    out.with(b"RateLimit", |out| drop(write!(out, "\"host\";r={};t={}", standing.left, standing.seconds)));
}

/// Says for how long the client shall ask over https only, where the host wants that.
pub(crate) fn put_hsts(out: &mut impl Lines, ex: &Exchange) {
    if ex.facts.hsts_max_age > 0 {
        out.with(HSTS.as_bytes(), |out| drop(write!(out, "max-age={}", ex.facts.hsts_max_age)));
    }
}

/// The port at which the same is served over HTTP/3: to clients that have shaken hands with us, and for hosts that ask
/// for no certificate of theirs.
fn alt_svc(ex: &Exchange) -> Option<u16> {
    let told = ex.secured.is_some() && ex.facts.host.is_some() && !ex.facts.client_auth;
    ex.core.shared.h3_port.filter(|_| told)
}

/// Says where HTTP/3 is spoken. Source: RFC 7838 §3, RFC 9114 §3.1.1.
pub(crate) fn put_alt_svc(out: &mut impl Lines, ex: &Exchange) {
    if let Some(port) = alt_svc(ex) {
        out.with(ALT_SVC.as_bytes(), |out| drop(write!(out, "h3=\":{port}\"; ma=86400")));
    }
}

/// Says whether the connection goes on where the version's default is otherwise.
pub(crate) fn connection(out: &mut impl Lines, ex: &Exchange, close: bool) {
    if close {
        out.hop("Connection", b"close");
    } else if ex.head.version == Version::Http10 {
        out.hop("Connection", b"keep-alive");
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
