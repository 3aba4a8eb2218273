//! `cssDecode`: undoes CSS 2 escapes. Source: CSS 2.1 §4.1.3.

use super::{changed, digit};

/// `\` with one to six hexadecimal digits (and one white space after) is a byte; `\` before a line end is
/// nothing; `\` before anything else is that byte.
pub(super) fn css_decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        at += 1;
        if byte != b'\\' {
            output.push(byte);
            continue;
        }
        let digits = input[at..].iter().take(6).take_while(|byte| digit(**byte).is_some()).count();
        if digits == 0 {
            match input.get(at) {
                Some(b'\n') | None => {}
                Some(&escaped) => output.push(escaped),
            }
            at += 1;
            continue;
        }
        let code =
            input[at..at + digits].iter().fold(0_u32, |code, byte| code << 4 | u32::from(digit(*byte).unwrap_or(0)));
        output.push(full_width(code));
        at += digits;
        if input.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
    }
    changed(input, output)
}

/// The low byte of `code`; full-width forms of ASCII become ASCII.
pub(super) fn full_width(code: u32) -> u8 {
    match code {
        0xff01..=0xff5e => (code - 0xfee0) as u8,
        _ => code as u8,
    }
}
