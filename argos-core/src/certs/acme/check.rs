//! Why a name can't be signed, before an authority is asked: where it leads, what its CAA records say, who answers
//! there.
//!
//! Some findings are certain: without an address nobody reaches Argos, and an authority obeys CAA. Others are not: a
//! machine behind a router may not reach itself by its public address, though the authority does. Those stop no order,
//! and are told where one fails.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::innermost;
use super::{Challenges, Fault, FaultKind, Proof, Wire};
use crate::certs::dns::{Look, caa_allows};
use crate::clock::{Clock, random};
use crate::outbound::wait_for;
use crate::schema::{CheckResult, Directory, Finding, is_public};

/// Time to an answer of this process to itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time to an answer of the authority: somebody waits for the result.
const AUTHORITY: Duration = Duration::from_secs(10);
/// Addresses of a name that are tried.
const MOST_ADDRESSES: usize = 4;

/// What is looked at.
#[derive(Debug)]
pub struct Check<'a> {
    /// The host's name.
    pub domain: &'a str,
    /// How it is to be proven.
    pub ways: &'a [Proof],
    /// How the authority calls itself in CAA records; empty = it does not say.
    pub issuers: &'a [String],
    /// Whether it signs for the public, so that it comes from outside.
    pub public: bool,
    /// Whether names are looked up as the authority does, not as the network around does.
    pub certain: bool,
}

impl Check<'_> {
    /// Looks, and tries to reach this process through the name.
    pub async fn run(&self, look: &Look, challenges: &Arc<Challenges>) -> Vec<Finding> {
        let mut found = Vec::new();
        found.push(self.caa(look).await);
        // Over DNS nobody has to reach anything.
        if self.ways == [Proof::Dns] {
            return found;
        }
        let addresses = match look.addresses(self.domain).await {
            Ok(addresses) => addresses,
            Err(e) => {
                found.push(Finding::new("address", CheckResult::Warn, format!("could not be looked up: {e}")));
                return found;
            }
        };
        let address = self.address(&addresses);
        let fails = address.result == CheckResult::Fail;
        found.push(address);
        if fails {
            return found;
        }
        for ip in addresses.into_iter().take(MOST_ADDRESSES) {
            if self.ways.contains(&Proof::Http) {
                found.push(self.answers(ip, challenges).await);
            }
            if self.ways.contains(&Proof::TlsAlpn) {
                found.push(reached(ip).await);
            }
        }
        found
    }

    async fn caa(&self, look: &Look) -> Finding {
        let records = match look.caa(self.domain).await {
            Ok(records) => records,
            Err(e) => return Finding::new("caa", CheckResult::Warn, format!("could not be looked up: {e}")),
        };
        let (result, text) = match caa_allows(&records, self.issuers, self.domain.starts_with("*.")) {
            Ok(()) if records.is_empty() => (CheckResult::Ok, "no CAA record: every authority may sign".to_owned()),
            Ok(()) if self.issuers.is_empty() => {
                (CheckResult::Ok, "there are CAA records, and the authority does not say its name in them".to_owned())
            }
            Ok(()) => (CheckResult::Ok, "the CAA records let this authority sign".to_owned()),
            Err(why) => (CheckResult::Fail, why),
        };
        Finding::new("caa", result, text)
    }

    fn address(&self, addresses: &[IpAddr]) -> Finding {
        let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        // A resolver of the network around may know other addresses than the world does.
        let (bad, hint) = match self.certain {
            true => (CheckResult::Fail, ""),
            false => (CheckResult::Warn, " (acme.dns_resolvers may name resolvers that see what the authority sees)"),
        };
        let (result, text) = if addresses.is_empty() {
            (bad, format!("{} has no address: add an A or AAAA record that leads here{hint}", self.domain))
        } else if self.public && !addresses.iter().any(|ip| is_public(*ip)) {
            let all = all.join(", ");
            (bad, format!("leads to {all}, which nobody reaches from outside: a public address is needed{hint}"))
        } else {
            (CheckResult::Ok, format!("leads to {}", all.join(", ")))
        };
        Finding::new("address", result, text)
    }

    /// Asks for a proof that only this process can give.
    async fn answers(&self, ip: IpAddr, challenges: &Arc<Challenges>) -> Finding {
        let (token, key) = (hex::encode(random::<16>()), hex::encode(random::<16>()));
        let _shown = challenges.by_http(&token, &key);
        let (result, text) = match ask(self.domain, ip, &token).await {
            Ok(body) if body == key.as_bytes() => (CheckResult::Ok, format!("{ip} port 80 is Argos")),
            Ok(_) => (CheckResult::Warn, format!("{ip} port 80 is answered by something else than this Argos")),
            Err(why) => (CheckResult::Warn, format!("{ip} port 80 can't be reached from here: {why}")),
        };
        Finding::new("port_80", result, text)
    }
}

