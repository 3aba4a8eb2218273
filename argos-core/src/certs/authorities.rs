//! A bundle of certificates that somebody trusts: the authorities that may vouch, and single certificates that are
//! trusted as they are.

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, RootCertStore};
use sha2::{Digest as _, Sha256};
use x509_parser::x509::X509Version;

use super::manual::{certificates, check_size, parse};
#[cfg(test)]
use super::manual::{pem_text, tlv};
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
            let says = parsed.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca);
            // The first version of certificates had nothing to say it with. Roots of it sign themselves; any other one
            // may be that of a server or a client, which signs nobody.
            let old_root = parsed.version() == X509Version::V1 && parsed.issuer() == parsed.subject();
            if says || old_root {
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

/// A root of the first version in PEM, and another certificate of that version, which somebody else signed. Both have
/// lost their signatures on the way: here nobody looks at them.
#[cfg(test)]
pub(super) fn of_first_version() -> (String, String) {
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair};

    fn parts(mut der: &[u8]) -> Vec<&[u8]> {
        let mut found = Vec::new();
        while let [_, length, ..] = *der {
            let (head, size) = match usize::from(length) {
                short @ ..=0x7f => (2, short),
                long => {
                    let count = long & 0x7f;
                    (2 + count, der[2..2 + count].iter().fold(0, |n, b| n << 8 | usize::from(*b)))
                }
            };
            let (one, rest) = der.split_at(head + size);
            found.push(one);
            der = rest;
        }
        found
    }
    fn inner(der: &[u8]) -> &[u8] {
        let head = if der[1] < 0x80 { 2 } else { 2 + usize::from(der[1] & 0x7f) };
        &der[head..]
    }
    // Version and extensions came with later versions.
    let old = |der: &[u8]| {
        let certificate = parts(inner(der));
        let kept: Vec<&[u8]> =
            parts(inner(certificate[0])).into_iter().filter(|part| ![0xa0, 0xa3].contains(&part[0])).collect();
        let signed = tlv(0x30, &kept.concat());
        pem_text("CERTIFICATE", &tlv(0x30, &[&signed, certificate[1], certificate[2]].concat()))
    };
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = named("root").self_signed(&root_key).unwrap();
    let leaf = named("device").signed_by(&key, &Issuer::new(named("root"), root_key)).unwrap();
    (old(root.der()), old(leaf.der()))
}
