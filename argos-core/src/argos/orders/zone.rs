//! Proofs over DNS: what is put into a zone is noted before, so that it is taken out again whatever happens.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Orderer;
use super::issue::{Plan, Step};
use super::keep::Ended;
use crate::certs::acme::{self, Fault, FaultKind, Proof};
use crate::certs::dns::{self, DnsFault, Look, PATIENCE, Provider};
use crate::schema::DnsProviderId;
use crate::store::acme_orders::AcmeOrder;

/// Tries to take a record out before it is left where it is.
const MOST_TRIES: u32 = 5;

/// A record in a zone.
#[derive(Deserialize, Serialize)]
struct Placed {
    provider_id: i64,
    /// Where it stands, which is where an alias led when it was placed.
    name: String,
    value: String,
    /// Tries to take it out that failed.
    #[serde(default)]
    failures: u32,
}

/// What is noted of an order: the records that it placed, or the only one, as an earlier version noted it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Noted {
    All(Vec<Placed>),
    One(Placed),
}

fn noted(order: &AcmeOrder) -> Vec<Placed> {
    match serde_json::from_str(&order.dns_record) {
        Ok(Noted::All(all)) => all,
        Ok(Noted::One(one)) => vec![one],
        Err(_) => Vec::new(),
    }
}

/// Notes in `order` what stands in zones.
fn note(order: &mut AcmeOrder, all: &[Placed]) -> Result<(), Fault> {
    order.dns_record = match all {
        [] => String::new(),
        all => serde_json::to_string(all).map_err(|e| Fault::other(e.to_string()))?,
    };
    Ok(())
}

fn fault(e: &DnsFault) -> Fault {
    Fault::new(FaultKind::Other, e.to_string())
}

impl Orderer {
    fn provider(&self, id: i64) -> Step<Provider> {
        let key = &self.argos.inner.cx.key;
        Ok(self.argos.view(|view| dns::of_row(&view.read, key, DnsProviderId(id)))?)
    }

    pub(super) fn look(&self, resolvers: &[SocketAddr]) -> Look {
        Look::new(resolvers, self.argos.inner.cx.clock.clone())
    }

    /// Takes out of its zone what an order placed there. What can't be taken out is tried again by the next step, some
    /// times. `in_hand` is the provider that placed a record just now: its row may be gone by now.
    pub(super) async fn clean_zone(
        &self,
        order: &mut AcmeOrder,
        resolvers: &[SocketAddr],
        in_hand: Option<(i64, &Provider)>,
    ) -> Step<()> {
        if order.dns_record.is_empty() {
            return Ok(());
        }
        let (look, mut left) = (self.look(resolvers), Vec::new());
        for mut placed in noted(order) {
            let found = match in_hand {
                Some((id, provider)) if id == placed.provider_id => Ok(provider.clone()),
                _ => self.provider(placed.provider_id),
            };
            let done = match found {
                Ok(provider) => provider.cleanup(&look, &placed.name, &placed.value).await.map_err(|e| fault(&e)),
                Err(Ended::Failed(fault)) => Err(fault),
                Err(Ended::Superseded) => Ok(()),
            };
            let Err(why) = done else { continue };
            placed.failures += 1;
            // It harms nobody, and must not stop the order.
            let (name, why) = (&placed.name, why.shown());
            if placed.failures < MOST_TRIES {
                tracing::warn!("a record that proved {} is not yet taken out of {name}: {why}", order.domain);
                left.push(placed);
            } else {
                let value = &placed.value;
                let text = format!("the TXT record {value} stays at {name}, take it out by hand: {why}");
                tracing::error!("certificate of {}: {text}", order.domain);
                self.tell_row(order, text);
            }
        }
        note(order, &left)?;
        self.save(order)
    }

    /// Proves the name over DNS. The record is gone when this ends, or noted.
    pub(super) async fn prove_by_dns(
        &self,
        order: &mut AcmeOrder,
        current: &mut instant_acme::Order,
        plan: &Plan,
    ) -> Step<()> {
        let Some(id) = plan.host.dns_provider_id else {
            return Err(Fault::other("DNS-01 needs a DNS provider: give the host one (dns_provider_id)").into());
        };
        let (provider, look) = (self.provider(id)?, self.look(&plan.resolvers));
        let name = provider.place(&look, &dns::challenge_name(&order.domain)).await;
        let name = name.map_err(|e| fault(&e).during("placing the record"))?;
        let domain = order.domain.clone();
        let mut superseded = false;
        let present = async |_: &str, _: &str, _: &[u8], value: &str| {
            let mut all = noted(order);
            all.push(Placed { provider_id: id, name: name.clone(), value: value.to_owned(), failures: 0 });
            note(order, &all)?;
            if let Err(ended) = self.save(order) {
                superseded = matches!(ended, Ended::Superseded);
                return Err(Fault::other("the order is not wanted any more"));
            }
            provider.present(&look, &name, value).await.map_err(|e| fault(&e).during("placing the record"))?;
            let seen = provider.wait_until_seen(&look, &name, value, PATIENCE).await;
            seen.map_err(|e| fault(&e).during("waiting for the record"))
        };
        let done = acme::prove(current, &domain, Proof::Dns, present).await;
        self.clean_zone(order, &plan.resolvers, Some((id, &provider))).await?;
        if superseded {
            return Err(Ended::Superseded);
        }
        Ok(done?)
    }
}
