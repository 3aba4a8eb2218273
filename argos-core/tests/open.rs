//! Opening a data folder: what is made, what is refused, and that a refusal writes nothing.
//!
//! Modes of files and the killing of a process are those of Unix.
#![cfg(unix)]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use argos_core::clock::{Clock, Timestamp};
use argos_core::secret::{MasterKey, MasterKeySource, Secret};
use argos_core::store::{OpenOptions, Step, Store, Work};
use argos_core::{Error, ErrorKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rusqlite::{Connection, Transaction};
use sha2::{Digest as _, Sha256};

const KEY: [u8; 32] = [0xFB; 32];
const OTHER_KEY: [u8; 32] = [0x22; 32];
const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// A data folder of a test's own.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn options(&self) -> OpenOptions {
        OpenOptions {
            data_dir: self.path(),
            key: MasterKeySource::in_folder(&self.path()),
            clock: Clock::manual(NOW),
            create: false,
            readers: 2,
        }
    }

    fn with_key(&self, key: [u8; 32]) -> OpenOptions {
        let key = MasterKeySource { env_key: Some(Secret::new(hex::encode(key))), ..self.options().key };
        OpenOptions { key, ..self.options() }
    }

    /// The database file, opened past Argos.
    fn db(&self) -> Connection {
        Connection::open(self.file("argos.db")).unwrap()
    }

    fn copies(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.names().into_iter().filter(|n| n.starts_with("argos.db.before-migrate-")).collect();
        names.sort();
        names
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|n| !n.ends_with("-wal") && !n.ends_with("-shm"))
            .collect();
        names.sort();
        names
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(std::fs::read(self.file("argos.db")).unwrap()))
    }

    /// Opens and expects a refusal that leaves the database's bytes and the folder's files alone.
    fn refused(&self, options: &OpenOptions, steps: &[Step]) -> Error {
        let before = (self.hash(), self.names());
        let error = Store::open_with(options, steps).map(drop).unwrap_err();
        assert_eq!((self.hash(), self.names()), before, "{error}");
        error
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn steps() -> Vec<Step> {
    let all = argos_migrations::ALL.iter();
    all.map(|m| Step { version: m.version, checksum: m.checksum(), work: Work::Sql(m.sql) }).collect()
}

/// The steps of this version and one more.
fn and(version: &'static str, work: Work) -> Vec<Step> {
    let mut steps = steps();
    steps.push(Step { version, checksum: "revision 1".into(), work });
    steps
}

/// Every row of every table, as text.
fn content(db: &Connection) -> BTreeMap<String, Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> =
        db.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    let rows = |table: &String| {
        let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |r| {
            (0..columns).map(|i| Ok(format!("{:?}", r.get_ref(i)?))).collect::<rusqlite::Result<Vec<_>>>()
        });
        let mut rows: Vec<String> = rows.unwrap().map(|r| r.unwrap().join("|")).collect();
        rows.sort();
        rows
    };
    tables.iter().map(|t| (t.clone(), rows(t))).collect()
}

fn schema(db: &Connection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY sql";
    db.prepare(sql).unwrap().query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
}

/// A user with a session, a subscription and a backup.
const PERSON: &str = "
    INSERT INTO users (username) VALUES ('person');
    INSERT INTO sessions (token, user_id, expires_at) VALUES ('t', 1, 1);
    INSERT INTO push_subscriptions (user_id, endpoint, p256dh_key, auth_key) VALUES (1, 'e', 'p', 'a');
    INSERT INTO backups (filename, size_bytes, sha256, kind, trigger_user_id) VALUES ('b', 1, 's', 'manual', 1);";

// --- what a first start makes ---------------------------------------------------------------------------------

