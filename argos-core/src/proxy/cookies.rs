//! Cookies of Argos among those of a request: read where they are ours to read, and kept from upstreams.

use smallvec::SmallVec;

use super::exchange::Exchange;
use super::forward::Lines;
use super::h1::field::Known;
use super::upstreams::sticky;
use crate::schema::CookieName;

/// The values of a cookie of ours, in the order in which they came. Only its exact name counts.
pub(crate) fn values(ex: &Exchange, name: CookieName) -> impl Iterator<Item = &str> {
    let bytes = ex.bytes();
    let lines = ex.head.fields.iter().filter(|f| f.known == Known::Cookie).map(|f| f.value.of_bytes(bytes));
    let cookies = lines.flat_map(|line| line.split(|b| *b == b';')).map(<[u8]>::trim_ascii);
    cookies.filter_map(move |cookie| {
        let value = cookie.strip_prefix(name.as_str().as_bytes())?.strip_prefix(b"=")?;
        std::str::from_utf8(value).ok()
    })
}

/// Writes one `Cookie` line without the cookies of Argos and the cookie `own`; the others keep their order and bytes.
pub(crate) fn put_cookies(out: &mut impl Lines, name: &[u8], value: &[u8], own: Option<&[u8]>) {
    let is_ours = |c: &[u8]| is_argos(c) || own.is_some_and(|own| sticky::value_of(c, own).is_some());
    if !apart(value).any(|cookie| is_ours(bare(cookie))) {
        return out.line(name, value);
    }
    let mut kept = apart(value).filter(|cookie| !is_ours(bare(cookie))).peekable();
    if kept.peek().is_none() {
        return;
    }
    out.with(name, |out| {
        for (i, cookie) in kept.enumerate() {
            out.extend_from_slice(if i == 0 { bare(cookie).trim_ascii_start() } else { cookie });
        }
    });
}

/// The cookies of a line, each with the mark before it. A comma is a mark, too: some upstreams read it as one.
fn apart(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr2(b';', b',', text.get(1..).unwrap_or_default());
        let (cookie, after) = end.map_or((text, None), |at| (&text[..=at], Some(&text[at + 1..])));
        rest = after;
        Some(cookie)
    })
}

fn bare(cookie: &[u8]) -> &[u8] {
    cookie.strip_prefix(b";").or_else(|| cookie.strip_prefix(b",")).unwrap_or(cookie)
}

/// Whether a cookie is one of Argos's own, which no upstream gets and none gives. Some upstreams decode names, drop
/// quotes or read `.` as `_`; all those spellings count.
pub(crate) fn is_argos(cookie: &[u8]) -> bool {
    let name = cookie.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
    if !matches!(name.first(), Some(b'a' | b'A' | b'%' | b'"')) {
        return false;
    }
    let name: SmallVec<[u8; 32]> = percent_encoding::percent_decode(name).collect();
    let name = name.strip_prefix(b"\"").and_then(|n| n.strip_suffix(b"\"")).unwrap_or(&name);
    let folded = |b: &u8| if matches!(b, b'.' | b' ' | b'+' | b'[') { b'_' } else { b.to_ascii_lowercase() };
    CookieName::ALL.iter().any(|own| {
        let own = own.as_str().as_bytes();
        name.len() == own.len() && name.iter().zip(own).all(|(a, b)| folded(a) == *b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_of_argos_are_removed_in_any_spelling() {
        for (given, expected) in [
            ("a=1; b=2", Some("a=1; b=2")),
            ("a=1; route=x; Route=y; b=2", Some("a=1; Route=y; b=2")),
            (" route = x", None),
            ("routes=1", Some("routes=1")),
            ("argos_session=x", None),
            ("a=1; argos_session=x; b=2", Some("a=1; b=2")),
            ("ARGOS_Session=x;  a=\"1\"", Some("a=\"1\"")),
            ("argos_session=x; a=1;argos_session=y", Some("a=1")),
            ("argos%5fsession=x; a=1", Some("a=1")),
            ("argos.session=x; a=1", Some("a=1")),
            ("\"argos_session\"=x; a=1", Some("a=1")),
            ("argos_session2=x", Some("argos_session2=x")),
            ("a=argos_session", Some("a=argos_session")),
            ("argos_session", None),
            ("argos_ticket=x; a=1; Argos_Oidc=y; argos_challenge=z", Some("a=1")),
            ("a=1, argos_session=x; b=2", Some("a=1; b=2")),
            ("a=1,b=2", Some("a=1,b=2")),
            ("argos_session=x,a=1, b=2", Some("a=1, b=2")),
            ("; a=1;; argos_session=x;", Some("a=1;;")),
            ("%61rgos_session=x; a=\"1;2\"", Some("a=\"1;2\"")),
            (";argos_session=x", None),
            ("", Some("")),
        ] {
            let mut out = Vec::new();
            put_cookies(&mut out, b"Cookie", given.as_bytes(), Some(b"route"));
            let expected = expected.map(|e| format!("Cookie: {e}\r\n")).unwrap_or_default();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{given}");
        }
    }
}
