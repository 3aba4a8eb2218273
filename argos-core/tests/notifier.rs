//! Events on their way to channels: over real sockets, from the real database.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use argos_core::api::{
    CreateChannel, CreateHost, CreateNotificationRule, ListDeliveries, NewTarget, SetSetting, UpdateChannel,
};
use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{
    Delivery, DeliveryStats, DeliveryStatus, Event, EventKind, Facts, RateLimitTriggered, Severity, TargetRecovered,
};
use argos_core::schema::{
    Channel, ChannelConfig, ChannelId, ChannelKind, DeliveryId, GroupId, HostId, Hostname, Order, Patch, TargetHost,
};
use argos_core::{Argos, Options, ServeOptions, Serving};
use serde_json::json;

use support::Folder;
use support::hook::{Hook, until};

const START: Timestamp = Timestamp(1_790_000_000_000);

/// An Argos that serves, whose clock the test moves.
struct World {
    argos: Argos,
    clock: Clock,
    serving: Option<Serving>,
    folder: Folder,
}

impl World {
    fn new() -> Self {
        let mut world = Self::at_rest();
        let set = SetSetting { key: "notifications.allow_private_targets".into(), value: "true".into() };
        world.argos.settings().set(set).unwrap();
        world.serve();
        world
    }

    fn at_rest() -> Self {
        let (folder, clock) = (Folder::new(), Clock::manual(START));
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        Self { argos, clock, serving: None, folder }
    }

    fn serve(&mut self) {
        let options =
            ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..ServeOptions::default() };
        self.serving = Some(self.argos.start(&options).unwrap());
    }

    /// Ends this process, as far as one test can, and begins the next.
    fn restart(mut self) -> Self {
        drop(self.serving.take());
        let Self { argos, clock, folder, .. } = self;
        drop(argos);
        let argos = Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
        let mut next = Self { argos, clock, serving: None, folder };
        next.serve();
        next
    }

    fn later(&self, ms: i64) {
        self.clock.set(Timestamp(self.clock.now().0 + ms));
    }

    /// A webhook without a limit of its own.
    fn channel(&self, name: &str, url: &str) -> Channel {
        let config = ChannelConfig { url: Patch::Set(url.to_owned().into()), ..ChannelConfig::default() };
        let op = CreateChannel {
            name: name.into(),
            kind: ChannelKind::Webhook,
            config,
            template: String::new(),
            rate_limit_per_minute: Some(0),
            enabled: None,
        };
        self.argos.channels().create(op).unwrap().value
    }

    fn rule(&self, channel: ChannelId, kind: EventKind) {
        self.argos.notification_rules().create(CreateNotificationRule::new(channel, kind)).unwrap();
    }

    fn deliveries(&self, channel: ChannelId) -> Vec<Delivery> {
        let op = ListDeliveries {
            channel_id: Some(channel),
            order: Some(Order::Asc),
            limit: Some(500),
            ..ListDeliveries::default()
        };
        self.argos.deliveries().list(op).unwrap().items
    }

    fn stats(&self, channel: ChannelId) -> DeliveryStats {
        let op = ListDeliveries { channel_id: Some(channel), stats: Some(1), ..ListDeliveries::default() };
        self.argos.deliveries().list(op).unwrap().stats.unwrap()
    }

    /// The deliveries of a channel once none of `count` waits.
    fn settled(&self, channel: ChannelId, count: usize) -> Vec<Delivery> {
        until("the end of deliveries", || {
            let all = self.deliveries(channel);
            let waits = all.iter().any(|d| d.status == DeliveryStatus::Pending);
            (all.len() >= count && !waits).then_some(all)
        })
    }

    /// The delivery once it has made so many attempts.
    fn tried(&self, id: DeliveryId, attempts: i64) -> Delivery {
        until("an attempt", || {
            let row = self.argos.deliveries().get(id).unwrap();
            (row.attempts >= attempts).then_some(row)
        })
    }
}

