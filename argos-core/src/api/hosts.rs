//! Hosts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::issuance::{check_issuance, check_tls_mode, issuance_of};
use super::operation::operation;
use super::page::{by_number, list_input};
use super::target_groups::store_new_group;
use super::{Context, Mutation, Page, Query, View, in_range};
use crate::certs::{self, check_client_ca};
use crate::error::{Error, Result};
use crate::schema::{
    ClientAuth, GroupId, GroupName, GroupProtocol, HeaderRule, Host, HostId, Hostname, Order, TargetHost, TlsChallenge,
    TlsMode,
};
use crate::snapshot::HeaderRules;
use crate::store::hosts::{self, HostFields, HostFilter};
use crate::store::target_groups::{self, GroupFields};
use crate::store::targets::TargetFields;
use crate::store::{Tx, certificates};

list_input! {
    /// Lists hosts by id.
    #[derive(Default)]
    ListHosts {
        /// A part of the name.
        q: Option<String>,
        /// Only hosts that take traffic, or only those that don't.
        enabled: Option<bool>,
        /// Only hosts of this default group.
        target_group_id: Option<GroupId>,
    }
}
operation!(ListHosts => Page<Host>, "hosts.list", Get "/hosts", Viewer, 200, "Lists hosts by id.");

impl Query for ListHosts {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<Host>> {
        let asked = self.asked(Order::Asc);
        let filter = HostFilter { q: self.q.clone(), enabled: self.enabled, target_group_id: self.target_group_id };
        by_number(view, "hosts", &asked, |span| hosts::list(&view.read, &filter, span), |h| h.id.0)
    }
}

/// Shows one host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetHost {
    /// The host.
    pub id: HostId,
}
operation!(GetHost => Host, "hosts.get", Get "/hosts/{id}", Viewer, 200, "Shows one host.");

impl Query for GetHost {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Host> {
        hosts::get(&view.read, self.id)
    }
}

impl From<HostId> for GetHost {
    fn from(id: HostId) -> Self {
        Self { id }
    }
}

/// An endpoint of a group that is made with its host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// Address or name.
    pub host: TargetHost,
    /// TCP port, 1–65535.
    pub port: u16,
    /// 1–256, default 1.
    pub weight: Option<i64>,
    /// Default true.
    pub enabled: Option<bool>,
}

impl NewTarget {
    pub(super) fn fields(self) -> Result<TargetFields> {
        in_range("port", self.port.into(), 1, 65_535)?;
        let weight = self.weight.unwrap_or(1);
        in_range("weight", weight, 1, 256)?;
        let weight = u32::try_from(weight).unwrap_or(1);
        Ok(TargetFields { host: self.host, port: self.port, weight, enabled: self.enabled.unwrap_or(true) })
    }
}

/// A target group that is made with its host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Unique name; default: the host's domain.
    pub name: Option<GroupName>,
    /// At least one endpoint.
    pub targets: Vec<NewTarget>,
    /// Whether the client's `Host` is passed on; default true.
    pub preserve_host: Option<bool>,
    /// What is spoken to the targets; default `http`.
    pub protocol: Option<GroupProtocol>,
    /// Whether target certificates are checked; default true.
    pub verify_tls: Option<bool>,
}

/// Makes a host.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateHost {
    /// DNS name, `*.` and a name, IP address, or `*`.
    pub domain: Hostname,
    /// An existing target group; else give `target_group`.
    pub target_group_id: Option<GroupId>,
    /// A target group to make with the host; else give `target_group_id`.
    pub target_group: Option<NewGroup>,
    /// Where the certificate comes from; default `auto`.
    pub tls_mode: Option<TlsMode>,
    /// Whether it takes traffic; default true.
    pub enabled: Option<bool>,
    /// Largest request body in bytes, 0–2^40; null = `proxy.max_body_bytes`, 0 = no limit.
    pub max_body_bytes: Option<i64>,
    /// Whether access rows are written; default true.
    pub access_log: Option<bool>,
    /// Whether clients show a certificate; default `none`.
    pub client_auth: Option<ClientAuth>,
    /// The authorities that vouch for clients, in PEM, at most 64 KiB; default empty.
    pub client_ca_pem: Option<String>,
    /// Whether plain HTTP is redirected when the host has a certificate; default true.
    pub https_redirect: Option<bool>,
    /// Seconds of `Strict-Transport-Security`, 0–2^31-1; default 0 = no header.
    pub hsts_max_age_seconds: Option<i64>,
    /// Contact of the certificate account, an address; default empty = `acme.email`.
    pub tls_email: Option<String>,
    /// How an automatic certificate is proven; default `auto`: HTTP-01, then TLS-ALPN-01, and DNS-01 for a wildcard.
    pub tls_challenge: Option<TlsChallenge>,
    /// ACME directory: an https URL, `production` or `staging` (Let's Encrypt's); default empty =
    /// `acme.directory_url`.
    pub tls_directory_url: Option<String>,
    /// Provider for DNS-01; default none.
    pub dns_provider_id: Option<i64>,
    /// What is changed about the headers of requests before an upstream gets them, at most 64 rules; default none.
    pub request_headers: Option<Vec<HeaderRule>>,
    /// What is changed about the headers of answers, also of Argos's own, at most 64 rules; default none.
    pub response_headers: Option<Vec<HeaderRule>>,
    /// Whether answers of upstreams are compressed as clients like it; default false.
    pub compression: Option<bool>,
    /// Whether visitors must sign in; default false.
    pub auth_required: Option<bool>,
}
operation!(CreateHost => Host, "hosts.create", Post "/hosts", Operator, 201,
    "Makes a host, and its target group if one is given.");

