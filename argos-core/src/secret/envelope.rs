//! The stored form of a secret: `argos1:` and base64 of nonce, ciphertext and tag. AES-256-GCM, no associated data.

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize as _;

use super::{MasterKey, Secret, SecretError};
use crate::clock::random;

const PREFIX: &str = "argos1:";
const NONCE: usize = 12;
const TAG: usize = 16;

/// Whether `text` is an envelope: it has the prefix and something after it.
#[must_use]
pub fn is_envelope(text: &str) -> bool {
    text.len() > PREFIX.len() && text.starts_with(PREFIX)
}

impl MasterKey {
    /// The envelope of `plain`, with a fresh nonce. The empty text stays empty.
    #[must_use]
    pub fn encrypt(&self, plain: &str) -> String {
        self.encrypt_with_nonce(plain, random())
    }

    /// As [`MasterKey::encrypt`] with a nonce from outside. For test vectors only: a nonce used twice breaks the cipher.
    #[doc(hidden)]
    #[must_use]
    pub fn encrypt_with_nonce(&self, plain: &str, nonce: [u8; NONCE]) -> String {
        if plain.is_empty() {
            return String::new();
        }
        let cipher = Aes256Gcm::new(&(*self.bytes()).into());
        let sealed =
            cipher.encrypt(&Nonce::from(nonce), plain.as_bytes()).expect("AES-GCM seals any text below 64 GiB");
        let mut bytes = Vec::with_capacity(NONCE + sealed.len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        format!("{PREFIX}{}", STANDARD.encode(bytes))
    }

    /// Opens an envelope. The empty text stays empty.
    ///
    /// # Errors
    /// [`SecretError::NotEncrypted`], [`SecretError::Tampered`].
    pub fn decrypt(&self, text: &str) -> Result<Secret<String>, SecretError> {
        if text.is_empty() {
            return Ok(Secret::default());
        }
        if !is_envelope(text) {
            return Err(SecretError::NotEncrypted);
        }
        let bytes = STANDARD.decode(&text[PREFIX.len()..]).map_err(|_| SecretError::Tampered)?;
        if bytes.len() < NONCE + TAG {
            return Err(SecretError::Tampered);
        }
        let (nonce, sealed) = bytes.split_at(NONCE);
        let nonce: [u8; NONCE] = nonce.try_into().expect("split_at gives exactly the nonce");
        let cipher = Aes256Gcm::new(&(*self.bytes()).into());
        let plain = cipher.decrypt(&Nonce::from(nonce), sealed).map_err(|_| SecretError::Tampered)?;
        String::from_utf8(plain).map(Secret::new).map_err(|e| {
            e.into_bytes().zeroize();
            SecretError::Tampered
        })
    }
}
