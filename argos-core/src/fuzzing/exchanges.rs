//! A request from its bytes to the bytes that the upstream gets: what leaves is one sound request that means what
//! came, whatever rules the host has.

use std::cell::RefCell;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::Deserialize;

use super::choices::Choices;
use super::heads::{accepted, read};
use crate::clock::{Clock, Timestamp};
use crate::logs::Queue;
use crate::proxy::core::{Core, Shared};
use crate::proxy::exchange::Exchange;
use crate::proxy::forward;
use crate::proxy::h1::field::{Known, LineScan, items};
use crate::proxy::h1::head::{Framing, Limits, arrived};
use crate::proxy::path::PathForms;
use crate::proxy::stage::balance;
use crate::proxy::stage::decide;
use crate::proxy::stop::Stop;
use crate::proxy::stream::Stream;
use crate::schema::{self, GroupId, HostId, RuleId, TargetId, parse_range};
use crate::snapshot::{Action, Group, Host, HostTls, Piece, ProxySettings, Rule, Snapshot, Target, Template};

const LIMITS: Limits = Limits { head: 65_536, fields: 64, uri: 8_192 };
/// What is forwarded is longer by what the proxy adds.
const WIDE: Limits = Limits { head: 1 << 20, fields: 1024, uri: 1 << 20 };

/// One exchange that is used again and again, as on a connection.
struct Room {
    runtime: tokio::runtime::Runtime,
    ex: Exchange,
    // The other end, so that the connection stays open.
    _listener: TcpListener,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::new(Room::new());
}

impl Room {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let live = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let clock = Clock::manual(Timestamp(1_767_225_600_007));
        let core = Core::new(0, live, Arc::new(Queue::new(|| ())), clock, Arc::new(Shared::default()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let socket = TcpStream::connect(address).expect("the listener is there");
        socket.set_nonblocking(true).expect("a socket can wait");
        let guard = runtime.enter();
        let socket = tokio::net::TcpStream::from_std(socket).expect("a runtime is entered");
        drop(guard);
        let ex = Exchange::new(Rc::clone(&core), Stream::Plain(socket), address, address);
        Self { runtime, ex, _listener: listener }
    }
}

/// A rule as the API takes it.
#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    matchers: Vec<schema::Matcher>,
    action: schema::Action,
}

pub(super) fn exchanges(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let options = choices.below(16);
    // The rule's JSON, a NUL, the head.
    let rest = choices.rest();
    let end = memchr::memchr(0, rest).unwrap_or(0);
    let rules = rule(&rest[..end]);
    let head = rest[end..].strip_prefix(b"\0").unwrap_or(&rest[end..]);
    let host = host(rules);
    ROOM.with_borrow_mut(|room| {
        let Room { runtime, ex, .. } = room;
        let _guard = runtime.enter();
        one(ex, &host, head, options);
        // Its rows are of no interest.
        ex.facts.access_log = false;
        ex.finish();
    });
}

/// The rule that `json` describes, if it is one.
fn rule(json: &[u8]) -> Option<Rule> {
    let Given { matchers, action } = serde_json::from_slice(json).ok()?;
    let at = Timestamp(0);
    let (id, host_id) = (RuleId(1), HostId(1));
    let stored = schema::Rule {
        id,
        host_id,
        priority: 1,
        name: String::new(),
        enabled: true,
        action,
        matchers,
        created_at: at,
        updated_at: at,
        warnings: Vec::new(),
    };
    Rule::compile(&stored).ok()
}

fn host(rule: Option<Rule>) -> Host {
    Host {
        id: HostId(1),
        domain: "*".into(),
        enabled: true,
        group: GroupId(1),
        max_body_bytes: None,
        access_log: false,
        rules: rule.into_iter().collect(),
        waf: None,
        limit: None,
        headers: None,
        compression: false,
        access: None,
        tls: HostTls::default(),
        fault: None,
    }
}

