//! Checks of targets: what passes, what does not, how many it takes, and what is told of it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::HashSet;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use argos_core::ServeOptions;
use argos_core::clock::Clock;
use argos_core::event::{Event, EventKind, Events};
use argos_core::proxy::{self, Upstreams};
use argos_core::schema::StatusSet;
use argos_core::snapshot::{Check, Group, Snapshot};
use serde_json::{Map, Value, json};
use support::{Folder, Site, Upstream, argos, group, host, snapshot, target};

const PATIENCE: Duration = Duration::from_secs(20);

fn told(live: Snapshot, resolvers: Arc<[std::net::SocketAddr]>) -> (Site, Receiver<Arc<Event>>) {
    let events = Events::default();
    let heard = events.subscribe();
    let upstreams = Arc::new(Upstreams::new(Clock::system(), events));
    let options = proxy::ServeOptions { threads: 1, upstreams, resolvers, ..proxy::ServeOptions::default() };
    (Site::with_options(live, options), heard)
}

/// Checks that come one upon the other.
fn check() -> Check {
    Check {
        method: "GET",
        path: "/up".into(),
        expect: StatusSet::default(),
        interval: Duration::from_millis(30),
        timeout: Duration::from_secs(5),
        fails: 1,
        passes: 1,
    }
}

fn checked(upstream: &Upstream, check: Check) -> Snapshot {
    let of = Group { check: Some(check), ..group(1, [target(1, upstream.address, 1)]) };
    snapshot([host(1, "*", 1)], [of])
}

fn next(heard: &Receiver<Arc<Event>>) -> (EventKind, String) {
    loop {
        let event = heard.recv_timeout(PATIENCE).expect("an event");
        // Changes of the configuration are told beside it.
        if event.kind() != EventKind::ConfigChange {
            return (event.kind(), event.data()["reason"].as_str().unwrap().to_owned());
        }
    }
}

fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} X\r\nContent-Length: 2\r\n\r\nok")
}

#[test]
fn so_many_in_a_row_take_a_target_out_and_bring_it_back() {
    let script = [200, 500, 200, 500, 500, 500, 200, 200, 500, 200, 200, 200];
    let out = 6;
    let (permit, permitted) = channel::<()>();
    let permitted = Mutex::new(permitted);
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let upstream = Upstream::run(move |served| {
        while served.request().is_some() {
            let n = count.load(Ordering::SeqCst);
            if n == out || n == script.len() {
                // What the checks have said so far is looked at first.
                let _ = permitted.lock().unwrap().recv();
            }
            let n = count.fetch_add(1, Ordering::SeqCst);
            served.say(status(*script.get(n).unwrap_or(&200)));
        }
    });
    let (_site, heard) = told(checked(&upstream, Check { fails: 3, passes: 3, ..check() }), Arc::default());
    let (kind, reason) = next(&heard);
    assert_eq!(kind, EventKind::TargetUnhealthy);
    assert_eq!(reason, "check: status 500 is not one of 200 (group 1)");
    assert_eq!(answered.load(Ordering::SeqCst), out, "three in a row, and not one less or more");
    permit.send(()).unwrap();
    assert_eq!(next(&heard), (EventKind::TargetRecovered, "checks pass".to_owned()));
    assert_eq!(answered.load(Ordering::SeqCst), script.len());
    drop(permit);
    assert!(upstream.received().contains("GET /up HTTP/1.1\r\nHost: "));
    assert!(upstream.received().contains("User-Agent: argos\r\n"));
}

