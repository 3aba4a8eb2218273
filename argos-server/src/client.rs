//! The way to the operations: the running process over its Unix socket, else the data folder itself.

use argos_core::api::input::fill_path;
use argos_core::api::{Described, Method, Place, Terms};
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::schema::Actor;
use argos_core::store::Origin;
use argos_core::{Argos, Options, Reply, clock::Clock};
use clap::ArgMatches;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use crate::environment;

/// Name of the socket in the data folder.
pub(crate) const SOCKET: &str = "argos.sock";

/// Whether a process listens in `folder`.
pub(crate) fn runs(folder: &std::path::Path) -> bool {
    std::os::unix::net::UnixStream::connect(folder.join(SOCKET)).is_ok()
}

/// Where a command is carried out.
pub(crate) enum Way {
    /// In the running process.
    Process { runtime: Runtime, socket: std::path::PathBuf },
    /// In the data folder, which no other process uses.
    Folder(Box<Argos>),
}

impl Way {
    /// The running process if one listens, else the folder.
    ///
    /// # Errors
    /// Those of opening the folder.
    pub(crate) fn open(matches: &ArgMatches) -> Result<Self> {
        let folder = environment::data_dir(matches);
        let socket = folder.join(SOCKET);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::internal(format!("starting a runtime: {e}")))?;
        if runtime.block_on(UnixStream::connect(&socket)).is_ok() {
            return Ok(Self::Process { runtime, socket });
        }
        let create = matches.get_flag("create");
        if !create && !folder.join("argos.db").exists() {
            let text = format!(
                "no database in {}: name the folder by --data-dir, or make one by --create or `argos serve`",
                folder.display()
            );
            return Err(Error::new(ErrorKind::NotFound, "store.missing", text));
        }
        let key = environment::key_source(matches);
        let options = Options {
            key,
            panel_url: environment::panel_url(),
            crs: environment::crs(matches),
            data_dir: folder,
            clock: Clock::system(),
            create,
        };
        let argos = Argos::open(options)?.acting(Actor::Cli, Origin::default());
        Ok(Self::Folder(Box::new(argos)))
    }

    /// Runs one operation and returns its result.
    ///
    /// # Errors
    /// Those of the operation.
    pub(crate) fn call(&self, op: &Described, input: Map<String, Value>) -> Result<Value> {
        Ok(self.call_on(op, input, &Terms::default())?.value)
    }

    /// As [`Way::call`], on these terms.
    ///
    /// # Errors
    /// Those of the operation.
    pub(crate) fn call_on(&self, op: &Described, input: Map<String, Value>, terms: &Terms) -> Result<Reply> {
        match self {
            Self::Folder(argos) => argos.on(terms.clone()).call(op.name, input),
            Self::Process { runtime, socket } => runtime.block_on(ask(socket, op, input, terms)),
        }
    }
}

async fn ask(socket: &std::path::Path, op: &Described, mut input: Map<String, Value>, terms: &Terms) -> Result<Reply> {
    let gone = |e: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Unavailable, "process.gone", format!("the running process does not answer: {e}"))
    };
    let mut path = format!("/api/v1{}", fill_path(op.path, |field| input.remove(field))?);
    let mut request = hyper::Request::builder()
        .method(op.method.as_str())
        .header("host", "localhost")
        .header("user-agent", concat!("argos/", env!("CARGO_PKG_VERSION")))
        .header("content-type", "application/json");
    let (mut words, mut body) = (Map::new(), Bytes::new());
    // A deletion takes no body either: a field too many is refused by its name.
    if matches!(op.method, Method::Get | Method::Delete) {
        words = input;
    } else if !input.is_empty() {
        body = Value::Object(input).to_string().into();
    }
    for term in op.terms() {
        let Some(word) = terms.word(term.name) else { continue };
        match term.place {
            Place::Header(name) => request = request.header(name, word),
            Place::Query => drop(words.insert(term.name.to_owned(), word.into())),
        }
    }
    path.push_str(&query(&words));
    let request =
        request.uri(path).body(Full::new(body)).map_err(|e| Error::internal(format!("making a request: {e}")))?;
    let stream = UnixStream::connect(socket).await.map_err(|e| gone(&e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| gone(&e))?;
    tokio::spawn(async move {
        // A broken connection shows at the request that waits on it.
        let _ = connection.await;
    });
    let response = sender.send_request(request).await.map_err(|e| gone(&e))?;
    let status = response.status();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let generation = header("x-argos-generation").and_then(|text| text.parse().ok());
    let etag = header("etag").filter(|_| op.tagged).map(|text| text.trim_matches('"').to_owned());
    let bytes = response.into_body().collect().await.map_err(|e| gone(&e))?.to_bytes();
    let value = match &bytes[..] {
        [] => Value::Null,
        text if status.is_success() && op.media_type() != "application/json" => {
            Value::String(String::from_utf8_lossy(text).into_owned())
        }
        json => serde_json::from_slice(json).map_err(|e| gone(&e))?,
    };
    if status.is_success() {
        Ok(Reply { value, generation, etag, cookies: Vec::new() })
    } else {
        Err(refusal(status.as_u16(), &value))
    }
}

fn query(input: &Map<String, Value>) -> String {
    let escape = |text: &str| {
        let mut out = String::new();
        for b in text.bytes() {
            match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(b)),
                _ => out.push_str(&format!("%{b:02X}")),
            }
        }
        out
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<String> = input.iter().map(|(k, v)| format!("{}={}", escape(k), escape(&text(v)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// The error behind a problem document.
fn refusal(status: u16, problem: &Value) -> Error {
    let code = problem["code"].as_str().unwrap_or("unknown");
    let kind = match status {
        400 | 413 | 415 | 422 => ErrorKind::Invalid,
        401 => ErrorKind::Unauthorized,
        403 | 421 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 | 412 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        502 | 503 => ErrorKind::Unavailable,
        _ if code != "internal" => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    };
    let mut error = Error::from_remote(kind, code, problem["detail"].as_str().unwrap_or("refused"));
    if let Some(seconds) = problem["retry_after"].as_u64().and_then(|n| u32::try_from(n).ok()) {
        error = error.with_retry_after(seconds);
    }
    for field in problem["errors"].as_array().into_iter().flatten() {
        error =
            error.with_field(field["field"].as_str().unwrap_or_default(), field["reason"].as_str().unwrap_or_default());
    }
    error
}
