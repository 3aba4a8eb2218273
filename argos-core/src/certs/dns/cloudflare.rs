//! Cloudflare's API, version 4: TXT records of a zone.

use std::error::Error as _;
use std::time::Duration;

use hickory_proto::rr::Name;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode, Url};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde_json::{Value, json};

use super::look::shown;
use super::{DnsFault, rfc2136};
use crate::certs::provider;
use crate::error::{Error, Result};
use crate::schema::DnsConfig;
use crate::secret::Secret;

/// Where the API is unless the row says otherwise.
const API: &str = "https://api.cloudflare.com/client/v4";
/// Time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time of one call.
const WHOLE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const MOST_ANSWER: usize = 1 << 20;
/// Pages of records that are looked through.
const PAGES: usize = 10;
/// The record that is to be made is there already.
const IDENTICAL: i64 = 81_058;
/// The record that is to be deleted is gone already.
const GONE: i64 = 81_044;
/// What a token has to allow.
const RIGHTS: &str = "the token needs DNS:Edit for the zone, and Zone:Read unless zone_id is given";

/// An API and what opens it.
#[derive(Clone)]
pub(super) struct Cloudflare {
    api: Url,
    token: Secret<String>,
    zone_id: Option<String>,
}

/// What the API answered when it did not do what was asked.
struct Failure {
    status: StatusCode,
    codes: Vec<i64>,
    fault: DnsFault,
}

impl From<DnsFault> for Failure {
    fn from(fault: DnsFault) -> Self {
        Self { status: StatusCode::OK, codes: Vec::new(), fault }
    }
}

impl Cloudflare {
    pub(super) fn new(config: &DnsConfig) -> Result<Self> {
        let text = config.api_url.as_deref().filter(|url| !url.is_empty()).unwrap_or(API);
        let api = Url::parse(text.trim_end_matches('/'))
            .map_err(|e| Error::invalid("dns_provider.config", "api_url", format!("is not a URL: {e}")))?;
        let zone_id = config.zone_id.clone().filter(|id| !id.is_empty());
        Ok(Self { api, token: config.api_token.clone().unwrap_or_default(), zone_id })
    }

    /// Adds a value to the TXT records of `name`.
    pub(super) async fn add(&self, name: &Name, value: &str) -> Result<(), DnsFault> {
        let zone = self.zone(name).await?;
        let record = json!({
            "type": "TXT", "name": shown(name), "content": format!("\"{value}\""), "ttl": rfc2136::TTL,
            "comment": "placed by Argos to prove the name to a certificate authority",
        });
        match self.call(Method::POST, &["zones", &zone, "dns_records"], &[], Some(&record)).await {
            Err(failure) if failure.codes.contains(&IDENTICAL) => Ok(()),
            answer => answer.map(drop).map_err(|f| f.fault),
        }
    }

    /// Removes one value of the TXT records of `name`.
    pub(super) async fn remove(&self, name: &Name, value: &str) -> Result<(), DnsFault> {
        let zone = self.zone(name).await?;
        let mut ids = Vec::new();
        for page in 1..=PAGES {
            let page = page.to_string();
            let wanted = [("type", "TXT"), ("name", &shown(name)), ("per_page", "100"), ("page", &page)];
            let path = ["zones", &zone, "dns_records"];
            let records = self.call(Method::GET, &path, &wanted, None).await.map_err(|f| f.fault)?;
            let records = records.as_array().map_or(&[][..], Vec::as_slice);
            let mine = records.iter().filter(|r| r["content"].as_str().is_some_and(|c| c.trim_matches('"') == value));
            ids.extend(mine.filter_map(|r| r["id"].as_str().map(str::to_owned)));
            if records.len() < 100 {
                break;
            }
        }
        for id in ids {
            match self.call(Method::DELETE, &["zones", &zone, "dns_records", &id], &[], None).await {
                Err(failure) if failure.status == StatusCode::NOT_FOUND || failure.codes.contains(&GONE) => {}
                answer => answer.map(drop).map_err(|f| f.fault)?,
            }
        }
        Ok(())
    }

