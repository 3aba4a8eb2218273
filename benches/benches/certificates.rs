//! Many hosts with certificates: the start, the memory of each host, and finding a certificate.
//!
//! `cargo bench -p argos-benches --bench certificates -- [hosts]`
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use argos_core::api::{CreateGroup, CreateHost, NewTarget};
use argos_core::schema::{GroupName, Hostname, TargetHost, TlsMode};
use argos_core::{Argos, Options};

/// Look-ups that are timed together.
const LOOKUPS: usize = 1_000_000;

fn main() {
    let hosts = std::env::args().skip(1).find_map(|a| a.parse::<usize>().ok()).unwrap_or(10_000);
    for (mode, what) in [(TlsMode::None, "without certificates"), (TlsMode::Auto, "with certificates")] {
        let folder = tempfile::tempdir().unwrap();
        let open = || Argos::open(Options::new(folder.path().join("data"))).unwrap();
        let argos = open();
        let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
        let group = CreateGroup::new(GroupName::parse("one").unwrap(), vec![target]);
        let group = argos.target_groups().create(group).unwrap().value.id;
        let begun = Instant::now();
        for n in 0..hosts {
            let new = CreateHost::new(Hostname::parse(&name(n)).unwrap(), group);
            argos.hosts().create(CreateHost { tls_mode: Some(mode), ..new }).unwrap();
        }
        println!("{hosts} hosts {what}: made in {:.0} µs each", begun.elapsed().as_micros() as f64 / hosts as f64);
        argos.rest().unwrap();
        drop(argos);
        let (before, begun) = (resident(), Instant::now());
        let argos = open();
        println!("  opened in {:.2} s", begun.elapsed().as_secs_f64());
        println!("  {:.2} KiB of memory for each host", (resident() - before) * 1024.0 / hosts as f64);
        if mode == TlsMode::Auto {
            served(&argos, hosts);
        }
    }
}

/// What handshakes find, and what it costs that they found it.
fn served(argos: &Argos, hosts: usize) {
    let (live, local) = (argos.snapshot(), IpAddr::from([127, 0, 0, 1]));
    for among in [1, hosts] {
        let names: Vec<String> = (0..1000).map(|n| name(n * 7919 % among)).collect();
        let begun = Instant::now();
        for n in 0..LOOKUPS {
            black_box(live.certificate(Some(&names[n % names.len()]), local));
        }
        println!("  found among {among} in {:.0} ns", begun.elapsed().as_nanos() as f64 / LOOKUPS as f64);
    }
    let (before, begun) = (resident(), Instant::now());
    for n in 0..hosts {
        assert!(live.certificate(Some(&name(n)), local).unwrap().certified().is_some());
    }
    println!("  opened for the first handshake in {:.0} µs", begun.elapsed().as_micros() as f64 / hosts as f64);
    println!("  {:.2} KiB more for each that was asked for", (resident() - before) * 1024.0 / hosts as f64);
}

fn name(n: usize) -> String {
    format!("h{n}.bench.test")
}

/// MiB of this process.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
