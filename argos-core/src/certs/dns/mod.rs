//! DNS for certificates: records that prove a name, and what is looked up before an order.
//!
//! | File | What it does |
//! |---|---|
//! | `rfc2136.rs`, `exec.rs`, `cloudflare.rs` | the three ways to place and remove a TXT record |
//! | `seen.rs` | waits until the zone's servers have it |
//! | `look.rs` | addresses, CAA, aliases, zones and their servers, through resolvers |
//! | `caa.rs` | whether CAA records let an authority issue |
//! | `exchange.rs` | one question to one server |
//! | `row.rs` | a stored provider: opened, shown, tried |
//! | `fault.rs` | why something failed, and what helps |
//!
//! Nothing is kept between calls: a record that a killed process left is removed by its name and value.

mod caa;
mod cloudflare;
mod exchange;
mod exec;
mod fault;
mod look;
mod rfc2136;
mod row;
mod seen;

use std::fmt;
use std::time::Duration;

use hickory_proto::rr::Name;

pub use caa::{CaaRecord, caa_allows};
pub(crate) use exec::check_command;
pub use fault::DnsFault;
pub use look::Look;
pub(crate) use look::asking;
pub use row::{of_row, resolvers};
pub(crate) use row::{opened, shown, tried};

use crate::error::Result;
use crate::schema::{DnsConfig, DnsProviderKind};
use cloudflare::Cloudflare;
use exec::Exec;
use rfc2136::Server;

/// How long is waited until the servers of a zone have a new record.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A way to place TXT records, ready to be used.
#[derive(Clone)]
pub struct Provider(Way);

#[derive(Clone)]
enum Way {
    Rfc2136(Server),
    Exec(Exec),
    Cloudflare(Cloudflare),
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Way::Rfc2136(_) => DnsProviderKind::Rfc2136,
            Way::Exec(_) => DnsProviderKind::Exec,
            Way::Cloudflare(_) => DnsProviderKind::Cloudflare,
        };
        write!(f, "Provider({kind})")
    }
}

/// The name at which `domain` is proven. A wildcard is proven where its base is.
#[must_use]
pub fn challenge_name(domain: &str) -> String {
    format!("_acme-challenge.{}", domain.strip_prefix("*.").unwrap_or(domain))
}

/// The name at which a provider is tried for `domain`.
pub(crate) fn test_name(domain: &str) -> String {
    format!("_argos-test.{}", domain.strip_prefix("*.").unwrap_or(domain))
}

impl Provider {
    /// A provider of `kind`.
    ///
    /// # Errors
    /// `dns_provider.*`, naming the field; `dns_provider.only_at_cli` for a command, or an API elsewhere, that was not
    /// given at the command line.
    pub fn new(kind: DnsProviderKind, config: &DnsConfig, made_at_cli: bool) -> Result<Self> {
        config.check(kind, made_at_cli)?;
        Ok(Self(match kind {
            DnsProviderKind::Rfc2136 => Way::Rfc2136(Server::new(config)?),
            DnsProviderKind::Exec => Way::Exec(Exec::new(config)),
            DnsProviderKind::Cloudflare => Way::Cloudflare(Cloudflare::new(config)?),
        }))
    }

    /// Where a record for `fqdn` belongs: where that is an alias (CNAME), the name to which it leads. Asked once for each
    /// record, so that it is removed from the very name at which it was placed.
    ///
    /// # Errors
    /// Why that can't be told.
    pub async fn place(&self, look: &Look, fqdn: &str) -> Result<String, DnsFault> {
        let server = match &self.0 {
            Way::Rfc2136(server) => Some(server.address().await?),
            Way::Exec(_) | Way::Cloudflare(_) => None,
        };
        Ok(look::shown(&look.follow(look::parse(fqdn)?, server).await?))
    }

    /// Adds `value` to the TXT records of `name`, a [`Provider::place`]; others that stand there stay. A record that may
    /// have been placed although this failed is removed again; when this is not awaited to its end, it may stand, and
    /// [`Provider::cleanup`] removes it.
    ///
    /// # Errors
    /// Why not, and what helps.
    pub async fn present(&self, look: &Look, name: &str, value: &str) -> Result<(), DnsFault> {
        let name = look::parse(name)?;
        let placed = match &self.0 {
            Way::Rfc2136(server) => server.add(look, &name, value).await,
            Way::Exec(exec) => exec.run("present", &look::shown(&name), value).await,
            Way::Cloudflare(api) => api.add(&name, value).await,
        };
        if let Err(fault) = &placed
            && fault.may_have_placed()
        {
            // The fault that is told is the first one.
            let _ = self.remove(look, &name, value).await;
        }
        placed
    }

    /// Removes `value` from the TXT records of `name`, and nothing else. It is no fault when it is not there.
    ///
    /// # Errors
    /// Why not, and what helps.
    pub async fn cleanup(&self, look: &Look, name: &str, value: &str) -> Result<(), DnsFault> {
        self.remove(look, &look::parse(name)?, value).await
    }

    /// Waits until every server of the zone has `value` among the TXT records of `name`. An update by RFC 2136 is
    /// looked for at the server that took it. Only what is said with authority counts.
    ///
    /// # Errors
    /// [`DnsFault::NotSeen`] after `patience`, with what a server says instead.
    pub async fn wait_until_seen(
        &self,
        look: &Look,
        name: &str,
        value: &str,
        patience: Duration,
    ) -> Result<(), DnsFault> {
        let only = match &self.0 {
            Way::Rfc2136(server) => Some(server),
            Way::Exec(_) | Way::Cloudflare(_) => None,
        };
        seen::wait(look, only, &look::parse(name)?, value, patience).await
    }

    async fn remove(&self, look: &Look, name: &Name, value: &str) -> Result<(), DnsFault> {
        match &self.0 {
            Way::Rfc2136(server) => server.remove(look, name, value).await,
            Way::Exec(exec) => exec.run("cleanup", &look::shown(name), value).await,
            Way::Cloudflare(api) => api.remove(name, value).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_proven_where_its_base_is() {
        assert_eq!(challenge_name("a.test"), "_acme-challenge.a.test");
        assert_eq!(challenge_name("*.a.test"), "_acme-challenge.a.test");
    }

    #[test]
    fn nothing_of_a_provider_is_shown() {
        let config = serde_json::from_value(serde_json::json!({ "api_token": "hidden-word" })).unwrap();
        let provider = Provider::new(DnsProviderKind::Cloudflare, &config, false).unwrap();
        assert_eq!(format!("{provider:?}"), "Provider(cloudflare)");
    }
}
