//! Clients over QUIC: an independent one for HTTP/3, and one that says on its streams what it is told to.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use h3::client::SendRequest;
use http::{HeaderMap, Request, Response};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, VarInt};
use rustls::RootCertStore;

pub const DATA: u64 = 0;
pub const HEADERS: u64 = 1;
pub const CANCEL_PUSH: u64 = 3;
pub const SETTINGS: u64 = 4;
pub const GOAWAY: u64 = 7;
pub const MAX_PUSH_ID: u64 = 0xd;

/// Has a runtime do `work`, which must not take for ever.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(Duration::from_secs(60), work).await.expect("it takes too long") })
}

/// An endpoint that trusts `roots`.
pub fn endpoint(roots: RootCertStore) -> quinn::Endpoint {
    let builder = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into());
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(config);
    endpoint
}

/// A client for HTTP/3.
pub struct Client {
    pub quic: quinn::Connection,
    pub endpoint: quinn::Endpoint,
    sender: SendRequest<h3_quinn::OpenStreams, Bytes>,
}

/// An answer as it was read.
#[derive(Debug)]
pub struct Whole {
    pub head: Response<()>,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Whole {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub async fn connect(endpoint: quinn::Endpoint, address: SocketAddr, name: &str) -> Result<Self, ConnectionError> {
        let quic = endpoint.connect(address, name).unwrap().await?;
        let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(quic.clone())).await.unwrap();
        tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Self { quic, endpoint, sender })
    }

    /// Sends a request whole and reads all of the answer.
    pub async fn ask(&mut self, request: Request<()>, body: &[u8], trailers: Option<HeaderMap>) -> Whole {
        let stream = self.sender.send_request(request).await.unwrap();
        let (mut send, mut recv) = stream.split();
        let sending = async {
            if !body.is_empty() {
                send.send_data(Bytes::copy_from_slice(body)).await.unwrap();
            }
            if let Some(trailers) = trailers {
                send.send_trailers(trailers).await.unwrap();
            }
            send.finish().await.unwrap();
        };
        let reading = async {
            let head = recv.recv_response().await.unwrap();
            let mut body = Vec::new();
            while let Some(mut data) = recv.recv_data().await.unwrap() {
                body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
            }
            Whole { head, body, trailers: recv.recv_trailers().await.unwrap() }
        };
        tokio::join!(sending, reading).1
    }

    /// The same for a request without a body, whose answer may be cut.
    pub async fn ask_whole(&mut self, request: Request<()>) -> super::versions::Whole {
        let mut stream = self.sender.send_request(request).await.unwrap();
        stream.finish().await.unwrap();
        let Ok(head) = stream.recv_response().await else { return super::versions::Whole::cut() };
        let (head, ()) = head.into_parts();
        let (status, fields) = (head.status.as_u16(), head.headers);
        let mut answer = super::versions::Whole { status, fields, body: Vec::new(), whole: true };
        loop {
            match stream.recv_data().await {
                Ok(Some(mut data)) => answer.body.extend_from_slice(&data.copy_to_bytes(data.remaining())),
                Ok(None) => return answer,
                Err(_) => {
                    answer.whole = false;
                    return answer;
                }
            }
        }
    }

    pub async fn get(&mut self, uri: &str) -> Whole {
        self.ask(Request::get(uri).body(()).unwrap(), b"", None).await
    }
}

pub fn integer(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => out.push(value as u8),
        0x40..0x4000 => out.extend((value as u16 | 0x4000).to_be_bytes()),
        _ => out.extend((u32::try_from(value).unwrap() | 0x8000_0000).to_be_bytes()),
    }
}

pub fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    integer(&mut out, kind);
    integer(&mut out, payload.len() as u64);
    out.extend(payload);
    out
}

/// A field section without compression. Source: RFC 9204 §4.5.6.
pub fn section(fields: &[(&str, &str)]) -> Vec<u8> {
    fn prefixed(out: &mut Vec<u8>, pattern: u8, most: usize, value: usize) {
        if value < most {
            return out.push(pattern | value as u8);
        }
        out.push(pattern | most as u8);
        let mut rest = value - most;
        while rest >= 128 {
            out.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        out.push(rest as u8);
    }
    let mut out = vec![0, 0];
    for (name, value) in fields {
        prefixed(&mut out, 0x20, 7, name.len());
        out.extend(name.as_bytes());
        prefixed(&mut out, 0, 127, value.len());
        out.extend(value.as_bytes());
    }
    out
}

pub const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")];

/// How a stream or its connection ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Fate {
    Answered(u16),
    Reset(u64),
    Closed(u64),
    Lost,
}

