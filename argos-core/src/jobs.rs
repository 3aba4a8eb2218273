//! Every periodic job in one table. A job finds out from what is stored whether it is due, so that neither a restart
//! nor a clock that jumps makes it run twice or never. [`Argos::tend`] runs them, once a minute while Argos serves.
//!
//! [`Argos::tend`]: crate::Argos::tend

use crate::certs;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::{CertExpiringSoon, Event, ManualCertExpiringSoon, WafDetectModeReminder};
use crate::schema::{CertificateKind, DAY_MS, Setting, TlsMode};
use crate::secret::MasterKey;
use crate::store::cert_status::Ending;
use crate::store::host_security::{self, Watching};
use crate::store::{Read, Tx, cert_status, certificates, deliveries, findings, purge, settings};

/// Certificates that are renewed in one change: another change that waits gets its turn soon.
const RENEWED_AT_ONCE: u32 = 50;
/// Deliveries that one transaction deletes.
const PURGED_AT_ONCE: i64 = 5000;
/// The time of day at which the ends of certificates are looked at: 09:00 UTC.
const LOOKED_AT_MS: i64 = 9 * 3_600_000;
/// Certificates that Argos gets by itself and that have fewer days left are reported every day.
const SOON_DAYS: i64 = 14;
/// Days left of an uploaded certificate, each of which is reported once.
const THRESHOLDS: [i64; 5] = [0, 1, 7, 14, 30];

/// How long a WAF may only watch before it is told, and then once more.
const WEEK_MS: i64 = 7 * DAY_MS;

