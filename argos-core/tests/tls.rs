//! TLS towards clients, over real sockets and with a client of its own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::{Argos, Options, ServeOptions, Serving};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value, json};
use support::{Folder, Upstream};

const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600_000;

/// An authority's directory where nothing listens.
const NOWHERE: &str = "https://127.0.0.1:9/directory";

struct World {
    argos: Argos,
    serving: Option<Serving>,
    clock: Clock,
    upstream: Upstream,
    _folder: Folder,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

#[derive(Debug)]
struct At(Clock);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().0.unsigned_abs())))
    }
}

impl World {
    fn new(upstream: Upstream) -> Self {
        Self::over(Folder::new(), upstream)
    }

    fn over(folder: Folder, upstream: Upstream) -> Self {
        let clock = Clock::manual(Timestamp(BEGIN));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { http: vec![any], https: vec![any], threads: 2, ..ServeOptions::default() };
        let serving = argos.start(&options).unwrap();
        Self { argos, serving: Some(serving), clock, upstream, _folder: folder }
    }

    fn call(&self, name: &str, input: Value) -> Value {
        let input = input.as_object().unwrap().clone();
        self.argos.call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    /// A host before the upstream.
    fn host(&self, domain: &str, more: Value) -> i64 {
        let target = json!({"host": "127.0.0.1", "port": self.upstream.address.port()});
        let mut input = json!({"domain": domain, "target_group": {"targets": [target]}});
        for (field, value) in more.as_object().unwrap() {
            input[field] = value.clone();
        }
        let host = self.call("hosts.create", input)["id"].as_i64().unwrap();
        self.call("security.update", json!({"host_id": host, "waf_enabled": false}));
        host
    }

    fn http(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().addresses()[0]
    }

    fn secure(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().secure_addresses()[0]
    }

    /// How a client speaks that trusts the local CA.
    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        self.trusting(self.call("certificates.local_ca", json!({})).as_str().unwrap(), versions)
    }

