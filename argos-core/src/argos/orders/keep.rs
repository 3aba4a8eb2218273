//! What is kept of an order: each step in the table, the certificate by a change like any other.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Orderer;
use crate::api::{Context, Method, Mutation, Operation};
use crate::argos::change::in_transaction;
use crate::certs::acme::{Fault, FaultKind, backoff, renewal_at};
use crate::certs::{self, Uploaded};
use crate::clock::{Timestamp, random};
use crate::error::{Error, Result};
use crate::event::{CertRenewalFailed, Event};
use crate::logs::{self, Record};
use crate::schema::{Actor, CertificateId, CertificateKind, HostId, Role};
use crate::store::acme_orders::{self, AcmeOrder};
use crate::store::{Tx, acme_accounts, certificates, hosts};

/// A failure that goes on is reported once in this time.
/// A day, less what the longest wait between two attempts may be shorter.
const REPORTED_EVERY_MS: i64 = 19 * 3_600_000;

/// How long an authority is left alone that did not answer in time.
const SILENT_MS: i64 = 60_000;

/// The longest that a new certificate is kept at least.
const SOONEST_MS: i64 = 3_600_000;

/// Why an order does not go on.
#[derive(Debug)]
pub(super) enum Ended {
    /// The host needs none any more, or another: its configuration was changed meanwhile.
    Superseded,
    /// Something failed.
    Failed(Fault),
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<Error> for Ended {
    fn from(e: Error) -> Self {
        if e.code() == SUPERSEDED { Self::Superseded } else { Self::Failed(Fault::other(e.to_string())) }
    }
}

const SUPERSEDED: &str = "acme.superseded";

fn superseded() -> Error {
    Error::conflict(SUPERSEDED, "host_id", "the host was changed while its certificate was ordered")
}

impl Orderer {
    /// Runs `work` in a transaction of the writer that changes no configuration.
    pub(super) fn note<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = &self.argos.inner;
        let now = inner.cx.clock.now();
        inner.store.write(move |conn| in_transaction(conn, now, Actor::System, work))?
    }

    /// Makes a change like any other, by Argos itself.
    pub(super) fn change<M: Mutation>(&self, op: M) -> Result<()> {
        self.argos.acting(Actor::System, Default::default()).change(op).map(drop)
    }

    /// Keeps how an order stands.
    pub(super) fn save(&self, order: &AcmeOrder) -> std::result::Result<(), Ended> {
        let order = order.clone();
        if self.note(move |tx| acme_orders::save(tx, &order))? { Ok(()) } else { Err(Ended::Superseded) }
    }

    /// Keeps that an order was placed, and tells.
    pub(super) fn placed(&self, order: &AcmeOrder) -> std::result::Result<(), Ended> {
        let order = order.clone();
        let kept = self.note(move |tx| {
            let kept = acme_orders::save(tx, &order)?;
            if kept && let Some(host) = hosts::find(tx, order.host_id)? {
                certs::restate(tx, &host)?;
            }
            Ok(kept)
        });
        if kept? { Ok(()) } else { Err(Ended::Superseded) }
    }

    /// Keeps that an order failed, when it is tried again, and tells; whether it could be kept.
    pub(super) fn failed(&self, mut order: AcmeOrder, fault: Fault) -> bool {
        let cx = &self.argos.inner.cx;
        let now = cx.clock.now();
        order.failures = order.failures.saturating_add(1);
        let asked = fault.wait.map_or(0, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        let wait = backoff(order.failures, u64::from_be_bytes(random())).max(asked);
        order.next_attempt_at = Timestamp(now.0.saturating_add(wait));
        order.last_error = fault.shown();
        // The next attempt begins with the first way again.
        if matches!(fault.kind, FaultKind::Unproven | FaultKind::Stale) {
            order.order_url.clear();
            order.key_encrypted.clear();
        }
        if order.order_url.is_empty() {
            order.challenge.clear();
        }
        // One in the future was noted before the clock was set back.
        let quiet = order.reported_at.is_some_and(|at| (0..REPORTED_EVERY_MS).contains(&(now.0 - at.0)));
        if !quiet {
            order.reported_at = Some(now);
        }
        let domain = order.domain.clone();
        let done = self.note(move |tx| {
            let Some(stored) = acme_orders::find(tx, order.host_id)? else { return Ok(None) };
            // Whoever wanted it sooner while it went on waits for the authority, and for nothing else.
            if stored.hurried != order.hurried {
                (order.hurried, order.next_attempt_at) = (stored.hurried, Timestamp(now.0.saturating_add(asked)));
            }
            if !acme_orders::save(tx, &order)? {
                return Ok(None);
            }
            match fault.kind {
                FaultKind::Limited => {
                    // It may be about this name alone, so that the pause has an end of its own.
                    let until = Timestamp(tx.now().0.saturating_add(asked.max(wait)));
                    acme_orders::pause(tx, &order.directory_url, until)?;
                }
                FaultKind::Silent => {
                    let until = Timestamp(tx.now().0.saturating_add(SILENT_MS.max(asked)));
                    acme_orders::pause(tx, &order.directory_url, until)?;
                }
                FaultKind::NoAccount => acme_accounts::unregister(tx, &order.directory_url, &order.email)?,
                _ => {}
            }
            if let Some(host) = hosts::find(tx, order.host_id)? {
                certs::restate(tx, &host)?;
            }
            Ok(Some(order))
        });
        match &done {
            Ok(Some(order)) => self.tell(order, now, !quiet),
            Ok(None) => {}
            Err(e) => tracing::error!("the failed order of {domain} was not kept: {e}"),
        }
        done.is_ok()
    }

    /// A row about the host of `order`.
    pub(super) fn tell_row(&self, order: &AcmeOrder, text: String) {
        let mut row = logs::Fault::new(self.argos.inner.cx.clock.now(), "acme", text.into());
        (row.severe, row.host, row.domain) = (true, Some(order.host_id), order.domain.as_str().into());
        self.argos.inner.cx.logs.offer(Record::Error(row.into()));
    }

    /// A row, a line and, once a day, an event.
    fn tell(&self, order: &AcmeOrder, now: Timestamp, report: bool) {
        let AcmeOrder { domain, directory_url, failures, last_error, next_attempt_at, .. } = order;
        tracing::warn!("certificate of {domain}: attempt {failures} at {directory_url}: {last_error}");
        let text = format!("attempt {failures} at {directory_url}: {last_error}; next at {next_attempt_at}");
        self.tell_row(order, text.clone());
        if report {
            let facts = CertRenewalFailed {
                error: last_error.clone(),
                directory: directory_url.clone(),
                attempt: i64::from(*failures),
                next_attempt_at: *next_attempt_at,
            };
            let event = Event::of_host(now, (order.host_id, domain.as_str()), facts);
            self.argos.inner.cx.events.emit(event);
        }
    }
}

/// The earliest moment at which a certificate that came at `since` is replaced by itself: an authority that always wants
/// another at once would get an order every few seconds.
pub(super) fn not_before(since: Timestamp, not_after: Timestamp) -> Timestamp {
    Timestamp(since.0 + ((not_after.0 - since.0) / 3).clamp(0, SOONEST_MS))
}

/// Stores a certificate that an authority signed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct StoreSigned {
    host_id: HostId,
    #[serde(skip)]
    #[schemars(skip)]
    signed: Option<(Uploaded, AcmeOrder)>,
}

