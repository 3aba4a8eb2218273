//! `multipart/form-data`. Source: RFC 7578 and RFC 2046 §5.1.
//!
//! Reads what a lenient server would read, and notes what a strict one would not accept.

use std::ops::Range;

use super::Pair;
use crate::variables::VarId;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// Fields without a file name.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) files: Vec<File>,
    /// Field name and one header line of its part.
    pub(crate) part_headers: Vec<Pair>,
    /// `MULTIPART_*` variables that are 1.
    pub(crate) flags: Vec<VarId>,
    pub(crate) error: Option<&'static str>,
}

/// A part with a file name.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) field: Vec<u8>,
    pub(crate) name: Vec<u8>,
    /// Where the content lies in the body.
    pub(crate) content: Range<usize>,
}

/// Reads at most `most` parts of `body`; `kind` is the Content-Type header. `cut` means the body goes on.
pub(crate) fn parse(kind: &[u8], body: &[u8], most: usize, cut: bool) -> Parsed {
    let mut parsed = Parsed::default();
    parsed.read(kind, body, most, cut);
    if parsed.flags.iter().any(|flag| STRICT.contains(flag)) || parsed.error.is_some() {
        parsed.flag(VarId::MultipartStrictError);
    }
    parsed
}

impl Parsed {
    fn read(&mut self, kind: &[u8], body: &[u8], most: usize, cut: bool) {
        let Some(boundary) = boundary(kind, self) else {
            self.error = Some("the boundary of the body is missing or malformed");
            return;
        };
        let delimiter = [b"--", boundary.as_slice()].concat();
        let at_line_start = |at: &usize| *at == 0 || body[at - 1] == b'\n';
        let starts: Vec<usize> =
            memchr::memmem::find_iter(body, &delimiter).filter(at_line_start).take(most + 2).collect();
        match starts.first() {
            None if body.is_empty() => return,
            None => {
                self.error = Some("no part begins");
                return;
            }
            Some(0) => {}
            Some(_) => self.flag(VarId::MultipartDataBefore),
        }
        let mut closed = false;
        let mut endings = [false; 2];
        for (index, start) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(body.len());
            let rest = &body[start + delimiter.len()..end];
            if let Some(after) = rest.strip_prefix(b"--") {
                closed = true;
                if !after.trim_ascii().is_empty() || end < body.len() {
                    self.flag(VarId::MultipartDataAfter);
                }
                break;
            }
            let Some(part) = after_line_end(rest, &mut endings) else {
                self.flag(VarId::MultipartUnmatchedBoundary);
                continue;
            };
            if self.pairs.len() + self.files.len() >= most {
                self.error = Some("more arguments than SecArgumentsLimit allows");
                break;
            }
            self.part(part, end, &mut endings);
        }
        if endings[1] {
            self.flag(if endings[0] { VarId::MultipartCrlfLfLines } else { VarId::MultipartLfLine });
        }
        if !closed && !cut {
            self.error = self.error.or(Some("the last part has no end"));
        }
    }

    fn flag(&mut self, flag: VarId) {
        if !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }

    /// Reads one part, which ends at `end` of the body: headers, an empty line, the content with the line end before
    /// the next boundary.
    fn part(&mut self, part: &[u8], end: usize, endings: &mut [bool; 2]) {
        let mut rest = part;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        loop {
            let Some(end) = memchr::memchr(b'\n', rest) else {
                return self.flag(VarId::MultipartInvalidPart);
            };
            let line = &rest[..end];
            rest = &rest[end + 1..];
            let clean = line.strip_suffix(b"\r");
            endings[usize::from(clean.is_none())] = true;
            let line = clean.unwrap_or(line);
            if line.is_empty() {
                break;
            }
            let full = lines.len() >= HEADERS;
            match lines.last_mut() {
                Some(last) if matches!(line.first(), Some(b' ' | b'\t')) => {
                    self.flag(VarId::MultipartHeaderFolding);
                    last.extend_from_slice(line);
                }
                None if matches!(line.first(), Some(b' ' | b'\t')) => {
                    self.flag(VarId::MultipartInvalidHeaderFolding);
                    lines.push(line.trim_ascii_start().to_vec());
                }
                _ if !full => lines.push(line.to_vec()),
                _ => self.flag(VarId::MultipartInvalidPart),
            }
        }
        let content = rest.strip_suffix(b"\r\n").or_else(|| rest.strip_suffix(b"\n")).unwrap_or(rest);
        let mut dispositions = lines.iter().filter_map(|line| header(line, b"content-disposition"));
        let Some(disposition) = dispositions.next().map(<[u8]>::to_vec) else {
            return self.flag(VarId::MultipartInvalidPart);
        };
        // Servers differ in which one counts, so what one takes for a file may be a field for another.
        let repeated = dispositions.next().is_some();
        if repeated {
            self.flag(VarId::MultipartInvalidPart);
            self.error = self.error.or(Some("a part has more than one Content-Disposition"));
        }
        let (field, name) = (self.parameter(&disposition, b"name"), self.parameter(&disposition, b"filename"));
        let Some(field) = field else { return self.flag(VarId::MultipartInvalidPart) };
        self.part_headers.extend(lines.into_iter().map(|line| (field.clone(), line)));
        // Some servers take a part with an empty file name for a field; browsers leave its content empty.
        if name.as_ref().is_some_and(|name| name.is_empty() || repeated) && !content.is_empty() {
            self.pairs.push((field.clone(), content.to_vec()));
        }
        match name {
            Some(name) => {
                let start = end - rest.len();
                self.files.push(File { field, name, content: start..start + content.len() });
            }
            None => self.pairs.push((field, content.to_vec())),
        }
    }

    /// The value of `; name=value` in a header; notes what is odd about it.
    fn parameter(&mut self, header: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let mut rest = &header[memchr::memchr(b';', header)?..];
        let mut found = None;
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return found;
            }
            match rest.strip_prefix(b";") {
                Some(after) => rest = after.trim_ascii_start(),
                None => self.flag(VarId::MultipartMissingSemicolon),
            }
            let Some(equals) = memchr::memchr(b'=', rest) else { return found };
            let key = rest[..equals].trim_ascii();
            let wanted = key.eq_ignore_ascii_case(name)
                || key.strip_suffix(b"*").is_some_and(|key| key.eq_ignore_ascii_case(name));
            let (value, after) = self.value(rest[equals + 1..].trim_ascii_start());
            // The first one counts; a second one is another reading of the same part.
            if wanted && found.is_some() {
                self.flag(VarId::MultipartInvalidPart);
            } else if wanted {
                found = Some(value);
            }
            rest = after;
        }
    }

    fn value<'a>(&mut self, text: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let Some(quote) = text.first().copied().filter(|byte| matches!(byte, b'"' | b'\'')) else {
            let end = memchr::memchr(b';', text).unwrap_or(text.len());
            return (text[..end].trim_ascii().to_vec(), &text[end..]);
        };
        if quote == b'\'' {
            self.flag(VarId::MultipartInvalidQuoting);
        }
        let mut value = Vec::new();
        let mut at = 1;
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                b'\\' if matches!(text.get(at), Some(b'"' | b'\\')) => {
                    value.push(text[at]);
                    at += 1;
                }
                _ if byte == quote => return (value, &text[at..]),
                _ => value.push(byte),
            }
        }
        self.flag(VarId::MultipartInvalidQuoting);
        (value, b"")
    }
}

