//! Addresses of upstreams' names on one core, looked up again when the DNS says that they may have changed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolveHosts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::Notify;

use crate::certs::dns::asking;

/// The shortest and the longest time for which an answer is used, whatever it says.
const TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(300);
/// How long the answer of the system is used, which does not say.
const SYSTEM_TTL: Duration = Duration::from_secs(15);
/// How long a failure is believed where nothing is known from before.
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// A name that nobody asked for is forgotten after so long.
const UNUSED: Duration = Duration::from_secs(600);
/// Time to the answer of one name server.
const TO_ANSWER: Duration = Duration::from_secs(3);

/// The names of one core.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Whom to ask; none = whom the system asks.
    resolvers: Arc<[SocketAddr]>,
    known: RefCell<HashMap<Box<str>, Name>>,
}

#[derive(Debug)]
struct Name {
    found: Found,
    until: Instant,
    /// Tells that the look-up under way has ended.
    asking: Option<Rc<Notify>>,
    used: Instant,
}

type Found = Result<Rc<[IpAddr]>, Rc<str>>;

impl Names {
    /// Names that `resolvers` are asked for; without any, those of the system.
    pub(crate) fn new(resolvers: Arc<[SocketAddr]>) -> Rc<Self> {
        Rc::new(Self { resolvers, known: RefCell::default() })
    }

    /// The addresses of `host`, those of IPv4 first. Only where none are known does anybody wait, and all who do wait for
    /// the same answer: while the DNS is away the last one holds.
    pub(crate) async fn addresses(self: &Rc<Self>, host: &str) -> Found {
        loop {
            let asking = {
                let mut known = self.known.borrow_mut();
                let now = Instant::now();
                match known.get_mut(host) {
                    Some(name) => {
                        name.used = now;
                        if name.until > now {
                            return name.found.clone();
                        }
                        let asking = self.ask(host, name);
                        if name.found.is_ok() {
                            return name.found.clone();
                        }
                        asking
                    }
                    None => self.ask(host, known.entry(host.into()).or_insert_with(|| Name::unknown(now))),
                }
            };
            asking.notified().await;
        }
    }

    /// Looks up again what is due and somebody used lately: connections to a name that are kept open would not notice
    /// otherwise that it has moved.
    pub(crate) fn renew(self: &Rc<Self>) {
        let now = Instant::now();
        self.known.borrow_mut().retain(|host, name| {
            let keeps = now.duration_since(name.used) < UNUSED || name.asking.is_some();
            if keeps && name.until <= now && name.found.is_ok() {
                self.ask(host, name);
            }
            keeps
        });
    }

    /// What `host` is known to have, for whoever keeps connections to it and wants to see whether it has moved.
    pub(crate) fn watched(&self, host: &str) -> Option<Rc<[IpAddr]>> {
        let mut known = self.known.borrow_mut();
        let name = known.get_mut(host)?;
        name.used = Instant::now();
        name.found.clone().ok()
    }

    fn ask(self: &Rc<Self>, host: &str, name: &mut Name) -> Rc<Notify> {
        if let Some(asking) = &name.asking {
            return Rc::clone(asking);
        }
        let told = Rc::<Notify>::default();
        name.asking = Some(Rc::clone(&told));
        let (names, host) = (Rc::clone(self), Box::<str>::from(host));
        tokio::task::spawn_local(async move {
            let found = look_up(&names.resolvers, &host).await;
            if let Some(name) = names.known.borrow_mut().get_mut(&host) {
                name.settle(found);
            }
        });
        told
    }
}

impl Name {
    fn unknown(now: Instant) -> Self {
        Self { found: Err("it was not looked up".into()), until: now, asking: None, used: now }
    }

    fn settle(&mut self, found: Result<(Rc<[IpAddr]>, Duration), String>) {
        let now = Instant::now();
        match found {
            Ok((addresses, ttl)) => {
                self.until = now + ttl.clamp(*TTL.start(), *TTL.end());
                self.found = Ok(addresses);
            }
            // What was good is better than nothing while the DNS is away.
            Err(_) if self.found.is_ok() => self.until = now + *TTL.start(),
            Err(text) => {
                self.until = now + FAILURE_TTL;
                self.found = Err(text.into());
            }
        }
        if let Some(told) = self.asking.take() {
            told.notify_waiters();
        }
    }
}

/// Looks `host` up, and for how long the answer is good.
async fn look_up(resolvers: &[SocketAddr], host: &str) -> Result<(Rc<[IpAddr]>, Duration), String> {
    let failed = |why: &dyn std::fmt::Display| format!("look-up of {host}: {why}");
    let asked = async {
        let found = resolver(resolvers)?.lookup_ip(absolute(host)).await?;
        let ttl = found.valid_until().saturating_duration_since(Instant::now());
        Ok::<_, NetError>((in_families(found.iter().collect()), ttl))
    };
    match asked.await {
        Ok((addresses, ttl)) if !addresses.is_empty() => Ok((addresses, ttl)),
        Ok(_) => Err(failed(&"it has no address")),
        Err(e) if !resolvers.is_empty() => Err(failed(&e)),
        // The system may know names that the DNS does not, such as those of a local network.
        Err(e) => match tokio::net::lookup_host((host, 0)).await {
            Ok(found) => Ok((in_families(found.map(|at| at.ip()).collect()), SYSTEM_TTL)),
            Err(_) => Err(failed(&e)),
        },
    }
}

/// A name with a dot in it is whole; the system's search list is for short ones.
fn absolute(host: &str) -> String {
    if host.contains('.') { format!("{host}.") } else { host.to_owned() }
}

/// Addresses in order, those of IPv4 first: where IPv6 leads nowhere, its addresses would each cost the whole time to connect.
fn in_families(mut addresses: Vec<IpAddr>) -> Rc<[IpAddr]> {
    // Servers give the same ones in another order each time, which says nothing.
    addresses.sort_unstable_by_key(|ip| (ip.is_ipv6(), *ip));
    addresses.dedup();
    addresses.into()
}

fn resolver(resolvers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if resolvers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        TokioResolver::builder_with_config(asking(resolvers), TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = TO_ANSWER;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Always;
    // Each name is kept here, with the time for which it is good.
    options.cache_size = 0;
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_order_and_those_of_ipv4_come_first() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mixed = ["::2", "10.0.0.2", "::1", "10.0.0.1"].map(ip).to_vec();
        assert_eq!(*in_families(mixed), ["10.0.0.1", "10.0.0.2", "::1", "::2"].map(ip));
    }

    #[test]
    fn an_answer_is_used_for_five_seconds_to_five_minutes_and_longer_while_the_dns_is_away() {
        let now = Instant::now();
        let mut name = Name::unknown(now);
        let one: Rc<[IpAddr]> = Rc::from(["10.0.0.1".parse().unwrap()]);
        for (ttl, least, most) in [(0, 4, 6), (60, 59, 61), (9999, 299, 301)] {
            name.settle(Ok((Rc::clone(&one), Duration::from_secs(ttl))));
            let left = name.until.duration_since(now);
            assert!(left > Duration::from_secs(least) && left < Duration::from_secs(most), "{ttl}: {left:?}");
        }
        name.settle(Err("no answer".into()));
        assert_eq!(name.found.clone().unwrap(), one);
        let mut unknown = Name::unknown(now);
        unknown.settle(Err("no answer".into()));
        assert_eq!(&*unknown.found.unwrap_err(), "no answer");
    }
}
