//! One step of one host: an order from its account to its certificate, a revocation, a question for the time of renewal.

use std::net::SocketAddr;

use super::keep::{Ended, ForgetRevoked, StoreSigned, StoreWindow, not_before};
use super::{Did, Orderer, Work};
use crate::certs::acme::{self, Binding, Check, Eab, Fault, FaultKind, Proof, Wire};
use crate::certs::{Texts, Uploaded, dns};
use crate::clock::Timestamp;
use crate::schema::{Certificate, CertificateKind, CheckResult, Directory, Host};
use crate::secret::Secret;
use crate::store::acme_orders::{self, AcmeOrder};
use crate::store::{acme_accounts, certificates, hosts, settings};

/// Between two questions for the time of renewal, unless the authority names a longer time.
const ARI_EVERY_MS: i64 = 6 * 3_600_000;
/// The longest that it may name. Source: RFC 9773 §4.3.2.
const ARI_AT_LEAST_EVERY_MS: i64 = 86_400_000;

/// Failures after which an old certificate is not revoked any more.
const MOST_REVOCATIONS: u32 = 5;
/// Ways to authorities that are remembered.
const MOST_WIRES: usize = 16;

/// What an order needs to know of its host.
pub(super) struct Plan {
    pub(super) host: Host,
    /// What the authority signed last, newest first.
    signed: Vec<Certificate>,
    ca_bundle: String,
    /// The directory of hosts that name none, if the setting names one.
    common: Option<Directory>,
    eab_kid: String,
    eab_key: Secret<String>,
    pub(super) resolvers: Vec<SocketAddr>,
}

pub(super) type Step<T> = std::result::Result<T, Ended>;

impl Orderer {
    /// Does one step.
    pub(super) async fn work(&self, work: Work) -> Did {
        let host = work.host();
        let did = match work {
            Work::Order(order) => self.order(order).await,
            Work::Ari(order) => self.ari(order).await,
        };
        self.taken.borrow_mut().remove(&host);
        did
    }

    async fn order(&self, mut order: AcmeOrder) -> Did {
        let replaced = order.revokes.is_some() && self.is_replaced(&order);
        let (what, done) = if replaced && order.failures >= MOST_REVOCATIONS {
            // The new one has to be renewed in its time, whatever becomes of the old one.
            tracing::error!("certificate of {}: the old one is not revoked: {}", order.domain, order.last_error);
            ("the old one is forgotten", self.change(ForgetRevoked { host_id: order.host_id }).map_err(Ended::from))
        } else if replaced {
            ("the old one is revoked", self.revoke(&mut order).await)
        } else {
            ("signed", self.issue(&mut order).await)
        };
        match done {
            Ok(()) => tracing::info!("certificate of {}: {what} ({})", order.domain, order.directory_url),
            Err(Ended::Superseded) => tracing::debug!("certificate of {}: not wanted any more", order.domain),
            Err(Ended::Failed(mut fault)) => {
                let taken = self.taken.borrow().get(&order.host_id).and_then(Wire::asked_to_wait);
                fault.wait = fault.wait.or(taken);
                let silent = fault.kind == FaultKind::Silent;
                return Did { kept: self.failed(order, fault), silent };
            }
        }
        Did { kept: true, silent: false }
    }

    async fn ari(&self, order: AcmeOrder) -> Did {
        match self.ask_renewal(&order).await {
            Ok(()) | Err(Ended::Superseded) => Did { kept: true, silent: false },
            Err(Ended::Failed(fault)) => {
                Did { kept: self.not_asked(order, &fault), silent: fault.kind == FaultKind::Silent }
            }
        }
    }

    /// Keeps when to ask again for the time of renewal; what is known of it stays. Whether it could be kept.
    fn not_asked(&self, order: AcmeOrder, fault: &Fault) -> bool {
        tracing::warn!("certificate of {}: when to renew it: {}", order.domain, fault.shown());
        let (again, next) = (Timestamp(self.now().0 + ARI_EVERY_MS), order.next_attempt_at);
        let domain = order.domain.clone();
        let noted = self.note(move |tx| acme_orders::asked(tx, &order, Some(again), next));
        if let Err(e) = &noted {
            tracing::error!("certificate of {domain}: {e}");
        }
        noted.is_ok()
    }

