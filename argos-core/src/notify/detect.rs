//! What many requests say together: bursts of attacks, rate limits that refuse, an engine that fails.
//!
//! ```text
//! request ──▶ Sighting, into its core's own list ──▶ Lookout, once a tick ──▶ Detector ──▶ Event
//! ```
//!
//! A request only notes what was seen. It waits for nobody, and whether it leaves rows in the log does not matter. Time
//! is the moment of the request, so that nothing here knows a clock.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError, TryLockError};

use crate::clock::Timestamp;
use crate::event::{AppsecUnavailable, Event, Events, RateLimitTriggered, WafAttackBurst};
use crate::schema::HostId;

/// Attacks of one client that are a burst.
const ATTACKS: u64 = 10;
/// Within how long.
const ATTACKS_WITHIN_S: u64 = 60;
/// Requests of one host that its rate limit refuses and that are told.
const REFUSALS: u64 = 5;
/// Within how long.
const REFUSALS_WITHIN_S: u64 = 30;
/// How long nothing more is told of the same client or host.
const QUIET_MS: i64 = 60_000;
/// Clients, and hosts, of which something is known.
const KNOWN: usize = 10_000;
/// Characters of what is told of an error.
const MOST_ERROR: usize = 500;
/// An engine that has not failed for so long works again.
const WORKS_AGAIN_MS: i64 = 5 * 60_000;

/// What one request has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// A rule of severity ERROR or worse matched.
    Attack {
        /// When.
        at: Timestamp,
        /// Who.
        client: IpAddr,
        /// Whether the request was blocked.
        blocked: bool,
    },
    /// The rate limit of a host refused it.
    Refusal {
        /// When.
        at: Timestamp,
        /// The host.
        host: HostId,
    },
    /// The rule engine failed.
    Failure {
        /// When.
        at: Timestamp,
        /// Whether the request passed all the same.
        open: bool,
    },
}

/// What all cores tell of.
#[derive(Debug, Default)]
pub struct Lookout {
    seen: Mutex<Seen>,
    events: Events,
}

#[derive(Debug)]
struct Seen {
    attacks: Detector<IpAddr>,
    refusals: Detector<HostId>,
    /// When the engine failed last.
    failed: Option<Timestamp>,
    /// Whether the rules did not load when that was last tried.
    unloaded: bool,
}

impl Default for Seen {
    fn default() -> Self {
        let window = |seconds: u64| i64::try_from(seconds * 1000).unwrap_or(i64::MAX);
        Self {
            attacks: Detector::new(ATTACKS, window(ATTACKS_WITHIN_S), KNOWN),
            refusals: Detector::new(REFUSALS, window(REFUSALS_WITHIN_S), KNOWN),
            failed: None,
            unloaded: false,
        }
    }
}

impl Lookout {
    /// One that tells `events`.
    #[must_use]
    pub fn new(events: Events) -> Self {
        Self { events, ..Self::default() }
    }

    /// Notes that the rules of all hosts did not load, and tells it unless that is known; `open` says whether requests
    /// that no rules inspect pass.
    pub fn rules_failed(&self, error: &str, open: bool, now: Timestamp) {
        if !std::mem::replace(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).unloaded, true) {
            // Of many faults in the rules the first says enough.
            let error = error.lines().next().unwrap_or_default().chars().take(MOST_ERROR).collect();
            self.events.emit(Event::of_system(now, AppsecUnavailable { error, fail_open: open }));
        }
    }

    /// Notes that the rules of all hosts were loaded.
    pub fn rules_loaded(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).unloaded = false;
    }

    /// Takes what a core has seen until `now`, and tells what is to be told; `name` is the name of a host. While another
    /// core is at it, nothing is taken: the next time will do.
    pub fn take(&self, sightings: &mut Vec<Sighting>, now: Timestamp, name: impl Fn(HostId) -> Option<Box<str>>) {
        let mut seen = match self.seen.try_lock() {
            Ok(seen) => seen,
            // Whoever panicked left whole counts.
            Err(TryLockError::Poisoned(seen)) => seen.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let mut failure = None;
        for sighting in sightings.drain(..) {
            match sighting {
                Sighting::Attack { at, client, blocked } => seen.attacks.note(client, at, blocked, now),
                Sighting::Refusal { at, host } => seen.refusals.note(host, at, false, now),
                Sighting::Failure { at, open } => {
                    let last = seen.failed.replace(at).filter(|last| *last <= now);
                    if last.is_none_or(|last| at.0 >= last.0 + WORKS_AGAIN_MS) {
                        failure = Some((at, open));
                    }
                }
            }
        }
        let (attacks, refusals) = (seen.attacks.bursts(), seen.refusals.bursts());
        drop(seen);
        for Burst { of: client, at, count, marked: blocked } in attacks {
            let remote_ip = client.to_string();
            let facts = WafAttackBurst { remote_ip, count, window_seconds: ATTACKS_WITHIN_S, blocked };
            self.events.emit(Event::of_system(at, facts));
        }
        for Burst { of: host, at, count, .. } in refusals {
            // A host that was deleted meanwhile is nobody's concern any more.
            let Some(domain) = name(host) else { continue };
            let facts = RateLimitTriggered { count, window_seconds: REFUSALS_WITHIN_S };
            self.events.emit(Event::of_host(at, (host, &domain), facts));
        }
        if let Some((at, fail_open)) = failure {
            let error = "the engine failed while it inspected a request".to_owned();
            self.events.emit(Event::of_system(at, AppsecUnavailable { error, fail_open }));
        }
    }
}

