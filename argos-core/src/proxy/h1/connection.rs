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
use crate::proxy::tls::TlsStream;

/// How long a closed connection is read on, so that the client sees the answer before a reset.
const LINGER: Duration = Duration::from_secs(1);
/// How long a connection without a request may stay once the proxy stops.
pub(crate) const LAST_CALL: Duration = Duration::from_millis(500);

/// Serves a connection until either side ends it.
pub(crate) async fn serve(core: Rc<Core>, socket: Stream, peer: SocketAddr, local: SocketAddr) {
    let mut ex = Exchange::new(Rc::clone(&core), socket, peer, local);
    if !handshake(&mut ex, &core).await {
        return;
    }
    if ex.socket.tls().is_some_and(TlsStream::is_proof) {
        return linger(&mut ex).await;
    }
    if ex.socket.tls().is_some_and(TlsStream::is_h2) {
        return switch(ex, peer, local).await;
    }
    let mut first = true;
    while next_bytes(&mut ex, &core, first).await {
        if std::mem::take(&mut first) && ex.secured.is_none() && preface(&mut ex).await {
            return switch(ex, peer, local).await;
        }
        let (live, arrived) = head(&mut ex, &core).await;
        let outcome = match arrived {
            Arrived::Request if ex.head.unspoken.is_some() => Err(pipeline::unspoken(&mut ex, &live)),
            Arrived::Request => pipeline::answer(&mut ex, &live, &core).await,
            Arrived::Refused(stop) => Err(stop),
            Arrived::Gone => return,
        };
        let after = response::send(&mut ex, &live, &core, outcome).await;
        ex.finish();
        match after {
            After::Keep => {}
            After::Close => {
                let Exchange { socket, deadline, .. } = &mut ex;
                let _ = deadline.within(LINGER, poll_fn(|cx| socket.poll_farewell(cx))).await;
                return;
            }
            After::Linger => return linger(&mut ex).await,
            After::Cut => return,
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
fn switch(mut ex: Exchange, peer: SocketAddr, local: SocketAddr) -> Pin<Box<dyn Future<Output = ()>>> {
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

/// Waits without a buffer until there is something to read; false when the connection is over.
async fn next_bytes(ex: &mut Exchange, core: &Rc<Core>, first: bool) -> bool {
    if ex.at < ex.input.len() {
        ex.input.drain(..ex.at);
        ex.at = 0;
        return true;
    }
    core.buffers.give(std::mem::take(&mut ex.input));
    ex.at = 0;
    let limits = core.live();
    ex.deadline.set(if first { limits.proxy.header_timeout } else { limits.proxy.keepalive_timeout });
    drop(limits);
    let mut last_call = false;
    let more = poll_fn(|cx| {
        if let Poll::Ready(ready) = ex.socket.poll_read_ready(cx) {
            return Poll::Ready(ready.is_ok());
        }
        if core.stopping.get() && !last_call {
            if !first {
                return Poll::Ready(false);
            }
            // Whoever has just connected may have sent a request that is on its way.
            last_call = true;
            ex.deadline.set(LAST_CALL);
        }
        ex.deadline.poll(cx).map(|_| false)
    });
    more.await
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
