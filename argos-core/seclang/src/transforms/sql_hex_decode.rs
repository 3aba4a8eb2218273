//! `sqlHexDecode`: `0x414243` becomes `ABC`.

use super::{changed, pair};

/// Decodes every `0x` with at least one pair of digits.
pub(super) fn sql_hex_decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'x', b'X', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        if byte == b'0' && matches!(input.get(at + 1), Some(b'x' | b'X')) && pair(input, at + 2).is_some() {
            at += 2;
            while let Some(decoded) = pair(input, at) {
                output.push(decoded);
                at += 2;
            }
        } else {
            output.push(byte);
            at += 1;
        }
    }
    changed(input, output)
}
