//! Values of named elements, attributes and parts in a body, found without a parser: only to be hidden.

use std::borrow::Cow;

/// Texts of elements and values of attributes in the document `text` whose names are `masked`, and whether there is such
/// a name at all. What lies inside of such an element counts.
pub(super) fn values(text: &[u8], masked: impl Fn(&str) -> bool) -> (Vec<Vec<u8>>, bool) {
    let (mut found, mut named) = (Vec::new(), false);
    // The depth inside an element of a masked name.
    let mut inside = 0_usize;
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'<', rest) {
        if inside > 0 {
            found.push(decoded(&rest[..at]).into_owned());
        }
        rest = &rest[at + 1..];
        if let Some(content) = rest.strip_prefix(b"![CDATA[") {
            let end = memchr::memmem::find(content, b"]]>").unwrap_or(content.len());
            if inside > 0 {
                found.push(content[..end].to_vec());
            }
            rest = &content[end..];
            continue;
        }
        if let Some(behind) = behind_aside(rest) {
            rest = behind;
            continue;
        }
        let end = end_of_tag(rest);
        let (tag, behind) = (&rest[..end], &rest[(end + 1).min(rest.len())..]);
        rest = behind;
        if let Some(b'!' | b'?') = tag.first() {
            continue;
        }
        if tag.first() == Some(&b'/') {
            inside = inside.saturating_sub(1);
            continue;
        }
        let opens = tag.last() != Some(&b'/');
        let stop = tag.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(tag.len());
        let secret = masked(&local(&tag[..stop]));
        named |= secret;
        if opens && (inside > 0 || secret) {
            inside += 1;
        }
        for (name, value) in attributes(&tag[stop..]) {
            if inside > 0 || masked(&local(name)) {
                named = true;
                found.push(decoded(value).into_owned());
            }
        }
    }
    if inside > 0 {
        found.push(decoded(rest).into_owned());
    }
    (found, named)
}

/// What stands behind the comment or instruction that `text`, behind a `<`, begins with: quotes mean nothing in one.
fn behind_aside(text: &[u8]) -> Option<&[u8]> {
    [(&b"!--"[..], &b"-->"[..]), (b"?", b"?>")].into_iter().find_map(|(start, end)| {
        let inner = text.strip_prefix(start)?;
        Some(memchr::memmem::find(inner, end).map_or(&b""[..], |at| &inner[at + end.len()..]))
    })
}

/// The offset of the `>` that ends a tag; one in an attribute's value does not.
fn end_of_tag(text: &[u8]) -> usize {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn attributes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let equals = memchr::memchr(b'=', rest)?;
        let (before, behind) = (rest[..equals].trim_ascii(), rest[equals + 1..].trim_ascii_start());
        let name = before.rsplit(u8::is_ascii_whitespace).next().unwrap_or(before);
        let quote = *behind.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = memchr::memchr(quote, &behind[1..]).map_or(behind.len(), |at| at + 1);
        rest = &behind[(end + 1).min(behind.len())..];
        Some((name, &behind[1..end]))
    })
}

fn local(name: &[u8]) -> String {
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    String::from_utf8_lossy(local).into_owned()
}

/// `text` with the five entities of XML read.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'&', text).is_none() {
        return Cow::Borrowed(text);
    }
    let text = String::from_utf8_lossy(text);
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Cow::Owned(plain.replace("&amp;", "&").into_bytes())
}

/// Contents of the parts of a multipart body whose names are `masked`.
pub(super) fn parts(body: &[u8], masked: impl Fn(&str) -> bool) -> Vec<&[u8]> {
    let mut found = Vec::new();
    if !body.starts_with(b"--") {
        return found;
    }
    let name_mark = b"name=\"";
    for at in memchr::memmem::find_iter(body, name_mark) {
        let rest = &body[at + name_mark.len()..];
        let Some(end) = memchr::memchr(b'"', rest) else { break };
        if !masked(&String::from_utf8_lossy(&rest[..end])) {
            continue;
        }
        let Some(start) = memchr::memmem::find(rest, b"\r\n\r\n") else { continue };
        let content = &rest[start + 4..];
        let end = memchr::memmem::find(content, b"\r\n--").unwrap_or(content.len());
        found.push(&content[..end]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_masked_names_are_found_in_a_document() {
        let masked = |name: &str| name.eq_ignore_ascii_case("password");
        for (text, expected) in [
            ("<a><password>one</password><b>x</b></a>", vec!["one"]),
            ("<?xml version='1.0'?><a><n:Password>o&amp;e</n:Password></a>", vec!["o&e"]),
            ("<a><password><x>one</x>two</password>no</a>", vec!["", "one", "two"]),
            ("<a><password><![CDATA[<one>]]></password></a>", vec!["", "<one>", "]]>"]),
            ("<a password=\"o>e\" b='x'/>", vec!["o>e"]),
            ("<a b='x' password = 'one'>x</a>", vec!["one"]),
            ("<a><password>cut", vec!["cut"]),
            ("<a><!-- it's --><password>one</password><?x it's \"?><b>no</b></a>", vec!["one"]),
            ("<a><!--\"--><password>one</password><!-- no end <b>x", vec!["one"]),
            ("<a><password/>no</a>", vec![]),
            ("<a><passwords>x</passwords></a>", vec![]),
        ] {
            let (found, named) = values(text.as_bytes(), masked);
            let found: Vec<&str> = found.iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
            assert_eq!(
                (found, named),
                (expected, text.to_lowercase().contains("password") && !text.contains("swords")),
                "{text}"
            );
        }
        let parts = parts(b"--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\none\r\n--b--", masked);
        assert_eq!(parts, [b"one"]);
    }
}
