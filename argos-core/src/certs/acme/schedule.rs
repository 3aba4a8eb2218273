//! When the next attempt or renewal of a certificate is due, and how many begin at once.

use crate::clock::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Orders that may begin at once after a quiet time.
const AT_ONCE: i64 = 4;
/// Then one begins after each of these: 1,200 in an hour.
const EVERY_MS: i64 = 3000;

/// How long to wait after the `failures`th failure in a row: 1 minute, doubled up to 24 hours, and up to a fifth less or
/// more, as `random` says, so that hosts which failed together don't come back together.
#[must_use]
pub fn backoff(failures: u32, random: u64) -> i64 {
    let wait = (MINUTE_MS << failures.saturating_sub(1).min(11)).min(DAY_MS);
    let fifth = wait / 5;
    let spread = i64::try_from(random % u64::try_from(2 * fifth + 1).unwrap_or(1)).unwrap_or(0);
    wait - fifth + spread
}

/// When a certificate is renewed whose authority says nothing of it: with a third of its life left.
#[must_use]
pub fn renewal_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    Timestamp(not_after.0 - (not_after.0 - not_before.0).max(0) / 3)
}

/// A moment between `start` and `end` that is the same for the same certificate, and random over certificates. Source:
/// RFC 9773 §4.2.
#[must_use]
pub fn within(start: Timestamp, end: Timestamp, fingerprint_sha256: &str) -> Timestamp {
    let digits = fingerprint_sha256.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let window = i128::from((end.0 - start.0).max(0));
    let at = window * i128::from(digits) / i128::from(u32::MAX);
    Timestamp(start.0 + i64::try_from(at).unwrap_or(0))
}

/// How fast orders may begin, over all hosts.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The moment from which the waiting of the next is counted.
    from: Option<Timestamp>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}

impl Pace {
    /// After a quiet time.
    #[must_use]
    pub const fn new() -> Self {
        Self { from: None }
    }

    /// When the next order may begin.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Timestamp {
        match self.from {
            // One in the future was noted before the clock was set back.
            Some(from) if from.0 <= now.0 => Timestamp((from.0 + EVERY_MS).min(now.0 + EVERY_MS)),
            _ => now,
        }
    }

    /// Whether an order may begin now; then it counts as begun.
    pub fn begin(&mut self, now: Timestamp) -> bool {
        if self.next(now) > now {
            return false;
        }
        let earliest = now.0 - AT_ONCE * EVERY_MS;
        let from = self.from.filter(|from| from.0 <= now.0).map_or(earliest, |from| from.0.max(earliest));
        self.from = Some(Timestamp(from + EVERY_MS));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_day_and_differ_by_a_fifth() {
        let minutes = |failures, random| backoff(failures, random) as f64 / MINUTE_MS as f64;
        for (failures, base) in [(1, 1.0), (2, 2.0), (5, 16.0), (11, 1024.0), (12, 1440.0), (99, 1440.0)] {
            let all: Vec<f64> = (0..2000).map(|i| minutes(failures, i * 7_919_311)).collect();
            let (least, most) = all.iter().fold((f64::MAX, 0f64), |(a, b), x| (a.min(*x), b.max(*x)));
            assert!(least >= base * 0.8 && most <= base * 1.2, "{failures}: {least}–{most}");
            assert!(most - least > base * 0.35, "{failures}: {least}–{most}");
        }
    }

    #[test]
    fn without_word_of_the_authority_a_third_of_the_life_is_left() {
        assert_eq!(renewal_at(Timestamp(0), Timestamp(90 * DAY_MS)), Timestamp(60 * DAY_MS));
        assert_eq!(renewal_at(Timestamp(0), Timestamp(6 * DAY_MS)), Timestamp(4 * DAY_MS));
    }

    #[test]
    fn the_moment_within_a_window_belongs_to_the_certificate() {
        let at = |fingerprint: &str| within(Timestamp(1000), Timestamp(2000), fingerprint).0;
        assert_eq!((at("00000000aa"), at("ffffffffaa"), at("80000000aa")), (1000, 2000, 1500));
        assert_eq!(at(""), 1000);
        assert_eq!(within(Timestamp(2000), Timestamp(1000), "ffffffff").0, 2000);
    }

    #[test]
    fn four_begin_at_once_then_one_in_three_seconds() {
        let mut pace = Pace::new();
        let begun: Vec<i64> = (0..60)
            .filter(|second| {
                let now = Timestamp(1_000_000 + second * 1000);
                std::iter::from_fn(|| pace.begin(now).then_some(())).take(100).count() > 0
            })
            .collect();
        assert_eq!(&begun[..4], &[0, 3, 6, 9]);
        let mut pace = Pace::new();
        let at_once = |pace: &mut Pace, ms| std::iter::from_fn(|| pace.begin(Timestamp(ms)).then_some(())).count();
        assert_eq!(at_once(&mut pace, 50_000), 4);
        assert_eq!(at_once(&mut pace, 53_000), 1);
        assert_eq!(at_once(&mut pace, 500_000), 4);
        // The clock was set back: nothing waits for the future.
        assert_eq!(at_once(&mut pace, 10_000), 4);
    }

    #[test]
    fn a_thousand_that_are_due_together_take_most_of_an_hour() {
        let mut pace = Pace::new();
        let (mut left, mut most) = (1000, 0);
        for minute in 0..60 {
            let mut begun = 0;
            for second in 0..60 {
                while left > 0 && pace.begin(Timestamp((minute * 60 + second) * 1000)) {
                    left -= 1;
                    begun += 1;
                }
            }
            most = most.max(begun);
        }
        assert_eq!(left, 0);
        assert!(most <= 24, "{most} in a minute");
    }
}
