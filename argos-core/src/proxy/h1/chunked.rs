//! The chunked transfer coding, read strictly.
//!
//! A chunk is hexadecimal digits, perhaps an extension after `;`, CR LF, so many bytes, CR LF. No sign, no `0x`,
//! no blank, no bare CR or LF. Source: RFC 9112 §7.1.

use super::field::{is_disguised, is_token};

/// Most bytes of one chunk extension.
pub(crate) const MAX_EXTENSION: usize = 256;
/// Most bytes of all trailer lines.
pub(crate) const MAX_TRAILERS: usize = 8192;

/// What is wrong with a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkFault {
    #[error("a chunk size is 1–16 hexadecimal digits")]
    Size,
    #[error("a chunk extension has at most 256 bytes and no control characters")]
    Extension,
    #[error("a chunk does not end with CR LF")]
    End,
    #[error("a trailer line is not allowed")]
    Trailer,
}

/// Reads a chunked body piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    size: u64,
    digits: usize,
    // Bytes of the extension, then of the trailer line under way.
    line: Vec<u8>,
    extension: usize,
    trailers: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Bytes,
    EndCr,
    EndLf,
    Trailer,
    TrailerLf,
    Done,
}

impl Decoder {
    /// Whether the last chunk and the trailers were read.
    pub(crate) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Content bytes that are announced and have not come; none while a size is being read, whose end may be at fault.
    pub(crate) fn announced(&self) -> u64 {
        if self.state == State::Size { 0 } else { self.size }
    }

    /// The trailer lines, each with CR LF, given once.
    pub(crate) fn take_trailers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.trailers)
    }

    /// Reads from `input`, hands content to `sink`, and says how many bytes belonged to the body.
    pub(crate) fn read(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Result<usize, ChunkFault> {
        let mut i = 0;
        while i < input.len() && self.state != State::Done {
            let b = input[i];
            match self.state {
                State::Size => match b {
                    b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if self.digits < 16 => {
                        self.digits += 1;
                        self.size = self.size << 4 | u64::from((b as char).to_digit(16).unwrap_or(0));
                    }
                    b';' if self.digits > 0 => (self.state, self.extension) = (State::Extension, 0),
                    b'\r' if self.digits > 0 => self.state = State::SizeLf,
                    _ => return Err(ChunkFault::Size),
                },
                State::Extension => {
                    self.extension += 1;
                    match b {
                        b'\r' => self.state = State::SizeLf,
                        _ if self.extension > MAX_EXTENSION => return Err(ChunkFault::Extension),
                        b'\t' | b' '..=b'~' | 0x80.. => {}
                        _ => return Err(ChunkFault::Extension),
                    }
                }
                State::SizeLf => {
                    if b != b'\n' {
                        return Err(ChunkFault::Size);
                    }
                    self.state = if self.size == 0 { State::Trailer } else { State::Bytes };
                    self.digits = 0;
                }
                State::Bytes => {
                    let here = (input.len() - i) as u64;
                    // The smaller of both fits a usize, since `here` came from one.
                    let n = here.min(self.size) as usize;
                    sink(&input[i..i + n]);
                    self.size -= n as u64;
                    i += n;
                    if self.size == 0 {
                        self.state = State::EndCr;
                    }
                    continue;
                }
                State::EndCr if b == b'\r' => self.state = State::EndLf,
                State::EndLf if b == b'\n' => self.state = State::Size,
                State::EndCr | State::EndLf => return Err(ChunkFault::End),
                State::Trailer => match b {
                    b'\r' => self.state = State::TrailerLf,
                    b'\n' | 0 => return Err(ChunkFault::Trailer),
                    _ if self.trailers.len() + self.line.len() >= MAX_TRAILERS => return Err(ChunkFault::Trailer),
                    _ => self.line.push(b),
                },
                State::TrailerLf if b != b'\n' => return Err(ChunkFault::Trailer),
                State::TrailerLf if self.line.is_empty() => self.state = State::Done,
                State::TrailerLf => {
                    if !trailer_allowed(&self.line) {
                        return Err(ChunkFault::Trailer);
                    }
                    self.trailers.append(&mut self.line);
                    self.trailers.extend_from_slice(b"\r\n");
                    self.state = State::Trailer;
                }
                State::Done => {}
            }
            i += 1;
        }
        Ok(i)
    }
}