fn limited(host: Option<i64>) -> Event {
    let facts = RateLimitTriggered { count: 5, window_seconds: 30 };
    match host {
        Some(id) => Event::of_host(START, (HostId(id), "shop.test"), facts),
        None => Event::of_system(START, facts),
    }
}

#[test]
fn an_event_reaches_those_who_want_it_and_leaves_a_row() {
    let world = World::new();
    let (hook, other) = (Hook::start(), Hook::start());
    let wants = world.channel("wants", &hook.url());
    let wants_not = world.channel("wants not", &other.url());
    world.rule(wants.id, EventKind::RateLimitTriggered);
    world.rule(wants_not.id, EventKind::TargetRecovered);
    world.argos.tell(limited(Some(7)));

    let got = hook.wait_for(1).remove(0);
    let row = world.settled(wants.id, 1).remove(0);
    assert_eq!((row.status, row.attempts, &*row.error_message), (DeliveryStatus::Sent, 1, ""));
    assert_eq!((row.sent_at, row.next_attempt_at, row.created_at), (Some(START), None, START));
    assert_eq!(got.line, "POST /hook HTTP/1.1");
    assert_eq!((got.key(), &*got.headers["x-argos-delivery"]), (&*row.idempotency_key, &*row.id.to_string()));
    assert_eq!(got.headers["x-argos-event"], "rate_limit_triggered");
    let body = got.json();
    assert_eq!(
        (&body["type"], &body["host"], &body["delivery_id"]),
        (&json!("rate_limit_triggered"), &json!("shop.test"), &json!(row.id.0))
    );
    let shown = world.argos.deliveries().get(row.id).unwrap();
    assert_eq!(shown.rendered_payload.as_deref(), Some(&*got.body));
    assert_eq!(shown.event, serde_json::to_value(limited(Some(7))).unwrap());
    assert!(world.deliveries(wants_not.id).is_empty() && other.got().is_empty());
}

#[test]
fn a_filter_of_hosts_or_severities_lets_only_those_through() {
    let world = World::new();
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
    let host = CreateHost::with_targets(Hostname::parse("shop.test").unwrap(), vec![target]);
    let host = world.argos.hosts().create(host).unwrap().value.id;
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    let rule = |hosts: &[HostId], severities: &[Severity]| {
        let mut op = CreateNotificationRule::new(channel, EventKind::RateLimitTriggered);
        (op.filter_host_ids, op.filter_severities) = (hosts.into(), severities.into());
        world.argos.notification_rules().create(op).unwrap().value.id
    };
    let of_host = rule(&[host], &[]);
    let severe = rule(&[], &[Severity::Error, Severity::Critical]);
    let warnings = rule(&[], &[Severity::Warning]);
    world.argos.tell(limited(None));
    world.argos.tell(limited(Some(host.0)));
    world.argos.tell(limited(Some(host.0 + 1)));
    let rows = world.settled(channel, 4);
    let by = |id| rows.iter().filter(|row| row.rule_id == Some(id)).count();
    assert_eq!((by(of_host), by(severe), by(warnings)), (1, 0, 3));
}

#[test]
fn a_template_of_its_own_is_what_is_sent() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    let template = r#"{"text": {{ message }}, "who": {{ host_domain }}, "n": {{ data.count | default(0) }}}"#;
    let change = UpdateChannel { template: Some(template.into()), ..UpdateChannel::new(channel) };
    world.argos.channels().update(change).unwrap();
    world.argos.tell(limited(Some(1)));
    let text = limited(Some(1)).message();
    assert_eq!(hook.wait_for(1)[0].json(), json!({"text": text, "who": "shop.test", "n": 5}));
}

#[test]
fn a_template_that_an_event_breaks_is_replaced_by_the_default() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    // No sample has such a host.
    let template =
        r#"{"text": {{ message }}, "n": {% if host_id == 7 %}{{ data.no_such_thing }}{% else %}1{% endif %}}"#;
    let change = UpdateChannel { template: Some(template.into()), ..UpdateChannel::new(channel) };
    world.argos.channels().update(change).unwrap();
    world.argos.tell(limited(Some(7)));
    let got = hook.wait_for(1).remove(0).json();
    assert_eq!((&got["type"], &got["host"]), (&json!("rate_limit_triggered"), &json!("shop.test")));
    let row = world.settled(channel, 1).remove(0);
    assert_eq!(row.status, DeliveryStatus::Sent);
    assert!(row.error_message.starts_with("the default was sent in place of the template:"), "{row:?}");
    world.argos.tell(limited(Some(8)));
    assert_eq!(hook.wait_for(2)[1].json()["n"], 1);
}

