//! What can go wrong with the database.

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// A fault of the database or its folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process holds the lock.
    #[error("data folder is in use by process {0}")]
    InUse(String),
    /// The database has a step that this version does not know.
    #[error("the database is newer than this version: it has migration {0}")]
    Newer(String),
    /// An applied step has another checksum.
    #[error("migration {0} was edited after it was applied")]
    Edited(String),
    /// Copies of a database lie here, but no database.
    #[error("database missing; restore one or pass --create")]
    Missing,
    /// A key check is stored and no key is given.
    #[error("database is encrypted with a master key that was not given")]
    NoKey,
    /// The key does not open the key check.
    #[error("the master key does not match this database (generation {generation}, created {created})")]
    WrongKey {
        /// The stored generation.
        generation: String,
        /// When the database was made.
        created: String,
    },
    /// The folder or a file in it.
    #[error("{0}")]
    Folder(String),
    /// The disk has no room for a change.
    #[error("no room on the disk for a change: {0}")]
    NoRoom(String),
    /// A step of a migration.
    #[error("migration {version}: {fault}")]
    Migration {
        /// The step.
        version: String,
        /// What went wrong.
        fault: String,
    },
    /// The writer's thread is gone.
    #[error("the database writer has stopped")]
    WriterGone,
    /// A job of the writer panicked; its transaction was rolled back.
    #[error("a database job failed inside Argos; nothing was written")]
    Panicked,
    /// SQLite's own.
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl From<StoreError> for Error {
    fn from(e: StoreError) -> Self {
        let text = e.to_string();
        let (kind, code) = match &e {
            StoreError::InUse(_) => (ErrorKind::Conflict, "store.in_use"),
            StoreError::Newer(_) => (ErrorKind::Corrupt, "store.newer_database"),
            StoreError::Edited(_) => (ErrorKind::Corrupt, "store.migration_edited"),
            StoreError::Missing => (ErrorKind::NotFound, "store.missing"),
            StoreError::NoKey => (ErrorKind::Corrupt, "store.no_key"),
            StoreError::WrongKey { .. } => (ErrorKind::Corrupt, "store.wrong_key"),
            StoreError::Folder(_) => (ErrorKind::Unavailable, "store.folder"),
            StoreError::NoRoom(_) => (ErrorKind::Unavailable, "store.disk_full"),
            StoreError::Migration { .. } => (ErrorKind::Corrupt, "store.migration"),
            StoreError::WriterGone => (ErrorKind::Unavailable, "store.writer_gone"),
            StoreError::Panicked => (ErrorKind::Internal, "internal"),
            StoreError::Sqlite(fault) => return sqlite(fault, text),
        };
        Self::new(kind, code, text)
    }
}

/// Uniqueness is the caller's conflict, a full disk the machine's; all else is a fault of Argos.
fn sqlite(fault: &rusqlite::Error, text: String) -> Error {
    let message = fault.to_string();
    let unique = message.split_once("UNIQUE constraint failed: ").map(|(_, columns)| columns);
    if let Some(columns) = unique {
        let field = columns.split(", ").last().and_then(|c| c.split_once('.')).map_or("", |(_, column)| column);
        return Error::conflict("store.not_unique", field, format!("{columns} must be unique"));
    }
    match fault.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) if message.contains("FOREIGN KEY") => {
            Error::new(ErrorKind::Conflict, "store.referenced", "something else refers to this row")
        }
        Some(ErrorCode::DiskFull) => Error::new(ErrorKind::Unavailable, "store.disk_full", text),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::new(ErrorKind::Unavailable, "store.busy", text)
        }
        Some(
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure,
        ) => Error::new(ErrorKind::Unavailable, "store.unwritable", text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::new(ErrorKind::Corrupt, "store.corrupt", text)
        }
        _ => Error::new(ErrorKind::Internal, "internal", text),
    }
}
