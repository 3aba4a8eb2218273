//! What telling an event costs, and what a request pays for being sighted.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark that unwraps fails with the position")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use argos_core::clock::Timestamp;
use argos_core::event::{Event, Events, RateLimitTriggered};
use argos_core::notify::{Lookout, Sighting};
use argos_core::schema::HostId;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const AT: Timestamp = Timestamp(1_800_000_000_000);

fn event() -> Event {
    Event::of_host(AT, (HostId(1), "shop.example.org"), RateLimitTriggered { count: 5, window_seconds: 30 })
}

fn telling(c: &mut Criterion) {
    let nobody = Events::default();
    c.bench_function("events: tell one to nobody", |b| b.iter(|| nobody.emit(event())));
    let full = Events::default();
    let slow = full.subscribe();
    (0..1000).for_each(|_| full.emit(event()));
    c.bench_function("events: tell one to a listener whose queue is full", |b| b.iter(|| full.emit(event())));
    assert!(full.dropped() > 0);
    drop(slow);
    let heard = Events::default();
    let listener = heard.subscribe();
    c.bench_function("events: tell one to a listener that hears it", |b| {
        b.iter(|| {
            heard.emit(event());
            listener.try_recv().unwrap()
        })
    });
    let woken = Events::default();
    let sleeping = woken.subscribe();
    let thread = std::thread::spawn(move || sleeping.iter().count());
    c.bench_function("events: tell one to a listener that may sleep and is woken", |b| {
        b.iter_batched(std::thread::yield_now, |()| woken.emit(event()), BatchSize::PerIteration)
    });
    drop(woken);
    assert!(thread.join().unwrap() > 0);
}

/// What cores see between two looks.
const SEEN: usize = 256;

fn attack(n: usize, clients: usize) -> Sighting {
    let client = u32::try_from(n % clients).unwrap().wrapping_mul(0x9e37_79b1);
    Sighting::Attack {
        at: Timestamp(AT.0 + i64::try_from(n / 10).unwrap()),
        client: IpAddr::V4(Ipv4Addr::from_bits(client)),
        blocked: true,
    }
}

fn sighting(c: &mut Criterion) {
    let mut sightings = Vec::with_capacity(4096);
    let mut n = 0;
    c.bench_function("events: a request notes what was sighted", |b| {
        b.iter(|| {
            n += 1;
            if sightings.len() == 4096 {
                sightings.clear();
            }
            sightings.push(black_box(attack(n, 1000)));
        })
    });
    let mut group = c.benchmark_group("events: a look at 256 sightings");
    group.throughput(Throughput::Elements(SEEN as u64));
    for (name, clients) in [("of one client", 1), ("of 1,000 clients", 1000), ("each of another client", 1 << 30)] {
        let lookout = Lookout::new(Events::default());
        let (mut n, mut seen) = (0, Vec::with_capacity(SEEN));
        group.bench_function(name, |b| {
            b.iter(|| {
                seen.extend((n..n + SEEN).map(|n| attack(n, clients)));
                n += SEEN;
                lookout.take(&mut seen, Timestamp(AT.0 + i64::try_from(n).unwrap()), |_| None);
            })
        });
    }
    group.finish();
}

criterion_group!(benches, telling, sighting);
criterion_main!(benches);
