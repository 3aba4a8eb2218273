//! One change, one function: check → write → audit → compile → commit → swap, on the writer's thread.
//!
//! The writer's turn is held until after the swap, so swaps happen in commit order. What is refused leaves no
//! trace but its error.

use rusqlite::{Connection, TransactionBehavior};

use super::{Applied, Argos, Inner};
use crate::api::{Mutation, Terms, View};
use crate::certs;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::event::{ConfigChange, Event};
use crate::schema::{Actor, ApiToken};
use crate::snapshot;
use crate::store::{Origin, Read, StoreError, Subject, Tx, audit, settings, tokens, versions};

/// How long the use of a token may go unnoted.
const TOUCH_EVERY_MS: i64 = 60_000;

impl Inner {
    pub(super) fn run<M: Mutation>(
        &self,
        conn: &mut Connection,
        actor: Actor,
        origin: &Origin,
        terms: &Terms,
        op: M,
    ) -> Result<Applied<M::Output>> {
        let now = self.cx.clock.now();
        let full = settings::value(&Read::new(conn, now), "storage.mutation_synchronous")?;
        if full.as_deref() == Some("full") {
            // Inside a transaction SQLite refuses to change it.
            conn.pragma_update(None, "synchronous", "FULL").map_err(StoreError::from)?;
        }
        let keep = !terms.dry_run;
        let done = transact(conn, now, actor, origin.clone(), keep, |tx| {
            let (live, actor, origin) = (self.live.load_full(), tx.actor(), tx.origin());
            terms.check(&op, &View { read: **tx, live, actor, origin, cx: &self.cx })?;
            let value = op.run(tx, &self.cx)?;
            let cookies = tx.take_cookies();
            certs::follow(tx, &self.cx.key)?;
            tx.settle();
            if !tx.wrote() {
                return Ok((Applied { value, generation: None, cookies }, None));
            }
            let Some(subject) = tx.subject() else {
                if tx.is_audited() && tx.changes().is_empty() {
                    return Ok((Applied { value, generation: None, cookies }, None));
                }
                return Err(Error::internal(format!("{} did not say what it is about", M::NAME)));
            };
            if M::RELOADS {
                let next = snapshot::reload(tx, &self.live.load(), &self.cx.rules)?;
                audit::record(tx, &subject, None)?;
                return Ok((Applied { value, generation: None, cookies }, Some(next)));
            }
            let changes = tx.changes();
            if changes.is_empty() {
                drop(changes);
                audit::record(tx, &subject, None)?;
                return Ok((Applied { value, generation: None, cookies }, None));
            }
            let generation = versions::generation(tx)? + 1;
            let next = snapshot::compile(tx, &self.live.load(), &changes, generation, &self.cx.rules)?;
            drop(changes);
            if !keep {
                return Ok((Applied { value, generation: None, cookies }, None));
            }
            let summary = format!("{} {} {}", subject.action, subject.resource_type, subject.resource_id);
            versions::record(tx, &summary)?;
            audit::record(tx, &subject, Some(generation))?;
            tx.emit(config_change(tx, &subject, generation, summary));
            Ok((Applied { value, generation: Some(generation), cookies }, Some(next)))
        });
        if full.as_deref() == Some("full") {
            conn.pragma_update(None, "synchronous", "NORMAL").map_err(StoreError::from)?;
        }
        if done.people {
            self.cx.sessions.forget();
        }
        let stored = done.result.map(|(applied, next)| {
            if let Some(next) = next {
                if next.rules != self.live.load().rules {
                    self.cx.lookout.rules_loaded();
                }
                self.live.store(next.into());
            }
            applied
        });
        // Behind the swap: who hears of a change finds it done. A refusal that keeps what was written tells of it too.
        for event in done.events {
            self.cx.events.emit(event);
        }
        stored
    }
}

/// The event of a new generation.
fn config_change(tx: &Tx<'_>, subject: &Subject, generation: u64, summary: String) -> Event {
    let facts = ConfigChange {
        user: tx.actor().label(),
        action: subject.action.to_owned(),
        resource_type: subject.resource_type.to_owned(),
        resource_id: subject.resource_id.clone(),
        generation,
        summary,
    };
    match &subject.host {
        Some((id, domain)) => Event::of_host(tx.now(), (*id, domain), facts),
        None => Event::of_system(tx.now(), facts),
    }
}

