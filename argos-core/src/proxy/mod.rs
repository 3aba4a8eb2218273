//! Traffic: from the bytes of a client connection to an upstream and back. Read `pipeline` first.
//!
//! Each core has a thread of its own with its own listening sockets, upstream connections, buffers and log batch.
//! Between cores only the snapshot pointer, a few counters and the log queue are shared.
//!
//! ```no_run
//! # use std::{sync::Arc, time::Duration};
//! # use argos_core::{clock::Clock, logs::Queue, proxy::{Proxy, ServeOptions}, snapshot::Snapshot};
//! let live = Arc::new(arc_swap::ArcSwap::from_pointee(Snapshot::default()));
//! let logs = Arc::new(Queue::new(|| ()));
//! let options = ServeOptions { http: vec!["[::]:8080".parse().unwrap()], ..ServeOptions::default() };
//! let mut proxy = Proxy::start(options, live, logs, Clock::system())?;
//! println!("{:?}", proxy.addresses());
//! proxy.stop(Duration::from_secs(30));
//! # Ok::<(), argos_core::error::Error>(())
//! ```

mod amend;
mod budget;
mod buffer;
pub(crate) mod client;
mod compress;
mod cookies;
pub(crate) mod core;
pub(crate) mod exchange;
pub(crate) mod forward;
mod framed;
pub mod gate;
pub(crate) mod h1;
mod h2;
mod h3;
pub mod limit;
mod listener;
mod meter;
mod pace;
mod page;
pub(crate) mod path;
mod pipeline;
mod pool;
mod proxy_protocol;
mod pulse;
mod quic;
pub(crate) mod stage;
pub(crate) mod stop;
pub(crate) mod stream;
mod timer;
mod tls;
mod tunnel;
pub(crate) mod upstreams;
pub(crate) mod walk;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::LocalOptions;
use tokio::sync::oneshot;

pub use self::client::client_of;
use self::core::{Core, Shared};
pub use self::forward::PANEL_CLIENT;
use self::gate::Gate;
use self::limit::Quotas;
use self::listener::{Door, Open, Sources};
pub use self::pulse::Pulse;
use self::timer::TICK;
use self::tls::Terms;
pub use self::tls::panel_terms;
pub use self::upstreams::Upstreams;
use crate::certs::acme::Challenges;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::logs::Queue;
use crate::notify::Lookout;
use crate::secret::Secret;
use crate::snapshot::Snapshot;
use crate::waf::AuditLog;
use crate::waf::flagged::Flagged;

/// Where and with how many threads to serve.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Addresses for plain HTTP. Port 0 picks one; [`Proxy::addresses`] tells which.
    pub http: Vec<SocketAddr>,
    /// Addresses for TLS.
    pub https: Vec<SocketAddr>,
    /// UDP addresses for HTTP/3; none = those for TLS, but for the ones that begin with a PROXY protocol header.
    pub h3: Option<Vec<SocketAddr>>,
    /// Those of both at which every connection must begin with a PROXY protocol header.
    pub proxy_protocol: Vec<SocketAddr>,
    /// Sockets that listen already, such as a service manager passes on; each serves in place of the one that would be
    /// bound to its address.
    pub inherited: Arc<[TcpListener]>,
    /// The same for HTTP/3. Each is served by one thread.
    pub inherited_udp: Arc<[UdpSocket]>,
    /// Threads; 0 = one per core.
    pub threads: usize,
    /// Where inspected requests are written, beside the log's rows.
    pub audit_log: Option<Arc<AuditLog>>,
    /// Where requests are kept that rules had something to say about.
    pub flagged: Arc<Flagged>,
    /// The gate before protected hosts; without one nobody is signed in.
    pub gate: Option<Gate>,
    /// What proves to the panel that a request comes from here.
    pub panel_proof: Option<Secret<String>>,
    /// What proofs of names are answered with.
    pub challenges: Arc<Challenges>,
    /// What is known of targets; it outlives the proxy.
    pub upstreams: Arc<Upstreams>,
    /// What clients have left, where hosts limit their requests; it outlives the proxy, too.
    pub quotas: Arc<Quotas>,
    /// What is made of what many requests show; it outlives the proxy, too.
    pub lookout: Arc<Lookout>,
    /// Name servers that are asked for the addresses of upstreams; none = those of the system.
    pub resolvers: Arc<[SocketAddr]>,
}

