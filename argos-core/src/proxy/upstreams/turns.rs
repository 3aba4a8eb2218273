//! Whose turn it is in each target group, on one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::choose::{self, Candidate};
use super::target::{Busy, Known, OnCore};
use super::{OfGroup, Upstreams};
use crate::schema::{Algorithm, GroupId, TargetId};
use crate::snapshot::{Group, Snapshot, Target};

/// The groups of one core.
#[derive(Debug, Default)]
pub(crate) struct Turns(RefCell<HashMap<GroupId, Rc<Turn>, FixedState>>);

/// One group on one core.
#[derive(Debug)]
struct Turn {
    /// As it was last met: another one is another configuration of it.
    group: Arc<Group>,
    shared: Arc<OfGroup>,
    targets: Box<[Place]>,
    credits: RefCell<Box<[i64]>>,
    rotation: Cell<usize>,
}

#[derive(Debug)]
struct Place {
    known: Rc<OnCore>,
    seed: u64,
}

/// For whom a target is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) client: IpAddr,
    /// The target that it had before, which it gets again if that is in.
    pub(crate) before: Option<TargetId>,
    /// Those that were asked already.
    pub(crate) tried: &'a [TargetId],
    pub(crate) random: [u64; 2],
}

/// The target whose turn it is.
#[derive(Debug)]
pub(crate) struct Picked<'a> {
    pub(crate) target: &'a Target,
    pub(crate) busy: Busy,
    pub(crate) shared: Arc<OfGroup>,
}

impl Turns {
    /// The target of `group` that a request gets. When all are out, the first try goes to the one that failed the
    /// longest ago; none when the group has no target, or none is left to try.
    pub(crate) fn pick<'a>(&self, all: &Upstreams, group: &'a Arc<Group>, ask: &Ask<'_>) -> Option<Picked<'a>> {
        let turn = self.of(all, group);
        let (index, busy) = turn.pick(all, ask)?;
        Some(Picked { target: &group.targets[index], busy, shared: Arc::clone(&turn.shared) })
    }

    /// What all cores know of `group`.
    fn of(&self, all: &Upstreams, group: &Arc<Group>) -> Rc<Turn> {
        let mut groups = self.0.borrow_mut();
        let before = groups.get(&group.id);
        if let Some(turn) = before
            && Arc::ptr_eq(&turn.group, group)
        {
            return Rc::clone(turn);
        }
        let turn = Rc::new(Turn::new(all, group, before.map(|turn| &**turn)));
        groups.insert(group.id, Rc::clone(&turn));
        turn
    }

    /// Forgets groups that `live` does not have.
    pub(crate) fn tidy(&self, live: &Snapshot) {
        self.0.borrow_mut().retain(|id, _| live.groups.get(id).is_some());
    }
}

impl Turn {
    /// The group as it is now; targets that stay keep their credit.
    fn new(all: &Upstreams, group: &Arc<Group>, before: Option<&Self>) -> Self {
        let shared = before.map_or_else(|| all.of_group(group.id), |turn| Arc::clone(&turn.shared));
        let known = shared.of_targets(group, all.now_ms());
        let credit = |id: TargetId| {
            let turn = before?;
            let index = turn.targets.iter().position(|place| place.known.id == id)?;
            Some(turn.credits.borrow()[index])
        };
        let credits = group.targets.iter().map(|target| credit(target.id).unwrap_or(0)).collect();
        let place = |(known, target): (Arc<Known>, &Target)| Place {
            known: Rc::new(OnCore(known)),
            seed: choose::seed(&target.authority),
        };
        Self {
            group: Arc::clone(group),
            shared,
            targets: known.into_iter().zip(&group.targets).map(place).collect(),
            credits: RefCell::new(credits),
            rotation: Cell::new(before.map_or(0, |turn| turn.rotation.get())),
        }
    }

    fn pick(&self, all: &Upstreams, ask: &Ask<'_>) -> Option<(usize, Busy)> {
        let now = Cell::new(None);
        let now_ms = || {
            now.get().unwrap_or_else(|| {
                let ms = all.now_ms();
                now.set(Some(ms));
                ms
            })
        };
        let is_left = |index: usize| !ask.tried.contains(&self.targets[index].known.id);
        if let Some(before) = ask.before
            && let Some(index) = self.targets.iter().position(|place| place.known.id == before)
            && is_left(index)
            && self.targets[index].known.admits(now_ms)
            && let Some(busy) = Busy::begin(&self.targets[index].known, false)
        {
            return Some((index, busy));
        }
        if let [only] = &*self.targets {
            let busy = is_left(0).then(|| Busy::begin(&only.known, true)).flatten()?;
            return Some((0, busy));
        }
        let mut candidates: SmallVec<[Candidate; 8]> = SmallVec::new();
        for (index, place) in self.targets.iter().enumerate() {
            if is_left(index) && place.known.admits(now_ms) {
                candidates.push(self.candidate(index, now_ms));
            }
        }
        // Another core may begin a trial meanwhile: then the choice is made again without that target.
        while let Some(index) = self.choose(&candidates, ask) {
            if let Some(busy) = Busy::begin(&self.targets[index].known, false) {
                return Some((index, busy));
            }
            candidates.retain(|candidate| candidate.index != index);
        }
        if !ask.tried.is_empty() {
            return None;
        }
        let index = (0..self.targets.len()).min_by_key(|index| self.targets[*index].known.failed_at())?;
        Some((index, Busy::begin(&self.targets[index].known, true)?))
    }

    fn candidate(&self, index: usize, now_ms: impl FnOnce() -> u64) -> Candidate {
        let Place { known, seed } = &self.targets[index];
        let weight = known.weight(self.group.targets[index].weight, self.group.slow_start_ms, now_ms);
        Candidate { index, weight, in_flight: known.in_flight(), seed: *seed }
    }

    fn choose(&self, candidates: &[Candidate], ask: &Ask<'_>) -> Option<usize> {
        match self.group.algorithm {
            Algorithm::RoundRobin => choose::in_turn(candidates, &mut self.credits.borrow_mut()),
            Algorithm::LeastConn => {
                let rotation = self.rotation.get();
                self.rotation.set(rotation.wrapping_add(1));
                choose::least_busy(candidates, rotation)
            }
            Algorithm::IpHash => choose::by_client(candidates, ask.client),
            Algorithm::Random => choose::of_two(candidates, ask.random),
        }
    }
}