#[test]
fn what_a_check_takes_for_good_and_what_not() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    for (expect, answer, reason) in [
        ("200", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        ("200", "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        ("200", chunked, ""),
        ("200", "HTTP/1.1 200 OK\r\n\r\nuntil the end", ""),
        ("200,404", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ""),
        ("2xx", "HTTP/1.1 204 No\r\n\r\n", ""),
        ("200,404", "HTTP/1.1 204 No\r\n\r\n", "check: status 204 is not one of 200,404 (group 1)"),
        // It is not followed.
        (
            "200",
            "HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n",
            "check: status 302 is not one of",
        ),
        ("200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", "check: its body is cut short"),
        ("200", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "check: its body is cut short"),
        (
            "200",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nok",
            "check: its chunked body is not well-formed",
        ),
        ("200", "HTTP/1.1 200 OK\r\nContent-", "check: no answer: the connection was closed"),
        ("200", "", "check: no answer: the connection was closed"),
        ("200", "SSH-2.0-OpenSSH\r\n\r\n", "check: its status line is not HTTP/1"),
    ] {
        let first = AtomicBool::new(!reason.is_empty());
        let upstream = Upstream::run(move |served| {
            if served.request().is_some() {
                let first = !first.swap(true, Ordering::SeqCst);
                served.say(if first { status(500) } else { answer.to_owned() });
            }
        });
        let expect = StatusSet::parse(expect).unwrap();
        let (_site, heard) = told(checked(&upstream, Check { expect, ..check() }), Arc::default());
        let (kind, said) = next(&heard);
        assert_eq!(kind, EventKind::TargetUnhealthy, "{answer:?}: {said}");
        match reason {
            // It was bad once, so that it can be seen that it is good.
            "" => assert_eq!(next(&heard).0, EventKind::TargetRecovered, "{answer:?}"),
            reason => assert!(said.starts_with(reason), "{answer:?}: {said}"),
        }
    }
}

#[test]
fn a_check_that_gets_no_answer_in_time_fails() {
    let upstream = Upstream::run(|served| while served.request().is_some() {});
    let (_site, heard) = told(checked(&upstream, Check { timeout: Duration::from_secs(1), ..check() }), Arc::default());
    assert_eq!(next(&heard), (EventKind::TargetUnhealthy, "check: no answer within 1 s".to_owned()));
}

#[test]
fn http_2_is_checked_as_it_is_spoken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let good = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&good);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let now = Arc::clone(&now);
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        assert_eq!((request.method().as_str(), request.uri().path()), ("HEAD", "/up"));
                        let status = if now.load(Ordering::SeqCst) { 204 } else { 503 };
                        let answer = http::Response::builder().status(status).body(()).unwrap();
                        respond.send_response(answer, true).unwrap();
                    }
                });
            }
        });
    });
    let check = Check { method: "HEAD", expect: StatusSet::parse("204").unwrap(), ..check() };
    let of = Group { check: Some(check), ..group(1, [target(1, address, 1).known_to_speak_http2()]) };
    let (_site, heard) = told(snapshot([host(1, "*", 1)], [of]), Arc::default());
    assert_eq!(next(&heard).1, "check: status 503 is not one of 204 (group 1)");
    good.store(true, Ordering::SeqCst);
    assert_eq!(next(&heard).0, EventKind::TargetRecovered);
}

#[test]
fn an_answer_that_makes_one_doubt_has_the_target_checked_at_once() {
    let sick = Arc::new(AtomicBool::new(false));
    let checks = Arc::new(AtomicUsize::new(0));
    let (now, count) = (Arc::clone(&sick), Arc::clone(&checks));
    let upstream = Upstream::run(move |served| {
        while let Some(request) = served.request() {
            count.fetch_add(usize::from(request.starts_with(b"GET /up ")), Ordering::SeqCst);
            served.say(status(if now.load(Ordering::SeqCst) { 500 } else { 200 }));
        }
    });
    // By itself the next check would come in an hour.
    let hourly = Check { interval: Duration::from_secs(3600), fails: 2, ..check() };
    let (site, heard) = told(checked(&upstream, hourly), Arc::default());
    while checks.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(site.get("/").status, 200);
    sick.store(true, Ordering::SeqCst);
    // The answer and the check that it asks for are two failures in a row.
    assert_eq!(site.get("/").status, 500);
    assert_eq!(next(&heard).0, EventKind::TargetUnhealthy);
    assert_eq!(checks.load(Ordering::SeqCst), 2);
}

