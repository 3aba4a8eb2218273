//! The catalogue: every kind of event, how much it matters, and the facts that it tells.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::Severity;
use crate::clock::Timestamp;
use crate::schema::{GroupId, TargetId, TargetState, text_enum};

/// Declares the kinds of events: for each its facts, whose names are stored and sent.
macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident {
        $($(#[doc = $field_doc:literal])+ $field:ident : $type:ty,)+
    })+) => {
        text_enum! {
            /// What happened.
            EventKind { $($(#[doc = $doc])+ $name = $text),+ }
        }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
            pub struct $name {
                $($(#[doc = $field_doc])+ pub $field: $type,)+
            }

            impl From<$name> for Facts {
                fn from(facts: $name) -> Self {
                    Self::$name(facts)
                }
            }
        )+

        /// What is told of an event; each kind has its own facts.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Facts { $($(#[doc = $doc])+ $name($name)),+ }

        impl Facts {
            /// What happened.
            #[must_use]
            pub const fn kind(&self) -> EventKind {
                match self { $(Self::$name(_) => EventKind::$name),+ }
            }
        }

        impl EventKind {
            /// How much it matters.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }

            /// When it happens, in a sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+)),+ }
            }

            /// JSON Schema of its facts.
            #[must_use]
            pub fn data_schema(self) -> Schema {
                match self { $(Self::$name => schema_for!($name)),+ }
            }
        }
    };
}

catalogue! {
    /// The certificate of a host of `tls_mode` `auto` ends within 14 days.
    CertExpiringSoon = "cert_expiring_soon", Warning {
        /// Whole days left.
        days_left: i64,
        /// Its end.
        not_after: Timestamp,
        /// Who signed it.
        issuer: String,
    }
    /// An authority did not sign a certificate: the first failure, then one a day.
    CertRenewalFailed = "cert_renewal_failed", Error {
        /// Why.
        error: String,
        /// The authority's directory.
        directory: String,
        /// Failures in a row.
        attempt: i64,
        /// When it is tried again.
        next_attempt_at: Timestamp,
    }
    /// An uploaded certificate has 30, 14, 7 or 1 days left, or has ended.
    ManualCertExpiringSoon = "manual_cert_expiring_soon", Warning {
        /// Whole days left.
        days_left: i64,
        /// Which of 30, 14, 7, 1 and 0 days was crossed.
        threshold: i64,
        /// Its end.
        not_after: Timestamp,
        /// SHA-256 of the certificate.
        fingerprint: String,
    }
    /// One client made many requests that the WAF takes for attacks, because a rule of severity ERROR or worse matched: at
    /// least 10 within 60 seconds. Then it is quiet for 60 seconds about this client.
    WafAttackBurst = "waf_attack_burst", Critical {
        /// The client.
        remote_ip: String,
        /// Requests of the client within the window.
        count: u64,
        /// Seconds of the window.
        window_seconds: u64,
        /// How many of them were blocked.
        blocked: u64,
    }
    /// A host's WAF has only watched for more than a week, with nothing changed about its security. Told weekly.
    WafDetectModeReminder = "waf_detect_mode_reminder", Warning {
        /// Whole days since the host's WAF settings were last changed.
        days_in_detect: i64,
        /// Requests of the last 7 days that it would have blocked.
        would_block_7d: i64,
    }
    /// Checks or requests took a target out.
    TargetUnhealthy = "target_unhealthy", Error {
        /// `host:port`.
        target: String,
        /// The name of its group.
        target_group: String,
        /// How it does.
        state: TargetState,
        /// Why.
        reason: String,
        /// Identity of the target.
        target_id: TargetId,
        /// Identity of its group.
        target_group_id: GroupId,
    }
    /// A target that was out gets requests again.
    TargetRecovered = "target_recovered", Info {
        /// `host:port`.
        target: String,
        /// The name of its group.
        target_group: String,
        /// How it does.
        state: TargetState,
        /// Why.
        reason: String,
        /// Identity of the target.
        target_id: TargetId,
        /// Identity of its group.
        target_group_id: GroupId,
    }
    /// The rate limit of one host refused at least 5 requests within 30 seconds. Then it is quiet for 60 seconds about this
    /// host.
    RateLimitTriggered = "rate_limit_triggered", Warning {
        /// Requests refused within the window.
        count: u64,
        /// Seconds of the window.
        window_seconds: u64,
    }
    /// The configuration was changed: each generation.
    ConfigChange = "config_change", Info {
        /// Who changed it.
        user: String,
        /// Such as `create`.
        action: String,
        /// Such as `host`.
        resource_type: String,
        /// The id or key.
        resource_id: String,
        /// The generation that it made.
        generation: u64,
        /// The change in a few words.
        summary: String,
    }
    /// A sign-in failed, by password, second factor or identity provider, or somebody who tried too often was locked out.
    /// What is refused while they are is not told.
    LoginFailed = "login_failed", Warning {
        /// The name that was tried; empty where the identity provider told none.
        username: String,
        /// Where from.
        remote_ip: String,
        /// Why it failed.
        reason: String,
    }
    /// A part of Argos (`writer`, `proxy`, `acme`, `log_queue`, `disk`) failed two checks in a row, 30 seconds apart. Told
    /// at most every five minutes for each part.
    HealthDegraded = "health_degraded", Critical {
        /// The part.
        component: String,
        /// Failed checks in a row.
        consecutive_failures: u64,
        /// What the last check found.
        error: String,
    }
    /// A backup was made.
    BackupCompleted = "backup_completed", Info {
        /// The name of its file.
        filename: String,
        /// Bytes of the file.
        size_bytes: u64,
        /// `manual` or `scheduled`.
        kind: String,
    }
    /// A backup failed.
    BackupFailed = "backup_failed", Error {
        /// `manual` or `scheduled`.
        kind: String,
        /// Why.
        error: String,
    }
    /// Argos started for the first time after a backup was restored.
    ConfigRestored = "config_restored", Warning {
        /// The backup's file.
        from_backup: String,
        /// The generation since.
        generation: u64,
    }
    /// Somebody was banned, by Argos or by CrowdSec.
    ThreatIpBanned = "threat_ip_banned", Info {
        /// The address, range, country or network.
        value: String,
        /// What `value` is: `ip`, `range`, `country` or `asn`.
        scope: String,
        /// What they did.
        scenario: String,
        /// For how long, such as `4h`.
        duration: String,
        /// `argos`, `crowdsec` or `import`.
        origin: String,
    }
    /// CrowdSec's list changed since the last poll.
    ThreatIntelUpdated = "threat_intel_updated", Info {
        /// Bans that are new.
        added_count: u64,
        /// Bans that went.
        removed_count: u64,
        /// Bans in all.
        total: u64,
    }
    /// CrowdSec could not be reached three times in a row; told once until it can be.
    CrowdsecDown = "crowdsec_down", Error {
        /// Failed polls in a row.
        consecutive_failures: u64,
        /// Why the last one failed.
        error: String,
    }
    /// CrowdSec refuses our key or password; told once until it takes them.
    CrowdsecCredsStale = "crowdsec_creds_stale", Warning {
        /// `bouncer` or `machine`.
        kind: String,
        /// The machine's name.
        machine_user: String,
    }
    /// The rules of the WAF did not load, or its engine failed. Told once until they load, or until it has not failed for
    /// five minutes.
    AppsecUnavailable = "appsec_unavailable", Warning {
        /// Why.
        error: String,
        /// Whether requests that can't be inspected pass.
        fail_open: bool,
    }
    /// Rows of the access log were dropped in the last minute, because more came than could be written, or none could.
    LogRowsDropped = "log_rows_dropped", Warning {
        /// Rows that were dropped.
        dropped: u64,
        /// Rows that the queue holds.
        queue_capacity: u64,
    }
}

impl Facts {
    /// What happened, in words; `host` is the name of the host that it is about, if any.
    #[must_use]
    pub fn message(&self, host: Option<&str>) -> String {
        let host = host.unwrap_or("Argos");
        match self {
            Self::CertExpiringSoon(f) => {
                format!("the certificate of {host} ends at {}, in {} days", f.not_after, f.days_left)
            }
            Self::CertRenewalFailed(f) => format!(
                "no certificate for {host}: attempt {} at {}: {}; next at {}",
                f.attempt, f.directory, f.error, f.next_attempt_at
            ),
            Self::ManualCertExpiringSoon(f) if f.threshold == 0 => {
                format!("the uploaded certificate of {host} has ended, at {}", f.not_after)
            }
            Self::ManualCertExpiringSoon(f) => {
                format!("the uploaded certificate of {host} ends at {}: upload another", f.not_after)
            }
            Self::WafAttackBurst(f) => format!(
                "{} made {} requests that look like attacks within {} seconds; {} were blocked",
                f.remote_ip, f.count, f.window_seconds, f.blocked
            ),
            Self::WafDetectModeReminder(f) => format!(
                "the WAF of {host} has only watched for {} days; it would have blocked {} requests in the last 7",
                f.days_in_detect, f.would_block_7d
            ),
            Self::TargetUnhealthy(f) => format!("{} of {} gets no requests: {}", f.target, f.target_group, f.reason),
            Self::TargetRecovered(f) => {
                format!("{} of {} gets requests again: {}", f.target, f.target_group, f.reason)
            }
            Self::RateLimitTriggered(f) => {
                format!("the rate limit of {host} refused {} requests within {} seconds", f.count, f.window_seconds)
            }
            Self::ConfigChange(f) => format!("{} made generation {}: {}", f.user, f.generation, f.summary),
            Self::LoginFailed(f) => format!("{} could not sign in from {}: {}", f.username, f.remote_ip, f.reason),
            Self::HealthDegraded(f) => {
                format!("{} fails, {} times in a row: {}", f.component, f.consecutive_failures, f.error)
            }
            Self::BackupCompleted(f) => format!("the {} backup {} was made", f.kind, f.filename),
            Self::BackupFailed(f) => format!("the {} backup failed: {}", f.kind, f.error),
            Self::ConfigRestored(f) => format!("{} was restored, as generation {}", f.from_backup, f.generation),
            Self::ThreatIpBanned(f) => format!("{} was banned by {}: {}", f.value, f.origin, f.scenario),
            Self::ThreatIntelUpdated(f) => format!(
                "CrowdSec's list has {} new bans and {} fewer, {} in all",
                f.added_count, f.removed_count, f.total
            ),
            Self::CrowdsecDown(f) => {
                format!("CrowdSec can't be reached, {} times in a row: {}", f.consecutive_failures, f.error)
            }
            Self::CrowdsecCredsStale(f) => format!("CrowdSec refuses the credentials of the {}", f.kind),
            Self::AppsecUnavailable(f) => {
                let fate = if f.fail_open { "passes" } else { "is refused" };
                format!("the WAF is in trouble, and what it can't inspect {fate}: {}", f.error)
            }
            Self::LogRowsDropped(f) => format!("{} rows of the access log were dropped in a minute", f.dropped),
        }
    }
}
