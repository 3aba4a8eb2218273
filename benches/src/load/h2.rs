//! HTTP/2.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, SendStream};
use http::Version;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ask::{Ask, Fate, Fault};
use super::link::Driver;
use super::pieces::PIECE;

/// Room for bodies, of one stream and of all, so that they are rarely waited for.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 1 << 24;

/// A connection, or one more hold on it.
#[derive(Clone, Debug)]
pub struct Link {
    sender: SendRequest<Bytes>,
    _driver: Arc<Driver>,
}

impl Link {
    pub(super) async fn open(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, Fault> {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
        let (sender, connection) = builder.handshake(io).await.map_err(Fault::connection)?;
        let driver = Driver::spawn(async move {
            // Whoever asks is told by the answer that does not come.
            let _ = connection.await;
        });
        Ok(Self { sender, _driver: Arc::new(driver) })
    }

    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<(), Fault> {
        let request = ask.head(Version::HTTP_2, "https", ())?;
        let mut sender = self.sender.clone().ready().await.map_err(Fault::connection)?;
        let (answer, mut send) = sender.send_request(request, ask.up.is_none()).map_err(Fault::connection)?;
        if ask.up.is_some() {
            upload(ask, &mut send).await?;
        }
        if ask.fate == Fate::Unanswered {
            send.send_reset(Reason::CANCEL);
            return Err(Fault::Left);
        }
        let (head, mut body) = answer.await.map_err(Fault::connection)?.into_parts();
        let mut check = ask.answered(head.status, &head.headers)?;
        while let Some(piece) = body.data().await {
            let piece = piece.map_err(Fault::connection)?;
            check.take(&piece).map_err(Fault::Answer)?;
            if ask.fate == Fate::Downloading {
                send.send_reset(Reason::CANCEL);
                return Err(Fault::Left);
            }
            ask.pause().await;
            body.flow_control().release_capacity(piece.len()).map_err(Fault::connection)?;
        }
        check.end().map_err(Fault::Answer)
    }
}

async fn upload(ask: &Ask, send: &mut SendStream<Bytes>) -> Result<(), Fault> {
    let mut left = ask.body();
    let half = left.len() / 2;
    if left.is_empty() {
        return send.send_data(left, true).map_err(Fault::connection);
    }
    while !left.is_empty() {
        ask.pause().await;
        send.reserve_capacity(left.len().min(PIECE));
        // A stream that is answered early takes no more; the answer tells.
        let Some(Ok(room)) = poll_fn(|cx| send.poll_capacity(cx)).await else { return Ok(()) };
        let piece = left.split_to(room.min(left.len()).min(PIECE));
        if ask.fate == Fate::Uploading && left.len() <= half {
            send.send_reset(Reason::CANCEL);
            return Err(Fault::Left);
        }
        if send.send_data(piece, left.is_empty()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