    /// Ends a step that panicked as one that failed: it is not tried at once again.
    pub(super) fn broke_off(&self, work: Work) -> Did {
        let begun = work.order();
        self.taken.borrow_mut().remove(&begun.host_id);
        // What the order says may be what the step broke at.
        let fault = Fault::new(FaultKind::Stale, "a fault of Argos itself ended this attempt; its log says which");
        let kept = match (&work, self.argos.view(|view| acme_orders::find(&view.read, begun.host_id))) {
            (Work::Ari(order), _) => self.not_asked(order.clone(), &fault),
            (Work::Order(begun), Ok(Some(order))) => {
                let is_same = order.domain == begun.domain && order.directory_url == begun.directory_url;
                !is_same || self.failed(AcmeOrder { hurried: begun.hurried, ..order }, fault)
            }
            (Work::Order(_), Ok(None)) => true,
            (Work::Order(_), Err(e)) => {
                tracing::error!("certificate of {}: {e}", begun.domain);
                false
            }
        };
        Did { kept, silent: false }
    }

    fn now(&self) -> Timestamp {
        self.argos.inner.cx.clock.now()
    }

    fn plan(&self, order: &AcmeOrder) -> Step<Plan> {
        let key = &self.argos.inner.cx.key;
        let plan = self.argos.view(|view| {
            let Some(host) = hosts::find(&view.read, order.host_id)? else { return Ok(None) };
            let value = |key| Ok::<_, crate::Error>(settings::value(&view.read, key)?.unwrap_or_default());
            let mut signed = certificates::of_host(&view.read, order.host_id)?;
            signed.retain(|c| c.kind == CertificateKind::Acme);
            Ok(Some(Plan {
                host,
                signed,
                ca_bundle: value("acme.ca_bundle")?,
                common: Directory::of("", &value("acme.directory_url")?).ok(),
                eab_kid: value("acme.eab_kid")?,
                resolvers: dns::resolvers(&view.read)?,
                eab_key: Secret::new(key.decrypt(&value("acme.eab_hmac_key")?)?.expose().clone()),
            }))
        })?;
        plan.ok_or(Ended::Superseded)
    }

    /// The way to the authority of `order`; what it asks for belongs to this step alone.
    fn wire(&self, order: &AcmeOrder, plan: &Plan) -> Step<Wire> {
        let named_by = Directory::named_by(&plan.host.tls_directory_url);
        let key = (order.directory_url.clone(), named_by, plan.ca_bundle.clone());
        let known = self.wires.borrow().get(&key).cloned();
        let wire = match known {
            Some(wire) => wire.anew(),
            None => {
                let wire = Wire::new(&order.directory_url, named_by, &plan.ca_bundle)?;
                let mut wires = self.wires.borrow_mut();
                if wires.len() >= MOST_WIRES {
                    wires.clear();
                }
                wires.insert(key, wire.clone());
                wire
            }
        };
        self.taken.borrow_mut().insert(order.host_id, wire.clone());
        Ok(wire)
    }

    /// The account of the order: its key is kept before it is registered.
    async fn account(&self, wire: &Wire, order: &AcmeOrder, plan: &Plan) -> Step<instant_acme::Account> {
        let (directory, email) = (order.directory_url.clone(), order.email.clone());
        let find = || self.argos.view(|view| acme_accounts::find(&view.read, &directory, &email));
        let mut known = find()?;
        let registered = known.as_ref().is_some_and(|(account, _)| !account.account_url.is_empty());
        let turn = self.turn(&directory);
        let _alone = if registered { None } else { Some(turn.lock().await) };
        if !registered {
            known = find()?;
        }
        if known.is_none() {
            let sealed = self.argos.inner.cx.key.encrypt(acme::new_key()?.expose());
            let (directory, email) = (directory.clone(), email.clone());
            self.note(move |tx| acme_accounts::begin(tx, &directory, &email, &sealed))?;
            known = find()?;
        }
        let (stored, sealed) = known.ok_or(Ended::Superseded)?;
        let key = self.argos.inner.cx.key.decrypt(&sealed).map_err(crate::Error::from)?;
        let is_common = plan.common.as_ref().is_some_and(|common| common.url() == order.directory_url);
        let binding = match acme::eab_key(plan.eab_key.expose()) {
            // It is meant for the authority that an administrator chose, and shown to no other.
            _ if !is_common => Binding::Elsewhere,
            Some(bytes) if !plan.eab_kid.is_empty() => {
                Binding::To(Eab { kid: plan.eab_kid.clone(), key: Secret::new(bytes) })
            }
            _ => Binding::Unset,
        };
        let ready = acme::account(wire, &key, &stored.account_url, &order.email, &binding).await;
        let ready = ready.map_err(|fault| fault.during("registering the account"))?;
        if stored.account_url.is_empty() {
            let sealed = ready.new_key.as_ref().map_or(sealed, |key| self.argos.inner.cx.key.encrypt(key.expose()));
            let kid = if let Binding::To(eab) = binding { eab.kid } else { String::new() };
            let url = ready.url.clone();
            self.note(move |tx| acme_accounts::registered(tx, &directory, &email, &url, &sealed, &kid))?;
        }
        Ok(ready.account)
    }

