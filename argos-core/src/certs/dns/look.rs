//! What the DNS says about a name: addresses, CAA, where `_acme-challenge` leads, who answers for its zone.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};

use super::exchange::{self, Answer, Question};
use super::{CaaRecord, DnsFault};
use crate::clock::{self, Clock};

/// Aliases that are followed from one name.
const HOPS: usize = 8;
/// Time to an answer of a resolver.
const TO_ANSWER: Duration = Duration::from_secs(4);
/// Questions that are asked again.
const AGAIN: usize = 1;
/// The port of name servers.
const PORT: u16 = 53;

/// Whom to ask, and what time it is.
#[derive(Clone, Debug)]
pub struct Look {
    resolvers: Vec<SocketAddr>,
    pub(super) clock: Clock,
    port: u16,
}

impl Look {
    /// Looks names up at `resolvers`; without any, at those of the system.
    #[must_use]
    pub fn new(resolvers: &[SocketAddr], clock: Clock) -> Self {
        Self { resolvers: resolvers.to_vec(), clock, port: PORT }
    }

    /// Asks the servers of zones at another port than 53. For tests, whose servers can't have that one.
    #[doc(hidden)]
    #[must_use]
    pub fn with_servers_at(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// The addresses of `name`, aliases followed. None when it has none or does not exist.
    ///
    /// # Errors
    /// [`DnsFault::Lookup`] when no resolver answers.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsFault> {
        self.addresses_of(&parse(name)?).await
    }

    pub(super) async fn addresses_of(&self, name: &Name) -> Result<Vec<IpAddr>, DnsFault> {
        let resolver = self.resolver(name)?;
        let (v4, v6) = tokio::join!(
            records(&resolver, name, RecordType::A),
            records(&resolver, name, RecordType::AAAA) //
        );
        let mut found = Vec::new();
        let mut fault = None;
        for answer in [v4, v6] {
            match answer {
                Ok(records) => found.extend(records.into_iter().filter_map(|r| r.data.ip_addr())),
                Err(e) => fault = Some(e),
            }
        }
        match fault {
            Some(fault) if found.is_empty() => Err(fault),
            _ => Ok(found),
        }
    }

    /// The CAA records that hold for `name`: its own, or those of the nearest name above it that has any. None when
    /// no name has any: then every authority may issue. Source: RFC 8659 §3.
    ///
    /// # Errors
    /// [`DnsFault::Lookup`] when no resolver answers: an authority would refuse to issue, too.
    pub async fn caa(&self, name: &str) -> Result<Vec<CaaRecord>, DnsFault> {
        let mut at = parse(name.strip_prefix("*.").unwrap_or(name))?;
        let resolver = self.resolver(&at)?;
        while !at.is_root() {
            let found = records(&resolver, &at, RecordType::CAA).await?;
            let found: Vec<CaaRecord> = found.iter().filter_map(|r| CaaRecord::of(&r.data)).collect();
            if !found.is_empty() {
                return Ok(found);
            }
            at = at.base_name();
        }
        Ok(Vec::new())
    }

    /// Where `name` leads: the last of its chain of aliases. An alias that a wildcard gives to every name is not
    /// followed, since nobody wrote it for this name, and a record of its own takes its place. With `server`, that one
    /// is asked first.
    pub(super) async fn follow(&self, name: Name, server: Option<SocketAddr>) -> Result<Name, DnsFault> {
        let mut at = name.clone();
        for _ in 0..HOPS {
            let Some(next) = self.alias(&at, server).await? else { return Ok(at) };
            let beside = at.base_name().prepend_label(format!("_argos-{}", hex::encode(clock::random::<8>())));
            if let Ok(beside) = beside
                && self.alias(&beside, server).await? == Some(next.clone())
            {
                return Ok(at);
            }
            at = next;
        }
        Err(DnsFault::Zone { name: shown(&name), reason: format!("more than {HOPS} aliases (CNAME) in a row") })
    }

