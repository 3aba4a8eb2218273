//! What a rate limit costs a request, and what its keys take, with a million distinct ones.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use argos_core::proxy::limit::{Key, MOST_KEYS, Quotas};
use argos_core::schema::HostId;
use argos_core::snapshot::{Limit, LimitBy};
use criterion::{Criterion, criterion_group, criterion_main};

const KEYS: u32 = 1_000_000;

/// The addresses in an order that no cache can foresee: an odd factor visits each number below a power of two once.
fn address(n: u32) -> Key<'static> {
    Key::Address(IpAddr::V4(Ipv4Addr::from_bits(n.wrapping_mul(0x9e37_79b1))))
}

/// Bytes of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn checks(c: &mut Criterion) {
    let limit = Limit { requests: 100, window: 60, by: LimitBy::Address, status: 429 };
    let before = resident();
    let quotas = Quotas::default();
    let at = Instant::now();
    for n in 0..KEYS {
        black_box(quotas.take(HostId(1), &limit, address(n), at));
    }
    let keys = quotas.keys();
    assert!(keys <= MOST_KEYS);
    let grown = resident().saturating_sub(before);
    println!("{KEYS} distinct keys came, {keys} are held in {} KiB: {} bytes a key", grown / 1024, grown / keys);

    let mut n = KEYS;
    c.bench_function("limit: a new key, the oldest of 200,000 goes", |b| {
        b.iter(|| {
            n = n.wrapping_add(1);
            quotas.take(HostId(1), &limit, address(n), at)
        })
    });
    let last = n;
    let mut back = 0;
    c.bench_function("limit: one of 150,000 known keys, in no order", |b| {
        b.iter(|| {
            back = (back + 7919) % 150_000;
            quotas.take(HostId(1), &limit, address(last - back), at)
        })
    });
    c.bench_function("limit: the same key again", |b| b.iter(|| quotas.take(HostId(1), &limit, address(last), at)));
    let token = [b'x'; 512];
    c.bench_function("limit: a header's value of 512 bytes", |b| {
        b.iter(|| quotas.take(HostId(1), &limit, Key::Value(black_box(&token)), at))
    });
}

criterion_group!(benches, checks);
criterion_main!(benches);
