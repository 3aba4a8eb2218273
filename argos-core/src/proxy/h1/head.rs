//! A request head: its line, its header lines and its framing, checked and kept as spans.
//!
//! What is refused here and with which status is the table "Parsing and refused inputs" of the specification;
//! `tests/refusals.rs` runs it over a socket.

use super::field::{Field, Known, LineScan, Span, is_token, items, length};
use crate::logs::Version;

/// The limits of one head, from the settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) head: usize,
    pub(crate) fields: usize,
    pub(crate) uri: usize,
}

/// Why a request head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Whether the rest of the connection can't be trusted.
    pub(crate) close: bool,
    pub(crate) text: &'static str,
}

const fn refuse<T>(status: u16, close: bool, text: &'static str) -> Result<T, Refusal> {
    Err(Refusal { status, close, text })
}

/// How the body is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// Until it says that it ends: in chunks, or as HTTP/2 and HTTP/3 do.
    Open,
}

/// A parsed head. Spans count from the first byte of the head.
#[derive(Debug)]
pub(crate) struct Head {
    /// Bytes of the head, its empty line included.
    pub(crate) end: usize,
    pub(crate) method: Span,
    /// The target as received.
    pub(crate) target: Span,
    pub(crate) version: Version,
    /// The version as written where it is one that is not spoken; the rest is then read as HTTP/1.1 would be.
    pub(crate) unspoken: Option<Span>,
    pub(crate) fields: Vec<Field>,
    pub(crate) framing: Framing,
    /// The value of `Host`.
    pub(crate) host: Option<Span>,
    /// Whether the client wants no further request on this connection.
    pub(crate) close: bool,
    /// Whether it asks for a WebSocket.
    pub(crate) websocket: bool,
    /// Whether it waits for `100 Continue`.
    pub(crate) expects_continue: bool,
    /// Whether it takes trailers.
    pub(crate) takes_trailers: bool,
    /// Whether `Connection` names headers of its own.
    pub(crate) connection_lists: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            end: 0,
            method: Span::default(),
            target: Span::default(),
            version: Version::Http11,
            unspoken: None,
            fields: Vec::new(),
            framing: Framing::None,
            host: None,
            close: false,
            websocket: false,
            expects_continue: false,
            takes_trailers: false,
            connection_lists: false,
        }
    }
}

/// How far a head has arrived: its length when it is all there.
pub(crate) fn arrived(scan: &mut LineScan, bytes: &[u8], limits: Limits) -> Result<Option<usize>, Refusal> {
    let found = match scan.advance(bytes) {
        Ok(found) => found,
        Err(_) => return refuse(400, true, "a line ends with CR LF"),
    };
    let (size, first) = (found.unwrap_or(bytes.len()), scan.first.unwrap_or(bytes.len()));
    if size > limits.head {
        // The longest method and version that are known take less than 32 bytes.
        return match first > limits.uri + 32 {
            true => refuse(414, true, "the request target is too long"),
            false => refuse(431, true, "the request head is too large"),
        };
    }
    if scan.lines > limits.fields + 1 {
        return refuse(431, true, "too many header lines");
    }
    // A request of HTTP/0.9 is one line: waiting for the rest of a head would be in vain.
    if let (None, Some(first)) = (found, scan.first)
        && bytes[..first].iter().filter(|b| **b == b' ').count() < 2
    {
        return refuse(400, true, "HTTP/0.9 is not spoken");
    }
    Ok(found)
}

impl Head {
    /// Parses `bytes`, which is exactly one head as [`arrived`] found it. On refusal the parts that were
    /// understood stay, for the log; framing is refused before all else, so that a refusal that keeps the
    /// connection open knows where the next request begins.
    pub(crate) fn parse(&mut self, bytes: &[u8], line: usize, limits: Limits) -> Result<(), Refusal> {
        let fields = std::mem::take(&mut self.fields);
        *self = Self { fields, end: bytes.len(), ..Self::default() };
        self.fields.clear();
        self.line(&bytes[..line - 2])?;
        match self.rest(bytes, line, limits) {
            // Whatever else is wrong, the version decides.
            Err(_) if self.unspoken.is_some() => Err(UNKNOWN_VERSION),
            parsed => parsed,
        }
    }

