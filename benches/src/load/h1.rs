//! HTTP/1.1.

use std::time::Duration;

use http::Version;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ask::{Ask, Fate, Fault};
use super::link::Driver;
use super::pieces::Pieces;

/// After what time a client leaves that means to leave before the answer.
const LEAVES_AFTER: Duration = Duration::from_millis(5);

/// A connection. A client that leaves in the middle can't use it again: it has to drop it.
#[derive(Debug)]
pub struct Link {
    sender: SendRequest<Pieces>,
    left: bool,
    _driver: Driver,
}

impl Link {
    pub(super) async fn open(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, Fault> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(Fault::connection)?;
        let driver = Driver::spawn(async move {
            // Whoever asks is told by the answer that does not come.
            let _ = connection.with_upgrades().await;
        });
        Ok(Self { sender, left: false, _driver: driver })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.left && !self.sender.is_closed()
    }

    pub(super) async fn ask(&mut self, ask: &Ask) -> Result<(), Fault> {
        let halved = ask.fate == Fate::Uploading;
        let body = Pieces::whole(ask.body()).unsized_if(ask.open).half_if(halved).paced(ask.slow);
        let request = ask.head(Version::HTTP_11, "http", body)?;
        self.sender.ready().await.map_err(Fault::connection)?;
        self.left = ask.fate != Fate::Whole;
        let answer = self.sender.send_request(request);
        if matches!(ask.fate, Fate::Uploading | Fate::Unanswered) {
            let _ = tokio::time::timeout(LEAVES_AFTER, answer).await;
            return Err(Fault::Left);
        }
        let (head, body) = answer.await.map_err(fault)?.into_parts();
        let mut check = ask.answered(head.status, &head.headers)?;
        read(ask, body, |piece| check.take(piece)).await?;
        check.end().map_err(Fault::Answer)
    }
}

fn fault(e: hyper::Error) -> Fault {
    use std::error::Error as _;
    match e.source() {
        Some(source) => Fault::Connection(format!("{e}: {source}")),
        None => Fault::connection(e),
    }
}

async fn read(ask: &Ask, mut body: Incoming, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), Fault> {
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.map_err(fault)?.into_data() {
            take(&piece).map_err(Fault::Answer)?;
        }
        if ask.fate == Fate::Downloading {
            return Err(Fault::Left);
        }
        ask.pause().await;
    }
    Ok(())
}
