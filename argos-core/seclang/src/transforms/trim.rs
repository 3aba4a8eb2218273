//! `trim`, `trimLeft`, `trimRight`.

/// White space off both ends.
pub(super) fn both(input: &[u8]) -> Option<Vec<u8>> {
    shorter(input, right_part(left_part(input)))
}

/// White space off the beginning.
pub(super) fn left(input: &[u8]) -> Option<Vec<u8>> {
    shorter(input, left_part(input))
}

/// White space off the end.
pub(super) fn right(input: &[u8]) -> Option<Vec<u8>> {
    shorter(input, right_part(input))
}

fn left_part(input: &[u8]) -> &[u8] {
    &input[input.iter().take_while(|byte| space(**byte)).count()..]
}

fn right_part(input: &[u8]) -> &[u8] {
    &input[..input.len() - input.iter().rev().take_while(|byte| space(**byte)).count()]
}

fn shorter(input: &[u8], output: &[u8]) -> Option<Vec<u8>> {
    (input.len() != output.len()).then(|| output.to_vec())
}

/// `isspace` of C, which includes the vertical tab.
pub(super) const fn space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 11
}
