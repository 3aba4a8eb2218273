//! What certificates do after a change: each touched host gets the one that its TLS mode asks for.
//!
//! This runs inside the change's own transaction, whatever the change was: a host made, renamed, rolled back or
//! switched to another mode is served with the right certificate by the same generation, and `cert_status` is true.

use std::collections::BTreeSet;

use super::local_ca;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{Certificate, CertificateKind, CertificateState, DAY_MS, Host, HostId, TlsMode};
use crate::secret::MasterKey;
use crate::store::cert_status::{self, Standing};
use crate::store::certificates::StoredPair;
use crate::store::{Tx, certificates, hosts};

/// The name of the certificate that answers where no host has one.
pub const FALLBACK_NAME: &str = "argos.invalid";

/// The name by which the panel's certificate is found; it is good for others too.
pub const PANEL_NAME: &str = "localhost";

/// A certificate of the local CA is renewed when it ends within so many days.
const RENEWED_AT_DAYS: i64 = 30;

/// Lets the certificates of every host follow what was changed so far in `tx`.
///
/// # Errors
/// Those of the database and of the local CA.
pub fn follow(tx: &Tx<'_>, key: &MasterKey) -> Result<()> {
    let (touched, names) = touched(tx);
    for name in names {
        cert_status::delete(tx, &name)?;
    }
    for id in touched {
        if let Some(host) = hosts::find(tx, id)? {
            settle(tx, key, &host)?;
        }
    }
    Ok(())
}

/// The hosts whose certificates may have to change, and the names that hosts had before.
fn touched(tx: &Tx<'_>) -> (BTreeSet<HostId>, BTreeSet<String>) {
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for change in tx.changes().iter() {
        match change.table.name {
            "hosts" => {
                let differs = |column: &str| {
                    let of =
                        |row: &Option<serde_json::Map<_, _>>| row.as_ref().and_then(|row| row.get(column).cloned());
                    of(&change.old) != of(&change.new)
                };
                if differs("domain") || differs("tls_mode") {
                    ids.extend(change.integer("id").map(HostId));
                    let old = change.old.as_ref().and_then(|row| row.get("domain")?.as_str());
                    names.extend(old.map(str::to_owned));
                }
            }
            "certificates" => ids.extend(change.integer("host_id").map(HostId)),
            _ => {}
        }
    }
    (ids, names)
}

/// Chooses what `host` serves, makes it where the local CA can, and writes how it stands.
fn settle(tx: &Tx<'_>, key: &MasterKey, host: &Host) -> Result<()> {
    let mut stored = certificates::of_host(tx, host.id)?;
    let mut chosen = choose(host, &stored, tx.now());
    if chosen.is_none() && host.tls_mode == TlsMode::Auto {
        local_ca::issue(tx, key, Some(host.id), vec![host.domain.to_string()])?;
        stored = certificates::of_host(tx, host.id)?;
        chosen = choose(host, &stored, tx.now());
    }
    let served = chosen.map(|at| &stored[at]);
    for certificate in &stored {
        let active = served.is_some_and(|s| s.id == certificate.id);
        if !active && certificate.kind == CertificateKind::Local {
            // Whenever one is wanted again, the local CA makes it anew.
            certificates::delete(tx, certificate.id)?;
        } else if active != certificate.active {
            certificates::set_active(tx, certificate.id, active)?;
        }
    }
    write_status(tx, host, served)
}

/// The certificate that the host's mode asks for: the newest that covers its name and has not ended.
fn choose(host: &Host, stored: &[Certificate], now: Timestamp) -> Option<usize> {
    let covers = |c: &Certificate| host.domain.is_catch_all() || c.names.iter().any(|n| host.domain.is_covered_by(n));
    let newest = |kind| stored.iter().position(|c| c.kind == kind && covers(c));
    let good = |at: &usize| stored[*at].not_after > now;
    match host.tls_mode {
        TlsMode::None => None,
        // One that has ended is still what its owner uploaded: it is served, and its standing is an error.
        TlsMode::Manual => newest(CertificateKind::Manual),
        TlsMode::Auto => {
            newest(CertificateKind::Acme).filter(good).or_else(|| newest(CertificateKind::Local).filter(good))
        }
    }
}

fn write_status(tx: &Tx<'_>, host: &Host, served: Option<&Certificate>) -> Result<()> {
    let domain = host.domain.as_str();
    if host.tls_mode == TlsMode::None {
        return cert_status::delete(tx, domain);
    }
    let (state, last_error) = match served {
        None => (CertificateState::None, "no certificate is stored for this host: upload one"),
        Some(c) if c.not_after <= tx.now() => (CertificateState::Error, "the certificate has ended"),
        Some(c) if c.kind == CertificateKind::Local && host.domain.is_publicly_issuable() => (
            CertificateState::Pending,
            "certificates of public authorities (ACME) are not available yet; until then the local CA's is served, \
             which clients trust only where its root is installed; or upload a certificate",
        ),
        Some(_) => (CertificateState::Valid, ""),
    };
    cert_status::write(
        tx,
        &Standing {
            domain,
            issuer: served.map_or("", |c| &c.issuer),
            not_after: served.map(|c| c.not_after),
            source: served.map_or("", |c| c.kind.as_str()),
            state,
            last_error,
        },
    )
}

/// Makes the certificate for names that no host has, or for the panel, with the local CA; whether it was missing.
/// The first of `names` is the one by which it is found.
///
/// # Errors
/// Those of the database and of the local CA.
pub fn prepare(tx: &Tx<'_>, key: &MasterKey, names: &[String]) -> Result<bool> {
    let Some(first) = names.first() else { return Ok(false) };
    let known = certificates::unowned(tx, CertificateKind::Local, first)?;
    let suits = |pair: &StoredPair| {
        pair.not_after >= renewal_horizon(tx.now())
            && serde_json::from_str::<Vec<String>>(&pair.names).is_ok_and(|known| known == names)
    };
    if known.as_ref().is_some_and(suits) {
        return Ok(false);
    }
    if let Some(old) = known {
        certificates::delete(tx, old.id)?;
    }
    local_ca::issue(tx, key, None, names.to_vec())?;
    Ok(true)
}

/// Certificates of the local CA that end before this moment are renewed.
#[must_use]
pub fn renewal_horizon(now: Timestamp) -> Timestamp {
    Timestamp(now.0 + RENEWED_AT_DAYS * DAY_MS)
}

/// Renews certificates of the local CA that end within 30 days, at most `limit`; how many there were.
///
/// # Errors
/// Those of the database and of the local CA.
pub fn renew_due(tx: &Tx<'_>, key: &MasterKey, limit: u32) -> Result<usize> {
    let due = certificates::ending(tx, CertificateKind::Local, renewal_horizon(tx.now()), limit)?;
    for (id, host) in &due {
        let names = certificates::get(tx, *id)?.names;
        certificates::delete(tx, *id)?;
        // What a host serves is chosen by `follow`, which finds it without one.
        if host.is_none() {
            local_ca::issue(tx, key, None, names)?;
        }
    }
    Ok(due.len())
}
