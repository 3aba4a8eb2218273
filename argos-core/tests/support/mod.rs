//! A proxy over real sockets on 127.0.0.1, with a configuration made by hand and upstreams that do as they are told.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod between;
mod folder;
pub mod frames;
pub mod hook;
pub mod knot;
pub mod pebble;
pub mod people;
pub mod quic;
pub mod receivers;
pub mod versions;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use argos_core::clock::Clock;
use argos_core::logs::Queue;
use argos_core::proxy::{Proxy, ServeOptions};
use argos_core::schema::{self, GroupId, HostId, LogEntry, RuleId, TargetId};
#[allow(unused_imports, reason = "each test file uses its part")]
pub use folder::{Folder, argos, shared};

use argos_core::snapshot::{AppsecSettings, Group, Host, HostTls, ProxySettings, Rule, Snapshot, Target};

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy.
pub struct Site {
    pub proxy: Proxy,
    pub live: Arc<ArcSwap<Snapshot>>,
    pub logs: Arc<Queue>,
    pub address: SocketAddr,
}

impl Site {
    pub fn start(live: Snapshot) -> Self {
        Self::with_threads(live, 1)
    }

    pub fn with_threads(live: Snapshot, threads: usize) -> Self {
        Self::with_options(live, ServeOptions { threads, ..ServeOptions::default() })
    }

    pub fn with_options(live: Snapshot, options: ServeOptions) -> Self {
        let live = Arc::new(ArcSwap::from_pointee(live));
        let logs = Arc::new(Queue::new(|| ()));
        let options = ServeOptions { http: vec!["127.0.0.1:0".parse().unwrap()], ..options };
        let proxy = Proxy::start(options, Arc::clone(&live), Arc::clone(&logs), Clock::system()).unwrap();
        let address = proxy.addresses()[0];
        Self { proxy, live, logs, address }
    }

    pub fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Sends `request` on a connection of its own and reads one answer.
    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect();
        client.send(request);
        client.answer()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"))
    }

    /// Stops the proxy and returns every row it wrote.
    pub fn rows(mut self) -> Vec<LogEntry> {
        self.proxy.stop(PATIENCE);
        let mut rows = Vec::new();
        loop {
            let mut taken = self.logs.take(1000);
            if taken.is_empty() {
                assert_eq!(rows.len() as u64 + self.logs.dropped().total(), self.logs.offered());
                return rows;
            }
            let mut row = LogEntry::new(schema::LogSource::Access, argos_core::clock::Timestamp(0), "");
            while taken.next_into(&mut row) {
                rows.push(row.clone());
            }
        }
    }
}

/// The only row of `source`.
pub fn only(rows: &[LogEntry], source: schema::LogSource) -> &LogEntry {
    let found: Vec<_> = rows.iter().filter(|r| r.source == source).collect();
    assert_eq!(found.len(), 1, "{rows:#?}");
    found[0]
}

/// A client connection.
pub struct Client {
    pub socket: TcpStream,
    pub reader: BufReader<TcpStream>,
}

impl Client {
    pub fn to(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { reader: BufReader::new(socket.try_clone().unwrap()), socket }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// The next answer to a request that was not `HEAD`.
    pub fn answer(&mut self) -> Answer {
        self.try_answer(false).expect("an answer")
    }

    pub fn answer_to_head(&mut self) -> Answer {
        self.try_answer(true).expect("an answer")
    }

    pub fn try_answer(&mut self, head_only: bool) -> Option<Answer> {
        let mut head = String::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.reader.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            let text = String::from_utf8_lossy(&line).into_owned();
            assert!(text.ends_with("\r\n"), "{text:?}");
            if text == "\r\n" {
                break;
            }
            head.push_str(&text);
        }
        let status: u16 = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new(), whole: true };
        if head_only || status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        if answer.header("transfer-encoding").is_some() {
            answer.whole = self.chunks(&mut answer.body).is_some();
        } else if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            let mut limited = (&mut self.reader).take(length as u64);
            let _ = limited.read_to_end(&mut answer.body);
            answer.whole = answer.body.len() == length;
        } else {
            let _ = self.reader.read_to_end(&mut answer.body);
        }
        Some(answer)
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
            let at = body.len();
            if size == 0 {
                loop {
                    line.clear();
                    self.reader.read_line(&mut line).ok()?;
                    if line == "\r\n" {
                        return Some(());
                    }
                }
            }
            body.resize(at + size + 2, 0);
            self.reader.read_exact(&mut body[at..]).ok()?;
            assert_eq!(&body[at + size..], b"\r\n");
            body.truncate(at + size);
        }
    }

    /// Whether the proxy has ended the connection, with nothing more to read.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

/// An answer as it was read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    pub whole: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|l| l.split_once(':'));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An upstream on a port of its own. Each connection has a thread that runs `act` until it returns.
pub struct Upstream {
    pub address: SocketAddr,
    pub received: Arc<Mutex<Vec<u8>>>,
}

/// One connection as an upstream sees it.
pub struct Served {
    pub socket: TcpStream,
    pub reader: BufReader<TcpStream>,
    pub received: Arc<Mutex<Vec<u8>>>,
    /// How many connections came before it.
    pub number: usize,
}

