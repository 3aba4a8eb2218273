//! What certificates do after a change: each touched host gets the one that its TLS mode asks for.
//!
//! This runs inside the change's own transaction, whatever the change was: a host made, renamed, rolled back or
//! switched to another mode is served with the right certificate by the same generation, and `cert_status` is true.

use std::collections::BTreeSet;

use super::{acme, local_ca};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{
    Certificate, CertificateKind, CertificateState, DAY_MS, Directory, DirectoryError, Host, HostId, TlsMode,
};
use crate::secret::MasterKey;
use crate::store::acme_orders::{self, AcmeOrder, Of};
use crate::store::cert_status::{self, Standing};
use crate::store::certificates::StoredPair;
use crate::store::{Read, Tx, certificates, hosts, settings};

/// The name of the certificate that answers where no host has one.
pub const FALLBACK_NAME: &str = "argos.invalid";

/// The name by which the panel's certificate is found; it is good for others too.
pub const PANEL_NAME: &str = "localhost";

/// A certificate of the local CA is renewed when it ends within so many days.
const RENEWED_AT_DAYS: i64 = 30;

/// Between two orders that are tried again because of one change, so that others come in between.
const AGAIN_EVERY_MS: i64 = 5_000;

/// Lets the certificates of every host follow what was changed so far in `tx`.
///
/// # Errors
/// Those of the database and of the local CA.
pub fn follow(tx: &Tx<'_>, key: &MasterKey) -> Result<()> {
    follow_panel(tx, key)?;
    let mut touched = touched(tx);
    for name in &touched.names {
        cert_status::delete(tx, name)?;
    }
    if touched.authority {
        touched.hosts.extend(hosts::ids(tx)?);
    }
    if touched.hosts.is_empty() && !touched.may_help() {
        return Ok(());
    }
    let common = Common::stored(tx)?;
    for id in &touched.hosts {
        if let Some(host) = hosts::find(tx, *id)? {
            settle(tx, key, &host, &common)?;
        }
    }
    try_again(tx, &touched, &common)
}

/// Gives the panel's name among the proxy's a certificate of the local CA, where it is another one.
fn follow_panel(tx: &Tx<'_>, key: &MasterKey) -> Result<()> {
    let name = {
        let changes = tx.changes();
        let mut of_name = changes.iter().filter(|c| c.table.name == "settings" && c.key == "panel.proxy_host");
        let row = of_name.next().and_then(|c| c.new.as_ref());
        row.and_then(|row| row.get("value")?.as_str()).unwrap_or_default().to_owned()
    };
    if name.is_empty() || certificates::unowned(tx, CertificateKind::Local, &name)?.is_some() {
        return Ok(());
    }
    local_ca::issue(tx, key, None, vec![name]).map(drop)
}

/// Lets orders that failed under what was changed be tried again soon, one after the other.
fn try_again(tx: &Tx<'_>, touched: &Touched, common: &Common) -> Result<()> {
    let mut again = Vec::new();
    if touched.issuance {
        again.extend(acme_orders::unlucky(tx, Of::All)?);
    } else if touched.binding
        && let Ok(directory) = Directory::of("", &common.directory_url)
    {
        again.extend(acme_orders::unlucky(tx, Of::Directory(directory.url()))?);
    }
    for id in &touched.providers {
        again.extend(acme_orders::unlucky(tx, Of::Provider(*id))?);
    }
    for id in &touched.proofs {
        again.extend(acme_orders::unlucky(tx, Of::Host(*id))?);
    }
    let (mut seen, mut at) = (BTreeSet::new(), tx.now());
    for id in again.into_iter().filter(|id| seen.insert(*id)) {
        acme_orders::hurry_to(tx, id, at)?;
        at = Timestamp(at.0 + AGAIN_EVERY_MS);
        if let Some(host) = hosts::find(tx, id)? {
            restate(tx, &host)?;
        }
    }
    Ok(())
}

/// Lets the certificates of up to `limit` hosts follow that were stored by an earlier version, which ordered none; the
/// last of them.
///
/// # Errors
/// Those of the database and of the local CA.
pub fn adopt(tx: &Tx<'_>, key: &MasterKey, after: HostId, limit: u32) -> Result<Option<HostId>> {
    let common = Common::stored(tx)?;
    let found = acme_orders::hosts_without(tx, after, limit)?;
    for id in &found {
        let host = hosts::get(tx, *id)?;
        if common.authority(&host) != Ok(None) {
            settle(tx, key, &host, &common)?;
        }
    }
    Ok(found.last().copied())
}

/// What hosts have in common that name no authority or contact of their own.
struct Common {
    directory_url: String,
    email: String,
}