impl StoreSigned {
    pub(super) fn new(signed: Uploaded, order: AcmeOrder) -> Self {
        Self { host_id: order.host_id, signed: Some((signed, order)) }
    }
}

impl Operation for StoreSigned {
    type Output = ();
    const NAME: &'static str = "certificates.store_signed";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/certificates/signed";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 204;
    const SUMMARY: &'static str = "Stores a certificate that an authority signed; nobody can ask for it.";
}

impl Mutation for StoreSigned {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        let Some((signed, mut order)) = self.signed else {
            return Err(Error::internal("a certificate is stored without one"));
        };
        let host = hosts::find(tx, self.host_id)?.ok_or_else(superseded)?;
        let mut row = signed.into_row(self.host_id, &cx.key, CertificateKind::Acme);
        row.directory_url.clone_from(&order.directory_url);
        order.order_url.clear();
        order.challenge.clear();
        order.key_encrypted.clear();
        (order.failures, order.reported_at, order.ari_next_at) = (0, None, Some(tx.now()));
        order.last_error.clear();
        // What is to be revoked is the next step; it may have been asked for meanwhile. Whoever wanted a new one has it.
        let stored = acme_orders::find(tx, self.host_id)?.ok_or_else(superseded)?;
        (order.revokes, order.hurried) = (stored.revokes, stored.hurried);
        let renewal = renewal_at(row.not_before, row.not_after).max(not_before(tx.now(), row.not_after));
        order.next_attempt_at = if order.revokes.is_some() { tx.now() } else { renewal };
        if !acme_orders::save(tx, &order)? {
            return Err(superseded());
        }
        let id = certificates::insert(tx, &row)?;
        tx.about("create", "certificate", id, Some((host.id, host.domain.as_str())));
        Ok(())
    }
}

/// Forgets a certificate that was revoked.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ForgetRevoked {
    pub(super) host_id: HostId,
}

impl Operation for ForgetRevoked {
    type Output = ();
    const NAME: &'static str = "certificates.forget_revoked";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/certificates/revoked";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 204;
    const SUMMARY: &'static str = "Forgets a certificate that was revoked; nobody can ask for it.";
}

impl Mutation for ForgetRevoked {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let mut order = acme_orders::find(tx, self.host_id)?.ok_or_else(superseded)?;
        let host = hosts::find(tx, self.host_id)?.ok_or_else(superseded)?;
        let Some(revoked) = order.revokes.take() else { return Ok(()) };
        let newest = certificates::of_host(tx, host.id)?.into_iter().find(|c| c.kind == CertificateKind::Acme);
        let Some(newest) = newest.filter(|c| c.id != revoked) else { return Ok(()) };
        order.next_attempt_at = renewal_at(newest.not_before, newest.not_after);
        order.failures = 0;
        order.last_error.clear();
        acme_orders::save(tx, &order)?;
        acme_orders::revoked(tx, host.id)?;
        certificates::delete(tx, revoked)?;
        tx.about("revoke", "certificate", revoked, Some((host.id, host.domain.as_str())));
        Ok(())
    }
}

/// Stores when the authority wants a certificate renewed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct StoreWindow {
    pub(super) id: CertificateId,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Operation for StoreWindow {
    type Output = ();
    const NAME: &'static str = "certificates.store_window";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/certificates/window";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 204;
    const SUMMARY: &'static str = "Stores when a certificate is to be renewed; nobody can ask for it.";
}

impl Mutation for StoreWindow {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        if certificates::set_window(tx, self.id, self.start, self.end)? {
            tx.about("update", "certificate", self.id, None);
        }
        Ok(())
    }
}
