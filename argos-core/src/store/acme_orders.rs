//! `acme_orders`: how the certificate of each host that an authority signs is got and kept. State, no configuration.

use rusqlite::{Row, named_params};

use super::columns::{moment, time};
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{CertificateId, HostId};

/// Where one host's certificate stands between its orders and within one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeOrder {
    /// The host.
    pub host_id: HostId,
    /// The name to be signed.
    pub domain: String,
    /// The directory of the authority.
    pub directory_url: String,
    /// The contact of the account; empty = none.
    pub email: String,
    /// When the next step is due: the next attempt, or the renewal.
    pub next_attempt_at: Timestamp,
    /// The order that goes on; empty = none.
    pub order_url: String,
    /// `http`, `tls-alpn` or `dns`: how it is being proven; empty = it is not.
    pub challenge: String,
    /// The envelope of the key that the order is finalized with; empty = not yet made.
    pub key_encrypted: String,
    /// What was put into a DNS zone and is still to be taken out, as JSON; empty = nothing.
    pub dns_record: String,
    /// A certificate to be revoked once there is a newer one.
    pub revokes: Option<CertificateId>,
    /// Attempts that failed since the last that succeeded.
    pub failures: u32,
    /// Why the last one failed.
    pub last_error: String,
    /// When a failure was last reported.
    pub reported_at: Option<Timestamp>,
    /// When the authority is next asked for the time of renewal; none = never yet, or it has no such answer.
    pub ari_next_at: Option<Timestamp>,
}

const SELECT: &str = "SELECT host_id, domain, directory_url, email, next_attempt_at, order_url, challenge,
        key_encrypted, dns_record, revokes, failures, last_error, reported_at, ari_next_at
    FROM acme_orders";

fn from_row(row: &Row<'_>) -> rusqlite::Result<AcmeOrder> {
    Ok(AcmeOrder {
        host_id: HostId(row.get("host_id")?),
        domain: row.get("domain")?,
        directory_url: row.get("directory_url")?,
        email: row.get("email")?,
        next_attempt_at: time(row, "next_attempt_at")?,
        order_url: row.get("order_url")?,
        challenge: row.get("challenge")?,
        key_encrypted: row.get("key_encrypted")?,
        dns_record: row.get("dns_record")?,
        revokes: row.get::<_, Option<i64>>("revokes")?.map(CertificateId),
        failures: row.get("failures")?,
        last_error: row.get("last_error")?,
        reported_at: moment(row, "reported_at")?,
        ari_next_at: moment(row, "ari_next_at")?,
    })
}

/// The one of a host, if an authority signs its name.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, host: HostId) -> Result<Option<AcmeOrder>> {
    read.one(&format!("{SELECT} WHERE host_id = :host"), named_params! { ":host": host.0 }, from_row)
}

/// Those whose next step is due, longest first, at most `limit`.
///
/// # Errors
/// Those of the database.
pub fn due(read: &Read<'_>, limit: u32) -> Result<Vec<AcmeOrder>> {
    let sql = format!("{SELECT} WHERE next_attempt_at <= :now ORDER BY next_attempt_at, host_id LIMIT :limit");
    read.all(&sql, named_params! { ":now": read.now().0, ":limit": limit }, from_row)
}

/// Those whose authority is to be asked for the time of renewal, longest first, at most `limit`.
///
/// # Errors
/// Those of the database.
pub fn due_for_ari(read: &Read<'_>, limit: u32) -> Result<Vec<AcmeOrder>> {
    let sql = format!(
        "{SELECT} WHERE ari_next_at <= :now AND next_attempt_at > :now AND failures = 0
         ORDER BY ari_next_at, host_id LIMIT :limit"
    );
    read.all(&sql, named_params! { ":now": read.now().0, ":limit": limit }, from_row)
}

/// When the next step of any is due after a moment.
///
/// # Errors
/// Those of the database.
pub fn next(read: &Read<'_>, after: Timestamp) -> Result<Option<Timestamp>> {
    let sql = "SELECT MIN(at) FROM (
        SELECT MIN(next_attempt_at) AS at FROM acme_orders WHERE next_attempt_at > :after
        UNION ALL SELECT MIN(ari_next_at) FROM acme_orders WHERE ari_next_at > :after)";
    let next = read.one(sql, named_params! { ":after": after.0 }, |r| r.get::<_, Option<i64>>(0))?;
    Ok(next.flatten().map(Timestamp))
}

/// Hosts of `tls_mode` `auto` that have none, at most `limit` after the host `after`.
///
/// # Errors
/// Those of the database.
pub fn hosts_without(read: &Read<'_>, after: HostId, limit: u32) -> Result<Vec<HostId>> {
    let sql = "SELECT id FROM hosts WHERE tls_mode = 'auto' AND enabled = 1 AND id > :after
            AND id NOT IN (SELECT host_id FROM acme_orders)
        ORDER BY id LIMIT :limit";
    read.all(sql, named_params! { ":after": after.0, ":limit": limit }, |r| r.get(0).map(HostId))
}

