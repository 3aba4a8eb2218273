//! Uploaded certificates, of hosts and for upstreams: what is checked before one is stored. Each refusal names the
//! field at fault.

use std::borrow::Cow;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::served::certified_key;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{CertificateKind, DAY_MS, HostId, Hostname};
use crate::secret::{MasterKey, Secret};
use crate::store::certificates::NewCertificate;

/// Bytes of each of the three texts, at most.
pub const MOST_PEM: usize = 64 * 1024;
/// Certificates in a chain, at most.
const MOST_CHAIN: usize = 10;
/// What some editors put before UTF-8.
const MARK: char = '\u{feff}';
/// Below so many days left an upload is taken with a warning.
const SHORT_DAYS: i64 = 30;

/// A certificate with its key that passed every check.
#[derive(Debug)]
pub struct Uploaded {
    names: Vec<String>,
    cert_pem: String,
    chain_pem: String,
    key: Secret<String>,
    issuer: String,
    fingerprint_sha256: String,
    not_before: Timestamp,
    not_after: Timestamp,
    remarks: Vec<String>,
}

/// What the three texts are called where they are given.
#[derive(Clone, Copy)]
struct Fields {
    cert: &'static str,
    key: &'static str,
    chain: &'static str,
}

const OF_HOSTS: Fields = Fields { cert: "cert_pem", key: "key_pem", chain: "chain_pem" };
const FOR_UPSTREAMS: Fields = Fields { cert: "client_cert_pem", key: "client_key_pem", chain: "client_cert_pem" };

/// A certificate that upstreams are shown, with its key, that passed every check.
#[derive(Debug)]
pub struct ClientPair {
    /// The certificate and those that signed it.
    pub cert_pem: String,
    /// Its key in PKCS#8.
    pub key: Secret<String>,
}

impl ClientPair {
    /// Checks a certificate, behind which those that signed it may stand, and its key.
    ///
    /// # Errors
    /// Those of [`Uploaded::check`], but `certificate.covers`.
    pub fn check(cert_pem: &str, key_pem: &Secret<String>, now: Timestamp) -> Result<Self> {
        let pair = checked(Texts { cert_pem, key_pem, chain_pem: "" }, FOR_UPSTREAMS, now)?;
        Ok(Self { cert_pem: pair.cert_pem + &pair.chain_pem, key: pair.key })
    }
}

/// The three texts of an upload.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// The certificate; those that signed it may follow.
    pub cert_pem: &'a str,
    /// Its key in PKCS#8, PKCS#1 or SEC1.
    pub key_pem: &'a Secret<String>,
    /// Those that signed it, nearest first.
    pub chain_pem: &'a str,
}

impl Uploaded {
    /// Checks what was uploaded for `domain`.
    ///
    /// # Errors
    /// `certificate.too_large`, `certificate.not_pem`, `certificate.unreadable`, `certificate.chain`,
    /// `certificate.expired`, `certificate.not_yet`, `certificate.covers`, `certificate.key_encrypted`,
    /// `certificate.key`, `certificate.mismatch`.
    pub fn check(texts: Texts<'_>, domain: &Hostname, now: Timestamp) -> Result<Self> {
        let uploaded = checked(texts, OF_HOSTS, now)?;
        uploaded.check_covers(domain)?;
        Ok(uploaded)
    }

    /// Refuses it for another name than the one it was checked for.
    ///
    /// # Errors
    /// `certificate.covers`.
    pub fn check_covers(&self, domain: &Hostname) -> Result<()> {
        check_covers(&self.names, domain)
    }

