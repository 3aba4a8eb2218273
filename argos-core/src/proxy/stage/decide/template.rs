//! Templates filled from a request.

use super::matching::Captures;
use crate::proxy::exchange::Exchange;
use crate::snapshot::{Piece, Template};

/// What placeholders stand for.
pub(super) struct Scope<'a> {
    pub(super) ex: &'a Exchange,
    pub(super) path: &'a [u8],
    pub(super) query: &'a [u8],
    pub(super) captures: &'a Captures,
}

/// The text of `template` in `scope`.
pub(super) fn fill(template: &Template, scope: &Scope<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Host if scope.ex.name.contains(':') => {
                out.push(b'[');
                out.extend_from_slice(scope.ex.name.as_bytes());
                out.push(b']');
            }
            Piece::Host => out.extend_from_slice(scope.ex.name.as_bytes()),
            Piece::Path => out.extend_from_slice(scope.path),
            Piece::Query => out.extend_from_slice(scope.query),
            Piece::Uri => {
                out.extend_from_slice(scope.path);
                if !scope.query.is_empty() {
                    out.push(b'?');
                    out.extend_from_slice(scope.query);
                }
            }
            Piece::Scheme => out.extend_from_slice(if scope.ex.https { b"https" } else { b"http" }),
            Piece::RemoteIp => out.extend_from_slice(scope.ex.client.ip.to_string().as_bytes()),
            Piece::Capture(n) => encode(scope.captures.get(*n), &mut out),
        }
    }
    out
}

/// The text of a template outside a rule, which has no captures.
pub(crate) fn filled(template: &Template, ex: &Exchange) -> Vec<u8> {
    let query = ex.forwarded_query().unwrap_or_default();
    fill(template, &Scope { ex, path: ex.forwarded_path(), query, captures: &Captures::default() })
}

/// Whether a location, path or query can't be sent as it is.
pub(super) fn holds_control(text: &[u8]) -> bool {
    text.iter().any(|b| *b < 0x20 || *b == 0x7f)
}

// Captures come from the decoded path, so that what a URI can't hold is encoded again. Control bytes stay, to be
// refused. `%2F` and `%5C` were never decoded.
fn encode(text: &[u8], out: &mut Vec<u8>) {
    let mut i = 0;
    while i < text.len() {
        let b = text[i];
        let kept = b == b'%' && matches!(text.get(i + 1..i + 3), Some(b"2F" | b"5C"));
        let plain = b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b);
        if plain || kept || b < 0x20 || b == 0x7f {
            out.push(b);
        } else {
            out.extend_from_slice(format!("%{b:02X}").as_bytes());
        }
        i += 1;
    }
}
