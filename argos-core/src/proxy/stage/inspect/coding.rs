//! Bodies that come compressed, read for the rules. What goes on, to the upstream or to the client, stays as it came.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::proxy::exchange::Exchange;

/// How often longer the plain text may be than what came; beyond it the body counts as unreadable.
const MOST_RATIO: usize = 100;

/// Bytes that the brotli reader takes at a time.
const BROTLI_BUFFER: usize = 4096;

/// The content coding of a body. Source: RFC 9110 §8.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// None, or `identity`.
    Plain,
    Gzip,
    Deflate,
    Brotli,
    /// Another, several, or one that says nothing.
    Unknown,
}

/// The coding of the request of `ex`, over all its field lines.
pub(super) fn of(ex: &Exchange) -> Coding {
    let bytes = ex.bytes();
    let mut lines = ex
        .head
        .fields
        .iter()
        .filter(|f| f.name.of_bytes(bytes).eq_ignore_ascii_case(b"content-encoding"))
        .map(|f| f.value.of_bytes(bytes).trim_ascii());
    let Some(first) = lines.next() else { return Coding::Plain };
    match lines.next() {
        Some(_) => Coding::Unknown,
        None => named(first),
    }
}

/// The coding that one field line names.
pub(super) fn named(name: &[u8]) -> Coding {
    let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
    match () {
        () if is("identity") => Coding::Plain,
        () if is("gzip") || is("x-gzip") => Coding::Gzip,
        () if is("deflate") => Coding::Deflate,
        () if is("br") => Coding::Brotli,
        () => Coding::Unknown,
    }
}

impl Coding {
    /// The plain text of `body`, as far as it goes and at most `limit` bytes; none when it is not of this coding or
    /// grows too much.
    pub(crate) fn decode(self, body: &[u8], limit: usize) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Plain => Some(Cow::Borrowed(body)),
            Self::Gzip => read(MultiGzDecoder::new(body), body.len(), limit),
            // The name means the zlib format; some senders leave its frame out.
            Self::Deflate => read(ZlibDecoder::new(body), body.len(), limit)
                .or_else(|| read(DeflateDecoder::new(body), body.len(), limit)),
            Self::Brotli => read(Decompressor::new(body, BROTLI_BUFFER), body.len(), limit),
            Self::Unknown => None,
        }
    }
}

fn read(mut decoder: impl Read, came: usize, limit: usize) -> Option<Cow<'static, [u8]>> {
    let most = limit.min(came.saturating_mul(MOST_RATIO));
    let mut plain = Vec::new();
    decoder.by_ref().take(most as u64 + 1).read_to_end(&mut plain).ok()?;
    // At the limit the rest is not inspected, as of a plain body; beyond the ratio it is a bomb.
    if plain.len() > most && most < limit {
        return None;
    }
    plain.truncate(limit.saturating_add(1));
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn reads_what_it_names_and_nothing_else() {
        let text = b"q=1' OR '1'='1";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(text).unwrap();
        assert_eq!(Coding::Gzip.decode(&gzip, 1000).as_deref(), Some(text.as_slice()));
        assert_eq!(Coding::Deflate.decode(&zlib.finish().unwrap(), 1000).as_deref(), Some(text.as_slice()));
        assert_eq!(Coding::Deflate.decode(&raw.finish().unwrap(), 1000).as_deref(), Some(text.as_slice()));
        // `text` as the reference program writes it at quality 0: one uncompressed piece.
        let brotli = [&[0x8b, 0x06, 0x80][..], text, &[0x03]].concat();
        assert_eq!(Coding::Brotli.decode(&brotli, 1000).as_deref(), Some(text.as_slice()));
        assert_eq!(Coding::Brotli.decode(text, 1000), None);
        assert_eq!(Coding::Plain.decode(text, 1000).as_deref(), Some(text.as_slice()));
        assert_eq!(Coding::Gzip.decode(text, 1000), None);
        assert_eq!(Coding::Unknown.decode(text, 1000), None);
    }

    #[test]
    fn a_bomb_is_refused_and_a_long_body_is_cut_at_the_limit() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b'a'; 1 << 20]).unwrap();
        let bomb = bomb.finish().unwrap();
        assert_eq!(Coding::Gzip.decode(&bomb, 1 << 30), None);
        // Fourteen bytes that say: a mebibyte of the letter a.
        let brotli = [0x5b, 0xff, 0xff, 0x8f, 0x5f, 0x22, 0x2c, 0x1e, 0x0b, 0x04, 0x72, 0xef, 0x1f, 0x00];
        assert_eq!(Coding::Brotli.decode(&brotli, 1 << 30), None);
        assert_eq!(Coding::Gzip.decode(&bomb, 1000).map(|plain| plain.len()), Some(1001));
    }
}
