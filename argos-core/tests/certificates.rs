//! Uploaded certificates: what is refused and why, and what becomes of those that are taken.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::time::Duration;

use argos_core::api::{
    CreateAcmeAccount, CreateHost, DeleteCertificate, GetChain, GetHost, ListCertStatus, ListCertificates,
    ListVersions, NewTarget, RenewCertificate, SetSetting, UpdateHost, UploadCertificate,
};
use argos_core::clock::{Clock, Timestamp};
use argos_core::event::EventKind;
use argos_core::schema::{CertificateId, CertificateState, HostId, Hostname, TargetHost, TlsMode};
use argos_core::{Argos, Options};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use support::Folder;

const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000;

/// A certificate and its key.
struct Pair {
    cert: String,
    key: String,
}

fn params(names: &[&str], from_day: i64, to_day: i64) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
    let at = |day: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis((NOW + day * DAY_MS).unsigned_abs());
    (params.not_before, params.not_after) = (at(from_day), at(to_day));
    params
}

/// A chain root → middle → leaf for `names`, good from day to day.
struct Chain {
    leaf: Pair,
    middle: String,
    root: String,
}

fn chain(names: &[&str], from_day: i64, to_day: i64) -> Chain {
    let authority = |name: &str| {
        let mut params = params(&[], -10, 4000);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let (root_key, middle_key, key) =
        (KeyPair::generate().unwrap(), KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let root = authority("Root").self_signed(&root_key).unwrap().pem();
    let root_issuer = Issuer::new(authority("Root"), root_key);
    let middle = authority("Middle").signed_by(&middle_key, &root_issuer).unwrap().pem();
    let middle_issuer = Issuer::new(authority("Middle"), middle_key);
    let cert = params(names, from_day, to_day).signed_by(&key, &middle_issuer).unwrap().pem();
    Chain { leaf: Pair { cert, key: key.serialize_pem() }, middle, root }
}

fn pair(names: &[&str], from_day: i64, to_day: i64) -> Pair {
    chain(names, from_day, to_day).leaf
}

struct World {
    argos: Argos,
    clock: Clock,
    host: HostId,
    _folder: Folder,
}

impl World {
    fn new(domain: &str) -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(NOW));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
        let new = CreateHost::with_targets(Hostname::parse(domain).unwrap(), vec![target]);
        let host = argos.hosts().create(new).unwrap().value.id;
        Self { argos, clock, host, _folder: folder }
    }

    fn upload(&self, cert: &str, key: &str, chain: &str) -> Result<Vec<String>, (String, String)> {
        let chain = (!chain.is_empty()).then(|| chain.to_owned());
        let upload = UploadCertificate::new(self.host, cert.into(), key.into(), chain);
        match self.argos.certificates().upload(upload) {
            Ok(done) => Ok(done.value.warnings),
            Err(e) => {
                assert!(!e.to_string().contains(key.lines().nth(1).unwrap_or("no key")), "a key is shown: {e}");
                Err((e.code().to_owned(), e.fields()[0].field.clone()))
            }
        }
    }

    fn mode(&self) -> TlsMode {
        self.argos.hosts().get(GetHost { id: self.host }).unwrap().tls_mode
    }

    fn state(&self) -> Option<(CertificateState, String)> {
        let all = self.argos.certificates().status(ListCertStatus::first(None)).unwrap().items;
        all.into_iter().next().map(|s| (s.state, s.source))
    }
}

