//! Each event from its real cause: real requests, real rules, real failed sign-ins, a clock that the test moves.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use argos_core::api::VerifyRecovery;
use argos_core::clock::{Clock, Timestamp};
use argos_core::event::{Event, EventKind};
use argos_core::{Argos, Options, ServeOptions, Serving};
use rusqlite::Connection;
use serde_json::{Value, json};
use support::people::{MINUTE, NOW, PASSWORD, People, SECOND, verify};
use support::{Answer, Client, Folder, Upstream, dead_address};

const DAY: i64 = 24 * 60 * MINUTE;
/// An attack that the built-in rules know.
const ATTACK: &str = "/?q=1%27%20OR%20%271%27=%271%27%20UNION%20SELECT%20password%20FROM%20users--";

/// A serving Argos with the built-in rules and the host `a.test`, whose clock the test moves.
struct World {
    argos: Argos,
    serving: Serving,
    clock: Clock,
    heard: Receiver<Arc<Event>>,
    _upstream: Upstream,
    folder: Folder,
}

impl World {
    fn new(host: &Value) -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(NOW));
        let options = Options { clock: clock.clone(), crs: Some("baseline".into()), ..Options::new(folder.path()) };
        let argos = Argos::open(options).unwrap();
        let heard = argos.subscribe();
        let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], threads: 1, ..Default::default() };
        let serving = argos.start(&options).unwrap();
        let upstream = Upstream::echo();
        let world = Self { argos, serving, clock, heard, _upstream: upstream, folder };
        world.add_host("a.test", host);
        world
    }

    fn add_host(&self, domain: &str, more: &Value) {
        let target = json!({"host": "127.0.0.1", "port": self._upstream.address.port()});
        let mut input = json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": [target]}});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.call("hosts.create", input);
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    /// Sends requests, each on a connection of its own; the statuses.
    fn ask(&self, times: usize, host: &str, path: &str) -> Vec<u16> {
        let ask = |_| -> Answer {
            let mut client = Client::to(self.serving.addresses()[0]);
            client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            client.answer()
        };
        (0..times).map(|n| ask(n).status).collect()
    }

    /// The next event of this kind, which must come.
    fn next(&self, kind: EventKind) -> Arc<Event> {
        loop {
            let event = self.heard.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("no {kind:?}"));
            if event.kind() == kind {
                return event;
            }
        }
    }

    /// What of this kind was told until everything that was sighted has been looked at.
    fn stop(self, kind: EventKind) -> Vec<Arc<Event>> {
        self.serving.stop(Duration::from_secs(20));
        self.heard.try_iter().filter(|event| event.kind() == kind).collect()
    }
}

fn of(events: impl IntoIterator<Item = Arc<Event>>, kind: EventKind) -> Vec<Value> {
    events.into_iter().filter(|event| event.kind() == kind).map(|event| event.data()).collect()
}

#[test]
fn ten_attacks_of_one_client_are_a_burst_whatever_the_log_shows() {
    // Nothing of it is in the log: the host has none, and findings of that severity are not kept.
    let world = World::new(&json!({"access_log": false}));
    world.call("security.update", json!({"host_id": 1, "waf_mode": "block"}));
    world.call("settings.set", json!({"key": "appsec.audit_min_severity", "value": "EMERGENCY"}));
    assert_eq!(world.ask(9, "a.test", ATTACK), [403; 9]);
    // The tenth comes when the first nine are a minute old: no burst.
    world.clock.set(Timestamp(NOW + MINUTE));
    assert_eq!(world.ask(9, "a.test", ATTACK), [403; 9]);
    world.clock.set(Timestamp(NOW + 2 * MINUTE - 1));
    world.call("security.update", json!({"host_id": 1, "waf_mode": "detect"}));
    assert_eq!(world.ask(1, "a.test", ATTACK), [200]);
    let event = world.next(EventKind::WafAttackBurst);
    assert_eq!(event.data(), json!({"remote_ip": "127.0.0.1", "count": 10, "window_seconds": 60, "blocked": 9}));
    assert_eq!((event.timestamp.0, event.kind().severity().as_str()), (NOW + 2 * MINUTE - 1, "critical"));
    // It goes on: quiet for a minute.
    world.ask(20, "a.test", ATTACK);
    world.clock.set(Timestamp(NOW + 3 * MINUTE - 2));
    world.ask(20, "a.test", ATTACK);
    world.clock.set(Timestamp(NOW + 3 * MINUTE - 1));
    world.ask(1, "a.test", ATTACK);
    let event = world.next(EventKind::WafAttackBurst);
    assert_eq!(event.data()["count"], 21);
    let search = world.call("logs.search", json!({"source": "waf_audit"}));
    assert_eq!(search["items"], json!([]));
    assert!(world.stop(EventKind::WafAttackBurst).is_empty());
}

