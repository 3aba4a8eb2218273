//! Stored rows → the next [`Snapshot`].
//!
//! [`compile`] reads only what a change touched and shares the rest with the snapshot before; [`compile_all`]
//! reads everything, once, at start.

use std::sync::Arc;
use std::time::Duration;

use argos_seclang::RuleSet;

use super::limits::Values;
use super::touched::Touched;
use super::{
    Access, AppsecSettings, Check, Group, HeaderRules, Host, HostTls, Limit, LimitBy, PanelSettings, ProxySettings,
    Rule, Snapshot, Sticky, Target, Waf, WafKey, notifications, panel_host,
};
use crate::certs::{Clients, FALLBACK_NAME, Opener, PANEL_NAME, Served, UpstreamTexts, UpstreamTls};
use crate::error::{Error, Result};
use crate::schema::{
    self, CertificateKind, ClientAuth, GroupId, GroupProtocol, HostId, HostSecurity, HttpVersion, RateLimitKey,
    StatusSet, TargetGroup, TlsMode, csv,
};
use crate::store::{
    Change, Read, Span, certificates, custom_rules, exclusions, host_access, host_security, hosts, rules, settings,
    target_groups,
};
use crate::waf::{Composition, RuleSets, RuleSource, Tuned, Tuning};

/// The next snapshot after `changes` were written.
///
/// # Errors
/// The field that does not compile; the change must then be rolled back.
pub fn compile(
    read: &Read<'_>,
    old: &Snapshot,
    changes: &[Change],
    generation: u64,
    rule_sets: &RuleSets,
) -> Result<Snapshot> {
    let mut touched = Touched::of(changes);
    let mut next = Snapshot { generation, ..old.clone() };
    if touched.settings {
        let rules = match source(read, rule_sets) {
            // Rules that could not be used before don't keep other settings from changing.
            Err(_) if old.rules.is_unusable() && !touched.rules => old.rules.clone(),
            rules => rules?,
        };
        read_settings(read, &mut next, rules, rule_sets)?;
        // Hosts that had no rules to run are made anew, now that there are some or they need none.
        let others = next.rules != old.rules || next.appsec.fail_open != old.appsec.fail_open;
        if old.rules.is_unusable() && others {
            touched.hosts.extend(hosts::ids(read)?);
        }
    }
    if touched.fallback {
        next.fallback = unowned(read, &next, FALLBACK_NAME)?;
        next.panel = unowned(read, &next, PANEL_NAME)?;
    }
    if touched.fallback || touched.settings {
        next.panel_own = own_of_panel(read, &next)?;
    }
    if touched.notifications || touched.settings {
        notifications::read(read, &mut next)?;
    }
    let groups = touched.groups.iter().map(|id| Ok((*id, group(read, *id, &next)?)));
    next.groups = next.groups.with(groups.collect::<Result<Vec<_>>>()?);
    let mut built = Vec::new();
    for id in &touched.hosts {
        built.push((*id, hosts::find(read, *id)?.map(|row| host(read, &row, &next, rule_sets)).transpose()?));
    }
    place(&mut next, built);
    panel_host::place(&mut next);
    Ok(next)
}

/// The snapshot after the rules were read anew; everything else stays.
///
/// # Errors
/// Those of the rules; nothing changes then.
pub fn reload(read: &Read<'_>, old: &Snapshot, rule_sets: &RuleSets) -> Result<Snapshot> {
    let mut next = old.clone();
    let rules = source(read, rule_sets)?;
    read_settings(read, &mut next, rules, rule_sets)?;
    if old.rules.is_unusable() {
        let mut built = Vec::new();
        for id in hosts::ids(read)? {
            built.push((id, hosts::find(read, id)?.map(|row| host(read, &row, &next, rule_sets)).transpose()?));
        }
        place(&mut next, built);
    }
    Ok(next)
}

/// A host that can't be served, and why.
#[derive(Debug)]
pub struct HostFault {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub domain: String,
    /// Why.
    pub error: Error,
}

