//! Calls that are made again: the answer stays under the caller's key for a day and is given a second time.
//!
//! In memory only, so that an answer that shows a secret once is never stored. A restart forgets all keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::Reply;
use crate::api::tag;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::Actor;
use crate::secret::Secret;

/// Keys at most; the oldest goes first.
const KEYS: usize = 10_000;

/// Bytes of all answers at most; the oldest goes first.
const BYTES: usize = 64 << 20;

/// How long a key is known.
const KEPT_MS: i64 = 24 * 3_600_000;

/// Answers by the keys of their callers.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<String, Entry>,
    /// Keys from the oldest on.
    by_age: BTreeMap<u64, String>,
    next: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    age: u64,
    at: Timestamp,
    /// What was asked.
    call: String,
    bytes: usize,
    answer: Slot,
}

/// Held while the call runs, so that the same call at the same time waits for its answer.
type Slot = Arc<Mutex<Option<Packed>>>;

/// An answer as text, which is a fraction of its size as values. It may show a token.
#[derive(Debug)]
struct Packed {
    value: Secret<String>,
    generation: Option<u64>,
    etag: Option<String>,
}

/// One call under a key.
#[derive(Debug)]
pub(super) struct Call {
    key: String,
    call: String,
}

impl Call {
    /// The call of `name` with `input` by `actor` under `key`, whose keys are nobody else's.
    pub(super) fn new(actor: &Actor, key: &str, name: &str, input: &Map<String, Value>) -> Result<Self> {
        if !(1..=255).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid("idempotency_key", "idempotency_key", "1–255 visible ASCII characters"));
        }
        let call = tag(&json!([name, input]));
        Ok(Self { key: format!("{actor:?} {key}"), call })
    }
}

