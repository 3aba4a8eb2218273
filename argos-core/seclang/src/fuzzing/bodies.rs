//! Body processors: bounded by what came, the inverse of writing, and equal to other readers of the same format.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::choices::Choices;
use crate::body::xpath::Path;
use crate::body::{self, Pair, multipart, urlencoded, xml};

/// Arguments that are kept.
const MOST: usize = 50;
const DEPTH: usize = 20;

fn size(pairs: &[Pair]) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Queries, forms and cookies.
pub(super) fn form(bytes: &[u8]) {
    for separator in [b'&', b';'] {
        let parsed = urlencoded::parse(bytes, separator, MOST);
        assert!(parsed.pairs.len() <= MOST && size(&parsed.pairs) <= bytes.len());
    }
    for v1 in [false, true] {
        let spent: usize = body::cookies(bytes, v1).map(|(name, value)| name.len() + value.len()).sum();
        assert!(spent <= bytes.len());
        // A cookie has neither the separator nor blanks at its ends, and a name no equals sign.
        for (name, value) in body::cookies(bytes, v1) {
            assert!(!name.contains(&b';') && !value.contains(&b';') && !name.contains(&b'='));
            assert!(name.trim_ascii() == name && value.trim_ascii() == value);
        }
    }
    let local = body::without_origin(bytes);
    assert!(local == b"/" || bytes.ends_with(local));
    // What is written comes back.
    let pairs = pairs(bytes);
    let escaped = |text: &[u8]| text.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let written: Vec<String> = pairs.iter().map(|(name, value)| escaped(name) + "=" + &escaped(value)).collect();
    let parsed = urlencoded::parse(written.join("&").as_bytes(), b'&', MOST);
    assert_eq!((parsed.pairs, parsed.invalid, parsed.too_many), (pairs, false, false));
}

/// Names and values as `bytes` choose.
fn pairs(bytes: &[u8]) -> Vec<Pair> {
    let mut choices = Choices::new(bytes);
    let mut pairs = Vec::new();
    while !choices.is_empty() && pairs.len() < MOST {
        pairs.push((choices.bytes(20).to_vec(), choices.bytes(40).to_vec()));
    }
    pairs
}

/// JSON: nothing is lost that another reader sees.
pub(super) fn json(bytes: &[u8]) {
    let parsed = body::json::parse(bytes, DEPTH, MOST);
    assert!(parsed.pairs.len() <= MOST);
    assert!(parsed.pairs.iter().all(|(name, value)| name.starts_with(b"json") && value.len() <= bytes.len()));
    let Ok(Scalars(expected)) = serde_json::from_slice(bytes) else { return };
    let deep = body::json::parse(bytes, 200, usize::MAX);
    assert_eq!(deep.error, None, "{}", bytes.escape_ascii());
    let found: Vec<_> = deep.pairs.into_iter().map(|(_, value)| value).collect();
    assert_eq!(found.len(), expected.len(), "{}", bytes.escape_ascii());
    for (found, expected) in found.iter().zip(&expected) {
        match expected {
            Some(text) => assert_eq!(found, text.as_bytes()),
            // Numbers stay as written; the other reader has only their value.
            None => assert!(found.iter().all(|byte| b"+-.0123456789eE".contains(byte)) && !found.is_empty()),
        }
    }
}

/// The scalars of a JSON text in their order; none is a number.
struct Scalars(Vec<Option<String>>);

impl<'de> Deserialize<'de> for Scalars {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Self(Vec::new()))
    }
}

impl Scalars {
    fn one<E>(scalar: Option<&str>) -> Result<Self, E> {
        Ok(Self(vec![scalar.map(str::to_owned)]))
    }
}

