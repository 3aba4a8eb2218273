//! How many further tries a group may cost, so that a failing upstream is not asked several times as often.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Seconds that count.
const SECONDS: usize = 10;
/// Further tries that each second may have, however few requests there are.
const LEAST: u32 = 3;

/// Requests and further tries of the last ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Budget([Second; SECONDS]);

#[derive(Debug, Default)]
struct Second {
    /// Which one it is, counted from 1; 0 = none yet.
    number: AtomicU64,
    requests: AtomicU32,
    retries: AtomicU32,
}

impl Budget {
    /// Counts a request.
    pub(crate) fn count(&self, now_ms: u64) {
        self.second(now_ms).requests.fetch_add(1, Relaxed);
    }

    /// Takes a further try out of the budget, `percent` of the requests; false when nothing is left of it.
    pub(crate) fn take(&self, now_ms: u64, percent: u32) -> bool {
        let now = self.second(now_ms);
        let number = now.number.load(Relaxed);
        let (mut requests, mut retries) = (0, 0);
        for second in &self.0 {
            let at = second.number.load(Relaxed);
            if at > 0 && at <= number && number - at < SECONDS as u64 {
                requests += u64::from(second.requests.load(Relaxed));
                retries += u64::from(second.retries.load(Relaxed));
            }
        }
        let left = retries * 100 < requests * u64::from(percent);
        let taken = left || now.retries.load(Relaxed) < LEAST;
        if taken {
            now.retries.fetch_add(1, Relaxed);
        }
        taken
    }

    fn second(&self, now_ms: u64) -> &Second {
        let number = now_ms / 1000 + 1;
        let second = &self.0[(number % SECONDS as u64) as usize];
        let known = second.number.load(Relaxed);
        // Whoever comes first empties it; what others count in between may be lost, and is little.
        if known < number && second.number.compare_exchange(known, number, Relaxed, Relaxed).is_ok() {
            second.requests.store(0, Relaxed);
            second.retries.store(0, Relaxed);
        }
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_of_ten_seconds() {
        let budget = Budget::default();
        for second in 0..10 {
            (0..100).for_each(|_| budget.count(second * 1000));
        }
        let taken = (0..1000).filter(|_| budget.take(9_999, 20)).count();
        assert_eq!(taken, 200);
        // A second later a tenth of the requests no longer counts, and what was taken does.
        assert_eq!((0..10).filter(|_| budget.take(10_000, 20)).count(), LEAST as usize);
        // Ten seconds after all of them nothing is left but the least.
        assert_eq!((0..10).filter(|_| budget.take(30_000, 20)).count(), LEAST as usize);
    }

    #[test]
    fn three_a_second_are_always_there() {
        let budget = Budget::default();
        for second in 5..8 {
            assert_eq!((0..10).filter(|_| budget.take(second * 1000 + 500, 0)).count(), 3, "second {second}");
        }
        budget.count(8000);
        assert_eq!((0..10).filter(|_| budget.take(8000, 100)).count(), 3);
    }
}