#[test]
fn a_first_open_makes_folder_database_key_and_lock_for_the_owner_only() {
    let folder = Folder::new();
    let (store, key) = Store::open(&folder.options()).unwrap();
    assert_eq!(folder.names(), ["argos.db", "argos.lock", "master.key"]);
    assert_eq!(mode(&folder.path()), 0o700);
    assert_eq!((mode(&folder.file("argos.db")), mode(&folder.file("master.key"))), (0o600, 0o600));
    assert_eq!(std::fs::read_to_string(folder.file("master.key")).unwrap(), format!("{}\n", key.to_hex().expose()));
    let pid = std::fs::read_to_string(folder.file("argos.lock")).unwrap();
    assert_eq!(pid.trim(), std::process::id().to_string());
    let check: String = store
        .read(|db| db.query_row("SELECT value FROM settings WHERE key = 'crypto.key_check'", [], |r| r.get(0)))
        .unwrap()
        .unwrap();
    assert_eq!(key.decrypt(&check).unwrap().expose(), "argos-key-check-1");
}

#[test]
fn a_second_open_changes_nothing() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    let before = (schema(&folder.db()), content(&folder.db()), folder.names());
    let later = OpenOptions { clock: Clock::manual(Timestamp(NOW.0 + 1000)), ..folder.options() };
    drop(Store::open(&later).unwrap());
    assert_eq!((schema(&folder.db()), content(&folder.db()), folder.names()), before);
}

// --- one process to one folder ---------------------------------------------------------------------------------

fn in_use(folder: &Folder, pid: u32) {
    let error = Store::open(&folder.options()).map(drop).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "store.in_use"));
    assert!(error.message().ends_with(&format!("process {pid}")), "{error}");
}

#[test]
fn a_folder_that_is_open_is_refused_and_names_the_process() {
    let folder = Folder::new();
    let first = Store::open(&folder.options()).unwrap();
    in_use(&folder, std::process::id());
    drop(first);
    Store::open(&folder.options()).unwrap();
}

#[test]
fn a_folder_that_another_process_has_is_refused_until_that_ends() {
    let folder = Folder::new();
    let mut child = again("hold", &folder);
    in_use(&folder, child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    Store::open(&folder.options()).unwrap();
}

/// Runs this test binary once more as `role` and waits for the line that says it is ready.
fn again(role: &str, folder: &Folder) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env("ARGOS_TEST_ROLE", role)
        .env("ARGOS_TEST_FOLDER", folder.0.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("ready")), "{role} ended early");
    child
}

/// Says that a point is reached and stays there until killed.
fn stay() {
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Not a test of its own: what [`again`] runs.
#[test]
fn the_other_process() {
    let Ok(role) = std::env::var("ARGOS_TEST_ROLE") else { return };
    let data = PathBuf::from(std::env::var_os("ARGOS_TEST_FOLDER").unwrap()).join("data");
    let options = OpenOptions {
        key: MasterKeySource::in_folder(&data),
        data_dir: data,
        clock: Clock::manual(NOW),
        create: false,
        readers: 1,
    };
    let steps = if role == "hold" { steps() } else { and("0002_killed", Work::Code(killed)) };
    let _held = Store::open_with(&options, &steps).unwrap();
    stay();
}

// --- the right key ---------------------------------------------------------------------------------------------

#[test]
fn a_wrong_key_is_refused_and_no_byte_is_written() {
    let folder = Folder::new();
    drop(Store::open(&folder.with_key(KEY)).unwrap());
    let migrating = and("0002_more", Work::Sql("CREATE TABLE more (id INTEGER)"));
    for steps in [steps(), migrating] {
        let error = folder.refused(&folder.with_key(OTHER_KEY), &steps);
        assert_eq!((error.kind(), error.code(), error.kind().exit_code()), (ErrorKind::Corrupt, "store.wrong_key", 6));
        assert!(error.message().contains("generation 0, created 2026-01-01T00:00:00.000Z"), "{error}");
    }
    Store::open(&folder.with_key(KEY)).unwrap();
}

#[test]
fn a_database_with_a_key_check_gets_no_new_key() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    std::fs::remove_file(folder.file("master.key")).unwrap();
    let error = folder.refused(&folder.options(), &steps());
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "store.no_key"));
    assert_eq!(error.message(), "database is encrypted with a master key that was not given");
}

