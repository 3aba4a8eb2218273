//! What streams goes on to stream when the WAF blocks: nothing is broken, and nothing is held that need not be.
//! The rules are a core rule set where `SHARED_DIR` has one, else the built-in ones.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use argos_core::schema::WafMode;
use argos_core::snapshot::{Waf, WafKey};
use argos_core::waf::{Composition, RuleSets, RuleSource};
use support::{Client, Site, Upstream, group, host, snapshot, target, with_appsec};

/// Bytes of a body that are inspected here.
const LIMIT: usize = 64 << 10;

fn site(upstream: &Upstream) -> Site {
    let source = support::shared("crs").map_or_else(RuleSource::default, RuleSource::folder);
    let key = WafKey::default();
    let composition = Composition {
        source,
        paranoia: 1,
        detection_paranoia: 1,
        inbound: 5,
        outbound: 4,
        request_body_limit: LIMIT,
        request_body_reject: false,
        response_body_limit: LIMIT,
    };
    // The core rule set refuses types of bodies that it does not know, such as those of calls and files.
    let rules = RuleSets::default().get(composition).unwrap();
    let rules = rules.vary().exclusions("types", "SecRuleRemoveById 920420").compile().unwrap().0;
    let waf = waf(rules, key);
    let mut first = host(1, "*", 1);
    (first.waf, first.max_body_bytes) = (Some(waf), Some(0));
    let live = snapshot([first], [group(1, [target(1, upstream.address, 1)])]);
    Site::start(with_appsec(live, |s| (s.request_body_limit, s.response_body_limit) = (LIMIT, LIMIT)))
}

fn waf(rules: argos_seclang::RuleSet, key: WafKey) -> Waf {
    Waf {
        rules,
        mode: WafMode::Block,
        block_status: 403,
        block_body: Box::default(),
        response_body: true,
        key,
        tuned: None,
    }
}

/// A request with what browsers send, so that no rule has a reason to look twice.
fn request(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: app.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n{more}\r\n")
}

/// Reads until `text` has come `times` times.
fn until(client: &mut Client, seen: &mut Vec<u8>, text: &str, times: usize) {
    while String::from_utf8_lossy(seen).matches(text).count() < times {
        let mut piece = [0; 256];
        let got = client.reader.read(&mut piece).unwrap();
        assert!(got > 0, "ended after {:?}", String::from_utf8_lossy(seen));
        seen.extend_from_slice(&piece[..got]);
    }
}

/// The attack that each test ends with: the WAF is on.
fn still_blocks(site: &Site) {
    let attack = request("GET /?q=1%27%20OR%20%271%27=%271%20UNION%20SELECT%20password%20FROM%20users--", "");
    assert_eq!(site.ask(attack).status, 403);
}

#[test]
fn a_websocket_carries_what_would_be_an_attack() {
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = served.reader.read(&mut buffer) {
            served.say(&buffer[..n]);
        }
    });
    let site = site(&upstream);
    let mut client = site.connect();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client.send(request("GET /ws", upgrade));
    assert_eq!(client.answer().status, 101);
    let mut first = [0; 5];
    client.reader.read_exact(&mut first).unwrap();
    for message in ["<script>alert(1)</script>", "1' OR '1'='1", "plain"] {
        client.send(message);
        let mut back = vec![0; message.len()];
        client.reader.read_exact(&mut back).unwrap();
        assert_eq!(back, message.as_bytes());
    }
    still_blocks(&site);
}

#[test]
fn events_arrive_one_by_one() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            served.say("9\r\ndata: a\n\n\r\n");
            wait.lock().unwrap().recv().unwrap();
        }
        served.say("0\r\n\r\n");
    });
    let site = site(&upstream);
    let mut client = site.connect();
    client.send(request("GET /events", "Cache-Control: no-cache\r\n"));
    let mut seen = Vec::new();
    for n in 1..=3 {
        // The next event is sent only once this one has arrived.
        until(&mut client, &mut seen, "data: a", n);
        go.send(()).unwrap();
    }
    until(&mut client, &mut seen, "0\r\n\r\n", 1);
    still_blocks(&site);
}

#[test]
fn chunks_of_types_that_are_not_inspected_arrive_one_by_one() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            served.say("5\r\npiece\r\n");
            wait.lock().unwrap().recv().unwrap();
        }
        served.say("0\r\n\r\n");
    });
    let site = site(&upstream);
    let mut client = site.connect();
    client.send(request("GET /film", ""));
    let mut seen = Vec::new();
    for n in 1..=3 {
        until(&mut client, &mut seen, "piece", n);
        go.send(()).unwrap();
    }
    until(&mut client, &mut seen, "0\r\n\r\n", 1);
}

