//! Calls to servers outside: which addresses may be reached, and a client that reaches no other.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};

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