    /// The zone that is given, or the nearest one above `name` that the token can see.
    async fn zone(&self, name: &Name) -> Result<String, DnsFault> {
        if let Some(id) = &self.zone_id {
            return Ok(id.clone());
        }
        let mut at = name.clone();
        while !at.is_root() {
            let wanted = shown(&at);
            let found = self.call(Method::GET, &["zones"], &[("name", &wanted)], None).await.map_err(|f| f.fault)?;
            let zones = found.as_array().map_or(&[][..], Vec::as_slice);
            let zone = zones.iter().find(|z| z["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(&wanted)));
            if let Some(id) = zone.and_then(|z| z["id"].as_str()) {
                return Ok(id.to_owned());
            }
            at = at.base_name();
        }
        let reason = format!("{} shows this token no zone that holds it: {RIGHTS}", self.shown());
        Err(DnsFault::Zone { name: shown(name), reason })
    }

    /// One call; its `result`.
    async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut url = self.api.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut call = self.client()?.request(method, url);
        if let Some(body) = body {
            call = call.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let response = call.send().await.map_err(|e| self.silent(e))?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let bytes = self.read(response).await?;
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(mut answer) if status.is_success() && answer["success"] == true => Ok(answer["result"].take()),
            Some(answer) if answer["errors"].is_array() => Err(self.refused(status, wait.as_deref(), &answer)),
            _ => {
                let fault = DnsFault::Silent { by: self.shown(), reason: format!("{status}, and no JSON of its API") };
                Err(Failure { status, codes: Vec::new(), fault })
            }
        }
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, DnsFault> {
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|e| self.silent(e))? {
            if bytes.len() + piece.len() > MOST_ANSWER {
                let reason = "an answer longer than 1 MiB".into();
                return Err(DnsFault::Silent { by: self.shown(), reason });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    fn refused(&self, status: StatusCode, wait: Option<&str>, answer: &Value) -> Failure {
        let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
        let chains = errors.iter().flat_map(|e| e["error_chain"].as_array().map_or(&[][..], Vec::as_slice));
        let all: Vec<&Value> = errors.iter().chain(chains).collect();
        let codes: Vec<i64> = all.iter().filter_map(|e| e["code"].as_i64()).collect();
        let one = |e: &&Value| {
            let text = e["message"].as_str().unwrap_or("no message");
            e["code"].as_i64().map_or(text.to_owned(), |code| format!("{text} ({code})"))
        };
        let told: Vec<String> = all.iter().map(one).collect();
        // An API that repeats what it was given must not show it here.
        let told: String = told.join("; ").replace(self.token.expose().as_str(), "***");
        let told: String = told.chars().filter(|c| !c.is_control()).take(400).collect();
        let mut reason = format!("{status}: {told}");
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => reason += &format!("; {RIGHTS}"),
            StatusCode::TOO_MANY_REQUESTS => {
                reason += &wait.map_or(String::new(), |seconds| format!("; try again in {seconds} s"));
            }
            _ => {}
        }
        let by = self.shown();
        // A server at fault may have done what it was asked.
        let fault =
            if status.is_server_error() { DnsFault::Silent { by, reason } } else { DnsFault::Refused { by, reason } };
        Failure { status, codes, fault }
    }

    fn silent(&self, e: reqwest::Error) -> DnsFault {
        let e = e.without_url();
        let (mut reason, mut cause) = (e.to_string(), e.source());
        while let Some(inner) = cause {
            reason = format!("{reason}: {inner}");
            cause = inner.source();
        }
        DnsFault::Silent { by: self.shown(), reason }
    }

    fn client(&self) -> Result<Client, DnsFault> {
        let fault = |e: &dyn std::fmt::Display| DnsFault::Refused {
            by: self.shown(),
            reason: format!("no client for https can be made: {e}"),
        };
        let tls = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| fault(&e))?
            .with_platform_verifier()
            .map_err(|e| fault(&format!("{e}; SSL_CERT_FILE may name a file of certificates to trust")))?
            .with_no_client_auth();
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token.expose()))
            .map_err(|_| fault(&"api_token holds characters that no header can"))?;
        bearer.set_sensitive(true);
        Client::builder()
            .tls_backend_preconfigured(tls)
            // An http URL is one that leads to this machine: `DnsConfig` takes no other.
            .https_only(self.api.scheme() == "https")
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .user_agent(concat!("argos/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()
            .map_err(|e| fault(&e))
    }

    fn shown(&self) -> String {
        if self.api.as_str().trim_end_matches('/') == API { "Cloudflare".into() } else { self.api.to_string() }
    }
}
