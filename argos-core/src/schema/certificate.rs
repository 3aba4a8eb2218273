//! Certificates, and how those of each name stand.

use super::{CertificateId, HostId, UserId, text_enum};
use crate::clock::Timestamp;

text_enum! {
    /// Where a certificate comes from.
    CertificateKind {
        /// An ACME authority.
        Acme = "acme",
        /// Uploaded.
        Manual = "manual",
        /// The local CA.
        Local = "local",
        /// The local CA itself.
        LocalCa = "local_ca",
    }
}

text_enum! {
    /// How the certificate of a name stands.
    CertificateState {
        /// It is good.
        Valid = "valid",
        /// The first one is awaited; a certificate of the local CA is served.
        Pending = "pending",
        /// It has ended, or none could be had.
        Error = "error",
        /// There is none.
        None = "none",
    }
}

text_enum! {
    /// How long a certificate is still good.
    Freshness {
        /// More than 30 days.
        Ok = "ok",
        /// 8–30 days.
        Warning = "warning",
        /// At most 7 days.
        Critical = "critical",
        /// It has ended.
        Expired = "expired",
    }
}

/// A stored certificate. Its key is never shown.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Certificate {
    /// Identity.
    pub id: CertificateId,
    /// The host that it is for; null = the local CA, or a certificate for names that no host has.
    pub host_id: Option<HostId>,
    /// DNS names and addresses that it is good for.
    pub names: Vec<String>,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// Who signed it.
    pub issuer: String,
    /// SHA-256 of its DER form, in lower-case hexadecimal.
    pub fingerprint_sha256: String,
    /// The moment from which it is good.
    pub not_before: Timestamp,
    /// The moment at which it ends.
    pub not_after: Timestamp,
    /// From when the authority wants it renewed; null = it did not say.
    pub ari_window_start: Option<Timestamp>,
    /// Until when.
    pub ari_window_end: Option<Timestamp>,
    /// Whether it is served.
    pub active: bool,
    /// The user who uploaded it.
    pub uploaded_by: Option<UserId>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The directory of the authority that signed it; empty = none did, or it is not known any more.
    pub directory_url: String,
}

/// How the certificate of one name stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct CertStatus {
    /// The host.
    pub host_id: HostId,
    /// Its name.
    pub domain: String,
    /// Who signed what is served; empty = nothing is.
    pub issuer: String,
    /// The moment at which it ends.
    pub not_after: Option<Timestamp>,
    /// When this was last looked at.
    pub last_checked_at: Timestamp,
    /// `acme`, `manual` or `local`: where what is served comes from; empty = nothing is.
    pub source: String,
    /// How it stands.
    pub state: CertificateState,
    /// Why it is not `valid`, and what helps; empty = nothing to say.
    pub last_error: String,
    /// Whole days until it ends, negative once it has; null = there is none.
    pub days_left: Option<i64>,
    /// How long it is still good; null = there is none.
    pub status: Option<Freshness>,
}

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Freshness {
    /// Days left at `now` of a certificate that ends at `not_after`, and what that means.
    #[must_use]
    pub fn of(not_after: Timestamp, now: Timestamp) -> (i64, Self) {
        let left = not_after.0 - now.0;
        let days = left.div_euclid(DAY_MS);
        let freshness = match days {
            _ if left <= 0 => Self::Expired,
            ..=7 => Self::Critical,
            8..=30 => Self::Warning,
            _ => Self::Ok,
        };
        (days, freshness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_left_have_their_names() {
        for (days, freshness) in [
            (31, Freshness::Ok),
            (30, Freshness::Warning),
            (8, Freshness::Warning),
            (7, Freshness::Critical),
            (0, Freshness::Critical),
            (-1, Freshness::Expired),
        ] {
            assert_eq!(Freshness::of(Timestamp(days * DAY_MS + 1), Timestamp(0)), (days, freshness));
        }
        assert_eq!(Freshness::of(Timestamp(5), Timestamp(5)).1, Freshness::Expired);
    }
}
