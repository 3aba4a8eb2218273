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
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use tokio::time::{Sleep, sleep};
use url::Url;

use guard::{Guard, Real, World};
pub use guard::{OwnListeners, Reach};

/// Time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time without a byte.
const SILENCE: Duration = Duration::from_secs(30);
/// Ways whose connections are kept.
const WAYS: usize = 8;

/// Bounds of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time of a whole call, with redirects.
    pub whole: Duration,
    /// Bytes of an answer; no more are read.
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
    /// The server: scheme, name and port.
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

/// What a guard says of an address; it travels inside the errors of the client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
struct Refusal {
    cause: Cause,
    why: String,
}

impl Refusal {
    fn new(cause: Cause, why: impl Into<String>) -> Self {
        Self { cause, why: why.into() }
    }

    fn at(self, url: &Url) -> Fault {
        Fault { at: server(url), why: self.why, cause: self.cause }
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
        self.way(url, https_only).map(drop)
    }

    /// Calls, and follows as many redirects as the call says.
    ///
    /// # Errors
    /// Why there is no answer. One that is not whole is an answer: see [`Answer::cut`].
    pub async fn call(&self, call: Call<'_>) -> Result<Answer, Fault> {
        let mut deadline = std::pin::pin!(sleep(self.limits.whole));
        let Call { method, url, mut headers, body, https_only, redirects } = call;
        let (mut url, mut followed) = (url.clone(), 0);
        loop {
            let led = |fault: Fault| match followed {
                0 => fault,
                _ => Fault { why: format!("{} (a redirect leads there)", fault.why), ..fault },
            };
            let way = self.way(&url, https_only).map_err(led)?;
            let client = self.client(way).map_err(|refusal| led(refusal.at(&url)))?;
            let asked = client.request(method.clone(), url.clone()).headers(headers.clone()).body(body.clone()).send();
            let response = tokio::select! {
                biased;
                response = asked => response.map_err(|e| led(self.fault(&url, &e)))?,
                () = &mut deadline => return Err(led(self.late(&url))),
            };
            let Some(next) = target(&response, &url, &method).filter(|_| redirects > 0) else {
                return Ok(self.read(response, &url, deadline).await);
            };
            if followed == redirects {
                let why = format!("sends on through more than {redirects} redirects");
                return Err(Refusal::new(Cause::Refused, why).at(&url));
            }
            let next = next.map_err(|refusal| refusal.at(&url))?;
            if next.origin() != url.origin() {
                let secret: Vec<HeaderName> =
                    headers.iter().filter(|(_, value)| value.is_sensitive()).map(|(name, _)| name.clone()).collect();
                secret.iter().for_each(|name| drop(headers.remove(name)));
            }
            (url, followed) = (next, followed + 1);
        }
    }

    fn way(&self, url: &Url, https_only: bool) -> Result<Way, Fault> {
        let way = way(url, https_only, self.reach.private).map_err(|refusal| refusal.at(url))?;
        self.guard(way).check_host(url).map_err(|refusal| refusal.at(url))?;
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
        let client = Client::builder()
            .tls_backend_preconfigured(tls(way.is_https)?)
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .user_agent(concat!("argos/", env!("CARGO_PKG_VERSION")))
            .pool_max_idle_per_host(if self.keep { 2 } else { 0 })
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .dns_resolver(Arc::new(self.guard(way)))
            .build()
            .map_err(|e| Refusal::new(Cause::Refused, format!("can't be called: making a client: {e}")))?;
        if clients.len() == WAYS {
            clients.remove(0);
        }
        clients.push((way, client.clone()));
        Ok(client)
    }

    async fn read(&self, mut response: Response, url: &Url, mut deadline: Pin<&mut Sleep>) -> Answer {
        let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mut answer = Answer {
            at: server(url),
            status: response.status(),
            retry_after: wait(text(RETRY_AFTER), text(DATE)),
            content_type: text(CONTENT_TYPE).to_owned(),
            body: Vec::new(),
            cut: None,
        };
        let most = self.limits.most;
        let too_long = || Some(Refusal::new(Cause::Refused, format!("answers more than {most} bytes")).at(url));
        if response.content_length().is_some_and(|length| length > most as u64) {
            answer.cut = too_long();
            return answer;
        }
        loop {
            let piece = tokio::select! {
                biased;
                piece = response.chunk() => piece.map_err(|e| self.fault(url, &e)),
                () = &mut deadline => Err(self.late(url)),
            };
            match piece {
                Ok(Some(piece)) if piece.len() > most - answer.body.len() => {
                    answer.body.extend_from_slice(&piece[..most - answer.body.len()]);
                    answer.cut = too_long();
                    return answer;
                }
                Ok(Some(piece)) => answer.body.extend_from_slice(&piece),
                Ok(None) => return answer,
                Err(fault) => {
                    answer.cut = Some(fault);
                    return answer;
                }
            }
        }
    }

    fn late(&self, url: &Url) -> Fault {
        let why = format!("does not answer within {} s", self.limits.whole.as_secs_f64());
        Refusal::new(Cause::Unreachable, why).at(url)
    }

    fn fault(&self, url: &Url, e: &reqwest::Error) -> Fault {
        // The innermost reason tells most: `Connection refused`, `certificate expired`.
        let mut at: &(dyn StdError + 'static) = e;
        loop {
            if let Some(refusal) = at.downcast_ref::<Refusal>() {
                return refusal.clone().at(url);
            }
            let Some(inner) = at.source() else { break };
            at = inner;
        }
        let why = match e.is_timeout() {
            true if e.is_connect() => format!("takes no connection within {} s", CONNECT.as_secs()),
            true => format!("is silent for {} s", SILENCE.as_secs()),
            false => format!("can't be reached: {}", at.to_string().replace(char::is_control, " ")),
        };
        Refusal::new(Cause::Unreachable, why).at(url)
    }
}

/// How `url` is reached, if it may be at all.
fn way(url: &Url, https_only: bool, private: bool) -> Result<Way, Refusal> {
    let refused = |why: String| Err(Refusal::new(Cause::Refused, why));
    let is_https = match url.scheme() {
        "https" => true,
        "http" if !https_only || private => false,
        "http" => return refused("is http, and only https is allowed".into()),
        other => return refused(format!("is {:?}, and only http and https are allowed", shown(other))),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refused("holds a name or a password, which is not allowed".into());
    }
    let Some(port) = url.port_or_known_default() else { return refused("has no port".into()) };
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
fn target(response: &Response, url: &Url, method: &Method) -> Option<Result<Url, Refusal>> {
    let keeps = match response.status().as_u16() {
        307 | 308 => true,
        301..=303 => false,
        _ => return None,
    };
    let to = response.headers().get(LOCATION).filter(|_| keeps || [Method::GET, Method::HEAD].contains(method))?;
    let refused = |why: &str| Err(Refusal::new(Cause::Refused, why));
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

/// How connections are encrypted. Over http they are not, so that nobody need be trusted.
fn tls(is_https: bool) -> Result<ClientConfig, Refusal> {
    let fault = |e: String| Refusal::new(Cause::Refused, format!("can't be called: {e}"));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(e.to_string()))?;
    if !is_https {
        return Ok(tls.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
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
