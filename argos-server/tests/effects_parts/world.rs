//! A running Argos, upstreams that do as they are told, and what is looked at when it has stopped.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use argos_core::api::input::fill_path;
use argos_core::api::{Described, Method, describe};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Answer, Folder, Server, ask, ask_socket};

/// How long what must happen may take. Less than the shortest timeout that Argos has by default.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// The value of `crs.path` that all cases run under, whatever rule set this machine has.
pub const BASELINE: &str = "baseline";

/// A look at the database once every log row is written.
type Later = Box<dyn FnOnce(&Connection)>;

pub struct World {
    pub folder: Folder,
    pub server: Server,
    operations: BTreeMap<&'static str, Described>,
    pub called: RefCell<BTreeSet<&'static str>>,
    touched: RefCell<BTreeSet<String>>,
    later: RefCell<Vec<(String, Later)>>,
    number: Cell<u32>,
    pub trying: RefCell<String>,
}

/// A host of its own before an upstream.
pub struct Site {
    pub host: i64,
    pub group: i64,
    pub domain: String,
}

impl World {
    pub fn start() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, &[]);
        let operations = describe().into_iter().map(|op| (op.name, op)).collect();
        let world = Self {
            folder,
            server,
            operations,
            called: RefCell::default(),
            touched: RefCell::default(),
            later: RefCell::default(),
            number: Cell::new(0),
            trying: RefCell::default(),
        };
        world.call("settings.set", json!({"key": "crs.path", "value": BASELINE}));
        world
    }

    /// Asks an operation over the data folder's socket: status and answer.
    pub fn ask(&self, name: &str, input: Value) -> (u16, Value) {
        let op = &self.operations[name];
        let mut fields = input.as_object().unwrap().clone();
        let mut target = format!("/api/v1{}", fill_path(op.path, |field| fields.remove(field)).unwrap());
        let mut body = String::new();
        if op.method == Method::Get {
            let words: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", plain(v))).collect();
            target = format!("{target}?{}", words.join("&"));
        } else if !fields.is_empty() {
            body = Value::Object(fields).to_string();
        }
        let answer = ask_socket(&self.folder, op.method.as_str(), &target, &body);
        if answer.status < 300 && op.mutates {
            self.called.borrow_mut().insert(op.name);
        }
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// Asks an operation that must succeed.
    pub fn call(&self, name: &str, input: Value) -> Value {
        let (status, value) = self.ask(name, input.clone());
        assert!((200..300).contains(&status), "{}: {name} {input}: {status} {value}", self.trying.borrow());
        value
    }

    /// Replaces a thing by what is shown of it, with one field changed.
    pub fn replace(&self, resource: &str, key: Value, field: &str, value: Value) {
        let name = format!("{resource}.replace");
        let known = self.operations[name.as_str()].input["properties"].as_object().unwrap();
        let shown = self.call(&format!("{resource}.get"), key.clone());
        let mut input = key;
        for (name, value) in shown.as_object().unwrap().iter().filter(|(name, _)| known.contains_key(*name)) {
            input[name] = value.clone();
        }
        input[field] = value.clone();
        assert_eq!(self.call(&name, input)[field], value, "{name} {field}");
    }

    /// Sets a setting until the end of the case.
    pub fn set(&self, key: &str, value: &str) {
        self.touched.borrow_mut().insert(key.to_owned());
        self.call("settings.set", json!({"key": key, "value": value}));
    }

    /// Ends a case: settings go back.
    pub fn tidy(&self) {
        for key in std::mem::take(&mut *self.touched.borrow_mut()) {
            self.call("settings.reset", json!({"key": key}));
        }
    }

    /// A name that nothing else has.
    pub fn name(&self) -> String {
        self.number.set(self.number.get() + 1);
        format!("n{}.test", self.number.get())
    }

    /// A new host before one upstream, its WAF off.
    pub fn site(&self, upstream: SocketAddr) -> Site {
        self.site_with(json!([target(upstream)]))
    }

    pub fn site_with(&self, targets: Value) -> Site {
        let domain = self.name();
        let made = self
            .call("hosts.create", json!({"domain": domain, "tls_mode": "none", "target_group": {"targets": targets}}));
        let host = made["id"].as_i64().unwrap();
        self.call("security.update", json!({"host_id": host, "waf_enabled": false}));
        Site { host, group: made["target_group_id"].as_i64().unwrap(), domain }
    }

    /// A new host whose WAF blocks.
    pub fn guarded(&self, upstream: SocketAddr) -> Site {
        let site = self.site(upstream);
        self.security(&site, json!({"waf_enabled": true, "waf_mode": "block"}));
        site
    }

    pub fn security(&self, site: &Site, change: Value) {
        self.call("security.update", merged(json!({"host_id": site.host}), change));
    }

    /// A new group before one upstream.
    pub fn group(&self, upstream: SocketAddr) -> i64 {
        let input = json!({"name": self.name(), "targets": [target(upstream)]});
        self.call("target_groups.create", input)["id"].as_i64().unwrap()
    }

    pub fn get(&self, site: &Site, path: &str) -> Answer {
        self.request(site, "GET", path, &[], "")
    }

    pub fn request(&self, site: &Site, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [&[("Host", site.domain.as_str())], headers].concat();
        ask(self.server.http, method, path, &headers, body)
    }

    /// A connection to the proxy that has sent `bytes`.
    pub fn send(&self, bytes: &str) -> BufReader<TcpStream> {
        let mut socket = TcpStream::connect(self.server.http).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(bytes.as_bytes()).unwrap();
        BufReader::new(socket)
    }

    /// Looks at the database when Argos has stopped and every log row is written.
    pub fn later(&self, look: impl FnOnce(&Connection) + 'static) {
        self.later.borrow_mut().push((self.trying.borrow().clone(), Box::new(look)));
    }

    /// How many rows of the log there will be for a domain.
    pub fn expect_rows(&self, domain: &str, condition: &'static str, rows: i64) {
        let domain = domain.to_owned();
        self.later(move |db| {
            let sql = format!("SELECT count(*) FROM log_entries WHERE host_domain = ?1 AND {condition}");
            let found: i64 = db.query_row(&sql, [&domain], |r| r.get(0)).unwrap();
            assert_eq!(found, rows, "rows of {domain} with {condition}");
        });
    }

    /// Stops Argos and looks at what was written.
    pub fn end(self) -> Connection {
        assert!(self.server.stop());
        let db = Connection::open(self.folder.data().join("argos.db")).unwrap();
        for (what, look) in self.later.into_inner() {
            eprintln!("{what}: what was written");
            look(&db);
        }
        db
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Both objects as one.
pub fn merged(mut one: Value, other: Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

pub fn target(address: SocketAddr) -> Value {
    json!({"host": address.ip().to_string(), "port": address.port()})
}

/// Whether the other end closes, with nothing more to read.
pub fn is_closed(connection: &mut BufReader<TcpStream>) -> bool {
    matches!(connection.read(&mut [0; 1]), Ok(0))
}

/// The first line of the next answer; empty when there is none.
pub fn first_line(connection: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let _ = connection.read_line(&mut line);
    line.trim_end().to_owned()
}

/// Reads one request's head with its body.
fn request(from: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        if from.read_line(&mut text).ok()? == 0 {
            return None;
        }
    }
    let length = text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).ok()?;
    Some(text + &String::from_utf8_lossy(&body))
}

/// An upstream on a port of its own that answers with what `say` makes of each request; nothing for `None`.
pub fn upstream(say: impl Fn(&str) -> Option<String> + Clone + Send + 'static) -> SocketAddr {
    upstream_with(say).0
}

/// As [`upstream`], with news of every connection that the proxy has closed.
pub fn upstream_with(say: impl Fn(&str) -> Option<String> + Clone + Send + 'static) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (ended, news) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (say, ended) = (say.clone(), ended.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(socket.unwrap());
                while let Some(text) = request(&mut reader) {
                    if let Some(answer) = say(&text) {
                        let _ = reader.get_mut().write_all(answer.as_bytes());
                    }
                }
                let _ = ended.send(());
            });
        }
    });
    (address, news)
}