/// The snapshot of the whole stored configuration. A host that does not compile is kept with its fault.
///
/// # Errors
/// Those of the database, and of rules that the caller gave. Stored ones that can't be used are a fault of the hosts
/// that need them.
pub fn compile_all(
    read: &Read<'_>,
    generation: u64,
    rule_sets: &RuleSets,
    opener: Opener,
) -> Result<(Snapshot, Vec<HostFault>)> {
    let mut next = Snapshot { generation, opener, ..Snapshot::default() };
    next.fallback = unowned(read, &next, FALLBACK_NAME)?;
    next.panel = unowned(read, &next, PANEL_NAME)?;
    let read_rules = source(read, rule_sets).and_then(|rules| read_settings(read, &mut next, rules, rule_sets));
    if let Err(why) = read_rules {
        if rule_sets.given() {
            return Err(why);
        }
        next.rules = RuleSource::unusable(why);
        let unusable = next.rules.clone();
        read_settings(read, &mut next, unusable, rule_sets)?;
    }
    let groups = target_groups::ids(read)?.into_iter().map(|id| Ok((id, group(read, id, &next)?)));
    next.groups = next.groups.with(groups.collect::<Result<Vec<_>>>()?);
    let (mut built, mut faults) = (Vec::new(), Vec::new());
    for id in hosts::ids(read)? {
        let Some(row) = hosts::find(read, id)? else { continue };
        let host = host(read, &row, &next, rule_sets).unwrap_or_else(|error| {
            let broken = broken(&row, &error);
            faults.push(HostFault { host: id, domain: row.domain.to_string(), error });
            broken
        });
        built.push((id, Some(host)));
    }
    place(&mut next, built);
    next.panel_own = own_of_panel(read, &next)?;
    notifications::read(read, &mut next)?;
    Ok((next, faults))
}

/// The rules that the stored settings choose.
fn source(read: &Read<'_>, rule_sets: &RuleSets) -> Result<RuleSource> {
    let stored = settings::values(read)?;
    rule_sets.source(Values(&stored).text("crs.path"))
}

fn read_settings(read: &Read<'_>, next: &mut Snapshot, rules: RuleSource, rule_sets: &RuleSets) -> Result<()> {
    let stored = settings::values(read)?;
    let values = Values(&stored);
    let proxy = ProxySettings::read(&values);
    if *next.proxy != proxy {
        next.proxy = Arc::new(proxy);
    }
    let masked: Arc<[Box<str>]> =
        csv(values.text("logs.mask_params")).map(|name| name.to_ascii_lowercase().into()).collect();
    if next.masked != masked {
        next.masked = masked;
    }
    let panel = PanelSettings::read(&values);
    let public_url = next.given_public_url.clone().or_else(|| panel.public_url.clone());
    next.panel_settings = Arc::new(PanelSettings { public_url, ..panel });
    let appsec = AppsecSettings::read(&values);
    let others = next.rules != rules;
    if *next.appsec != appsec || others {
        let before = composition(WafKey::default(), next);
        next.appsec = Arc::new(appsec);
        next.rules = rules;
        if others && !next.rules.is_unusable() {
            // Also where no host runs them yet: what is stored compiles.
            rule_sets.get(composition(WafKey::default(), next))?;
        }
        if composition(WafKey::default(), next) != before {
            recompose(next, rule_sets)?;
        }
    }
    Ok(())
}

/// Gives every host the rule set that the new WAF settings ask for. Reads no row.
fn recompose(next: &mut Snapshot, rule_sets: &RuleSets) -> Result<()> {
    let mut changed = Vec::new();
    for (name, host) in next.hosts.iter() {
        let Some(waf) = &host.waf else { continue };
        let tuning = waf.tuned.as_ref().map(|tuned| tuned.tuning().clone()).unwrap_or_default();
        let (rules, tuned) = own_rules(tuning, waf.key, next, rule_sets)?;
        let waf = Some(Waf { rules, tuned, ..waf.clone() });
        changed.push((name.clone(), Some(Arc::new(Host { waf, ..Host::clone(host) }))));
    }
    next.hosts = next.hosts.with(changed);
    Ok(())
}

