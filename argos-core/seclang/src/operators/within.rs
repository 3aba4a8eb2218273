//! `@within`: the value occurs in the argument. The empty value is in every argument.

use super::{Captures, Operator, Refusal};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Within))
}

#[derive(Debug)]
struct Within;

impl Operator for Within {
    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = memchr::memmem::find(argument, input).is_some();
        if found {
            captures.whole(input);
        }
        found
    }
}
