//! Which values of a request an explanation must not show: what the rows of the log hide, wherever it turns up again.

use percent_encoding::percent_decode;
use serde_json::Value;

use crate::logs::{SECRET_HEADERS, hides};
use crate::waf::asked::Asked;

/// Bytes that are shown of a value; the engine keeps no more of it.
const SHOWN: usize = 256;
/// A shorter text is no secret that could be told from others.
const SHORTEST: usize = 4;
/// Secrets that are remembered.
const MOST: usize = 1000;

/// The secrets of one request.
#[derive(Clone)]
pub(super) struct Hidden {
    /// Names of parameters, lower-case.
    masked: Vec<Box<str>>,
    secrets: Vec<Box<[u8]>>,
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hidden").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Hidden {
    /// The secrets of `asked`, where `masked` are the names of secret parameters.
    pub(super) fn of(asked: &Asked, masked: &[Box<str>]) -> Self {
        let mut hidden = Self { masked: masked.to_vec(), secrets: Vec::new() };
        let answer = asked.answer.iter().flat_map(|answer| &answer.headers);
        for (name, value) in asked.headers.iter().chain(answer) {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if SECRET_HEADERS.contains(&name.as_str()) {
                hidden.remember(value);
                // `Bearer abc`, `Basic abc`, and each cookie.
                value.split(|b| matches!(b, b' ' | b';' | b',')).for_each(|part| hidden.remember(part));
                value.split(|b| *b == b';').for_each(|pair| hidden.remember(after(pair)));
            } else {
                hidden.pairs(after_mark(value));
            }
        }
        hidden.pairs(after_mark(&asked.uri));
        hidden.pairs(&asked.body);
        if let Ok(json) = serde_json::from_slice::<Value>(&asked.body) {
            hidden.json("", &json);
        }
        hidden
    }

    /// Hides the parameters `names`, too.
    pub(super) fn also(&mut self, names: &[Vec<u8>]) {
        self.masked.extend(names.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase().into()));
    }

    /// Whether `seen`, which rules made of `raw`, must not be shown as the value of `variable`.
    pub(super) fn hides(&mut self, variable: &str, raw: &[u8], seen: &[u8]) -> bool {
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
        self.secrets.iter().any(|secret| {
            let within = &seen[..seen.len().min(SHOWN + secret.len())];
            memchr::memmem::find(within, secret).is_some_and(|at| at < SHOWN)
        })
    }

    fn is_part(&self, seen: &[u8]) -> bool {
        seen.len() >= SHORTEST && self.secrets.iter().any(|secret| memchr::memmem::find(secret, seen).is_some())
    }

    fn remember(&mut self, secret: &[u8]) {
        let secret = secret.trim_ascii();
        if secret.len() >= SHORTEST && self.secrets.len() < MOST && !self.secrets.iter().any(|known| **known == *secret)
        {
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

    /// Values of masked names in a document.
    fn json(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| self.json(name, value)),
            Value::Array(items) => items.iter().for_each(|item| self.json(name, item)),
            Value::String(text) if self.is_masked(name) => self.remember(text.as_bytes()),
            Value::Number(number) if self.is_masked(name) => self.remember(number.to_string().as_bytes()),
            _ => {}
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
