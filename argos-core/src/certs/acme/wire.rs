//! Requests to an authority: over https only, bounded in time and bytes, never redirected.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::header::{LOCATION, RETRY_AFTER};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;
use serde_json::Value;

use super::fault::{Fault, FaultKind};
use crate::certs::provider;
use crate::clock::Clock;

/// Time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time of a whole request.
const WHOLE: Duration = Duration::from_secs(30);
/// Most bytes of an answer: chains of certificates are the longest.
const MOST: usize = 256 * 1024;
/// An authority that asks to wait longer is asked again after this time.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// The way to one authority. Clones are the same.
#[derive(Clone, Debug)]
pub struct Wire {
    client: Client,
    directory: Arc<str>,
    /// What names the directory: a setting, or a field of the host.
    named_by: &'static str,
    wait: Arc<Mutex<Option<Duration>>>,
}

impl Wire {
    /// The way to the directory at `directory`, which `named_by` names, trusting the system's authorities and those of
    /// `ca_bundle` (PEM).
    ///
    /// # Errors
    /// When there is nothing to trust, or the bundle can't be read.
    pub fn new(directory: &str, named_by: &'static str, ca_bundle: &str) -> Result<Self, Fault> {
        let bundle = |e: &dyn std::fmt::Display| Fault::other(format!("acme.ca_bundle: {e}"));
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ca_bundle.as_bytes()).collect();
        let roots = roots.map_err(|e| bundle(&e))?;
        let verifier = Verifier::new_with_extra_roots(roots, provider()).map_err(|e| {
            Fault::other(format!("{e}; acme.ca_bundle or SSL_CERT_FILE may give certificates to trust"))
        })?;
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::other(e.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()
            .map_err(|e| Fault::other(format!("making a client for https: {e}")))?;
        Ok(Self { client, directory: directory.into(), named_by, wait: Arc::default() })
    }

