//! DNS providers: who places the records that prove names to certificate authorities.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::not_null;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View, check_name, in_range};
use crate::certs::dns;
use crate::error::{Error, Result};
use crate::schema::{Actor, DnsConfig, DnsProvider, DnsProviderId, DnsProviderKind, DnsProviderTest, Hostname, Order};
use crate::store::dns_providers::{self, DnsProviderFields};
use crate::store::{Read, Span, Tx};

/// Characters of a name.
const MOST_NAME: usize = 64;

list_input! {
    /// Lists DNS providers by id; their secrets are never shown.
    #[derive(Default)]
    ListDnsProviders {}
}
operation!(ListDnsProviders => Page<DnsProvider>, "dns_providers.list", Get "/dns-providers", Admin, 200,
    "Lists DNS providers by id; their secrets are never shown.");

impl Query for ListDnsProviders {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<DnsProvider>> {
        let shown = |row| dns::shown(row, &view.cx.key);
        let fetch = |span| dns_providers::list(&view.read, span)?.into_iter().map(shown).collect();
        by_number(view, "dns_providers", &self.asked(Order::Asc), fetch, |p: &DnsProvider| p.id.0)
    }
}

/// Shows one DNS provider without its secrets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetDnsProvider {
    /// The DNS provider.
    pub id: DnsProviderId,
}
operation!(GetDnsProvider => DnsProvider, "dns_providers.get", Get "/dns-providers/{id}", Admin, 200,
    "Shows one DNS provider without its secrets.");

impl Query for GetDnsProvider {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<DnsProvider> {
        stored(&view.read, view.cx, self.id)
    }
}

impl From<DnsProviderId> for GetDnsProvider {
    fn from(id: DnsProviderId) -> Self {
        Self { id }
    }
}

fn stored(read: &Read<'_>, cx: &Context, id: DnsProviderId) -> Result<DnsProvider> {
    dns::shown(dns_providers::get(read, id)?, &cx.key)
}

/// Makes a DNS provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDnsProvider {
    /// Unique name, 1–64 characters.
    pub name: String,
    /// How it is spoken to; `exec` only at the command line.
    pub kind: DnsProviderKind,
    /// What its kind needs.
    pub config: DnsConfig,
    /// Whether it may be used; default true.
    pub enabled: Option<bool>,
}
operation!(CreateDnsProvider => DnsProvider, "dns_providers.create", Post "/dns-providers", Admin, 201,
    "Makes a DNS provider.", positional ["name"]);

impl Mutation for CreateDnsProvider {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<DnsProvider> {
        check_name("name", &self.name, MOST_NAME)?;
        let at_cli = *tx.actor() == Actor::Cli;
        self.config.check(self.kind, at_cli)?;
        dns::check_command(&self.config)?;
        let fields = DnsProviderFields {
            name: self.name,
            kind: self.kind,
            config_encrypted: cx.key.encrypt(self.config.to_stored(at_cli).expose()),
            enabled: self.enabled.unwrap_or(true),
        };
        let id = dns_providers::insert(tx, &fields)?;
        tx.about("create", "dns_provider", id, None);
        stored(tx, cx, id)
    }
}

/// Changes the given fields of a DNS provider; omitted ones stay, also those in `config`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateDnsProvider {
    /// The DNS provider.
    pub id: DnsProviderId,
    /// Unique name, 1–64 characters.
    #[serde(default, deserialize_with = "not_null")]
    pub name: Option<String>,
    /// Fields of its kind that change; a command, and where an API is, only at the command line.
    #[serde(default, deserialize_with = "not_null")]
    pub config: Option<DnsConfig>,
    /// Whether it may be used.
    #[serde(default, deserialize_with = "not_null")]
    pub enabled: Option<bool>,
}
operation!(UpdateDnsProvider => DnsProvider, "dns_providers.update", Patch "/dns-providers/{id}", Admin, 200,
    "Changes the given fields of a DNS provider; omitted ones stay, also those in `config`.",
    of GetDnsProvider { id });

impl UpdateDnsProvider {
    /// A change of nothing yet.
    #[must_use]
    pub fn new(id: DnsProviderId) -> Self {
        Self { id, name: None, config: None, enabled: None }
    }
}

impl Mutation for UpdateDnsProvider {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<DnsProvider> {
        let row = dns_providers::get(tx, self.id)?;
        let (old, made_at_cli) = dns::opened(&row, &cx.key)?;
        let mut fields = row.fields.clone();
        if let Some(name) = self.name {
            check_name("name", &name, MOST_NAME)?;
            fields.name = name;
        }
        fields.enabled = self.enabled.unwrap_or(fields.enabled);
        let new = old.clone().with(self.config.unwrap_or_default());
        if new != old {
            // What was given at the command line stays so, as long as only other fields change.
            let acts_alike = (&new.command, &new.api_url) == (&old.command, &old.api_url);
            let at_cli = *tx.actor() == Actor::Cli || (made_at_cli && acts_alike);
            new.check(fields.kind, at_cli)?;
            if new.command != old.command {
                dns::check_command(&new)?;
            }
            fields.config_encrypted = cx.key.encrypt(new.to_stored(at_cli).expose());
        }
        if fields != row.fields {
            dns_providers::update(tx, self.id, &fields)?;
        }
        tx.about("update", "dns_provider", self.id, None);
        stored(tx, cx, self.id)
    }
}

