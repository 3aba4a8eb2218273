//! `normalizePath`, `normalizePathWin`: removes double slashes, `.` and `..` segments.

use super::changed;

/// `..` never leaves the root; in a relative path leading `..` stay.
pub(super) fn normalise(input: &[u8]) -> Option<Vec<u8>> {
    if plain(input) {
        return None;
    }
    changed(input, walk(input))
}

/// Backslashes count as slashes.
pub(super) fn normalise_win(input: &[u8]) -> Option<Vec<u8>> {
    if plain(input) && memchr::memchr(b'\\', input).is_none() {
        return None;
    }
    let slashes: Vec<u8> = input.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
    changed(input, walk(&slashes))
}

/// Whether no segment but the first and the last is empty, `.` or `..`, so that there is nothing to do.
fn plain(input: &[u8]) -> bool {
    if memchr::memchr(b'/', input).is_none() {
        return !matches!(input, b"" | b"." | b"..");
    }
    let inner = input.strip_prefix(b"/").unwrap_or(input);
    let inner = inner.strip_suffix(b"/").unwrap_or(inner);
    !inner.is_empty() && !inner.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b".."))
}

fn walk(input: &[u8]) -> Vec<u8> {
    if input.is_empty() {
        return Vec::new();
    }
    let rooted = input[0] == b'/';
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in input.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => match kept.last() {
                Some(last) if *last != b".." => {
                    kept.pop();
                }
                _ if rooted => {}
                _ => kept.push(segment),
            },
            _ => kept.push(segment),
        }
    }
    let last = input.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let folder = last.is_empty() || last == b"." || last == b"..";
    let mut output = Vec::with_capacity(input.len());
    if rooted {
        output.push(b'/');
    }
    output.extend_from_slice(&kept.join(&b'/'));
    if folder && !kept.is_empty() && kept.last() != Some(&b"..".as_slice()) {
        output.push(b'/');
    }
    output
}
