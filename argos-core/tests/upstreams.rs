//! Which target gets a request, which gets it next, and when a target is out: over real sockets.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{Event, EventKind, Events};
use argos_core::proxy::{ServeOptions, Upstreams};
use argos_core::schema::{Algorithm, LogSource};
use argos_core::secret::Secret;
use argos_core::snapshot::{Group, Snapshot, Sticky};
use argos_core::{Argos, Options, Serving};
use serde_json::{Value, json};
use support::{Answer, Client, Folder, Site, Upstream, dead_address, group, host, snapshot, target, with_proxy};

const PATIENCE: Duration = Duration::from_secs(20);

/// A proxy, and what it tells of targets.
fn told(live: Snapshot, threads: usize) -> (Site, Receiver<Arc<Event>>) {
    let events = Events::default();
    let heard = events.subscribe();
    let upstreams = Arc::new(Upstreams::new(Clock::system(), events));
    (Site::with_options(live, ServeOptions { threads, upstreams, ..ServeOptions::default() }), heard)
}

/// An upstream that answers every request with `name`.
fn named(name: &str) -> Upstream {
    Upstream::saying(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len()))
}

fn one_group(of: Group) -> Snapshot {
    snapshot([host(1, "*", 1)], [of])
}

fn counts(answers: impl Iterator<Item = Answer>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    answers.for_each(|answer| {
        assert_eq!(answer.status, 200, "{answer:?}");
        *counts.entry(answer.text()).or_default() += 1;
    });
    counts
}

#[test]
fn weights_hold_over_two_cores_and_a_swap() {
    let ups = ["a", "b", "c"].map(named);
    let weighted = |shift: u32| {
        let weights = [1, 2, 5 + shift];
        let targets = ups.iter().zip(weights).enumerate();
        one_group(group(1, targets.map(|(i, (up, weight))| target(i as i64 + 1, up.address, weight))))
    };
    let (site, _) = told(weighted(0), 2);
    let mut clients: Vec<_> = (0..8).map(|_| site.connect()).collect();
    let mut round = |n: usize| {
        counts((0..n).flat_map(|_| 0..8).map(|i: usize| {
            clients[i].send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
            clients[i].answer()
        }))
    };
    let counted = round(100);
    for (name, share) in [("a", 100), ("b", 200), ("c", 500)] {
        assert!(counted[name].abs_diff(share) <= 8, "{counted:?}");
    }
    // Another configuration of the same group: whose turn it is goes on.
    site.live.store(Arc::new(weighted(0)));
    let counted = round(100);
    for (name, share) in [("a", 100), ("b", 200), ("c", 500)] {
        assert!(counted[name].abs_diff(share) <= 8, "{counted:?}");
    }
}

