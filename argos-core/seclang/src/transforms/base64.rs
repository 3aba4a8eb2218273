//! `base64Decode`, `base64DecodeExt`, `base64Encode`. Source: RFC 4648 §4.

use super::changed;

/// Decodes up to the first byte that is not base64.
pub(super) fn decode(input: &[u8]) -> Option<Vec<u8>> {
    let end = input.iter().position(|byte| value(*byte) == NONE).unwrap_or(input.len());
    changed(input, sextets(&input[..end]))
}

/// Decodes, passing over bytes that are not base64.
pub(super) fn decode_ext(input: &[u8]) -> Option<Vec<u8>> {
    let kept: Vec<u8> = input.iter().copied().filter(|byte| value(*byte) != NONE).collect();
    changed(input, sextets(&kept))
}

/// Encodes with padding.
pub(super) fn encode(input: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(input.len().div_ceil(3) * 4);
    for group in input.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for position in 0..4 {
            let index = (bits >> (18 - 6 * position)) as usize & 63;
            output.push(if position <= group.len() { ALPHABET[index] } else { b'=' });
        }
    }
    changed(input, output)
}

/// The bytes of `input`, which is base64 alone.
fn sextets(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() / 4 * 3 + 3);
    let (groups, rest) = input.as_chunks::<4>();
    for group in groups {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte)));
        output.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    let bits = rest.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte))) << (6 * (4 - rest.len()));
    // A single left-over sextet holds no whole byte.
    output.extend_from_slice(&bits.to_be_bytes()[1..][..rest.len().saturating_sub(1)]);
    output
}

/// What a byte stands for, or [`NONE`].
fn value(byte: u8) -> u8 {
    VALUES[usize::from(byte)]
}

const NONE: u8 = 64;

const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut place = 0;
    while place < 64 {
        values[ALPHABET[place] as usize] = place as u8;
        place += 1;
    }
    values
};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
