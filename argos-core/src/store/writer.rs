//! The one writing connection, on a thread of its own.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::StoreError;
use super::wal::Backfill;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Runs jobs one after the other; when dropped, finishes those that wait and closes the connection.
pub(super) struct Writer {
    jobs: Mutex<Option<Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Jobs that somebody waits for and that have not begun.
    awaited: Arc<AtomicUsize>,
}

impl Writer {
    pub(super) fn start(mut conn: Connection, path: &Path) -> Result<Self, StoreError> {
        let backfill = Backfill::start(path, &mut conn)?;
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("argos-writer".into())
            .spawn(move || work(conn, &queue, backfill))
            .map_err(|e| StoreError::Folder(format!("starting the database writer: {e}")))?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), thread: Mutex::new(Some(thread)), awaited: Arc::default() })
    }

    /// Puts a job in the queue and does not wait for it.
    pub(super) fn submit(&self, job: impl FnOnce(&mut Connection) + Send + 'static) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = jobs.as_ref().map(|jobs| jobs.send(Box::new(job)));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(StoreError::WriterGone),
        }
    }

    /// Runs a job and waits for its result.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = sync_channel(1);
        let turn = Turn::new(&self.awaited);
        self.submit(move |conn| {
            drop(turn);
            // The caller may have given up; then nobody reads the result.
            let _ = done.send(job(conn));
        })?;
        // A job that panicked dropped its end without a result.
        result.recv().map_err(|_| StoreError::Panicked)
    }

    /// Tells whether somebody waits for a job that has not begun.
    pub(super) fn awaited(&self) -> impl Fn() -> bool + Send + 'static {
        let awaited = Arc::clone(&self.awaited);
        move || awaited.load(Ordering::Relaxed) > 0
    }
}

/// A job that is waited for, until it begins or is dropped.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn new(awaited: &Arc<AtomicUsize>) -> Self {
        awaited.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(awaited))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn work(mut conn: Connection, queue: &Receiver<Job>, backfill: Backfill) {
    while let Ok(job) = queue.recv() {
        if catch_unwind(AssertUnwindSafe(|| job(&mut conn))).is_err() {
            tracing::error!("a database job panicked; its transaction was rolled back");
        }
        // Most often dropping the transaction has rolled it back. None may reach into the next job.
        if !conn.is_autocommit()
            && let Err(e) = conn.execute_batch("ROLLBACK")
        {
            tracing::error!("an open transaction was not rolled back: {e}");
        }
    }
    backfill.end();
    for closing in ["PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        if let Err(e) = conn.execute_batch(closing) {
            tracing::warn!("closing the database: {closing}: {e}");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last handle may be dropped by a job on the writer itself, which can't wait for its own end.
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}
