//! How often clients may ask: what each of them has left, one count for all cores.
//!
//! The generic cell rate algorithm: of each key one moment is kept, the one at which its quota will be whole again. A
//! request moves it on by the time in which one more request comes back. Source: ITU-T I.371, Annex A, as virtual
//! scheduling.

use std::fmt;
use std::hash::Hasher as _;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::clock;
use crate::schema::HostId;
use crate::snapshot::Limit;

/// Most keys of all hosts together; beyond, those that were asked for the longest ago go.
pub const MOST_KEYS: usize = SHARDS * SETS * WAYS;

/// Parts with a lock each.
const SHARDS: usize = 50;
/// Sets of a part. The hash of a key says in which one it is.
const SETS: usize = 125;
/// Keys of a set, which lie side by side: a list over all keys would cost a request several looks into far memory.
/// Who is among the last 100,000 is pushed out of a set of so many once in 3,600 times.
const WAYS: usize = 32;

/// What a request is counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// The client's address; of IPv6 its /64, which one client has to itself.
    Address(IpAddr),
    /// A header's value.
    Value(&'a [u8]),
    /// All requests of the host.
    Host,
}

/// How a key stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the request may pass.
    pub allowed: bool,
    /// Requests per window.
    pub requests: u32,
    /// The window in seconds.
    pub window: u32,
    /// Requests that may follow at once.
    pub left: u32,
    /// Seconds until there is one more, rounded up.
    pub seconds: u32,
}

/// What every key has left.
pub struct Quotas {
    secret: [u8; 16],
    origin: Instant,
    shards: [Mutex<Shard>; SHARDS],
}

/// The sets of a part, one after the other; nothing until one is asked for. In each set the key that was asked for last
/// stands first.
#[derive(Default)]
struct Shard {
    /// Hashes of keys; 0 = none.
    keys: Vec<u64>,
    /// At the same places, when their quota will be whole: nanoseconds since the origin.
    moments: Vec<u64>,
}

impl Default for Quotas {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { secret: clock::random(), origin: Instant::now(), shards }
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quotas").finish_non_exhaustive()
    }
}

impl Quotas {
    /// Counts a request to `host` that came at `at`.
    pub fn take(&self, host: HostId, limit: &Limit, key: Key<'_>, at: Instant) -> Standing {
        let now = u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX / 2);
        self.take_at(host, limit, key, now)
    }

    /// The same, `now` nanoseconds after the origin.
    fn take_at(&self, host: HostId, limit: &Limit, key: Key<'_>, now: u64) -> Standing {
        let hash = self.hash(host, key);
        let set = (hash >> 64) as usize % (SHARDS * SETS);
        self.shard(set / SETS).count(set % SETS, hash as u64, limit, now)
    }

    // What a thread that panicked left are moments like any others.
    fn shard(&self, n: usize) -> MutexGuard<'_, Shard> {
        self.shards[n].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a request at `at` would stand; it is not counted.
    pub fn look(&self, host: HostId, limit: &Limit, key: Key<'_>, at: Instant) -> Standing {
        let now = u64::try_from(at.saturating_duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX / 2);
        let hash = self.hash(host, key);
        let set = (hash >> 64) as usize % (SHARDS * SETS);
        let mut whole_at = self.shard(set / SETS).look(set % SETS, hash as u64);
        count(&mut whole_at, limit, now)
    }

    // Keyed, so that nobody can choose values that count as one; short, so that memory is bounded whatever a header
    // holds.
    fn hash(&self, host: HostId, key: Key<'_>) -> u128 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(&host.0.to_le_bytes());
        match key {
            Key::Host => hasher.write(&[0]),
            Key::Value(value) => {
                hasher.write(&[1]);
                hasher.write(value);
            }
            Key::Address(IpAddr::V4(ip)) => {
                hasher.write(&[4]);
                hasher.write(&ip.octets());
            }
            Key::Address(IpAddr::V6(ip)) => {
                hasher.write(&[6]);
                hasher.write(&ip.octets()[..8]);
            }
        }
        hasher.finish128().into()
    }

    /// How many keys are held.
    #[must_use]
    pub fn keys(&self) -> usize {
        let of_one = |n| self.shard(n).keys.iter().filter(|key| **key != 0).count();
        (0..SHARDS).map(of_one).sum()
    }
}

impl Shard {
    /// When the quota of a key will be whole.
    fn look(&self, set: usize, key: u64) -> u64 {
        let places = set * WAYS..(set + 1) * WAYS;
        let (Some(keys), Some(moments)) = (self.keys.get(places.clone()), self.moments.get(places)) else { return 0 };
        keys.iter().position(|known| *known == key.max(1)).map_or(0, |at| moments[at])
    }

    fn count(&mut self, set: usize, key: u64, limit: &Limit, now: u64) -> Standing {
        if self.keys.is_empty() {
            self.keys = vec![0; SETS * WAYS];
            self.moments = vec![0; SETS * WAYS];
        }
        let (key, places) = (key.max(1), set * WAYS..(set + 1) * WAYS);
        let (keys, moments) = (&mut self.keys[places.clone()], &mut self.moments[places]);
        let known = keys.iter().position(|known| *known == key);
        let at = known.unwrap_or(WAYS - 1);
        if known.is_none() {
            (keys[at], moments[at]) = (key, 0);
        }
        keys[..=at].rotate_right(1);
        moments[..=at].rotate_right(1);
        count(&mut moments[0], limit, now)
    }
}

/// Counts one request at `now` and moves `whole_at` on if it may pass.
fn count(whole_at: &mut u64, limit: &Limit, now: u64) -> Standing {
    // At least 1,000: a million requests in a second.
    let step = u64::from(limit.window) * 1_000_000_000 / u64::from(limit.requests);
    let quota = step * u64::from(limit.requests);
    // More than the quota is left over from other numbers.
    let mut used = whole_at.saturating_sub(now).min(quota);
    let allowed = used + step <= quota;
    if allowed {
        used += step;
    }
    *whole_at = now + used;
    let free = quota - used;
    let seconds = (step - free % step).div_ceil(1_000_000_000);
    Standing {
        allowed,
        requests: limit.requests,
        window: limit.window,
        left: u32::try_from(free / step).unwrap_or(u32::MAX),
        seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests;
