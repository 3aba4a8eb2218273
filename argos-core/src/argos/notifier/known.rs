//! The rows that a lane knows.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::schema::DeliveryId;
use crate::store::deliveries::{NewDelivery, Waiting};

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
}
