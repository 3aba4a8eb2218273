//! The account that orders. Its key is made and kept before it is registered, so that no registered one is lost; but for
//! a bound one, whose key the library makes while it registers.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use instant_acme::{Account, Error, ExternalAccountKey, Key, NewAccount};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::fault::{Fault, FaultKind};
use super::wire::Wire;
use crate::secret::Secret;

/// What binds an account to one that the authority knows from elsewhere. Source: RFC 8555 §7.3.4.
pub struct Eab {
    /// Key identifier.
    pub kid: String,
    /// The MAC key.
    pub key: Secret<Vec<u8>>,
}

/// What a new account is bound to.
#[derive(Debug)]
pub enum Binding {
    /// This.
    To(Eab),
    /// Nothing: nothing is set.
    Unset,
    /// Nothing: what may be set is for another authority.
    Elsewhere,
}

impl std::fmt::Debug for Eab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Eab").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The MAC key that `text` stands for: base64url, or base64 as some authorities print it.
#[must_use]
pub fn eab_key(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=');
    let decoded = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()?;
    (!decoded.is_empty()).then_some(decoded)
}

/// Refuses a key that no account can have.
///
/// # Errors
/// Why not; without a byte of it.
pub fn check_key(key_pem: &Secret<String>) -> Result<(), &'static str> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(key_pem.expose().as_bytes());
    let der = der.map_err(|_| "is no private key in PKCS#8 PEM (BEGIN PRIVATE KEY)")?;
    Key::from_pkcs8_der(der).map(drop).map_err(|_| "is no P-256 key, the only kind that is taken")
}

/// A new P-256 key in PKCS#8 PEM.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_key() -> Result<Secret<String>, Fault> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|e| Fault::other(e.to_string()))?;
    Ok(Secret::new(key.serialize_pem()))
}

/// An account that is ready to order.
pub struct Registered {
    /// The account.
    pub account: Account,
    /// Its own URL.
    pub url: String,
    /// Its key, when it differs from the one that was given.
    pub new_key: Option<Secret<String>>,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The account of the key `key_pem` behind `wire`: as it is at `url`, or registered now.
///
/// # Errors
/// Those of the authority.
pub async fn account(
    wire: &Wire,
    key_pem: &Secret<String>,
    url: &str,
    email: &str,
    binding: &Binding,
) -> Result<Registered, Fault> {
    let builder = Account::builder_with_http(Box::new(wire.clone()));
    let broken = |e: String| Fault::other(format!("the account's key can't be read: {e}"));
    let der = PrivatePkcs8KeyDer::from_pem_slice(key_pem.expose().as_bytes()).map_err(|e| broken(e.to_string()))?;
    if !url.is_empty() {
        let account = builder.from_parts(url.to_owned(), der, wire.directory().to_owned()).await?;
        return Ok(Registered { account, url: url.to_owned(), new_key: None });
    }
    let contact = format!("mailto:{email}");
    let contacts: &[&str] = if email.is_empty() { &[] } else { &[&contact] };
    let refused = |e: Error| match e {
        Error::Api(problem) => Fault::unregistered(&problem, binding),
        e => Fault::from(e),
    };
    if let Binding::To(eab) = binding {
        // One that is registered already needs no binding.
        let key = Key::from_pkcs8_der(der.clone_key()).map_err(|e| broken(e.to_string()))?;
        let pair = (key, PrivateKeyDer::Pkcs8(der));
        let known = Account::builder_with_http(Box::new(wire.clone()));
        if let Ok((account, _)) = known.from_key(pair, wire.directory().to_owned()).await {
            let url = account.id().to_owned();
            return Ok(Registered { account, url, new_key: None });
        }
        // The library makes the key of a bound account itself.
        let new = NewAccount { contact: contacts, terms_of_service_agreed: true, only_return_existing: false };
        let bound = ExternalAccountKey::new(eab.kid.clone(), eab.key.expose());
        let created = builder.create(&new, wire.directory().to_owned(), Some(&bound)).await;
        let (account, credentials) = created.map_err(refused)?;
        let key = KeyPair::try_from(credentials.private_key()).map_err(|e| broken(e.to_string()))?;
        let url = account.id().to_owned();
        return Ok(Registered { account, url, new_key: Some(Secret::new(key.serialize_pem())) });
    }
    let key = Key::from_pkcs8_der(der.clone_key()).map_err(|e| broken(e.to_string()))?;
    let pair = (key, PrivateKeyDer::Pkcs8(der));
    let (account, _) = builder.create_from_key(pair, wire.directory().to_owned()).await.map_err(refused)?;
    if !contacts.is_empty() {
        account.update_contacts(contacts).await?;
    }
    let url = account.id().to_owned();
    if url.is_empty() {
        return Err(Fault::new(FaultKind::Other, "the authority gave the account no URL"));
    }
    Ok(Registered { account, url, new_key: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_external_accounts_are_base64url_or_base64() {
        assert_eq!(eab_key("-_-_").unwrap(), eab_key("+/+/").unwrap());
        assert_eq!(eab_key("YWJjZA==").unwrap(), b"abcd");
        assert!(eab_key("").is_none() && eab_key("not base64!").is_none());
    }
}
