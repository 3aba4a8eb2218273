//! Bodies, interim answers, upgrades and failures, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use argos_core::schema::LogSource;
use support::{Site, Upstream, dead_address, group, host, only, simple, snapshot, target, with_proxy};

const BIG: usize = 12 << 20;

/// `n` bytes that differ from place to place.
fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

#[test]
fn long_bodies_stream_both_ways_at_once() {
    // The upstream sends back what it reads while it reads: whoever held a body whole would hang here.
    let upstream = Upstream::run(|served| {
        served.head().unwrap();
        served.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {BIG}\r\n\r\n"));
        let (mut left, mut buffer) = (BIG, vec![0; 65_536]);
        while left > 0 {
            let n = served.reader.read(&mut buffer).unwrap();
            assert!(n > 0);
            served.socket.write_all(&buffer[..n]).unwrap();
            left -= n;
        }
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    let mut socket = client.socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        socket.write_all(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BIG}\r\n\r\n").as_bytes()).unwrap();
        socket.write_all(&pattern(BIG)).unwrap();
    });
    let answer = client.answer();
    sender.join().unwrap();
    assert!(answer.whole && answer.body == pattern(BIG));
    drop(client);
    let rows = site.rows();
    assert_eq!((rows[0].bytes_in, rows[0].size_bytes), (BIG as i64, BIG as i64));
}

#[test]
fn a_slow_reader_slows_the_writer() {
    let written = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = written.clone();
    let (gave_up, wait) = std::sync::mpsc::channel();
    let gave_up = std::sync::Mutex::new(gave_up);
    let upstream = Upstream::run(move |served| {
        served.head().unwrap();
        served.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let piece = pattern(64 << 10);
        served.socket.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        for _ in 0..4096 {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat();
            if served.socket.write_all(&chunk).is_err() {
                return gave_up.lock().unwrap().send(()).unwrap();
            }
            seen.fetch_add(piece.len(), std::sync::atomic::Ordering::Relaxed);
        }
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // Nothing is read until the upstream gives up writing: kernel buffers and the proxy's are full, no more.
    wait.recv().unwrap();
    let answer = client.answer();
    assert!(!answer.whole);
    assert!(written.load(std::sync::atomic::Ordering::Relaxed) < 64 << 20);
}

#[test]
fn chunks_lengths_and_open_ends_become_what_the_client_understands() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\n", "hello"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "x"),
    ] {
        let upstream = Upstream::saying(answer);
        let site = Site::start(simple(upstream.address));
        let mut client = site.connect();
        for _ in 0..2 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let got = client.answer();
            assert!(got.whole && got.text() == body, "{answer:?}: {got:?}");
        }
        let old = site.ask("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(old.text(), body, "{answer:?} to HTTP/1.0");
        assert_eq!(old.header("transfer-encoding"), None);
        assert_eq!(old.header("connection"), Some("close"));
    }
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().text(), "until the end");
    }
}

#[test]
fn a_length_is_written_without_zeros_before_it() {
    let upstream = Upstream::saying("HTTP/1.1 200 OK\r\nContent-Length: 005\r\n\r\nhello");
    let site = Site::start(simple(upstream.address));
    let answer = site.get("/");
    assert_eq!((answer.header("content-length"), answer.text().as_str()), (Some("5"), "hello"));
}

#[test]
fn head_answers_keep_their_length_and_have_no_body() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /n HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.answer_to_head().header("content-length").unwrap().parse::<usize>().unwrap() > 10);
    assert!(client.answer().text().starts_with("GET /n "));
}

#[test]
fn trailers_pass_to_clients_that_take_them() {
    let upstream = Upstream::saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n");
    let mut all = String::new();
    client.reader.read_to_string(&mut all).unwrap();
    assert!(all.contains("Trailer: X-Sum\r\n") && all.ends_with("0\r\nX-Sum: 7\r\n\r\n"), "{all}");
    assert!(upstream.received().contains("TE: trailers\r\n"));
}