/// A check that is asked for by itself.
#[derive(Debug)]
pub struct Precheck {
    /// The host's name.
    pub domain: String,
    /// The authority's directory.
    pub directory_url: String,
    /// What names it: a setting, or a field of the host.
    pub named_by: &'static str,
    /// Further roots that its TLS may be signed by, as PEM.
    pub ca_bundle: String,
    /// How the name is to be proven.
    pub ways: &'static [Proof],
    /// Who is asked for names; empty = the system's.
    pub resolvers: Vec<SocketAddr>,
    /// The time.
    pub clock: Clock,
    /// What proofs are answered with.
    pub challenges: Arc<Challenges>,
}

impl Precheck {
    /// Looks, and waits for the result.
    ///
    /// # Errors
    /// `internal`, when the system gives no thread or runtime.
    pub fn wait(self) -> crate::Result<Vec<Finding>> {
        wait_for(self.run())
    }

    async fn run(self) -> Vec<Finding> {
        let issuers = match Wire::new(&self.directory_url, self.named_by, &self.ca_bundle) {
            Ok(wire) => timeout(AUTHORITY, wire.caa_identities()).await.unwrap_or_else(|_| {
                let text = format!("{} does not answer within {} s", self.directory_url, AUTHORITY.as_secs());
                Err(Fault::new(FaultKind::Silent, text))
            }),
            Err(fault) => Err(fault),
        };
        let issuers = match issuers {
            Ok(issuers) => issuers,
            // Whatever else is found, nothing comes of it.
            Err(fault) => return vec![Finding::new("authority", CheckResult::Fail, fault.to_string())],
        };
        let authority = Finding::new("authority", CheckResult::Ok, format!("{} answers", self.directory_url));
        let check = Check {
            domain: &self.domain,
            ways: self.ways,
            issuers: &issuers,
            public: Directory::parse(&self.directory_url).is_some_and(|directory| directory.is_public()),
            certain: !self.resolvers.is_empty(),
        };
        let mut found = vec![authority];
        found.extend(check.run(&Look::new(&self.resolvers, self.clock), &self.challenges).await);
        found
    }
}

/// A GET of the proof at an address of the name, as an authority makes it. Source: RFC 8555 §8.3.
async fn ask(domain: &str, ip: IpAddr, token: &str) -> Result<Vec<u8>, String> {
    let client = Client::builder()
        .resolve(domain, SocketAddr::new(ip, 80))
        .tls_backend_preconfigured(plain_only()?)
        .no_proxy()
        .redirect(Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|e| e.to_string())?;
    let url = format!("http://{domain}/.well-known/acme-challenge/{token}");
    let mut answer = client.get(url).send().await.map_err(|e| innermost(&e))?;
    let mut body = Vec::new();
    // One's own answer is short: of a stranger's nothing more is wanted.
    while let Some(more) = answer.chunk().await.map_err(|e| innermost(&e))? {
        body.extend_from_slice(&more);
        if body.len() > 256 {
            break;
        }
    }
    Ok(body)
}

/// The client wants a way to speak TLS, which a plain request never takes.
fn plain_only() -> Result<rustls::ClientConfig, String> {
    let config = rustls::ClientConfig::builder_with_provider(crate::certs::provider());
    let config = config.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

async fn reached(ip: IpAddr) -> Finding {
    let (result, text) = match timeout(PATIENCE, TcpStream::connect(SocketAddr::new(ip, 443))).await {
        Ok(Ok(_)) => (CheckResult::Ok, format!("{ip} port 443 is open")),
        Ok(Err(e)) => (CheckResult::Warn, format!("{ip} port 443 can't be reached from here: {e}")),
        Err(_) => (CheckResult::Warn, format!("{ip} port 443 does not answer")),
    };
    Finding::new("port_443", result, text)
}
