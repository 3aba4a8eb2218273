//! How connections begin: the PROXY protocol, sockets that are inherited, shares of an address.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use argos_core::{Argos, ServeOptions, Serving};
use serde_json::{Value, json};
use support::{Folder, Upstream};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    argos: Argos,
    serving: Option<Serving>,
    _folder: Folder,
}

impl World {
    fn new(upstream: SocketAddr, options: impl FnOnce(SocketAddr) -> ServeOptions) -> Self {
        let folder = Folder::new();
        let argos = support::argos(&folder);
        let serving = argos.start(&options("127.0.0.1:0".parse().unwrap())).unwrap();
        let world = Self { argos, serving: Some(serving), _folder: folder };
        let targets = json!([{"host": "127.0.0.1", "port": upstream.port()}]);
        world.call("target_groups.create", json!({"name": "g", "targets": targets}));
        world.call("hosts.create", json!({"domain": "*", "tls_mode": "none", "target_group_id": 1}));
        world
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    fn address(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().addresses()[0]
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// What comes after `header` and a request; empty where the connection is closed.
    fn ask(&self, header: &[u8]) -> String {
        let mut socket = self.connect();
        let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
        // It may be closed before all is written.
        let _ = socket.write_all(&[header, request].concat());
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Stops and gives the messages of the error rows, oldest first.
    fn faults(&mut self) -> Vec<String> {
        self.serving.take().unwrap().stop(PATIENCE);
        let found = self.call("logs.search", json!({"source": "error", "order": "asc"}));
        let items = found["items"].as_array().unwrap().iter();
        items.map(|row| row["message"].as_str().unwrap().to_owned()).collect()
    }
}

fn announced(any: SocketAddr) -> ServeOptions {
    ServeOptions { http: vec![any], proxy_protocol: vec![any], threads: 1, ..ServeOptions::default() }
}

/// A header of version 2: command, family, addresses.
fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
    let size = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, family][..], &size, payload].concat()
}

#[test]
fn who_the_client_is_comes_from_the_proxy_before_us() {
    let mut world = World::new(Upstream::echo().address, announced);
    let v4 = [203, 0, 113, 7, 198, 51, 100, 1, 0x13, 0x88, 0x01, 0xbb];
    let mut v6 = [0; 36];
    (v6[0], v6[1], v6[15], v6[16], v6[17], v6[31]) = (0x20, 0x01, 9, 0x20, 0x01, 1);
    (v6[34], v6[35]) = (0x01, 0xbb);
    let own = "X-Forwarded-For: 127.0.0.1\r\n";
    for (name, header, seen) in [
        ("1, IPv4", b"PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\r\n".to_vec(), "X-Forwarded-For: 203.0.113.7\r\n"),
        ("1, IPv6", b"PROXY TCP6 2001:db8::9 2001:db8::1 5000 443\r\n".to_vec(), "X-Forwarded-For: 2001:db8::9\r\n"),
        ("1, of nobody", b"PROXY UNKNOWN\r\n".to_vec(), own),
        ("2, IPv4", v2(1, 0x11, &v4), "X-Forwarded-For: 203.0.113.7\r\n"),
        ("2, IPv6", v2(1, 0x21, &v6), "X-Forwarded-For: 2001::9\r\n"),
        ("2, of the proxy itself", v2(0, 0, &[]), own),
        ("2, with more behind the addresses", v2(1, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat()), "For: 203.0.113.7\r\n"),
    ] {
        let answer = world.ask(&header);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(seen), "{name}: {answer}");
        // The port is the one that the client reached.
        assert!(seen == own || answer.contains("X-Forwarded-Port: 443\r\n"), "{name}: {answer}");
    }
    // In pieces, as bytes may come.
    let mut socket = world.connect();
    for byte in
        b"PROXY TCP4 203.0.113.8 198.51.100.1 5000 443\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    {
        socket.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("X-Forwarded-For: 203.0.113.8\r\n"), "{answer}");
    assert_eq!(world.faults(), [""; 0]);
}

#[test]
fn a_connection_without_a_header_is_closed() {
    let mut world = World::new(Upstream::echo().address, announced);
    let long = [b"PROXY TCP4 ", &[b'1'; 200][..], b"\r\n"].concat();
    for header in [
        &b""[..],
        b"PROXY TCP4 203.0.113.7 198.51.100.1 5000\r\n",
        b"PROXY TCP4 203.0.113.777 198.51.100.1 5000 443\r\n",
        b"PROXY TCP4 203.0.113.7 198.51.100.1 5000 443\n",
        b"proxy TCP4 203.0.113.7 198.51.100.1 5000 443\r\n",
        &v2(1, 0x11, &[1, 2, 3]),
        &v2(7, 0x11, &[0; 12]),
        &v2(1, 0x11, &[0; 5000]),
        &long,
    ] {
        assert_eq!(world.ask(header), "", "{}", header.escape_ascii());
    }
    let faults = world.faults();
    assert_eq!(faults.len(), 9);
    let text = "bad_request: the connection does not begin with a PROXY protocol header";
    assert!(faults.iter().all(|fault| fault == text), "{faults:?}");
}

#[test]
fn a_proxy_that_says_nothing_is_closed_in_time() {
    let mut world = World::new(Upstream::echo().address, announced);
    world.call("settings.set", json!({"key": "proxy.header_timeout_ms", "value": "100"}));
    let mut socket = world.connect();
    socket.write_all(b"PROXY TC").unwrap();
    assert_eq!(socket.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(world.faults().len(), 1);
}

#[test]
fn an_inherited_socket_serves_in_place_of_its_address() {
    let passed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = passed.local_addr().unwrap();
    let world = World::new(Upstream::echo().address, |_| ServeOptions {
        http: vec![address],
        inherited: Arc::new([passed]),
        threads: 2,
        ..ServeOptions::default()
    });
    assert_eq!(world.address(), address);
    for _ in 0..20 {
        assert!(world.ask(b"").starts_with("HTTP/1.1 200 "));
    }
}

#[test]
fn an_address_has_its_most_connections() {
    let mut world = World::new(Upstream::echo().address, announced);
    world.call("settings.set", json!({"key": "proxy.max_connections_per_ip", "value": "2"}));
    let open = |ip: &str| {
        let mut socket = world.connect();
        socket.write_all(format!("PROXY TCP6 {ip} 2001:db8::1 5000 443\r\n").as_bytes()).unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut first = [0; 12];
        (socket.read_exact(&mut first).is_ok(), socket)
    };
    // A /64 is one client.
    let (one, two) = (open("2001:db8:0:1::1"), open("2001:db8:0:1::2"));
    assert!(one.0 && two.0);
    assert!(!open("2001:db8:0:1::3").0, "the third is closed");
    assert!(open("2001:db8:0:2::1").0, "others are not counted with it");
    drop(one);
    // The end is seen when it is seen.
    while !open("2001:db8:0:1::4").0 {
        std::thread::yield_now();
    }
    world.call("settings.set", json!({"key": "proxy.trusted_proxies", "value": "2001:db8::/32"}));
    let all: Vec<_> = (5..10).map(|i| open(&format!("2001:db8:0:1::{i}"))).collect();
    assert!(all.iter().all(|(answered, _)| *answered), "a trusted proxy has as many as it wants");
    drop((two, all));
    assert!(world.faults().contains(&"bad_request: the address has too many connections".to_owned()));
}