/// Work that comes back.
#[derive(Debug)]
pub struct Job {
    /// Its name in the process log.
    pub name: &'static str,
    /// Whether there is something to do.
    pub due: fn(&Read<'_>) -> Result<bool>,
    /// What does it, or a part of it: what is left stays due.
    pub run: Run,
}

/// What a job does.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Changes configuration: it has an audit row and makes a generation.
    Configures(fn(&Tx<'_>, &MasterKey) -> Result<()>),
    /// Changes none; what it found is told to whoever listens.
    Looks(fn(&Tx<'_>) -> Result<Vec<Event>>),
    /// The same of much that is stored: it is read beside the writer, which only notes until when.
    Reads(fn(&Read<'_>) -> Result<Vec<Event>>, fn(&Tx<'_>, Timestamp) -> Result<()>),
}

/// All jobs.
pub const JOBS: &[Job] = &[
    Job {
        name: "renewing certificates of the local CA",
        due: |read| {
            Ok(!certificates::ending(read, CertificateKind::Local, certs::renewal_horizon(read.now()), 1)?.is_empty())
        },
        run: Run::Configures(|tx, key| {
            let renewed = certs::renew_due(tx, key, RENEWED_AT_ONCE)?;
            tx.about("update", "certificate", format!("{renewed} of the local CA"), None);
            Ok(())
        }),
    },
    Job {
        name: "looking at the ends of certificates",
        due: |read| {
            let oldest = cert_status::oldest_check(read)?;
            // One in the future was noted before the clock was set back.
            let fresh = |at: Timestamp| last_look(read.now()) <= at && at <= read.now();
            Ok(oldest.is_some_and(|at| !fresh(at)))
        },
        run: Run::Looks(|tx| {
            let mut events = expiring_soon(tx)?;
            events.extend(uploaded_ending(tx)?);
            cert_status::check(tx)?;
            Ok(events)
        }),
    },
    Job {
        name: "reminding of hosts whose WAF only watches",
        due: |read| Ok(!to_remind(read)?.is_empty()),
        run: Run::Reads(reminders, settings::note_look),
    },
    Job {
        name: "deleting what has outlived its lifetime",
        due: |read| purge::is_due(read, idle_ms(read)?),
        run: Run::Looks(|tx| {
            purge::purge(tx, idle_ms(tx)?)?;
            Ok(Vec::new())
        }),
    },
    Job {
        name: "deleting old deliveries",
        due: |read| {
            let (before, most) = kept_deliveries(read)?;
            deliveries::is_purge_due(read, before, most)
        },
        run: Run::Looks(|tx| {
            let (before, most) = kept_deliveries(tx)?;
            deliveries::purge(tx, before, most, PURGED_AT_ONCE)?;
            Ok(Vec::new())
        }),
    },
];

/// The moment before which deliveries go, by the last full hour, and how many may stay.
fn kept_deliveries(read: &Read<'_>) -> Result<(Timestamp, i64)> {
    let days = number(read, "notifications.retention_days")?;
    Ok((Timestamp(purge::mark(read).0 - days * DAY_MS), number(read, "notifications.max_entries")?))
}

/// A setting that is a number.
fn number(read: &Read<'_>, key: &str) -> Result<i64> {
    let stored = settings::value(read, key)?;
    let default = Setting::find(key).map_or("", |s| s.default);
    Ok(stored.as_deref().unwrap_or(default).parse::<i64>().or_else(|_| default.parse()).unwrap_or_default())
}

/// How long a session lives without use.
fn idle_ms(read: &Read<'_>) -> Result<i64> {
    Ok(number(read, "session.idle_timeout_hours")? * 3_600_000)
}

/// The last moment at which the ends were to be looked at.
fn last_look(now: Timestamp) -> Timestamp {
    Timestamp((now.0 - LOOKED_AT_MS).div_euclid(DAY_MS) * DAY_MS + LOOKED_AT_MS)
}

/// What is to be told of certificates that Argos gets by itself and that end soon.
///
/// # Errors
/// Those of the database.
pub fn expiring_soon(read: &Read<'_>) -> Result<Vec<Event>> {
    let now = read.now();
    let mut found = cert_status::ending(read, Timestamp(now.0 + SOON_DAYS * DAY_MS))?;
    found.retain(|ending| ending.mode == TlsMode::Auto);
    let event = |Ending { host_id, domain, issuer, not_after, .. }: Ending| {
        let days_left = (not_after.0 - now.0).div_euclid(DAY_MS);
        Event::of_host(now, (host_id, &domain), CertExpiringSoon { days_left, not_after, issuer })
    };
    Ok(found.into_iter().map(event).collect())
}

/// What is to be told of uploaded certificates since each was last looked at.
fn uploaded_ending(read: &Read<'_>) -> Result<Vec<Event>> {
    let now = read.now();
    let most = THRESHOLDS.into_iter().max().unwrap_or_default();
    let mut events = Vec::new();
    for ending in cert_status::ending(read, Timestamp(now.0 + most * DAY_MS))? {
        let Ending { host_id, domain, mode, not_after, last_checked_at, fingerprint_sha256, .. } = ending;
        let crossed = |days: &i64| (last_checked_at.0 + 1..=now.0).contains(&(not_after.0 - days * DAY_MS));
        // Of several that were crossed the nearest to the end says it all.
        let Some(threshold) = THRESHOLDS.into_iter().find(crossed).filter(|_| mode == TlsMode::Manual) else {
            continue;
        };
        let days_left = (not_after.0 - now.0).div_euclid(DAY_MS);
        let facts = ManualCertExpiringSoon { days_left, threshold, not_after, fingerprint: fingerprint_sha256 };
        events.push(Event::of_host(now, (host_id, &domain), facts));
    }
    Ok(events)
}

/// Hosts whose WAF has only watched for one more whole week since that was last looked for.
fn to_remind(read: &Read<'_>) -> Result<Vec<Watching>> {
    let now = read.now();
    // One in the future was noted before the clock was set back.
    let last = settings::last_look(read)?.filter(|at| *at <= now).unwrap_or(Timestamp(now.0 - WEEK_MS));
    let due = |host: &Watching| {
        let weeks = |at: Timestamp| (at.0 - host.since.0 - 1).div_euclid(WEEK_MS);
        weeks(now) >= 1 && weeks(now) > weeks(last)
    };
    Ok(host_security::watching(read)?.into_iter().filter(due).collect())
}

/// What is to be told of hosts whose WAF only watches.
fn reminders(read: &Read<'_>) -> Result<Vec<Event>> {
    let now = read.now();
    let found = findings::by_host(read, Timestamp(now.0 - WEEK_MS), u32::MAX)?;
    let detected = |host| found.iter().find(|sum| sum.host == host).map_or(0, |sum| sum.detected);
    let event = |host: Watching| {
        let days_in_detect = (now.0 - host.since.0).div_euclid(DAY_MS);
        let facts = WafDetectModeReminder { days_in_detect, would_block_7d: detected(host.host) };
        Event::of_host(now, (host.host, &host.domain), facts)
    };
    Ok(to_remind(read)?.into_iter().map(event).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_looked_at_once_a_day_at_nine() {
        let at = |hours: i64| Timestamp(20_000 * DAY_MS + hours * 3_600_000);
        assert_eq!(last_look(at(9)), at(9));
        assert_eq!(last_look(at(8)), at(9 - 24));
        assert_eq!(last_look(at(23)), at(9));
    }
}
