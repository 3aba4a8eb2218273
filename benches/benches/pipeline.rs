//! What a client waits for one request through the proxy over loopback, on a connection that is kept open.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use argos_core::api::{CreateGroup, CreateHost, NewTarget, UpdateSecurity};
use argos_core::schema::{GroupName, Hostname, TargetHost, WafMode};
use argos_core::{Argos, Options, ServeOptions};
use criterion::{Criterion, criterion_group, criterion_main};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/// An upstream with one answer to everything.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().map(Result::unwrap) {
            std::thread::spawn(move || answer(socket));
        }
    });
    address
}

fn answer(mut socket: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    let mut head = Vec::new();
    while let Ok(n @ 1..) = socket.read(&mut buffer) {
        head.extend_from_slice(&buffer[..n]);
        // Requests have no body here, so that an empty line is their end.
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            socket.write_all(ANSWER).unwrap();
        }
    }
}

/// Sends `request` and reads the answer to its end, whose status must be `status`.
fn ask(socket: &mut TcpStream, request: &[u8], status: &[u8], buffer: &mut Vec<u8>) {
    socket.write_all(request).unwrap();
    buffer.clear();
    let mut piece = [0; 16 * 1024];
    loop {
        let n = socket.read(&mut piece).unwrap();
        assert_ne!(n, 0, "the connection ended");
        buffer.extend_from_slice(&piece[..n]);
        let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).unwrap().to_ascii_lowercase();
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if buffer.len() >= end + 4 + length {
            assert_eq!(&buffer[9..12], status);
            return;
        }
    }
}

fn pipeline(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let argos = Argos::open(Options { crs: Some("baseline".into()), ..Options::new(folder.path()) }).unwrap();
    let port = upstream().port();
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port, weight: None, enabled: None };
    let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
    let group = argos.target_groups().create(group).unwrap().value.id;
    for (name, waf) in [("off.test", false), ("on.test", true)] {
        let host = argos.hosts().create(CreateHost::new(Hostname::parse(name).unwrap(), group)).unwrap().value;
        let waf =
            UpdateSecurity { waf_enabled: Some(waf), waf_mode: Some(WafMode::Block), ..UpdateSecurity::new(host.id) };
        argos.security(host.id).update(waf).unwrap();
    }
    let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    let mut buffer = Vec::new();
    let plain = "/products/list?page=2&sort=price&q=blue+shoes";
    for (name, host, uri, status) in [
        ("pass a request, WAF off", "off.test", plain, b"200"),
        ("pass a request, WAF on", "on.test", plain, b"200"),
        ("stop an attack, WAF on", "on.test", "/?q=1%27%20OR%20%271%27=%271", b"403"),
    ] {
        let request = format!(
            "GET {uri} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0\r\n\
             Accept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\nCookie: session=3f2c9a; theme=dark\r\n\r\n"
        );
        let mut socket = TcpStream::connect(serving.addresses()[0]).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        c.bench_function(name, |b| b.iter(|| ask(&mut socket, request.as_bytes(), status, &mut buffer)));
    }
    serving.stop(Duration::ZERO);
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
