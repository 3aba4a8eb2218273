//! `@streq`: the value is the argument.

use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(StrEq))
}

#[derive(Debug)]
struct StrEq;

impl Operator for StrEq {
    fn take_needs(&mut self, argument: &[u8]) -> Option<Needs> {
        Some(Needs::one_of([argument]))
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = input == argument;
        if found {
            captures.whole(input);
        }
        found
    }
}