#[test]
fn what_can_t_be_served_is_refused_by_its_field() {
    let world = World::new("shop.example.org");
    let names = ["shop.example.org"];
    let good = chain(&names, -1, 90);
    let (cert, key) = (&*good.leaf.cert, &*good.leaf.key);
    let other = pair(&names, -1, 90);
    let ended = pair(&names, -90, 0);
    let early = pair(&names, 2, 90);
    let wrong = pair(&["shop.example.com", "*.shop.example.org"], -1, 90);
    let nameless = pair(&[], -1, 90);
    let giant = "-".repeat(64 * 1024 + 1);
    let flipped = cert.replacen("MII", "MIJ", 1);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let both = [&*good.root, &*good.middle].concat();
    let table: &[(&str, &str, &str, &str, &str, &str)] = &[
        // what, certificate, key, chain, code, field
        ("no match", cert, &other.key, "", "certificate.mismatch", "key_pem"),
        ("ended", &ended.cert, &ended.key, "", "certificate.expired", "cert_pem"),
        ("not begun", &early.cert, &early.key, "", "certificate.not_yet", "cert_pem"),
        ("wrong name", &wrong.cert, &wrong.key, "", "certificate.covers", "cert_pem"),
        ("no name", &nameless.cert, &nameless.key, "", "certificate.covers", "cert_pem"),
        ("giant certificate", &giant, key, "", "certificate.too_large", "cert_pem"),
        ("giant key", cert, &giant, "", "certificate.too_large", "key_pem"),
        ("giant chain", cert, key, &giant, "certificate.too_large", "chain_pem"),
        ("encrypted", cert, encrypted, "", "certificate.key_encrypted", "key_pem"),
        ("encrypted the old way", cert, legacy, "", "certificate.key_encrypted", "key_pem"),
        ("no certificate", "", key, "", "certificate.not_pem", "cert_pem"),
        ("text", "certificate", key, "", "certificate.not_pem", "cert_pem"),
        ("DER", "0\u{fffd}\u{2}", key, "", "certificate.not_pem", "cert_pem"),
        ("a key in DER", cert, "0\u{fffd}\u{2}", "", "certificate.key", "key_pem"),
        ("a key for a certificate", key, key, "", "certificate.not_pem", "cert_pem"),
        ("no end", &cert[..cert.len() - 30], key, "", "certificate.not_pem", "cert_pem"),
        ("not base64", &cert.replacen("MII", "M*I", 1), key, "", "certificate.not_pem", "cert_pem"),
        ("garbled", &flipped, key, "", "certificate.unreadable", "cert_pem"),
        ("no key", cert, "", "", "certificate.key", "key_pem"),
        ("a certificate for a key", cert, cert, "", "certificate.key", "key_pem"),
        ("garbled key", cert, &key.replacen("MIG", "MIH", 1), "", "certificate.key", "key_pem"),
        ("a chain in wrong order", cert, key, &both, "certificate.chain", "chain_pem"),
        ("a chain of somebody else", cert, key, &other.cert, "certificate.chain", "chain_pem"),
        ("a chain with a hole", cert, key, &good.root, "certificate.chain", "chain_pem"),
        ("a chain that is none", cert, key, "no chain", "certificate.not_pem", "chain_pem"),
        ("a chain without an end", cert, key, &good.middle.repeat(11), "certificate.chain", "chain_pem"),
        ("a chain in the first file, wrong", &[cert, &other.cert].concat(), key, "", "certificate.chain", "cert_pem"),
    ];
    for (what, cert, key, chain, code, field) in table {
        assert_eq!(world.upload(cert, key, chain), Err(((*code).to_owned(), (*field).to_owned())), "{what}");
    }
    assert_eq!((world.mode(), world.state()), (TlsMode::None, None));
    assert_eq!(world.argos.certificates().list(ListCertificates::first(None)).unwrap().items, []);
    assert_eq!(world.upload(cert, key, &[&*good.middle, &good.root].concat()), Ok(vec![]));
    assert_eq!((world.mode(), world.state()), (TlsMode::Manual, Some((CertificateState::Valid, "manual".into()))));
}

/// The number, what is served with it, and whether it is served, of all that the host has.
fn kept(world: &World) -> Vec<(CertificateId, String, bool)> {
    let certificates = world.argos.certificates();
    let all = certificates.list(ListCertificates::first(Some(world.host))).unwrap().items;
    all.into_iter().map(|c| (c.id, certificates.chain(GetChain { id: c.id }).unwrap(), c.active)).collect()
}

