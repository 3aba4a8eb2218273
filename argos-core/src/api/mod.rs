//! Operations: what can be asked of Argos. One file per resource, one registry for all faces.
//!
//! An operation is a struct: its fields are the input, [`Operation::Output`] the result; name, method, path, role
//! and documentation are on it. A [`Query`] looks, a [`Mutation`] changes. What is in [`for_each_operation`]
//! exists in Rust, over HTTP, at the command line and in the bindings; nothing else does.

mod access;
mod account;
mod acme_accounts;
mod certificates;
mod changes;
mod channels;
mod config;
pub(crate) mod cursor;
mod custom_rules;
mod deliveries;
mod dns_providers;
mod exclusions;
mod hosts;
pub mod input;
mod inspect;
mod issuance;
mod logs;
mod notification_rules;
mod notifications;
mod oidc;
mod oidc_config;
mod openapi;
mod operation;
mod page;
mod passwords;
mod push;
mod registry;
mod route;
pub(crate) mod routes;
mod rules;
mod security;
mod settings;
mod setup;
mod shape;
mod sign_in;
mod system;
mod tag;
mod target_groups;
mod target_health;
mod targets;
mod terms;
mod tickets;
mod tokens;
mod totp;
mod upstream_tls;
mod users;
mod waf;
mod waf_reports;
mod waf_rules;

pub use access::*;
pub use account::*;
pub use acme_accounts::*;
pub use certificates::*;
pub use channels::*;
pub(crate) use channels::{sender_terms, subscribers};
pub use config::*;
pub use custom_rules::*;
pub use deliveries::*;
pub use dns_providers::*;
pub use exclusions::*;
pub use hosts::*;
pub use inspect::*;
pub use logs::*;
pub use notification_rules::*;
pub use notifications::*;
pub use oidc::*;
pub use oidc_config::*;
pub use openapi::{GetOpenApi, components, openapi};
pub(crate) use operation::json;
pub use operation::{Context, Described, Look, Method, Mutation, Of, Operation, Query, View, describe};
pub use page::Page;
pub use push::*;
pub(crate) use registry::for_each_operation;
pub use route::*;
pub use rules::*;
pub use security::*;
pub use settings::*;
pub use setup::*;
pub use sign_in::*;
pub use system::*;
pub use tag::{names as tag_names, tag};
pub use target_groups::*;
pub use target_health::*;
pub use targets::*;
pub use terms::{Place, STALE, TERMS, Term, Terms};
pub use tickets::*;
pub use tokens::*;
pub use totp::*;
pub use users::*;
pub use waf::*;
pub use waf_reports::*;
pub use waf_rules::*;

use crate::error::{Error, Result};

/// Refuses a number outside `min..=max`.
fn in_range(field: &'static str, value: i64, min: i64, max: i64) -> Result<()> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Error::invalid("out_of_range", field, format!("allowed: {min}–{max}; got {value}")))
}

/// Refuses a field whose part of Argos does not exist yet, unless it asks for what happens anyway.
#[expect(dead_code, reason = "each field that is known has its part; the next one that has none needs this")]
fn not_yet<T: PartialEq>(field: &'static str, given: Option<T>, inert: &T) -> Result<()> {
    match given {
        Some(value) if value != *inert => {
            let reason = "not available yet: nothing acts on this value in this version";
            Err(Error::invalid("not_available_yet", field, reason))
        }
        _ => Ok(()),
    }
}

/// Declares an input whose fields under `later` belong to parts of Argos that do not exist yet: they are known, so
/// that they are refused by name and reason (unless they ask for what happens anyway) and not as unknown.
macro_rules! input_with_later {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_meta:meta])* $own:ident : $own_type:ty,)* }
     later { $($(#[$later_meta:meta])* $later:ident : $later_type:ty = $inert:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$own_meta])* pub $own: $own_type,)*
            $($(#[$later_meta])* pub $later: Option<$later_type>,)*
        }

        impl $name {
            fn refuse_later(&self) -> Result<()> {
                $($crate::api::not_yet(stringify!($later), self.$later.clone(), &$inert)?;)*
                Ok(())
            }
        }
    };
}
use input_with_later;

/// Refuses a name that is empty, too long, or holds a control character.
fn check_name(field: &'static str, name: &str, max: usize) -> Result<()> {
    let chars = name.chars().count();
    if name.trim() == name && (1..=max).contains(&chars) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let reason = format!("1–{max} characters, no blanks at the ends, no control character");
    Err(Error::invalid("name", field, reason))
}
