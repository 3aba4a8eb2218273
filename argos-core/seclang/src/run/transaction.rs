//! One request and its answer under inspection. Holds all that changes; the program is shared.

use std::net::IpAddr;
use std::sync::Arc;

use super::ctl::Control;
use super::memo::Memo;
use super::resolve::Candidate;
use super::store::{Member, Store};
use super::{Disruption, Interruption, Matched, Mode, Now, Outcome, Verdict};
use crate::actions::{Processor, Scope};
use crate::body::{self, json, multipart, urlencoded, xml};
use crate::operators::number;
use crate::program::{Engine, Program, Settings};

/// One request and its answer under inspection.
///
/// Order of calls: `connection`, `request_line`, `request_header`…, [`phase1`](Self::phase1), `request_body`…,
/// [`phase2`](Self::phase2), `response`, `response_header`…, [`phase3`](Self::phase3), `response_body`…,
/// [`phase4`](Self::phase4), [`finish`](Self::finish). After an interruption only `finish` does anything.
#[derive(Debug)]
pub struct Transaction {
    pub(super) program: Arc<Program>,
    pub(super) mode: Mode,
    pub(super) now: Now,
    pub(super) store: Store,
    pub(super) memo: Memo,
    pub(super) control: Control,
    pub(super) candidates: Vec<Candidate>,
    pub(super) matched: Vec<Matched>,
    pub(super) interrupted: Option<Interruption>,
    pub(super) would_interrupt: bool,
    pub(super) allow: Option<(Scope, u8)>,
    request_over: bool,
    response_over: bool,
}

/// Whether a body still fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRoom {
    /// More may follow.
    More,
    /// The limit is reached: the rest need not be handed in.
    Full,
}

impl Transaction {
    pub(super) fn new(program: Arc<Program>, mode: Mode, now: Now) -> Self {
        Self {
            program,
            mode,
            now,
            store: Store::default(),
            memo: Memo::default(),
            control: Control::default(),
            candidates: Vec::new(),
            matched: Vec::new(),
            interrupted: None,
            would_interrupt: false,
            allow: None,
            request_over: false,
            response_over: false,
        }
    }

    /// Chooses what a disruptive outcome does, for this transaction.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Both ends of the connection.
    pub fn connection(&mut self, client: IpAddr, client_port: u16, server: IpAddr, server_port: u16) {
        self.store.client = Some((client, client_port));
        self.store.server = Some((server, server_port));
    }

    /// `UNIQUE_ID`.
    pub fn unique_id(&mut self, id: &str) {
        self.store.unique_id = Some(self.store.value(id.as_bytes()));
    }

    /// `SERVER_NAME`.
    pub fn server_name(&mut self, name: &[u8]) {
        self.store.server_name = Some(self.store.value(name));
    }

    /// The request line; `uri` is the raw target.
    pub fn request_line(&mut self, method: &[u8], uri: &[u8], version: &[u8]) {
        let store = &mut self.store;
        let line = [method, b" ", uri, b" ", version].concat();
        store.line = Some(store.value(line));
        store.method = Some(store.value(method));
        store.protocol = Some(store.value(version));
        store.uri_raw = Some(store.value(uri));
        let local = body::without_origin(uri);
        store.uri = Some(store.value(local));
        let local = &local[..memchr::memchr(b'#', local).unwrap_or(local.len())];
        let (path, query) = match memchr::memchr(b'?', local) {
            Some(at) => (&local[..at], &local[at + 1..]),
            None => (local, &b""[..]),
        };
        let name = path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        store.filename = Some(store.value(path));
        store.basename = Some(store.value(name));
        store.query = Some(store.value(query));
        let settings = &self.program.settings;
        let parsed = urlencoded::parse(query, settings.argument_separator, settings.limits.arguments);
        self.store.urlencoded_error |= parsed.invalid;
        if parsed.too_many {
            self.store.body_error = Some(TOO_MANY);
        }
        self.store.args_get = members(&mut self.store, parsed.pairs);
    }

