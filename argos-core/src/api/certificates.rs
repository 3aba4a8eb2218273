//! Certificates, and how those of each name stand.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hosts::{GetHost, fields_of};
use super::issuance::check_issuance;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Look, Mutation, Page, Query, View};
use crate::certs::acme::{Precheck, Proof};
use crate::certs::{self, Texts, Uploaded, dns};
use crate::error::{Error, Result};
use crate::schema::{
    CertStatus, Certificate, CertificateId, CertificateKind, CheckResult, Directory, Finding, Host, HostId, Hostname,
    Order, TlsMode,
};
use crate::secret::Secret;
use crate::store::certificates::NewCertificate;
use crate::store::hosts::HostFields;
use crate::store::{Tx, acme_orders, cert_status, certificates, hosts, settings};

list_input! {
    /// Lists certificates by id: those of hosts, the local CA and those it signed.
    #[derive(Default)]
    ListCertificates {
        /// Only those of this host.
        host_id: Option<HostId>,
    }
}
operation!(ListCertificates => Page<Certificate>, "certificates.list", Get "/certificates", Viewer, 200,
    "Lists certificates by id: those of hosts, the local CA and those it signed.");

impl Query for ListCertificates {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<Certificate>> {
        let asked = self.asked(Order::Asc);
        by_number(view, "certificates", &asked, |span| certificates::list(&view.read, self.host_id, span), |c| c.id.0)
    }
}

/// Shows one certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetCertificate {
    /// The certificate.
    pub id: CertificateId,
}
operation!(GetCertificate => Certificate, "certificates.get", Get "/certificates/{id}", Viewer, 200,
    "Shows one certificate.");

impl Query for GetCertificate {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Certificate> {
        certificates::get(&view.read, self.id)
    }
}

impl From<CertificateId> for GetCertificate {
    fn from(id: CertificateId) -> Self {
        Self { id }
    }
}

/// Gives a certificate and those that signed it as PEM text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetChain {
    /// The certificate.
    pub id: CertificateId,
}
operation!(GetChain => String, "certificates.chain", Get "/certificates/{id}/chain.pem", Viewer, 200,
    "Gives a certificate and those that signed it as PEM text.");

impl Query for GetChain {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<String> {
        let pair = certificates::pair(&view.read, self.id)?;
        Ok(pair.cert_pem + &pair.chain_pem)
    }
}

/// Gives the root of the local CA as PEM text, for clients that are to trust it.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetLocalCa {}
operation!(GetLocalCa => String, "certificates.local_ca", Get "/certificates/local-ca.pem", Viewer, 200,
    "Gives the root of the local CA as PEM text, for clients that are to trust it.");

impl Query for GetLocalCa {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<String> {
        let root = certificates::unowned(&view.read, CertificateKind::LocalCa, "")?;
        let none = || Error::not_found("certificate.no_local_ca", "the local CA: nothing needed it yet; it");
        Ok(root.ok_or_else(none)?.cert_pem)
    }
}

list_input! {
    /// Shows how the certificate of each host's name stands, by host.
    #[derive(Default)]
    ListCertStatus {
        /// Only this host's.
        host_id: Option<HostId>,
    }
}
operation!(ListCertStatus => Page<CertStatus>, "certificates.status", Get "/cert-status", Viewer, 200,
    "Shows how the certificate of each host's name stands, by host.");

impl Query for ListCertStatus {
    fn run(self, view: &View<'_>) -> Result<Page<CertStatus>> {
        let asked = self.asked(Order::Asc);
        let fetch = |span| cert_status::list(&view.read, self.host_id, span);
        by_number(view, "cert-status", &asked, fetch, |s| s.host_id.0)
    }
}

/// Stores a certificate with its key for a host and serves it; the host's TLS mode becomes `manual`. One that the host
/// has already is stored anew, with the chain that is given now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UploadCertificate {
    /// The host.
    pub id: HostId,
    /// The certificate in PEM, at most 64 KiB; those that signed it may follow.
    pub cert_pem: String,
    /// Its key in PEM (PKCS#8, PKCS#1 or SEC1), not encrypted, at most 64 KiB.
    pub key_pem: String,
    /// Those that signed it, nearest first, at most 64 KiB.
    pub chain_pem: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    checked: Option<Uploaded>,
}
operation!(UploadCertificate => UploadedCertificate, "certificates.upload", Post "/hosts/{id}/certificate", Operator, 200,
    "Stores a certificate with its key for a host and serves it; the host's TLS mode becomes `manual`.",
    part of GetHost { id });

