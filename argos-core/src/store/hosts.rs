//! `hosts`.

use rusqlite::{Row, named_params};

use super::columns::{json, parsed, time};
use super::span::Span;
use super::target_groups::without_targets_text;
use super::tx::{HOST_SECURITY, HOSTS, RULES, Read, Tx, table_named};
use crate::error::{Error, Result};
use crate::schema::{
    CertificateId, CertificateKind, CertificateSummary, ClientAuth, GroupId, HeaderRule, Host, HostError, HostId,
    Hostname, SecuritySummary, TlsChallenge, TlsMode, WafMode,
};

/// The fields of a host that are stored as they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFields {
    /// The canonical name.
    pub domain: Hostname,
    /// The default target group.
    pub target_group_id: GroupId,
    /// Where the certificate comes from.
    pub tls_mode: TlsMode,
    /// Whether it takes traffic.
    pub enabled: bool,
    /// Largest request body.
    pub max_body_bytes: Option<i64>,
    /// Whether access rows are written.
    pub access_log: bool,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// The authorities that vouch for them.
    pub client_ca_pem: String,
    /// Whether plain HTTP is redirected.
    pub https_redirect: bool,
    /// Seconds of `Strict-Transport-Security`.
    pub hsts_max_age_seconds: i64,
    /// Contact of the certificate account; empty = `acme.email`.
    pub tls_email: String,
    /// How an automatic certificate is proven.
    pub tls_challenge: TlsChallenge,
    /// ACME directory; empty = `acme.directory_url`.
    pub tls_directory_url: String,
    /// Provider for DNS-01.
    pub dns_provider_id: Option<i64>,
    /// What is changed about the headers of requests.
    pub request_headers: Vec<HeaderRule>,
    /// What is changed about the headers of answers.
    pub response_headers: Vec<HeaderRule>,
    /// Whether answers are compressed.
    pub compression: bool,
    /// Whether visitors must sign in.
    pub auth_required: bool,
}

const SELECT: &str = "SELECT h.id, h.domain, h.target_group_id, h.tls_mode, h.tls_email, h.enabled, h.auth_required,
        h.tls_challenge, h.tls_directory_url, h.dns_provider_id, h.https_redirect, h.hsts_max_age_seconds,
        h.max_body_bytes, h.access_log, h.created_at, h.updated_at,
        s.waf_enabled, s.waf_mode, s.waf_paranoia, s.rate_limit_enabled, h.client_auth, h.client_ca_pem,
        c.id, c.kind, c.issuer, c.not_after, c.names, h.request_headers, h.response_headers, h.compression,
        h.auth_required = 1 AND h.tls_mode = 'none'
            AND EXISTS (SELECT 1 FROM settings WHERE key = 'panel.public_url' AND value LIKE 'https:%') AS open_gate,
        (SELECT g.name FROM target_groups g WHERE g.id = h.target_group_id AND NOT EXISTS
            (SELECT 1 FROM targets t WHERE t.target_group_id = g.id AND t.enabled = 1)) AS idle_group
    FROM hosts h JOIN host_security s ON s.host_id = h.id
        LEFT JOIN certificates c
            ON c.id = (SELECT MAX(id) FROM certificates WHERE host_id = h.id AND active = 1)";

// By position, in the order of the columns above: a look-up by name costs more than the row itself.
fn from_row(row: &Row<'_>) -> rusqlite::Result<Host> {
    let domain = Hostname::stored(row.get_ref(1)?.as_str()?);
    let group = GroupId(row.get(2)?);
    let mut warnings: Vec<String> = domain.unreachable().map(str::to_owned).into_iter().collect();
    if let Some(name) = row.get::<_, Option<String>>("idle_group")? {
        warnings.push(without_targets_text(group, &name));
    }
    if domain.is_catch_all() && row.get(6)? {
        warnings.push(AUTH_OF_ALL.to_owned());
    }
    if row.get("open_gate")? {
        warnings.push(AUTH_WITHOUT_TLS.to_owned());
    }
    Ok(Host {
        warnings,
        id: HostId(row.get(0)?),
        domain_unicode: domain.to_unicode(),
        domain,
        target_group_id: group,
        tls_mode: parsed(row, 3, TlsMode::parse)?,
        tls_email: row.get(4)?,
        enabled: row.get(5)?,
        auth_required: row.get(6)?,
        tls_challenge: parsed(row, 7, TlsChallenge::parse)?,
        tls_directory_url: row.get(8)?,
        dns_provider_id: row.get(9)?,
        https_redirect: row.get(10)?,
        hsts_max_age_seconds: row.get(11)?,
        max_body_bytes: row.get(12)?,
        access_log: row.get(13)?,
        client_auth: parsed(row, 20, ClientAuth::parse)?,
        client_ca_pem: row.get(21)?,
        request_headers: json(row, 27)?,
        response_headers: json(row, 28)?,
        compression: row.get(29)?,
        created_at: time(row, 14)?,
        updated_at: time(row, 15)?,
        certificate: match row.get::<_, Option<i64>>(22)? {
            Some(id) => Some(CertificateSummary {
                id: CertificateId(id),
                kind: parsed(row, 23, CertificateKind::parse)?,
                issuer: row.get(24)?,
                not_after: time(row, 25)?,
                names: json(row, "names")?,
            }),
            None => None,
        },
        security: SecuritySummary {
            waf_enabled: row.get(16)?,
            waf_mode: parsed(row, 17, WafMode::parse)?,
            waf_paranoia: row.get(18)?,
            rate_limit_enabled: row.get(19)?,
        },
    })
}

