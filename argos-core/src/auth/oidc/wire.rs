//! Calls to a provider: https, bounded in time and bytes, never redirected, and not into networks around Argos.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use super::discovery::{Issuer, is_loopback};
use super::fault::{Fault, quoted};
use crate::error::Result;
use crate::outbound::{self, Call, Limits, Outbound, OwnListeners};
use crate::schema::is_public;

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
    /// The issuer's host, as a URL writes it.
    issuer: Arc<str>,
    is_http: bool,
    reach: Reach,
    limits: Limits,
    public: Outbound,
    /// For a provider that was saved: it may even be served by Argos.
    private: Outbound,
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
    /// The way to a provider that lies at none of `own`, unless it was saved.
    pub(super) fn new(issuer: &Issuer, reach: Reach, limits: Limits, own: OwnListeners) -> Self {
        // Each flow has a runtime of its own, which a kept connection would not outlive.
        let out = |reach| Outbound::new(reach, limits).without_keeping();
        Self {
            issuer: issuer.host().into(),
            is_http: issuer.is_http(),
            reach,
            limits,
            public: out(outbound::Reach { private: false, own }),
            private: out(outbound::Reach { private: true, own: OwnListeners::default() }),
        }
    }

    /// Looks at `url`, with `token` as what opens it.
    pub(super) async fn get(&self, url: &Url, token: Option<&str>) -> Result<Answer, Fault> {
        let open = token.map(|token| format!("Bearer {token}"));
        self.send(Method::GET, url, open, None).await
    }

    /// Sends a form to `url`, with `basic` as the name and the word that open it.
    pub(super) async fn post(&self, url: &Url, form: String, basic: Option<(String, String)>) -> Result<Answer, Fault> {
        let open = basic.map(|(name, word)| format!("Basic {}", STANDARD.encode(format!("{name}:{word}"))));
        self.send(Method::POST, url, open, Some(form)).await
    }

    async fn send(
        &self,
        method: Method,
        url: &Url,
        open: Option<String>,
        form: Option<String>,
    ) -> Result<Answer, Fault> {
        let name = shown(url);
        let refused = |why: String| Fault::discovery(format!("{name} {why}"));
        check_endpoint(url, self.is_http).map_err(refused)?;
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        if let Some(open) = open {
            let bad = |_| refused("would be asked with a token that holds control characters".into());
            headers.insert(AUTHORIZATION, HeaderValue::try_from(open).map_err(bad)?);
        }
        if form.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        let body = form.map(Bytes::from).unwrap_or_default();
        let call = Call { method, url, headers, body, https_only: !self.is_http, redirects: 0, by_head: false };
        let answer = self.out(url).await.call(call).await.map_err(|fault| refused(fault.why))?;
        let status = answer.status;
        if status.is_redirection() {
            return Err(refused(format!("answers {status}: redirects are not followed")));
        }
        let answer = answer.whole().map_err(|fault| refused(fault.why))?;
        let is_token = answer.content_type.to_ascii_lowercase().starts_with("application/jwt");
        Ok(Answer { status, body: answer.body, is_token })
    }

    /// What may reach `url`.
    async fn out(&self, url: &Url) -> &Outbound {
        let may = self.reach == Reach::Saved && (url.host_str() == Some(&self.issuer) || self.is_private().await);
        if may { &self.private } else { &self.public }
    }

    /// Whether the issuer itself lies in a network that is not public.
    async fn is_private(&self) -> bool {
        if let Ok(ip) = self.issuer.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return !is_public(ip);
        }
        let found = tokio::time::timeout(self.limits.whole, tokio::net::lookup_host((&*self.issuer, 0))).await;
        let any_private = |mut found: Box<dyn Iterator<Item = SocketAddr>>| found.any(|at| !is_public(at.ip()));
        found.is_ok_and(|found| found.is_ok_and(|found| any_private(Box::new(found))))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::wait_for;

    fn wire(issuer: &str, reach: Reach) -> Wire {
        Wire::new(&Issuer::parse(issuer).unwrap(), reach, Limits::default(), OwnListeners::default())
    }

    fn check(wire: &Wire, url: &str) -> Result<(), String> {
        let url = Url::parse(url).unwrap();
        check_endpoint(&url, wire.is_http)?;
        wait_for(wire.out(&url)).unwrap().check(&url, !wire.is_http).map_err(|fault| fault.why)
    }

    #[test]
    fn what_was_only_given_lies_at_public_addresses() {
        let public = wire("https://8.8.8.8", Reach::Public);
        assert_eq!(check(&public, "https://1.1.1.1/token"), Ok(()));
        for host in ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]", "0x7f.1", "2130706433"] {
            assert!(check(&public, &format!("https://{host}/token")).is_err(), "{host}");
        }
        // Names are judged by what they resolve to, when a connection is made.
        let found = wait_for(public.get(&Url::parse("https://localhost:1/token").unwrap(), None)).unwrap();
        assert!(found.unwrap_err().reason.contains("not a public address"));
    }

    #[test]
    fn what_was_saved_may_be_private_but_leads_to_no_other_network() {
        let private = wire("https://10.0.0.5", Reach::Saved);
        assert_eq!(check(&private, "https://10.0.0.5/token"), Ok(()));
        assert_eq!(check(&private, "https://10.0.0.6/token"), Ok(()));
        assert!(check(&private, "https://169.254.169.254/token").unwrap_err().contains("clouds"));
        assert!(check(&private, "https://[fd00:ec2::254]/token").unwrap_err().contains("clouds"));
        let public = wire("https://8.8.8.8", Reach::Saved);
        assert_eq!(check(&public, "https://1.1.1.1/token"), Ok(()));
        assert!(check(&public, "https://10.0.0.6/token").unwrap_err().contains("not a public address"));
        assert!(check(&wire("https://localhost", Reach::Saved), "https://10.0.0.6/token").is_ok());
    }

    #[test]
    fn plain_http_is_for_providers_on_this_machine() {
        let local = wire("http://127.0.0.1:3000", Reach::Saved);
        assert_eq!(check(&local, "http://127.0.0.1:3001/token"), Ok(()));
        assert_eq!(check(&local, "http://localhost:3001/token"), Ok(()));
        assert!(check(&local, "http://10.0.0.1/token").is_err());
        assert!(check(&local, "http://idp.example/token").is_err());
        let https = wire("https://127.0.0.1:3000", Reach::Saved);
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
