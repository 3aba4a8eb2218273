//! The collections that outlive a transaction: `IP`, `SESSION`, `USER`, `GLOBAL`, `RESOURCE`.
//!
//! They live in memory, keyed by application, collection and key. Rule sets that are handed the same
//! [`Collections`] share them. Time is an argument: a record ends when nothing wrote to it for its timeout.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::variables::VarId;

/// Records that outlive transactions. Cheap to clone; clones share their records.
#[derive(Clone, Debug, Default)]
pub struct Collections(Arc<Mutex<Shelf>>);

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(Arc<Owner>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Owner {
    application: Box<[u8]>,
    collection: VarId,
    key: Box<[u8]>,
}

/// Names and values of one record, its own facts included.
pub(crate) type Members = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, Default)]
struct Shelf {
    records: HashMap<Key, Record>,
    /// When each record was used last, by a count that only grows.
    used: BTreeMap<u64, Key>,
    next: u64,
}

#[derive(Debug)]
struct Record {
    used: u64,
    created: i64,
    written: i64,
    timeout: i64,
    updates: u64,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: Vec<u8>,
    value: Vec<u8>,
    written: i64,
    expires: Option<i64>,
}

impl Key {
    /// The record `key` of `collection`. Names longer than 1024 bytes are cut.
    pub(crate) fn new(application: &[u8], collection: VarId, key: &[u8]) -> Self {
        Self(Arc::new(Owner {
            application: application.into(),
            collection,
            key: key[..key.len().min(KEY_BYTES)].into(),
        }))
    }
}

impl Collections {
    /// No records yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records there are; at most 100 000, the least recently used goes first.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members of `key` at `now` (seconds since 1970); a record that is missing or has ended begins anew.
    pub(crate) fn open(&self, key: &Key, now: i64, timeout: i64) -> Members {
        let mut shelf = self.lock();
        let record = shelf.record(key, now, timeout);
        record.members.retain(|member| member.expires.is_none_or(|end| end > now));
        let fact = |name: &[u8], value: i64| (name.to_vec(), value.to_string().into_bytes());
        let age = (now - record.created).max(0);
        let rate = record.updates.saturating_mul(60) / (age as u64).max(1);
        let mut members = vec![
            fact(b"create_time", record.created),
            fact(b"is_new", i64::from(record.updates == 0)),
            (b"key".to_vec(), key.0.key.to_vec()),
            fact(b"last_update_time", record.written),
            fact(b"timeout", record.timeout),
            fact(b"update_counter", record.updates.min(i64::MAX as u64) as i64),
            fact(b"update_rate", rate.min(i64::MAX as u64) as i64),
        ];
        members.extend(record.members.iter().map(|member| (member.name.clone(), member.value.clone())));
        members
    }

    /// Replaces the value of `name` by what `change` makes of it, in one step; gives the new value.
    pub(crate) fn change(
        &self,
        key: &Key,
        name: &[u8],
        (now, timeout): (i64, i64),
        change: impl FnOnce(Option<&[u8]>) -> Option<Vec<u8>>,
    ) -> Option<Vec<u8>> {
        let mut shelf = self.lock();
        let record = shelf.record(key, now, timeout);
        record.members.retain(|member| member.expires.is_none_or(|end| end > now));
        let known = record.members.iter().position(|member| member.name.eq_ignore_ascii_case(name));
        let mut value = change(known.map(|index| record.members[index].value.as_slice()));
        record.updates = record.updates.saturating_add(1);
        record.written = now;
        if let Some(value) = &mut value {
            value.truncate(VALUE_BYTES);
            if name.eq_ignore_ascii_case(b"timeout") {
                record.timeout = crate::operators::number(value).max(0);
                return Some(value.clone());
            }
        }
        match (known, &value) {
            (Some(index), Some(value)) => {
                record.members[index].value.clone_from(value);
                record.members[index].written = now;
            }
            (Some(index), None) => {
                record.members.remove(index);
            }
            (None, Some(value)) if record.members.len() < MEMBERS => {
                let name = name[..name.len().min(KEY_BYTES)].to_ascii_lowercase();
                record.members.push(Member { name, value: value.clone(), written: now, expires: None });
            }
            (None, _) => {}
        }
        value
    }

