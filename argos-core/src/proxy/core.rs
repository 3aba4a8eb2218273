//! What one core's requests share: snapshot pointer, upstream sockets, buffers, deadlines, the log's batch.
//!
//! Everything here belongs to one thread; other threads are met only in [`Shared`], the snapshot pointer and the
//! log queue.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;

use super::buffer::Buffers;
use super::gate::Gate;
use super::limit::Quotas;
use super::pool::Pool;
use super::pulse::Pulse;
use super::timer::Timers;
use super::upstreams::{Names, Turns, Upstreams};
use crate::certs::acme::Challenges;
use crate::clock::{Clock, RandomPool, Timestamp};
use crate::logs::{Access, AccessAction, AccessBatch, Fault, Masked, Queue, Record, Texts};
use crate::notify::{Lookout, Sighting};
use crate::secret::Secret;
use crate::snapshot::Snapshot;
use crate::waf::AuditLog;
use crate::waf::flagged::Flagged;

/// Access rows that are offered together.
const BATCH: usize = 256;
/// Bytes of their texts after which they are offered, however few they are.
const BATCH_BYTES: usize = 1 << 20;
/// Sightings that wait for a look; more of them say nothing more.
const SIGHTINGS: usize = 4096;
/// So many are looked at by the next tick.
const MANY: usize = 256;
/// Error rows of refused inputs per second, over all cores.
const REFUSALS_PER_SECOND: u64 = 100;

/// What all cores share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Client connections.
    pub(crate) connections: AtomicUsize,
    /// Client connections of each address, where those are limited.
    pub(crate) of_address: Mutex<HashMap<IpAddr, usize>>,
    /// Bytes of bodies that are held for inspection.
    pub(crate) held: AtomicUsize,
    /// Bytes that codings of answers take.
    pub(crate) coding: AtomicUsize,
    /// Where inspected requests are written, beside the log's rows.
    pub(crate) audit_log: Option<Arc<AuditLog>>,
    /// The last requests that rules had something to say about.
    pub(crate) flagged: Arc<Flagged>,
    /// What the clients of hosts with a rate limit have left.
    pub(crate) quotas: Arc<Quotas>,
    /// The gate before protected hosts; without one nobody is signed in.
    pub(crate) gate: Option<Gate>,
    /// What proves to the panel that a request comes from here.
    pub(crate) panel_proof: Option<Secret<String>>,
    /// What proofs of names are answered with.
    pub(crate) challenges: Arc<Challenges>,
    /// The port of the first TLS listener.
    pub(crate) https_port: Option<u16>,
    /// The port at which HTTP/3 is spoken.
    pub(crate) h3_port: Option<u16>,
    /// What is known of targets.
    pub(crate) upstreams: Arc<Upstreams>,
    /// When each core was last heard of.
    pub(crate) pulse: Arc<Pulse>,
    /// How many cores there are.
    pub(crate) cores: usize,
    /// What is made of what many requests show.
    pub(crate) lookout: Arc<Lookout>,
    /// Whom to ask for the addresses of upstreams; none = whom the system asks.
    pub(crate) resolvers: Arc<[SocketAddr]>,
    second: AtomicI64,
    refusals: AtomicU64,
    unrecorded: AtomicU64,
}

impl Shared {
    /// Whether this second still has room for a refusal's row, and how many had none since the last one.
    pub(crate) fn record_refusal(&self, at: Timestamp) -> Option<u64> {
        let second = at.millis() / 1000;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.refusals.store(0, Ordering::Relaxed);
        }
        if self.refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS_PER_SECOND {
            return Some(self.unrecorded.swap(0, Ordering::Relaxed));
        }
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// A snapshot as the requests of one core share it.
#[derive(Debug)]
pub(crate) struct Live(Arc<Snapshot>);

impl std::ops::Deref for Live {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

/// One core.
#[derive(Debug)]
pub(crate) struct Core {
    swap: Arc<ArcSwap<Snapshot>>,
    // Requests of this core count their use of the snapshot here, without an atomic that cores would fight for.
    live: RefCell<Rc<Live>>,
    pub(crate) clock: Clock,
    pub(crate) random: RefCell<RandomPool>,
    /// Which of the cores it is, from 0.
    pub(crate) number: usize,
    pub(crate) turns: Turns,
    pub(crate) names: Rc<Names>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) buffers: Rc<Buffers>,
    pub(crate) timers: Rc<Timers>,
    pub(crate) shared: Arc<Shared>,
    /// Set once the proxy stops: no further request on open connections.
    pub(crate) stopping: Cell<bool>,
    queue: Arc<Queue>,
    batch: RefCell<AccessBatch>,
    sightings: RefCell<Vec<Sighting>>,
    date: Cell<(i64, [u8; 29])>,
}

impl Core {
    pub(crate) fn new(
        number: usize,
        swap: Arc<ArcSwap<Snapshot>>,
        queue: Arc<Queue>,
        clock: Clock,
        shared: Arc<Shared>,
    ) -> Rc<Self> {
        let live = RefCell::new(Rc::new(Live(swap.load_full())));
        Rc::new(Self {
            swap,
            live,
            clock,
            random: RefCell::default(),
            number,
            turns: Turns::default(),
            names: Names::new(Arc::clone(&shared.resolvers)),
            pool: Rc::default(),
            buffers: Rc::default(),
            timers: Timers::new(),
            shared,
            stopping: Cell::new(false),
            queue,
            batch: RefCell::new(AccessBatch::with_capacity(BATCH)),
            sightings: RefCell::default(),
            date: Cell::new((i64::MIN, [0; 29])),
        })
    }

