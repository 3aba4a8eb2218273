//! An upstream's response head, read as strictly as a request's.

use super::field::{Field, Known, LineScan, Span, items, length};
use crate::logs::Version;

/// Largest response head in bytes.
pub(crate) const MAX_HEAD: usize = 256 * 1024;

/// How the body is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyFraming {
    #[default]
    None,
    Length(u64),
    Chunked,
    /// It ends with the connection.
    Close,
}

/// Why an upstream's answer can't be passed on.
pub(crate) type Fault = &'static str;

/// A parsed response head. Spans count from its first byte.
#[derive(Debug, Default)]
pub(crate) struct ReplyHead {
    pub(crate) end: usize,
    pub(crate) status: u16,
    pub(crate) reason: Span,
    pub(crate) fields: Vec<Field>,
    pub(crate) framing: ReplyFraming,
    /// Whether the upstream connection can't be used again.
    pub(crate) close: bool,
    /// Whether `Connection` names headers of its own.
    pub(crate) connection_lists: bool,
    /// Whether it switches to the WebSocket protocol.
    pub(crate) websocket: bool,
}

impl ReplyHead {
    /// Parses the head at the start of `bytes`; false when it has not all arrived. `head_only` says that the
    /// request was `HEAD`, whose answers have no body.
    pub(crate) fn parse(&mut self, scan: &mut LineScan, bytes: &[u8], head_only: bool) -> Result<bool, Fault> {
        let found = scan.advance(bytes).map_err(|_| "a line of its head does not end with CR LF")?;
        if found.unwrap_or(bytes.len()) > MAX_HEAD {
            return Err("its head is too large");
        }
        let Some(end) = found else { return Ok(false) };
        let Some(line) = scan.first else { return Err("its head has no status line") };
        let fields = std::mem::take(&mut self.fields);
        *self = Self { end, fields, ..Self::default() };
        self.fields.clear();
        let bytes = &bytes[..end];
        let version = self.line(&bytes[..line - 2])?;
        self.fields(bytes, line)?;
        self.framing(bytes, version, head_only)?;
        Ok(true)
    }