/// The rules that a host runs: those that it shares with others, as it changes them.
fn own_rules(
    tuning: Tuning,
    key: WafKey,
    next: &Snapshot,
    rule_sets: &RuleSets,
) -> Result<(RuleSet, Option<Arc<Tuned>>)> {
    rule_sets.tuned(tuning, composition(key, next))
}

fn composition(key: WafKey, next: &Snapshot) -> Composition {
    let appsec: &AppsecSettings = &next.appsec;
    Composition {
        source: next.rules.clone(),
        paranoia: key.paranoia,
        detection_paranoia: key.detection_paranoia,
        inbound: key.inbound.unwrap_or(appsec.inbound_threshold),
        outbound: key.outbound.unwrap_or(appsec.outbound_threshold),
        request_body_limit: appsec.request_body_limit,
        request_body_reject: appsec.request_body_reject,
        response_body_limit: appsec.response_body_limit,
    }
}

/// Puts built hosts under their names; old names of the same hosts go first, so that two hosts can swap names.
fn place(next: &mut Snapshot, built: Vec<(HostId, Option<Host>)>) {
    let mut removed = Vec::new();
    let mut placed = Vec::new();
    let mut names = Vec::new();
    for (id, host) in built {
        removed.extend(next.names.get(&id).map(|name| (name.clone(), None)));
        names.push((id, host.as_ref().map(|h| h.domain.clone())));
        placed.extend(host.map(|h| (h.domain.clone(), Some(Arc::new(h)))));
    }
    next.hosts = next.hosts.with(removed.into_iter().chain(placed));
    next.names = next.names.with(names);
}

fn host(read: &Read<'_>, row: &schema::Host, next: &Snapshot, rule_sets: &RuleSets) -> Result<Host> {
    let security = host_security::get(read, row.id)?;
    let mut compiled = Vec::new();
    for rule in rules::list(read, row.id, Span::ALL)? {
        // A rule that is off must compile too: what is stored can be switched on.
        let ready = rule_of(read, &rule)?;
        if rule.enabled {
            compiled.push(ready);
        }
    }
    // Also where the WAF is off, which can be switched on.
    let own = custom_rules::list(read, row.id, Span::ALL)?;
    let tuning = Tuning::of(&exclusions::list(read, row.id, Span::ALL)?, &own)?;
    // Without rules a host passes uninspected or is at fault, as for an engine that fails.
    let unusable = next.rules.is_unusable() && next.appsec.fail_open;
    let limit = limit(&security);
    let headers = HeaderRules::compile(&row.request_headers, &row.response_headers)
        .map_err(|fault| Error::invalid("host.header_rule", fault.field, fault.reason))?;
    let headers = (!headers.is_empty()).then(|| Arc::new(headers));
    let waf = if security.waf_enabled && !unusable {
        let key = WafKey {
            paranoia: security.waf_paranoia,
            detection_paranoia: security.waf_detection_paranoia.unwrap_or(security.waf_paranoia),
            inbound: security.waf_inbound_threshold,
            outbound: security.waf_outbound_threshold,
        };
        let (rules, tuned) = own_rules(tuning, key, next, rule_sets)?;
        Some(Waf {
            rules,
            tuned,
            mode: security.waf_mode,
            block_status: security.waf_block_status,
            block_body: security.waf_block_body.into(),
            response_body: security.waf_response_body,
            key,
        })
    } else {
        None
    };
    Ok(Host {
        id: row.id,
        tls: tls(read, row, next)?,
        domain: row.domain.as_str().into(),
        enabled: row.enabled,
        group: row.target_group_id,
        max_body_bytes: row.max_body_bytes.map(i64::unsigned_abs),
        access_log: row.access_log,
        rules: compiled.into(),
        waf,
        limit,
        headers,
        compression: row.compression,
        access: access(read, row)?,
        fault: None,
    })
}

fn access(read: &Read<'_>, row: &schema::Host) -> Result<Option<Arc<Access>>> {
    match row.auth_required {
        true => Ok(Some(Arc::new(Access::new(&host_access::get(read, row.id)?)))),
        false => Ok(None),
    }
}