impl Common {
    fn stored(read: &Read<'_>) -> Result<Self> {
        let value = |key| Ok::<_, Error>(settings::value(read, key)?.unwrap_or_default());
        Ok(Self { directory_url: value("acme.directory_url")?, email: value("acme.email")? })
    }

    /// The authority that signs the host's name, if one does.
    fn authority(&self, host: &Host) -> std::result::Result<Option<Directory>, DirectoryError> {
        if host.tls_mode != TlsMode::Auto {
            return Ok(None);
        }
        let directory = Directory::of(&host.tls_directory_url, &self.directory_url)?;
        Ok(directory.signs(&host.domain).then_some(directory))
    }

    fn email<'a>(&'a self, host: &'a Host) -> &'a str {
        if host.tls_email.is_empty() { &self.email } else { &host.tls_email }
    }
}

/// What a change touched of certificates.
#[derive(Default)]
struct Touched {
    /// Hosts whose certificates may have to change.
    hosts: BTreeSet<HostId>,
    /// Names that hosts had before.
    names: BTreeSet<String>,
    /// Whether the authority of all may be another.
    authority: bool,
    /// Whether something changed that all orders use.
    issuance: bool,
    /// Whether the external account changed, which orders at the directory of all use.
    binding: bool,
    /// DNS providers.
    providers: BTreeSet<i64>,
    /// Hosts whose names are proven in another way, or for another contact.
    proofs: BTreeSet<HostId>,
}

impl Touched {
    /// Whether an order that failed may succeed now.
    fn may_help(&self) -> bool {
        self.issuance || self.binding || !self.providers.is_empty() || !self.proofs.is_empty()
    }
}

fn touched(tx: &Tx<'_>) -> Touched {
    let mut all = Touched::default();
    for change in tx.changes().iter() {
        let differs = |column: &str| {
            let of = |row: &Option<serde_json::Map<_, _>>| row.as_ref().and_then(|row| row.get(column).cloned());
            of(&change.old) != of(&change.new)
        };
        match change.table.name {
            "hosts" => {
                let id = change.integer("id").map(HostId);
                if differs("domain") {
                    let old = change.old.as_ref().and_then(|row| row.get("domain")?.as_str());
                    all.names.extend(old.map(str::to_owned));
                }
                if ["domain", "tls_mode", "enabled", "tls_email", "tls_directory_url"].into_iter().any(differs) {
                    all.hosts.extend(id);
                }
                if ["tls_challenge", "dns_provider_id", "tls_email"].into_iter().any(differs) {
                    all.proofs.extend(id);
                }
            }
            "certificates" => all.hosts.extend(change.integer("host_id").map(HostId)),
            "dns_providers" if ["config_encrypted", "enabled"].into_iter().any(differs) => {
                all.providers.extend(change.integer("id"));
            }
            "settings" if differs("value") => match change.key.as_str() {
                Some("acme.directory_url") => all.authority = true,
                Some("acme.email") => (all.authority, all.issuance) = (true, true),
                Some("acme.eab_kid" | "acme.eab_hmac_key") => all.binding = true,
                Some("acme.ca_bundle" | "acme.dns_resolvers") => all.issuance = true,
                _ => {}
            },
            _ => {}
        }
    }
    all
}

/// Chooses what `host` serves, makes it where the local CA can, orders it where an authority signs it, and writes how
/// it stands.
fn settle(tx: &Tx<'_>, key: &MasterKey, host: &Host, common: &Common) -> Result<()> {
    let mut stored = certificates::of_host(tx, host.id)?;
    let mut chosen = choose(host, &stored, tx.now());
    if chosen.is_none() && host.tls_mode == TlsMode::Auto {
        local_ca::issue(tx, key, Some(host.id), vec![host.domain.to_string()])?;
        stored = certificates::of_host(tx, host.id)?;
        chosen = choose(host, &stored, tx.now());
    }
    let served = chosen.map(|at| &stored[at]);
    let authority = common.authority(host);
    let unread = authority.as_ref().err().copied();
    let order = follow_order(tx, host, served, authority.unwrap_or_default(), common.email(host))?;
    for certificate in &stored {
        let active = served.is_some_and(|s| s.id == certificate.id);
        let replaced = match certificate.kind {
            // Whenever one is wanted again, the local CA makes it anew.
            CertificateKind::Local => true,
            CertificateKind::Acme => {
                let newer = served.is_some_and(|s| s.kind == CertificateKind::Acme);
                newer && order.as_ref().is_none_or(|order| order.revokes != Some(certificate.id))
            }
            CertificateKind::Manual | CertificateKind::LocalCa => false,
        };
        if !active && replaced {
            certificates::delete(tx, certificate.id)?;
        } else if active != certificate.active {
            certificates::set_active(tx, certificate.id, active)?;
        }
    }
    write_status(tx, host, served, order.as_ref(), unread)
}

