//! One request and its answer under inspection. Holds all that changes; the program is shared.

use std::net::IpAddr;
use std::sync::Arc;

use super::ctl::Control;
use super::left_out::{Leaving, LeftOut};
use super::own::Own;
use super::pool::{Pool, Scratch};
use super::resolve::Candidate;
use super::segment::Lane;
use super::store::{Member, Store};
use super::texts::Texts;
use super::trace::Trace;
use super::views::Views;
use super::{Audit, Disruption, Interruption, Masked, Matched, Mode, Now, Outcome, RuleSet, Verdict};
use crate::actions::{AuditEngine, Processor, Scope};
use crate::body::{self, urlencoded};
use crate::collections::{Collections, Key};
use crate::operators::{Captures, number};
use crate::program::{Engine, Program};
use crate::variables::{Group, VarId};

/// One request and its answer under inspection.
///
/// Order of calls: `connection`, `request_line`, `request_header`…, [`phase1`](Self::phase1), `request_body`…,
/// [`phase2`](Self::phase2), `response`, `response_header`…, [`phase3`](Self::phase3), `response_body`…,
/// [`phase4`](Self::phase4), [`finish`](Self::finish). After an interruption only `finish` does anything.
#[derive(Debug)]
pub struct Transaction {
    pub(super) program: Arc<Program>,
    pub(super) own: Arc<Own>,
    pub(super) mode: Mode,
    pub(super) now: Now,
    pub(super) store: Store,
    pub(super) texts: Texts,
    pub(super) views: Views,
    /// No shortcuts.
    pub(super) plain: bool,
    /// What it did, where somebody asked for that.
    pub(super) trace: Option<Box<Trace>>,
    pool: Arc<Pool>,
    pub(super) control: Control,
    /// What a host's own rules work with, while they do not run.
    pub(super) lane: Option<Box<Lane>>,
    /// What the caller leaves out of this transaction.
    pub(super) leaving: Leaving,
    pub(super) candidates: Vec<Candidate>,
    /// Answers of number comparisons, and the change of `TX` that each was asked at.
    pub(super) numbers: Vec<(u64, bool)>,
    pub(super) matched: Vec<Matched>,
    pub(super) interrupted: Option<Interruption>,
    pub(super) would_interrupt: bool,
    pub(super) allow: Option<(Scope, u8)>,
    pub(super) collections: Collections,
    /// Records this transaction has opened.
    pub(super) records: Vec<(VarId, Key)>,
    /// What `sanitise…` hides.
    pub(super) masked: Vec<(VarId, Box<[u8]>)>,
    pub(super) request_over: bool,
    /// What is handed in of the body is not all of it.
    request_part: bool,
    pub(super) response_over: bool,
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
    pub(super) fn new(set: &RuleSet, now: Now) -> Self {
        let Scratch { texts, views, candidates, tx, numbers } = set.pool.take();
        let mut store = Store::default();
        store.tx = tx;
        store.web_app = Some(store.value(set.own.settings.web_app.as_deref().unwrap_or(b"default")));
        Self {
            program: set.program.clone(),
            own: set.own.clone(),
            mode: set.mode,
            now,
            store,
            collections: set.collections.clone(),
            records: Vec::new(),
            masked: Vec::new(),
            texts,
            views,
            plain: set.plain,
            trace: None,
            pool: set.pool.clone(),
            control: Control::default(),
            leaving: Leaving::default(),
            lane: set.own.segment.as_ref().map(|segment| segment.lane()),
            candidates,
            numbers,
            matched: Vec::new(),
            interrupted: None,
            would_interrupt: false,
            allow: None,
            request_over: false,
            request_part: false,
            response_over: false,
        }
    }

    /// The same transaction, which keeps a trace.
    pub(super) fn traced(mut self, trace: Trace) -> Self {
        self.trace = Some(Box::new(trace));
        self
    }