/// The boundary a Content-Type names: 1 to 70 bytes.
fn boundary(kind: &[u8], parsed: &mut Parsed) -> Option<Vec<u8>> {
    let lower = kind.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"boundary")? + b"boundary".len();
    let rest = &kind[at..];
    let value = rest.trim_ascii_start().strip_prefix(b"=")?;
    let trimmed = value.trim_ascii_start();
    if rest.first() != Some(&b'=') || trimmed.len() != value.len() {
        parsed.flag(VarId::MultipartBoundaryWhitespace);
    }
    let boundary = match trimmed.strip_prefix(b"\"") {
        Some(quoted) => {
            parsed.flag(VarId::MultipartBoundaryQuoted);
            &quoted[..memchr::memchr(b'"', quoted)?]
        }
        None => trimmed[..memchr::memchr(b';', trimmed).unwrap_or(trimmed.len())].trim_ascii_end(),
    };
    (1..=70).contains(&boundary.len()).then(|| boundary.to_vec())
}

/// What follows the line end, white space before it allowed.
fn after_line_end<'a>(rest: &'a [u8], endings: &mut [bool; 2]) -> Option<&'a [u8]> {
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = &rest[blank..];
    match (rest.strip_prefix(b"\r\n"), rest.strip_prefix(b"\n")) {
        (Some(part), _) => {
            endings[0] = true;
            Some(part)
        }
        (None, Some(part)) => {
            endings[1] = true;
            Some(part)
        }
        (None, None) => None,
    }
}

/// The value of the header `line` if it is called `name`.
fn header<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let colon = memchr::memchr(b':', line)?;
    line[..colon].trim_ascii().eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
}

/// Header lines of one part.
const HEADERS: usize = 64;

/// Flags that make `MULTIPART_STRICT_ERROR`.
const STRICT: &[VarId] = &[
    VarId::MultipartBoundaryQuoted,
    VarId::MultipartBoundaryWhitespace,
    VarId::MultipartDataBefore,
    VarId::MultipartDataAfter,
    VarId::MultipartHeaderFolding,
    VarId::MultipartInvalidHeaderFolding,
    VarId::MultipartLfLine,
    VarId::MultipartMissingSemicolon,
    VarId::MultipartInvalidQuoting,
    VarId::MultipartInvalidPart,
];
