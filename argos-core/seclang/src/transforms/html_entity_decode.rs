//! `htmlEntityDecode`: numeric entities and the named ones an attack uses.

use super::{changed, css_decode::full_width, digit};

/// Decodes `&#n;`, `&#xh;`, `&quot; &amp; &lt; &gt; &nbsp;` and a few signs; the semicolon may be missing.
pub(super) fn html_entity_decode(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(b'&', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        let found = if byte == b'&' { entity(&input[at + 1..]) } else { None };
        match found {
            Some((decoded, used)) => {
                output.push(decoded);
                at += 1 + used;
                if input.get(at) == Some(&b';') {
                    at += 1;
                }
            }
            None => {
                output.push(byte);
                at += 1;
            }
        }
    }
    changed(input, output)
}

fn entity(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).map(|(byte, used)| (byte, used + 2)),
        [b'#', digits @ ..] => number(digits, 10).map(|(byte, used)| (byte, used + 1)),
        _ => {
            let length = rest.iter().take(12).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            NAMED
                .iter()
                .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(&rest[..length]))
                .map(|(_, byte)| (*byte, length))
        }
    }
}

fn number(digits: &[u8], base: u32) -> Option<(u8, usize)> {
    let value = |byte: &u8| digit(*byte).map(u32::from).filter(|value| *value < base);
    let used = digits.iter().take_while(|byte| value(byte).is_some()).count();
    if used == 0 {
        return None;
    }
    let code = digits[..used]
        .iter()
        .filter_map(value)
        .fold(0_u32, |code, digit| code.saturating_mul(base).saturating_add(digit));
    Some((full_width(code), used))
}

const NAMED: &[(&str, u8)] = &[
    ("quot", b'"'),
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("nbsp", 0xa0),
    ("apos", b'\''),
    ("colon", b':'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("tab", b'\t'),
    ("newline", b'\n'),
    ("sol", b'/'),
    ("bsol", b'\\'),
    ("semi", b';'),
    ("comma", b','),
    ("equals", b'='),
    ("num", b'#'),
    ("grave", b'`'),
    ("lbrace", b'{'),
    ("rbrace", b'}'),
    ("lsqb", b'['),
    ("rsqb", b']'),
    ("excl", b'!'),
    ("dollar", b'$'),
    ("period", b'.'),
];
