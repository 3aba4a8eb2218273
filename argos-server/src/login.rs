//! The sign-in page at `/login`: files that lie in the binary, and nothing that is decided. All it does is done by the
//! operations `auth.*`, which its script calls.

use std::sync::Arc;

use argos_core::Argos;
use argos_core::api::tag_names;
use argos_core::secret::token_hash;
use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::get;

/// The page without its first view, which stands between the two parts.
const PAGE: &str = include_str!("login/index.html");
const FIRST_VIEW: &str = "data-view=\"signin\"";

/// What the page loads: path, content type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("/login/login.js", "text/javascript; charset=utf-8", include_str!("login/login.js")),
    ("/login/login.css", "text/css; charset=utf-8", include_str!("login/login.css")),
    ("/login/mark.svg", "image/svg+xml", include_str!("login/mark.svg")),
    ("/login/tail.svg", "image/svg+xml", include_str!("login/tail.svg")),
];

/// The routes of the page.
pub(crate) fn pages(argos: &Argos) -> Router {
    let mut router = Router::new();
    for (path, kind, text) in FILES {
        let file = Arc::new(File::new(kind, (*text).to_owned()));
        router = router.route(path, get(move |headers: HeaderMap| async move { file.answer(&headers) }));
    }
    let page = |view: &str| File::new("text/html; charset=utf-8", with_view(view));
    let pages = Arc::new([page("signin"), page("wait"), page("setup")]);
    let argos = argos.clone();
    let look = move |RawQuery(query): RawQuery, headers: HeaderMap| async move {
        let [signin, wait, setup] = &*pages;
        let page = match () {
            () if awaits_setup(argos).await => setup,
            () if may_go_on(&query.unwrap_or_default(), &headers) => wait,
            () => signin,
        };
        let mut response = page.answer(&headers);
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Cookie"));
        response
    };
    router.route("/login", get(look))
}

fn with_view(view: &str) -> String {
    PAGE.replacen(FIRST_VIEW, &format!("data-view=\"{view}\""), 1)
}

async fn awaits_setup(argos: Argos) -> bool {
    // A database that can't be read is told of by the page's own calls.
    tokio::task::spawn_blocking(move || argos.awaits_setup().unwrap_or(false)).await.unwrap_or(false)
}

/// Whether this may be somebody who is signed in, before whom the form would flash until the page goes on. The cookie
/// does not come along where a protected host sent its visitor from a link of another site.
fn may_go_on(query: &str, headers: &HeaderMap) -> bool {
    let has = |name: &str| query.split('&').any(|pair| pair.starts_with(name));
    !has("error=") && (has("rd=") || has_session(headers))
}

/// Whether a session's cookie came along, good or not.
fn has_session(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).any(|pair| pair.trim_start().starts_with("argos_session="))
}

/// One file with its tag.
struct File {
    kind: &'static str,
    tag: String,
    text: String,
}

impl File {
    fn new(kind: &'static str, text: String) -> Self {
        Self { kind, tag: token_hash(&text)[..32].to_owned(), text }
    }

    fn answer(&self, asked: &HeaderMap) -> Response<Body> {
        let unless = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        // The next version of the binary has other files under the same names.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.tag)) {
            headers.insert(header::ETAG, tag);
        }
        if tag_names(unless, &self.tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        *response.body_mut() = Body::from(self.text.clone());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Under the strict CSP neither runs or shows, and what comes from elsewhere is not loaded.
    #[test]
    fn nothing_stands_inline_and_nothing_comes_from_elsewhere() {
        let page = with_view("wait");
        assert!(page.contains("<body data-view=\"wait\">"));
        for words in ["<style", " style=", "<script>", "javascript:", " onclick=", " onload=", "<base"] {
            assert!(!page.contains(words), "{words}");
        }
        for script in page.match_indices("<script").map(|(at, _)| &page[at..]) {
            assert!(script.starts_with("<script src=\"/login/login.js\" defer></script>"), "{script}");
        }
        let texts = FILES.iter().map(|(path, _, text)| (*path, *text)).chain([("/login", page.as_str())]);
        for (path, text) in texts {
            let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
            for words in ["http://", "//cdn", "@import", "eval(", "innerHTML", "document.write", "localStorage"] {
                assert!(!text.contains(words), "{path}: {words}");
            }
            // Said to people, not loaded.
            assert_eq!(text.matches("https://").count(), usize::from(path == "/login"), "{path}");
        }
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let texts = [PAGE, include_str!("login/login.css")];
        let named = texts.iter().flat_map(|text| text.split('"')).filter(|word| word.starts_with("/login/"));
        let named: std::collections::BTreeSet<_> = named.collect();
        let served: std::collections::BTreeSet<_> = FILES.iter().map(|(path, ..)| *path).collect();
        assert_eq!(named, served);
    }

    #[test]
    fn whoever_is_on_the_way_to_a_place_may_be_signed_in() {
        let none = HeaderMap::new();
        assert!(may_go_on("rd=%2Fx", &none) && may_go_on("st=1&rd=", &none));
        assert!(!may_go_on("", &none) && !may_go_on("word=1", &none) && !may_go_on("error=disabled&rd=%2Fx", &none));
    }

    #[test]
    fn a_session_is_seen_among_other_cookies() {
        let seen = |cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            has_session(&headers)
        };
        assert!(seen("argos_session=x") && seen("a=b; argos_session=x"));
        assert!(
            !seen("a=argos_session=x") && !seen("argos_sessions=x") && !seen("") && !has_session(&HeaderMap::new())
        );
    }
}
