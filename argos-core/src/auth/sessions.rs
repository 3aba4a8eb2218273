//! Who is signed in: what memory knows of sessions, so that a request of a protected host costs a look-up and no read.
//!
//! The database has the last word. Memory keeps what it was last told of each session, under the number of changes of
//! people and sessions at that moment ([`Sessions::forget`]); after any such change everything is read anew once. So
//! nothing that was revoked is ever let pass by what was known before.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sha2::{Digest as _, Sha256};

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{HostId, Person, SessionId, SessionKind};
use crate::store::sessions::Stored;
use crate::store::{Read, Store, sessions};

/// Sessions that memory knows at most.
const KNOWN: usize = 100_000;
/// Parts that the sessions are held in, so that cores rarely wait for each other.
const PARTS: usize = 16;
/// How long the use of a session may go unnoted.
const TOUCH_EVERY_MS: i64 = 60_000;
/// Characters of a token.
const TOKEN: usize = 43;

/// A session that is good.
#[derive(Debug)]
pub struct Session {
    /// Identity.
    pub id: SessionId,
    /// Whose it is.
    pub person: Arc<Person>,
    /// Where it counts.
    pub kind: SessionKind,
    /// The protected host, for sessions of that kind.
    pub host: Option<HostId>,
    /// The panel session that it hangs on, for sessions of a host.
    pub parent: Option<SessionId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was last used.
    seen: AtomicI64,
    /// When its use was last noted.
    noted: AtomicI64,
}

/// How long sessions last: the settings `session.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTerms {
    /// From the sign-in on.
    pub absolute_ms: i64,
    /// Without use.
    pub idle_ms: i64,
}

impl SessionTerms {
    /// Whether a stored session has ended by `now`.
    #[must_use]
    pub fn are_over(self, stored: &Stored, now: Timestamp) -> bool {
        over(now, self, stored.created_at, stored.expires_at, stored.seen)
    }
}

/// What memory knows of a token.
#[derive(Debug)]
pub enum Found {
    /// It is good.
    Live(Arc<Session>),
    /// It can't be the token of a session.
    Nothing,
    /// The database has to be asked: [`Sessions::find`].
    Ask,
}

/// SHA-256 of a token.
type Hash = [u8; 32];
type Part = HashMap<Hash, Known, foldhash::fast::RandomState>;

struct Known {
    session: Arc<Session>,
    /// The number of changes when it was read.
    changes: u64,
}

/// The sessions of one Argos.
pub struct Sessions {
    store: Box<dyn Fn() -> Option<Store> + Send + Sync>,
    clock: Clock,
    parts: [RwLock<Part>; PARTS],
    changes: AtomicU64,
    /// Uses that are to be noted.
    used: Arc<Mutex<Vec<(SessionId, Timestamp)>>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("changes", &self.changes).finish_non_exhaustive()
    }
}

impl Session {
    /// Whether it has ended by `now`.
    fn is_over(&self, now: Timestamp, terms: SessionTerms) -> bool {
        over(now, terms, self.created_at, self.expires_at, Timestamp(self.seen.load(Ordering::Relaxed)))
    }
}

fn over(now: Timestamp, terms: SessionTerms, created: Timestamp, expires: Timestamp, seen: Timestamp) -> bool {
    now >= expires || now.0 - created.0 >= terms.absolute_ms || now.0 - seen.0 > terms.idle_ms
}

impl Sessions {
    /// Those of `store`.
    #[must_use]
    pub fn new(store: &Store, clock: Clock) -> Self {
        Self {
            store: Box::new(store.downgrade()),
            clock,
            parts: Default::default(),
            changes: AtomicU64::new(0),
            used: Arc::default(),
        }
    }

