//! `phpArgsNames`: an argument's name as PHP spells it.
//!
//! Source: PHP manual, "Variables from external sources": leading blanks go, and blanks, dots and an opening
//! bracket without its closing one become `_`.

use super::changed;

pub(super) fn php_args_names(input: &[u8]) -> Option<Vec<u8>> {
    let name = input.trim_ascii_start();
    let name = &name[..memchr::memchr(0, name).unwrap_or(name.len())];
    let open = memchr::memchr(b'[', name).filter(|at| *at > 0);
    let closed = open.is_some_and(|at| memchr::memchr(b']', &name[at..]).is_some());
    let plain = if closed { open.unwrap_or(name.len()) } else { name.len() };
    let mut output: Vec<u8> =
        name[..plain].iter().map(|byte| if matches!(byte, b' ' | b'.' | b'[') { b'_' } else { *byte }).collect();
    // What follows the bracket names a member and stays as it is.
    output.extend_from_slice(&name[plain..]);
    changed(input, output)
}
