//! The variables rules can read: their names, and how they are looked up.

mod group;
mod select;
mod table;

pub(crate) use group::{Group, group_of};
pub(crate) use select::{Selector, Target, Targets};
pub(crate) use table::{NAMES, VarId};

/// The variable called `name`, in any case.
pub(crate) fn by_name(name: &[u8]) -> Option<VarId> {
    NAMES.iter().find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name)).map(|(_, id)| *id)
}

/// The name a variable is shown with.
pub(crate) fn name_of(id: VarId) -> &'static str {
    // The table lists variables in the order of the enum.
    NAMES.get(id as usize).map_or("", |(text, _)| text)
}

/// The collection that outlives transactions called `name`.
pub(crate) fn persistent(name: &[u8]) -> Option<VarId> {
    let known = [VarId::Ip, VarId::Session, VarId::User, VarId::Global, VarId::Resource];
    by_name(name).filter(|id| known.contains(id))
}