impl fmt::Debug for UploadCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadCertificate").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A certificate that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UploadedCertificate {
    /// The certificate as it is stored.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// What its owner should know, such as that it ends soon or that its chain seems to be missing.
    pub warnings: Vec<String>,
}

impl UploadCertificate {
    /// An upload for the host `id`.
    #[must_use]
    pub fn new(id: HostId, cert_pem: String, key_pem: String, chain_pem: Option<String>) -> Self {
        Self { id, cert_pem, key_pem, chain_pem, checked: None }
    }
}

impl Mutation for UploadCertificate {
    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let host = hosts::get(&view.read, self.id)?;
        let key_pem = Secret::new(std::mem::take(&mut self.key_pem));
        let chain_pem = self.chain_pem.as_deref().unwrap_or_default();
        let texts = Texts { cert_pem: &self.cert_pem, key_pem: &key_pem, chain_pem };
        self.checked = Some(Uploaded::check(texts, &host.domain, view.read.now())?);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<UploadedCertificate> {
        let host = hosts::get(tx, self.id)?;
        let uploaded = self.checked.ok_or_else(|| Error::internal("an upload was checked before it is stored"))?;
        // The host may have been renamed meanwhile.
        uploaded.check_covers(&host.domain)?;
        let warnings = uploaded.warnings(tx.now());
        let id = store(tx, &uploaded.into_row(self.id, &cx.key, CertificateKind::Manual))?;
        set_tls_mode(tx, &host, TlsMode::Manual)?;
        tx.about("certificate_uploaded", "certificate", id, Some((host.id, host.domain.as_str())));
        Ok(UploadedCertificate { certificate: certificates::get(tx, id)?, warnings })
    }
}

/// Stores an uploaded certificate so that it is the host's newest, which is the one that is served.
fn store(tx: &Tx<'_>, new: &NewCertificate) -> Result<CertificateId> {
    if let Some(known) = certificates::of_fingerprint(tx, new.host_id, &new.fingerprint_sha256)? {
        let served = new.host_id.map(|host| certificates::served(tx, host)).transpose()?.flatten();
        if served.is_some_and(|served| served.id == known.id) && known.chain_pem == new.chain_pem {
            return Ok(known.id);
        }
        certificates::delete(tx, known.id)?;
    }
    certificates::insert(tx, new)
}

/// Deletes an uploaded certificate; where it was served, the host goes on with another TLS mode.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteCertificate {
    /// The certificate.
    pub id: CertificateId,
    /// The host's TLS mode if it was served: `auto` or `none`; default `auto`, for the host `*` `none`.
    #[schemars(extend("not" = { "const": "manual" }))]
    pub tls_mode: Option<TlsMode>,
}
operation!(DeleteCertificate => (), "certificates.delete", Delete "/certificates/{id}", Operator, 204,
    "Deletes an uploaded certificate; where it was served, the host goes on with another TLS mode.",
    of GetCertificate { id });

impl Mutation for DeleteCertificate {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let certificate = certificates::get(tx, self.id)?;
        let Some(host) = certificate.host_id.filter(|_| certificate.kind == CertificateKind::Manual) else {
            let text = "Argos made this certificate and renews it; change the host's tls_mode instead";
            return Err(Error::conflict("certificate.not_uploaded", "id", text));
        };
        let host = hosts::get(tx, host)?;
        if certificate.active {
            let by_default = if host.domain.is_catch_all() { TlsMode::None } else { TlsMode::Auto };
            let mode = self.tls_mode.unwrap_or(by_default);
            if mode == TlsMode::Manual || (mode == TlsMode::Auto && host.domain.is_catch_all()) {
                let allowed = if host.domain.is_catch_all() { "none" } else { "auto or none" };
                return Err(Error::invalid("host.tls_mode", "tls_mode", format!("allowed: {allowed}")));
            }
            set_tls_mode(tx, &host, mode)?;
        }
        certificates::delete(tx, self.id)?;
        tx.about("certificate_deleted", "certificate", self.id, Some((host.id, host.domain.as_str())));
        Ok(())
    }
}

impl From<CertificateId> for DeleteCertificate {
    fn from(id: CertificateId) -> Self {
        Self { id, tls_mode: None }
    }
}

/// Renews the certificate of a host before its time.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewCertificate {
    /// The host.
    pub id: HostId,
    /// Whether the authority is to revoke the old one once there is a new one; default false.
    pub revoke: Option<bool>,
}
operation!(RenewCertificate => Renewal, "certificates.renew", Post "/hosts/{id}/certificate/renew", Operator, 202,
    "Renews the certificate of a host before its time.");