    /// The version as written.
    pub(crate) fn version_text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.unspoken.map_or(self.version.as_str().as_bytes(), |version| version.of_bytes(bytes))
    }

    fn rest(&mut self, bytes: &[u8], line: usize, limits: Limits) -> Result<(), Refusal> {
        self.fields(bytes, line, limits)?;
        self.framing(bytes)?;
        let target = self.target.of_bytes(bytes);
        if target.len() > limits.uri {
            return refuse(414, false, "the request target is too long");
        }
        self.host(bytes)?;
        check_target(self.method.of_bytes(bytes), target)
    }

    /// Makes it the head of no request.
    pub(crate) fn forget(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, close: true, ..Self::default() };
    }

    /// The value of the first line of `name`.
    pub(crate) fn value<'a>(&self, bytes: &'a [u8], name: Known) -> Option<&'a [u8]> {
        self.fields.iter().find(|f| f.known == name).map(|f| f.value.of_bytes(bytes))
    }

    // method SP target SP version
    fn line(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut parts = line.splitn(3, |b| *b == b' ');
        let (method, target, version) = (parts.next(), parts.next(), parts.next());
        let (Some(method), Some(target)) = (method, target) else {
            return refuse(400, true, "not a request line");
        };
        if !is_token(method) || target.is_empty() {
            return refuse(400, true, "not a request line");
        }
        self.method = Span::of(method, line);
        self.target = Span::of(target, line);
        self.version = match version {
            Some(b"HTTP/1.1") => Version::Http11,
            Some(b"HTTP/1.0") => Version::Http10,
            None => return refuse(400, true, "HTTP/0.9 is not spoken"),
            Some([b'H', b'T', b'T', b'P', b'/', b'0', b'.', b]) if b.is_ascii_digit() => {
                return refuse(400, true, "HTTP/0.9 is not spoken");
            }
            Some(text @ [b'H', b'T', b'T', b'P', b'/', a, b'.', b]) if a.is_ascii_digit() && b.is_ascii_digit() => {
                self.unspoken = Some(Span::of(text, line));
                Version::Http11
            }
            Some(_) => return refuse(400, true, "not a request line"),
        };
        Ok(())
    }

    fn fields(&mut self, bytes: &[u8], from: usize, limits: Limits) -> Result<(), Refusal> {
        let mut few = [httparse::EMPTY_HEADER; 48];
        let mut many = Vec::new();
        let lines = &bytes[from..];
        let parsed = match httparse::parse_headers(lines, &mut few) {
            Err(httparse::Error::TooManyHeaders) => {
                many.resize(limits.fields, httparse::EMPTY_HEADER);
                httparse::parse_headers(lines, &mut many)
            }
            parsed => parsed,
        };
        let Ok(httparse::Status::Complete((size, fields))) = parsed else {
            return refuse(400, true, "a header line is not well-formed");
        };
        if size != lines.len() {
            return refuse(400, true, "a header line is not well-formed");
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

    fn framing(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let (mut size, mut chunked, mut upgrade, mut websocket) = (None, false, false, false);
        let mut keep = false;
        for field in &self.fields {
            let value = field.value.of_bytes(bytes);
            match field.known {
                Known::Length => match length(value) {
                    Some(n) if size.is_none_or(|known| known == n) => size = Some(n),
                    Some(_) => return refuse(400, true, "different values of Content-Length"),
                    None => return refuse(400, true, "Content-Length is not a number"),
                },
                Known::Coding if value == b"chunked" && !chunked => chunked = true,
                Known::Coding => return refuse(400, true, "Transfer-Encoding is not exactly chunked"),
                Known::Connection => {
                    for item in items(value) {
                        match item {
                            _ if item.eq_ignore_ascii_case(b"close") => self.close = true,
                            _ if item.eq_ignore_ascii_case(b"keep-alive") => keep = true,
                            _ if item.eq_ignore_ascii_case(b"upgrade") => upgrade = true,
                            _ => self.connection_lists = true,
                        }
                    }
                }
                Known::Upgrade => websocket |= items(value).any(|i| i.eq_ignore_ascii_case(b"websocket")),
                Known::Expect => self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue"),
                Known::Te => {
                    let takes = |i: &[u8]| i.len() >= 8 && i[..8].eq_ignore_ascii_case(b"trailers");
                    self.takes_trailers |= items(value).any(takes);
                }
                _ => {}
            }
        }
        let old = self.version == Version::Http10;
        if chunked && (old || size.is_some()) {
            let text = if old { "chunked in HTTP/1.0" } else { "both Content-Length and Transfer-Encoding" };
            return refuse(400, true, text);
        }
        self.close |= old && !keep;
        self.expects_continue &= !old;
        self.websocket = websocket && upgrade && !old && self.method.of_bytes(bytes) == b"GET";
        self.framing = match (chunked, size) {
            (true, _) => Framing::Open,
            (false, None | Some(0)) => Framing::None,
            (false, Some(n)) => Framing::Length(n),
        };
        Ok(())
    }

    fn host(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut hosts = self.fields.iter().filter(|f| f.known == Known::Host);
        let (host, second) = (hosts.next(), hosts.next());
        if second.is_some() {
            return refuse(400, false, "more than one Host");
        }
        let Some(host) = host else {
            if self.version != Version::Http10 {
                return refuse(400, false, "no Host");
            }
            // Source: RFC 9112 §3.2.2.
            self.host = absolute(self.target.of_bytes(bytes)).map(|(authority, _)| Span::of(authority, bytes));
            return Ok(());
        };
        let value = host.value.of_bytes(bytes);
        // An empty one is what a client sends that knows no name. Source: RFC 9112 §3.2.
        if value.is_empty() && self.version == Version::Http10 && absolute(self.target.of_bytes(bytes)).is_none() {
            return Ok(());
        }
        if split_authority(value).is_none() {
            return refuse(400, false, "Host is not a name or address with an optional port");
        }
        let target = self.target.of_bytes(bytes);
        if let Some((authority, _)) = absolute(target)
            && !authority.eq_ignore_ascii_case(value)
        {
            return refuse(400, false, "the target's authority is not Host");
        }
        self.host = Some(host.value);
        Ok(())
    }
}

/// The answer to a version that is not spoken.
pub(crate) const UNKNOWN_VERSION: Refusal = Refusal { status: 505, close: true, text: "unknown HTTP version" };

/// Authority and rest of an absolute-form target.
pub(crate) fn absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let starts =
        |scheme: &str| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme.as_bytes());
    let size = ["http://", "https://"].into_iter().find(|s| starts(s))?.len();
    let rest = &target[size..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Some((&rest[..end], &rest[end..]))
}

