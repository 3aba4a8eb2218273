//! Moves what the write-ahead log holds into the database file, beside the writer.
//!
//! SQLite would do it at the end of the commit that fills the log, and that change would wait for the disk twice.
//! Here a thread of its own does it from a connection of its own, while changes go on. Only where the log outgrows
//! it all the same does the writer lend a hand.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Pages in the log from which on they are moved: 4 MiB.
const PAGES: i32 = 1024;

/// Pages from which on the writer moves them itself: 64 MiB.
const MOST_PAGES: i32 = 16 * PAGES;

/// The thread, until [`Backfill::end`].
pub(super) struct Backfill {
    bell: SyncSender<Bell>,
    thread: JoinHandle<()>,
}

#[derive(PartialEq, Eq)]
enum Bell {
    /// The log is full.
    Full,
    /// The database is closed.
    End,
}

impl Backfill {
    /// Starts the thread, and has `writer` wake it whenever the log is full.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let own = Connection::open_with_flags(path, flags)?;
        // Only a connection that has read knows that there is a log.
        own.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        let (bell, woken) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("argos-backfill".into())
            .spawn(move || {
                // It gives way to nobody: a log that is not moved in time is moved by the writer, while a change waits.
                let mut failed = false;
                while woken.recv() == Ok(Bell::Full) {
                    let done = own.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                    // A full disk is told once, not after each change.
                    if let (Err(e), false) = (&done, failed) {
                        tracing::warn!("the write-ahead log was not moved into the database: {e}");
                    }
                    failed = done.is_err();
                }
            })
            .map_err(|e| StoreError::Folder(format!("starting the thread of the write-ahead log: {e}")))?;
        let wake = bell.clone();
        writer.wal_hook(Some(move |wal: &mut Wal, pages| {
            full(wal, pages, &wake);
            // The change is committed whatever becomes of the log.
            Ok(())
        }))?;
        Ok(Self { bell, thread })
    }

    /// Ends the thread and waits for it.
    pub(super) fn end(self) {
        // Both fail only when the thread is gone.
        let _ = self.bell.send(Bell::End);
        let _ = self.thread.join();
    }
}

fn full(wal: &mut Wal, pages: i32, bell: &SyncSender<Bell>) {
    if pages < PAGES {
        return;
    }
    // One that is at work already finds what came meanwhile at the next bell.
    let gone = matches!(bell.try_send(Bell::Full), Err(TrySendError::Disconnected(_)));
    if (gone || pages >= MOST_PAGES)
        && let Err(e) = wal.checkpoint()
    {
        tracing::warn!("the write-ahead log was not moved into the database: {e}");
    }
}