    async fn issue(&self, order: &mut AcmeOrder) -> Step<()> {
        let plan = self.plan(order)?;
        self.clean_zone(order, &plan.resolvers, None).await?;
        let wildcard = plan.host.domain.is_wildcard();
        let ways = Proof::ways(plan.host.tls_challenge, wildcard);
        let wire = self.wire(order, &plan)?;
        let account = self.account(&wire, order, &plan).await?;
        let mut going_on = None;
        if !order.order_url.is_empty() {
            match acme::order(&account, &order.order_url).await {
                Ok(known) => going_on = Some(known),
                Err(fault) if fault.kind == FaultKind::Stale => {}
                Err(fault) => return Err(fault.during("looking for the order").into()),
            }
        }
        let from = ways.iter().position(|way| way.as_str() == order.challenge).filter(|_| going_on.is_some());
        let ways = &ways[from.unwrap_or(0)..];
        let (mut failed, mut seen) = (Vec::new(), String::new());
        for (at, way) in ways.iter().enumerate() {
            let mut current = match going_on.take() {
                Some(known) => known,
                None => {
                    if at == 0 {
                        seen = self.check(&wire, &plan, ways).await?;
                    }
                    self.place(order, &account, &plan, *way).await?
                }
            };
            match self.prove(order, &mut current, *way, &plan).await {
                Ok(()) => return self.finish(order, &mut current, &plan).await,
                Err(Ended::Failed(fault)) if matches!(fault.kind, FaultKind::Unproven | FaultKind::Stale) => {
                    failed.push(format!("{}: {fault}", way.title()));
                    if at + 1 == ways.len() {
                        return Err(Fault::new(FaultKind::Unproven, failed.join("; ") + &seen).into());
                    }
                }
                Err(ended) => return Err(ended),
            }
        }
        Err(Fault::other("the host has no way to prove its name").into())
    }

    /// Looks whether the order can succeed, before it is placed; what may stop it in words.
    async fn check(&self, wire: &Wire, plan: &Plan, ways: &[Proof]) -> Step<String> {
        let issuers = wire.caa_identities().await?;
        let public = Directory::parse(wire.directory()).is_some_and(|directory| directory.is_public());
        let certain = !plan.resolvers.is_empty();
        let check = Check { domain: plan.host.domain.as_str(), ways, issuers: &issuers, public, certain };
        let found = check.run(&self.look(&plan.resolvers), &self.argos.inner.cx.challenges).await;
        let of = |result| found.iter().filter(move |f| f.result == result).map(|f| f.text.as_str()).collect::<Vec<_>>();
        let fails = of(CheckResult::Fail);
        if !fails.is_empty() {
            let text = format!("nothing was ordered: {}", fails.join("; "));
            return Err(Fault::new(FaultKind::Unproven, text).into());
        }
        let warns = of(CheckResult::Warn);
        Ok(if warns.is_empty() { String::new() } else { format!("; seen before: {}", warns.join("; ")) })
    }

    async fn place(
        &self,
        order: &mut AcmeOrder,
        account: &instant_acme::Account,
        plan: &Plan,
        way: Proof,
    ) -> Step<instant_acme::Order> {
        let replaced = plan.signed.first().map(|c| c.id);
        let replaced = match replaced {
            Some(id) => Some(self.argos.view(|view| certificates::pair(&view.read, id))?.cert_pem),
            None => None,
        };
        // What can't be kept is not ordered.
        self.save(order)?;
        let placed = acme::place(account, &order.domain, replaced.as_deref()).await;
        let placed = placed.map_err(|fault| fault.during("placing the order"))?;
        placed.url().clone_into(&mut order.order_url);
        way.as_str().clone_into(&mut order.challenge);
        order.key_encrypted.clear();
        self.placed(order)?;
        Ok(placed)
    }

