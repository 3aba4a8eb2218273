//! `certificates`.

use rusqlite::{Row, named_params};
use serde_json::json;

use super::columns::{json, moment, parsed, time};
use super::span::Span;
use super::tx::{CERTIFICATES, Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{Certificate, CertificateId, CertificateKind, HostId, UserId};

/// A certificate to be stored.
#[derive(Clone, Debug)]
pub struct NewCertificate {
    /// The host that it is for.
    pub host_id: Option<HostId>,
    /// What it is good for.
    pub names: Vec<String>,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// The certificate.
    pub cert_pem: String,
    /// Those that signed it, nearest first.
    pub chain_pem: String,
    /// The envelope of its key in PKCS#8 PEM.
    pub key_encrypted: String,
    /// Who signed it.
    pub issuer: String,
    /// SHA-256 of its DER form.
    pub fingerprint_sha256: String,
    /// The moment from which it is good.
    pub not_before: Timestamp,
    /// The moment at which it ends.
    pub not_after: Timestamp,
    /// Whether it is served.
    pub active: bool,
    /// The directory of the authority that signed it; empty = none did.
    pub directory_url: String,
}

/// A certificate with what serving it takes.
#[derive(Clone, Debug)]
pub struct StoredPair {
    /// Identity.
    pub id: CertificateId,
    /// What it is good for, as JSON.
    pub names: String,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// The certificate.
    pub cert_pem: String,
    /// Those that signed it.
    pub chain_pem: String,
    /// The envelope of its key.
    pub key_encrypted: String,
    /// Who signed it.
    pub issuer: String,
    /// The moment at which it ends.
    pub not_after: Timestamp,
}

const SELECT: &str = "SELECT id, host_id, names, kind, issuer, fingerprint_sha256, not_before, not_after,
        ari_window_start, ari_window_end, active, uploaded_by, created_at, directory_url
    FROM certificates";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Certificate> {
    Ok(Certificate {
        id: CertificateId(row.get("id")?),
        host_id: row.get::<_, Option<i64>>("host_id")?.map(HostId),
        names: json(row, "names")?,
        kind: parsed(row, "kind", CertificateKind::parse)?,
        issuer: row.get("issuer")?,
        fingerprint_sha256: row.get("fingerprint_sha256")?,
        not_before: time(row, "not_before")?,
        not_after: time(row, "not_after")?,
        ari_window_start: moment(row, "ari_window_start")?,
        ari_window_end: moment(row, "ari_window_end")?,
        active: row.get("active")?,
        uploaded_by: row.get::<_, Option<i64>>("uploaded_by")?.map(UserId),
        created_at: time(row, "created_at")?,
        directory_url: row.get("directory_url")?,
    })
}

const SELECT_PAIR: &str =
    "SELECT id, names, kind, cert_pem, chain_pem, key_encrypted, issuer, not_after FROM certificates";

fn pair_from_row(row: &Row<'_>) -> rusqlite::Result<StoredPair> {
    Ok(StoredPair {
        id: CertificateId(row.get(0)?),
        names: row.get(1)?,
        kind: parsed(row, 2, CertificateKind::parse)?,
        cert_pem: row.get(3)?,
        chain_pem: row.get(4)?,
        key_encrypted: row.get(5)?,
        issuer: row.get(6)?,
        not_after: time(row, 7)?,
    })
}

/// Certificates by id, of one host or of all.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, host: Option<HostId>, span: Span) -> Result<Vec<Certificate>> {
    let sql = format!("{SELECT} WHERE (:host IS NULL OR host_id = :host) AND {}", span.sql("id"));
    let params = named_params! { ":host": host.map(|h| h.0), ":after": span.after, ":limit": span.limit };
    read.all(&sql, params, from_row)
}

/// The certificates of one host, newest first.
///
/// # Errors
/// Those of the database.
pub fn of_host(read: &Read<'_>, host: HostId) -> Result<Vec<Certificate>> {
    let sql = format!("{SELECT} WHERE host_id = :host ORDER BY id DESC");
    read.all(&sql, named_params! { ":host": host.0 }, from_row)
}

/// One certificate.
///
/// # Errors
/// `certificate.not_found`.
pub fn get(read: &Read<'_>, id: CertificateId) -> Result<Certificate> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("certificate.not_found", format!("certificate {id}")))
}

/// One certificate with what serving it takes.
///
/// # Errors
/// `certificate.not_found`.
pub fn pair(read: &Read<'_>, id: CertificateId) -> Result<StoredPair> {
    let found = read.one(&format!("{SELECT_PAIR} WHERE id = :id"), named_params! { ":id": id.0 }, pair_from_row)?;
    found.ok_or_else(|| Error::not_found("certificate.not_found", format!("certificate {id}")))
}

/// What is served for a host.
///
/// # Errors
/// Those of the database.
pub fn served(read: &Read<'_>, host: HostId) -> Result<Option<StoredPair>> {
    let sql = format!("{SELECT_PAIR} WHERE host_id = :host AND active = 1 ORDER BY id DESC LIMIT 1");
    read.one(&sql, named_params! { ":host": host.0 }, pair_from_row)
}

