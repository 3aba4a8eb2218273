//! `@validateByteRange`: matches when a byte is outside the ranges.

use super::{Captures, Operator, Refusal};
use crate::screen::{ByteSet, Needs};

/// `1-255, 9, 10`.
pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let mut allowed = [false; 256];
    for part in argument.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()) {
        let bad = || Refusal::argument(format!("{} is no range of bytes", part.escape_ascii()));
        let mut ends =
            part.splitn(2, |byte| *byte == b'-').map(|end| std::str::from_utf8(end).ok()?.trim().parse::<u8>().ok());
        let from = ends.next().flatten().ok_or_else(bad)?;
        let to = match ends.next() {
            Some(end) => end.filter(|to| *to >= from).ok_or_else(bad)?,
            None => from,
        };
        allowed[usize::from(from)..=usize::from(to)].fill(true);
    }
    Ok(Box::new(ValidateByteRange(Box::new(allowed))))
}

#[derive(Debug)]
struct ValidateByteRange(Box<[bool; 256]>);

impl Operator for ValidateByteRange {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        let outside = (0..=255).filter(|byte| !self.0[usize::from(*byte)]);
        Some(Needs::byte_of(outside.fold(ByteSet::EMPTY, |set, byte| set.and(&[byte]))))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        match input.iter().find(|byte| !self.0[usize::from(**byte)]) {
            Some(byte) => {
                captures.whole(&[*byte]);
                true
            }
            None => false,
        }
    }
}
