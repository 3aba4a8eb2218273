//! `acme_orders`: how the certificate of each host that an authority signs is got and kept. State, no configuration.

use rusqlite::{Row, named_params};

use super::columns::{moment, time};
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
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
    /// The records that were put into DNS zones and are still to be taken out, as JSON; empty = none.
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
    /// How often somebody wanted its next step sooner: what began before the last time does not say when it is due.
    pub hurried: i64,
}

/// Hosts that did nothing wrong wait no longer for an authority that wants fewer orders.
pub const LONGEST_PAUSE_MS: i64 = 15 * 60_000;

const SELECT: &str = "SELECT host_id, domain, directory_url, email, next_attempt_at, order_url, challenge,
        key_encrypted, dns_record, revokes, failures, last_error, reported_at, ari_next_at, hurried
    FROM acme_orders";

/// Until when an authority is left alone, 0 when it is not. A pause beyond the longest was noted before the clock was
/// set back.
const PAUSED: &str = "COALESCE((SELECT until FROM acme_pauses
    WHERE directory_url = acme_orders.directory_url AND until > :now AND until <= :latest), 0)";

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
        hurried: row.get("hurried")?,
    })
}

/// The one of a host, if an authority signs its name.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, host: HostId) -> Result<Option<AcmeOrder>> {
    read.one(&format!("{SELECT} WHERE host_id = :host"), named_params! { ":host": host.0 }, from_row)
}

/// Directories that are looked over, as the database takes them.
fn without(directories: &[&str]) -> Result<String> {
    serde_json::to_string(directories).map_err(|e| Error::internal(format!("directories as JSON: {e}")))
}

/// Those whose next step is due, longest first, at most `limit`; none at the directories `full`.
///
/// # Errors
/// Those of the database.
pub fn due(read: &Read<'_>, full: &[&str], limit: u32) -> Result<Vec<AcmeOrder>> {
    let sql = format!(
        "{SELECT} WHERE next_attempt_at <= :now AND directory_url NOT IN (SELECT value FROM json_each(:full))
         ORDER BY next_attempt_at, host_id LIMIT :limit"
    );
    read.all(&sql, named_params! { ":now": read.now().0, ":full": without(full)?, ":limit": limit }, from_row)
}

