//! Whether a matcher holds for a request.

use smallvec::SmallVec;

use crate::proxy::exchange::Exchange;
use crate::proxy::path::triplet;
use crate::snapshot::{Matcher, Test, ValueTest};

/// Captures 1–9 of a rule's first `path_regex`.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    taken: bool,
    groups: Vec<Vec<u8>>,
}

impl Captures {
    /// The captures that took part, from 1.
    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.groups.iter().skip(1).map(Vec::as_slice)
    }

    pub(super) fn get(&self, group: u8) -> &[u8] {
        self.groups.get(usize::from(group)).map(Vec::as_slice).unwrap_or_default()
    }
}

pub(super) fn matches(ex: &Exchange, matcher: &Matcher, captures: &mut Captures) -> bool {
    let path = ex.matching_path();
    let holds = match &matcher.test {
        Test::Path(globs) => globs.iter().any(|g| g.matches(path)),
        Test::PathExact(values) => values.iter().any(|v| **v == *path),
        Test::PathRegex(regex) if captures.taken => regex.is_match(path),
        Test::PathRegex(regex) => {
            captures.taken = true;
            regex.captures(path).is_some_and(|found| {
                let text = |m: Option<regex::bytes::Match<'_>>| m.map(|m| m.as_bytes().to_vec()).unwrap_or_default();
                captures.groups = found.iter().take(10).map(text).collect();
                true
            })
        }
        Test::Method(methods) => methods.iter().any(|m| m.as_bytes() == ex.method()),
        Test::Header(name, test) => ex.values(name.as_bytes()).any(|v| test.passes(v)),
        Test::Query(name, test) => query(ex.raw_query().unwrap_or_default(), name, test),
        Test::Cookie(name, test) => ex.values(b"cookie").flat_map(cookies).any(|(n, v)| n == &**name && test.passes(v)),
        Test::RemoteIp(ranges) => ranges.iter().any(|r| r.contains(&ex.client.ip)),
        Test::HostHeader(values) => values.iter().any(|v| covers(v, &ex.name)),
    };
    holds != matcher.negate
}

fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == name,
    }
}

fn query(query: &[u8], name: &[u8], test: &ValueTest) -> bool {
    query.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (key, value) = split(pair, b'=');
        *form_decoded(key) == *name && test.passes(&form_decoded(value))
    })
}

/// Names and values of one `Cookie` line. Source: RFC 6265 §5.4.
pub(crate) fn cookies(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|b| *b == b';').map(|pair| {
        let (name, value) = split(pair, b'=');
        (name.trim_ascii(), value.trim_ascii())
    })
}

fn split(pair: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(at, pair) {
        Some(i) => (&pair[..i], &pair[i + 1..]),
        None => (pair, &[]),
    }
}

/// `+` as a blank, `%XX` as its byte; what is no triplet stays as it is.
fn form_decoded(text: &[u8]) -> SmallVec<[u8; 64]> {
    let mut out = SmallVec::new();
    let mut i = 0;
    while i < text.len() {
        match (text[i], triplet(&text[i..])) {
            (b'+', _) => out.push(b' '),
            (_, Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (byte, None) => out.push(byte),
        }
        i += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded_once() {
        let is = |value: &str| ValueTest::Exact(value.as_bytes().into());
        for (text, name, test, expected) in [
            ("a=1&b=2", "b", is("2"), true),
            ("a=1&a=2", "a", is("2"), true),
            ("a=x+y", "a", is("x y"), true),
            ("%61=%31", "a", is("1"), true),
            ("a=%2531", "a", is("%31"), true),
            ("a=%zz", "a", is("%zz"), true),
            ("a", "a", ValueTest::Present, true),
            ("b", "a", ValueTest::Present, false),
            ("", "", ValueTest::Present, false),
        ] {
            assert_eq!(query(text.as_bytes(), name.as_bytes(), &test), expected, "{text} {name}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        for (pattern, name, expected) in [
            ("a.example", "a.example", true),
            ("*.example", "a.example", true),
            ("*.example", "b.a.example", false),
            ("*.example", "example", false),
        ] {
            assert_eq!(covers(pattern, name), expected, "{pattern} {name}");
        }
    }
}
