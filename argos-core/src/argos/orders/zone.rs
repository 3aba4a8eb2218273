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

/// A record in a zone.
#[derive(Deserialize, Serialize)]
struct Placed {
    provider_id: i64,
    /// Where it stands, which is where an alias led when it was placed.
    name: String,
    value: String,
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

    /// Takes out of its zone what an order left there that ended early.
    pub(super) async fn clean_zone(&self, order: &mut AcmeOrder, resolvers: &[SocketAddr]) -> Step<()> {
        if order.dns_record.is_empty() {
            return Ok(());
        }
        if let Ok(placed) = serde_json::from_str::<Placed>(&order.dns_record) {
            let done = match self.provider(placed.provider_id) {
                Ok(provider) => provider
                    .cleanup(&self.look(resolvers), &placed.name, &placed.value)
                    .await
                    .map_err(|e| e.to_string()),
                Err(Ended::Failed(fault)) => Err(fault.to_string()),
                Err(Ended::Superseded) => Ok(()),
            };
            if let Err(e) = done {
                // It harms nobody, and must not stop the next order.
                tracing::warn!("a record of an earlier order of {} stays at {}: {e}", order.domain, placed.name);
            }
        }
        order.dns_record.clear();
        self.save(order)
    }

    /// Proves the name over DNS. The record is gone when this ends.
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
            let placed = Placed { provider_id: id, name: name.clone(), value: value.to_owned() };
            order.dns_record = serde_json::to_string(&placed).map_err(|e| Fault::other(e.to_string()))?;
            if let Err(ended) = self.save(order) {
                superseded = matches!(ended, Ended::Superseded);
                return Err(Fault::other("the order is not wanted any more"));
            }
            provider.present(&look, &name, value).await.map_err(|e| fault(&e).during("placing the record"))?;
            let seen = provider.wait_until_seen(&look, &name, value, PATIENCE).await;
            seen.map_err(|e| fault(&e).during("waiting for the record"))
        };
        let done = acme::prove(current, &domain, Proof::Dns, present).await;
        self.clean_zone(order, &plan.resolvers).await?;
        if superseded {
            return Err(Ended::Superseded);
        }
        Ok(done?)
    }
}