#[test]
fn the_least_busy_target_gets_the_next_request() {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    // The first answers nobody until it is told to.
    let slow = Upstream::run(move |served| {
        while served.request().is_some() {
            let _ = held.lock().unwrap().recv();
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let fast = named("fast");
    let of =
        Group { algorithm: Algorithm::LeastConn, ..group(1, [target(1, slow.address, 1), target(2, fast.address, 1)]) };
    let (site, _) = told(one_group(of), 1);
    let mut first = site.connect();
    first.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    // Of two idle targets the first is the first one's.
    while slow.received().is_empty() {
        std::thread::yield_now();
    }
    let counted = counts((0..20).map(|_| site.get("/")));
    assert_eq!(counted, HashMap::from([("fast".to_owned(), 20)]));
    hold.send(()).unwrap();
    assert_eq!(first.answer().text(), "slow");
}

#[test]
fn a_client_keeps_its_target_by_address() {
    let ups: Vec<_> = ["a", "b", "c", "d"].map(named).into();
    let targets = ups.iter().zip(1..).map(|(up, id)| target(id, up.address, 1));
    let of = Group { algorithm: Algorithm::IpHash, ..group(1, targets) };
    let live = with_proxy(one_group(of), |proxy| {
        proxy.trusted_proxies = ["127.0.0.1/32".parse().unwrap()].into_iter().collect();
    });
    let (site, _) = told(live, 2);
    let ask = |ip: &str| site.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {ip}\r\n\r\n")).text();
    let mut seen = std::collections::HashSet::new();
    for n in 0..40 {
        let ip = format!("192.0.2.{n}");
        let first = ask(&ip);
        assert!((0..3).all(|_| ask(&ip) == first), "{ip}");
        seen.insert(first);
    }
    assert_eq!(seen.len(), 4, "all targets have clients");
}

#[test]
fn a_dead_target_fails_no_request_and_is_out_after_three_tries() {
    let alive = named("alive");
    let (site, heard) = told(one_group(group(1, [target(1, dead_address(), 1), target(2, alive.address, 1)])), 1);
    let counted = counts((0..30).map(|_| site.get("/")));
    assert_eq!(counted["alive"], 30);
    let event = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!((event.kind(), &event.data()["state"]), (EventKind::TargetUnhealthy, &"unhealthy".into()));
    assert_eq!((&event.data()["target_id"], &event.data()["target_group"]), (&1.into(), &"group 1".into()));
    assert!(event.data()["reason"].as_str().unwrap().starts_with("requests fail: connect to"), "{event:?}");
    assert!(heard.try_recv().is_err(), "it is told once");
    let rows = site.rows();
    assert_eq!(rows.iter().filter(|row| row.source == LogSource::Error).count(), 3, "three tries, and then none");
}

#[test]
fn where_all_are_out_the_one_that_failed_the_longest_ago_is_tried() {
    let flips = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&flips);
    // It resets the first six requests, and then it answers.
    let flaky = Upstream::run(move |served| {
        while served.request().is_some() {
            if seen.fetch_add(1, Ordering::SeqCst) < 6 {
                return;
            }
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (site, heard) = told(one_group(group(1, [target(1, flaky.address, 1)])), 1);
    let post = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx";
    let statuses: Vec<_> = (0..8).map(|_| site.ask(post).status).collect();
    assert_eq!(statuses, [502, 502, 502, 502, 502, 502, 200, 200]);
    let kinds = [heard.recv_timeout(PATIENCE).unwrap().kind(), heard.recv_timeout(PATIENCE).unwrap().kind()];
    assert_eq!(kinds, [EventKind::TargetUnhealthy, EventKind::TargetRecovered]);

    let (site, _) = told(one_group(group(1, [])), 1);
    assert_eq!(site.get("/").status, 503, "no target that is switched on");
}

/// An upstream that takes a request and closes the connection without a word.
fn mute() -> Upstream {
    Upstream::run(|served| drop(served.request()))
}

#[test]
fn what_may_have_been_done_is_not_done_twice() {
    let echo = Upstream::echo();
    let body = |size: usize| "x".repeat(size);
    for (method, size, dead, expected) in [
        // Nothing was sent: anything may go elsewhere.
        ("GET", 0, true, 200),
        ("POST", 10, true, 200),
        ("PATCH", 10, true, 200),
        // It was sent, and no answer came.
        ("GET", 0, false, 200),
        ("HEAD", 0, false, 200),
        ("DELETE", 0, false, 200),
        ("OPTIONS", 0, false, 200),
        ("PUT", 1000, false, 200),
        ("PUT", 64 * 1024, false, 200),
        ("PUT", 64 * 1024 + 1, false, 502),
        ("POST", 10, false, 502),
        ("PATCH", 0, false, 502),
    ] {
        let mute = mute();
        let first = if dead { dead_address() } else { mute.address };
        let (site, _) = told(one_group(group(1, [target(1, first, 1), target(2, echo.address, 1)])), 1);
        let mut client = site.connect();
        client.send(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {size}\r\n\r\n"));
        // The body comes apart from the head and in two pieces.
        let text = body(size);
        let (begin, end) = text.split_at(size / 2);
        client.send(begin);
        client.send(end);
        let answer = client.try_answer(method == "HEAD").unwrap();
        assert_eq!(answer.status, expected, "{method} with {size} bytes, dead: {dead}");
        if expected == 200 && size > 0 {
            assert!(answer.text().ends_with(&format!("\r\n\r\n{text}")), "{method} with {size}: the whole body once");
        }
    }
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_elsewhere() {
    let silent = Upstream::run(|served| while served.request().is_some() {});
    let alive = named("alive");
    let slow = Group {
        response_timeout_ms: Some(100),
        ..group(1, [target(1, silent.address, 1), target(2, alive.address, 1)])
    };
    let (site, heard) = told(one_group(slow), 1);
    // The first goes to the silent one, and every second after it until that is out.
    let statuses: Vec<_> = (0..8).map(|_| site.get("/").status).collect();
    assert_eq!(statuses, [200; 8]);
    let event = heard.recv_timeout(PATIENCE).unwrap();
    assert_eq!(event.data()["reason"], "requests fail: no answer within 100 ms");

    let slow = Group { response_timeout_ms: Some(100), ..group(1, [target(1, silent.address, 1)]) };
    let (site, _) = told(one_group(slow), 1);
    assert_eq!(site.get("/").status, 504);
    assert_eq!(site.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n\r\nx").status, 504);
}

#[test]
fn further_tries_end_with_the_budget() {
    // Two targets that never answer, so that every request would like another try.
    let (one, two) = (mute(), mute());
    let of = Group { max_retries: Some(5), ..group(1, [target(1, one.address, 1), target(2, two.address, 1)]) };
    let live = with_proxy(one_group(of), |proxy| proxy.retry_budget_percent = 0);
    let (site, _) = told(live, 1);
    (0..30).for_each(|_| assert_eq!(site.get("/").status, 502));
    let tries = one.received().matches("GET /").count() + two.received().matches("GET /").count();
    // Three further tries in each second that this took, and the last resort gets none.
    assert!((31..=30 + 3 * 20).contains(&tries), "{tries}");
}

#[test]
fn a_client_goes_on_with_its_target_by_a_cookie_of_ours() {
    let ups: Vec<_> = (0..3).map(|_| Upstream::echo()).collect();
    let sticky = Sticky { cookie: "route".into(), ttl_seconds: 0, key: Arc::new(Secret::new([7; 32])) };
    let of = |addresses: &[(i64, SocketAddr)]| {
        let targets = addresses.iter().map(|(id, address)| target(*id, *address, 1));
        one_group(Group { sticky: Some(sticky.clone()), ..group(1, targets) })
    };
    let all: Vec<_> = (1..).zip(ups.iter().map(|up| up.address)).collect();
    let (site, _) = told(of(&all), 2);
    let first = site.get("/");
    let given = first.header("set-cookie").unwrap().to_owned();
    assert!(given.starts_with("route=") && given.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{given}");
    let pair = given.split(';').next().unwrap();
    let ask =
        |cookie: &str| site.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\nCookie: x=1; {cookie}; y=2\r\n\r\n"));
    let served = || ups.iter().position(|up| up.received().contains("GET")).unwrap();
    let mine = served();
    ups.iter().for_each(|up| up.received.lock().unwrap().clear());
    for _ in 0..9 {
        let answer = ask(pair);
        assert_eq!(answer.headers("set-cookie"), [""; 0], "it knows already");
        assert!(answer.text().contains("x=1; y=2\r\n") && !answer.text().contains("route="), "{}", answer.text());
    }
    assert_eq!(ups[mine].received().matches("GET").count(), 9);

    // A forged one counts for nothing.
    let forged = ask("route=AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(forged.header("set-cookie").is_some());

    // Its target is gone: it gets another one, and a new cookie.
    let left: Vec<_> = all.iter().copied().filter(|(_, address)| *address != ups[mine].address).collect();
    site.live.store(Arc::new(of(&left)));
    let moved = ask(pair);
    let new = moved.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(new, pair);
    assert_eq!(ask(&new).headers("set-cookie"), [""; 0]);
}

#[test]
fn requests_under_way_count_until_their_answer_is_whole() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let half = Upstream::run(move |served| {
        while served.request().is_some() {
            served.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            let _ = wait.lock().unwrap().recv();
            served.say("done");
        }
    });
    let other = named("another!");
    let of = Group {
        algorithm: Algorithm::LeastConn,
        ..group(1, [target(1, half.address, 1), target(2, other.address, 1)])
    };
    let (site, _) = told(one_group(of), 1);
    let mut first = site.connect();
    first.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let mut head = String::new();
    while head != "\r\n" {
        head.clear();
        std::io::BufRead::read_line(&mut first.reader, &mut head).unwrap();
    }
    // The head is there and the body is not: it still counts.
    assert_eq!(counts((0..4).map(|_| site.get("/"))), HashMap::from([("another!".to_owned(), 4)]));
    go.send(()).unwrap();
    let mut body = [0; 8];
    std::io::Read::read_exact(&mut first.reader, &mut body).unwrap();
    assert_eq!(&body, b"halfdone");
    drop(first);
    let rows = site.rows();
    assert!(rows.iter().all(|row| row.source != LogSource::Error), "{rows:?}");
}

/// An Argos before two upstreams, one of which has a request that it does not answer.
fn facade(clock: &Clock) -> (Folder, Argos, [Upstream; 2], Value) {
    let folder = Folder::new();
    let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
    let ups = ["a", "b"].map(named);
    let targets: Vec<_> =
        ups.iter().map(|up| json!({"host": up.address.ip().to_string(), "port": up.address.port()})).collect();
    let group = call(&argos, "target_groups.create", json!({"name": "pool", "targets": targets}));
    let host = json!({"domain": "*", "target_group_id": group["id"], "tls_mode": "none"});
    let host = call(&argos, "hosts.create", host);
    call(&argos, "security.update", json!({"host_id": host["id"], "waf_enabled": false}));
    (folder, argos, ups, group["id"].clone())
}

fn call(argos: &Argos, name: &str, input: Value) -> Value {
    let Value::Object(input) = input else { panic!("{input}") };
    argos.call(name, input).unwrap_or_else(|e| panic!("{name}: {e}")).value
}

fn served(argos: &Argos) -> (Serving, impl Fn(&str) -> Answer + use<>) {
    let http = vec!["127.0.0.1:0".parse().unwrap()];
    let serving = argos.start(&argos_core::ServeOptions { http, threads: 1, ..Default::default() }).unwrap();
    let address = serving.addresses()[0];
    let ask = move |fields: &str| {
        let mut client = Client::to(address);
        client.send(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
        client.answer()
    };
    (serving, ask)
}

#[test]
fn a_group_chooses_as_its_column_says() {
    let (_folder, argos, _ups, group) = facade(&Clock::system());
    let (serving, ask) = served(&argos);
    let answers = |algorithm: &str, n: usize| -> Vec<String> {
        call(&argos, "target_groups.update", json!({"id": group, "algorithm": algorithm}));
        (0..n).map(|_| ask("").text()).collect()
    };
    let turns = answers("round_robin", 6);
    assert!(turns.windows(2).all(|two| two[0] != two[1]), "{turns:?}");
    let hashed = answers("ip_hash", 6);
    assert!(hashed.windows(2).all(|two| two[0] == two[1]), "{hashed:?}");
    // With nothing under way it rotates.
    let idle = answers("least_conn", 6);
    assert!(idle.windows(2).all(|two| two[0] != two[1]), "{idle:?}");
    // Forty in a row of one of two would come once in half a trillion runs.
    let random = answers("random", 40);
    assert!(random.iter().any(|text| text == "a") && random.iter().any(|text| text == "b"));
    assert!(random.windows(2).any(|two| two[0] == two[1]), "it takes no turns");
    serving.stop(Duration::ZERO);
}

#[test]
fn a_browser_stays_with_its_target_for_as_long_as_the_group_says() {
    let begin = Timestamp(1_700_000_000_000);
    let clock = Clock::manual(begin);
    let (_folder, argos, _ups, group) = facade(&clock);
    call(&argos, "target_groups.update", json!({"id": group, "sticky_cookie": "route", "sticky_ttl_seconds": 100}));
    let (serving, ask) = served(&argos);
    let first = ask("");
    let given = first.header("set-cookie").unwrap().to_owned();
    assert!(given.contains("; Max-Age=100"), "{given}");
    let pair = given.split(';').next().unwrap().to_owned();
    let cookie = |pair: &str| format!("Cookie: {pair}\r\n");
    clock.set(Timestamp(begin.0 + 40_000));
    for _ in 0..5 {
        let again = ask(&cookie(&pair));
        assert_eq!((again.text(), again.header("set-cookie")), (first.text(), None));
    }
    // Who comes back late in the time gets as long again.
    clock.set(Timestamp(begin.0 + 90_000));
    let late = ask(&cookie(&pair));
    let renewed = late.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    clock.set(Timestamp(begin.0 + 150_000));
    assert_eq!(ask(&cookie(&renewed)).text(), first.text());
    assert!(ask(&cookie(&pair)).header("set-cookie").is_some(), "the first one has ended");
    call(&argos, "target_groups.update", json!({"id": group, "sticky_cookie": ""}));
    assert_eq!(ask("").header("set-cookie"), None);
    serving.stop(Duration::ZERO);
}
