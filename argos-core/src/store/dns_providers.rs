//! `dns_providers`.

use rusqlite::{Row, named_params};

use super::columns::{parsed, time};
use super::span::Span;
use super::tx::{DNS_PROVIDERS, Read, Tx};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{DnsProviderId, DnsProviderKind, HostId};

/// A DNS provider as it is stored.
#[derive(Clone, Debug)]
pub struct StoredDnsProvider {
    /// Identity.
    pub id: DnsProviderId,
    /// Its fields.
    pub fields: DnsProviderFields,
    /// Hosts whose certificates it proves.
    pub used_by: Vec<HostId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The fields that callers set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsProviderFields {
    /// Unique name.
    pub name: String,
    /// How it is spoken to.
    pub kind: DnsProviderKind,
    /// The envelope of what its kind needs.
    pub config_encrypted: String,
    /// Whether it may be used.
    pub enabled: bool,
}

const SELECT: &str = "SELECT id, name, kind, config_encrypted, enabled, created_at, updated_at FROM dns_providers";

fn from_row(row: &Row<'_>) -> rusqlite::Result<StoredDnsProvider> {
    Ok(StoredDnsProvider {
        id: DnsProviderId(row.get("id")?),
        fields: DnsProviderFields {
            name: row.get("name")?,
            kind: parsed(row, "kind", DnsProviderKind::parse)?,
            config_encrypted: row.get("config_encrypted")?,
            enabled: row.get("enabled")?,
        },
        used_by: Vec::new(),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// DNS providers by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<StoredDnsProvider>> {
    let sql = format!("{SELECT} WHERE {}", span.sql("id"));
    let mut found = read.all(&sql, named_params! { ":after": span.after, ":limit": span.limit }, from_row)?;
    for one in &mut found {
        one.used_by = users(read, one.id)?;
    }
    Ok(found)
}

/// One DNS provider.
///
/// # Errors
/// `dns_provider.not_found`.
pub fn get(read: &Read<'_>, id: DnsProviderId) -> Result<StoredDnsProvider> {
    let found = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    let mut found = found.ok_or_else(|| Error::not_found("dns_provider.not_found", format!("DNS provider {id}")))?;
    found.used_by = users(read, id)?;
    Ok(found)
}

fn users(read: &Read<'_>, id: DnsProviderId) -> Result<Vec<HostId>> {
    let sql = "SELECT id FROM hosts WHERE dns_provider_id = :id ORDER BY id";
    read.all(sql, named_params! { ":id": id.0 }, |r| r.get(0).map(HostId))
}

/// Stores a new DNS provider.
///
/// # Errors
/// `dns_provider.name_taken`.
pub fn insert(tx: &Tx<'_>, fields: &DnsProviderFields) -> Result<DnsProviderId> {
    refuse_taken(tx, &fields.name, None)?;
    let id = tx.insert(
        DNS_PROVIDERS,
        "INSERT INTO dns_providers (name, kind, config_encrypted, enabled, created_at, updated_at)
         VALUES (:name, :kind, :config, :enabled, :now, :now)",
        named_params! {
            ":name": fields.name,
            ":kind": fields.kind.as_str(),
            ":config": fields.config_encrypted,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )?;
    Ok(DnsProviderId(id))
}

/// Replaces the fields of a DNS provider; its kind stays.
///
/// # Errors
/// `dns_provider.name_taken`.
pub fn update(tx: &Tx<'_>, id: DnsProviderId, fields: &DnsProviderFields) -> Result<()> {
    refuse_taken(tx, &fields.name, Some(id))?;
    tx.update(
        DNS_PROVIDERS,
        id.0,
        "UPDATE dns_providers SET name = :name, config_encrypted = :config, enabled = :enabled, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":name": fields.name,
            ":config": fields.config_encrypted,
            ":enabled": fields.enabled,
            ":now": tx.now().0,
        },
    )
}

/// Deletes a DNS provider that no host uses.
///
/// # Errors
/// `dns_provider.in_use`, naming hosts.
pub fn delete(tx: &Tx<'_>, id: DnsProviderId) -> Result<()> {
    let users = users(tx, id)?;
    if users.is_empty() {
        return tx.delete(DNS_PROVIDERS, id.0);
    }
    let more = if users.len() > 10 { " and others" } else { "" };
    let named: Vec<String> = users.iter().take(10).map(|host| format!("host {host}")).collect();
    let text = format!("DNS provider {id} is used by {}{more}", named.join(", "));
    Err(Error::conflict("dns_provider.in_use", "id", text))
}

fn refuse_taken(read: &Read<'_>, name: &str, me: Option<DnsProviderId>) -> Result<()> {
    let sql = "SELECT id FROM dns_providers WHERE name = :name";
    let by = read.one(sql, named_params! { ":name": name }, |r| r.get(0).map(DnsProviderId))?;
    match by {
        Some(by) if Some(by) != me => {
            let text = format!("name {name:?} is already used by DNS provider {by}");
            Err(Error::conflict("dns_provider.name_taken", "name", text))
        }
        _ => Ok(()),
    }
}