/// A database from elsewhere: secrets, but no key check yet.
#[test]
fn without_a_key_check_every_envelope_must_open() {
    let columns = [
        "UPDATE users SET totp_secret_encrypted = ?1",
        "UPDATE users SET totp_recovery_codes_encrypted = ?1",
        "INSERT INTO acme_accounts (directory_url, email, key_encrypted) VALUES ('', '', ?1)",
        "INSERT INTO dns_providers (name, kind, config_encrypted) VALUES ('d', 'exec', ?1)",
        "UPDATE settings SET value = ?1 WHERE key = 'crowdsec.bouncer_api_key'",
        "INSERT INTO notification_channels (name, type, config) VALUES ('n', 'email', json_object('a', json_array(?1)))",
        "INSERT INTO certificates (names, kind, cert_pem, key_encrypted, fingerprint_sha256, not_before, not_after)
            VALUES ('[]', 'acme', '', ?1, 'f', 1, 2)",
    ];
    for sql in columns {
        let folder = Folder::new();
        drop(Store::open(&folder.with_key(KEY)).unwrap());
        let db = folder.db();
        db.execute_batch("INSERT INTO users (username) VALUES ('person')").unwrap();
        db.execute("DELETE FROM settings WHERE key = 'crypto.key_check'", []).unwrap();
        let sealed = MasterKey::from_bytes(KEY).encrypt("pattern");
        assert_eq!(db.execute(sql, [&sealed]).unwrap(), 1, "{sql}");
        drop(db);
        let error = folder.refused(&folder.with_key(OTHER_KEY), &steps());
        assert_eq!(error.code(), "store.wrong_key", "{sql}");
        let error = folder.refused(&folder.options(), &steps());
        assert_eq!(error.code(), "store.no_key", "{sql}");
        drop(Store::open(&folder.with_key(KEY)).unwrap());
        let checks = "SELECT count(*) FROM settings WHERE key = 'crypto.key_check'";
        assert_eq!(folder.db().query_row(checks, [], |r| r.get::<_, i64>(0)).unwrap(), 1, "{sql}");
    }
}

fn write_key(path: &Path, content: &[u8], mode: u32) -> PathBuf {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    path.to_owned()
}

#[test]
fn each_form_and_place_of_the_key_opens_the_same_database() {
    let folder = Folder::new();
    drop(Store::open(&folder.with_key(KEY)).unwrap());
    let source = || MasterKeySource::in_folder(&folder.path());
    let hex = hex::encode(KEY);
    let texts = [hex.clone(), hex.to_uppercase(), STANDARD.encode(KEY), URL_SAFE_NO_PAD.encode(KEY)];
    let mut sources = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        sources.push(MasterKeySource { env_key: Some(text.clone().into()), ..source() });
        let path = write_key(&folder.0.path().join(format!("key{i}")), format!("{text}\n").as_bytes(), 0o600);
        sources.push(MasterKeySource { env_file: Some(path.clone()), ..source() });
        sources.push(MasterKeySource { flag_file: Some(path), ..source() });
    }
    let raw = write_key(&folder.0.path().join("raw"), &KEY, 0o400);
    sources.push(MasterKeySource { env_file: Some(raw), ..source() });
    for key in sources {
        let shown = format!("{key:?}");
        Store::open(&OpenOptions { key, ..folder.options() }).unwrap_or_else(|e| panic!("{shown}: {e}"));
    }
    assert_eq!(folder.names(), ["argos.db", "argos.lock"], "a given key is not stored");
    write_key(&folder.file("master.key"), format!("{hex}\n").as_bytes(), 0o600);
    Store::open(&folder.options()).unwrap();
}

