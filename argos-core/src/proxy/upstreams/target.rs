//! What is known of one target, for all cores: how busy it is, whether it is in, since when.
//!
//! A request that goes well reads two words and writes one. The lock is taken only when something changes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::choose::UNIT;
use super::health::{Health, Thresholds};
use crate::clock::Timestamp;
use crate::schema::{TargetId, TargetState};

/// How long requests keep a target out before one of them may try it.
pub(crate) const OUT_MS: u64 = 30_000;
/// Requests that must wait for an answer until a target's silence says something.
const MANY_WAIT: u32 = 4;
/// The gate of a target that checks took out.
const SHUT: u64 = u64::MAX;

/// What is known of one target. Times are milliseconds since [`Upstreams`](super::Upstreams) was made.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: TargetId,
    /// What tells its connections apart; another one makes it another target.
    pub(crate) pool: Arc<str>,
    in_flight: AtomicU32,
    /// Whether one more success says nothing new.
    calm: AtomicBool,
    /// 0 = it is in; else when it may be tried again.
    gate: AtomicU64,
    /// When a request or a check last failed; 0 = never.
    failed_at: AtomicU64,
    /// From when on its weight grows; 0 = it is whole.
    grows_from: AtomicU64,
    /// Requests for which no head of an answer is there.
    waiting: AtomicU32,
    /// When a head last came, or a request began to wait after none did.
    heard_at: AtomicU64,
    /// Rings when an answer makes one doubt it, for its checks.
    pub(crate) doubt: Notify,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    health: Health,
    /// When requests may try it again.
    until: u64,
    since: Option<Timestamp>,
    last_error: Box<str>,
    /// Checks that passed in a row since requests last failed.
    passed: u32,
}

/// A target went out or came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) state: TargetState,
    pub(crate) reason: Box<str>,
}

/// What is shown of one target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) state: TargetState,
    pub(crate) since: Option<Timestamp>,
    pub(crate) last_error: Box<str>,
    pub(crate) in_flight: u32,
    /// 0 while it is out.
    pub(crate) weight: f64,
}

/// The moment of something: in both of the clocks that matter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) ms: u64,
    pub(crate) at: Timestamp,
}

