//! An authority that signs what a test needs.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::sync::Arc;
use std::time::Duration;

use argos_core::clock::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::time_provider::TimeProvider;

pub const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
pub const BEGIN: i64 = 1_767_225_600_000;

/// Signs others.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

/// What a certificate says.
#[derive(Clone)]
pub struct Of<'a> {
    pub name: &'a str,
    /// Its first and last day, from [`BEGIN`].
    pub days: (i64, i64),
    pub usage: Option<ExtendedKeyUsagePurpose>,
}

impl<'a> Of<'a> {
    /// A certificate of servers.
    pub fn server(name: &'a str) -> Self {
        Self { name, days: (-1, 90), usage: Some(ExtendedKeyUsagePurpose::ServerAuth) }
    }

    /// A certificate of clients.
    pub fn client(name: &'a str) -> Self {
        Self { name, days: (-1, 90), usage: Some(ExtendedKeyUsagePurpose::ClientAuth) }
    }
}

fn params(name: &str, days: (i64, i64)) -> CertificateParams {
    let at = |day: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis((BEGIN + day * DAY_MS).unsigned_abs());
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (at(days.0), at(days.1));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name, (-10, 4000));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn leaf(of: Of<'_>) -> CertificateParams {
    let mut params = params(of.name, of.days);
    let name = match of.name.parse() {
        Ok(ip) => rcgen::SanType::IpAddress(ip),
        Err(_) => rcgen::SanType::DnsName(of.name.replace(' ', "-").try_into().unwrap()),
    };
    params.subject_alt_names = vec![name];
    params.extended_key_usages = of.usage.into_iter().collect();
    params
}

impl Authority {
    pub fn new(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(authority(name), KeyPair::generate().unwrap()).unwrap())
    }

    /// One between this and the leaves.
    pub fn between(&self, name: &str) -> Self {
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        Self(CertifiedIssuer::signed_by(authority(name), KeyPair::generate().unwrap(), issuer).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn sign(&self, of: Of<'_>) -> Pair {
        let key = KeyPair::generate().unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let cert = leaf(of).signed_by(&key, issuer).unwrap().pem();
        Pair { cert, key: key.serialize_pem() }
    }
}

/// One that signed itself, as an authority or not.
pub fn self_signed(of: Of<'_>, is_authority: bool) -> Pair {
    let key = KeyPair::generate().unwrap();
    let mut params = leaf(of);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    Pair { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

impl Pair {
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.cert.as_bytes()).map(Result::unwrap).collect()
    }

    pub fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The time of a test.
#[derive(Debug)]
pub struct At(pub Clock);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().0.unsigned_abs())))
    }
}
