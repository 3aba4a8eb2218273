//! Which target of the group is asked, first and again.

use std::sync::Arc;

use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::Known as Field;
use crate::proxy::stop::Stop;
use crate::proxy::upstreams::target::Transition;
use crate::proxy::upstreams::{Ask, Picked, sticky};
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
    of_group(ex, core, live.groups.get(&group).ok_or(Stop::NoTarget)?)
}

/// Picks a target of this very group.
pub(crate) fn of_group<'a>(ex: &Exchange, core: &Core, group: &'a Arc<Group>) -> Result<Choice<'a>, Stop> {
    let told = match &group.sticky {
        Some(sticky) => {
            let bytes = ex.bytes();
            let cookies = ex.head.fields.iter().filter(|f| f.known == Field::Cookie);
            sticky::read(sticky, group.id, cookies.map(|f| f.value.of_bytes(bytes)), ex.facts.at)
        }
        None => None,
    };
    let picked = next(ex, core, group, told, &[]).ok_or(Stop::NoTarget)?;
    picked.shared.budget.count(core.shared.upstreams.at_ms(ex.facts.began));
    Ok(Choice { group, picked, told })
}

fn next<'a>(
    ex: &Exchange,
    core: &Core,
    group: &'a Arc<Group>,
    told: Option<sticky::Told>,
    tried: &[TargetId],
) -> Option<Picked<'a>> {
    let random = match group.algorithm {
        Algorithm::Random => [(); 2].map(|()| u64::from_be_bytes(core.random.borrow_mut().take())),
        _ => [0; 2],
    };
    let ask = Ask { client: ex.client.ip, before: told.map(|told| told.target), tried, random };
    core.turns.pick(&core.shared.upstreams, group, &ask)
}

impl<'a> Choice<'a> {
    pub(crate) fn target(&self) -> &'a Target {
        self.picked.target
    }

    /// Goes on to the next target after those that were tried, if one is left and the group's budget allows it: `percent`
    /// of its requests.
    pub(crate) fn advance(&mut self, ex: &Exchange, core: &Core, tried: &[TargetId], percent: u32) -> bool {
        let Some(picked) = next(ex, core, self.group, self.told, tried) else { return false };
        if !picked.shared.budget.take(core.shared.upstreams.now_ms(), percent) {
            return false;
        }
        self.picked = picked;
        true
    }

    /// The head of an answer with this status is there.
    pub(crate) fn answered(&self, core: &Core, status: u16) {
        let all = &core.shared.upstreams;
        if let Some(transition) = self.picked.busy.answered(|| all.moment()) {
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