#[test]
fn interim_answers_pass() {
    let upstream = Upstream::run(|served| {
        while served.head().is_some() {
            served.say("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let early = client.answer();
    assert_eq!((early.status, early.header("link"), early.header("date")), (103, Some("</a.css>"), None));
    assert_eq!(client.answer().text(), "ok");
    assert_eq!(site.ask("GET / HTTP/1.0\r\n\r\n").status, 200);
}

#[test]
fn expect_is_answered_before_the_body_comes() {
    let upstream = Upstream::run(|served| {
        let head = String::from_utf8(served.head().unwrap()).unwrap();
        assert!(head.contains("Expect: 100-continue\r\n"));
        served.say("HTTP/1.1 100 Continue\r\n\r\n");
        let mut body = [0; 5];
        served.reader.read_exact(&mut body).unwrap();
        served.say([&b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"[..], &body].concat());
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status, 100);
    client.send("hello");
    assert_eq!(client.answer().text(), "hello");
    // Refused instead: the connection can't go on, for nobody knows whether the body comes.
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
        served.head();
    });
    let site = Site::start(simple(upstream.address));
    let answer = site.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!((answer.status, answer.header("connection")), (417, Some("close")));
}

#[test]
fn events_are_flushed_at_once() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let upstream = Upstream::run(move |served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            served.say("9\r\ndata: a\n\n\r\n");
            wait.lock().unwrap().recv().unwrap();
        }
        served.say("0\r\n\r\n");
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut seen = Vec::new();
    for n in 1..=3 {
        // The next event is sent only once this one has arrived.
        while String::from_utf8_lossy(&seen).matches("data: a").count() < n {
            let mut byte = [0; 64];
            let got = client.reader.read(&mut byte).unwrap();
            seen.extend_from_slice(&byte[..got]);
        }
        go.send(()).unwrap();
    }
}

#[test]
fn a_websocket_goes_both_ways() {
    let upstream = Upstream::run(|served| {
        let head = String::from_utf8(served.head().unwrap()).unwrap();
        assert!(head.contains("Connection: Upgrade\r\n") && head.contains("Upgrade: websocket\r\n"), "{head}");
        assert!(head.contains("Sec-WebSocket-Key: abc\r\n"));
        served.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
        let mut buffer = [0; 1024];
        loop {
            match served.reader.read(&mut buffer) {
                Ok(n) if n > 0 => served.say(&buffer[..n]),
                _ => return,
            }
        }
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: abc\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        (answer.status, answer.header("upgrade"), answer.header("connection")),
        (101, Some("websocket"), Some("Upgrade"))
    );
    let mut first = [0; 5];
    client.reader.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"first");
    for size in [1, 100, 300_000] {
        let message = pattern(size);
        let mut socket = client.socket.try_clone().unwrap();
        let copy = message.clone();
        let sender = std::thread::spawn(move || socket.write_all(&copy).unwrap());
        let mut back = vec![0; size];
        client.reader.read_exact(&mut back).unwrap();
        sender.join().unwrap();
        assert!(back == message);
    }
    client.socket.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(client.is_closed());
    drop(client);
    let rows = site.rows();
    assert_eq!((rows[0].status, rows[0].action.as_str(), rows[0].bytes_in), (101, "proxied", 300_101));
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_no_answer() {
    let upstream =
        Upstream::saying("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    let site = Site::start(simple(upstream.address));
    assert_eq!(site.get("/").status, 502);
}

#[test]
fn a_body_that_is_cut_short_cuts_the_client_too() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let upstream = Upstream::run(move |served| {
            served.head();
            served.say(answer);
        });
        let site = Site::start(simple(upstream.address));
        let mut client = site.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let got = client.answer();
        assert!(got.status == 200 && !got.whole, "{answer:?}: {got:?}");
        assert!(client.is_closed());
        let rows = site.rows();
        assert_eq!(only(&rows, LogSource::Access).action, "upstream_error");
        assert!(only(&rows, LogSource::Error).message.contains("cut short"));
    }
}

#[test]
fn answers_that_are_not_well_formed_are_502() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        let upstream = Upstream::run(move |served| {
            served.head();
            served.say(answer);
        });
        let site = Site::start(simple(upstream.address));
        assert_eq!(site.get("/").status, 502, "{answer:?}");
        let rows = site.rows();
        let (access, error) = (only(&rows, LogSource::Access), only(&rows, LogSource::Error));
        assert_eq!((access.action.as_str(), access.status), ("upstream_error", 502));
        assert_eq!((error.level.as_str(), error.action.as_str(), error.status), ("error", "upstream", 502));
    }
}

#[test]
fn a_connection_that_died_while_idle_is_replaced() {
    // Each connection serves one request, then closes although it promised to stay.
    let upstream = Upstream::run(|served| {
        let request = served.head().unwrap();
        served.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len()));
        served.say(&request);
        if served.number == 0 {
            // Reads the next request and dies without an answer.
            served.head();
        }
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    for path in ["/a", "/b", "/c"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(client.answer().text().starts_with(&format!("GET {path} ")));
    }
}

#[test]
fn a_post_is_not_sent_twice() {
    let upstream = Upstream::run(|served| {
        served.request();
    });
    let site = Site::start(simple(upstream.address));
    let answer = site.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(answer.status, 502);
    assert_eq!(upstream.received().matches("POST").count(), 1);
}

#[test]
fn the_next_target_is_tried_until_there_is_none() {
    let upstream = Upstream::echo();
    let live = snapshot([host(1, "*", 1)], [group(1, [target(1, dead_address(), 5), target(2, upstream.address, 1)])]);
    let site = Site::start(live);
    for _ in 0..6 {
        assert_eq!(site.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").status, 200);
    }
    let rows = site.rows();
    assert!(rows.iter().any(|r| r.raw.contains("\"attempts\":2")), "{rows:#?}");

    let live = snapshot([host(1, "*", 1)], [group(1, (1..=5).map(|n| target(n, dead_address(), 1)))]);
    let site = Site::start(live);
    let answer = site.get("/");
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("127.0.0.1"));
    let rows = site.rows();
    let access = only(&rows, LogSource::Access);
    assert!(access.raw.contains("\"attempts\":3") && access.upstream.starts_with("127.0.0.1:"), "{access:#?}");
}

#[test]
fn a_group_without_an_enabled_target_is_503() {
    let site = Site::start(snapshot([host(1, "*", 1)], [group(1, [])]));
    assert_eq!(site.get("/").status, 503);
    assert_eq!(only(&site.rows(), LogSource::Access).action, "upstream_error");
}

#[test]
fn an_upstream_that_says_nothing_is_504() {
    let upstream = Upstream::run(|served| while served.head().is_some() {});
    let live = with_proxy(simple(upstream.address), |s| s.response_timeout = Duration::from_millis(100));
    let site = Site::start(live);
    assert_eq!(site.get("/").status, 504);
}

#[test]
fn a_client_that_leaves_is_recorded_once() {
    let (arrived, wait) = std::sync::mpsc::channel();
    let arrived = std::sync::Mutex::new(arrived);
    let (ended, end) = std::sync::mpsc::channel();
    let ended = std::sync::Mutex::new(ended);
    let upstream = Upstream::run(move |served| {
        served.head();
        arrived.lock().unwrap().send(()).unwrap();
        // Returns once the proxy has given the request up.
        served.head();
        ended.lock().unwrap().send(()).unwrap();
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait.recv().unwrap();
    drop(client);
    end.recv().unwrap();
    let rows = site.rows();
    assert_eq!((rows.len(), rows[0].action.as_str(), rows[0].status), (1, "client_closed", 499));
}

#[test]
fn a_tunnel_ends_when_nothing_moves() {
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        served.head();
    });
    let live = with_proxy(simple(upstream.address), |s| s.tunnel_idle_timeout = Duration::from_millis(100));
    let site = Site::start(live);
    let mut client = site.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    assert_eq!(client.answer().status, 101);
    assert!(client.is_closed());
    drop(client);
    assert_eq!(site.rows()[0].message, "tunnel cut");
}

#[test]
fn an_old_client_that_asks_keeps_its_connection() {
    let upstream = Upstream::echo();
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("connection")), (200, Some("keep-alive")));
    }
}

#[test]
fn a_stalled_body_is_given_up_on_either_side() {
    let upstream = Upstream::run(|served| {
        served.head();
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        served.head();
    });
    let live = with_proxy(simple(upstream.address), |s| s.body_idle_timeout = Duration::from_millis(100));
    let site = Site::start(live);
    let answer = site.get("/");
    assert!(!answer.whole && answer.body == b"half");
    assert_eq!(only(&site.rows(), LogSource::Access).message, "its body stalled");
}

#[test]
fn a_late_bad_chunk_ends_the_request_on_both_sides() {
    let upstream = Upstream::run(|served| {
        served.request();
    });
    let site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    while upstream.received().is_empty() {
        std::thread::yield_now();
    }
    client.send("+5\r\nhello\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(client.is_closed());
    assert!(!upstream.received().ends_with("0\r\n\r\n"));
}
