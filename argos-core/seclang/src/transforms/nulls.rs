//! `removeNulls`, `replaceNulls`.

/// Drops zero bytes.
pub(super) fn remove(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(0, input)?;
    Some(input.iter().copied().filter(|byte| *byte != 0).collect())
}

/// Zero bytes become spaces.
pub(super) fn replace(input: &[u8]) -> Option<Vec<u8>> {
    memchr::memchr(0, input)?;
    Some(input.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect())
}
