//! Whether an ID token is believed. Source: OpenID Connect Core 1.0, §3.1.3.7; RFC 7519; RFC 8725.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::discovery::{ALGORITHMS, plain};
use super::fault::{Fault, quoted};
use super::keys::KeySet;
use crate::clock::Timestamp;

/// How far the provider's clock may be off.
const SKEW: f64 = 60.0;
/// Bytes of a `sub`. Source: OpenID Connect Core 1.0, §2.
const MOST_SUB: usize = 255;

/// What a token says.
pub(super) type Claims = Map<String, Value>;

/// What a token must say.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// SHA-256 of the nonce that was sent.
    pub(super) nonce: &'a [u8; 32],
    pub(super) now: Timestamp,
}

/// A token that was taken apart; nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    text: &'a str,
    /// What it says it is signed by.
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. Refuses algorithms that are never believed, before any key is looked for.
    pub(super) fn parse(text: &'a str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.split('.').collect();
        let [head, _, _] = parts[..] else {
            return Err(Fault::token(format!("the ID token has {} parts; a signed one has 3", parts.len())));
        };
        let head = decoded(head).ok_or_else(|| Fault::token("the ID token's header can't be read"))?;
        let name = head.get("alg").and_then(Value::as_str).unwrap_or_default();
        let believed = ALGORITHMS.iter().find(|one| **one == name);
        let algorithm = believed.and_then(|one| one.parse().ok()).ok_or_else(|| {
            let list = ALGORITHMS.join(", ");
            Fault::token(format!("the ID token is signed by {}; believed are {list}", quoted(name)))
        })?;
        // What a header calls critical must be understood, and nothing is.
        if head.contains_key("crit") {
            return Err(Fault::token("the ID token's header names critical extensions"));
        }
        let key_id = match head.get("kid") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(_) => return Err(Fault::token("the ID token's kid is no text")),
        };
        Ok(Self { text, algorithm, key_id })
    }

    /// What it says, if one of the provider's keys has signed it.
    pub(super) fn verify(&self, keys: &KeySet) -> Result<Claims, Fault> {
        let fitting = keys.fitting(self.key_id.as_deref(), self.algorithm);
        let named = self.key_id.as_deref().map_or("no key".into(), |id| format!("the key {}", quoted(id)));
        if fitting.is_empty() {
            let text = format!("the ID token names {named} for {:?}, and the provider has none", self.algorithm);
            return Err(Fault::token(text));
        }
        // A provider with several keys has to say which one it took. Source: §10.1.
        if self.key_id.is_none() && fitting.len() > 1 {
            return Err(Fault::token("the ID token does not say which of the provider's keys signed it"));
        }
        if !fitting.iter().any(|key| self.is_signed_by(&key.key)) {
            return Err(Fault::token(format!("the ID token's signature is not that of {named} of the provider")));
        }
        let payload = self.text.split('.').nth(1).and_then(decoded);
        payload.ok_or_else(|| Fault::token("what the ID token says can't be read"))
    }

    fn is_signed_by(&self, key: &DecodingKey) -> bool {
        let Some((message, signature)) = self.text.rsplit_once('.') else { return false };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, self.algorithm).unwrap_or(false)
    }
}

/// An object in base64url of JSON.
fn decoded(part: &str) -> Option<Map<String, Value>> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl Expected<'_> {
    /// Refuses what was not said by the provider, to this client, for this sign-in, now. Gives the `sub`.
    pub(super) fn check(&self, claims: &Claims) -> Result<String, Fault> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let shown = |name: &str| claims.get(name).map_or("nothing".into(), |value| quoted(&value.to_string()));
        if text("iss") != Some(self.issuer) {
            return Err(Fault::token(format!("the ID token's iss is {}, not {:?}", shown("iss"), self.issuer)));
        }
        self.check_audience(claims)?;
        let now = seconds(self.now);
        let exp = number(claims, "exp")?.ok_or_else(|| Fault::token("the ID token has no exp"))?;
        if now >= exp + SKEW {
            return Err(Fault::token(format!("the ID token ended {} s ago (exp)", (now - exp).round())));
        }
        let iat = number(claims, "iat")?.ok_or_else(|| Fault::token("the ID token has no iat"))?;
        for (name, from) in [("iat", Some(iat)), ("nbf", number(claims, "nbf")?)] {
            if let Some(from) = from.filter(|from| *from > now + SKEW) {
                let off = (from - now).round();
                let text = format!("the ID token is of {off} s from now ({name}): check this machine's clock");
                return Err(Fault::token(text));
            }
        }
        let nonce: [u8; 32] = Sha256::digest(text("nonce").unwrap_or_default()).into();
        if !bool::from(nonce.ct_eq(self.nonce)) {
            return Err(Fault::token("the ID token's nonce is not that of this sign-in"));
        }
        subject(claims).ok_or_else(|| Fault::token("the ID token has no sub of 1–255 bytes"))
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Fault> {
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !audiences.contains(&self.client_id) {
            let shown = quoted(&audiences.join(", "));
            return Err(Fault::token(format!("the ID token is for {shown} (aud), not for {:?}", self.client_id)));
        }
        match claims.get("azp") {
            None | Some(Value::Null) if audiences.len() > 1 => {
                Err(Fault::token("the ID token is for several (aud) and does not say whom it was given (azp)"))
            }
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(party)) if party == self.client_id => Ok(()),
            Some(other) => {
                let shown = quoted(&other.to_string());
                Err(Fault::token(format!("the ID token was given to {shown} (azp), not to {:?}", self.client_id)))
            }
        }
    }
}

/// The name of the person at the provider.
pub(super) fn subject(claims: &Claims) -> Option<String> {
    let sub = claims.get("sub")?.as_str()?;
    let good = (1..=MOST_SUB).contains(&sub.len()) && !sub.chars().any(char::is_control);
    good.then(|| sub.to_owned())
}

fn seconds(at: Timestamp) -> f64 {
    at.millis() as f64 / 1000.0
}

fn number(claims: &Claims, name: &str) -> Result<Option<f64>, Fault> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|n| n.is_finite()) {
            Some(n) => Ok(Some(n)),
            None => Err(Fault::token(format!("the ID token's {name} is no number"))),
        },
    }
}

/// What a provider's JSON says, as an object.
pub(super) fn object(body: &[u8]) -> Result<Claims, String> {
    serde_json::from_slice(body).map_err(|e| plain(&e))
}

#[cfg(test)]
mod tests;
