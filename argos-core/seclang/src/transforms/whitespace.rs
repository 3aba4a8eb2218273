//! `compressWhitespace`, `removeWhitespace`.

use super::{changed, trim};

/// Each run of white space becomes one space. The no-break space of Latin-1 counts as white space.
pub(super) fn compress(input: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(input.len());
    let mut before = false;
    for &byte in input {
        let space = blank(byte);
        if !space {
            output.push(byte);
        } else if !before {
            output.push(b' ');
        }
        before = space;
    }
    changed(input, output)
}

/// Drops all white space.
pub(super) fn remove(input: &[u8]) -> Option<Vec<u8>> {
    input.iter().any(|byte| blank(*byte)).then(|| input.iter().copied().filter(|byte| !blank(*byte)).collect())
}

fn blank(byte: u8) -> bool {
    trim::space(byte) || byte == 0xa0
}