/// Those whose authority is to be asked for the time of renewal, longest first, at most `limit`; none at the
/// directories `full`.
///
/// # Errors
/// Those of the database.
pub fn due_for_ari(read: &Read<'_>, full: &[&str], limit: u32) -> Result<Vec<AcmeOrder>> {
    let sql = format!(
        "{SELECT} WHERE ari_next_at <= :now AND next_attempt_at > :now AND failures = 0
            AND directory_url NOT IN (SELECT value FROM json_each(:full))
         ORDER BY ari_next_at, host_id LIMIT :limit"
    );
    read.all(&sql, named_params! { ":now": read.now().0, ":full": without(full)?, ":limit": limit }, from_row)
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

/// Stores one as it begins, in place of the host's old one. It waits while its authority is left alone.
///
/// # Errors
/// Those of the database.
pub fn begin(tx: &Tx<'_>, order: &AcmeOrder) -> Result<()> {
    tx.execute(
        "INSERT INTO acme_orders (host_id, domain, directory_url, email, next_attempt_at, dns_record, ari_next_at)
         VALUES (:host, :domain, :directory, :email, :next, :record, :ari)
         ON CONFLICT (host_id) DO UPDATE SET domain = :domain, directory_url = :directory, email = :email,
            next_attempt_at = :next, order_url = '', challenge = '', key_encrypted = '', dns_record = :record,
            revokes = NULL, failures = 0, last_error = '', reported_at = NULL, ari_next_at = :ari,
            hurried = hurried + 1",
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
    let sql = format!("UPDATE acme_orders SET next_attempt_at = MAX(next_attempt_at, {PAUSED}) WHERE host_id = :host");
    let latest = tx.now().0 + LONGEST_PAUSE_MS;
    tx.execute(&sql, named_params! { ":host": order.host_id.0, ":now": tx.now().0, ":latest": latest }).map(drop)
}

/// Stores how one went on, but not what is to be revoked, and not when its next step is due if somebody wanted that
/// sooner meanwhile; false when the host has begun another meanwhile, or needs none any more.
///
/// # Errors
/// Those of the database.
pub fn save(tx: &Tx<'_>, order: &AcmeOrder) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE acme_orders SET
            next_attempt_at = CASE WHEN hurried = :hurried THEN :next ELSE next_attempt_at END, order_url = :order_url, challenge = :challenge,
            key_encrypted = :key, dns_record = :record, failures = :failures,
            last_error = :error, reported_at = :reported, ari_next_at = :ari
         WHERE host_id = :host AND domain = :domain AND directory_url = :directory AND email = :email",
        named_params! {
            ":host": order.host_id.0,
            ":domain": order.domain,
            ":directory": order.directory_url,
            ":email": order.email,
            ":next": order.next_attempt_at.0,
            ":hurried": order.hurried,
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
            next_attempt_at = CASE WHEN hurried = :hurried THEN :next ELSE next_attempt_at END
        WHERE host_id = :host AND domain = :domain AND directory_url = :directory";
    let params = named_params! {
        ":host": order.host_id.0, ":domain": order.domain, ":directory": order.directory_url,
        ":again": again.map(|t| t.0), ":hurried": order.hurried, ":next": next.0,
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

/// Lets nothing be due at a directory before `until`, or for the longest pause: neither what is there nor what begins
/// meanwhile. Who hurries one host does not wait.
///
/// # Errors
/// Those of the database.
pub fn pause(tx: &Tx<'_>, directory_url: &str, until: Timestamp) -> Result<()> {
    tx.execute("DELETE FROM acme_pauses WHERE until <= :now", named_params! { ":now": tx.now().0 })?;
    let latest = tx.now().0 + LONGEST_PAUSE_MS;
    let until = until.0.min(latest);
    let sql = "INSERT INTO acme_pauses (directory_url, until) VALUES (:directory, :until)
        ON CONFLICT (directory_url) DO UPDATE
            SET until = MAX(:until, CASE WHEN until <= :latest THEN until ELSE 0 END)";
    tx.execute(sql, named_params! { ":directory": directory_url, ":until": until, ":latest": latest })?;
    let sql = "UPDATE acme_orders SET next_attempt_at = :until
        WHERE directory_url = :directory AND next_attempt_at < :until";
    tx.execute(sql, named_params! { ":directory": directory_url, ":until": until }).map(drop)
}

/// Makes the next step of a host due now, and revokes `revokes` once there is a newer certificate.
///
/// # Errors
/// Those of the database.
pub fn hurry(tx: &Tx<'_>, host: HostId, revokes: Option<CertificateId>) -> Result<bool> {
    let sql = "UPDATE acme_orders SET next_attempt_at = :now, hurried = hurried + 1,
            revokes = COALESCE(:revokes, revokes)
        WHERE host_id = :host";
    let params = named_params! { ":now": tx.now().0, ":host": host.0, ":revokes": revokes.map(|id| id.0) };
    Ok(tx.execute(sql, params)? == 1)
}

/// Makes the next step of a host due at `at`, or when its authority is no more left alone, unless it is due before.
///
/// # Errors
/// Those of the database.
pub fn hurry_to(tx: &Tx<'_>, host: HostId, at: Timestamp) -> Result<()> {
    let sql = format!(
        "UPDATE acme_orders SET next_attempt_at = MIN(next_attempt_at, MAX(:at, {PAUSED})), hurried = hurried + 1
         WHERE host_id = :host"
    );
    let latest = tx.now().0 + LONGEST_PAUSE_MS;
    let params = named_params! { ":host": host.0, ":at": at.0, ":now": tx.now().0, ":latest": latest };
    tx.execute(&sql, params).map(drop)
}

/// Which orders a change may help.
#[derive(Clone, Copy, Debug)]
pub enum Of<'a> {
    /// All.
    All,
    /// Those at this directory.
    Directory(&'a str),
    /// Those of hosts whose proofs this DNS provider places.
    Provider(i64),
    /// The one of this host.
    Host(HostId),
}

/// Hosts whose last attempt failed, or goes on and may still fail, soonest first.
///
/// # Errors
/// Those of the database.
pub fn unlucky(read: &Read<'_>, of: Of<'_>) -> Result<Vec<HostId>> {
    let (directory, provider, host) = match of {
        Of::All => (None, None, None),
        Of::Directory(url) => (Some(url), None, None),
        Of::Provider(id) => (None, Some(id), None),
        Of::Host(id) => (None, None, Some(id.0)),
    };
    let sql = "SELECT o.host_id FROM acme_orders o JOIN hosts h ON h.id = o.host_id
        WHERE (o.failures > 0 OR o.next_attempt_at <= :now)
            AND (:directory IS NULL OR o.directory_url = :directory)
            AND (:provider IS NULL OR h.dns_provider_id = :provider)
            AND (:host IS NULL OR o.host_id = :host)
        ORDER BY o.next_attempt_at, o.host_id";
    let params = named_params! {
        ":now": read.now().0, ":directory": directory, ":provider": provider, ":host": host,
    };
    read.all(sql, params, |r| r.get(0).map(HostId))
}

/// The host needs no certificate of an authority.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, host: HostId) -> Result<()> {
    tx.execute("DELETE FROM acme_orders WHERE host_id = :host", named_params! { ":host": host.0 }).map(drop)
}
