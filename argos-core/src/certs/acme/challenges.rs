//! What proofs are answered with, shared between orders and the proxy.
//!
//! A proof is there as long as its [`Presented`] lives. While no order goes on, a look costs one atomic read.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::sign::CertifiedKey;

use crate::certs::served::certified_key;

/// The protocol by which a TLS-ALPN-01 proof is asked for. Source: RFC 8737 §3.
pub const ALPN: &[u8] = b"acme-tls/1";

/// All proofs of now.
#[derive(Default)]
pub struct Challenges {
    live: AtomicUsize,
    answers: RwLock<HashMap<Box<str>, Arc<str>>>,
    certificates: RwLock<HashMap<Box<str>, Arc<CertifiedKey>>>,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Keeps one proof; it is gone when this is dropped.
#[derive(Debug)]
pub struct Presented {
    of: Arc<Challenges>,
    key: Box<str>,
    what: What,
}

/// What is shown. Another order may have put its own in this place meanwhile.
#[derive(Debug)]
enum What {
    Answer(Arc<str>),
    Certificate(Arc<CertifiedKey>),
}

impl Drop for Presented {
    fn drop(&mut self) {
        match &self.what {
            What::Answer(own) => {
                let mut all = self.of.answers.write().unwrap_or_else(PoisonError::into_inner);
                if all.get(&self.key).is_some_and(|now| Arc::ptr_eq(now, own)) {
                    all.remove(&self.key);
                }
            }
            What::Certificate(own) => {
                let mut all = self.of.certificates.write().unwrap_or_else(PoisonError::into_inner);
                if all.get(&self.key).is_some_and(|now| Arc::ptr_eq(now, own)) {
                    all.remove(&self.key);
                }
            }
        }
        self.of.live.fetch_sub(1, Ordering::Release);
    }
}

impl Challenges {
    /// Answers the token `token` with `key_authorization`. Source: RFC 8555 §8.3.
    #[must_use]
    pub fn by_http(self: &Arc<Self>, token: &str, key_authorization: &str) -> Presented {
        let answer: Arc<str> = key_authorization.into();
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.insert(token.into(), Arc::clone(&answer));
        self.live.fetch_add(1, Ordering::Release);
        Presented { of: Arc::clone(self), key: token.into(), what: What::Answer(answer) }
    }

    /// Shows a certificate for `name` that holds `digest`, to clients that ask for a proof. Source: RFC 8737 §3.
    ///
    /// # Errors
    /// When the certificate can't be made.
    pub fn by_tls(self: &Arc<Self>, name: &str, digest: &[u8]) -> Result<Presented, String> {
        let key = KeyPair::generate().map_err(|e| e.to_string())?;
        let mut params = CertificateParams::new([name.to_owned()]).map_err(|e| e.to_string())?;
        params.distinguished_name = DistinguishedName::new();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let made = params.self_signed(&key).map_err(|e| e.to_string())?;
        let certified = Arc::new(certified_key(&made.pem(), "", &key.serialize_pem())?);
        let mut certificates = self.certificates.write().unwrap_or_else(PoisonError::into_inner);
        certificates.insert(name.into(), Arc::clone(&certified));
        self.live.fetch_add(1, Ordering::Release);
        Ok(Presented { of: Arc::clone(self), key: name.into(), what: What::Certificate(certified) })
    }

    /// What the token of a live order is answered with.
    #[must_use]
    pub fn answer(&self, token: &str) -> Option<Arc<str>> {
        if self.live.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.answers.read().unwrap_or_else(PoisonError::into_inner).get(token).map(Arc::clone)
    }

    /// The certificate that proves `name`.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        if self.live.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.certificates.read().unwrap_or_else(PoisonError::into_inner).get(name).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_there_while_its_order_goes_on() {
        let all = Arc::new(Challenges::default());
        assert!(all.answer("token").is_none());
        let first = all.by_http("token", "token.thumb");
        let second = all.by_tls("a.example.com", &[7; 32]).unwrap();
        assert_eq!(all.answer("token").as_deref(), Some("token.thumb"));
        assert!(all.answer("other").is_none() && all.certificate("b.example.com").is_none());
        assert_eq!(all.certificate("a.example.com").unwrap().cert.len(), 1);
        drop(first);
        assert!(all.answer("token").is_none() && all.certificate("a.example.com").is_some());
        drop(second);
        assert!(all.certificate("a.example.com").is_none());
    }
}
