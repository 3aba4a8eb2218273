use std::io::Read as _;
use std::task::Waker;

use super::*;
use crate::proxy::h1::body::{Sink, Source};

/// An upstream that gives each piece at once; before an empty one it pauses, and after the last it ends.
struct Pieces(std::collections::VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let pieces = &mut self.get_mut().0;
        match pieces.pop_front() {
            Some(piece) if piece.is_empty() => {
                pieces.push_front(piece);
                return Poll::Pending;
            }
            Some(mut piece) => {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    pieces.push_front(rest);
                }
            }
            None => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Pieces {
    fn take_trailers(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn ends_with_next_write(&mut self) {}

    fn poll_end(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What there is to read until the upstream pauses: the bytes, and whether they came to the end.
fn read(squeeze: &mut Squeeze, upstream: &mut Pieces) -> (Vec<u8>, io::Result<bool>) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    let mut room = [0; 1000];
    loop {
        let mut buf = ReadBuf::new(&mut room);
        match Pin::new(&mut squeeze.of(upstream)).poll_read(&mut cx, &mut buf) {
            Poll::Pending => return (all, Ok(false)),
            Poll::Ready(Err(e)) => return (all, Err(e)),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => return (all, Ok(true)),
            Poll::Ready(Ok(())) => all.extend_from_slice(buf.filled()),
        }
    }
}

/// As much as can be decoded of `coded`.
fn decoded(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut reader: Box<dyn std::io::Read> = match coding {
        Coding::Gzip => Box::new(flate2::read::GzDecoder::new(coded)),
        Coding::Brotli => Box::new(brotli_decompressor::Decompressor::new(coded, 4096)),
        Coding::Zstd => Box::new(zstd::Decoder::new(coded).unwrap()),
    };
    let mut text = Vec::new();
    let mut room = [0; 1000];
    while let Ok(n @ 1..) = reader.read(&mut room) {
        text.extend_from_slice(&room[..n]);
    }
    text
}

fn squeeze(coding: Coding, source: Source, content: &[u8]) -> Squeeze {
    let room = Room::take(&Arc::default(), coding).unwrap();
    Squeeze::new(room, Framer::new(source, Sink::Plain, u64::MAX), content.to_vec()).unwrap()
}

fn prose(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| format!("{i}: the same words again, and {} again\n", i * 7919 % 1000).into_bytes()).collect()
}

const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

#[test]
fn what_came_can_be_read_when_the_upstream_pauses() {
    for coding in CODINGS {
        let mut squeeze = squeeze(coding, Source::Close, b"first, ");
        let pieces: [&[u8]; 5] = [b"", b"second, ", b"", b"third", b""];
        let mut upstream = Pieces(pieces.iter().map(|p| p.to_vec()).collect());
        let mut all = Vec::new();
        for expected in ["first, ", "first, second, ", "first, second, third"] {
            let (more, end) = read(&mut squeeze, &mut upstream);
            all.extend(more);
            assert!(!end.unwrap());
            assert_eq!(String::from_utf8(decoded(coding, &all)).unwrap(), expected, "{coding:?}");
            upstream.0.pop_front();
        }
        let (more, end) = read(&mut squeeze, &mut upstream);
        all.extend(more);
        assert!(end.unwrap());
        assert_eq!(decoded(coding, &all), b"first, second, third", "{coding:?}");
    }
}

#[test]
fn long_content_comes_back_whole_and_little_is_held() {
    let content = prose(60_000);
    for coding in CODINGS {
        for begin in [0, 5, 300_000] {
            let (first, rest) = content.split_at(begin);
            let mut squeeze = squeeze(coding, Source::Length(rest.len() as u64), first);
            let mut upstream = Pieces(rest.chunks(100_000).map(<[u8]>::to_vec).chain([b"next".to_vec()]).collect());
            let mut cx = Context::from_waker(Waker::noop());
            let mut coded = Vec::new();
            let mut room = [0; 333];
            loop {
                let mut buf = ReadBuf::new(&mut room);
                let read = Pin::new(&mut squeeze.of(&mut upstream)).poll_read(&mut cx, &mut buf);
                assert!(matches!(read, Poll::Ready(Ok(()))));
                assert!(squeeze.coded.len() <= 1 << 17, "{} coded bytes wait", squeeze.coded.len());
                assert!(squeeze.content.capacity() <= begin.max(4 * PIECE));
                if buf.filled().is_empty() {
                    break;
                }
                coded.extend_from_slice(buf.filled());
            }
            assert!(coded.len() * 3 < content.len(), "{coding:?}: {}", coded.len());
            assert!(decoded(coding, &coded) == content, "{coding:?} from {begin}");
        }
    }
}

#[test]
fn chunks_are_taken_out_and_trailers_go_on() {
    let chunks = || Source::Chunked(Box::default());
    let mut squeeze = squeeze(Coding::Gzip, chunks(), b"");
    let mut upstream = Pieces([b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\nNEXT".to_vec()].into());
    let (coded, end) = read(&mut squeeze, &mut upstream);
    assert!(end.unwrap() && squeeze.has_more());
    assert_eq!(decoded(Coding::Gzip, &coded), b"abcde");
    assert_eq!(squeeze.of(&mut upstream).take_trailers(), b"X: y\r\n");
}

#[test]
fn a_cut_body_gives_what_came_and_no_end() {
    for coding in CODINGS {
        let mut squeeze = squeeze(coding, Source::Length(100), b"");
        let (coded, end) = read(&mut squeeze, &mut Pieces([b"only this".to_vec()].into()));
        assert!(end.is_err());
        assert_eq!(decoded(coding, &coded), b"only this", "{coding:?}");
        assert!(matches!(squeeze.broken(), Some(Broken::Read)));
    }
    let mut squeeze = squeeze(Coding::Zstd, Source::Chunked(Box::default()), b"");
    assert!(read(&mut squeeze, &mut Pieces([b"zz\r\n".to_vec()].into())).1.is_err());
    assert!(matches!(squeeze.broken(), Some(Broken::Chunk(_))));
}

#[test]
fn all_codings_together_have_a_bound() {
    let shared = Arc::<Shared>::default();
    let mut rooms: Vec<_> = std::iter::from_fn(|| Room::take(&shared, Coding::Brotli)).collect();
    assert_eq!(rooms.len(), MOST_ROOM / encoder::cost(Coding::Brotli));
    assert!(Room::take(&shared, Coding::Brotli).is_none());
    rooms.pop();
    assert!(Room::take(&shared, Coding::Brotli).is_some());
    rooms.clear();
    assert_eq!(shared.coding.load(Ordering::Relaxed), 0);
}
