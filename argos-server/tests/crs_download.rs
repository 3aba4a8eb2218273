//! `argos crs install` from an https server, and everything such a server can do wrong.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

#[path = "support/https.rs"]
mod https;
mod support;

use std::io::{Read as _, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use https::Https;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Folder, Server, api, ask, token};

/// A gzipped tar of one rule that refuses `?q=WORD`.
fn archive(word: &str) -> Vec<u8> {
    let rule =
        format!("SecComponentSignature \"SET/{word}\"\nSecRule ARGS:q \"@streq {word}\" \"id:101,phase:1,deny\"\n");
    packed(&[("set/crs-setup.conf.example", b"# nothing\n"), ("set/rules/REQUEST-910-A.conf", rule.as_bytes())])
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// 300 MiB of nothing in some hundred kilobytes.
fn bomb() -> Vec<u8> {
    packed(&[("set/crs-setup.conf.example", b""), ("set/rules/a.conf", &vec![b'#'; 300 << 20])])
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn head(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n")
}

fn whole(to: &mut dyn Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(head("200 OK", &format!("Content-Length: {}\r\n", bytes.len())).as_bytes())?;
    to.write_all(bytes)
}

fn redirect(to: &mut dyn Write, place: &str) -> std::io::Result<()> {
    to.write_all(head("302 Found", &format!("Location: {place}\r\nContent-Length: 0\r\n")).as_bytes())
}

/// Serves `good`, and under other names what is not.
fn misbehaving(folder: &Folder, good: Vec<u8>, bomb: Vec<u8>) -> Https {
    Https::start(&folder.path(""), move |target, to| match target {
        "/set.tar.gz" => whole(to, &good),
        "/bomb" => whole(to, &bomb),
        "/moved" => redirect(to, "/set.tar.gz"),
        "/plain" => redirect(to, "http://127.0.0.1:9/set.tar.gz"),
        "/round" => redirect(to, "/round"),
        "/cut" => {
            to.write_all(head("200 OK", &format!("Content-Length: {}\r\n", good.len())).as_bytes())?;
            to.write_all(&good[..good.len() / 2])
        }
        "/announced" => to.write_all(head("200 OK", "Content-Length: 16777217\r\n").as_bytes()),
        "/endless" => {
            to.write_all(head("200 OK", "Transfer-Encoding: chunked\r\n").as_bytes())?;
            let piece = [b"10000\r\n", &[0; 0x10000][..], b"\r\n"].concat();
            // Four times what is allowed: a client that reads on to the end fails the test.
            (0..1024).try_for_each(|_| to.write_all(&piece))?;
            to.write_all(b"0\r\n\r\n")
        }
        "/broken" => to.write_all(head("500 Internal Server Error", "Content-Length: 0\r\n").as_bytes()),
        _ => to.write_all(head("404 Not Found", "Content-Length: 0\r\n").as_bytes()),
    })
}

fn install(folder: &Folder, server: &Https, target: &str, sum: &str) -> (i32, String) {
    let url = server.url(target);
    let mut command = folder.command(&["crs", "install", &url, "--sha256", sum, "--json"]);
    let out = command.env("SSL_CERT_FILE", &server.authority).output().unwrap();
    let text = if out.status.success() { out.stdout } else { out.stderr };
    (out.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_downloaded_set_is_served_at_once_and_stands_in_the_audit() {
    let folder = Folder::new();
    let group = r#"{"targets":[{"host":"127.0.0.1","port":1}]}"#;
    folder.json(&["host", "create", "--domain", "shop.example", "--tls-mode", "none", "--target-group", group]);
    folder.json(&["security", "update", "1", "--waf-mode", "block"]);
    let admin = token(&folder, "admin");
    let good = archive("one");
    let https = misbehaving(&folder, good.clone(), Vec::new());
    let server = Server::start(&folder, &[]);
    let status = || ask(server.http, "GET", "/?q=one", &[("Host", "shop.example")], "").status;
    assert_eq!(status(), 502);
    let (exit, text) = install(&folder, &https, "/moved", &sum(&good));
    assert_eq!(exit, 0, "{text}");
    let done: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&done["version"], &done["rules"], &done["previous"]), (&json!("SET/one"), &json!(1), &json!(false)));
    assert_eq!(status(), 403);
    let shown = api(&server, &admin, "GET", "/waf/status", "").json();
    assert_eq!((&shown["rule_set"]["version"], &shown["rule_set"]["path"]), (&json!("SET/one"), &done["path"]));
    // What is asked over the API reaches no server inside, and leaves no row.
    let body = json!({"url": https.url("/set.tar.gz"), "sha256": sum(&good)}).to_string();
    let refused = api(&server, &admin, "POST", "/waf/crs", &body);
    assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("crs.url")));
    // An archive in a body has its own limit; what is announced beyond it is not read.
    let mut raw = TcpStream::connect(server.panel).unwrap();
    raw.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let length = 25 << 20;
    write!(raw, "POST /api/v1/waf/crs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {admin}\r\n").unwrap();
    write!(raw, "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{").unwrap();
    let mut answer = [0; 12];
    raw.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    let rows = api(&server, &admin, "GET", "/logs?source=audit&action=crs_installed", "").json();
    assert_eq!(rows["items"].as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(rows["items"][0]["remote_ip"], "cli");
    assert!(server.stop());
}

#[test]
fn what_a_server_does_wrong_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    let (good, bomb) = (archive("one"), bomb());
    let server = misbehaving(&folder, good.clone(), bomb.clone());
    let sum_of_good = sum(&good);
    for (target, sum, exit, text) in [
        ("/set.tar.gz", &"0".repeat(64), 5, sum_of_good.as_str()),
        ("/bomb", &sum(&bomb), 5, "256 MiB"),
        ("/cut", &sum_of_good, 8, "/cut"),
        ("/announced", &sum_of_good, 5, "larger than 16 MiB"),
        ("/endless", &sum_of_good, 5, "larger than 16 MiB"),
        ("/plain", &sum_of_good, 8, "only https is allowed"),
        ("/round", &sum_of_good, 8, "more than 5 redirects"),
        ("/broken", &sum_of_good, 8, "500"),
        ("/nowhere", &sum_of_good, 3, "404"),
    ] {
        let (found, said) = install(&folder, &server, target, sum);
        assert!(found == exit && said.contains(text), "{target}: {found} {said}");
        let left = std::fs::read_dir(folder.data()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{target}");
    }
    // The authority is not one that the system trusts.
    let out = folder.run(&["crs", "install", &server.url("/set.tar.gz"), "--sha256", &sum_of_good]);
    assert_eq!(out.status.code(), Some(8), "{}", String::from_utf8_lossy(&out.stderr));
    let out = folder.run(&["crs", "install", "http://127.0.0.1:1/set.tar.gz", "--sha256", &sum_of_good]);
    assert_eq!(out.status.code(), Some(5), "{}", String::from_utf8_lossy(&out.stderr));
    // After all of it the good one goes in.
    let (exit, said) = install(&folder, &server, "/set.tar.gz", &sum_of_good);
    assert_eq!(exit, 0, "{said}");
}
