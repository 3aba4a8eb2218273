//! Changes to one of many hosts while requests flow over real sockets: how long until each is live, how many
//! requests fail, and by how many bytes the database grows.
//!
//! `cargo bench -p argos-benches --bench live -- [hosts] [changes] [requests a second]`
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use argos_core::api::{
    CreateGroup, CreateHost, CreateRule, DeleteRule, GetHealth, NewTarget, ToggleHost, UpdateHost, UpdateSecurity,
};
use argos_core::schema::{
    Action, FixedResponseConfig, GroupId, GroupName, HostId, Hostname, Patch, TargetHost, WafMode,
};
use argos_core::{Argos, Options, ServeOptions};
use rusqlite::Connection;

/// Client connections that keep the load up.
const CLIENTS: u64 = 4;
/// Hosts added at the end, beside all others.
const ADDED: usize = 200;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let hosts = numbers.next().unwrap_or(10_000);
    let changes = numbers.next().unwrap_or(1_000);
    let rate = numbers.next().unwrap_or(1_000);
    let upstream = start_upstream();
    let folder = tempfile::tempdir().unwrap();
    let argos = Argos::open(Options::new(folder.path().join("data"))).unwrap();
    let group = fill(&argos, hosts, upstream);
    println!("{hosts} hosts, {changes} changes, {rate} requests a second over {CLIENTS} connections");

    grow(&argos, &folder.path().join("data/argos.db"), hosts);

    let serving = argos
        .start(&ServeOptions { http: vec![([127, 0, 0, 1], 0).into()], threads: 1, ..ServeOptions::default() })
        .unwrap();
    let proxy = serving.addresses()[0];
    let load = Load::start(proxy, hosts, rate as u64);
    let mut watcher = Client::connect(proxy);
    let (mut live, mut seen) = (Times::default(), Times::default());
    for n in 0..changes {
        change(&argos, n, hosts, &mut watcher, &mut live, &mut seen);
    }
    let mut added = Times::default();
    for n in 0..ADDED {
        let begun = Instant::now();
        argos.hosts().create(CreateHost::new(name(hosts + n), group)).unwrap();
        added.note(begun);
        assert_eq!(watcher.get(&name(hosts + n), "/").0, 200);
    }
    let (answered, failed) = load.stop();
    live.print("a change, from the call until it is live");
    seen.print("a change, from the call until a request shows it");
    added.print("one more host, from the call until it is live");
    println!("{answered} requests answered, {failed} failed");
    assert_eq!(failed, 0, "no request fails over a change");
    serving.stop(Duration::from_secs(5));
    let health = argos.system().health(GetHealth {}).unwrap();
    println!("log rows dropped: {} of access, {} of errors", health.log_dropped_access, health.log_dropped_error);
}

/// The changes of one host in turn. Hosts of even number are changed, the load asks for odd ones.
fn change(argos: &Argos, n: usize, hosts: usize, watcher: &mut Client, live: &mut Times, seen: &mut Times) {
    let host = (n / 6 * 7919 % (hosts / 2).max(1)) * 2;
    let id = HostId(i64::try_from(host).unwrap() + 1);
    let begun = Instant::now();
    let expected = match n % 6 {
        0 => {
            argos.hosts().toggle(ToggleHost { id, enabled: false }).unwrap();
            (404, None)
        }
        1 => {
            argos.hosts().toggle(ToggleHost { id, enabled: true }).unwrap();
            (200, Some("up"))
        }
        2 => {
            let mode = if n % 12 == 2 { WafMode::Block } else { WafMode::Detect };
            let level = 1 + i64::try_from(n / 6 % 4).unwrap();
            let op = UpdateSecurity { waf_mode: Some(mode), waf_paranoia: Some(level), ..UpdateSecurity::new(id) };
            argos.security(id).update(op).unwrap();
            (200, Some("up"))
        }
        3 => {
            let bytes = Patch::Set(i64::try_from(n).unwrap());
            argos.hosts().update(UpdateHost { max_body_bytes: bytes, ..UpdateHost::new(id) }).unwrap();
            (200, Some("up"))
        }
        4 => {
            let content_type = "text/plain".into();
            let answer = FixedResponseConfig { status_code: 200, body: "ruled".into(), content_type };
            argos.rules(id).create(CreateRule::new(id, Action::FixedResponse(answer), vec![])).unwrap();
            (200, Some("ruled"))
        }
        _ => {
            let rules = argos.rules(id).list(id).unwrap();
            let begun_here = Instant::now();
            argos.rules(id).delete(DeleteRule { host_id: id, id: rules.items[0].id }).unwrap();
            live.note(begun_here);
            (200, Some("up"))
        }
    };
    if n % 6 != 5 {
        live.note(begun);
    }
    let (status, body) = watcher.get(&name(host), "/");
    seen.note(begun);
    assert_eq!(status, expected.0, "change {n} is not live");
    assert!(expected.1.is_none_or(|text| body == text), "change {n} is not live: {body}");
}

