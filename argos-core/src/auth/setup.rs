//! The one-time token that lets the first administrator be made.

use std::sync::{Mutex, PoisonError};

use subtle::ConstantTimeEq as _;

use crate::error::{Error, ErrorKind, Result};
use crate::secret::{Reveal, random_token, token_hash};

/// Holds the token's hash until it is used; nothing while an administrator exists.
#[derive(Debug, Default)]
pub struct SetupToken(Mutex<Option<String>>);

impl SetupToken {
    /// Makes a new token, which replaces the last, and shows it this once.
    #[must_use]
    pub fn issue(&self) -> Reveal<String> {
        let token = random_token();
        *self.lock() = Some(token_hash(&token));
        Reveal::new(token)
    }

    /// Refuses unless `token` is the live one.
    ///
    /// # Errors
    /// `setup.token_wrong`, also when no token is live.
    pub fn check(&self, token: &str) -> Result<()> {
        let given = token_hash(token);
        let good = self.lock().as_ref().is_some_and(|live| live.as_bytes().ct_eq(given.as_bytes()).into());
        if good {
            return Ok(());
        }
        let text = "the setup token is not the one that this start printed";
        Err(Error::new(ErrorKind::Unauthorized, "setup.token_wrong", text))
    }

    /// Whether a token is live.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.lock().is_some()
    }

    /// Ends the token.
    pub fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
