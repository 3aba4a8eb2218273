//! Calls to servers outside, over http and https: which addresses may be reached, and a client that reaches no other.
//!
//! ```text
//! Call ──▶ URL ──▶ address ──▶ connection ──▶ answer, read so far as it may be long
//!           ▲   guard: each name is looked up once, and what was checked is what is connected to
//!           └── redirect
//! ```
//!
//! What is told of a fault names the server and never what stands behind it in a URL, which is often a secret.

mod guard;
mod line;
mod refusal;
#[cfg(test)]
mod tests;
mod wait;

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::ext::on_informational;
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls_platform_verifier::Verifier;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};
use url::{Position, Url};

use guard::{Guard, Real, World};
pub use guard::{OwnListeners, Reach};
use line::Client;
use refusal::{Place, Refusal, fault, silent};
pub(crate) use wait::wait_for;

/// Time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time without a byte.
const SILENCE: Duration = Duration::from_secs(30);
/// Time for the body of an answer whose head tells all: what has come by then leaves the connection to the next call.
const REST: Duration = Duration::from_millis(500);
/// Answers that only announce another one (1xx).
const INTERIM: usize = 16;
/// Ways whose connections are kept.
const WAYS: usize = 8;

/// Bounds of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time of a whole call, with redirects.
    pub whole: Duration,
    /// Bytes of an answer's body; no more are read.
    pub most: usize,
}

impl Default for Limits {
    /// Those of a short call.
    fn default() -> Self {
        Self { whole: Duration::from_secs(5), most: 1 << 20 }
    }
}

/// What is asked.
#[derive(Clone)]
pub struct Call<'a> {
    /// The method; other servers get it too where a redirect leads there.
    pub method: Method,
    /// Whom.
    pub url: &'a Url,
    /// Header lines beside those of the connection. A value that is marked as sensitive goes to the first server only,
    /// and not to another one that a redirect leads to.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether plain http is refused, but for this machine where [`Reach::private`] is set.
    pub https_only: bool,
    /// Redirects that are followed. Those that keep method and body (307, 308) always, the others of GET and HEAD only;
    /// none leads from https to http.
    pub redirects: u8,
    /// Whether a success is told by its head alone: then its body is waited for only a moment.
    pub by_head: bool,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The server that gives it, as faults name it.
    pub at: String,
    /// Its status.
    pub status: StatusCode,
    /// How long the server asks to wait. A moment is read by the server's own clock.
    pub retry_after: Option<Duration>,
    /// `Content-Type`; empty = none that can be read.
    pub content_type: String,
    /// As much of the body as was read.
    pub body: Vec<u8>,
    /// Why that is not all.
    pub cut: Option<Fault>,
}

impl Answer {
    /// The answer, if it was read to its end.
    ///
    /// # Errors
    /// Why it was not.
    pub fn whole(self) -> Result<Self, Fault> {
        match self.cut {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }
}

/// Why there is no answer, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at} {why}")]
pub struct Fault {
    /// The server: scheme, name and port. One that another redirects to is named by that one: what it is called may be
    /// made of secrets that the other one was told.
    pub at: String,
    /// Why, without secrets: a sentence that lacks only the server.
    pub why: String,
    /// What kind of fault it is.
    pub cause: Cause,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The URL may not be called, or the answer is more than is taken.
    Refused,
    /// The server lies at an address that is not public, and only such may be reached.
    NotPublic,
    /// There was no connection, or no answer in time. That may pass.
    Unreachable,
}

impl Fault {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.cause == Cause::Unreachable
    }
}

/// A client. It keeps connections, which live as long as the runtime they were made in.
pub struct Outbound {
    reach: Reach,
    limits: Limits,
    keep: bool,
    world: Arc<dyn World>,
    clients: Mutex<Vec<(Way, Client)>>,
}

/// What connections have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Way {
    is_https: bool,
    /// The guard must know it, and is told only names.
    port: u16,
    only_loopback: bool,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("reach", &self.reach).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("at", &server(self.url)).finish_non_exhaustive()
    }
}

impl Outbound {
    /// A client that reaches what `reach` allows.
    #[must_use]
    pub fn new(reach: Reach, limits: Limits) -> Self {
        Self { reach, limits, keep: true, world: Arc::new(Real), clients: Mutex::default() }
    }

    /// One that keeps no connections, for work in a runtime of its own.
    #[must_use]
    pub fn without_keeping(self) -> Self {
        Self { keep: false, ..self }
    }

