//! Bodies that wait for the rules: kept whole up to a limit, then released.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt as _;

use super::{client_fault, failed};
use crate::proxy::core::{Core, Shared};
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::body::{Framer, Sink, Source, Wire as _};
use crate::proxy::h1::reply_head::ReplyFraming;
use crate::proxy::h1::response;
use crate::proxy::stage::upstream::Link;
use crate::proxy::stop::Stop;

/// Bytes that all held bodies may take together.
const MOST_HELD: usize = 512 << 20;
/// Room that is made for each read.
const READ: usize = 8 * 1024;

/// Content of a body, counted among what the process holds.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Vec<u8>,
    counted: usize,
    shared: Arc<Shared>,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { bytes: Vec::new(), counted: 0, shared: Arc::clone(shared) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg(test)]
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Counts what was added; false when the process holds too much.
    pub(super) fn count(&mut self) -> bool {
        let added = self.bytes.len() - self.counted;
        self.counted = self.bytes.len();
        self.shared.held.fetch_add(added, Ordering::Relaxed) + added <= MOST_HELD
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.held.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

/// An answer's content that was held, and the framer that goes on behind it.
#[derive(Debug)]
pub(crate) struct HeldReply {
    held: Held,
    pub(crate) framer: Framer,
    /// Whether bytes came that belong to no answer.
    pub(crate) extra: bool,
}

impl HeldReply {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.held.bytes()
    }
}

/// Reads the request's body up to `limit`; none when it may not be held and passes uninspected. Beyond the limit it
/// is refused if `rejects`; else the rest stays unread.
pub(super) async fn request(
    ex: &mut Exchange,
    core: &Core,
    limit: usize,
    rejects: bool,
    idle: Duration,
) -> Result<Option<Held>, Stop> {
    if rejects && matches!(ex.body.source, Source::Length(n) if n > limit as u64) {
        return Err(Stop::TooLarge);
    }
    if std::mem::take(&mut ex.head.expects_continue) && ex.at == ex.input.len() {
        response::go_on(ex, idle).await?;
    }
    let (held, fits) = gather(ex, core, limit, idle).await?;
    if !fits {
        let open = ex.waf.as_ref().is_some_and(|w| w.appsec.fail_open);
        failed(ex, open, "too many bodies are held")?;
    }
    if rejects && held.bytes.len() > limit {
        return Err(Stop::TooLarge);
    }
    Ok(Some(held))
}

/// Reads the request's body until it ends, is longer than `limit`, or no more may be held, which the second result tells.
pub(crate) async fn gather(ex: &mut Exchange, core: &Core, limit: usize, idle: Duration) -> Result<(Held, bool), Stop> {
    let mut held = Held::new(&core.shared);
    let mut fits;
    let sink = std::mem::replace(&mut ex.body.sink, Sink::Plain);
    let mut came = 0;
    loop {
        ex.at += ex.body.push(&ex.input[ex.at..], &mut held.bytes).map_err(client_fault)?;
        fits = held.count();
        if !fits || ex.body.done() || held.bytes.len() > limit {
            break;
        }
        // All that came is taken; behind the head is room for more.
        ex.input.truncate(ex.head.end);
        ex.at = ex.head.end;
        ex.input.reserve(READ);
        match ex.deadline.within(idle, ex.socket.read_buf(&mut ex.input)).await {
            Ok(Ok(n)) if n > 0 => {
                came += n as u64;
                if !ex.pace.keeps_up(came, false, Instant::now()) {
                    return Err(Stop::SlowClient);
                }
            }
            Ok(Ok(_)) => {
                ex.body.close(ex.socket.take_trailers(), &mut held.bytes).map_err(client_fault)?;
                break;
            }
            Ok(Err(_)) => return Err(Stop::ClientGone),
            Err(_) => return Err(Stop::SlowClient),
        }
    }
    ex.deadline.clear();
    ex.body.sink = sink;
    Ok((held, fits))
}

/// Reads the answer's body up to `limit`; what is beyond stays unread.
pub(super) async fn reply(
    ex: &mut Exchange,
    core: &Core,
    link: &mut Link,
    limit: usize,
    idle: Duration,
) -> Result<Option<HeldReply>, Stop> {
    let source = match ex.reply.framing {
        ReplyFraming::None => return Ok(None),
        ReplyFraming::Length(n) => Source::Length(n),
        ReplyFraming::Chunked => Source::Chunked(Box::default()),
        ReplyFraming::Close => Source::Close,
    };
    let end = ex.reply.end;
    let mut at = end;
    let mut held = Held::new(&core.shared);
    let mut framer = Framer::new(source, Sink::Plain, u64::MAX);
    loop {
        let used = framer.push(&link.input[at..], &mut held.bytes);
        at += used.map_err(|_| Stop::BadReply("its chunked body is not well-formed"))?;
        // With too much held elsewhere this body streams, as one over the limit does.
        if !held.count() || framer.done() || held.bytes.len() > limit {
            break;
        }
        link.input.truncate(end);
        at = end;
        link.input.reserve(READ);
        match ex.deadline.within(idle, link.socket.read_buf(&mut link.input)).await {
            Ok(Ok(n)) if n > 0 => {}
            Ok(Ok(_)) => {
                let closed = framer.close(link.socket.take_trailers(), &mut held.bytes);
                closed.map_err(|_| Stop::BadReply("its body is cut short"))?;
                break;
            }
            Ok(Err(_)) => return Err(Stop::BadReply("its body is cut short")),
            Err(_) => return Err(Stop::UpstreamSlow),
        }
    }
    ex.deadline.clear();
    Ok(Some(HeldReply { held, framer, extra: link.input.len() > at }))
}
