//! Whether an authority asks for the proof of a name. It comes before everything else, on every listener.

use std::sync::Arc;

use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::stop::Stop;
use crate::snapshot::Reply;

/// Where proofs are asked for. Source: RFC 8555 §8.3.
const PLACE: &[u8] = b"/.well-known/acme-challenge/";

/// Answers the token of a live order; all other requests go on.
pub(crate) fn name(ex: &Exchange, core: &Core) -> Result<(), Stop> {
    let Some(token) = ex.raw_path().strip_prefix(PLACE) else { return Ok(()) };
    let reads = matches!(ex.method(), b"GET" | b"HEAD");
    let answer = std::str::from_utf8(token).ok().filter(|_| reads).and_then(|t| core.shared.challenges.answer(t));
    let Some(answer) = answer else { return Ok(()) };
    Err(Stop::AcmeChallenge(Arc::new(Reply {
        status: 200,
        body: (*answer).into(),
        content_type: "application/octet-stream".into(),
    })))
}
