//! What a provider publishes about itself. Source: OpenID Connect Discovery 1.0, §3 and §4.

use std::net::IpAddr;

use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::fault::{Fault, quoted};
use super::wire::{Wire, check_endpoint};

/// Algorithms of signatures that are believed. Never `none`, and none whose key both sides know.
pub(super) const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

/// Who signs: the name of a provider, which is an address at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Parses `text`: an https URL without a name, a password, a query and a fragment; http for a provider on this
    /// machine. It is compared as it is written.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow the name of a field.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is needed".into());
        }
        if text.len() > 2048 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("must be a URL of at most 2048 bytes without blanks".into());
        }
        let url = Url::parse(text).map_err(|e| format!("is not a URL: {e}"))?;
        if !text.contains("://") {
            return Err("must begin with https://".into());
        }
        let plain = url.scheme() == "http" && is_loopback(&url);
        if url.scheme() != "https" && !plain {
            return Err(
                "must be an https URL; http only for a provider on this machine, such as http://127.0.0.1".into()
            );
        }
        check_endpoint(&url, plain)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must have no query and no fragment".into());
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it speaks plain http.
    pub(super) fn is_http(&self) -> bool {
        self.url.scheme() == "http"
    }

    /// Its host, as a URL writes it.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    fn document(&self) -> Url {
        let mut url = self.url.clone();
        let path = format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }
}

/// Whether a URL names this very machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

/// A provider, as its document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Who signs.
    pub issuer: String,
    /// Where browsers are sent to sign in.
    pub authorization_endpoint: Url,
    /// Where a code becomes tokens.
    pub token_endpoint: Url,
    /// Where its public keys are.
    pub jwks_uri: Url,
    /// Where it tells more about the person.
    pub userinfo_endpoint: Option<Url>,
    /// Where browsers are sent to sign out.
    pub end_session_endpoint: Option<Url>,
    /// Whether its answers say who they come from. Source: RFC 9207 §3.
    pub answers_with_issuer: bool,
    /// How a client shows itself with a secret.
    pub client_auth: ClientAuth,
    /// Its algorithms of signatures that are believed here.
    pub algorithms: Vec<String>,
}

/// How a client shows itself with a secret. Source: RFC 6749 §2.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// In a header.
    Basic,
    /// In the form.
    Post,
    /// By other means, which Argos has not.
    Neither,
}

/// The document's fields that are read.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

/// Fetches and checks the document of `issuer`.
pub(super) async fn fetch(wire: &Wire, issuer: &Issuer) -> Result<Provider, Fault> {
    let url = issuer.document();
    let answer = wire.get(&url, None).await?;
    if answer.status != StatusCode::OK {
        return Err(Fault::discovery(format!("{url} answers {}: check the issuer", answer.status)));
    }
    read(&answer.body, issuer)
}

pub(super) fn read(body: &[u8], issuer: &Issuer) -> Result<Provider, Fault> {
    let document: Document = serde_json::from_slice(body)
        .map_err(|e| Fault::discovery(format!("{} is no document of a provider: {}", issuer.document(), plain(&e))))?;
    if document.issuer != issuer.text {
        return Err(Fault::discovery(format!(
            "the provider calls itself {}, not {}: the issuer must be written in the same way",
            quoted(&document.issuer),
            quoted(&issuer.text)
        )));
    }
    let endpoint = |field: &str, text: &str| {
        let fault = |why: String| Fault::discovery(format!("the provider's {field} {}: {why}", quoted(text)));
        let url = Url::parse(text).map_err(|e| fault(e.to_string()))?;
        check_endpoint(&url, issuer.is_http()).map_err(fault)?;
        Ok(url)
    };
    let optional = |field: &str, text: &Option<String>| text.as_deref().map(|t| endpoint(field, t)).transpose();
    if document.response_types_supported.as_ref().is_some_and(|all| !all.iter().any(|one| one == "code")) {
        return Err(Fault::discovery("the provider has no flow with a code (response_types_supported)"));
    }
    // RS256 is what every provider must have. Source: §3.
    let offered = document.id_token_signing_alg_values_supported.unwrap_or_else(|| vec!["RS256".into()]);
    let algorithms: Vec<String> = offered.iter().filter(|one| ALGORITHMS.contains(&one.as_str())).cloned().collect();
    if algorithms.is_empty() {
        let offered = quoted(&offered.join(", "));
        return Err(Fault::discovery(format!(
            "the provider signs by {offered}; believed are {}",
            ALGORITHMS.join(", ")
        )));
    }
    Ok(Provider {
        authorization_endpoint: endpoint("authorization_endpoint", &document.authorization_endpoint)?,
        token_endpoint: endpoint("token_endpoint", &document.token_endpoint)?,
        jwks_uri: endpoint("jwks_uri", &document.jwks_uri)?,
        userinfo_endpoint: optional("userinfo_endpoint", &document.userinfo_endpoint)?,
        end_session_endpoint: optional("end_session_endpoint", &document.end_session_endpoint)?,
        answers_with_issuer: document.authorization_response_iss_parameter_supported,
        client_auth: client_auth(document.token_endpoint_auth_methods_supported.as_deref()),
        algorithms,
        issuer: document.issuer,
    })
}