/// A connection that says what it is told to.
pub struct Raw {
    pub quic: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Raw {
    pub async fn connect(endpoint: quinn::Endpoint, address: SocketAddr) -> Self {
        let quic = endpoint.connect(address, "a.test").unwrap().await.unwrap();
        Self { quic, _endpoint: endpoint }
    }

    /// A stream that this side alone writes, which stays open while the handle lives.
    pub async fn alone(&self, bytes: &[u8]) -> SendStream {
        let mut send = self.quic.open_uni().await.unwrap();
        send.write_all(bytes).await.unwrap();
        send
    }

    /// A control stream that begins with SETTINGS of `settings`.
    pub async fn control(&self, settings: &[u8]) -> SendStream {
        self.alone(&[&[0], &frame(SETTINGS, settings)[..]].concat()).await
    }

    pub async fn begin(&self, bytes: &[u8]) -> (SendStream, RecvStream) {
        let (mut send, recv) = self.quic.open_bi().await.unwrap();
        // The connection may be over already.
        let _ = send.write_all(bytes).await;
        (send, recv)
    }

    /// What becomes of a stream that has these bytes and then ends.
    pub async fn fate(&self, bytes: &[u8]) -> Fate {
        let (mut send, mut recv) = match self.quic.open_bi().await {
            Ok(streams) => streams,
            Err(e) => return closed(&e),
        };
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        answer(&mut recv).await
    }

    /// Why the connection ended.
    pub async fn end(&self) -> Fate {
        closed(&self.quic.closed().await)
    }
}

fn closed(e: &ConnectionError) -> Fate {
    match e {
        ConnectionError::ApplicationClosed(close) => Fate::Closed(close.error_code.into_inner()),
        _ => Fate::Lost,
    }
}

/// What comes on a stream.
pub async fn answer(recv: &mut RecvStream) -> Fate {
    let mut bytes = Vec::new();
    loop {
        match recv.read_chunk(65536, true).await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk.bytes),
            Ok(None) => return Fate::Answered(status(&bytes)),
            Err(ReadError::Reset(code)) => return Fate::Reset(code.into_inner()),
            Err(ReadError::ConnectionLost(e)) => return closed(&e),
            Err(e) => panic!("{e}"),
        }
    }
}

/// The status at the begin of an answer, as our encoder writes it: indexed, or literal with an indexed name.
fn status(bytes: &[u8]) -> u16 {
    let known = [(24, 103), (25, 200), (27, 404), (28, 503), (63, 100), (67, 400), (68, 403), (69, 421), (71, 500)];
    assert_eq!(u64::from(bytes[0]), HEADERS);
    let section = &bytes[1 + (1 << (bytes[1] >> 6))..];
    match section[2] {
        0xff => known.iter().find(|(at, _)| *at == 63 + u16::from(section[3])).unwrap().1,
        b @ 0xc0.. => known.iter().find(|(at, _)| *at == u16::from(b & 0x3f)).unwrap().1,
        _ => std::str::from_utf8(&section[5..8]).unwrap().parse().unwrap(),
    }
}

/// Gives `endpoint` another socket at `ip`, as a client has that moves to another network.
pub fn move_on(endpoint: &quinn::Endpoint, ip: &str) {
    endpoint.rebind(UdpSocket::bind((ip, 0)).unwrap()).unwrap();
}

/// A way to `server` for one client, on which all that the server sends takes `delay` once `slow` is set.
pub fn slow_way(server: SocketAddr, delay: Duration, slow: Arc<AtomicBool>) -> SocketAddr {
    let (near, far) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let address = near.local_addr().unwrap();
    let (to_client, to_server) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let (client, known) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buf = [0; 2048];
        while let Ok((n, from)) = near.recv_from(&mut buf) {
            let _ = client.send(from);
            let _ = to_server.send_to(&buf[..n], server);
        }
    });
    std::thread::spawn(move || {
        let client = known.recv().unwrap();
        let (held, late) = std::sync::mpsc::channel::<(Instant, Vec<u8>)>();
        let sending = to_client.try_clone().unwrap();
        std::thread::spawn(move || {
            for (due, bytes) in late {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let _ = sending.send_to(&bytes, client);
            }
        });
        let mut buf = [0; 2048];
        while let Ok(n) = far.recv(&mut buf) {
            if slow.load(Ordering::Relaxed) {
                let _ = held.send((Instant::now() + delay, buf[..n].to_vec()));
            } else {
                let _ = to_client.send_to(&buf[..n], client);
            }
        }
    });
    address
}

pub const NO_ERROR: VarInt = VarInt::from_u32(0x100);