impl CreateHost {
    /// A host of plain HTTP before an existing group; all else at its default.
    #[must_use]
    pub fn new(domain: Hostname, target_group_id: GroupId) -> Self {
        Self { target_group_id: Some(target_group_id), ..Self::bare(domain) }
    }

    /// A host of plain HTTP with a group of its own.
    #[must_use]
    pub fn with_targets(domain: Hostname, targets: Vec<NewTarget>) -> Self {
        let target_group =
            Some(NewGroup { name: None, targets, preserve_host: None, protocol: None, verify_tls: None });
        Self { target_group, ..Self::bare(domain) }
    }

    fn bare(domain: Hostname) -> Self {
        Self {
            domain,
            target_group_id: None,
            target_group: None,
            tls_mode: Some(TlsMode::None),
            enabled: None,
            max_body_bytes: None,
            access_log: None,
            auth_required: None,
            tls_email: None,
            tls_challenge: None,
            tls_directory_url: None,
            dns_provider_id: None,
            client_auth: None,
            client_ca_pem: None,
            https_redirect: None,
            hsts_max_age_seconds: None,
            request_headers: None,
            response_headers: None,
            compression: None,
        }
    }
}

fn check_headers(fields: &HostFields) -> Result<()> {
    match HeaderRules::compile(&fields.request_headers, &fields.response_headers) {
        Ok(_) => Ok(()),
        Err(fault) => Err(Error::invalid("host.header_rule", fault.field, fault.reason)),
    }
}

fn check_hsts(seconds: i64) -> Result<()> {
    in_range("hsts_max_age_seconds", seconds, 0, i32::MAX.into())
}

fn check_max_body(bytes: Option<i64>) -> Result<()> {
    bytes.map_or(Ok(()), |n| in_range("max_body_bytes", n, 0, 1 << 40))
}

impl Mutation for CreateHost {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Host> {
        let by_default = if self.domain.is_catch_all() { TlsMode::None } else { TlsMode::Auto };
        let tls_mode = self.tls_mode.unwrap_or(by_default);
        check_tls_mode(tls_mode, &self.domain, &[])?;
        let hsts_max_age_seconds = self.hsts_max_age_seconds.unwrap_or(0);
        check_hsts(hsts_max_age_seconds)?;
        check_max_body(self.max_body_bytes)?;
        let client_auth = self.client_auth.unwrap_or(ClientAuth::None);
        let client_ca_pem = self.client_ca_pem.as_deref().unwrap_or_default().trim().to_owned();
        check_client_ca(&client_ca_pem, client_auth != ClientAuth::None)?;
        // First, because a group of the same name would be reported instead.
        hosts::refuse_taken(tx, &self.domain, None)?;
        let group = match (self.target_group_id, self.target_group) {
            (Some(id), None) => {
                require_group(tx, id)?;
                id
            }
            (None, Some(group)) => new_group(tx, group, &self.domain)?,
            _ => {
                let reason = "give either target_group_id or target_group";
                return Err(Error::invalid("host.target_group", "target_group_id", reason));
            }
        };
        let fields = HostFields {
            domain: self.domain,
            target_group_id: group,
            tls_mode,
            enabled: self.enabled.unwrap_or(true),
            max_body_bytes: self.max_body_bytes,
            access_log: self.access_log.unwrap_or(true),
            client_auth,
            client_ca_pem,
            https_redirect: self.https_redirect.unwrap_or(true),
            hsts_max_age_seconds,
            tls_email: self.tls_email.unwrap_or_default(),
            tls_challenge: self.tls_challenge.unwrap_or(TlsChallenge::Auto),
            tls_directory_url: self.tls_directory_url.unwrap_or_default(),
            dns_provider_id: self.dns_provider_id,
            request_headers: self.request_headers.unwrap_or_default(),
            response_headers: self.response_headers.unwrap_or_default(),
            compression: self.compression.unwrap_or(false),
            auth_required: self.auth_required.unwrap_or(false),
        };
        check_headers(&fields)?;
        check_issuance(tx, &fields)?;
        let id = hosts::insert(tx, &fields)?;
        let host = with_certificate(tx, cx, id)?;
        tx.about("create", "host", id, Some((id, host.domain.as_str())));
        Ok(host)
    }
}

