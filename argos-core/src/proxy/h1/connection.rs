//! One client connection: head after head, each answered before the next is looked at.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::field::LineScan;
use super::head::{Limits, Refusal, arrived};
use super::response::{self, After};
use crate::certs;
use crate::proxy::core::{Core, Live};
use crate::proxy::exchange::Exchange;
use crate::proxy::framed::streams::Peer;
use crate::proxy::h2;
use crate::proxy::meter::PREFACE;
use crate::proxy::pipeline;
use crate::proxy::stop::Stop;
use crate::proxy::stream::Stream;
use crate::proxy::tls::{Secured, TlsStream};

/// How long a closed connection is read on, so that the client sees the answer before a reset.
const LINGER: Duration = Duration::from_secs(1);
/// How long a connection without a request may stay once the proxy stops.
pub(crate) const LAST_CALL: Duration = Duration::from_millis(500);

/// For how long a connection without a request keeps what requests need.
const REST: Duration = Duration::from_millis(100);

/// Serves a connection until either side ends it.
pub(crate) async fn serve(core: Rc<Core>, socket: Stream, peer: SocketAddr, local: SocketAddr) {
    let who = Between { core, peer, local };
    let mut next = newcomer(&who, socket).await;
    // While it is idle a connection is no more than this.
    while let Some(mut resting) = next {
        if !wake(&who.core, &mut resting.socket).await {
            return;
        }
        next = awake(&who, resting).await;
    }
}