/// A renewal that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Renewal {
    /// The host.
    pub host_id: HostId,
    /// Its name; `certificates.status` shows how its certificate stands.
    pub domain: Hostname,
}

impl Mutation for RenewCertificate {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Renewal> {
        let host = hosts::get(tx, self.id)?;
        if host.tls_mode != TlsMode::Auto {
            let text =
                format!("tls_mode is {}: only certificates of tls_mode auto are renewed by Argos", host.tls_mode);
            return Err(Error::conflict("certificate.not_renewable", "id", text));
        }
        let stored = certificates::of_host(tx, self.id)?;
        let signed = stored.iter().find(|c| c.kind == CertificateKind::Acme && c.active);
        let revokes = signed.filter(|_| self.revoke == Some(true)).map(|c| c.id);
        if self.revoke == Some(true) && revokes.is_none() {
            let text = "an authority revokes what it has signed; it has signed nothing for this host";
            return Err(Error::conflict("certificate.not_revocable", "revoke", text));
        }
        if acme_orders::find(tx, self.id)?.is_some_and(|order| order.revokes.is_some()) {
            let text = "its last certificate is still being replaced and revoked";
            return Err(Error::conflict("certificate.being_replaced", "id", text));
        }
        if acme_orders::hurry(tx, self.id, revokes)? {
            certs::restate(tx, &host)?;
        } else {
            // Without the old one, the host is given a new one before the change ends.
            for old in stored.iter().filter(|c| c.kind == CertificateKind::Local) {
                certificates::delete(tx, old.id)?;
            }
        }
        tx.about("certificate_renew_requested", "certificate", host.id, Some((host.id, host.domain.as_str())));
        Ok(Renewal { host_id: host.id, domain: host.domain })
    }
}

impl From<HostId> for RenewCertificate {
    fn from(id: HostId) -> Self {
        Self { id, revoke: None }
    }
}

/// Looks whether the certificate of a host can be ordered, and why not, without ordering it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckCertificate {
    /// The host.
    pub id: HostId,
}
operation!(CheckCertificate => CertificateCheck, "certificates.check", Get "/hosts/{id}/certificate/check", Operator, 200,
    "Looks whether the certificate of a host can be ordered, and why not, without ordering it.");

impl From<HostId> for CheckCertificate {
    fn from(id: HostId) -> Self {
        Self { id }
    }
}

/// Whether a certificate can be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateCheck {
    /// The host.
    pub host_id: HostId,
    /// Its name.
    pub domain: String,
    /// The directory of the authority that signs it.
    pub directory_url: String,
    /// Whether nothing was found that no order can pass.
    pub ok: bool,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Query for CheckCertificate {
    fn run(self, view: &View<'_>) -> Result<CertificateCheck> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<CertificateCheck>> {
        let host = hosts::get(&view.read, self.id)?;
        let Some(order) = acme_orders::find(&view.read, self.id)? else {
            let text = "no authority signs this name: its certificate is uploaded, of the local CA, or none";
            return Err(Error::invalid("certificate.not_ordered", "id", text));
        };
        let value = |key| Ok::<_, Error>(settings::value(&view.read, key)?.unwrap_or_default());
        let check = Precheck {
            domain: order.domain.clone(),
            directory_url: order.directory_url.clone(),
            named_by: Directory::named_by(&host.tls_directory_url),
            ca_bundle: value("acme.ca_bundle")?,
            ways: Proof::ways(host.tls_challenge, host.domain.is_wildcard()),
            resolvers: dns::resolvers(&view.read)?,
            clock: view.cx.clock.clone(),
            challenges: view.cx.challenges.clone(),
        };
        Ok(Look::rest(move || {
            let findings = check.wait()?;
            let ok = findings.iter().all(|finding| finding.result != CheckResult::Fail);
            let (domain, directory_url) = (order.domain, order.directory_url);
            Ok(CertificateCheck { host_id: order.host_id, domain, directory_url, ok, findings })
        }))
    }
}

fn set_tls_mode(tx: &Tx<'_>, host: &Host, tls_mode: TlsMode) -> Result<()> {
    if host.tls_mode == tls_mode {
        return Ok(());
    }
    let fields = HostFields { tls_mode, ..fields_of(host) };
    check_issuance(tx, &fields)?;
    hosts::update(tx, host.id, &fields)
}
