//! Argos: the edge gateway as a library.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position"))]

pub mod api;
mod argos;
pub mod auth;
pub mod certs;
pub mod clock;
pub mod error;
pub mod event;
pub mod explain;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod jobs;
pub mod logs;
pub mod notify;
pub mod outbound;
pub mod proxy;
pub mod schema;
pub mod secret;
pub mod snapshot;
pub mod store;
pub mod waf;

pub use argos::{Applied, Argos, Options, Reply, ServeOptions, Serving, form, handles};
pub use error::{Error, ErrorKind, Result};
