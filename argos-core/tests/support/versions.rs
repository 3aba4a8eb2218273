//! A whole Argos before one upstream, asked over each version of HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use argos_core::clock::Clock;
use argos_core::{Argos, Options, ServeOptions, Serving};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::quic::{Client, endpoint, run};
use super::{Folder, PATIENCE, Upstream};

/// What is spoken between client and Argos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
    Three,
}

impl Version {
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Three];
}

/// An answer as it was read.
#[derive(Debug)]
pub struct Whole {
    /// 0 where the answer ended before its head.
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub whole: bool,
}

impl Whole {
    /// An answer that was cut before its head.
    pub fn cut() -> Self {
        Self { status: 0, fields: HeaderMap::new(), body: Vec::new(), whole: false }
    }

    /// The values of a field, in order, joined by ` | `; none = it is not there.
    pub fn field(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.fields.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(" | "))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Argos with the host `a.test`, whose id is 1 and whose WAF is off.
pub struct World {
    pub argos: Argos,
    serving: Option<Serving>,
    roots: RootCertStore,
    folder: Folder,
}

impl World {
    pub fn start(upstream: &Upstream, threads: usize) -> Self {
        Self::before(upstream.address, threads)
    }

    pub fn before(upstream: SocketAddr, threads: usize) -> Self {
        Self::at(upstream, threads, Clock::system())
    }

    /// With a time of its own.
    pub fn at(upstream: SocketAddr, threads: usize, clock: Clock) -> Self {
        Self::beside(upstream, threads, clock, None)
    }

    /// Whose panel listens there.
    pub fn beside(upstream: SocketAddr, threads: usize, clock: Clock, panel: Option<SocketAddr>) -> Self {
        let folder = Folder::new();
        let argos = Argos::open(Options { clock, ..Options::new(folder.path()) }).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let options = ServeOptions { http: vec![any], https: vec![any], threads, panel, ..ServeOptions::default() };
        let serving = argos.start(&options).unwrap();
        let mut world = Self { argos, serving: Some(serving), roots: RootCertStore::empty(), folder };
        let targets = json!([{"host": upstream.ip().to_string(), "port": upstream.port()}]);
        let host = json!({"domain": "a.test", "tls_mode": "auto", "https_redirect": false,
            "target_group": {"targets": targets}});
        world.call("hosts.create", host);
        world.security(json!({"waf_enabled": false}));
        let root = world.call("certificates.local_ca", json!({}));
        let root = CertificateDer::from_pem_slice(root.as_str().unwrap().as_bytes()).unwrap();
        world.roots.add(root).unwrap();
        world
    }

    pub fn call(&self, name: &str, input: Value) -> Value {
        self.argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e}")).value
    }

    /// The database, for what no operation does.
    pub fn db(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("argos.db")).unwrap()
    }

    pub fn host(&self, mut change: Value) {
        change["id"] = json!(1);
        self.call("hosts.update", change);
    }

    pub fn security(&self, mut change: Value) {
        change["host_id"] = json!(1);
        self.call("security.update", change);
    }

    pub fn plain(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().addresses()[0]
    }

    pub fn secure(&self) -> SocketAddr {
        self.serving.as_ref().unwrap().secure_addresses()[0]
    }

    /// Asks one request after the other over one connection.
    pub fn ask(&self, version: Version, requests: Vec<Request<()>>) -> Vec<Whole> {
        self.ask_of("a.test", version, requests)
    }

    /// As [`Self::ask`], over a connection for the name `sni`.
    pub fn ask_of(&self, sni: &str, version: Version, requests: Vec<Request<()>>) -> Vec<Whole> {
        run(async {
            let serving = self.serving.as_ref().unwrap();
            match version {
                Version::One => over_tls(serving.secure_addresses()[0], &self.roots, sni, b"http/1.1", requests).await,
                Version::Two => over_tls(serving.secure_addresses()[0], &self.roots, sni, b"h2", requests).await,
                Version::Three => {
                    let address = serving.h3_addresses()[0];
                    let mut client = Client::connect(endpoint(self.roots.clone()), address, sni).await.unwrap();
                    let mut answers = Vec::new();
                    for request in requests {
                        answers.push(client.ask_whole(request).await);
                    }
                    answers
                }
            }
        })
    }

    pub fn get(&self, version: Version, path: &str, fields: &[(&str, &str)]) -> Whole {
        self.ask(version, vec![request("GET", path, fields)]).remove(0)
    }

    /// Stops, and gives the access rows, oldest first.
    pub fn rows(&mut self) -> Vec<Value> {
        if let Some(serving) = self.serving.take() {
            serving.stop(PATIENCE);
        }
        let found = self.call("logs.search", json!({"source": "access", "order": "asc", "limit": 1000}));
        found["items"].as_array().unwrap().clone()
    }
}

