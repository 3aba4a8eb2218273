//! A certificate authority for one test: Pebble with a DNS of its own, on ports of its own. Dropped, both end.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, IsCa, Issuer, KeyPair, SanType,
};
use serde_json::{Value, json};

/// How a test's authority differs from the usual.
#[derive(Default)]
pub struct PebbleOptions {
    /// Where names are looked up; none = a server that knows 127.0.0.1 for every name.
    pub dns: Option<SocketAddr>,
    /// Further configuration of Pebble.
    pub config: Option<Value>,
    /// Requests in a hundred whose nonce is refused, good as it is.
    pub refused_nonces: u8,
}

/// A running authority.
pub struct Pebble {
    /// Its directory.
    pub directory: String,
    /// The root that its own TLS certificate is signed by, as PEM.
    pub root: String,
    pub port: u16,
    /// Where it looks names up.
    pub resolver: SocketAddr,
    management: u16,
    dns: Option<u16>,
    servers: Vec<Child>,
    _folder: tempfile::TempDir,
}

impl Drop for Pebble {
    fn drop(&mut self) {
        self.end();
    }
}

/// Where the authority's programs are, if they were fetched.
pub fn programs() -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("pebble/usr/bin");
    if !found.join("pebble").is_file() {
        println!("not run: Pebble is not there; scripts/setup-acme fetches it");
        return None;
    }
    Some(found)
}

/// A port that is free, below those that the system gives to connections, and that no other test of this process gets.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % 150 * 100).unwrap();
    loop {
        let port = 12_000 + (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % 15_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An authority of a test's own: signs what servers on loopback show.
pub struct TestCa {
    pub root: String,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Root of a test");
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().pem();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// Signs a request to sign for another name than it asks for.
    pub fn sign_for(&self, request: &[u8], name: &str) -> String {
        let der = rustls::pki_types::CertificateSigningRequestDer::from(request.to_vec());
        let mut request = CertificateSigningRequestParams::from_der(&der).unwrap();
        request.params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        request.signed_by(&self.issuer).unwrap().pem()
    }

    /// A certificate and key for 127.0.0.1 and localhost.
    pub fn sign(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (cert.pem(), key.serialize_pem())
    }
}

impl Pebble {
    /// Ends its servers.
    pub fn end(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// An authority that looks for proofs at the ports `http` and `tls` of 127.0.0.1; none where it was not fetched.
    pub fn start(http: u16, tls: u16, options: PebbleOptions) -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let ca = TestCa::new();
        let (cert, key) = ca.sign();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("cert.pem"), cert).unwrap();
        std::fs::write(path("key.pem"), key).unwrap();
        let mut servers = Vec::new();
        let mut own_dns = None;
        let (port, management) = (free_port(), free_port());
        let dns = options.dns.unwrap_or_else(|| {
            let (dns, manage) = (free_port(), free_port());
            let mut server = Command::new(programs.join("pebble-challtestsrv"));
            server.args(["-dns01", &format!("127.0.0.1:{dns}"), "-management", &format!("127.0.0.1:{manage}")]);
            server.args(["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""]);
            servers.push(ready(&mut server, "Starting management server"));
            own_dns = Some(manage);
            reached(manage);
            SocketAddr::from(([127, 0, 0, 1], dns))
        });
        let mut config = json!({"pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": path("cert.pem"), "privateKey": path("key.pem"),
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "",
            "externalAccountBindingRequired": false, "certificateValidityPeriod": 7_776_000,
            "retryAfter": {"authz": 1, "order": 1},
        }});
        for (name, value) in options.config.iter().flat_map(|more| more.as_object().unwrap()) {
            config["pebble"][name] = value.clone();
        }
        std::fs::write(path("config.json"), config.to_string()).unwrap();
        let mut server = Command::new(programs.join("pebble"));
        server.arg("-config").arg(path("config.json")).args(["-strict", "-dnsserver", &dns.to_string()]);
        server.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        server.env("PEBBLE_WFE_NONCEREJECT", options.refused_nonces.to_string());
        servers.push(ready(&mut server, "ACME directory available"));
        reached(port);
        let directory = format!("https://127.0.0.1:{port}/dir");
        Some(Self { directory, root: ca.root, port, resolver: dns, management, dns: own_dns, servers, _folder: folder })
    }

    /// The root that signs certificates, as PEM.
    pub fn signing_root(&self) -> String {
        self.manage("GET", "/roots/0", "")
    }

    /// How the authority's own records show the certificate with this serial number.
    pub fn status_by_serial(&self, serial: &str) -> String {
        self.manage("GET", &format!("/cert-status-by-serial/{serial}"), "")
    }

    /// Tells the DNS server of this authority something, such as `add-a`.
    pub fn tell_dns(&self, what: &str, value: &Value) {
        let answer = http(self.dns.expect("a DNS server of its own"), "POST", &format!("/{what}"), &value.to_string());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    pub fn manage(&self, method: &str, path: &str, body: &str) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--insecure", "--request", method, "--data-binary", body]);
        let output = curl.arg(format!("https://127.0.0.1:{}{path}", self.management)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A request over plain HTTP; the whole answer.
fn http(port: u16, method: &str, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// The started program, once it has said `word`. What it says later goes nowhere.
pub fn ready(command: &mut Command, word: &str) -> Child {
    let shown = format!("{command:?}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (said, heard) = std::sync::mpsc::channel();
    for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
        let said = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let _ = said.send(line);
            }
        });
    }
    drop(said);
    let mut all = String::new();
    loop {
        match heard.recv_timeout(std::time::Duration::from_secs(20)) {
            Ok(line) if line.contains(word) => return child,
            Ok(line) => all += &(line + "\n"),
            Err(_) => {
                let _ = child.kill();
                panic!("{shown} did not say {word:?}:\n{all}");
            }
        }
    }
}

/// Waits until something listens there: it was said to, so this ends soon.
pub fn reached(port: u16) {
    for _ in 0..10_000 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("nothing listens at {port}");
}
