//! Running: the proxy's threads and the way of log rows to the store.

use std::fmt;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use rusqlite::Connection;
use url::Url;

use super::change::in_transaction;
use super::gate::gate;
use super::health::{Checks, Watch};
use super::history::History;
use super::memo::Memo;
use super::notifier::{Heard, Notifier};
use super::orders::Ordering;
use super::repeat::Answers;
use super::upkeep::Upkeep;
use super::{Argos, Inner};
use crate::api::{CHALLENGE_MS, Context, Terms};
use crate::auth::limiter::Told;
use crate::auth::oidc::{Limits, RelyingParty};
use crate::auth::{Hashing, Pending, Sessions, SetupToken, Tickets};
use crate::certs::{self, Opener};
use crate::clock::Clock;
use crate::error::Result;
use crate::event::Events;
use crate::logs::Queue;
use crate::notify::Lookout;
use crate::notify::web_push;
use crate::outbound::OwnListeners;
use crate::proxy::{self, Proxy, Upstreams};
use crate::schema::Actor;
use crate::secret::{MasterKey, Secret, random_token};
use crate::snapshot::{self, PanelSettings, Snapshot};
use crate::store::{Origin, Read, Store, logs, versions};
use crate::waf::{AuditLog, Places, RuleSets};

/// Rows that the log writer takes at once: a few milliseconds of work. A change that waits ends it sooner.
const ROWS_AT_ONCE: usize = 250;

/// Rows in one transaction of the log writer, when no change waits. The more, the fewer pages are written for each row.
const ROWS_IN_TRANSACTION: u64 = 2000;

/// What is served.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    /// Addresses of the plain HTTP listener; port 0 picks one.
    pub http: Vec<SocketAddr>,
    /// Addresses of the TLS listener.
    pub https: Vec<SocketAddr>,
    /// UDP addresses for HTTP/3; none = those for TLS, but for the ones that begin with a PROXY protocol header. Without
    /// a TLS listener there is no HTTP/3 either.
    pub h3: Option<Vec<SocketAddr>>,
    /// Those of both at which every connection must begin with a PROXY protocol header, version 1 or 2; one without it
    /// is closed.
    pub proxy_protocol: Vec<SocketAddr>,
    /// Sockets that listen already, such as a service manager passes on; each serves in place of the one that would be
    /// bound to its address.
    pub inherited: Arc<[TcpListener]>,
    /// The same for HTTP/3. Each is served by one thread.
    pub inherited_udp: Arc<[UdpSocket]>,
    /// Where the panel listens for the proxy, which leads `panel.proxy_host` there; none = it does not.
    pub panel: Option<SocketAddr>,
    /// Proxy threads; 0 = one for each core.
    pub threads: usize,
    /// Where inspected requests are written, beside the log's rows.
    pub audit_log: Option<Arc<AuditLog>>,
    /// Name servers that are asked for the addresses of upstreams; none = those of the system.
    pub resolvers: Arc<[SocketAddr]>,
}

/// Makes the pair of keys that push services know this Argos by, unless there is one. Everything else works without it.
fn ensure_push_pair(store: &Store, key: &MasterKey, clock: &Clock) {
    let now = clock.now();
    let lacks = store.read(|conn| web_push::lacks_pair(&Read::new(conn, now))).flatten();
    let made = lacks.and_then(|lacks| {
        let key = key.clone();
        let make =
            move |conn: &mut Connection| in_transaction(conn, now, Actor::System, |tx| web_push::ensure_pair(tx, &key));
        if lacks { store.write(make)? } else { Ok(()) }
    });
    if let Err(e) = made {
        tracing::error!("no keys for notifications of browsers could be made: {e}");
    }
    let opened = store.read(|conn| web_push::vapid(&Read::new(conn, now), key).map(drop)).flatten();
    if let Err(e) = opened {
        tracing::error!("notifications of browsers are off: settings, value of notifications.vapid_private_key: {e}");
    }
}

/// A running proxy; it stops when this is dropped.
pub struct Serving {
    // Ends first: what stops is not ill.
    watch: Option<Watch>,
    proxy: Proxy,
    argos: Argos,
    _upkeep: Upkeep,
    _ordering: Option<Ordering>,
    _listening: Listening,
    // Ends last: what the others tell at their end is still dispatched.
    _notifier: Option<Notifier>,
}

/// What nothing of Argos calls while it serves.
struct Listening {
    own: OwnListeners,
    addresses: Vec<SocketAddr>,
}

