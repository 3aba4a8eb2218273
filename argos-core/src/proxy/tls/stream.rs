//! The TLS stream of one connection. It keeps no buffer while it is idle.

use std::future::Future as _;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use rustls::ProtocolVersion;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

use super::side::{Inbound, Secured, Session};
use crate::certs::acme::ALPN;
use crate::proxy::buffer::{Buffers, LARGE, SMALL};

/// Plain bytes that are sealed and written together.
const SEALED_AT_ONCE: usize = 128 * 1024;
/// Plain bytes of one record, and what a record adds to them at most. Source: RFC 8446 §5.1 and §5.2.
const RECORD: usize = 16 * 1024;
const RECORD_ADDS: usize = 256 + 5;

/// A connection inside TLS.
pub(crate) struct TlsStream<S = Inbound> {
    pub(in crate::proxy) socket: TcpStream,
    buffers: Rc<Buffers>,
    session: S,
    /// Received bytes that are no whole record yet.
    incoming: Vec<u8>,
    /// Whether what came last filled a small buffer, so that a large one is taken next.
    flows: bool,
    /// What came before it was decided under which terms the handshake is.
    hello: Vec<u8>,
    decided: bool,
    /// Opened bytes that nobody has taken; those before `taken` are.
    plain: Vec<u8>,
    taken: usize,
    outgoing: Outgoing,
    /// Plain bytes that lie sealed in `outgoing` and are not reported as written.
    owed: usize,
    /// Where the first record of theirs begins.
    sealed: usize,
    /// The other side sends no more.
    ended: bool,
    /// It said so.
    announced: bool,
    /// The bytes that are written next are the last ones.
    last: bool,
    /// The other side was told that no more comes.
    closed: bool,
}

impl<S> std::fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Sealed bytes: those in `at..end` wait to be written.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

impl Outgoing {
    /// Room behind what waits.
    fn room(&mut self, size: usize, buffers: &Buffers) -> &mut [u8] {
        if self.bytes.capacity() == 0 {
            self.bytes = if size > RECORD { buffers.large() } else { buffers.small() };
        }
        if self.bytes.len() < self.end + size {
            self.bytes.resize(self.end + size, 0);
        }
        &mut self.bytes[self.end..]
    }

    fn is_empty(&self) -> bool {
        self.at == self.end
    }

    /// Takes a record of the handshake.
    fn encode<D>(&mut self, record: &mut EncodeTlsData<'_, D>, buffers: &Buffers) -> io::Result<()> {
        let mut size = RECORD;
        self.end += loop {
            match record.encode(self.room(size, buffers)) {
                Ok(n) => break n,
                Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => size = required_size,
                Err(e) => return Err(broken(e)),
            }
        };
        Ok(())
    }
}

fn broken(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, e)
}

impl TlsStream {
    /// The name that the client asks for, also before the handshake is over.
    pub(crate) fn asked(&self) -> Option<Box<str>> {
        self.session.asked()
    }

    /// Why the certificate that should have been shown was not, told once.
    pub(crate) fn fault(&self) -> Option<String> {
        self.session.fault()
    }

    /// What the handshake settled, told once.
    pub(crate) fn secured(&mut self) -> Secured {
        let version = match self.session.state().protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            _ => "",
        };
        self.session.secured(version)
    }

    /// Whether the client came for the proof of a name, which the handshake was. Source: RFC 8737 §3.
    pub(crate) fn is_proof(&self) -> bool {
        self.session.state().alpn_protocol() == Some(ALPN)
    }
}

impl<S: Session> TlsStream<S> {
    /// A stream over `socket`, before its handshake.
    pub(crate) fn new(socket: TcpStream, buffers: Rc<Buffers>, session: S) -> Self {
        Self {
            socket,
            buffers,
            session,
            incoming: Vec::new(),
            flows: false,
            hello: Vec::new(),
            decided: false,
            plain: Vec::new(),
            taken: 0,
            outgoing: Outgoing::default(),
            owed: 0,
            sealed: 0,
            ended: false,
            announced: false,
            last: false,
            closed: false,
        }
    }

    /// Whether HTTP/2 was agreed on. Source: RFC 9113 §3.2.
    pub(crate) fn is_h2(&self) -> bool {
        self.session.state().alpn_protocol() == Some(b"h2")
    }

