//! Which values of a request an explanation must not show: what the rows of the log hide, wherever it turns up again.

use std::sync::{Arc, Mutex, PoisonError};

use argos_seclang::Hides;

use crate::logs::Secrets;
use crate::waf::asked::Asked;

/// The secrets of one request, which grow while rules run.
pub(super) struct Shared(Arc<Mutex<Secrets>>);

impl Shared {
    /// Those that stand in `asked`, where `masked` are the names of secret parameters.
    pub(super) fn of(asked: &Asked, masked: &[Box<str>]) -> Self {
        Self(Arc::new(Mutex::new(secrets(asked, masked))))
    }

    /// Decides what a trace shows, and learns from it.
    pub(super) fn watch(&self) -> Hides {
        let own = self.0.clone();
        Box::new(move |name, raw, seen| {
            let mut hidden = own.lock().unwrap_or_else(PoisonError::into_inner);
            match seen {
                Some(seen) => hidden.hides(name, raw, seen),
                None => {
                    hidden.learn(name, raw);
                    true
                }
            }
        })
    }

    /// All that is known by now.
    pub(super) fn learned(&self) -> Secrets {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The secrets of `asked` and its answer, where `masked` are the names of secret parameters.
fn secrets(asked: &Asked, masked: &[Box<str>]) -> Secrets {
    let answer = asked.answer.iter().flat_map(|answer| &answer.headers);
    let headers = asked.headers.iter().chain(answer).map(|(name, value)| (&**name, &**value));
    Secrets::of(masked, 0, &asked.uri, headers, &asked.body)
}