    /// The value of the first line of `name`.
    pub(crate) fn value<'a>(&self, bytes: &'a [u8], name: Known) -> Option<&'a [u8]> {
        self.fields.iter().find(|f| f.known == name).map(|f| f.value.of_bytes(bytes))
    }

    fn line(&mut self, line: &[u8]) -> Result<Version, Fault> {
        let version = match line.get(..9) {
            Some(b"HTTP/1.1 ") => Version::Http11,
            Some(b"HTTP/1.0 ") => Version::Http10,
            _ => return Err("its status line is not HTTP/1"),
        };
        let digits =
            line.get(9..12).filter(|d| d.iter().all(u8::is_ascii_digit)).ok_or("its status is not a number")?;
        self.status = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
        if !(100..=599).contains(&self.status) {
            return Err("its status is not 100–599");
        }
        let reason = match line.get(12) {
            None => &[][..],
            Some(b' ') => &line[13..],
            Some(_) => return Err("its status is not a number"),
        };
        if reason.iter().any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f) {
            return Err("its reason holds control characters");
        }
        self.reason = Span::of(reason, line);
        Ok(version)
    }

    fn fields(&mut self, bytes: &[u8], from: usize) -> Result<(), Fault> {
        let mut few = [httparse::EMPTY_HEADER; 48];
        let mut many = Vec::new();
        let lines = &bytes[from..];
        let parsed = match httparse::parse_headers(lines, &mut few) {
            Err(httparse::Error::TooManyHeaders) => {
                many.resize(1024, httparse::EMPTY_HEADER);
                httparse::parse_headers(lines, &mut many)
            }
            parsed => parsed,
        };
        let Ok(httparse::Status::Complete((size, fields))) = parsed else {
            return Err("a header line is not well-formed");
        };
        if size != lines.len() {
            return Err("a header line is not well-formed");
        }
        for field in fields {
            let (name, value) = (field.name.as_bytes(), field.value);
            self.fields.push(Field {
                name: Span::of(name, bytes),
                value: Span::of(value, bytes),
                known: Known::of(name),
            });
        }
        Ok(())
    }

    fn framing(&mut self, bytes: &[u8], version: Version, head_only: bool) -> Result<(), Fault> {
        let (mut size, mut chunked, mut keep) = (None, false, false);
        for field in &self.fields {
            let value = field.value.of_bytes(bytes);
            match field.known {
                Known::Length => match length(value) {
                    Some(n) if size.is_none_or(|known| known == n) => size = Some(n),
                    _ => return Err("its Content-Length is not one number"),
                },
                Known::Coding if value.eq_ignore_ascii_case(b"chunked") && !chunked => chunked = true,
                Known::Coding => return Err("its Transfer-Encoding is not chunked"),
                Known::Connection => {
                    for item in items(value) {
                        match item {
                            _ if item.eq_ignore_ascii_case(b"close") => self.close = true,
                            _ if item.eq_ignore_ascii_case(b"keep-alive") => keep = true,
                            _ if item.eq_ignore_ascii_case(b"upgrade") => {}
                            _ => self.connection_lists = true,
                        }
                    }
                }
                Known::Upgrade => self.websocket |= items(value).any(|i| i.eq_ignore_ascii_case(b"websocket")),
                _ => {}
            }
        }
        if chunked && (size.is_some() || version == Version::Http10) {
            return Err("it has both Content-Length and Transfer-Encoding, or chunks in HTTP/1.0");
        }
        self.close |= version == Version::Http10 && !keep;
        self.websocket &= self.status == 101;
        self.framing = match (self.status, chunked, size) {
            (100..=199 | 204 | 304, ..) => ReplyFraming::None,
            _ if head_only => ReplyFraming::None,
            (_, true, _) => ReplyFraming::Chunked,
            (_, false, Some(0)) => ReplyFraming::None,
            (_, false, Some(n)) => ReplyFraming::Length(n),
            (_, false, None) => ReplyFraming::Close,
        };
        self.close |= self.framing == ReplyFraming::Close;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str, head_only: bool) -> Result<ReplyHead, Fault> {
        let mut head = ReplyHead::default();
        match head.parse(&mut LineScan::default(), text.as_bytes(), head_only)? {
            true => Ok(head),
            false => Err("incomplete"),
        }
    }

    #[test]
    fn framing_follows_status_method_and_headers() {
        for (head, head_only, framing) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", false, ReplyFraming::Length(5)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", true, ReplyFraming::None),
            ("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n", false, ReplyFraming::Chunked),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", false, ReplyFraming::None),
            ("HTTP/1.1 204 No Content\r\n", false, ReplyFraming::None),
            ("HTTP/1.0 200 OK\r\n", false, ReplyFraming::Close),
        ] {
            assert_eq!(parse(&format!("{head}\r\n"), head_only).unwrap().framing, framing, "{head:?}");
        }
    }

    #[test]
    fn refuses_ambiguous_answers() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
            "HTTP/2.0 200 OK\r\n",
            "HTTP/1.1 20 OK\r\n",
            "HTTP/1.1 999 OK\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n",
            "HTTP/1.1 200 OK\nA: b\r\n",
        ] {
            assert!(parse(&format!("{head}\r\n"), false).is_err(), "{head:?}");
        }
    }

    #[test]
    fn a_large_head_is_refused_when_it_is_whole_too() {
        let head = |n: usize| format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "b".repeat(n));
        let most = MAX_HEAD - head(0).len();
        assert!(ReplyHead::default().parse(&mut LineScan::default(), head(most).as_bytes(), false).unwrap());
        assert!(ReplyHead::default().parse(&mut LineScan::default(), head(most + 1).as_bytes(), false).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = ReplyHead::default().parse(&mut LineScan::default(), &bytes, false);
        }
    }
}
