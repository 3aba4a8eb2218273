//! `jsDecode`: undoes JavaScript string escapes. Source: ECMA-262 §12.9.4.

use super::{changed, css_decode::full_width, digit, pair};

/// Decodes `\uHHHH` (full-width forms become ASCII), `\xHH`, octal and single-letter escapes.
pub(super) fn js_decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'\\', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        at += 1;
        if byte != b'\\' {
            output.push(byte);
            continue;
        }
        let (decoded, used) = escape(&input[at..]);
        output.extend(decoded);
        at += used;
    }
    changed(input, output)
}

fn escape(rest: &[u8]) -> (Option<u8>, usize) {
    match rest {
        [] => (Some(b'\\'), 0),
        [b'u', ..] => match (pair(rest, 1), pair(rest, 3)) {
            (Some(high), Some(low)) => (Some(full_width(u32::from(high) << 8 | u32::from(low))), 5),
            _ => (Some(b'u'), 1),
        },
        [b'x', ..] => pair(rest, 1).map_or((Some(b'x'), 1), |byte| (Some(byte), 3)),
        [first @ b'0'..=b'7', ..] => {
            // Three digits only below 256.
            let most = if *first <= b'3' { 3 } else { 2 };
            let digits = rest.iter().take(most).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let code =
                rest[..digits].iter().filter_map(|byte| digit(*byte)).fold(0_u32, |code, d| code << 3 | u32::from(d));
            (Some(code as u8), digits)
        }
        [letter, ..] => {
            let decoded = match letter {
                b'a' => 7,
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => *other,
            };
            (Some(decoded), 1)
        }
    }
}
