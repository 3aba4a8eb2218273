//! A map held in parts, so that the next version copies only the parts that changed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

/// How many parts. With 10,000 entries a change copies about ten of them and a table of 8 KiB.
const PARTS: usize = 1024;

type Part<K, V> = Arc<HashMap<K, V, RandomState>>;

/// An immutable map whose versions share what is equal. Reads cost one hash and two look-ups, whatever its size.
pub struct Parts<K, V> {
    hasher: RandomState,
    parts: Arc<[Part<K, V>]>,
    len: usize,
}

impl<K, V> Parts<K, V> {
    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|p| p.iter())
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Parts<K, V> {
    /// The value of `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.parts[self.part_of(key)].get(key)
    }

    /// The next version: each key set to its value, or removed where that is `None`.
    #[must_use]
    pub fn with(&self, changes: impl IntoIterator<Item = (K, Option<V>)>) -> Self {
        let mut parts: Vec<Part<K, V>> = self.parts.to_vec();
        let mut len = self.len;
        for (key, value) in changes {
            let part = Arc::make_mut(&mut parts[self.part_of(&key)]);
            let before = part.len();
            match value {
                Some(value) => drop(part.insert(key, value)),
                None => drop(part.remove(&key)),
            }
            len = len + part.len() - before;
        }
        Self { hasher: self.hasher.clone(), parts: parts.into(), len }
    }

    fn part_of<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        // Each part's own table uses the low bits, so the part is chosen by the high ones.
        (self.hasher.hash_one(key) >> 54) as usize
    }
}

impl<K, V> Default for Parts<K, V> {
    fn default() -> Self {
        let hasher = RandomState::new();
        let empty: Part<K, V> = Arc::new(HashMap::with_hasher(hasher.clone()));
        Self { hasher, parts: vec![empty; PARTS].into(), len: 0 }
    }
}

impl<K, V> Clone for Parts<K, V> {
    fn clone(&self) -> Self {
        Self { hasher: self.hasher.clone(), parts: self.parts.clone(), len: self.len }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Parts<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_copies_only_its_part() {
        let full: Parts<u32, u32> = Parts::default().with((0..10_000).map(|n| (n, Some(n))));
        let next = full.with([(7, Some(8)), (10_000, Some(1)), (3, None), (20_000, None)]);
        assert_eq!((full.len(), next.len()), (10_000, 10_000));
        assert_eq!((full.get(&7), next.get(&7), next.get(&3), next.get(&10_000)), (Some(&7), Some(&8), None, Some(&1)));
        let copied = full.parts.iter().zip(next.parts.iter()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert!(copied <= 4, "{copied} parts copied");
    }
}
