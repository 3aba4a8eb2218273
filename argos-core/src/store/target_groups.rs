//! `target_groups`.

use rusqlite::{Row, ToSql, named_params};

use super::columns::{parsed, time};
use super::span::Span;
use super::tx::{Read, TARGET_GROUPS, TARGETS, Tx};
use super::{rules, targets};
use crate::error::{Error, Result};
use crate::schema::{
    Algorithm, GroupId, GroupName, GroupProtocol, HealthMethod, HostId, HttpVersion, StatusSet, TargetGroup,
};

/// The fields of a group that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFields {
    /// Unique name.
    pub name: GroupName,
    /// What is spoken to the targets.
    pub protocol: GroupProtocol,
    /// Whether the certificates of targets are checked.
    pub verify_tls: bool,
    /// HTTP version spoken to the targets.
    pub http_version: HttpVersion,
    /// Name for SNI and the certificate check.
    pub tls_server_name: String,
    /// Certificates that are trusted.
    pub ca_bundle_pem: String,
    /// The certificate that targets are shown, and those that signed it.
    pub client_cert_pem: String,
    /// The envelope of its key; empty = none.
    pub client_key_encrypted: String,
    /// Whether the client's `Host` is passed on.
    pub preserve_host: bool,
    /// Milliseconds to connect.
    pub connect_timeout_ms: Option<i64>,
    /// Milliseconds to the response head.
    pub response_timeout_ms: Option<i64>,
    /// Further targets tried.
    pub max_retries: Option<i64>,
    /// How a target is chosen.
    pub algorithm: Algorithm,
    /// How targets are checked.
    pub check: CheckFields,
    /// Seconds over which a weight grows.
    pub slow_start_seconds: i64,
    /// Name of the cookie of sticky sessions; empty = none.
    pub sticky_cookie: String,
    /// Seconds that they last; 0 = until the browser is closed.
    pub sticky_ttl_seconds: i64,
}

/// How the targets of a group are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFields {
    /// Whether they are.
    pub enabled: bool,
    /// What is asked for.
    pub path: String,
    /// How.
    pub method: HealthMethod,
    /// Accepted statuses.
    pub expect_status: String,
    /// Seconds between checks.
    pub interval_seconds: i64,
    /// Seconds until a check fails.
    pub timeout_seconds: i64,
    /// Failures in a row until a target is out.
    pub fails_to_unhealthy: i64,
    /// Successes in a row until it is back.
    pub passes_to_healthy: i64,
}

impl Default for CheckFields {
    fn default() -> Self {
        Self {
            enabled: false,
            path: "/".into(),
            method: HealthMethod::Get,
            expect_status: StatusSet::default().as_str().into(),
            interval_seconds: 30,
            timeout_seconds: 5,
            fails_to_unhealthy: 2,
            passes_to_healthy: 2,
        }
    }
}

impl GroupFields {
    /// A group of plain HTTP, all else at its default.
    #[must_use]
    pub fn new(name: GroupName) -> Self {
        Self {
            name,
            protocol: GroupProtocol::Http,
            verify_tls: true,
            http_version: HttpVersion::Auto,
            tls_server_name: String::new(),
            ca_bundle_pem: String::new(),
            client_cert_pem: String::new(),
            client_key_encrypted: String::new(),
            preserve_host: true,
            connect_timeout_ms: None,
            response_timeout_ms: None,
            max_retries: None,
            algorithm: Algorithm::RoundRobin,
            check: CheckFields::default(),
            slow_start_seconds: 0,
            sticky_cookie: String::new(),
            sticky_ttl_seconds: 0,
        }
    }

    /// Those of a stored group, whose key's envelope is `client_key_encrypted`.
    #[must_use]
    pub fn of(group: TargetGroup, client_key_encrypted: String) -> Self {
        Self {
            name: group.name,
            protocol: group.protocol,
            verify_tls: group.verify_tls,
            http_version: group.http_version,
            tls_server_name: group.tls_server_name,
            ca_bundle_pem: group.ca_bundle_pem,
            client_cert_pem: group.client_cert_pem,
            client_key_encrypted,
            preserve_host: group.preserve_host,
            connect_timeout_ms: group.connect_timeout_ms,
            response_timeout_ms: group.response_timeout_ms,
            max_retries: group.max_retries,
            algorithm: group.algorithm,
            check: CheckFields {
                enabled: group.health_check_enabled,
                path: group.health_check_path,
                method: group.health_check_method,
                expect_status: group.health_check_expect_status,
                interval_seconds: group.health_check_interval_seconds,
                timeout_seconds: group.health_check_timeout_seconds,
                fails_to_unhealthy: group.health_check_fails_to_unhealthy,
                passes_to_healthy: group.health_check_passes_to_healthy,
            },
            slow_start_seconds: group.slow_start_seconds,
            sticky_cookie: group.sticky_cookie,
            sticky_ttl_seconds: group.sticky_ttl_seconds,
        }
    }
}

