//! What Argos does by itself: periodic jobs, and what serving needs before it begins.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ServerConfig;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Argos;
use super::change::in_transaction;
use crate::api::{Context, Method, Mutation, Operation};
use crate::certs;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::jobs::{JOBS, Job, Run, expiring_soon};
use crate::proxy::panel_terms;
use crate::schema::{Actor, Hostname, Role, csv};
use crate::store::{Read, Tx};

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
            for round in 0u64.. {
                if let Err(e) = argos.tend() {
                    tracing::error!("periodic work: {e}");
                }
                if round == 1
                    && let Err(e) = argos.remind()
                {
                    tracing::error!("certificates that end soon: {e}");
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
    /// once a minute. A job that fails keeps no other from being done.
    ///
    /// # Errors
    /// That of the first job that failed.
    pub fn tend(&self) -> Result<()> {
        let mut done = Ok(());
        for (at, job) in JOBS.iter().enumerate() {
            let ran = self.run_job(at, job);
            done = done.and(ran.map_err(|e| Error::new(e.kind(), "job.failed", format!("{}: {e}", job.name))));
        }
        // Whoever orders certificates looks at the time of day too.
        self.inner.cx.changed.notify_one();
        done
    }

    /// Runs a job as long as it is due.
    fn run_job(&self, at: usize, job: &Job) -> Result<()> {
        for _ in 0..AT_ONCE {
            if !self.view(|view| (job.due)(&view.read))? {
                break;
            }
            match job.run {
                Run::Configures(_) => {
                    self.acting(Actor::System, Default::default()).change(RunJob { job: at }).map(drop)?;
                }
                Run::Looks(run) => {
                    let now = self.inner.cx.clock.now();
                    let work = move |conn: &mut _| in_transaction(conn, now, Actor::System, run);
                    self.emit(self.inner.store.write(work)??);
                }
                Run::Reads(look, note) => self.look(look, note)?,
            }
        }
        Ok(())
    }

    /// Reads, notes until when, and tells what was found.
    fn look(
        &self,
        look: fn(&Read<'_>) -> Result<Vec<Event>>,
        note: fn(&Tx<'_>, Timestamp) -> Result<()>,
    ) -> Result<()> {
        let (events, at) = self.view(|view| Ok((look(&view.read)?, view.read.now())))?;
        let work = move |conn: &mut _| in_transaction(conn, at, Actor::System, |tx| note(tx, at));
        self.inner.store.write(work)??;
        self.emit(events);
        Ok(())
    }

    /// Tells once, soon after a start, which certificates end soon.
    fn remind(&self) -> Result<()> {
        self.emit(self.view(|view| expiring_soon(&view.read))?);
        Ok(())
    }

    fn emit(&self, events: Vec<Event>) {
        for event in events {
            self.inner.cx.events.emit(event);
        }
    }

    /// Makes what a TLS listener needs.
    pub(super) fn prepare_tls(&self) -> Result<()> {
        let names = vec![certs::FALLBACK_NAME.to_owned()];
        self.acting(Actor::System, Default::default()).change(PrepareTls { names }).map(drop)
    }

    /// How the panel speaks TLS at the addresses `reached`: with a certificate of the local CA for them, for loopback
    /// and for the names of `panel.allowed_hosts`, `panel.public_url` and `panel.proxy_host` as they are now. It is renewed
    /// in its time.
    ///
    /// # Errors
    /// Those of the database and of the local CA.
    pub fn panel_tls(&self, reached: &[IpAddr]) -> Result<Arc<ServerConfig>> {
        let mut names: Vec<String> = [certs::PANEL_NAME, "127.0.0.1", "::1"].map(str::to_owned).into();
        let literals = reached.iter().filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_canonical().to_string());
        let settings = Arc::clone(&self.snapshot().panel_settings);
        let public = settings.public_url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
        let allowed = csv(&settings.allowed_hosts).chain([public, &*settings.proxy_host]);
        let allowed = allowed.filter_map(|name| Hostname::parse(name).ok()).map(|name| name.to_string());
        for name in literals.chain(allowed) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        self.acting(Actor::System, Default::default()).change(PrepareTls { names })?;
        panel_terms(self.inner.live.clone(), &self.inner.cx.clock)
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
        match JOBS[self.job].run {
            Run::Configures(run) => run(tx, &cx.key),
            Run::Looks(_) | Run::Reads(..) => Ok(()),
        }
    }
}

/// Makes a certificate of the local CA that belongs to no host.
#[derive(Deserialize, JsonSchema)]
struct PrepareTls {
    names: Vec<String>,
}

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
        if certs::prepare(tx, &cx.key, &self.names)? {
            tx.about("create", "certificate", &self.names[0], None);
        }
        Ok(())
    }
}
