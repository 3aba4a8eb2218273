//! Things that wait for somebody to come back with a token: in memory, each good once, for a short time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::secret::token_hash;

/// Things that wait at most; the oldest goes first.
const MOST: usize = 10_000;

/// What waits, under the hash of its token.
#[derive(Debug)]
pub struct Pending<T> {
    lifetime_ms: i64,
    waiting: Mutex<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    by_hash: HashMap<String, (Timestamp, T)>,
    /// From the oldest on; those that are gone stay until their turn.
    by_age: VecDeque<(Timestamp, String)>,
}

impl<T> Pending<T> {
    /// Things that wait for `lifetime_ms`.
    #[must_use]
    pub fn new(lifetime_ms: i64) -> Self {
        Self { lifetime_ms, waiting: Mutex::new(Waiting { by_hash: HashMap::new(), by_age: VecDeque::new() }) }
    }

    /// Has `thing` wait for whoever has `token`.
    pub fn put(&self, token: &str, thing: T, now: Timestamp) {
        let mut waiting = self.lock();
        waiting.drop_ended(now);
        while waiting.by_hash.len() >= MOST {
            let Some((_, oldest)) = waiting.by_age.pop_front() else { break };
            waiting.by_hash.remove(&oldest);
        }
        let (hash, ends) = (token_hash(token), Timestamp(now.0 + self.lifetime_ms));
        waiting.by_age.push_back((ends, hash.clone()));
        waiting.by_hash.insert(hash, (ends, thing));
    }

    /// Takes out what waits for whoever has `token`.
    pub fn take(&self, token: &str, now: Timestamp) -> Option<T> {
        let (ends, thing) = self.lock().by_hash.remove(&token_hash(token))?;
        (now < ends).then_some(thing)
    }

    /// Looks at what waits for whoever has `token`, and may change it.
    pub fn with<R>(&self, token: &str, now: Timestamp, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut waiting = self.lock();
        let (_, thing) = waiting.by_hash.get_mut(&token_hash(token)).filter(|(ends, _)| now < *ends)?;
        Some(look(thing))
    }

    /// Drops what waits and `keep` does not hold for.
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool) {
        self.lock().by_hash.retain(|_, (_, thing)| keep(thing));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Waiting<T> {
    fn drop_ended(&mut self, now: Timestamp) {
        while let Some((ends, hash)) = self.by_age.front() {
            if *ends > now && self.by_hash.contains_key(hash) {
                return;
            }
            self.by_hash.remove(hash);
            self.by_age.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_good_once_and_for_its_time() {
        let pending = Pending::new(1000);
        pending.put("a", 1, Timestamp(0));
        pending.put("b", 2, Timestamp(500));
        assert_eq!(pending.with("a", Timestamp(999), |n| *n += 10), Some(()));
        assert_eq!(pending.take("a", Timestamp(999)), Some(11));
        assert_eq!(pending.take("a", Timestamp(999)), None);
        assert_eq!(pending.with("b", Timestamp(1500), |n| *n), None);
        assert_eq!(pending.take("b", Timestamp(1500)), None);
    }

    #[test]
    fn beyond_the_most_the_oldest_goes() {
        let pending = Pending::new(1000);
        for n in 0..=MOST {
            pending.put(&n.to_string(), n, Timestamp(0));
        }
        assert_eq!(pending.take("0", Timestamp(1)), None);
        assert_eq!(pending.take("1", Timestamp(1)), Some(1));
        assert_eq!(pending.take(&MOST.to_string(), Timestamp(1)), Some(MOST));
        pending.put("x", 1, Timestamp(2000));
        assert_eq!(pending.lock().by_age.len(), 1, "what has ended is dropped");
    }
}
