//! What stands before every answer of the panel listener: whose names it answers to, which pages may have a browser change
//! something, and what browsers are told about its answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use argos_core::Argos;
use argos_core::api::{Described, Method};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::proxy::PANEL_CLIENT;
use argos_core::schema::{CookieName, Cookies, csv};
use argos_core::snapshot::PanelSettings;
use argos_core::store::Origin;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;

use super::{answer, id_of, read};

/// Where scripts, styles and the rest of a page may come from. Source: CSP Level 3.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
    form-action 'self'";
/// The same where styles may stand in the page itself.
const LAX_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/// What no page here needs of the machine that shows it.
const DENIED: &str = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), \
    payment=(), usb=()";

/// Answers a request of a known name, and tells browsers what its answer may do.
pub(super) async fn answered(argos: &Argos, secure: bool, request: Request, next: Next) -> Response<Body> {
    let settings = argos.snapshot().panel_settings.clone();
    let (_, secure) = client(argos, secure, &request);
    let mut response = match check_host(&settings, &authority(&request)) {
        Ok(()) => next.run(request).await,
        Err(e) => answer::problem(&e, &id_of(&request)),
    };
    let headers = response.headers_mut();
    let mut tell = |name: &'static str, value: &'static str| {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    };
    tell("x-content-type-options", "nosniff");
    tell("x-frame-options", "DENY");
    tell("referrer-policy", "same-origin");
    tell("permissions-policy", DENIED);
    if settings.strict_headers {
        tell("content-security-policy", POLICY);
        tell("cross-origin-opener-policy", "same-origin");
        tell("cross-origin-resource-policy", "same-origin");
        if secure {
            tell("strict-transport-security", "max-age=31536000; includeSubDomains");
        }
    } else {
        tell("content-security-policy", LAX_POLICY);
    }
    response
}

/// Where a call at the panel came from; refuses one that another site's page may have made.
pub(super) fn asked_at_panel(argos: &Argos, secure: bool, op: &Described, request: &Request) -> Result<Origin> {
    let (headers, settings) = (request.headers(), argos.snapshot().panel_settings.clone());
    let (ip, secure) = client(argos, secure, request);
    if op.method != Method::Get && !headers.contains_key(header::AUTHORIZATION) {
        check_site(&settings, secure, &authority(request), headers)?;
    }
    let given = |name| read::cookies(headers, name);
    Ok(Origin {
        source_ip: ip.to_string(),
        host: name_of(&authority(request)).to_ascii_lowercase(),
        secure,
        cookies: Cookies { challenges: given(CookieName::Challenge), oidc: given(CookieName::Oidc).into_iter().next() },
        ..Origin::default()
    })
}

/// The client's address, and whether it came over TLS.
fn client(argos: &Argos, secure: bool, request: &Request) -> (IpAddr, bool) {
    let told = request.headers().get(PANEL_CLIENT).map(HeaderValue::as_bytes);
    if let Some(ip) = told.and_then(|told| argos.client_by_proxy(told)) {
        return (ip, true);
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.0.ip());
    let lines: Vec<&[u8]> = request.headers().get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let proto = request.headers().get("x-forwarded-proto").map(HeaderValue::as_bytes).unwrap_or_default();
    let (ip, forwarded) = argos.client_of(peer, &lines, proto);
    (ip, secure || forwarded)
}

/// The authority that a request is for: `:authority` of HTTP/2, the absolute form or `Host` of HTTP/1; empty where they
/// contradict each other. Source: RFC 9110 §7.2, RFC 9113 §8.3.1.
fn authority(request: &Request) -> String {
    let mut all: Vec<String> = request.uri().authority().map(|a| a.as_str().to_owned()).into_iter().collect();
    all.extend(request.headers().get_all(header::HOST).iter().map(|h| h.to_str().unwrap_or_default().to_owned()));
    match all.split_first() {
        Some((first, rest)) if rest.iter().all(|other| other.eq_ignore_ascii_case(first)) => first.clone(),
        _ => String::new(),
    }
}

/// The name of an authority, without its port and brackets.
fn name_of(authority: &str) -> &str {
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    };
    name.trim_start_matches('[').trim_end_matches(']')
}

/// Refuses names that are not the panel's, so that a page of another origin can't reach it by rebinding a name.
fn check_host(settings: &PanelSettings, authority: &str) -> Result<()> {
    let name = name_of(authority);
    let public = settings.public_url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
    let own = ["localhost", public, &settings.proxy_host];
    let known = own.into_iter().chain(csv(&settings.allowed_hosts)).filter(|own| !own.is_empty());
    if name.parse::<IpAddr>().is_ok() || known.into_iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let text = "this name is not served here; add it to panel.allowed_hosts";
    Err(Error::new(ErrorKind::Forbidden, "misdirected", text))
}

