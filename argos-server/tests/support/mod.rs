//! The real binary on free ports and a folder of the test's own, and a plain HTTP client.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A data folder that is removed at the end.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A command of the binary on this folder, in an environment without Argos variables.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_argos"));
        command.env_clear().args(args).arg("--data-dir").arg(self.data()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed and returns its JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json", "--create"]].concat();
        let out = self.run(&args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap_or(Value::Null)
    }
}

/// A running `argos serve`; stopped when dropped.
pub struct Server {
    child: Child,
    pub http: SocketAddr,
    pub panel: SocketAddr,
    pub log: Vec<String>,
    // Kept open: a process that can't write its log would fail.
    stderr: BufReader<std::process::ChildStderr>,
}

impl Server {
    pub fn start(folder: &Folder, extra: &[&str]) -> Self {
        let args =
            [&["serve", "--http", "127.0.0.1:0", "--https", "off", "--panel", "127.0.0.1:0", "--threads", "1"], extra]
                .concat();
        #[expect(clippy::zombie_processes, reason = "a server that ends while it starts fails the test at once")]
        let mut child = folder.command(&args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let (mut log, mut panel) = (Vec::new(), None);
        loop {
            let mut line = String::new();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "the server ended: {log:?}");
            let address = |line: &str, prefix: &str| {
                let rest = &line[line.find(prefix)? + prefix.len()..];
                rest.split(['/', '\n']).next().unwrap().trim().parse::<SocketAddr>().ok()
            };
            panel = panel.or_else(|| address(&line, "panel: http://")).or_else(|| address(&line, "panel: https://"));
            let http = address(&line, " http: http://");
            log.push(line);
            if let (Some(http), Some(panel)) = (http, panel) {
                return Self { child, http, panel, log, stderr };
            }
        }
    }

    /// Reads the process log until a line holds `text`.
    pub fn wait_for(&mut self, text: &str) {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "the server ended before it said {text:?}");
            let found = line.contains(text);
            self.log.push(line);
            if found {
                return;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The most memory that the process ever held, in bytes.
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
    }

    /// Asks the process to stop and waits; whether it ended well.
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// Ends the process without a chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| {
            let (n, v) = l.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim())
        })
    }
}

/// Sends one request and reads the answer to its end.
pub fn ask(to: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, method, target, headers, body)
}

/// As [`ask`] over the data folder's socket.
pub fn ask_socket(folder: &Folder, method: &str, target: &str, body: &str) -> Answer {
    let stream = UnixStream::connect(folder.data().join("argos.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, method, target, &[("Content-Type", "application/json")], body)
}

fn exchange(mut s: impl Read + Write, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut text = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
        text.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    s.write_all(text.as_bytes()).unwrap();
    let mut all = Vec::new();
    s.read_to_end(&mut all).unwrap();
    let all = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Calls the API with a token.
pub fn api(server: &Server, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    ask(server.panel, method, &format!("/api/v1{path}"), &headers, body)
}

/// A token of `role`, made at the command line.
pub fn token(folder: &Folder, role: &str) -> String {
    let made = folder.json(&["token", "create", role, "--role", role]);
    made["token"].as_str().unwrap().to_owned()
}
