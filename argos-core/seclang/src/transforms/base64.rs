//! `base64Decode`, `base64DecodeExt`, `base64Encode`. Source: RFC 4648 §4.

use super::changed;

/// Decodes up to the first byte that is not base64.
pub(super) fn decode(input: &[u8]) -> Option<Vec<u8>> {
    let end = input.iter().take_while(|byte| value(**byte).is_some()).count();
    changed(input, sextets(&input[..end]))
}

/// Decodes, passing over bytes that are not base64.
pub(super) fn decode_ext(input: &[u8]) -> Option<Vec<u8>> {
    let kept: Vec<u8> = input.iter().copied().filter(|byte| value(*byte).is_some()).collect();
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

fn sextets(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len() * 3 / 4);
    for group in input.chunks(4) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte).unwrap_or(0)))
            << (6 * (4 - group.len()));
        // A single left-over sextet holds no whole byte.
        for index in 0..group.len().saturating_sub(1) {
            output.push((bits >> (16 - 8 * index)) as u8);
        }
    }
    output
}

fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
