//! The rows that a lane knows.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::schema::DeliveryId;
use crate::store::deliveries::{NewDelivery, Waiting};

/// Ids that a lane knows at once.
pub(super) const QUEUE: usize = 1000;
/// Attempts of one delivery, before it takes somebody to have it tried again.
pub(super) const ATTEMPTS: u32 = 3;

/// The rows that a lane knows.
#[derive(Default)]
pub(super) struct Known {
    pub(super) queue: VecDeque<Waiting>,
    /// Those that failed and are tried again, by the moment.
    pub(super) later: BTreeSet<(Timestamp, DeliveryId, u32)>,
    /// Whether rows may wait that are in neither.
    pub(super) more: bool,
    /// The highest id that it knew: a new row may have been read before it is added.
    pub(super) last: Option<DeliveryId>,
    /// Rows that wait, known or not, as far as it was counted.
    pub(super) waiting: usize,
    /// Those that can't be stored now: they get one attempt.
    pub(super) unstored: VecDeque<Arc<NewDelivery>>,
    /// Whether it ends, behind the attempt that goes on.
    pub(super) ends: bool,
    /// Of those that can't be stored, what the receiver has.
    pub(super) sent: HashSet<DeliveryId>,
}

impl Known {
    /// Rows that it knows.
    pub(super) fn count(&self) -> usize {
        self.queue.len() + self.later.len()
    }

    /// The next one that is due.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Waiting> {
        loop {
            if self.later.first().is_some_and(|(at, ..)| *at <= now) {
                let (next_attempt_at, id, attempts) = self.later.pop_first()?;
                return Some(Waiting { id, attempts, next_attempt_at });
            }
            let one = self.queue.pop_front()?;
            if one.next_attempt_at <= now {
                return Some(one);
            }
            self.later.insert((one.next_attempt_at, one.id, one.attempts));
        }
    }

    /// Takes in rows that were found waiting, by id; what is known of them stays.
    pub(super) fn take_in(&mut self, found: Vec<Waiting>) {
        let later = self.later.iter().map(|(_, id, _)| *id);
        let known: HashSet<DeliveryId> = self.queue.iter().map(|one| one.id).chain(later).collect();
        self.more |= found.len() > QUEUE;
        let mut fresh: Vec<_> = found.into_iter().filter(|one| !known.contains(&one.id)).collect();
        let room = QUEUE.saturating_sub(known.len());
        if fresh.len() > room {
            self.more = true;
            fresh.truncate(room);
        }
        self.last = self.last.max(fresh.last().map(|one| one.id));
        // Of an earlier process: what it had tried counts.
        self.queue.extend(fresh.into_iter().map(|one| Waiting { attempts: one.attempts % ATTEMPTS, ..one }));
        self.queue.make_contiguous().sort_by_key(|one| one.id);
        let count = self.count();
        self.waiting = if self.more { self.waiting.max(count) } else { count };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(id: i64, attempts: u32) -> Waiting {
        Waiting { id: DeliveryId(id), attempts, next_attempt_at: Timestamp(0) }
    }

    #[test]
    fn a_row_that_was_added_while_others_were_looked_for_is_known_once() {
        let mut known = Known::default();
        known.queue.push_back(waiting(3, 0));
        known.later.insert((Timestamp(5), DeliveryId(1), 1));
        known.take_in(vec![waiting(1, 1), waiting(2, 4), waiting(3, 0)]);
        let ids: Vec<_> = known.queue.iter().map(|one| (one.id.0, one.attempts)).collect();
        assert_eq!((ids, known.last, known.more), (vec![(2, 1), (3, 0)], Some(DeliveryId(2)), false));
        assert_eq!(known.waiting, 3);
    }

    #[test]
    fn more_than_it_may_know_is_looked_for_again() {
        let mut known = Known::default();
        known.take_in((1..=1001).map(|id| waiting(id, 0)).collect());
        assert_eq!((known.count(), known.more, known.last), (1000, true, Some(DeliveryId(1000))));
    }
}