pub fn ok(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Answers every request with its own text.
pub fn echo() -> SocketAddr {
    upstream(|text| Some(ok("text/plain", text)))
}

/// Answers every request with `text`.
pub fn saying(text: &'static str) -> SocketAddr {
    upstream(move |_| Some(ok("text/plain", text)))
}

/// Takes every request and answers none.
pub fn silent() -> SocketAddr {
    upstream(|_| None)
}

/// An address where nobody listens, and nobody else can until the tests end.
pub fn dead() -> SocketAddr {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    address
}

/// An address whose queue is full: who connects gets neither yes nor no.
pub fn full() -> SocketAddr {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(socket);
    // The queue takes one or two; the last of these hangs, which is how it shows that it is full.
    while let Ok(waiting) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        std::mem::forget(waiting);
    }
    address
}

/// A resolver that knows no name, and the questions it was asked.
pub fn resolver() -> (SocketAddr, Receiver<Vec<u8>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (asked, questions) = channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            // The name is a row of labels, each behind its length; type and class follow.
            let mut end = 12;
            while buffer[end] != 0 {
                end += usize::from(buffer[end]) + 1;
            }
            let mut answer = buffer[..end + 5].to_vec();
            // An answer, recursion offered, no such name; one question and nothing else.
            answer[2..12].copy_from_slice(&[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
            if asked.send(buffer[..length].to_vec()).is_err() {
                return;
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    (address, questions)
}
