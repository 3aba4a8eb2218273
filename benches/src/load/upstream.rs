//! The upstream: answers with the bodies that it is asked for, and looks whether those that it gets are right.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::ask::SEED;
use super::content::{self, Check};
use super::pieces::Pieces;

/// What it saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests whose head came.
    pub requests: AtomicU64,
    /// Bodies that ended before their end, and said so.
    pub broken: AtomicU64,
    /// WebSockets.
    pub tunnels: AtomicU64,
    /// What is wrong with bodies that seemed whole.
    pub wrong: Mutex<Vec<String>>,
}

impl Seen {
    fn note_wrong(&self, text: String) {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

/// Starts it in a thread of its own that lives as long as the process. It listens at as many addresses as are asked
/// for.
///
/// # Errors
/// When there is no address or no thread for it.
pub fn start(addresses: usize) -> io::Result<(Vec<SocketAddr>, Arc<Seen>)> {
    let seen = Arc::<Seen>::default();
    let sockets: Vec<TcpListener> =
        (0..addresses).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let at = sockets.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shared = Arc::clone(&seen);
    thread::Builder::new().name("upstream".into()).spawn(move || {
        runtime.block_on(async {
            let mut accepting = tokio::task::JoinSet::new();
            for socket in sockets {
                accepting.spawn(accept(socket, Arc::clone(&shared)));
            }
            accepting.join_all().await
        })
    })?;
    Ok((at, seen))
}

async fn accept(socket: TcpListener, seen: Arc<Seen>) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&seen)));
            let server = hyper::server::conn::http1::Builder::new();
            // How connections end is the gateway's affair.
            let _ = server.serve_connection(TokioIo::new(socket), service).with_upgrades().await;
        });
    }
}

fn say(status: u16, text: &str) -> Response<Pieces> {
    let mut response = Response::new(Pieces::whole(text.to_owned().into()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Pieces>, Infallible> {
    seen.requests.fetch_add(1, Ordering::Relaxed);
    if request.headers().contains_key("upgrade") {
        return Ok(switch(request, seen));
    }
    let parts: Vec<u64> = request.uri().path().split('/').skip(1).filter_map(|part| part.parse().ok()).collect();
    let &[seed, up, down, open] = &parts[..] else { return Ok(say(404, "no such path")) };
    let mut check = Check::new(seed, up as usize);
    let mut body = request.into_body();
    let mut fault = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            seen.broken.fetch_add(1, Ordering::Relaxed);
            return Ok(say(400, "the body broke off"));
        };
        if let (None, Ok(piece)) = (&fault, frame.into_data()) {
            fault = check.take(&piece).err();
        }
    }
    if let Some(text) = fault.or_else(|| check.end().err()) {
        seen.note_wrong(format!("a request's body: {text}"));
        return Ok(say(422, &text));
    }
    let mut response = Response::new(Pieces::whole(content::body(!seed, down as usize)).unsized_if(open == 1));
    response.headers_mut().insert(SEED, seed.into());
    Ok(response)
}

/// Sends back what comes.
fn switch(request: Request<Incoming>, seen: Arc<Seen>) -> Response<Pieces> {
    let key = request.headers().get("sec-websocket-key").map(http::HeaderValue::as_bytes).unwrap_or_default();
    let accept = super::socket::accept(key);
    tokio::spawn(async move {
        let Ok(stream) = hyper::upgrade::on(request).await else { return };
        seen.tunnels.fetch_add(1, Ordering::Relaxed);
        let mut stream = TokioIo::new(stream);
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..n]).await.is_err() {
                break;
            }
        }
    });
    let mut response = say(101, "");
    let headers = response.headers_mut();
    for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", &accept)] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}
