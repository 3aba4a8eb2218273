//! Targets as they do: what outlives a snapshot and is shared by all cores.
//!
//! | File | What it does |
//! |---|---|
//! | `health.rs` | whether a target is in: the state machine |
//! | `target.rs` | what is known of one target |
//! | `turns.rs` | whose turn it is in a group, on one core |
//! | `choose.rs` | the four ways to choose |
//! | `sticky.rs` | the cookie by which a client goes on with its target |
//! | `budget.rs` | how many further tries a group may cost |
//! | `check.rs` | asks targets how they do |
//! | `names.rs` | addresses of names, while they are good |

mod budget;
mod check;
pub(crate) mod choose;
mod health;
mod names;
pub(crate) mod sticky;
pub(crate) mod target;
mod turns;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub(crate) use check::watch;
pub(crate) use names::Names;
pub(crate) use turns::{Ask, Looked, Picked, Turns, Why};

use self::budget::Budget;
use self::target::{Known, Moment, Shown, Transition};
use crate::clock::Clock;
use crate::event::{Event, Events, Facts, TargetRecovered, TargetUnhealthy};
use crate::schema::{GroupId, TargetId, TargetState};
use crate::snapshot::{Group, Snapshot, Target};

/// What is known of all targets.
pub struct Upstreams {
    epoch: Instant,
    clock: Clock,
    events: Events,
    /// What went out or came back and was not told yet.
    untold: Mutex<Vec<Event>>,
    groups: Mutex<HashMap<GroupId, Arc<OfGroup>>>,
    /// The port of the first TLS listener; 0 = there is none.
    https_port: AtomicU16,
}

/// What is known of one group.
#[derive(Debug, Default)]
pub(crate) struct OfGroup {
    pub(crate) budget: Budget,
    targets: Mutex<Vec<Arc<Known>>>,
}

impl fmt::Debug for Upstreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstreams").finish_non_exhaustive()
    }
}

impl Default for Upstreams {
    fn default() -> Self {
        Self::new(Clock::system(), Events::default())
    }
}

impl Upstreams {
    /// Nothing is known yet; what changes is told to `events`.
    #[must_use]
    pub fn new(clock: Clock, events: Events) -> Self {
        Self {
            epoch: Instant::now(),
            clock,
            events,
            untold: Mutex::default(),
            groups: Mutex::default(),
            https_port: AtomicU16::new(0),
        }
    }

    /// Notes the port of TLS, for explanations.
    pub(crate) fn serves_https_at(&self, port: Option<u16>) {
        self.https_port.store(port.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn https_port(&self) -> Option<u16> {
        Some(self.https_port.load(Ordering::Relaxed)).filter(|port| *port > 0)
    }

    /// Milliseconds since all this was made.
    pub(crate) fn now_ms(&self) -> u64 {
        self.at_ms(Instant::now())
    }

    /// The same of a moment that is known.
    pub(crate) fn at_ms(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { ms: self.now_ms(), at: self.clock.now() }
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<GroupId, Arc<OfGroup>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `group`.
    pub(crate) fn of_group(&self, group: GroupId) -> Arc<OfGroup> {
        Arc::clone(self.groups().entry(group).or_default())
    }

    /// What is known of a target; none when nobody has met it yet.
    pub(crate) fn known(&self, group: &Group, target: &Target) -> Option<Arc<Known>> {
        self.groups().get(&group.id).and_then(|of| of.find(target))
    }

    /// What is known of a target, which begins if nobody has met it yet.
    pub(crate) fn of_target(&self, group: &Group, target: &Target) -> Arc<Known> {
        let of = self.of_group(group.id);
        // All of the group begin together: none of them came later.
        of.of_targets(group, self.now_ms());
        of.find(target).unwrap_or_else(|| Arc::new(Known::new(target.id, Arc::clone(&target.pool), 0)))
    }

    /// What is shown of a target; none when no request and no check has met it yet.
    pub(crate) fn shown(&self, group: &Group, target: &Target) -> Option<Shown> {
        let known = self.known(group, target)?;
        let weight = match known.admits(|| self.now_ms()) {
            true => known.weight(target.weight, group.slow_start_ms, || self.now_ms()),
            false => 0,
        };
        Some(known.shown(weight))
    }

    /// Forgets targets and groups that `live` does not have.
    pub(crate) fn tidy(&self, live: &Snapshot) {
        self.groups().retain(|id, of| {
            let Some(group) = live.groups.get(id) else { return false };
            of.targets().retain(|known| group.targets.iter().any(|t| known.is(t)));
            true
        });
    }

    /// Has told, by the next tick of any core, that a target went out or came back: the request that finds it out does not
    /// wake who listens.
    pub(crate) fn tell(&self, group: &Group, target: &Target, transition: &Transition) {
        let (state, reason) = (transition.state, transition.reason.to_string());
        let (of, target_group) = (target.authority.to_string(), group.name.to_string());
        let (target_id, target_group_id) = (target.id, group.id);
        let facts: Facts = match state {
            TargetState::Unhealthy => {
                TargetUnhealthy { target: of, target_group, state, reason, target_id, target_group_id }.into()
            }
            _ => TargetRecovered { target: of, target_group, state, reason, target_id, target_group_id }.into(),
        };
        self.untold().push(Event::of_system(self.clock.now(), facts));
    }

    /// Tells what is to be told. The lock keeps the order.
    pub(crate) fn tell_all(&self) {
        for event in self.untold().drain(..) {
            match &event.facts {
                Facts::TargetUnhealthy(_) => tracing::warn!("{}", event.message()),
                _ => tracing::info!("{}", event.message()),
            }
            self.events.emit(event);
        }
    }

    fn untold(&self) -> MutexGuard<'_, Vec<Event>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether it is this target: the same row, reached in the same way.
    fn is(&self, target: &Target) -> bool {
        self.id == target.id && self.pool == target.pool
    }
}

impl OfGroup {
    fn targets(&self) -> MutexGuard<'_, Vec<Arc<Known>>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, target: &Target) -> Option<Arc<Known>> {
        self.targets().iter().find(|known| known.is(target)).map(Arc::clone)
    }

    /// What is known of the targets of `group`, in their order. What is new begins; beside others it starts slowly.
    pub(crate) fn of_targets(&self, group: &Group, now_ms: u64) -> Vec<Arc<Known>> {
        let mut known = self.targets();
        let grows_from = if known.is_empty() { 0 } else { now_ms.max(1) };
        let mut find = |target: &Target| {
            if let Some(found) = known.iter().find(|known| known.is(target)) {
                return Arc::clone(found);
            }
            let new = Arc::new(Known::new(target.id, Arc::clone(&target.pool), grows_from));
            known.push(Arc::clone(&new));
            new
        };
        group.targets.iter().map(&mut find).collect()
    }
}

/// The identity of a target in what is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TargetKey(pub(crate) GroupId, pub(crate) TargetId);