const SELECT: &str = "SELECT id, name, protocol, verify_tls, algorithm, health_check_enabled, health_check_path,
        health_check_method, health_check_expect_status, health_check_interval_seconds, health_check_timeout_seconds,
        health_check_fails_to_unhealthy, health_check_passes_to_healthy, http_version, preserve_host,
        tls_server_name, slow_start_seconds, sticky_cookie, sticky_ttl_seconds, connect_timeout_ms, response_timeout_ms, max_retries,
        ca_bundle_pem, client_cert_pem, client_key_encrypted <> '' AS client_key_pem_set, created_at, updated_at
    FROM target_groups";

/// What its owner should know of a group.
fn warnings(protocol: GroupProtocol, verify_tls: bool) -> Vec<String> {
    let unchecked = protocol == GroupProtocol::Https && !verify_tls;
    let text = "verify_tls is false: whoever answers at a target's address is believed to be it";
    unchecked.then(|| text.to_owned()).into_iter().collect()
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<TargetGroup> {
    let protocol = parsed(row, "protocol", GroupProtocol::parse)?;
    let verify_tls = row.get("verify_tls")?;
    Ok(TargetGroup {
        id: GroupId(row.get("id")?),
        name: parsed(row, "name", GroupName::parse)?,
        protocol,
        verify_tls,
        ca_bundle_pem: row.get("ca_bundle_pem")?,
        client_cert_pem: row.get("client_cert_pem")?,
        client_key_pem_set: row.get("client_key_pem_set")?,
        algorithm: parsed(row, "algorithm", Algorithm::parse)?,
        health_check_enabled: row.get("health_check_enabled")?,
        health_check_path: row.get("health_check_path")?,
        health_check_method: parsed(row, "health_check_method", HealthMethod::parse)?,
        health_check_expect_status: row.get("health_check_expect_status")?,
        health_check_interval_seconds: row.get("health_check_interval_seconds")?,
        health_check_timeout_seconds: row.get("health_check_timeout_seconds")?,
        health_check_fails_to_unhealthy: row.get("health_check_fails_to_unhealthy")?,
        health_check_passes_to_healthy: row.get("health_check_passes_to_healthy")?,
        http_version: parsed(row, "http_version", HttpVersion::parse)?,
        preserve_host: row.get("preserve_host")?,
        tls_server_name: row.get("tls_server_name")?,
        slow_start_seconds: row.get("slow_start_seconds")?,
        sticky_cookie: row.get("sticky_cookie")?,
        sticky_ttl_seconds: row.get("sticky_ttl_seconds")?,
        connect_timeout_ms: row.get("connect_timeout_ms")?,
        response_timeout_ms: row.get("response_timeout_ms")?,
        max_retries: row.get("max_retries")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        targets: Vec::new(),
        used_by: Vec::new(),
        warnings: warnings(protocol, verify_tls),
    })
}

/// Groups by id, with their targets and users.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, span: Span) -> Result<Vec<TargetGroup>> {
    let sql = format!("{SELECT} WHERE {}", span.sql("id"));
    let mut groups = read.all(&sql, named_params! { ":after": span.after, ":limit": span.limit }, from_row)?;
    for group in &mut groups {
        complete(read, group)?;
    }
    Ok(groups)
}

/// One group with its targets and users, if it exists.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, id: GroupId) -> Result<Option<TargetGroup>> {
    let mut group = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    if let Some(group) = &mut group {
        complete(read, group)?;
    }
    Ok(group)
}

/// One group with its targets and users.
///
/// # Errors
/// `target_group.not_found`.
pub fn get(read: &Read<'_>, id: GroupId) -> Result<TargetGroup> {
    find(read, id)?.ok_or_else(|| Error::not_found("target_group.not_found", format!("target group {id}")))
}

