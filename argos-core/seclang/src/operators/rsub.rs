//! `@rsub`: `s/pattern/replacement/flags`; matches where the pattern does.
//!
//! Differs: the reference engine also rewrites streams, which are not inspected here, so nothing is replaced.

use super::{Captures, Operator, Refusal, rx};
use crate::screen::Needs;

pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let refusal = || Refusal::argument("s/pattern/replacement/ with flags d, i or none is needed");
    let (b's', [delimiter, rest @ ..]) = argument.split_first().map(|(s, rest)| (*s, rest)).ok_or_else(refusal)? else {
        return Err(refusal());
    };
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    let mut escaped = false;
    for &byte in rest {
        if byte == *delimiter && !escaped {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(byte);
        }
        escaped = byte == b'\\' && !escaped;
    }
    let [pattern, _, flags] = parts.as_slice() else { return Err(refusal()) };
    let fold = flags.contains(&b'i');
    if delimiter.is_ascii_alphanumeric() || flags.iter().any(|flag| !matches!(flag, b'd' | b'i')) {
        return Err(refusal());
    }
    let pattern = if fold { [b"(?i)", pattern.as_slice()].concat() } else { pattern.clone() };
    Ok(Box::new(Rsub(rx::make(&pattern)?)))
}

#[derive(Debug)]
struct Rsub(Box<dyn Operator>);

impl Operator for Rsub {
    fn take_needs(&mut self, argument: &[u8]) -> Option<Needs> {
        self.0.take_needs(argument)
    }

    fn is_pure(&self) -> bool {
        self.0.is_pure()
    }

    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool {
        self.0.matches(input, argument, captures)
    }
}