/// The commands, and where APIs are, of every DNS provider.
pub(super) type GivenAtCli = BTreeMap<DnsProviderId, (Option<String>, Option<String>)>;

pub(super) fn given_at_cli(read: &Read<'_>, cx: &Context) -> Result<GivenAtCli> {
    let rows = dns_providers::list(read, Span::ALL)?;
    // What can't be opened can't be run either.
    let opened = rows.iter().filter_map(|row| Some((row.id, dns::opened(row, &cx.key).ok()?.0)));
    Ok(opened.map(|(id, config)| (id, (config.command, config.api_url))).collect())
}

/// Refuses a change after which another command would run, or a token be sent elsewhere, than `before`.
pub(super) fn check_given_at_cli(tx: &Tx<'_>, cx: &Context, before: &GivenAtCli) -> Result<()> {
    if *tx.actor() == Actor::Cli {
        return Ok(());
    }
    for (id, (command, api_url)) in given_at_cli(tx, cx)? {
        let same = before.get(&id).is_some_and(|then| (&then.0, &then.1) == (&command, &api_url));
        if !same {
            let kind = dns_providers::get(tx, id)?.fields.kind;
            let told = DnsConfig { command, api_url, ..DnsConfig::default() };
            told.check_at_cli(kind, false)?;
        }
    }
    Ok(())
}

/// Deletes a DNS provider that no host uses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteDnsProvider {
    /// The DNS provider.
    pub id: DnsProviderId,
}
operation!(DeleteDnsProvider => (), "dns_providers.delete", Delete "/dns-providers/{id}", Admin, 204,
    "Deletes a DNS provider that no host uses.", of GetDnsProvider { id });

impl Mutation for DeleteDnsProvider {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        dns_providers::get(tx, self.id)?;
        dns_providers::delete(tx, self.id)?;
        tx.about("delete", "dns_provider", self.id, None);
        Ok(())
    }
}

impl From<DnsProviderId> for DeleteDnsProvider {
    fn from(id: DnsProviderId) -> Self {
        Self { id }
    }
}

/// Tries a DNS provider: places a record, waits until the zone's servers have it, and removes it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestDnsProvider {
    /// The DNS provider.
    pub id: DnsProviderId,
    /// A name that it is to prove; the record is placed at `_argos-test` below it. Default: the zone of its `config`.
    pub domain: Option<String>,
    /// Seconds until the record must be seen, 0–120; default 60.
    pub seconds: Option<i64>,
    #[serde(skip)]
    #[schemars(skip)]
    trial: Option<Trial>,
    #[serde(skip)]
    #[schemars(skip)]
    tried: Option<DnsProviderTest>,
}
operation!(TestDnsProvider => DnsProviderTest, "dns_providers.test", Post "/dns-providers/{id}/test", Admin, 200,
    "Tries a DNS provider: places a record, waits until the zone's servers have it, and removes it.",
    part of GetDnsProvider { id });

/// What is tried, and how.
#[derive(Clone, Debug)]
struct Trial {
    provider: dns::Provider,
    look: dns::Look,
    name: String,
    patience: Duration,
}

impl From<DnsProviderId> for TestDnsProvider {
    fn from(id: DnsProviderId) -> Self {
        Self { id, domain: None, seconds: None, trial: None, tried: None }
    }
}

impl Mutation for TestDnsProvider {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let provider = dns::of_row(&view.read, &view.cx.key, self.id)?;
        let row = dns_providers::get(&view.read, self.id)?;
        let (config, _) = dns::opened(&row, &view.cx.key)?;
        let domain = match &self.domain {
            Some(domain) => Hostname::parse(domain).ok().filter(|name| !name.is_catch_all()).ok_or_else(|| {
                Error::invalid("dns_provider.domain", "domain", "must be a name, such as shop.example.org")
            })?,
            None => config.zone.as_deref().and_then(|zone| Hostname::parse(zone).ok()).ok_or_else(|| {
                let text = "is needed, since the DNS provider's config names no zone";
                Error::invalid("dns_provider.domain", "domain", text)
            })?,
        };
        let seconds = self.seconds.unwrap_or(60);
        in_range("seconds", seconds, 0, 120)?;
        let patience = Duration::from_secs(seconds.unsigned_abs());
        let look = dns::Look::new(&dns::resolvers(&view.read)?, view.cx.clock.clone());
        self.trial = Some(Trial { provider, look, name: dns::test_name(domain.as_str()), patience });
        Ok(())
    }

    fn act(&mut self, _cx: &Context) -> Result<()> {
        self.tried = self.trial.take().map(|t| dns::tried(t.provider, t.look, t.name, t.patience));
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<DnsProviderTest> {
        let tried = self.tried.ok_or_else(|| Error::internal("a DNS provider was tried before that is told"))?;
        tx.about("test", "dns_provider", self.id, None);
        // The record is gone already.
        tx.acted(Box::new(|| {}));
        Ok(tried)
    }
}