    /// Lets `name` end at `end`.
    pub(crate) fn expire(&self, key: &Key, name: &[u8], end: i64) {
        let mut shelf = self.lock();
        if let Some(record) = shelf.records.get_mut(key) {
            for member in record.members.iter_mut().filter(|member| member.name.eq_ignore_ascii_case(name)) {
                member.expires = Some(end);
            }
        }
    }

    /// Takes `amount` from `name` for each whole `period` since it was written, down to 0; gives the new value.
    pub(crate) fn deprecate(&self, key: &Key, name: &[u8], now: i64, amount: i64, period: i64) -> Option<Vec<u8>> {
        let mut shelf = self.lock();
        let members = &mut shelf.records.get_mut(key)?.members;
        let member = members.iter_mut().find(|member| member.name.eq_ignore_ascii_case(name))?;
        let periods = (now - member.written).max(0) / period.max(1);
        if periods > 0 {
            let left = crate::operators::number(&member.value).saturating_sub(amount.saturating_mul(periods));
            member.value = left.max(0).to_string().into_bytes();
            // The part of a period that is over already counts towards the next.
            member.written = member.written.saturating_add(periods.saturating_mul(period.max(1)));
        }
        Some(member.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // Each change is whole before the lock is let go, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// The live record of `key`, marked as used now.
    fn record(&mut self, key: &Key, now: i64, timeout: i64) -> &mut Record {
        self.next += 1;
        let tick = self.next;
        let fresh = || Record { used: tick, created: now, written: now, timeout, updates: 0, members: Vec::new() };
        let record = self.records.entry(key.clone()).or_insert_with(fresh);
        if record.written.saturating_add(record.timeout) <= now && record.updates > 0 {
            let used = record.used;
            *record = Record { used, ..fresh() };
        }
        self.used.remove(&record.used);
        record.used = tick;
        self.used.insert(tick, key.clone());
        if self.records.len() > RECORDS
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.records.remove(&oldest);
        }
        self.records.entry(key.clone()).or_insert_with(fresh)
    }
}

/// Records of one process.
const RECORDS: usize = 100_000;
/// Members of one record.
const MEMBERS: usize = 256;
const KEY_BYTES: usize = 1024;
const VALUE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(b"app", VarId::Ip, name.as_bytes())
    }

    fn value(collections: &Collections, name: &str, now: i64) -> Option<Vec<u8>> {
        let members = collections.open(&key(name), now, 100);
        members.into_iter().find(|(name, _)| name == b"n").map(|(_, value)| value)
    }

    #[test]
    fn a_record_ends_when_nothing_wrote_to_it_for_its_timeout() {
        let collections = Collections::new();
        let add = |old: Option<&[u8]>| Some((old.map_or(0, crate::operators::number) + 1).to_string().into_bytes());
        for (now, wanted) in [(0, b"1"), (99, b"2"), (198, b"3"), (298, b"1")] {
            collections.open(&key("a"), now, 100);
            assert_eq!(collections.change(&key("a"), b"N", (now, 100), add).as_deref(), Some(&wanted[..]));
        }
        collections.expire(&key("a"), b"n", 310);
        assert_eq!(value(&collections, "a", 309).as_deref(), Some(&b"1"[..]));
        assert_eq!(value(&collections, "a", 310), None);
    }

    #[test]
    fn deprecation_takes_an_amount_per_period_and_stops_at_zero() {
        let collections = Collections::new();
        collections.change(&key("a"), b"n", (0, 1000), |_| Some(b"50".to_vec()));
        for (now, wanted) in [(29, "50"), (30, "40"), (59, "40"), (60, "30"), (900, "0")] {
            let left = collections.deprecate(&key("a"), b"n", now, 10, 30);
            assert_eq!(left.as_deref(), Some(wanted.as_bytes()), "at {now}");
        }
    }

    #[test]
    fn the_least_recently_used_record_goes_first() {
        let collections = Collections::new();
        for number in 0..RECORDS {
            collections.change(&key(&number.to_string()), b"n", (0, 100), |_| Some(b"1".to_vec()));
        }
        collections.open(&key("0"), 1, 100);
        collections.open(&key("new"), 1, 100);
        assert_eq!(collections.len(), RECORDS);
        assert!(value(&collections, "0", 1).is_some());
        assert!(!collections.lock().records.contains_key(&key("1")));
    }
}
