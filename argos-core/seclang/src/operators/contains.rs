//! `@contains` and `@strmatch`: the argument occurs in the value.

use super::{Captures, Operator, Refusal};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Contains))
}

#[derive(Debug)]
struct Contains;

impl Operator for Contains {
    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = memchr::memmem::find(input, argument).is_some();
        if found {
            captures.whole(argument);
        }
        found
    }
}
