//! Whether the log queue does its work: it is looked at from time to time.

use super::queue::{Counts, Queue};
use crate::clock::Timestamp;

/// How often at most dropped rows are told.
const EVERY_MS: i64 = 60_000;

/// What is seen of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows that wait.
    pub depth: u64,
    /// Rows ever offered.
    pub offered: u64,
    /// Rows ever dropped.
    pub dropped: Counts,
}

/// Watches the log queue from check to check.
#[derive(Debug)]
pub struct Drops {
    last: Figures,
    /// What was dropped when it was last told, and when that was.
    told: (Counts, Option<Timestamp>),
}

impl Drops {
    /// Begins with what the queue shows now.
    #[must_use]
    pub fn new(now: Figures) -> Self {
        Self { last: now, told: (now.dropped, None) }
    }

    /// What is wrong with the queue, by what it shows now and showed at the last check.
    ///
    /// # Errors
    /// Rows that were dropped, or that wait while none is written.
    pub fn check(&mut self, now: Figures) -> Result<(), String> {
        let last = std::mem::replace(&mut self.last, now);
        let written = |f: Figures| f.offered.saturating_sub(f.depth + f.dropped.total());
        match now.dropped.total().saturating_sub(last.dropped.total()) {
            0 if now.depth > 0 && last.depth > 0 && written(now) == written(last) => {
                Err(format!("{} rows wait and none was written since the last check", now.depth))
            }
            0 => Ok(()),
            dropped => Err(format!("{dropped} rows were dropped since the last check")),
        }
    }

    /// What was dropped since it was last told, at most once a minute.
    pub fn told(&mut self, now: Timestamp) -> Option<Counts> {
        let (before, at) = self.told;
        let dropped = self.last.dropped;
        let early = at.is_some_and(|at| (0..EVERY_MS).contains(&(now.0 - at.0)));
        if early || dropped == before {
            return None;
        }
        self.told = (dropped, Some(now));
        Some(Counts {
            access: dropped.access - before.access,
            error: dropped.error - before.error,
            waf_audit: dropped.waf_audit - before.waf_audit,
        })
    }
}

impl Figures {
    /// Those of `queue` now.
    #[must_use]
    pub fn of(queue: &Queue) -> Self {
        // In this order: what comes in between is not taken for written.
        let (dropped, depth) = (queue.dropped(), queue.depth() as u64);
        Self { depth, offered: queue.offered(), dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_fails_that_drops_rows_or_stands_still() {
        let figures =
            |depth, offered, access| Figures { depth, offered, dropped: Counts { access, ..Counts::default() } };
        let mut drops = Drops::new(figures(0, 1000, 7));
        assert_eq!(drops.check(figures(0, 2000, 7)), Ok(()));
        assert_eq!(drops.check(figures(5, 2005, 7)), Ok(()), "rows that have just come");
        assert_eq!(drops.check(figures(5, 2006, 7)), Ok(()), "one was written");
        assert!(drops.check(figures(9, 2010, 7)).unwrap_err().contains("none was written"));
        assert_eq!(drops.told(Timestamp(0)), None);
        assert_eq!(drops.check(figures(0, 3000, 10)).unwrap_err(), "3 rows were dropped since the last check");
        assert_eq!(drops.told(Timestamp(0)).unwrap().access, 3);
        assert!(drops.check(figures(0, 4000, 14)).is_err());
        assert_eq!(drops.told(Timestamp(59_999)), None, "once a minute");
        assert_eq!(drops.told(Timestamp(60_000)).unwrap().access, 4);
        assert_eq!(drops.told(Timestamp(120_000)), None);
    }
}
