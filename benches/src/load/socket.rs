//! WebSockets: messages that come back as they were sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, Version};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::ask::Fault;
use super::content;
use super::link::{Driver, Gate, Spoken};
use super::pieces::Pieces;

/// Source: RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY: &str = "bG9hZCBvZiBhIHNvYWs=";
/// A close frame with the status of a normal end, masked with zeros.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8];

/// What a server answers `key` with.
#[must_use]
pub fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// An open WebSocket.
pub struct Socket {
    way: Way,
    _driver: Driver,
}

enum Way {
    Alone(Box<TokioIo<Upgraded>>),
    Stream { send: h2::SendStream<Bytes>, recv: h2::RecvStream, got: BytesMut },
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

/// A whole message of `seed` as a client's frame, masked with zeros.
fn frame(seed: u64, size: usize) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(size) {
        Ok(size @ ..126) => frame.push(0x80 | size as u8),
        size => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&size.unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&content::body(seed, size.min(usize::from(u16::MAX))));
    frame
}

impl Socket {
    /// Opens one to `host`. Over HTTP/3 there is none.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(gate: &Gate, spoken: Spoken, host: &str) -> Result<Self, Fault> {
        match spoken {
            Spoken::Http1 => Self::upgrade(gate.tcp().await?, host).await,
            Spoken::Http1Tls => Self::upgrade(gate.tls(false).await?, host).await,
            Spoken::Http2 => Self::stream(gate.tls(true).await?, host).await,
            Spoken::Http3 => Err(Fault::Connection("no WebSocket over HTTP/3".into())),
        }
    }

    async fn upgrade(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, host: &str) -> Result<Self, Fault> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(Fault::connection)?;
        let driver = Driver::spawn(async move {
            // Whoever asks is told by the answer that does not come.
            let _ = connection.with_upgrades().await;
        });
        let request = Request::get("/socket").header("host", host).header("connection", "upgrade");
        let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
        let request = request.header("sec-websocket-key", KEY).body(Pieces::whole(Bytes::new()));
        let answer = sender.send_request(request.map_err(Fault::connection)?).await.map_err(Fault::connection)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Fault::Answer(format!("status {} to a WebSocket", answer.status())));
        }
        if answer.headers().get("sec-websocket-accept").map(http::HeaderValue::as_bytes)
            != Some(accept(KEY.as_bytes()).as_bytes())
        {
            return Err(Fault::Answer("the key of the WebSocket is another's".into()));
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(Fault::connection)?;
        Ok(Self { way: Way::Alone(Box::new(TokioIo::new(upgraded))), _driver: driver })
    }

    async fn stream(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, host: &str) -> Result<Self, Fault> {
        let (sender, mut connection) = h2::client::handshake(io).await.map_err(Fault::connection)?;
        let mut ping = connection.ping_pong();
        let driver = Driver::spawn(async move {
            // Whoever asks is told by the answer that does not come.
            let _ = connection.await;
        });
        // The settings that allow it are there once something was answered.
        if let Some(ping) = &mut ping {
            ping.ping(h2::Ping::opaque()).await.map_err(Fault::connection)?;
        }
        let mut sender: h2::client::SendRequest<Bytes> = sender.ready().await.map_err(Fault::connection)?;
        if !sender.is_extended_connect_protocol_enabled() {
            return Err(Fault::Connection("no extended CONNECT".into()));
        }
        let request = Request::builder().method(Method::CONNECT).version(Version::HTTP_2);
        let request = request.uri(format!("https://{host}/socket")).header("sec-websocket-version", "13");
        let request = request.extension(h2::ext::Protocol::from_static("websocket")).body(());
        let (answer, send) =
            sender.send_request(request.map_err(Fault::connection)?, false).map_err(Fault::connection)?;
        let answer = answer.await.map_err(Fault::connection)?;
        match answer.status() {
            StatusCode::OK => {
                let way = Way::Stream { send, recv: answer.into_body(), got: BytesMut::new() };
                Ok(Self { way, _driver: driver })
            }
            status => Err(Fault::Answer(format!("status {status} to a WebSocket"))),
        }
    }

    /// Sends a message and waits until it comes back.
    ///
    /// # Errors
    /// When it doesn't, or another does.
    pub async fn echo(&mut self, seed: u64, size: usize) -> Result<(), Fault> {
        self.there_and_back(frame(seed, size)).await
    }

    /// Says good-bye and waits until that comes back.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn close(mut self) -> Result<(), Fault> {
        self.there_and_back(CLOSE.to_vec()).await
    }

    async fn there_and_back(&mut self, sent: Vec<u8>) -> Result<(), Fault> {
        let mut back = vec![0; sent.len()];
        match &mut self.way {
            Way::Alone(io) => {
                io.write_all(&sent).await.map_err(Fault::connection)?;
                io.flush().await.map_err(Fault::connection)?;
                io.read_exact(&mut back).await.map_err(Fault::connection)?;
            }
            Way::Stream { send, recv, got } => {
                // A message is smaller than the window.
                send.send_data(sent.clone().into(), false).map_err(Fault::connection)?;
                while got.len() < sent.len() {
                    let Some(piece) = recv.data().await else {
                        return Err(Fault::Connection("the stream ended".into()));
                    };
                    let piece = piece.map_err(Fault::connection)?;
                    recv.flow_control().release_capacity(piece.len()).map_err(Fault::connection)?;
                    got.extend_from_slice(&piece);
                }
                back = got.split_to(sent.len()).to_vec();
            }
        }
        if back == sent { Ok(()) } else { Err(Fault::Answer("a message is not the one that was sent".into())) }
    }
}
