//! Signing in over a provider of OpenID Connect: the authorization code flow with PKCE, and nothing else of it.
//!
//! | File | What it does |
//! |---|---|
//! | `wire.rs` | calls to the provider: bounded, and only where they may go |
//! | `discovery.rs` | what the provider publishes about itself |
//! | `keys.rs` | its public keys |
//! | `states.rs` | sign-ins that wait for their answer |
//! | `flow.rs` | the two halves of a sign-in: before the browser leaves, and when it comes back |
//! | `exchange.rs` | the code for tokens, and the provider's answer about the person |
//! | `token.rs` | whether an ID token is believed |
//! | `identity.rs` | what is taken over of what the provider tells |
//! | `gate.rs` | who may come in, and as what |
//! | `config.rs` | the settings |
//! | `any_bytes.rs` | what holds for any answer; only in tests and for the fuzzer |
//! | `fault.rs` | why a sign-in ended |
//!
//! It knows no user and no session: who an [`Identity`] is here, the operations say.

#[cfg(any(test, feature = "fuzzing"))]
mod any_bytes;
mod config;
mod discovery;
mod exchange;
mod fault;
mod flow;
mod gate;
mod identity;
mod keys;
mod states;
mod token;
mod wire;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use any_bytes::answers;
pub use config::Config;
pub use discovery::{ClientAuth, Issuer, Provider};
pub use fault::{Failure, Fault, Stage};
pub use flow::{Answer, Begun, Client, Purpose, RelyingParty, Started};
pub use gate::{Gate, RoleGroups, numbered, username};
pub use identity::Identity;
pub use states::AGE_SECONDS;
pub use wire::Reach;

pub use crate::outbound::Limits;
