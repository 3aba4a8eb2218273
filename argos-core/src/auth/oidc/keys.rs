//! A provider's public keys: which ones are taken, and when they are fetched again. Source: RFC 7517, RFC 7518 §6.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::discovery::plain;
use super::fault::{Failure, Fault, Stage};
use crate::clock::{Clock, Timestamp};

/// Keys of one provider, at most.
const MOST: usize = 100;
/// Keys are fetched anew after this time, so that one which was taken back is not believed for ever.
const AGE_MS: i64 = 3_600_000;
/// The least time between two fetches because of an unknown key.
const UNKNOWN_MS: i64 = 60_000;
/// The least time behind a fetch that failed.
const FAILED_MS: i64 = 5_000;

/// What a key is, and so by which algorithms it may have signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn signs_by(self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
        matches!(
            (self, algorithm),
            (Self::Rsa, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
                | (Self::P256, ES256)
                | (Self::P384, ES384)
                | (Self::Ed25519, EdDSA)
        )
    }
}

/// One public key.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// The one algorithm that it is for, if it says so.
    algorithm: Option<String>,
    kind: Kind,
    pub(super) key: DecodingKey,
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind.signs_by(algorithm) && self.algorithm.as_ref().is_none_or(|own| *own == format!("{algorithm:?}"))
    }

    /// A key for signatures in a form that is known; others in the set are passed over.
    fn read(value: &Value) -> Option<Self> {
        let text = |field: &str| value[field].as_str();
        // What is there in another form than the standard's is not believed.
        let id = optional(&value["kid"])?;
        let algorithm = optional(&value["alg"])?;
        if !matches!(optional(&value["use"])?.as_deref(), None | Some("sig")) {
            return None;
        }
        let may_verify = match &value["key_ops"] {
            Value::Null => true,
            Value::Array(all) => all.iter().any(|one| one == "verify"),
            _ => false,
        };
        if !may_verify {
            return None;
        }
        let bytes = |field: &str| URL_SAFE_NO_PAD.decode(text(field)?.trim_end_matches('=')).ok();
        let (kind, key) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                let n = &n[n.iter().position(|byte| *byte != 0)?..];
                // The verifier refuses others, too; here it is told by the key that is missing.
                if !(256..=1024).contains(&n.len()) {
                    return None;
                }
                (Kind::Rsa, DecodingKey::from_rsa_raw_components(n, &e))
            }
            ("EC", Some(curve)) => {
                let (kind, size) = match curve {
                    "P-256" => (Kind::P256, 32),
                    "P-384" => (Kind::P384, 48),
                    _ => return None,
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if (x.len(), y.len()) != (size, size) {
                    return None;
                }
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (kind, DecodingKey::from_ec_der(&point))
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x").filter(|x| x.len() == 32)?;
                (Kind::Ed25519, DecodingKey::from_ed_der(&x))
            }
            _ => return None,
        };
        Some(Self { id, algorithm, kind, key })
    }
}

/// A text that may be absent; `None` when it is something else.
#[expect(clippy::option_option, reason = "a wrong form is told apart from an absent field")]
fn optional(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        _ => None,
    }
}

/// The keys of a provider at one time.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let fault = |why: String| Fault::new(Stage::Keys, Failure::IdpError, format!("the provider's keys: {why}"));
        let set: Value = serde_json::from_slice(body).map_err(|e| fault(plain(&e)))?;
        let all = set["keys"].as_array().ok_or_else(|| fault("there is no list of keys".into()))?;
        if all.len() > MOST {
            return Err(fault(format!("{} keys; at most {MOST} are read", all.len())));
        }
        Ok(Self(all.iter().filter_map(Key::read).collect()))
    }

    /// The keys that may have signed by `algorithm` under the name `id`.
    pub(super) fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<&Key> {
        let named = |key: &&Key| id.is_none_or(|id| key.id.as_deref() == Some(id));
        self.0.iter().filter(named).filter(|key| key.fits(algorithm)).collect()
    }
}

/// The last keys of the provider.
#[derive(Debug, Default)]
pub(super) struct Keys {
    held: Mutex<Option<Held>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct Held {
    from: String,
    set: Result<Arc<KeySet>, Fault>,
    fetched: Timestamp,
}

impl Keys {
    /// Forgets all keys.
    pub(super) fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The keys at `from` if `good` takes them, by `fetch` where that is needed and not too soon. `good` is asked for
    /// those at hand and, where it did not take them, for fresh ones.
    pub(super) async fn find<T, F: Future<Output = Result<Vec<u8>, Fault>>>(
        &self,
        clock: &Clock,
        from: &str,
        fetch: impl FnOnce() -> F,
        good: impl Fn(&KeySet) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Some((set, fresh)) = self.at_hand(clock, from) {
            let found = set.and_then(|set| good(&set));
            if found.is_ok() || fresh {
                return found;
            }
        }
        let _turn = self.turn.lock().await;
        // Another sign-in may have fetched them meanwhile.
        if let Some((set, true)) = self.at_hand(clock, from) {
            return set.and_then(|set| good(&set));
        }
        let set = fetch().await.map_err(|fault| fault.at(Stage::Keys, Failure::IdpError));
        let set = set.and_then(|body| KeySet::read(&body)).map(Arc::new);
        let held = Held { from: from.to_owned(), set: set.clone(), fetched: clock.now() };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        set.and_then(|set| good(&set))
    }

    /// The keys, and whether they are too fresh to be fetched because of an unknown one.
    fn at_hand(&self, clock: &Clock, from: &str) -> Option<(Result<Arc<KeySet>, Fault>, bool)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age = clock.now().millis() - held.fetched.millis();
        let wait = if held.set.is_ok() { UNKNOWN_MS } else { FAILED_MS };
        let usable = held.from == from && (0..AGE_MS).contains(&age);
        usable.then_some((held.set, age < wait))
    }
}

#[cfg(test)]
mod tests;
