//! `@validateUtf8Encoding`: matches when the value is not well-formed UTF-8. Source: RFC 3629 §4.

use super::{Captures, Operator, Refusal};
use crate::screen::{ByteSet, Needs};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(ValidateUtf8Encoding))
}

#[derive(Debug)]
struct ValidateUtf8Encoding;

impl Operator for ValidateUtf8Encoding {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::byte_of(ByteSet::EMPTY.with(0x80, 0xff)))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        match std::str::from_utf8(input) {
            Ok(_) => false,
            Err(error) => {
                captures.whole(&input[error.valid_up_to()..][..1]);
                true
            }
        }
    }
}
