//! `@rx`: the value matches a regular expression, in linear time.

use regex::bytes::Regex;

use super::{Captures, Operator, Refusal};

pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(Rx(super::compile_regex(argument)?)))
}

#[derive(Debug)]
struct Rx(Regex);

impl Operator for Rx {
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        if !captures.wanted {
            return self.0.is_match(input);
        }
        let Some(groups) = self.0.captures(input) else { return false };
        captures.found = groups
            .iter()
            .take(10)
            .map(|group| group.map(|found| found.as_bytes().to_vec()).unwrap_or_default())
            .collect();
        true
    }
}