#[test]
fn a_rule_that_is_off_wants_nothing() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    let rules = world.argos.notification_rules();
    let id = rules.list(argos_core::api::ListNotificationRules::default()).unwrap().items[0].id;
    rules.toggle(argos_core::api::ToggleNotificationRule { id, enabled: false }).unwrap();
    let other = Hook::start();
    world.rule(world.channel("other", &other.url()).id, EventKind::RateLimitTriggered);
    world.argos.tell(limited(Some(1)));
    other.wait_for(1);
    rules.toggle(argos_core::api::ToggleNotificationRule { id, enabled: true }).unwrap();
    world.argos.tell(limited(Some(2)));
    assert_eq!(world.settled(channel, 1)[0].event["host_id"], 2);
}

#[test]
fn what_is_not_sent_leaves_a_row_that_says_why() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    let mut op = CreateNotificationRule::new(channel, EventKind::RateLimitTriggered);
    op.throttle_window_seconds = Some(60);
    world.argos.notification_rules().create(op).unwrap();
    let switch = |enabled| {
        world.argos.channels().toggle(argos_core::api::ToggleChannel { id: channel, enabled }).unwrap();
    };
    // What a channel that is off does not get takes no place in the window.
    switch(false);
    world.argos.tell(limited(Some(1)));
    let failed = world.settled(channel, 1).remove(0);
    assert_eq!((failed.status, &*failed.error_message), (DeliveryStatus::Failed, "channel disabled"));
    switch(true);
    for host in [1, 1, 2] {
        world.argos.tell(limited(Some(host)));
    }
    let rows = world.settled(channel, 4);
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    use DeliveryStatus::{Failed, RateLimited, Sent, Throttled};
    assert_eq!(statuses, [Failed, Sent, Throttled, Sent]);
    assert!(rows[2].error_message.contains("60 seconds"), "{:?}", rows[2]);
    assert_eq!((rows[2].channel_id, rows[2].attempts), (Some(channel), 0));
    // The window begins with the last one that was let through.
    world.later(60_000);
    world.argos.tell(limited(Some(1)));
    assert_eq!(world.settled(channel, 5)[4].status, Sent);

    let slow = UpdateChannel { rate_limit_per_minute: Some(2), ..UpdateChannel::new(channel) };
    world.argos.channels().update(slow).unwrap();
    for host in 10..13 {
        world.argos.tell(limited(Some(host)));
    }
    let rows = world.settled(channel, 8);
    assert_eq!([rows[5].status, rows[6].status, rows[7].status], [Sent, Sent, RateLimited]);
    assert_eq!(hook.got().len(), 5);

    // By hand each of them goes out, whatever held it back.
    for row in [&rows[0], &rows[2], &rows[7]] {
        world.argos.deliveries().retry(row.id).unwrap();
        let again = world.tried(row.id, 1);
        assert_eq!((again.status, again.attempts, &again.idempotency_key), (Sent, 1, &row.idempotency_key));
        assert!(!again.rendered_payload.unwrap().is_empty());
    }
    assert_eq!(hook.wait_for(8).len(), 8);
    let e = world.argos.deliveries().retry(rows[0].id).unwrap_err();
    assert_eq!(e.code(), "delivery.not_retryable");
}

