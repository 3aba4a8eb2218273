//! Syntax tree to program: defaults, chains, markers, removals, sharing.

mod builder;
mod crs;
mod custom;
mod edit;
mod exclusion;
mod geo;
mod load;
mod never;
mod operator;
mod phases;
mod remarks;
pub(crate) mod rule;
pub(crate) mod segment;
mod settings;
mod spend;
pub(crate) mod target;
pub(crate) mod template;
mod unicode;
mod variant;

pub use builder::Builder;
pub use custom::{Claim, claims};
pub use exclusion::{Exclusion, is_protected};
pub use remarks::remarks;
pub use variant::{NEEDS_ALL, Variant};
