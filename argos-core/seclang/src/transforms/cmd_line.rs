//! `cmdLine`: undoes the ways a shell command can be written apart.

use super::changed;

/// Drops `\ " ' ^`, drops spaces before `/` and `(`, makes `,` `;` and white space one space, folds case.
pub(super) fn cmd_line(input: &[u8]) -> Option<Vec<u8>> {
    let mut before = 0;
    let changes = |&byte: &u8| {
        let changes = match byte {
            b'\\' | b'"' | b'\'' | b'^' | b',' | b';' | b'\t' | b'\r' | b'\n' => true,
            b' ' | b'/' | b'(' => before == b' ',
            _ => byte.is_ascii_uppercase(),
        };
        before = byte;
        changes
    };
    if !input.iter().any(changes) {
        return None;
    }
    let mut output = Vec::with_capacity(input.len());
    for &byte in input {
        match byte {
            b'\\' | b'"' | b'\'' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if output.last() != Some(&b' ') {
                    output.push(b' ');
                }
            }
            b'/' | b'(' => {
                if output.last() == Some(&b' ') {
                    output.pop();
                }
                output.push(byte);
            }
            _ => output.push(byte.to_ascii_lowercase()),
        }
    }
    changed(input, output)
}
