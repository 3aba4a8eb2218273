//! Sign-ins that began and are not answered yet: bound to one browser, good for one answer. Source: RFC 6749 §10.12;
//! RFC 9700 §4.7.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::fault::{Failure, Fault, Stage};
use crate::clock::{Clock, Timestamp};
use crate::secret::Secret;

/// Sign-ins that are remembered; the oldest make room.
const MOST: usize = 10_000;
/// How long an answer is waited for.
pub const AGE_SECONDS: i64 = 600;

/// What is remembered of one, beside what the caller keeps with it.
#[derive(Debug)]
pub(super) struct Pending<P> {
    /// SHA-256 of what the browser's cookie holds.
    pub(super) binding: [u8; 32],
    /// SHA-256 of the nonce.
    pub(super) nonce: [u8; 32],
    /// What proves to the provider that the same client asks (PKCE): it has to be shown, so it is kept itself.
    pub(super) verifier: Secret<String>,
    /// The provider and the client that it began with.
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) purpose: P,
    pub(super) began: Timestamp,
}

/// All of them, by SHA-256 of their state.
#[derive(Debug)]
pub(super) struct States<P>(Mutex<Inner<P>>);

#[derive(Debug)]
struct Inner<P> {
    live: HashMap<[u8; 32], (u64, Pending<P>)>,
    /// In the order in which they began.
    order: BTreeMap<u64, [u8; 32]>,
    next: u64,
}

impl<P> Default for States<P> {
    fn default() -> Self {
        Self(Mutex::new(Inner { live: HashMap::new(), order: BTreeMap::new(), next: 0 }))
    }
}

impl<P> States<P> {
    pub(super) fn put(&self, state: &str, pending: Pending<P>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let too_old = pending.began.millis() - AGE_SECONDS * 1000;
        while let Some((_, first)) = inner.order.first_key_value() {
            let is_over = inner.live.get(first).is_none_or(|(_, one)| one.began.millis() <= too_old);
            if !is_over && inner.order.len() < MOST {
                break;
            }
            if let Some((_, first)) = inner.order.pop_first() {
                inner.live.remove(&first);
            }
        }
        let (number, hash) = (inner.next, digest(state));
        inner.next += 1;
        inner.order.insert(number, hash);
        inner.live.insert(hash, (number, pending));
    }

    /// Ends the sign-in of `state`, whatever comes of it, and gives it to the browser that began it.
    pub(super) fn take(&self, clock: &Clock, state: &str, cookie: Option<&str>) -> Result<Pending<P>, Fault> {
        let fault = |why: &str| Fault::new(Stage::State, Failure::StateMismatch, why);
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = inner.live.remove(&digest(state));
        if let Some((number, _)) = &taken {
            inner.order.remove(number);
        }
        drop(inner);
        let (_, pending) = taken.ok_or_else(|| {
            fault("no sign-in waits for this answer: it took longer than 10 minutes, or was answered before")
        })?;
        let age = clock.now().millis() - pending.began.millis();
        if age >= AGE_SECONDS * 1000 {
            return Err(fault("the sign-in took longer than 10 minutes"));
        }
        let shown = digest(cookie.unwrap_or_default());
        if cookie.is_none() || !bool::from(shown.ct_eq(&pending.binding)) {
            return Err(fault("the answer comes from another browser than the one that began to sign in"));
        }
        Ok(pending)
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        let inner = self.0.lock().unwrap();
        (inner.live.len(), inner.order.len())
    }
}

pub(super) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(clock: &Clock, cookie: &str) -> Pending<u32> {
        Pending {
            binding: digest(cookie),
            nonce: [0; 32],
            verifier: Secret::new("hidden-verifier".into()),
            issuer: "https://idp.example".into(),
            client_id: "argos".into(),
            purpose: 7,
            began: clock.now(),
        }
    }

    fn reason<P: std::fmt::Debug>(taken: Result<Pending<P>, Fault>) -> String {
        let fault = taken.unwrap_err();
        assert_eq!((fault.stage, fault.failure), (Stage::State, Failure::StateMismatch));
        fault.reason
    }

    #[test]
    fn an_answer_is_taken_once_and_from_the_browser_that_began() {
        let (states, clock) = (States::default(), Clock::manual(Timestamp(0)));
        states.put("a", pending(&clock, "cookie"));
        assert!(reason(states.take(&clock, "b", Some("cookie"))).contains("no sign-in waits"));
        assert_eq!(states.take(&clock, "a", Some("cookie")).unwrap().purpose, 7);
        assert!(reason(states.take(&clock, "a", Some("cookie"))).contains("no sign-in waits"));
        for cookie in [None, Some(""), Some("other"), Some("cookie ")] {
            states.put("c", pending(&clock, "cookie"));
            assert!(reason(states.take(&clock, "c", cookie)).contains("another browser"));
            // It is gone then, too: nobody tries cookies.
            assert!(reason(states.take(&clock, "c", Some("cookie"))).contains("no sign-in waits"));
        }
    }

    #[test]
    fn ten_minutes_are_the_end() {
        let (states, clock) = (States::default(), Clock::manual(Timestamp(0)));
        states.put("a", pending(&clock, "x"));
        states.put("b", pending(&clock, "x"));
        clock.set(Timestamp(599_999));
        assert!(states.take(&clock, "a", Some("x")).is_ok());
        clock.set(Timestamp(600_000));
        assert!(reason(states.take(&clock, "b", Some("x"))).contains("10 minutes"));
        // What is over makes room when the next begins.
        states.put("c", pending(&clock, "x"));
        assert_eq!(states.len(), (1, 1));
    }

    #[test]
    fn the_oldest_make_room() {
        let (states, clock) = (States::default(), Clock::manual(Timestamp(0)));
        for n in 0..MOST + 10 {
            states.put(&n.to_string(), pending(&clock, "x"));
            // What is answered takes no room.
            states.put("answered", pending(&clock, "x"));
            assert!(states.take(&clock, "answered", Some("x")).is_ok());
        }
        assert_eq!(states.len(), (MOST - 1, MOST - 1));
        assert!(states.take(&clock, "10", Some("x")).is_err());
        assert!(states.take(&clock, "11", Some("x")).is_ok());
        assert!(states.take(&clock, "10009", Some("x")).is_ok());
    }

    #[test]
    fn nothing_that_is_remembered_shows_the_verifier() {
        let clock = Clock::manual(Timestamp(0));
        assert!(!format!("{:?}", pending(&clock, "cookie")).contains("hidden"));
    }
}