/// Name and port of `name[:port]` or `[v6][:port]`; nothing else is an authority here (no user, path, blank).
pub(crate) fn split_authority(value: &[u8]) -> Option<(&str, Option<u16>)> {
    let text = std::str::from_utf8(value).ok()?;
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (literal, rest) = rest.split_once(']')?;
            literal.parse::<std::net::Ipv6Addr>().ok()?;
            (literal, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let literal = text.starts_with('[');
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') || (literal && b == b':');
    if name.is_empty() || name.len() > 255 || !name.bytes().all(good) {
        return None;
    }
    match port {
        None | Some("") => Some((name, None)),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some((name, Some(port.parse().ok()?))),
        Some(_) => None,
    }
}

fn check_target(method: &[u8], target: &[u8]) -> Result<(), Refusal> {
    if method == b"CONNECT" {
        return match split_authority(target) {
            Some((_, Some(_))) => refuse(405, false, "CONNECT is not allowed"),
            // Source: RFC 9112 §3.2.3.
            _ => refuse(400, false, "the target of CONNECT is not a name and a port"),
        };
    }
    if target.iter().any(|b| *b < 0x21 || *b == 0x7f) {
        return refuse(400, false, "control characters in the request target");
    }
    if target.contains(&b'#') {
        // No form of a request target has a fragment; where it is cut off differs from one program to the next.
        // Source: RFC 9112 §3.2.
        return refuse(400, false, "a fragment in the request target");
    }
    let good = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => absolute(target).is_some_and(|(authority, _)| split_authority(authority).is_some()),
    };
    if good { Ok(()) } else { refuse(400, false, "the request target is neither a path nor an absolute URI") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { head: 65_536, fields: 128, uri: 16_384 };

    fn parse(text: &[u8]) -> Result<Head, Refusal> {
        let (mut scan, mut head) = (LineScan::default(), Head::default());
        let Some(end) = arrived(&mut scan, text, LIMITS)? else { return refuse(0, true, "incomplete") };
        head.parse(&text[..end], scan.first.unwrap(), LIMITS)?;
        Ok(head)
    }

    #[test]
    fn spans_keep_order_and_case() {
        let text =
            b"POST /a?b HTTP/1.1\r\nHost: A.example\r\nX-Two:\t two \r\nx-two: 2\r\nContent-Length: 3\r\n\r\nabc";
        let head = parse(text).unwrap();
        let lines: Vec<_> = head.fields.iter().map(|f| (f.name.of_bytes(text), f.value.of_bytes(text))).collect();
        assert_eq!(lines[1], (&b"X-Two"[..], &b"two"[..]));
        assert_eq!(lines[2], (&b"x-two"[..], &b"2"[..]));
        assert_eq!((head.framing, head.end), (Framing::Length(3), text.len() - 3));
        assert_eq!(head.target.of_bytes(text), b"/a?b");
    }

    #[test]
    fn authorities_have_no_user_path_or_blank() {
        for (given, expected) in [
            ("a.example", Some(("a.example", None))),
            ("a.example:8080", Some(("a.example", Some(8080)))),
            ("[::1]:80", Some(("::1", Some(80)))),
            ("127.0.0.1", Some(("127.0.0.1", None))),
            ("a.example:", Some(("a.example", None))),
            ("user@a.example", None),
            ("a.example/x", None),
            ("a b", None),
            ("a:99999", None),
            ("a:+1", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]x", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(split_authority(given.as_bytes()), expected, "{given}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_nearly_good_head_panics(line in "[A-Z]{1,4} [/*h]\\PC{0,8} HTTP/1\\.[019]", rest in "([A-Za-z-]{1,18}:[ -~\t]{0,12}\r?\n){0,6}") {
            let text = format!("{line}\r\nHost: a\r\n{rest}\r\n");
            if let Ok(head) = parse(text.as_bytes()) {
                prop_assert_eq!(head.end, text.len());
            }
        }

        #[test]
        fn arrival_does_not_depend_on_pieces(bytes in "[a:\r\n ]{0,60}", cut in 0usize..60) {
            let bytes = bytes.as_bytes();
            let whole = LineScan::default().advance(bytes);
            let mut scan = LineScan::default();
            let cut = cut.min(bytes.len());
            let parts = match scan.advance(&bytes[..cut]) {
                Ok(None) => scan.advance(bytes),
                early => early,
            };
            prop_assert_eq!(whole, parts);
        }
    }
}
