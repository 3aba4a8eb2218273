//! Benchmarks of Argos; see README.md beside this package.

pub mod waf;
