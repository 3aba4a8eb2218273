//! A receiver of webhooks that remembers what it got and answers as it is told.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long something is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(240);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Got {
    pub line: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Got {
    pub fn key(&self) -> &str {
        &self.headers["idempotency-key"]
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// What a request is answered with: a status and header lines; none = never.
pub type Reply = Option<(u16, String)>;
type Answers = dyn Fn(&Got) -> Reply + Send + Sync;

struct State {
    got: Mutex<Vec<Got>>,
    came: Condvar,
    answers: Box<Answers>,
    ended: AtomicBool,
}

/// A running receiver. Dropped, it takes no more connections.
pub struct Hook {
    state: Arc<State>,
    pub address: SocketAddr,
}

impl Hook {
    /// One that takes everything.
    pub fn start() -> Self {
        Self::answering(|_| Some((204, String::new())))
    }

    pub fn answering(answers: impl Fn(&Got) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            got: Mutex::default(),
            came: Condvar::new(),
            answers: Box::new(answers),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if serving.ended.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&serving);
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { state, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All requests so far.
    pub fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// All requests once there are `count`.
    pub fn wait_for(&self, count: usize) -> Vec<Got> {
        let got = self.state.got.lock().unwrap();
        let (got, late) = self.state.came.wait_timeout_while(got, PATIENCE, |got| got.len() < count).unwrap();
        assert!(!late.timed_out(), "{} of {count} came", got.len());
        got.clone()
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(got) = read(&mut reader) {
        state.got.lock().unwrap().push(got.clone());
        state.came.notify_all();
        let answer = (state.answers)(&got);
        let Some((status, headers)) = answer else {
            // Until the client has enough.
            let _ = reader.read(&mut [0]);
            return;
        };
        let head = format!("HTTP/1.1 {status} As Told\r\nContent-Length: 0\r\n{headers}\r\n");
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Got> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut headers = HashMap::new();
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = field.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { line: line.trim_end().to_owned(), headers, body: String::from_utf8(body).unwrap() })
}

/// Asks until `found` finds it.
pub fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        pause();
    }
}

/// Gives others a turn: who asks all the time takes what those need that it waits for.
pub fn pause() {
    let (_kept, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(Duration::from_millis(5));
}
