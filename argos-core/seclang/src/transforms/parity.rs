//! `parityEven7bit`, `parityOdd7bit`, `parityZero7bit`: sets the top bit from the seven below it.

use super::changed;

/// The number of set bits becomes even.
pub(super) fn even(input: &[u8]) -> Option<Vec<u8>> {
    changed(input, input.iter().map(|byte| with_parity(*byte, 0)).collect())
}

/// The number of set bits becomes odd.
pub(super) fn odd(input: &[u8]) -> Option<Vec<u8>> {
    changed(input, input.iter().map(|byte| with_parity(*byte, 1)).collect())
}

/// The top bit is cleared.
pub(super) fn zero(input: &[u8]) -> Option<Vec<u8>> {
    changed(input, input.iter().map(|byte| byte & 0x7f).collect())
}

fn with_parity(byte: u8, wanted: u32) -> u8 {
    let low = byte & 0x7f;
    if low.count_ones() % 2 == wanted { low } else { low | 0x80 }
}