/// A group as the proxy needs it: with its targets, without the search for its users.
///
/// # Errors
/// Those of the database.
pub fn find_with_targets(read: &Read<'_>, id: GroupId) -> Result<Option<TargetGroup>> {
    let mut group = read.one(&format!("{SELECT} WHERE id = :id"), named_params! { ":id": id.0 }, from_row)?;
    if let Some(group) = &mut group {
        group.targets = targets::list(read, id, Span::ALL)?;
    }
    Ok(group)
}

/// The envelope of the key of the certificate that targets are shown; empty = none.
///
/// # Errors
/// Those of the database.
pub fn client_key(read: &Read<'_>, id: GroupId) -> Result<String> {
    let sql = "SELECT client_key_encrypted FROM target_groups WHERE id = :id";
    Ok(read.one(sql, named_params! { ":id": id.0 }, |r| r.get(0))?.unwrap_or_default())
}

/// Whether the group exists.
///
/// # Errors
/// Those of the database.
pub fn exists(read: &Read<'_>, id: GroupId) -> Result<bool> {
    let sql = "SELECT 1 FROM target_groups WHERE id = :id";
    Ok(read.one(sql, named_params! { ":id": id.0 }, |_| Ok(()))?.is_some())
}

/// What the owner of a host or rule should know of the group that it sends to: that none of its targets is switched on.
///
/// # Errors
/// Those of the database.
pub fn without_targets(read: &Read<'_>, id: GroupId) -> Result<Option<String>> {
    let sql = "SELECT name FROM target_groups g WHERE id = :id
        AND NOT EXISTS (SELECT 1 FROM targets t WHERE t.target_group_id = g.id AND t.enabled = 1)";
    let name: Option<String> = read.one(sql, named_params! { ":id": id.0 }, |r| r.get(0))?;
    Ok(name.map(|name| without_targets_text(id, &name)))
}

pub(super) fn without_targets_text(id: GroupId, name: &str) -> String {
    format!("target group {id} ({name}) has no target that is switched on: its requests get 503")
}

/// Ids of all groups.
///
/// # Errors
/// Those of the database.
pub fn ids(read: &Read<'_>) -> Result<Vec<GroupId>> {
    read.all("SELECT id FROM target_groups ORDER BY id", [], |r| r.get(0).map(GroupId))
}

fn complete(read: &Read<'_>, group: &mut TargetGroup) -> Result<()> {
    group.targets = targets::list(read, group.id, Span::ALL)?;
    let sql = "SELECT id FROM hosts WHERE target_group_id = :id";
    let mut used = read.all(sql, named_params! { ":id": group.id.0 }, |r| r.get(0).map(HostId))?;
    used.extend(rules::forwarding_to(read, group.id)?.into_iter().map(|(host, _)| host));
    used.sort_unstable();
    used.dedup();
    group.used_by = used;
    Ok(())
}

/// Stores a new group.
///
/// # Errors
/// `target_group.name_taken`.
pub fn insert(tx: &Tx<'_>, fields: &GroupFields) -> Result<GroupId> {
    refuse_taken(tx, &fields.name, None)?;
    let sql = "INSERT INTO target_groups (name, protocol, verify_tls, http_version, tls_server_name, ca_bundle_pem,
            client_cert_pem, client_key_encrypted, preserve_host, connect_timeout_ms, response_timeout_ms, max_retries,
            algorithm, health_check_enabled, health_check_path, health_check_method, health_check_expect_status,
            health_check_interval_seconds, health_check_timeout_seconds, health_check_fails_to_unhealthy,
            health_check_passes_to_healthy, slow_start_seconds, sticky_cookie, sticky_ttl_seconds, created_at,
            updated_at)
         VALUES (:name, :protocol, :verify, :version, :server_name, :bundle, :cert, :key, :preserve_host, :connect,
            :response, :retries, :algorithm, :check, :check_path, :check_method, :check_status, :check_interval,
            :check_timeout, :fails, :passes, :slow_start, :sticky, :sticky_ttl, :now, :now)";
    with_params(tx, fields, &[], |params| tx.insert(TARGET_GROUPS, sql, params)).map(GroupId)
}