fn name(n: usize) -> Hostname {
    Hostname::parse(&format!("h{n}.bench.test")).unwrap()
}

fn fill(argos: &Argos, hosts: usize, upstream: SocketAddr) -> GroupId {
    let target = TargetHost::parse(&upstream.ip().to_string()).unwrap();
    let target = NewTarget { host: target, port: upstream.port(), weight: None, enabled: None };
    let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
    let group = argos.target_groups().create(group).unwrap().value.id;
    let begun = Instant::now();
    for n in 0..hosts {
        argos.hosts().create(CreateHost::new(name(n), group)).unwrap();
    }
    println!("filled in {:.1} s", begun.elapsed().as_secs_f64());
    group
}

/// What a change of one host adds to the file, by part, with nobody else writing.
fn grow(argos: &Argos, file: &Path, hosts: usize) {
    const CHANGES: i64 = 200;
    let db = Connection::open(file).unwrap();
    let measure = |sql: &str| -> i64 { db.query_row(sql, [], |r| r.get(0)).unwrap() };
    let used = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count)";
    let settle = || {
        argos.rest().unwrap();
        measure(used) * measure("SELECT page_size FROM pragma_page_size")
    };
    let before = settle();
    let last = measure("SELECT max(generation) FROM config_versions");
    let row = measure("SELECT max(id) FROM log_entries");
    for n in 0..CHANGES {
        let id = HostId(n * 37 % i64::try_from(hosts).unwrap() + 1);
        let bytes = if n % 2 == 0 { Patch::Set(n + 1) } else { Patch::Clear };
        argos.hosts().update(UpdateHost { max_body_bytes: bytes, ..UpdateHost::new(id) }).unwrap();
    }
    let after = settle();
    let sum = |sql: &str| measure(sql) / CHANGES;
    let made = format!("FROM config_versions WHERE generation > {last}");
    let generation = sum(&format!("SELECT sum(length(changes) + length(sha256) + length(summary) + 24) {made}"));
    let copies = measure(&format!("SELECT count(checkpoint) {made}"));
    let copy = measure(&format!("SELECT coalesce(max(length(checkpoint)), 0) {made}"));
    let audit = sum(&format!(
        "SELECT sum(length(raw) + length(message) + length(host_domain) + 60) FROM log_entries WHERE id > {row}"
    ));
    println!(
        "growth: {} bytes a change in the file over {CHANGES} changes; of them about {audit} for the audit row and \
         {generation} for the generation; {copies} full copies of at most {copy} bytes came, older ones went",
        (after - before) / CHANGES
    );
}

#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn note(&mut self, begun: Instant) {
        self.0.push(begun.elapsed());
    }

    fn print(&mut self, what: &str) {
        self.0.sort();
        let at = |share: f64| self.0[((self.0.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!("{what}: p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms", at(0.5), at(0.99), at(1.0));
    }
}

/// Clients that ask at an even pace until they are stopped.
struct Load {
    end: Arc<AtomicBool>,
    failed: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(proxy: SocketAddr, hosts: usize, rate: u64) -> Self {
        let (end, failed, answered) = (Arc::default(), Arc::default(), Arc::default());
        let pause = Duration::from_nanos(1_000_000_000 * CLIENTS / rate.max(1));
        let mut threads = Vec::new();
        for c in 0..CLIENTS {
            let (end, failed, answered): (Arc<AtomicBool>, Arc<AtomicU64>, Arc<AtomicU64>) =
                (Arc::clone(&end), Arc::clone(&failed), Arc::clone(&answered));
            threads.push(std::thread::spawn(move || {
                let mut client = Client::connect(proxy);
                let mut next = Instant::now();
                let mut n = usize::try_from(c).unwrap() * 31;
                while !end.load(Ordering::Relaxed) {
                    n += 104_729;
                    let host = (n % (hosts / 2).max(1)) * 2 + 1;
                    let (status, body) = client.get(&name(host.min(hosts - 1)), "/path?q=1");
                    if (status, body.as_str()) == (200, "up") {
                        answered.fetch_add(1, Ordering::Relaxed);
                    } else {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    next += pause;
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
            }));
        }
        Self { end, failed, answered, threads }
    }

    fn stop(self) -> (u64, u64) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A client that panicked lost its connection.
            if thread.join().is_err() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(proxy: SocketAddr) -> Self {
        let socket = TcpStream::connect(proxy).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(socket))
    }

    fn get(&mut self, host: &Hostname, target: &str) -> (u16, String) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let head = head(&mut self.0).expect("an answer");
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.expect("answers here have a length")];
        self.0.read_exact(&mut body).unwrap();
        (head[9..12].parse().unwrap(), String::from_utf8_lossy(&body).into_owned())
    }
}

fn head(from: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Answers each request with two bytes.
fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let socket = socket.unwrap();
            socket.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(socket);
                while head(&mut reader).is_some() {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup";
                    if reader.get_mut().write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}
