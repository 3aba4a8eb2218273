//! Compressed answers, as clients of each version read them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::Read as _;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use argos_core::schema::WafMode;
use argos_core::snapshot::{Host, Snapshot, Waf, WafKey};
use argos_seclang::{NoFiles, RuleSet};
use serde_json::json;
use support::versions::{Version, World, request};
use support::{Client, Served, Site, Upstream, group, host, snapshot, target};

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// Decodes as much as can be.
fn decoded(coding: &str, coded: &[u8]) -> Vec<u8> {
    let mut reader: Box<dyn std::io::Read> = match coding {
        "gzip" => Box::new(flate2::read::GzDecoder::new(coded)),
        "br" => Box::new(brotli_decompressor::Decompressor::new(coded, 4096)),
        "zstd" => Box::new(zstd::Decoder::new(coded).unwrap()),
        _ => panic!("{coding}"),
    };
    let mut text = Vec::new();
    let mut room = [0; 1000];
    while let Ok(n @ 1..) = reader.read(&mut room) {
        text.extend_from_slice(&room[..n]);
    }
    text
}

fn prose(n: usize) -> String {
    (0..n).map(|i| format!("{i}: the same words again, and {} again\n", i * 7919 % 1000)).collect()
}

/// The path of a request.
fn path(request: &[u8]) -> String {
    String::from_utf8_lossy(request).split(' ').nth(1).unwrap().to_owned()
}

