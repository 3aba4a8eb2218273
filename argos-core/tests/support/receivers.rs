//! Receivers of notifications that others made, each a process on a free port of 127.0.0.1. Dropped, it ends.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver as Lines, channel};
use std::time::Duration;

use serde_json::{Value, json};

/// How long a line is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a receiver is started whose port somebody else may take meanwhile.
const TRIES: usize = 5;

/// A running receiver.
pub struct Receiver {
    child: Child,
    lines: Lines<String>,
    pub address: SocketAddr,
}

impl Receiver {
    /// A stand-in for Telegram (telegram-test-api). None where it is not installed: then the test says so.
    pub fn telegram() -> Option<Self> {
        Self::node("telegram.js")
    }

    /// A stand-in for the push services of browsers (web-push-testing). None where it is not installed.
    pub fn push() -> Option<Self> {
        Self::node("push.js")
    }

    /// A program of ours in `tests/receivers` that Python runs, for which aiosmtpd is installed. None where it is not.
    pub fn python(script: &str, args: &[&str]) -> Option<Self> {
        let python = installed("mail")?.join("bin/python");
        Some(Self::start(|| {
            let mut command = Command::new(&python);
            command.arg("-u").arg(ours(script)).args(args);
            command
        }))
    }

    fn node(script: &str) -> Option<Self> {
        let modules = installed("web")?.join("node_modules");
        Some(Self::start(|| {
            let mut command = Command::new("node");
            command.arg(ours(script)).arg(&modules);
            command
        }))
    }

    /// Starts what says `listens at <port>` when it does, and ends when its standard input does.
    fn start(command: impl Fn() -> Command) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let mut command = command();
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
            let mut child = command.spawn().unwrap();
            let out = BufReader::new(child.stdout.take().unwrap());
            let (say, lines) = channel();
            std::thread::spawn(move || {
                // Read to the end, so that the process never waits for a reader.
                for line in out.lines().map_while(Result::ok) {
                    let _ = say.send(line);
                }
            });
            let mut this = Self { child, lines, address: (Ipv4Addr::LOCALHOST, 0).into() };
            while let Ok(line) = this.lines.recv_timeout(PATIENCE) {
                if let Some(port) = line.strip_prefix("listens at ") {
                    this.address.set_port(port.parse().unwrap());
                    return this;
                }
                said += &(line + "\n");
            }
        }
        panic!("a receiver did not start in {TRIES} tries:\n{said}");
    }

    /// Asks it as a test does, not as Argos.
    pub fn ask(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json";
        write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
    }

    /// What a bot sent to the stand-in for Telegram.
    pub fn telegrams(&self, token: &str) -> Vec<Value> {
        let all = self.ask("/getUpdatesHistory", &json!({"token": token}));
        all["result"].as_array().unwrap().iter().map(|update| update["message"].clone()).collect()
    }

    /// What the stand-in for push services opened of what was sent to one of its browsers.
    pub fn pushed(&self, client: &str) -> Vec<String> {
        let data = self.ask("/get-notifications", &json!({"clientHash": client}))["data"].take();
        serde_json::from_value(data["messages"].clone()).unwrap()
    }

    /// The next line that it writes.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }
}

/// The parts of a mail, as Python reads them.
pub fn opened(mail: &Value) -> Value {
    let script = "import sys, json, email, email.policy
mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = {p.get_content_type(): p.get_content() for p in mail.walk() if not p.is_multipart()}
print(json.dumps({k: v.replace('\\r\\n', '\\n') for k, v in parts.items()}))";
    let mut python = Command::new("python3");
    python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail["content"].as_str().unwrap().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ours(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/receivers").join(script)
}

/// The folder that `scripts/setup-receivers` has filled.
fn installed(part: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("receivers").join(part);
    if !folder.join("installed").is_file() {
        println!("not run: receivers of notifications are not there; scripts/setup-receivers fetches them");
        return None;
    }
    Some(folder)
}
