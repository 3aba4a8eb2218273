//! Why a record could not be looked up, placed or removed, and what helps.

use crate::error::{Error, ErrorKind};

/// Why DNS or a provider of it did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsFault {
    /// Names can't be looked up.
    #[error("{name} can't be looked up: {reason}; acme.dns_resolvers names the resolvers")]
    Lookup {
        /// What was looked up.
        name: String,
        /// What came instead of an answer.
        reason: String,
    },
    /// A server or an API gave no answer that can be believed.
    #[error("{by} gives no answer: {reason}")]
    Silent {
        /// Who was asked.
        by: String,
        /// What came instead.
        reason: String,
    },
    /// A server or an API refused.
    #[error("{by}: {reason}")]
    Refused {
        /// Who refused.
        by: String,
        /// Why, and what helps.
        reason: String,
    },
    /// A server refused, and yet may have done it.
    #[error("{by}: {reason}")]
    Unsure {
        /// Who refused.
        by: String,
        /// Why, and what helps.
        reason: String,
    },
    /// The name lies in no zone that the provider may change.
    #[error("{name}: {reason}")]
    Zone {
        /// The name of the record.
        name: String,
        /// Why, and what helps.
        reason: String,
    },
    /// The command failed.
    #[error("{command} {verb}: {reason}")]
    Command {
        /// Its path.
        command: String,
        /// `present` or `cleanup`.
        verb: &'static str,
        /// What it said, or how it ended.
        reason: String,
    },
    /// The record did not appear in time.
    #[error("the TXT record {name} was not seen within {seconds} s: {reason}")]
    NotSeen {
        /// The name of the record.
        name: String,
        /// How long was waited.
        seconds: u64,
        /// What the servers say instead.
        reason: String,
    },
}

impl DnsFault {
    /// Stable text, listed in the reference.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Lookup { .. } => "dns.lookup",
            Self::Silent { .. } => "dns.no_answer",
            Self::Refused { .. } | Self::Unsure { .. } => "dns.refused",
            Self::Zone { .. } => "dns.zone",
            Self::Command { .. } => "dns.command",
            Self::NotSeen { .. } => "dns.not_seen",
        }
    }

    /// Whether the record may stand although placing it failed.
    pub(super) const fn may_have_placed(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Unsure { .. } | Self::Command { .. })
    }
}

impl From<DnsFault> for Error {
    fn from(fault: DnsFault) -> Self {
        Self::new(ErrorKind::Unavailable, fault.code(), fault.to_string())
    }
}
