//! TLS towards upstreams, over real sockets and with upstreams that tell what they saw.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod authority;
mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::{Argos, Error, Options, ServeOptions, Serving};
use authority::{At, Authority, BEGIN, DAY_MS, Of, Pair, provider, self_signed};
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use support::{Folder, Upstream};

const PATIENCE: Duration = Duration::from_secs(20);

/// An upstream inside TLS. It answers each request with a line about the connection and the request's own bytes.
struct Secure {
    address: SocketAddr,
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

impl Secure {
    fn start(config: ServerConfig) -> Self {
        Self::run(config, |tls, _| echo(tls))
    }

    fn run(config: ServerConfig, act: impl Fn(Tls, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (config, act) = (Arc::new(config), Arc::new(act));
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let Ok(socket) = socket else { return };
                let (config, act) = (Arc::clone(&config), Arc::clone(&act));
                std::thread::spawn(move || {
                    let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
                    while tls.conn.is_handshaking() {
                        if tls.conn.complete_io(&mut tls.sock).is_err() {
                            return;
                        }
                    }
                    act(tls, number);
                });
            }
        });
        Self { address }
    }
}

fn echo(tls: Tls) {
    let mut reader = BufReader::new(tls);
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut request).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: ")) {
            let from = request.len();
            request.resize(from + length.parse::<usize>().unwrap(), 0);
            reader.read_exact(&mut request[from..]).unwrap();
        }
        let tls = reader.get_mut();
        let shown = tls.conn.peer_certificates().map_or(0, <[_]>::len);
        let resumed = tls.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        let about = format!("X-Seen: sni={:?} shown={shown} resumed={resumed}", tls.conn.server_name());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{about}\r\n\r\n", request.len());
        tls.write_all(head.as_bytes()).unwrap();
        tls.write_all(&request).unwrap();
        tls.flush().unwrap();
    }
}

/// How an upstream with the certificate `pair` speaks.
fn serving(pair: &Pair, clients: Option<&Authority>) -> ServerConfig {
    let clock = Clock::manual(Timestamp(BEGIN));
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(At(clock)));
    let builder = builder.with_protocol_versions(rustls::ALL_VERSIONS).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(Pair { cert: authority.pem(), key: String::new() }.chain());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut config = builder.with_single_cert(pair.chain(), pair.private()).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 2;
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    config
}