#[test]
fn harmless_requests_and_nine_attacks_are_no_burst() {
    let world = World::new(&json!({}));
    world.call("security.update", json!({"host_id": 1, "waf_mode": "block"}));
    assert_eq!(world.ask(40, "a.test", "/?q=hello"), [200; 40]);
    assert_eq!(world.ask(9, "a.test", ATTACK), [403; 9]);
    assert!(world.stop(EventKind::WafAttackBurst).is_empty());
}

#[test]
fn five_requests_that_the_rate_limit_of_a_host_refuses_are_told_and_four_are_not() {
    let world = World::new(&json!({"access_log": false}));
    world.add_host("b.test", &json!({}));
    for host in [1, 2] {
        let limit = json!({
            "host_id": host, "rate_limit_enabled": true, "rate_limit_requests": 1, "rate_limit_window_seconds": 86_400,
        });
        world.call("security.update", limit);
    }
    assert_eq!(world.ask(5, "a.test", "/"), [200, 429, 429, 429, 429]);
    assert_eq!(world.ask(5, "b.test", "/"), [200, 429, 429, 429, 429]);
    world.clock.set(Timestamp(NOW + 30 * SECOND - 1));
    assert_eq!(world.ask(1, "b.test", "/"), [429]);
    let event = world.next(EventKind::RateLimitTriggered);
    assert_eq!(event.data(), json!({"count": 5, "window_seconds": 30}));
    assert_eq!(event.host.as_ref().map(|(id, domain)| (id.0, &**domain)), Some((2, "b.test")));
    // Half a minute after the first four it is too late.
    world.clock.set(Timestamp(NOW + 30 * SECOND));
    assert_eq!(world.ask(1, "a.test", "/"), [429]);
    assert!(world.stop(EventKind::RateLimitTriggered).is_empty());
}

#[test]
fn who_could_not_sign_in_is_told_and_who_tried_too_often() {
    let people = People::new();
    let heard = people.argos.subscribe();
    let told = || of(heard.try_iter(), EventKind::LoginFailed);
    people.try_login("ada", PASSWORD, "192.0.2.1").unwrap();
    assert_eq!(told(), Vec::<Value>::new());
    let said = |username: &str, reason: &str| json!({"username": username, "remote_ip": "192.0.2.7", "reason": reason});
    for (name, reason) in [("ada", "wrong password"), ("eve", "no such user"), ("mallory", "no such user")] {
        people.try_login(name, "wrong-wrong-wrong", "192.0.2.7").unwrap_err();
        assert_eq!(told(), [said(name, reason)]);
    }
    people.try_login("trent", "wrong-wrong-wrong", "192.0.2.7").unwrap_err();
    assert_eq!(told().len(), 1);
    // The fifth failure begins a ban, which is told too.
    people.try_login("peggy", "wrong-wrong-wrong", "192.0.2.7").unwrap_err();
    let locked = "too many failed attempts: locked out for 30 minutes";
    assert_eq!(told(), [said("peggy", "no such user"), said("peggy", locked)]);
    // What is refused unseen is not told: a flood of attempts has little to say.
    for n in 0..200 {
        people.try_login(&format!("user{n}"), "wrong-wrong-wrong", "192.0.2.7").unwrap_err();
    }
    assert_eq!(told(), Vec::<Value>::new());
    people.pass(30 * MINUTE + SECOND);
    people.try_login("ada", "wrong-wrong-wrong", "192.0.2.7").unwrap_err();
    assert_eq!(told(), [said("ada", "wrong password")]);
}

