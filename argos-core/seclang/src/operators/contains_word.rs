//! `@containsWord`: the argument occurs in the value with no letter, digit or `_` beside it.

use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

pub(super) fn make(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(ContainsWord))
}

#[derive(Debug)]
struct ContainsWord;

impl Operator for ContainsWord {
    fn take_needs(&mut self, argument: &[u8]) -> Option<Needs> {
        Some(Needs::one_of([argument]))
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        let found = memchr::memmem::find_iter(input, argument).any(|at| {
            let before = at.checked_sub(1).and_then(|index| input.get(index));
            let after = input.get(at + argument.len());
            !before.is_some_and(word) && !after.is_some_and(word)
        });
        if found {
            captures.whole(argument);
        }
        found
    }
}

fn word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}
