//! Which target of the group is asked first.

use crate::proxy::core::Core;
use crate::proxy::stop::Stop;
use crate::schema::{GroupId, TargetId};
use crate::snapshot::{Group, Snapshot, Target};

/// A group and the target whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) group: &'a Group,
    pub(crate) target: &'a Target,
}

/// Picks the target of `group`; a group without an enabled target ends the request.
pub(crate) fn pick<'a>(core: &Core, live: &'a Snapshot, group: GroupId) -> Result<Choice<'a>, Stop> {
    let group = live.groups.get(&group).ok_or(Stop::NoTarget)?;
    let target = core.shares.next(group, &[]).ok_or(Stop::NoTarget)?;
    Ok(Choice { group, target })
}

impl Choice<'_> {
    /// The next target after those that were tried; false when none is left.
    pub(crate) fn advance(&mut self, core: &Core, tried: &[TargetId]) -> bool {
        match core.shares.next(self.group, tried) {
            Some(target) => {
                self.target = target;
                true
            }
            None => false,
        }
    }
}
