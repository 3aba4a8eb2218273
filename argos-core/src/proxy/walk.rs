//! A request that takes the way of the pipeline without a connection: the same parser and the same stages say where it
//! would go. Nothing is counted, sent or recorded.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::core::{Core, Shared};
use super::exchange::Exchange;
use super::h1::field::LineScan;
use super::h1::head::{Limits, arrived};
use super::limit::{Quotas, Standing};
use super::stage::{admit, balance, decide, limit, route};
use super::stop::Stop;
use super::stream::Stream;
use super::tls::Secured;
use super::upstreams::{Looked, Upstreams};
use crate::auth::{Session, Sessions};
use crate::clock::Clock;
use crate::logs::Queue;
use crate::schema::{GroupId, RuleId};
use crate::snapshot::{Group, Host, Snapshot};

/// What a walk needs of the running Argos.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    pub(crate) live: Arc<Snapshot>,
    pub(crate) clock: Clock,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) sessions: Arc<Sessions>,
}

/// A request before it is parsed.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The head as a client of HTTP/1.1 would send it.
    pub(crate) head: Vec<u8>,
    pub(crate) client: IpAddr,
    /// The address that the client reached.
    pub(crate) local: SocketAddr,
    /// The name that it shook hands for; none = plain HTTP.
    pub(crate) sni: Option<Box<str>>,
}

/// A request on its way.
pub(crate) struct Walk {
    pub(crate) ex: Exchange,
    core: Rc<Core>,
    live: Arc<Snapshot>,
    sessions: Arc<Sessions>,
}

/// What the rules of a host make of it.
pub(crate) struct Ruled {
    /// Each rule that was tried, and which matcher did not hold.
    pub(crate) tried: Vec<(RuleId, Option<usize>)>,
    pub(crate) captures: Vec<Vec<u8>>,
    pub(crate) end: Result<GroupId, Stop>,
}

impl Walk {
    /// A request whose head was parsed as any other, or why it is refused.
    pub(crate) fn begin(ground: &Ground, sent: Sent) -> (Self, Result<(), Stop>) {
        let mut shared = Shared::default();
        shared.upstreams = Arc::clone(&ground.upstreams);
        shared.quotas = Arc::clone(&ground.quotas);
        shared.https_port = ground.upstreams.https_port();
        let swap = Arc::new(ArcSwap::from(Arc::clone(&ground.live)));
        let core = Core::new(0, swap, Arc::new(Queue::new(|| ())), ground.clock.clone(), Arc::new(shared));
        let peer = SocketAddr::new(sent.client, 0);
        let mut ex = Exchange::new(Rc::clone(&core), Stream::Gone, peer, sent.local);
        ex.secured = sent.sni.map(|name| {
            let meant = ground.live.meant(Some(&name), sent.local.ip());
            let clients = meant.and_then(|host| host.tls.clients.clone());
            Rc::new(Secured { version: "TLSv1.3", name: Some(name), clients, shown: None })
        });
        ex.input = sent.head;
        let mut walk = Self { ex, core, live: Arc::clone(&ground.live), sessions: Arc::clone(&ground.sessions) };
        let parsed = walk.parse();
        (walk, parsed)
    }

    fn parse(&mut self) -> Result<(), Stop> {
        let ex = &mut self.ex;
        let proxy = &self.live.proxy;
        let limits = Limits { head: proxy.max_header_bytes, fields: proxy.max_headers, uri: proxy.max_uri_bytes };
        let mut scan = LineScan::default();
        let live = self.core.live();
        let end = match arrived(&mut scan, &ex.input, limits) {
            Ok(end) => end.unwrap_or(ex.input.len()),
            Err(refusal) => return Err(Stop::Refused(refusal)),
        };
        ex.begin(&live);
        let line = scan.first.unwrap_or(end);
        ex.head.parse(&ex.input[..end], line, limits).map_err(Stop::Refused)?;
        ex.expect_body();
        ex.read_head(&self.live)
    }

    /// The host that answers.
    pub(crate) fn route(&mut self) -> Result<Arc<Host>, Stop> {
        let live = Arc::clone(&self.live);
        let id = route::host(&mut self.ex, &live)?.id;
        let found = live.names.get(&id).and_then(|name| live.hosts.get(name));
        found.map(Arc::clone).ok_or(Stop::UnknownHost)
    }

    /// What the client has left.
    pub(crate) fn limit(&self, host: &Host) -> Option<Standing> {
        limit::look(&self.ex, &self.core, host)
    }

    /// Who it is of, where the host wants a sign-in, or how the gate ends it.
    pub(crate) fn gate(&self, host: &Host) -> Result<Option<Arc<Session>>, Stop> {
        admit::look(&self.ex, &self.live, &self.sessions, host)
    }

    /// What the host's rules decide.
    pub(crate) fn rules(&mut self, host: &Host) -> Ruled {
        let mut tried = Vec::new();
        let mut captures = Vec::new();
        let end = decide::tried(&mut self.ex, host, |one| {
            tried.push((one.rule.id, one.failed));
            if one.failed.is_none() {
                captures = one.captures.all().map(<[u8]>::to_vec).collect();
            }
        });
        Ruled { tried, captures, end }
    }

    /// How a target of `group` would be chosen.
    pub(crate) fn target(&self, group: GroupId) -> Option<(Arc<Group>, Looked)> {
        let group = self.live.groups.get(&group)?;
        Some((Arc::clone(group), balance::look(&self.ex, &self.core, &self.live, group)))
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // Nobody asked, so that nobody hears of it.
        self.ex.facts.open = false;
    }
}
