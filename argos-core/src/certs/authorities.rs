//! A bundle of certificates that somebody trusts: the authorities that may vouch, and single certificates that are
//! trusted as they are.

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, RootCertStore};
use sha2::{Digest as _, Sha256};
use x509_parser::x509::X509Version;

use super::manual::{certificates, check_size, parse};
use crate::error::{Error, Result};

/// What a bundle holds.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// Those that may sign others.
    pub(crate) roots: RootCertStore,
    /// All of them.
    pub(crate) all: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Reads the bundle in `text`, which the caller knows as `field`.
    ///
    /// # Errors
    /// `certificate.too_large`, `certificate.not_pem`, `certificate.unreadable`.
    pub(crate) fn read(text: &str, field: &'static str) -> Result<Self> {
        check_size(field, text)?;
        let all = certificates(text, field)?;
        let mut roots = RootCertStore::empty();
        for der in &all {
            let parsed = parse(der, field)?;
            // The first version of certificates had nothing to say it with.
            let says = parsed.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca);
            let authority = says || parsed.version() == X509Version::V1;
            if authority {
                let unusable = |e| Error::invalid("certificate.unreadable", field, format!("a certificate: {e}"));
                roots.add(der.clone()).map_err(unusable)?;
            }
        }
        Ok(Self { roots, all })
    }
}

/// Checks the bundle in `text` before it is stored; an empty text is none.
///
/// # Errors
/// `certificate.too_large`, `certificate.not_pem`, `certificate.unreadable`.
pub fn check_bundle(text: &str, field: &'static str) -> Result<()> {
    Authorities::read(text, field).map(drop)
}

/// Whether a certificate was refused because it is that of an authority. The library has no word of its own for that.
pub(super) fn is_authority(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity"))
}

/// Tells texts apart without keeping them.
pub(super) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}