    fn trusting(&self, root: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(At(self.clock.clone())));
        let config = config.with_protocol_versions(versions).unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth())
    }

    fn connect(&self, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Tls> {
        let socket = TcpStream::connect(self.secure()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut tls = StreamOwned::new(connection, socket);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(tls)
    }

    /// Asks on a connection of its own; the whole answer.
    fn ask(&self, name: &str, request: &str) -> String {
        let mut tls = self.connect(&self.client(rustls::ALL_VERSIONS), name).unwrap();
        tls.write_all(request.as_bytes()).unwrap();
        answer(&mut tls)
    }

    fn get(&self, name: &str, host: &str) -> String {
        self.ask(name, &format!("GET /p?q=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn plain(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.http()).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    }

    /// Stops and gives the access rows, newest first.
    fn rows(&mut self) -> Vec<Value> {
        self.serving.take().unwrap().stop(Duration::from_secs(20));
        let found = self.call("logs.search", json!({"source": "access"}));
        found["items"].as_array().unwrap().clone()
    }
}

/// Everything until the end that the other side announces; an end that nobody announced is a fault.
fn answer(tls: &mut Tls) -> String {
    let mut text = Vec::new();
    tls.read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_host_is_served_with_a_certificate_of_the_local_ca() {
    let mut world = World::new(Upstream::echo());
    world.host("shop.localhost", json!({}));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = world.client(&[version]);
        let mut tls = world.connect(&config, "shop.localhost").unwrap();
        tls.write_all(b"GET /p HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n").unwrap();
        let answer = answer(&mut tls);
        assert_eq!(status(&answer), "200", "{answer}");
        for line in ["X-Forwarded-Proto: https", &format!("X-Forwarded-Port: {}", world.secure().port())] {
            assert!(answer.contains(line), "{line}: {answer}");
        }
        let suite = tls.conn.negotiated_cipher_suite().unwrap();
        assert!(format!("{suite:?}").contains("GCM"), "{suite:?}");
    }
    let standing = &world.call("certificates.status", json!({}))["items"][0];
    assert_eq!((&standing["domain"], &standing["state"]), (&json!("shop.localhost"), &json!("valid")));
    let expected = (&json!("local"), &json!(90), &json!("ok"));
    assert_eq!((&standing["source"], &standing["days_left"], &standing["status"]), expected);
    let spoken = |row: &Value| {
        let raw: Value = serde_json::from_str(row["raw"].as_str().unwrap()).unwrap();
        assert_eq!(raw["sni"], "shop.localhost");
        raw["tls"].as_str().unwrap().to_owned()
    };
    let versions: BTreeSet<String> = world.rows().iter().map(spoken).collect();
    assert_eq!(versions, ["TLSv1.2".to_owned(), "TLSv1.3".to_owned()].into());
}

#[test]
fn a_key_exchange_that_withstands_quantum_computers_comes_first() {
    let world = World::new(Upstream::echo());
    world.host("shop.localhost", json!({}));
    let tls = world.connect(&world.client(&[&rustls::version::TLS13]), "shop.localhost").unwrap();
    let group = tls.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn a_session_is_resumed_by_its_ticket() {
    let world = World::new(Upstream::echo());
    world.host("shop.localhost", json!({}));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = world.client(&[version]);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut tls = world.connect(&config, "shop.localhost").unwrap();
            tls.write_all(b"GET /p HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n").unwrap();
            assert_eq!(status(&answer(&mut tls)), "200");
            kinds.push(tls.conn.handshake_kind().unwrap());
        }
        // The post-quantum exchange comes with a second flight for clients that bet on another one.
        assert_ne!(kinds[0], rustls::HandshakeKind::Resumed);
        assert_eq!(kinds[1], rustls::HandshakeKind::Resumed, "{version:?}");
    }
}

#[test]
fn names_that_are_not_served_over_tls_are_misdirected() {
    let mut world = World::new(Upstream::echo());
    world.host("a.localhost", json!({}));
    world.host("b.localhost", json!({}));
    world.host("*.wild.localhost", json!({}));
    world.host("plain.localhost", json!({"tls_mode": "none"}));
    // The name of the handshake, the name of the request, the status.
    for (sni, host, expected) in [
        ("a.localhost", "a.localhost", "200"),
        ("a.localhost", "A.LocalHost.", "200"),
        ("a.localhost", "b.localhost", "421"),
        ("a.localhost", "nobody.localhost", "421"),
        ("a.localhost", "plain.localhost", "421"),
        ("x.wild.localhost", "x.wild.localhost", "200"),
        ("x.wild.localhost", "y.wild.localhost", "200"),
        ("x.wild.localhost", "a.localhost", "421"),
    ] {
        let answer = world.get(sni, host);
        assert_eq!(status(&answer), expected, "{sni} {host}: {answer}");
    }
    let actions: Vec<Value> = world.rows().iter().map(|row| row["action"].clone()).collect();
    assert_eq!(actions.iter().filter(|a| **a == "misdirected").count(), 4, "{actions:?}");
}

#[test]
fn a_name_without_a_certificate_is_shown_the_one_of_nobody() {
    let world = World::new(Upstream::echo());
    world.host("plain.localhost", json!({"tls_mode": "none"}));
    for name in ["plain.localhost", "nobody.example", "127.0.0.1"] {
        let refused = world.connect(&world.client(rustls::ALL_VERSIONS), name).unwrap_err();
        assert!(refused.to_string().contains("argos.invalid"), "{name}: {refused}");
    }
}

#[test]
fn a_client_without_a_name_gets_the_certificate_of_the_address() {
    let world = World::new(Upstream::echo());
    world.host("127.0.0.1", json!({}));
    assert_eq!(status(&world.get("127.0.0.1", &world.secure().to_string())), "200");
}

#[test]
fn plain_http_is_sent_on_to_https() {
    let mut world = World::new(Upstream::echo());
    let id = world.host("shop.localhost", json!({}));
    let (http, https) = (world.http().port(), world.secure().port());
    let ask =
        |host: &str| world.plain(&format!("GET /a%20b/?x=1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    let answer = ask("shop.localhost");
    assert_eq!(status(&answer), "308");
    assert_eq!(header(&answer, "Location"), Some("https://shop.localhost/a%20b/?x=1"));
    // Whoever names our port is not behind something that maps ports.
    let expected = format!("https://shop.localhost:{https}/a%20b/?x=1");
    assert_eq!(header(&ask(&format!("shop.localhost:{http}")), "Location"), Some(&*expected));
    world.call("hosts.update", json!({"id": id, "https_redirect": false}));
    assert_eq!(status(&ask("shop.localhost")), "200");
    assert_eq!(world.rows().iter().filter(|row| row["action"] == "https_redirect").count(), 2);
}

#[test]
fn clients_are_told_to_stay_with_https_where_the_host_wants_it() {
    let world = World::new(Upstream::saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nstrict-transport-security: max-age=1\r\n\r\nup",
    ));
    let id = world.host("shop.localhost", json!({"hsts_max_age_seconds": 600, "https_redirect": false}));
    let hsts = |answer: &str| {
        let lines = answer.lines().filter(|line| line.to_ascii_lowercase().starts_with("strict-transport-security"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(hsts(&world.get("shop.localhost", "shop.localhost")), ["Strict-Transport-Security: max-age=600"]);
    // Over plain HTTP, what the upstream says passes.
    let plain = "GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(hsts(&world.plain(plain)), ["strict-transport-security: max-age=1"]);
    world.call("hosts.update", json!({"id": id, "hsts_max_age_seconds": 0}));
    assert_eq!(hsts(&world.get("shop.localhost", "shop.localhost")), ["strict-transport-security: max-age=1"]);
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let world = World::new(Upstream::echo());
    world.host("shop.localhost", json!({}));
    let config = world.client(rustls::ALL_VERSIONS);
    let mut tls = world.connect(&config, "shop.localhost").unwrap();
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for round in 0..2 {
        let end = if round == 1 { "Connection: close\r\n" } else { "" };
        let head = format!("POST /p HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: {}\r\n{end}\r\n", body.len());
        tls.write_all(head.as_bytes()).unwrap();
        tls.write_all(&body).unwrap();
        let mut received = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        let whole = |received: &[u8]| {
            let end = received.windows(4).position(|w| w == b"\r\n\r\n")?;
            let head = String::from_utf8_lossy(&received[..end]);
            let length: usize = header(&head, "Content-Length")?.parse().unwrap();
            (received.len() == end + 4 + length).then_some(())
        };
        while whole(&received).is_none() {
            let n = tls.read(&mut piece).unwrap();
            assert!(n > 0, "the answer is cut short at {} bytes", received.len());
            received.extend_from_slice(&piece[..n]);
        }
        assert!(received.ends_with(&body), "round {round}");
    }
}

#[test]
fn a_websocket_goes_through_tls() {
    let world = World::new(Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
        let mut bytes = [0; 4];
        served.reader.read_exact(&mut bytes).unwrap();
        served.say(bytes);
    }));
    world.host("shop.localhost", json!({}));
    let mut tls = world.connect(&world.client(rustls::ALL_VERSIONS), "shop.localhost").unwrap();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    let head =
        format!("GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n\r\n");
    tls.write_all(head.as_bytes()).unwrap();
    tls.write_all(b"ping").unwrap();
    let answer = answer(&mut tls);
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nhelloping"), "{answer}");
}

#[test]
fn what_is_no_tls_is_ended() {
    let mut world = World::new(Upstream::echo());
    let mut socket = TcpStream::connect(world.secure()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    // A reset, or an alert and the end: no answer in either case.
    let _ = socket.read_to_end(&mut bytes);
    assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
    assert_eq!(world.rows().len(), 0);
}

#[test]
fn a_name_for_everybody_waits_for_a_public_authority_behind_the_local_ca() {
    let world = World::new(Upstream::echo());
    // Nothing listens there: it is awaited first, and has failed soon after.
    world.host("shop.example.org", json!({"tls_directory_url": NOWHERE}));
    assert_eq!(status(&world.get("shop.example.org", "shop.example.org")), "200");
    let standing = &world.call("certificates.status", json!({}))["items"][0];
    assert!([json!("pending"), json!("error")].contains(&standing["state"]), "{standing}");
    assert_eq!(standing["source"], json!("local"));
    assert!(standing["last_error"].as_str().unwrap().contains(NOWHERE), "{standing}");
}

#[test]
fn certificates_follow_what_becomes_of_their_host() {
    let world = World::new(Upstream::echo());
    let id = world.host("a.localhost", json!({}));
    let names = || {
        let all = world.call("certificates.list", json!({"host_id": id}))["items"].as_array().unwrap().clone();
        all.iter().map(|c| (c["names"].clone(), c["active"] == true)).collect::<Vec<_>>()
    };
    let standing = || {
        let all = world.call("certificates.status", json!({}))["items"].as_array().unwrap().clone();
        all.iter().map(|s| s["domain"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), [(json!(["a.localhost"]), true)]);
    world.call("hosts.update", json!({"id": id, "domain": "b.localhost"}));
    assert_eq!((names(), standing()), (vec![(json!(["b.localhost"]), true)], vec!["b.localhost".to_owned()]));
    assert_eq!(status(&world.get("b.localhost", "b.localhost")), "200");
    world.call("hosts.update", json!({"id": id, "tls_mode": "none"}));
    assert_eq!((names(), standing()), (vec![], vec![]));
    assert!(world.connect(&world.client(rustls::ALL_VERSIONS), "b.localhost").is_err());
    world.call("hosts.update", json!({"id": id, "tls_mode": "auto"}));
    // What it was before comes back with all that belongs to it.
    let generation = world.call("config.versions", json!({"limit": 1}))["items"][0]["generation"].clone();
    world.call("hosts.delete", json!({"id": id}));
    assert_eq!(standing(), Vec::<String>::new());
    world.call("config.rollback", json!({"n": generation}));
    assert_eq!((names(), standing()), (vec![(json!(["b.localhost"]), true)], vec!["b.localhost".to_owned()]));
    assert_eq!(status(&world.get("b.localhost", "b.localhost")), "200");
}

#[test]
fn certificates_of_the_local_ca_are_renewed_in_time_without_a_word_to_open_connections() {
    let world = World::new(Upstream::echo());
    world.host("a.localhost", json!({}));
    let config = world.client(rustls::ALL_VERSIONS);
    let shown = |tls: &Tls| tls.conn.peer_certificates().unwrap()[0].clone();
    let mut old = world.connect(&config, "a.localhost").unwrap();
    let generation = || world.argos.snapshot().generation;
    let before = generation();
    world.clock.set(Timestamp(BEGIN + 59 * DAY_MS));
    world.argos.tend().unwrap();
    assert_eq!(generation(), before, "nothing is due");
    world.clock.set(Timestamp(BEGIN + 61 * DAY_MS));
    world.argos.tend().unwrap();
    assert_eq!(generation(), before + 1);
    let mut new = world.connect(&config, "a.localhost").unwrap();
    assert_ne!(shown(&old), shown(&new));
    for tls in [&mut old, &mut new] {
        tls.write_all(b"GET /p HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(status(&answer(tls)), "200");
    }
    let standing = &world.call("certificates.status", json!({}))["items"][0];
    assert_eq!(standing["days_left"], 90);
    world.argos.tend().unwrap();
    assert_eq!(generation(), before + 1, "once is enough");
    // The certificate of nobody is one of them.
    let all = world.call("certificates.list", json!({}));
    let ends = |c: &Value| Timestamp::parse(c["not_after"].as_str().unwrap()).unwrap().0 > BEGIN + 140 * DAY_MS;
    assert!(all["items"].as_array().unwrap().iter().all(ends), "{all}");
}

#[test]
fn only_versions_that_the_host_allows_are_spoken() {
    assert!(rustls::ALL_VERSIONS.iter().any(|v| v.version == ProtocolVersion::TLSv1_2));
    let world = World::new(Upstream::echo());
    world.host("a.localhost", json!({}));
    let old = world.client(&[&rustls::version::TLS12]);
    assert!(world.connect(&old, "a.localhost").is_ok());
    world.call("settings.set", json!({"key": "tls.min_version", "value": "1.3"}));
    assert!(world.connect(&old, "a.localhost").is_err());
    assert_eq!(status(&world.get("a.localhost", "a.localhost")), "200");
}

/// A root that a client trusts, and a certificate for `name` that an authority between signed: with key and chain.
fn authority(name: &str) -> (String, String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
    let [root_key, middle_key, key] = keys;
    let root = ca("Root").self_signed(&root_key).unwrap().pem();
    let middle = ca("Middle").signed_by(&middle_key, &Issuer::new(ca("Root"), root_key)).unwrap().pem();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca("Middle"), middle_key)).unwrap().pem();
    (root, leaf, key.serialize_pem(), middle)
}

#[test]
fn an_uploaded_certificate_is_served_with_its_chain() {
    let world = World::new(Upstream::echo());
    let id = world.host("shop.example.org", json!({"tls_directory_url": NOWHERE}));
    let (root, cert, key, chain) = authority("shop.example.org");
    world.call("certificates.upload", json!({"id": id, "cert_pem": cert, "key_pem": key, "chain_pem": chain}));
    let config = world.trusting(&root, rustls::ALL_VERSIONS);
    let mut tls = world.connect(&config, "shop.example.org").unwrap();
    assert_eq!(tls.conn.peer_certificates().unwrap().len(), 2);
    tls.write_all(b"GET /p HTTP/1.1\r\nHost: shop.example.org\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(status(&answer(&mut tls)), "200");
}

#[test]
fn a_key_that_can_t_be_opened_is_told_once() {
    let world = World::new(Upstream::echo());
    world.host("shop.localhost", json!({}));
    world.host("sound.localhost", json!({}));
    let World { argos, serving, upstream, _folder: folder, .. } = world;
    serving.unwrap().stop(Duration::from_secs(20));
    drop(argos);
    let db = rusqlite::Connection::open(folder.path().join("argos.db")).unwrap();
    let sql = "UPDATE certificates SET key_encrypted = 'argos1:' || hex(randomblob(60)) WHERE names LIKE '%shop%'";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    drop(db);
    let mut world = World::over(folder, upstream);
    for _ in 0..3 {
        let refused = world.connect(&world.client(rustls::ALL_VERSIONS), "shop.localhost").unwrap_err();
        assert!(refused.to_string().contains("argos.invalid"), "{refused}");
    }
    assert_eq!(status(&world.get("sound.localhost", "sound.localhost")), "200");
    world.serving.take().unwrap().stop(Duration::from_secs(20));
    let rows = world.call("logs.search", json!({"source": "error"}));
    let [row] = &rows["items"].as_array().unwrap()[..] else { panic!("{rows}") };
    assert_eq!((&row["level"], &row["host_domain"]), (&json!("error"), &json!("shop.localhost")));
    let text = row["message"].as_str().unwrap();
    assert!(text.starts_with("tls: certificates.key_encrypted of row ") && text.contains("can't be used"), "{text}");
}

#[test]
fn certificates_are_switched_under_load_without_a_failed_request() {
    let world = World::new(Upstream::echo());
    let id = world.host("shop.localhost", json!({}));
    // A resumed session shows the certificate that it began with.
    let mut config = ClientConfig::clone(&world.client(rustls::ALL_VERSIONS));
    config.resumption = rustls::client::Resumption::disabled();
    let (config, ended) = (Arc::new(config), std::sync::atomic::AtomicBool::new(false));
    let shown = std::sync::Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        // Connections that stay, and connections that come and go.
        let clients: Vec<_> = [1000, 1]
            .map(|requests| {
                let (world, config, ended, shown) = (&world, &config, &ended, &shown);
                scope.spawn(move || {
                    let mut done = 0;
                    while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                        let mut tls = world.connect(config, "shop.localhost").unwrap();
                        shown.lock().unwrap().insert(tls.conn.peer_certificates().unwrap()[0].to_vec());
                        for _ in 0..requests {
                            tls.write_all(b"GET /p HTTP/1.1\r\nHost: shop.localhost\r\n\r\n").unwrap();
                            let mut piece = [0; 4096];
                            let n = tls.read(&mut piece).unwrap();
                            assert_eq!(status(&String::from_utf8_lossy(&piece[..n])), "200");
                            done += 1;
                            if ended.load(std::sync::atomic::Ordering::Relaxed) {
                                break;
                            }
                        }
                    }
                    done
                })
            })
            .into();
        // As many as it takes until some were seen.
        for n in 0..5000 {
            world.call("certificates.renew", json!({"id": id}));
            if n > 30 && shown.lock().unwrap().len() > 3 {
                break;
            }
        }
        ended.store(true, std::sync::atomic::Ordering::Relaxed);
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
    });
    assert!(shown.lock().unwrap().len() > 3, "hardly a switch was seen");
}
