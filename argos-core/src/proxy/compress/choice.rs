//! Which answers are worth compressing, and which coding the client prefers.

use crate::proxy::exchange::Exchange;
use crate::proxy::forward::Lines;
use crate::proxy::h1::field::{Known, items, length};
use crate::proxy::h1::reply_head::{ReplyFraming, ReplyHead};

/// Smaller answers stay as they are: what is saved is less than what it costs.
const LEAST: u64 = 1024;

/// A coding that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    /// In the order in which we prefer them.
    const ALL: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// As `Content-Encoding` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn is(self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
            || (self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip"))
    }
}

/// What an answer is to the client's `Accept-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// It could come in other codings, and this client wants none of them.
    Plain,
    /// It comes in this coding.
    In(Coding),
}

impl Plan {
    pub(crate) fn coding(self) -> Option<Coding> {
        match self {
            Self::Plain => None,
            Self::In(coding) => Some(coding),
        }
    }
}

/// Whether a field says already that the answer depends on `Accept-Encoding`.
pub(crate) fn varies(name: &[u8], value: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"vary")
        && items(value).any(|item| item == b"*" || item.eq_ignore_ascii_case(b"accept-encoding"))
}

/// Writes another field in place of one that does not hold for a coded answer; false where it does.
pub(crate) fn put_instead(out: &mut impl Lines, name: &[u8], value: &[u8]) -> bool {
    if name.eq_ignore_ascii_case(b"accept-ranges") {
        return true;
    }
    // The bytes are others, what they mean is the same. Source: RFC 9110 §8.8.1.
    let strong = name.eq_ignore_ascii_case(b"etag") && value.starts_with(b"\"");
    if strong {
        out.with(name, |out| {
            out.extend_from_slice(b"W/");
            out.extend_from_slice(value);
        });
    }
    strong
}

/// What becomes of the answer in `ex.reply`, whose head is `bytes`; none where it is not for compressing.
pub(crate) fn plan(ex: &Exchange, bytes: &[u8]) -> Option<Plan> {
    if !ex.facts.compression || !is_suited(&ex.reply, bytes) {
        return None;
    }
    // Chunks are the only framing of what has no length, and HTTP/1.0 has none.
    let old = ex.head.version == crate::logs::Version::Http10;
    let coding = if old { None } else { preferred(ex.values(b"accept-encoding")) };
    Some(coding.map_or(Plan::Plain, Plan::In))
}

