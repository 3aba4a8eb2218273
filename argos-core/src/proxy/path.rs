//! The three forms of a request's path.
//!
//! | Form | What it is | Who reads it |
//! |---|---|---|
//! | raw | the bytes as received | `REQUEST_URI_RAW`, the log |
//! | matching | decoded once but for `%2F` and `%5C`, `/` runs merged, dot segments removed | rules, the log |
//! | forwarded | raw; where raw holds dot segments, raw without them | the upstream |
//!
//! Both removals pop the same segments (`..` goes past empty ones), so the matching form of what the upstream gets
//! is the matching form of what was received. Source: RFC 3986 §5.2.4, RFC 9110 §4.2.3.

/// The matching and the forwarded form of one raw path. Buffers are reused from request to request.
#[derive(Debug, Default)]
pub(crate) struct PathForms {
    matching: Option<Vec<u8>>,
    forwarded: Option<Vec<u8>>,
}

/// Why a path has no forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// `%` without two hexadecimal digits.
    Triplet,
    /// `%00`.
    Zero,
}

impl PathForms {
    /// The forms of `raw`, which begins with `/` (or is `*`).
    pub(crate) fn of(raw: &[u8]) -> Result<Self, BadPath> {
        // Most paths are plain: one scan, no copy.
        let mut before = 0;
        let plain = raw.iter().all(|&b| {
            let ok = b != b'%' && !(before == b'/' && (b == b'/' || b == b'.'));
            before = b;
            ok
        });
        if plain {
            return Ok(Self::default());
        }
        let decoded = decoded(raw)?;
        let forwarded = has_dot_segments(raw).then(|| without_dots(raw, false));
        Ok(Self { matching: Some(without_dots(&decoded, true)), forwarded })
    }

    /// The form that rules and exclusions compare.
    pub(crate) fn matching<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.matching.as_deref().unwrap_or(raw)
    }

    /// The form that the upstream gets.
    pub(crate) fn forwarded<'a>(&'a self, raw: &'a [u8]) -> &'a [u8] {
        self.forwarded.as_deref().unwrap_or(raw)
    }
}

/// The form of `raw` that rules and exclusions compare; none for a path that is refused.
pub(crate) fn matching_form(raw: &[u8]) -> Option<Vec<u8>> {
    PathForms::of(raw).ok().map(|forms| forms.matching(raw).to_vec())
}

/// `path` as it may be forwarded: without dot segments, plain or encoded.
pub(crate) fn forwardable(path: Vec<u8>) -> Vec<u8> {
    if has_dot_segments(&path) { without_dots(&path, false) } else { path }
}

/// Percent-decodes once; `%2F` and `%5C` stay, in upper case.
fn decoded(raw: &[u8]) -> Result<Vec<u8>, BadPath> {
    let mut out = Vec::with_capacity(raw.len());
    let mut i = 0;
    while i < raw.len() {
        if raw[i] != b'%' {
            out.push(raw[i]);
            i += 1;
            continue;
        }
        let byte = triplet(&raw[i..]).ok_or(BadPath::Triplet)?;
        match byte {
            0 => return Err(BadPath::Zero),
            b'/' => out.extend_from_slice(b"%2F"),
            b'\\' => out.extend_from_slice(b"%5C"),
            _ => out.push(byte),
        }
        i += 3;
    }
    Ok(out)
}

/// The byte of a `%XX` at the start of `bytes`.
pub(crate) fn triplet(bytes: &[u8]) -> Option<u8> {
    let digit = |b: u8| (b as char).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match bytes {
        [b'%', high, low, ..] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

fn dots(segment: &[u8]) -> usize {
    let (mut rest, mut count) = (segment, 0);
    while !rest.is_empty() {
        if rest[0] == b'.' {
            rest = &rest[1..];
        } else if rest.len() >= 3 && rest[..2] == *b"%2" && rest[2] | 0x20 == b'e' {
            rest = &rest[3..];
        } else {
            return 0;
        }
        count += 1;
    }
    count
}

fn has_dot_segments(path: &[u8]) -> bool {
    path.split(|b| *b == b'/').any(|s| matches!(dots(s), 1 | 2))
}

// In the matching form a `%2e` left over from `%252e` is no dot, so `merge` also means: only plain dots count.
fn without_dots(path: &[u8], merge: bool) -> Vec<u8> {
    let count = |s: &[u8]| {
        if merge {
            if s == b"." {
                1
            } else if s == b".." {
                2
            } else {
                0
            }
        } else {
            dots(s)
        }
    };
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut segments = path.split(|b| *b == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match count(segment) {
            1 => {}
            2 => {
                while out.last() == Some(&b'/') {
                    out.pop();
                }
                while out.pop().is_some_and(|b| b != b'/') {}
            }
            _ if merge && segment.is_empty() && !last => continue,
            _ => {
                // A last empty segment is the slash that is already there, unless runs are kept.
                if !(merge && segment.is_empty() && out.last() == Some(&b'/')) {
                    out.push(b'/');
                    out.extend_from_slice(segment);
                }
                continue;
            }
        }
        if last {
            out.push(b'/');
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_path_has_its_three_forms() {
        for (raw, matching, forwarded) in [
            ("/a/b", "/a/b", "/a/b"),
            ("/a/%2e%2e/b", "/b", "/b"),
            ("//admin", "/admin", "//admin"),
            ("/a%2Fb", "/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb", "/a%2fb"),
            ("/a%5C..%5Cb", "/a%5C..%5Cb", "/a%5C..%5Cb"),
            ("/%252e", "/%2e", "/%252e"),
            ("/%252e%252e/a", "/%2e%2e/a", "/%252e%252e/a"),
            ("/../../a", "/a", "/a"),
            ("/a/..", "/", "/"),
            ("/a/b/..", "/a/", "/a/"),
            ("/a/.", "/a/", "/a/"),
            ("/a/./b", "/a/b", "/a/b"),
            ("/a//../b", "/b", "/b"),
            ("/a//b/../c", "/a/c", "/a//c"),
            ("/a/.hidden", "/a/.hidden", "/a/.hidden"),
            ("/a/...", "/a/...", "/a/..."),
            ("/a//", "/a/", "/a//"),
            ("/", "/", "/"),
            ("//", "/", "//"),
            ("/%C3%A9", "/é", "/%C3%A9"),
            ("/%61", "/a", "/%61"),
            ("/.%2E/x", "/x", "/x"),
            ("*", "*", "*"),
        ] {
            let forms = PathForms::of(raw.as_bytes()).unwrap();
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            assert_eq!(text(forms.matching(raw.as_bytes())), matching, "matching form of {raw}");
            assert_eq!(text(forms.forwarded(raw.as_bytes())), forwarded, "forwarded form of {raw}");
        }
        assert_eq!(PathForms::of(b"/%00").unwrap_err(), BadPath::Zero);
        for bad in ["/%", "/%1", "/%zz", "/a%+1"] {
            assert_eq!(PathForms::of(bad.as_bytes()).unwrap_err(), BadPath::Triplet, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_forwarded_matches_as_what_was_received(raw in "/(/|\\.|%2e|%2E|a|%2F|%5c|%41|b){0,24}") {
            let raw = raw.as_bytes();
            let forms = PathForms::of(raw).unwrap();
            let forwarded = forms.forwarded(raw).to_vec();
            let again = PathForms::of(&forwarded).unwrap();
            prop_assert_eq!(forms.matching(raw), again.matching(&forwarded));
            prop_assert!(!has_dot_segments(&forwarded));
        }
    }
}