/// A running proxy. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    secure: Vec<SocketAddr>,
    h3: Vec<SocketAddr>,
    threads: Vec<Worker>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Worker {
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

impl Proxy {
    /// Binds every address and begins to serve what `live` holds; rows go to `logs`.
    ///
    /// # Errors
    /// `proxy.bind` when an address can't be listened on; `internal` when a thread can't be started.
    pub fn start(
        options: ServeOptions,
        live: Arc<ArcSwap<Snapshot>>,
        logs: Arc<Queue>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let count = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let mut sockets: Vec<Vec<Door>> = (0..count).map(|_| Vec::new()).collect();
        let (mut addresses, mut secure) = (Vec::new(), Vec::new());
        let terms = match options.https.is_empty() {
            true => None,
            false => Some(Arc::new(Terms::new(Arc::clone(&live), Arc::clone(&options.challenges), &clock)?)),
        };
        let plain = options.http.iter().map(|address| (*address, None));
        let mut sources = Sources::new(&options.inherited);
        for (wanted, terms) in plain.chain(options.https.iter().map(|address| (*address, terms.clone()))) {
            // The first socket picks the port, and the family, for all.
            let mut address = wanted;
            for (i, sockets) in sockets.iter_mut().enumerate() {
                let failed = |e| Error::new(ErrorKind::Unavailable, "proxy.bind", format!("listen on {wanted}: {e}"));
                let socket = sources.socket(address, i == 0).map_err(failed)?;
                if i == 0 {
                    address = socket.local_addr().map_err(failed)?;
                    if terms.is_some() { &mut secure } else { &mut addresses }.push(address);
                }
                let announced = options.proxy_protocol.contains(&wanted);
                sockets.push(Door { socket, terms: terms.clone(), announced });
            }
        }
        sources.warn();
        let (h3, mut quic) = match &terms {
            Some(terms) => bind_quic(&options, &secure, count, terms)?,
            None => (Vec::new(), Vec::new()),
        };
        quic.resize_with(count, Vec::new);
        let mut shared = Shared::default();
        shared.audit_log = options.audit_log;
        shared.flagged = options.flagged;
        shared.challenges = options.challenges;
        shared.upstreams = options.upstreams;
        shared.quotas = options.quotas;
        shared.lookout = options.lookout;
        shared.resolvers = options.resolvers;
        shared.cores = count;
        shared.pulse = Arc::new(Pulse::new(count));
        shared.https_port = secure.first().map(SocketAddr::port);
        shared.upstreams.serves_https_at(shared.https_port);
        shared.h3_port = h3.first().map(SocketAddr::port);
        if let Some(gate) = &options.gate {
            let ports = |of: &[SocketAddr]| of.iter().map(SocketAddr::port).collect();
            gate.tickets.serves_at(ports(&secure), ports(&addresses));
        }
        shared.gate = options.gate;
        shared.panel_proof = options.panel_proof;
        let shared = Arc::new(shared);
        let mut proxy = Self { addresses, secure, h3, threads: Vec::new(), shared };
        for (i, sockets) in sockets.into_iter().zip(quic).enumerate() {
            let (stop, stopped) = oneshot::channel();
            let (live, logs, clock) = (Arc::clone(&live), Arc::clone(&logs), clock.clone());
            let shared = Arc::clone(&proxy.shared);
            let work = move || run(sockets, stopped, move || Core::new(i, live, logs, clock, shared));
            let thread = std::thread::Builder::new().name(format!("argos-proxy-{i}")).spawn(work);
            let thread = thread.map_err(|e| Error::internal(format!("start a proxy thread: {e}")))?;
            proxy.threads.push(Worker { stop, thread });
        }
        Ok(proxy)
    }

    /// The addresses of plain HTTP, in the order of the options.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of TLS, in the order of the options.
    #[must_use]
    pub fn secure_addresses(&self) -> &[SocketAddr] {
        &self.secure
    }

    /// The UDP addresses of HTTP/3.
    #[must_use]
    pub fn h3_addresses(&self) -> &[SocketAddr] {
        &self.h3
    }

    /// What tells whether all threads go on.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.shared.pulse)
    }

    /// Client connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Stops: accepts no more, closes idle connections at once, lets requests in flight finish within `grace`, then
    /// cuts them. Returns when every thread has ended and every row was offered.
    pub fn stop(&mut self, grace: Duration) {
        let (stops, threads): (Vec<_>, Vec<_>) = self.threads.drain(..).map(|w| (w.stop, w.thread)).unzip();
        for stop in stops {
            // A thread that is gone already has nobody to tell.
            let _ = stop.send(grace);
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a proxy thread panicked");
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// The sockets of HTTP/3, those of each core together, and where they are bound.
fn bind_quic(
    options: &ServeOptions,
    secure: &[SocketAddr],
    cores: usize,
    terms: &Arc<Terms>,
) -> Result<(Vec<SocketAddr>, Vec<Vec<quic::Door>>), Error> {
    let announced = |wanted: &SocketAddr| options.proxy_protocol.contains(wanted);
    let beside = || options.https.iter().zip(secure).filter(|(wanted, _)| !announced(wanted));
    let wanted: Vec<(SocketAddr, bool)> = match &options.h3 {
        Some(addresses) => addresses.iter().map(|address| (*address, false)).collect(),
        // A port that nobody chose may be taken over UDP; another one does as well.
        None => beside().map(|(wanted, bound)| (*bound, wanted.port() == 0)).collect(),
    };
    let mut doors: Vec<Vec<quic::Door>> = (0..cores).map(|_| Vec::new()).collect();
    let mut bound = Vec::new();
    for (address, any_port) in wanted {
        let same = |socket: &&UdpSocket| socket.local_addr().is_ok_and(|own| own == address);
        let of_address = match options.inherited_udp.iter().find(same) {
            Some(socket) => quic::inherit(socket, terms).map(|door| vec![door]),
            None => match quic::bind(address, cores, terms) {
                Err(e) if any_port && e.kind() == std::io::ErrorKind::AddrInUse => {
                    quic::bind(SocketAddr::new(address.ip(), 0), cores, terms)
                }
                bound => bound,
            },
        };
        let of_address = match of_address {
            // Nobody asked for it by name, and what was passed on may be all that this process may bind.
            Err(e) if options.h3.is_none() && !options.inherited.is_empty() => {
                tracing::warn!("no HTTP/3 at {address}: {e}");
                continue;
            }
            bound => bound.map_err(|e| {
                Error::new(ErrorKind::Unavailable, "proxy.bind", format!("listen on {address} for HTTP/3: {e}"))
            })?,
        };
        bound.extend(of_address.first().and_then(|door| door.address().ok()));
        for (doors, door) in doors.iter_mut().zip(of_address) {
            doors.push(door);
        }
    }
    Ok((bound, doors))
}

/// Threads beside each core's own, for work that would hold up its requests.
const ASIDE: usize = 4;

/// One core, from its first connection to its last row.
fn run(sockets: (Vec<Door>, Vec<quic::Door>), stopped: oneshot::Receiver<Duration>, core: impl FnOnce() -> Rc<Core>) {
    // The threads aside look up names and inspect large bodies; what waits for them is bounded by the held bodies.
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().max_blocking_threads(ASIDE).build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(e) => return tracing::error!(error = %e, "a proxy thread has no runtime"),
    };
    let core = core();
    runtime.block_on(serve(Rc::clone(&core), sockets, stopped));
    // Requests that are cut here still write their rows.
    drop(runtime);
    core.flush();
    core.look();
    core.shared.upstreams.tell_all();
}

async fn serve(core: Rc<Core>, sockets: (Vec<Door>, Vec<quic::Door>), stopped: oneshot::Receiver<Duration>) {
    let open = Rc::new(Open::default());
    let fd_limit = listener::connection_limit();
    let (tcp, udp) = sockets;
    let accepting: Vec<_> = tcp
        .into_iter()
        .map(|s| tokio::task::spawn_local(listener::accept(Rc::clone(&core), Rc::clone(&open), s, fd_limit)))
        .collect();
    let listening: Vec<_> = udp
        .into_iter()
        .map(|s| tokio::task::spawn_local(quic::accept(Rc::clone(&core), Rc::clone(&open), s, fd_limit)))
        .collect();
    tokio::task::spawn_local(tick(Rc::clone(&core)));
    let checks = tokio::task::spawn_local(upstreams::watch(Rc::clone(&core)));
    let grace = stopped.await.unwrap_or(Duration::ZERO);
    open.stopping.set(true);
    open.stop.notify_waiters();
    for task in accepting {
        let _ = task.await;
    }
    let mut endpoints = Vec::with_capacity(listening.len());
    for task in listening {
        endpoints.extend(task.await.ok().flatten());
    }
    checks.abort();
    core.stopping.set(true);
    core.timers.wake_all();
    let all_ended = async {
        while open.count.get() > 0 {
            open.ended.notified().await;
        }
    };
    let _ = tokio::time::timeout(grace, all_ended).await;
    for endpoint in &endpoints {
        quic::farewell(endpoint).await;
    }
}

/// Looks at deadlines, hands the log's batch over, closes upstream connections that idled too long.
async fn tick(core: Rc<Core>) {
    const FLUSH_TICKS: u32 = 7;
    const EXPIRE_TICKS: u32 = 40;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut n = 0u32;
    loop {
        ticks.tick().await;
        core.timers.tick();
        core.shared.pulse.beat(core.number);
        core.shared.upstreams.tell_all();
        n = n.wrapping_add(1);
        let flushes = n.is_multiple_of(FLUSH_TICKS);
        if flushes {
            core.flush();
        }
        if flushes || core.has_seen_much() {
            core.look();
        }
        if n.is_multiple_of(EXPIRE_TICKS) {
            let limit = core.live().proxy.upstream_idle_timeout;
            core.pool.expire(&core.names, limit);
            core.names.renew();
        }
    }
}
