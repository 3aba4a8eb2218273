//! Request bodies, queries and cookies to named values.

pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod urlencoded;
pub(crate) mod xml;
pub(crate) mod xpath;

/// A name and a value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// `uri` without `scheme://authority`, as `REQUEST_URI` shows it.
pub(crate) fn without_origin(uri: &[u8]) -> &[u8] {
    if uri.starts_with(b"/") {
        return uri;
    }
    let Some(at) = memchr::memmem::find(uri, b"://") else { return uri };
    if !uri[..at].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return uri;
    }
    let rest = &uri[at + 3..];
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')) {
        Some(path) => &rest[path..],
        None => b"/",
    }
}

/// The pairs of one `Cookie` header. Source: RFC 6265 §4.2; a part without `=` is a name without value. With
/// `v1` a comma separates too (RFC 2109 §4.4).
pub(crate) fn cookies(header: &[u8], v1: bool) -> impl Iterator<Item = (&[u8], &[u8])> {
    header
        .split(move |byte| *byte == b';' || v1 && *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|part| !part.is_empty())
        .map(|part| match memchr::memchr(b'=', part) {
            Some(at) => (part[..at].trim_ascii(), part[at + 1..].trim_ascii()),
            None => (part, &b""[..]),
        })
}