fn is_suited(head: &ReplyHead, bytes: &[u8]) -> bool {
    if !(200..300).contains(&head.status) || matches!(head.status, 204..=206) || head.websocket {
        return false;
    }
    let size = match head.framing {
        ReplyFraming::Length(n) => Some(n),
        // To HEAD there is no body, and its length may be told all the same.
        ReplyFraming::None => head.value(bytes, Known::Length).and_then(length),
        ReplyFraming::Chunked | ReplyFraming::Close => None,
    };
    if size.is_some_and(|n| n < LEAST) || head.value(bytes, Known::Encoding).is_some() {
        return false;
    }
    if !head.value(bytes, Known::Type).is_some_and(is_text) {
        return false;
    }
    !head.fields.iter().any(|field| {
        let (name, value) = (field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        match field.known {
            Known::Other if is("cache-control") => items(value).any(|item| item.eq_ignore_ascii_case(b"no-transform")),
            // It is about the bytes as they came.
            Known::Other => {
                is("content-range") || is("content-digest") || is("repr-digest") || is("digest") || is("content-md5")
            }
            _ => false,
        }
    })
}

/// Whether a content type is of texts or of what else is long for what it says.
fn is_text(kind: &[u8]) -> bool {
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match &kind[..] {
        b"text/event-stream" => false,
        _ if kind.starts_with(b"application/grpc") => false,
        _ if kind.starts_with(b"text/") || kind.ends_with(b"+json") || kind.ends_with(b"+xml") => true,
        b"application/json" | b"application/x-ndjson" | b"application/xml" | b"application/wasm" => true,
        b"application/javascript" | b"application/x-javascript" | b"application/ecmascript" => true,
        b"font/ttf" | b"font/otf" | b"font/sfnt" | b"font/collection" => true,
        b"application/vnd.ms-fontobject" | b"application/x-font-ttf" | b"application/x-font-otf" => true,
        _ => false,
    }
}

/// The coding that the lines of `Accept-Encoding` prefer; none where they want no coding, or none of ours.
/// Source: RFC 9110 §12.5.3.
fn preferred<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Coding> {
    let mut named = [None; Coding::ALL.len()];
    let (mut others, mut identity) = (None, None);
    for item in lines.flat_map(items) {
        let mut parts = item.split(|b| *b == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let weight = weight(parts);
        if name == b"*" {
            others = Some(weight);
        } else if name.eq_ignore_ascii_case(b"identity") {
            identity = Some(weight);
        } else if let Some(i) = Coding::ALL.iter().position(|coding| coding.is(name)) {
            named[i] = named[i].max(Some(weight));
        }
    }
    let wanted = Coding::ALL.iter().zip(named).map(|(coding, own)| (*coding, own.or(others).unwrap_or(0)));
    // The first of the highest.
    let best = wanted.rev().max_by_key(|(_, weight)| *weight).filter(|(_, weight)| *weight > 0);
    best.filter(|(_, weight)| *weight >= identity.unwrap_or(0)).map(|(coding, _)| coding)
}

/// The weight among `parameters` in thousandths; what is no weight counts as none at all.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a [u8]>) -> u16 {
    let Some(q) = parameters.find_map(|p| p.strip_prefix(b"q=").or_else(|| p.strip_prefix(b"Q="))) else { return 1000 };
    match q {
        [b'1'] => 1000,
        [b'1', b'.', zeros @ ..] if zeros.len() <= 3 && zeros.iter().all(|b| *b == b'0') => 1000,
        [b'0'] => 0,
        [b'0', b'.', digits @ ..] if digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit) => {
            let padded = digits.iter().chain(b"000").take(3);
            padded.fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::h1::field::LineScan;

    #[test]
    fn the_clients_wish_decides_and_among_equals_ours() {
        use Coding::{Brotli, Gzip, Zstd};
        let cases: &[(&[&str], Option<Coding>)] = &[
            (&[], None),
            (&[""], None),
            (&["gzip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["GZIP"], Some(Gzip)),
            (&["gzip, br"], Some(Brotli)),
            (&["gzip, deflate, br, zstd"], Some(Zstd)),
            (&["gzip", "br", "zstd"], Some(Zstd)),
            (&["gzip;q=1.0, br;q=0.9, zstd;q=0.8"], Some(Gzip)),
            (&["gzip;q=0.5,br;q=0.500"], Some(Brotli)),
            (&["gzip ; q=0.001"], Some(Gzip)),
            (&["gzip;Q=0.4, br;q=0.39"], Some(Gzip)),
            (&["gzip;q=0"], None),
            (&["*"], Some(Zstd)),
            (&["zstd;q=0, *;q=0.1"], Some(Brotli)),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some(Gzip)),
            (&["identity"], None),
            (&["identity;q=0"], None),
            (&["identity;q=0, gzip"], Some(Gzip)),
            (&["identity, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip;q=0.5"], Some(Gzip)),
            (&["deflate, compress"], None),
            (&["gzip;q=2"], None),
            (&["gzip;q=0.1234"], None),
            (&["gzip;q="], None),
            (&["gzip;x=1;q=0.3, br;q=0.2"], Some(Gzip)),
            (&["not a coding, ,,"], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(preferred(lines.iter().map(|l| l.as_bytes())), *expected, "{lines:?}");
        }
    }

    #[test]
    fn answers_that_are_no_long_texts_stay_as_they_are() {
        let cases = [
            ("200 OK", "Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\n", true),
            ("200 OK", "Content-Type: text/html\r\nContent-Length: 1023\r\n", false),
            ("200 OK", "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n", true),
            ("200 OK", "Content-Type: Application/JSON\r\n", true),
            ("404 Not Found", "Content-Type: text/html\r\n", false),
            ("201 Created", "Content-Type: application/problem+json\r\n", true),
            ("204 No Content", "Content-Type: text/html\r\n", false),
            ("205 Reset Content", "Content-Type: text/html\r\nContent-Length: 0\r\n", false),
            ("206 Partial Content", "Content-Type: text/html\r\nContent-Range: bytes 0-1/2\r\n", false),
            ("304 Not Modified", "Content-Type: text/html\r\n", false),
            ("200 OK", "", false),
            ("200 OK", "Content-Type: image/svg+xml\r\n", true),
            ("200 OK", "Content-Type: image/png\r\n", false),
            ("200 OK", "Content-Type: application/wasm\r\n", true),
            ("200 OK", "Content-Type: font/ttf\r\n", true),
            ("200 OK", "Content-Type: font/woff2\r\n", false),
            ("200 OK", "Content-Type: text/event-stream\r\n", false),
            ("200 OK", "Content-Type: application/grpc\r\n", false),
            ("200 OK", "Content-Type: application/grpc-web+json\r\n", false),
            ("200 OK", "Content-Type: application/octet-stream\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nContent-Encoding: gzip\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nContent-Encoding: identity\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nCache-Control: private, No-Transform\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nCache-Control: no-cache\r\n", true),
            ("200 OK", "Content-Type: text/css\r\nContent-Range: bytes 0-9/10\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nContent-Digest: sha-256=:a:\r\n", false),
            ("200 OK", "Content-Type: text/css\r\nAccept-Ranges: bytes\r\nETag: \"a\"\r\n", true),
        ];
        for (status, fields, expected) in cases {
            let text = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
            let mut head = ReplyHead::default();
            assert!(head.parse(&mut LineScan::default(), text.as_bytes(), false).unwrap());
            assert_eq!(is_suited(&head, text.as_bytes()), expected, "{text}");
        }
        // The fields of an answer to HEAD are those of GET.
        for (length, expected) in [(5000, true), (50, false)] {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: {length}\r\n\r\n");
            let mut head = ReplyHead::default();
            assert!(head.parse(&mut LineScan::default(), text.as_bytes(), true).unwrap());
            assert_eq!(is_suited(&head, text.as_bytes()), expected, "{text}");
        }
    }
}
