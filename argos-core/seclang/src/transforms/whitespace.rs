//! `compressWhitespace`, `removeWhitespace`.

use super::{changed, trim};

/// Each run of white space becomes one space. The no-break space of Latin-1 counts as white space.
pub(super) fn compress(input: &[u8]) -> Option<Vec<u8>> {
    let mut after_blank = false;
    let changes = |byte: &u8| {
        let blank = blank(*byte);
        blank && (std::mem::replace(&mut after_blank, true) || *byte != b' ') || {
            after_blank = blank;
            false
        }
    };
    if !input.iter().any(changes) {
        return None;
    }
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
