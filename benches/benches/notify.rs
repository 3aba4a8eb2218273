//! Many events to four channels, of which one is dead and one is slow: how fast they are stored and sent, and what
//! memory it takes. `cargo bench -p argos-benches --bench notify -- [events]`
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark that fails stops; its result is what it prints"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argos_core::api::{CreateChannel, CreateNotificationRule, ListDeliveries, SetSetting};
use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{DeliveryStats, Event, EventKind, RateLimitTriggered};
use argos_core::schema::{ChannelConfig, ChannelId, ChannelKind, HostId, Patch};
use argos_core::{Argos, Options, ServeOptions};

/// The time that a slow receiver takes for each.
const SLOW: Duration = Duration::from_millis(2);

fn main() {
    let events: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(10_000);
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp(1_790_000_000_000));
    let options = Options { clock: clock.clone(), ..Options::new(folder.path().join("data")) };
    let argos = Argos::open(options).unwrap();
    let set = SetSetting { key: "notifications.allow_private_targets".into(), value: "true".into() };
    argos.settings().set(set).unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let receivers =
        [("first", receiver(Duration::ZERO)), ("second", receiver(Duration::ZERO)), ("slow", receiver(SLOW))];
    let mut channels: Vec<_> = receivers.iter().map(|(name, at)| (*name, channel(&argos, name, at.0))).collect();
    channels.push(("dead", channel(&argos, "dead", dead)));
    let _serving = argos.start(&ServeOptions { threads: 1, ..ServeOptions::default() }).unwrap();

    let ended = Arc::new(AtomicBool::new(false));
    let (peak, watching) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&ended));
    let (before, highest) = (resident(), Arc::clone(&peak));
    // Time runs a hundred times as fast, so that the pauses between attempts pass.
    let faster = std::thread::spawn(move || {
        while !watching.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
            clock.set(Timestamp(clock.now().0 + 1000));
            highest.fetch_max(resident(), Ordering::Relaxed);
        }
    });
    let begun = Instant::now();
    let total = |stats: DeliveryStats| usize::try_from(stats.pending + stats.sent + stats.failed).unwrap();
    for number in 0..events {
        let facts = RateLimitTriggered { count: 5, window_seconds: 30 };
        let host = HostId(i64::try_from(number).unwrap() + 1);
        argos.tell(Event::of_host(Timestamp(1_790_000_000_000), (host, "shop.example"), facts));
        if number % 500 == 499 {
            // The queue of events holds a thousand.
            wait(|| total(stats(&argos, channels[0].1)) + 500 > number);
        }
    }
    wait(|| total(stats(&argos, channels[3].1)) == events);
    println!("{events} events are {} rows, stored after {:.1} s", events * 4, begun.elapsed().as_secs_f64());
    for (name, id) in &channels {
        wait(|| stats(&argos, *id).pending == 0);
        let (stats, seconds) = (stats(&argos, *id), begun.elapsed().as_secs_f64());
        println!("{name}: {} sent, {} failed, at the end after {seconds:.1} s", stats.sent, stats.failed);
    }
    ended.store(true, Ordering::Relaxed);
    faster.join().unwrap();
    for (name, (_, count)) in &receivers {
        println!("{name} got {} requests", count.load(Ordering::Relaxed));
    }
    let mib = |kib: usize| kib as f64 / 1024.0;
    println!("resident: {:.1} MiB before, {:.1} MiB at most", mib(before), mib(peak.load(Ordering::Relaxed)));
}

fn wait(done: impl Fn() -> bool) {
    while !done() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn stats(argos: &Argos, channel: ChannelId) -> DeliveryStats {
    let op = ListDeliveries { channel_id: Some(channel), stats: Some(1), limit: Some(1), ..ListDeliveries::default() };
    argos.deliveries().list(op).unwrap().stats.unwrap()
}

fn channel(argos: &Argos, name: &str, at: SocketAddr) -> ChannelId {
    let config = ChannelConfig { url: Patch::Set(format!("http://{at}/").into()), ..ChannelConfig::default() };
    let op = CreateChannel {
        name: name.into(),
        kind: ChannelKind::Webhook,
        config,
        template: String::new(),
        rate_limit_per_minute: Some(0),
        enabled: None,
    };
    let id = argos.channels().create(op).unwrap().value.id;
    argos.notification_rules().create(CreateNotificationRule::new(id, EventKind::RateLimitTriggered)).unwrap();
    id
}

/// A receiver of webhooks, and how many it got.
fn receiver(pause: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&counting);
            std::thread::spawn(move || serve(stream, pause, &count));
        }
    });
    (address, count)
}

fn serve(mut stream: TcpStream, pause: Duration, count: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        count.fetch_add(1, Ordering::Relaxed);
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        if stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
            return;
        }
    }
}

/// KiB of memory that this process takes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
}