impl Known {
    pub(crate) fn new(id: TargetId, pool: Arc<str>, grows_from: u64) -> Self {
        Self {
            id,
            pool,
            in_flight: AtomicU32::new(0),
            calm: AtomicBool::new(false),
            gate: AtomicU64::new(0),
            failed_at: AtomicU64::new(0),
            grows_from: AtomicU64::new(grows_from),
            waiting: AtomicU32::new(0),
            heard_at: AtomicU64::new(0),
            doubt: Notify::new(),
            seen: Mutex::default(),
        }
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Whether it takes a request at `now_ms`: because it is in, or to be tried.
    pub(crate) fn admits(&self, now_ms: impl FnOnce() -> u64) -> bool {
        match self.gate.load(Relaxed) {
            0 => true,
            SHUT => false,
            until => until <= now_ms(),
        }
    }

    /// Whether several requests wait for it and none has been answered for `patience_ms`: it hangs, or is far behind.
    pub(crate) fn is_silent(&self, patience_ms: u64, now_ms: impl FnOnce() -> u64) -> bool {
        self.waiting.load(Relaxed) >= MANY_WAIT && now_ms().saturating_sub(self.heard_at.load(Relaxed)) > patience_ms
    }

    /// When it last failed.
    pub(crate) fn failed_at(&self) -> u64 {
        self.failed_at.load(Relaxed)
    }

    /// Its weight as it counts now, of `weight`, while it grows over `slow_start_ms`.
    pub(crate) fn weight(&self, weight: u32, slow_start_ms: u64, now_ms: impl FnOnce() -> u64) -> u32 {
        let whole = weight * UNIT;
        let from = self.grows_from.load(Relaxed);
        if from == 0 || slow_start_ms == 0 {
            return whole;
        }
        let grown = now_ms().saturating_sub(from);
        if grown >= slow_start_ms {
            // Another core may have found the same, or a new beginning, which stays.
            let _ = self.grows_from.compare_exchange(from, 0, Relaxed, Relaxed);
            return whole;
        }
        u32::try_from(u64::from(whole) * grown / slow_start_ms).unwrap_or(whole).max(1)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A check passed, or failed for a reason.
    pub(crate) fn checked(
        &self,
        wanted: Thresholds,
        outcome: Result<(), Box<str>>,
        now: Moment,
        told: impl FnOnce() -> Box<str>,
    ) -> Option<Transition> {
        self.change(now, |seen| match outcome {
            Ok(()) => {
                seen.health.passed(wanted);
                seen.passed = seen.passed.saturating_add(1);
                if seen.health.is_ejected() && seen.passed >= wanted.passes {
                    // It answers again, so that a request may try it before the time is over.
                    seen.until = seen.until.min(now.ms);
                }
                told()
            }
            Err(reason) => {
                self.failed_at.store(now.ms.max(1), Relaxed);
                seen.health.failed(wanted);
                seen.passed = 0;
                seen.last_error.clone_from(&reason);
                reason
            }
        })
    }

    /// There are no checks any more.
    pub(crate) fn unchecked(&self, now: Moment) -> Option<Transition> {
        if !self.seen().health.was_checked() {
            return None;
        }
        self.change(now, |seen| {
            seen.health.unchecked();
            "its group is not checked any more".into()
        })
    }

    fn answered(&self, trial: bool, now: Moment) -> Option<Transition> {
        self.change(now, |seen| {
            seen.health.answered(trial);
            "a request was answered".into()
        })
    }

    /// A request failed before the head of an answer was there.
    pub(crate) fn missed(&self, reason: &str, now: Moment) -> Option<Transition> {
        self.failed_at.store(now.ms.max(1), Relaxed);
        self.change(now, |seen| {
            seen.passed = 0;
            if seen.health.missed() {
                seen.until = now.ms + OUT_MS;
            }
            seen.last_error = reason.into();
            format!("requests fail: {reason}").into()
        })
    }

    /// A request that tried it, and had shut the gate for that, ended without saying anything about it.
    fn tried_in_vain(&self, claimed: u64) {
        let seen = self.seen();
        if self.gate.load(Relaxed) == claimed {
            self.gate.store(gate(&seen), Relaxed);
        }
    }

    /// Lets a request try it if it is out, and nobody else as long as that may take: one that goes on for ever must not
    /// keep it out. Tells the gate that it shut for that; none when somebody else tries it already.
    fn claim(&self, even_if_shut: bool, now_ms: u64) -> Option<u64> {
        let _seen = self.seen();
        match self.gate.load(Relaxed) {
            0 => Some(0),
            SHUT => even_if_shut.then_some(SHUT),
            until if until <= now_ms => {
                let claimed = (now_ms + OUT_MS).max(1);
                self.gate.store(claimed, Relaxed);
                Some(claimed)
            }
            until => even_if_shut.then_some(until),
        }
    }

    fn change(&self, now: Moment, what: impl FnOnce(&mut Seen) -> Box<str>) -> Option<Transition> {
        let mut seen = self.seen();
        let before = seen.health.state();
        let reason = what(&mut seen);
        let after = seen.health.state();
        self.gate.store(gate(&seen), Relaxed);
        self.calm.store(seen.health.is_calm(), Relaxed);
        if after == before {
            return None;
        }
        seen.since = Some(now.at);
        let was_out = before == TargetState::Unhealthy;
        if was_out {
            self.grows_from.store(now.ms.max(1), Relaxed);
        }
        if after == TargetState::Healthy {
            seen.last_error = "".into();
        }
        // Only who was out can come back.
        (was_out || after == TargetState::Unhealthy).then_some(Transition { state: after, reason })
    }

    /// What is shown of it, whose weight would be `weight`.
    pub(crate) fn shown(&self, weight: u32) -> Shown {
        let seen = self.seen();
        Shown {
            state: seen.health.state(),
            since: seen.since,
            last_error: seen.last_error.clone(),
            in_flight: self.in_flight(),
            weight: f64::from(weight) / f64::from(UNIT),
        }
    }
}

fn gate(seen: &Seen) -> u64 {
    match () {
        () if seen.health.failed_checks() => SHUT,
        () if seen.health.is_ejected() => seen.until.max(1),
        () => 0,
    }
}

/// What one core holds of a target: its requests count their use of it without an atomic.
#[derive(Debug)]
pub(crate) struct OnCore(pub(crate) Arc<Known>);

impl std::ops::Deref for OnCore {
    type Target = Known;

    fn deref(&self) -> &Known {
        &self.0
    }
}

/// A request that a target has. It counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy {
    known: Rc<OnCore>,
    /// The gate under which it tries a target that is out; 0 = that is in.
    trial: u64,
    /// Whether it is counted among those that wait for a head.
    waits: Cell<bool>,
}

impl Busy {
    /// A request that `target` gets now; none where it is out and somebody else tries it already, unless nobody else is
    /// left to be asked.
    pub(crate) fn begin(target: &Rc<OnCore>, last_resort: bool, now_ms: impl FnOnce() -> u64) -> Option<Self> {
        let trial = match target.gate.load(Relaxed) {
            0 => 0,
            _ => target.claim(last_resort, now_ms())?,
        };
        target.in_flight.fetch_add(1, Relaxed);
        Some(Self { known: Rc::clone(target), trial, waits: Cell::new(false) })
    }