    /// The snapshot of now.
    pub(crate) fn live(&self) -> Rc<Live> {
        let now = self.swap.load();
        let mut live = self.live.borrow_mut();
        if !Arc::ptr_eq(&now, &live.0) {
            *live = Rc::new(Live(Arc::clone(&now)));
        }
        Rc::clone(&live)
    }

    /// Hands a row over.
    pub(crate) fn record(&self, record: Record) {
        self.queue.offer(record);
    }

    /// Writes an error row about a connection of `ip` that is closed for what it is, and not for a request.
    pub(crate) fn record_unheard(&self, ip: IpAddr, text: &str) {
        let at = self.clock.now();
        let Some(more) = self.shared.record_refusal(at) else { return };
        let mut fault = Fault::new(at, AccessAction::BadRequest.as_str(), text.into());
        (fault.more, fault.client) = (more, Some(ip.to_canonical()));
        self.record(Record::Error(Box::new(fault)));
    }

    /// Writes an error row about a handshake with a client that asked for `name`.
    pub(crate) fn record_handshake(&self, ip: IpAddr, name: Option<Box<str>>, text: &str, severe: bool) {
        let at = self.clock.now();
        // What is told once is not left out.
        let room = if severe { Some(0) } else { self.shared.record_refusal(at) };
        let Some(more) = room else { return };
        let mut fault = Fault::new(at, "tls", text.into());
        (fault.more, fault.severe) = (more, severe);
        fault.domain = name.unwrap_or_default();
        fault.client = Some(ip.to_canonical());
        self.record(Record::Error(Box::new(fault)));
    }

    /// Adds an access row to the batch, whose rows all hide the same parameters.
    pub(crate) fn record_access(&self, access: Access, texts: Texts<'_>, masked: &Masked) {
        let mut batch = self.batch.borrow_mut();
        if !batch.suits(masked) {
            self.queue.offer_access(&mut batch);
        }
        batch.push(access, texts, masked);
        if batch.len() >= BATCH || batch.bytes() >= BATCH_BYTES {
            self.queue.offer_access(&mut batch);
        }
    }

    /// Notes what a request has shown. Nobody is waited for.
    pub(crate) fn sight(&self, sighting: Sighting) {
        let mut sightings = self.sightings.borrow_mut();
        if sightings.len() < SIGHTINGS {
            sightings.push(sighting);
        }
    }

    /// Whether so much was sighted that it is to be looked at soon.
    pub(crate) fn has_seen_much(&self) -> bool {
        self.sightings.borrow().len() >= MANY
    }

    /// Has looked at what was sighted.
    pub(crate) fn look(&self) {
        let mut sightings = self.sightings.borrow_mut();
        if sightings.is_empty() {
            return;
        }
        let live = self.live();
        let name = |id| live.hosts.iter().find(|(_, host)| host.id == id).map(|(_, host)| host.domain.clone());
        self.shared.lookout.take(&mut sightings, self.clock.now(), name);
    }

    /// Hands the batch over, however small it is.
    pub(crate) fn flush(&self) {
        self.queue.offer_access(&mut self.batch.borrow_mut());
    }

    /// The value of `Date`, made once a second. Source: RFC 9110 §5.6.7.
    pub(crate) fn date(&self, at: Timestamp) -> [u8; 29] {
        let second = at.millis().div_euclid(1000);
        let (known, text) = self.date.get();
        if known == second {
            return text;
        }
        let moment = UNIX_EPOCH + Duration::from_secs(u64::try_from(second).unwrap_or(0));
        let mut text = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        let shown = httpdate::fmt_http_date(moment);
        if shown.len() == text.len() {
            text.copy_from_slice(shown.as_bytes());
        }
        self.date.set((second, text));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_refusals_a_second_have_a_row_and_the_others_are_counted() {
        let shared = Shared::default();
        let rows = (0..150).filter(|_| shared.record_refusal(Timestamp(1_000)).is_some()).count();
        assert_eq!(rows, 100);
        assert_eq!(shared.record_refusal(Timestamp(2_000)), Some(50));
        assert_eq!(shared.record_refusal(Timestamp(2_001)), Some(0));
    }
}