    async fn prove(
        &self,
        order: &mut AcmeOrder,
        current: &mut instant_acme::Order,
        way: Proof,
        plan: &Plan,
    ) -> Step<()> {
        use instant_acme::OrderStatus as Status;
        match current.state().status {
            Status::Pending => {}
            Status::Valid | Status::Processing if order.key_encrypted.is_empty() => {
                return Err(Fault::new(FaultKind::Stale, "the order was finalized with a key that is not kept").into());
            }
            _ => return Ok(()),
        }
        let challenges = &self.argos.inner.cx.challenges;
        let name = &order.domain.clone();
        match way {
            Proof::Http => {
                let present = async |token: &str, key: &str, _: &[u8], _: &str| Ok(challenges.by_http(token, key));
                acme::prove(current, name, way, present).await?;
            }
            Proof::TlsAlpn => {
                let present = async |_: &str, _: &str, digest: &[u8], _: &str| {
                    challenges.by_tls(name, digest).map_err(Fault::other)
                };
                acme::prove(current, name, way, present).await?;
            }
            Proof::Dns => self.prove_by_dns(order, current, plan).await?,
        }
        Ok(())
    }

    async fn finish(&self, order: &mut AcmeOrder, current: &mut instant_acme::Order, plan: &Plan) -> Step<()> {
        let key = &self.argos.inner.cx.key;
        if order.key_encrypted.is_empty() {
            order.key_encrypted = key.encrypt(acme::new_key()?.expose());
            self.save(order)?;
        }
        let key_pem = key.decrypt(&order.key_encrypted).map_err(crate::Error::from)?;
        let signed = acme::finalize(current, &order.domain, &key_pem).await;
        let cert_pem = signed.map_err(|fault| fault.during("having it signed"))?;
        let texts = Texts { cert_pem: &cert_pem, key_pem: &key_pem, chain_pem: "" };
        let checked = Uploaded::check(texts, &plan.host.domain, self.now()).map_err(|e| {
            let clock = matches!(e.code(), "certificate.expired" | "certificate.not_yet");
            let hint = if clock { "; check this machine's clock" } else { "" };
            // The order is of no more use: the same certificate would come again.
            let why = e.fields().first().map_or(e.message(), |field| field.reason.as_str());
            Fault::new(FaultKind::Stale, format!("the authority's certificate can't be served: {why}{hint}"))
        })?;
        self.change(StoreSigned::new(checked, order.clone()))?;
        Ok(())
    }

    /// Whether there is a newer certificate than the one to be revoked.
    fn is_replaced(&self, order: &AcmeOrder) -> bool {
        self.plan(order).is_ok_and(|plan| plan.signed.first().is_some_and(|c| Some(c.id) != order.revokes))
    }

    async fn revoke(&self, order: &mut AcmeOrder) -> Step<()> {
        let plan = self.plan(order)?;
        let wire = self.wire(order, &plan)?;
        let account = self.account(&wire, order, &plan).await?;
        if let Some(id) = order.revokes {
            let pair = self.argos.view(|view| certificates::pair(&view.read, id))?;
            acme::revoke(&account, &pair.cert_pem).await.map_err(|fault| fault.during("revoking the old one"))?;
        }
        let forget = ForgetRevoked { host_id: order.host_id };
        self.change(forget)?;
        Ok(())
    }

    async fn ask_renewal(&self, order: &AcmeOrder) -> Step<()> {
        let plan = self.plan(order)?;
        let mut kept = order.clone();
        self.clean_zone(&mut kept, &plan.resolvers, None).await?;
        // Where nothing is to be asked any more, what stands in a zone is still to be taken out.
        let later = (!kept.dns_record.is_empty()).then(|| Timestamp(self.now().0 + ARI_EVERY_MS));
        let Some(newest) = plan.signed.first() else {
            return Ok(self.note(move |tx| acme_orders::asked(tx, &kept, later, kept.next_attempt_at))?);
        };
        let pair = self.argos.view(|view| certificates::pair(&view.read, newest.id))?;
        let wire = self.wire(order, &plan)?;
        let account = self.account(&wire, order, &plan).await?;
        let now = self.now();
        let Some((start, end, again)) = acme::renewal_window(&account, &pair.cert_pem).await? else {
            return Ok(self.note(move |tx| acme_orders::asked(tx, &kept, later, kept.next_attempt_at))?);
        };
        let again = i64::try_from(again.as_millis()).unwrap_or(i64::MAX);
        let again = Timestamp(now.0 + again.clamp(ARI_EVERY_MS, ARI_AT_LEAST_EVERY_MS));
        let moment = acme::within(start, end, &newest.fingerprint_sha256);
        let next = moment.max(not_before(newest.created_at, newest.not_after)).min(newest.not_after).max(now);
        self.change(StoreWindow { id: newest.id, start, end })?;
        Ok(self.note(move |tx| acme_orders::asked(tx, &kept, Some(again), next))?)
    }
}