/// Begins the order of the host's certificate where there is none, another authority signs now, or another name; ends
/// it where no authority does.
fn follow_order(
    tx: &Tx<'_>,
    host: &Host,
    served: Option<&Certificate>,
    authority: Option<Directory>,
    email: &str,
) -> Result<Option<AcmeOrder>> {
    let known = acme_orders::find(tx, host.id)?;
    // A host that takes no traffic keeps and renews what it has, and gets no first one.
    let has_one = served.is_some_and(|c| c.kind == CertificateKind::Acme);
    let Some(directory) = authority.filter(|_| host.enabled || has_one) else {
        if known.is_some() {
            acme_orders::delete(tx, host.id)?;
        }
        return Ok(None);
    };
    let domain = host.domain.as_str();
    if let Some(mut known) = known.clone()
        && known.domain == domain
        && known.directory_url == directory.url()
    {
        if known.email != email {
            acme_orders::set_email(tx, host.id, email)?;
            email.clone_into(&mut known.email);
        }
        return Ok(Some(known));
    }
    // One of an earlier version does not say who signed it.
    let same = |c: &Certificate| {
        if c.directory_url.is_empty() { known.is_none() } else { c.directory_url == directory.url() }
    };
    let signed = served.filter(|c| c.kind == CertificateKind::Acme && same(c));
    let order = AcmeOrder {
        host_id: host.id,
        domain: domain.into(),
        directory_url: directory.url().into(),
        email: email.into(),
        next_attempt_at: signed.map_or(tx.now(), |c| acme::renewal_at(c.not_before, c.not_after)),
        order_url: String::new(),
        challenge: String::new(),
        key_encrypted: String::new(),
        // What an order that ends here left in a zone is still to be taken out.
        dns_record: known.map(|order| order.dns_record).unwrap_or_default(),
        revokes: None,
        failures: 0,
        last_error: String::new(),
        reported_at: None,
        ari_next_at: signed.map(|_| tx.now()),
        hurried: 0,
    };
    acme_orders::begin(tx, &order)?;
    Ok(Some(order))
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

/// Writes how the certificate of `host` stands, after a step of its order.
///
/// # Errors
/// Those of the database.
pub fn restate(tx: &Tx<'_>, host: &Host) -> Result<()> {
    let stored = certificates::of_host(tx, host.id)?;
    let served = stored.iter().find(|c| c.active);
    write_status(tx, host, served, acme_orders::find(tx, host.id)?.as_ref(), None)
}

fn write_status(
    tx: &Tx<'_>,
    host: &Host,
    served: Option<&Certificate>,
    order: Option<&AcmeOrder>,
    unread: Option<DirectoryError>,
) -> Result<()> {
    let domain = host.domain.as_str();
    if host.tls_mode == TlsMode::None {
        return cert_status::delete(tx, domain);
    }
    let failed = order.filter(|order| order.failures > 0).map(|order| {
        let again = order.next_attempt_at;
        format!("attempt {} at {} failed: {}; next at {again}", order.failures, order.directory_url, order.last_error)
    });
    let failed = failed.or_else(|| unread.map(|e| format!("nothing is ordered: {e}")));
    let (state, last_error) = match (served, order) {
        (None, _) => (CertificateState::None, "no certificate is stored for this host: upload one".into()),
        (Some(c), _) if c.not_after <= tx.now() => {
            (CertificateState::Error, failed.unwrap_or_else(|| "the certificate has ended".into()))
        }
        (Some(c), order) if c.kind == CertificateKind::Local => match (failed, order) {
            (Some(failed), _) => (CertificateState::Error, failed),
            (None, Some(order)) => {
                let waits = if order.order_url.is_empty() { "waiting to be ordered" } else { "ordered" };
                let text = format!(
                    "{waits} at {}; until it comes the local CA's is served, which clients trust only where its root \
                     is installed",
                    order.directory_url
                );
                (CertificateState::Pending, text)
            }
            (None, None) => (CertificateState::Valid, String::new()),
        },
        (Some(_), _) => (CertificateState::Valid, failed.unwrap_or_default()),
    };
    cert_status::write(
        tx,
        &Standing {
            domain,
            issuer: served.map_or("", |c| &c.issuer),
            not_after: served.map(|c| c.not_after),
            source: served.map_or("", |c| c.kind.as_str()),
            state,
            last_error: &last_error,
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
