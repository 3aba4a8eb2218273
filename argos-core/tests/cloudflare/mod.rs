//! A server that answers as Cloudflare's API does, for zones and TXT records, and does what it is told once.
#![allow(unreachable_pub, reason = "a module of a test has no other users")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// The identity of its only zone.
pub const ZONE: &str = "0123456789abcdef0123456789abcdef";

/// What it does with the next call instead of answering it.
#[derive(Clone, Debug)]
pub enum Does {
    /// Refuses with a status, a code and a text.
    Refuse(u16, i64, &'static str),
    /// Answers what no program can read.
    Babble,
    /// Ends the connection without an answer.
    HangUp,
    /// Does as it was asked, then ends the connection without an answer.
    MakeAndHangUp,
    /// Does as it was asked, then says that it failed.
    MakeAndFail,
}

#[derive(Default)]
struct State {
    zone: String,
    token: String,
    records: Vec<Value>,
    next: Option<Does>,
    faults: Vec<String>,
    made: usize,
}

/// The running server.
pub struct Cloudflare {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Cloudflare {
    pub fn start(zone: &str, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { zone: zone.into(), token: token.into(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let of_server = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                // The first word ends the server.
                if serve(stream, &of_server).is_none() {
                    return;
                }
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    pub fn next(&self, does: Does) {
        self.state.lock().unwrap().next = Some(does);
    }

    /// The contents of the TXT records of `name`.
    pub fn txt(&self, name: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let mut found: Vec<String> = state.records.iter().filter(|r| r["name"] == name).map(content).collect();
        found.sort();
        found
    }

    /// Calls that no client of the API may make.
    pub fn faults(&self) -> Vec<String> {
        self.state.lock().unwrap().faults.clone()
    }

    /// How many records were made.
    pub fn made(&self) -> usize {
        self.state.lock().unwrap().made
    }
}

impl Drop for Cloudflare {
    fn drop(&mut self) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(b"END\r\n\r\n").unwrap();
    }
}

fn content(record: &Value) -> String {
    record["content"].as_str().unwrap().to_owned()
}

/// One call on one connection; None for the word that ends the server.
fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let mut words = head.first().map(String::as_str).unwrap_or_default().split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let header = |name: &str| {
        head[1..].iter().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let length = header("content-length").map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut state = state.lock().unwrap();
    let token = format!("Bearer {}", state.token);
    if header("authorization").as_deref() != Some(token.as_str()) {
        state.faults.push(format!("{method} {target}: no token"));
    }
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if !body.is_null() && header("content-type").as_deref() != Some("application/json") {
        state.faults.push(format!("{method} {target}: no content type"));
    }
    let next = state.next.take();
    let (status, answer) = match next {
        Some(Does::HangUp) => return Some(()),
        Some(Does::Babble) => (502, "<html>Bad gateway</html>".to_owned()),
        Some(Does::Refuse(status, code, text)) => (status, failure(code, text).to_string()),
        Some(Does::MakeAndHangUp) => {
            state.answer(&method, &target, &body);
            return Some(());
        }
        Some(Does::MakeAndFail) => {
            state.answer(&method, &target, &body);
            (500, failure(10_001, "internal").to_string())
        }
        None => {
            let (status, answer) = state.answer(&method, &target, &body);
            (status, answer.to_string())
        }
    };
    let mut stream = stream;
    let length = answer.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nRetry-After: 17\r\n\
         Connection: close\r\n\r\n{answer}"
    );
    Some(())
}

fn success(result: Value) -> (u16, Value) {
    (200, json!({ "success": true, "errors": [], "messages": [], "result": result }))
}

fn failure(code: i64, text: &str) -> Value {
    json!({ "success": false, "errors": [{ "code": code, "message": text }], "messages": [], "result": null })
}

impl State {
    fn answer(&mut self, method: &str, target: &str, body: &Value) -> (u16, Value) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        let records = format!("/client/v4/zones/{ZONE}/dns_records");
        match (method, path) {
            ("GET", "/client/v4/zones") => {
                let mine = asked("name") == Some(self.zone.as_str());
                success(if mine { json!([{ "id": ZONE, "name": self.zone, "status": "active" }]) } else { json!([]) })
            }
            ("POST", at) if at == records => {
                let known = |r: &Value| r["name"] == body["name"] && r["content"] == body["content"];
                let shaped = body["type"] == "TXT" && body["content"].as_str().is_some_and(|c| c.starts_with('"'));
                if !shaped || body["ttl"].as_i64().is_none_or(|ttl| ttl < 60) {
                    self.faults.push(format!("POST {body}"));
                }
                if self.records.iter().any(known) {
                    return (400, failure(81_058, "An identical record already exists."));
                }
                self.made += 1;
                let mut record = body.clone();
                record["id"] = json!(format!("{:032x}", self.made));
                self.records.push(record.clone());
                success(record)
            }
            ("GET", at) if at == records => {
                if asked("type") != Some("TXT") {
                    self.faults.push(format!("GET {target}"));
                }
                let found = self.records.iter().filter(|r| r["name"].as_str() == asked("name"));
                success(json!(found.collect::<Vec<_>>()))
            }
            ("DELETE", at) if at.starts_with(&records) => {
                let id = &at[records.len() + 1..];
                let before = self.records.len();
                self.records.retain(|r| r["id"] != id);
                if self.records.len() == before {
                    return (404, failure(81_044, "Record does not exist."));
                }
                success(json!({ "id": id }))
            }
            _ => {
                self.faults.push(format!("{method} {target}"));
                (404, failure(7003, "Could not route"))
            }
        }
    }
}
