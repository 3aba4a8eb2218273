//! `urlDecode`, `urlDecodeUni`, `urlEncode`.

use super::{changed, css_decode::full_width, hex::DIGITS, pair};

/// `%HH` and `+`; what is not a valid escape stays as it is.
pub(super) fn decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr2(b'%', b'+', input)?;
    changed(input, plain(input).0)
}

/// As [`decode`], and `%uHHHH`: the low byte, with full-width forms made ASCII.
pub(super) fn decode_uni(input: &[u8]) -> Option<Vec<u8>> {
    decode_uni_with(input, |_| None)
}

/// As [`decode_uni`], asking `table` first which byte a character becomes.
pub(crate) fn decode_uni_with(input: &[u8], table: impl Fn(u16) -> Option<u8>) -> Option<Vec<u8>> {
    let mut at = memchr::memchr2(b'%', b'+', input)?;
    let mut output = Vec::with_capacity(input.len());
    output.extend_from_slice(&input[..at]);
    while let Some(&byte) = input.get(at) {
        let unicode = byte == b'%' && matches!(input.get(at + 1), Some(b'u' | b'U'));
        let wide = if unicode { pair(input, at + 2).zip(pair(input, at + 4)) } else { None };
        if let Some((high, low)) = wide {
            let code = u16::from_be_bytes([high, low]);
            output.push(table(code).unwrap_or_else(|| full_width(u32::from(code))));
            at += 6;
        } else if let (b'%', Some(decoded)) = (byte, pair(input, at + 1)) {
            output.push(decoded);
            at += 3;
        } else {
            output.push(if byte == b'+' { b' ' } else { byte });
            at += 1;
            let plain = memchr::memchr2(b'%', b'+', &input[at..]).unwrap_or(input.len() - at);
            output.extend_from_slice(&input[at..at + plain]);
            at += plain;
        }
    }
    changed(input, output)
}

/// Letters, digits and `*-._` stay, a space becomes `+`, the rest `%hh`.
pub(super) fn encode(input: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::with_capacity(input.len());
    for &byte in input {
        match byte {
            b' ' => output.push(b'+'),
            b'*' | b'-' | b'.' | b'_' => output.push(byte),
            _ if byte.is_ascii_alphanumeric() => output.push(byte),
            _ => output.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
        }
    }
    changed(input, output)
}

/// Decodes `%HH` and `+`, and tells how many `%` were no valid escape.
pub(crate) fn plain(input: &[u8]) -> (Vec<u8>, usize) {
    let mut output = Vec::with_capacity(input.len());
    let mut invalid = 0;
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        match (byte, pair(input, at + 1)) {
            (b'%', Some(decoded)) => {
                output.push(decoded);
                at += 3;
                continue;
            }
            (b'%', None) => {
                invalid += 1;
                output.push(byte);
            }
            (b'+', _) => output.push(b' '),
            _ => output.push(byte),
        }
        at += 1;
    }
    (output, invalid)
}

/// Decodes `%HH` only, as paths are written; what is not a valid escape stays as it is.
pub(crate) fn percent(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        match pair(input, at + 1).filter(|_| byte == b'%') {
            Some(decoded) => {
                output.push(decoded);
                at += 3;
            }
            None => {
                output.push(byte);
                at += 1;
            }
        }
    }
    output
}