impl Listening {
    fn start(own: &OwnListeners, proxy: &Proxy) -> Self {
        let addresses = [proxy.addresses(), proxy.secure_addresses()].concat();
        own.add(addresses.clone());
        Self { own: own.clone(), addresses }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.own.remove(self.addresses.drain(..));
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("addresses", &self.addresses()).finish_non_exhaustive()
    }
}

impl Serving {
    /// The real addresses of the plain HTTP listeners.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.proxy.addresses()
    }

    /// The real addresses of the TLS listeners.
    #[must_use]
    pub fn secure_addresses(&self) -> &[SocketAddr] {
        self.proxy.secure_addresses()
    }

    /// The real UDP addresses of HTTP/3.
    #[must_use]
    pub fn h3_addresses(&self) -> &[SocketAddr] {
        self.proxy.h3_addresses()
    }

    /// Checks now how the parts of Argos do, as a thread does every 30 seconds: `system.health` shows what was found, and
    /// what fails twice in a row is told (`health_degraded`).
    pub fn check_health(&self) {
        if let Some(watch) = &self.watch {
            watch.check();
        }
    }

    /// Stops accepting, lets requests in flight finish for `grace`, and writes the last log rows.
    pub fn stop(mut self, grace: Duration) {
        self.watch = None;
        self.proxy.stop(grace);
        self.argos.flush_logs();
    }
}

impl Argos {
    pub(super) fn with_store(
        store: Store,
        key: MasterKey,
        clock: Clock,
        places: Places,
        panel_url: Option<Url>,
    ) -> Result<Self> {
        ensure_push_pair(&store, &key, &clock);
        let rules = RuleSets::new(places);
        let (mut first, faults) = store.read(|conn| {
            let read = Read::new(conn, clock.now());
            snapshot::compile_all(&read, versions::generation(&read)?, &rules, Opener::new(&key))
        })??;
        for fault in &faults {
            tracing::error!("host {} ({}) can't be served: {}", fault.host, fault.domain, fault.error);
        }
        if panel_url.is_some() {
            first.panel_settings =
                Arc::new(PanelSettings { public_url: panel_url.clone(), ..(*first.panel_settings).clone() });
            first.given_public_url = panel_url;
        }
        let live = Arc::new(ArcSwap::from_pointee(first));
        let logs = log_queue(&store, clock.clone());
        let events = Events::default();
        // From here on nothing is missed.
        let heard = Mutex::new(Some(Heard::new(&events)));
        let own = OwnListeners::default();
        let cx = Context {
            live: Arc::clone(&live),
            upstreams: Arc::new(Upstreams::new(clock.clone(), events.clone())),
            quotas: Arc::default(),
            sessions: Arc::new(Sessions::new(&store, clock.clone())),
            panel_proof: Secret::new(random_token()),
            tickets: Arc::new(Tickets::new(clock.clone())),
            oidc: Arc::new(RelyingParty::new(clock.clone(), Limits::default(), own.clone())),
            clock,
            key,
            setup: SetupToken::default(),
            hashing: Hashing::default(),
            second_factors: Pending::new(CHALLENGE_MS),
            told: Told::default(),
            logs: logs.clone(),
            rules,
            flagged: Arc::default(),
            challenges: Arc::default(),
            changed: Arc::default(),
            retried: Arc::default(),
            lookout: Arc::new(Lookout::new(events.clone())),
            health: Arc::default(),
            events,
            own,
        };
        let history = History::start(&store, cx.clock.clone())?;
        let answers = Answers::default();
        let inner = Arc::new(Inner { history, store, live, cx, faults, answers, memo: Memo::default(), heard });
        Ok(Self { inner, actor: Actor::System, origin: Origin::default(), terms: Terms::default() })
    }

