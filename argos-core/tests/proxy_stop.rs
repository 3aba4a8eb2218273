//! Stopping, swapping and limiting under load, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use argos_core::clock::Clock;
use argos_core::proxy::{Proxy, ServeOptions};
use argos_core::snapshot::{Snapshot, Target};
use support::{Site, Upstream, group, host, simple, snapshot, target, with_proxy};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn no_request_in_flight_fails_when_the_proxy_stops() {
    // The upstream answers only once the stop has begun.
    let (arrived, wait) = std::sync::mpsc::channel();
    let arrived = std::sync::Mutex::new(arrived);
    let go = Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
    let open = Arc::clone(&go);
    let upstream = Upstream::run(move |served| {
        served.head();
        arrived.lock().unwrap().send(()).unwrap();
        let mut ready = open.0.lock().unwrap();
        while !*ready {
            ready = open.1.wait(ready).unwrap();
        }
        drop(ready);
        served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    // One thread, so that the idle connection's end shows that the busy ones' thread stops.
    let mut site = Site::start(simple(upstream.address));
    let mut idle = site.connect();
    idle.send("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
    assert_eq!(idle.answer().status, 400);
    let mut busy: Vec<_> = (0..16).map(|_| site.connect()).collect();
    busy.iter_mut().for_each(|c| c.send(REQUEST));
    busy.iter().for_each(|_| wait.recv().unwrap());
    let stopping = std::thread::scope(|scope| {
        let stop = scope.spawn(|| site.proxy.stop(Duration::from_secs(20)));
        // The idle connection is closed while the others are still waited for.
        assert!(idle.is_closed());
        *go.0.lock().unwrap() = true;
        go.1.notify_all();
        for client in &mut busy {
            let answer = client.answer();
            assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
            assert!(client.is_closed());
        }
        drop(std::mem::take(&mut busy));
        stop.join()
    });
    stopping.unwrap();
    assert!(std::net::TcpStream::connect(site.address).is_err());
    assert_eq!(site.rows().iter().filter(|r| r.status == 200).count(), 16);
}

#[test]
fn what_outlives_the_grace_is_cut_and_still_recorded() {
    let upstream = Upstream::run(|served| while served.head().is_some() {});
    let mut site = Site::start(simple(upstream.address));
    let mut client = site.connect();
    client.send(REQUEST);
    while upstream.received().is_empty() {
        std::thread::yield_now();
    }
    site.proxy.stop(Duration::ZERO);
    assert!(client.is_closed());
    let rows = site.rows();
    assert_eq!((rows.len(), rows[0].action.as_str()), (1, "client_closed"));
}

#[test]
fn snapshots_swap_under_load_without_a_failed_request() {
    let upstream = Upstream::echo();
    let site = Site::with_threads(simple(upstream.address), 2);
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = site.connect();
                    for _ in 0..500 {
                        client.send(REQUEST);
                        assert_eq!(client.answer().status, 200);
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                site.live.store(Arc::new(simple(upstream.address)));
                std::thread::yield_now();
            }
        });
        clients.into_iter().for_each(|c| c.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(served.into_inner(), 2000);
    let logs = Arc::clone(&site.logs);
    assert_eq!(site.rows().len(), 2000);
    assert_eq!((logs.offered(), logs.dropped().total()), (2000, 0));
}

#[test]
fn connections_over_the_limit_are_closed() {
    let upstream = Upstream::echo();
    let site = Site::start(with_proxy(simple(upstream.address), |s| s.max_connections = 2));
    let mut open: Vec<_> = (0..2).map(|_| site.connect()).collect();
    for client in &mut open {
        client.send(REQUEST);
        assert_eq!(client.answer().status, 200);
    }
    assert!(site.connect().is_closed());
    assert_eq!(site.proxy.connections(), 2);
}

#[test]
fn idle_connections_end_after_the_keepalive_timeout() {
    let upstream = Upstream::echo();
    let site = Site::start(with_proxy(simple(upstream.address), |s| s.keepalive_timeout = Duration::from_millis(100)));
    let mut client = site.connect();
    client.send(REQUEST);
    assert_eq!(client.answer().status, 200);
    assert!(client.is_closed());
}

#[test]
fn names_are_looked_up_and_every_address_is_tried() {
    let upstream = Upstream::echo();
    let port = upstream.address.port();
    let named = Target {
        host: "localhost".into(),
        authority: format!("localhost:{port}").into(),
        ..target(1, upstream.address, 1)
    };
    let mut plain = group(1, [named]);
    plain.preserve_host = false;
    let site = Site::start(snapshot([host(1, "*", 1)], [plain]));
    for _ in 0..2 {
        assert!(site.get("/").text().contains(&format!("\r\nHost: localhost:{port}\r\n")));
    }
}

#[test]
fn a_name_without_address_is_502() {
    let upstream = Upstream::echo();
    let named = Target {
        host: "nowhere.invalid".into(),
        authority: "nowhere.invalid:80".into(),
        ..target(1, upstream.address, 1)
    };
    let site = Site::start(snapshot([host(1, "*", 1)], [group(1, [named])]));
    assert_eq!(site.get("/").status, 502);
}

#[test]
fn a_taken_address_is_an_error_and_dual_stack_binds() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let start = |address: String| {
        let live = Arc::new(arc_swap::ArcSwap::from_pointee(Snapshot::default()));
        let logs = Arc::new(argos_core::logs::Queue::new(|| ()));
        let options = ServeOptions { http: vec![address.parse().unwrap()], threads: 2, ..ServeOptions::default() };
        Proxy::start(options, live, logs, Clock::system())
    };
    assert_eq!(start(taken.local_addr().unwrap().to_string()).unwrap_err().code(), "proxy.bind");
    let proxy = start("[::]:0".into()).unwrap();
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", proxy.addresses()[0].port())).unwrap();
    socket.write_all(REQUEST.as_bytes()).unwrap();
    let mut line = String::new();
    std::io::BufReader::new(socket).read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 404 Not Found\r\n");
}
