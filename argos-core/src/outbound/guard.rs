//! Which addresses may be called. What was checked is what is connected to: a name is resolved once.

use std::error::Error as StdError;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::{Host, Url};

use super::{Cause, Fault, Refusal};
use crate::schema::{carried, is_public};

/// Which addresses may be reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Whether addresses that are not public may be reached. Where Argos itself listens, and where clouds tell their
    /// machines secrets, may never be.
    pub private: bool,
    /// Where Argos itself listens.
    pub own: OwnListeners,
}

/// Where Argos itself listens. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct OwnListeners(Arc<RwLock<Vec<SocketAddr>>>);

impl Reach {
    /// The addresses of the server `host` that is no server of the web, such as one of mail: looked up once, and each of
    /// them may be reached. What is connected to is one of these.
    ///
    /// # Errors
    /// Why not.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        let fault = |Refusal { cause, why, .. }| Fault { at: format!("{host}:{port}"), why, cause };
        let guard = self.guard(port);
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let found = guard.world.look_up(name).await;
        let unknown =
            |e| Refusal::new(Cause::Unreachable, "can't be looked up").saying(format!("can't be looked up: {e}"));
        let found = found.map_err(|e| fault(unknown(e)))?;
        if found.is_empty() {
            return Err(fault(Refusal::new(Cause::Unreachable, "has no address")));
        }
        guard.check(&found).map_err(fault)?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Refuses an address of a server that is no server of the web, as [`Reach::addresses`] would.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, ip: IpAddr, port: u16) -> Result<(), Fault> {
        let fault = |Refusal { cause, why, .. }| Fault { at: SocketAddr::new(ip, port).to_string(), why, cause };
        self.guard(port).check(&[ip]).map_err(fault)
    }

    fn guard(&self, port: u16) -> Guard {
        Guard { reach: self.clone(), port, only_loopback: false, world: Arc::new(Real) }
    }
}

impl OwnListeners {
    /// Adds where something of Argos listens from now on.
    pub fn add(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).extend(addresses);
    }

    /// Takes out, once each, where nothing listens any more.
    pub fn remove(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            if let Some(at) = all.iter().position(|own| *own == address) {
                all.swap_remove(at);
            }
        }
    }

    /// Whether a connection to `ip` and `port` would end at Argos. A listener at the unspecified address is at every
    /// address of this machine.
    fn has(&self, ip: IpAddr, port: u16) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut at_port = all.iter().filter(|own| own.port() == port).map(|own| own.ip().to_canonical());
        at_port.any(|own| own == ip || own.is_unspecified() && is_of_this_machine(ip))
    }
}

/// Whether `ip` is an address of this machine: then, and only then, a socket can be bound to it. Where a machine may bind
/// to addresses that it has not, as those that take over for each other may, the system is asked which way it would go.
fn is_of_this_machine(ip: IpAddr) -> bool {
    let may_bind = |ip: IpAddr| UdpSocket::bind((ip, 0)).is_ok();
    // Nobody has these: they are for documentation.
    let nobodys: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::new(192, 0, 2, 1).into(),
        IpAddr::V6(_) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    if ip.is_loopback() || !may_bind(nobodys) {
        return ip.is_loopback() || may_bind(ip);
    }
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // Nothing is sent by this; to an address of its own a machine goes from that same address.
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == ip)
}

/// Where clouds tell a machine its secrets: nothing ever goes there.
const METADATA: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254))];

/// What names mean, and which addresses are public: the system's answer and the registries', but in tests.
pub(super) trait World: Send + Sync {
    fn look_up(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
    fn is_public(&self, ip: IpAddr) -> bool;
}

/// The world as it is.
pub(super) struct Real;

impl World for Real {
    fn look_up(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
    }

    fn is_public(&self, ip: IpAddr) -> bool {
        is_public(ip)
    }
}

/// Checks the way to one port.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) reach: Reach,
    pub(super) port: u16,
    /// Whether only this machine may be reached.
    pub(super) only_loopback: bool,
    pub(super) world: Arc<dyn World>,
}

impl Guard {
    /// Refuses a URL whose host is an address that may not be reached. Names are judged when they are resolved.
    pub(super) fn check_host(&self, url: &Url) -> Result<(), Refusal> {
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check(&[ip.into()]),
            Some(Host::Ipv6(ip)) => self.check(&[ip.into()]),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Refusal::new(Cause::Refused, "has no host")),
        }
    }

    /// Refuses all when one may not be reached: whoever answers for a name chooses which of them is taken.
    fn check(&self, found: &[IpAddr]) -> Result<(), Refusal> {
        found.iter().try_for_each(|ip| self.check_one(*ip))
    }

    fn check_one(&self, ip: IpAddr) -> Result<(), Refusal> {
        let refused = |cause, bare: &'static str, why: &str| {
            Err(Refusal::new(cause, bare).saying(format!("lies at {ip}, {why}")))
        };
        // The address, and those of IPv4 that it carries, to which a gateway or the system itself may lead.
        let real = ip.to_canonical();
        let ways = || std::iter::once(real).chain(carried(ip).map(IpAddr::V4));
        if ways().any(|ip| METADATA.contains(&ip)) {
            return refused(Cause::Refused, "lies where clouds keep secrets", "where clouds keep secrets");
        }
        if ways().any(is_nobodys) {
            let bare = "lies at what is no address of a server";
            return refused(Cause::Refused, bare, "which is no address of a server");
        }
        if ways().any(|ip| self.reach.own.has(ip, self.port)) {
            let why = format!("where Argos itself listens on port {}", self.port);
            return refused(Cause::Refused, "lies where Argos itself listens", &why);
        }
        if self.only_loopback && !real.is_loopback() {
            let bare = "is another machine, and plain http is allowed to this machine only";
            return refused(Cause::Refused, bare, "and plain http is allowed to this machine only");
        }
        if !self.reach.private && !self.world.is_public(ip) {
            let bare = "lies at an address that is not public";
            return refused(Cause::NotPublic, bare, "which is not a public address");
        }
        Ok(())
    }
}

impl Service<Name> for Guard {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.world.look_up(name.as_str().to_owned()).await?;
            guard.check(&found)?;
            Ok(found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect::<Vec<_>>().into_iter())
        })
    }
}

/// Whether `ip` stands for no server: for none, or for many.
fn is_nobodys(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    }
}