struct World {
    argos: Argos,
    serving: Option<Serving>,
    clock: Clock,
    _folder: Folder,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(BEGIN));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { http: vec![any], threads: 1, ..ServeOptions::default() };
        let serving = argos.start(&options).unwrap();
        Self { argos, serving: Some(serving), clock, _folder: folder }
    }

    fn try_call(&self, name: &str, input: Value) -> Result<Value, Error> {
        Ok(self.argos.call(name, input.as_object().unwrap().clone())?.value)
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.try_call(name, input).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// A host before the target, and the id of its group.
    fn site(&self, domain: &str, target: (&str, SocketAddr), more: Value) -> i64 {
        let target = json!({"host": target.0, "port": target.1.port()});
        let mut input = json!({"name": domain, "targets": [target], "protocol": "https"});
        for (field, value) in more.as_object().unwrap() {
            input[field] = value.clone();
        }
        let group = self.call("target_groups.create", input)["id"].as_i64().unwrap();
        let host = self.call("hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group_id": group}));
        self.call("security.update", json!({"host_id": host["id"], "waf_enabled": false}));
        group
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.serving.as_ref().unwrap().addresses()[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn get(&self, domain: &str) -> String {
        self.ask(&format!("GET /p HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n"))
    }

    fn ask(&self, request: &str) -> String {
        let mut socket = self.connect();
        socket.write_all(request.as_bytes()).unwrap();
        let mut text = Vec::new();
        socket.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Stops and gives the texts of the error rows, oldest first.
    fn faults(&mut self) -> Vec<String> {
        self.serving.take().unwrap().stop(PATIENCE);
        let found = self.call("logs.search", json!({"source": "error", "order": "asc"}));
        let items = found["items"].as_array().unwrap().iter();
        items.map(|row| row["message"].as_str().unwrap().to_owned()).collect()
    }
}

fn status(answer: &str) -> &str {
    &answer[9..12]
}

fn seen(answer: &str) -> &str {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().find_map(|line| line.strip_prefix("X-Seen: ")).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn an_upstream_that_an_authority_of_the_bundle_vouches_for_is_asked() {
    let world = World::new();
    let root = Authority::new("Root");
    let between = root.between("Between");
    let mut pair = between.sign(Of::server("localhost"));
    pair.cert += &between.pem();
    let upstream = Secure::start(serving(&pair, None));
    world.site("a.test", ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
    let answer = world.get("a.test");
    assert_eq!((status(&answer), seen(&answer)), ("200", "sni=Some(\"localhost\") shown=0 resumed=false"));
    assert!(answer.contains("Host: a.test\r\n"), "{answer}");
}

#[test]
fn the_name_can_be_another_than_the_targets() {
    let mut world = World::new();
    let root = Authority::new("Root");
    let upstream = Secure::start(serving(&root.sign(Of::server("inner.test")), None));
    let bundle = json!({"ca_bundle_pem": root.pem()});
    let group = world.site("a.test", ("127.0.0.1", upstream.address), bundle);
    assert_eq!(status(&world.get("a.test")), "502");
    world.call("target_groups.update", json!({"id": group, "tls_server_name": "inner.test"}));
    let answer = world.get("a.test");
    assert_eq!((status(&answer), seen(&answer)), ("200", "sni=Some(\"inner.test\") shown=0 resumed=false"));
    let text = &world.faults()[0];
    let expected = format!("upstream: the certificate of {} is not trusted: ", upstream.address);
    assert!(text.starts_with(&expected) && text.contains("inner.test"), "{text}");
}

#[test]
fn whom_nobody_vouches_for_is_refused_in_words_unless_nothing_is_checked() {
    let mut world = World::new();
    let (root, other) = (Authority::new("Root"), Authority::new("Other"));
    let ended = Of { days: (-30, -1), ..Of::server("127.0.0.1") };
    let not_yet = Of { days: (2, 30), ..Of::server("127.0.0.1") };
    let cases = [
        (other.sign(Of::server("127.0.0.1")), "its issuer is not trusted"),
        (root.sign(ended), "certificate expired"),
        (root.sign(not_yet), "certificate not valid yet"),
        (root.sign(Of::client("127.0.0.1")), "extended key usage"),
        (self_signed(Of::server("127.0.0.1"), true), "it is that of an authority"),
        (self_signed(Of::server("127.0.0.1"), false), "its issuer is not trusted"),
    ];
    for (n, (pair, _)) in cases.iter().enumerate() {
        let upstream = Secure::start(serving(pair, None));
        let domain = format!("n{n}.test");
        let group = world.site(&domain, ("127.0.0.1", upstream.address), json!({"ca_bundle_pem": root.pem()}));
        assert_eq!(status(&world.get(&domain)), "502", "{n}");
        let changed = world.call("target_groups.update", json!({"id": group, "verify_tls": false}));
        assert!(changed["warnings"][0].as_str().unwrap().starts_with("verify_tls is false"), "{changed}");
        assert_eq!(status(&world.get(&domain)), "200", "{n}");
    }
    let faults = world.faults();
    assert_eq!(faults.len(), cases.len());
    for ((_, expected), text) in cases.iter().zip(faults) {
        assert!(text.contains("is not trusted: ") && text.to_lowercase().contains(expected), "{expected}: {text}");
    }
}

#[test]
fn a_certificate_in_the_bundle_is_trusted_as_it_is_for_its_names_and_days() {
    let world = World::new();
    for (n, is_authority) in [true, false].into_iter().enumerate() {
        let pair = self_signed(Of::server("localhost"), is_authority);
        let upstream = Secure::start(serving(&pair, None));
        let bundle = json!({"ca_bundle_pem": pair.cert});
        world.site(&format!("n{n}.test"), ("localhost", upstream.address), bundle.clone());
        assert_eq!(status(&world.get(&format!("n{n}.test"))), "200");
        world.site(&format!("m{n}.test"), ("127.0.0.1", upstream.address), bundle);
        assert_eq!(status(&world.get(&format!("m{n}.test"))), "502", "it is for another name");
    }
    world.clock.set(Timestamp(BEGIN + 91 * DAY_MS));
    let pair = self_signed(Of::server("localhost"), true);
    let upstream = Secure::start(serving(&pair, None));
    world.site("ended.test", ("localhost", upstream.address), json!({"ca_bundle_pem": pair.cert}));
    assert_eq!(status(&world.get("ended.test")), "502");
}

#[test]
fn without_a_bundle_the_system_says_who_is_trusted() {
    let mut world = World::new();
    let upstream = Secure::start(serving(&Authority::new("Root").sign(Of::server("localhost")), None));
    world.site("a.test", ("localhost", upstream.address), json!({}));
    assert_eq!(status(&world.get("a.test")), "502");
    // A machine without any such certificate says so; any other doesn't know this one.
    let text = &world.faults()[0];
    assert!(text.contains("its issuer is not trusted") || text.contains("that the system trusts"), "{text}");
}

#[test]
fn an_upstream_is_shown_the_certificate_it_asks_for() {
    let mut world = World::new();
    let (root, clients) = (Authority::new("Root"), Authority::new("Clients"));
    let upstream = Secure::start(serving(&root.sign(Of::server("localhost")), Some(&clients)));
    let at = ("localhost", upstream.address);
    let group = world.site("a.test", at, json!({"ca_bundle_pem": root.pem()}));
    assert_eq!(status(&world.get("a.test")), "502", "it wants one");
    let between = clients.between("Between");
    let mut pair = between.sign(Of::client("argos"));
    pair.cert += &between.pem();
    let shown = json!({"id": group, "client_cert_pem": pair.cert, "client_key_pem": pair.key});
    let changed = world.call("target_groups.update", shown);
    assert_eq!((&changed["client_key_pem_set"], &changed["client_key_pem"]), (&json!(true), &Value::Null));
    let answer = world.get("a.test");
    assert_eq!((status(&answer), seen(&answer)), ("200", "sni=Some(\"localhost\") shown=2 resumed=false"));
    // Connections that were made under other terms are not used.
    world.call("target_groups.update", json!({"id": group, "client_cert_pem": "", "client_key_pem": null}));
    assert_eq!(status(&world.get("a.test")), "502");
    let stranger = Authority::new("Strangers").sign(Of::client("argos"));
    let shown = json!({"id": group, "client_cert_pem": stranger.cert, "client_key_pem": stranger.key});
    world.call("target_groups.update", shown);
    assert_eq!(status(&world.get("a.test")), "502");
    let faults = world.faults();
    assert!(faults.iter().all(|text| text.contains("alert")), "{faults:?}");
}

#[test]
fn a_connection_is_used_again_and_its_session_resumed() {
    let world = World::new();
    let root = Authority::new("Root");
    // Every second request ends its connection.
    let config = serving(&root.sign(Of::server("localhost")), None);
    let upstream = Secure::run(config, |tls, number| {
        let mut reader = BufReader::new(tls);
        for n in 0..2 {
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
            }
            let tls = reader.get_mut();
            let resumed = tls.conn.handshake_kind() == Some(HandshakeKind::Resumed);
            let end = if n == 1 { "Connection: close\r\n" } else { "" };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{end}X-Seen: {number} {resumed}\r\n\r\n");
            tls.write_all(head.as_bytes()).unwrap();
        }
        reader.get_mut().conn.send_close_notify();
        let _ = reader.get_mut().flush();
    });
    world.site("a.test", ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(seen(&world.get("a.test")).to_owned());
    }
    assert_eq!(all, ["0 false", "0 false", "1 true", "1 true", "2 true", "2 true"]);
    // Another group with other terms, but the same target, has its own.
    let other = json!({"ca_bundle_pem": root.pem(), "tls_server_name": "LOCALHOST"});
    world.site("b.test", ("localhost", upstream.address), other);
    assert_eq!(seen(&world.get("b.test")), "3 false");
}

/// An upstream that tells which of its connections a request came on.
fn counting(pair: &Pair) -> Secure {
    Secure::run(serving(pair, None), |tls, number| {
        let mut reader = BufReader::new(tls);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or(0) > 0 {
            if line == "\r\n" {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: {number}\r\n\r\n");
                reader.get_mut().write_all(head.as_bytes()).unwrap();
            }
            line.clear();
        }
    })
}

#[test]
fn a_connection_that_nobody_checked_serves_nobody_who_wants_it_checked() {
    let world = World::new();
    let root = Authority::new("Root");
    let upstream = counting(&Authority::new("Other").sign(Of::server("localhost")));
    let at = ("localhost", upstream.address);
    let terms = |verify: bool| json!({"ca_bundle_pem": root.pem(), "verify_tls": verify});
    let group = world.site("loose.test", at, terms(false));
    // Used again, it is open while others ask.
    assert_eq!((seen(&world.get("loose.test")), seen(&world.get("loose.test"))), ("0", "0"));
    world.site("strict.test", at, terms(true));
    assert_eq!(status(&world.get("strict.test")), "502");
    assert_eq!(seen(&world.get("loose.test")), "0");
    world.call("target_groups.update", json!({"id": group, "verify_tls": true}));
    assert_eq!(status(&world.get("loose.test")), "502");
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let world = World::new();
    let root = Authority::new("Root");
    let upstream = Secure::start(serving(&root.sign(Of::server("localhost")), None));
    world.site("a.test", ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
    let body: String =
        (0..3_000_000u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 24) as u8 % 26)).collect();
    let mut socket = world.connect();
    let head =
        format!("POST /p HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut writer = socket.try_clone().unwrap();
    let sent = body.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(head.as_bytes()).unwrap();
        writer.write_all(sent.as_bytes()).unwrap();
    });
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    writing.join().unwrap();
    assert!(answer.ends_with(body.as_bytes()), "{}", answer.len());
}

