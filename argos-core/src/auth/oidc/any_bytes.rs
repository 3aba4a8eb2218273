//! What holds for any bytes that a provider answers; the fuzzer and the tests call it.

use serde_json::Value;

use super::discovery::{self, Issuer};
use super::gate::{Gate, numbered, username};
use super::identity::{Identity, is_incomplete};
use super::keys::KeySet;
use super::token::{Unverified, object, subject};
use crate::schema::Username;

/// A document, keys, a token and what it says: each is read or refused, and what is read is what it may be.
pub(crate) fn answers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(issuer) = Issuer::parse(&text) {
        assert_eq!(issuer.as_str(), text);
        let host = issuer.host().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        assert!(!issuer.is_http() || is_here, "{text}");
    }
    let issuer = Issuer::parse("https://idp.example").expect("a constant issuer is read");
    if let Ok(provider) = discovery::read(bytes, &issuer) {
        assert_eq!(provider.issuer, "https://idp.example");
        let mut endpoints = vec![provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri];
        endpoints.extend(provider.userinfo_endpoint.into_iter().chain(provider.end_session_endpoint));
        assert!(endpoints.iter().all(|url| url.scheme() == "https" && url.username().is_empty()), "{endpoints:?}");
        assert!(!provider.algorithms.is_empty() && !provider.algorithms.iter().any(|one| one.starts_with("HS")));
    }
    let keys = KeySet::read(bytes).ok();
    if let Ok(token) = Unverified::parse(&text) {
        // Nobody can sign by keys that were made up by the same bytes, but for chance.
        assert!(keys.is_none_or(|keys| token.verify(&keys).is_err()));
    }
    if let Ok(claims) = object(bytes) {
        believed(&claims);
    }
}

fn believed(claims: &serde_json::Map<String, Value>) {
    let Some(sub) = subject(claims) else { return };
    let nothing = serde_json::Map::new();
    for claim in ["groups", "realm_access.roles", "", "."] {
        let _ = is_incomplete(claims, claim);
        let Ok(who) = Identity::read(sub.clone(), claims, &nothing, claim) else { continue };
        assert!(!who.email_verified || who.email.is_some());
        assert!(who.groups.len() <= 1000 && who.groups.iter().all(|group| !group.contains(char::is_control)));
        for tries in [0, 1, 999] {
            let name = numbered(&username(&who), tries);
            assert_eq!(Username::parse(&name).map(|parsed| parsed.as_str() == name), Ok(true), "{name:?}");
        }
        assert_eq!(Gate::default().check(&who).is_ok(), who.email.is_some());
    }
}
