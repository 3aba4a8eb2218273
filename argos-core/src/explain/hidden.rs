//! Which values of a request an explanation must not show: what the rows of the log hide, wherever it turns up again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argos_seclang::Hides;
use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::logs::{SECRET_HEADERS, hides};
use crate::waf::asked::Asked;

/// Bytes that are shown of a value; the engine keeps no more of it.
const SHOWN: usize = 256;
/// A shorter text is no secret that could be told from others.
const SHORTEST: usize = 4;
/// Secrets that are remembered: each value that may be shown is searched for each of them.
const MOST: usize = 64;
/// Bytes of all of them.
const MOST_BYTES: usize = 64 << 10;

/// The secrets of one request.
#[derive(Clone)]
pub(super) struct Hidden {
    /// Names of parameters, lower-case.
    masked: Vec<Box<str>>,
    secrets: Vec<Box<[u8]>>,
    bytes: usize,
    /// Whether there are more secrets than are remembered: then nothing is shown.
    all: bool,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// The secrets of one request, which grow while rules run.
pub(super) struct Shared(Arc<Mutex<Hidden>>);

impl Shared {
    /// Those that stand in `asked`, where `masked` are the names of secret parameters.
    pub(super) fn of(asked: &Asked, masked: &[Box<str>]) -> Self {
        Self(Arc::new(Mutex::new(Hidden::of(asked, masked))))
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
    pub(super) fn learned(&self) -> Hidden {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Hidden {
    /// The secrets of `asked`, where `masked` are the names of secret parameters.
    pub(super) fn of(asked: &Asked, masked: &[Box<str>]) -> Self {
        let mut hidden = Self { masked: masked.to_vec(), secrets: Vec::new(), bytes: 0, all: false };
        let answer = asked.answer.iter().flat_map(|answer| &answer.headers);
        for (name, value) in asked.headers.iter().chain(answer) {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if SECRET_HEADERS.contains(&name.as_str()) {
                hidden.remember(value);
                // Each cookie; `Bearer abc`, `Basic abc`.
                let cookies = name.ends_with("cookie");
                let parts = value.split(|b| matches!((cookies, b), (true, b';') | (false, b' ' | b',' | b';')));
                parts.for_each(|part| {
                    let value = after(part);
                    hidden.remember(if cookies && !value.is_empty() { value } else { part });
                    hidden.remember(value);
                });
            } else {
                hidden.pairs(after_mark(value));
            }
        }
        hidden.pairs(after_mark(&asked.uri));
        hidden.pairs(&asked.body);
        // What stands before an error counts too: rules may have seen it.
        let _ = Json { hidden: &mut hidden, secret: false }
            .deserialize(&mut serde_json::Deserializer::from_slice(&asked.body));
        hidden
    }

    /// Hides the parameters `names`, too.
    pub(super) fn also(&mut self, names: &[Vec<u8>]) {
        self.masked.extend(names.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase().into()));
    }

    /// Learns the secret that the variable `name` holds, if it does.
    pub(super) fn learn(&mut self, variable: &str, raw: &[u8]) {
        if variable.contains(':') && !variable.starts_with('&') && hides(variable, "", &self.masked) {
            self.remember(raw);
        }
    }

    /// Whether `seen`, which rules made of `raw`, must not be shown as the value of `variable`.
    pub(super) fn hides(&mut self, variable: &str, raw: &[u8], seen: &[u8]) -> bool {
        if self.all {
            return true;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]).into_owned();
        let (collection, key) = variable.split_once(':').unwrap_or((variable, ""));
        if collection.starts_with('&') || collection.ends_with("_NAMES") {
            return self.shows_secret(seen);
        }
        if hides(variable, &text(raw), &self.masked) || hides(variable, &text(seen), &self.masked) {
            // Only what is a secret in whole; a target that holds one among others is not.
            if !key.is_empty() {
                self.remember(raw);
                self.remember(seen);
            }
            return true;
        }
        // A copy of a secret, in whole or in part; what rules made of it is one, too.
        let copy = matches!(collection, "MATCHED_VAR" | "MATCHED_VARS" | "TX") && self.is_part(raw);
        if copy {
            self.remember(seen);
        }
        copy || self.shows_secret(raw) || self.shows_secret(seen)
    }

    /// `text`, unless it shows a secret.
    pub(super) fn text(&self, text: &str) -> String {
        if self.shows_secret(text.as_bytes()) { "***".to_owned() } else { text.to_owned() }
    }

    fn shows_secret(&self, seen: &[u8]) -> bool {
        self.all && !seen.is_empty()
            || self.secrets.iter().any(|secret| {
                let within = &seen[..seen.len().min(SHOWN + secret.len())];
                memchr::memmem::find(within, secret).is_some_and(|at| at < SHOWN)
            })
    }

    fn is_part(&self, seen: &[u8]) -> bool {
        seen.len() >= SHORTEST && self.secrets.iter().any(|secret| memchr::memmem::find(secret, seen).is_some())
    }

    fn remember(&mut self, secret: &[u8]) {
        let secret = secret.trim_ascii();
        if self.all || secret.len() < SHORTEST || self.secrets.iter().any(|known| **known == *secret) {
            return;
        }
        self.bytes += secret.len();
        self.all = self.secrets.len() == MOST || self.bytes > MOST_BYTES;
        if !self.all {
            self.secrets.push(secret.into());
        }
    }

    /// Values of masked parameters in `name=value&…`.
    fn pairs(&mut self, text: &[u8]) {
        for pair in text.split(|b| matches!(b, b'&' | b';')) {
            let (name, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len()));
            let name = percent_decode(name).decode_utf8_lossy();
            if self.is_masked(&name) {
                let value = value.strip_prefix(b"=").unwrap_or(value);
                let spaced: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
                self.remember(value);
                self.remember(&percent_decode(&spaced).collect::<Vec<_>>());
            }
        }
    }

    fn is_masked(&self, name: &str) -> bool {
        let parts = name.split(['[', ']', '.']);
        parts.into_iter().any(|part| self.masked.iter().any(|masked| part.trim().eq_ignore_ascii_case(masked)))
    }
}

fn after_mark(uri: &[u8]) -> &[u8] {
    memchr::memchr(b'?', uri).map_or(b"", |at| &uri[at + 1..])
}

/// What stands behind the `=` of a pair.
fn after(pair: &[u8]) -> &[u8] {
    memchr::memchr(b'=', pair).map_or(b"", |at| &pair[at + 1..])
}

/// Looks for values of masked names in a document, each of them where a name is there twice.
struct Json<'a> {
    hidden: &'a mut Hidden,
    /// Whether the name of this value is masked.
    secret: bool,
}

impl Json<'_> {
    fn found(self, text: &str) {
        if self.secret {
            self.hidden.remember(text.as_bytes());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Json<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON document")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.found(text);
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.found(&number.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.found(&number.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.found(&number.to_string());
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Json { hidden: self.hidden, secret: self.secret })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            // What lies below a masked name is one, too.
            let secret = self.secret || self.hidden.is_masked(&name);
            members.next_value_seed(Json { hidden: self.hidden, secret })?;
        }
        Ok(())
    }
}