#[test]
fn a_failed_attempt_is_made_again_with_the_same_key() {
    let world = World::new();
    let tries = AtomicUsize::new(0);
    let hook = Hook::answering(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 => Some((503, String::new())),
        1 => Some((429, "Retry-After: 30\r\n".into())),
        _ => Some((200, String::new())),
    });
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    world.argos.tell(limited(None));
    let id = until("a row", || world.deliveries(channel).first().map(|row| row.id));
    let row = world.tried(id, 1);
    assert_eq!(row.status, DeliveryStatus::Pending);
    assert!(row.error_message.contains("503"), "{row:?}");
    let wait = row.next_attempt_at.unwrap().0 - START.0;
    assert!((2000..=4000).contains(&wait), "{wait}");
    world.later(wait);
    let row = world.tried(id, 2);
    // The receiver asks for longer than the pause of its own.
    assert_eq!(row.next_attempt_at.unwrap().0, world.clock.now().0 + 30_000);
    world.later(30_000);
    let row = world.tried(id, 3);
    assert_eq!((row.status, row.attempts), (DeliveryStatus::Sent, 3));
    let keys: HashSet<String> = hook.got().iter().map(|got| got.key().to_owned()).collect();
    assert_eq!((hook.got().len(), keys.len()), (3, 1));
}

#[test]
fn what_is_refused_or_fails_three_times_is_given_up() {
    let world = World::new();
    let hook = Hook::answering(|got| {
        let status = if got.line.contains("/hook/refuses") { 400 } else { 500 };
        Some((status, String::new()))
    });
    let refuses = world.channel("refuses", &format!("{}/refuses", hook.url())).id;
    let fails = world.channel("fails", &hook.url()).id;
    world.rule(refuses, EventKind::RateLimitTriggered);
    world.rule(fails, EventKind::RateLimitTriggered);
    world.argos.tell(limited(None));
    let row = world.settled(refuses, 1).remove(0);
    assert_eq!((row.status, row.attempts), (DeliveryStatus::Failed, 1));
    assert!(row.error_message.contains("400"), "{row:?}");
    let id = world.deliveries(fails)[0].id;
    for attempts in 1..=3 {
        world.tried(id, attempts);
        world.later(10_000);
    }
    let row = world.settled(fails, 1).remove(0);
    assert_eq!((row.status, row.attempts, row.next_attempt_at), (DeliveryStatus::Failed, 3, None));
    // Attempts are counted on when it is tried by hand.
    world.argos.deliveries().retry(id).unwrap();
    assert_eq!(world.tried(id, 4).status, DeliveryStatus::Pending);
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let world = World::new();
    let (hangs, quick) = (Hook::answering(|_| None), Hook::start());
    let slow = world.channel("hangs", &hangs.url()).id;
    let fast = world.channel("quick", &quick.url()).id;
    world.rule(slow, EventKind::RateLimitTriggered);
    world.rule(fast, EventKind::RateLimitTriggered);
    for host in 0..50 {
        world.argos.tell(limited(Some(host)));
    }
    hangs.wait_for(1);
    quick.wait_for(50);
    assert_eq!(hangs.got().len(), 1);
    assert_eq!(world.stats(slow).pending, 50);
}

#[test]
fn what_is_told_before_and_after_serving_is_not_lost() {
    let hook = Hook::start();
    let mut world = World::at_rest();
    let set = SetSetting { key: "notifications.allow_private_targets".into(), value: "true".into() };
    world.argos.settings().set(set).unwrap();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    for host in 0..5 {
        world.argos.tell(limited(Some(host)));
    }
    world.serve();
    hook.wait_for(5);
    // What is on its way is waited for.
    drop(world.serving.take());
    // As the panel does, which answers until the end.
    for host in 5..8 {
        world.argos.tell(limited(Some(host)));
    }
    world.argos.keep_events().unwrap();
    assert_eq!((world.stats(channel).pending, world.stats(channel).sent), (3, 5));
    let world = world.restart();
    assert_eq!(hook.wait_for(8).len(), 8);
    world.settled(channel, 8);
}

#[test]
fn a_stop_right_behind_a_start_loses_nothing_and_gives_no_id_twice() {
    let mut world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    for host in 1..=10 {
        world.argos.tell(limited(Some(host)));
        drop(world.serving.take());
        world.serve();
    }
    let rows = world.settled(channel, 10);
    let hosts: Vec<_> = rows.iter().map(|row| row.event["host_id"].as_i64().unwrap()).collect();
    assert_eq!(hosts, (1..=10).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.status == DeliveryStatus::Sent));
}

