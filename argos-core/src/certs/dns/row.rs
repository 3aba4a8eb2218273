//! A stored DNS provider: opened to be used, shown without its secrets, tried.

use std::net::SocketAddr;
use std::time::Duration;

use super::{DnsFault, Look, Provider};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::outbound::wait_for;
use crate::schema::{DnsConfig, DnsProvider, DnsProviderId, DnsProviderTest, DnsTestStep, HostId, csv};
use crate::secret::MasterKey;
use crate::store::dns_providers::StoredDnsProvider;
use crate::store::{Read, dns_providers, settings};

/// The DNS provider `id`, ready to be used.
///
/// # Errors
/// `dns_provider.not_found`, `dns_provider.disabled`, `secret_tampered`.
pub fn of_row(read: &Read<'_>, key: &MasterKey, id: DnsProviderId) -> Result<Provider> {
    let row = dns_providers::get(read, id)?;
    if !row.fields.enabled {
        let text = format!("DNS provider {id} is switched off: set enabled to true");
        return Err(Error::new(ErrorKind::Conflict, "dns_provider.disabled", text));
    }
    let (config, made_at_cli) = opened(&row, key)?;
    Provider::new(row.fields.kind, &config, made_at_cli)
}

/// What is in the envelope of `row`, and whether it was given at the command line.
///
/// # Errors
/// `secret_tampered`.
pub(crate) fn opened(row: &StoredDnsProvider, key: &MasterKey) -> Result<(DnsConfig, bool)> {
    DnsConfig::from_stored(key.decrypt(&row.fields.config_encrypted)?.expose())
}

/// What is shown of `row`.
///
/// # Errors
/// `secret_tampered`.
pub(crate) fn shown(row: StoredDnsProvider, key: &MasterKey) -> Result<DnsProvider> {
    let (config, _) = opened(&row, key)?;
    let warnings = warnings(&row);
    Ok(DnsProvider {
        id: row.id,
        config: config.shown(row.fields.kind),
        name: row.fields.name,
        kind: row.fields.kind,
        enabled: row.fields.enabled,
        used_by: row.used_by,
        warnings,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

fn warnings(row: &StoredDnsProvider) -> Vec<String> {
    let mut found = Vec::new();
    if !row.fields.enabled && !row.used_by.is_empty() {
        let hosts: Vec<String> = row.used_by.iter().take(10).map(HostId::to_string).collect();
        let more = if row.used_by.len() > 10 { " and others" } else { "" };
        let hosts = hosts.join(", ");
        found.push(format!(
            "it is switched off: what proves names over DNS fails for hosts that use it ({hosts}{more})"
        ));
    }
    found
}

/// The resolvers that `acme.dns_resolvers` names; none = those of the system.
///
/// # Errors
/// Those of the database.
pub fn resolvers(read: &Read<'_>) -> Result<Vec<SocketAddr>> {
    let text = settings::value(read, "acme.dns_resolvers")?.unwrap_or_default();
    Ok(csv(&text).filter_map(|item| item.parse().ok()).collect())
}

/// Places a record at `fqdn`, waits until the zone's servers have it, and removes it.
#[must_use]
pub(crate) fn tried(provider: Provider, look: Look, fqdn: String, patience: Duration) -> DnsProviderTest {
    let value = hex::encode(clock::random::<16>());
    let mut steps = Vec::new();
    let work = async {
        let mut note = |step: &str, done: Result<(), DnsFault>| {
            let ok = done.is_ok();
            let error = done.err().map_or(String::new(), |fault| fault.to_string());
            steps.push(DnsTestStep { step: step.to_owned(), ok, error });
            ok
        };
        let name = match provider.place(&look, &fqdn).await {
            Ok(name) => name,
            Err(fault) => {
                note("present", Err(fault));
                return;
            }
        };
        // What could not be placed has been taken back.
        if note("present", provider.present(&look, &name, &value).await) {
            note("seen", provider.wait_until_seen(&look, &name, &value, patience).await);
            note("cleanup", provider.cleanup(&look, &name, &value).await);
        }
    };
    if let Err(e) = wait_for(work) {
        steps.push(DnsTestStep { step: "present".into(), ok: false, error: e.to_string() });
    }
    DnsProviderTest { ok: steps.iter().all(|step| step.ok), name: fqdn, steps }
}
