//! Benchmarks of Argos; see README.md beside this package.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position"))]

pub mod load;
pub mod waf;
