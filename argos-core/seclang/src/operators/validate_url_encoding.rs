//! `@validateUrlEncoding`: matches when a `%` is not followed by two hexadecimal digits.

use super::{Captures, Operator, Refusal};
use crate::screen::{ByteSet, Needs};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(ValidateUrlEncoding))
}

#[derive(Debug)]
struct ValidateUrlEncoding;

impl Operator for ValidateUrlEncoding {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::byte_of(ByteSet::EMPTY.and(b"%")))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let found = memchr::memchr_iter(b'%', input).find(|at| crate::transforms::pair(input, at + 1).is_none());
        if let Some(at) = found {
            captures.whole(&input[at..input.len().min(at + 3)]);
        }
        found.is_some()
    }
}
