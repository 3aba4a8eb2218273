//! The key of a database and the keys derived from it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::{alphabet, engine::DecodePaddingMode};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use super::{Secret, SecretError};
use crate::clock::random;

/// Bytes of a key.
const LEN: usize = 32;

/// The 32 bytes that open a database's secrets. Wiped when dropped; `Debug` shows nothing.
#[derive(Clone, ZeroizeOnDrop)]
pub struct MasterKey([u8; LEN]);

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subkey {
    /// HMAC of backup manifests.
    BackupManifest,
    /// Authentication of ticket state and OIDC state cookies.
    Ticket,
    /// Authentication of pagination cursors.
    Cursor,
    /// Authentication of the cookies of sticky sessions.
    Sticky,
}

impl Subkey {
    const fn info(self) -> &'static str {
        match self {
            Self::BackupManifest => "argos/backup-manifest/v1",
            Self::Ticket => "argos/ticket/v1",
            Self::Cursor => "argos/cursor/v1",
            Self::Sticky => "argos/sticky/v1",
        }
    }
}

impl MasterKey {
    /// A new random key.
    #[must_use]
    pub fn generate() -> Self {
        Self(random())
    }

    /// A key from its raw bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// Parses 64 hex digits, or base64 of 32 bytes (standard or URL-safe, padding optional).
    ///
    /// # Errors
    /// [`SecretError::KeyForm`].
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut bytes = if text.len() == 2 * LEN && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            hex::decode(text).map_err(|_| SecretError::KeyForm)?
        } else {
            decode_base64(text).ok_or(SecretError::KeyForm)?
        };
        let key = <[u8; LEN]>::try_from(bytes.as_slice()).map(Self).map_err(|_| SecretError::KeyForm);
        bytes.zeroize();
        key
    }

    /// Parses the content of a key file: exactly 32 raw bytes, or the text forms with an optional newline.
    ///
    /// # Errors
    /// [`SecretError::KeyForm`].
    pub fn parse_file(content: &[u8]) -> Result<Self, SecretError> {
        if let Ok(raw) = <[u8; LEN]>::try_from(content) {
            return Ok(Self(raw));
        }
        let text = std::str::from_utf8(content).map_err(|_| SecretError::KeyForm)?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self::parse(text.strip_suffix('\r').unwrap_or(text))
    }

    /// 64 hex digits, for the key file.
    #[must_use]
    pub fn to_hex(&self) -> Secret<String> {
        Secret::new(hex::encode(self.0))
    }

    /// A key for one purpose: HKDF-SHA-256 with an empty salt. Source: RFC 5869.
    #[must_use]
    pub fn subkey(&self, of: Subkey) -> Secret<[u8; 32]> {
        let mut out = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, &self.0).expand(of.info().as_bytes(), &mut out);
        derived.expect("32 bytes are within what HKDF-SHA-256 can give");
        Secret::new(out)
    }

    pub(super) fn bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let any_padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = |alphabet| GeneralPurpose::new(alphabet, any_padding);
    engine(&alphabet::STANDARD).decode(text).or_else(|_| engine(&alphabet::URL_SAFE).decode(text)).ok()
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_each_form_and_refuses_the_rest() {
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let key = MasterKey::parse(hex).unwrap();
        for same in [
            "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=",
            "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8",
            "ABEiM0RVZneImaq7zN3u_wARIjNEVWZ3iJmqu8zd7v8",
            "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
        ] {
            assert_eq!(MasterKey::parse(same).unwrap().0, key.0, "{same}");
        }
        for wrong in ["", "00", &hex[..62], "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "ABEi"]
        {
            assert_eq!(MasterKey::parse(wrong).unwrap_err(), SecretError::KeyForm, "{wrong}");
        }
        assert_eq!(MasterKey::parse_file(format!("{hex}\n").as_bytes()).unwrap().0, key.0);
        assert_eq!(MasterKey::parse_file(&key.0).unwrap().0, key.0);
        assert!(MasterKey::parse_file(format!("{hex}\n\n").as_bytes()).is_err());
    }
}