    /// What memory knows of `token`; a good one counts as used.
    #[must_use]
    pub fn at_hand(&self, token: &str, terms: SessionTerms) -> Found {
        let Some(hash) = hash(token) else { return Found::Nothing };
        let session = {
            let part = self.part(&hash).read().unwrap_or_else(PoisonError::into_inner);
            match part.get(&hash) {
                Some(known) if known.changes == self.changes.load(Ordering::Acquire) => Arc::clone(&known.session),
                _ => return Found::Ask,
            }
        };
        let now = self.clock.now();
        // Its panel session may have been used meanwhile: the database knows.
        if session.is_over(now, terms) {
            return Found::Ask;
        }
        self.touch(&session, now);
        Found::Live(session)
    }

    /// The good session whose token is `token`; it counts as used. One that has ended is deleted.
    ///
    /// # Errors
    /// Those of the database; `sessions.closed` while it closes.
    pub fn find(&self, token: &str, terms: SessionTerms) -> Result<Option<Arc<Session>>> {
        match self.at_hand(token, terms) {
            Found::Live(session) => return Ok(Some(session)),
            Found::Nothing => return Ok(None),
            Found::Ask => {}
        }
        let Some(hash) = hash(token) else { return Ok(None) };
        let closed = || Error::new(ErrorKind::Unavailable, "sessions.closed", "Argos is closing");
        let store = (self.store)().ok_or_else(closed)?;
        let now = self.clock.now();
        // Before the look: what changes after it makes this entry worthless.
        let changes = self.changes.load(Ordering::Acquire);
        let stored = store.read(|conn| sessions::by_hash(&Read::new(conn, now), &hex::encode(hash)))??;
        let Some(stored) = stored else { return Ok(None) };
        let (id, seen) = (stored.id, stored.seen);
        if over(now, terms, stored.created_at, stored.expires_at, seen) {
            // Whether it is deleted now or by the next purge changes nothing for its owner.
            store.submit(move |conn| {
                if let Err(e) = sessions::drop_one(conn, id) {
                    tracing::warn!("session {id} has ended and was not deleted: {e}");
                }
            })?;
            return Ok(None);
        }
        let session = Arc::new(Session {
            id,
            person: Arc::new(stored.person),
            kind: stored.kind,
            host: stored.host,
            parent: stored.parent,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            seen: AtomicI64::new(seen.0),
            noted: AtomicI64::new(seen.0),
        });
        let mut part = self.part(&hash).write().unwrap_or_else(PoisonError::into_inner);
        if part.len() >= KNOWN / PARTS && !part.contains_key(&hash) {
            part.clear();
        }
        part.insert(hash, Known { session: Arc::clone(&session), changes });
        drop(part);
        self.touch(&session, now);
        Ok(Some(session))
    }

    /// Forgets everything: a person or a session has changed. Called when the change is stored and before whoever made it
    /// hears of it.
    pub fn forget(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn part(&self, hash: &Hash) -> &RwLock<Part> {
        &self.parts[usize::from(hash[31]) % PARTS]
    }

    fn touch(&self, session: &Session, now: Timestamp) {
        session.seen.store(now.0, Ordering::Relaxed);
        let noted = session.noted.load(Ordering::Relaxed);
        // A use in the future was noted before the clock was set back.
        if (0..TOUCH_EVERY_MS).contains(&(now.0 - noted))
            || session.noted.compare_exchange(noted, now.0, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = used.is_empty();
        used.push((session.id, now));
        // A person who uses a protected host is at work: their panel session lives on.
        used.extend(session.parent.map(|parent| (parent, now)));
        drop(used);
        if !is_first {
            return;
        }
        let used = Arc::clone(&self.used);
        let Some(store) = (self.store)() else { return };
        let sent = store.submit(move |conn| {
            let used = std::mem::take(&mut *used.lock().unwrap_or_else(PoisonError::into_inner));
            if let Err(e) = sessions::note_uses(conn, &used) {
                tracing::warn!("the use of {} sessions was not noted: {e}", used.len());
            }
        });
        if let Err(e) = sent {
            tracing::warn!("the use of sessions was not noted: {e}");
        }
    }
}

/// The hash of a token, if it has the form of one.
fn hash(token: &str) -> Option<Hash> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (token.len() == TOKEN && token.bytes().all(good)).then(|| Sha256::digest(token.as_bytes()).into())
}