/// The host with the certificate that it has when the change ends.
fn with_certificate(tx: &Tx<'_>, cx: &Context, id: HostId) -> Result<Host> {
    certs::follow(tx, &cx.key)?;
    hosts::get(tx, id)
}

fn new_group(tx: &Tx<'_>, group: NewGroup, domain: &Hostname) -> Result<GroupId> {
    let name = match group.name {
        Some(name) => name,
        None => GroupName::parse(domain.as_str()).ok_or_else(|| {
            Error::invalid("target_group.name", "target_group.name", "the domain is too long for a name: give one")
        })?,
    };
    if group.targets.is_empty() {
        return Err(Error::invalid("target_group.targets", "target_group.targets", "give at least one target"));
    }
    let bare = GroupFields::new(name);
    let fields = GroupFields {
        preserve_host: group.preserve_host.unwrap_or(bare.preserve_host),
        protocol: group.protocol.unwrap_or(bare.protocol),
        verify_tls: group.verify_tls.unwrap_or(bare.verify_tls),
        ..bare
    };
    store_new_group(tx, fields, group.targets).map_err(|e| e.under("target_group"))
}

fn require_group(tx: &Tx<'_>, id: GroupId) -> Result<()> {
    if target_groups::exists(tx, id)? {
        return Ok(());
    }
    Err(Error::invalid("target_group.missing", "target_group_id", format!("target group {id} does not exist")))
}

changes! {
    /// Changes the given fields of a host; omitted ones stay.
    UpdateHost,
    /// Replaces every field of a host.
    ReplaceHost
    at {
        /// The host.
        id: HostId,
    }
    fields {
        /// DNS name, `*.` and a name, IP address, or `*`.
        domain: Hostname,
        /// The default target group.
        target_group_id: GroupId,
        /// Where the certificate comes from.
        tls_mode: TlsMode,
        /// Whether it takes traffic.
        enabled: bool,
        /// Whether access rows are written.
        access_log: bool,
        /// Whether clients show a certificate.
        client_auth: ClientAuth,
        /// The authorities that vouch for clients, in PEM, at most 64 KiB.
        client_ca_pem: String,
        /// Whether plain HTTP is redirected when the host has a certificate.
        https_redirect: bool,
        /// Seconds of `Strict-Transport-Security`, 0–2^31-1; 0 = no header.
        hsts_max_age_seconds: i64,
        /// Contact of the certificate account, an address; empty = `acme.email`.
        tls_email: String,
        /// How an automatic certificate is proven; `auto`: HTTP-01, then TLS-ALPN-01, and DNS-01 for a wildcard.
        tls_challenge: TlsChallenge,
        /// ACME directory: an https URL, `production` or `staging` (Let's Encrypt's); empty = `acme.directory_url`.
        tls_directory_url: String,
        /// What is changed about the headers of requests before an upstream gets them, in this order, at most 64 rules.
        request_headers: Vec<HeaderRule>,
        /// What is changed about the headers of answers, also of Argos's own, in this order, at most 64 rules.
        response_headers: Vec<HeaderRule>,
        /// Whether answers of upstreams are compressed as clients like it.
        compression: bool,
        /// Whether visitors must sign in.
        auth_required: bool,
    }
    nullable {
        /// Largest request body in bytes, 0–2^40; null = `proxy.max_body_bytes`, 0 = no limit.
        max_body_bytes: i64,
        /// Provider for DNS-01; null = none.
        dns_provider_id: i64,
    }
    later {}
}
operation!(UpdateHost => Host, "hosts.update", Patch "/hosts/{id}", Operator, 200,
    "Changes the given fields of a host.", of GetHost { id });
operation!(ReplaceHost => Host, "hosts.replace", Put "/hosts/{id}", Operator, 200,
    "Replaces every field of a host.", of GetHost { id });