/// Both directions of a call go on at once: each message is answered before the next is sent.
#[test]
fn a_call_streams_both_ways_at_once() {
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n");
        loop {
            let mut size = String::new();
            served.reader.read_line(&mut size).unwrap();
            if size.trim_start_matches('0').trim().is_empty() {
                break;
            }
            let mut message = [0; 6];
            served.reader.read_exact(&mut message).unwrap();
            served.say([b"4\r\n".as_slice(), &message].concat());
        }
        served.say("0\r\n\r\n");
    });
    let site = site(&upstream);
    let mut client = site.connect();
    let head = "Content-Type: application/grpc\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n";
    client.send(request("POST /shop.Cart/Watch", head));
    let mut seen = Vec::new();
    for n in 1..=3 {
        client.send("4\r\nping\r\n");
        until(&mut client, &mut seen, "ping", n);
    }
    client.send("0\r\n\r\n");
    until(&mut client, &mut seen, "0\r\n\r\n", 1);
    assert!(seen.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&seen));
    still_blocks(&site);
}

/// Only what is binary by its type goes by unseen: JSON in the frame of a call is JSON.
#[test]
fn a_call_that_says_json_is_read_as_json() {
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let site = site(&upstream);
    let body = r#"{"q":"1' OR '1'='1"}"#;
    for kind in ["application/grpc+json", "application/json"] {
        let mut client = site.connect();
        let head = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        client.send([request("POST /login", &head).as_bytes(), body.as_bytes()].concat());
        assert_eq!(client.answer().status, 403, "{kind}");
    }
}

/// An upstream that counts what it is sent and answers at the end; `arrived` gets each piece as it comes.
fn counting(arrived: std::sync::mpsc::Sender<usize>) -> Upstream {
    let arrived = Mutex::new(arrived);
    Upstream::run(move |served| {
        let Some(head) = served.head() else { return };
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut left: usize = length.parse().unwrap();
        let mut buffer = vec![0; 256 << 10];
        while left > 0 {
            let most = left.min(buffer.len());
            let got = served.reader.read(&mut buffer[..most]).unwrap();
            if got == 0 {
                return;
            }
            left -= got;
            let _ = arrived.lock().unwrap().send(got);
        }
        served.say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    })
}

#[test]
fn an_upload_beyond_the_limit_is_inspected_in_its_first_bytes_and_streams() {
    const SIZE: usize = 64 << 20;
    let (send, arrived) = channel();
    let upstream = counting(send);
    let site = site(&upstream);
    let mut client = site.connect();
    let kind = format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {SIZE}\r\n");
    client.send(request("POST /upload", &kind));
    // No more than the first bytes are waited for: they arrive before the rest is sent.
    let first = [b"note=".as_slice(), &vec![b'x'; 2 * LIMIT]].concat();
    client.send(&first);
    let mut seen = 0;
    while seen < first.len() {
        seen += arrived.recv().unwrap();
    }
    let piece = vec![b'x'; 1 << 20];
    let mut left = SIZE - first.len();
    while left > 0 {
        let now = left.min(piece.len());
        client.send(&piece[..now]);
        left -= now;
    }
    assert_eq!(client.answer().status, 201);
    seen += arrived.try_iter().sum::<usize>();
    assert_eq!(seen, SIZE);
    // The same with an attack in the first bytes reaches nobody.
    let mut client = site.connect();
    client.send(request("POST /upload", &kind));
    client.send([b"note=<script>alert(document.cookie)</script>&more=".as_slice(), &vec![b'x'; 2 * LIMIT]].concat());
    assert_eq!(client.answer().status, 403);
    assert_eq!(arrived.try_iter().sum::<usize>(), 0);
}

#[test]
fn an_upload_of_a_type_that_is_not_read_arrives_as_it_is_sent() {
    const PIECE: usize = 2 * LIMIT;
    const SIZE: usize = 16 * PIECE;
    let (send, arrived) = channel();
    let upstream = counting(send);
    let site = site(&upstream);
    let mut client = site.connect();
    let kind = format!("Content-Type: application/octet-stream\r\nContent-Length: {SIZE}\r\n");
    client.send(request("POST /files/a.bin", &kind));
    let mut seen = 0;
    for at in 0..16 {
        // The core rule set looks at the first bytes of any type; each piece arrives before the next is sent.
        client.socket.write_all(&vec![at as u8; PIECE]).unwrap();
        while seen < (at + 1) * PIECE {
            seen += arrived.recv().unwrap();
        }
    }
    assert_eq!((client.answer().status, seen), (201, SIZE));
}
