//! One request and its answer: the canonical form that every stage, the log and the upstream read.
//!
//! The head lies in `input` as it came; all else are positions in it. An [`Exchange`] serves one connection and
//! is used again for each of its requests. Dropping it in the middle of a request writes the request's rows too.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::client::Client;
use super::compress::Plan;
use super::core::{Core, Live};
use super::h1::body::{Framer, Pump, Sink, Source};
use super::h1::field::{Known, Span};
use super::h1::head::{Framing, Head, absolute, split_authority};
use super::h1::reply_head::ReplyHead;
use super::limit::Standing;
use super::pace::Pace;
use super::path::PathForms;
use super::stage::inspect::{self, Held, Inspection};
use super::stop::Stop;
use super::stream::Stream;
use super::tls::{Secured, TlsStream};
use crate::auth::Session;
use crate::certs::Shown;
use crate::clock::Timestamp;
use crate::logs::{Access, AccessAction, Fault, Record, Texts, Timings};
use crate::notify::Sighting;
use crate::schema::{HostId, RuleId};
use crate::snapshot::{HeaderRules, Host, Snapshot};

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) core: Rc<Core>,
    pub(crate) socket: Stream,
    /// What TLS settled, where it is spoken.
    pub(crate) secured: Option<Rc<Secured>>,
    pub(crate) deadline: super::timer::Deadline,
    pub(crate) peer: Peer,
    /// The head and what came after it.
    pub(crate) input: Vec<u8>,
    /// First byte of `input` that no body has taken.
    pub(crate) at: usize,
    pub(crate) head: Head,
    pub(crate) reply: ReplyHead,
    pub(crate) client: Client,
    /// Whether the client came over TLS, to us or to a trusted proxy.
    pub(crate) https: bool,
    /// The requested name: lower-case, no port, no trailing dot, IPv6 without brackets; empty = none.
    pub(crate) name: String,
    /// The path as received.
    pub(crate) path: Span,
    /// The query without `?`.
    pub(crate) query: Option<Span>,
    pub(crate) forms: PathForms,
    /// Path and query by a rewrite rule.
    pub(crate) rewritten: Option<(Vec<u8>, Vec<u8>)>,
    pub(crate) id: RequestId,
    /// What of the request's body has not been read.
    pub(crate) body: Framer,
    /// The request's body while it goes to the upstream.
    pub(crate) sending: Option<Pump>,
    /// Whether some of the body was taken from the client that nobody has kept: it can't be sent once more.
    pub(crate) drawn: bool,
    /// How fast the body must come.
    pub(crate) pace: Pace,
    /// Whether the upstream took only a part of the body, so that neither connection can be used again.
    pub(crate) cut: bool,
    /// The inspection by the WAF, unless it is off.
    pub(crate) waf: Option<Box<Inspection>>,
    /// What the WAF has seen of the body, to be forwarded before the rest.
    pub(crate) held: Option<Held>,
    /// Who asks, where the host wants to know.
    pub(crate) visitor: Option<Arc<Session>>,
    /// The snapshot of the request under way. An idle connection keeps none alive.
    live: Option<Rc<Live>>,
    pub(crate) facts: Facts,
}

/// Who is connected, and where.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    /// The address as text.
    pub(crate) text: Box<str>,
    pub(crate) local: SocketAddr,
}

/// What the log will say.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Whether a request is under way that has no record yet.
    pub(crate) open: bool,
    pub(crate) at: Timestamp,
    pub(crate) began: Instant,
    pub(crate) host: Option<HostId>,
    pub(crate) access_log: bool,
    pub(crate) rule: Option<RuleId>,
    pub(crate) status: u16,
    pub(crate) action: AccessAction,
    pub(crate) message: &'static str,
    pub(crate) upstream: Option<Arc<str>>,
    pub(crate) attempts: u8,
    pub(crate) upstream_us: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) waf_score: Option<i64>,
    /// Seconds of `Strict-Transport-Security`; 0 = no header.
    pub(crate) hsts_max_age: u32,
    /// Whether the host asks clients for a certificate.
    pub(crate) client_auth: bool,
    /// What the host changes about the fields of requests and answers.
    pub(crate) headers: Option<Arc<HeaderRules>>,
    /// Whether it goes to the panel.
    pub(crate) panel: bool,
    /// Whether the host compresses answers.
    pub(crate) compression: bool,
    /// What becomes of this answer, where it is one for compressing.
    pub(crate) plan: Option<Plan>,
    /// What the client has left, where the host limits requests.
    pub(crate) standing: Option<Standing>,
    /// What tells the client with which target it shall go on.
    pub(crate) cookie: Option<Box<str>>,
}

