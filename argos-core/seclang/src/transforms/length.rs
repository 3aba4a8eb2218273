//! `length`: the number of bytes, in decimal.

/// Always a change, except for `1`.
pub(super) fn length(input: &[u8]) -> Option<Vec<u8>> {
    super::changed(input, input.len().to_string().into_bytes())
}