#[test]
fn keys_that_are_ambiguous_malformed_or_open_to_others_are_refused() {
    let folder = Folder::new();
    let path = |name: &str| folder.0.path().join(name);
    let source = MasterKeySource::in_folder(&folder.path());
    let good = write_key(&path("good"), &KEY, 0o600);
    let hex = Some(Secret::new(hex::encode(KEY)));
    let file = |path: PathBuf| MasterKeySource { env_file: Some(path), ..source.clone() };
    let mut cases = vec![
        (MasterKeySource { env_key: hex.clone(), env_file: Some(good), ..source.clone() }, "master_key.two_sources"),
        (MasterKeySource { env_key: Some(Secret::new("12".into())), ..source.clone() }, "master_key.form"),
        (file(write_key(&path("short"), &KEY[..31], 0o600)), "master_key.form"),
        (file(path("absent")), "master_key.unreadable"),
    ];
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
        cases.push((file(write_key(&path(&format!("{mode:o}")), &KEY, mode)), "master_key.readable_by_others"));
    }
    for (key, code) in cases {
        let error = Store::open(&OpenOptions { key, ..folder.options() }).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, code), "{error}");
    }
    assert_eq!(folder.names(), ["argos.lock"], "nothing but the lock was made");
    write_key(&folder.file("master.key"), hex::encode(KEY).as_bytes(), 0o644);
    assert_eq!(Store::open(&folder.options()).map(drop).unwrap_err().code(), "master_key.readable_by_others");
}

#[test]
fn no_text_of_ours_shows_a_key() {
    let folder = Folder::new();
    let options = folder.with_key(KEY);
    let (store, key) = Store::open(&options).unwrap();
    let found = options.key.find().unwrap().unwrap();
    let mut shown = format!("{options:?} {store:?} {key:?} {found:?} {:?} {:?}", key.to_hex(), options.key);
    drop(store);
    for text in [hex::encode(OTHER_KEY), hex::encode(KEY)[..60].to_owned(), STANDARD.encode(&KEY[..31])] {
        let key = MasterKeySource { env_key: Some(text.into()), ..folder.options().key };
        let error = Store::open(&OpenOptions { key, ..folder.options() }).map(drop).unwrap_err();
        shown += &format!(" {error} {error:?} {:?}", error.fields());
    }
    for part in ["fbfbfb", "FBFBFB", "222222", "+/v7", "-_v7", "251, 251", "34, 34"] {
        assert!(!shown.contains(part), "{part} in {shown}");
    }
}

// --- migrations ------------------------------------------------------------------------------------------------

#[test]
fn a_newer_database_is_refused_and_no_byte_is_written() {
    let folder = Folder::new();
    drop(Store::open_with(&folder.options(), &and("0002_more", Work::Sql("CREATE TABLE more (id INTEGER)"))).unwrap());
    let error = folder.refused(&folder.options(), &steps());
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "store.newer_database"));
    assert!(error.message().contains("0002_more"), "{error}");
    // Also without its key: the version is looked at first, and no key is made.
    std::fs::remove_file(folder.file("master.key")).unwrap();
    assert_eq!(folder.refused(&folder.options(), &steps()).code(), "store.newer_database");
}

#[test]
fn an_edited_migration_is_refused_by_name() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    let mut edited = and("0002_more", Work::Sql("CREATE TABLE more (id INTEGER)"));
    edited[0].checksum = "0".repeat(64);
    let error = folder.refused(&folder.options(), &edited);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "store.migration_edited"));
    assert_eq!(error.message(), "migration 0001_baseline was edited after it was applied");
}

