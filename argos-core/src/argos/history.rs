//! What kept generations need after a change: full copies, and the end of old ones.
//!
//! It is worked out on a thread of its own from a read-only connection, so neither a change nor a request waits for
//! it; the writer gets only what is ready to be written. A kill in between loses nothing but the copy, and no
//! generation needs one to be reached.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::change::in_transaction;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::schema::Actor;
use crate::store::versions::{self, Tending};
use crate::store::{Read, Store, give_way};

/// The thread; dropped, it finishes what it was told and ends.
pub(super) struct History {
    notes: Mutex<Option<Sender<Note>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    // Each step that the writer still has holds one more.
    steps: Arc<()>,
}

enum Note {
    /// A generation was made.
    Made(u64),
    /// Tell when all before this is handed to the writer.
    Rest(SyncSender<()>),
}

impl History {
    pub(super) fn start(store: &Store, clock: Clock) -> Result<Self> {
        let (notes, told) = channel();
        let steps = Arc::new(());
        let work = Work { store: Box::new(store.downgrade()), clock, steps: Arc::clone(&steps) };
        let thread = std::thread::Builder::new()
            .name("argos-history".into())
            .spawn(move || work.run(&told))
            .map_err(|e| Error::internal(format!("starting the thread of the history: {e}")))?;
        Ok(Self { notes: Mutex::new(Some(notes)), thread: Mutex::new(Some(thread)), steps })
    }

    /// Says that a generation was made; waits for nothing.
    pub(super) fn made(&self, generation: u64) {
        self.tell(Note::Made(generation));
    }

    /// Waits until everything that was due is handed to the writer.
    pub(super) fn rest(&self) {
        let (done, wait) = sync_channel(1);
        self.tell(Note::Rest(done));
        // A thread that is gone has nothing left to do.
        let _ = wait.recv();
    }

    /// Whether the writer still has something of it to do.
    pub(super) fn is_busy(&self) -> bool {
        Arc::strong_count(&self.steps) > 2
    }

    fn tell(&self, note: Note) {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.as_ref().is_none_or(|notes| notes.send(note).is_err()) {
            tracing::error!("the thread of the history is gone; it starts anew with the process");
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        drop(self.notes.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread never waits for the writer, so this ends also on the writer's own thread.
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

struct Work {
    // Does not keep the database open.
    store: Box<dyn Fn() -> Option<Store> + Send>,
    clock: Clock,
    steps: Arc<()>,
}

impl Work {
    fn run(self, told: &Receiver<Note>) {
        give_way();
        while let Ok(first) = told.recv() {
            let (mut made, mut waiting) = (Vec::new(), Vec::new());
            for note in std::iter::once(first).chain(told.try_iter()) {
                match note {
                    Note::Made(generation) => made.push(generation),
                    Note::Rest(done) => waiting.push(done),
                }
            }
            if let (Some(last), Some(store)) = (made.last(), (self.store)())
                && let Err(e) = self.tend(&store, &made)
            {
                tracing::error!("the history of the configuration was not tended at generation {last}: {e}");
            }
            for done in waiting {
                // Who asked may have given up.
                let _ = done.send(());
            }
        }
    }

    fn tend(&self, store: &Store, made: &[u64]) -> Result<()> {
        let due = store.read(|conn| versions::tending(&Read::new(conn, self.clock.now()), made))??;
        write(store, due, self.clock.clone(), Arc::clone(&self.steps))
    }
}

/// Has the writer write it, step by step; between two a waiting change gets its turn.
fn write(store: &Store, mut due: Tending, clock: Clock, step: Arc<()>) -> Result<()> {
    if due.is_empty() {
        return Ok(());
    }
    let again = store.downgrade();
    store.submit(move |conn| {
        let more = in_transaction(conn, clock.now(), Actor::System, |tx| versions::tend(tx, &mut due));
        let done = match (more, again()) {
            (Ok(true), Some(store)) => write(&store, due, clock, step),
            (more, _) => {
                drop(step);
                more.map(drop)
            }
        };
        if let Err(e) = done {
            tracing::error!("the history of the configuration was not tended: {e}");
        }
    })
}
