//! Benchmarks of Argos; see README.md beside this package.

pub mod load;
pub mod waf;
