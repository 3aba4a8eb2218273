//! The local CA: a root of this installation's own, and certificates for names that no public authority issues.

use std::time::Duration;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use sha2::{Digest as _, Sha256};

use crate::clock::{Timestamp, random};
use crate::error::{Error, Result};
use crate::schema::{CertificateKind, DAY_MS, HostId};
use crate::secret::{MasterKey, Secret};
use crate::store::certificates::{self, NewCertificate, StoredPair};
use crate::store::{Read, Tx};

/// Days that the root is good for: ten years.
const ROOT_DAYS: i64 = 3653;
/// Days that a certificate of the local CA is good for.
const LEAF_DAYS: i64 = 90;
/// A root that ends within so many days signs nothing more: a new one is made.
const ROOT_SPARE_DAYS: i64 = 365;
/// Clocks of clients that are late by this much still take a new certificate.
const BACKDATED_MS: i64 = 3_600_000;
/// Longest common name. Source: RFC 5280, appendix A.1, `ub-common-name`.
const MAX_COMMON_NAME: usize = 64;

/// Stores a certificate of the local CA for `names`, served for `host`; the root is made if there is none.
///
/// # Errors
/// Those of the database; `secret_tampered`, when the root's key can't be opened.
pub(super) fn issue(tx: &Tx<'_>, key: &MasterKey, host: Option<HostId>, names: Vec<String>) -> Result<()> {
    let root = root(tx, key)?;
    let signer = KeyPair::from_pem(key.decrypt(&root.key_encrypted)?.expose()).map_err(failed)?;
    let issuer = Issuer::from_ca_cert_pem(&root.cert_pem, signer).map_err(failed)?;
    let own = KeyPair::generate().map_err(failed)?;
    let mut params = validity(tx.now(), LEAF_DAYS);
    params.subject_alt_names = names.iter().map(|name| subject(name)).collect::<Result<_>>()?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = names.first().filter(|name| name.len() <= MAX_COMMON_NAME) {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let signed = params.signed_by(&own, &issuer).map_err(failed)?;
    let new = Made { der: signed.der(), pem: signed.pem(), key: own, days: LEAF_DAYS };
    certificates::insert(tx, &new.into_row(tx.now(), key, CertificateKind::Local, root.issuer, host, names)).map(drop)
}

/// The root, if there is one.
///
/// # Errors
/// Those of the database.
pub(super) fn find_root(read: &Read<'_>) -> Result<Option<StoredPair>> {
    certificates::unowned(read, CertificateKind::LocalCa, "")
}

fn root(tx: &Tx<'_>, key: &MasterKey) -> Result<StoredPair> {
    if let Some(root) = find_root(tx)? {
        if root.not_after.0 - tx.now().0 > ROOT_SPARE_DAYS * DAY_MS {
            return Ok(root);
        }
        certificates::set_active(tx, root.id, false)?;
    }
    let own = KeyPair::generate().map_err(failed)?;
    // Two installations have two roots, and lists of trusted authorities show them by name.
    let name = format!("Argos local CA {}", hex::encode(random::<4>()));
    let mut params = validity(tx.now(), ROOT_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name.as_str());
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signed = params.self_signed(&own).map_err(failed)?;
    let new = Made { der: signed.der(), pem: signed.pem(), key: own, days: ROOT_DAYS };
    let row = new.into_row(tx.now(), key, CertificateKind::LocalCa, name, None, Vec::new());
    let id = certificates::insert(tx, &row)?;
    certificates::pair(tx, id)
}

/// A certificate that was just made.
struct Made<'a> {
    der: &'a [u8],
    pem: String,
    key: KeyPair,
    days: i64,
}

impl Made<'_> {
    fn into_row(
        self,
        now: Timestamp,
        key: &MasterKey,
        kind: CertificateKind,
        issuer: String,
        host_id: Option<HostId>,
        names: Vec<String>,
    ) -> NewCertificate {
        let own_key = Secret::new(self.key.serialize_pem());
        NewCertificate {
            host_id,
            names,
            kind,
            cert_pem: self.pem,
            chain_pem: String::new(),
            key_encrypted: key.encrypt(own_key.expose()),
            issuer,
            fingerprint_sha256: hex::encode(Sha256::digest(self.der)),
            not_before: from(now),
            not_after: until(now, self.days),
            active: true,
            directory_url: String::new(),
        }
    }
}

// Certificates count whole seconds.
fn from(now: Timestamp) -> Timestamp {
    Timestamp((now.0 - BACKDATED_MS).div_euclid(1000).max(0) * 1000)
}

fn until(now: Timestamp, days: i64) -> Timestamp {
    Timestamp((now.0 + days * DAY_MS).div_euclid(1000).max(0) * 1000)
}

fn validity(now: Timestamp, days: i64) -> CertificateParams {
    let since = |at: Timestamp| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(at.0.unsigned_abs());
    let mut params = CertificateParams::default();
    params.not_before = since(from(now));
    params.not_after = since(until(now, days));
    params
}

fn subject(name: &str) -> Result<SanType> {
    match name.parse() {
        Ok(ip) => Ok(SanType::IpAddress(ip)),
        Err(_) => Ia5String::try_from(name).map(SanType::DnsName).map_err(failed),
    }
}

fn failed(e: rcgen::Error) -> Error {
    Error::internal(format!("the local CA: {e}"))
}
