//! Copies of requests that rules had something to say about, for whoever asks why. Only these are copied.

use std::borrow::Cow;

use argos_seclang::{Outcome, Transaction, Verdict};

use super::Inspection;
use super::coding::Coding;
use crate::proxy::exchange::Exchange;
use crate::waf::asked::{Answered, Asked};
use crate::waf::flagged::{FlaggedRequest, MOST_BYTES};

/// What is copied before the end of the exchange, because it is gone by then.
#[derive(Default)]
pub(super) struct Copied {
    body: Box<[u8]>,
    /// Whether these are only its first bytes.
    body_cut: bool,
    /// Whether rules saw a body that is not, or not wholly, copied.
    cut: bool,
    answer: Option<Answered>,
}

impl Copied {
    /// The first bytes of the body.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// Copies the body that phase 2 saw.
pub(super) fn body(ex: &mut Exchange, coding: Coding) {
    let (Some(inspection), Some(held)) = (&mut ex.waf, &ex.held) else { return };
    let flagged = inspection.transaction.as_ref().is_some_and(Transaction::is_flagged);
    if !flagged {
        inspection.copied.cut = !held.bytes().is_empty();
        return;
    }
    let room = MOST_BYTES.saturating_sub(ex.head.end);
    let plain = coding.decode(held.bytes(), room + 1);
    let plain = plain.as_deref().unwrap_or(held.bytes());
    inspection.copied.body_cut = plain.len() > room || !ex.body.done();
    inspection.copied.cut = inspection.copied.body_cut;
    inspection.copied.body = plain[..plain.len().min(room)].into();
}

/// Copies the answer's head, and the content that phase 4 saw, of which `content` makes about as many bytes as asked.
pub(super) fn answer<'a>(ex: &mut Exchange, bytes: &[u8], content: impl FnOnce(usize) -> Option<Cow<'a, [u8]>>) {
    let Some(inspection) = &mut ex.waf else { return };
    if !inspection.transaction.as_ref().is_some_and(Transaction::is_flagged) {
        return;
    }
    let fields = ex.reply.fields.iter();
    let headers: Vec<_> = fields.map(|f| (f.name.of_bytes(bytes).into(), f.value.of_bytes(bytes).into())).collect();
    let taken = ex.head.end + inspection.copied.body.len() + ex.reply.end;
    let content = content(MOST_BYTES + 1).unwrap_or_default();
    let room = MOST_BYTES.saturating_sub(taken).min(content.len());
    inspection.copied.cut |= room < content.len();
    inspection.copied.answer = Some(Answered { status: ex.reply.status, headers, body: content[..room].into() });
}

/// Keeps what was copied, with the request's head, if rules had something to say.
pub(super) fn keep(ex: &Exchange, inspection: &mut Inspection, outcome: &Outcome) {
    let flagged = outcome.verdict != Verdict::Pass || outcome.matched.iter().any(|matched| matched.log);
    let (true, Some(host)) = (flagged, ex.facts.host) else { return };
    let copied = std::mem::take(&mut inspection.copied);
    let bytes = ex.bytes();
    let fields = ex.head.fields.iter();
    let mut asked = Asked {
        method: ex.method().into(),
        uri: ex.head.target.of_bytes(bytes).into(),
        version: ex.head.version_text(bytes).into(),
        headers: fields.map(|f| (f.name.of_bytes(bytes).into(), f.value.of_bytes(bytes).into())).collect(),
        body: copied.body,
        cut: copied.body_cut,
        client: ex.client.ip,
        answer: copied.answer,
    };
    let over = asked.size().saturating_sub(MOST_BYTES);
    if over > 0 {
        let left = asked.body.len().saturating_sub(over);
        asked.body = asked.body[..left].into();
        asked.cut = true;
    }
    let request_id = ex.id.as_str().into();
    let kept = FlaggedRequest { request_id, host, at: ex.facts.at, whole: !copied.cut && !asked.cut, asked };
    ex.core.shared.flagged.keep(kept);
}