    /// Refuses a URL that may not be called, so far as that can be told without looking a name up.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, url: &Url, https_only: bool) -> Result<(), Fault> {
        self.way(url, https_only).map(drop).map_err(|refusal| refusal.at(&Place { first: url, now: url.clone() }))
    }

    /// Calls, and follows as many redirects as the call says.
    ///
    /// # Errors
    /// Why there is no answer. One that is not whole is an answer: see [`Answer::cut`].
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, Fault> {
        let mut deadline = std::pin::pin!(sleep(self.limits.whole));
        let Call { method, url, mut headers, body, https_only, redirects, by_head } = call;
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(concat!("argos/", env!("CARGO_PKG_VERSION"))));
        let (mut place, mut followed) = (Place { first: url, now: url.clone() }, 0);
        loop {
            let refused = |refusal: Refusal| refusal.at(&place);
            let way = self.way(&place.now, https_only).map_err(refused)?;
            let client = self.client(way).map_err(refused)?;
            let (request, interim) = request(&method, &place.now, &headers, &body).map_err(refused)?;
            let asked = timeout(SILENCE, client.request(request));
            let response = tokio::select! {
                biased;
                () = &mut deadline => return Err(self.late().at(&place)),
                () = interim.notified() => {
                    let refusal = Refusal::new(Cause::Refused, "never comes to its answer");
                    let why = format!("announces its answer more than {INTERIM} times");
                    return Err(refusal.saying(why).at(&place));
                }
                response = asked => response.map_err(|_| silent().at(&place))?.map_err(|e| fault(&e).at(&place))?,
            };
            let Some(next) = target(&response, &place.now, &method).filter(|_| redirects > 0) else {
                return Ok(self.read(response, &place, by_head, deadline).await);
            };
            if followed == redirects {
                let refusal = Refusal::new(Cause::Refused, "sends on through too many redirects");
                let why = format!("sends on through more than {redirects} redirects");
                return Err(refusal.saying(why).at(&place));
            }
            let next = next.map_err(refused)?;
            if next.origin() != place.now.origin() {
                let secret: Vec<HeaderName> =
                    headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
                secret.iter().for_each(|name| drop(headers.remove(name)));
            }
            (place.now, followed) = (next, followed + 1);
        }
    }

    fn way(&self, url: &Url, https_only: bool) -> Result<Way, Refusal> {
        let way = way(url, https_only, self.reach.private)?;
        self.guard(way).check_host(url)?;
        Ok(way)
    }

    fn guard(&self, way: Way) -> Guard {
        let Way { port, only_loopback, .. } = way;
        Guard { reach: self.reach.clone(), port, only_loopback, world: self.world.clone() }
    }

    fn client(&self, way: Way) -> Result<Client, Refusal> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(kept, _)| *kept == way) {
            return Ok(client.clone());
        }
        let tls = if way.is_https { Some(tls()?) } else { None };
        let client = line::client(self.guard(way), tls, self.limits.most, self.keep);
        if clients.len() == WAYS {
            clients.remove(0);
        }
        clients.push((way, client.clone()));
        Ok(client)
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        place: &Place<'_>,
        by_head: bool,
        mut deadline: Pin<&mut Sleep>,
    ) -> Answer {
        let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mut answer = Answer {
            at: place.name(),
            status: response.status(),
            retry_after: wait(text(RETRY_AFTER), text(DATE)),
            content_type: text(CONTENT_TYPE).to_owned(),
            body: Vec::new(),
            cut: None,
        };
        let most = self.limits.most;
        let too_long = || {
            let refusal = Refusal::new(Cause::Refused, "answers more than is taken");
            Some(refusal.saying(format!("answers more than {most} bytes")).at(place))
        };
        let mut body = response.into_body();
        if body.size_hint().lower() > most as u64 {
            answer.cut = too_long();
            return answer;
        }
        let rest = if by_head && answer.status.is_success() { REST } else { self.limits.whole };
        let mut rest = std::pin::pin!(sleep(rest));
        loop {
            let frame = tokio::select! {
                biased;
                () = &mut deadline => Err(self.late()),
                () = &mut rest => Err(self.late()),
                frame = timeout(SILENCE, body.frame()) => match frame {
                    Ok(frame) => frame.transpose().map_err(|e| fault(&e)),
                    Err(_) => Err(silent()),
                },
            };
            let piece = match frame {
                Ok(Some(frame)) => frame.into_data().unwrap_or_default(),
                Ok(None) => return answer,
                Err(refusal) => {
                    answer.cut = Some(refusal.at(place));
                    return answer;
                }
            };
            let room = most - answer.body.len();
            answer.body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                answer.cut = too_long();
                return answer;
            }
        }
    }

    fn late(&self) -> Refusal {
        let refusal = Refusal::new(Cause::Unreachable, "does not answer in time");
        refusal.saying(format!("does not answer within {} s", self.limits.whole.as_secs_f64()))
    }
}