#[test]
fn a_forgotten_chain_is_given_later_and_an_older_one_served_again() {
    let world = World::new("shop.example.org");
    let Chain { leaf, middle, root } = chain(&["shop.example.org"], -1, 90);
    let alone = world.upload(&leaf.cert, &leaf.key, "").unwrap();
    assert!(alone.len() == 1 && alone[0].contains("Middle") && alone[0].contains("chain_pem"), "{alone:?}");
    // The same once more is no change.
    let before = kept(&world);
    let generation = || world.argos.config().versions(ListVersions::first()).unwrap().items[0].generation;
    let (was, served) = (generation(), before[0].0);
    assert_eq!(world.upload(&leaf.cert, &leaf.key, "").unwrap(), alone);
    assert_eq!((kept(&world), generation()), (before, was));
    for chain in [middle.clone(), [&*middle, &root].concat()] {
        assert_eq!(world.upload(&leaf.cert, &leaf.key, &chain), Ok(vec![]));
        let [(id, text, true)] = &kept(&world)[..] else { panic!("one is kept, and served") };
        assert!(*id > served && *text == [&*leaf.cert, &chain].concat(), "{text}");
    }
    assert_eq!(generation(), was + 2);
    let new = chain(&["shop.example.org"], -1, 90);
    world.upload(&new.leaf.cert, &new.leaf.key, &new.middle).unwrap();
    let active = || kept(&world).into_iter().map(|(_, text, active)| (text, active)).collect::<Vec<_>>();
    let (first, second) = ([&*leaf.cert, &middle].concat(), [&*new.leaf.cert, &new.middle].concat());
    assert_eq!(active(), [([&*first, &root].concat(), false), (second.clone(), true)]);
    world.upload(&leaf.cert, &leaf.key, &middle).unwrap();
    assert_eq!(active(), [(second, false), (first, true)]);
    assert_eq!(world.state().unwrap(), (CertificateState::Valid, "manual".into()));
}

#[test]
fn one_certificate_serves_several_hosts() {
    let world = World::new("shop.example.org");
    let Chain { leaf, middle, .. } = chain(&["*.example.org"], -1, 90);
    world.upload(&leaf.cert, &leaf.key, &middle).unwrap();
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
    let other = CreateHost::with_targets(Hostname::parse("blog.example.org").unwrap(), vec![target]);
    let other = world.argos.hosts().create(other).unwrap().value.id;
    let upload = UploadCertificate::new(other, leaf.cert.clone(), leaf.key.clone(), Some(middle.clone()));
    let done = world.argos.certificates().upload(upload).unwrap().value;
    let all = world.argos.certificates().list(ListCertificates::first(None)).unwrap().items;
    let of = |host| all.iter().find(|c| c.host_id == Some(host)).unwrap();
    assert_eq!(of(other).fingerprint_sha256, of(world.host).fingerprint_sha256);
    assert!(of(other).active && of(world.host).active && of(other).id == done.certificate.id);
    // Each host has its own: one goes, the other stays.
    world.argos.certificates().delete(DeleteCertificate { id: done.certificate.id, tls_mode: None }).unwrap();
    assert_eq!((world.mode(), kept(&world).len()), (TlsMode::Manual, 1));
}

#[test]
fn marks_before_a_text_hide_nothing_of_it() {
    let world = World::new("shop.example.org");
    let Chain { leaf, middle, root } = chain(&["shop.example.org"], -1, 90);
    let marked = |texts: &[&str]| texts.iter().map(|text| format!("\u{feff}{text}")).collect::<String>();
    let (cert, key) = (marked(&[&leaf.cert]), marked(&[&leaf.key]));
    assert_eq!(world.upload(&cert, &key, &marked(&[&middle, &root])), Ok(vec![]));
    assert_eq!(kept(&world)[0].1, [&*leaf.cert, &middle, &root].concat());
    // A block that another mark would hide is not passed over.
    let indented = [" ", &*leaf.cert, &middle].concat();
    assert_eq!(world.upload(&indented, &key, ""), Err(("certificate.not_pem".into(), "cert_pem".into())));
    let bundle = SetSetting { key: "acme.ca_bundle".into(), value: marked(&[&root]) };
    assert_eq!(world.argos.settings().set(bundle).unwrap().value.value.unwrap(), root);
    let key = KeyPair::generate().unwrap().serialize_pem();
    let account = CreateAcmeAccount { directory_url: "production".into(), email: None, key_pem: Some(marked(&[&key])) };
    world.argos.acme_accounts().create(account).unwrap();
}

