//! `@rx` and `@rxGlobal`: the value matches a regular expression.
//!
//! In linear time, but for patterns that look around or back: those run on a backtracking engine with a step limit,
//! and giving up is no match but sets `MSC_PCRE_LIMITS_EXCEEDED`.

use super::pattern::Pattern;
use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    make_stepped(argument, STEPS)
}

pub(super) fn make_global(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(RxGlobal(Pattern::compile(argument, STEPS)?)))
}

/// With a step limit of the rule text's own.
pub(crate) fn make_stepped(argument: &[u8], steps: usize) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Rx(Pattern::compile(argument, steps)?)))
}

#[derive(Debug)]
struct Rx(Pattern);

impl Operator for Rx {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        self.0.take_needs()
    }

    fn is_pure(&self) -> bool {
        self.0.is_pure()
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        if !captures.wanted {
            return self.0.is_match(input, captures);
        }
        match self.0.groups(input, captures) {
            Some(groups) => {
                captures.found = groups;
                true
            }
            None => false,
        }
    }
}

/// Groups of all matches one after the other, ten in all.
#[derive(Debug)]
struct RxGlobal(Pattern);

impl Operator for RxGlobal {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        self.0.take_needs()
    }

    fn is_pure(&self) -> bool {
        self.0.is_pure()
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        if !captures.wanted {
            return self.0.is_match(input, captures);
        }
        let groups = self.0.all_groups(input, captures);
        let found = !groups.is_empty();
        captures.found = groups;
        found
    }
}

/// Steps of a pattern that needs backtracking.
const STEPS: usize = 1_000_000;
