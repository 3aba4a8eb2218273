//! A command that places and removes records. No shell reads it.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::DnsFault;
use crate::error::{Error, Result as Checked};
use crate::schema::{COMMAND_SECONDS, DnsConfig};

/// What is shown of what it says: the end.
const SHOWN: usize = 400;
/// Where commands that it calls are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long is waited for the last words of a command that ended: a child of it may hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A command and its time.
#[derive(Clone)]
pub(super) struct Exec {
    command: String,
    time: Duration,
}

impl Exec {
    pub(super) fn new(config: &DnsConfig) -> Self {
        let seconds = config.timeout_seconds.unwrap_or(COMMAND_SECONDS).unsigned_abs();
        Self { command: config.command.clone().unwrap_or_default(), time: Duration::from_secs(seconds) }
    }

    /// Runs `command verb fqdn value`. It gets a fixed `PATH`, `LANG` and nothing else of the environment, in which
    /// the master key may be; its folder is `/`.
    pub(super) async fn run(&self, verb: &'static str, fqdn: &str, value: &str) -> Result<(), DnsFault> {
        let fault = |reason: String| DnsFault::Command { command: self.command.clone(), verb, reason };
        let mut command = Command::new(&self.command);
        command
            .args([verb, fqdn, value])
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| fault(format!("can't be started: {e}")))?;
        let mut group = Group::of(&child);
        let words = child.stderr.take().map(|pipe| tokio::spawn(tail(pipe)));
        let ended = match timeout(self.time, child.wait()).await {
            Ok(ended) => {
                group.leave();
                ended.map(Some)
            }
            Err(_) => {
                drop(group);
                // Without an error it is over; with one it was over before.
                let _ = child.kill().await;
                Ok(None)
            }
        };
        let said = match words {
            Some(mut words) => {
                let said = timeout(LAST_WORDS, &mut words).await.ok().and_then(Result::ok).unwrap_or_default();
                words.abort();
                said
            }
            None => String::new(),
        };
        match ended {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(fault(with_words(&how(status), &said))),
            Ok(None) => {
                let text = format!("did not end within {} s and was stopped", self.time.as_secs());
                Err(fault(with_words(&text, &said)))
            }
            Err(e) => Err(fault(e.to_string())),
        }
    }
}

/// Refuses a command that can't be run on this machine.
///
/// # Errors
/// `dns_provider.config`.
pub(crate) fn check_command(config: &DnsConfig) -> Checked<()> {
    let Some(path) = &config.command else { return Ok(()) };
    let refused = |reason: String| Err(Error::invalid("dns_provider.config", "config.command", reason));
    match std::fs::metadata(path) {
        Ok(file) if file.is_file() && may_run(&file) => Ok(()),
        Ok(_) => refused(format!("{path} is no file that may be run: chmod +x it")),
        Err(e) => refused(format!("{path}: {e}")),
    }
}

#[cfg(unix)]
fn may_run(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_run(_: &std::fs::Metadata) -> bool {
    true
}

/// The command and whatever it started: ended when this is dropped, also because nobody waits for it any more.
struct Group(Option<u32>);

impl Group {
    /// That of `child`, which leads it.
    fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Ends nobody: the command has ended, and its number may become another's.
    fn leave(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(group) = self.0.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            // It can be gone already.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("ended with code {code}"),
        None => format!("ended by {status}"),
    }
}

fn with_words(text: &str, said: &str) -> String {
    if said.is_empty() { text.to_owned() } else { format!("{text}: {said}") }
}

/// The end of what comes, on one line.
async fn tail(mut pipe: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(length) = pipe.read(&mut piece).await
        && length > 0
    {
        kept.extend_from_slice(&piece[..length]);
        if kept.len() > 2 * SHOWN {
            kept.drain(..kept.len() - SHOWN);
        }
    }
    kept.drain(..kept.len().saturating_sub(SHOWN));
    let text = String::from_utf8_lossy(&kept);
    let words: Vec<&str> = text.split(|c: char| c.is_control()).map(str::trim).filter(|w| !w.is_empty()).collect();
    words.join(" | ")
}
