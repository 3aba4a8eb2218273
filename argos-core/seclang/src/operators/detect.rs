//! `@detectSQLi` and `@detectXSS`.

use super::{Captures, Operator, Refusal};
use crate::injection;
use crate::screen::{ByteSet, Needs};

pub(super) fn make_sqli(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(DetectSqli))
}

pub(super) fn make_xss(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(DetectXss))
}

#[derive(Debug)]
struct DetectSqli;

impl Operator for DetectSqli {
    /// Captures the fingerprint, as the reference implementation does.
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        match injection::sqli(input) {
            Some(fingerprint) => {
                captures.whole(fingerprint.as_bytes());
                true
            }
            None => false,
        }
    }
}

#[derive(Debug)]
struct DetectXss;

impl Operator for DetectXss {
    /// A verdict needs a tag, a comment or a doctype, which `<` opens, or the value of an attribute, which `=` opens.
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::byte_of(ByteSet::EMPTY.and(b"<=")))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let found = injection::xss(input);
        if found {
            captures.whole(input);
        }
        found
    }
}
