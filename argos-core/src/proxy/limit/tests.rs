use proptest::prelude::*;

use super::*;
use crate::snapshot::LimitBy;

const SECOND: u64 = 1_000_000_000;
const HOST: HostId = HostId(1);

fn limit(requests: u32, window: u32) -> Limit {
    Limit { requests, window, by: LimitBy::Address, status: 429 }
}

/// How many of `n` requests at one moment pass.
fn passes(quotas: &Quotas, limit: &Limit, key: Key<'_>, now: u64, n: u32) -> u32 {
    (0..n).filter(|_| quotas.take_at(HOST, limit, key, now).allowed).count() as u32
}

fn address(text: &str) -> Key<'static> {
    Key::Address(text.parse().unwrap())
}

#[test]
fn as_many_pass_as_are_allowed_and_one_more_does_not() {
    for (requests, window) in [(1, 1), (3, 1), (7, 60), (100, 3600), (1_000_000, 1), (999_999, 7), (1, 86_400)] {
        let (quotas, limit) = (Quotas::default(), limit(requests, window));
        assert_eq!(passes(&quotas, &limit, Key::Host, 5, requests + 3), requests, "{limit:?}");
    }
}

#[test]
fn the_quota_comes_back_evenly_within_one_percent() {
    for (requests, window) in [(3_u32, 1_u32), (7, 60), (100, 10), (600_000, 1), (1_000_000, 3)] {
        let (quotas, limit) = (Quotas::default(), limit(requests, window));
        let step = u64::from(window) * SECOND / u64::from(requests);
        assert_eq!(passes(&quotas, &limit, Key::Host, 0, requests), requests);
        // One step is one request, and a bit less than one step is none.
        assert_eq!(passes(&quotas, &limit, Key::Host, step * 99 / 100, 1), 0, "{limit:?}");
        assert_eq!(passes(&quotas, &limit, Key::Host, step * 101 / 100, 2), 1, "{limit:?}");
        // A whole window later all of it is back.
        let later = step * 101 / 100 + u64::from(window) * SECOND;
        assert_eq!(passes(&quotas, &limit, Key::Host, later, requests + 1), requests, "{limit:?}");
    }
}

#[test]
fn over_a_long_time_the_rate_is_the_one_asked_for() {
    let (quotas, limit) = (Quotas::default(), limit(600, 60));
    // Asked every 7 ms for 100 s: the burst, and 10 a second.
    let passed = (0..100_000 / 7).filter(|n| quotas.take_at(HOST, &limit, Key::Host, n * 7_000_000).allowed).count();
    assert!((1590..=1610).contains(&passed), "{passed}");
}

#[test]
fn a_standing_says_what_is_left_and_when_there_is_more() {
    let (quotas, limit) = (Quotas::default(), limit(2, 10));
    let take = |now| {
        let standing = quotas.take_at(HOST, &limit, Key::Host, now);
        (standing.allowed, standing.left, standing.seconds)
    };
    assert_eq!(take(0), (true, 1, 5));
    assert_eq!(take(SECOND), (true, 0, 4));
    assert_eq!(take(SECOND), (false, 0, 4));
    assert_eq!(take(SECOND * 5 - 1), (false, 0, 1));
    assert_eq!(take(SECOND * 5), (true, 0, 5));
    // Less than a second is one.
    let quick = self::limit(1000, 1);
    assert_eq!(quotas.take_at(HOST, &quick, Key::Value(b"x"), 0).seconds, 1);
}

#[test]
fn an_ipv6_client_is_its_64_bits_and_others_are_their_address() {
    let (quotas, limit) = (Quotas::default(), limit(1, 60));
    for (key, first) in [
        ("2001:db8:1:2::1", true),
        ("2001:db8:1:2:ffff::9", false),
        ("2001:db8:1:3::1", true),
        ("192.0.2.1", true),
        ("192.0.2.1", false),
        ("192.0.2.2", true),
    ] {
        assert_eq!(quotas.take_at(HOST, &limit, address(key), 0).allowed, first, "{key}");
    }
}