/// Finds who does something often: at least `least` times within `window_ms`. Of the same one it tells once a minute.
#[derive(Debug)]
struct Detector<K> {
    least: u64,
    window_ms: i64,
    most: usize,
    known: HashMap<K, Recent>,
    found: Vec<Burst<K>>,
}

/// What one of them did lately.
#[derive(Debug)]
struct Recent {
    newest: Timestamp,
    /// In the order of time; of many, those of one second are one.
    moments: VecDeque<Moment>,
    quiet_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Timestamp,
    count: u64,
    marked: u64,
}

/// Somebody did it often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Burst<K> {
    of: K,
    at: Timestamp,
    count: u64,
    marked: u64,
}

impl<K: Copy + Eq + Hash> Detector<K> {
    fn new(least: u64, window_ms: i64, most: usize) -> Self {
        Self { least, window_ms, most, known: HashMap::new(), found: Vec::new() }
    }

    /// Notes that `of` did it at `at`, which is not long before `now`.
    fn note(&mut self, of: K, at: Timestamp, marked: bool, now: Timestamp) {
        if self.known.len() >= self.most && !self.known.contains_key(&of) {
            self.forget_half();
        }
        let recent = self.known.entry(of).or_insert_with(|| Recent::new(at));
        if recent.newest > now {
            // The clock was set back: what was noted in its future would hide everything until then.
            *recent = Recent::new(at);
        }
        recent.add(at, marked, self.least, self.window_ms);
        let (count, marked) = recent.sum();
        let quiet = recent.quiet_until.is_some_and(|until| recent.newest < until);
        if count >= self.least && !quiet {
            recent.quiet_until = Some(Timestamp(recent.newest.0 + QUIET_MS));
            self.found.push(Burst { of, at: recent.newest, count, marked });
        }
    }

    /// What was found since the last call, with what came behind it in the same breath.
    fn bursts(&mut self) -> Vec<Burst<K>> {
        let mut found = std::mem::take(&mut self.found);
        for burst in &mut found {
            let Some((count, marked)) = self.known.get(&burst.of).map(Recent::sum) else { continue };
            if count > burst.count {
                (burst.count, burst.marked) = (count, marked);
            }
        }
        found
    }

    /// Forgets those of whom nothing was heard for longest.
    fn forget_half(&mut self) {
        let mut heard: Vec<i64> = self.known.values().map(|recent| recent.newest.0).collect();
        let middle = heard.len() / 2;
        let (_, border, _) = heard.select_nth_unstable(middle);
        let border = *border;
        // Of those that were heard in the same moment any may go.
        let mut surplus = middle;
        self.known.retain(|_, recent| {
            let goes = recent.newest.0 < border || (recent.newest.0 == border && surplus > 0);
            surplus -= usize::from(goes && surplus > 0);
            !goes
        });
    }
}

impl Recent {
    fn new(newest: Timestamp) -> Self {
        Self { newest, moments: VecDeque::new(), quiet_until: None }
    }

    /// Adds one, and forgets what is out of the window that ends with the newest.
    fn add(&mut self, at: Timestamp, marked: bool, least: u64, window_ms: i64) {
        self.newest = self.newest.max(at);
        let start = self.newest.0 - window_ms;
        while self.moments.front().is_some_and(|moment| moment.at.0 <= start) {
            self.moments.pop_front();
        }
        if at.0 <= start {
            return;
        }
        let place = self.moments.iter().rposition(|moment| moment.at <= at).map_or(0, |before| before + 1);
        let many = self.moments.len() as u64 >= least;
        match place.checked_sub(1).and_then(|before| self.moments.get_mut(before)) {
            // Who is over the number is so whatever the part of a second.
            Some(before) if many && before.at.0.div_euclid(1000) == at.0.div_euclid(1000) => {
                before.count += 1;
                before.marked += u64::from(marked);
            }
            _ => self.moments.insert(place, Moment { at, count: 1, marked: marked.into() }),
        }
    }

    fn sum(&self) -> (u64, u64) {
        self.moments.iter().fold((0, 0), |(count, marked), m| (count + m.count, marked + m.marked))
    }
}

#[cfg(test)]
mod tests;
