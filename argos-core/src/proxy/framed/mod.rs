//! A request's own stream within a connection that carries many, as HTTP/2 and HTTP/3 have it: the bytes of a body go
//! in and out as over a socket; heads, trailers and the end are told apart from them.

pub(crate) mod fields;
pub(crate) mod h2_client;
pub(crate) mod h2_upstream;
pub(crate) mod h3_client;
pub(crate) mod h3_fields;
pub(crate) mod h3_frames;
pub(crate) mod head;
pub(crate) mod qpack;
pub(crate) mod streams;

use std::io;
use std::task::{Context, Poll};

use tokio::io::ReadBuf;

use self::fields::Fields;
use crate::snapshot::ProxySettings;

/// What each field counts beyond its bytes. Source: RFC 9113 §6.5.2, RFC 9114 §4.2.2.
const FIELD_ADDS: usize = 32;

/// What the fields of a request may count, as it is told to clients. It is more than the settings allow, so that what is
/// too large is refused where it leaves a row.
pub(crate) fn most_of_fields(settings: &ProxySettings) -> usize {
    (settings.max_header_bytes + FIELD_ADDS * settings.max_headers).saturating_mul(2)
}

/// One request's stream.
#[derive(Debug)]
pub(crate) enum Framed {
    /// A client's, over HTTP/2.
    Client2(h2_client::Half),
    /// A client's, over HTTP/3.
    Client3(h3_client::Half),
    /// Towards an upstream, over HTTP/2. What is read is an answer in HTTP/1's form, its head included.
    Upstream2(h2_upstream::Half),
}

/// Hands a call on to whichever it is.
macro_rules! each {
    ($self:ident, $half:ident => $call:expr) => {
        match $self {
            Framed::Client2($half) => $call,
            Framed::Client3($half) => $call,
            Framed::Upstream2($half) => $call,
        }
    };
}

impl Framed {
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, half => half.poll_read(cx, buf))
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, half => half.poll_write(cx, bytes))
    }

    /// The trailer lines that came with the end.
    pub(crate) fn take_trailers(&mut self) -> Vec<u8> {
        each!(self, half => half.take_trailers())
    }

    /// What is written next is the last.
    pub(crate) fn ends_with_next_write(&mut self) {
        each!(self, half => half.ends_with_next_write());
    }

    /// Tells the end, unless it is told.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        each!(self, half => half.poll_end(cx, trailers))
    }

    /// Ready once the client has left, with false.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match self {
            Self::Client2(half) => half.poll_gone(cx).map(|()| Ok(false)),
            Self::Client3(half) => half.poll_gone(cx).map(|()| Ok(false)),
            Self::Upstream2(_) => Poll::Pending,
        }
    }

    /// Sends the head of the answer; `ends` says that nothing follows it.
    pub(crate) fn send_head(&mut self, status: u16, fields: Fields, ends: bool) -> io::Result<()> {
        match self {
            Self::Client2(half) => half.send_head(status, fields, ends),
            Self::Client3(half) => half.send_head(status, fields, ends),
            Self::Upstream2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends the head of an interim answer.
    pub(crate) fn send_interim(&mut self, status: u16, fields: Fields) -> io::Result<()> {
        match self {
            Self::Client2(half) => half.send_interim(status, fields),
            Self::Client3(half) => half.send_interim(status, fields),
            Self::Upstream2(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Ends the stream in the middle; the other side is told that it is incomplete.
    pub(crate) fn reset(&mut self) {
        each!(self, half => half.reset());
    }
}
