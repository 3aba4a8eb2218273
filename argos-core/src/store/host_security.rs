//! `host_security`.

use rusqlite::{Row, named_params};

use super::columns::{parsed, time};
use super::tx::{HOST_SECURITY, Read, Tx};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::{HostError, HostId, HostSecurity, RateLimitKey, WafMode};

/// What can be changed about a host's security.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityFields {
    /// Whether requests are inspected.
    pub waf_enabled: bool,
    /// Detect or block.
    pub waf_mode: WafMode,
    /// Blocking paranoia level, 1–4.
    pub waf_paranoia: u8,
    /// Status of a block answer.
    pub waf_block_status: u16,
    /// Body of a block answer.
    pub waf_block_body: String,
    /// Whether requests are limited.
    pub rate_limit_enabled: bool,
    /// Requests per window.
    pub rate_limit_requests: i64,
    /// Seconds.
    pub rate_limit_window_seconds: i64,
    /// What is counted by.
    pub rate_limit_key: RateLimitKey,
    /// The header of key `header`.
    pub rate_limit_header_name: String,
    /// Status over the limit.
    pub rate_limit_status: u16,
    /// Recorded paranoia level.
    pub waf_detection_paranoia: Option<u8>,
    /// Inbound threshold.
    pub waf_inbound_threshold: Option<u32>,
    /// Outbound threshold.
    pub waf_outbound_threshold: Option<u32>,
    /// Whether response bodies are inspected.
    pub waf_response_body: bool,
}

const SELECT: &str = "SELECT host_id, waf_enabled, waf_mode, waf_paranoia, waf_block_status, waf_block_body,
        rate_limit_enabled, rate_limit_requests, rate_limit_window_seconds, rate_limit_key, rate_limit_header_name,
        rate_limit_status, waf_detection_paranoia, waf_inbound_threshold, waf_outbound_threshold, waf_response_body,
        updated_at
    FROM host_security WHERE host_id = :id";

fn from_row(row: &Row<'_>) -> rusqlite::Result<HostSecurity> {
    Ok(HostSecurity {
        host_id: HostId(row.get("host_id")?),
        waf_enabled: row.get("waf_enabled")?,
        waf_mode: parsed(row, "waf_mode", WafMode::parse)?,
        waf_paranoia: row.get("waf_paranoia")?,
        waf_block_status: row.get("waf_block_status")?,
        waf_block_body: row.get("waf_block_body")?,
        rate_limit_enabled: row.get("rate_limit_enabled")?,
        rate_limit_requests: row.get("rate_limit_requests")?,
        rate_limit_window_seconds: row.get("rate_limit_window_seconds")?,
        rate_limit_key: parsed(row, "rate_limit_key", RateLimitKey::parse)?,
        rate_limit_header_name: row.get("rate_limit_header_name")?,
        rate_limit_status: row.get("rate_limit_status")?,
        waf_detection_paranoia: row.get("waf_detection_paranoia")?,
        waf_inbound_threshold: row.get("waf_inbound_threshold")?,
        waf_outbound_threshold: row.get("waf_outbound_threshold")?,
        waf_response_body: row.get("waf_response_body")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// The security of one host.
///
/// # Errors
/// `host.not_found`.
pub fn get(read: &Read<'_>, host: HostId) -> Result<HostSecurity> {
    Ok(read.one(SELECT, named_params! { ":id": host.0 }, from_row)?.ok_or(HostError::NotFound(host))?)
}

/// A host whose WAF only watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub domain: String,
    /// Since when nothing about it has changed.
    pub since: Timestamp,
}

/// Enabled hosts whose WAF only watches, by host: by their own mode, or because `appsec.mode` lets no host block.
///
/// # Errors
/// Those of the database.
pub fn watching(read: &Read<'_>) -> Result<Vec<Watching>> {
    let sql = "SELECT h.id, h.domain,
            CASE s.waf_mode WHEN 'detect' THEN s.updated_at ELSE MAX(s.updated_at, m.updated_at) END
        FROM hosts h JOIN host_security s ON s.host_id = h.id LEFT JOIN settings m ON m.key = 'appsec.mode'
        WHERE h.enabled = 1 AND s.waf_enabled = 1 AND COALESCE(m.value, 'block') <> 'disabled'
            AND (s.waf_mode = 'detect' OR m.value = 'detect')
        ORDER BY h.id";
    read.all(sql, [], |row| Ok(Watching { host: HostId(row.get(0)?), domain: row.get(1)?, since: time(row, 2)? }))
}

/// Replaces the fields of a host's security.
///
/// # Errors
/// Those of the database.
pub fn update(tx: &Tx<'_>, host: HostId, fields: &SecurityFields) -> Result<()> {
    tx.update(
        HOST_SECURITY,
        host.0,
        "UPDATE host_security SET waf_enabled = :enabled, waf_mode = :mode, waf_paranoia = :paranoia,
            waf_block_status = :status, waf_block_body = :body, waf_detection_paranoia = :detection,
            waf_inbound_threshold = :inbound, waf_outbound_threshold = :outbound, waf_response_body = :response_body,
            rate_limit_enabled = :limited, rate_limit_requests = :requests, rate_limit_window_seconds = :window,
            rate_limit_key = :key, rate_limit_header_name = :header, rate_limit_status = :limit_status,
            updated_at = :now
         WHERE host_id = :id",
        named_params! {
            ":id": host.0,
            ":enabled": fields.waf_enabled,
            ":mode": fields.waf_mode.as_str(),
            ":paranoia": fields.waf_paranoia,
            ":status": fields.waf_block_status,
            ":body": fields.waf_block_body,
            ":detection": fields.waf_detection_paranoia,
            ":inbound": fields.waf_inbound_threshold,
            ":outbound": fields.waf_outbound_threshold,
            ":response_body": fields.waf_response_body,
            ":limited": fields.rate_limit_enabled,
            ":requests": fields.rate_limit_requests,
            ":window": fields.rate_limit_window_seconds,
            ":key": fields.rate_limit_key.as_str(),
            ":header": fields.rate_limit_header_name,
            ":limit_status": fields.rate_limit_status,
            ":now": tx.now().0,
        },
    )
}