#[test]
fn who_is_checked_no_more_is_not_out_any_more() {
    let upstream = Upstream::saying(status(500));
    let mut live = checked(&upstream, check());
    let (site, heard) = told(live.clone(), Arc::default());
    assert_eq!(next(&heard).0, EventKind::TargetUnhealthy);
    live.groups = live
        .groups
        .with([(argos_core::schema::GroupId(1), Some(Arc::new(group(1, [target(1, upstream.address, 1)]))))]);
    live.generation += 1;
    site.live.store(Arc::new(live));
    assert_eq!(next(&heard), (EventKind::TargetRecovered, "its group is not checked any more".to_owned()));
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

/// Each column of a check, from a change by its name to what the target sees and what is shown of it.
#[test]
fn the_columns_of_a_group_say_how_it_is_checked() {
    let good = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&good);
    let upstream = Upstream::run(move |served| {
        while let Some(request) = served.request() {
            let wanted = request.starts_with(b"POST /up?deep=1 HTTP/1.1\r\n") && now.load(Ordering::SeqCst);
            served.say(if wanted { "HTTP/1.1 204 No Content\r\n\r\n".to_owned() } else { status(200) });
        }
    });
    let folder = Folder::new();
    let argos = argos(&folder);
    let heard = argos.subscribe();
    let call = |name: &str, input: Value| argos.call(name, object(input)).unwrap().value;
    let target = json!({"host": "127.0.0.1", "port": upstream.address.port(), "weight": 3});
    let idle = json!({"host": "127.0.0.1", "port": 9, "enabled": false});
    let made = call(
        "target_groups.create",
        json!({"name": "pool", "targets": [target, idle], "algorithm": "least_conn", "health_check_enabled": true,
            "health_check_path": "/up?deep=1", "health_check_method": "POST", "health_check_expect_status": "201-204",
            "health_check_interval_seconds": 2, "health_check_timeout_seconds": 1,
            "health_check_fails_to_unhealthy": 1, "health_check_passes_to_healthy": 1, "slow_start_seconds": 600}),
    );
    assert_eq!(made["health_check_expect_status"], "201-204");
    let health = || call("target_health.list", json!({}))["items"].clone();
    assert_eq!(health()[0]["state"], "unknown", "nobody serves yet");
    let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 2, ..ServeOptions::default() };
    let serving = argos.start(&options).unwrap();
    let (kind, reason) = next(&heard);
    assert_eq!((kind, &*reason), (EventKind::TargetUnhealthy, "check: status 200 is not one of 201-204 (pool)"));
    let shown = health();
    assert_eq!((&shown[0]["state"], &shown[0]["effective_weight"]), (&json!("unhealthy"), &json!(0.0)));
    assert_eq!(shown[0]["last_error"], reason);
    assert_eq!(shown[0]["address"], upstream.address.to_string());
    assert!(shown[0]["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&shown[1]["state"], &shown[1]["effective_weight"]), (&json!("disabled"), &json!(0.0)));

    good.store(true, Ordering::SeqCst);
    assert_eq!(next(&heard).0, EventKind::TargetRecovered);
    let shown = health();
    assert_eq!((&shown[0]["state"], &shown[0]["last_error"]), (&json!("healthy"), &json!("")));
    // Of ten minutes in which it grows to 3, a few seconds have passed at most.
    let weight = shown[0]["effective_weight"].as_f64().unwrap();
    assert!(weight > 0.0 && weight < 1.0, "{weight}");
    // Other changes leave what is known of it.
    call("target_groups.update", json!({"id": made["id"], "health_check_fails_to_unhealthy": 10}));
    assert_eq!(health()[0]["state"], "healthy");
    assert_eq!(
        call("target_health.list", json!({"target_group_id": made["id"]}))["items"].as_array().unwrap().len(),
        2
    );
    serving.stop(Duration::ZERO);
}

#[test]
fn what_no_check_could_be_is_refused_by_its_field() {
    let folder = Folder::new();
    let argos = argos(&folder);
    let create = |change: Value| {
        let mut input = json!({"name": "pool", "targets": []});
        input.as_object_mut().unwrap().extend(object(change));
        argos.call("target_groups.create", object(input)).map(|made| made.value)
    };
    for (field, value) in [
        ("health_check_expect_status", json!("200,")),
        ("health_check_expect_status", json!("2xx,700")),
        ("health_check_path", json!("up")),
        ("health_check_path", json!("/a b")),
        ("health_check_path", json!("/a\r\nX: y")),
        ("health_check_path", json!(format!("/{}", "x".repeat(2048)))),
        ("health_check_interval_seconds", json!(0)),
        ("health_check_interval_seconds", json!(301)),
        ("health_check_timeout_seconds", json!(61)),
        ("health_check_timeout_seconds", json!(30)),
        ("health_check_fails_to_unhealthy", json!(0)),
        ("health_check_passes_to_healthy", json!(11)),
        ("slow_start_seconds", json!(601)),
        ("sticky_cookie", json!("a b")),
        ("sticky_cookie", json!("a=b")),
        ("sticky_cookie", json!("__Host-route")),
        ("sticky_cookie", json!("argos_session")),
        ("sticky_cookie", json!("x".repeat(65))),
        ("sticky_ttl_seconds", json!(-1)),
        ("sticky_ttl_seconds", json!(31_536_001)),
    ] {
        let refused = create(json!({field: value})).unwrap_err();
        assert_eq!(refused.fields()[0].field, field, "{value}: {refused}");
    }
    let made =
        create(json!({"health_check_expect_status": " 200 , 3XX", "sticky_cookie": "route", "sticky_ttl_seconds": 60}));
    let made = made.unwrap();
    assert_eq!((&made["health_check_expect_status"], &made["sticky_ttl_seconds"]), (&json!("200,3XX"), &json!(60)));
}

/// A name server that answers with what it is told to, and counts.
fn name_server(answers: Arc<Mutex<Vec<[u8; 4]>>>) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let mut end = 12;
            while buffer[end] != 0 {
                end += usize::from(buffer[end]) + 1;
            }
            let is_a = buffer[end + 1..end + 3] == [0, 1];
            let addresses = if is_a { answers.lock().unwrap().clone() } else { Vec::new() };
            count.fetch_add(usize::from(is_a), Ordering::SeqCst);
            let mut answer = buffer[..end + 5].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
            for ip in addresses {
                // The name of the question, type A, class IN, a time to live of no second, four bytes.
                answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
                answer.extend_from_slice(&ip);
            }
            if socket.send_to(&answer, from).is_err() {
                return;
            }
        }
    });
    (address, asked)
}