#[test]
fn a_copy_is_made_before_a_migration_and_the_newest_three_stay() {
    let folder = Folder::new();
    let clock = Clock::manual(NOW);
    let options = OpenOptions { clock: clock.clone(), ..folder.options() };
    drop(Store::open_with(&options, &steps()).unwrap());
    assert!(folder.copies().is_empty(), "an empty database has nothing to lose");
    folder.db().execute_batch(PERSON).unwrap();
    let versions = ["0002_a", "0003_b", "0004_c", "0005_d", "0006_e"];
    let before = content(&folder.db());
    let mut all = steps();
    for (i, version) in versions.into_iter().enumerate() {
        clock.set(Timestamp(NOW.0 + 1 + i64::try_from(i).unwrap()));
        all.push(Step { version, checksum: version.into(), work: Work::Sql("SELECT 1") });
        drop(Store::open_with(&options, &all).unwrap());
        if i == 0 {
            let copies = folder.copies();
            assert_eq!(copies, [format!("argos.db.before-migrate-0002_a-{}", NOW.0 + 1)]);
            let copy = folder.file(&copies[0]);
            assert_eq!(mode(&copy), 0o600, "a copy is as private as the database");
            assert_eq!(content(&Connection::open(copy).unwrap()), before);
        }
    }
    let named = |i: usize| format!("argos.db.before-migrate-{}-{}", versions[i], NOW.0 + 1 + i64::try_from(i).unwrap());
    assert_eq!(folder.copies(), [named(2), named(3), named(4)]);
    drop(Store::open_with(&options, &all).unwrap());
    assert_eq!(folder.copies().len(), 3, "nothing to migrate, nothing to copy");
}

#[test]
fn a_missing_database_with_copies_is_not_replaced_by_an_empty_one() {
    for left in ["argos.db.before-migrate-0002_a-1", "argos.db.before-rotate-1", "backups/argos-1.tar.gz"] {
        let folder = Folder::new();
        let path = folder.file(left);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
        let error = Store::open(&folder.options()).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "store.missing"), "{left}");
        assert!(!folder.file("argos.db").exists() && !folder.file("master.key").exists(), "{left}");
        Store::open(&OpenOptions { create: true, ..folder.options() }).unwrap();
    }
    let folder = Folder::new();
    std::fs::create_dir_all(folder.file("backups")).unwrap();
    Store::open(&folder.options()).unwrap();
}

const MIDWAY: &str = "CREATE TABLE midway (id INTEGER); DELETE FROM backups; UPDATE users SET username = 'other';";

fn fails(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(MIDWAY)?;
    tx.execute_batch("INSERT INTO no_such_table VALUES (1)")
}

fn panics(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(MIDWAY)?;
    panic!("a step that panics");
}

#[test]
fn a_step_that_fails_or_panics_leaves_the_old_state() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    folder.db().execute_batch(PERSON).unwrap();
    let before = (schema(&folder.db()), content(&folder.db()));
    let dangling = Work::Sql("DELETE FROM users");
    for work in [Work::Code(fails), Work::Sql("CREATE TABLE half (id INTEGER); SELECT wrong;"), dangling] {
        let error = Store::open_with(&folder.options(), &and("0002_bad", work)).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "store.migration"), "{error}");
        assert!(error.message().contains("0002_bad"), "{error}");
        assert_eq!((schema(&folder.db()), content(&folder.db())), before, "{error}");
    }
    let steps = and("0002_bad", Work::Code(panics));
    assert!(catch_unwind(AssertUnwindSafe(|| Store::open_with(&folder.options(), &steps).map(drop))).is_err());
    assert_eq!((schema(&folder.db()), content(&folder.db())), before);
    // The lock went with it, and the database is as good as before.
    Store::open(&folder.options()).unwrap();
}

const STATEMENTS: &[&str] = &[
    "CREATE TABLE midway (id INTEGER)",
    "INSERT INTO midway SELECT id FROM users",
    "DELETE FROM backups",
    "UPDATE users SET username = 'other'",
];

/// Stays at the statement that the environment names.
fn killed(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let role = std::env::var("ARGOS_TEST_ROLE").unwrap_or_default();
    for (i, sql) in STATEMENTS.iter().enumerate() {
        if role == i.to_string() {
            stay();
        }
        tx.execute_batch(sql)?;
    }
    if role == STATEMENTS.len().to_string() {
        stay();
    }
    Ok(())
}

