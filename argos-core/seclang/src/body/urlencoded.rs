//! `a=1&b=2`. Source: URL standard §5.1, over bytes.

use super::Pair;
use crate::transforms::url;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) pairs: Vec<Pair>,
    /// A `%` without two digits after it.
    pub(crate) invalid: bool,
    /// More pairs than allowed; the rest is left out.
    pub(crate) too_many: bool,
}

/// Reads at most `most` pairs.
pub(crate) fn parse(text: &[u8], separator: u8, most: usize) -> Parsed {
    let mut parsed = Parsed::default();
    for part in text.split(|byte| *byte == separator).filter(|part| !part.is_empty()) {
        if parsed.pairs.len() >= most {
            parsed.too_many = true;
            break;
        }
        let (name, value) = match memchr::memchr(b'=', part) {
            Some(at) => (&part[..at], &part[at + 1..]),
            None => (part, &b""[..]),
        };
        let ((name, bad_name), (value, bad_value)) = (url::plain(name), url::plain(value));
        parsed.invalid |= bad_name + bad_value > 0;
        parsed.pairs.push((name, value));
    }
    parsed
}