    pub(crate) fn target(&self) -> &Known {
        &self.known
    }

    /// All of it is sent, and now the target's answer is awaited.
    pub(crate) fn waits(&self, now_ms: impl FnOnce() -> u64) {
        if !self.waits.replace(true) && self.known.waiting.fetch_add(1, Relaxed) == 0 {
            self.known.heard_at.store(now_ms(), Relaxed);
        }
    }

    /// The head of its answer is there.
    pub(crate) fn answered(&self, now_ms: u64, now: impl FnOnce() -> Moment) -> Option<Transition> {
        self.waits_no_more();
        self.known.heard_at.store(now_ms, Relaxed);
        if self.known.calm.load(Relaxed) {
            return None;
        }
        self.known.answered(self.trial > 0, now())
    }

    fn waits_no_more(&self) {
        if self.waits.replace(false) {
            self.known.waiting.fetch_sub(1, Relaxed);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.waits_no_more();
        self.known.in_flight.fetch_sub(1, Relaxed);
        if self.trial > 0 && self.known.gate.load(Relaxed) == self.trial {
            self.known.tried_in_vain(self.trial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Rc<OnCore> {
        Rc::new(OnCore(Arc::new(Known::new(TargetId(1), "10.0.0.1:80".into(), 0))))
    }

    fn at(ms: u64) -> Moment {
        Moment { ms, at: Timestamp(1_000_000 + ms as i64) }
    }

    #[test]
    fn three_misses_take_it_out_for_thirty_seconds_and_then_one_request_tries_it() {
        let known = known();
        let old = Busy::begin(&known, false, || 0).unwrap();
        assert_eq!(known.missed("refused", at(1)), None);
        assert_eq!(known.missed("refused", at(2)), None);
        let out = known.missed("refused", at(3)).unwrap();
        assert_eq!((out.state, &*out.reason), (TargetState::Unhealthy, "requests fail: refused"));
        assert!(!known.admits(|| 30_002) && known.admits(|| 30_003));

        let trial = Busy::begin(&known, false, || 30_500).unwrap();
        assert!(!known.admits(|| 60_499), "one at a time");
        assert!(Busy::begin(&known, false, || 30_600).is_none());
        assert!(known.admits(|| 60_500), "a request that goes on for ever does not keep it out");
        assert_eq!(known.missed("refused again", at(31_000)), None);
        drop(trial);
        assert!(!known.admits(|| 60_999) && known.admits(|| 61_000), "thirty more seconds");

        let trial = Busy::begin(&known, false, || 61_000).unwrap();
        drop(trial);
        assert!(known.admits(|| 61_001), "a trial that said nothing is made again");
        let trial = Busy::begin(&known, false, || 61_001).unwrap();
        assert_eq!(old.answered(0, || at(61_001)), None, "what began before it was out does not bring it back");
        let back = trial.answered(0, || at(61_002)).unwrap();
        assert_eq!(back.state, TargetState::Healthy);
        assert!(known.admits(|| 61_003));
        assert_eq!(old.answered(0, || unreachable!("a calm target asks for no time")), None);
        drop((old, trial));
        let shown = known.shown(UNIT);
        assert_eq!((shown.since, &*shown.last_error, shown.in_flight), (Some(Timestamp(1_061_002)), "", 0));
    }

    #[test]
    fn what_checks_took_out_is_tried_only_as_the_last_resort() {
        let known = known();
        let wanted = Thresholds { fails: 1, passes: 1 };
        let out = known.checked(wanted, Err("status 500".into()), at(5), || unreachable!()).unwrap();
        assert_eq!((out.state, &*out.reason), (TargetState::Unhealthy, "status 500"));
        assert!(!known.admits(|| u64::MAX - 2));
        assert!(Busy::begin(&known, false, || 0).is_none());
        let busy = Busy::begin(&known, true, || 0).unwrap();
        assert_eq!(busy.answered(0, || at(6)), None);
        drop(busy);
        assert!(!known.admits(|| u64::MAX - 2), "an answered request does not overrule the checks");
        let back = known.checked(wanted, Ok(()), at(7), || "check passed".into()).unwrap();
        assert_eq!(back.state, TargetState::Healthy);
        assert!(known.admits(|| 8));
    }

    #[test]
    fn a_weight_grows_in_a_line_after_it_came_back() {
        let known = known();
        assert_eq!(known.weight(5, 10_000, || unreachable!()), 500, "what never was out is whole");
        (0..3).for_each(|_| drop(known.missed("reset", at(0))));
        Busy::begin(&known, true, || 0).unwrap().answered(0, || at(1000)).unwrap();
        for (now, weight) in [(1000, 1), (2000, 50), (6000, 250), (10_999, 499), (11_000, 500), (11_001, 500)] {
            assert_eq!(known.weight(5, 10_000, || now), weight, "at {now}");
        }
        assert_eq!(known.weight(5, 0, || unreachable!()), 500);
    }

    #[test]
    fn passing_checks_let_a_request_try_it_before_the_time_is_over() {
        let known = known();
        let wanted = Thresholds { fails: 2, passes: 2 };
        let pass = |ms| known.checked(wanted, Ok(()), at(ms), || "checks pass".into());
        (0..5).for_each(|ms| drop(pass(ms)));
        (5..8).for_each(|ms| drop(known.missed("refused", at(ms))));
        assert!(!known.admits(|| 9), "what passed before counts for nothing");
        pass(9);
        assert!(!known.admits(|| 10));
        pass(11);
        assert!(known.admits(|| 11), "one request may try it");
        let trial = Busy::begin(&known, false, || 11).unwrap();
        assert!(!known.admits(|| 12));
        known.missed("refused", at(13));
        drop(trial);
        assert!(!known.admits(|| 14) && known.admits(|| 30_013));
    }

    #[test]
    fn it_is_silent_when_several_wait_and_nobody_is_answered() {
        let known = known();
        let wait = |ms: u64| {
            let busy = Busy::begin(&known, false, || ms).unwrap();
            busy.waits(|| ms);
            busy
        };
        let mut waiting: Vec<_> = (0..3).map(|_| wait(100)).collect();
        let uploads: Vec<_> = (0..5).map(|_| Busy::begin(&known, false, || 100).unwrap()).collect();
        assert!(
            !known.is_silent(250, || 9_999),
            "three may be slow requests, and those that are still sent wait for their clients"
        );
        waiting.push(wait(200));
        assert!(!known.is_silent(250, || 350) && known.is_silent(250, || 351));
        drop(uploads);
        waiting.push(wait(360));
        waiting[0].answered(360, || at(360));
        assert!(!known.is_silent(250, || 600) && known.is_silent(250, || 611), "an answer says that it lives");
        // An answer whose body is under way waits for nothing.
        waiting[1].answered(700, || at(700));
        assert!(!known.is_silent(250, || 9_999));
        assert_eq!(known.in_flight(), 5);
        waiting.clear();
        assert_eq!((known.in_flight(), known.waiting.load(Relaxed)), (0, 0));
    }
}