#[test]
fn what_cannot_be_stored_is_sent_and_its_row_follows() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::HealthDegraded);
    let db = rusqlite::Connection::open(world.folder.path().join("argos.db")).unwrap();
    db.execute_batch(
        "CREATE TRIGGER full BEFORE INSERT ON notification_deliveries BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    .unwrap();
    world.argos.tell(EventKind::HealthDegraded.sample());
    let got = hook.wait_for(1).remove(0);
    assert_eq!(got.json()["type"], "health_degraded");
    assert!(world.deliveries(channel).is_empty());
    db.execute_batch("DROP TRIGGER full").unwrap();
    let row = world.settled(channel, 1).remove(0);
    assert_eq!((row.status, row.attempts, &*row.idempotency_key), (DeliveryStatus::Sent, 1, got.key()));
    assert_eq!(hook.got().len(), 1, "it is not sent again");
}

#[test]
fn a_target_that_one_host_uses_is_about_that_host() {
    let world = World::new();
    let hook = Hook::start();
    let channel = world.channel("hook", &hook.url()).id;
    let target = NewTarget { host: TargetHost::parse("127.0.0.1").unwrap(), port: 9, weight: None, enabled: None };
    let host = CreateHost::with_targets(Hostname::parse("shop.test").unwrap(), vec![target]);
    let host = world.argos.hosts().create(host).unwrap().value;
    let mut op = CreateNotificationRule::new(channel, EventKind::TargetRecovered);
    op.filter_host_ids = vec![host.id];
    world.argos.notification_rules().create(op).unwrap();
    let Facts::TargetRecovered(facts) = EventKind::TargetRecovered.sample().facts else { panic!("another sample") };
    let of = |group| TargetRecovered { target_group_id: group, ..facts.clone() };
    world.argos.tell(Event::of_system(START, of(GroupId(host.target_group_id.0 + 1))));
    world.argos.tell(Event::of_system(START, of(host.target_group_id)));
    let row = world.settled(channel, 1).remove(0);
    assert_eq!((&row.event["host_domain"], &row.event["host_id"]), (&json!("shop.test"), &json!(host.id)));
    assert_eq!(hook.wait_for(1)[0].json()["host"], "shop.test");
    // Of a group that two use nobody can tell which is meant.
    let other = CreateHost::new(Hostname::parse("other.test").unwrap(), host.target_group_id);
    world.argos.hosts().create(other).unwrap();
    world.argos.tell(Event::of_system(START, of(host.target_group_id)));
    world.argos.tell(limited(None));
    world.rule(channel, EventKind::RateLimitTriggered);
    world.argos.tell(limited(None));
    assert_eq!(world.settled(channel, 2).len(), 2);
}

/// Holds answers back until it is opened.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

