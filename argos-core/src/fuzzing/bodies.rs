//! Bodies: unframed and framed anew without a change of content, and decoded within bounds.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::choices::Choices;
use crate::proxy::h1::body::{Broken, Framer, Sink, Source};
use crate::proxy::h1::chunked::{ChunkFault, Decoder, MAX_TRAILERS};
use crate::proxy::stage::inspect::coding::Coding;

/// What a chunked body was read as: content, trailers, bytes used, whether it ended.
type Read = Result<(Vec<u8>, Vec<u8>, usize, bool), ChunkFault>;

fn decoded(pieces: &[&[u8]]) -> Read {
    let (mut decoder, mut content, mut used) = (Decoder::default(), Vec::new(), 0);
    for piece in pieces {
        used += decoder.read(piece, |b| content.extend_from_slice(b))?;
    }
    let done = decoder.done();
    Ok((content, decoder.take_trailers(), used, done))
}

fn framed(pieces: &[&[u8]], sink: Sink, limit: u64) -> Result<(Vec<u8>, bool), Broken> {
    let mut framer = Framer::new(Source::Chunked(Box::default()), sink, limit);
    let mut out = Vec::new();
    for piece in pieces {
        let before = out.len();
        if let Err(broken) = framer.push(piece, &mut out) {
            assert_eq!(out.len(), before, "a fault appends something");
            return Err(broken);
        }
    }
    Ok((out, framer.done()))
}

pub(super) fn chunked(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (a, b, limit) = (choices.below(256), choices.below(256), choices.below(256) as u64);
    let bytes = choices.rest();
    let (a, b) = (a.min(b).min(bytes.len()), a.max(b).min(bytes.len()));
    let pieces = [&bytes[..a], &bytes[a..b], &bytes[b..]];
    let whole = decoded(&[bytes]);
    assert_eq!(whole, decoded(&pieces), "pieces are read otherwise");
    let through = framed(&pieces, Sink::Chunked { trailers: true }, u64::MAX);
    let plain = framed(&pieces, Sink::Plain, u64::MAX);
    let Ok((content, trailers, used, done)) = whole else {
        assert!(matches!(through, Err(Broken::Chunk(_))) && matches!(plain, Err(Broken::Chunk(_))));
        return;
    };
    assert!(content.len() <= used && used <= bytes.len() && trailers.len() <= MAX_TRAILERS + 2);
    assert!(done || used == bytes.len(), "bytes are left over before the end");
    let (plain, plain_done) = plain.expect("what is decoded is passed on");
    assert_eq!((&plain, plain_done), (&content, done));
    let (through, through_done) = through.expect("what is decoded is passed on");
    assert_eq!(through_done, done);
    if done {
        let length = through.len();
        assert_eq!(decoded(&[&through]), Ok((content.clone(), trailers, length, true)), "framed anew");
    }
    // A chunk counts as soon as its size is known.
    let mut decoder = Decoder::default();
    decoder.read(bytes, |_| ()).expect("what was decoded once is decoded again");
    let known = decoder.announced().saturating_add(content.len() as u64);
    match framed(&pieces, Sink::Plain, limit) {
        Ok((out, _)) => assert!(known <= limit && out == content),
        Err(broken) => assert!(matches!(broken, Broken::TooLong) && known > limit),
    }
}

/// How many times longer than what came a decoded body may be.
const RATIO: usize = 100;

pub(super) fn codings(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let coding = choices.of(&[Coding::Gzip, Coding::Deflate]);
    let limit = choices.of(&[0, 1, 100, 5_000, 1 << 20]);
    let repeat = 1 + choices.below(64);
    let body = choices.rest();
    if let Some(plain) = coding.decode(body, limit) {
        assert!(plain.len() <= limit.min(body.len() * RATIO) + 1, "{} bytes of {}", plain.len(), body.len());
    }
    let text = body.repeat(repeat);
    let packed = match (coding, repeat % 2) {
        (Coding::Gzip, _) => packed(GzEncoder::new(Vec::new(), Compression::fast()), &text, |e| e.finish()),
        (_, 0) => packed(ZlibEncoder::new(Vec::new(), Compression::fast()), &text, |e| e.finish()),
        _ => packed(DeflateEncoder::new(Vec::new(), Compression::fast()), &text, |e| e.finish()),
    };
    match coding.decode(&packed, 1 << 20) {
        Some(plain) => assert_eq!(&plain[..], text),
        None => assert!(text.len() > packed.len() * RATIO, "a sound body is refused"),
    }
}

fn packed<W: std::io::Write>(mut encoder: W, text: &[u8], end: fn(W) -> std::io::Result<Vec<u8>>) -> Vec<u8> {
    encoder.write_all(text).and_then(|()| end(encoder)).expect("memory takes every byte")
}
