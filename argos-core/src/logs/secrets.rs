//! The secrets of one request, which must not be shown wherever they turn up again: values of masked names in its query,
//! its body (a form, JSON, XML, parts) and its headers, credentials, cookies.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::markup;
use super::mask::{hides, is_secret_header, tells};

/// Bytes that are shown of a value.
const SHOWN: usize = 256;
/// Bytes of a value in which masked names are looked for.
const LOOKED_AT: usize = 16 << 10;
/// A shorter text is no secret that could be told from others.
const SHORTEST: usize = 4;
/// Secrets that are remembered: each value that may be shown is searched for each of them.
const MOST: usize = 64;
/// Bytes of all of them.
const MOST_BYTES: usize = 64 << 10;
/// Documents and addresses that are looked into one in the other.
const DEPTH: usize = 4;
/// Stands before some documents in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The secrets of one request.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Names of parameters, lower-case.
    masked: Vec<Box<str>>,
    secrets: Vec<Box<[u8]>>,
    bytes: usize,
    /// Whether there are more secrets than are remembered: then nothing is shown.
    all: bool,
    /// Whether the body is a document with an element or attribute of a masked name: its texts come without names.
    markup: bool,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Secrets {
    /// The secrets of a request, where `masked` are the names of secret parameters and cookies of at least so many bytes
    /// are secrets.
    #[must_use]
    pub fn of<'a>(
        masked: &[Box<str>],
        cookies_from: usize,
        target: &[u8],
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        body: &[u8],
    ) -> Self {
        let mut hidden = Self { masked: masked.to_vec(), ..Self::default() };
        for (name, value) in headers {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if is_secret_header(name.as_bytes()) {
                hidden.remember(value);
                hidden.basic(value);
                // Each cookie; `Bearer abc`, `Basic abc`.
                let cookies = name.ends_with("cookie");
                let parts = value.split(|b| matches!((cookies, b), (true, b';') | (false, b' ' | b',' | b';')));
                for part in parts.filter(|part| !cookies || after(part).len() >= cookies_from) {
                    let value = after(part);
                    hidden.remember(if cookies && !value.is_empty() { value } else { part });
                    hidden.remember(value);
                }
            } else {
                hidden.pairs(after_mark(value));
            }
        }
        let path = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
        path.split(|byte| *byte == b'/').for_each(|segment| hidden.pairs(segment));
        hidden.pairs(after_mark(target));
        hidden.body(body);
        hidden
    }

    /// User and password of `Basic` credentials. Source: RFC 7617 §2.
    fn basic(&mut self, credentials: &[u8]) {
        let Some((scheme, rest)) = credentials.split_at_checked(6) else { return };
        if scheme.eq_ignore_ascii_case(b"basic ")
            && let Ok(plain) = STANDARD.decode(rest.trim_ascii())
        {
            self.remember(&plain);
            self.remember(memchr::memchr(b':', &plain).map_or(b"", |at| &plain[at + 1..]));
        }
    }

    fn body(&mut self, body: &[u8]) {
        self.pairs(body);
        self.document(body, DEPTH);
        for value in markup::parts(body, |name| self.is_masked(name)) {
            self.remember(value);
        }
    }

    /// Looks for values of masked names in JSON and XML, also where `text` is percent-encoded, and in what is written
    /// in their texts, `depth` times one in the other.
    fn document(&mut self, text: &[u8], depth: usize) {
        let start = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii_start();
        match start.first() {
            // Sent as a form.
            Some(b'%') if depth > 0 => self.document(&percent_decode(start).collect::<Vec<_>>(), depth - 1),
            Some(b'{' | b'[' | b'"') => {
                let json = Json { hidden: self, secret: false, depth };
                // What stands before an error counts too: rules may have seen it.
                let _ = json.deserialize(&mut serde_json::Deserializer::from_slice(start));
            }
            Some(b'<') => {
                let whole = depth == DEPTH;
                // A text with examples of code is no document with secrets.
                let is_masked = |name: &str| self.is_masked(name) && (whole || !name.eq_ignore_ascii_case("code"));
                let (found, named) = markup::values(start, is_masked);
                self.markup |= named && whole;
                found.iter().for_each(|value| self.remember(value));
            }
            _ => {}
        }
    }

    /// Looks into a value that may be a document or an address with masked names.
    fn value(&mut self, value: &[u8], depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if !value.iter().any(|byte| matches!(byte, b'{' | b'[' | b'<' | b'=' | b'%')) {
            return;
        }
        let spaced: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        let plain: Vec<u8> = percent_decode(&spaced).collect();
        let query = if memchr::memchr(b'?', &plain).is_some() { after_mark(&plain) } else { &plain };
        self.pairs_in(query, depth);
        self.document(&plain, depth);
        if plain != value {
            self.value(&plain, depth);
        }
    }

    /// Hides the parameters `names`, too.
    pub fn also(&mut self, names: &[Vec<u8>]) {
        self.masked.extend(names.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase().into()));
    }

    /// Learns the secret that the variable `name` holds, if it does.
    pub fn learn(&mut self, variable: &str, raw: &[u8]) {
        if variable.contains(':') && !variable.starts_with('&') && hides(variable, "", &self.masked) {
            self.remember(raw);
        }
    }

    /// Whether `seen`, which rules made of `raw`, must not be shown as the value of `variable`.
    pub fn hides(&mut self, variable: &str, raw: &[u8], seen: &[u8]) -> bool {
        if self.all {
            return true;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]).into_owned();
        let (collection, key) = variable.split_once(':').unwrap_or((variable, ""));
        if self.markup && collection == "XML" {
            return true;
        }
        if collection.starts_with('&') || collection.ends_with("_NAMES") {
            return self.shows_secret(seen);
        }
        // Looked at far beyond what is shown: what rules quote may lie anywhere in it.
        let whole = String::from_utf8_lossy(&raw[..raw.len().min(LOOKED_AT)]);
        let holds = |secret: &[u8]| memchr::memmem::find(raw, secret).is_some();
        if !key.is_empty() && self.secrets.iter().any(|secret| holds(secret)) {
            return true;
        }
        if hides(variable, &whole, &self.masked) || hides(variable, &text(seen), &self.masked) {
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

    /// The name of a variable, without what shows a secret.
    #[must_use]
    pub fn name(&self, variable: &str) -> String {
        let (collection, key) = variable.split_once(':').unwrap_or((variable, ""));
        match tells(key, &self.masked) || self.shows_secret(key.as_bytes()) {
            true => format!("{collection}:***"),
            false => variable.to_owned(),
        }
    }

    /// Whether `text` shows one of the secrets that are remembered.
    #[must_use]
    pub fn is_shown_by(&self, text: &str) -> bool {
        tells(text, &self.masked) || self.shows(text.as_bytes())
    }

    /// `text`, unless it shows a secret.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.shows_secret(text.as_bytes()) || tells(text, &self.masked) { "***".to_owned() } else { text.to_owned() }
    }

    fn shows_secret(&self, seen: &[u8]) -> bool {
        self.all && !seen.is_empty() || self.shows(seen)
    }

    fn shows(&self, seen: &[u8]) -> bool {
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
        self.pairs_in(text, DEPTH);
    }

    fn pairs_in(&mut self, text: &[u8], depth: usize) {
        for pair in text.split(|b| matches!(b, b'&' | b';')) {
            let (name, value) = pair.split_at(memchr::memchr(b'=', pair).unwrap_or(pair.len()));
            let name = percent_decode(name).decode_utf8_lossy();
            if self.is_masked(&name) {
                let value = value.strip_prefix(b"=").unwrap_or(value);
                let spaced: Vec<u8> = value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
                self.remember(value);
                self.remember(&percent_decode(&spaced).collect::<Vec<_>>());
            } else if let Some(value) = value.strip_prefix(b"=") {
                self.value(value, depth);
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
    hidden: &'a mut Secrets,
    /// Whether the name of this value is masked.
    secret: bool,
    /// How often one more document may lie in a text of this one.
    depth: usize,
}

impl Json<'_> {
    fn found(self, text: &str) {
        match self.secret {
            true => self.hidden.remember(text.as_bytes()),
            false => self.hidden.value(text.as_bytes(), self.depth),
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
        while items.next_element_seed(Json { hidden: self.hidden, secret: self.secret, depth: self.depth })?.is_some() {
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            // What lies below a masked name is one, too.
            let secret = self.secret || self.hidden.is_masked(&name);
            members.next_value_seed(Json { hidden: self.hidden, secret, depth: self.depth })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "1' UNION SELECT sesame FROM users";

    fn secrets(target: &str, headers: &[(&str, &str)], body: &[u8]) -> Secrets {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        Secrets::of(&["password".into(), "code".into()], 8, target.as_bytes(), headers, body)
    }

    fn encoded(text: &str) -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    #[test]
    fn a_secret_is_found_in_what_a_value_holds() {
        let json = format!(r#"{{"x": "{}", "password": "{SECRET}"}}"#, "a".repeat(300));
        let xml = format!("<a><password>{SECRET}</password></a>");
        let address = format!("/login?a=1&password={}", encoded(SECRET));
        let quoted = serde_json::json!({"data": json}).to_string();
        let bodies = [
            format!("data={}", encoded(&json)),
            format!("data={}", encoded(&xml)),
            format!("next={}", encoded(&address)),
            format!("next={}", encoded(&encoded(&address))),
            quoted,
            format!("\u{feff}{xml}"),
            format!("<a><!-- it's -->{}", &xml[3..]),
        ];
        for body in &bodies {
            let found = secrets("/", &[], body.as_bytes());
            assert_eq!(found.text(&format!("seen: {SECRET}.")), "***", "{body}");
            assert_eq!(found.text("seen: something"), "seen: something", "{body}");
        }
        // What a rule quotes of such a value is hidden with it, wherever the secret begins in it.
        let mut found = secrets("/", &[], bodies[0].as_bytes());
        assert!(found.hides("ARGS:data", json.as_bytes(), json.as_bytes()));
        assert!(!found.hides("ARGS:other", b"plain", b"plain"));
    }

    #[test]
    fn markup_in_a_value_may_show_code() {
        let found = secrets("/", &[], b"text=%3Cp%3E%3Ccode%3Elet x = 1;%3C/code%3E%3C/p%3E");
        assert_eq!(found.text("let x = 1;"), "let x = 1;");
    }

    #[test]
    fn user_and_password_of_basic_credentials_are_secrets() {
        let found = secrets("/", &[("Authorization", "Basic dXNlcjpvcGVuIHNlc2FtZQ==")], b"");
        for text in ["user:open sesame", "open sesame", "dXNlcjpvcGVuIHNlc2FtZQ=="] {
            assert_eq!(found.text(text), "***");
        }
        assert_eq!(secrets("/", &[("X_Api_Key", "open sesame")], b"").text("open sesame"), "***");
    }
}