    /// What `name` is an alias of.
    async fn alias(&self, name: &Name, server: Option<SocketAddr>) -> Result<Option<Name>, DnsFault> {
        let target = |records: &[Record]| {
            records.iter().find_map(|r| match &r.data {
                RData::CNAME(target) if r.name == *name => Some(target.0.clone()),
                _ => None,
            })
        };
        if let Some(server) = server {
            let answer = ask(server, name, RecordType::CNAME).await?.message;
            if answer.authoritative {
                return Ok(target(&answer.answers));
            }
        }
        match records(&self.resolver(name)?, name, RecordType::CNAME).await {
            Ok(found) => Ok(target(&found)),
            // The server, asked to change the zone, says best why it can't.
            Err(_) if server.is_some() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The zone that holds `name`.
    ///
    /// # Errors
    /// [`DnsFault::Lookup`], [`DnsFault::Zone`].
    pub(super) async fn zone(&self, name: &Name) -> Result<Name, DnsFault> {
        let resolver = self.resolver(name)?;
        let mut at = name.clone();
        while !at.is_root() {
            let found = match resolver.lookup(at.clone(), RecordType::SOA).await {
                Ok(lookup) => apex(lookup.message().all_sections(), &at),
                Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                    none.soa.map(|soa| soa.name.clone()).filter(|apex| apex.zone_of(&at))
                }
                Err(e) => return Err(unanswered(&at, &e)),
            };
            if let Some(zone) = found {
                return Ok(zone);
            }
            at = at.base_name();
        }
        Err(DnsFault::Zone { name: shown(name), reason: "the resolvers know no zone above it".into() })
    }

    /// The name servers of `zone`, each with its addresses.
    ///
    /// # Errors
    /// [`DnsFault::Lookup`], [`DnsFault::Zone`].
    pub(super) async fn servers(&self, zone: &Name) -> Result<Vec<(Name, Vec<SocketAddr>)>, DnsFault> {
        let found = records(&self.resolver(zone)?, zone, RecordType::NS).await?;
        let mut servers = Vec::new();
        for record in found {
            let RData::NS(server) = &record.data else { continue };
            let addresses = self.addresses_of(&server.0).await?;
            if addresses.is_empty() {
                let reason = format!("its zone's name server {} has no address", shown(&server.0));
                return Err(DnsFault::Zone { name: shown(zone), reason });
            }
            servers.push((server.0.clone(), addresses.into_iter().map(|ip| (ip, self.port).into()).collect()));
        }
        if servers.is_empty() {
            return Err(DnsFault::Zone { name: shown(zone), reason: "the zone names no name servers (NS)".into() });
        }
        Ok(servers)
    }

    fn resolver(&self, name: &Name) -> Result<TokioResolver, DnsFault> {
        let fault = |e: NetError| DnsFault::Lookup { name: shown(name), reason: e.to_string() };
        let mut builder = if self.resolvers.is_empty() {
            TokioResolver::builder_tokio().map_err(fault)?
        } else {
            TokioResolver::builder_with_config(asking(&self.resolvers), TokioRuntimeProvider::default())
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.timeout = TO_ANSWER;
        options.attempts = AGAIN;
        options.try_tcp_on_error = true;
        options.use_hosts_file = ResolveHosts::Never;
        // What stood there a moment ago is what propagation waits to see gone.
        options.cache_size = 0;
        builder.build().map_err(fault)
    }
}

/// Asks these servers and no others, over UDP and TCP.
pub(crate) fn asking(servers: &[SocketAddr]) -> ResolverConfig {
    let servers = servers.iter().map(|at| {
        let connection = |protocol| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = at.port();
            connection
        };
        let ways = vec![connection(ProtocolConfig::Udp), connection(ProtocolConfig::Tcp)];
        NameServerConfig::new(at.ip(), true, ways)
    });
    ResolverConfig::from_parts(None, Vec::new(), servers.collect())
}

/// Asks one server, without recursion.
pub(super) async fn ask(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Answer, DnsFault> {
    exchange::ask(server, || {
        let mut message = Message::new(exchange::question_id(), MessageType::Query, OpCode::Query);
        message.add_query(Query::query(name.clone(), kind));
        Question::of(&message)
    })
    .await
}

/// The apex above `name` that a start of authority tells.
pub(super) fn apex<'a>(records: impl Iterator<Item = &'a Record>, name: &Name) -> Option<Name> {
    records.filter(|r| r.record_type() == RecordType::SOA && r.name.zone_of(name)).map(|r| r.name.clone()).next()
}

/// A name as people write it: without the dot at its end.
pub(super) fn shown(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

/// Parses a name of the DNS.
///
/// # Errors
/// [`DnsFault::Zone`].
pub(super) fn parse(text: &str) -> Result<Name, DnsFault> {
    let parsed = Name::from_ascii(text).map(|mut name| {
        name.set_fqdn(true);
        name
    });
    parsed.map_err(|e| DnsFault::Zone { name: text.to_owned(), reason: format!("is not a name of the DNS: {e}") })
}

/// Records of `name`, aliases followed; none when there are none.
async fn records(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Result<Vec<Record>, DnsFault> {
    match resolver.lookup(name.clone(), kind).await {
        Ok(lookup) => Ok(lookup.answers().iter().filter(|r| r.record_type() == kind).cloned().collect()),
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => Ok(Vec::new()),
        Err(NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain))) => Ok(Vec::new()),
        Err(e) => Err(unanswered(name, &e)),
    }
}

fn unanswered(name: &Name, e: &NetError) -> DnsFault {
    let reason = match e {
        NetError::Timeout => "no resolver answers in time".into(),
        NetError::NoConnections => "no resolver can be reached".into(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the resolver answers {code}"),
        other => other.to_string(),
    };
    DnsFault::Lookup { name: shown(name), reason }
}
