//! `lowercase`, `uppercase`: ASCII letters only.

/// Folds to lower case.
pub(super) fn lower(input: &[u8]) -> Option<Vec<u8>> {
    input.iter().any(u8::is_ascii_uppercase).then(|| input.to_ascii_lowercase())
}

/// Folds to upper case.
pub(super) fn upper(input: &[u8]) -> Option<Vec<u8>> {
    input.iter().any(u8::is_ascii_lowercase).then(|| input.to_ascii_uppercase())
}
