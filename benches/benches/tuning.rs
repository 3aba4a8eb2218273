//! Exclusions of one of many hosts that inspect by the core rule set: how long until a change is live, and the memory
//! of all.
//!
//! `SHARED_DIR=… cargo bench -p argos-benches --bench tuning -- [hosts] [changes]`; without `SHARED_DIR` over the built-in
//! rules.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use argos_core::api::{
    CreateCustomRule, CreateExclusion, CreateGroup, CreateHost, NewTarget, ToggleExclusion, UpdateExclusion,
    UpdateSecurity,
};
use argos_core::schema::{ExclusionId, GroupName, HostId, Hostname, Patch, TargetHost, WafMode};
use argos_core::{Argos, Options, ServeOptions};

/// Every so many hosts one has a rule of its own.
const WITH_RULE: usize = 10;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse::<usize>().ok());
    let hosts = numbers.next().unwrap_or(1_000);
    let changes = numbers.next().unwrap_or(300);
    let core = std::env::var("SHARED_DIR").ok().map(|shared| PathBuf::from(shared).join("crs"));
    let upstream = upstream();
    let folder = tempfile::tempdir().unwrap();
    let crs = Some(core.unwrap_or_else(|| "baseline".into()));
    let argos = Argos::open(Options { crs, ..Options::new(folder.path().join("data")) }).unwrap();
    println!("empty: {:.1} MiB resident", resident());
    let firsts = fill(&argos, hosts, upstream);
    println!(
        "{hosts} hosts at levels 1 to 4, three exclusions each, one in {WITH_RULE} with an own rule: {:.1} MiB",
        resident()
    );
    let serving = argos
        .start(&ServeOptions { http: vec![([127, 0, 0, 1], 0).into()], threads: 1, ..ServeOptions::default() })
        .unwrap();
    let mut client = Client(BufReader::new(TcpStream::connect(serving.addresses()[0]).unwrap()));
    for n in 0..hosts {
        assert_eq!(client.get(&name(n), "/"), 200, "an honest request passes");
    }
    println!("after a request to each: {:.1} MiB", resident());
    let (mut live, mut seen) = (Vec::new(), Vec::new());
    for n in 0..changes {
        // Of those at level 1: at others, further rules find the attack.
        let host = n / 3 * 7919 % hosts / 4 * 4;
        let (host_id, id) = firsts[host];
        let begun = Instant::now();
        let expected = match n % 3 {
            0 => {
                let path = Some("/free".to_owned());
                argos
                    .exclusions(host_id)
                    .update(UpdateExclusion { path_pattern: path, ..UpdateExclusion::new(host_id, id) })
                    .unwrap();
                200
            }
            1 => {
                argos.exclusions(host_id).toggle(ToggleExclusion { host_id, id, enabled: false }).unwrap();
                403
            }
            _ => {
                let op = UpdateExclusion {
                    path_pattern: Some(String::new()),
                    enabled: Some(true),
                    ..UpdateExclusion::new(host_id, id)
                };
                argos.exclusions(host_id).update(op).unwrap();
                200
            }
        };
        live.push(begun.elapsed());
        assert_eq!(
            client.get(&name(host), "/free?q=%3Cscript%3Ealert(1)%3C/script%3E"),
            expected,
            "change {n} is not live"
        );
        seen.push(begun.elapsed());
    }
    show("a change of one exclusion, from the call until it is live", live);
    show("a change of one exclusion, from the call until a request shows it", seen);
    println!("at the end: {:.1} MiB resident", resident());
    serving.stop(Duration::from_secs(5));
}

/// Hosts that block, and the exclusion of each that lets the attack pass.
fn fill(argos: &Argos, hosts: usize, upstream: SocketAddr) -> Vec<(HostId, ExclusionId)> {
    let target = TargetHost::parse(&upstream.ip().to_string()).unwrap();
    let target = NewTarget { host: target, port: upstream.port(), weight: None, enabled: None };
    let group = CreateGroup::new(GroupName::parse("g").unwrap(), vec![target]);
    let group = argos.target_groups().create(group).unwrap().value.id;
    let begun = Instant::now();
    let mut firsts = Vec::new();
    for n in 0..hosts {
        let id = argos.hosts().create(CreateHost::new(name(n), group)).unwrap().value.id;
        let level = 1 + n as i64 % 4;
        let threshold = Patch::Set(5 + n as i64 / 4 % 5);
        argos
            .security(id)
            .update(UpdateSecurity {
                waf_mode: Some(WafMode::Block),
                waf_paranoia: Some(level),
                waf_inbound_threshold: threshold,
                ..UpdateSecurity::new(id)
            })
            .unwrap();
        let exclusion = |op: CreateExclusion| argos.exclusions(id).create(op).unwrap().value.id;
        let free = CreateExclusion { target: "ARGS:q".into(), ..CreateExclusion::of_tag(id, ALL.into()) };
        firsts.push((id, exclusion(free)));
        exclusion(CreateExclusion { path_pattern: format!("/editor/{n}"), ..CreateExclusion::of_rule(id, 942_100) });
        exclusion(CreateExclusion { method: "PUT".into(), ..CreateExclusion::of_tag(id, "attack-rce".into()) });
        if n % WITH_RULE == 0 {
            let text = format!("SecRule ARGS:own \"@streq {n}\" \"id:100001,phase:2,deny,log,msg:'own'\"");
            argos.custom_rules(id).create(CreateCustomRule::new(id, text)).unwrap();
        }
    }
    println!("filled in {:.1} s", begun.elapsed().as_secs_f64());
    firsts
}

/// The tag of all rules that find the attack.
const ALL: &str = "attack-xss";

fn name(n: usize) -> Hostname {
    Hostname::parse(&format!("h{n}.bench.test")).unwrap()
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms", at(0.5), at(0.99), at(1.0));
}

/// MiB of this process that lie in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn get(&mut self, host: &Hostname, target: &str) -> u16 {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let head = head(&mut self.0).expect("an answer");
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        self.0.read_exact(&mut vec![0; length.expect("answers here have a length")]).unwrap();
        head[9..12].parse().unwrap()
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
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut reader = BufReader::new(socket.unwrap());
            std::thread::spawn(move || {
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