    /// The same way, with a memory of its own for how long to wait.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { wait: Arc::default(), ..self.clone() }
    }

    /// How long the authority asked to wait, if it did since this was last asked.
    pub fn asked_to_wait(&self) -> Option<Duration> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How the authority calls itself in CAA records. Source: RFC 8555 §7.1.1, `caaIdentities`.
    ///
    /// # Errors
    /// Those of the authority.
    pub async fn caa_identities(&self) -> Result<Vec<String>, Fault> {
        let request = Request::builder().uri(&*self.directory).body(BodyWrapper::default());
        let request = request.map_err(|e| Fault::other(e.to_string()))?;
        let mut answer = self.clone().send(request).await?;
        let body = answer.body.into_bytes().await.map_err(|e| Fault::other(e.to_string()))?;
        let directory: Value = serde_json::from_slice(&body)
            .map_err(|e| Fault::other(format!("the directory {} can't be read: {e}", self.directory)))?;
        let names = directory["meta"]["caaIdentities"].as_array().into_iter().flatten();
        Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The directory's URL.
    #[must_use]
    pub fn directory(&self) -> &str {
        &self.directory
    }

    async fn send(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Fault> {
        let (head, body) = request.into_parts();
        let fetches_directory = head.method == Method::GET && head.uri == *self.directory;
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let url = head.uri.to_string();
        let asked = self.client.request(head.method, &url).headers(head.headers).body(body);
        let mut answer = asked.send().await.map_err(|e| unreachable(&url, &e))?;
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = answer.status();
        parts.headers = std::mem::take(answer.headers_mut());
        let wait = parts.headers.remove(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
        if let Some(wait) = wait {
            // Whoever reads it later adds it to a moment: without a bound that could be none.
            parts.headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        if matches!(parts.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        }
        let mut body = BytesMut::new();
        while let Some(more) = answer.chunk().await.map_err(|e| unreachable(&url, &e))? {
            if body.len() + more.len() > MOST {
                return Err(Fault::other(format!("{url} gives more than {MOST} bytes")));
            }
            body.extend_from_slice(&more);
        }
        let is_problem = body.first() == Some(&b'{');
        if !parts.status.is_success() && (fetches_directory || !is_problem) {
            let kind =
                if parts.status == StatusCode::TOO_MANY_REQUESTS { FaultKind::Limited } else { FaultKind::Other };
            return Err(Fault::new(kind, format!("{url} answers {}", parts.status)));
        }
        if fetches_directory && !is_problem {
            return Err(Fault::other(format!("{url} is not an ACME directory: check {}", self.named_by)));
        }
        if parts.status.is_success() {
            let given = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            check_urls(given, &body).map_err(|why| {
                // An order that can't be followed is of no more use.
                let kind = if fetches_directory { FaultKind::Other } else { FaultKind::Stale };
                Fault::new(kind, format!("{url} gives {why}"))
            })?;
        }
        Ok(BytesResponse { parts, body: Box::new(body.freeze()) })
    }
}

impl HttpClient for Wire {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let sent = self.clone().send(request);
        Box::pin(async move { sent.await.map_err(|fault| Error::Other(Box::new(fault))) })
    }
}

/// Where URLs stand that are asked later. Source: RFC 8555 §7.1, RFC 9773 §4.1.
const URLS: [&str; 11] = [
    "newNonce",
    "newAccount",
    "newOrder",
    "newAuthz",
    "revokeCert",
    "keyChange",
    "renewalInfo",
    "authorizations",
    "finalize",
    "certificate",
    "url",
];

/// Refuses an answer with an URL that can't be asked: the library takes each for a good one.
fn check_urls(location: Option<&str>, body: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let challenges = answer["challenges"].as_array().into_iter().flatten();
    let fields = std::iter::once(&answer).chain(challenges).flat_map(|part| {
        URLS.iter().flat_map(move |field| {
            let all = match &part[field] {
                Value::Array(all) => all.iter().collect(),
                one => vec![one],
            };
            all.into_iter().filter_map(Value::as_str).map(move |url| (*field, url))
        })
    });
    for (field, url) in fields.chain(location.map(|url| ("Location", url))) {
        let parsed = url.parse::<Uri>();
        let is_good = parsed.is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
        if !is_good {
            let shown = &url[..url.floor_char_boundary(200)];
            return Err(format!("{shown:?} as {field}, which is no https URL"));
        }
    }
    Ok(())
}

/// Seconds, or a moment. Source: RFC 9110 §10.2.3.
fn retry_after(value: &str) -> Option<Duration> {
    let wait = match value.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let now = Duration::from_millis(Clock::system().now().0.unsigned_abs());
            let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            at.saturating_sub(now)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The innermost reason tells most: `Connection refused`, `certificate expired`.
pub(super) fn innermost(e: &dyn std::error::Error) -> String {
    let mut at = e;
    while let Some(reason) = at.source() {
        at = reason;
    }
    at.to_string()
}

fn unreachable(url: &str, e: &reqwest::Error) -> Fault {
    let why = innermost(e);
    let hint = if why.contains("certificate") && (why.contains("not valid yet") || why.contains("expired")) {
        "; check this machine's clock"
    } else if why.contains("invalid peer certificate") {
        "; acme.ca_bundle takes the root of a private authority"
    } else {
        ""
    };
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if e.is_timeout() {
        return Fault::new(FaultKind::Silent, format!("the authority at {host} does not answer in time"));
    }
    Fault::other(format!("the authority at {host} can't be reached: {why}{hint}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn urls_that_cannot_be_asked_are_refused_wherever_they_stand() {
        let refused = |answer: Value| check_urls(None, answer.to_string().as_bytes()).unwrap_err();
        for bad in ["file:///etc/passwd", "http://ca.lan/x", "/x", "", "https://", "https://a b/", "https:///x"] {
            for answer in [
                json!({"newNonce": bad}),
                json!({"renewalInfo": bad, "newOrder": "https://ca.lan/o"}),
                json!({"authorizations": ["https://ca.lan/a/1", bad], "finalize": "https://ca.lan/f"}),
                json!({"certificate": bad}),
                json!({"challenges": [{"type": "http-01", "url": "https://ca.lan/c"}, {"url": bad}]}),
            ] {
                assert!(refused(answer.clone()).contains("is no https URL"), "{answer}");
            }
            assert!(check_urls(Some(bad), b"").unwrap_err().ends_with("as Location, which is no https URL"));
        }
        let long = refused(json!({"newNonce": "x".repeat(5000)}));
        assert!(long.len() < 300 && long.contains("newNonce"), "{long}");
        let good = json!({"newNonce": "https://ca.lan/n?a=b", "certificate": null, "type": "http-01",
            "authorizations": ["https://[::1]:14000/a"], "meta": {"website": "anything"}});
        assert_eq!(check_urls(Some("https://ca.lan:14000/o/1"), good.to_string().as_bytes()), Ok(()));
        assert_eq!(check_urls(None, b"-----BEGIN CERTIFICATE-----"), Ok(()));
    }

    #[test]
    fn waits_are_seconds_or_dates_and_bounded() {
        assert_eq!(retry_after("120"), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("99999999"), Some(LONGEST_WAIT));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