/// Replaces the fields of a group.
///
/// # Errors
/// `target_group.name_taken`.
pub fn update(tx: &Tx<'_>, id: GroupId, fields: &GroupFields) -> Result<()> {
    refuse_taken(tx, &fields.name, Some(id))?;
    let sql = "UPDATE target_groups SET name = :name, protocol = :protocol, verify_tls = :verify,
            http_version = :version, tls_server_name = :server_name, ca_bundle_pem = :bundle, client_cert_pem = :cert,
            client_key_encrypted = :key, preserve_host = :preserve_host, connect_timeout_ms = :connect,
            response_timeout_ms = :response, max_retries = :retries, algorithm = :algorithm,
            health_check_enabled = :check, health_check_path = :check_path, health_check_method = :check_method,
            health_check_expect_status = :check_status, health_check_interval_seconds = :check_interval,
            health_check_timeout_seconds = :check_timeout, health_check_fails_to_unhealthy = :fails,
            health_check_passes_to_healthy = :passes, slow_start_seconds = :slow_start, sticky_cookie = :sticky,
            sticky_ttl_seconds = :sticky_ttl, updated_at = :now
         WHERE id = :id";
    with_params(tx, fields, &[(":id", &id.0)], |params| tx.update(TARGET_GROUPS, id.0, sql, params))
}

/// Calls `run` with what both statements bind.
fn with_params<T>(
    tx: &Tx<'_>,
    fields: &GroupFields,
    more: &[(&str, &dyn ToSql)],
    run: impl FnOnce(&[(&str, &dyn ToSql)]) -> Result<T>,
) -> Result<T> {
    let check = &fields.check;
    let params: &[(&str, &dyn ToSql)] = named_params! {
        ":name": fields.name.as_str(),
        ":protocol": fields.protocol.as_str(),
        ":verify": fields.verify_tls,
        ":version": fields.http_version.as_str(),
        ":server_name": fields.tls_server_name,
        ":bundle": fields.ca_bundle_pem,
        ":cert": fields.client_cert_pem,
        ":key": fields.client_key_encrypted,
        ":preserve_host": fields.preserve_host,
        ":connect": fields.connect_timeout_ms,
        ":response": fields.response_timeout_ms,
        ":retries": fields.max_retries,
        ":algorithm": fields.algorithm.as_str(),
        ":check": check.enabled,
        ":check_path": check.path,
        ":check_method": check.method.as_str(),
        ":check_status": check.expect_status,
        ":check_interval": check.interval_seconds,
        ":check_timeout": check.timeout_seconds,
        ":fails": check.fails_to_unhealthy,
        ":passes": check.passes_to_healthy,
        ":slow_start": fields.slow_start_seconds,
        ":sticky": fields.sticky_cookie,
        ":sticky_ttl": fields.sticky_ttl_seconds,
        ":now": tx.now().0,
    };
    run(&[params, more].concat())
}

/// Deletes a group that nothing uses, with its targets.
///
/// # Errors
/// `target_group.in_use`, naming hosts and rules.
pub fn delete(tx: &Tx<'_>, id: GroupId) -> Result<()> {
    let sql = "SELECT id FROM hosts WHERE target_group_id = :id ORDER BY id LIMIT 11";
    let hosts = tx.all(sql, named_params! { ":id": id.0 }, |r| r.get::<_, i64>(0))?;
    let rules = rules::forwarding_to(tx, id)?;
    if !hosts.is_empty() || !rules.is_empty() {
        let mut users: Vec<String> = hosts.iter().map(|h| format!("host {h}")).collect();
        users.extend(rules.iter().map(|(host, rule)| format!("rule {rule} of host {host}")));
        let more = if users.len() > 10 { " and others" } else { "" };
        users.truncate(10);
        let text = format!("target group {id} is used by {}{more}", users.join(", "));
        return Err(Error::conflict("target_group.in_use", "id", text));
    }
    tx.cascades(TARGETS, "target_group_id", id.0)?;
    tx.delete(TARGET_GROUPS, id.0)
}

fn refuse_taken(read: &Read<'_>, name: &GroupName, me: Option<GroupId>) -> Result<()> {
    let sql = "SELECT id FROM target_groups WHERE name = :name";
    let by = read.one(sql, named_params! { ":name": name.as_str() }, |r| r.get(0).map(GroupId))?;
    match by {
        Some(by) if Some(by) != me => {
            let text = format!("name {:?} is already used by target group {by}", name.as_str());
            Err(Error::conflict("target_group.name_taken", "name", text))
        }
        _ => Ok(()),
    }
}
