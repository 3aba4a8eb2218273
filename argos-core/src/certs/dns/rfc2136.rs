//! A name server that takes updates signed with a shared key. Source: RFC 2136 and RFC 8945.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode, UpdateMessage as _};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::{TsigAlgorithm as Algorithm, TsigError};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, TSigner};

use tokio::time::timeout;

use super::exchange::{self, Question};
use super::look::{apex, ask, parse, shown};
use super::{DnsFault, Look};
use crate::error::{Error, Result};
use crate::schema::{DnsConfig, TsigAlgorithm};

/// Seconds for which resolvers may keep a record.
pub(super) const TTL: u32 = 60;
/// Seconds that the clocks may differ by. Source: RFC 8945 §10.
const FUDGE: u16 = 300;
/// Time to the address of the server.
const TO_ADDRESS: Duration = Duration::from_secs(10);

/// A server, the key it knows, and the zone it is asked to change.
#[derive(Clone)]
pub(super) struct Server {
    host: String,
    port: u16,
    zone: Option<Name>,
    key: TSigner,
}

impl Server {
    pub(super) fn new(config: &DnsConfig) -> Result<Self> {
        let (host, port) = config.server()?;
        let name = |field: &str, text: &str| {
            parse(text).map_err(|e| Error::invalid("dns_provider.config", field, e.to_string()).under("config"))
        };
        let zone = config.zone.as_deref().filter(|z| !z.is_empty()).map(|z| name("zone", z)).transpose()?;
        let key_name = name("tsig_name", config.tsig_name.as_deref().unwrap_or_default())?;
        let algorithm = match config.tsig_algorithm.unwrap_or(TsigAlgorithm::HmacSha256) {
            TsigAlgorithm::HmacSha256 => Algorithm::HmacSha256,
            TsigAlgorithm::HmacSha384 => Algorithm::HmacSha384,
            TsigAlgorithm::HmacSha512 => Algorithm::HmacSha512,
        };
        let secret = config.tsig_secret.as_ref().map(|s| STANDARD.decode(s.expose().trim())).transpose();
        let secret = secret.ok().flatten().unwrap_or_default();
        let refused = |e: &dyn std::fmt::Display| {
            Error::invalid("dns_provider.config", "config.tsig_algorithm", format!("this key can't be used: {e}"))
        };
        let key = TSigner::new(secret, algorithm, key_name, FUDGE).map_err(|e| refused(&e))?;
        Ok(Self { host, port, zone, key })
    }

    /// Adds a value to the TXT records of `name`.
    pub(super) async fn add(&self, look: &Look, name: &Name, value: &str) -> Result<(), DnsFault> {
        self.update(look, record(name, value, DNSClass::IN, TTL)).await
    }

    /// Removes one value of the TXT records of `name`.
    pub(super) async fn remove(&self, look: &Look, name: &Name, value: &str) -> Result<(), DnsFault> {
        // Class NONE and no time to live: this record of the set. Source: RFC 2136 §2.5.4.
        self.update(look, record(name, value, DNSClass::NONE, 0)).await
    }

    /// Where the server is: of several addresses, the first that answers.
    pub(super) async fn address(&self) -> Result<SocketAddr, DnsFault> {
        let lookup = |reason: String| DnsFault::Lookup { name: self.host.clone(), reason };
        let found = timeout(TO_ADDRESS, tokio::net::lookup_host((self.host.as_str(), self.port))).await;
        let found = found.map_err(|_| lookup("the system does not answer".into()))?;
        let found: Vec<SocketAddr> = found.map_err(|e| lookup(e.to_string()))?.collect();
        if let [only] = found[..] {
            return Ok(only);
        }
        let mut fault = lookup("it has no address".into());
        for at in found {
            match ask(at, &Name::root(), RecordType::SOA).await {
                Ok(_) => return Ok(at),
                Err(silent) => fault = silent,
            }
        }
        Err(fault)
    }