impl Answers {
    /// The stored answer of this call, else that of `run`, which is stored if it is no refusal.
    pub(super) fn once(&self, call: Call, now: Timestamp, run: impl FnOnce() -> Result<Reply>) -> Result<Reply> {
        let slot = self.kept().slot(&call, now)?;
        let mut answer = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = &*answer {
            let value = serde_json::from_str(packed.value.expose());
            let value = value.map_err(|e| Error::internal(format!("reading a stored answer: {e}")))?;
            return Ok(Reply { value, generation: packed.generation, etag: packed.etag.clone(), cookies: Vec::new() });
        }
        match run() {
            Ok(reply) => {
                let value = reply.value.to_string();
                self.kept().grow(&call.key, &slot, value.len());
                let value = Secret::new(value);
                *answer = Some(Packed { value, generation: reply.generation, etag: reply.etag.clone() });
                Ok(reply)
            }
            Err(e) => {
                self.kept().forget(&call.key, &slot);
                Err(e)
            }
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn slot(&mut self, call: &Call, now: Timestamp) -> Result<Slot> {
        let ended = self.by_key.get(&call.key).filter(|entry| now.0 - entry.at.0 >= KEPT_MS);
        if let Some(age) = ended.map(|entry| entry.age) {
            self.remove(age);
        }
        if let Some(entry) = self.by_key.get(&call.key) {
            if entry.call == call.call {
                return Ok(entry.answer.clone());
            }
            let reason = "this key was given with another call in the last 24 hours";
            return Err(Error::conflict("idempotency.other_call", "idempotency_key", reason));
        }
        let (age, answer) = (self.next, Slot::default());
        self.next += 1;
        let entry = Entry { age, at: now, call: call.call.clone(), bytes: 0, answer: answer.clone() };
        self.by_key.insert(call.key.clone(), entry);
        self.by_age.insert(age, call.key.clone());
        self.shrink();
        Ok(answer)
    }

    /// Counts the bytes of an answer that has come.
    fn grow(&mut self, key: &str, slot: &Slot, bytes: usize) {
        if let Some(entry) = self.by_key.get_mut(key).filter(|entry| Arc::ptr_eq(&entry.answer, slot)) {
            entry.bytes = bytes;
            self.bytes += bytes;
            self.shrink();
        }
    }

    fn forget(&mut self, key: &str, slot: &Slot) {
        let entry = self.by_key.get(key).filter(|entry| Arc::ptr_eq(&entry.answer, slot));
        if let Some(age) = entry.map(|entry| entry.age) {
            self.remove(age);
        }
    }

    fn shrink(&mut self) {
        while self.by_key.len() > KEYS || self.bytes > BYTES {
            let Some(oldest) = self.by_age.keys().next().copied() else { return };
            self.remove(oldest);
        }
    }

    fn remove(&mut self, age: u64) {
        let entry = self.by_age.remove(&age).and_then(|key| self.by_key.remove(&key));
        self.bytes -= entry.map_or(0, |entry| entry.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn reply(n: usize) -> Reply {
        Reply { value: json!({"n": n}), generation: Some(7), etag: Some("t".into()), cookies: Vec::new() }
    }

    fn call(key: &str, input: Value) -> Call {
        Call::new(&Actor::Cli, key, "hosts.create", input.as_object().unwrap()).unwrap()
    }

    fn once(answers: &Answers, key: &str, input: Value, at: i64, n: usize) -> Result<Reply> {
        answers.once(call(key, input), Timestamp(at), || Ok(reply(n)))
    }

    #[test]
    fn the_same_call_has_the_same_answer_for_a_day() {
        let answers = Answers::default();
        assert_eq!(once(&answers, "k", json!({"a": 1, "b": 2}), 0, 1).unwrap(), reply(1));
        assert_eq!(once(&answers, "k", json!({"b": 2, "a": 1}), KEPT_MS - 1, 2).unwrap(), reply(1));
        let other = once(&answers, "k", json!({"a": 2}), KEPT_MS - 1, 3).unwrap_err();
        assert_eq!((other.kind(), other.code()), (ErrorKind::Conflict, "idempotency.other_call"));
        assert_eq!(once(&answers, "k", json!({"a": 2}), KEPT_MS, 4).unwrap(), reply(4));
        assert_eq!(answers.kept().bytes, reply(4).value.to_string().len());
    }

    #[test]
    fn keys_belong_to_their_caller_and_operation() {
        let answers = Answers::default();
        once(&answers, "k", json!({}), 0, 1).unwrap();
        let input = Map::new();
        let system = Call::new(&Actor::System, "k", "hosts.create", &input).unwrap();
        assert_eq!(answers.once(system, Timestamp(0), || Ok(reply(2))).unwrap(), reply(2));
        let other = Call::new(&Actor::Cli, "k", "rules.create", &input).unwrap();
        assert_eq!(answers.once(other, Timestamp(0), || Ok(reply(3))).unwrap_err().code(), "idempotency.other_call");
        for bad in ["", "a b", "ä", &"k".repeat(256)] {
            let error = Call::new(&Actor::Cli, bad, "hosts.create", &input).unwrap_err();
            assert_eq!(error.fields()[0].field, "idempotency_key", "{bad}");
        }
    }

    #[test]
    fn a_stored_answer_is_not_shown() {
        let answers = Answers::default();
        let made =
            Reply { value: json!({"token": "argos_pat_text"}), generation: None, etag: None, cookies: Vec::new() };
        answers.once(call("k", json!({})), Timestamp(0), || Ok(made)).unwrap();
        let shown = format!("{answers:?}");
        assert!(shown.contains("***") && !shown.contains("argos_pat_text"), "{shown}");
    }

    #[test]
    fn a_refusal_leaves_the_key_free() {
        let answers = Answers::default();
        let refused = answers.once(call("k", json!({"a": 1})), Timestamp(0), || Err(Error::internal("x")));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(once(&answers, "k", json!({"a": 2}), 0, 2).unwrap(), reply(2));
        assert_eq!(answers.kept().by_age.len(), 1);
    }

    #[test]
    fn the_oldest_key_goes_first() {
        let answers = Answers::default();
        for n in 0..=KEYS {
            once(&answers, &format!("k{n}"), json!({}), 0, n).unwrap();
        }
        assert_eq!(answers.kept().by_key.len(), KEYS);
        assert_eq!(once(&answers, "k1", json!({}), 0, 9).unwrap(), reply(1));
        assert_eq!(once(&answers, "k0", json!({}), 0, 9).unwrap(), reply(9));
        let large = "x".repeat(BYTES / 2);
        for n in 0..2 {
            let value = json!({"text": large});
            let answer = Reply { value, generation: None, etag: None, cookies: Vec::new() };
            answers.once(call(&format!("l{n}"), json!({})), Timestamp(0), || Ok(answer)).unwrap();
        }
        let kept = answers.kept();
        assert!(kept.bytes <= BYTES);
        assert_eq!(kept.by_key.len(), 1);
    }

    #[test]
    fn the_same_call_at_the_same_time_runs_once() {
        let answers = Answers::default();
        let ran = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let run = || Ok(reply(ran.fetch_add(1, std::sync::atomic::Ordering::SeqCst)));
                    assert_eq!(answers.once(call("k", json!({})), Timestamp(0), run).unwrap(), reply(0));
                });
            }
        });
        assert_eq!(ran.into_inner(), 1);
    }
}
