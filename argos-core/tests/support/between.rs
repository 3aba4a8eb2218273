//! Stands between Argos and an authority over TLS, and lets a test do with each request as it likes.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::pebble::TestCa;

/// One request as it passes.
pub struct Passing {
    /// Such as `POST /order-plz`.
    pub line: String,
    bytes: Vec<u8>,
    onward: Option<(SocketAddr, Arc<ClientConfig>)>,
}

impl Passing {
    /// The payload that was signed. Source: RFC 7515 §7.2.2.
    pub fn payload(&self) -> Value {
        let at = self.bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let signed: Value = serde_json::from_slice(&self.bytes[at + 4..]).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(signed["payload"].as_str().unwrap()).unwrap();
        serde_json::from_slice(&payload).unwrap()
    }

    /// What the authority answers, whole.
    pub fn onward(&self) -> Vec<u8> {
        let (address, config) = self.onward.as_ref().expect("an authority behind");
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
        let mut tls = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        tls.write_all(&self.bytes).unwrap();
        let mut answer = Vec::new();
        let _ = tls.read_to_end(&mut answer);
        answer
    }
}

/// An answer of the test's own.
pub fn answer(status: &str, fields: &[(&str, &str)], body: &str) -> Vec<u8> {
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{fields}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// A problem as authorities tell it. Source: RFC 8555 §6.7.
pub fn problem(status: &str, word: &str, detail: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let body = serde_json::json!({"type": format!("urn:ietf:params:acme:error:{word}"), "detail": detail});
    let mut all = vec![("Content-Type", "application/problem+json"), ("Replay-Nonce", "bm9uY2U")];
    all.extend_from_slice(fields);
    answer(status, &all, &body.to_string())
}

/// Listens until the process ends; each request is given to `act`, whose bytes are the answer: none = the connection
/// ends without one. Gives the port and the root to trust.
pub fn between(
    authority: Option<(u16, &str)>,
    act: impl Fn(&Passing) -> Vec<u8> + Send + Sync + 'static,
) -> (u16, String) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let onward = authority.map(|(port, root)| {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        (SocketAddr::from(([127, 0, 0, 1], port)), Arc::new(config))
    });
    let ca = TestCa::new();
    let (cert, key) = ca.sign();
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let act = Arc::new(act);
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let (config, onward, act) = (Arc::clone(&config), onward.clone(), Arc::clone(&act));
            std::thread::spawn(move || {
                let tls = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
                let mut reader = BufReader::new(tls);
                let Some(bytes) = request(&mut reader) else { return };
                let text = String::from_utf8_lossy(&bytes);
                let line = text.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
                let answer = act(&Passing { line, bytes, onward });
                let tls = reader.get_mut();
                if !answer.is_empty() {
                    let _ = tls.write_all(&answer);
                    tls.conn.send_close_notify();
                    let _ = tls.flush();
                }
            });
        }
    });
    (port, ca.root)
}

/// One request, made to end its connection.
fn request(from: &mut impl std::io::BufRead) -> Option<Vec<u8>> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            bytes.extend_from_slice(b"Connection: close\r\n\r\n");
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if !lower.starts_with("connection:") {
            bytes.extend_from_slice(line.as_bytes());
        }
    }
    let head = bytes.len();
    bytes.resize(head + length, 0);
    from.read_exact(&mut bytes[head..]).ok()?;
    Some(bytes)
}
