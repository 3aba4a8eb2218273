//! What carries a delivery to its receiver: one sender for each channel.

mod email;
mod push;
mod telegram;
mod webhook;

use std::time::Duration;

pub use email::MailTerms;
#[doc(hidden)]
pub use webhook::signature;

use super::config::Config;
use super::template::Rendered;
use crate::clock::Clock;
use crate::event::Severity;
use crate::outbound::{Limits, Outbound, Reach};
use crate::schema::PushSubscriptionId;
use crate::secret::Secret;
use crate::store::push_subscriptions::Listener;

/// Bounds of each request over HTTP.
const LIMITS: Limits = Limits { whole: Duration::from_secs(10), most: 64 << 10 };

/// One delivery on its way.
#[derive(Clone, Copy, Debug)]
pub struct Parcel<'a> {
    /// Its identity; 0 for a trial.
    pub delivery: i64,
    /// The same for each attempt, so that a receiver can tell that it has it: a UUID of version 7.
    pub idempotency_key: &'a str,
    /// What happened: `cert_expiring_soon` and so on.
    pub event_type: &'a str,
    /// How much it matters.
    pub severity: Severity,
    /// The text.
    pub text: &'a Rendered,
    /// Browsers that get it; read by `browser_push` only.
    pub subscribers: &'a [Subscriber],
}

/// A browser that somebody subscribed with (RFC 8291).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Identity of the row.
    pub id: PushSubscriptionId,
    /// Where its push service is told.
    pub endpoint: String,
    /// Its public key, P-256 uncompressed, in base64url without padding.
    pub p256dh: String,
    /// Its authentication secret, 16 bytes, in base64url without padding.
    pub auth: Secret<String>,
}

impl From<Listener> for Subscriber {
    fn from(of: Listener) -> Self {
        Self { id: of.id, endpoint: of.endpoint, p256dh: of.p256dh, auth: of.auth }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Sent,
    /// It failed and may succeed later.
    Failed {
        /// Why, without secrets.
        error: String,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// The receiver does not take it, now or later.
    Refused {
        /// Why, without secrets.
        error: String,
    },
}

/// What is signed with towards push services (RFC 8292).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vapid {
    /// The private key, P-256: 32 bytes in base64url without padding.
    pub private: Secret<String>,
    /// The public key, uncompressed, in base64url without padding.
    pub public: String,
    /// Address of mail of whoever runs Argos.
    pub contact: String,
}

/// What senders are told beside the delivery.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Which addresses may be reached.
    pub reach: Reach,
    /// What push services are shown; none where no pair of keys is stored.
    pub vapid: Option<Vapid>,
    /// The time.
    pub clock: Clock,
}

/// What carries deliveries of one channel. It keeps connections, so it lives as long as the channel is not changed.
#[derive(Debug)]
pub struct Sender {
    config: Config,
    terms: Terms,
    out: Outbound,
    mail: MailTerms,
    /// Texts of which Telegram has the beginning.
    begun: telegram::Begun,
    /// Subscriptions that push services said are gone, since they were last taken.
    gone: Vec<PushSubscriptionId>,
}

impl Sender {
    /// A sender for a channel.
    #[must_use]
    pub fn new(config: Config, terms: Terms) -> Self {
        let out = Outbound::new(terms.reach.clone(), LIMITS);
        Self { config, terms, out, mail: MailTerms::default(), begun: telegram::Begun::default(), gone: Vec::new() }
    }

    /// The same with other bounds of each request over HTTP.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { out: Outbound::new(self.terms.reach.clone(), limits), ..self }
    }

    /// The same with other bounds of mail.
    #[must_use]
    pub fn mailing(self, mail: MailTerms) -> Self {
        Self { mail, ..self }
    }

    /// Whether it is one for `config` on these terms.
    #[must_use]
    pub fn is_for(&self, config: &Config, terms: &Terms) -> bool {
        let same = self.terms.reach.private == terms.reach.private && self.terms.vapid == terms.vapid;
        same && self.config == *config
    }

    /// One attempt, bounded in time and bytes.
    pub async fn send(&mut self, parcel: &Parcel<'_>) -> Outcome {
        match &self.config {
            Config::Webhook(to) => webhook::send(to, &self.terms, &self.out, parcel).await,
            Config::Email(to) => email::send(to, &self.terms, &self.mail, parcel).await,
            Config::Telegram(to) => telegram::send(to, &self.out, parcel, &mut self.begun).await,
            Config::BrowserPush => push::send(&self.terms, &self.out, parcel, &mut self.gone).await,
        }
    }

    /// Subscriptions that are gone, for whoever deletes their rows.
    pub fn take_gone(&mut self) -> Vec<PushSubscriptionId> {
        std::mem::take(&mut self.gone)
    }
}