    /// Ready once the handshake is over. What it leaves to be written goes with the first bytes that are.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.begins() {
            self.open(None)?;
        }
        while self.session.state().is_handshaking() {
            ready!(self.poll_out(cx))?;
            let known = self.incoming.len();
            let received = match self.poll_in(cx) {
                Poll::Pending if self.incoming.is_empty() => {
                    // Whoever connects and says nothing holds no buffer.
                    self.give_back();
                    return Poll::Pending;
                }
                received => ready!(received)?,
            };
            if received == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if S::BEGINS_ANEW && !self.decided {
                if self.hello.capacity() == 0 {
                    self.hello = self.buffers.small();
                }
                self.hello.extend_from_slice(&self.incoming[known..]);
            }
            let mut opened = self.open(None);
            if opened.is_err() && self.session.again().map_err(broken)? {
                // What was received begins a session under other terms.
                self.buffers.give(std::mem::replace(&mut self.incoming, std::mem::take(&mut self.hello)));
                self.outgoing.end = self.outgoing.at;
                opened = self.open(None);
            }
            if !self.decided && !self.outgoing.is_empty() {
                // It is answered: under which terms is settled.
                self.decided = true;
                self.buffers.give(std::mem::take(&mut self.hello));
            }
            if let Err(e) = opened {
                // The other side is told why, if it takes that at once.
                self.say_why();
                let _ = self.poll_out(cx);
                return Poll::Ready(Err(e));
            }
        }
        self.session.agreed();
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.taken < self.plain.len() || self.ended {
            return Poll::Ready(Ok(()));
        }
        if let Poll::Ready(Err(e)) = self.poll_out(cx) {
            return Poll::Ready(Err(e));
        }
        self.give_back();
        self.socket.poll_read_ready(cx)
    }

    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.taken < self.plain.len() {
                return Poll::Ready(Ok(true));
            }
            if self.ended {
                return Poll::Ready(Ok(false));
            }
            ready!(self.socket.poll_read_ready(cx))?;
            ready!(self.poll_in(cx))?;
            self.open(None)?;
        }
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken < self.plain.len() {
            let n = buf.remaining().min(self.plain.len() - self.taken);
            buf.put_slice(&self.plain[self.taken..self.taken + n]);
            self.taken += n;
            if self.taken == self.plain.len() {
                self.plain.clear();
                self.taken = 0;
            }
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        while !self.ended && buf.remaining() > 0 {
            if self.poll_in(cx)?.is_pending() {
                if let Poll::Ready(Err(e)) = self.poll_out(cx) {
                    return Poll::Ready(Err(e));
                }
                return Poll::Pending;
            }
            self.open(Some(&mut *buf))?;
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        if S::ANNOUNCED_END && self.ended && !self.announced {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        Poll::Ready(Ok(()))
    }

    /// Seals and writes. Whoever is told to wait comes back with the same bytes, as [`Pump`] does.
    ///
    /// [`Pump`]: crate::proxy::h1::body::Pump
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.owed == 0 {
            let whole = bytes.len() <= SEALED_AT_ONCE;
            let bytes = &bytes[..bytes.len().min(SEALED_AT_ONCE)];
            self.sealed = self.outgoing.end;
            self.step(None, Some(Say::Bytes(bytes)))?;
            self.owed = bytes.len();
            if self.last && whole {
                self.close()?;
            }
        }
        match self.poll_out(cx)? {
            Poll::Ready(()) => Poll::Ready(Ok(std::mem::take(&mut self.owed))),
            Poll::Pending => match self.whole_records() {
                0 => Poll::Pending,
                n => {
                    self.owed -= n;
                    Poll::Ready(Ok(n))
                }
            },
        }
    }

    /// Plain bytes of the records that have left whole since this was last asked. The other side can't read a part of
    /// one.
    fn whole_records(&mut self) -> usize {
        let mut plain = 0;
        while let Some(&[_, _, _, high, low]) =
            self.outgoing.bytes[..self.outgoing.at].get(self.sealed..self.sealed + 5)
        {
            let next = self.sealed + 5 + usize::from(u16::from_be_bytes([high, low]));
            if next > self.outgoing.at || plain == self.owed {
                break;
            }
            plain += RECORD.min(self.owed - plain);
            self.sealed = next;
        }
        plain
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        // Others need it until there is more to say.
        self.buffers.give(std::mem::take(&mut self.outgoing).bytes);
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_farewell(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// What is written next are the last bytes: the end is announced in the same breath.
    pub(crate) fn ends_with_next_write(&mut self) {
        self.last = true;
    }

    /// Announces the end, without closing the direction.
    pub(crate) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close()?;
        self.poll_out(cx)
    }

    fn close(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.closed, true) { Ok(()) } else { self.step(None, Some(Say::Close)) }
    }

    /// Whether it may be used again: open, with nothing that came unasked. Messages of TLS itself are no such thing.
    pub(crate) fn is_quiet(&mut self) -> bool {
        while !self.ended && self.taken == self.plain.len() {
            if self.incoming.capacity() == 0 {
                self.incoming = self.buffers.small();
            }
            match self.socket.try_read_buf(&mut self.incoming) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return self.outgoing.is_empty(),
                Ok(n) if n > 0 && self.open(None).is_ok() => {}
                _ => return false,
            }
        }
        false
    }

    /// Gives back the buffers that hold nothing.
    pub(crate) fn give_back(&mut self) {
        if self.incoming.is_empty() {
            self.buffers.give(std::mem::take(&mut self.incoming));
        }
        if self.outgoing.is_empty() {
            self.buffers.give(std::mem::take(&mut self.outgoing).bytes);
        }
        if self.taken == self.plain.len() {
            self.plain = Vec::new();
            self.taken = 0;
        }
    }

    /// Receives what there is; 0 at the end.
    fn poll_in(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let incoming = &mut self.incoming;
        if incoming.capacity() == 0 {
            *incoming = if self.flows { self.buffers.large() } else { self.buffers.small() };
        } else if incoming.len() == incoming.capacity() && incoming.capacity() < LARGE {
            // More than fits comes at once: a body, which is read in larger pieces.
            let mut large = self.buffers.large();
            large.extend_from_slice(incoming);
            self.buffers.give(std::mem::replace(incoming, large));
        }
        match pin!(self.socket.read_buf(incoming)).poll(cx) {
            Poll::Ready(received) => {
                let n = received?;
                self.ended |= n == 0;
                self.flows = n >= SMALL;
                Poll::Ready(Ok(n))
            }
            Poll::Pending => {
                // Whoever waits holds no buffer.
                if incoming.is_empty() {
                    self.buffers.give(std::mem::take(incoming));
                }
                Poll::Pending
            }
        }
    }

    /// Writes what waits.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let out = &mut self.outgoing;
        while out.at < out.end {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &out.bytes[out.at..out.end]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => out.at += n,
            }
        }
        (out.at, out.end) = (0, 0);
        Poll::Ready(Ok(()))
    }

    /// Opens the records that are here whole: into `into` first, and what is too much for it into `plain`.
    fn open(&mut self, into: Option<&mut ReadBuf<'_>>) -> io::Result<()> {
        self.step(into, None)
    }

    /// Takes the alert that a failed handshake left to be sent, and what was to be sent before it.
    fn say_why(&mut self) {
        // The step after the last looks at the same bytes again, and fails as before.
        while let Ok(ConnectionState::EncodeTlsData(mut data)) = self.session.process(&mut self.incoming).state {
            if self.outgoing.encode(&mut data, &self.buffers).is_err() {
                return;
            }
        }
    }

    /// Goes through the states of the session until it needs more of the other side, then says `say`.
    fn step(&mut self, mut into: Option<&mut ReadBuf<'_>>, say: Option<Say<'_>>) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            let UnbufferedStatus { mut discard, state } = self.session.process(&mut self.incoming[done..]);
            let state = match state {
                Ok(state) => state,
                Err(e) => {
                    done += discard;
                    break Err(broken(e));
                }
            };
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        let mut payload = record.payload;
                        if let Some(buf) = into.as_deref_mut() {
                            let n = if self.plain.is_empty() { buf.remaining().min(payload.len()) } else { 0 };
                            buf.put_slice(&payload[..n]);
                            payload = &payload[n..];
                        }
                        self.plain.extend_from_slice(payload);
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => self.outgoing.encode(&mut data, &self.buffers)?,
                // It goes out in its turn, with all that waits.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed => (self.ended, self.announced) = (true, true),
                ConnectionState::WriteTraffic(mut traffic) => {
                    let out = &mut self.outgoing;
                    let mut size = match say {
                        Some(Say::Bytes(bytes)) => bytes.len() + (bytes.len() / RECORD + 1) * RECORD_ADDS,
                        Some(Say::Close) => RECORD_ADDS,
                        None => {
                            done += discard;
                            break Ok(());
                        }
                    };
                    out.end += loop {
                        let room = out.room(size, &self.buffers);
                        let sealed = match say {
                            Some(Say::Bytes(bytes)) => traffic.encrypt(bytes, room),
                            _ => traffic.queue_close_notify(room),
                        };
                        match sealed {
                            Ok(n) => break n,
                            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                                size = required_size;
                            }
                            Err(e) => return Err(broken(e)),
                        }
                    };
                    done += discard;
                    break Ok(());
                }
                // More of the other side is needed, or nothing can be said any more.
                _ => {
                    done += discard;
                    break if say.is_some() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) };
                }
            }
            done += discard;
        };
        self.incoming.drain(..done);
        result
    }
}

/// What is to be said once the session lets us.
#[derive(Clone, Copy)]
enum Say<'a> {
    Bytes(&'a [u8]),
    Close,
}

impl<S> Drop for TlsStream<S> {
    fn drop(&mut self) {
        self.buffers.give(std::mem::take(&mut self.incoming));
        self.buffers.give(std::mem::take(&mut self.hello));
        self.buffers.give(std::mem::take(&mut self.outgoing.bytes));
    }
}
