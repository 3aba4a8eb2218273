//! Argos: the edge gateway as a library.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position"))]

pub mod clock;
pub mod error;
pub mod logs;
pub mod proxy;
pub mod schema;
pub mod snapshot;
