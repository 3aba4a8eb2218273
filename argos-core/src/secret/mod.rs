//! Secrets: values that can't leak, the envelope they are stored in, and the key that opens it.

mod envelope;
mod master_key;
mod source;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize;

pub use envelope::is_envelope;
pub use master_key::{MasterKey, Subkey};
pub use source::{FoundKey, KeyOrigin, MasterKeySource};

use crate::clock::random;
use crate::error::{Error, ErrorKind};

/// A value that never reaches a log, an error or `Debug`, and is wiped when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Hides `value`.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value; call it where it is used and nowhere else.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'de> serde::Deserialize<'de> for Secret<String> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // A parser that is asked for a text refuses a number by itself, and quotes it.
        d.deserialize_any(Hiding).map(Self)
    }
}

/// Takes a text. What a parser says of anything else may quote it, so that it is said here.
struct Hiding;

impl<'de> serde::de::Visitor<'de> for Hiding {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<String, E> {
        Err(E::custom("must be a text"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<String, E> {
        Err(E::custom("must be a text"))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<String, E> {
        Err(E::custom("must be a text"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<String, E> {
        Err(E::custom("must be a text"))
    }
}

impl schemars::JsonSchema for Secret<String> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "writeOnly": true})
    }
}

/// A secret in a result that shows it once: serialised in the clear, hidden in `Debug`.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Reveal<T>(T);

impl<T> Reveal<T> {
    /// Will show `value` where it is serialised.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one place that shows it.
    pub fn show(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Reveal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why a secret or a key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A plain value where an envelope must be.
    #[error("a stored secret is not encrypted")]
    NotEncrypted,
    /// Not base64, too short, or the tag does not hold; which one is not told.
    #[error("a stored secret can't be opened with this master key")]
    Tampered,
    /// The key has another form.
    #[error("master key must be 32 bytes as 64 hex digits or base64")]
    KeyForm,
}

impl From<SecretError> for Error {
    fn from(e: SecretError) -> Self {
        let (kind, code) = match e {
            SecretError::NotEncrypted => (ErrorKind::Corrupt, "secret_not_encrypted"),
            SecretError::Tampered => (ErrorKind::Corrupt, "secret_tampered"),
            SecretError::KeyForm => (ErrorKind::Invalid, "master_key.form"),
        };
        Self::new(kind, code, e.to_string())
    }
}

/// 32 random bytes as base64url without padding: 43 characters.
#[must_use]
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// The stored form of a token: lower-case hex SHA-256 of its text.
#[must_use]
pub fn token_hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// HMAC-SHA-256. Source: RFC 2104.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret::new("pattern".to_owned())), "***");
        assert_eq!(format!("{:?}", Reveal::new("pattern")), "***");
        assert_eq!(serde_json::to_string(&Reveal::new("pattern")).unwrap(), "\"pattern\"");
        assert_eq!(format!("{:?}", MasterKey::generate()), "MasterKey(***)");
        assert_eq!(random_token().len(), 43);
    }
}
