//! A public name and how it is served.

use super::{CertificateId, CertificateKind, GroupId, HeaderRule, HostId, Hostname, Role, UserId, WafMode, text_enum};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};

text_enum! {
    /// Where a host's certificate comes from.
    TlsMode {
        /// Issued and renewed automatically.
        Auto = "auto",
        /// Plain HTTP only.
        None = "none",
        /// Uploaded.
        Manual = "manual",
    }
}

text_enum! {
    /// Whether the clients of a host show a certificate.
    ClientAuth {
        /// They are not asked for one.
        None = "none",
        /// They are asked, and served without one too.
        Optional = "optional",
        /// Without one that is trusted they are refused.
        Required = "required",
    }
}

text_enum! {
    /// How an automatic certificate is proven.
    TlsChallenge {
        /// HTTP-01, then TLS-ALPN-01.
        Auto = "auto",
        /// HTTP-01 only.
        Http = "http",
        /// TLS-ALPN-01 only.
        TlsAlpn = "tls-alpn",
        /// DNS-01 only.
        Dns = "dns",
    }
}

/// One public name: where its requests go and what protects it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Host {
    /// Identity.
    pub id: HostId,
    /// The canonical name.
    pub domain: Hostname,
    /// The name with readable internationalised labels.
    pub domain_unicode: String,
    /// The default target group.
    pub target_group_id: GroupId,
    /// Where the certificate comes from.
    pub tls_mode: TlsMode,
    /// Contact of the certificate account; empty = `acme.email`.
    pub tls_email: String,
    /// Whether it takes traffic.
    pub enabled: bool,
    /// Whether visitors must sign in.
    pub auth_required: bool,
    /// How an automatic certificate is proven.
    pub tls_challenge: TlsChallenge,
    /// ACME directory; empty = `acme.directory_url`.
    pub tls_directory_url: String,
    /// Provider for DNS-01.
    pub dns_provider_id: Option<i64>,
    /// Whether plain HTTP is redirected when the host has a certificate.
    pub https_redirect: bool,
    /// Seconds of `Strict-Transport-Security`; 0 = no header.
    pub hsts_max_age_seconds: i64,
    /// Largest request body in bytes; null = `proxy.max_body_bytes`, 0 = no limit.
    pub max_body_bytes: Option<i64>,
    /// Whether access rows are written; WAF and error rows always are.
    pub access_log: bool,
    /// Whether clients show a certificate.
    pub client_auth: ClientAuth,
    /// The authorities that vouch for clients, in PEM.
    pub client_ca_pem: String,
    /// What is changed about the headers of requests before an upstream gets them, in this order.
    pub request_headers: Vec<HeaderRule>,
    /// What is changed about the headers of answers, also of Argos's own, in this order.
    pub response_headers: Vec<HeaderRule>,
    /// Whether answers of upstreams are compressed as clients like it.
    pub compression: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// The certificate that it is served with, in short; null = none.
    pub certificate: Option<CertificateSummary>,
    /// What protects it, in short.
    pub security: SecuritySummary,
    /// What its owner should know, such as that no request can reach it.
    pub warnings: Vec<String>,
}

/// The certificate that a host is served with, in short.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct CertificateSummary {
    /// Identity.
    pub id: CertificateId,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// Who signed it.
    pub issuer: String,
    /// The moment at which it ends.
    pub not_after: Timestamp,
    /// DNS names and addresses that it is good for.
    pub names: Vec<String>,
}

/// What protects a host, in short.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct SecuritySummary {
    /// Whether requests are inspected.
    pub waf_enabled: bool,
    /// Detect or block; capped by `appsec.mode`.
    pub waf_mode: WafMode,
    /// Blocking paranoia level, 1–4.
    pub waf_paranoia: u8,
    /// Whether requests are limited.
    pub rate_limit_enabled: bool,
}

/// Who may open a host that wants a sign-in: nobody named = every user who is switched on. Administrators always may.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct HostAccess {
    /// Users who may.
    pub users: Vec<UserId>,
    /// Roles whose users may.
    pub roles: Vec<Role>,
}

/// Why a host is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Another host has the same canonical name.
    #[error("domain {domain} is already served by host {by}")]
    DomainTaken {
        /// The name asked for.
        domain: Hostname,
        /// Who has it.
        by: HostId,
    },
    /// No such host.
    #[error("host {0} does not exist")]
    NotFound(HostId),
}

impl From<HostError> for Error {
    fn from(e: HostError) -> Self {
        match &e {
            HostError::DomainTaken { .. } => Self::conflict("host.domain_taken", "domain", e.to_string()),
            HostError::NotFound(_) => Self::new(ErrorKind::NotFound, "host.not_found", e.to_string()),
        }
    }
}