/// What is sent, and what tells that too many answers only announced another one.
fn request(
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(Request<Full<Bytes>>, Arc<Notify>), Refusal> {
    let uri = url[..Position::AfterQuery].parse::<Uri>();
    let uri = uri.map_err(|_| Refusal::new(Cause::Refused, "can't be called: its URL holds what no request can"))?;
    let mut request = Request::new(Full::new(body.clone()));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method.clone(), uri, headers.clone());
    let (too_many, seen) = (Arc::new(Notify::new()), AtomicUsize::new(0));
    let tell = too_many.clone();
    on_informational(&mut request, move |_| {
        if seen.fetch_add(1, Ordering::Relaxed) == INTERIM {
            tell.notify_one();
        }
    });
    Ok((request, too_many))
}

/// How `url` is reached, if it may be at all.
fn way(url: &Url, https_only: bool, private: bool) -> Result<Way, Refusal> {
    let refused = |bare| Err(Refusal::new(Cause::Refused, bare));
    let is_https = match url.scheme() {
        "https" => true,
        "http" if !https_only || private => false,
        "http" => return refused("is http, and only https is allowed"),
        other => {
            let refusal = Refusal::new(Cause::Refused, "is of another scheme, and only http and https are allowed");
            return Err(refusal.saying(format!("is {:?}, and only http and https are allowed", shown(other))));
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("holds a name or a password, which is not allowed");
    }
    let Some(port) = url.port_or_known_default() else { return refused("has no port") };
    if port == 0 {
        return refused("has port 0, which no server has");
    }
    Ok(Way { is_https, port, only_loopback: https_only && !is_https })
}

/// Refuses a URL that no call reaches, so far as that is known without looking its name up.
///
/// # Errors
/// Why not.
pub fn check(reach: &Reach, url: &Url, https_only: bool) -> Result<(), Fault> {
    Outbound::new(reach.clone(), Limits::default()).check(url, https_only)
}

/// Where an answer sends to, if the call may go on there.
fn target(response: &Response<Incoming>, url: &Url, method: &Method) -> Option<Result<Url, Refusal>> {
    let keeps = match response.status().as_u16() {
        307 | 308 => true,
        301..=303 => false,
        _ => return None,
    };
    let to = response.headers().get(LOCATION).filter(|_| keeps || [Method::GET, Method::HEAD].contains(method))?;
    let refused = |bare| Err(Refusal::new(Cause::Refused, bare));
    Some(match to.to_str().ok().and_then(|to| url.join(to).ok()) {
        Some(next) if url.scheme() == "https" && next.scheme() == "http" => {
            refused("sends from https to http, and behind https only https is allowed")
        }
        Some(next) => Ok(next),
        None => refused("sends to what is no URL"),
    })
}

/// The server of a URL: what may be shown of it.
#[must_use]
pub fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", shown(url.scheme()))
}

fn shown(scheme: &str) -> &str {
    &scheme[..scheme.floor_char_boundary(20)]
}

/// What `Retry-After` asks for: seconds, or a moment, of which the server's `Date` says how far it is. Source: RFC 9110
/// §10.2.3.
fn wait(after: &str, date: &str) -> Option<Duration> {
    let after = after.trim();
    if !after.is_empty() && after.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(after.parse().unwrap_or(u64::MAX)));
    }
    let moment = httpdate::parse_http_date(after).ok()?;
    let now = httpdate::parse_http_date(date).ok()?;
    Some(moment.duration_since(now).unwrap_or_default())
}

/// How connections are encrypted.
fn tls() -> Result<ClientConfig, Refusal> {
    let fault = |e: String| Refusal::new(Cause::Refused, "can't be called").saying(format!("can't be called: {e}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(e.to_string()))?;
    let system = system_trust(provider).map_err(fault)?;
    Ok(tls.dangerous().with_custom_certificate_verifier(system).with_no_client_auth())
}

/// Those whom the system trusts. They are read until there are any, and then no more.
///
/// # Errors
/// Why there are none.
pub(crate) fn system_trust(provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    static SYSTEM: OnceLock<Arc<Verifier>> = OnceLock::new();
    if let Some(system) = SYSTEM.get() {
        return Ok(Arc::clone(system) as _);
    }
    let made = Verifier::new(provider)
        .map_err(|e| format!("the certificates that the system trusts: {e}; SSL_CERT_FILE may name a file of them"))?;
    Ok(Arc::clone(SYSTEM.get_or_init(|| Arc::new(made))) as _)
}
