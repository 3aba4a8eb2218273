//! What the gate before protected hosts needs beside the snapshot: who is signed in, tickets, and somebody who writes.

use std::fmt;
use std::sync::Arc;

use crate::auth::{Session, Sessions, Ticket, Tickets};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::schema::HostId;
use crate::secret::Secret;
use crate::store::Origin;

/// The gate before protected hosts.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// What lets people in at hosts of other domains than the panel's.
    pub tickets: Arc<Tickets>,
    /// Who writes what the gate wants written.
    pub keeper: Arc<dyn Keeper>,
}

/// Writes for the gate, which never touches the store itself.
pub trait Keeper: fmt::Debug + Send + Sync {
    /// Begins the session of a person at the host that a spent ticket is for; none where their session at the panel has
    /// ended. Takes its time.
    ///
    /// # Errors
    /// Those of the database.
    fn enter(&self, ticket: &Ticket, from: Origin) -> Result<Option<Entry>>;

    /// Ends a session. Takes its time.
    ///
    /// # Errors
    /// Those of the database.
    fn leave(&self, session: &Session, from: Origin) -> Result<()>;

    /// Notes that a person may not open a host, once a minute. Comes back at once.
    fn denied(&self, session: &Session, host: HostId, domain: &str, from: Origin);
}

/// A session that has begun at a host.
#[derive(Debug)]
pub struct Entry {
    /// Its token.
    pub token: Secret<String>,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}
