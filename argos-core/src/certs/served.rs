//! A stored certificate as the proxy serves it: its key is opened when the first client asks for it.
//!
//! A start with ten thousand hosts would otherwise decrypt ten thousand keys, of which most are not asked for soon.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider;
use crate::clock::Timestamp;
use crate::schema::{CertificateId, CertificateKind, covers};
use crate::secret::{MasterKey, Secret, Subkey};
use crate::store::certificates::StoredPair;

/// What opens the keys of certificates; without a master key none is opened.
#[derive(Clone, Default)]
pub struct Opener(Option<Arc<MasterKey>>);

impl Opener {
    /// Opens keys with `key`.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self(Some(Arc::new(key.clone())))
    }

    /// The key itself.
    pub(crate) fn master(&self) -> Option<&MasterKey> {
        self.0.as_deref()
    }

    /// What proves that a cookie of sticky sessions is ours.
    #[must_use]
    pub fn sticky_key(&self) -> Option<Secret<[u8; 32]>> {
        self.0.as_ref().map(|key| key.subkey(Subkey::Sticky))
    }

    /// What an envelope holds.
    pub(super) fn open(&self, envelope: &str) -> Result<Secret<String>, String> {
        let key = self.0.as_ref().ok_or("no master key is at hand")?;
        key.decrypt(envelope).map_err(|e| e.to_string())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(***)")
    }
}

/// A certificate with its key.
pub struct Served {
    /// Identity.
    pub id: CertificateId,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// The moment at which it ends.
    pub not_after: Timestamp,
    names: Box<str>,
    cert_pem: Box<str>,
    chain_pem: Box<str>,
    key_encrypted: Box<str>,
    opener: Opener,
    ready: OnceLock<Result<Arc<CertifiedKey>, Box<str>>>,
    told: AtomicBool,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("id", &self.id).field("names", &self.names).finish_non_exhaustive()
    }
}

impl Served {
    /// What is served of a stored certificate.
    #[must_use]
    pub fn new(pair: StoredPair, opener: &Opener) -> Self {
        Self {
            id: pair.id,
            kind: pair.kind,
            not_after: pair.not_after,
            names: pair.names.into(),
            cert_pem: pair.cert_pem.into(),
            chain_pem: pair.chain_pem.into(),
            key_encrypted: pair.key_encrypted.into(),
            opener: opener.clone(),
            ready: OnceLock::new(),
            told: AtomicBool::new(false),
        }
    }

    /// In the form that handshakes use; none when it can't be used, which [`Served::fault`] tells.
    #[must_use]
    pub fn certified(&self) -> Option<&Arc<CertifiedKey>> {
        let ready = self.ready.get_or_init(|| {
            self.open().map_err(|why| {
                let text = format!("certificates.key_encrypted of row {} can't be used: {why}", self.id);
                tracing::error!("{text}");
                text.into()
            })
        });
        ready.as_ref().ok()
    }

    /// Why it can't be used, told to the first who asks.
    pub(crate) fn fault(&self) -> Option<&str> {
        let why = self.ready.get()?.as_ref().err()?;
        (!self.told.swap(true, Ordering::Relaxed)).then_some(why)
    }

    /// Whether it is good for `name`.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let names: Vec<String> = serde_json::from_str(&self.names).unwrap_or_default();
        names.iter().any(|pattern| covers(pattern, name))
    }

    fn open(&self) -> Result<Arc<CertifiedKey>, String> {
        let plain = self.opener.open(&self.key_encrypted)?;
        certified_key(&self.cert_pem, &self.chain_pem, plain.expose()).map(Arc::new)
    }
}

/// A certificate, those that signed it, and its key, from their PEM texts. Whether they match is not looked at.
pub(super) fn certified_key(cert_pem: &str, chain_pem: &str, key_pem: &str) -> Result<CertifiedKey, String> {
    let mut chain = Vec::new();
    for text in [cert_pem, chain_pem] {
        for cert in CertificateDer::pem_slice_iter(text.as_bytes()) {
            chain.push(cert.map_err(|e| e.to_string())?);
        }
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|e| e.to_string())?;
    let key = provider().key_provider.load_private_key(key).map_err(|e| e.to_string())?;
    Ok(CertifiedKey::new(chain, key))
}