    /// Whether rules had something to say so far: one that wants to be logged matched, or an outcome was demanded.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.would_interrupt || self.interrupted.is_some() || self.matched.iter().any(|matched| matched.log)
    }

    /// Chooses what a disruptive outcome does, for this transaction.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// `WEBAPPID` where no directive and no [`Builder::web_app`](crate::Builder::web_app) says otherwise: whose
    /// records of `IP`, `SESSION`, `USER`, `GLOBAL` and `RESOURCE` this transaction opens.
    pub fn web_app(&mut self, id: &str) {
        if self.own.settings.web_app.is_none() {
            self.store.web_app = Some(self.store.value(id.as_bytes()));
        }
    }

    /// Leaves rules or targets out of the phases to come. `left` was made by the rule set of this transaction, or by one
    /// that it was varied from.
    pub fn leave_out(&mut self, left: &LeftOut) {
        self.leaving.add(left);
    }

    /// Both ends of the connection.
    pub fn connection(&mut self, client: IpAddr, client_port: u16, server: IpAddr, server_port: u16) {
        self.views.changed(Group::Request);
        self.store.client = Some((client, client_port));
        self.store.server = Some((server, server_port));
    }

    /// `UNIQUE_ID`.
    pub fn unique_id(&mut self, id: &str) {
        self.store.unique_id = Some(self.store.value(id.as_bytes()));
    }

    /// `SERVER_NAME`.
    pub fn server_name(&mut self, name: &[u8]) {
        self.views.changed(Group::Request);
        self.store.server_name = Some(self.store.value(name));
    }

    /// The request line; `uri` is the raw target.
    pub fn request_line(&mut self, method: &[u8], uri: &[u8], version: &[u8]) {
        self.views.changed(Group::Request);
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
        // As the reference engines do: what names a file is shown decoded, once.
        let path = crate::transforms::url::percent(path);
        let name = path.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
        store.filename = Some(store.value(path.as_slice()));
        store.basename = Some(store.value(name));
        store.query = Some(store.value(query));
        let settings = &self.own.settings;
        let parsed = urlencoded::parse(query, settings.argument_separator, settings.limits.arguments);
        self.store.urlencoded_error |= parsed.invalid;
        if parsed.too_many {
            self.store.body_error = Some(TOO_MANY);
        }
        self.store.args_get = members(&mut self.store, parsed.pairs);
    }

    /// One request header, in the order received.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        self.views.changed(Group::Request);
        let member = self.store.member(name, value);
        self.store.request_headers.push(member);
        if name.eq_ignore_ascii_case(b"cookie") {
            for (name, value) in body::cookies(value, self.own.settings.cookies_v1) {
                if self.store.cookies.len() >= self.own.settings.limits.arguments {
                    self.store.body_error = Some(TOO_MANY);
                    break;
                }
                let member = self.store.member(name, value);
                self.store.cookies.push(member);
            }
        }
    }

    /// Rules over the request's head.
    pub fn phase1(&mut self) -> Option<Interruption> {
        if self.skipped(1) {
            return None;
        }
        self.remember_head();
        self.run(1)
    }

    /// Whether the body should be handed in; false means it may stream by. Meaningful after phase 1.
    #[must_use]
    pub fn wants_request_body(&self) -> bool {
        let access = self.control.body_access.unwrap_or(self.own.settings.request_body);
        access
            && (self.control.processor.is_some() || self.control.force_body)
            && self.engine() != Engine::Off
            && !self.skipped(2)
            && (2..=5).any(|phase| self.has_phase(phase))
    }

    /// What the rules have the request body read as; none = no processor, so that at most `REQUEST_BODY` holds it.
    pub fn request_processor(&self) -> Option<&'static str> {
        self.control.processor.map(Processor::name)
    }

    /// Part of the request body.
    pub fn request_body(&mut self, chunk: &[u8]) -> BodyRoom {
        self.views.changed(Group::Request);
        let limits = &self.own.settings.limits;
        // Only multipart bodies hold files; elsewhere both bounds apply.
        let bytes = match self.control.processor {
            Some(Processor::Multipart) => limits.request_body_bytes,
            _ => limits.request_body_bytes.min(limits.request_body_no_files_bytes),
        };
        let bytes = self.control.request_limit.unwrap_or(bytes);
        self.request_over |= take(&mut self.store.body, chunk, bytes);
        if self.request_over { BodyRoom::Full } else { BodyRoom::More }
    }

    /// Says that only the first bytes of the body are at hand, so that its sudden end is no error.
    pub fn request_body_is_cut(&mut self) {
        self.request_part = true;
    }

    /// Rules over the whole request.
    pub fn phase2(&mut self) -> Option<Interruption> {
        self.views.changed(Group::Request);
        if self.skipped(2) {
            return None;
        }
        if self.request_over {
            self.store.inbound_error = true;
            if self.own.settings.limits.request_body_reject && self.engine() != Engine::Off {
                let stopped = self.stop(too_large(413, 2));
                if stopped.is_some() {
                    return stopped;
                }
            }
        }
        self.request_over |= self.request_part;
        self.read_body();
        self.run(2)
    }

    /// The status line of the answer.
    pub fn response(&mut self, status: u16, version: &[u8]) {
        self.views.changed(Group::Response);
        self.store.status = Some(status);
        self.store.response_protocol = Some(self.store.value(version));
    }

    /// One response header.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        self.views.changed(Group::Response);
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
        let settings = &self.own.settings;
        let kind = Store::header(&self.store.response_headers, b"content-type").unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let listed = settings.response_types.iter().any(|listed| listed.eq_ignore_ascii_case(kind));
        self.control.response_access.unwrap_or(settings.response_body)
            && self.engine() != Engine::Off
            && !self.skipped(4)
            && self.has_phase(4)
            && (listed || self.control.force_response || self.control.response_processor.is_some())
    }

    /// Part of the answer's body.
    pub fn response_body(&mut self, chunk: &[u8]) -> BodyRoom {
        self.views.changed(Group::Response);
        let bytes = self.control.response_limit.unwrap_or(self.own.settings.limits.response_body_bytes);
        self.response_over |= take(&mut self.store.response_body, chunk, bytes);
        if self.response_over { BodyRoom::Full } else { BodyRoom::More }
    }

    /// Rules over the whole answer.
    pub fn phase4(&mut self) -> Option<Interruption> {
        self.views.changed(Group::Response);
        if self.skipped(4) {
            return None;
        }
        if self.response_over {
            self.store.outbound_error = true;
            if self.own.settings.limits.response_body_reject && self.engine() != Engine::Off {
                let stopped = self.stop(too_large(500, 4));
                if stopped.is_some() {
                    return stopped;
                }
            }
        }
        let body = std::mem::take(&mut self.store.response_body);
        self.read_response(&body);
        self.store.response_value = Some(self.store.value(body));
        self.run(4)
    }

    /// Runs phase 5 and sums up.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        self.sum_up()
    }

    /// As [`finish`](Self::finish), with what a transaction of [`RuleSet::explain`] did; of others that is empty.
    #[must_use]
    pub fn finish_explained(mut self) -> (Outcome, Trace) {
        let outcome = self.sum_up();
        (outcome, self.take_trace())
    }

    fn sum_up(&mut self) -> Outcome {
        self.run(5);
        let verdict = match (&self.interrupted, self.would_interrupt) {
            (Some(_), _) => Verdict::Blocked,
            (None, true) => Verdict::Detected,
            (None, false) => Verdict::Pass,
        };
        let score = |names: [&[u8]; 2]| names.iter().find_map(|name| self.store.tx(name)).map_or(0, number);
        let (score_in, score_out) = (
            score([b"blocking_inbound_anomaly_score", b"anomaly_score"]),
            score([b"blocking_outbound_anomaly_score", b"outbound_anomaly_score"]),
        );
        let categories = self.store.category_scores();
        let audit = self.audit();
        let masked = self.hide();
        Outcome {
            verdict,
            score_in,
            score_out,
            categories,
            interrupted: self.interrupted.take(),
            matched: std::mem::take(&mut self.matched),
            masked,
            audit,
        }
    }

    fn has_phase(&self, phase: u8) -> bool {
        self.program.has_phase(phase) || self.own.has_phase(phase)
    }

    fn audit(&self) -> Audit {
        let settings = &self.own.settings;
        let mut parts = settings.audit_parts.clone();
        for change in &self.control.audit_parts {
            change.apply(&mut parts);
        }
        let status = self.store.status.unwrap_or(0).to_string();
        let relevant = settings.audit_status.as_ref();
        let relevant = relevant.map(|pattern| pattern.matches(status.as_bytes(), b"", &mut Captures::default()));
        let details = relevant.unwrap_or(true) || self.interrupted.is_some();
        let relevant = relevant.unwrap_or(false) || self.matched.iter().any(|matched| matched.log && matched.audit);
        let record = match self.control.audit_engine.unwrap_or(settings.audit_engine) {
            AuditEngine::On => true,
            AuditEngine::Off => false,
            AuditEngine::RelevantOnly => relevant,
        };
        Audit { record, details, parts }
    }

    /// Masks the matches on values that rules want hidden, and names them.
    fn hide(&mut self) -> Masked {
        let mut masked = Masked::default();
        for (variable, name) in &self.masked {
            let (list, collections): (_, &[&str]) = match variable {
                VarId::Args => (&mut masked.arguments, &["ARGS", "ARGS_GET", "ARGS_POST"]),
                VarId::RequestHeaders => (&mut masked.request_headers, &["REQUEST_HEADERS"]),
                VarId::RequestCookies => (&mut masked.cookies, &["REQUEST_COOKIES"]),
                _ => (&mut masked.response_headers, &["RESPONSE_HEADERS"]),
            };
            list.push(name.to_vec());
            for matched in &mut self.matched {
                let target = matched.variable.split_once(':');
                let meant = target.is_some_and(|(collection, key)| {
                    collections.contains(&collection) && key.as_bytes().eq_ignore_ascii_case(name)
                });
                if meant {
                    matched.value = MASK.as_bytes().into();
                    MASK.clone_into(&mut matched.data);
                }
            }
        }
        masked
    }
}

impl Drop for Transaction {
    /// Gives its memory to the next transaction.
    fn drop(&mut self) {
        use std::mem::take;
        if let (Some(segment), Some(lane)) = (&self.own.segment, self.lane.take()) {
            segment.give(*lane);
        }
        let (texts, views) = (take(&mut self.texts), take(&mut self.views));
        let (candidates, tx, numbers) = (take(&mut self.candidates), take(&mut self.store.tx), take(&mut self.numbers));
        self.pool.give(Scratch { texts, views, candidates, tx, numbers }, self.program.plan.screen.words());
    }
}

pub(super) fn members(store: &mut Store, pairs: Vec<body::Pair>) -> Vec<Member> {
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

/// What stands for a hidden value.
const MASK: &str = "***";

/// Text of `REQBODY_ERROR_MSG` when arguments are left out.
pub(super) const TOO_MANY: &str = "more arguments or cookies than SecArgumentsLimit allows";
