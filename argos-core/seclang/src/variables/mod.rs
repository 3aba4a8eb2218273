//! The variables rules can read: their names, and how they are looked up.

mod select;
mod table;

pub(crate) use select::{Selector, Target, Targets};
pub(crate) use table::{NAMES, NOT_YET, VarId};

/// The variable called `name`, in any case.
pub(crate) fn by_name(name: &[u8]) -> Option<VarId> {
    NAMES.iter().find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name)).map(|(_, id)| *id)
}

/// The name a variable is shown with.
pub(crate) fn name_of(id: VarId) -> &'static str {
    NAMES.iter().find(|(_, candidate)| *candidate == id).map_or("", |(text, _)| text)
}
