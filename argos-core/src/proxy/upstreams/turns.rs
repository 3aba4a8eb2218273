//! Whose turn it is in each target group, on one core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::budget::Budget;
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
    /// How long a target at which several requests wait may answer none of them.
    pub(crate) patience_ms: u64,
}

/// The target whose turn it is.
#[derive(Debug)]
pub(crate) struct Picked<'a> {
    pub(crate) target: &'a Target,
    pub(crate) busy: Busy,
    turn: Rc<Turn>,
}

impl Picked<'_> {
    /// What the group may spend on further tries.
    pub(crate) fn budget(&self) -> &Budget {
        &self.turn.shared.budget
    }
}

impl Turns {
    /// The target of `group` that a request gets. When all are out, the first try goes to the one that failed the
    /// longest ago; none when the group has no target, or none is left to try.
    pub(crate) fn pick<'a>(&self, all: &Upstreams, group: &'a Arc<Group>, ask: &Ask<'_>) -> Option<Picked<'a>> {
        let turn = self.of(all, group);
        let (index, busy) = turn.pick(all, ask)?;
        Some(Picked { target: &group.targets[index], busy, turn })
    }

    /// What [`pick`](Self::pick) would choose among, and why, without a request that counts.
    pub(crate) fn look(&self, all: &Upstreams, group: &Arc<Group>, ask: &Ask<'_>) -> Looked {
        self.of(all, group).look(all, ask)
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

/// How a choice would go.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Which of the group's targets; none where that is not settled before the request comes.
    pub(crate) chosen: Option<usize>,
    pub(crate) why: Why,
    /// Those among which it is made.
    pub(crate) candidates: SmallVec<[Candidate; 8]>,
}

/// Why a target is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The client had it before.
    Before,
    /// It is the only one that is in.
    Only,
    /// The client's address.
    Address,
    /// It is the least busy.
    LeastBusy,
    /// Several are, and take turns.
    EquallyBusy,
    /// They take turns, on each core for itself.
    Turns,
    /// Two are drawn by lot.
    Lot,
    /// All are out; it failed the longest ago.
    LastResort,
    /// There is none.
    None,
}

impl Turn {
    fn look(&self, all: &Upstreams, ask: &Ask<'_>) -> Looked {
        let now_ms = all.now_ms();
        let mut candidates = self.candidates(|| now_ms);
        let before =
            ask.before.and_then(|id| candidates.iter().find(|c| self.targets[c.index].known.id == id).copied());
        self.leave_out_silent(&mut candidates, ask.patience_ms, || now_ms);
        let load = |c: &Candidate| (u64::from(c.in_flight) + 1) as f64 / f64::from(c.weight);
        let least = candidates.iter().map(load).fold(f64::INFINITY, f64::min);
        let mut least_busy = candidates.iter().filter(|c| load(c) <= least);
        let (why, chosen) = match (&*candidates, self.group.algorithm) {
            _ if before.is_some() => (Why::Before, before.map(|c| c.index)),
            ([], _) => {
                let oldest = (0..self.targets.len()).min_by_key(|index| self.targets[*index].known.failed_at());
                (if oldest.is_some() { Why::LastResort } else { Why::None }, oldest)
            }
            ([only], _) => (Why::Only, Some(only.index)),
            (_, Algorithm::IpHash) => (Why::Address, choose::by_client(&candidates, ask.client)),
            (_, Algorithm::LeastConn) => match (least_busy.next(), least_busy.next()) {
                (Some(one), None) => (Why::LeastBusy, Some(one.index)),
                _ => (Why::EquallyBusy, None),
            },
            (_, Algorithm::RoundRobin) => (Why::Turns, None),
            (_, Algorithm::Random) => (Why::Lot, None),
        };
        Looked { chosen, why, candidates }
    }

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
            && let Some(busy) = Busy::begin(&self.targets[index].known, false, now_ms)
        {
            return Some((index, busy));
        }
        if let [only] = &*self.targets {
            let busy = is_left(0).then(|| Busy::begin(&only.known, true, now_ms)).flatten()?;
            return Some((0, busy));
        }
        let mut candidates = self.candidates(now_ms);
        candidates.retain(|candidate| is_left(candidate.index));
        self.leave_out_silent(&mut candidates, ask.patience_ms, now_ms);
        // Another core may begin a trial meanwhile: then the choice is made again without that target.
        while let Some(index) = self.choose(&candidates, ask) {
            if let Some(busy) = Busy::begin(&self.targets[index].known, false, now_ms) {
                return Some((index, busy));
            }
            candidates.retain(|candidate| candidate.index != index);
        }
        if !ask.tried.is_empty() {
            return None;
        }
        let index = (0..self.targets.len()).min_by_key(|index| self.targets[*index].known.failed_at())?;
        Some((index, Busy::begin(&self.targets[index].known, true, now_ms)?))
    }

    /// Targets that take a request now.
    fn candidates(&self, now_ms: impl Fn() -> u64 + Copy) -> SmallVec<[Candidate; 8]> {
        let is_in = |index: &usize| self.targets[*index].known.admits(now_ms);
        (0..self.targets.len()).filter(is_in).map(|index| self.candidate(index, now_ms)).collect()
    }

    /// Whoever hangs gets no more until it is heard of, unless all do: then it is the requests that are slow.
    fn leave_out_silent(
        &self,
        candidates: &mut SmallVec<[Candidate; 8]>,
        patience_ms: u64,
        now_ms: impl Fn() -> u64 + Copy,
    ) {
        let silent = |c: &Candidate| self.targets[c.index].known.is_silent(patience_ms, now_ms);
        if candidates.iter().any(silent) && !candidates.iter().all(silent) {
            candidates.retain(|candidate| !silent(candidate));
        }
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
