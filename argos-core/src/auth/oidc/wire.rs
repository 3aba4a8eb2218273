//! Calls to a provider: https, bounded in time and bytes, never redirected, and not into networks around Argos.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::discovery::{Issuer, is_loopback};
use super::fault::{Fault, quoted};
use crate::error::{Error, Result};
use crate::schema::is_public;

/// Bounds of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time of a whole call.
    pub whole: Duration,
    /// Bytes of an answer.
    pub most: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { whole: Duration::from_secs(5), most: 1 << 20 }
    }
}

/// Where a provider may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At public addresses: its issuer was only given, so that nobody asks the networks around Argos through it.
    Public,
    /// Where its issuer is, wherever that is: it was saved. What else the provider names lies at public addresses, unless
    /// the issuer itself does not.
    Saved,
}

/// The way to one provider.
#[derive(Debug)]
pub(super) struct Wire {
    client: Client,
    guard: Guard,
    limits: Limits,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    /// Whether the answer calls itself a token (`application/jwt`).
    pub(super) is_token: bool,
}

impl Wire {
    pub(super) fn new(issuer: &Issuer, reach: Reach, limits: Limits) -> Result<Self, Fault> {
        let fault = |e: &dyn std::fmt::Display| Fault::discovery(format!("making a client for https: {e}"));
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| fault(&e))?
            .with_platform_verifier()
            .map_err(|e| Fault::discovery(format!("{e}; SSL_CERT_FILE may name a file of certificates to trust")))?
            .with_no_client_auth();
        let guard = Guard { issuer: issuer.host().into(), is_http: issuer.is_http(), reach };
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .user_agent(concat!("argos/", env!("CARGO_PKG_VERSION")))
            // Each flow has a runtime of its own, which a kept connection would not outlive.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(guard.clone()))
            .timeout(limits.whole)
            .build()
            .map_err(|e| fault(&e))?;
        Ok(Self { client, guard, limits })
    }

    /// Looks at `url`, with `token` as what opens it.
    pub(super) async fn get(&self, url: &Url, token: Option<&str>) -> Result<Answer, Fault> {
        let call = self.client.get(url.clone()).header("accept", "application/json");
        self.send(url, if let Some(token) = token { call.bearer_auth(token) } else { call }).await
    }

    /// Sends a form to `url`, with `basic` as the name and the word that open it.
    pub(super) async fn post(&self, url: &Url, form: String, basic: Option<(String, String)>) -> Result<Answer, Fault> {
        let call = self.client.post(url.clone()).header("accept", "application/json");
        let call = call.header("content-type", "application/x-www-form-urlencoded").body(form);
        self.send(url, if let Some((name, word)) = basic { call.basic_auth(name, Some(word)) } else { call }).await
    }

    async fn send(&self, url: &Url, call: RequestBuilder) -> Result<Answer, Fault> {
        let name = shown(url);
        let refused = |why: String| Fault::discovery(format!("{name} {why}"));
        self.guard.check_url(url).await.map_err(refused)?;
        let mut answer = call.send().await.map_err(|e| self.silent(&name, &e))?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(refused(format!("answers {status}: redirects are not followed")));
        }
        let kind = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let is_token = kind.to_ascii_lowercase().starts_with("application/jwt");
        let too_long = || refused(format!("answers more than {} bytes", self.limits.most));
        if answer.content_length().is_some_and(|length| length > self.limits.most as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(more) = answer.chunk().await.map_err(|e| self.silent(&name, &e))? {
            if body.len() + more.len() > self.limits.most {
                return Err(too_long());
            }
            body.extend_from_slice(&more);
        }
        Ok(Answer { status, body, is_token })
    }

    fn silent(&self, name: &str, e: &reqwest::Error) -> Fault {
        if e.is_timeout() {
            let limit = self.limits.whole.as_secs_f64();
            return Fault::discovery(format!("{name} does not answer within {limit} s"));
        }
        // The innermost reason tells most: `Connection refused`, `certificate expired`.
        let mut at: &dyn std::error::Error = e;
        while let Some(reason) = at.source() {
            at = reason;
        }
        Fault::discovery(format!("{name} can't be reached: {}", at.to_string().replace(char::is_control, " ")))
    }
}

/// Without what stands behind the path, which may be a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = (url.set_username(""), url.set_password(None));
    let text = String::from(url);
    text[..text.floor_char_boundary(300)].to_owned()
}

/// Which addresses may be asked. What it checked is what is connected to: a name is resolved once.
#[derive(Clone, Debug)]
struct Guard {
    /// The issuer's host, as a URL writes it.
    issuer: Arc<str>,
    is_http: bool,
    reach: Reach,
}

impl Guard {
    async fn check_url(&self, url: &Url) -> Result<(), String> {
        check_endpoint(url, self.is_http)?;
        match literal(url.host_str().unwrap_or_default()) {
            Some(ip) => self.check(url.host_str().unwrap_or_default(), &[ip]).await,
            None => Ok(()),
        }
    }

