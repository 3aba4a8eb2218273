//! Header lines as spans into the bytes they came in.

/// A run of bytes in a head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    // Heads are at most 16 MiB (`proxy.max_header_bytes`), so that positions fit.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Where `part` lies in `whole`, which it was cut from.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        if part.is_empty() || start > whole.len() {
            return Self::default();
        }
        Self::new(start, start + part.len())
    }

    pub(crate) fn of_bytes(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One header line: name and value without the blanks around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) known: Known,
}

/// Header names that the proxy itself reads or replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Accept,
    /// `Content-Encoding`
    Encoding,
    /// `Connection`
    Connection,
    /// `Content-Length`
    Length,
    /// `Content-Type`
    Type,
    Cookie,
    Date,
    Expect,
    /// `X-Forwarded-For`
    ForwardedFor,
    /// `X-Forwarded-Proto`
    ForwardedProto,
    /// `X-Forwarded-Host`
    ForwardedHost,
    /// `X-Forwarded-Port`
    ForwardedPort,
    /// Other `X-Forwarded-*`, `Forwarded`, `X-Real-IP`: what only a trusted proxy may say.
    Origin,
    Host,
    /// `X-Auth-User`, `-Email`, `-Name`, `-Provider`, `-Groups`, `X-Argos-*`, and disguised spellings of other fields (see [`is_disguised`]): never passed on.
    Identity,
    /// `X-Client-Cert`, `X-Client-Cert-*`, `Client-Cert`, `Client-Cert-Chain`: what a client's certificate is, which only
    /// whoever saw it may say. Source: RFC 9440 §2.4.
    Shown,
    /// `Keep-Alive`, `Proxy-*`, `HTTP2-Settings`
    Hop,
    Referer,
    /// `X-Request-Id`
    RequestId,
    Te,
    Traceparent,
    Tracestate,
    Trailer,
    /// `Transfer-Encoding`
    Coding,
    Upgrade,
    /// `User-Agent`
    Agent,
    Other,
}

impl Known {
    /// Which one `name` is, in any case.
    pub(crate) fn of(name: &[u8]) -> Self {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        let first = name.first().map_or(0, |b| b | 0x20);
        match (first, name.len()) {
            (b'a', 6) if is("accept") => Self::Accept,
            (b'c', 6) if is("cookie") => Self::Cookie,
            (b'c', 10) if is("connection") => Self::Connection,
            (b'c', 11) if is("client-cert") => Self::Shown,
            (b'c', 17) if is("client-cert-chain") => Self::Shown,
            (b'c', 12) if is("content-type") => Self::Type,
            (b'c', 14) if is("content-length") => Self::Length,
            (b'c', 16) if is("content-encoding") => Self::Encoding,
            (b'd', 4) if is("date") => Self::Date,
            (b'e', 6) if is("expect") => Self::Expect,
            (b'f', 9) if is("forwarded") => Self::Origin,
            (b'h', 4) if is("host") => Self::Host,
            (b'h', 14) if is("http2-settings") => Self::Hop,
            (b'k', 10) if is("keep-alive") => Self::Hop,
            (b'p', 7..) if name[..6].eq_ignore_ascii_case(b"proxy-") => Self::Hop,
            (b'r', 7) if is("referer") => Self::Referer,
            (b't', 2) if is("te") => Self::Te,
            (b't', 7) if is("trailer") => Self::Trailer,
            (b't', 10) if is("tracestate") => Self::Tracestate,
            (b't', 11) if is("traceparent") => Self::Traceparent,
            (b't', 17) if is("transfer-encoding") => Self::Coding,
            (b'u', 7) if is("upgrade") => Self::Upgrade,
            (b'u', 10) if is("user-agent") => Self::Agent,
            (b'p', 5) if is("proxy") => Self::Hop,
            (b'x', 8..) if name[1] == b'-' => Self::of_extension(name),
            _ if is_disguised(name) => Self::Identity,
            _ => Self::Other,
        }
    }

    fn of_extension(name: &[u8]) -> Self {
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        match () {
            () if is("x-forwarded-for") => Self::ForwardedFor,
            () if is("x-forwarded-proto") => Self::ForwardedProto,
            () if is("x-forwarded-host") => Self::ForwardedHost,
            () if is("x-forwarded-port") => Self::ForwardedPort,
            () if is("x-real-ip") => Self::Origin,
            () if is("x-request-id") => Self::RequestId,
            () if starts_with(name, "x-forwarded-") => Self::Origin,
            () if starts_with(name, "x-client-cert") && matches!(name.get(13), None | Some(b'-')) => Self::Shown,
            () if ["user", "email", "name", "provider", "groups"].iter().any(|of| is_auth(name, of)) => Self::Identity,
            () if starts_with(name, "x-argos-") => Self::Identity,
            () if is_disguised(name) => Self::Identity,
            () => Self::Other,
        }
    }
}

/// Whether `name` is `X-Auth-` and `of`.
fn is_auth(name: &[u8], of: &str) -> bool {
    starts_with(name, "x-auth-") && name[7..].eq_ignore_ascii_case(of.as_bytes())
}

fn starts_with(name: &[u8], text: &str) -> bool {
    name.get(..text.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(text.as_bytes()))
}

/// Whether an upstream that reads `_`, `.` and other marks as `-` would take `name` for a field that frames a message
/// or says who sent it. Only the real spelling of those is understood here, so the others are never passed on.
pub(crate) fn is_disguised(name: &[u8]) -> bool {
    if name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
        return false;
    }
    let plain: Vec<u8> = name.iter().map(|b| if b.is_ascii_alphanumeric() { *b } else { b'-' }).collect();
    !matches!(
        Known::of(&plain),
        Known::Other
            | Known::Accept
            | Known::Agent
            | Known::Date
            | Known::Referer
            | Known::Traceparent
            | Known::Tracestate
            | Known::Type
    )
}

/// Whether `name` is a token. Source: RFC 9110 §5.6.2.
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// The items of a comma-separated value, without the blanks around them; empty ones are left out.
pub(crate) fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// Finds the end of a head line by line, looking at each byte once however it arrives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineScan {
    line: usize,
    seen: usize,
    /// Lines so far, the first one included.
    pub(crate) lines: usize,
    /// Length of the first line, once it is there.
    pub(crate) first: Option<usize>,
}

/// A line that does not end with CR LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BareLineEnd;

impl LineScan {
    /// The length of the head with its empty line, once `bytes` holds it all.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, BareLineEnd> {
        while let Some(found) = memchr::memchr(b'\n', &bytes[self.seen..]) {
            let lf = self.seen + found;
            if lf == self.line || bytes[lf - 1] != b'\r' {
                return Err(BareLineEnd);
            }
            let empty = lf - 1 == self.line;
            (self.line, self.seen) = (lf + 1, lf + 1);
            if empty {
                return Ok(Some(lf + 1));
            }
            self.lines += 1;
            self.first.get_or_insert(lf + 1);
        }
        self.seen = bytes.len();
        Ok(None)
    }
}

/// A whole number as a length: digits only. Source: RFC 9110 §8.6.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}
