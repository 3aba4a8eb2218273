//! Fields of a message whose head is no text.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::proxy::forward::Lines;
use crate::proxy::h1::chunked::{MAX_TRAILERS, trailer_allowed};

/// Fields that are being gathered.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    map: HeaderMap,
    scratch: Vec<u8>,
}

impl Fields {
    pub(crate) fn into_map(self) -> HeaderMap {
        self.map
    }

    /// The fields of trailer lines, each with CR LF.
    pub(crate) fn of_lines(lines: &[u8]) -> Self {
        let mut fields = Self::default();
        for line in lines.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(colon) = memchr::memchr(b':', line) {
                fields.line(&line[..colon], line[colon + 1..].trim_ascii());
            }
        }
        fields
    }
}

impl Lines for Fields {
    fn with(&mut self, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        let scratch = std::mem::take(&mut self.scratch);
        self.line(name, &scratch);
        self.scratch = scratch;
    }

    fn hop(&mut self, _: &str, _: &[u8]) {}

    fn line(&mut self, name: &[u8], value: &[u8]) {
        // What comes here was read as a field already, or is ours; the rest could not be told to anybody.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            let _ = self.map.try_append(name, value);
        }
    }
}

/// Trailers as lines, each with CR LF, without those that may not come as trailers; none where they are too large.
/// Source: RFC 9110 §6.5.1.
pub(crate) fn lines_of(trailers: &HeaderMap) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    for (name, value) in trailers {
        let begin = lines.len();
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        if trailer_allowed(&lines[begin..]) {
            lines.extend_from_slice(b"\r\n");
        } else {
            lines.truncate(begin);
        }
        if lines.len() > MAX_TRAILERS {
            return None;
        }
    }
    Some(lines)
}
