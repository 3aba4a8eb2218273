//! One change, one function: check → write → audit → compile → commit → swap, on the writer's thread.
//!
//! The writer's turn is held until after the swap, so swaps happen in commit order. What is refused leaves no
//! trace but its error.

use rusqlite::{Connection, TransactionBehavior};

use super::{Applied, Argos, Inner};
use crate::api::{Mutation, Terms, View};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::schema::{Actor, ApiToken};
use crate::snapshot;
use crate::store::{Origin, Read, StoreError, Tx, audit, settings, tokens, versions};

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
        let done = transact(conn, now, actor, keep, |tx| {
            terms.check(&op, &View { read: **tx, live: self.live.load_full(), cx: &self.cx })?;
            let value = op.run(tx, &self.cx)?;
            tx.settle();
            if !tx.wrote() {
                return Ok((Applied { value, generation: None }, None));
            }
            let Some(subject) = tx.subject() else {
                return Err(Error::internal(format!("{} did not say what it is about", M::NAME)));
            };
            let changes = tx.changes();
            if changes.is_empty() {
                drop(changes);
                audit::record(tx, &subject, origin, None)?;
                return Ok((Applied { value, generation: None }, None));
            }
            let generation = versions::generation(tx)? + 1;
            let next = snapshot::compile(tx, &self.live.load(), &changes, generation, &self.rule_sets)?;
            drop(changes);
            if !keep {
                return Ok((Applied { value, generation: None }, None));
            }
            let summary = format!("{} {} {}", subject.action, subject.resource_type, subject.resource_id);
            versions::record(tx, &summary)?;
            audit::record(tx, &subject, origin, Some(generation))?;
            Ok((Applied { value, generation: Some(generation) }, Some(next)))
        });
        if full.as_deref() == Some("full") {
            conn.pragma_update(None, "synchronous", "NORMAL").map_err(StoreError::from)?;
        }
        let (applied, next) = done?;
        if let Some(next) = next {
            self.live.store(next.into());
        }
        Ok(applied)
    }
}

/// Runs `work` in a transaction that is committed when it succeeds and rolled back when it doesn't.
pub(super) fn in_transaction<T>(
    conn: &mut Connection,
    now: Timestamp,
    actor: Actor,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Result<T> {
    transact(conn, now, actor, true, work)
}

/// As [`in_transaction`]; unless `keep`, it is rolled back in every case.
fn transact<T>(
    conn: &mut Connection,
    now: Timestamp,
    actor: Actor,
    keep: bool,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> Result<T> {
    let open = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
    let done = work(&Tx::new(&open, now, actor))?;
    let ended = if keep { open.commit() } else { open.rollback() };
    ended.map_err(StoreError::from)?;
    Ok(done)
}

fn tend(conn: &mut Connection, now: Timestamp, generation: u64) -> Result<()> {
    if versions::wants_checkpoint(generation) {
        in_transaction(conn, now, Actor::System, |tx| versions::checkpoint(tx, generation))?;
    }
    if let Some(oldest) = versions::wants_prune(&Read::new(conn, now))? {
        in_transaction(conn, now, Actor::System, |tx| versions::prune(tx, oldest))?;
    }
    Ok(())
}

impl Argos {
    /// Writes the full copy of the configuration where one is due and drops generations beyond
    /// `config.history_max`: after the swap, so that no change waits for it.
    pub(super) fn tend_history(&self, generation: u64) {
        // The job holds nothing that keeps the database open: closing does not wait for its own writer.
        let now = self.inner.cx.clock.now();
        let sent = self.inner.store.submit(move |conn| {
            if let Err(e) = tend(conn, now, generation) {
                tracing::error!("the history of the configuration was not tended at generation {generation}: {e}");
            }
        });
        if let Err(e) = sent {
            tracing::error!("the history of the configuration was not tended at generation {generation}: {e}");
        }
    }

    /// Notes that a token was used, at most once a minute.
    pub(super) fn touch(&self, token: &ApiToken) {
        let now = self.inner.cx.clock.now();
        if token.last_used_at.is_some_and(|at| now.0 - at.0 < TOUCH_EVERY_MS) {
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
