//! A few read-only connections that callers share.

use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Statements that each connection keeps prepared.
const STATEMENTS: usize = 128;

/// Read-only connections, made as they are first needed, at most `limit`; further readers wait for one.
#[derive(Debug)]
pub(super) struct Pool {
    path: PathBuf,
    limit: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    made: usize,
}

impl Pool {
    pub(super) fn new(path: &Path, limit: usize) -> Self {
        Self { path: path.to_owned(), limit: limit.max(1), state: Mutex::default(), freed: Condvar::new() }
    }

    /// Runs `look` on a connection, in one read transaction: all it reads is of one moment.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection) -> T) -> Result<T, StoreError> {
        let lent = Lent { pool: self, conn: Some(self.take()?) };
        let conn = lent.conn.as_ref().expect("it is taken back only on drop");
        conn.prepare_cached("BEGIN")?.execute([])?;
        let out = look(conn);
        conn.prepare_cached("COMMIT")?.execute([])?;
        Ok(out)
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(conn) = state.idle.pop() {
                return Ok(conn);
            }
            if state.made < self.limit {
                state.made += 1;
                drop(state);
                return open(&self.path).inspect_err(|_| self.give(None));
            }
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give(&self, conn: Option<Connection>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match conn {
            Some(conn) => state.idle.push(conn),
            None => state.made -= 1,
        }
        self.freed.notify_one();
    }
}

/// A connection that goes back when this is dropped, also when the reader panics.
struct Lent<'a> {
    pool: &'a Pool,
    conn: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let conn = self.conn.take();
        // After a panic or a failed statement the transaction may still be open: such a connection is closed.
        self.pool.give(conn.filter(Connection::is_autocommit));
    }
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "busy_timeout", 5000)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "query_only", true)?;
    keep_statements(&conn)?;
    Ok(conn)
}

/// Keeps statements prepared, whatever values are bound to them: a plan that depends on a value is made anew for each.
pub(super) fn keep_statements(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}
