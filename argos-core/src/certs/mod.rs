//! Certificates: the local CA, uploaded ones, and which of them each host serves.
//!
//! | File | What it does |
//! |---|---|
//! | `local_ca.rs` | the root of this installation and what it signs |
//! | `follow.rs` | after each change: every host has the certificate that its TLS mode asks for, and `cert_status` says so |
//! | `manual.rs` | what is checked of an uploaded one |
//! | `acme/` | certificates of authorities that speak ACME |
//! | `dns/` | records that prove names to authorities, and what is looked up before an order |
//! | `authorities.rs` | a bundle of those that are trusted |
//! | `clients.rs` | what the clients of a host have to show |
//! | `upstream.rs` | TLS towards the targets of a group |
//! | `served.rs` | a stored certificate and its key as the proxy serves them, opened when first asked for |
//!
//! Keys are stored as envelopes only. What is stored here is configuration: a change of it is a generation.

pub mod acme;
mod authorities;
mod clients;
pub mod dns;
mod follow;
mod local_ca;
mod manual;
mod served;
mod upstream;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

pub use acme::eab_key;
pub use authorities::check_bundle;
pub use clients::{Clients, check_client_ca};
pub(crate) use clients::{Shown, client_refusal, shown};
pub use follow::{FALLBACK_NAME, PANEL_NAME, adopt, follow, prepare, renew_due, renewal_horizon, restate};
pub(crate) use manual::unmarked;
pub use manual::{ClientPair, MOST_PEM, Texts, Uploaded};
pub use served::{Opener, Served};
pub use upstream::{UpstreamTexts, UpstreamTls};
pub(crate) use upstream::{refusal, trust_system};

use crate::clock::Clock;

/// The one provider of TLS's algorithms. X25519MLKEM768 comes first; all suites are AEAD.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// The time of day as TLS asks for it.
pub(crate) fn time(clock: &Clock) -> Arc<dyn TimeProvider> {
    #[derive(Debug)]
    struct Time(Clock);

    impl TimeProvider for Time {
        fn current_time(&self) -> Option<UnixTime> {
            Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().millis().max(0).unsigned_abs())))
        }
    }

    Arc::new(Time(clock.clone()))
}