/// How a transaction ended.
pub(super) struct Done<T> {
    pub(super) result: Result<T>,
    /// Whether what memory knows of people no longer holds.
    pub(super) people: bool,
    /// What is to be told of it; nothing unless it was stored.
    pub(super) events: Vec<Event>,
}

/// Runs `work` in a transaction that is committed when it succeeds and rolled back when it doesn't.
pub(super) fn in_transaction<T>(
    conn: &mut Connection,
    now: Timestamp,
    actor: Actor,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Result<T> {
    transact(conn, now, actor, Origin::default(), true, work).result
}

/// As [`in_transaction`], for what comes from outside and is no operation.
pub(super) fn noted<T>(
    conn: &mut Connection,
    now: Timestamp,
    actor: Actor,
    origin: Origin,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Done<T> {
    transact(conn, now, actor, origin, true, work)
}

/// As [`in_transaction`]; unless `keep`, it is rolled back in every case. A refusal that keeps what was written is
/// committed.
fn transact<T>(
    conn: &mut Connection,
    now: Timestamp,
    actor: Actor,
    origin: Origin,
    keep: bool,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Done<T> {
    let open = match conn.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(open) => open,
        Err(e) => return Done { result: Err(StoreError::from(e).into()), people: false, events: Vec::new() },
    };
    let (done, undo, people, events) = {
        let tx = Tx::new(&open, now, actor).from(origin);
        (work(&tx), tx.undo(), tx.has_changed_people(), tx.take_events())
    };
    let keep = keep && done.as_ref().map_or_else(Error::is_kept, |_| true);
    let ended = if keep { open.commit() } else { open.rollback() };
    let stored = keep && ended.is_ok();
    let result = match ended {
        // What a rollback says does not matter beside why it was made.
        Err(e) if keep || done.is_ok() => Err(StoreError::from(e).into()),
        _ => done,
    };
    if result.is_err() || !keep {
        undo();
    }
    Done { result, people: keep && people, events: if stored { events } else { Vec::new() } }
}

impl Argos {
    /// Notes that a token was used, at most once a minute.
    pub(super) fn touch(&self, token: &ApiToken) {
        let now = self.inner.cx.clock.now();
        // A use in the future was noted before the clock was set back.
        if token.last_used_at.is_some_and(|at| (0..TOUCH_EVERY_MS).contains(&(now.0 - at.0))) {
            return;
        }
        let id = token.id;
        let sent = self.inner.store.submit(move |conn| {
            if let Err(e) = in_transaction(conn, now, Actor::System, |tx| tokens::touch(tx, id)) {
                tracing::warn!("the use of token {id} was not noted: {e}");
            }
        });
        if let Err(e) = sent {
            tracing::warn!("the use of token {id} was not noted: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::Deserialize;

    use crate::api::{Context, Method, Mutation, Operation, SetSetting};
    use crate::error::{Error, Result};
    use crate::schema::Role;
    use crate::store::Tx;
    use crate::{Argos, Options};

    /// Tells from inside a change how its commit will be written: 1 = normal, 2 = full.
    #[derive(Deserialize, JsonSchema)]
    struct AskSynchronous {}

    impl Operation for AskSynchronous {
        type Output = i64;
        const NAME: &'static str = "test.synchronous";
        const METHOD: Method = Method::Post;
        const PATH: &'static str = "/test";
        const ROLE: Option<Role> = None;
        const STATUS: u16 = 200;
        const SUMMARY: &'static str = "Tells how a commit is written.";
    }

    impl Mutation for AskSynchronous {
        fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<i64> {
            let mode = tx.one("PRAGMA synchronous", [], |r| r.get(0))?;
            mode.ok_or_else(|| Error::internal("the pragma has a value"))
        }
    }

    #[test]
    fn full_waits_for_the_disk_at_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let argos = Argos::open(Options::new(folder.path().join("data"))).unwrap();
        let set = |value: &str| {
            let op = SetSetting { key: "storage.mutation_synchronous".into(), value: value.into() };
            argos.settings().set(op).unwrap();
        };
        let mode = || argos.change(AskSynchronous {}).unwrap().value;
        assert_eq!(mode(), 1);
        set("full");
        assert_eq!(mode(), 2);
        set("normal");
        assert_eq!(mode(), 1);
    }
}
