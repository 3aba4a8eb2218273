//! The WAF's own file: one JSON object a line for each request that is worth one.
//!
//! A thread of its own writes, so that no request waits for the disk. Lines that come faster than it writes are
//! dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Error, ErrorKind, Result};

/// Lines that may wait.
const WAITING: usize = 8192;

/// An open audit log.
#[derive(Debug)]
pub struct AuditLog {
    all: bool,
    lines: Mutex<Option<SyncSender<Message>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

enum Message {
    Line(String),
    /// Opens the file anew: its name may mean another file now.
    Reopen,
}

impl AuditLog {
    /// Opens `path` for appending; `all` asks for a line for each inspected request.
    ///
    /// # Errors
    /// `waf.audit_log` when the file can't be opened.
    pub fn open(path: &Path, all: bool) -> Result<Self> {
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Unavailable, "waf.audit_log", format!("can't write {}: {e}", path.display()))
        };
        let file = append(path).map_err(failed)?;
        let (lines, received) = sync_channel(WAITING);
        let path = path.to_owned();
        let work = move || write(&path, file, &received);
        let thread = std::thread::Builder::new().name("argos-waf-audit".into()).spawn(work).map_err(failed)?;
        Ok(Self { all, lines: Mutex::new(Some(lines)), thread: Mutex::new(Some(thread)), lost: Arc::default() })
    }

    /// Whether requests without a finding have a line too.
    #[must_use]
    pub fn all(&self) -> bool {
        self.all
    }

    /// Adds a line, its line end left out.
    pub fn write(&self, line: String) {
        if self.send(Message::Line(line)) {
            return;
        }
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the WAF audit log is slower than the requests: lines are dropped");
        }
    }

    /// Opens the file anew, behind the lines that wait.
    pub fn reopen(&self) {
        if !self.send(Message::Reopen) {
            tracing::warn!("the WAF audit log is too busy to be opened anew; ask again");
        }
    }

    /// Lines that were dropped.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes what waits and closes the file; later lines are lost.
    pub fn close(&self) {
        drop(lock(&self.lines).take());
        if let Some(thread) = lock(&self.thread).take() {
            // It ends when the last line is written.
            let _ = thread.join();
        }
    }

    fn send(&self, message: Message) -> bool {
        match lock(&self.lines).as_ref().map(|lines| lines.try_send(message)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn append(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    // Who may read it may read what clients send.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

fn write(path: &Path, file: File, received: &Receiver<Message>) {
    let mut file = BufWriter::new(file);
    let mut fine = true;
    let mut note = |result: std::io::Result<()>| {
        // Told once for each time it begins: a full disk would fill the process log too.
        if let (Err(e), true) = (&result, fine) {
            tracing::error!("the WAF audit log {} is not written: {e}", path.display());
        }
        fine = result.is_ok();
    };
    while let Ok(first) = received.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => note(writeln!(file, "{line}")),
                Message::Reopen => {
                    note(file.flush());
                    match append(path) {
                        Ok(new) => file = BufWriter::new(new),
                        // The old file goes on.
                        Err(e) => note(Err(e)),
                    }
                }
            }
            next = received.try_recv().ok();
        }
        note(file.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_and_a_moved_file_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("a.log"), folder.path().join("a.log.1"));
        std::fs::write(&path, "before\n").unwrap();
        let log = AuditLog::open(&path, true).unwrap();
        log.write("one".into());
        log.close();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\none\n");
        let log = AuditLog::open(&path, false).unwrap();
        log.write("two".into());
        std::fs::rename(&path, &moved).unwrap();
        log.reopen();
        log.write("three".into());
        log.close();
        log.write("late".into());
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "before\none\ntwo\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
        assert_eq!(log.lost(), 1);
        assert!(AuditLog::open(&folder.path().join("no/such/folder"), true).is_err());
    }
}