fn limit(security: &HostSecurity) -> Option<Limit> {
    let by = match security.rate_limit_key {
        RateLimitKey::Ip => LimitBy::Address,
        RateLimitKey::Header => LimitBy::Header(security.rate_limit_header_name.to_ascii_lowercase().into()),
        RateLimitKey::Global => LimitBy::Host,
    };
    // The table keeps both above zero where the limit is on.
    let positive = |n: i64| u32::try_from(n).ok().filter(|n| *n > 0);
    let requests = positive(security.rate_limit_requests)?;
    let window = positive(security.rate_limit_window_seconds)?;
    security.rate_limit_enabled.then_some(Limit { requests, window, by, status: security.rate_limit_status })
}

fn tls(read: &Read<'_>, row: &schema::Host, next: &Snapshot) -> Result<HostTls> {
    let known = next.names.get(&row.id).and_then(|name| next.hosts.get(name)?.tls.certificate.as_ref());
    let certificate = match row.tls_mode {
        TlsMode::None => None,
        _ => certificates::served(read, row.id)?.map(|pair| match known {
            // A stored certificate never changes, so one that was opened stays open.
            Some(known) if known.id == pair.id => Arc::clone(known),
            _ => Arc::new(Served::new(pair, &next.opener)),
        }),
    };
    let hsts_max_age = u32::try_from(row.hsts_max_age_seconds).unwrap_or(u32::MAX);
    let clients = clients(row, next);
    Ok(HostTls { mode: row.tls_mode, redirect: row.https_redirect, hsts_max_age, certificate, clients })
}

fn clients(row: &schema::Host, next: &Snapshot) -> Option<Arc<Clients>> {
    let new = match row.client_auth {
        ClientAuth::None => return None,
        wanted => Clients::new(row.id, &row.client_ca_pem, wanted == ClientAuth::Required),
    };
    // Sessions last while their terms do.
    let known = next.names.get(&row.id).and_then(|name| next.hosts.get(name)?.tls.clients.as_ref());
    let same = known.filter(|known| (known.identity(), known.required) == (new.identity(), new.required));
    Some(same.map_or_else(|| Arc::new(new), Arc::clone))
}

/// The certificate of the panel's name among the proxy's.
fn own_of_panel(read: &Read<'_>, next: &Snapshot) -> Result<Option<Arc<Served>>> {
    match &*next.panel_settings.proxy_host {
        "" => Ok(None),
        name => unowned(read, next, name),
    }
}

/// A certificate of the local CA that belongs to no host.
fn unowned(read: &Read<'_>, next: &Snapshot, name: &str) -> Result<Option<Arc<Served>>> {
    let pair = certificates::unowned(read, CertificateKind::Local, name)?;
    Ok(pair.map(|pair| Arc::new(Served::new(pair, &next.opener))))
}

fn rule_of(read: &Read<'_>, rule: &schema::Rule) -> Result<Rule> {
    let compiled = Rule::compile(rule).map_err(|fault| {
        let text = format!("rule {} of host {}: {}: {}", rule.id, rule.host_id, fault.field, fault.reason);
        Error::new(crate::error::ErrorKind::Invalid, "rule.does_not_compile", text)
            .with_field(fault.field, fault.reason)
    })?;
    if let super::Action::Forward(group) = compiled.action
        && !target_groups::exists(read, group)?
    {
        let reason = format!("target group {group} does not exist");
        return Err(Error::invalid("rule.target_group_missing", "action.config.target_group_id", reason));
    }
    Ok(compiled)
}

fn broken(row: &schema::Host, error: &Error) -> Host {
    Host {
        id: row.id,
        domain: row.domain.as_str().into(),
        enabled: row.enabled,
        group: row.target_group_id,
        max_body_bytes: None,
        access_log: true,
        rules: Arc::default(),
        waf: None,
        limit: None,
        headers: None,
        compression: false,
        // It answers nobody, so that nobody needs to sign in.
        access: None,
        tls: HostTls { mode: row.tls_mode, clients: clients(row, &Snapshot::default()), ..HostTls::default() },
        fault: Some(error.message().into()),
    }
}