/// Where and between whom a connection is.
struct Between {
    core: Rc<Core>,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Between {
    fn exchange(&self, socket: Stream) -> Box<Exchange> {
        Box::new(Exchange::new(Rc::clone(&self.core), socket, self.peer, self.local))
    }
}

// Not async: what they make is moved to where it stays, and takes no room in the task of the connection.

fn newcomer(who: &Between, socket: Stream) -> Pin<Box<impl Future<Output = Option<Resting>> + use<>>> {
    Box::pin(begin(who.exchange(socket), who.peer, who.local))
}

fn awake(who: &Between, resting: Resting) -> Pin<Box<impl Future<Output = Option<Resting>> + use<>>> {
    let mut ex = who.exchange(resting.socket);
    ex.secured = resting.secured;
    Box::pin(requests(ex, None))
}

/// What is left of a connection while it has no request.
struct Resting {
    socket: Stream,
    secured: Option<Rc<Secured>>,
}

/// Agrees with the client on what is spoken, and speaks it.
async fn begin(mut ex: Box<Exchange>, peer: SocketAddr, local: SocketAddr) -> Option<Resting> {
    let core = Rc::clone(&ex.core);
    if !handshake(&mut ex, &core).await {
        return None;
    }
    if ex.socket.tls().is_some_and(TlsStream::is_proof) {
        linger(&mut ex).await;
        return None;
    }
    if ex.socket.tls().is_some_and(TlsStream::is_h2) {
        switch(ex, peer, local).await;
        return None;
    }
    Box::pin(requests(ex, Some((peer, local)))).await
}

/// Waits for a connection's next request as long as one may; false when the connection is over.
async fn wake(core: &Core, socket: &mut Stream) -> bool {
    let deadline = core.timers.deadline();
    deadline.set(core.live().proxy.keepalive_timeout.saturating_sub(REST));
    poll_fn(|cx| match socket.poll_read_ready(cx) {
        Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
        Poll::Pending if core.stopping.get() => Poll::Ready(false),
        Poll::Pending => deadline.poll(cx).map(|_| false),
    })
    .await
}

/// Answers requests until none comes for a while; none when the connection is over. The first of a connection may be
/// HTTP/2, which wants to know between whom that is.
async fn requests(mut ex: Box<Exchange>, mut first: Option<(SocketAddr, SocketAddr)>) -> Option<Resting> {
    let core = Rc::clone(&ex.core);
    loop {
        match next_bytes(&mut ex, &core, first.is_some()).await {
            Next::Bytes => {}
            Next::Rest => {
                let socket = std::mem::replace(&mut ex.socket, Stream::Gone);
                return Some(Resting { socket, secured: ex.secured.take() });
            }
            Next::Over => return None,
        }
        if let Some((peer, local)) = first.take()
            && ex.secured.is_none()
            && preface(&mut ex).await
        {
            switch(ex, peer, local).await;
            return None;
        }
        let (live, arrived) = head(&mut ex, &core).await;
        let outcome = match arrived {
            Arrived::Request if ex.head.unspoken.is_some() => Err(pipeline::unspoken(&mut ex, &live, &core)),
            Arrived::Request => pipeline::answer(&mut ex, &live, &core).await,
            Arrived::Refused(stop) => Err(stop),
            Arrived::Gone => return None,
        };
        let after = response::send(&mut ex, &live, &core, outcome).await;
        ex.finish();
        match after {
            After::Keep => {}
            After::Close => {
                let Exchange { socket, deadline, .. } = &mut *ex;
                let _ = deadline.within(LINGER, poll_fn(|cx| socket.poll_farewell(cx))).await;
                return None;
            }
            After::Linger => {
                linger(&mut ex).await;
                return None;
            }
            After::Cut => return None,
        }
    }
}

/// Whether the connection begins as HTTP/2 does that is spoken by prior knowledge. Source: RFC 9113 §3.3.
async fn preface(ex: &mut Exchange) -> bool {
    loop {
        if ex.input.len() >= PREFACE.len() {
            return ex.input.starts_with(PREFACE);
        }
        if !PREFACE.starts_with(&ex.input) || !first_bytes(ex).await {
            return false;
        }
    }
}

/// Serves the rest of the connection as HTTP/2. What that needs is not kept for those that speak HTTP/1.
fn switch(mut ex: Box<Exchange>, peer: SocketAddr, local: SocketAddr) -> Pin<Box<dyn Future<Output = ()>>> {
    let socket = std::mem::replace(&mut ex.socket, Stream::Gone);
    let first = std::mem::take(&mut ex.input);
    let who = Peer { core: Rc::clone(&ex.core), peer, local, secured: ex.secured.take() };
    Box::pin(h2::serve(who, socket, first))
}

/// Agrees on TLS, where it is spoken; false when that fails or takes too long.
async fn handshake(ex: &mut Exchange, core: &Rc<Core>) -> bool {
    let Stream::Tls(tls) = &mut ex.socket else { return true };
    ex.deadline.set(core.live().proxy.header_timeout);
    let mut last_call = false;
    let agreed = poll_fn(|cx| {
        if let Poll::Ready(agreed) = tls.poll_handshake(cx) {
            return Poll::Ready(agreed);
        }
        if core.stopping.get() && !std::mem::replace(&mut last_call, true) {
            ex.deadline.set(LAST_CALL);
        }
        ex.deadline.poll(cx).map(|_| Err(io::ErrorKind::TimedOut.into()))
    });
    let agreed = agreed.await;
    if let Some(text) = ex.socket.tls().and_then(TlsStream::fault) {
        ex.record_handshake(&text, true);
    }
    match agreed {
        Ok(()) => {
            ex.secured = ex.socket.tls_mut().map(|tls| Rc::new(tls.secured()));
            true
        }
        Err(e) => {
            let fault = e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            if let Some(fault) = fault
                && let Some(text) = certs::client_refusal(fault)
            {
                ex.record_handshake(&text, false);
            }
            false
        }
    }
}

/// What a connection that waits for its next request comes to.
enum Next {
    Bytes,
    Rest,
    Over,
}

/// Waits without a buffer until there is something to read, or for as long as what requests need is kept.
async fn next_bytes(ex: &mut Exchange, core: &Rc<Core>, first: bool) -> Next {
    if ex.at < ex.input.len() {
        ex.input.drain(..ex.at);
        ex.at = 0;
        return Next::Bytes;
    }
    core.buffers.give(std::mem::take(&mut ex.input));
    ex.at = 0;
    let live = core.live();
    let limit = if first { live.proxy.header_timeout } else { live.proxy.keepalive_timeout };
    drop(live);
    let rests = !first && limit > REST;
    ex.deadline.set(if rests { REST } else { limit });
    let mut last_call = false;
    let next = poll_fn(|cx| {
        if let Poll::Ready(ready) = ex.socket.poll_read_ready(cx) {
            return Poll::Ready(if ready.is_ok() { Next::Bytes } else { Next::Over });
        }
        if core.stopping.get() && !last_call {
            if !first {
                return Poll::Ready(Next::Over);
            }
            // Whoever has just connected may have sent a request that is on its way.
            last_call = true;
            ex.deadline.set(LAST_CALL);
        }
        ex.deadline.poll(cx).map(|_| if rests { Next::Rest } else { Next::Over })
    });
    let next = next.await;
    if rests {
        // What came may be less than the first byte of a request.
        ex.deadline.set(limit);
    }
    next
}

enum Arrived {
    Request,
    Refused(Stop),
    Gone,
}

/// Reads and parses one head, and gives the snapshot that its request uses to the end.
async fn head(ex: &mut Exchange, core: &Rc<Core>) -> (Rc<Live>, Arrived) {
    let mut live = core.live();
    loop {
        // Empty lines before a request line are left over from older clients. Source: RFC 9112 §2.2.
        while ex.input.starts_with(b"\r\n") {
            ex.input.drain(..2);
        }
        if !ex.input.is_empty() {
            break;
        }
        // A socket may look readable when it is not: what changes while we wait is before this request.
        if !first_bytes(ex).await {
            return (live, Arrived::Gone);
        }
        live = core.live();
    }
    let arrived = rest_of_head(ex, &live).await;
    (live, arrived)
}

/// Waits for the first bytes of a head; false when none come.
async fn first_bytes(ex: &mut Exchange) -> bool {
    if ex.input.capacity() == 0 {
        ex.input = ex.core.buffers.small();
    }
    read(ex).await.is_some_and(|n| n > 0)
}

/// Reads what there is; 0 when the connection is over, none when its time is.
async fn read(ex: &mut Exchange) -> Option<usize> {
    let read = poll_fn(|cx| {
        let read = pin!(ex.socket.read_buf(&mut ex.input)).poll(cx);
        match read {
            Poll::Ready(read) => Poll::Ready(Some(read.unwrap_or(0))),
            Poll::Pending => ex.deadline.poll(cx).map(|_| None),
        }
    });
    read.await
}

async fn rest_of_head(ex: &mut Exchange, live: &Rc<Live>) -> Arrived {
    let settings = &live.proxy;
    let limits = Limits { head: settings.max_header_bytes, fields: settings.max_headers, uri: settings.max_uri_bytes };
    let mut scan = LineScan::default();
    let mut waiting = false;
    loop {
        while scan.lines == 0 && ex.input.starts_with(b"\r\n") {
            ex.input.drain(..2);
            scan = LineScan::default();
        }
        if !ex.input.is_empty() && ex.input[..] != *b"\r" {
            match arrived(&mut scan, &ex.input, limits) {
                Ok(None) => {}
                Ok(Some(end)) => return parse(ex, live, end, scan.first.unwrap_or(end), limits),
                Err(refusal) => return refused(ex, live, Stop::Refused(refusal)),
            }
        }
        if !waiting && !ex.input.is_empty() {
            waiting = true;
            ex.deadline.set(settings.header_timeout);
        }
        match read(ex).await {
            Some(n) if n > 0 => {}
            None if !ex.input.is_empty() => return refused(ex, live, Stop::SlowClient),
            _ => return Arrived::Gone,
        }
    }
}

fn parse(ex: &mut Exchange, live: &Rc<Live>, end: usize, line: usize, limits: Limits) -> Arrived {
    ex.begin(live);
    let parsed: Result<(), Refusal> = ex.head.parse(&ex.input[..end], line, limits);
    ex.expect_body();
    match parsed {
        Ok(()) => Arrived::Request,
        Err(refusal) => Arrived::Refused(Stop::Refused(refusal)),
    }
}

// A head that never became one leaves nothing but its refusal.
fn refused(ex: &mut Exchange, live: &Rc<Live>, stop: Stop) -> Arrived {
    ex.head.forget();
    ex.begin(live);
    ex.at = ex.input.len();
    Arrived::Refused(stop)
}

/// Says that no more comes, then reads on for a moment: closing with unread bytes would reset the connection and
/// could take the answer away from the client. Source: RFC 9112 §9.6.
async fn linger(ex: &mut Exchange) {
    let mut scrap = ex.core.buffers.small();
    let Exchange { socket, deadline, .. } = ex;
    let reading = async {
        // Over TLS the end is bytes too, which a client that reads nothing holds up.
        if socket.shutdown().await.is_err() {
            return;
        }
        loop {
            scrap.clear();
            match Pin::new(&mut *socket).read_buf(&mut scrap).await {
                Ok(n) if n > 0 => {}
                _ => break,
            }
        }
    };
    let _ = deadline.within(LINGER, reading).await;
    ex.core.buffers.give(scrap);
}
