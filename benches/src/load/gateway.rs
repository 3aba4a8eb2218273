//! An Argos of our own, in a folder of its own, and what it costs.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixStream;

/// Threads that write rows: their cost is looked at apart.
const APART: [&str; 2] = ["argos-writer", "argos-backfill"];
/// For the first answer, and for the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it is started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program.
    pub binary: PathBuf,
    /// Proxy threads.
    pub threads: usize,
    /// The one core that it may use; none = any.
    pub core: Option<usize>,
    /// Operations that fill its folder, by name.
    pub calls: Vec<(&'static str, Value)>,
    /// Further arguments of `serve`.
    pub more: Vec<String>,
}

/// A running Argos; stopped when it is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    folder: TempDir,
    /// Plain HTTP.
    pub http: SocketAddr,
    /// HTTP over TLS, and over QUIC where it is spoken.
    pub https: SocketAddr,
    /// The root that certificates are signed by, as PEM.
    pub root: String,
}

/// What it uses at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Use {
    /// KiB of resident memory.
    pub rss: u64,
    /// Open files.
    pub files: usize,
    /// Threads.
    pub threads: usize,
}

// Free in TCP and UDP, so that QUIC may have it too.
fn free_address() -> io::Result<SocketAddr> {
    loop {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
}

impl Gateway {
    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(plan: &Plan) -> io::Result<Self> {
        let folder = TempDir::new()?;
        let data = folder.path().join("data");
        let argos = |words: &[&str]| {
            let mut command = Command::new(&plan.binary);
            command.args(words).arg("--data-dir").arg(&data);
            command
        };
        let mut filler = argos(&["call", "-", "--create"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut lines) = filler.stdin.take() {
            for (call, input) in &plan.calls {
                writeln!(lines, "{}", json!({ "call": call, "input": input }))?;
            }
        }
        succeeded("filling the folder", filler.wait()?.success())?;
        let root = argos(&["certificate", "local_ca"]).stderr(Stdio::inherit()).output()?;
        succeeded("asking for the root", root.status.success())?;
        let (http, https) = (free_address()?, free_address()?);
        let mut command = match plan.core {
            Some(core) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["-c", &core.to_string()]).arg(&plan.binary);
                pinned
            }
            None => Command::new(&plan.binary),
        };
        command.args(["serve", "--panel", "off", "--log-level", "warn", "--grace", "5"]);
        command.args(["--http", &http.to_string(), "--https", &https.to_string(), "--data-dir"]).arg(&data);
        command.args(["--threads", &plan.threads.to_string()]).args(&plan.more).stdin(Stdio::null());
        let child = command.spawn()?;
        let root = String::from_utf8_lossy(&root.stdout).into_owned();
        let mut started = Self { child, folder, http, https, root };
        started.await_answer()?;
        Ok(started)
    }

    fn await_answer(&mut self) -> io::Result<()> {
        let since = Instant::now();
        while std::net::TcpStream::connect(self.https).is_err() || !self.socket().exists() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("Argos ended: {status}")));
            }
            succeeded("waiting for Argos", since.elapsed() < PATIENCE)?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("data/argos.sock")
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes in its folder.
    #[must_use]
    pub fn stored(&self) -> u64 {
        let files = fs::read_dir(self.folder.path().join("data")).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }

    /// One operation, by its route.
    ///
    /// # Errors
    /// When there is no answer, or one that refuses.
    pub async fn call(&self, method: Method, path: &str, input: Option<&Value>) -> Result<Value, String> {
        let text = |e: &dyn std::fmt::Display| format!("{method} {path}: {e}");
        let stream = UnixStream::connect(self.socket()).await.map_err(|e| text(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| text(&e))?;
        let driver = tokio::spawn(connection);
        let body = input.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
        let request = Request::builder().method(&method).uri(format!("/api/v1{path}")).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(Full::new(body));
        let answer = sender.send_request(request.map_err(|e| text(&e))?).await.map_err(|e| text(&e))?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(|e| text(&e))?.to_bytes();
        driver.abort();
        match status {
            StatusCode::NO_CONTENT => Ok(Value::Null),
            _ if status.is_success() => serde_json::from_slice(&bytes).map_err(|e| text(&e)),
            _ => Err(text(&format!("{status} {}", String::from_utf8_lossy(&bytes)))),
        }
    }

    /// Seconds of CPU so far: without the threads that write rows, and of all.
    #[must_use]
    pub fn cpu(&self) -> (f64, f64) {
        let (mut proxy, mut all) = (0, 0);
        for task in tasks(self.pid()) {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            let spent = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            let spent: u64 = spent.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            all += spent;
            if !APART.iter().any(|apart| name.starts_with(apart)) {
                proxy += spent;
            }
        }
        (proxy as f64 / 1e9, all as f64 / 1e9)
    }

    /// What it uses now.
    #[must_use]
    pub fn in_use(&self) -> Use {
        let process = PathBuf::from(format!("/proc/{}", self.pid()));
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0);
        let files = fs::read_dir(process.join("fd")).map_or(0, Iterator::count);
        Use { rss, files, threads: tasks(self.pid()).len() }
    }

    /// What its open files are, those of one name with how many they are.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, usize> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{}/fd", self.pid())).into_iter().flatten().flatten() {
            // One that is closed meanwhile is none.
            let Ok(target) = fs::read_link(entry.path()) else { continue };
            let name = target.to_string_lossy();
            let name = if name.starts_with("socket:") { "a socket" } else { &name };
            *files.entry(name.to_owned()).or_default() += 1;
        }
        files
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

fn tasks(pid: u32) -> Vec<PathBuf> {
    let list = fs::read_dir(Path::new("/proc").join(pid.to_string()).join("task"));
    list.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn succeeded(what: &str, well: bool) -> io::Result<()> {
    if well { Ok(()) } else { Err(io::Error::other(format!("{what} failed"))) }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        // It may have ended by itself.
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let since = Instant::now();
        while self.runs() && since.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