#[test]
fn a_step_that_is_killed_at_any_statement_is_applied_whole_or_not_at_all() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    folder.db().execute_batch(PERSON).unwrap();
    let before = (schema(&folder.db()), content(&folder.db()));
    for at in 0..=STATEMENTS.len() {
        let mut child = again(&at.to_string(), &folder);
        child.kill().unwrap();
        child.wait().unwrap();
        drop(Store::open(&folder.options()).unwrap());
        assert_eq!((schema(&folder.db()), content(&folder.db())), before, "killed at {at}");
    }
    let mut child = again("after", &folder);
    child.kill().unwrap();
    child.wait().unwrap();
    let done = and("0002_killed", Work::Code(killed));
    drop(Store::open_with(&folder.options(), &done).unwrap());
    let after = content(&folder.db());
    assert_eq!((after["midway"].len(), after["backups"].len()), (1, 0));
}

fn rebuild_users(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let sql = |name: &str| tx.query_row("SELECT sql FROM sqlite_master WHERE name = ?1", [name], |r| r.get(0));
    let table: String = sql("users")?;
    let index: String = sql("users_external")?;
    let table = table.replacen("CREATE TABLE users (", "CREATE TABLE users_new (note TEXT NOT NULL DEFAULT '',", 1);
    tx.execute_batch(&table)?;
    let columns = {
        let mut statement = tx.prepare("SELECT name FROM pragma_table_info('users')")?;
        let names = statement.query_map([], |r| r.get::<_, String>(0))?;
        names.collect::<rusqlite::Result<Vec<_>>>()?.join(", ")
    };
    tx.execute_batch(&format!(
        "INSERT INTO users_new ({columns}) SELECT {columns} FROM users; DROP TABLE users;
         ALTER TABLE users_new RENAME TO users; {index};"
    ))
}

#[test]
fn a_rebuild_of_users_loses_and_nulls_nothing() {
    let folder = Folder::new();
    drop(Store::open(&folder.options()).unwrap());
    folder.db().execute_batch(PERSON).unwrap();
    let mut before = content(&folder.db());
    let steps = and("0002_rebuild", Work::Code(rebuild_users));
    let (store, _) = Store::open_with(&folder.options(), &steps).unwrap();
    let on: i64 = store.write(|db| db.query_row("PRAGMA foreign_keys", [], |r| r.get(0)).unwrap()).unwrap();
    assert_eq!(on, 1, "references are enforced again");
    drop(store);
    let mut after = content(&folder.db());
    for state in [&mut before, &mut after] {
        state.remove("schema_migrations");
    }
    let users = |state: &mut BTreeMap<String, Vec<String>>| state.remove("users").unwrap();
    let (old, new) = (users(&mut before), users(&mut after));
    assert_eq!(after, before);
    assert_eq!((old.len(), new.len()), (1, 1));
    assert!(new[0].ends_with(&old[0]), "{new:?} ends with {old:?}");
    let parents = "SELECT count(*) FROM pragma_foreign_key_list('sessions') WHERE \"table\" = 'users'";
    assert_eq!(folder.db().query_row(parents, [], |r| r.get::<_, i64>(0)).unwrap(), 1);
}

/// Hosts, certificates and an order as they lay before a certificate could serve several hosts. The last one was deleted.
const SERVED: &str = "
    INSERT INTO target_groups (name) VALUES ('g');
    INSERT INTO hosts (domain, target_group_id) VALUES ('a.example', 1), ('b.example', 1);
    INSERT INTO certificates (host_id, names, kind, cert_pem, chain_pem, key_encrypted, issuer, fingerprint_sha256,
            not_before, not_after, ari_window_start, ari_window_end, active, uploaded_by, created_at)
        VALUES (1, '[\"a.example\"]', 'acme', 'c', 'ch', 'k', 'i', 'f', 1, 2, 3, 4, 0, 1, 5),
            (NULL, '[]', 'local_ca', 'c', '', 'k', 'i', 'g', 1, 2, NULL, NULL, 1, NULL, 6),
            (2, '[]', 'manual', 'c', '', 'k', 'i', 'h', 1, 2, NULL, NULL, 1, NULL, 7);
    DELETE FROM certificates WHERE id = 3;
    INSERT INTO acme_orders (host_id, domain, directory_url, next_attempt_at, revokes)
        VALUES (1, 'a.example', 'https://ca.example', 1, 1);";

