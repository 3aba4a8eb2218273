//! Certificates that clients show: who is let in, what the upstream is told, and what gets by neither on another
//! connection nor by a session.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod authority;
mod support;

use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::{Argos, Error, Options, ServeOptions, Serving};
use authority::{At, Authority, BEGIN, DAY_MS, Of, Pair, provider};
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue};
use rustls::client::{Tls13ClientSessionValue, danger};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, NamedGroup, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::{Value, json};
use sha2::Digest as _;
use support::{Folder, Upstream};

const PATIENCE: Duration = Duration::from_secs(20);
const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

struct World {
    argos: Argos,
    serving: Option<Serving>,
    clock: Clock,
    upstream: Upstream,
    _folder: Folder,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(BEGIN));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { http: vec![any], https: vec![any], threads: 1, ..ServeOptions::default() };
        let serving = argos.start(&options).unwrap();
        Self { argos, serving: Some(serving), clock, upstream: Upstream::echo(), _folder: folder }
    }

    fn try_call(&self, name: &str, input: Value) -> Result<Value, Error> {
        Ok(self.argos.call(name, input.as_object().unwrap().clone())?.value)
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.try_call(name, input).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn host(&self, domain: &str, more: Value) -> i64 {
        let target = json!({"host": "127.0.0.1", "port": self.upstream.address.port()});
        let mut input = json!({"domain": domain, "target_group": {"targets": [target]}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let host = self.call("hosts.create", input)["id"].as_i64().unwrap();
        self.call("security.update", json!({"host_id": host, "waf_enabled": false}));
        host
    }

    fn update(&self, host: i64, more: Value) {
        let mut input = json!({"id": host});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("hosts.update", input);
    }

    /// A client that shows `pair`, and believes whoever answers.
    fn client(&self, pair: Option<&Pair>, version: &'static SupportedProtocolVersion) -> ClientConfig {
        let config = ClientConfig::builder_with_details(provider(), Arc::new(At(self.clock.clone())));
        let config = config.with_protocol_versions(&[version]).unwrap();
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
        match pair {
            Some(pair) => config.with_client_auth_cert(pair.chain(), pair.private()).unwrap(),
            None => config.with_no_client_auth(),
        }
    }

    fn connect(&self, config: &Arc<ClientConfig>, name: &str) -> Result<Tls, String> {
        let socket = TcpStream::connect(self.serving.as_ref().unwrap().secure_addresses()[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut tls = StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).map_err(|e| e.to_string())?;
        }
        Ok(tls)
    }

    /// One request on a connection of its own: the answer, or why there is none.
    fn ask(&self, config: &Arc<ClientConfig>, sni: &str, host: &str, more: &str) -> Result<String, String> {
        let mut tls = self.connect(config, sni)?;
        let head = format!("GET /p HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        tls.write_all(head.as_bytes()).map_err(|e| e.to_string())?;
        let mut text = Vec::new();
        tls.read_to_end(&mut text).map_err(|e| e.to_string())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn get(&self, pair: Option<&Pair>, sni: &str, host: &str) -> Result<String, String> {
        self.ask(&Arc::new(self.client(pair, &TLS13)), sni, host, "")
    }

    fn plain(&self, host: &str) -> String {
        let mut socket = TcpStream::connect(self.serving.as_ref().unwrap().addresses()[0]).unwrap();
        let head = format!("GET /p HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).unwrap();
        text
    }

    /// Stops and gives the rows of a source, oldest first.
    fn rows(&mut self, source: &str) -> Vec<Value> {
        if let Some(serving) = self.serving.take() {
            serving.stop(PATIENCE);
        }
        let found = self.call("logs.search", json!({"source": source, "order": "asc"}));
        found["items"].as_array().unwrap().clone()
    }
}

#[derive(Debug)]
struct Anybody;

impl danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<danger::ServerCertVerified, rustls::Error> {
        Ok(danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
        Ok(danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<danger::HandshakeSignatureValid, rustls::Error> {
        Ok(danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Sessions that a client uses for whatever name it asks.
#[derive(Debug)]
struct ForAnyName(ClientSessionMemoryCache);

fn any() -> ServerName<'static> {
    ServerName::try_from("any.test").unwrap()
}

impl ClientSessionStore for ForAnyName {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(any(), group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&any())
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(any(), value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&any())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&any());
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(any(), value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&any())
    }
}

fn status(answer: &Result<String, String>) -> &str {
    match answer {
        Ok(answer) => &answer[9..12],
        Err(_) => "no answer",
    }
}

/// What the upstream was told of the client's certificate: the lines of its request, which is the answer's body.
fn told(answer: &str) -> Vec<&str> {
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let about = |line: &&str| {
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        name.replace(|c: char| !c.is_ascii_alphanumeric(), "-").contains("client-cert")
    };
    body.lines().filter(about).collect()
}

fn fingerprint(pair: &Pair) -> String {
    hex::encode(sha2::Sha256::digest(CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()))
}

/// One authority, a certificate that it signed through another, and a host that wants such.
fn guarded(world: &World, client_auth: &str) -> (Authority, Pair, i64) {
    let root = Authority::new("Devices");
    let between = root.between("Between");
    let mut pair = between.sign(Of::client("device 7"));
    pair.cert += &between.pem();
    let host = world.host("in.test", json!({"client_auth": client_auth, "client_ca_pem": root.pem()}));
    (root, pair, host)
}

#[test]
fn whoever_shows_a_trusted_certificate_is_let_in_and_the_upstream_is_told() {
    let mut world = World::new();
    let (_, pair, _) = guarded(&world, "required");
    for version in VERSIONS {
        let answer = world.ask(&Arc::new(world.client(Some(&pair), version)), "in.test", "in.test", "").unwrap();
        let expected = [
            "X-Client-Cert-Verified: yes",
            "X-Client-Cert-Subject: CN=device 7",
            &format!("X-Client-Cert-Fingerprint: {}", fingerprint(&pair)),
        ];
        assert_eq!(told(&answer), expected, "{version:?}");
    }
    let rows = world.rows("access");
    assert_eq!(rows.len(), VERSIONS.len());
    for row in rows {
        let raw: Value = serde_json::from_str(row["raw"].as_str().unwrap()).unwrap();
        let expected = json!({"subject": "CN=device 7", "fingerprint_sha256": fingerprint(&pair)});
        assert_eq!(raw["client_cert"], expected);
    }
}

#[test]
fn whoever_shows_none_is_refused_in_words_where_one_is_required() {
    let mut world = World::new();
    let (.., host) = guarded(&world, "required");
    for version in VERSIONS {
        let answer = world.ask(&Arc::new(world.client(None, version)), "in.test", "in.test", "");
        assert_eq!(status(&answer), "403", "{answer:?}");
    }
    world.update(host, json!({"client_auth": "optional"}));
    let answer = world.get(None, "in.test", "in.test").unwrap();
    assert_eq!(told(&answer), ["X-Client-Cert-Verified: no"]);
    let rows = world.rows("access");
    let seen: Vec<_> =
        rows.iter().map(|row| (row["action"].as_str().unwrap(), row["status"].as_i64().unwrap())).collect();
    assert_eq!(seen, [("auth_denied", 403), ("auth_denied", 403), ("proxied", 200)]);
    assert_eq!(rows[0]["host_domain"], "in.test");
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_handshake_and_the_log_says_why() {
    let mut world = World::new();
    let (root, ..) = guarded(&world, "optional");
    let ended = Of { days: (-30, -1), ..Of::client("ended") };
    let not_yet = Of { days: (2, 30), ..Of::client("later") };
    let cases = [
        (Authority::new("Strangers").sign(Of::client("stranger")), "its issuer is not trusted by the host"),
        (root.sign(ended), "expired"),
        (root.sign(not_yet), "not valid yet"),
        (root.sign(Of::server("server.test")), "extended key usage"),
        (authority::self_signed(Of::client("own"), true), "authority, not of a client"),
    ];
    for (pair, _) in &cases {
        for version in VERSIONS {
            let answer = world.ask(&Arc::new(world.client(Some(pair), version)), "in.test", "in.test", "");
            assert!(answer.as_ref().is_err_and(|e| e.contains("alert")), "{answer:?}");
        }
    }
    assert_eq!(world.rows("access"), [] as [Value; 0]);
    let faults = world.rows("error");
    assert_eq!(faults.len(), 2 * cases.len());
    for (row, (_, expected)) in faults.iter().zip(cases.iter().flat_map(|case| [case, case])) {
        let text = row["message"].as_str().unwrap().to_lowercase();
        assert!(text.starts_with("tls: the certificate of a client is not trusted: "), "{text}");
        assert!(text.contains(expected), "{expected}: {text}");
        assert_eq!((&row["host_domain"], &row["remote_ip"]), (&json!("in.test"), &json!("127.0.0.1")));
    }
}

#[test]
fn what_a_client_says_of_a_certificate_is_dropped_in_every_spelling() {
    let world = World::new();
    let (.., host) = guarded(&world, "optional");
    world.host("open.test", json!({"https_redirect": false}));
    let forged = "X-Client-Cert-Verified: yes\r\nx-client-cert-subject: CN=root\r\nX_Client_Cert_Subject: CN=root\r\n\
        X-Client_Cert-Fingerprint: ab\r\nX.Client.Cert.Verified: yes\r\nX-CLIENT-CERT-VERIFIED: yes\r\n\
        X-Client-Cert-Subject: CN=again\r\nClient-Cert: :AA==:\r\nclient_cert: x\r\nClient-Cert-Chain: :AA==:\r\n\
        X-Client-Cert: x\r\nX-Client-Cert-Anything: x\r\nConnection: X-Client-Cert-Verified\r\n";
    let none = Arc::new(world.client(None, &TLS13));
    let answer = world.ask(&none, "in.test", "in.test", forged).unwrap();
    assert_eq!(told(&answer), ["X-Client-Cert-Verified: no"]);
    let answer = world.ask(&none, "open.test", "open.test", forged).unwrap();
    assert_eq!(told(&answer), [] as [&str; 0]);
    // A trusted proxy that saw the certificate may say so, where this host asks for none itself.
    world.call("settings.set", json!({"key": "proxy.trusted_proxies", "value": "127.0.0.0/8"}));
    let said = "X-Client-Cert-Subject: CN=root\r\nX_Client_Cert_Subject: CN=other\r\n";
    let answer = world.ask(&none, "open.test", "open.test", said).unwrap();
    assert_eq!(told(&answer), ["X-Client-Cert-Subject: CN=root"]);
    let answer = world.ask(&none, "in.test", "in.test", said).unwrap();
    assert_eq!(told(&answer), ["X-Client-Cert-Verified: no"]);
    world.update(host, json!({"client_auth": "required"}));
    assert_eq!(status(&world.ask(&none, "in.test", "in.test", said)), "403");
}

#[test]
fn a_connection_for_another_name_gets_nobody_in() {
    let world = World::new();
    let (root, pair, host) = guarded(&world, "required");
    let open = world.host("open.test", json!({}));
    let other = world.host("other.test", json!({"client_auth": "required", "client_ca_pem": root.pem()}));
    world.host("*.wide.test", json!({"client_auth": "required", "client_ca_pem": root.pem()}));
    // One certificate that is good for all of them would let them share connections otherwise.
    for (id, name) in [(host, "in.test"), (open, "open.test"), (other, "other.test")] {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = ["in.test", "open.test", "other.test", name].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(2025, 12, 1);
        params.not_after = rcgen::date_time_ymd(2026, 12, 1);
        let cert = params.self_signed(&key).unwrap().pem();
        world.call("certificates.upload", json!({"id": id, "cert_pem": cert, "key_pem": key.serialize_pem()}));
    }
    for (pair, sni, name, expected) in [
        (Some(&pair), "in.test", "in.test", "200"),
        (None, "open.test", "in.test", "421"),
        (Some(&pair), "open.test", "in.test", "421"),
        (Some(&pair), "other.test", "in.test", "421"),
        (Some(&pair), "in.test", "open.test", "421"),
        (None, "in.test", "open.test", "421"),
        // No name, or one that nobody has.
        (Some(&pair), "127.0.0.1", "in.test", "421"),
        (Some(&pair), "nobody.test", "in.test", "421"),
        (Some(&pair), "a.wide.test", "b.wide.test", "200"),
        (None, "open.test", "open.test", "200"),
        (None, "open.test", "b.wide.test", "421"),
    ] {
        let answer = world.get(pair, sni, name);
        assert_eq!(status(&answer), expected, "{sni} {name}: {answer:?}");
    }
}

#[test]
fn over_plain_http_nobody_is_let_in_who_has_to_show_a_certificate() {
    let world = World::new();
    let (.., host) = guarded(&world, "required");
    assert_eq!(&world.plain("in.test")[9..12], "308");
    world.update(host, json!({"https_redirect": false}));
    assert_eq!(&world.plain("in.test")[9..12], "403");
    // Not even on the word of a trusted proxy.
    world.call("settings.set", json!({"key": "proxy.trusted_proxies", "value": "127.0.0.0/8"}));
    let head = "GET / HTTP/1.1\r\nHost: in.test\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n";
    let mut socket = TcpStream::connect(world.serving.as_ref().unwrap().addresses()[0]).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert_eq!(&answer[9..12], "403");
    world.update(host, json!({"client_auth": "optional"}));
    assert_eq!(told(&world.plain("in.test")), ["X-Client-Cert-Verified: no"]);
    world.update(host, json!({"client_auth": "required", "tls_mode": "none"}));
    assert_eq!(&world.plain("in.test")[9..12], "403");
}

#[test]
fn a_session_is_resumed_under_its_own_terms_only() {
    for version in VERSIONS {
        let world = World::new();
        let (root, _, host) = guarded(&world, "required");
        let other = Authority::new("Others");
        world.host("open.test", json!({}));
        world.host("other.test", json!({"client_auth": "required", "client_ca_pem": other.pem()}));
        world.host("same.test", json!({"client_auth": "required", "client_ca_pem": root.pem()}));
        let pair = root.sign(Of { days: (-1, 1), ..Of::client("device") });
        let session = |pair: Option<&Pair>| {
            let mut config = world.client(pair, version);
            config.resumption = Resumption::store(Arc::new(ForAnyName(ClientSessionMemoryCache::new(32))));
            Arc::new(config)
        };
        // The answer, and how the handshake went.
        let ask = |config: &Arc<ClientConfig>, name: &str| {
            let mut tls = world.connect(config, name)?;
            let head = format!("GET /p HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            tls.write_all(head.as_bytes()).map_err(|e| e.to_string())?;
            let mut text = Vec::new();
            tls.read_to_end(&mut text).map_err(|e| e.to_string())?;
            let resumed = tls.conn.handshake_kind() == Some(HandshakeKind::Resumed);
            Ok::<_, String>((String::from_utf8_lossy(&text[9..12]).into_owned(), resumed))
        };
        let went = |status: &str, resumed| Ok((status.to_owned(), resumed));
        let client = session(Some(&pair));
        assert_eq!(ask(&client, "in.test"), went("200", false), "{version:?}");
        assert_eq!(ask(&client, "in.test"), went("200", true), "{version:?}");
        // A session of one host is none of another, whomever that one trusts.
        assert_eq!(ask(&client, "same.test"), went("200", false), "{version:?}");
        assert!(ask(&client, "other.test").is_err(), "{version:?}");
        assert_eq!(ask(&client, "open.test"), went("200", false), "{version:?}");
        assert_eq!(ask(&client, "in.test"), went("200", false), "{version:?}");
        // One that began without a certificate stays without.
        let nobody = session(None);
        assert_eq!(ask(&nobody, "open.test"), went("200", false), "{version:?}");
        assert_eq!(ask(&nobody, "in.test"), went("403", false), "{version:?}");
        assert_eq!(ask(&nobody, "in.test"), went("403", true), "{version:?}");
        // What has ended since is not trusted any more.
        world.clock.set(Timestamp(BEGIN + DAY_MS - 3_600_000));
        assert_eq!(ask(&client, "in.test").map(|(status, _)| status), Ok("200".to_owned()), "{version:?}");
        world.clock.set(Timestamp(BEGIN + DAY_MS + 3_600_000));
        assert_eq!(ask(&client, "in.test"), went("403", true), "{version:?}");
        // Nor what other authorities vouched for.
        let pair = root.sign(Of::client("device"));
        let client = session(Some(&pair));
        assert_eq!(ask(&client, "in.test"), went("200", false), "{version:?}");
        world.update(host, json!({"client_ca_pem": other.pem()}));
        assert!(ask(&client, "in.test").is_err(), "{version:?}");
    }
}

#[test]
fn open_connections_follow_what_the_host_wants() {
    let world = World::new();
    let (root, pair, host) = guarded(&world, "optional");
    let with = Arc::new(world.client(Some(&pair), &TLS13));
    let without = Arc::new(world.client(None, &TLS13));
    let (mut with, mut without) =
        (world.connect(&with, "in.test").unwrap(), world.connect(&without, "in.test").unwrap());
    let next = |tls: &mut Tls| {
        tls.write_all(b"HEAD /p HTTP/1.1\r\nHost: in.test\r\n\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(tls.read(&mut byte).unwrap(), 1);
            head.push(byte[0]);
        }
        String::from_utf8_lossy(&head[9..12]).into_owned()
    };
    assert_eq!((next(&mut with), next(&mut without)), ("200".into(), "200".into()));
    world.update(host, json!({"client_auth": "required"}));
    assert_eq!((next(&mut with), next(&mut without)), ("200".into(), "403".into()));
    // Who vouches is another now: the client has to connect anew.
    let both = format!("{}{}", root.pem(), Authority::new("More").pem());
    world.update(host, json!({"client_ca_pem": both}));
    assert_eq!((next(&mut with), next(&mut without)), ("421".into(), "421".into()));
    world.update(host, json!({"client_auth": "none"}));
    assert_eq!((next(&mut with), next(&mut without)), ("200".into(), "200".into()));
}

#[test]
fn a_handshake_that_comes_in_pieces_is_the_same() {
    /// Sends a few bytes at a time.
    struct Pieces(TcpStream);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(&bytes[..bytes.len().min(97)])
        }

        fn flush(&mut self) -> std::io::Result<()> {
            self.0.flush()
        }
    }

    impl std::io::Read for Pieces {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(bytes)
        }
    }

    let world = World::new();
    let (_, pair, _) = guarded(&world, "required");
    for version in VERSIONS {
        let socket = TcpStream::connect(world.serving.as_ref().unwrap().secure_addresses()[0]).unwrap();
        socket.set_nodelay(true).unwrap();
        let config = Arc::new(world.client(Some(&pair), version));
        let connection = ClientConnection::new(config, ServerName::try_from("in.test").unwrap()).unwrap();
        let mut tls = StreamOwned::new(connection, Pieces(socket));
        tls.write_all(b"GET /p HTTP/1.1\r\nHost: in.test\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        tls.read_to_string(&mut text).unwrap();
        assert!(told(&text).contains(&"X-Client-Cert-Subject: CN=device 7"), "{text}");
    }
}

#[test]
fn hosts_without_such_terms_ask_for_no_certificate() {
    let world = World::new();
    let (_, pair, _) = guarded(&world, "required");
    world.host("open.test", json!({}));
    // A client that has one is not asked, and shows none.
    for version in VERSIONS {
        let answer = world.ask(&Arc::new(world.client(Some(&pair), version)), "open.test", "open.test", "").unwrap();
        assert_eq!(told(&answer), [] as [&str; 0]);
    }
}

#[test]
fn authorities_that_could_vouch_for_nobody_are_refused_by_field() {
    let world = World::new();
    let root = Authority::new("Devices");
    let leaf = root.sign(Of::client("device"));
    let giant = "x".repeat(65 * 1024);
    for (client_auth, pem, code) in [
        ("required", "", "certificate.no_authority"),
        ("optional", "", "certificate.no_authority"),
        ("required", leaf.cert.as_str(), "certificate.no_authority"),
        ("required", leaf.key.as_str(), "certificate.not_pem"),
        ("none", "text", "certificate.not_pem"),
        ("none", giant.as_str(), "certificate.too_large"),
    ] {
        let input = json!({"domain": "in.test", "target_group": {"targets": [{"host": "127.0.0.1", "port": 9}]},
            "client_auth": client_auth, "client_ca_pem": pem});
        let refused = world.try_call("hosts.create", input).unwrap_err();
        assert_eq!((refused.code(), refused.fields()[0].field.as_str()), (code, "client_ca_pem"), "{client_auth}");
    }
    let (.., host) = guarded(&world, "required");
    let refused = world.try_call("hosts.update", json!({"id": host, "client_ca_pem": ""})).unwrap_err();
    assert_eq!(refused.code(), "certificate.no_authority");
    world.update(host, json!({"client_auth": "none", "client_ca_pem": ""}));
    assert_eq!(status(&world.get(None, "in.test", "in.test")), "200");
}
