//! `hexDecode`, `hexEncode`.

use super::{changed, digit};

/// Decodes pairs up to the first byte that is not a digit.
pub(super) fn decode(input: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = input.iter().map_while(|byte| digit(*byte)).collect();
    changed(input, digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Lower-case pairs.
pub(super) fn encode(input: &[u8]) -> Option<Vec<u8>> {
    let output =
        input.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect();
    changed(input, output)
}

pub(super) const DIGITS: &[u8; 16] = b"0123456789abcdef";