    /// What its owner should know.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        let days = (self.not_after.0 - now.0) / DAY_MS;
        let soon = (days < SHORT_DAYS).then(|| format!("it ends in {days} days, at {}", self.not_after));
        soon.into_iter().chain(self.remarks.iter().cloned()).collect()
    }

    /// The row to store.
    #[must_use]
    pub fn into_row(self, host: HostId, key: &MasterKey, kind: CertificateKind) -> NewCertificate {
        NewCertificate {
            host_id: Some(host),
            names: self.names,
            kind,
            cert_pem: self.cert_pem,
            chain_pem: self.chain_pem,
            key_encrypted: key.encrypt(self.key.expose()),
            issuer: self.issuer,
            fingerprint_sha256: self.fingerprint_sha256,
            not_before: self.not_before,
            not_after: self.not_after,
            active: true,
            directory_url: String::new(),
        }
    }
}

fn checked(texts: Texts<'_>, fields: Fields, now: Timestamp) -> Result<Uploaded> {
    for (field, text) in
        [(fields.cert, texts.cert_pem), (fields.key, texts.key_pem.expose()), (fields.chain, texts.chain_pem)]
    {
        check_size(field, text)?;
    }
    let mut ders = certificates(texts.cert_pem, fields.cert)?;
    if ders.is_empty() {
        return Err(Error::invalid("certificate.not_pem", fields.cert, "holds no block BEGIN CERTIFICATE"));
    }
    // Authorities hand out the certificate and its chain in one file.
    let beside = ders.len();
    ders.extend(certificates(texts.chain_pem, fields.chain)?);
    let field = |at: usize| if at < beside { fields.cert } else { fields.chain };
    if ders.len() > MOST_CHAIN {
        let reason = format!("{} certificates; at most {MOST_CHAIN} are taken", ders.len());
        return Err(Error::invalid("certificate.chain", field(ders.len() - 1), reason));
    }
    let parsed = ders.iter().enumerate().map(|(at, der)| parse(der, field(at))).collect::<Result<Vec<_>>>()?;
    check_order(&parsed, field)?;
    let leaf = &parsed[0];
    let [not_before, not_after] = [leaf.validity().not_before, leaf.validity().not_after]
        .map(|at| Timestamp(at.timestamp().saturating_mul(1000)));
    check_dates(not_before, not_after, now, fields.cert)?;
    let pem = |ders: &[CertificateDer<'_>]| ders.iter().map(|der| pem_text("CERTIFICATE", der)).collect::<String>();
    let cert_pem = pem(&ders[..1]);
    let key = check_key(texts.key_pem, &cert_pem, leaf, fields.key)?;
    Ok(Uploaded {
        names: names(leaf),
        cert_pem,
        chain_pem: pem(&ders[1..]),
        key,
        issuer: shown(leaf.issuer()),
        fingerprint_sha256: hex::encode(Sha256::digest(&ders[0])),
        not_before,
        not_after,
        remarks: remarks(leaf, ders.len() == 1),
    })
}

/// What is taken, and yet may not be what its owner meant.
fn remarks(leaf: &X509Certificate<'_>, alone: bool) -> Vec<String> {
    let mut found = Vec::new();
    if alone && leaf.issuer() != leaf.subject() {
        let issuer = shown(leaf.issuer());
        found.push(format!(
            "the certificate of its issuer, {issuer}, is not beside it: clients that don't have that one will not \
             trust it; upload it again with chain_pem"
        ));
    }
    if leaf.is_ca() {
        found.push("it is that of an authority: many clients refuse a server that shows one".to_owned());
    }
    if let Ok(Some(uses)) = leaf.extended_key_usage()
        && !uses.value.any
        && !uses.value.server_auth
    {
        found.push("its extended key usage does not have serverAuth: clients refuse a server that shows it".to_owned());
    }
    found
}

/// Refuses a text that is longer than any that is needed.
pub(super) fn check_size(field: &'static str, text: &str) -> Result<()> {
    if text.len() > MOST_PEM {
        let reason = format!("has {} bytes; at most {MOST_PEM} are taken", text.len());
        return Err(Error::invalid("certificate.too_large", field, reason));
    }
    Ok(())
}

/// The text without the marks that some editors put before UTF-8, which would hide the first line of a block.
pub(crate) fn unmarked(text: &str) -> Cow<'_, str> {
    if text.contains(MARK) { text.replace(MARK, "").into() } else { text.into() }
}