impl Upstream {
    pub fn run(act: impl Fn(&mut Served) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (all, act) = (Arc::clone(&received), Arc::new(act));
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                let Ok(socket) = socket else { return };
                let _ = socket.set_nodelay(true);
                let reader = BufReader::new(socket.try_clone().unwrap());
                let (received, act) = (Arc::clone(&all), Arc::clone(&act));
                std::thread::spawn(move || act(&mut Served { socket, reader, received, number }));
            }
        });
        Self { address, received }
    }

    /// Answers every request with `answer`, literally.
    pub fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::run(move |served| {
            while served.request().is_some() {
                served.say(&answer);
            }
        })
    }

    /// Answers every request with its own bytes as the body.
    pub fn echo() -> Self {
        Self::run(|served| {
            while let Some(request) = served.request() {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Served: yes\r\n\r\n", request.len());
                let body: &[u8] = if request.starts_with(b"HEAD ") { b"" } else { &request };
                served.say([head.as_bytes(), body].concat());
            }
        })
    }

    pub fn received(&self) -> String {
        String::from_utf8_lossy(&self.received.lock().unwrap()).into_owned()
    }
}

impl Served {
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.socket.write_all(bytes.as_ref());
    }

    /// The head of the next request.
    pub fn head(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let before = bytes.len();
            let n = self.reader.read_until(b'\n', &mut bytes).ok()?;
            self.received.lock().unwrap().extend_from_slice(&bytes[before..]);
            if n == 0 {
                return None;
            }
        }
        Some(bytes)
    }

    /// The next request with its body.
    pub fn request(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.head()?;
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let from = bytes.len();
        if let Some(length) = text.lines().find_map(|l| l.strip_prefix("content-length: ")) {
            bytes.resize(from + length.trim().parse::<usize>().unwrap(), 0);
            self.reader.read_exact(&mut bytes[from..]).ok()?;
        } else if text.contains("transfer-encoding: chunked") {
            while !bytes[from..].ends_with(b"0\r\n\r\n") {
                if self.reader.read_until(b'\n', &mut bytes).ok()? == 0 {
                    return None;
                }
            }
        }
        self.received.lock().unwrap().extend_from_slice(&bytes[from..]);
        Some(bytes)
    }
}

/// What a server makes of a key. Source: RFC 6455 §4.2.2.
pub fn accept(key: &str) -> String {
    use base64::Engine as _;
    use sha1::Digest as _;
    let digest = sha1::Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A port of 127.0.0.1 where nobody listens, and nobody else can until the tests end.
pub fn dead_address() -> SocketAddr {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address
}

pub fn target(id: i64, address: SocketAddr, weight: u32) -> Target {
    Target::plain(TargetId(id), address.ip().to_string().into(), address.port(), weight)
}

pub fn group(id: i64, targets: impl IntoIterator<Item = Target>) -> Group {
    Group::plain(GroupId(id), &format!("group {id}"), targets.into_iter().collect())
}

pub fn host(id: i64, domain: &str, group: i64) -> Host {
    Host {
        id: HostId(id),
        domain: domain.into(),
        enabled: true,
        group: GroupId(group),
        max_body_bytes: None,
        access_log: true,
        rules: Arc::default(),
        waf: None,
        limit: None,
        headers: None,
        compression: false,
        access: None,
        tls: HostTls::default(),
        fault: None,
    }
}

/// A compiled rule from the JSON of the API.
pub fn rule(id: i64, matchers: &str, action: &str) -> Rule {
    let rule = schema::Rule {
        id: RuleId(id),
        host_id: HostId(1),
        priority: id,
        name: String::new(),
        enabled: true,
        action: serde_json::from_str(action).unwrap(),
        matchers: serde_json::from_str(matchers).unwrap(),
        created_at: argos_core::clock::Timestamp(0),
        updated_at: argos_core::clock::Timestamp(0),
        warnings: Vec::new(),
    };
    Rule::compile(&rule).unwrap_or_else(|fault| panic!("{fault:?}"))
}

pub fn snapshot(hosts: impl IntoIterator<Item = Host>, groups: impl IntoIterator<Item = Group>) -> Snapshot {
    let mut live = Snapshot::default();
    live.hosts = live.hosts.with(hosts.into_iter().map(|h| (h.domain.clone(), Some(Arc::new(h)))));
    live.groups = live.groups.with(groups.into_iter().map(|g| (g.id, Some(Arc::new(g)))));
    live.masked = Arc::from(vec![Box::from("token")]);
    live
}

/// One catch-all host before `upstream`.
pub fn simple(upstream: SocketAddr) -> Snapshot {
    snapshot([host(1, "*", 1)], [group(1, [target(1, upstream, 1)])])
}

pub fn with_proxy(mut live: Snapshot, change: impl FnOnce(&mut ProxySettings)) -> Snapshot {
    let mut settings = ProxySettings::clone(&live.proxy);
    change(&mut settings);
    live.proxy = Arc::new(settings);
    live
}

pub fn with_appsec(mut live: Snapshot, change: impl FnOnce(&mut AppsecSettings)) -> Snapshot {
    let mut settings = AppsecSettings::clone(&live.appsec);
    change(&mut settings);
    live.appsec = Arc::new(settings);
    live
}
