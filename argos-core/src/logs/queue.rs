//! The bounded queue between the request threads and the writer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::AccessBatch;
use super::record::Record;
use crate::schema::LogEntry;

/// How many rows wait at most.
pub const QUEUE_ROWS: usize = 65_536;
/// How many empty batches are kept.
const SPARE: usize = 64;
/// Place of access rows among the counts of what was dropped; error and WAF rows follow.
const ACCESS: usize = 0;

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

/// What waits, and memory for what will.
#[derive(Default)]
struct Rows {
    access: VecDeque<AccessBatch>,
    access_rows: usize,
    /// One queue per rank, the most dispensable first.
    records: [VecDeque<Record>; 2],
    spare: Vec<AccessBatch>,
}

/// Rows that were taken together.
#[derive(Debug, Default)]
pub struct Taken {
    /// Error and WAF rows.
    pub records: VecDeque<Record>,
    /// Access rows.
    pub access: Vec<AccessBatch>,
    /// Batches at the front that are empty by now.
    done: usize,
}

impl Taken {
    /// Moves the next row to store into `row`, the values of masked parameters as `***`; whether there was one.
    pub fn next_into(&mut self, row: &mut LogEntry) -> bool {
        if let Some(record) = self.records.pop_front() {
            *row = record.into_entry();
            return true;
        }
        while let Some(batch) = self.access.get_mut(self.done) {
            if batch.next_into(row) {
                return true;
            }
            self.done += 1;
        }
        false
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len() + self.access.iter().map(AccessBatch::len).sum::<usize>()
    }

    /// How many rows of each source.
    #[must_use]
    pub fn count(&self) -> Counts {
        let access = self.access.iter().map(AccessBatch::len).sum::<usize>() as u64;
        let mut counts = Counts { access, ..Counts::default() };
        for record in &self.records {
            match record {
                Record::Error(_) => counts.error += 1,
                Record::WafAudit(_) => counts.waf_audit += 1,
            }
        }
        counts
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows by source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Access rows.
    pub access: u64,
    /// Error rows.
    pub error: u64,
    /// WAF rows.
    pub waf_audit: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.access += other.access;
        self.error += other.error;
        self.waf_audit += other.waf_audit;
    }
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.access + self.error + self.waf_audit
    }
}

impl Queue {
    /// An empty queue. `wake` is called from a request thread when rows became available and the writer has not
    /// been told since it last [woke](Queue::woken); it must not block.
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

    /// Takes over the rows of `batch`, leaving an empty one.
    pub fn offer_access(&self, batch: &mut AccessBatch) {
        if batch.is_empty() {
            return;
        }
        self.offered.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let gone = {
            let mut queue = self.lock();
            let room = self.limit.saturating_sub(queue.len());
            let gone = batch.truncate(room);
            if batch.is_empty() {
                batch.clear();
            } else {
                let spare = queue.spare.pop().unwrap_or_else(|| AccessBatch::with_capacity(batch.len()));
                queue.access_rows += batch.len();
                queue.access.push_back(std::mem::replace(batch, spare));
            }
            gone
        };
        self.dropped[ACCESS].fetch_add(gone as u64, Ordering::Relaxed);
        self.tell();
    }