    /// Serves the configuration, and every later one, until the result is stopped.
    ///
    /// # Errors
    /// `Unavailable` when an address can't be bound.
    pub fn start(&self, options: &ServeOptions) -> Result<Serving> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if options.threads == 0 { cores } else { options.threads };
        let secure = !options.https.is_empty();
        if secure {
            self.prepare_tls()?;
        }
        if let Some(address) = options.panel {
            let live = Arc::clone(&self.inner.live);
            // In the writer's turn, so that no change comes between.
            self.inner.store.write(move |_| {
                let mut next = Snapshot::clone(&live.load());
                next.lead_to_panel(address);
                live.store(Arc::new(next));
            })?;
        }
        certs::trust_system();
        let inner = &self.inner;
        let options = proxy::ServeOptions {
            http: options.http.clone(),
            https: options.https.clone(),
            h3: options.h3.clone(),
            proxy_protocol: options.proxy_protocol.clone(),
            inherited: Arc::clone(&options.inherited),
            inherited_udp: Arc::clone(&options.inherited_udp),
            threads,
            audit_log: options.audit_log.clone(),
            flagged: inner.cx.flagged.clone(),
            gate: Some(gate(inner)),
            panel_proof: Some(inner.cx.panel_proof.clone()),
            challenges: inner.cx.challenges.clone(),
            upstreams: inner.cx.upstreams.clone(),
            quotas: inner.cx.quotas.clone(),
            lookout: inner.cx.lookout.clone(),
            resolvers: Arc::clone(&options.resolvers),
        };
        let proxy = Proxy::start(options, inner.live.clone(), inner.cx.logs.clone(), inner.cx.clock.clone())?;
        let listening = Listening::start(&inner.cx.own, &proxy);
        let notifier = Notifier::start(self.clone())?;
        let running = inner.live.load_full();
        if running.rules.is_unusable()
            && let Err(e) = running.rules.report()
        {
            inner.cx.lookout.rules_failed(&e.to_string(), running.appsec.fail_open, inner.cx.clock.now());
        }
        // Without TLS nobody would see a certificate.
        let ordering = if secure { Some(Ordering::start(self.clone())?) } else { None };
        let checks = Checks::new(self.clone(), proxy.pulse(), ordering.as_ref().map(Ordering::probe));
        Ok(Serving {
            watch: Some(Watch::start(checks)?),
            proxy,
            argos: self.clone(),
            _upkeep: Upkeep::start(self.clone())?,
            _ordering: ordering,
            _notifier: notifier,
            _listening: listening,
        })
    }

    /// Writes every waiting log row before it returns.
    pub fn flush_logs(&self) {
        let queue = self.inner.cx.logs.clone();
        let clock = self.inner.cx.clock.clone();
        let written = self.inner.store.write(move |conn| while write_rows(conn, &queue, &clock, &|| false) {});
        if let Err(e) = written {
            tracing::error!("log rows were not written: {e}");
        }
    }
}

/// A queue that has the writer empty it whenever rows come in.
fn log_queue(store: &Store, clock: Clock) -> Arc<Queue> {
    let store = store.downgrade();
    Arc::new_cyclic(|queue: &Weak<Queue>| {
        let batches = Batches { queue: queue.clone(), clock };
        Queue::new(move || {
            // While the last handle goes, `flush_logs` has taken what came before.
            if let Some(store) = store() {
                batches.clone().submit(&store);
            }
        })
    })
}

/// What writing a batch needs.
#[derive(Clone)]
struct Batches {
    queue: Weak<Queue>,
    clock: Clock,
}

impl Batches {
    /// Writes one batch on the writer's thread, then queues up again behind the jobs that came meanwhile.
    fn submit(self, store: &Store) {
        let (again, awaited) = (store.downgrade(), store.awaited());
        let sent = store.submit(move |conn| {
            let Some(queue) = self.queue.upgrade() else { return };
            queue.woken();
            if write_rows(conn, &queue, &self.clock, &awaited)
                && queue.claim()
                && let Some(store) = again()
            {
                self.submit(&store);
            }
        });
        if let Err(e) = sent {
            tracing::error!("log rows wait: {e}");
        }
    }
}

/// Writes what waits, until it is much or somebody waits for the writer; whether more rows may wait.
fn write_rows(conn: &mut rusqlite::Connection, queue: &Queue, clock: &Clock, hurry: &dyn Fn() -> bool) -> bool {
    let mut taken = queue.take(ROWS_AT_ONCE);
    if taken.is_empty() {
        return false;
    }
    let mut count = taken.count();
    let mut more = true;
    let written = in_transaction(conn, clock.now(), Actor::System, |tx| {
        while more {
            more = taken.len() >= ROWS_AT_ONCE;
            let all = logs::insert_all(tx, |row| taken.next_into(row), hurry)?;
            if !all || hurry() || count.total() >= ROWS_IN_TRANSACTION {
                break;
            }
            queue.give(std::mem::replace(&mut taken, queue.take(ROWS_AT_ONCE)));
            more = !taken.is_empty();
            count += taken.count();
        }
        Ok(())
    });
    match written {
        Ok(()) => {
            more |= !taken.is_empty();
            queue.give(taken);
        }
        Err(e) => {
            tracing::error!("{} log rows were not written: {e}", count.total());
            queue.count_lost(count);
        }
    }
    more
}
