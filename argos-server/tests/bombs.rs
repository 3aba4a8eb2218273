//! Bodies made to exhaust, through a real socket: each meets the limit that is named for it and has its documented
//! answer, and the process stays small.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::{Folder, Server};

/// Bytes of a body that are inspected in these tests.
const LIMIT: usize = 1 << 20;
const FORM: &str = "application/x-www-form-urlencoded";

/// Reads each request to its end, answers 200, and tells how long its body was.
fn upstream() -> (SocketAddr, Receiver<u64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, tell) = (stream.unwrap(), tell.clone());
            std::thread::spawn(move || answer(BufReader::new(stream), &tell));
        }
    });
    (address, told)
}

/// The requests of one connection.
fn answer(mut stream: BufReader<TcpStream>, tell: &Sender<u64>) {
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while stream.read_line(&mut line).is_ok_and(|n| n > 2) {
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse::<u64>().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return;
        }
        let read = std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).unwrap_or(0);
        let _ = tell.send(read);
        if stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// A server that blocks by the built-in rules, before `upstream`.
fn serve(upstream: SocketAddr) -> (Folder, Server) {
    let folder = Folder::new();
    let group = format!(r#"{{"targets":[{{"host":"127.0.0.1","port":{}}}]}}"#, upstream.port());
    folder.json(&["host", "create", "--domain", "shop.example", "--tls-mode", "none", "--target-group", &group]);
    folder.json(&["host", "update", "1", "--max-body-bytes", "0"]);
    folder.json(&["security", "update", "1", "--waf-mode", "block"]);
    folder.json(&["setting", "update", &format!("appsec.request_body_limit={LIMIT}")]);
    let server = Server::start(&folder, &["--crs", "baseline"]);
    (folder, server)
}

/// The status of the answer to a body of `pieces`, `length` bytes in all. What is refused may be answered before all of
/// it is sent.
fn send<'a>(server: &Server, head: &str, length: usize, pieces: impl Iterator<Item = &'a [u8]>) -> u16 {
    let mut stream = TcpStream::connect(server.http).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let host = "Host: shop.example\r\nUser-Agent: a browser\r\nAccept: */*\r\n";
    write!(stream, "POST /upload HTTP/1.1\r\n{host}{head}\r\nContent-Length: {length}\r\n\r\n").unwrap();
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

fn post(server: &Server, kind: &str, body: &[u8]) -> u16 {
    send(server, &format!("Content-Type: {kind}"), body.len(), std::iter::once(body))
}

#[test]
fn a_small_body_that_stands_for_a_large_one_is_refused() {
    let (upstream, _told) = upstream();
    let (_folder, server) = serve(upstream);
    let before = server.most_memory();
    let packed = |pieces: usize| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(b"a=").unwrap();
        (0..pieces).for_each(|_| gzip.write_all(&[b'a'; 1 << 16]).unwrap());
        gzip.finish().unwrap()
    };
    let coded = format!("Content-Type: {FORM}\r\nContent-Encoding: gzip");
    // 512 KiB of one letter are more than a hundred times what they are packed in. 256 MiB reach the limit of what is
    // inspected first, as a plain body of that length would. In one body or in many at once.
    for (bomb, status) in [(packed(8), 415), (packed(4096), 200)] {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(send(&server, &coded, bomb.len(), std::iter::once(&bomb[..])), status));
            }
        });
    }
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    assert_eq!(post(&server, "application/json", deep.as_bytes()), 400);
    let many: String = (0..100_000).map(|n| format!("&a{n}=1")).collect();
    assert_eq!(post(&server, FORM, &many.as_bytes()[1..]), 400);
    let elements = "<a>".repeat(100_000);
    assert_eq!(post(&server, "text/xml", elements.as_bytes()), 400);
    let part = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let parts = format!("{}--x--\r\n", part.repeat(15_000));
    assert_eq!(post(&server, "multipart/form-data; boundary=x", parts.as_bytes()), 400);
    let grown = server.most_memory() - before;
    println!("{} MiB more at most", grown >> 20);
    assert!(grown < 192 << 20, "grew by {} MiB", grown >> 20);
    assert!(server.stop());
}

#[test]
fn a_gibibyte_of_one_field_is_inspected_in_part_or_refused_and_never_held_whole() {
    let (upstream, told) = upstream();
    let (folder, server) = serve(upstream);
    let before = server.most_memory();
    let head = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    let (piece, tail) = (vec![b'a'; 1 << 20], b"\r\n--x--\r\n");
    let length = head.len() + (piece.len() << 10) + tail.len();
    let kind = "Content-Type: multipart/form-data; boundary=x";
    let whole = || {
        let content = std::iter::repeat_n(&piece[..], 1 << 10);
        std::iter::once(&head[..]).chain(content).chain(std::iter::once(&tail[..]))
    };
    // By default what fits is inspected, and all of it is passed on.
    assert_eq!(send(&server, kind, length, whole()), 200);
    assert_eq!(told.recv().unwrap(), length as u64);
    // What fits is inspected: an attack at its beginning is stopped.
    let attack =
        b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1' OR '1'='1' UNION SELECT a FROM b-- -\r\n";
    let hidden = std::iter::once(&attack[..]).chain(whole());
    assert_eq!(send(&server, kind, attack.len() + length, hidden), 403);
    folder.json(&["setting", "update", "appsec.request_body_limit_action=reject"]);
    assert_eq!(send(&server, kind, length, whole()), 413);
    assert!(told.try_recv().is_err());
    let grown = server.most_memory() - before;
    println!("{} MiB more at most", grown >> 20);
    assert!(grown < 64 << 20, "grew by {} MiB", grown >> 20);
    assert!(server.stop());
}
