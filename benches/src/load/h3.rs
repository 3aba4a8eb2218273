//! HTTP/3.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::error::Code;
use h3_quinn::{BidiStream, OpenStreams};
use http::Version;

use super::ask::{Ask, Fate, Fault};
use super::link::Driver;
use super::pieces::PIECE;

/// A connection, or one more hold on it.
#[derive(Clone)]
pub struct Link {
    sender: SendRequest<OpenStreams, Bytes>,
    _driver: Arc<Driver>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(super) async fn open(endpoint: &quinn::Endpoint, to: SocketAddr, name: &str) -> Result<Self, Fault> {
        let connecting = endpoint.connect(to, name).map_err(Fault::connection)?;
        let connection = connecting.await.map_err(Fault::connection)?;
        let connection = h3_quinn::Connection::new(connection);
        let (mut connection, sender) = h3::client::new(connection).await.map_err(Fault::connection)?;
        let driver = Driver::spawn(async move {
            // Whoever asks is told by the answer that does not come.
            let _ = connection.wait_idle().await;
        });
        Ok(Self { sender, _driver: Arc::new(driver) })
    }

    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<(), Fault> {
        let request = ask.head(Version::HTTP_3, "https", ())?;
        let mut stream = self.sender.send_request(request).await.map_err(Fault::connection)?;
        if ask.up.is_some() {
            upload(ask, &mut stream).await?;
        }
        // A stream that is answered early takes no more; the answer tells.
        let _ = stream.finish().await;
        if ask.fate == Fate::Unanswered {
            return leave(&mut stream);
        }
        let head = stream.recv_response().await.map_err(Fault::connection)?;
        let mut check = ask.answered(head.status(), head.headers())?;
        let mut taken = 0;
        while let Some(mut data) = stream.recv_data().await.map_err(Fault::connection)? {
            while data.has_remaining() {
                let piece = data.chunk();
                check.take(piece).map_err(Fault::Answer)?;
                let size = piece.len();
                data.advance(size);
                taken += size;
            }
            if ask.fate == Fate::Downloading {
                return leave(&mut stream);
            }
            // What comes is as large as a datagram: after each of them the others' slow would be far slower here.
            if taken >= PIECE {
                taken = 0;
                ask.pause().await;
            }
        }
        check.end().map_err(Fault::Answer)
    }
}

fn leave(stream: &mut RequestStream<BidiStream<Bytes>, Bytes>) -> Result<(), Fault> {
    stream.stop_stream(Code::H3_REQUEST_CANCELLED);
    // The other direction is stopped when the stream is dropped: h3-quinn panics when asked for it while it reads.
    Err(Fault::Left)
}

async fn upload(ask: &Ask, stream: &mut RequestStream<BidiStream<Bytes>, Bytes>) -> Result<(), Fault> {
    let mut left = ask.body();
    let half = left.len() / 2;
    while !left.is_empty() {
        ask.pause().await;
        let piece = left.split_to(left.len().min(PIECE));
        if ask.fate == Fate::Uploading && left.len() <= half {
            return leave(stream);
        }
        if stream.send_data(piece).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
