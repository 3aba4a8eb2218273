//! `removeComments`, `removeCommentsChar`, `replaceComments`.

use super::changed;

/// Each `/* … */` becomes one space; an open one swallows the rest.
pub(super) fn replace(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(input, b"/*")?;
    let mut output = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some(start) = memchr::memmem::find(rest, b"/*") {
        output.extend_from_slice(&rest[..start]);
        output.push(b' ');
        rest = match memchr::memmem::find(&rest[start + 2..], b"*/") {
            Some(end) => &rest[start + 2 + end + 2..],
            None => b"",
        };
    }
    output.extend_from_slice(rest);
    changed(input, output)
}

/// Removes `/* … */`, `<!-- … -->`, and everything from `--` or `#` on.
pub(super) fn remove(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr3(b'#', b'-', b'*', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some(&byte) = rest.first() {
        let closing: Option<(&[u8], usize)> = if rest.starts_with(b"/*") {
            Some((b"*/", 2))
        } else if rest.starts_with(b"<!--") {
            Some((b"-->", 4))
        } else {
            None
        };
        if let Some((closing, opening)) = closing {
            rest = match memchr::memmem::find(&rest[opening..], closing) {
                Some(end) => &rest[opening + end + closing.len()..],
                None => b"",
            };
            continue;
        }
        if byte == b'#' || rest.starts_with(b"--") {
            break;
        }
        output.push(byte);
        rest = &rest[1..];
    }
    changed(input, output)
}

/// Removes the comment signs and keeps what they enclose.
pub(super) fn remove_char(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr3(b'#', b'-', b'*', input)?;
    let mut output = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some(&byte) = rest.first() {
        let sign = SIGNS.iter().find(|sign| rest.starts_with(sign));
        if let Some(sign) = sign {
            rest = &rest[sign.len()..];
        } else {
            output.push(byte);
            rest = &rest[1..];
        }
    }
    changed(input, output)
}

/// Longest first.
const SIGNS: &[&[u8]] = &[b"<!--", b"-->", b"/*", b"*/", b"--", b"#"];