#[test]
fn what_waits_at_the_end_is_sent_by_the_next_process_in_order_of_ids() {
    let gate = Arc::new(Gate::default());
    let passed = Arc::clone(&gate);
    let hook = Hook::answering(move |_| {
        passed.pass();
        Some((200, String::new()))
    });
    let world = World::new();
    let channel = world.channel("hook", &hook.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    for host in 0..1500 {
        world.argos.tell(limited(Some(host)));
        // The queue of events holds a thousand.
        if host == 700 {
            until("rows", || (world.stats(channel).pending > 600).then_some(()));
        }
    }
    until("rows", || (world.stats(channel).pending == 1500).then_some(()));
    hook.wait_for(1);
    let world = world.restart();
    gate.open();
    until("the end", || (world.stats(channel).sent == 1500).then_some(()));
    let ids: Vec<i64> = hook.got().iter().map(|got| got.headers["x-argos-delivery"].parse().unwrap()).collect();
    // The one that was on its way is sent again, with the same key: the receiver can tell.
    assert_eq!((ids.len(), ids[0], ids[1]), (1501, 1, 1));
    assert_eq!(hook.got()[0].key(), hook.got()[1].key());
    assert!(ids[1..].is_sorted());
}

#[test]
fn a_deleted_channel_gives_up_what_waits_and_keeps_the_rows() {
    let world = World::new();
    let hangs = Hook::answering(|_| None);
    let channel = world.channel("hangs", &hangs.url()).id;
    world.rule(channel, EventKind::RateLimitTriggered);
    world.argos.tell(limited(None));
    hangs.wait_for(1);
    let id = world.deliveries(channel)[0].id;
    world.argos.channels().delete(channel).unwrap();
    let row = world.argos.deliveries().get(id).unwrap();
    assert_eq!((row.status, &*row.error_message), (DeliveryStatus::Failed, "channel deleted"));
    assert_eq!((row.channel_id, row.rule_id), (None, None));
    assert_eq!(world.argos.deliveries().retry(id).unwrap_err().code(), "delivery.not_retryable");
    let world = world.restart();
    assert_eq!(world.argos.deliveries().get(id).unwrap().error_message, "channel deleted");
}

#[test]
fn old_rows_go_and_those_beyond_the_most_but_none_that_waits() {
    let world = World::new();
    let (hangs, quick) = (Hook::answering(|_| None), Hook::start());
    let slow = world.channel("hangs", &hangs.url()).id;
    let fast = world.channel("quick", &quick.url()).id;
    world.rule(slow, EventKind::TargetRecovered);
    world.rule(fast, EventKind::RateLimitTriggered);
    world.argos.tell(EventKind::TargetRecovered.sample());
    for host in 0..5 {
        world.argos.tell(limited(Some(host)));
    }
    world.settled(fast, 5);
    hangs.wait_for(1);
    world.argos.tend().unwrap();
    assert_eq!(world.stats(fast).sent, 5);
    // Thirty days and a started hour later.
    world.later(30 * 86_400_000 + 3_600_000);
    world.argos.tend().unwrap();
    assert_eq!((world.stats(fast).sent, world.stats(slow).pending), (0, 1));

    let set = SetSetting { key: "notifications.max_entries".into(), value: "1000".into() };
    world.argos.settings().set(set).unwrap();
    for host in 0..1100 {
        world.argos.tell(limited(Some(host)));
        if host == 600 {
            until("rows", || (world.stats(fast).sent > 500).then_some(()));
        }
    }
    until("the end", || (world.stats(fast).sent == 1100).then_some(()));
    world.argos.tend().unwrap();
    assert_eq!((world.stats(fast).sent, world.stats(slow).pending), (999, 1));
    assert_eq!(world.deliveries(fast)[0].event["host_id"], 101);
}

#[test]
fn recent_alerts_are_the_warnings_of_a_day_each_once() {
    let world = World::new();
    let hook = Hook::start();
    for name in ["a", "b"] {
        let channel = world.channel(name, &hook.url()).id;
        for kind in EventKind::ALL.iter().filter(|kind| **kind != EventKind::ConfigChange) {
            world.rule(channel, *kind);
        }
    }
    let alerts = |limit| world.argos.deliveries().recent_alerts(argos_core::api::ListRecentAlerts { limit });
    world.argos.tell(EventKind::TargetRecovered.sample());
    world.argos.tell(EventKind::HealthDegraded.sample());
    world.argos.tell(limited(Some(3)));
    hook.wait_for(6);
    let found = alerts(None).unwrap().items;
    let kinds: Vec<&str> = found.iter().map(|alert| &*alert.event_type).collect();
    assert_eq!(kinds, ["rate_limit_triggered", "health_degraded"]);
    assert_eq!((found[0].host_id, found[0].severity), (Some(HostId(3)), Severity::Warning));
    assert_eq!(alerts(Some(1)).unwrap().items.len(), 1);
    assert_eq!(alerts(Some(51)).unwrap_err().code(), "out_of_range");
    world.later(86_400_001);
    assert!(alerts(None).unwrap().items.is_empty());
}
