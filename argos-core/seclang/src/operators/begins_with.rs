//! `@beginsWith`: the value starts with the argument.

use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(BeginsWith))
}

#[derive(Debug)]
struct BeginsWith;

impl Operator for BeginsWith {
    fn take_needs(&mut self, argument: &[u8]) -> Option<Needs> {
        Some(Needs::one_of([argument]))
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = input.starts_with(argument);
        if found {
            captures.whole(argument);
        }
        found
    }
}
