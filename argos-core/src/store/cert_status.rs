//! `cert_status`: how the certificate of each name stands. It follows the certificates and is no configuration.

use rusqlite::{Row, named_params};

use super::columns::{moment, parsed, time};
use super::span::Span;
use super::tx::{Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{CertStatus, CertificateState, Freshness, HostId, TlsMode};

/// How a name's certificate stands, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// The name.
    pub domain: &'a str,
    /// Who signed what is served.
    pub issuer: &'a str,
    /// The moment at which it ends.
    pub not_after: Option<Timestamp>,
    /// Where it comes from; empty = there is none.
    pub source: &'a str,
    /// How it stands.
    pub state: CertificateState,
    /// Why it is not valid.
    pub last_error: &'a str,
}

fn from_row(row: &Row<'_>, now: Timestamp) -> rusqlite::Result<CertStatus> {
    let not_after = moment(row, "not_after")?;
    let left = not_after.map(|end| Freshness::of(end, now));
    Ok(CertStatus {
        host_id: HostId(row.get("id")?),
        domain: row.get("domain")?,
        issuer: row.get("issuer")?,
        not_after,
        last_checked_at: time(row, "last_checked_at")?,
        source: row.get("source")?,
        state: parsed(row, "state", CertificateState::parse)?,
        last_error: row.get("last_error")?,
        days_left: left.map(|(days, _)| days),
        status: left.map(|(_, freshness)| freshness),
    })
}

/// How the names of hosts stand, by the host's number, of one host or of all.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, host: Option<HostId>, span: Span) -> Result<Vec<CertStatus>> {
    let sql = format!(
        "SELECT h.id, s.domain, s.issuer, s.not_after, s.last_checked_at, s.source, s.state, s.last_error
         FROM hosts h JOIN cert_status s ON s.domain = h.domain WHERE (:host IS NULL OR h.id = :host) AND {}",
        span.sql("h.id")
    );
    let (now, params) = (
        read.now(),
        named_params! {
            ":host": host.map(|h| h.0), ":after": span.after, ":limit": span.limit,
        },
    );
    read.all(&sql, params, |row| from_row(row, now))
}

/// Writes how a name's certificate stands. A certificate that was there before keeps the moment at which its end was
/// last looked at, so that the next look misses nothing.
///
/// # Errors
/// Those of the database.
pub fn write(tx: &Tx<'_>, standing: &Standing<'_>) -> Result<()> {
    let sql = "INSERT INTO cert_status (domain, issuer, not_after, last_checked_at, source, state, last_error)
         VALUES (:domain, :issuer, :not_after, :now, :source, :state, :last_error)
         ON CONFLICT (domain) DO UPDATE SET issuer = :issuer, not_after = :not_after, source = :source,
            state = :state, last_error = :last_error,
            last_checked_at = CASE WHEN not_after IS :not_after THEN last_checked_at ELSE :now END";
    let params = named_params! {
        ":domain": standing.domain,
        ":issuer": standing.issuer,
        ":not_after": standing.not_after.map(|t| t.0),
        ":now": tx.now().0,
        ":source": standing.source,
        ":state": standing.state.as_str(),
        ":last_error": standing.last_error,
    };
    tx.execute(sql, params).map(drop)
}

/// Forgets a name.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, domain: &str) -> Result<()> {
    tx.execute("DELETE FROM cert_status WHERE domain = :domain", named_params! { ":domain": domain }).map(drop)
}

/// When the name that was not looked at for longest was looked at; none = there are no names.
///
/// # Errors
/// Those of the database.
pub fn oldest_check(read: &Read<'_>) -> Result<Option<Timestamp>> {
    let oldest = read.one("SELECT MIN(last_checked_at) FROM cert_status", [], |r| r.get::<_, Option<i64>>(0))?;
    Ok(oldest.flatten().map(Timestamp))
}

/// The end of a certificate that is served, and when it was last looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The host.
    pub host_id: HostId,
    /// Its name.
    pub domain: String,
    /// Where its certificate comes from.
    pub mode: TlsMode,
    /// Who signed it.
    pub issuer: String,
    /// SHA-256 of its DER form.
    pub fingerprint_sha256: String,
    /// The moment at which it ends.
    pub not_after: Timestamp,
    /// When that was last looked at.
    pub last_checked_at: Timestamp,
}

/// Certificates of enabled hosts that end before a moment, by host.
///
/// # Errors
/// Those of the database.
pub fn ending(read: &Read<'_>, before: Timestamp) -> Result<Vec<Ending>> {
    let sql = "SELECT h.id, h.domain, h.tls_mode, s.issuer, s.not_after, s.last_checked_at, c.fingerprint_sha256
        FROM hosts h JOIN cert_status s ON s.domain = h.domain JOIN certificates c ON c.host_id = h.id AND c.active = 1
        WHERE h.enabled = 1 AND s.not_after <= :before ORDER BY h.id";
    read.all(sql, named_params! { ":before": before.0 }, |row| {
        Ok(Ending {
            host_id: HostId(row.get(0)?),
            domain: row.get(1)?,
            mode: parsed(row, 2, TlsMode::parse)?,
            issuer: row.get(3)?,
            not_after: time(row, 4)?,
            last_checked_at: time(row, 5)?,
            fingerprint_sha256: row.get(6)?,
        })
    })
}

/// Marks the certificates that have ended by now, and notes that all were looked at; how many had ended.
///
/// # Errors
/// Those of the database.
pub fn check(tx: &Tx<'_>) -> Result<usize> {
    let now = tx.now().0;
    let sql = "UPDATE cert_status SET state = 'error',
            last_error = CASE last_error WHEN '' THEN 'the certificate has ended' ELSE last_error END
        WHERE not_after <= :now AND state = 'valid'";
    let ended = tx.execute(sql, named_params! { ":now": now })?;
    tx.execute("UPDATE cert_status SET last_checked_at = :now", named_params! { ":now": now })?;
    Ok(ended)
}