/// Source: §3, where no list means `client_secret_basic`.
fn client_auth(methods: Option<&[String]>) -> ClientAuth {
    let Some(methods) = methods else { return ClientAuth::Basic };
    let has = |name| methods.iter().any(|one| one == name);
    match (has("client_secret_basic"), has("client_secret_post")) {
        (true, _) => ClientAuth::Basic,
        (false, true) => ClientAuth::Post,
        (false, false) => ClientAuth::Neither,
    }
}

/// What a parser says, without a position that nobody can look up.
pub(super) fn plain(e: &serde_json::Error) -> String {
    let text = e.to_string();
    quoted(text.split(" at line ").next().unwrap_or_default()).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn issuers_are_https_or_on_this_machine() {
        for good in [
            "https://idp.example",
            "https://idp.example/",
            "https://idp.example:8443/realms/a",
            "http://127.0.0.1:3000",
            "http://localhost:1/x",
            "http://[::1]",
        ] {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "idp.example",
            "http://idp.example",
            "http://10.0.0.1",
            "http://127.0.0.1.idp.example",
            "http://localhost.example",
            "ftp://idp.example",
            "https://me:word@idp.example",
            "https://idp.example?x",
            "https://idp.example#x",
            "https://idp.example/a b",
            " https://idp.example",
            "https://idp.example\n",
            "https://",
            "https:idp.example",
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Issuer::parse(&format!("https://idp.example/{}", "x".repeat(2048))).is_err());
    }

    #[test]
    fn the_document_lies_below_the_issuer() {
        let at = |text| Issuer::parse(text).unwrap().document().to_string();
        assert_eq!(at("https://idp.example"), "https://idp.example/.well-known/openid-configuration");
        assert_eq!(at("https://idp.example/"), "https://idp.example/.well-known/openid-configuration");
        assert_eq!(at("https://idp.example/r/a/"), "https://idp.example/r/a/.well-known/openid-configuration");
    }

    fn with(change: impl FnOnce(&mut Value)) -> Result<Provider, Fault> {
        let mut document = json!({
            "issuer": "https://idp.example", "authorization_endpoint": "https://idp.example/auth?tenant=a",
            "token_endpoint": "https://token.example/t", "jwks_uri": "https://idp.example/keys",
            "response_types_supported": ["code", "id_token"], "claims_supported": ["sub"],
        });
        change(&mut document);
        read(document.to_string().as_bytes(), &Issuer::parse("https://idp.example").unwrap())
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        let fault = with(change).unwrap_err();
        assert_eq!((fault.stage.as_str(), fault.failure.as_str()), ("discovery", "idp_error"));
        fault.reason
    }

    #[test]
    fn a_document_is_read_with_the_defaults_of_the_standard() {
        let provider = with(|_| ()).unwrap();
        assert_eq!(provider.client_auth, ClientAuth::Basic);
        assert_eq!(provider.algorithms, ["RS256"]);
        assert!(!provider.answers_with_issuer && provider.userinfo_endpoint.is_none());
        let post =
            with(|d| d["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "client_secret_post"]));
        assert_eq!(post.unwrap().client_auth, ClientAuth::Post);
        let other = with(|d| d["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]));
        assert_eq!(other.unwrap().client_auth, ClientAuth::Neither);
        let some = with(|d| d["id_token_signing_alg_values_supported"] = json!(["HS256", "none", "ES256", "EdDSA"]));
        assert_eq!(some.unwrap().algorithms, ["ES256", "EdDSA"]);
        assert!(
            with(|d| d["authorization_response_iss_parameter_supported"] = json!(true)).unwrap().answers_with_issuer
        );
    }

    #[test]
    fn a_document_of_somebody_else_is_refused() {
        for other in ["https://evil.example", "https://idp.example/", "https://IDP.example", "http://idp.example", ""] {
            assert!(refused(|d| d["issuer"] = json!(other)).contains("calls itself"), "{other}");
        }
    }

    #[test]
    fn endpoints_are_https_and_complete() {
        for field in
            ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint"]
        {
            for bad in
                ["http://idp.example/x", "javascript:alert(1)", "/x", "", "https://me:word@idp.example/", "file:///x"]
            {
                assert!(refused(|d| d[field] = json!(bad)).contains(field), "{field} {bad}");
            }
        }
        for field in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert!(refused(|d| drop(d.as_object_mut().unwrap().remove(field))).contains(field), "{field}");
            assert!(refused(|d| d[field] = json!(7)).contains("is no document"), "{field}");
        }
        assert!(refused(|d| d["response_types_supported"] = json!(["id_token"])).contains("code"));
        let only = refused(|d| d["id_token_signing_alg_values_supported"] = json!(["HS256", "none"]));
        assert!(only.contains("HS256, none") && only.contains("EdDSA"), "{only}");
        for bad in [&b""[..], b"[]", b"<html>", b"{", b"\xff"] {
            let issuer = Issuer::parse("https://idp.example").unwrap();
            assert!(read(bad, &issuer).unwrap_err().reason.contains("is no document"), "{bad:?}");
        }
    }
}
