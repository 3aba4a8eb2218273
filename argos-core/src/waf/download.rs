//! An archive of rules fetched over https: bounded in bytes, time and hops, and never over a plain connection.
//!
//! What comes is not believed: the caller compares it with a checksum it has from elsewhere.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::install::MOST_ARCHIVE;
use crate::error::{Error, ErrorKind, Result};
use crate::outbound::{Call, Cause, Fault, Limits, Outbound, Reach, wait_for};

/// Redirects that are followed, each to https only.
const HOPS: u8 = 5;
/// Time of the whole download, and bytes of it.
const LIMITS: Limits = Limits { whole: Duration::from_secs(300), most: MOST_ARCHIVE as usize };

/// Fetches `url`, at most [`MOST_ARCHIVE`] bytes, from a server that `reach` allows: one at a public address, so that
/// nobody asks the networks around Argos through it, or any that the person at the command line names.
///
/// # Errors
/// `crs.url` for a URL that may not be fetched, `crs.archive` for one that is too large, `crs.download` when the server
/// can't be reached, answers anything but 200, or ends before all has come.
pub fn fetch(url: &str, reach: Reach) -> Result<Vec<u8>> {
    let refused = |why: String| Error::invalid("crs.url", "url", why);
    let url = Url::parse(url).map_err(|e| refused(format!("is not a URL: {e}")))?;
    if url.scheme() != "https" {
        return Err(refused(format!("only https is allowed, not {}", url.scheme())));
    }
    let out = Outbound::new(reach, LIMITS).without_keeping();
    out.check(&url, true).map_err(|fault| refused(fault.why))?;
    wait_for(download(&out, &url))?
}

/// Without what stands behind the path, which may be a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

async fn download(out: &Outbound, url: &Url) -> Result<Vec<u8>> {
    let name = shown(url);
    let failed = |kind: ErrorKind, text: String| Error::new(kind, "crs.download", format!("{name}: {text}"));
    let broken = |fault: Fault| failed(ErrorKind::Unavailable, fault.to_string());
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let call = Call { method: Method::GET, url, headers, body, https_only: true, redirects: HOPS, by_head: false };
    let answer = out.call(call).await.map_err(broken)?;
    match answer.status {
        StatusCode::OK => {}
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
            return Err(failed(ErrorKind::NotFound, format!("the server answers {status}")));
        }
        status => return Err(failed(ErrorKind::Unavailable, format!("the server answers {status}"))),
    }
    match answer.cut {
        None => Ok(answer.body),
        Some(fault) if fault.cause == Cause::Refused => {
            Err(Error::invalid("crs.archive", "url", "the archive is larger than 16 MiB"))
        }
        Some(fault) => Err(broken(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_without_credentials_and_on_demand_only_public_addresses() {
        let anywhere = || Reach { private: true, ..Reach::default() };
        let code = |url: &str, reach| {
            let e = fetch(url, reach).unwrap_err();
            (e.code().to_owned(), e.message().to_owned())
        };
        for url in ["http://rules.example/a", "file:///etc/passwd", "ftp://rules.example/", "no url", "https://", ""] {
            assert_eq!(code(url, anywhere()).0, "crs.url", "{url}");
        }
        let (refused, text) = code("https://me:word@rules.example/a", anywhere());
        assert!(refused == "crs.url" && !text.contains("word@"), "{text}");
        for host in ["127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "0x7f.1", "2130706433"] {
            let (refused, text) = code(&format!("https://{host}/set.tar.gz"), Reach::default());
            assert!(refused == "crs.url" && text.contains("not a public address"), "{host}: {text}");
        }
        let (refused, text) = code("https://169.254.169.254/set.tar.gz", anywhere());
        assert!(refused == "crs.url" && text.contains("clouds"), "{text}");
        // A name is judged by what it resolves to.
        let (refused, text) = code("https://localhost:1/set.tar.gz?key=hidden", Reach::default());
        assert!(refused == "crs.download" && text.contains("not a public address"), "{text}");
        assert!(text.contains("https://localhost:1/set.tar.gz") && !text.contains("hidden"), "{text}");
        let (refused, text) = code("https://localhost:1/set.tar.gz", anywhere());
        assert!(refused == "crs.download" && text.contains("refused"), "{text}");
    }
}