/// Refuses a change that a page of another site may have a browser ask for: the page's origin must be the panel's.
/// Without the origin the browser must say that it is the same; a program that sends no cookie need not say anything.
fn check_site(settings: &PanelSettings, secure: bool, authority: &str, headers: &HeaderMap) -> Result<()> {
    let own = match &settings.public_url {
        Some(url) => url.origin().ascii_serialization(),
        None => {
            let scheme = if secure { "https" } else { "http" };
            format!("{scheme}://{}", authority.to_ascii_lowercase())
        }
    };
    let holds = match (headers.get(header::ORIGIN), headers.get("sec-fetch-site")) {
        (Some(origin), _) => origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&own)),
        (None, Some(site)) => site == "same-origin",
        (None, None) => !headers.contains_key(header::COOKIE),
    };
    if holds {
        return Ok(());
    }
    let text = format!("changes are taken from pages of {own} only");
    Err(Error::new(ErrorKind::Forbidden, "csrf", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn changes_come_from_pages_of_the_panel_only() {
        let mut settings = PanelSettings::default();
        let holds = |settings: &PanelSettings, secure, pairs: &[(&'static str, &'static str)]| {
            check_site(settings, secure, "127.0.0.1:9180", &headers(pairs)).is_ok()
        };
        let cookie = ("cookie", "argos_session=x");
        for (pairs, expected) in [
            (&[] as &[_], true),
            (&[cookie], false),
            (&[cookie, ("origin", "http://127.0.0.1:9180")], true),
            (&[cookie, ("origin", "https://127.0.0.1:9180")], false),
            (&[cookie, ("origin", "http://127.0.0.1:9181")], false),
            (&[cookie, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], false),
            (&[cookie, ("origin", "null")], false),
            (&[cookie, ("sec-fetch-site", "same-origin")], true),
            (&[cookie, ("sec-fetch-site", "same-site")], false),
            (&[cookie, ("sec-fetch-site", "cross-site")], false),
            (&[cookie, ("sec-fetch-site", "none")], false),
            // Nobody is signed in, and a page of another site shall sign nobody in.
            (&[("origin", "http://evil.example")], false),
            (&[("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(holds(&settings, false, pairs), expected, "{pairs:?}");
        }
        assert!(holds(&settings, true, &[cookie, ("origin", "https://127.0.0.1:9180")]));
        settings.public_url = argos_core::schema::site("https://auth.example.org");
        assert!(holds(&settings, false, &[cookie, ("origin", "https://auth.example.org")]));
        assert!(!holds(&settings, false, &[cookie, ("origin", "http://127.0.0.1:9180")]));
        assert!(!holds(&settings, false, &[cookie, ("origin", "https://auth.example.org.evil.example")]));
    }

    #[test]
    fn only_names_of_the_panel_are_answered() {
        let settings = PanelSettings {
            public_url: argos_core::schema::site("https://auth.example.org:8443"),
            proxy_host: "panel.example.org".into(),
            allowed_hosts: "a.internal, b.internal".into(),
            ..PanelSettings::default()
        };
        for (host, known) in [
            ("localhost", true),
            ("LOCALHOST:9180", true),
            ("127.0.0.1:9180", true),
            ("[::1]:9180", true),
            ("auth.example.org", true),
            ("panel.example.org:443", true),
            ("b.internal", true),
            ("rebound.evil.example:9180", false),
            ("auth.example.org.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(check_host(&settings, host).is_ok(), known, "{host:?}");
        }
    }

    #[test]
    fn an_authority_is_said_once_or_the_same_each_time() {
        let authority = |target: &str, hosts: &[&str]| {
            let mut request = axum::http::Request::builder().uri(target);
            for host in hosts {
                request = request.header("host", *host);
            }
            authority(&request.body(Body::empty()).unwrap())
        };
        for (target, hosts, expected) in [
            ("/", &["a.example:1"] as &[_], "a.example:1"),
            ("https://a.example/", &[], "a.example"),
            ("https://a.example/", &["A.example"], "a.example"),
            ("https://evil.example/", &["a.example"], ""),
            ("/", &["a.example", "evil.example"], ""),
            ("/", &[], ""),
        ] {
            assert_eq!(authority(target, hosts), expected, "{target} {hosts:?}");
        }
    }
}
