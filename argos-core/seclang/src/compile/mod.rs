//! Syntax tree to program: defaults, chains, markers, removals, sharing.

mod builder;
mod crs;
mod edit;
mod exclusion;
mod geo;
mod load;
mod never;
mod operator;
mod phases;
pub(crate) mod rule;
mod settings;
pub(crate) mod target;
pub(crate) mod template;
mod unicode;
mod variant;

pub use builder::Builder;
pub use exclusion::{Exclusion, is_protected};
pub use variant::Variant;
