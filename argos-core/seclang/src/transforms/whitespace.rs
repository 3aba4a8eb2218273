//! `compressWhitespace`, `removeWhitespace`.

use super::{changed, trim};

/// Each run of white space becomes one space. The no-break space of Latin-1 counts as white space.
pub(super) fn compress(input: &[u8]) -> Option<Vec<u8>> {
    let (mut kept, mut before) = (0, false);
    // Where nothing changes, nothing is copied.
    for (at, &byte) in input.iter().enumerate() {
        let blank = blank(byte);
        if blank && (before || byte != b' ') {
            kept = at;
            break;
        }
        before = blank;
        kept = at + 1;
    }
    if kept == input.len() {
        return None;
    }
    let mut output = Vec::with_capacity(input.len());
    output.extend_from_slice(&input[..kept]);
    for &byte in &input[kept..] {
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
    let mut words = input.split(|byte| blank(*byte));
    let first = words.next()?;
    if first.len() == input.len() {
        return None;
    }
    let mut output = Vec::with_capacity(input.len());
    output.extend_from_slice(first);
    words.for_each(|word| output.extend_from_slice(word));
    Some(output)
}

fn blank(byte: u8) -> bool {
    BLANK[usize::from(byte)]
}

const BLANK: [bool; 256] = {
    let mut blank = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        blank[byte] = trim::space(byte as u8) || byte == 0xa0;
        byte += 1;
    }
    blank
};