pub(super) fn certificates(text: &str, field: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    let text = &*unmarked(text);
    if text.contains("PRIVATE KEY-----") {
        let reason = "holds a private key, where only certificates belong";
        return Err(Error::invalid("certificate.not_pem", field, reason));
    }
    let found = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<std::result::Result<Vec<_>, _>>();
    let found = found.map_err(|e| Error::invalid("certificate.not_pem", field, format!("is not PEM: {}", why(&e))))?;
    if found.is_empty() && !text.trim().is_empty() {
        let reason = if is_binary(text) {
            "is binary, as DER is; PEM is needed (openssl x509 -inform DER -in FILE)"
        } else {
            "holds no block BEGIN CERTIFICATE"
        };
        return Err(Error::invalid("certificate.not_pem", field, reason));
    }
    if text.matches("-----BEGIN CERTIFICATE-----").count() != found.len() {
        let reason = "a block BEGIN CERTIFICATE does not begin at the beginning of a line";
        return Err(Error::invalid("certificate.not_pem", field, reason));
    }
    Ok(found)
}

/// Whether a text is what came of bytes that are none.
fn is_binary(text: &str) -> bool {
    text.contains([char::REPLACEMENT_CHARACTER, '\0'])
}

// The library's own text shows bytes of what it read, which may be a key.
fn why(e: &pem::Error) -> &'static str {
    match e {
        pem::Error::MissingSectionEnd { .. } => "a block has no end",
        pem::Error::IllegalSectionStart { .. } => "a block's first line is not well formed",
        pem::Error::Base64Decode(_) => "a block is not base64",
        pem::Error::NoItemsFound => "it holds no block of the kind that is needed",
        _ => "it can't be read",
    }
}

pub(super) fn parse<'a>(der: &'a CertificateDer<'_>, field: &'static str) -> Result<X509Certificate<'a>> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(Error::invalid("certificate.unreadable", field, "a block is no X.509 certificate")),
    }
}

/// Each one must have signed the one before it.
fn check_order(chain: &[X509Certificate<'_>], field: impl Fn(usize) -> &'static str) -> Result<()> {
    for (at, pair) in chain.windows(2).enumerate() {
        let (signed, signer) = (&pair[0], &pair[1]);
        if signed.issuer() != signer.subject() || signed.verify_signature(Some(signer.public_key())).is_err() {
            let reason = format!(
                "certificate {} ({}) did not sign the one before it, which {} signed; they stand in order, each behind \
                 the one that it signed",
                at + 2,
                shown(signer.subject()),
                shown(signed.issuer()),
            );
            return Err(Error::invalid("certificate.chain", field(at + 1), reason));
        }
    }
    Ok(())
}

fn check_dates(not_before: Timestamp, not_after: Timestamp, now: Timestamp, field: &'static str) -> Result<()> {
    if not_after <= now {
        return Err(Error::invalid("certificate.expired", field, format!("it ended at {not_after}")));
    }
    if not_before.0 > now.0 + DAY_MS {
        let reason = format!("it begins at {not_before}, more than a day from now ({now})");
        return Err(Error::invalid("certificate.not_yet", field, reason));
    }
    Ok(())
}

/// DNS names and addresses of a certificate; its common name counts for nothing. Source: RFC 9525 §2.
fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = leaf.subject_alternative_name() else { return Vec::new() };
    let address = |bytes: &[u8]| match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
        _ => <[u8; 16]>::try_from(bytes).ok().map(|b| std::net::IpAddr::from(b).to_canonical().to_string()),
    };
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn check_covers(names: &[String], domain: &Hostname) -> Result<()> {
    if domain.is_catch_all() || names.iter().any(|name| domain.is_covered_by(name)) {
        return Ok(());
    }
    let of = if names.is_empty() { "it has no names".to_owned() } else { format!("it is for {}", names.join(", ")) };
    Err(Error::invalid("certificate.covers", "cert_pem", format!("does not cover {domain}: {of}")))
}

