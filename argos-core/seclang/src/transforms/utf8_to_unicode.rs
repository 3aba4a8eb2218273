//! `utf8toUnicode`: multi-byte UTF-8 becomes `%uHHHH`.

use super::changed;

/// Ill-formed bytes stay.
pub(super) fn utf8_to_unicode(input: &[u8]) -> Option<Vec<u8>> {
    if input.is_ascii() {
        return None;
    }
    let mut output = Vec::with_capacity(input.len() * 2);
    for chunk in input.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_ascii() {
                output.push(character as u8);
            } else {
                output.extend_from_slice(format!("%u{:04x}", u32::from(character)).as_bytes());
            }
        }
        output.extend_from_slice(chunk.invalid());
    }
    changed(input, output)
}
