//! The last requests that rules had something to say about: in memory, so that they can be tried again, and nowhere
//! else. They are as they came, with their secrets: nothing here is printed or stored.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::asked::Asked;
use crate::clock::Timestamp;
use crate::schema::HostId;

/// Requests that are kept.
pub const MOST_REQUESTS: usize = 1000;
/// Bytes of one of them, its answer included; a longer body is cut.
pub const MOST_BYTES: usize = 64 << 10;
/// Bytes of all of them.
pub const MOST_BYTES_IN_ALL: usize = 64 << 20;

/// A request that rules had something to say about.
#[derive(Clone)]
pub struct FlaggedRequest {
    /// Its identity in the log.
    pub request_id: Box<str>,
    /// The host that it was for.
    pub host: HostId,
    /// When its head was there.
    pub at: Timestamp,
    /// The request itself.
    pub asked: Asked,
    /// Whether nothing of what rules saw is missing.
    pub whole: bool,
}

impl fmt::Debug for FlaggedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlaggedRequest").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// The last [`FlaggedRequest`]s; the oldest go first.
#[derive(Default)]
pub struct Flagged {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    requests: VecDeque<(usize, Arc<FlaggedRequest>)>,
    bytes: usize,
}

impl fmt::Debug for Flagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flagged").field("requests", &self.lock().requests.len()).finish_non_exhaustive()
    }
}

impl Flagged {
    /// Keeps `request`, unless it is too large by itself.
    pub fn keep(&self, request: FlaggedRequest) {
        let size = request.asked.size();
        if size > MOST_BYTES {
            return;
        }
        let request = Arc::new(request);
        let mut kept = self.lock();
        kept.bytes += size;
        kept.requests.push_back((size, request));
        while kept.requests.len() > MOST_REQUESTS || kept.bytes > MOST_BYTES_IN_ALL {
            let Some((size, _)) = kept.requests.pop_front() else { break };
            kept.bytes -= size;
        }
    }

    /// The newest request with this identity.
    #[must_use]
    pub fn find(&self, request_id: &str) -> Option<Arc<FlaggedRequest>> {
        let kept = self.lock();
        let mut found = kept.requests.iter().rev().filter(|(_, request)| *request.request_id == *request_id);
        found.next().map(|(_, request)| Arc::clone(request))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic elsewhere leaves at worst a request missing.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waf::inspect::RequestLine;

    fn request(id: usize, bytes: usize) -> FlaggedRequest {
        let mut asked = Asked::from(&RequestLine::default());
        asked.body = vec![0; bytes - asked.size()].into();
        FlaggedRequest { request_id: id.to_string().into(), host: HostId(1), at: Timestamp(0), asked, whole: true }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_much() {
        let flagged = Flagged::default();
        (0..MOST_REQUESTS + 2).for_each(|id| flagged.keep(request(id, 100)));
        assert!(flagged.find("1").is_none() && flagged.find("2").is_some());
        assert_eq!(flagged.lock().requests.len(), MOST_REQUESTS);
        let flagged = Flagged::default();
        (0..1025).for_each(|id| flagged.keep(request(id, MOST_BYTES)));
        assert!(flagged.lock().bytes <= MOST_BYTES_IN_ALL);
        flagged.keep(request(9999, MOST_BYTES + 1));
        assert!(flagged.find("9999").is_none() && flagged.find("1024").is_some());
    }

    #[test]
    fn nothing_of_a_request_is_printed() {
        let mut kept = request(1, 100);
        kept.asked.uri = b"/?token=hush".as_slice().into();
        let flagged = Flagged::default();
        flagged.keep(kept);
        let shown = format!("{flagged:?} {:?}", flagged.find("1").unwrap());
        let bytes = format!("{:?}", b"hush");
        assert!(!shown.contains("hush") && !shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
    }
}
