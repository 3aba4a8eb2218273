//! An archive of rules fetched over https: bounded in bytes, time and hops, and never over a plain connection.
//!
//! What comes is not believed: the caller compares it with a checksum it has from elsewhere.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::install::MOST_ARCHIVE;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::is_public;

/// Which servers may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any: the person at the command line says where from.
    Anywhere,
    /// Those at public addresses, so that nobody asks the networks around Argos through it.
    Public,
}

/// Redirects that are followed, each to https only.
const HOPS: usize = 5;
/// Time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Time without a byte.
const SILENCE: Duration = Duration::from_secs(30);
/// Time of the whole download.
const WHOLE: Duration = Duration::from_secs(300);

/// Fetches `url`, at most [`MOST_ARCHIVE`] bytes.
///
/// # Errors
/// `crs.url` for a URL that may not be fetched, `crs.archive` for one that is too large, `crs.download` when the server
/// can't be reached, answers anything but 200, or ends before all has come.
pub fn fetch(url: &str, reach: Reach) -> Result<Vec<u8>> {
    let url = Url::parse(url).map_err(|e| Error::invalid("crs.url", "url", format!("is not a URL: {e}")))?;
    if let Some(why) = refused(&url, reach) {
        return Err(Error::invalid("crs.url", "url", why));
    }
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|e| Error::internal(format!("starting a runtime: {e}")))?.block_on(download(url, reach))
    };
    // On a thread of its own: the caller's may belong to a runtime, in which no other can run.
    let done = std::thread::scope(|scope| scope.spawn(run).join());
    done.unwrap_or_else(|_| Err(Error::internal("a download ended in a panic")))
}

/// Why `url` may not be fetched.
fn refused(url: &Url, reach: Reach) -> Option<String> {
    if url.scheme() != "https" {
        return Some(format!("only https is allowed, not {}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("a name and a password in it are not allowed".into());
    }
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    // Names are judged by what they resolve to.
    literal.filter(|ip| reach == Reach::Public && !is_public(*ip)).map(not_public)
}

fn not_public(ip: IpAddr) -> String {
    format!("{ip} is not a public address")
}

/// Without what stands behind the path, which may be a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn client(reach: Reach) -> Result<Client> {
    let fault = |e: &dyn std::fmt::Display| Error::internal(format!("making a client for https: {e}"));
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| fault(&e))?
        .with_platform_verifier()
        .map_err(|e| {
            let text = format!("{e}; SSL_CERT_FILE may name a file of certificates to trust");
            Error::new(ErrorKind::Unavailable, "crs.download", text)
        })?
        .with_no_client_auth();
    let hops = Policy::custom(move |attempt| {
        if attempt.previous().len() > HOPS {
            return attempt.error(format!("more than {HOPS} redirects"));
        }
        match refused(attempt.url(), reach) {
            Some(why) => attempt.error(format!("a redirect leads where it may not: {why}")),
            None => attempt.follow(),
        }
    });
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .https_only(true)
        .no_proxy()
        .referer(false)
        .redirect(hops)
        .user_agent(concat!("argos/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .timeout(WHOLE);
    let client = match reach {
        Reach::Anywhere => client,
        Reach::Public => client.dns_resolver(Arc::new(PublicNames)),
    };
    client.build().map_err(|e| fault(&e))
}

async fn download(url: Url, reach: Reach) -> Result<Vec<u8>> {
    let name = shown(&url);
    let failed = |kind: ErrorKind, text: String| Error::new(kind, "crs.download", format!("{name}: {text}"));
    let broken = |e: reqwest::Error| {
        let e = e.without_url();
        // The cause says more than the words around it.
        let mut text = e.to_string();
        let mut cause = e.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        failed(ErrorKind::Unavailable, text)
    };
    let mut response = client(reach)?.get(url).send().await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => {}
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
            return Err(failed(ErrorKind::NotFound, format!("the server answers {status}")));
        }
        status => return Err(failed(ErrorKind::Unavailable, format!("the server answers {status}"))),
    }
    let too_large = || Error::invalid("crs.archive", "url", "the archive is larger than 16 MiB");
    if response.content_length().is_some_and(|length| length > MOST_ARCHIVE) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(broken)? {
        if (bytes.len() + piece.len()) as u64 > MOST_ARCHIVE {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Names whose every address is public. What was checked is what is connected to: a name is resolved once.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|address| !is_public(address.ip())) {
                Some(address) => Err(not_public(address.ip()).into()),
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_without_credentials_and_on_demand_only_public_addresses() {
        let code = |url: &str, reach| {
            let e = fetch(url, reach).unwrap_err();
            (e.code().to_owned(), e.message().to_owned())
        };
        for url in ["http://rules.example/a", "file:///etc/passwd", "ftp://rules.example/", "no url", "https://", ""] {
            assert_eq!(code(url, Reach::Anywhere).0, "crs.url", "{url}");
        }
        let (refused, text) = code("https://me:word@rules.example/a", Reach::Anywhere);
        assert!(refused == "crs.url" && !text.contains("word@"), "{text}");
        for host in ["127.0.0.1", "[::1]", "169.254.169.254", "[::ffff:10.0.0.1]", "0x7f.1", "2130706433"] {
            let (refused, text) = code(&format!("https://{host}/set.tar.gz"), Reach::Public);
            assert!(refused == "crs.url" && text.contains("not a public address"), "{host}: {text}");
        }
        // A name is judged by what it resolves to.
        let (refused, text) = code("https://localhost:1/set.tar.gz?key=hidden", Reach::Public);
        assert!(refused == "crs.download" && text.contains("not a public address"), "{text}");
        assert!(text.contains("https://localhost:1/set.tar.gz") && !text.contains("hidden"), "{text}");
    }
}
