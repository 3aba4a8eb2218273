//! Which target of the group is asked, first and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::Known as Field;
use crate::proxy::stop::Stop;
use crate::proxy::upstreams::target::Transition;
use crate::proxy::upstreams::{Ask, Looked, Picked, sticky};
use crate::schema::{Algorithm, GroupId, TargetId};
use crate::snapshot::{Group, Snapshot, Target};

/// A group and the target whose turn it is.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) group: &'a Arc<Group>,
    pub(crate) picked: Picked<'a>,
    /// What the client's cookie says, where clients go on with their targets.
    told: Option<sticky::Told>,
}

/// Picks the target of `group`; a group without an enabled target ends the request.
pub(crate) fn pick<'a>(ex: &Exchange, core: &Core, live: &'a Snapshot, group: GroupId) -> Result<Choice<'a>, Stop> {
    of_group(ex, core, live, live.groups.get(&group).ok_or(Stop::NoTarget)?)
}

/// Picks a target of this very group.
pub(crate) fn of_group<'a>(
    ex: &Exchange,
    core: &Core,
    live: &Snapshot,
    group: &'a Arc<Group>,
) -> Result<Choice<'a>, Stop> {
    let told = told(ex, group);
    let picked = next(ex, core, live, group, told, &[]).ok_or(Stop::NoTarget)?;
    picked.budget().count(core.shared.upstreams.at_ms(ex.facts.began));
    Ok(Choice { group, picked, told })
}

/// How the choice of a target of `group` would go, without a request that counts.
pub(crate) fn look(ex: &Exchange, core: &Core, live: &Snapshot, group: &Arc<Group>) -> Looked {
    let told = told(ex, group);
    let ask = Ask {
        client: ex.client.ip,
        before: told.map(|told| told.target),
        tried: &[],
        random: [0; 2],
        patience_ms: patience(group, live),
    };
    core.turns.look(&core.shared.upstreams, group, &ask)
}

/// A quarter of the time that an answer may take: what hangs is noticed before its requests fail, and what is slow by
/// nature has a long time by its group.
fn patience(group: &Group, live: &Snapshot) -> u64 {
    let whole = group.response_timeout_ms.map_or(live.proxy.response_timeout, |ms| Duration::from_millis(ms.into()));
    u64::try_from(whole.as_millis()).unwrap_or(u64::MAX) / 4
}

/// What the client's cookie says, where clients go on with their targets.
fn told(ex: &Exchange, group: &Group) -> Option<sticky::Told> {
    let sticky = group.sticky.as_ref()?;
    let bytes = ex.bytes();
    let cookies = ex.head.fields.iter().filter(|f| f.known == Field::Cookie);
    sticky::read(sticky, group.id, cookies.map(|f| f.value.of_bytes(bytes)), ex.facts.at)
}

fn next<'a>(
    ex: &Exchange,
    core: &Core,
    live: &Snapshot,
    group: &'a Arc<Group>,
    told: Option<sticky::Told>,
    tried: &[TargetId],
) -> Option<Picked<'a>> {
    let random = match group.algorithm {
        Algorithm::Random => [(); 2].map(|()| u64::from_be_bytes(core.random.borrow_mut().take())),
        _ => [0; 2],
    };
    let ask = Ask {
        client: ex.client.ip,
        before: told.map(|told| told.target),
        tried,
        random,
        patience_ms: patience(group, live),
    };
    core.turns.pick(&core.shared.upstreams, group, &ask)
}

impl<'a> Choice<'a> {
    pub(crate) fn target(&self) -> &'a Target {
        self.picked.target
    }

    /// Goes on to the next target after those that were tried, if one is left and the group's budget allows it.
    pub(crate) fn advance(&mut self, ex: &Exchange, core: &Core, live: &Snapshot, tried: &[TargetId]) -> bool {
        let Some(picked) = next(ex, core, live, self.group, self.told, tried) else { return false };
        let percent = live.proxy.retry_budget_percent;
        if !picked.budget().take(core.shared.upstreams.now_ms(), percent) {
            return false;
        }
        self.picked = picked;
        true
    }

    /// The head of an answer with this status is there.
    pub(crate) fn answered(&self, core: &Core, status: u16, at: Instant) {
        let all = &core.shared.upstreams;
        if let Some(transition) = self.picked.busy.answered(all.at_ms(at), || all.moment()) {
            self.tell(core, &transition);
        }
        // It may be a fault of the request alone; a check will tell.
        if status >= 500 && self.group.check.is_some() {
            self.picked.busy.target().doubt.notify_one();
        }
    }

    /// No head of an answer came, or none that is whole.
    pub(crate) fn missed(&self, core: &Core, reason: &str) {
        let target = self.picked.busy.target();
        if let Some(transition) = target.missed(reason, core.shared.upstreams.moment()) {
            self.tell(core, &transition);
        }
        if self.group.check.is_some() {
            target.doubt.notify_one();
        }
    }

    /// What tells the client with which target it shall go on, if it does not know.
    pub(crate) fn cookie(&self, ex: &Exchange) -> Option<Box<str>> {
        let sticky = self.group.sticky.as_ref()?;
        let id = self.picked.target.id;
        if self.told.is_some_and(|told| told.target == id && !told.ages) {
            return None;
        }
        Some(sticky::set_cookie(sticky, self.group.id, id, ex.core.clock.now(), ex.https).into())
    }

    fn tell(&self, core: &Core, transition: &Transition) {
        core.shared.upstreams.tell(self.group, self.picked.target, transition);
    }
}