/// Stores one as it begins, in place of the host's old one.
///
/// # Errors
/// Those of the database.
pub fn begin(tx: &Tx<'_>, order: &AcmeOrder) -> Result<()> {
    tx.execute(
        "INSERT INTO acme_orders (host_id, domain, directory_url, email, next_attempt_at, dns_record, ari_next_at)
         VALUES (:host, :domain, :directory, :email, :next, :record, :ari)
         ON CONFLICT (host_id) DO UPDATE SET domain = :domain, directory_url = :directory, email = :email,
            next_attempt_at = :next, order_url = '', challenge = '', key_encrypted = '', dns_record = :record,
            revokes = NULL, failures = 0, last_error = '', reported_at = NULL, ari_next_at = :ari",
        named_params! {
            ":host": order.host_id.0,
            ":domain": order.domain,
            ":directory": order.directory_url,
            ":email": order.email,
            ":next": order.next_attempt_at.0,
            ":record": order.dns_record,
            ":ari": order.ari_next_at.map(|t| t.0),
        },
    )?;
    Ok(())
}

/// Stores how one went on, but not what is to be revoked; false when the host has begun another meanwhile, or needs none any more.
///
/// # Errors
/// Those of the database.
pub fn save(tx: &Tx<'_>, order: &AcmeOrder) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE acme_orders SET next_attempt_at = :next, order_url = :order_url, challenge = :challenge,
            key_encrypted = :key, dns_record = :record, failures = :failures,
            last_error = :error, reported_at = :reported, ari_next_at = :ari
         WHERE host_id = :host AND domain = :domain AND directory_url = :directory AND email = :email",
        named_params! {
            ":host": order.host_id.0,
            ":domain": order.domain,
            ":directory": order.directory_url,
            ":email": order.email,
            ":next": order.next_attempt_at.0,
            ":order_url": order.order_url,
            ":challenge": order.challenge,
            ":key": order.key_encrypted,
            ":record": order.dns_record,
            ":failures": order.failures,
            ":error": order.last_error,
            ":reported": order.reported_at.map(|t| t.0),
            ":ari": order.ari_next_at.map(|t| t.0),
        },
    )?;
    Ok(changed == 1)
}

/// Stores when the authority is asked again for the time of renewal; and `next` as that time, unless somebody hurried
/// the host meanwhile.
///
/// # Errors
/// Those of the database.
pub fn asked(tx: &Tx<'_>, order: &AcmeOrder, again: Option<Timestamp>, next: Timestamp) -> Result<()> {
    let sql = "UPDATE acme_orders SET ari_next_at = :again,
            next_attempt_at = CASE WHEN next_attempt_at = :seen THEN :next ELSE next_attempt_at END
        WHERE host_id = :host AND domain = :domain AND directory_url = :directory";
    let params = named_params! {
        ":host": order.host_id.0, ":domain": order.domain, ":directory": order.directory_url,
        ":again": again.map(|t| t.0), ":seen": order.next_attempt_at.0, ":next": next.0,
    };
    tx.execute(sql, params).map(drop)
}

/// Nothing of a host is to be revoked any more.
///
/// # Errors
/// Those of the database.
pub fn revoked(tx: &Tx<'_>, host: HostId) -> Result<()> {
    tx.execute("UPDATE acme_orders SET revokes = NULL WHERE host_id = :host", named_params! { ":host": host.0 })
        .map(drop)
}

/// Changes the contact; the next order goes to that account.
///
/// # Errors
/// Those of the database.
pub fn set_email(tx: &Tx<'_>, host: HostId, email: &str) -> Result<()> {
    let sql = "UPDATE acme_orders SET email = :email, order_url = '', challenge = '', key_encrypted = ''
        WHERE host_id = :host";
    tx.execute(sql, named_params! { ":host": host.0, ":email": email }).map(drop)
}

/// Lets nothing be due at a directory before `until`.
///
/// # Errors
/// Those of the database.
pub fn pause(tx: &Tx<'_>, directory_url: &str, until: Timestamp) -> Result<()> {
    let sql = "UPDATE acme_orders SET next_attempt_at = :until
        WHERE directory_url = :directory AND next_attempt_at < :until";
    tx.execute(sql, named_params! { ":directory": directory_url, ":until": until.0 }).map(drop)
}

/// Makes the next step of a host due now, and revokes `revokes` once there is a newer certificate.
///
/// # Errors
/// Those of the database.
pub fn hurry(tx: &Tx<'_>, host: HostId, revokes: Option<CertificateId>) -> Result<bool> {
    let sql = "UPDATE acme_orders SET next_attempt_at = :now, revokes = COALESCE(:revokes, revokes)
        WHERE host_id = :host";
    let params = named_params! { ":now": tx.now().0, ":host": host.0, ":revokes": revokes.map(|id| id.0) };
    Ok(tx.execute(sql, params)? == 1)
}

/// The host needs no certificate of an authority.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, host: HostId) -> Result<()> {
    tx.execute("DELETE FROM acme_orders WHERE host_id = :host", named_params! { ":host": host.0 }).map(drop)
}
