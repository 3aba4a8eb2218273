//! What is held back: repetitions within a rule's window, and more than a channel may send.

use std::collections::{HashMap, VecDeque};

use crate::clock::Timestamp;
use crate::event::EventKind;
use crate::schema::{ChannelId, HostId, NotificationRuleId};

/// Keys that are remembered; the oldest goes for a new one.
const MOST_KEYS: usize = 10_000;
/// One delivery, in parts that a bucket gains whole: with a rate of 1 in a minute it gains one of them in a millisecond.
const ONE: i64 = 60_000;

/// What counts as a repetition: the same rule, the same kind of event, the same host.
pub type Key = (NotificationRuleId, EventKind, Option<HostId>);

/// When each key was last allowed.
#[derive(Debug, Default)]
pub struct Throttle {
    allowed: HashMap<Key, Timestamp>,
    /// Keys in the order in which they were allowed; of a key that was allowed again the older entries are stale.
    order: VecDeque<(Timestamp, Key)>,
}

impl Throttle {
    /// Whether an event of `key` is told, at most one in `window_seconds`; 0 = always. One that is told begins a window.
    pub fn allows(&mut self, key: Key, window_seconds: i64, now: Timestamp) -> bool {
        if window_seconds == 0 {
            return true;
        }
        let window = 0..window_seconds.saturating_mul(1000);
        // A moment in the future was noted before the clock was set back.
        if self.allowed.get(&key).is_some_and(|at| window.contains(&(now.0 - at.0))) {
            return false;
        }
        self.allowed.insert(key, now);
        self.order.push_back((now, key));
        while self.allowed.len() > MOST_KEYS || self.order.len() > 2 * MOST_KEYS {
            let Some((at, key)) = self.order.pop_front() else { break };
            if self.allowed.get(&key) == Some(&at) {
                self.allowed.remove(&key);
            }
        }
        true
    }
}

/// What each channel may still send: a bucket that is full with a minute's worth, and fills within a minute.
#[derive(Debug, Default)]
pub struct Rates(HashMap<ChannelId, Bucket>);

#[derive(Debug)]
struct Bucket {
    rate: u32,
    /// What is left, in parts of [`ONE`].
    left: i64,
    at: Timestamp,
}

impl Rates {
    /// Takes one delivery from the bucket of `channel`; `rate` in a minute, 0 = as many as come. Another rate than before
    /// begins with a full bucket.
    pub fn take(&mut self, channel: ChannelId, rate: u32, now: Timestamp) -> bool {
        if rate == 0 {
            self.0.remove(&channel);
            return true;
        }
        let full = i64::from(rate) * ONE;
        let bucket = self.0.entry(channel).or_insert(Bucket { rate, left: full, at: now });
        if bucket.rate != rate {
            *bucket = Bucket { rate, left: full, at: now };
        }
        // A clock that was set back gives nothing.
        let gained = (now.0 - bucket.at.0).clamp(0, ONE) * i64::from(rate);
        (bucket.left, bucket.at) = ((bucket.left + gained).min(full), now);
        let has = bucket.left >= ONE;
        if has {
            bucket.left -= ONE;
        }
        has
    }

    /// Forgets channels that are gone.
    pub fn retain(&mut self, lives: impl Fn(ChannelId) -> bool) {
        self.0.retain(|id, _| lives(*id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rule: i64, host: Option<i64>) -> Key {
        (NotificationRuleId(rule), EventKind::ConfigChange, host.map(HostId))
    }

    #[test]
    fn one_in_a_window_that_begins_with_the_last_allowed() {
        let mut throttle = Throttle::default();
        let mut at = |ms| throttle.allows(key(1, Some(1)), 10, Timestamp(ms));
        assert!(at(0) && !at(1) && !at(9_999) && at(10_000) && !at(19_999) && at(20_000));
        // Each rule and host has its own; 0 holds nothing back.
        assert!(throttle.allows(key(1, Some(2)), 10, Timestamp(20_001)));
        assert!(throttle.allows(key(2, Some(1)), 10, Timestamp(20_001)));
        assert!(throttle.allows(key(1, None), 10, Timestamp(20_001)));
        assert!(throttle.allows(key(1, Some(1)), 0, Timestamp(20_001)));
        // A clock that was set back holds nothing back for longer.
        assert!(throttle.allows(key(1, None), 10, Timestamp(5)));
    }

    #[test]
    fn it_remembers_a_bounded_number_of_keys() {
        let mut throttle = Throttle::default();
        for round in 0..3 {
            for host in 0..15_000 {
                assert!(throttle.allows(key(1, Some(host)), 1, Timestamp(round * 100_000 + host)));
            }
        }
        assert!(throttle.allowed.len() <= MOST_KEYS && throttle.order.len() <= 2 * MOST_KEYS);
        assert!(!throttle.allows(key(1, Some(14_999)), 1, Timestamp(215_000)));
    }

    #[test]
    fn a_bucket_holds_a_minute_and_fills_within_one() {
        let mut rates = Rates::default();
        let mut taken = |rate, ms, tries| (0..tries).filter(|_| rates.take(ChannelId(1), rate, Timestamp(ms))).count();
        assert_eq!(taken(10, 0, 50), 10);
        assert_eq!(taken(10, 5_999, 50), 0);
        assert_eq!(taken(10, 6_000, 50), 1);
        assert_eq!(taken(10, 36_000, 50), 5);
        assert_eq!(taken(10, 600_000, 50), 10);
        // Another rate begins with a full bucket; none has no bucket at all.
        assert_eq!(taken(20, 600_000, 50), 20);
        assert_eq!(taken(0, 600_000, 50), 50);
        assert_eq!(taken(20, 600_000, 50), 20);
        // Looking often loses nothing: 20 a minute is one in three seconds.
        let slowly: usize = (600_000..660_000).map(|ms| taken(20, ms, 1)).sum();
        assert!((19..=20).contains(&slowly), "{slowly}");
    }
}