/// What the owner of a host is told that wants a sign-in and is not served over TLS, while the panel is.
const AUTH_WITHOUT_TLS: &str = "auth_without_tls: visitors sign in over https, and browsers keep the sign-in from plain HTTP: it works only behind \
     a trusted proxy that speaks TLS";

/// What the owner of a catch-all host is told that wants a sign-in.
const AUTH_OF_ALL: &str = "visitors of a catch-all host can sign in only where the panel shares its cookie with the name (oidc.cookie_parent_domain): \
     nobody is sent to a name that may be anybody's";

/// What a list of hosts is narrowed by.
#[derive(Clone, Debug, Default)]
pub struct HostFilter {
    /// A part of the name.
    pub q: Option<String>,
    /// Whether it takes traffic.
    pub enabled: Option<bool>,
    /// The default target group.
    pub target_group_id: Option<GroupId>,
}

/// Hosts by id.
///
/// # Errors
/// Those of the database.
pub fn list(read: &Read<'_>, filter: &HostFilter, span: Span) -> Result<Vec<Host>> {
    let sql = format!(
        "{SELECT} WHERE (:q IS NULL OR instr(h.domain, :q) > 0)
         AND (:enabled IS NULL OR h.enabled = :enabled) AND (:tg IS NULL OR h.target_group_id = :tg)
         AND {}",
        span.sql("h.id")
    );
    let params = named_params! {
        ":after": span.after,
        ":q": filter.q.as_deref().map(str::to_lowercase),
        ":enabled": filter.enabled,
        ":tg": filter.target_group_id.map(|g| g.0),
        ":limit": span.limit,
    };
    read.all(&sql, params, from_row)
}

/// Ids of all hosts.
///
/// # Errors
/// Those of the database.
pub fn ids(read: &Read<'_>) -> Result<Vec<HostId>> {
    read.all("SELECT id FROM hosts ORDER BY id", [], |r| r.get(0).map(HostId))
}

/// One host, if it exists.
///
/// # Errors
/// Those of the database.
pub fn find(read: &Read<'_>, id: HostId) -> Result<Option<Host>> {
    read.one(&format!("{SELECT} WHERE h.id = :id"), named_params! { ":id": id.0 }, from_row)
}

/// One host.
///
/// # Errors
/// `host.not_found`.
pub fn get(read: &Read<'_>, id: HostId) -> Result<Host> {
    Ok(find(read, id)?.ok_or(HostError::NotFound(id))?)
}

/// Stores a new host with its security row.
///
/// # Errors
/// `host.domain_taken`.
pub fn insert(tx: &Tx<'_>, fields: &HostFields) -> Result<HostId> {
    refuse_taken(tx, &fields.domain, None)?;
    let id = tx.insert(
        HOSTS,
        "INSERT INTO hosts (auth_required, client_auth, client_ca_pem, request_headers, response_headers, compression,
            domain, target_group_id, tls_mode, enabled, max_body_bytes, access_log, https_redirect,
            hsts_max_age_seconds, tls_email, tls_challenge, tls_directory_url, dns_provider_id, created_at, updated_at)
         VALUES (:auth_required, :client_auth, :client_ca, :request_headers, :response_headers, :compression,
            :domain, :target_group_id, :tls_mode, :enabled, :max_body_bytes, :access_log, :https_redirect,
            :hsts_max_age_seconds, :tls_email, :tls_challenge, :tls_directory_url, :dns_provider_id, :now, :now)",
        named_params! {
            ":client_auth": fields.client_auth.as_str(),
            ":client_ca": fields.client_ca_pem,
            ":request_headers": text(&fields.request_headers)?,
            ":response_headers": text(&fields.response_headers)?,
            ":compression": fields.compression,
            ":auth_required": fields.auth_required,
            ":domain": fields.domain.as_str(),
            ":target_group_id": fields.target_group_id.0,
            ":tls_mode": fields.tls_mode.as_str(),
            ":enabled": fields.enabled,
            ":max_body_bytes": fields.max_body_bytes,
            ":access_log": fields.access_log,
            ":https_redirect": fields.https_redirect,
            ":hsts_max_age_seconds": fields.hsts_max_age_seconds,
            ":tls_email": fields.tls_email,
            ":tls_challenge": fields.tls_challenge.as_str(),
            ":tls_directory_url": fields.tls_directory_url,
            ":dns_provider_id": fields.dns_provider_id,
            ":now": tx.now().0,
        },
    )?;
    let sql = "INSERT INTO host_security (host_id, updated_at) VALUES (:host_id, :now)";
    tx.update(HOST_SECURITY, id, sql, named_params! { ":host_id": id, ":now": tx.now().0 })?;
    Ok(HostId(id))
}

