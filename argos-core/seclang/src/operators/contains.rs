//! `@contains` and `@strmatch`: the argument occurs in the value.

use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Contains))
}

#[derive(Debug)]
struct Contains;

impl Operator for Contains {
    fn take_needs(&mut self, argument: &[u8]) -> Option<Needs> {
        Some(Needs::one_of([argument]))
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = memchr::memmem::find(input, argument).is_some();
        if found {
            captures.whole(argument);
        }
        found
    }
}