/// The key in PKCS#8, after it was found to be that of the certificate.
fn check_key(
    text: &Secret<String>,
    cert_pem: &str,
    leaf: &X509Certificate<'_>,
    field: &'static str,
) -> Result<Secret<String>> {
    let refused = |code, reason: &str| Err(Error::invalid(code, field, reason));
    let text = Secret::new(unmarked(text.expose()).into_owned());
    if text.expose().contains("ENCRYPTED") {
        return refused(
            "certificate.key_encrypted",
            "is encrypted; give it without a passphrase (openssl pkey -in FILE)",
        );
    }
    let key = match PrivateKeyDer::from_pem_slice(text.expose().as_bytes()) {
        Ok(key) => key,
        Err(_) if is_binary(text.expose()) => {
            return refused(
                "certificate.key",
                "is binary, as DER is; PEM is needed (openssl pkey -inform DER -in FILE)",
            );
        }
        Err(e) => return refused("certificate.key", &format!("is no PEM of a private key: {}", why(&e))),
    };
    let pkcs8 = Secret::new(match &key {
        PrivateKeyDer::Pkcs8(der) => der.secret_pkcs8_der().to_vec(),
        // The algorithm of both is named by the certificate, whose key it must be.
        PrivateKeyDer::Pkcs1(der) => wrapped(leaf, der.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(der) => wrapped(leaf, der.secret_sec1_der()),
        _ => return refused("certificate.key", "is of a kind that is not known; PKCS#8, PKCS#1 or SEC1 is needed"),
    });
    let pem = Secret::new(pem_text("PRIVATE KEY", pkcs8.expose()));
    let Ok(pair) = certified_key(cert_pem, "", pem.expose()) else {
        // The wrong certificate names the wrong algorithm for a key that is sound in itself.
        return match super::provider().key_provider.load_private_key(key) {
            Ok(_) => refused("certificate.mismatch", "is not the key of this certificate"),
            Err(_) => {
                refused("certificate.key", "can't be used: RSA of 2048–8192 bits, P-256, P-384, P-521 or Ed25519")
            }
        };
    };
    match pair.keys_match() {
        Ok(()) => Ok(pem),
        Err(_) => refused("certificate.mismatch", "is not the key of this certificate"),
    }
}

/// A key in PKCS#8. Source: RFC 5208 §5: version 0, the algorithm, the key as octets.
fn wrapped(leaf: &X509Certificate<'_>, key: &[u8]) -> Vec<u8> {
    let algorithm = algorithm_of(leaf.public_key().raw);
    tlv(0x30, &[&[0x02, 0x01, 0x00], algorithm, &tlv(0x04, key)].concat())
}

/// The algorithm, with its tag and length, that begins a public key's outer sequence.
fn algorithm_of(public_key: &[u8]) -> &[u8] {
    let content = |der: &[u8]| -> Option<(usize, usize)> {
        match *der.get(1)? {
            short @ 0..=0x7f => Some((2, usize::from(short))),
            long => {
                let count = usize::from(long & 0x7f);
                let size = der.get(2..2 + count)?.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
                Some((2 + count, size))
            }
        }
    };
    let inner = content(public_key).and_then(|(head, _)| public_key.get(head..)).unwrap_or_default();
    let size = content(inner).map_or(0, |(head, size)| head + size);
    inner.get(..size).unwrap_or_default()
}

pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let from = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len());
            out.push(0x80 | (bytes.len() - from) as u8);
            out.extend_from_slice(&bytes[from..]);
        }
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn pem_text(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = Secret::new(base64::engine::general_purpose::STANDARD.encode(der));
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = body.expose().as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text + &format!("-----END {label}-----\n")
}

/// How a person knows the name: the common name, the organisation, or all of it.
fn shown(name: &X509Name<'_>) -> String {
    let one = name.iter_common_name().chain(name.iter_organization()).find_map(|part| part.as_str().ok());
    one.map_or_else(|| name.to_string(), str::to_owned)
}
