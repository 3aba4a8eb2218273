//! Certificates from authorities that speak ACME (RFC 8555).
//!
//! | File | What it does |
//! |---|---|
//! | `schedule.rs` | when the next attempt or renewal of a certificate is due, and how many begin at once; pure |
//! | `wire.rs` | requests to an authority: bounded in time and bytes, over https only |
//! | `account.rs` | the account that orders: registered once, bound to an external one where that is asked for |
//! | `order.rs` | one order, step by step: placed, proven, finalized, fetched; each can be the first after a restart |
//! | `challenges.rs` | what a proof by HTTP or TLS is answered with, shared with the proxy |
//! | `check.rs` | why a name can't be signed, before an authority is asked |
//! | `fault.rs` | what went wrong, in words a person can act on, and how long to wait |
//!
//! Nothing here stores anything or knows hosts: `argos::acme` keeps each step before the next begins.

mod account;
mod challenges;
mod check;
mod fault;
mod order;
mod schedule;
mod wire;

pub use account::{Binding, Eab, Registered, account, check_key, eab_key, new_key};
pub use challenges::{ALPN, Challenges, Presented};
pub use check::{Check, Precheck};
pub use fault::{Fault, FaultKind};
pub use order::{Proof, finalize, order, place, prove, renewal_window, revoke};
pub use schedule::{Pace, backoff, renewal_at, within};
pub use wire::Wire;