/// The text that names a request in the log, at the upstream and to the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId {
    bytes: [u8; 64],
    len: u8,
}

impl RequestId {
    const NONE: Self = Self { bytes: [0; 64], len: 0 };

    /// A new UUIDv7. Source: RFC 9562 §5.7.
    fn new(core: &Core, at: Timestamp) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        let random = core.random.borrow_mut().take::<10>();
        let mut id = Self::NONE;
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        id.len = uuid.hyphenated().encode_lower(&mut id.bytes).len() as u8;
        id
    }

    /// A trusted proxy's own: 8–64 of `[A-Za-z0-9._-]`.
    fn given(text: &[u8]) -> Option<Self> {
        let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !(8..=64).contains(&text.len()) || !text.iter().all(good) {
            return None;
        }
        let mut id = Self { len: text.len() as u8, ..Self::NONE };
        id.bytes[..text.len()].copy_from_slice(text);
        Some(id)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl Exchange {
    pub(crate) fn new(core: Rc<Core>, socket: Stream, peer: SocketAddr, local: SocketAddr) -> Self {
        let deadline = core.timers.deadline();
        let ip = peer.ip().to_canonical();
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let client = Client { ip, trusted: false, chain: smallvec::SmallVec::new() };
        Self {
            core,
            socket,
            secured: None,
            deadline,
            peer: Peer { ip, port: peer.port(), text: ip.to_string().into(), local },
            input: Vec::new(),
            at: 0,
            head: Head::default(),
            reply: ReplyHead::default(),
            client,
            https: false,
            name: String::new(),
            path: Span::default(),
            query: None,
            forms: PathForms::default(),
            rewritten: None,
            id: RequestId::NONE,
            body: Framer::new(Source::Done, Sink::Plain, 0),
            sending: None,
            drawn: false,
            pace: Pace::new(0, Instant::now()),
            cut: false,
            waf: None,
            held: None,
            visitor: None,
            live: None,
            facts: Facts::new(Timestamp(0)),
        }
    }

    /// Opens the record of a request whose head has arrived, or was refused before it did.
    pub(crate) fn begin(&mut self, live: &Rc<Live>) {
        let at = self.core.clock.now();
        self.live = Some(Rc::clone(live));
        self.drawn = false;
        self.facts = Facts { open: true, ..Facts::new(at) };
        self.pace = Pace::new(live.proxy.min_body_rate, self.facts.began);
        self.id = RequestId::new(&self.core, at);
        self.client = Client { ip: self.peer.ip, trusted: false, chain: smallvec::SmallVec::new() };
        (self.https, self.cut, self.sending) = (self.secured.is_some(), false, None);
        (self.waf, self.held, self.visitor) = (None, None, None);
        self.name.clear();
        (self.path, self.query, self.rewritten) = (Span::default(), None, None);
        self.forms = PathForms::default();
        self.body = Framer::new(Source::Done, Sink::Plain, 0);
    }

    /// Sets out to read the body that the head announces.
    pub(crate) fn expect_body(&mut self) {
        let (source, sink) = match self.head.framing {
            Framing::None => (Source::Done, Sink::Plain),
            Framing::Length(n) => (Source::Length(n), Sink::Plain),
            Framing::Open if self.socket.is_framed() => (Source::Close, Sink::Chunked { trailers: true }),
            Framing::Open => (Source::Chunked(Box::default()), Sink::Chunked { trailers: true }),
        };
        self.body = Framer::new(source, sink, u64::MAX);
        self.at = self.head.end;
    }

    /// Whether the upstream has the whole body, as far as the client has sent it.
    pub(crate) fn body_is_sent(&self) -> bool {
        self.sending.as_ref().is_none_or(|p| p.framer.done())
    }

    /// The body is sent; what was read beyond it begins the next request.
    pub(crate) fn body_sent(&mut self) {
        if let Some(pump) = self.sending.take() {
            self.facts.bytes_in = pump.framer.content;
            self.input.extend_from_slice(&pump.finish(&self.core.buffers));
        }
    }

    /// The rest of the body goes nowhere.
    pub(crate) fn cut_body(&mut self) {
        self.body_sent();
        self.cut = true;
    }

    /// Computes what all stages read from the parsed head: client, scheme, name, path forms.
    pub(crate) fn read_head(&mut self, live: &Snapshot) -> Result<(), Stop> {
        let bytes = &self.input[..self.head.end];
        let trusted = &live.proxy.trusted_proxies;
        if !trusted.is_empty() {
            let fields = self.head.fields.iter();
            let lines = fields.filter(|f| f.known == Known::ForwardedFor).map(|f| f.value.of_bytes(bytes));
            self.client = Client::of(self.peer.ip, trusted, lines);
            if self.client.trusted {
                let proto = self.head.value(bytes, Known::ForwardedProto).unwrap_or_default();
                self.https |= proto.eq_ignore_ascii_case(b"https");
                if let Some(id) = self.head.value(bytes, Known::RequestId).and_then(RequestId::given) {
                    self.id = id;
                }
            }
        }
        if let Some(host) = self.head.host
            && let Some((name, _)) = split_authority(host.of_bytes(bytes))
        {
            self.name.push_str(name.strip_suffix('.').unwrap_or(name));
            self.name.make_ascii_lowercase();
        }
        let target = self.head.target.of_bytes(bytes);
        let path_and_query = match absolute(target) {
            Some((_, rest)) if target[0] != b'/' => rest,
            _ => target,
        };
        let (path, query) = match memchr::memchr(b'?', path_and_query) {
            Some(at) => (&path_and_query[..at], Some(&path_and_query[at + 1..])),
            None => (path_and_query, None),
        };
        self.path = Span::of(path, bytes);
        self.query = query.map(|q| Span::of(q, bytes));
        self.forms = PathForms::of(self.raw_path()).map_err(Stop::BadPath)?;
        Ok(())
    }

    /// The bytes of the head.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.input[..self.head.end.min(self.input.len())]
    }

    pub(crate) fn method(&self) -> &[u8] {
        self.head.method.of_bytes(self.bytes())
    }

    /// The path as received; `/` where an absolute-form target has none.
    pub(crate) fn raw_path(&self) -> &[u8] {
        match self.path.of_bytes(self.bytes()) {
            [] => b"/",
            path => path,
        }
    }

    pub(crate) fn matching_path(&self) -> &[u8] {
        self.forms.matching(self.raw_path())
    }

    pub(crate) fn forwarded_path(&self) -> &[u8] {
        match &self.rewritten {
            Some((path, _)) => path,
            None => self.forms.forwarded(self.raw_path()),
        }
    }

    /// The query as it is forwarded, without `?`; none where there was no `?`.
    pub(crate) fn forwarded_query(&self) -> Option<&[u8]> {
        match &self.rewritten {
            Some((_, query)) => (!query.is_empty()).then_some(query),
            None => self.raw_query(),
        }
    }

    pub(crate) fn raw_query(&self) -> Option<&[u8]> {
        self.query.map(|q| q.of_bytes(self.bytes()))
    }

    /// Values of the lines named `name` (lower-case), in order.
    pub(crate) fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let bytes = self.bytes();
        let fields = self.head.fields.iter();
        fields.filter(move |f| f.name.of_bytes(bytes).eq_ignore_ascii_case(name)).map(move |f| f.value.of_bytes(bytes))
    }

    pub(crate) fn known(&self, name: Known) -> Option<&[u8]> {
        self.head.value(self.bytes(), name)
    }

    /// Notes the host and its limits.
    pub(crate) fn serve_by(&mut self, host: &Host, live: &Snapshot) {
        self.facts.host = (!host.is_panel()).then_some(host.id);
        self.facts.panel = host.is_panel();
        self.facts.access_log = host.access_log;
        self.facts.headers.clone_from(&host.headers);
        self.facts.compression = host.compression;
        self.facts.client_auth = host.tls.clients.is_some();
        // Over plain HTTP the header means nothing. Source: RFC 6797 §7.2.
        self.facts.hsts_max_age = if self.https { host.tls.hsts_max_age } else { 0 };
        let limit = host.max_body_bytes.unwrap_or(live.proxy.max_body_bytes);
        self.body.limit = if limit == 0 { u64::MAX } else { limit };
    }

    /// The snapshot of the request; of now, when none is under way.
    fn live(&self) -> Rc<Live> {
        self.live.clone().unwrap_or_else(|| self.core.live())
    }

    /// The texts of the log's rows.
    pub(crate) fn texts(&self) -> Texts<'_> {
        let agent = self.known(Known::Agent).unwrap_or_default();
        let secured = self.secured.as_deref();
        Texts {
            method: self.method(),
            path: if self.path == Span::default() { &[] } else { self.matching_path() },
            query: self.raw_query().unwrap_or_default(),
            host: self.name.as_bytes(),
            sni: secured.and_then(|s| s.name.as_deref()).unwrap_or_default().as_bytes(),
            shown: secured.and_then(|s| s.shown.as_ref()).map_or("", Shown::text).as_bytes(),
            agent: &agent[..agent.len().min(512)],
            referer: self.known(Known::Referer).unwrap_or_default(),
            upstream: self.facts.upstream.as_deref().unwrap_or_default().as_bytes(),
            request_id: self.id.as_bytes(),
        }
    }

    /// Writes an error row about this request.
    pub(crate) fn record_fault(&self, component: &'static str, severe: bool, status: u16, text: &str) {
        let at = self.core.clock.now();
        let mut fault = Fault::new(at, component, text.into());
        if component == AccessAction::BadRequest.as_str() {
            match self.core.shared.record_refusal(at) {
                Some(more) => fault.more = more,
                None => return,
            }
        }
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into_boxed_str();
        fault.severe = severe;
        fault.host = self.facts.host;
        fault.domain = self.name.as_str().into();
        fault.client = Some(self.client.ip);
        fault.method = lossy(self.method());
        if self.path != Span::default() {
            fault.path = lossy(self.matching_path());
        }
        fault.query = lossy(self.raw_query().unwrap_or_default());
        fault.masked = Arc::clone(&self.live().masked);
        fault.status = status;
        fault.upstream = self.facts.upstream.as_deref().unwrap_or_default().into();
        fault.request_id = self.id.as_str().into();
        fault.version = Some(self.head.version);
        self.core.record(Record::Error(Box::new(fault)));
    }

    /// Writes an error row about a handshake.
    pub(crate) fn record_handshake(&self, text: &str, severe: bool) {
        let name = self.socket.tls().and_then(TlsStream::asked);
        self.core.record_handshake(self.peer.ip, name, text, severe);
    }

    /// Writes the request's rows, once.
    pub(crate) fn finish(&mut self) {
        if !std::mem::replace(&mut self.facts.open, false) {
            return;
        }
        if let Some(pump) = self.sending.take() {
            self.facts.bytes_in = pump.framer.content;
        }
        inspect::finish(self);
        if self.facts.action == AccessAction::RateLimited
            && let Some(host) = self.facts.host
        {
            self.core.sight(Sighting::Refusal { at: self.facts.at, host });
        }
        let live = self.live();
        self.live = None;
        if !self.facts.access_log {
            return;
        }
        let facts = &self.facts;
        let total = facts.began.elapsed();
        let mut access = Access::new(facts.at);
        access.host = facts.host;
        access.rule = facts.rule;
        access.client = Some(self.client.ip);
        access.status = facts.status;
        access.action = facts.action;
        access.message = facts.message;
        access.version = self.head.version;
        access.tls = self.secured.as_ref().map_or("", |s| s.version);
        access.attempts = facts.attempts;
        access.timings =
            Timings { total: u64::try_from(total.as_micros()).unwrap_or(u64::MAX), upstream: facts.upstream_us };
        access.bytes_in = facts.bytes_in.max(self.body.content);
        access.bytes_out = facts.bytes_out;
        access.waf_score = facts.waf_score;
        self.core.record_access(access, self.texts(), &live.masked);
    }
}

impl Exchange {
    /// Lets go of the stream and the buffers of a request that is over.
    pub(crate) fn rest(&mut self) {
        self.socket = Stream::Gone;
        self.deadline.clear();
        self.core.buffers.give(std::mem::take(&mut self.input));
        self.at = 0;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish();
        self.core.buffers.give(std::mem::take(&mut self.input));
    }
}

impl Facts {
    fn new(at: Timestamp) -> Self {
        Self {
            open: false,
            at,
            began: Instant::now(),
            host: None,
            access_log: true,
            rule: None,
            // What stays when the client leaves before there is an answer.
            status: 499,
            action: AccessAction::ClientClosed,
            message: "",
            upstream: None,
            attempts: 0,
            upstream_us: 0,
            bytes_in: 0,
            bytes_out: 0,
            waf_score: None,
            hsts_max_age: 0,
            client_auth: false,
            headers: None,
            panel: false,
            compression: false,
            plan: None,
            standing: None,
            cookie: None,
        }
    }
}