#[test]
fn an_end_that_was_not_announced_cuts_a_body_without_a_length() {
    let mut world = World::new();
    let root = Authority::new("Root");
    for (n, announced) in [true, false].into_iter().enumerate() {
        let config = serving(&root.sign(Of::server("localhost")), None);
        let upstream = Secure::run(config, move |mut tls, _| {
            let mut bytes = [0; 4096];
            let _ = tls.read(&mut bytes);
            tls.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf").unwrap();
            if announced {
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        });
        let domain = format!("n{n}.test");
        world.site(&domain, ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
        let answer = world.get(&domain);
        assert_eq!(answer.ends_with("half\r\n0\r\n\r\n"), announced, "{answer}");
    }
    assert_eq!(world.faults(), ["upstream: its body is cut short"]);
}

#[test]
fn a_websocket_goes_through_tls() {
    let world = World::new();
    let root = Authority::new("Root");
    let upstream = Secure::run(serving(&root.sign(Of::server("localhost")), None), |tls, _| {
        let mut reader = BufReader::new(tls);
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
        reader.get_mut().write_all(switch).unwrap();
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).unwrap();
        reader.get_mut().write_all(&bytes).unwrap();
        reader.get_mut().conn.send_close_notify();
        let _ = reader.get_mut().flush();
    });
    world.site("a.test", ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
    let mut socket = world.connect();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(b"ping").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nhelloping"), "{answer}");
}

#[test]
fn an_upstream_that_speaks_no_tls_and_one_that_says_nothing_are_refused() {
    let mut world = World::new();
    let plain = Upstream::saying("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    world.site("plain.test", ("127.0.0.1", plain.address), json!({"verify_tls": false}));
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let short = json!({"verify_tls": false, "connect_timeout_ms": 100});
    world.site("silent.test", ("127.0.0.1", silent.local_addr().unwrap()), short);
    let closing = Upstream::run(|_| ());
    world.site("closing.test", ("127.0.0.1", closing.address), json!({"verify_tls": false}));
    for domain in ["plain.test", "silent.test", "closing.test"] {
        assert_eq!(status(&world.get(domain)), "502", "{domain}");
    }
    let faults = world.faults();
    let expected = [plain.address, silent.local_addr().unwrap(), closing.address];
    for (text, address) in faults.iter().zip(expected) {
        assert!(text.starts_with(&format!("upstream: TLS with {address}: ")), "{text}");
    }
    assert!(faults.len() == 3 && faults[1].ends_with("no answer within 100 ms"), "{faults:?}");
}

#[test]
fn what_is_no_certificate_or_does_not_fit_is_refused_by_field() {
    let world = World::new();
    let root = Authority::new("Root");
    let (one, other) = (root.sign(Of::client("one")), root.sign(Of::client("other")));
    let ended = root.sign(Of { days: (-30, -1), ..Of::client("ended") });
    let not_yet = root.sign(Of { days: (2, 30), ..Of::client("later") });
    let giant = "x".repeat(65 * 1024);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cut = one.cert[..200].to_owned();
    let mixed = format!("{}{}", one.cert, one.key);
    let pair = |cert: &str, key: &str| json!({"client_cert_pem": cert, "client_key_pem": key});
    let wrong_order = format!("{}{}", one.cert, other.cert);
    for (input, code, field) in [
        (json!({"ca_bundle_pem": giant}), "certificate.too_large", "ca_bundle_pem"),
        (json!({"ca_bundle_pem": "text"}), "certificate.not_pem", "ca_bundle_pem"),
        (json!({"ca_bundle_pem": cut}), "certificate.not_pem", "ca_bundle_pem"),
        (json!({"ca_bundle_pem": mixed}), "certificate.not_pem", "ca_bundle_pem"),
        (
            json!({"ca_bundle_pem": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"}),
            "certificate.unreadable",
            "ca_bundle_pem",
        ),
        (json!({"client_cert_pem": one.cert}), "target_group.client_key", "client_key_pem"),
        (json!({"client_key_pem": one.key}), "target_group.client_cert", "client_cert_pem"),
        (pair(&one.cert, &other.key), "certificate.mismatch", "client_key_pem"),
        (pair(&ended.cert, &ended.key), "certificate.expired", "client_cert_pem"),
        (pair(&not_yet.cert, &not_yet.key), "certificate.not_yet", "client_cert_pem"),
        (pair(&one.cert, encrypted), "certificate.key_encrypted", "client_key_pem"),
        (pair(&one.cert, "text"), "certificate.key", "client_key_pem"),
        (pair(&one.cert, &giant), "certificate.too_large", "client_key_pem"),
        (pair(&wrong_order, &one.key), "certificate.chain", "client_cert_pem"),
        (json!({"client_key_pem": "argos1:AAAA"}), "wrong_value", "client_key_pem"),
        (json!({"tls_server_name": "no name"}), "target_group.tls_server_name", "tls_server_name"),
    ] {
        let mut input = input;
        input["name"] = json!("pool");
        let refused = world.try_call("target_groups.create", input).unwrap_err();
        assert_eq!((refused.code(), refused.fields()[0].field.as_str()), (code, field), "{refused}");
        for key in [&one.key, &other.key, &ended.key] {
            assert!(!refused.to_string().contains(key.lines().nth(1).unwrap()), "a key is shown: {refused}");
        }
    }
}

#[test]
fn a_stored_key_stays_while_it_fits_and_is_never_shown() {
    let world = World::new();
    let root = Authority::new("Root");
    let (one, other) = (root.sign(Of::client("one")), root.sign(Of::client("other")));
    let new = json!({"name": "pool", "client_cert_pem": one.cert, "client_key_pem": one.key});
    let group = world.call("target_groups.create", new)["id"].clone();
    let update = |more: Value| {
        let mut input = json!({"id": group});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.try_call("target_groups.update", input)
    };
    assert_eq!(update(json!({"max_retries": 1})).unwrap()["client_key_pem_set"], true);
    let refused = update(json!({"client_cert_pem": other.cert})).unwrap_err();
    assert_eq!((refused.code(), refused.fields()[0].field.as_str()), ("certificate.mismatch", "client_key_pem"));
    let refused = update(json!({"client_key_pem": null})).unwrap_err();
    assert_eq!(refused.code(), "target_group.client_key");
    update(json!({"client_cert_pem": other.cert, "client_key_pem": other.key})).unwrap();
    // Ended meanwhile, it keeps nothing else from being changed.
    world.clock.set(Timestamp(BEGIN + 200 * DAY_MS));
    update(json!({"max_retries": 2})).unwrap();
    let newest = world.call("config.versions", json!({}))["items"][0]["generation"].as_u64().unwrap();
    let diff = world.call("config.diff", json!({"a": 1, "b": newest})).to_string();
    assert!(diff.contains("\"client_key_encrypted\"") && diff.contains("***"), "{diff}");
    assert!(!diff.contains("argos1:"), "{diff}");
    world.call("config.rollback", json!({"n": 2, "table": "target_groups", "key": group}));
    assert_eq!(world.call("target_groups.get", json!({"id": group}))["client_cert_pem"], json!(one.cert));
}

/// Such an upstream prefers HTTP/2; a WebSocket opens over HTTP/1.1 all the same.
#[test]
fn a_websocket_is_asked_for_in_the_version_that_carries_it() {
    let world = World::new();
    let root = Authority::new("Root");
    let mut config = serving(&root.sign(Of::server("localhost")), None);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let chosen = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&chosen);
    let upstream = Secure::run(config, move |mut tls: Tls, _| {
        let version = String::from_utf8_lossy(tls.conn.alpn_protocol().unwrap_or_default()).into_owned();
        seen.lock().unwrap().push(version.clone());
        if version == "http/1.1" {
            let mut reader = BufReader::new(&mut tls);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                assert!(reader.read_until(b'\n', &mut head).unwrap() > 0);
            }
            tls.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
                .unwrap();
            tls.conn.send_close_notify();
            tls.flush().unwrap();
        }
    });
    world.site("a.test", ("localhost", upstream.address), json!({"ca_bundle_pem": root.pem()}));
    let mut socket = world.connect();
    socket.write_all(b"GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nhi"), "{answer}");
    assert_eq!(*chosen.lock().unwrap(), ["http/1.1"]);
    // All else is asked for as it prefers.
    assert_eq!(status(&world.get("a.test")), "502");
    assert!(chosen.lock().unwrap()[1..].iter().all(|version| version == "h2"));
}
