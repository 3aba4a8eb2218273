//! `@streq`: the value is the argument.

use super::{Captures, Operator, Refusal};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(StrEq))
}

#[derive(Debug)]
struct StrEq;

impl Operator for StrEq {
    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = input == argument;
        if found {
            captures.whole(input);
        }
        found
    }
}
