//! Heads of requests and answers: read alike however they arrive, and what is read can be written and read again.

use super::choices::Choices;
use crate::proxy::h1::field::{Field, Known, LineScan, is_token, length};
use crate::proxy::h1::head::{Framing, Head, Limits, Refusal, arrived};
use crate::proxy::h1::reply_head::{ReplyFraming, ReplyHead};

/// Bounds that small inputs reach.
const LIMITS: Limits = Limits { head: 4096, fields: 32, uri: 1024 };

/// Statuses that a refused head is answered with.
const REFUSALS: &[u16] = &[400, 405, 414, 431, 505];

/// A head as it arrives in pieces that end at `ends`; none when it is not all there.
pub(super) fn read(bytes: &[u8], ends: &[usize], limits: Limits) -> Option<Result<Head, Refusal>> {
    let (mut scan, mut head) = (LineScan::default(), Head::default());
    for end in ends.iter().copied().chain([bytes.len()]) {
        match arrived(&mut scan, &bytes[..end.min(bytes.len())], limits) {
            Err(refusal) => return Some(Err(refusal)),
            Ok(None) => {}
            Ok(Some(size)) => {
                let line = scan.first.expect("a whole head has a first line");
                return Some(head.parse(&bytes[..size], line, limits).map(|()| head));
            }
        }
    }
    None
}

fn lines<'a>(fields: &[Field], bytes: &'a [u8]) -> Vec<(&'a [u8], &'a [u8])> {
    fields.iter().map(|f| (f.name.of_bytes(bytes), f.value.of_bytes(bytes))).collect()
}

fn assert_clean(fields: &[Field], bytes: &[u8]) {
    for (name, value) in lines(fields, bytes) {
        assert!(is_token(name), "{}", name.escape_ascii());
        assert!(!value.iter().any(|b| matches!(b, 0 | b'\r' | b'\n')), "{}", value.escape_ascii());
        assert!(!value.starts_with(b" ") && !value.ends_with(b" "), "{}", value.escape_ascii());
    }
}

fn written(first: &[&[u8]], fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = [&first.join(&b' ')[..], b"\r\n"].concat();
    for (name, value) in fields {
        out.extend([name, &b": "[..], value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}

pub(super) fn request_heads(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let ends = {
        let first = choices.below(256);
        [first, first + choices.below(256)]
    };
    let mut bytes = choices.rest();
    // As the connection does: empty lines before a request line are passed over.
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let whole = read(bytes, &[], LIMITS);
    let pieces = read(bytes, &ends, LIMITS);
    let (head, refusal) = match (whole, pieces) {
        (None, None) => return,
        (Some(Err(a)), Some(Err(b))) => {
            // Which of two faults is met first depends on how the head arrives.
            assert!(REFUSALS.contains(&a.status) && REFUSALS.contains(&b.status));
            (None, Some(a))
        }
        (Some(Ok(a)), Some(Ok(b))) => {
            assert_eq!(format!("{a:?}"), format!("{b:?}"), "pieces are read otherwise");
            (Some(a), None)
        }
        (a, b) => panic!("read whole {a:?}, in pieces {b:?}"),
    };
    assert!(head.is_some() != refusal.is_some());
    if let Some(head) = head {
        accepted(&head, &bytes[..head.end], LIMITS);
    }
}

/// What every accepted head keeps to.
pub(super) fn accepted(head: &Head, bytes: &[u8], limits: Limits) {
    let (method, target) = (head.method.of_bytes(bytes), head.target.of_bytes(bytes));
    assert!(is_token(method) && method != b"CONNECT");
    assert!(!target.is_empty() && !target.iter().any(|b| *b < 0x21 || *b == 0x7f || *b == b'#'));
    assert!(head.fields.len() <= limits.fields && target.len() <= limits.uri && bytes.len() <= limits.head);
    assert_clean(&head.fields, bytes);
    let count = |known| head.fields.iter().filter(|f| f.known == known).count();
    assert!(count(Known::Host) <= 1 && count(Known::Coding) <= 1);
    let sizes: Vec<_> =
        head.fields.iter().filter(|f| f.known == Known::Length).map(|f| length(f.value.of_bytes(bytes))).collect();
    match head.framing {
        Framing::Open => assert!(sizes.is_empty() && count(Known::Coding) == 1),
        Framing::Length(n) => assert!(sizes.iter().all(|size| *size == Some(n)) && count(Known::Coding) == 0),
        Framing::None => assert!(sizes.iter().all(|size| *size == Some(0)) && count(Known::Coding) == 0),
    }
    let again = written(&[method, target, head.version.as_str().as_bytes()], &lines(&head.fields, bytes));
    // A blank after each colon may have been added.
    let same = read(&again, &[], Limits { head: usize::MAX, ..limits })
        .expect("a written head is whole")
        .expect("and accepted");
    assert_eq!(lines(&same.fields, &again), lines(&head.fields, bytes));
    assert_eq!((same.method.of_bytes(&again), same.target.of_bytes(&again)), (method, target));
    let facts = |h: &Head| {
        let flags = [h.close, h.websocket, h.expects_continue, h.takes_trailers, h.connection_lists];
        (h.version, h.framing, flags, h.host.is_some())
    };
    assert_eq!(facts(&same), facts(head));
}

pub(super) fn reply_heads(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let (cut, head_only) = (choices.below(256), choices.below(2) == 1);
    let bytes = choices.rest();
    let read = |bytes: &[u8], ends: &[usize]| {
        let (mut scan, mut head) = (LineScan::default(), ReplyHead::default());
        for end in ends {
            if head.parse(&mut scan, &bytes[..*end], head_only)? {
                return Ok(Some(head));
            }
        }
        Ok::<_, &str>(None)
    };
    let (whole, pieces) = (read(bytes, &[bytes.len()]), read(bytes, &[cut.min(bytes.len()), bytes.len()]));
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"), "pieces are read otherwise");
    let Ok(Some(head)) = whole else { return };
    let all = bytes;
    let bytes = &all[..head.end];
    assert!((100..=599).contains(&head.status));
    assert_clean(&head.fields, bytes);
    assert!(!head.reason.of_bytes(bytes).iter().any(|b| matches!(b, 0 | b'\r' | b'\n')));
    let lengths = head.fields.iter().filter(|f| f.known == Known::Length).count();
    if head.framing == ReplyFraming::Chunked {
        assert_eq!(lengths, 0);
    }
    let status = head.status.to_string();
    let version: &[u8] = if bytes.starts_with(b"HTTP/1.0") { b"HTTP/1.0" } else { b"HTTP/1.1" };
    let again = written(&[version, status.as_bytes(), head.reason.of_bytes(bytes)], &lines(&head.fields, bytes));
    let same = read(&again, &[again.len()]).expect("a written head is accepted").expect("and whole");
    assert_eq!(lines(&same.fields, &again), lines(&head.fields, bytes));
    let facts = |h: &ReplyHead| (h.status, h.framing, h.close, h.websocket, h.connection_lists);
    assert_eq!(facts(&same), facts(&head));
}
