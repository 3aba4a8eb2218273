//! The thresholds, at one less and exactly.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000_000;

struct World {
    lookout: Lookout,
    heard: Receiver<Arc<Event>>,
}

impl World {
    fn new() -> Self {
        let events = Events::default();
        Self { heard: events.subscribe(), lookout: Lookout::new(events) }
    }

    /// Hands over what was seen at these milliseconds; what is told: kind, milliseconds, data.
    fn see(&self, sightings: impl IntoIterator<Item = Sighting>) -> Vec<(String, i64, Value)> {
        self.see_by(3_600_000, sightings)
    }

    /// The same by a clock that stands at `now`.
    fn see_by(&self, now: i64, sightings: impl IntoIterator<Item = Sighting>) -> Vec<(String, i64, Value)> {
        let (mut sightings, now): (Vec<_>, _) = (sightings.into_iter().collect(), Timestamp(NOW + now));
        self.lookout.take(&mut sightings, now, |host| (host == HostId(1)).then(|| "a.test".into()));
        assert!(sightings.is_empty());
        let told = self.heard.try_iter();
        told.map(|event| (event.kind().as_str().to_owned(), event.timestamp.0 - NOW, event.data())).collect()
    }
}

fn attack(ms: i64, client: u8, blocked: bool) -> Sighting {
    Sighting::Attack { at: Timestamp(NOW + ms), client: [192, 0, 2, client].into(), blocked }
}

fn refusal(ms: i64, host: i64) -> Sighting {
    Sighting::Refusal { at: Timestamp(NOW + ms), host: HostId(host) }
}

fn failure(ms: i64, open: bool) -> Sighting {
    Sighting::Failure { at: Timestamp(NOW + ms), open }
}

fn burst(ms: i64, count: u64, blocked: u64) -> (String, i64, Value) {
    let data = json!({"remote_ip": "192.0.2.7", "count": count, "window_seconds": 60, "blocked": blocked});
    ("waf_attack_burst".into(), ms, data)
}

fn limited(ms: i64, count: u64) -> (String, i64, Value) {
    ("rate_limit_triggered".into(), ms, json!({"count": count, "window_seconds": 30}))
}

#[test]
fn ten_attacks_of_one_client_within_a_minute_are_a_burst_and_nine_are_none() {
    let world = World::new();
    assert_eq!(world.see((0..9).map(|n| attack(n * 1000, 7, n % 2 == 0))), []);
    // What others do does not count.
    assert_eq!(world.see((0..9).map(|n| attack(n * 1000, 8, true))), []);
    assert_eq!(world.see([attack(59_999, 7, false)]), [burst(59_999, 10, 5)]);
    let world = World::new();
    assert_eq!(world.see((0..9).map(|_| attack(0, 7, true))), []);
    assert_eq!(world.see([attack(60_000, 7, true)]), [], "the first nine are a minute old");
    assert_eq!(world.see((0..9).map(|_| attack(119_999, 7, true))), [burst(119_999, 10, 10)]);
}

#[test]
fn one_that_goes_on_is_told_once_a_minute_with_all_of_it() {
    let world = World::new();
    // Four attacks a second for two minutes and a half. Of many, those of one second go together.
    let told: Vec<_> = (0..600).flat_map(|n| world.see([attack(n * 250, 7, n % 4 == 0)])).collect();
    assert_eq!(told, [burst(2250, 10, 3), burst(62_250, 238, 60), burst(122_250, 238, 60)]);
    // What comes in one breath is told together.
    let world = World::new();
    assert_eq!(world.see((0..600).map(|n| attack(n, 7, false))), [burst(9, 600, 0)]);
}

#[test]
fn five_refusals_of_one_host_within_half_a_minute_are_told_and_four_are_not() {
    let world = World::new();
    assert_eq!(world.see((0..4).map(|_| refusal(0, 1))), []);
    assert_eq!(world.see((0..4).map(|_| refusal(0, 2))), []);
    assert_eq!(world.see([refusal(30_000, 1)]), [], "the first four are too old");
    assert_eq!(world.see((0..4).map(|n| refusal(30_001 + n, 1))), [limited(30_004, 5)]);
    assert_eq!(world.see((0..50).map(|n| refusal(40_000 + n, 1))), [], "it is quiet for a minute");
    assert_eq!(world.see((0..4).map(|n| refusal(90_000 + n, 1))), []);
    assert_eq!(world.see([refusal(90_004, 1)]), [limited(90_004, 5)]);
    // A host that is gone has no name to be told by.
    assert_eq!(world.see((0..9).map(|_| refusal(90_004, 2))), []);
}

#[test]
fn requests_that_end_out_of_order_count_where_they_began() {
    let world = World::new();
    assert_eq!(world.see((0..5).map(|n| refusal(100_000 - n * 7_500, 1))), [], "the last one began too long before");
    assert_eq!(world.see([refusal(99_000, 1)]), [limited(100_000, 5)]);
}

#[test]
fn an_engine_that_fails_is_told_once_until_it_works_again() {
    let world = World::new();
    let told = |open| {
        let data = json!({"error": "the engine failed while it inspected a request", "fail_open": open});
        ("appsec_unavailable".to_owned(), data)
    };
    let see = |ms, open| world.see([failure(ms, open)]).into_iter().map(|(kind, _, data)| (kind, data)).next();
    assert_eq!(see(0, false), Some(told(false)));
    assert_eq!(see(299_999, false), None);
    assert_eq!(see(599_998, true), None);
    assert_eq!(see(899_998, true), Some(told(true)), "five minutes without a failure");
}

#[test]
fn a_clock_that_is_set_back_blinds_nobody() {
    let world = World::new();
    assert_eq!(world.see((0..5).map(|_| refusal(3_600_000, 1))).len(), 1);
    assert_eq!(world.see_by(4, (0..5).map(|n| refusal(n, 1))), [limited(4, 5)]);
    assert_eq!(world.see([failure(3_600_000, true)]).len(), 1);
    assert_eq!(world.see_by(0, [failure(0, true)]).len(), 1);
}

#[test]
fn so_many_clients_are_known_and_no_more_the_oldest_are_forgotten() {
    let mut detector = Detector::new(10, 60_000, 1000);
    for n in 0..5000 {
        detector.note(n, Timestamp(n), false, Timestamp(n));
        assert!(detector.known.len() <= 1000);
    }
    assert!((3_500..5_000).all(|n| !detector.known.contains_key(&n) || n >= 4_000));
    assert!((4_500..5_000).all(|n| detector.known.contains_key(&n)));
    // All of one moment: as many go as must.
    let mut detector = Detector::new(10, 60_000, 1000);
    (0..1001).for_each(|n| detector.note(n, Timestamp(7), false, Timestamp(7)));
    assert_eq!(detector.known.len(), 501);
    // One that does a lot takes no more room for it.
    let mut detector = Detector::new(10, 60_000, 1000);
    (0..100_000).for_each(|n| detector.note(1, Timestamp(n), false, Timestamp(n)));
    assert!(detector.known[&1].moments.len() <= 10 + 61);
}
