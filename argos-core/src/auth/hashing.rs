//! Where passwords are hashed: a few threads that give way to those that answer requests, and a short queue.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::store::give_way;

/// Hashes that wait, at most.
const QUEUE: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they start with the first hash and end with this.
#[derive(Default)]
pub struct Hashing {
    jobs: OnceLock<SyncSender<Job>>,
    done: AtomicU64,
}

impl fmt::Debug for Hashing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashing").finish_non_exhaustive()
    }
}

impl Hashing {
    /// Runs `work` on one of the threads and waits for it.
    ///
    /// # Errors
    /// `hashing.busy` when the queue is full; it says to try again in a second.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, result) = sync_channel(1);
        let job: Job = Box::new(move || {
            // The caller may have given up; then nobody reads the result.
            let _ = done.send(work());
        });
        let busy = "too many passwords are being checked; try again in a second";
        match self.jobs.get_or_init(start).try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Error::new(ErrorKind::Unavailable, "hashing.busy", busy).with_retry_after(1));
            }
            Err(TrySendError::Disconnected(_)) => return Err(Error::internal("the threads that hash are gone")),
        }
        let made = result.recv().map_err(|_| Error::internal("hashing a password was cut off"));
        self.done.fetch_add(1, Ordering::Relaxed);
        made
    }

    /// How often work was done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

fn start() -> SyncSender<Job> {
    let (jobs, queue) = sync_channel::<Job>(QUEUE);
    let queue = Arc::new(Mutex::new(queue));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..(cores / 2).max(1) {
        let queue = Arc::clone(&queue);
        let started = std::thread::Builder::new().name("argos-hash".into()).spawn(move || {
            give_way();
            work(&queue);
        });
        if let Err(e) = started {
            tracing::error!("starting a thread that hashes: {e}");
        }
    }
    jobs
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_full_queue_is_refused_and_the_waiting_ones_are_done() {
        let hashing = Arc::new(Hashing::default());
        let threads = (std::thread::available_parallelism().map_or(1, usize::from) / 2).max(1);
        let (open, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (began, begun) = channel();
        let waiting: Vec<_> = (0..threads + QUEUE)
            .map(|n| {
                let (hashing, gate, began) = (Arc::clone(&hashing), Arc::clone(&gate), began.clone());
                std::thread::spawn(move || {
                    loop {
                        let (gate, began) = (Arc::clone(&gate), began.clone());
                        let work = move || {
                            began.send(()).unwrap();
                            gate.lock().unwrap().recv().unwrap();
                            n
                        };
                        match hashing.run(work) {
                            Ok(n) => return n,
                            // Another one has not been taken up yet.
                            Err(_) => std::thread::yield_now(),
                        }
                    }
                })
            })
            .collect();
        (0..threads).for_each(|_| begun.recv().unwrap());
        // Threads are busy; once the queue is full, one more is refused.
        let refused = loop {
            match hashing.jobs.get().unwrap().try_send(Box::new(|| ())) {
                Err(TrySendError::Full(_)) => break hashing.run(|| ()).unwrap_err(),
                _ => std::thread::yield_now(),
            }
        };
        assert_eq!((refused.code(), refused.retry_after()), ("hashing.busy", Some(1)));
        (0..threads + QUEUE).for_each(|_| open.send(()).unwrap());
        let mut done: Vec<usize> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
        done.sort_unstable();
        assert_eq!(done, (0..threads + QUEUE).collect::<Vec<_>>());
    }
}
