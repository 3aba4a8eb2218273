//! The WAF looks at the request and at the answer.
//!
//! Phase 1 sees the head; phase 2 the body, held until then where the rules want it; phases 3 and 4 the answer.
//! Phase 5 runs and the rows are written when the exchange ends, however it ends. An engine that fails is the
//! setting `appsec.fail_open`'s matter: the request passes uninspected, or is answered 503.

pub(crate) mod coding;
mod copy;
mod hold;
mod rows;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argos_seclang::{Disruption, Interruption, Mode, Now, Transaction};

use coding::Coding;
pub(crate) use hold::{Held, HeldReply, gather};

use super::upstream::{self, Reply};
use crate::notify::Sighting;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::Known;
use crate::proxy::h1::reply_head::ReplyFraming;
use crate::proxy::path::matching_form;
use crate::proxy::stop::{Block, Stop};
use crate::schema::AppsecMode;
use crate::snapshot::{self, AppsecSettings, Host, Snapshot, Waf};
use crate::waf::scope::{Addressed, path_of};

/// The inspection of one exchange.
pub(crate) struct Inspection {
    // None once it ended or the engine failed.
    transaction: Option<Transaction>,
    blocks: bool,
    appsec: Arc<AppsecSettings>,
    masked: Arc<[Box<str>]>,
    generation: u64,
    paranoia: (u8, u8),
    copied: copy::Copied,
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

/// Phase 1: the head.
pub(crate) fn head(ex: &mut Exchange, live: &Snapshot, host: &Host) -> Result<(), Stop> {
    let Some(waf) = &host.waf else { return Ok(()) };
    let mode = match waf.effective(live.appsec.mode) {
        AppsecMode::Disabled => return Ok(()),
        AppsecMode::Detect => Mode::Detect,
        AppsecMode::Block => Mode::Block,
    };
    ex.waf = Some(Box::new(Inspection {
        transaction: Some(waf.rules.transaction(Now { unix_millis: ex.facts.at.millis() })),
        blocks: mode == Mode::Block,
        appsec: Arc::clone(&live.appsec),
        masked: Arc::clone(&live.masked),
        generation: live.generation,
        paranoia: (waf.key.paranoia, waf.key.detection_paranoia),
        copied: copy::Copied::default(),
    }));
    let stop = run(ex, |tx, ex| {
        let (bytes, local) = (ex.bytes(), ex.peer.local);
        tx.set_mode(mode);
        tx.web_app(&host.id.to_string());
        tx.connection(ex.client.ip, ex.peer.port, local.ip(), local.port());
        tx.unique_id(ex.id.as_str());
        tx.server_name(ex.name.as_bytes());
        tx.request_line(ex.method(), ex.head.target.of_bytes(bytes), ex.head.version_text(bytes));
        for field in &ex.head.fields {
            tx.request_header(field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        }
        if let Some(tuned) = &waf.tuned {
            let fields = ex.head.fields.iter().map(|f| (f.name.of_bytes(bytes), f.value.of_bytes(bytes)));
            let addressed = || {
                let query = ex.raw_query().unwrap_or_default();
                let sent = path_of(ex.head.target.of_bytes(bytes));
                Addressed::new(ex.method(), ex.matching_path(), query).sent_as(sent).with(fields, matching_form)
            };
            tuned.left_out(addressed).for_each(|left| tx.leave_out(left));
        }
        tx.phase1()
    })?;
    interrupted(waf, stop.flatten())
}

/// Phase 2: the body. What the rules want to see is held until they have; it is forwarded from there.
pub(crate) async fn body(ex: &mut Exchange, live: &Snapshot, core: &Core, host: &Host) -> Result<(), Stop> {
    let (Some(waf), Some(inspection)) = (&host.waf, &ex.waf) else { return Ok(()) };
    let blocks = inspection.blocks;
    let rejects = blocks && live.appsec.request_body_reject;
    let call = is_call(ex.known(Known::Type).unwrap_or_default());
    let wants = |tx: &mut Transaction| tx.wants_request_body() && (!call || tx.request_processor().is_some());
    let wanted = !ex.body.done() && run(ex, |tx, _| wants(tx))?.unwrap_or(false);
    let coding = coding::of(ex);
    if wanted && coding == Coding::Unknown && blocks {
        // What can't be read can't be cleared.
        return Err(Stop::Coding);
    }
    let mut held = None;
    if wanted {
        held = hold::request(ex, core, live.appsec.request_body_limit, rejects, live.proxy.body_idle_timeout).await?;
    }
    let limit = live.appsec.request_body_limit;
    let content = held.map(|held| Content { held, coding, limit, blocks });
    let stop = match content {
        Some(content) if content.held.bytes().len() > BIG => {
            let (stop, held) = apart(ex, content).await?;
            ex.held = held;
            stop
        }
        content => {
            let stop = run(ex, |tx, _| match &content {
                Some(content) => content.inspect(tx),
                None => Ok(tx.phase2()),
            })?;
            ex.held = content.map(|c| c.held);
            stop.transpose()?.flatten()
        }
    };
    copy::body(ex, coding);
    interrupted(waf, stop)
}

/// Whether a body of this type is one side of a conversation (gRPC), whose other side answers before it ends: held, it
/// would never end. Its messages are binary; types such as `application/grpc+json` are read as what they say.
fn is_call(kind: &[u8]) -> bool {
    let name = kind.split(|byte| *byte == b';').next().unwrap_or(kind).trim_ascii();
    [b"application/grpc".as_slice(), b"application/grpc+proto"].iter().any(|call| name.eq_ignore_ascii_case(call))
}

/// Held bodies of more bytes are inspected on a thread of their own, so that other requests of this core go on.
const BIG: usize = 32 * 1024;

/// A held body and how it is read.
struct Content {
    held: Held,
    coding: Coding,
    limit: usize,
    blocks: bool,
}

impl Content {
    /// Phase 2 over this body.
    fn inspect(&self, tx: &mut Transaction) -> Result<Option<Interruption>, Stop> {
        match self.coding.decode(self.held.bytes(), self.limit) {
            Some(plain) => drop(tx.request_body(&plain)),
            None if self.blocks => return Err(Stop::Coding),
            None => drop(tx.request_body(self.held.bytes())),
        }
        Ok(tx.phase2())
    }
}

/// Phase 2 on another thread. The engine's panic is a failure of the engine, as everywhere.
async fn apart(ex: &mut Exchange, content: Content) -> Result<(Option<Interruption>, Option<Held>), Stop> {
    let Some(mut inspection) = ex.waf.take() else { return Ok((None, Some(content.held))) };
    let Some(mut transaction) = inspection.transaction.take() else {
        ex.waf = Some(inspection);
        return Ok((None, Some(content.held)));
    };
    let open = inspection.appsec.fail_open;
    let worked = tokio::task::spawn_blocking(move || {
        let done = catch_unwind(AssertUnwindSafe(|| content.inspect(&mut transaction)));
        (done.map(|stop| (stop, transaction)), content.held)
    });
    let worked = worked.await;
    ex.deadline.clear();
    match worked {
        Ok((Ok((stop, transaction)), held)) => {
            inspection.transaction = Some(transaction);
            ex.waf = Some(inspection);
            Ok((stop?, Some(held)))
        }
        Ok((Err(_), held)) => {
            ex.waf = Some(inspection);
            sight_failure(ex, open);
            failed(ex, open, "the engine failed")?;
            Ok((None, Some(held)))
        }
        Err(_) => {
            ex.waf = Some(inspection);
            sight_failure(ex, open);
            Err(Stop::EngineFailed)
        }
    }
}

/// Phases 3 and 4: the answer's head, and its body where the host and the rules want it.
pub(crate) async fn reply(
    ex: &mut Exchange,
    live: &Snapshot,
    core: &Core,
    host: &Host,
    mut reply: Reply,
) -> Result<Reply, Stop> {
    let (Some(waf), Some(_)) = (&host.waf, &ex.waf) else { return Ok(reply) };
    let stop = run(ex, |tx, ex| {
        let bytes = &reply.link.input;
        tx.response(ex.reply.status, b"HTTP/1.1");
        for field in &ex.reply.fields {
            tx.response_header(field.name.of_bytes(bytes), field.value.of_bytes(bytes));
        }
        tx.phase3()
    })?;
    copy::answer(ex, &reply.link.input, |_| None);
    interrupted(waf, stop.flatten())?;
    if ex.reply.websocket {
        return Ok(reply);
    }
    let said = |name| ex.reply.value(&reply.link.input, name).unwrap_or_default();
    let stream = said(Known::Type).to_ascii_lowercase().starts_with(b"text/event-stream");
    let coding = match said(Known::Encoding).trim_ascii() {
        b"" => Coding::Plain,
        name => coding::named(name),
    };
    // What can't be read streams by: nobody would see more in its bytes.
    let readable = coding != Coding::Unknown;
    let may_hold = waf.response_body && !stream && readable && ex.reply.framing != ReplyFraming::None;
    if may_hold && run(ex, |tx, _| tx.wants_response_body())?.unwrap_or(false) {
        let limit = live.appsec.response_body_limit;
        reply.held = hold::reply(ex, core, &mut reply.link, limit, live.proxy.body_idle_timeout).await?;
    }
    let limit = live.appsec.response_body_limit;
    let stop = run(ex, |tx, _| {
        if let Some(plain) = reply.held.as_ref().and_then(|held| coding.decode(held.bytes(), limit)) {
            tx.response_body(&plain);
        }
        tx.phase4()
    })?;
    let content = |most| reply.held.as_ref().and_then(|held| coding.decode(held.bytes(), most));
    copy::answer(ex, &reply.link.input, content);
    interrupted(waf, stop.flatten())?;
    Ok(reply)
}

/// Phase 5, and the rows of what matched.
pub(crate) fn finish(ex: &mut Exchange) {
    let Some(mut inspection) = ex.waf.take() else { return };
    let Some(transaction) = inspection.transaction.take() else { return };
    match catch_unwind(AssertUnwindSafe(|| transaction.finish())) {
        Ok(outcome) => {
            ex.facts.waf_score = Some(outcome.score_in);
            rows::record(ex, &inspection, &outcome);
            copy::keep(ex, &mut inspection, &outcome);
        }
        Err(_) => {
            sight_failure(ex, inspection.appsec.fail_open);
            ex.record_fault("waf", true, ex.facts.status, "the engine failed in phase 5");
        }
    }
}

/// Runs one step of the engine; none when there is no engine any more. A failure ends the inspection.
fn run<T>(ex: &mut Exchange, step: impl FnOnce(&mut Transaction, &Exchange) -> T) -> Result<Option<T>, Stop> {
    let Some(mut inspection) = ex.waf.take() else { return Ok(None) };
    let Some(transaction) = &mut inspection.transaction else {
        ex.waf = Some(inspection);
        return Ok(None);
    };
    let done = catch_unwind(AssertUnwindSafe(|| step(transaction, ex)));
    match done {
        Ok(value) => {
            ex.waf = Some(inspection);
            Ok(Some(value))
        }
        Err(_) => {
            inspection.transaction = None;
            let open = inspection.appsec.fail_open;
            ex.waf = Some(inspection);
            sight_failure(ex, open);
            failed(ex, open, "the engine failed")?;
            Ok(None)
        }
    }
}

fn sight_failure(ex: &Exchange, open: bool) {
    ex.core.sight(Sighting::Failure { at: ex.facts.at, open });
}

/// What becomes of a request that can't be inspected.
fn failed(ex: &Exchange, open: bool, text: &str) -> Result<(), Stop> {
    if !open {
        return Err(Stop::EngineFailed);
    }
    ex.record_fault("waf", true, 0, &format!("{text}; the request passes uninspected"));
    Ok(())
}

/// The end of the request, if a rule demands it. A rule's own redirect or status other than 403 wins over the host's.
fn interrupted(waf: &Waf, interruption: Option<Interruption>) -> Result<(), Stop> {
    let Some(found) = interruption else { return Ok(()) };
    let mut block = Block { status: waf.block_status, location: None, content: None, drop: false };
    if found.action == Disruption::Drop {
        block.drop = true;
    } else if let Some(location) = found.location.filter(|l| !l.bytes().any(|b| b < b' ' || b == 0x7f)) {
        block.status = if (300..400).contains(&found.status) { found.status } else { 302 };
        block.location = Some(location.into_bytes());
    } else if found.status != 403 && (300..=599).contains(&found.status) {
        block.status = found.status;
    } else if !waf.block_body.is_empty() {
        let html = waf.block_body.trim_start().starts_with('<');
        let content_type = if html { "text/html; charset=utf-8" } else { "text/plain; charset=utf-8" };
        block.content = Some(Arc::new(snapshot::Reply {
            status: waf.block_status,
            body: waf.block_body.clone(),
            content_type: content_type.into(),
        }));
    }
    Err(Stop::Waf(Box::new(block)))
}

/// A fault of the client's body, as the stage that reads it elsewhere names it.
fn client_fault(broken: crate::proxy::h1::body::Broken) -> Stop {
    upstream::client_fault(broken)
}

#[cfg(test)]
mod tests;