fn group(read: &Read<'_>, id: GroupId, next: &Snapshot) -> Result<Option<Arc<Group>>> {
    let Some(row) = target_groups::find_with_targets(read, id)? else { return Ok(None) };
    let tls = match row.protocol {
        GroupProtocol::Http => None,
        GroupProtocol::Https => Some(upstream_tls(read, &row, next)?),
    };
    Ok(Some(Arc::new(runtime_group(&row, tls.as_ref(), &next.opener)?)))
}

fn upstream_tls(read: &Read<'_>, row: &TargetGroup, next: &Snapshot) -> Result<Arc<UpstreamTls>> {
    let client_key_encrypted = target_groups::client_key(read, row.id)?;
    let texts = UpstreamTexts {
        verify: row.verify_tls,
        server_name: &row.tls_server_name,
        ca_bundle_pem: &row.ca_bundle_pem,
        client_cert_pem: &row.client_cert_pem,
        client_key_encrypted: &client_key_encrypted,
        version: row.http_version,
    };
    let new = UpstreamTls::new(texts, &next.opener);
    // What is agreed on stays with its sessions while nothing about it changes.
    let known = next.groups.get(&row.id).and_then(|group| group.targets.first()?.tls.as_ref());
    let known = known.filter(|known| known.identity() == new.identity());
    Ok(known.map_or_else(|| Arc::new(new), Arc::clone))
}

fn runtime_group(row: &TargetGroup, tls: Option<&Arc<UpstreamTls>>, opener: &Opener) -> Result<Group> {
    let millis = |v: Option<i64>| v.and_then(|n| u32::try_from(n).ok());
    let targets = row.targets.iter().filter(|t| t.enabled).map(|t| {
        let plain = Target::plain(t.id, t.host.as_str().into(), t.port, t.weight);
        match tls {
            Some(tls) => plain.inside(tls),
            None if row.http_version == HttpVersion::Http2 => plain.known_to_speak_http2(),
            None => plain,
        }
    });
    Ok(Group {
        id: row.id,
        name: row.name.as_str().into(),
        preserve_host: row.preserve_host,
        connect_timeout_ms: millis(row.connect_timeout_ms),
        response_timeout_ms: millis(row.response_timeout_ms),
        max_retries: millis(row.max_retries),
        algorithm: row.algorithm,
        check: check(row)?,
        slow_start_ms: row.slow_start_seconds.unsigned_abs() * 1000,
        sticky: sticky(row, opener),
        targets: targets.collect(),
    })
}

/// How the targets of a group are checked. What is stored compiles also where it is off.
fn check(row: &TargetGroup) -> Result<Option<Check>> {
    let expect = StatusSet::parse(&row.health_check_expect_status).map_err(|reason| {
        let text = format!("target group {}: health_check_expect_status: {reason}", row.id);
        Error::new(crate::error::ErrorKind::Invalid, "target_group.expect_status", text)
            .with_field("health_check_expect_status", reason)
    })?;
    let seconds = |n: i64| Duration::from_secs(n.unsigned_abs());
    let count = |n: i64| u32::try_from(n).unwrap_or(1).max(1);
    let check = Check {
        method: row.health_check_method.as_str(),
        path: row.health_check_path.as_str().into(),
        expect,
        interval: seconds(row.health_check_interval_seconds),
        timeout: seconds(row.health_check_timeout_seconds),
        fails: count(row.health_check_fails_to_unhealthy),
        passes: count(row.health_check_passes_to_healthy),
    };
    Ok(row.health_check_enabled.then_some(check))
}

/// Without a master key nothing could prove whose a cookie is.
fn sticky(row: &TargetGroup, opener: &Opener) -> Option<Sticky> {
    let key = opener.sticky_key().filter(|_| !row.sticky_cookie.is_empty())?;
    let ttl_seconds = u32::try_from(row.sticky_ttl_seconds).unwrap_or(0);
    Some(Sticky { cookie: row.sticky_cookie.as_str().into(), ttl_seconds, key: Arc::new(key) })
}
