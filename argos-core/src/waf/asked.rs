//! A request and its answer as the rules read them, away from any connection.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use argos_seclang::Transaction;

use super::inspect::RequestLine;
use super::scope::{Addressed, path_of};

/// Where a request is said to have arrived.
const SERVER: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

/// Names and values in the order received.
pub type Fields = Vec<(Box<[u8]>, Box<[u8]>)>;

/// A request, and its answer if there is one, in bytes.
#[derive(Clone)]
pub struct Asked {
    /// The method.
    pub method: Box<[u8]>,
    /// The raw target.
    pub uri: Box<[u8]>,
    /// Such as `HTTP/1.1`.
    pub version: Box<[u8]>,
    /// Its headers.
    pub headers: Fields,
    /// Its body without any content coding, or the first bytes of it.
    pub body: Box<[u8]>,
    /// Whether these are only its first bytes.
    pub cut: bool,
    /// The client.
    pub client: IpAddr,
    /// The answer.
    pub answer: Option<Answered>,
}

/// An answer in bytes.
#[derive(Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: Fields,
    /// Its body without any content coding, or the first bytes of it.
    pub body: Box<[u8]>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // All else may hold secrets.
        f.debug_struct("Asked").field("answered", &self.answer.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Asked {
    /// The values of the header `name`, in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| &**value)
    }

    /// The path as received, without the origin of an absolute target.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        path_of(&self.uri)
    }

    /// Its path in the form `form` makes of it, and all else that it says about path and method; none for a path that is
    /// refused.
    #[must_use]
    pub fn addressed(&self, form: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Addressed<'_>> {
        let query = memchr::memchr(b'?', &self.uri).map_or(&b""[..], |at| &self.uri[at + 1..]);
        let headers = self.headers.iter().map(|(name, value)| (&**name, &**value));
        Some(Addressed::new(&self.method, form(self.path())?, query).sent_as(self.path()).with(headers, form))
    }

    /// Bytes of all its parts.
    #[must_use]
    pub fn size(&self) -> usize {
        let sum = |fields: &Fields| fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        let answer = self.answer.as_ref().map_or(0, |answer| sum(&answer.headers) + answer.body.len());
        self.method.len() + self.uri.len() + self.version.len() + sum(&self.headers) + self.body.len() + answer
    }

    /// Has `transaction` run phases 1 to 4 over it.
    pub fn run(&self, transaction: &mut Transaction) {
        transaction.connection(self.client, 0, SERVER.0, SERVER.1);
        transaction.request_line(&self.method, &self.uri, &self.version);
        self.headers.iter().for_each(|(name, value)| transaction.request_header(name, value));
        if self.cut {
            transaction.request_body_is_cut();
        }
        to_phase_2(transaction, &self.body);
        let Some(answer) = &self.answer else { return };
        transaction.response(answer.status, &self.version);
        answer.headers.iter().for_each(|(name, value)| transaction.response_header(name, value));
        to_phase_4(transaction, &answer.body);
    }
}

impl From<&RequestLine> for Asked {
    fn from(line: &RequestLine) -> Self {
        let bytes = |text: &str| Box::from(text.as_bytes());
        let fields = |fields: &[(String, String)]| fields.iter().map(|(n, v)| (bytes(n), bytes(v))).collect::<Fields>();
        let answer = line.response.as_ref().map(|answer| Answered {
            status: answer.status,
            headers: fields(&answer.headers),
            body: answer.body.as_slice().into(),
        });
        Self {
            method: bytes(&line.method),
            uri: bytes(&line.uri),
            version: bytes(&line.version),
            headers: fields(&line.headers),
            body: line.body.as_slice().into(),
            cut: false,
            client: line.remote_ip,
            answer,
        }
    }
}

/// Has `transaction` run phases 1 to 4 over `line`, without a copy of it.
pub(super) fn feed(transaction: &mut Transaction, line: &RequestLine) {
    transaction.connection(line.remote_ip, 0, SERVER.0, SERVER.1);
    transaction.request_line(line.method.as_bytes(), line.uri.as_bytes(), line.version.as_bytes());
    for (name, value) in &line.headers {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    to_phase_2(transaction, &line.body);
    let Some(answer) = &line.response else { return };
    transaction.response(answer.status, line.version.as_bytes());
    for (name, value) in &answer.headers {
        transaction.response_header(name.as_bytes(), value.as_bytes());
    }
    to_phase_4(transaction, &answer.body);
}

// After an interruption the engine passes over what follows.
fn to_phase_2(transaction: &mut Transaction, body: &[u8]) {
    transaction.phase1();
    if transaction.wants_request_body() {
        transaction.request_body(body);
    }
    transaction.phase2();
}

fn to_phase_4(transaction: &mut Transaction, body: &[u8]) {
    transaction.phase3();
    if transaction.wants_response_body() {
        transaction.response_body(body);
    }
    transaction.phase4();
}
