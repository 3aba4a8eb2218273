//! Why a call is not made, or ends: what is told of it, and of the server.

use std::error::Error as StdError;
use std::io;

use url::Url;

use super::{Cause, Fault, SILENCE, server};

/// What a guard says of an address; it travels inside the errors of the client.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    pub(super) why: String,
    /// The same without anything that stands in a URL.
    bare: &'static str,
}

impl Refusal {
    pub(super) fn new(cause: Cause, bare: &'static str) -> Self {
        Self { cause, why: bare.to_owned(), bare }
    }

    pub(super) fn saying(self, why: String) -> Self {
        Self { why, ..self }
    }

    pub(super) fn at(self, place: &Place<'_>) -> Fault {
        let why = if place.is_elsewhere() { self.bare.to_owned() } else { self.why };
        Fault { at: place.name(), why, cause: self.cause }
    }
}

/// Where a call has come to.
pub(super) struct Place<'a> {
    pub(super) first: &'a Url,
    pub(super) now: Url,
}

impl Place<'_> {
    /// Whether redirects led to another server. Whoever redirects chooses its name, and may make it of secrets that came
    /// with the call: nothing of it is told.
    fn is_elsewhere(&self) -> bool {
        self.now.origin() != self.first.origin()
    }

    pub(super) fn name(&self) -> String {
        match self.is_elsewhere() {
            true => format!("the server that {} redirects to", server(self.first)),
            false => server(self.first),
        }
    }
}

pub(super) fn silent() -> Refusal {
    Refusal::new(Cause::Unreachable, "is silent").saying(format!("is silent for {} s", SILENCE.as_secs()))
}

/// Why a server can't be reached. The innermost reason tells most: `Connection refused`, `certificate expired`.
pub(super) fn fault(e: &(dyn StdError + 'static)) -> Refusal {
    let mut at = e;
    loop {
        if let Some(refusal) = at.downcast_ref::<Refusal>() {
            return refusal.clone();
        }
        // Its source is that of what it holds.
        let held = at.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match held.map(|held| held as &(dyn StdError + 'static)).or_else(|| at.source()) {
            Some(inner) => at = inner,
            None => break,
        }
    }
    let why = format!("can't be reached: {}", at.to_string().replace(char::is_control, " "));
    Refusal::new(Cause::Unreachable, "can't be reached").saying(why)
}
