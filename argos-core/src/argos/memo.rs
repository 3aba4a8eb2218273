//! Answers that are given again while the configuration they were read from runs.
//!
//! Only queries that read nothing but configuration are kept ([`Query::CONFIGURED`]): their answer hangs on the input
//! and on the generation. A change returns after its generation runs, so whoever made it never meets what was before.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::form::Form;
use super::{Argos, Reply};
use crate::api::{Operation, Query, input, json, routes, tag};
use crate::error::Result;

/// Answers that are kept at most; with one more, all go.
const MOST: usize = 32;
/// Bytes of one of them, as JSON; larger ones are read again each time.
const MOST_BYTES: usize = 256 << 10;

/// The answers of one generation.
#[derive(Default)]
pub(super) struct Memo(Mutex<Known>);

#[derive(Default)]
struct Known {
    generation: u64,
    answers: HashMap<Key, Arc<dyn Any + Send + Sync>>,
}

/// Operation and input.
type Key = (&'static str, String);

/// An answer, and what front ends made of it.
struct Answer<T> {
    value: T,
    etag: Option<String>,
    made: Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
}

impl Memo {
    fn find<T: Send + Sync + 'static>(&self, generation: u64, key: &Key) -> Option<Arc<Answer<T>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.answers.get(key).filter(|_| known.generation == generation)?;
        Arc::downcast(Arc::clone(found)).ok()
    }

    fn keep<T: Send + Sync + 'static>(&self, generation: u64, key: Key, answer: Arc<Answer<T>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.generation > generation {
            return;
        }
        if known.generation < generation || known.answers.len() >= MOST {
            known.answers.clear();
            known.generation = generation;
        }
        known.answers.insert(key, answer);
    }
}

impl<T: serde::Serialize> Answer<T> {
    fn new<O: Operation<Output = T>>(value: T) -> Result<Self> {
        Ok(Self { etag: etag::<O>(&value)?, value, made: Mutex::default() })
    }

    fn reply<F: Form>(&self, form: &F) -> Result<Reply<F::Made>> {
        let (etag, generation) = (self.etag.clone(), None);
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let of = TypeId::of::<F>();
        // The lock is not held while a front end is at work: it may have locks of its own.
        let known = made().iter().find(|(known, _)| *known == of).map(|(_, made)| Arc::clone(made));
        if let Some(value) = known.and_then(|made| F::again(made.downcast_ref()?)) {
            return Ok(Reply { value, generation, etag, cookies: Vec::new() });
        }
        let value = form.make(&self.value)?;
        if let Some(copy) = F::again(&value) {
            let mut made = made();
            if made.iter().all(|(known, _)| *known != of) {
                made.push((of, Arc::new(copy)));
            }
        }
        Ok(Reply { value, generation, etag, cookies: Vec::new() })
    }
}

/// Answers a query that is asked by name.
pub(super) fn ask<Q: Query, F: Form>(argos: &Argos, given: Map<String, Value>, form: &F) -> Result<Reply<F::Made>> {
    if !Q::CONFIGURED {
        return Answer::new::<Q>(argos.query(input::into_operation::<Q>(given)?)?)?.reply(form);
    }
    let key = key::<Q>(&given);
    let generation = argos.inner.live.load().generation;
    if let Some(known) = argos.inner.memo.find::<Q::Output>(generation, &key) {
        argos.allow::<Q>()?;
        return known.reply(form);
    }
    let answer = Arc::new(Answer::new::<Q>(argos.query(input::into_operation::<Q>(given)?)?)?);
    if is_small(&answer.value) {
        argos.inner.memo.keep(generation, key, Arc::clone(&answer));
    }
    answer.reply(form)
}

/// The answer to a query if it is at hand; nothing is read.
pub(super) fn at_hand<Q: Query, F: Form>(
    argos: &Argos,
    given: &Map<String, Value>,
    form: &F,
) -> Result<Option<Reply<F::Made>>> {
    let generation = argos.inner.live.load().generation;
    let Some(known) = argos.inner.memo.find::<Q::Output>(generation, &key::<Q>(given)) else { return Ok(None) };
    argos.allow::<Q>()?;
    known.reply(form).map(Some)
}

/// Whether an answer takes few enough bytes, as JSON, to be kept.
fn is_small(value: &impl serde::Serialize) -> bool {
    serde_json::to_writer(Room(MOST_BYTES), value).is_ok()
}

/// Takes so many bytes and throws them away.
struct Room(usize);

impl std::io::Write for Room {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn key<Q: Query>(given: &Map<String, Value>) -> Key {
    (Q::NAME, serde_json::to_string(given).unwrap_or_default())
}

/// The tag of a result, where it has one.
pub(super) fn etag<O: Operation>(value: &O::Output) -> Result<Option<String>> {
    routes::tagged(O::NAME).then(|| Ok(tag(&json(value)?))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_answers_are_kept() {
        assert!(is_small(&"x".repeat(MOST_BYTES - 2)));
        assert!(!is_small(&"x".repeat(MOST_BYTES - 1)));
        assert!(!is_small(&vec!["x".repeat(1000); 300]));
    }
}