fn chunked(head: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in body.chunks(7777) {
        answer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        answer.extend_from_slice(piece);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

fn sized(head: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Answers with a long text: with its length, in chunks, or ended by the connection's end.
fn texts(body: String) -> Upstream {
    Upstream::run(move |served| {
        while let Some(asked) = served.request() {
            let head = "Content-Type: text/html\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n";
            match path(&asked).as_str() {
                _ if asked.starts_with(b"HEAD") => {
                    let whole = sized(head, body.as_bytes());
                    served.say(&whole[..whole.len() - body.len()]);
                }
                "/length" => served.say(sized(head, body.as_bytes())),
                "/chunks" => served.say(chunked(head, body.as_bytes())),
                _ => {
                    served.say(format!("HTTP/1.1 200 OK\r\n{head}Connection: close\r\n\r\n{body}"));
                    return;
                }
            }
        }
    })
}

fn live(upstream: &Upstream, waf: Option<Waf>) -> Snapshot {
    let first = Host { compression: true, waf, ..host(1, "*", 1) };
    snapshot([first], [group(1, [target(1, upstream.address, 1)])])
}

#[test]
fn every_version_gets_the_same_bytes_in_every_coding() {
    let body = prose(20_000);
    let upstream = texts(body.clone());
    let world = World::start(&upstream, 1);
    world.host(json!({"compression": true}));
    for version in Version::ALL {
        for coding in CODINGS {
            let asked = |path| request("GET", path, &[("accept-encoding", coding)]);
            let paths = ["/length", "/chunks", "/close", "/length"];
            for (path, answer) in paths.iter().zip(world.ask(version, paths.iter().map(|p| asked(p)).collect())) {
                let what = format!("{version:?} {coding} {path}");
                assert!(answer.whole, "{what}");
                assert_eq!(answer.field("content-encoding").as_deref(), Some(coding), "{what}");
                assert_eq!(answer.field("vary").as_deref(), Some("Accept-Encoding"), "{what}");
                assert_eq!(answer.field("etag").as_deref(), Some("W/\"v1\""), "{what}");
                assert_eq!(answer.field("content-length"), None, "{what}");
                assert_eq!(answer.field("accept-ranges"), None, "{what}");
                assert!(answer.body.len() * 2 < body.len(), "{what}");
                assert!(decoded(coding, &answer.body) == body.as_bytes(), "{what}");
            }
        }
        let plain = world.get(version, "/length", &[]);
        assert_eq!(plain.field("content-encoding"), None);
        assert_eq!(plain.field("vary").as_deref(), Some("Accept-Encoding"));
        assert_eq!(
            (plain.field("etag").as_deref(), plain.field("accept-ranges").as_deref()),
            (Some("\"v1\""), Some("bytes"))
        );
        assert!(plain.body == body.as_bytes());
        // HEAD tells what GET would.
        let head = world.ask(version, vec![request("HEAD", "/length", &[("accept-encoding", "br")])]).remove(0);
        assert_eq!(head.field("content-encoding").as_deref(), Some("br"), "{version:?}");
        assert_eq!((head.field("content-length"), head.body.len()), (None, 0));
    }
    world.host(json!({"compression": false}));
    let off = world.get(Version::One, "/length", &[("accept-encoding", "gzip")]);
    assert_eq!((off.field("content-encoding"), off.field("vary")), (None, None));
}

#[test]
fn answers_that_must_not_be_compressed_come_as_they_are() {
    let text = prose(200);
    let upstream = Upstream::run(move |served| {
        while let Some(asked) = served.request() {
            let body = text.as_bytes();
            let (head, body) = match path(&asked).as_str() {
                "/events" => ("Content-Type: text/event-stream\r\n", body),
                "/image" => ("Content-Type: image/png\r\n", body),
                "/small" => ("Content-Type: text/plain\r\n", &body[..1023]),
                "/coded" => ("Content-Type: text/plain\r\nContent-Encoding: gzip\r\n", body),
                "/kept" => ("Content-Type: text/plain\r\nCache-Control: no-transform\r\n", body),
                "/part" => ("Content-Type: text/plain\r\nContent-Range: bytes 0-9/10\r\n", body),
                other => panic!("{other}"),
            };
            served.say(sized(head, body));
        }
    });
    let site = Site::start(live(&upstream, None));
    for path in ["/events", "/image", "/small", "/coded", "/kept", "/part"] {
        let answer = site.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"));
        let coding = (path == "/coded").then_some("gzip");
        assert_eq!(answer.header("content-encoding"), coding, "{path}");
        assert_eq!((answer.header("vary"), answer.header("content-length").is_some()), (None, true), "{path}");
        assert!(answer.text().starts_with("0: the same words"), "{path}");
    }
}

#[test]
fn a_client_of_http_1_0_gets_the_text() {
    let body = prose(200);
    let upstream = texts(body.clone());
    let site = Site::start(live(&upstream, None));
    let answer = site.ask("GET /length HTTP/1.0\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!((answer.header("content-encoding"), answer.header("vary")), (None, Some("Accept-Encoding")));
    assert_eq!(answer.text(), body);
}

#[test]
fn vary_is_said_once_and_a_weak_tag_stays() {
    let text = prose(100);
    let upstream = Upstream::run(move |served| {
        while let Some(asked) = served.request() {
            let vary = path(&asked).replace("/", "").replace('+', " ");
            let head = format!("Content-Type: text/plain\r\nVary: {vary}\r\nETag: W/\"a\"\r\n");
            served.say(sized(&head, text.as_bytes()));
        }
    });
    let site = Site::start(live(&upstream, None));
    for (given, expected) in [
        ("Cookie", vec!["Cookie", "Accept-Encoding"]),
        ("accept-encoding", vec!["accept-encoding"]),
        ("Cookie,Accept-Encoding", vec!["Cookie,Accept-Encoding"]),
        ("*", vec!["*"]),
    ] {
        let answer = site.ask(format!("GET /{given} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"));
        assert_eq!(answer.headers("vary"), expected);
        assert_eq!(answer.header("etag"), Some("W/\"a\""));
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
    }
}

/// The next chunk of an answer.
fn chunk(client: &mut Client) -> Vec<u8> {
    use std::io::BufRead as _;
    let mut line = String::new();
    client.reader.read_line(&mut line).unwrap();
    let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
    let mut bytes = vec![0; size + 2];
    client.reader.read_exact(&mut bytes).unwrap();
    bytes.truncate(size);
    bytes
}

#[test]
fn what_the_upstream_said_arrives_while_it_waits() {
    for coding in CODINGS {
        let (go_on, wait) = channel::<()>();
        let wait = Mutex::new(wait);
        let upstream = Upstream::run(move |served: &mut Served| {
            served.request().unwrap();
            served.say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in ["one ", "two ", "three"] {
                served.say(format!("{:x}\r\n{piece}\r\n", piece.len()));
                // It says no more before the client has read this.
                wait.lock().unwrap().recv().unwrap();
            }
            served.say("0\r\n\r\n");
        });
        let site = Site::start(live(&upstream, None));
        let mut client = site.connect();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"));
        let head = client.try_answer(true).unwrap();
        assert_eq!(head.header("content-encoding"), Some(coding));
        let mut coded = Vec::new();
        for expected in ["one ", "one two ", "one two three"] {
            while decoded(coding, &coded) != expected.as_bytes() {
                coded.extend(chunk(&mut client));
            }
            go_on.send(()).unwrap();
        }
        loop {
            let piece = chunk(&mut client);
            if piece.is_empty() {
                break;
            }
            coded.extend(piece);
        }
        assert_eq!(decoded(coding, &coded), b"one two three");
    }
}

#[test]
fn a_cut_answer_is_cut_for_the_client_too() {
    let text = prose(2000);
    let upstream = Upstream::run(move |served| {
        served.request();
        let whole = sized("Content-Type: text/plain\r\n", text.as_bytes());
        served.say(&whole[..whole.len() / 2]);
    });
    let mut world = World::start(&upstream, 1);
    world.host(json!({"compression": true}));
    for version in Version::ALL {
        let answer = world.get(version, "/", &[("accept-encoding", "gzip")]);
        // Over streams a reset may overtake what was said before it.
        let told = answer.status == 200 && answer.field("content-encoding").as_deref() == Some("gzip");
        assert!(told || (answer.status == 0 && version != Version::One), "{version:?} {answer:?}");
        assert!(!answer.whole, "{version:?}");
    }
    let rows = world.rows();
    assert!(rows.iter().all(|row| row["action"] == "upstream_error" && row["message"] == "its body is cut short"));
}

const RULES: &str = r#"
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecRule RESPONSE_BODY "@contains leaked" "id:400,phase:4,deny,status:403,log,msg:'leak'"
"#;

#[test]
fn rules_read_the_text_and_what_passes_is_compressed() {
    let upstream = Upstream::run(|served| {
        while let Some(asked) = served.request() {
            let word = path(&asked);
            // Longer than what rules hold, so that the rest follows.
            served.say(sized("Content-Type: text/plain\r\n", format!("{word} {}", prose(30_000)).as_bytes()));
        }
    });
    let (rules, _) = RuleSet::builder(NoFiles).rules_str("test.conf", RULES).compile().unwrap();
    let key = WafKey { paranoia: 1, detection_paranoia: 1, inbound: None, outbound: None };
    let mode = WafMode::Block;
    let waf = Waf { rules, mode, block_status: 403, block_body: Box::default(), response_body: true, key, tuned: None };
    let site = Site::start(live(&upstream, Some(waf)));
    let get = |path: &str, coding: &str| {
        site.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"))
    };
    assert_eq!(get("/leaked", "gzip").status, 403);
    for coding in CODINGS {
        let answer = get("/fine", coding);
        assert_eq!((answer.status, answer.header("content-encoding")), (200, Some(coding)));
        assert!(answer.whole);
        assert!(decoded(coding, &answer.body) == format!("/fine {}", prose(30_000)).into_bytes(), "{coding}");
    }
}

#[test]
fn both_connections_are_used_again() {
    let numbers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&numbers);
    let text = prose(500);
    let upstream = Upstream::run(move |served| {
        while let Some(asked) = served.request() {
            seen.lock().unwrap().push(served.number);
            let body = text.as_bytes();
            served.say(match path(&asked).as_str() {
                "/chunks" => chunked("Content-Type: text/plain\r\n", body),
                _ => sized("Content-Type: text/plain\r\n", body),
            });
        }
    });
    let site = Site::start(live(&upstream, None));
    let mut client = site.connect();
    for path in ["/length", "/chunks", "/length", "/chunks"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n"));
        let answer = client.answer();
        assert!(answer.whole && decoded("zstd", &answer.body) == prose(500).into_bytes());
    }
    assert_eq!(*numbers.lock().unwrap(), [0, 0, 0, 0]);
}