pub(super) fn fields_of(host: &Host) -> HostFields {
    HostFields {
        domain: host.domain.clone(),
        target_group_id: host.target_group_id,
        tls_mode: host.tls_mode,
        enabled: host.enabled,
        max_body_bytes: host.max_body_bytes,
        access_log: host.access_log,
        client_auth: host.client_auth,
        client_ca_pem: host.client_ca_pem.clone(),
        https_redirect: host.https_redirect,
        hsts_max_age_seconds: host.hsts_max_age_seconds,
        tls_email: host.tls_email.clone(),
        tls_challenge: host.tls_challenge,
        tls_directory_url: host.tls_directory_url.clone(),
        dns_provider_id: host.dns_provider_id,
        request_headers: host.request_headers.clone(),
        response_headers: host.response_headers.clone(),
        compression: host.compression,
        auth_required: host.auth_required,
    }
}

impl Mutation for UpdateHost {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Host> {
        let old = fields_of(&hosts::get(tx, self.id)?);
        self.refuse_later()?;
        let mut new = old.clone();
        new.domain = self.domain.unwrap_or(new.domain);
        new.enabled = self.enabled.unwrap_or(new.enabled);
        new.access_log = self.access_log.unwrap_or(new.access_log);
        new.client_auth = self.client_auth.unwrap_or(new.client_auth);
        new.client_ca_pem = self.client_ca_pem.map_or(new.client_ca_pem, |pem| pem.trim().to_owned());
        if (new.client_auth, &new.client_ca_pem) != (old.client_auth, &old.client_ca_pem) {
            check_client_ca(&new.client_ca_pem, new.client_auth != ClientAuth::None)?;
        }
        self.max_body_bytes.apply(&mut new.max_body_bytes);
        check_max_body(new.max_body_bytes)?;
        new.https_redirect = self.https_redirect.unwrap_or(new.https_redirect);
        new.hsts_max_age_seconds = self.hsts_max_age_seconds.unwrap_or(new.hsts_max_age_seconds);
        check_hsts(new.hsts_max_age_seconds)?;
        new.tls_mode = self.tls_mode.unwrap_or(new.tls_mode);
        if (new.tls_mode, &new.domain) != (old.tls_mode, &old.domain) {
            check_tls_mode(new.tls_mode, &new.domain, &certificates::of_host(tx, self.id)?)?;
        }
        new.tls_email = self.tls_email.unwrap_or(new.tls_email);
        new.tls_challenge = self.tls_challenge.unwrap_or(new.tls_challenge);
        new.tls_directory_url = self.tls_directory_url.unwrap_or(new.tls_directory_url);
        self.dns_provider_id.apply(&mut new.dns_provider_id);
        if issuance_of(&new) != issuance_of(&old) {
            check_issuance(tx, &new)?;
        }
        new.request_headers = self.request_headers.unwrap_or(new.request_headers);
        new.response_headers = self.response_headers.unwrap_or(new.response_headers);
        check_headers(&new)?;
        new.compression = self.compression.unwrap_or(new.compression);
        new.auth_required = self.auth_required.unwrap_or(new.auth_required);
        if let Some(group) = self.target_group_id {
            require_group(tx, group)?;
            new.target_group_id = group;
        }
        store(tx, cx, self.id, &old, &new, "update")
    }
}

fn store(
    tx: &Tx<'_>,
    cx: &Context,
    id: HostId,
    old: &HostFields,
    new: &HostFields,
    action: &'static str,
) -> Result<Host> {
    if old != new {
        hosts::update(tx, id, new)?;
    }
    // Whether a door is locked is what somebody who reads the audit looks for.
    let action = if old.auth_required == new.auth_required { action } else { "host_auth_required_changed" };
    tx.about(action, "host", id, Some((id, new.domain.as_str())));
    with_certificate(tx, cx, id)
}

/// Deletes a host with its rules and security settings; its log rows stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteHost {
    /// The host.
    pub id: HostId,
}
operation!(DeleteHost => (), "hosts.delete", Delete "/hosts/{id}", Operator, 204,
    "Deletes a host with its rules and security settings; its log rows stay.", of GetHost { id });

impl Mutation for DeleteHost {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let host = hosts::get(tx, self.id)?;
        hosts::delete(tx, self.id)?;
        tx.about("delete", "host", self.id, Some((self.id, host.domain.as_str())));
        Ok(())
    }
}

impl From<HostId> for DeleteHost {
    fn from(id: HostId) -> Self {
        Self { id }
    }
}

/// Switches a host on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleHost {
    /// The host.
    pub id: HostId,
    /// Whether it takes traffic.
    pub enabled: bool,
}
operation!(ToggleHost => Host, "hosts.toggle", Post "/hosts/{id}/toggle", Operator, 200,
    "Switches a host on or off.", positional ["enabled"], of GetHost { id });

impl Mutation for ToggleHost {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Host> {
        let old = fields_of(&hosts::get(tx, self.id)?);
        let new = HostFields { enabled: self.enabled, ..old.clone() };
        store(tx, cx, self.id, &old, &new, "toggle")
    }
}