fn one(ex: &mut Exchange, host: &Host, head: &[u8], options: usize) {
    let on = |bit: usize| options >> bit & 1 == 1;
    let mut live = Snapshot::default();
    let trusted = if on(0) { parse_range("127.0.0.0/8").into_iter().collect() } else { Box::default() };
    live.proxy =
        Arc::new(ProxySettings { trusted_proxies: trusted, send_forwarded: on(1), ..ProxySettings::default() });
    let mut scan = LineScan::default();
    ex.input.clear();
    ex.input.extend_from_slice(head);
    let Ok(Some(end)) = arrived(&mut scan, &ex.input, LIMITS) else { return };
    ex.begin(&ex.core.live());
    let line = scan.first.unwrap_or(end);
    let parsed = ex.head.parse(&ex.input[..end], line, LIMITS);
    ex.expect_body();
    if parsed.is_err() || ex.read_head(&live).is_err() {
        return;
    }
    let target = Target::plain(TargetId(1), "192.0.2.9".into(), 8080, 1);
    let group = Arc::new(Group { preserve_host: on(2), ..Group::plain(GroupId(1), "g", Box::new([target])) });
    match decide::rule(ex, host) {
        Err(Stop::Redirect { location, .. }) => return redirected(host, &location),
        Err(Stop::Fixed(_) | Stop::Block(_) | Stop::BadResult) => return,
        Err(stop) => panic!("a rule ended the request with {stop:?}"),
        Ok(_) => {}
    }
    let mut out = Vec::new();
    let core = Rc::clone(&ex.core);
    let choice = balance::of_group(ex, &core, &live, &group).expect("the group has a target");
    forward::request_head(&mut out, ex, &live, &choice, on(3));
    forwarded(ex, &out, on(3));
}

/// A location is one header value, and of another site only where the rule itself names one.
fn redirected(host: &Host, location: &[u8]) {
    assert!(!location.iter().any(|b| *b < 0x20 || *b == 0x7f), "{}", location.escape_ascii());
    let own = host.rules.iter().any(|rule| match &rule.action {
        Action::Redirect { target: Template(pieces), .. } => {
            matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with("//"))
        }
        _ => false,
    });
    let foreign = matches!(location, [b'/', b'/' | b'\\', ..]);
    assert!(own || !foreign, "leads elsewhere: {}", location.escape_ascii());
}

/// What the upstream gets, read as strictly as what came.
fn forwarded(ex: &Exchange, out: &[u8], waits: bool) {
    let shown = || format!("{} from {}", out.escape_ascii(), ex.bytes().escape_ascii());
    let head = match read(out, &[], WIDE) {
        Some(Ok(head)) => head,
        other => panic!("{other:?}: {}", shown()),
    };
    assert_eq!(head.end, out.len(), "more than one head: {}", shown());
    accepted(&head, out, WIDE);
    assert_eq!(head.method.of_bytes(out), ex.method());
    assert_eq!(head.version.as_str(), "HTTP/1.1");
    match (head.framing, ex.head.framing) {
        (Framing::None, Framing::None) => {}
        (a, b) => assert_eq!(a, b, "framed otherwise: {}", shown()),
    }
    assert_eq!(head.websocket, ex.head.websocket, "{}", shown());
    assert_eq!(head.expects_continue, ex.head.expects_continue && waits, "{}", shown());
    assert_eq!(head.takes_trailers, ex.head.takes_trailers && !ex.head.websocket, "{}", shown());
    assert!(!head.close, "{}", shown());
    for field in &head.fields {
        let value = field.value.of_bytes(out);
        assert!(!matches!(field.known, Known::Identity | Known::Hop), "{}", shown());
        if field.known == Known::Connection {
            let good = |item: &[u8]| item == b"Upgrade" || item == b"TE";
            assert!(items(value).all(good), "{}", shown());
        }
        if field.known == Known::Cookie {
            let session = |c: &[u8]| c.trim_ascii().to_ascii_lowercase().starts_with(b"argos_session=");
            assert!(!value.split(|b| *b == b';').any(session), "{}", shown());
        }
        assert!(field.known != Known::Origin || ex.client.trusted || field.name.of_bytes(out) == b"Forwarded");
    }
    let target = head.target.of_bytes(out);
    let path = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
    if ex.rewritten.is_none() {
        let forms = PathForms::of(path).expect("a forwarded path has forms");
        assert_eq!(forms.matching(path), ex.matching_path(), "{}", shown());
        assert_eq!(forms.forwarded(path), path, "{}", shown());
    }
}
