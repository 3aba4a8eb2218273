//! One question to one server: over UDP, and over TCP where the answer is too long or does not come.
//!
//! Resolvers are asked by `look.rs`. This is for servers whose own word counts: those of a zone.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::DnsFault;
use crate::clock;

/// Time to an answer over UDP.
const DATAGRAM: Duration = Duration::from_secs(3);
/// Questions over UDP before TCP is tried.
const DATAGRAMS: usize = 2;
/// Time to an answer over TCP, with the connection.
const STREAM: Duration = Duration::from_secs(8);
/// The longest answer over UDP that is read: what a path without fragments carries.
const MOST_DATAGRAM: usize = 4096;

/// A message and the bytes it came in, which signatures are about.
pub(super) struct Answer {
    pub(super) message: Message,
    pub(super) bytes: Vec<u8>,
}

/// A number for a question, which nobody can foresee.
pub(super) fn question_id() -> u16 {
    u16::from_be_bytes(clock::random())
}

/// Asks `server`. `make` gives each attempt a message of its own.
///
/// # Errors
/// [`DnsFault::Silent`] when nothing comes that answers the question.
pub(super) async fn ask<Q>(server: SocketAddr, mut make: Q) -> Result<Answer, DnsFault>
where
    Q: FnMut() -> Result<Question, DnsFault>,
{
    for _ in 0..DATAGRAMS {
        let question = make()?;
        match timeout(DATAGRAM, by_datagram(server, &question)).await {
            Ok(Ok(answer)) if !answer.message.truncation => return Ok(answer),
            // Too long, or nobody takes datagrams: the stream tells.
            Ok(_) => break,
            Err(_) => {}
        }
    }
    let question = make()?;
    let silent = |reason: String| DnsFault::Silent { by: format!("the name server {server}"), reason };
    match timeout(STREAM, by_stream(server, &question)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(silent(format!("over TCP: {e}"))),
        Err(_) => Err(silent(format!("within {} s", STREAM.as_secs()))),
    }
}

/// A question as it is sent.
pub(super) struct Question {
    id: u16,
    bytes: Vec<u8>,
}

impl Question {
    /// The bytes of `message`.
    ///
    /// # Errors
    /// [`DnsFault::Zone`] for one that can't be written.
    pub(super) fn of(message: &Message) -> Result<Self, DnsFault> {
        let bytes = message.to_vec().map_err(|e| {
            let name = message.queries.first().map(|q| q.name().to_string()).unwrap_or_default();
            DnsFault::Zone { name, reason: format!("no question can be made of it: {e}") }
        })?;
        Ok(Self { id: message.id, bytes })
    }

    /// The answer in `bytes`, if they are one to this question.
    fn answered(&self, bytes: &[u8]) -> Option<Answer> {
        let message = Message::from_vec(bytes).ok()?;
        let mine = message.id == self.id && message.message_type == MessageType::Response;
        mine.then(|| Answer { message, bytes: bytes.to_vec() })
    }
}

async fn by_datagram(server: SocketAddr, question: &Question) -> io::Result<Answer> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Connected, the socket takes datagrams of this server only.
    socket.connect(server).await?;
    socket.send(&question.bytes).await?;
    let mut buffer = vec![0; MOST_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // What does not fit is somebody else's: go on waiting.
        if let Some(answer) = question.answered(&buffer[..length]) {
            return Ok(answer);
        }
    }
}

async fn by_stream(server: SocketAddr, question: &Question) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.bytes.len()).map_err(|_| io::Error::other("the question is too long"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&question.bytes);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await?;
    question.answered(&buffer).ok_or_else(|| io::Error::other("what came does not answer the question"))
}
