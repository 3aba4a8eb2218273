//! The HTTP API inside TLS.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{Folder, Server};

#[test]
fn the_api_is_reached_over_tls_by_its_names_and_addresses() {
    let folder = Folder::new();
    let server = Server::start(&folder, &["--panel-tls"]);
    let pem = folder.run(&["certificate", "local_ca"]).stdout;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    // One that says nothing keeps nobody waiting.
    let _silent = TcpStream::connect(server.panel).unwrap();
    for name in ["localhost", "127.0.0.1"] {
        let socket = TcpStream::connect(server.panel).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let server_name = ServerName::try_from(name).unwrap();
        let mut tls = StreamOwned::new(ClientConnection::new(Arc::clone(&config), server_name).unwrap(), socket);
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{name}: {answer}");
    }
    // A start with the same names makes nothing anew.
    let listed = |folder: &Folder| folder.json(&["certificate", "list"])["items"].clone();
    let before = listed(&folder);
    assert!(server.stop());
    let again = Server::start(&folder, &["--panel-tls"]);
    assert_eq!(listed(&folder), before);
    assert!(again.stop());
}