/// Replaces the fields of a host.
///
/// # Errors
/// `host.domain_taken`.
pub fn update(tx: &Tx<'_>, id: HostId, fields: &HostFields) -> Result<()> {
    refuse_taken(tx, &fields.domain, Some(id))?;
    tx.update(
        HOSTS,
        id.0,
        "UPDATE hosts SET auth_required = :auth_required, client_auth = :client_auth, client_ca_pem = :client_ca,
            request_headers = :request_headers, response_headers = :response_headers, compression = :compression,
            domain = :domain, target_group_id = :target_group_id, tls_mode = :tls_mode,
            enabled = :enabled, max_body_bytes = :max_body_bytes, access_log = :access_log,
            https_redirect = :https_redirect, hsts_max_age_seconds = :hsts_max_age_seconds, tls_email = :tls_email,
            tls_challenge = :tls_challenge, tls_directory_url = :tls_directory_url,
            dns_provider_id = :dns_provider_id, updated_at = :now
         WHERE id = :id",
        named_params! {
            ":id": id.0,
            ":client_auth": fields.client_auth.as_str(),
            ":client_ca": fields.client_ca_pem,
            ":request_headers": text(&fields.request_headers)?,
            ":response_headers": text(&fields.response_headers)?,
            ":compression": fields.compression,
            ":auth_required": fields.auth_required,
            ":domain": fields.domain.as_str(),
            ":target_group_id": fields.target_group_id.0,
            ":tls_mode": fields.tls_mode.as_str(),
            ":enabled": fields.enabled,
            ":max_body_bytes": fields.max_body_bytes,
            ":access_log": fields.access_log,
            ":https_redirect": fields.https_redirect,
            ":hsts_max_age_seconds": fields.hsts_max_age_seconds,
            ":tls_email": fields.tls_email,
            ":tls_challenge": fields.tls_challenge.as_str(),
            ":tls_directory_url": fields.tls_directory_url,
            ":dns_provider_id": fields.dns_provider_id,
            ":now": tx.now().0,
        },
    )
}

fn text(rules: &[HeaderRule]) -> Result<String> {
    serde_json::to_string(rules).map_err(|e| Error::internal(format!("header rules as JSON: {e}")))
}

/// Deletes a host and all configuration below it; its log rows stay.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: HostId) -> Result<()> {
    tx.cascades(RULES, "host_id", id.0)?;
    tx.cascades(HOST_SECURITY, "host_id", id.0)?;
    for child in ["waf_exclusions", "waf_custom_rules", "host_access", "certificates"] {
        tx.cascades(table_named(child), "host_id", id.0)?;
    }
    tx.delete(HOSTS, id.0)
}

/// Whether that DNS provider is on; none when there is none.
///
/// # Errors
/// Those of the database.
pub fn dns_provider_enabled(read: &Read<'_>, id: i64) -> Result<Option<bool>> {
    read.one("SELECT enabled FROM dns_providers WHERE id = :id", named_params! { ":id": id }, |r| r.get(0))
}

/// The host of that name.
///
/// # Errors
/// Those of the database.
pub fn by_name(read: &Read<'_>, name: &str) -> Result<Option<HostId>> {
    let sql = "SELECT id FROM hosts WHERE domain = :domain";
    read.one(sql, named_params! { ":domain": name }, |r| r.get(0).map(HostId))
}

/// Refuses a name that a host other than `me` has, or the panel.
///
/// # Errors
/// `host.domain_taken`, `host.domain_of_panel`.
pub fn refuse_taken(read: &Read<'_>, domain: &Hostname, me: Option<HostId>) -> Result<()> {
    match by_name(read, domain.as_str())? {
        Some(by) if Some(by) != me => return Err(HostError::DomainTaken { domain: domain.clone(), by }.into()),
        _ => {}
    }
    match super::settings::value(read, "panel.proxy_host")? {
        Some(panel) if panel == domain.as_str() => {
            let reason = format!("{domain} leads to the panel (panel.proxy_host)");
            Err(Error::conflict("host.domain_of_panel", "domain", reason))
        }
        _ => Ok(()),
    }
}
