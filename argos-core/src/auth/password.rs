//! Passwords: what is accepted and how they are stored.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Cost of a password hash: the settings `auth.argon2_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashSettings {
    /// KiB, at least 19,456.
    pub memory_kib: u32,
    /// Passes, at least 2.
    pub iterations: u32,
    /// Lanes, at least 1.
    pub parallelism: u32,
}

/// Refuses a password that is too short, too long or holds NUL.
///
/// # Errors
/// `password.too_short`, `password.too_long`, `password.nul`.
pub fn check_new(password: &Secret<String>, min_length: usize) -> Result<()> {
    let text = password.expose();
    if text.contains('\0') {
        return Err(Error::invalid("password.nul", "password", "NUL is not allowed"));
    }
    if text.len() > 1024 {
        return Err(Error::invalid("password.too_long", "password", "at most 1024 bytes"));
    }
    if text.nfc().count() < min_length {
        let reason = format!("at least {min_length} characters");
        return Err(Error::invalid("password.too_short", "password", reason));
    }
    Ok(())
}

/// The Argon2id PHC string of a password after Unicode NFC. Takes some ten milliseconds and `memory_kib`.
///
/// # Errors
/// `internal` when the parameters are outside what Argon2 allows.
pub fn hash(password: &Secret<String>, cost: HashSettings) -> Result<String> {
    let normal = Secret::new(password.expose().nfc().collect::<String>());
    let params = Params::new(cost.memory_kib, cost.iterations, cost.parallelism, None)
        .map_err(|e| Error::internal(format!("password hash parameters: {e}")))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(normal.expose().as_bytes())
        .map(|phc| phc.to_string())
        .map_err(|e| Error::internal(format!("hashing a password: {e}")))
}
