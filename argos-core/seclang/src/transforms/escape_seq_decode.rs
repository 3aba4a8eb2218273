//! `escapeSeqDecode`: undoes C escapes.

use super::{changed, pair};

/// Decodes `\a \b \f \n \r \t \v \\ \? \' \"`, `\xHH` and `\ooo`; what is not an escape stays.
pub(super) fn escape_seq_decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        if byte != b'\\' {
            output.push(byte);
            at += 1;
            continue;
        }
        let (decoded, used) = escape(input, at + 1);
        match decoded {
            Some(decoded) => output.push(decoded),
            None => output.push(b'\\'),
        }
        at += 1 + used;
    }
    changed(input, output)
}

/// The byte meant at `at` (after the backslash) and how many bytes that takes.
fn escape(input: &[u8], at: usize) -> (Option<u8>, usize) {
    let simple = match input.get(at) {
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'f') => 12,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 11,
        Some(&same @ (b'\\' | b'?' | b'\'' | b'"')) => same,
        Some(b'x' | b'X') => return pair(input, at + 1).map_or((None, 0), |byte| (Some(byte), 3)),
        Some(b'0'..=b'7') => {
            let digits = input[at..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let code = input[at..at + digits].iter().fold(0_u32, |code, byte| code << 3 | u32::from(byte - b'0'));
            return (Some(code as u8), digits);
        }
        _ => return (None, 0),
    };
    (Some(simple), 1)
}
