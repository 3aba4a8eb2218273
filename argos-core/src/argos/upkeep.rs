//! What Argos does by itself: periodic jobs, and what serving needs before it begins.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Argos;
use super::change::in_transaction;
use crate::api::{Context, Method, Mutation, Operation};
use crate::certs;
use crate::error::{Error, Result};
use crate::jobs::JOBS;
use crate::schema::{Actor, Role};
use crate::store::Tx;

/// Between two looks for jobs that are due.
const EVERY: Duration = Duration::from_secs(60);
/// Changes in a row that one look makes of one job; the rest waits for the next.
const AT_ONCE: usize = 1000;

/// The thread that looks for due jobs; dropped, it ends.
#[derive(Debug)]
pub(super) struct Upkeep {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    pub(super) fn start(argos: Argos) -> Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            loop {
                if let Err(e) = argos.tend() {
                    tracing::error!("periodic work: {e}");
                }
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("argos-upkeep".into()).spawn(work);
        let thread = thread.map_err(|e| Error::internal(format!("starting the thread of periodic work: {e}")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of periodic work panicked");
        }
    }
}

impl Argos {
    /// Does the periodic work that is due by now, such as renewing certificates. While Argos serves, a thread calls this
    /// once a minute.
    ///
    /// # Errors
    /// Those of the jobs.
    pub fn tend(&self) -> Result<()> {
        for (at, job) in JOBS.iter().enumerate() {
            for _ in 0..AT_ONCE {
                if !self.view(|view| (job.due)(&view.read))? {
                    break;
                }
                let done = if job.configures {
                    self.acting(Actor::System, Default::default()).change(RunJob { job: at }).map(drop)
                } else {
                    let (now, key) = (self.inner.cx.clock.now(), self.inner.cx.key.clone());
                    let work = move |conn: &mut _| in_transaction(conn, now, Actor::System, |tx| (job.run)(tx, &key));
                    self.inner.store.write(work)?
                };
                done.map_err(|e| Error::new(e.kind(), "job.failed", format!("{}: {e}", job.name)))?;
            }
        }
        Ok(())
    }

    /// Makes what a TLS listener needs.
    pub(super) fn prepare_tls(&self) -> Result<()> {
        self.acting(Actor::System, Default::default()).change(PrepareTls {}).map(drop)
    }
}

/// Runs one of the jobs.
#[derive(Deserialize, JsonSchema)]
struct RunJob {
    job: usize,
}

impl Operation for RunJob {
    type Output = ();
    const NAME: &'static str = "jobs.run";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/jobs";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 204;
    const SUMMARY: &'static str = "Runs a periodic job; nobody can ask for it.";
}

impl Mutation for RunJob {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        (JOBS[self.job].run)(tx, &cx.key)
    }
}

/// Makes the local CA and the certificate for names that no host has.
#[derive(Deserialize, JsonSchema)]
struct PrepareTls {}

impl Operation for PrepareTls {
    type Output = ();
    const NAME: &'static str = "certificates.prepare";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/certificates/prepare";
    const ROLE: Option<Role> = None;
    const STATUS: u16 = 204;
    const SUMMARY: &'static str = "Makes what a TLS listener needs; nobody can ask for it.";
}

impl Mutation for PrepareTls {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        if certs::prepare(tx, &cx.key)? {
            tx.about("create", "certificate", certs::FALLBACK_NAME, None);
        }
        Ok(())
    }
}