#[test]
fn what_clients_will_not_take_is_served_with_a_warning() {
    let world = World::new("shop.example.org");
    let warned = |change: fn(&mut CertificateParams)| {
        let key = KeyPair::generate().unwrap();
        let mut params = params(&["shop.example.org"], -1, 90);
        change(&mut params);
        world.upload(&params.self_signed(&key).unwrap().pem(), &key.serialize_pem(), "").unwrap().concat()
    };
    assert_eq!(warned(|_| {}), "");
    assert_eq!(warned(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]), "");
    assert_eq!(warned(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any]), "");
    let client = warned(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]);
    assert!(client.contains("serverAuth"), "{client}");
    let authority = warned(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(authority.contains("authority"), "{authority}");
}

#[test]
fn keys_of_every_usual_form_are_taken() {
    // The forms that openssl writes, of keys that were made for this test alone.
    for (kind, algorithm) in [
        ("P-256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("P-384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("Ed25519", &rcgen::PKCS_ED25519),
    ] {
        let world = World::new("shop.example.org");
        let key = KeyPair::generate_for(algorithm).unwrap();
        let cert = params(&["shop.example.org"], -1, 90).self_signed(&key).unwrap().pem();
        assert_eq!(world.upload(&cert, &key.serialize_pem(), ""), Ok(vec![]), "{kind}");
    }
    let world = World::new("shop.example.org");
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let cert = params(&["shop.example.org"], -1, 90).self_signed(&key).unwrap().pem();
    let pkcs1 = inner_key(&key.serialize_der());
    assert_eq!(world.upload(&cert, &pem("RSA PRIVATE KEY", &pkcs1), ""), Ok(vec![]));
    let world = World::new("shop.example.org");
    let key = KeyPair::generate().unwrap();
    let cert = params(&["shop.example.org"], -1, 90).self_signed(&key).unwrap().pem();
    let sec1 = pem("EC PRIVATE KEY", &inner_key(&key.serialize_der()));
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    assert_eq!(world.upload(&cert, &[parameters, &sec1].concat(), ""), Ok(vec![]));
}

/// The octets inside a PKCS#8 key: what PKCS#1 and SEC1 are.
fn inner_key(pkcs8: &[u8]) -> Vec<u8> {
    // The last octet string, which ends where the key ends or before its attributes: found from the front.
    fn head(der: &[u8]) -> (usize, usize) {
        match der[1] {
            short @ 0..=0x7f => (2, usize::from(short)),
            long => {
                let count = usize::from(long & 0x7f);
                (2 + count, der[2..2 + count].iter().fold(0, |n, b| n << 8 | usize::from(*b)))
            }
        }
    }
    let mut rest = &pkcs8[head(pkcs8).0..];
    while rest[0] != 0x04 {
        let (begin, size) = head(rest);
        rest = &rest[begin + size..];
    }
    let (begin, size) = head(rest);
    rest[begin..begin + size].to_vec()
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn one_that_ends_soon_is_taken_with_a_warning_and_its_end_is_told() {
    let world = World::new("shop.example.org");
    let soon = chain(&["*.example.org"], -1, 20);
    let warnings = world.upload(&soon.leaf.cert, &soon.leaf.key, &soon.middle).unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("20 days"), "{warnings:?}");
    world.clock.set(Timestamp(NOW + 21 * DAY_MS));
    assert_eq!(world.state().unwrap().0, CertificateState::Valid, "nobody has looked yet");
    world.argos.tend().unwrap();
    assert_eq!(world.state().unwrap().0, CertificateState::Error);
}

#[test]
fn the_end_of_an_uploaded_one_is_told_once_at_each_threshold() {
    let world = World::new("shop.example.org");
    let heard = world.argos.subscribe();
    let soon = pair(&["*.example.org"], -1, 40);
    world.upload(&soon.cert, &soon.key, "").unwrap();
    let mut told = Vec::new();
    for day in 0..=42 {
        // Two looks a day are as one.
        for minute in [1, 600] {
            world.clock.set(Timestamp(NOW + day * DAY_MS + 9 * 3_600_000 + minute * 60_000));
            world.argos.tend().unwrap();
        }
        for event in heard.try_iter().filter(|event| event.kind() == EventKind::ManualCertExpiringSoon) {
            assert_eq!(event.kind().severity().as_str(), "warning");
            assert_eq!(event.data()["fingerprint"].as_str().unwrap().len(), 64);
            told.push((day, event.data()["threshold"].as_i64().unwrap(), event.data()["days_left"].as_i64().unwrap()));
        }
    }
    assert_eq!(told, [(10, 30, 29), (26, 14, 13), (33, 7, 6), (39, 1, 0), (40, 0, -1)]);
}

#[test]
fn an_end_that_nobody_looked_at_for_long_is_told_once() {
    let world = World::new("shop.example.org");
    let heard = world.argos.subscribe();
    let soon = pair(&["*.example.org"], -1, 40);
    world.upload(&soon.cert, &soon.key, "").unwrap();
    world.clock.set(Timestamp(NOW + 35 * DAY_MS));
    world.argos.tend().unwrap();
    let told = heard.try_iter().filter(|event| event.kind() == EventKind::ManualCertExpiringSoon);
    assert_eq!(told.map(|event| event.data()["threshold"].clone()).collect::<Vec<_>>(), [7]);
}

#[test]
fn the_host_s_mode_goes_with_its_certificates() {
    let world = World::new("shop.test");
    let certificates = world.argos.certificates();
    let active = || {
        let all = certificates.list(ListCertificates::first(Some(world.host))).unwrap().items;
        let active: Vec<_> = all.iter().filter(|c| c.active).map(|c| c.id).collect();
        (all.len(), active)
    };
    let update = |change: UpdateHost| world.argos.hosts().update(change).map(|done| done.value.tls_mode);
    let (first, second) = (pair(&["shop.test"], -1, 90), pair(&["shop.test"], -1, 60));
    world.upload(&first.cert, &first.key, "").unwrap();
    let (_, one) = active();
    world.upload(&second.cert, &second.key, "").unwrap();
    let (count, two) = active();
    assert!(count == 2 && one.len() == 1 && two.len() == 1 && one != two, "{one:?} {two:?}");
    // Renamed, it would have no certificate; and one that Argos did not make, it can't renew.
    let renamed = UpdateHost { domain: Some(Hostname::parse("other.test").unwrap()), ..UpdateHost::new(world.host) };
    assert_eq!(update(renamed).unwrap_err().code(), "host.certificate_covers");
    let renew = || certificates.renew(RenewCertificate { id: world.host, revoke: None });
    assert_eq!(renew().unwrap_err().code(), "certificate.not_renewable");
    // Switched to auto and back, it serves what it served.
    let auto = UpdateHost { tls_mode: Some(TlsMode::Auto), ..UpdateHost::new(world.host) };
    assert_eq!(update(auto).unwrap(), TlsMode::Auto);
    assert_eq!(world.state().unwrap().1, "local");
    let local = active().1;
    renew().unwrap();
    assert_ne!(active().1, local);
    let own = active().1[0];
    assert_eq!(certificates.delete(own).unwrap_err().code(), "certificate.not_uploaded");
    let manual = UpdateHost { tls_mode: Some(TlsMode::Manual), ..UpdateHost::new(world.host) };
    assert_eq!(update(manual).unwrap(), TlsMode::Manual);
    assert_eq!(active().1, two);
    let deleted = |id, tls_mode| certificates.delete(DeleteCertificate { id, tls_mode });
    assert_eq!(deleted(two[0], Some(TlsMode::Manual)).unwrap_err().code(), "host.tls_mode");
    // One that is not served goes without a word; the served one takes the mode with it.
    deleted(one[0], None).unwrap();
    assert_eq!(world.mode(), TlsMode::Manual);
    deleted(two[0], None).unwrap();
    assert_eq!((world.mode(), world.state().unwrap().1), (TlsMode::Auto, "local".to_owned()));
}

#[test]
fn the_host_of_all_names_takes_a_certificate_for_any() {
    let world = World::new("*");
    let any = pair(&["whatever.example"], -1, 90);
    world.upload(&any.cert, &any.key, "").unwrap();
    assert_eq!((world.mode(), world.state().unwrap().1), (TlsMode::Manual, "manual".to_owned()));
    let id = world.argos.certificates().list(ListCertificates::first(Some(world.host))).unwrap().items[0].id;
    let delete = |tls_mode| world.argos.certificates().delete(DeleteCertificate { id, tls_mode });
    assert_eq!(delete(Some(TlsMode::Auto)).unwrap_err().code(), "host.tls_mode");
    delete(None).unwrap();
    assert_eq!((world.mode(), world.state()), (TlsMode::None, None));
}
