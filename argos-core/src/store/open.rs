//! Opening: lock → look (nothing is written) → copy → migrate → key check → serve.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::key_check::{self, Check};
use super::lock::Lock;
use super::migrate::{self, Step};
use super::pool::{Pool, keep_statements};
use super::room;
use super::writer::Writer;
use crate::clock::Clock;
use crate::error::Result;
use crate::secret::{FoundKey, MasterKey, MasterKeySource};

/// How many copies made before a migration are kept.
const COPIES: usize = 3;

/// How a database is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The data folder; made if it does not exist.
    pub data_dir: PathBuf,
    /// Where the master key may come from.
    pub key: MasterKeySource,
    /// The time.
    pub clock: Clock,
    /// Makes a new database even where copies of an old one lie.
    pub create: bool,
    /// Read-only connections at most.
    pub readers: usize,
}

/// An open database: many readers, one writer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Dropped in this order: the folder is free only when the database is closed.
    pool: Pool,
    writer: Writer,
    #[expect(dead_code, reason = "held for the life of the store")]
    lock: Lock,
    folder: PathBuf,
}

impl Store {
    /// Opens the database of a folder, with its key.
    ///
    /// # Errors
    /// See [`StoreError`]; when the database is refused, its file is untouched.
    pub fn open(options: &OpenOptions) -> Result<(Self, MasterKey)> {
        Self::open_with(options, &migrate::steps())
    }

    /// As [`Store::open`] with other migrations, for tests of the contract.
    #[doc(hidden)]
    pub fn open_with(options: &OpenOptions, steps: &[Step]) -> Result<(Self, MasterKey)> {
        let folder = &options.data_dir;
        make_folder(folder)?;
        let lock = Lock::take(folder)?;
        let path = folder.join("argos.db");
        let existing = path.exists();
        if !existing && !options.create && has_copies(folder)? {
            return Err(StoreError::Missing.into());
        }
        let mut key = options.key.find()?;
        if existing {
            look(&path, key.as_ref(), steps)?;
        }
        let key = match key.take() {
            Some(found) => found.key,
            None => options.key.generate()?.key,
        };
        let conn = prepare(&path, options, steps, &key)?;
        let pool = Pool::new(&path, options.readers);
        let writer = Writer::start(conn, &path)?;
        Ok((Self(Arc::new(Inner { pool, writer, lock, folder: folder.clone() })), key))
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Runs `look` in one read transaction; waits while all readers are busy.
    ///
    /// # Errors
    /// Those of the database.
    pub fn read<T>(&self, look: impl FnOnce(&Connection) -> T) -> Result<T> {
        Ok(self.0.pool.read(look)?)
    }

    /// Runs `job` on the writer's thread and waits for its result.
    ///
    /// # Errors
    /// `store.writer_gone`; `internal` when the job panicked.
    pub fn write<T: Send + 'static>(&self, job: impl FnOnce(&mut Connection) -> T + Send + 'static) -> Result<T> {
        Ok(self.0.writer.run(job)?)
    }

    /// Puts `job` into the writer's queue and does not wait.
    ///
    /// # Errors
    /// `store.writer_gone`.
    pub fn submit(&self, job: impl FnOnce(&mut Connection) + Send + 'static) -> Result<()> {
        Ok(self.0.writer.submit(job)?)
    }

    /// Tells whether somebody waits for the writer: what can be put off should be. Does not keep the database open.
    pub(crate) fn awaited(&self) -> impl Fn() -> bool + Send + 'static {
        self.0.writer.awaited()
    }

    /// Looks whether the disk has room for a change.
    ///
    /// # Errors
    /// `store.disk_full`; `store.folder` when the data folder can't be written.
    pub fn check_room(&self) -> Result<()> {
        Ok(room::check(&self.0.folder)?)
    }

    /// A handle that does not keep the database open.
    pub(crate) fn downgrade(&self) -> impl Fn() -> Option<Self> + Send + Sync + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }
}

fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let fault = |e: std::io::Error| StoreError::Folder(format!("data folder {}: {e}", folder.display()));
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(fault)
}

/// Whether copies of a database or backups lie in the folder.
fn has_copies(folder: &Path) -> Result<bool, StoreError> {
    let backups = folder.join("backups");
    let full = std::fs::read_dir(backups).is_ok_and(|mut entries| entries.next().is_some());
    Ok(full || !copies(folder, "argos.db.before-")?.is_empty())
}

fn copies(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, StoreError> {
    let entries =
        std::fs::read_dir(folder).map_err(|e| StoreError::Folder(format!("data folder {}: {e}", folder.display())))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix)))
        .collect();
    found.sort();
    Ok(found)
}

/// Refuses a database that this version or this key can't open. Reads only.
fn look(path: &Path, key: Option<&FoundKey>, steps: &[Step]) -> Result<(), StoreError> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.pragma_update(None, "busy_timeout", 5000)?;
    migrate::missing(&db, steps)?;
    match key {
        Some(found) => key_check::look(&db, &found.key).map(drop),
        None if key_check::needs_key(&db)? => Err(StoreError::NoKey),
        None => Ok(()),
    }
}

/// The writing connection, with the schema of this version.
fn prepare(path: &Path, options: &OpenOptions, steps: &[Step], key: &MasterKey) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path)?;
    restrict(path)?;
    db.pragma_update(None, "busy_timeout", 5000)?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // A transaction of the log writer touches about 4 MiB of pages; what has no room here is written and read again.
    db.pragma_update(None, "cache_size", -8192)?;
    // What takes back half a statement of many rows is a few pages, and in a file it would be the writer's most work.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    let missing = migrate::missing(&db, steps)?;
    let now = options.clock.now();
    if let (Some(last), true) = (missing.last(), missing.len() < steps.len()) {
        copy(&db, &options.data_dir, &format!("{}-{}", last.version, now.0))?;
    }
    for step in missing {
        migrate::apply(&mut db, step, now)?;
    }
    if key_check::look(&db, key)? == Check::Absent {
        key_check::write(&db, key, now)?;
    }
    keep_statements(&db)?;
    Ok(db)
}

#[cfg(unix)]
fn restrict(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| StoreError::Folder(format!("{}: {e}", path.display())))
}

#[cfg(not(unix))]
fn restrict(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// An online copy before a migration; the newest three are kept.
fn copy(db: &Connection, folder: &Path, name: &str) -> Result<(), StoreError> {
    let prefix = "argos.db.before-migrate-";
    let path = folder.join(format!("{prefix}{name}"));
    // Made empty and closed to others first: a copy holds all that the database holds.
    std::fs::File::create(&path).map_err(|e| StoreError::Folder(format!("{}: {e}", path.display())))?;
    restrict(&path)?;
    db.backup("main", &path, None::<fn(rusqlite::backup::Progress)>)?;
    let mut old = copies(folder, prefix)?;
    old.sort_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
    let surplus = old.len().saturating_sub(COPIES);
    for path in &old[..surplus] {
        std::fs::remove_file(path).map_err(|e| StoreError::Folder(format!("{}: {e}", path.display())))?;
    }
    Ok(())
}