    async fn check(&self, host: &str, found: &[IpAddr]) -> Result<(), String> {
        if let Some(ip) = found.iter().find(|ip| METADATA.contains(ip)) {
            return Err(format!("lies at {ip}, where clouds keep secrets"));
        }
        let Some(ip) = found.iter().find(|ip| !is_public(**ip)) else { return Ok(()) };
        let may = self.reach == Reach::Saved && (host == &*self.issuer || self.is_private().await);
        if may { Ok(()) } else { Err(format!("lies at {ip}, which is not a public address")) }
    }

    /// Whether the issuer itself lies in a network that is not public.
    async fn is_private(&self) -> bool {
        match literal(&self.issuer) {
            Some(ip) => !is_public(ip),
            None => look_up(&self.issuer).await.is_ok_and(|found| found.iter().any(|at| !is_public(at.ip()))),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            let ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            guard.check(name.as_str(), &ips).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// Where clouds tell a machine its secrets: nothing ever goes there.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];

/// The address that a URL's host is.
fn literal(host: &str) -> Option<IpAddr> {
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(ip.to_canonical())
}

/// Refuses a URL of a provider that is no https, or holds a name and a password. Plain http is for a provider on this
/// machine, whose issuer says so.
pub(super) fn check_endpoint(url: &Url, http: bool) -> Result<(), String> {
    let plain = url.scheme() == "http" && http && is_loopback(url);
    if url.scheme() != "https" && !plain {
        return Err(format!("is {}, and only https is allowed", quoted(url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a name or a password".into());
    }
    Ok(())
}

/// Waits for `work` on a thread of its own: the caller's may belong to a runtime, in which no other can run.
pub(super) fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::internal(format!("starting a runtime: {e}")))?;
        let done = runtime.block_on(work);
        // The system may still look for a name that nobody waits for any more.
        runtime.shutdown_background();
        Ok(done)
    };
    let done = std::thread::scope(|scope| scope.spawn(run).join());
    done.unwrap_or_else(|_| Err(Error::internal("a call to a provider ended in a panic")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(issuer: &str, reach: Reach) -> Guard {
        let issuer = Issuer::parse(issuer).unwrap();
        Guard { issuer: issuer.host().into(), is_http: issuer.is_http(), reach }
    }

    fn check(guard: &Guard, url: &str) -> Result<(), String> {
        wait_for(guard.check_url(&Url::parse(url).unwrap())).unwrap()
    }

    #[test]
    fn what_was_only_given_lies_at_public_addresses() {
        let public = guard("https://8.8.8.8", Reach::Public);
        assert_eq!(check(&public, "https://1.1.1.1/token"), Ok(()));
        for host in ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "0x7f.1", "2130706433"] {
            assert!(check(&public, &format!("https://{host}/token")).is_err(), "{host}");
        }
        // Names are judged by what they resolve to, when a connection is made.
        let found = wait_for(public.resolve("localhost".parse().unwrap())).unwrap();
        assert!(found.err().unwrap().to_string().contains("not a public address"));
    }

    #[test]
    fn what_was_saved_may_be_private_but_leads_to_no_other_network() {
        let private = guard("https://10.0.0.5", Reach::Saved);
        assert_eq!(check(&private, "https://10.0.0.5/token"), Ok(()));
        assert_eq!(check(&private, "https://10.0.0.6/token"), Ok(()));
        assert!(check(&private, "https://169.254.169.254/token").unwrap_err().contains("clouds"));
        assert!(check(&private, "https://[fd00:ec2::254]/token").unwrap_err().contains("clouds"));
        let public = guard("https://8.8.8.8", Reach::Saved);
        assert_eq!(check(&public, "https://1.1.1.1/token"), Ok(()));
        assert!(check(&public, "https://10.0.0.6/token").unwrap_err().contains("not a public address"));
    }

    #[test]
    fn plain_http_is_for_providers_on_this_machine() {
        let local = guard("http://127.0.0.1:3000", Reach::Saved);
        assert_eq!(check(&local, "http://127.0.0.1:3001/token"), Ok(()));
        assert_eq!(check(&local, "http://localhost:3001/token"), Ok(()));
        assert!(check(&local, "http://10.0.0.1/token").is_err());
        assert!(check(&local, "http://idp.example/token").is_err());
        let https = guard("https://127.0.0.1:3000", Reach::Saved);
        assert!(check(&https, "http://127.0.0.1:3000/token").is_err());
        for bad in ["ftp://127.0.0.1/", "file:///etc/passwd", "https://me:word@127.0.0.1/", "https://me@127.0.0.1/"] {
            assert!(check(&https, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_of_a_url_holds_no_secret() {
        let url = Url::parse("https://me:hidden@idp.example/token?code=hidden#hidden").unwrap();
        assert_eq!(shown(&url), "https://idp.example/token");
    }
}