/// Names that change framing, routing, authentication or how content is read never come as a trailer.
/// Source: RFC 9110 §6.5.1.
const FORBIDDEN: &[&str] = &[
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-real-ip",
    "x-request-id",
];

pub(crate) fn trailer_allowed(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let bad_value = value.iter().any(|b| matches!(b, 0..=8 | 10..=31 | 127));
    let name = match std::str::from_utf8(name) {
        Ok(name) if is_token(name.as_bytes()) && !bad_value => name.to_ascii_lowercase(),
        _ => return false,
    };
    !FORBIDDEN.contains(&name.as_str())
        && !is_disguised(name.as_bytes())
        && name != "proxy"
        && !name.starts_with("x-forwarded-")
        && !name.starts_with("x-auth-")
        && !name.starts_with("x-argos-")
        && !name.starts_with("x-client-cert")
        && !name.starts_with("client-cert")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(input: &[u8]) -> Result<(Vec<u8>, usize, bool), ChunkFault> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let used = decoder.read(input, |b| out.extend_from_slice(b))?;
        Ok((out, used, decoder.done()))
    }

    #[test]
    fn reads_chunks_extensions_and_trailers() {
        let whole = b"5;a=\"b\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nGET";
        assert_eq!(decode(whole), Ok((b"hello0123456789".to_vec(), whole.len() - 3, true)));
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for byte in &whole[..whole.len() - 3] {
            assert_eq!(decoder.read(&[*byte], |b| out.extend_from_slice(b)), Ok(1));
        }
        assert!(decoder.done());
        assert_eq!((out.as_slice(), &*decoder.take_trailers()), (&b"hello0123456789"[..], &b"X-Sum: 1\r\n"[..]));
    }

    #[test]
    fn refuses_what_readers_disagree_on() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(MAX_EXTENSION + 1));
        for (input, fault) in [
            ("+5\r\nhello\r\n", ChunkFault::Size),
            ("-1\r\n", ChunkFault::Size),
            ("0x5\r\nhello\r\n", ChunkFault::Size),
            (" 5\r\nhello\r\n", ChunkFault::Size),
            ("5 \r\nhello\r\n", ChunkFault::Size),
            ("5\nhello\r\n", ChunkFault::Size),
            ("\r\n", ChunkFault::Size),
            (";a\r\n", ChunkFault::Size),
            ("00000000000000005\r\n", ChunkFault::Size),
            ("5\rhello", ChunkFault::Size),
            (&long, ChunkFault::Extension),
            ("1;a\nb", ChunkFault::Extension),
            ("1\r\nab\r\n", ChunkFault::End),
            ("1\r\na\n0\r\n", ChunkFault::End),
            ("0\r\nContent-Length: 5\r\n\r\n", ChunkFault::Trailer),
            ("0\r\nTransfer_Encoding: x\r\n\r\n", ChunkFault::Trailer),
            ("0\r\nX Y: 1\r\n\r\n", ChunkFault::Trailer),
            ("0\r\n folded\r\n\r\n", ChunkFault::Trailer),
            ("0\r\nA: b\n\r\n", ChunkFault::Trailer),
        ] {
            assert_eq!(decode(input.as_bytes()), Err(fault), "{input:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_read_alike(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let whole = decode(&bytes);
            let (mut decoder, mut out) = (Decoder::default(), Vec::new());
            let cut = cut.min(bytes.len());
            let parts = decoder.read(&bytes[..cut], |b| out.extend_from_slice(b)).and_then(|a| {
                Ok(a + decoder.read(&bytes[a..], |b| out.extend_from_slice(b))?)
            });
            prop_assert_eq!(whole.map(|w| (w.0, w.1)), parts.map(|n| (out, n)));
        }
    }
}