/// A request to `a.test`.
pub fn request(method: &str, path: &str, fields: &[(&str, &str)]) -> Request<()> {
    let method: Method = method.parse().unwrap();
    let builder = Request::builder().method(method).uri(format!("https://a.test{path}"));
    fields.iter().fold(builder, |b, (name, value)| b.header(*name, *value)).body(()).unwrap()
}

async fn over_tls(
    address: SocketAddr,
    roots: &RootCertStore,
    sni: &str,
    protocol: &[u8],
    asked: Vec<Request<()>>,
) -> Vec<Whole> {
    let builder = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let tls = tokio_rustls::TlsConnector::from(Arc::new(config));
    let tls = tls.connect(sni.to_owned().try_into().unwrap(), socket).await.unwrap();
    let mut answers = Vec::new();
    if protocol == b"h2" {
        let (sender, connection) = h2::client::handshake(tls).await.unwrap();
        tokio::spawn(connection);
        let mut sender = sender.ready().await.unwrap();
        for request in asked {
            answers.push(two(&mut sender, request).await);
        }
        return answers;
    }
    let mut tls = tokio::io::BufReader::new(tls);
    for request in asked {
        answers.push(one(&mut tls, sni, request).await);
    }
    answers
}

async fn two(sender: &mut h2::client::SendRequest<Bytes>, request: Request<()>) -> Whole {
    let Ok(answer) = sender.send_request(request, true).unwrap().0.await else { return Whole::cut() };
    let (head, mut body) = answer.into_parts();
    let mut answer = Whole { status: head.status.as_u16(), fields: head.headers, body: Vec::new(), whole: true };
    while let Some(piece) = body.data().await {
        match piece {
            Ok(piece) => {
                body.flow_control().release_capacity(piece.len()).unwrap();
                answer.body.extend_from_slice(&piece);
            }
            Err(_) => {
                answer.whole = false;
                break;
            }
        }
    }
    answer
}

async fn one(
    stream: &mut (impl tokio::io::AsyncBufRead + tokio::io::AsyncWrite + Unpin),
    name: &str,
    asked: Request<()>,
) -> Whole {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {name}\r\n", asked.method(), asked.uri().path_and_query().unwrap());
    for (name, value) in asked.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).await.unwrap(), 0, "{head}");
    }
    let mut fields = HeaderMap::new();
    for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(": ")) {
        fields.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    let mut answer = Whole { status: head[9..12].parse().unwrap(), fields, body: Vec::new(), whole: true };
    if asked.method() == Method::HEAD || matches!(answer.status, 204 | 304) {
        return answer;
    }
    if let Some(length) = answer.field("content-length") {
        let length: usize = length.parse().unwrap();
        answer.body.resize(length, 0);
        answer.whole = stream.read_exact(&mut answer.body).await.is_ok();
    } else if answer.field("transfer-encoding").is_some() {
        answer.whole = chunks(stream, &mut answer.body).await.is_ok();
    } else {
        let _ = stream.read_to_end(&mut answer.body).await;
    }
    answer
}

async fn chunks(stream: &mut (impl tokio::io::AsyncBufRead + Unpin), body: &mut Vec<u8>) -> std::io::Result<()> {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _};
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(|_| std::io::ErrorKind::UnexpectedEof)?;
        let at = body.len();
        body.resize(at + size + 2, 0);
        stream.read_exact(&mut body[at..]).await?;
        body.truncate(at + size);
        if size == 0 {
            return Ok(());
        }
    }
}
