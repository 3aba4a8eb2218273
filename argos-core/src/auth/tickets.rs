//! Tickets: what lets a person who is signed in at the panel in at a protected host of any domain.
//!
//! The panel makes one and sends the browser to the host with it; the host's gate spends it. It is good once, for half a
//! minute, for one host, and only in the browser that came from there: that one holds a secret whose hash the ticket is
//! bound to. Tickets live in memory only.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::{Clock, Timestamp};
use crate::schema::{HostId, SessionId};
use crate::secret::{Secret, random_token};

/// How long a ticket is good.
const LIFE_MS: i64 = 30_000;
/// Tickets that may live at once; the oldest goes.
const MOST: usize = 10_000;

/// What a ticket lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The panel session of the person.
    pub session: SessionId,
    /// The only host that takes it.
    pub host: HostId,
    /// The name under which the host was asked for.
    pub name: String,
    /// Hash of what the browser holds.
    pub state: String,
    /// Where the person goes behind the gate.
    pub rd: String,
}

/// The tickets of one Argos.
#[derive(Debug)]
pub struct Tickets {
    clock: Clock,
    live: Mutex<Live>,
}

#[derive(Default)]
struct Live {
    by_hash: HashMap<[u8; 32], (Ticket, Timestamp)>,
    // Oldest first; some may be spent.
    order: VecDeque<[u8; 32]>,
    ports: (Vec<u16>, Vec<u16>),
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("tickets", &self.by_hash.len()).finish()
    }
}

impl Tickets {
    /// None yet.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, live: Mutex::default() }
    }

    /// Makes a ticket; its text is shown this once.
    #[must_use]
    pub fn issue(&self, ticket: Ticket) -> Secret<String> {
        let text = random_token();
        let (hash, now) = (hash(&text), self.clock.now());
        let mut live = self.lock();
        live.expire(now);
        while live.by_hash.len() >= MOST
            && let Some(oldest) = live.order.pop_front()
        {
            live.by_hash.remove(&oldest);
        }
        live.by_hash.insert(hash, (ticket, now));
        live.order.push_back(hash);
        Secret::new(text)
    }

    /// Takes the ticket `text` away and gives what it lets in, if the host `host`, asked for as `name`, takes it from a
    /// browser that holds what one of `states` is the hash of. It is gone in any case.
    #[must_use]
    pub fn spend(&self, text: &str, host: HostId, name: &str, states: &[String]) -> Option<Ticket> {
        let now = self.clock.now();
        let mut live = self.lock();
        live.expire(now);
        let (ticket, _) = live.by_hash.remove(&hash(text))?;
        drop(live);
        let same = states.iter().any(|state| ticket.state.as_bytes().ct_eq(state.as_bytes()).into());
        (ticket.host == host && ticket.name == name && same).then_some(ticket)
    }

    /// Says at which ports hosts are served over https, and over http.
    pub fn serves_at(&self, https: Vec<u16>, http: Vec<u16>) {
        self.lock().ports = (https, http);
    }

    /// The ports at which hosts are served over https, and over http.
    #[must_use]
    pub fn ports(&self) -> (Vec<u16>, Vec<u16>) {
        self.lock().ports.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            match self.by_hash.get(oldest) {
                // One from the future was made before the clock was set back.
                Some((_, at)) if (0..LIFE_MS).contains(&(now.0 - at.0)) => break,
                _ => {}
            }
            self.by_hash.remove(oldest);
            self.order.pop_front();
        }
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(state: &str) -> Ticket {
        let (name, rd) = ("app.test".into(), "https://app.test/x".into());
        Ticket { session: SessionId(1), host: HostId(7), name, state: state.into(), rd }
    }

    #[test]
    fn a_ticket_is_good_once_for_one_host_in_one_browser() {
        let tickets = Tickets::new(Clock::manual(Timestamp(0)));
        let issue = || tickets.issue(ticket("s"));
        let spend = |text: &Secret<String>, host, name, state: &str| {
            tickets.spend(text.expose(), HostId(host), name, &[state.to_owned()])
        };
        let good = issue();
        assert_eq!(spend(&good, 7, "app.test", "s"), Some(ticket("s")));
        assert_eq!(spend(&good, 7, "app.test", "s"), None);
        // Each wrong use ends it.
        for (host, name, state) in [(8, "app.test", "s"), (7, "b.test", "s"), (7, "app.test", "t"), (7, "app.test", "")]
        {
            let text = issue();
            assert_eq!(spend(&text, host, name, state), None);
            assert_eq!(spend(&text, 7, "app.test", "s"), None);
        }
        let several = issue();
        assert!(tickets.spend(several.expose(), HostId(7), "app.test", &["t".into(), "s".into()]).is_some());
        assert_eq!(tickets.spend(issue().expose(), HostId(7), "app.test", &[]), None);
        assert_eq!(tickets.spend("", HostId(7), "app.test", &["s".into()]), None);
        let shown = format!("{tickets:?} {:?}", issue());
        assert!(shown.contains("tickets: 1") && shown.contains("***") && !shown.contains("app.test"), "{shown}");
    }

    #[test]
    fn a_ticket_lives_half_a_minute() {
        let clock = Clock::manual(Timestamp(1_000));
        let tickets = Tickets::new(clock.clone());
        for (later, good) in [(0, true), (29_999, true), (30_000, false), (31_000, false), (-1, false)] {
            clock.set(Timestamp(100_000));
            let text = tickets.issue(ticket("s"));
            clock.set(Timestamp(100_000 + later));
            let spent = tickets.spend(text.expose(), HostId(7), "app.test", &["s".into()]);
            assert_eq!(spent.is_some(), good, "{later} ms");
        }
    }

    #[test]
    fn the_oldest_goes_where_there_are_too_many() {
        let tickets = Tickets::new(Clock::manual(Timestamp(0)));
        let all: Vec<_> = (0..=MOST).map(|_| tickets.issue(ticket("s"))).collect();
        let spend = |n: usize| tickets.spend(all[n].expose(), HostId(7), "app.test", &["s".into()]);
        assert_eq!(tickets.lock().by_hash.len(), MOST);
        assert!(spend(0).is_none() && spend(1).is_some() && spend(MOST).is_some());
    }
}
