//! One event of each kind as it may come: what templates are tried with, and what documentation shows.

use super::facts::*;
use super::{Event, EventKind};
use crate::clock::Timestamp;
use crate::schema::{GroupId, HostId, TargetId, TargetState};

/// 2026-01-02T03:04:05.678Z
const AT: Timestamp = Timestamp(1_767_323_045_678);
const DAY_MS: i64 = 86_400_000;

impl EventKind {
    /// An event of this kind as it may come.
    #[must_use]
    pub fn sample(self) -> Event {
        let host = (HostId(1), "shop.example.org");
        let facts = facts(self);
        match self {
            Self::CertExpiringSoon
            | Self::CertRenewalFailed
            | Self::ManualCertExpiringSoon
            | Self::WafDetectModeReminder
            | Self::RateLimitTriggered
            | Self::ConfigChange => Event::of_host(AT, host, facts),
            _ => Event::of_system(AT, facts),
        }
    }
}

fn facts(kind: EventKind) -> Facts {
    match kind {
        EventKind::CertExpiringSoon => CertExpiringSoon {
            days_left: 13,
            not_after: Timestamp(AT.0 + 13 * DAY_MS + 1),
            issuer: "CN=Example CA".into(),
        }
        .into(),
        EventKind::CertRenewalFailed => CertRenewalFailed {
            error: "the authority could not reach http://shop.example.org/.well-known/acme-challenge/".into(),
            directory: "https://acme.example.net/directory".into(),
            attempt: 1,
            next_attempt_at: Timestamp(AT.0 + 60_000),
        }
        .into(),
        EventKind::ManualCertExpiringSoon => ManualCertExpiringSoon {
            days_left: 7,
            threshold: 7,
            not_after: Timestamp(AT.0 + 7 * DAY_MS),
            fingerprint: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        }
        .into(),
        EventKind::WafAttackBurst => {
            WafAttackBurst { remote_ip: "203.0.113.7".into(), count: 12, window_seconds: 60, blocked: 12 }.into()
        }
        EventKind::WafDetectModeReminder => WafDetectModeReminder { days_in_detect: 9, would_block_7d: 42 }.into(),
        EventKind::TargetUnhealthy => TargetUnhealthy {
            target: "10.0.0.5:8080".into(),
            target_group: "shop".into(),
            state: TargetState::Unhealthy,
            reason: "check: connection refused".into(),
            target_id: TargetId(1),
            target_group_id: GroupId(1),
        }
        .into(),
        EventKind::TargetRecovered => TargetRecovered {
            target: "10.0.0.5:8080".into(),
            target_group: "shop".into(),
            state: TargetState::Healthy,
            reason: "checks pass".into(),
            target_id: TargetId(1),
            target_group_id: GroupId(1),
        }
        .into(),
        EventKind::RateLimitTriggered => RateLimitTriggered { count: 5, window_seconds: 30 }.into(),
        EventKind::ConfigChange => ConfigChange {
            user: "ada".into(),
            action: "update".into(),
            resource_type: "host".into(),
            resource_id: "1".into(),
            generation: 17,
            summary: "update host 1".into(),
        }
        .into(),
        EventKind::LoginFailed => {
            LoginFailed { username: "ada".into(), remote_ip: "203.0.113.7".into(), reason: "wrong password".into() }
                .into()
        }
        EventKind::HealthDegraded => HealthDegraded {
            component: "disk".into(),
            consecutive_failures: 2,
            error: "the disk of the data folder is full".into(),
        }
        .into(),
        EventKind::BackupCompleted => BackupCompleted {
            filename: "argos-2026-01-02T030405Z.tar.gz".into(),
            size_bytes: 1_048_576,
            kind: "scheduled".into(),
        }
        .into(),
        EventKind::BackupFailed => {
            BackupFailed { kind: "scheduled".into(), error: "no space left on the disk".into() }.into()
        }
        EventKind::ConfigRestored => {
            ConfigRestored { from_backup: "argos-2026-01-02T030405Z.tar.gz".into(), generation: 18 }.into()
        }
        EventKind::ThreatIpBanned => ThreatIpBanned {
            value: "203.0.113.7".into(),
            scope: "ip".into(),
            scenario: "crowdsecurity/http-probing".into(),
            duration: "4h".into(),
            origin: "crowdsec".into(),
        }
        .into(),
        EventKind::ThreatIntelUpdated => {
            ThreatIntelUpdated { added_count: 120, removed_count: 80, total: 15_040 }.into()
        }
        EventKind::CrowdsecDown => {
            CrowdsecDown { consecutive_failures: 3, error: "http://127.0.0.1:8080 does not answer".into() }.into()
        }
        EventKind::CrowdsecCredsStale => {
            CrowdsecCredsStale { kind: "machine".into(), machine_user: "argos".into() }.into()
        }
        EventKind::AppsecUnavailable => {
            AppsecUnavailable { error: "the rule set is missing".into(), fail_open: false }.into()
        }
        EventKind::LogRowsDropped => LogRowsDropped { dropped: 1200, queue_capacity: 65_536 }.into(),
    }
}
