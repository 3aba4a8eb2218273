//! The bounded queue between the request threads and the writer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::record::Record;

/// How many rows wait at most.
pub const QUEUE_ROWS: usize = 65_536;

/// Rows on their way to the writer. Producers never wait for it: over [`QUEUE_ROWS`], access rows are dropped first,
/// then error, then WAF rows, and each drop is counted.
pub struct Queue {
    rows: Mutex<Rows>,
    limit: usize,
    // Set when the writer was told of rows that it has not taken yet.
    told: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
    offered: AtomicU64,
    dropped: [AtomicU64; 3],
}

/// One queue per rank, the most dispensable first.
#[derive(Default)]
struct Rows([VecDeque<Record>; 3]);

/// Rows dropped since the start, by source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Access rows.
    pub access: u64,
    /// Error rows.
    pub error: u64,
    /// WAF rows.
    pub waf_audit: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.access + self.error + self.waf_audit
    }
}

impl Queue {
    /// An empty queue. `wake` is called from a request thread when rows became available and the writer has not
    /// been told since its last [`Queue::take`]; it must not block.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::with_limit(QUEUE_ROWS, wake)
    }

    /// As [`Queue::new`] with room for `limit` rows.
    #[must_use]
    pub fn with_limit(limit: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            rows: Mutex::default(),
            limit,
            told: AtomicBool::new(false),
            wake: Box::new(wake),
            offered: AtomicU64::new(0),
            dropped: Default::default(),
        }
    }

    /// Takes over all of `rows`, leaving it empty with its capacity.
    pub fn offer(&self, rows: &mut Vec<Record>) {
        if rows.is_empty() {
            return;
        }
        self.offered.fetch_add(rows.len() as u64, Ordering::Relaxed);
        {
            let mut queue = self.lock();
            for row in rows.drain(..) {
                if let Some(rank) = queue.push(row, self.limit) {
                    self.dropped[rank].fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if !self.told.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
    }

    /// At most `max` rows, the least dispensable first; empty when none wait. The writer calls it until it is empty.
    #[must_use]
    pub fn take(&self, max: usize) -> Vec<Record> {
        self.told.store(false, Ordering::Release);
        let mut queue = self.lock();
        let mut out = Vec::with_capacity(max.min(queue.len()));
        for rows in queue.0.iter_mut().rev() {
            let n = rows.len().min(max - out.len());
            out.extend(rows.drain(..n));
        }
        out
    }

    /// Counts rows that were taken and could not be written.
    pub fn count_lost(&self, access: u64, error: u64, waf_audit: u64) {
        for (dropped, lost) in self.dropped.iter().zip([access, error, waf_audit]) {
            dropped.fetch_add(lost, Ordering::Relaxed);
        }
    }

    /// Rows that wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.lock().len()
    }

    /// Rows ever offered, the dropped ones included.
    #[must_use]
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Rows ever dropped, the ones that could not be written included.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        let [access, error, waf_audit] = [0, 1, 2].map(|i: usize| self.dropped[i].load(Ordering::Relaxed));
        Dropped { access, error, waf_audit }
    }

    // A thread that panicked while it held the lock left whole rows, so the queue stays good.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// Adds `row`; the rank of the row that had to go, if one had to.
    fn push(&mut self, row: Record, limit: usize) -> Option<usize> {
        let rank = row.rank();
        let mut gone = None;
        if self.len() >= limit {
            let victim = self.0[..rank].iter().position(|rows| !rows.is_empty());
            let Some(victim) = victim else { return Some(rank) };
            self.0[victim].pop_front();
            gone = Some(victim);
        }
        self.0[rank].push_back(row);
        gone
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("offered", &self.offered()).field("dropped", &self.dropped()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::clock::Timestamp;
    use crate::logs::{Access, Fault};

    fn access() -> Record {
        Record::Access(Box::new(Access::new(Timestamp(1))))
    }

    fn error() -> Record {
        Record::Error(Box::new(Fault::new(Timestamp(1), "test", "text".into())))
    }

    #[test]
    fn overflow_drops_access_rows_first_and_counts_them() {
        let queue = Queue::with_limit(4, || ());
        queue.offer(&mut (0..6).map(|_| access()).collect());
        assert_eq!(queue.dropped(), Dropped { access: 2, ..Dropped::default() });
        queue.offer(&mut (0..5).map(|_| error()).collect());
        assert_eq!(queue.dropped(), Dropped { access: 6, error: 1, waf_audit: 0 });
        let taken = queue.take(100);
        assert_eq!(taken.len() as u64 + queue.dropped().total(), queue.offered());
        assert!(taken.iter().all(|r| matches!(r, Record::Error(_))));
    }

    #[test]
    fn wakes_once_per_take() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let queue = Queue::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        queue.offer(&mut vec![access()]);
        queue.offer(&mut vec![access()]);
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_eq!(queue.take(1).len(), 1);
        assert_eq!(queue.depth(), 1);
        queue.offer(&mut vec![access()]);
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn no_row_is_lost_between_threads() {
        let queue = Arc::new(Queue::with_limit(500, || ()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || (0..50).for_each(|_| queue.offer(&mut (0..64).map(|_| access()).collect())))
            })
            .collect();
        let mut taken = 0;
        while !threads.iter().all(|t| t.is_finished()) {
            taken += queue.take(1000).len() as u64;
        }
        threads.into_iter().for_each(|t| t.join().unwrap());
        taken += queue.take(1000).len() as u64;
        assert_eq!(taken + queue.dropped().total(), 4 * 50 * 64);
        assert_eq!(queue.offered(), 4 * 50 * 64);
    }
}
