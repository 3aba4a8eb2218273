//! The part of XPath that rules use: `/*`, `//@*`, `/a/b`, `//b/@c`, `//b/text()`.
//!
//! Names compare without their prefixes. A path is tried in one pass over the document: each element keeps which
//! beginnings of the path end at it, so the work is elements times steps.

use super::xml::Document;

/// A path that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    text: Box<[u8]>,
    steps: Vec<Step>,
    last: Last,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// `//`: any elements may stand between.
    deep: bool,
    /// None is `*`.
    name: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Last {
    Element,
    Text { deep: bool },
    Attribute { deep: bool, name: Option<Box<[u8]>> },
}

impl Path {
    /// Reads `text`; None where it is no path of this kind.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut path = Path { text: text.into(), steps: Vec::new(), last: Last::Element };
        let mut rest = text;
        while !rest.is_empty() {
            if path.last != Last::Element || path.steps.len() >= STEPS {
                return None;
            }
            rest = rest.strip_prefix(b"/")?;
            let deep = rest.first() == Some(&b'/');
            rest = rest.strip_prefix(b"/").unwrap_or(rest);
            let end = memchr::memchr(b'/', rest).unwrap_or(rest.len());
            let (step, after) = rest.split_at(end);
            rest = after;
            if step == b"text()" {
                path.last = Last::Text { deep };
            } else if let Some(name) = step.strip_prefix(b"@") {
                path.last = Last::Attribute { deep, name: name_test(name)? };
            } else {
                path.steps.push(Step { deep, name: name_test(step)? });
            }
        }
        (!text.is_empty()).then_some(path)
    }

    /// The path as written.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What the path stands for in `document`, in document order.
    pub(crate) fn find<'a>(&self, document: &'a Document) -> Vec<&'a [u8]> {
        let reached = self.reached(document);
        // The element the last step starts at, or above it.
        let here = |element: Option<usize>, deep: bool| match (self.steps.len(), element) {
            (0, None) => true,
            (0, Some(_)) => deep,
            (steps, Some(element)) => {
                (if deep { reached[element].1 } else { reached[element].0 }) >> (steps - 1) & 1 == 1
            }
            (_, None) => false,
        };
        match &self.last {
            Last::Element if self.text.as_ref() == b"/*" => vec![&document.text],
            // Nested elements share their text, so what all of them hold together is bounded.
            Last::Element => (0..document.elements.len())
                .filter(|element| here(Some(*element), false))
                .map(|element| &document.text[document.elements[element].start..document.elements[element].end])
                .scan(0, |held, text| {
                    *held += text.len();
                    (*held <= BYTES.max(document.text.len())).then_some(text)
                })
                .collect(),
            Last::Text { deep } => (document.runs.iter())
                .filter(|run| here(Some(run.element), *deep))
                .map(|run| &document.text[run.start..run.end])
                .collect(),
            Last::Attribute { deep, name } => (document.attributes.iter())
                .filter(|attribute| here(Some(attribute.element), *deep))
                .filter(|attribute| name.as_ref().is_none_or(|name| local(&attribute.name).eq_ignore_ascii_case(name)))
                .map(|attribute| attribute.value.as_slice())
                .collect(),
        }
    }

    /// Per element: which beginnings of the path end at it, and which end at it or above it.
    fn reached(&self, document: &Document) -> Vec<(u64, u64)> {
        let mut reached: Vec<(u64, u64)> = Vec::with_capacity(document.elements.len());
        for element in &document.elements {
            let (parent, above) = element.parent.map_or((0, 0), |parent| reached[parent]);
            let mut here = 0;
            for (index, step) in self.steps.iter().enumerate() {
                let named = step.name.as_ref().is_none_or(|name| local(&element.name).eq_ignore_ascii_case(name));
                let follows = match (index, step.deep) {
                    (0, true) => true,
                    (0, false) => element.parent.is_none(),
                    (_, true) => above >> (index - 1) & 1 == 1,
                    (_, false) => parent >> (index - 1) & 1 == 1,
                };
                here |= u64::from(named && follows) << index;
            }
            reached.push((here, above | here));
        }
        reached
    }
}

/// `*` or a name without its prefix.
fn name_test(text: &[u8]) -> Option<Option<Box<[u8]>>> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':') || *byte >= 0x80;
    match text {
        b"*" => Some(None),
        b"" => None,
        _ => text.iter().all(plain).then(|| Some(local(text).into())),
    }
}

fn local(name: &[u8]) -> &[u8] {
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// Bytes that all values of one path may hold together.
const BYTES: usize = 32 << 20;

/// Steps of one path.
const STEPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::xml;

    #[test]
    fn paths_find_what_they_name() {
        let text = b"<s:a x='1'>t<b y='2'>u<c>v</c></b><b z='3'>w</b><d><b>q</b></d></s:a>";
        let (document, error) = xml::parse(text, 10, 10);
        assert_eq!(error, None);
        for (path, wanted) in [
            ("/*", &["tuvwq"][..]),
            ("/a", &["tuvwq"]),
            ("/a/b", &["uv", "w"]),
            ("//b", &["uv", "w", "q"]),
            ("//d//b", &["q"]),
            ("//d//c", &[]),
            ("/a//c", &["v"]),
            ("/b", &[]),
            ("//@*", &["1", "2", "3"]),
            ("/a/@x", &["1"]),
            ("/a//@z", &["3"]),
            ("//b/@y", &["2"]),
            ("//text()", &["t", "u", "v", "w", "q"]),
            ("/a/b/text()", &["u", "w"]),
            ("/*/*/c", &["v"]),
        ] {
            let found = Path::parse(path.as_bytes()).expect(path).find(&document);
            assert_eq!(found, wanted.iter().map(|text| text.as_bytes()).collect::<Vec<_>>(), "{path}");
        }
        for refused in ["", "a", "/a[1]", "/a/@x/b", "/text()/a", "/a/", "count(/a)"] {
            assert_eq!(Path::parse(refused.as_bytes()), None, "{refused}");
        }
    }
}