impl<'de> Visitor<'de> for Scalars {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self, E> {
        Self::one(Some(if value { "true" } else { "false" }))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Self::one(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Self::one(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Self::one(None)
    }

    fn visit_str<E>(self, value: &str) -> Result<Self, E> {
        Self::one(Some(value))
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Self::one(Some(""))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self, A::Error> {
        while let Some(Self(inner)) = seq.next_element()? {
            self.0.extend(inner);
        }
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some((_, Self(inner))) = map.next_entry::<String, _>()? {
            self.0.extend(inner);
        }
        Ok(self)
    }
}

/// Multipart bodies, as they come and as they are written.
pub(super) fn multipart(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let kinds: [&[u8]; 5] = [
        b"multipart/form-data; boundary=x",
        b"multipart/form-data; boundary=\"x\"",
        b"multipart/form-data; boundary = x",
        b"multipart/form-data",
        b"",
    ];
    let kind = match choices.below(6) {
        5 => choices.bytes(60),
        index => kinds[index],
    };
    let body = choices.rest();
    for cut in [false, true] {
        let parsed = multipart::parse(kind, body, MOST, cut);
        let files: usize = parsed.files.iter().map(|file| file.content.len()).sum();
        assert!(parsed.pairs.len() + parsed.files.len() <= MOST);
        assert!(parsed.pairs.iter().map(|(_, value)| value.len()).sum::<usize>() + files <= body.len());
        assert!((1..parsed.flags.len()).all(|at| !parsed.flags[..at].contains(&parsed.flags[at])));
        assert!(cut || parsed.error.is_none() || parsed.flags.contains(&crate::variables::VarId::MultipartStrictError));
    }
    // No field ends with the mark, and none can hold a line that begins with it.
    let pairs: Vec<Pair> = pairs(bytes)
        .into_iter()
        .map(|(name, value)| (quotable(name), value))
        .filter(|(_, value)| memchr::memmem::find(value, b"\n--mark").is_none() && !value.starts_with(b"--mark"))
        .collect();
    let mut written = Vec::new();
    for (name, value) in &pairs {
        let head = [b"--mark\r\nContent-Disposition: form-data; name=\"", &name[..], b"\"\r\n\r\n"].concat();
        written.extend([&head[..], value, b"\r\n"].concat());
    }
    written.extend_from_slice(b"--mark--\r\n");
    let parsed = multipart::parse(b"multipart/form-data; boundary=mark", &written, MOST, false);
    assert_eq!((parsed.error, &parsed.flags[..]), (None, &[][..]), "{}", written.escape_ascii());
    assert_eq!(parsed.pairs, pairs, "{}", written.escape_ascii());
}

/// `name` without what ends a quoted name or its line.
fn quotable(name: Vec<u8>) -> Vec<u8> {
    name.into_iter().filter(|byte| !matches!(byte, b'"' | b'\\' | b'\r' | b'\n')).collect()
}

/// XML and the paths into it.
pub(super) fn xml(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let path = choices.of(&["/*", "//@*", "//text()", "/a/b", "//a//b/@c", "//*", ""]);
    let path = if path.is_empty() { choices.bytes(40) } else { path.as_bytes() };
    let text = choices.rest();
    let (document, error) = xml::parse(text, DEPTH, MOST);
    assert!(document.text.len() <= text.len() && document.attributes.len() <= MOST);
    for (index, element) in document.elements.iter().enumerate() {
        assert!(element.start <= element.end && element.end <= document.text.len());
        assert!(element.parent.is_none_or(|parent| parent < index));
    }
    assert!(document.runs.iter().all(|run| run.start < run.end && run.end <= document.text.len()));
    assert!(error.is_some() || !document.elements.is_empty());
    let find = |path: &[u8]| Path::parse(path).map(|path| path.find(&document));
    if let Some(found) = find(path) {
        assert!(found.len() <= document.elements.len() + document.runs.len() + document.attributes.len() + 1);
    }
    assert_eq!(find(b"/*"), Some(vec![&document.text[..]]));
    assert_eq!(find(b"//@*").map(|found| found.len()), Some(document.attributes.len()));
    assert_eq!(find(b"//text()").map(|found| found.len()), Some(document.runs.len()));
    assert_eq!(find(b"//*").map(|found| found.len()), Some(document.elements.len()));
    // What is written comes back: references for every byte that could be markup.
    let pairs = pairs(bytes);
    let escaped = |text: &[u8]| text.iter().map(|byte| format!("&#{};", byte & 0x7f)).collect::<String>();
    let seven = |text: &[u8]| text.iter().map(|byte| byte & 0x7f).collect::<Vec<u8>>();
    let part = |(name, value): &Pair| format!("<b c='{}'>{}</b>", escaped(name), escaped(value));
    let written = format!("<a>{}</a>", pairs.iter().map(part).collect::<String>());
    let (document, error) = xml::parse(written.as_bytes(), DEPTH, MOST);
    assert_eq!(error, None, "{written}");
    let find = |path: &[u8]| Path::parse(path).map(|path| path.find(&document).concat());
    assert_eq!(find(b"//b/@c"), Some(seven(&pairs.iter().flat_map(|(name, _)| name.clone()).collect::<Vec<_>>())));
    assert_eq!(find(b"/a/b"), Some(seven(&pairs.iter().flat_map(|(_, value)| value.clone()).collect::<Vec<_>>())));
}
