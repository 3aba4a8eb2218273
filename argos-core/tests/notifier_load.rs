//! Many events at once, and the end of the process in the middle of them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use argos_core::api::{CreateChannel, CreateNotificationRule, ListDeliveries, SetSetting};
use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{DeliveryStats, Event, EventKind, RateLimitTriggered};
use argos_core::schema::{ChannelConfig, ChannelId, ChannelKind, HostId, Patch};
use argos_core::{Argos, Options, ServeOptions, Serving};

use support::Folder;
use support::hook::{Got, Hook, pause, until};

const START: Timestamp = Timestamp(1_790_000_000_000);

fn channel(argos: &Argos, name: &str, url: &str) -> ChannelId {
    let config = ChannelConfig { url: Patch::Set(url.to_owned().into()), ..ChannelConfig::default() };
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

fn allow_private(argos: &Argos) {
    let set = SetSetting { key: "notifications.allow_private_targets".into(), value: "true".into() };
    argos.settings().set(set).unwrap();
}

fn serve(argos: &Argos) -> Serving {
    let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..ServeOptions::default() };
    argos.start(&options).unwrap()
}

fn stats(argos: &Argos, channel: Option<ChannelId>) -> DeliveryStats {
    let op = ListDeliveries { channel_id: channel, stats: Some(1), limit: Some(1), ..ListDeliveries::default() };
    argos.deliveries().list(op).unwrap().stats.unwrap()
}

fn event(number: i64) -> Event {
    Event::of_host(START, (HostId(number), "shop.test"), RateLimitTriggered { count: 5, window_seconds: 30 })
}

fn deliveries(got: &[Got]) -> HashSet<i64> {
    got.iter().map(|got| got.headers["x-argos-delivery"].parse().unwrap()).collect()
}

#[test]
fn ten_thousand_events_to_four_channels_of_which_one_is_dead_and_one_slow() {
    const EVENTS: usize = 10_000;
    let (folder, clock) = (Folder::new(), Clock::manual(START));
    let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
    allow_private(&argos);
    let (first, second) = (Hook::start(), Hook::start());
    // Every tenth delivery fails once, so that it comes again.
    let (came, failed) = (AtomicUsize::new(0), Mutex::new(HashSet::new()));
    let slow = Hook::answering(move |got| {
        let number = came.fetch_add(1, Ordering::Relaxed);
        if number % 4 == 0 {
            pause();
        }
        let tenth = number % 10 == 9;
        let again = tenth && failed.lock().unwrap().insert(got.key().to_owned());
        Some((if again { 503 } else { 200 }, String::new()))
    });
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let live = [channel(&argos, "first", &first.url()), channel(&argos, "second", &second.url())];
    let slow_one = channel(&argos, "slow", &slow.url());
    let dead_one = channel(&argos, "dead", &format!("http://{dead}/"));
    let _serving = serve(&argos);

    let total = |stats: DeliveryStats| stats.pending + stats.sent + stats.failed;
    for number in 0..EVENTS {
        argos.tell(event(i64::try_from(number).unwrap()));
        if number % 500 == 499 {
            // The queue of events holds a thousand: what comes faster than it can be stored is counted as dropped.
            until("rows", || (total(stats(&argos, Some(live[0]))) as usize >= number).then_some(()));
        }
    }
    let all = until("the end of all", || {
        // Pauses between attempts pass.
        clock.set(Timestamp(clock.now().0 + 1000));
        let all = stats(&argos, None);
        (all.pending == 0).then_some(all)
    });
    assert_eq!((all.sent, all.failed, all.throttled, all.rate_limited), (30_000, 10_000, 0, 0));
    assert_eq!((stats(&argos, Some(slow_one)).sent, stats(&argos, Some(dead_one)).failed), (10_000, 10_000));
    // Each once: for receivers that honour the key nothing came twice.
    for hook in [&first, &second] {
        let got = hook.got();
        assert_eq!((got.len(), deliveries(&got).len()), (EVENTS, EVENTS));
    }
    let got = slow.got();
    let mut keys: HashMap<String, HashSet<String>> = HashMap::new();
    for one in &got {
        keys.entry(one.headers["x-argos-delivery"].clone()).or_default().insert(one.key().to_owned());
    }
    assert!(keys.values().all(|keys| keys.len() == 1), "a delivery keeps its key");
    assert_eq!((keys.len(), got.len() > EVENTS), (EVENTS, true));
}

/// Not a test of its own: the process that is killed.
#[test]
fn the_other_process() {
    let Some(folder) = std::env::var_os("ARGOS_TEST_FOLDER").map(PathBuf::from) else { return };
    let argos = Argos::open(Options::new(folder)).unwrap();
    let _serving = serve(&argos);
    let events: i64 = std::env::var("ARGOS_TEST_EVENTS").unwrap().parse().unwrap();
    let before = stats(&argos, None);
    for number in 0..events {
        argos.tell(event(number));
    }
    until("rows", || {
        let now = stats(&argos, None);
        let rows = |s: DeliveryStats| s.pending + s.sent + s.failed;
        (rows(now) >= rows(before) + events).then_some(())
    });
    println!("\nstored");
    until("the end", || (stats(&argos, None).pending == 0).then_some(()));
    println!("\nsent");
    loop {
        std::thread::park();
    }
}

/// Starts the other process and waits for its word.
fn start(folder: &Folder, events: usize, word: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_other_process", "--exact", "--nocapture"]).stdout(Stdio::piped());
    command.env("ARGOS_TEST_FOLDER", folder.path()).env("ARGOS_TEST_EVENTS", events.to_string());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.into_iter().any(|line| line == word), "the other process ended before it said {word}");
    child
}

#[test]
fn a_kill_in_the_middle_loses_nothing_and_repeats_only_under_the_same_key() {
    const EVENTS: usize = 400;
    let folder = Folder::new();
    let hook = Hook::answering(|_| {
        // As slow as a real receiver.
        pause();
        Some((200, String::new()))
    });
    {
        let argos = Argos::open(Options::new(folder.path())).unwrap();
        allow_private(&argos);
        channel(&argos, "hook", &hook.url());
    }
    let mut child = start(&folder, EVENTS, "stored");
    hook.wait_for(EVENTS / 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let before = hook.got().len();
    assert!(before < EVENTS, "the kill came too late to tell anything");
    let mut child = start(&folder, 0, "sent");
    child.kill().unwrap();
    child.wait().unwrap();

    let got = hook.got();
    assert_eq!(deliveries(&got).len(), EVENTS, "nothing is lost");
    let mut keys: HashMap<&str, HashSet<&str>> = HashMap::new();
    for one in &got {
        keys.entry(&one.headers["x-argos-delivery"]).or_default().insert(one.key());
    }
    assert!(keys.values().all(|keys| keys.len() == 1), "what comes twice has the same key");
    let argos = Argos::open(Options::new(folder.path())).unwrap();
    assert_eq!(stats(&argos, None).sent as usize, EVENTS);
}