#[test]
fn certificates_are_whole_after_their_table_was_made_anew() {
    let folder = Folder::new();
    let before = |version: &str| -> Vec<Step> { steps().into_iter().filter(|s| *s.version < *version).collect() };
    drop(Store::open_with(&folder.options(), &before("0005")).unwrap());
    // The envelopes are no envelopes: that they open is not asked here.
    folder.db().execute_batch(&format!("{PERSON}{SERVED}")).unwrap();
    let mut old = content(&folder.db());
    drop(Store::open_with(&folder.options(), &before("0006")).unwrap());
    let mut after = content(&folder.db());
    for state in [&mut old, &mut after] {
        state.remove("schema_migrations");
    }
    assert_eq!(after, old);
    assert_eq!((after["certificates"].len(), after["acme_orders"].len()), (2, 1));
    let again =
        "INSERT INTO certificates (host_id, names, kind, cert_pem, key_encrypted, fingerprint_sha256, not_before,
        not_after) VALUES (?1, '[]', 'manual', 'c', 'k', 'f', 1, 2)";
    let db = folder.db();
    let inserted = |host: i64| db.execute(again, [host]).map(|_| db.last_insert_rowid());
    assert_eq!(inserted(2).unwrap(), 4, "the number of a deleted one is not given again");
    assert!(inserted(1).unwrap_err().to_string().contains("UNIQUE"));
}

// --- writer and readers ----------------------------------------------------------------------------------------

#[test]
fn a_job_that_panics_is_rolled_back_and_the_writer_goes_on() {
    let folder = Folder::new();
    let (store, _) = Store::open(&folder.options()).unwrap();
    let insert = "INSERT INTO users (username) VALUES ('person')";
    let count = |store: &Store| {
        let sql = "SELECT count(*) FROM users";
        store.read(|db| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap()).unwrap()
    };
    let error = store
        .write::<()>(move |db| {
            let tx = db.transaction().unwrap();
            tx.execute(insert, []).unwrap();
            panic!("a job that panics");
        })
        .unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "internal"));
    assert_eq!(count(&store), 0);
    // A transaction that nobody rolls back by dropping it must not leak into the next job either.
    let begun = store.write::<()>(move |db| {
        db.execute_batch(&format!("BEGIN; {insert}")).unwrap();
        panic!("a job that panics inside its transaction");
    });
    assert!(begun.is_err());
    assert_eq!(count(&store), 0);
    store.submit(|_| panic!("nobody waits for this one")).unwrap();
    store
        .write(move |db| {
            let tx = db.transaction().unwrap();
            tx.execute(insert, []).unwrap();
            tx.commit().unwrap();
        })
        .unwrap();
    assert_eq!(count(&store), 1);
}

#[test]
fn readers_can_not_write() {
    let folder = Folder::new();
    let (store, _) = Store::open(&folder.options()).unwrap();
    for sql in ["DELETE FROM settings", "CREATE TABLE t (id INTEGER)", "PRAGMA query_only = 0; DELETE FROM settings"] {
        assert!(store.read(|db| db.execute_batch(sql)).unwrap().is_err(), "{sql}");
    }
    let count = store.read(|db| db.query_row("SELECT count(*) FROM settings", [], |r| r.get::<_, i64>(0)).unwrap());
    assert!(count.unwrap() > 0);
}

#[test]
fn a_reader_that_panics_gives_its_place_back() {
    let folder = Folder::new();
    let (store, _) = Store::open(&OpenOptions { readers: 1, ..folder.options() }).unwrap();
    for _ in 0..3 {
        let looked = catch_unwind(AssertUnwindSafe(|| store.read::<()>(|_| panic!("a reader that panics"))));
        assert!(looked.is_err());
    }
    assert!(store.read(|_| ()).is_ok());
}
