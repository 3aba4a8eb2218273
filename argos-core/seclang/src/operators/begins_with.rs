//! `@beginsWith`: the value starts with the argument.

use super::{Captures, Operator, Refusal};

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(BeginsWith))
}

#[derive(Debug)]
struct BeginsWith;

impl Operator for BeginsWith {
    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = input.starts_with(argument);
        if found {
            captures.whole(argument);
        }
        found
    }
}