/// The certificate of a host that has this fingerprint.
///
/// # Errors
/// Those of the database.
pub fn of_fingerprint(read: &Read<'_>, host: Option<HostId>, fingerprint: &str) -> Result<Option<StoredPair>> {
    let sql = format!("{SELECT_PAIR} WHERE host_id IS :host AND fingerprint_sha256 = :fingerprint");
    read.one(&sql, named_params! { ":host": host.map(|h| h.0), ":fingerprint": fingerprint }, pair_from_row)
}

/// The newest active certificate of `kind` that belongs to no host; with `name`, one that is good for it.
///
/// # Errors
/// Those of the database.
pub fn unowned(read: &Read<'_>, kind: CertificateKind, name: &str) -> Result<Option<StoredPair>> {
    let sql = format!(
        "{SELECT_PAIR} WHERE host_id IS NULL AND active = 1 AND kind = :kind
            AND (:name = '' OR EXISTS (SELECT 1 FROM json_each(names) WHERE json_each.value = :name))
         ORDER BY id DESC LIMIT 1"
    );
    read.one(&sql, named_params! { ":kind": kind.as_str(), ":name": name }, pair_from_row)
}

/// Ids of active certificates of `kind` that end before `moment`, soonest first.
///
/// # Errors
/// Those of the database.
pub fn ending(
    read: &Read<'_>,
    kind: CertificateKind,
    moment: Timestamp,
    limit: u32,
) -> Result<Vec<(CertificateId, Option<HostId>)>> {
    let sql = "SELECT id, host_id FROM certificates WHERE active = 1 AND kind = :kind AND not_after < :moment
        ORDER BY not_after, id LIMIT :limit";
    let params = named_params! { ":kind": kind.as_str(), ":moment": moment.0, ":limit": limit };
    read.all(sql, params, |r| Ok((CertificateId(r.get(0)?), r.get::<_, Option<i64>>(1)?.map(HostId))))
}

/// Stores a certificate.
///
/// # Errors
/// `certificate.stored`, when the host has it already.
pub fn insert(tx: &Tx<'_>, new: &NewCertificate) -> Result<CertificateId> {
    if let Some(by) = of_fingerprint(tx, new.host_id, &new.fingerprint_sha256)? {
        let text = format!("this certificate is stored already, as certificate {}", by.id);
        return Err(Error::conflict("certificate.stored", "cert_pem", text));
    }
    let id = tx.insert(
        CERTIFICATES,
        "INSERT INTO certificates (host_id, names, kind, cert_pem, chain_pem, key_encrypted, issuer,
            fingerprint_sha256, not_before, not_after, active, uploaded_by, created_at, directory_url)
         VALUES (:host, :names, :kind, :cert, :chain, :key, :issuer, :fingerprint, :from, :to, :active, :by, :now,
            :directory)",
        named_params! {
            ":host": new.host_id.map(|h| h.0),
            ":names": json!(new.names).to_string(),
            ":kind": new.kind.as_str(),
            ":cert": new.cert_pem,
            ":chain": new.chain_pem,
            ":key": new.key_encrypted,
            ":issuer": new.issuer,
            ":fingerprint": new.fingerprint_sha256,
            ":from": new.not_before.0,
            ":to": new.not_after.0,
            ":active": new.active,
            ":by": tx.actor().user_id().map(|id| id.0),
            ":now": tx.now().0,
            ":directory": new.directory_url,
        },
    )?;
    Ok(CertificateId(id))
}

/// Says whether a certificate is served.
///
/// # Errors
/// Those of the database.
pub fn set_active(tx: &Tx<'_>, id: CertificateId, active: bool) -> Result<()> {
    let sql = "UPDATE certificates SET active = :active WHERE id = :id";
    tx.update(CERTIFICATES, id.0, sql, named_params! { ":id": id.0, ":active": active })
}

/// Stores when the authority wants it renewed; false when that was known, or the certificate is gone.
///
/// # Errors
/// Those of the database.
pub fn set_window(tx: &Tx<'_>, id: CertificateId, start: Timestamp, end: Timestamp) -> Result<bool> {
    let params = named_params! { ":id": id.0, ":start": start.0, ":end": end.0 };
    let sql = "SELECT 1 FROM certificates
        WHERE id = :id AND (ari_window_start IS NOT :start OR ari_window_end IS NOT :end)";
    if tx.one(sql, params, |_| Ok(()))?.is_none() {
        return Ok(false);
    }
    let sql = "UPDATE certificates SET ari_window_start = :start, ari_window_end = :end WHERE id = :id";
    tx.update(CERTIFICATES, id.0, sql, params)?;
    Ok(true)
}

/// Deletes a certificate.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: CertificateId) -> Result<()> {
    tx.delete(CERTIFICATES, id.0)
}
