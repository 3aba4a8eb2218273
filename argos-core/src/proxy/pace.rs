//! How fast a request's body comes: neither memory nor a connection is had for a byte now and then.

use std::time::{Duration, Instant};

/// Over which time the rate is looked at.
const OVER: Duration = Duration::from_secs(10);

/// The pace of one body. It is looked at when bytes come; a body of which nothing comes is another limit's matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    since: Instant,
    /// Bytes that had come by then.
    at: u64,
    /// Bytes that must come in [`OVER`]; 0 = any number.
    least: u64,
}

impl Pace {
    /// Of at least `rate` bytes a second, beginning now.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        Self { since: now, at: 0, least: u64::from(rate) * OVER.as_secs() }
    }

    /// Whether `came` bytes in all are enough. Time in which it is `waited` for another than the client does not count.
    pub(crate) fn keeps_up(&mut self, came: u64, waited: bool, now: Instant) -> bool {
        let over = now.duration_since(self.since) >= OVER;
        let enough = !over || waited || came.saturating_sub(self.at) >= self.least;
        if over || waited {
            (self.since, self.at) = (now, came);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_ten_seconds() {
        let begin = Instant::now();
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let pace = || Pace::new(240, begin);
        assert!(pace().keeps_up(1, false, at(9)), "it is too soon to tell");
        assert!(pace().keeps_up(2400, false, at(10)));
        assert!(!pace().keeps_up(2399, false, at(10)));
        assert!(pace().keeps_up(1, true, at(100)), "somebody else was waited for");
        assert!(Pace::new(0, begin).keeps_up(0, false, at(100)), "there is no least rate");
        let mut pace = pace();
        assert!(pace.keeps_up(2400, false, at(10)) && pace.keeps_up(2400, false, at(19)));
        assert!(!pace.keeps_up(4799, false, at(20)), "each ten seconds count anew");
    }
}
