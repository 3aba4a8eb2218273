//! How often clients may ask: what each of them has left, one count for all cores.
//!
//! The generic cell rate algorithm: of each key one moment is kept, the one at which its quota will be whole again. A
//! request moves it on by the time in which one more request comes back. Source: ITU-T I.371, Annex A, as virtual
//! scheduling.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use hashlink::LruCache;
use hashlink::linked_hash_map::RawEntryMut;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::clock;
use crate::schema::HostId;
use crate::snapshot::Limit;

/// Most keys of all hosts together; beyond, the one that was asked for the longest ago goes.
pub const MOST_KEYS: usize = 200_000;

/// Parts with a lock each.
const SHARDS: usize = 64;

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
    shards: Box<[Mutex<Shard>]>,
}

/// By the hash of a key: nanoseconds since the origin.
type Shard = LruCache<u128, u64, BuildHasherDefault<Spread>>;

impl Default for Quotas {
    fn default() -> Self {
        // An entry may be made before the oldest one goes.
        let shard = || Mutex::new(Shard::with_hasher(MOST_KEYS / SHARDS - 1, BuildHasherDefault::default()));
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
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
        let shard = &self.shards[(hash >> 64) as usize % SHARDS];
        // What a thread that panicked left is a moment like any other.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        match shard.raw_entry_mut().from_key(&hash) {
            RawEntryMut::Occupied(mut entry) => {
                entry.to_back();
                count(entry.get_mut(), limit, now)
            }
            RawEntryMut::Vacant(entry) => {
                let mut whole_at = 0;
                let standing = count(&mut whole_at, limit, now);
                entry.insert(hash, whole_at);
                standing
            }
        }
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
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
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

/// Takes its place in a table from what is a hash already.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
