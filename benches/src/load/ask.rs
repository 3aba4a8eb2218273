//! One request as a client of ours makes it, in whatever version, and what may become of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};

use super::content::{self, Check};

/// What a browser sends, so that header handling counts for what it is worth.
const HEADERS: [(&str, &str); 6] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("referer", "https://load.localhost/some/page?with=a&longer=query"),
    ("cookie", "session=91c0a8f4be6d4d0f9a61; consent=all; theme=dark"),
];

/// The header by which the upstream says whose answer it is.
pub const SEED: &str = "x-seed";

/// How far a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// To its end.
    Whole,
    /// The client leaves when half of its body is sent.
    Uploading,
    /// When the request is sent.
    Unanswered,
    /// In the middle of the answer.
    Downloading,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The host.
    pub host: Arc<str>,
    /// Which bodies.
    pub seed: u64,
    /// Bytes to be sent; none = a GET.
    pub up: Option<usize>,
    /// Bytes of the answer.
    pub down: usize,
    /// Whether neither side says beforehand how long its body is.
    pub open: bool,
    /// Whether the client takes and sends pieces with pauses between them.
    pub slow: Option<Duration>,
    /// How far it goes.
    pub fate: Fate,
}

/// Why a request has no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The client left as it meant to.
    Left,
    /// The connection or the stream ended.
    Connection(String),
    /// The answer is not the one that was asked for.
    Answer(String),
    /// Nothing went on for too long.
    Slow,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => f.write_str("the client left"),
            Self::Connection(text) => write!(f, "connection: {text}"),
            Self::Answer(text) => write!(f, "answer: {text}"),
            Self::Slow => f.write_str("nothing went on for a minute"),
        }
    }
}

impl Fault {
    /// Of a failed connection or stream.
    pub fn connection(e: impl fmt::Display) -> Self {
        Self::Connection(e.to_string())
    }
}

impl Ask {
    /// A small GET.
    #[must_use]
    pub fn get(host: &Arc<str>, seed: u64, down: usize) -> Self {
        Self { host: Arc::clone(host), seed, up: None, down, open: false, slow: None, fate: Fate::Whole }
    }

    /// What is sent.
    #[must_use]
    pub fn body(&self) -> Bytes {
        content::body(self.seed, self.up.unwrap_or(0))
    }

    /// The head, for `version`.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn head<B>(&self, version: Version, scheme: &str, body: B) -> Result<Request<B>, Fault> {
        let path = format!("/{}/{}/{}/{}", self.seed, self.up.unwrap_or(0), self.down, u8::from(self.open));
        let uri = match version {
            Version::HTTP_11 => path.parse::<Uri>().map_err(Fault::connection)?,
            _ => format!("{scheme}://{}{path}", self.host).parse().map_err(Fault::connection)?,
        };
        let mut head = Request::builder().method(if self.up.is_some() { Method::POST } else { Method::GET }).uri(uri);
        head = head.version(version);
        if version == Version::HTTP_11 {
            head = head.header("host", &*self.host);
        } else if let (Some(size), false) = (self.up, self.open) {
            head = head.header("content-length", size);
        }
        for (name, value) in HEADERS {
            head = head.header(name, value);
        }
        head.body(body).map_err(Fault::connection)
    }

    /// What the answer's body has to be, once its head is the right one.
    ///
    /// # Errors
    /// What is wrong with the head.
    pub fn answered(&self, status: StatusCode, headers: &HeaderMap) -> Result<Check, Fault> {
        if status != StatusCode::OK {
            return Err(Fault::Answer(format!("status {status}")));
        }
        let seed = headers.get(SEED).and_then(|v| v.to_str().ok());
        if seed.and_then(|text| text.parse().ok()) != Some(self.seed) {
            return Err(Fault::Answer("it belongs to another request".into()));
        }
        let size = headers.get("content-length").and_then(|v| v.to_str().ok()).map(str::parse);
        if !self.open && size != Some(Ok(self.down)) {
            return Err(Fault::Answer("its head does not tell its size".into()));
        }
        Ok(Check::new(!self.seed, self.down))
    }

    /// Waits as a slow client does.
    pub async fn pause(&self) {
        if let Some(pause) = self.slow {
            tokio::time::sleep(pause).await;
        }
    }
}