    async fn update(&self, look: &Look, record: Record) -> Result<(), DnsFault> {
        let server = self.address().await?;
        let zone = self.zone_of(server, &record.name).await?;
        let now = u64::try_from(look.clock.now().0 / 1000).unwrap_or_default();
        let mut verifier = None;
        let answer = exchange::ask(server, || {
            let mut message = Message::new(exchange::question_id(), MessageType::Query, OpCode::Update);
            let mut asked = Query::query(zone.clone(), RecordType::SOA);
            asked.set_query_class(DNSClass::IN);
            message.add_zone(asked);
            message.add_update(record.clone());
            verifier = message.finalize(&self.key, now).map_err(|e| DnsFault::Refused {
                by: self.shown(server),
                reason: format!("the update can't be signed: {e}"),
            })?;
            Question::of(&message)
        })
        .await?;
        let code = answer.message.response_code;
        let signed = verifier.as_mut().is_some_and(|v| v.verify(&answer.bytes).is_ok());
        if code != ResponseCode::NoError {
            let (by, reason) = (self.shown(server), self.refusal(&answer.message, &zone, now));
            // Who knows no key may be anybody, and a server in trouble does not know itself what it has done.
            let sure = signed && code != ResponseCode::ServFail;
            return Err(if sure { DnsFault::Refused { by, reason } } else { DnsFault::Unsure { by, reason } });
        }
        if signed {
            return Ok(());
        }
        let reason = format!("its answer is not signed with the key {}, so it may be anybody's", self.key_name());
        Err(DnsFault::Silent { by: self.shown(server), reason })
    }

    /// The zone that is asked to change: the one that is given, or the one of the server's that holds `name`.
    async fn zone_of(&self, server: SocketAddr, name: &Name) -> Result<Name, DnsFault> {
        if let Some(zone) = &self.zone {
            if zone.zone_of(name) {
                return Ok(zone.clone());
            }
            let reason = format!("is not in the zone {} of the DNS provider", shown(zone));
            return Err(DnsFault::Zone { name: shown(name), reason });
        }
        let mut at = name.clone();
        loop {
            let answer = ask(server, &at, RecordType::SOA).await?.message;
            match apex(answer.all_sections(), name) {
                Some(zone) if answer.authoritative => return Ok(zone),
                // Where a wildcard makes the name an alias, the names above it tell.
                None if answer.authoritative && !at.is_root() => at = at.base_name(),
                _ => {
                    let code = told(answer.response_code);
                    let reason = format!("{} has no zone that holds it ({code})", self.shown(server));
                    return Err(DnsFault::Zone { name: shown(name), reason });
                }
            }
        }
    }

    fn refusal(&self, answer: &Message, zone: &Name, now: u64) -> String {
        let (zone, key) = (shown(zone), self.key_name());
        let tsig = answer.signature().map(|record| &record.data);
        match tsig.and_then(|tsig| tsig.error) {
            Some(TsigError::BadKey) => {
                let algorithm = self.key.algorithm().to_name().to_ascii();
                return format!(
                    "it does not know the key {key} with {} (BADKEY): compare tsig_name and tsig_algorithm with what \
                     is configured there",
                    algorithm.trim_end_matches('.')
                );
            }
            Some(TsigError::BadSig) => {
                return format!(
                    "the signature with the key {key} does not hold (BADSIG): tsig_secret is another there"
                );
            }
            Some(TsigError::BadTime) => {
                let there = tsig.filter(|t| t.other.len() == 6).map(|t| {
                    let mut bytes = [0; 8];
                    bytes[2..].copy_from_slice(&t.other);
                    u64::from_be_bytes(bytes)
                });
                let by = there.map_or(String::new(), |there| format!(" by {} s", there.abs_diff(now)));
                return format!(
                    "the clocks differ{by} (BADTIME), and {FUDGE} s are allowed: set the clock that is wrong"
                );
            }
            _ => {}
        }
        match answer.response_code {
            ResponseCode::Refused => format!(
                "it refuses to change the zone {zone} (REFUSED): let the key {key} update TXT records there (BIND: \
                 update-policy; Knot: an acl with action update)"
            ),
            ResponseCode::NotAuth => format!(
                "it may not change the zone {zone} (NOTAUTH): server must be the zone's primary, and know the key {key}"
            ),
            ResponseCode::NotZone => format!("the name is not in the zone {zone} (NOTZONE): correct zone"),
            ResponseCode::NotImp => "it takes no updates (NOTIMP)".into(),
            code => format!("it does not change the zone {zone} ({})", told(code)),
        }
    }

    fn key_name(&self) -> String {
        shown(self.key.signer_name())
    }

    fn shown(&self, server: SocketAddr) -> String {
        if server.ip().to_string() == self.host {
            format!("the name server {server}")
        } else {
            format!("the name server {} ({server})", self.host)
        }
    }
}

/// A code as the DNS calls it.
pub(super) fn told(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".into(),
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NXDomain => "NXDOMAIN".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        ResponseCode::NotAuth => "NOTAUTH".into(),
        ResponseCode::NotZone => "NOTZONE".into(),
        other => format!("code {}", u16::from(other)),
    }
}

fn record(name: &Name, value: &str, class: DNSClass, ttl: u32) -> Record {
    let mut record = Record::from_rdata(name.clone(), ttl, RData::TXT(TXT::new(vec![value.to_owned()])));
    record.dns_class = class;
    record
}