#[test]
fn all_addresses_of_a_name_are_tried_and_it_is_followed_where_it_goes() {
    // Both listen at one port of two addresses of the loopback.
    let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let second = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    let serve = |listener: std::net::TcpListener, name: &'static str| {
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                std::thread::spawn(move || {
                    let mut reader = std::io::BufReader::new(socket.unwrap());
                    let mut text = String::new();
                    while std::io::BufRead::read_line(&mut reader, &mut text).is_ok_and(|n| n > 0) {
                        if text.ends_with("\r\n\r\n") {
                            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}");
                            let _ = std::io::Write::write_all(reader.get_mut(), answer.as_bytes());
                            text.clear();
                        }
                    }
                });
            }
        });
    };
    serve(first, "1");
    serve(second, "2");
    // Nobody can be reached at the first of them.
    let answers = Arc::new(Mutex::new(vec![[127, 0, 0, 1], [127, 0, 0, 0]]));
    let (server, asked) = name_server(Arc::clone(&answers));
    let named = argos_core::snapshot::Target::plain(argos_core::schema::TargetId(1), "up.example".into(), port, 1);
    let live = snapshot([host(1, "*", 1)], [group(1, [named])]);
    let (site, _heard) = told(live, Arc::from([server]));
    let mut kept = site.connect();
    let mut ask = || {
        kept.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
        kept.answer().text()
    };
    assert_eq!((0..20).map(|_| ask()).collect::<HashSet<_>>(), HashSet::from(["1".to_owned()]));
    assert_eq!(asked.load(Ordering::SeqCst), 1, "for five seconds it is known, whatever its time to live");

    // It moves. The connection that is kept open would go on; the name is looked up again all the same.
    *answers.lock().unwrap() = vec![[127, 0, 0, 2]];
    let begin = std::time::Instant::now();
    while ask() == "1" {
        assert!(begin.elapsed() < PATIENCE, "it stays where the name was");
    }
    assert!((2..=4).contains(&asked.load(Ordering::SeqCst)));
}