#[test]
fn kinds_of_keys_and_hosts_are_apart() {
    let (quotas, limit) = (Quotas::default(), limit(1, 60));
    let v4: [u8; 4] = [192, 0, 2, 1];
    for host in [HostId(1), HostId(2)] {
        for key in [Key::Host, Key::Value(b""), Key::Value(&v4), Key::Value(b"a"), address("192.0.2.1"), address("::")]
        {
            assert!(quotas.take_at(host, &limit, key, 0).allowed, "{key:?}");
            assert!(!quotas.take_at(host, &limit, key, 0).allowed, "{key:?}");
        }
    }
}

#[test]
fn other_numbers_count_on() {
    let quotas = Quotas::default();
    assert_eq!(passes(&quotas, &limit(10, 10), Key::Host, 0, 20), 10);
    // More of the same rate: what was used stays used.
    assert_eq!(passes(&quotas, &limit(20, 20), Key::Host, 0, 20), 10);
    // A far longer window before: nobody waits for more than one of the new steps.
    assert_eq!(passes(&quotas, &limit(1, 86_400), Key::Value(b"x"), 0, 2), 1);
    let short = limit(5, 5);
    assert_eq!(passes(&quotas, &short, Key::Value(b"x"), 0, 5), 0);
    assert_eq!(passes(&quotas, &short, Key::Value(b"x"), SECOND, 5), 1);
}

#[test]
fn keys_are_bounded_and_the_one_in_use_stays() {
    let (quotas, limit) = (Quotas::default(), limit(1, 3600));
    assert!(quotas.take_at(HOST, &limit, Key::Value(b"kept"), 0).allowed);
    assert!(quotas.take_at(HOST, &limit, Key::Value(b"forgotten"), 0).allowed);
    for n in 0..3 * MOST_KEYS as u64 {
        quotas.take_at(HOST, &limit, Key::Value(&n.to_le_bytes()), 0);
        if n % 10_000 == 0 {
            assert!(!quotas.take_at(HOST, &limit, Key::Value(b"kept"), 0).allowed);
        }
    }
    assert_eq!((quotas.keys(), MOST_KEYS), (200_000, 200_000));
    assert!(!quotas.take_at(HOST, &limit, Key::Value(b"kept"), 0).allowed);
    assert!(quotas.take_at(HOST, &limit, Key::Value(b"forgotten"), 0).allowed);
}

#[test]
fn a_long_value_takes_no_more_room_than_a_short_one() {
    let (quotas, limit) = (Quotas::default(), limit(1, 60));
    let long = vec![b'x'; 60_000];
    assert!(quotas.take_at(HOST, &limit, Key::Value(&long), 0).allowed);
    assert!(!quotas.take_at(HOST, &limit, Key::Value(&long), 0).allowed);
    assert!(quotas.take_at(HOST, &limit, Key::Value(&long[1..]), 0).allowed);
    assert_eq!(quotas.keys(), 2);
}

#[test]
fn all_cores_count_together() {
    let (quotas, limit) = (Quotas::default(), limit(1000, 86_400));
    let passed: u32 = std::thread::scope(|scope| {
        let one = || passes(&quotas, &limit, address("192.0.2.1"), 0, 700);
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1000);
}

/// A bucket of time that is filled microsecond by microsecond: the slow way to the same.
struct Bucket {
    level: u64,
    step: u64,
    at: u64,
}

impl Bucket {
    fn take(&mut self, limit: &Limit, now: u64) -> bool {
        while self.at < now {
            self.at += 1;
            self.level = (self.level + 1000).min(self.step * u64::from(limit.requests));
        }
        let passes = self.level >= self.step;
        if passes {
            self.level -= self.step;
        }
        passes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_a_bucket_that_fills_evenly(
        requests in 1_u32..50,
        window in 1_u32..4,
        waits in proptest::collection::vec(prop_oneof![Just(0), 0_u64..300_000], 1..120),
    ) {
        let (quotas, limit) = (Quotas::default(), limit(requests, window));
        let step = u64::from(window) * SECOND / u64::from(requests);
        let mut bucket = Bucket { level: step * u64::from(requests), step, at: 0 };
        let mut now = 0;
        for wait in waits {
            now += wait;
            let standing = quotas.take_at(HOST, &limit, Key::Host, now * 1000);
            prop_assert_eq!(standing.allowed, bucket.take(&limit, now), "at {} µs", now);
            prop_assert_eq!(u64::from(standing.left), bucket.level / step);
            let more = (step - bucket.level % step).div_ceil(SECOND);
            prop_assert_eq!(u64::from(standing.seconds), more);
        }
    }
}