#[test]
fn a_wrong_second_factor_is_a_failed_sign_in() {
    let people = People::new();
    let (secret, codes) = people.add_totp("ada");
    people.pass(MINUTE);
    let heard = people.argos.subscribe();
    let told = || {
        let events = of(heard.try_iter(), EventKind::LoginFailed);
        events.iter().map(|data| data["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (id, browser) = people.challenge("ada", "192.0.2.7");
    let wrong = "wrong code of the second factor";
    for _ in 0..3 {
        verify(&browser, &id, "000000").unwrap_err();
        assert_eq!(told(), [wrong]);
    }
    let other = if codes[0].starts_with('A') { "B" } else { "A" };
    let code = format!("{other}{}", &codes[0][1..]);
    browser.auth().verify_recovery(VerifyRecovery { challenge_id: id.clone(), recovery_code: code }).unwrap_err();
    assert_eq!(told(), [wrong]);
    verify(&browser, &id, "000000").unwrap_err();
    assert_eq!(told(), [wrong, "too many failed attempts: locked out for 30 minutes"]);
    verify(&browser, &id, &people.code(&secret)).unwrap_err();
    assert!(told().is_empty());
}

impl World {
    /// Makes the database refuse what `on` says, as a broken one does.
    fn break_database(&self, on: &str) {
        let sql = format!("CREATE TRIGGER broken BEFORE {on} BEGIN SELECT RAISE(ABORT, 'broken'); END");
        self.database().execute_batch(&sql).unwrap();
    }

    fn mend_database(&self) {
        self.database().execute_batch("DROP TRIGGER broken").unwrap();
    }

    fn database(&self) -> Connection {
        Connection::open(self.folder.path().join("argos.db")).unwrap()
    }

    /// Checks, 30 seconds after the last time; each part that fails, with its failures in a row.
    fn check(&self) -> Vec<(String, i64)> {
        self.clock.set(Timestamp(self.clock.now().0 + 30 * SECOND));
        self.serving.check_health();
        let health = self.call("system.health", json!({}));
        let parts = health["components"].as_array().unwrap();
        assert!(parts.iter().all(|part| part["ok"] == (part["error"] == "")), "{parts:?}");
        let failed = parts.iter().filter(|part| part["ok"] == false);
        failed.map(|p| (p["component"].as_str().unwrap().to_owned(), p["failures"].as_i64().unwrap())).collect()
    }

    fn told(&self, kind: EventKind) -> Vec<Value> {
        of(self.heard.try_iter(), kind)
    }
}

#[test]
fn two_parts_that_fail_twice_are_two_events() {
    let world = World::new(&json!({}));
    assert_eq!(world.check(), []);
    let health = world.call("system.health", json!({}));
    let parts = health["components"].as_array().unwrap().iter().map(|part| part["component"].as_str().unwrap());
    assert_eq!(parts.collect::<Vec<_>>(), ["disk", "log_queue", "proxy", "writer"]);
    world.break_database("UPDATE ON settings");
    // A folder lies where the room of the disk is tried.
    let room = world.folder.path().join("argos.room");
    std::fs::create_dir(&room).unwrap();
    assert_eq!(world.check(), [("disk".to_owned(), 1), ("writer".to_owned(), 1)]);
    assert_eq!(world.told(EventKind::HealthDegraded), Vec::<Value>::new());
    assert_eq!(world.check(), [("disk".to_owned(), 2), ("writer".to_owned(), 2)]);
    let mut told = world.told(EventKind::HealthDegraded);
    told.sort_by_key(|data| data["component"].to_string());
    assert_eq!(told.len(), 2);
    for (data, (part, error)) in told.iter().zip([("disk", "argos.room"), ("writer", "broken")]) {
        assert_eq!((&data["component"], &data["consecutive_failures"]), (&json!(part), &json!(2)));
        assert!(data["error"].as_str().unwrap().contains(error), "{data}");
    }
    world.mend_database();
    std::fs::remove_dir(&room).unwrap();
    assert_eq!(world.check(), []);
    // Within five minutes nothing more is told of either.
    world.break_database("UPDATE ON settings");
    for failures in 1..=7 {
        assert_eq!(world.check(), [("writer".to_owned(), failures)]);
        assert_eq!(world.told(EventKind::HealthDegraded), Vec::<Value>::new());
    }
    for failures in 8..=9 {
        assert_eq!(world.check(), [("writer".to_owned(), failures)]);
    }
    assert_eq!(world.told(EventKind::HealthDegraded).len(), 1);
}

#[test]
fn access_rows_that_could_not_be_written_are_told_once_a_minute() {
    let world = World::new(&json!({}));
    world.break_database("INSERT ON log_entries WHEN NEW.source = 'caddy_access'");
    let lose = |dropped: u64| {
        assert_eq!(world.ask(3, "a.test", "/"), [200; 3]);
        while world.call("system.health", json!({}))["log_dropped_access"] != dropped {
            world.argos.flush_logs();
        }
    };
    let told = |dropped| json!({"dropped": dropped, "queue_capacity": 65_536});
    assert_eq!(world.check(), []);
    lose(3);
    assert_eq!(world.check(), [("log_queue".to_owned(), 1)]);
    assert_eq!(world.told(EventKind::LogRowsDropped), [told(3)]);
    lose(6);
    assert_eq!(world.check(), [("log_queue".to_owned(), 2)]);
    let events: Vec<_> = world.heard.try_iter().collect();
    assert_eq!(of(events.iter().cloned(), EventKind::LogRowsDropped), Vec::<Value>::new(), "a minute is not over");
    let degraded = of(events, EventKind::HealthDegraded);
    assert_eq!(degraded[0]["error"], "3 rows were dropped since the last check");
    lose(9);
    world.check();
    assert_eq!(world.told(EventKind::LogRowsDropped), [told(6)]);
    assert_eq!(world.check(), []);
    world.check();
    assert_eq!(world.told(EventKind::LogRowsDropped), Vec::<Value>::new(), "none was dropped since");
}

#[test]
fn a_waf_that_only_watches_is_told_each_week_also_after_a_restart() {
    let folder = Folder::new();
    let clock = Clock::manual(Timestamp(NOW));
    let open = || {
        let options = Options { clock: clock.clone(), crs: Some("baseline".into()), ..Options::new(folder.path()) };
        Argos::open(options).unwrap()
    };
    let call = |argos: &Argos, name: &str, input: Value| {
        argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    };
    let argos = open();
    for domain in ["detect.test", "block.test", "off.test", "unserved.test"] {
        let target = json!({"host": "127.0.0.1", "port": 9});
        call(&argos, "hosts.create", json!({"domain": domain, "target_group": {"targets": [target]}}));
    }
    call(&argos, "security.update", json!({"host_id": 2, "waf_mode": "block"}));
    call(&argos, "security.update", json!({"host_id": 3, "waf_enabled": false}));
    call(&argos, "hosts.toggle", json!({"id": 4, "enabled": false}));
    call(&argos, "security.update", json!({"host_id": 1, "waf_mode": "detect"}));
    let look = |argos: &Argos, heard: &Receiver<Arc<Event>>, after: i64| {
        clock.set(Timestamp(NOW + after));
        argos.tend().unwrap();
        let events: Vec<_> =
            heard.try_iter().filter(|event| event.kind() == EventKind::WafDetectModeReminder).collect();
        events
            .iter()
            .map(|e| (e.host.clone().unwrap().1, e.data()["days_in_detect"].as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    let none: Vec<(String, i64)> = Vec::new();
    let told = |days| vec![("detect.test".to_owned(), days)];
    let heard = argos.subscribe();
    assert_eq!(look(&argos, &heard, 7 * DAY), none, "not more than a week");
    assert_eq!(look(&argos, &heard, 7 * DAY + 1), told(7));
    assert_eq!(look(&argos, &heard, 14 * DAY), none);
    drop((argos, heard));
    // The moment comes while nothing runs; told is it once.
    let argos = open();
    let heard = argos.subscribe();
    assert_eq!(look(&argos, &heard, 16 * DAY), told(16));
    drop((argos, heard));
    let argos = open();
    let heard = argos.subscribe();
    assert_eq!(look(&argos, &heard, 17 * DAY), none);
    // A change begins the time anew.
    call(&argos, "security.update", json!({"host_id": 1, "waf_paranoia": 2}));
    assert_eq!(look(&argos, &heard, 24 * DAY), none);
    // Where no host may block, all that would only watch; the host that would block since that was said.
    call(&argos, "waf.mode", json!({"mode": "detect"}));
    assert_eq!(look(&argos, &heard, 24 * DAY + 1), told(7));
    let both = [("detect.test".to_owned(), 14), ("block.test".to_owned(), 7)];
    assert_eq!(look(&argos, &heard, 31 * DAY + 1), both);
}

#[test]
fn the_reminder_says_what_would_have_been_blocked() {
    let world = World::new(&json!({}));
    world.call("security.update", json!({"host_id": 1, "waf_mode": "detect"}));
    world.clock.set(Timestamp(NOW + DAY / 2));
    assert_eq!(world.ask(3, "a.test", ATTACK), [200; 3]);
    world.clock.set(Timestamp(NOW + 2 * DAY));
    assert_eq!(world.ask(2, "a.test", ATTACK), [200; 2]);
    while world.call("logs.search", json!({"source": "access"}))["items"].as_array().unwrap().len() < 5 {
        world.argos.flush_logs();
    }
    world.clock.set(Timestamp(NOW + 8 * DAY));
    world.argos.tend().unwrap();
    assert_eq!(world.told(EventKind::WafDetectModeReminder), [json!({"days_in_detect": 8, "would_block_7d": 2})]);
}

#[test]
fn rules_that_do_not_load_are_told_once_until_they_do() {
    let folder = Folder::new();
    let rules = folder.path().join("rules-of-ours");
    let file = rules.join("rules/one.conf");
    std::fs::create_dir_all(rules.join("rules")).unwrap();
    std::fs::write(rules.join("crs-setup.conf"), "").unwrap();
    std::fs::write(&file, "SecAction \"id:1,phase:1,pass\"\n").unwrap();
    let clock = Clock::manual(Timestamp(NOW));
    let data = folder.path().join("data");
    let open = || Argos::open(Options { clock: clock.clone(), ..Options::new(&data) }).unwrap();
    let argos = open();
    let set = json!({"key": "crs.path", "value": rules.to_str().unwrap()});
    argos.call("settings.set", set.as_object().unwrap().clone()).unwrap();
    let heard = argos.subscribe();
    let told = |heard: &Receiver<Arc<Event>>| of(heard.try_iter(), EventKind::AppsecUnavailable);
    argos.reload_rules().unwrap();
    assert_eq!(told(&heard), Vec::<Value>::new());
    let break_rules = || std::fs::write(&file, "SecRule ARGS \"@nonsense x\" \"id:1\"\n").unwrap();
    break_rules();
    argos.reload_rules().unwrap_err();
    argos.reload_rules().unwrap_err();
    let events = told(&heard);
    assert_eq!((events.len(), &events[0]["fail_open"]), (1, &json!(false)), "{events:?}");
    assert!(events[0]["error"].as_str().unwrap().starts_with("the rules were not loaded anew: "), "{events:?}");
    std::fs::write(&file, "SecAction \"id:1,phase:1,pass\"\n").unwrap();
    argos.reload_rules().unwrap();
    break_rules();
    argos.reload_rules().unwrap_err();
    assert_eq!(told(&heard).len(), 1, "it worked in between");
    drop((argos, heard));
    // A start with rules that are gone serves, without them.
    std::fs::remove_dir_all(&rules).unwrap();
    let argos = open();
    let heard = argos.subscribe();
    let serving = argos.start(&ServeOptions { threads: 1, ..Default::default() }).unwrap();
    let events = told(&heard);
    assert_eq!(events.len(), 1);
    assert!(events[0]["error"].as_str().unwrap().contains("rules-of-ours"), "{events:?}");
    serving.stop(Duration::ZERO);
}

#[test]
fn a_dead_target_is_told_at_its_third_failure() {
    let world = World::new(&json!({}));
    let dead = dead_address();
    let target = json!({"host": "127.0.0.1", "port": dead.port()});
    let host = json!({"domain": "dead.test", "tls_mode": "none", "target_group": {"targets": [target]}});
    world.call("hosts.create", host);
    world.told(EventKind::TargetUnhealthy);
    assert_eq!(world.ask(2, "dead.test", "/"), [502; 2]);
    assert_eq!(world.told(EventKind::TargetUnhealthy), Vec::<Value>::new());
    assert_eq!(world.ask(1, "dead.test", "/"), [502]);
    let event = world.next(EventKind::TargetUnhealthy);
    let data = event.data();
    assert_eq!((&data["target"], &data["state"]), (&json!(dead.to_string()), &json!("unhealthy")));
    assert!(!data["reason"].as_str().unwrap().is_empty() && data["target_group"] != "", "{data}");
    assert_eq!(event.kind().severity().as_str(), "error");
    assert!(world.stop(EventKind::TargetRecovered).is_empty(), "it never was healthy since");
}

#[test]
fn each_generation_is_told_with_who_made_it() {
    let world = World::new(&json!({}));
    world.told(EventKind::ConfigChange);
    let before = world.call("system.health", json!({}))["running_generation"].as_u64().unwrap();
    world.call("hosts.update", json!({"id": 1, "compression": true}));
    world.argos.call("hosts.update", json!({"id": 1, "domain": "*."}).as_object().unwrap().clone()).unwrap_err();
    world.call("tokens.create", json!({"name": "t", "role": "viewer"}));
    let events: Vec<_> = world.heard.try_iter().filter(|e| e.kind() == EventKind::ConfigChange).collect();
    assert_eq!(events.len(), 1, "what was refused and what is no configuration is none");
    let data = events[0].data();
    assert_eq!(data["generation"], before + 1);
    assert_eq!(
        (&data["action"], &data["resource_type"], &data["resource_id"]),
        (&json!("update"), &json!("host"), &json!("1"))
    );
    assert_eq!(data["user"], world.argos.actor().label());
    assert_eq!(events[0].host.as_ref().map(|(id, domain)| (id.0, &**domain)), Some((1, "a.test")));
}

/// A closed Argos with the host `shop.test`, whose certificate Argos makes itself, at midnight of 2026-01-01.
struct Shop {
    argos: Argos,
    clock: Clock,
    heard: Receiver<Arc<Event>>,
    folder: Folder,
}

/// 2026-01-01.
const MIDNIGHT: i64 = 1_767_225_600_000;

impl Shop {
    fn new() -> Self {
        let folder = Folder::new();
        let clock = Clock::manual(Timestamp(MIDNIGHT));
        let options = Options { clock: clock.clone(), crs: Some("baseline".into()), ..Options::new(folder.path()) };
        let argos = Argos::open(options).unwrap();
        let heard = argos.subscribe();
        let shop = Self { argos, clock, heard, folder };
        let target = json!({"host": "127.0.0.1", "port": 9});
        shop.call("hosts.create", json!({"domain": "shop.test", "target_group": {"targets": [target]}}));
        shop
    }

    fn call(&self, name: &str, input: Value) -> Value {
        self.argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    /// The end of the host's certificate.
    fn end(&self) -> i64 {
        let text = self.call("certificates.status", json!({}))["items"][0]["not_after"].as_str().unwrap().to_owned();
        Timestamp::parse(&text).unwrap().0
    }

    /// Does what is due at `at`; what of this kind is told.
    fn tend(&self, at: i64, kind: EventKind) -> Vec<Value> {
        self.clock.set(Timestamp(at));
        let _ = self.argos.tend();
        of(self.heard.try_iter(), kind)
    }
}

#[test]
fn a_certificate_that_is_not_renewed_is_told_each_day_from_the_fourteenth_before_its_end() {
    let soon = EventKind::CertExpiringSoon;
    let shop = Shop::new();
    let end = shop.end();
    // The authority's work can't be stored: the certificate stays as it is.
    let sql = "CREATE TRIGGER broken BEFORE INSERT ON certificates BEGIN SELECT RAISE(ABORT, 'broken'); END";
    Connection::open(shop.folder.path().join("argos.db")).unwrap().execute_batch(sql).unwrap();
    assert_eq!(shop.tend(end - 15 * DAY, soon), Vec::<Value>::new());
    assert_eq!(shop.tend(end - 14 * DAY - 1, soon), Vec::<Value>::new(), "one more moment than fourteen days");
    let told = shop.tend(end - 13 * DAY - 1, soon);
    assert_eq!((told.len(), &told[0]["days_left"]), (1, &json!(13)));
    assert!(told[0]["issuer"].as_str().unwrap().contains("Argos"), "{told:?}");
    assert_eq!(shop.tend(end - 13 * DAY, soon), Vec::<Value>::new(), "once a day, at nine");
    assert_eq!(shop.tend(end - 12 * DAY, soon)[0]["days_left"], 12);
    shop.call("hosts.toggle", json!({"id": 1, "enabled": false}));
    assert_eq!(shop.tend(end - 11 * DAY, soon), Vec::<Value>::new(), "it is not served");
    shop.call("hosts.toggle", json!({"id": 1, "enabled": true}));
    assert_eq!(shop.tend(end - 10 * DAY, soon)[0]["days_left"], 10);
    // Exactly fourteen days are few enough.
    let shop = Shop::new();
    let end = shop.end();
    Connection::open(shop.folder.path().join("argos.db")).unwrap().execute_batch(sql).unwrap();
    assert_eq!(shop.tend(end - 15 * DAY, soon), Vec::<Value>::new());
    assert_eq!(shop.tend(end - 14 * DAY, soon)[0]["days_left"], 14);
}

#[test]
fn an_uploaded_certificate_is_told_where_it_crosses_a_threshold_and_nowhere_else() {
    let kind = EventKind::ManualCertExpiringSoon;
    let shop = Shop::new();
    let end = MIDNIGHT + 60 * DAY;
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["shop.test".to_owned()]).unwrap();
    let at = |ms: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(ms.unsigned_abs());
    (params.not_before, params.not_after) = (at(MIDNIGHT - DAY), at(end));
    let cert = params.self_signed(&key).unwrap().pem();
    shop.call("certificates.upload", json!({"id": 1, "cert_pem": cert, "key_pem": key.serialize_pem()}));
    // At the very moment a threshold is crossed, and a day beside it is none.
    let told: Vec<_> = [31, 30, 29, 14, 0].map(|days| shop.tend(end - days * DAY, kind)).into_iter().collect();
    let left =
        |told: &[Value]| told.iter().map(|d| (d["threshold"].clone(), d["days_left"].clone())).collect::<Vec<_>>();
    let told: Vec<_> = told.iter().map(|told| left(told)).collect();
    let once = |threshold: i64| vec![(json!(threshold), json!(threshold))];
    assert_eq!(told, [vec![], once(30), vec![], once(14), once(0)]);
}