    /// One request header, in the order received.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        let member = self.store.member(name, value);
        self.store.request_headers.push(member);
        if name.eq_ignore_ascii_case(b"cookie") {
            for (name, value) in body::cookies(value).take(self.program.settings.limits.arguments) {
                let member = self.store.member(name, value);
                self.store.cookies.push(member);
            }
        }
    }

    /// Rules over the request's head.
    pub fn phase1(&mut self) -> Option<Interruption> {
        if self.skipped(1) { None } else { self.run(1) }
    }

    /// Whether the body should be handed in; false means it may stream by. Meaningful after phase 1.
    #[must_use]
    pub fn wants_request_body(&self) -> bool {
        let access = self.control.body_access.unwrap_or(self.program.settings.request_body);
        access
            && (self.control.processor.is_some() || self.control.force_body)
            && self.engine() != Engine::Off
            && !self.skipped(2)
            && (2..=5).any(|phase| self.program.has_phase(phase))
    }

    /// Part of the request body.
    pub fn request_body(&mut self, chunk: &[u8]) -> BodyRoom {
        let limits = &self.program.settings.limits;
        // Only multipart bodies hold files; elsewhere both bounds apply.
        let bytes = match self.control.processor {
            Some(Processor::Multipart) => limits.request_body_bytes,
            _ => limits.request_body_bytes.min(limits.request_body_no_files_bytes),
        };
        self.request_over |= take(&mut self.store.body, chunk, bytes);
        if self.request_over { BodyRoom::Full } else { BodyRoom::More }
    }

    /// Rules over the whole request.
    pub fn phase2(&mut self) -> Option<Interruption> {
        if self.skipped(2) {
            return None;
        }
        if self.request_over {
            self.store.inbound_error = true;
            if self.program.settings.limits.request_body_reject && self.engine() != Engine::Off {
                let stopped = self.stop(too_large(413, 2));
                if stopped.is_some() {
                    return stopped;
                }
            }
        }
        self.read_body();
        self.run(2)
    }

    fn read_body(&mut self) {
        let program = self.program.clone();
        let settings = &program.settings;
        let processor = self.control.processor;
        if !self.control.body_access.unwrap_or(settings.request_body) || self.store.body.is_empty() {
            return;
        }
        let room = settings.limits.arguments.saturating_sub(self.store.args_get.len());
        let body = std::mem::take(&mut self.store.body);
        match processor {
            Some(Processor::Urlencoded) => {
                let parsed = urlencoded::parse(&body, settings.argument_separator, room);
                self.store.urlencoded_error |= parsed.invalid;
                if parsed.too_many {
                    self.store.body_error = Some(TOO_MANY);
                }
                self.store.args_post = members(&mut self.store, parsed.pairs);
            }
            Some(Processor::Json) => {
                let parsed = json::parse(&body, settings.limits.json_depth, room);
                // A body that was cut at the limit can't be whole; what is there was inspected.
                if !self.request_over {
                    self.store.body_error = self.store.body_error.or(parsed.error);
                }
                self.store.args_post = members(&mut self.store, parsed.pairs);
            }
            Some(Processor::Multipart) => self.read_multipart(&body, room),
            Some(Processor::Xml) => self.read_xml(&body, settings),
            Some(Processor::Raw) | None => {}
        }
        let visible = matches!(processor, Some(Processor::Urlencoded | Processor::Raw)) || self.control.force_body;
        if visible {
            self.store.body_value = Some(self.store.value(body.as_slice()));
        }
        self.store.body = body;
    }

    fn read_xml(&mut self, body: &[u8], settings: &Settings) {
        let parsed = xml::parse(body, XML_DEPTH, settings.limits.arguments);
        let store = &mut self.store;
        if !self.request_over {
            store.body_error = store.body_error.or(parsed.error);
        }
        let text = store.member(XML_TEXT, parsed.text);
        store.xml.push(text);
        for value in parsed.attributes {
            let attribute = store.member(XML_ATTRIBUTES, value);
            store.xml.push(attribute);
        }
    }

    fn read_multipart(&mut self, body: &[u8], room: usize) {
        let kind = Store::header(&self.store.request_headers, b"content-type").unwrap_or_default();
        let parsed = multipart::parse(kind, body, room, self.request_over);
        let store = &mut self.store;
        store.body_error = store.body_error.or(parsed.error);
        store.flags = parsed.flags;
        store.args_post = members(store, parsed.pairs);
        store.part_headers = members(store, parsed.part_headers);
        for file in parsed.files {
            let field = store.value(file.field.as_slice());
            let size = store.value(file.content.len().to_string().into_bytes());
            let (name, content) = (store.value(file.name), store.value(file.content));
            let member = |value| Member { name: field.clone(), value };
            store.files.push(member(name));
            store.file_fields.push(member(field.clone()));
            store.file_sizes.push(member(size));
            store.file_contents.push(member(content));
        }
    }

    /// The status line of the answer.
    pub fn response(&mut self, status: u16, version: &[u8]) {
        self.store.status = Some(status);
        self.store.response_protocol = Some(self.store.value(version));
    }

    /// One response header.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        let member = self.store.member(name, value);
        self.store.response_headers.push(member);
    }

    /// Rules over the answer's head.
    pub fn phase3(&mut self) -> Option<Interruption> {
        if self.skipped(3) { None } else { self.run(3) }
    }

    /// Whether the answer's body should be handed in: its type is listed and phase 4 has rules.
    #[must_use]
    pub fn wants_response_body(&self) -> bool {
        let settings = &self.program.settings;
        let kind = Store::header(&self.store.response_headers, b"content-type").unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        settings.response_body
            && self.engine() != Engine::Off
            && !self.skipped(4)
            && self.program.has_phase(4)
            && settings.response_types.iter().any(|listed| listed.eq_ignore_ascii_case(kind))
    }

    /// Part of the answer's body.
    pub fn response_body(&mut self, chunk: &[u8]) -> BodyRoom {
        let bytes = self.program.settings.limits.response_body_bytes;
        self.response_over |= take(&mut self.store.response_body, chunk, bytes);
        if self.response_over { BodyRoom::Full } else { BodyRoom::More }
    }

    /// Rules over the whole answer.
    pub fn phase4(&mut self) -> Option<Interruption> {
        if self.skipped(4) {
            return None;
        }
        if self.response_over {
            self.store.outbound_error = true;
            if self.program.settings.limits.response_body_reject && self.engine() != Engine::Off {
                let stopped = self.stop(too_large(500, 4));
                if stopped.is_some() {
                    return stopped;
                }
            }
        }
        let body = std::mem::take(&mut self.store.response_body);
        self.store.response_value = Some(self.store.value(body));
        self.run(4)
    }

    /// Runs phase 5 and sums up.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.run(5);
        let verdict = match (&self.interrupted, self.would_interrupt) {
            (Some(_), _) => Verdict::Blocked,
            (None, true) => Verdict::Detected,
            (None, false) => Verdict::Pass,
        };
        let score = |names: [&[u8]; 2]| names.iter().find_map(|name| self.store.tx(name)).map_or(0, number);
        Outcome {
            verdict,
            score_in: score([b"blocking_inbound_anomaly_score", b"anomaly_score"]),
            score_out: score([b"blocking_outbound_anomaly_score", b"outbound_anomaly_score"]),
            interrupted: self.interrupted,
            matched: self.matched,
        }
    }
}

fn members(store: &mut Store, pairs: Vec<body::Pair>) -> Vec<Member> {
    pairs.into_iter().map(|(name, value)| store.member(name, value)).collect()
}

/// Adds what fits of `chunk`; true when something did not fit.
fn take(body: &mut Vec<u8>, chunk: &[u8], limit: usize) -> bool {
    let fits = chunk.len().min(limit.saturating_sub(body.len()));
    body.extend_from_slice(&chunk[..fits]);
    fits < chunk.len()
}

/// The limit itself has no rule, so its id is 0.
fn too_large(status: u16, phase: u8) -> Interruption {
    Interruption { status, phase, rule_id: 0, action: Disruption::Deny, location: None }
}

/// The paths of `XML` that this build knows.
pub(crate) const XML_TEXT: &[u8] = b"/*";
pub(crate) const XML_ATTRIBUTES: &[u8] = b"//@*";

/// Nesting of XML bodies.
const XML_DEPTH: usize = 512;

/// Text of `REQBODY_ERROR_MSG` when arguments are left out.
pub(super) const TOO_MANY: &str = "more arguments than SecArgumentsLimit allows";