    /// Takes over a row.
    pub fn offer(&self, record: Record) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        if let Some(source) = self.lock().push(record, self.limit) {
            self.dropped[source].fetch_add(1, Ordering::Relaxed);
        }
        self.tell();
    }

    fn tell(&self) {
        if self.claim() {
            (self.wake)();
        }
    }

    /// Notes that the writer is at work: rows that come from here on wake it once more. To be called before the first
    /// [`Queue::take`] of one turn, so that at most one further turn waits, however many rows come.
    pub fn woken(&self) {
        self.told.store(false, Ordering::Release);
    }

    /// Whether the caller is the one to see to a further turn of the writer; false when one waits already.
    #[must_use]
    pub fn claim(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }

    /// About `max` rows, the least dispensable first; none when none wait. Access rows come in the batches they were
    /// offered in. The writer calls it until nothing is left.
    #[must_use]
    pub fn take(&self, max: usize) -> Taken {
        let mut queue = self.lock();
        let mut taken = Taken::default();
        for rows in queue.records.iter_mut().rev() {
            let n = rows.len().min(max.saturating_sub(taken.len()));
            taken.records.extend(rows.drain(..n));
        }
        let mut count = taken.len();
        while count < max
            && let Some(batch) = queue.access.pop_front()
        {
            count += batch.len();
            queue.access_rows -= batch.len();
            taken.access.push(batch);
        }
        taken
    }

    /// Takes back what was taken: rows that were not written come again before all others, and the memory of written
    /// batches is used again.
    pub fn give(&self, taken: Taken) {
        let mut queue = self.lock();
        for record in taken.records.into_iter().rev() {
            queue.records[record.rank()].push_front(record);
        }
        for mut batch in taken.access.into_iter().rev() {
            if !batch.is_empty() {
                queue.access_rows += batch.len();
                queue.access.push_front(batch);
            } else if queue.spare.len() < SPARE {
                batch.clear();
                queue.spare.push(batch);
            }
        }
    }

    /// Counts rows that were taken and could not be written.
    pub fn count_lost(&self, lost: Counts) {
        for (dropped, lost) in self.dropped.iter().zip([lost.access, lost.error, lost.waf_audit]) {
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
    pub fn dropped(&self) -> Counts {
        let [access, error, waf_audit] = [0, 1, 2].map(|i: usize| self.dropped[i].load(Ordering::Relaxed));
        Counts { access, error, waf_audit }
    }

    // A thread that panicked while it held the lock left whole rows, so the queue stays good.
    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    fn len(&self) -> usize {
        self.access_rows + self.records.iter().map(VecDeque::len).sum::<usize>()
    }

    /// Adds `row`; the place among the counts of the row that had to go, if one had to.
    fn push(&mut self, row: Record, limit: usize) -> Option<usize> {
        let rank = row.rank();
        let mut gone = None;
        if self.len() >= limit {
            gone = if self.access_rows > 0 {
                self.drop_access();
                Some(ACCESS)
            } else if let Some(victim) = self.records[..rank].iter().position(|rows| !rows.is_empty()) {
                self.records[victim].pop_front();
                Some(ACCESS + 1 + victim)
            } else {
                return Some(ACCESS + 1 + rank);
            };
        }
        self.records[rank].push_back(row);
        gone
    }

    /// Drops the oldest access row.
    fn drop_access(&mut self) {
        let Some(batch) = self.access.front_mut() else { return };
        batch.drop_first();
        self.access_rows -= 1;
        if batch.is_empty()
            && let Some(mut batch) = self.access.pop_front()
            && self.spare.len() < SPARE
        {
            batch.clear();
            self.spare.push(batch);
        }
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
    use crate::logs::{Access, Fault, Texts};
    use crate::schema::LogSource;

    fn access(rows: usize) -> AccessBatch {
        let mut batch = AccessBatch::default();
        let masked = Arc::default();
        (0..rows).for_each(|_| batch.push(Access::new(Timestamp(1)), Texts::default(), &masked));
        batch
    }

    /// Moves at most `most` rows out of `taken`; how many there were.
    fn write(taken: &mut Taken, most: usize) -> usize {
        let mut row = LogEntry::new(LogSource::Access, Timestamp(0), "");
        (0..most).take_while(|_| taken.next_into(&mut row)).count()
    }

    fn error() -> Record {
        Record::Error(Box::new(Fault::new(Timestamp(1), "test", "text".into())))
    }

    #[test]
    fn overflow_drops_access_rows_first_and_counts_them() {
        let queue = Queue::with_limit(4, || ());
        queue.offer_access(&mut access(3));
        queue.offer_access(&mut access(3));
        assert_eq!(queue.dropped(), Counts { access: 2, ..Counts::default() });
        (0..5).for_each(|_| queue.offer(error()));
        assert_eq!(queue.dropped(), Counts { access: 6, error: 1, waf_audit: 0 });
        let taken = queue.take(100);
        assert_eq!(taken.len() as u64 + queue.dropped().total(), queue.offered());
        assert!(taken.access.is_empty() && taken.records.iter().all(|r| matches!(r, Record::Error(_))));
    }

    #[test]
    fn wakes_once_per_turn_of_the_writer() {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let queue = Queue::new(move || {
            seen.fetch_add(1, Ordering::Relaxed);
        });
        queue.offer_access(&mut access(1));
        queue.offer_access(&mut access(1));
        assert_eq!(count.load(Ordering::Relaxed), 1);
        queue.woken();
        assert_eq!(queue.take(1).len(), 1);
        assert_eq!(queue.depth(), 1);
        queue.offer(error());
        assert_eq!(count.load(Ordering::Relaxed), 2);
        // A turn waits: neither rows nor the turn at work make another one.
        assert_eq!(queue.take(10).len(), 2);
        queue.offer(error());
        assert!(!queue.claim());
        assert_eq!(count.load(Ordering::Relaxed), 2);
        queue.woken();
        assert!(queue.claim());
    }

    #[test]
    fn batches_are_used_again_and_empty() {
        let queue = Queue::new(|| ());
        let mut batch = access(3);
        queue.offer_access(&mut batch);
        assert!(batch.is_empty());
        let mut taken = queue.take(10);
        assert_eq!((taken.access[0].len(), write(&mut taken, 10)), (3, 3));
        queue.give(taken);
        let mut other = access(1);
        queue.offer_access(&mut other);
        assert!(other.is_empty());
        assert_eq!(queue.take(10).len(), 1);
    }

    #[test]
    fn what_is_put_back_comes_again_first_and_counts() {
        let queue = Queue::with_limit(4, || ());
        queue.offer_access(&mut access(3));
        let mut taken = queue.take(10);
        assert_eq!(write(&mut taken, 1), 1);
        queue.give(taken);
        assert_eq!(queue.depth(), 2);
        queue.offer_access(&mut access(3));
        assert_eq!((queue.depth(), queue.dropped().access), (4, 1));
        let mut again = queue.take(1);
        assert_eq!((again.len(), again.access.len(), write(&mut again, 10)), (2, 1, 2));
        queue.offer(error());
        assert_eq!(queue.depth(), 3);
        let taken = queue.take(10);
        assert_eq!((taken.len(), taken.records.len(), queue.depth()), (3, 1, 0));
        queue.give(taken);
        assert_eq!(queue.depth(), 3);
    }

    #[test]
    fn no_row_is_lost_between_threads() {
        let queue = Arc::new(Queue::with_limit(500, || ()));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || (0..50).for_each(|_| queue.offer_access(&mut access(64))))
            })
            .collect();
        let mut rows = 0;
        while !threads.iter().all(|t| t.is_finished()) {
            let taken = queue.take(1000);
            let mut taken = taken;
            rows += write(&mut taken, usize::MAX) as u64;
            queue.give(taken);
        }
        threads.into_iter().for_each(|t| t.join().unwrap());
        rows += queue.take(1000).len() as u64;
        assert_eq!(rows + queue.dropped().total(), 4 * 50 * 64);
        assert_eq!(queue.offered(), 4 * 50 * 64);
    }
}
