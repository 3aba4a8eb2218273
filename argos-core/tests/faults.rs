//! Kills at random points, and a clock that jumps: the old state or the new one, never a mix, and nothing that was
//! acknowledged is lost.
//!
//! A child process changes the configuration by dice and writes log rows until it is killed; then its folder is
//! opened here and looked at. `FAULT_SEED` in the environment tries other points.
#![cfg(unix)]
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod any_change;
mod support;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use any_change::{Dice, operation, played_back, stored, text};
use argos_core::api::{GetHealth, ListVersions, RollBack};
use argos_core::clock::{Clock, Timestamp};
use argos_core::secret::MasterKeySource;
use argos_core::store::{OpenOptions, Step, Store, Work};
use argos_core::{Argos, Options, ServeOptions};
use rusqlite::{Connection, Transaction};
use serde_json::json;
use support::{Folder, argos};

/// Kills during changes and log writes.
const KILLS: u64 = 160;
/// Kills during a migration.
const MIGRATIONS: u64 = 40;
/// Rows that the migration writes.
const ROWS: i64 = 400;

fn seed() -> u64 {
    std::env::var("FAULT_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20)
}

/// Runs this test binary once more as `role`.
fn child(role: &str, folder: &Path, seed: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture"])
        .env("ARGOS_TEST_ROLE", role)
        .env("ARGOS_TEST_FOLDER", folder)
        .env("FAULT_SEED", seed.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    (child, out)
}

/// What a killed child said: each line, and only whole ones.
fn rest_of(mut out: BufReader<ChildStdout>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if out.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
            return lines;
        }
        lines.push(line.trim_end().to_owned());
    }
}

/// Lets a moment pass that differs from kill to kill: points lie anywhere in a change, not only at its ends.
fn a_moment(dice: &mut Dice) {
    for n in 0..dice.roll(200_000) {
        std::hint::black_box(n);
    }
}

/// Not a test of its own: what [`child`] runs.
#[test]
fn the_other_process() {
    let Ok(role) = std::env::var("ARGOS_TEST_ROLE") else { return };
    let folder = PathBuf::from(std::env::var_os("ARGOS_TEST_FOLDER").unwrap());
    match role.as_str() {
        "change" => change_until_killed(&folder, Dice(seed())),
        _ => {
            say("begin");
            drop(Store::open_with(&options(&folder), &with_step()).unwrap());
            say("done");
        }
    }
}

/// Says a line at once: what was said before a kill was true before it.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn change_until_killed(folder: &Path, mut dice: Dice) {
    let argos = Argos::open(Options::new(folder)).unwrap();
    let serving = argos
        .start(&ServeOptions { http: vec![([127, 0, 0, 1], 0).into()], threads: 1, ..ServeOptions::default() })
        .unwrap();
    let address = serving.addresses()[0];
    // Requests without an end leave rows without an end.
    std::thread::spawn(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let mut answers = [0; 4096];
        while socket.write_all(b"GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\n\r\n").is_ok()
            && std::io::Read::read(&mut socket, &mut answers).is_ok_and(|n| n > 0)
        {}
    });
    say("begin");
    loop {
        let (name, input) = operation(&argos, &mut dice);
        // Rules of the WAF would be compiled at each of the many starts.
        if ["hosts.create", "hosts.delete", "security.update"].contains(&name) {
            continue;
        }
        let done = argos.call(name, input.as_object().unwrap().clone());
        if let Some(generation) = done.ok().and_then(|d| d.generation) {
            say(&format!("made {generation} {}", fingerprint(&argos)));
        }
    }
}

fn fingerprint(argos: &Argos) -> u64 {
    let mut hasher = DefaultHasher::new();
    text(&argos.snapshot()).hash(&mut hasher);
    hasher.finish()
}

/// What SQLite itself thinks of the file.
fn sound(db: &Connection) {
    let word: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(word, "ok");
    let dangling = db.prepare("PRAGMA foreign_key_check").unwrap().exists([]).unwrap();
    assert!(!dangling, "a row refers to nothing");
}

#[test]
fn a_kill_at_any_point_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let mut dice = Dice(seed());
    let first = argos(&folder);
    let call = |name: &str, input: serde_json::Value| first.call(name, input.as_object().unwrap().clone()).unwrap();
    call("settings.set", json!({"key": "config.history_max", "value": "30"}));
    for n in 1..6 {
        let targets = json!({"targets": [{"host": "127.0.0.1", "port": 9}]});
        call("hosts.create", json!({"domain": format!("h{n}.example"), "tls_mode": "none", "target_group": targets}));
        call("security.update", json!({"host_id": n, "waf_enabled": false}));
    }
    drop(first);
    let (mut acknowledged, mut unsaid, mut rows) = (0, 0, 0);
    for kill in 0..KILLS {
        let shown = format!("seed {}, kill {kill}", seed());
        let before = generation(&folder);
        let (mut process, mut out) = child("change", &folder.path(), dice.roll(u64::MAX));
        // Killed while it starts, or after so many of its changes.
        let mut lines = Vec::new();
        let wanted = dice.roll(8);
        while (lines.len() as u64) < wanted {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "{shown}: the child ended by itself: {lines:?}");
            if line.starts_with("made ") || line == "begin\n" {
                lines.push(line.trim_end().to_owned());
            }
        }
        a_moment(&mut dice);
        process.kill().unwrap();
        process.wait().unwrap();
        lines.extend(rest_of(out));
        let made: Vec<(u64, u64)> = lines.iter().filter_map(|line| said(line)).collect();
        let last = made.last().map_or(before, |(generation, _)| *generation);

        let again = Argos::open(Options::new(folder.path())).unwrap_or_else(|e| panic!("{shown}: {e:?}"));
        let db = Connection::open(folder.path().join("argos.db")).unwrap();
        sound(&db);
        let health = again.system().health(GetHealth {}).unwrap();
        let now = health.stored_generation;
        assert_eq!(health.running_generation, now, "{shown}");
        assert!(again.faults().is_empty(), "{shown}");
        // One change at most was stored and not yet acknowledged.
        assert!(now == last || now == last + 1, "{shown}: {last} was acknowledged, {now} is stored");
        acknowledged += made.len();
        unsaid += now - last;
        if now == last
            && let Some((_, running)) = made.last()
        {
            assert_eq!(fingerprint(&again), *running, "{shown}: what ran is not what a restart compiles");
        }
        // Each change has one audit row, and none has one that is not stored.
        let sql = "SELECT count(*), count(DISTINCT raw ->> 'generation'), max(raw ->> 'generation') FROM log_entries
            WHERE source = 'audit'";
        let audit: (i64, i64, i64) = db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        let all = i64::try_from(now).unwrap();
        assert_eq!(audit, (all, all, all), "{shown}");
        // What was recorded, played back, is what is stored: no half of a change is there.
        assert_eq!(played_back(&db), stored(&db), "{shown}");
        // The file stays small, so that a kill costs what it costs.
        rows += db.execute("DELETE FROM log_entries WHERE source <> 'audit'", []).unwrap();
    }
    assert!(acknowledged > 200 && rows > 1000, "{acknowledged} changes, {rows} rows");
    println!("{acknowledged} changes acknowledged, {unsaid} stored and not yet acknowledged, {rows} log rows");
}

fn said(line: &str) -> Option<(u64, u64)> {
    let (generation, fingerprint) = line.strip_prefix("made ")?.split_once(' ')?;
    Some((generation.parse().ok()?, fingerprint.parse().ok()?))
}

fn generation(folder: &Folder) -> u64 {
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    let sql = "SELECT CAST(value AS INTEGER) FROM settings WHERE key = 'config.generation'";
    db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap().unsigned_abs()
}

fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        data_dir: folder.to_owned(),
        key: MasterKeySource::in_folder(folder),
        clock: Clock::system(),
        create: false,
        readers: 1,
    }
}

/// The steps of this version and one that takes its time.
fn with_step() -> Vec<Step> {
    let all = argos_migrations::ALL.iter();
    let mut steps: Vec<Step> =
        all.map(|m| Step { version: m.version, checksum: m.checksum(), work: Work::Sql(m.sql) }).collect();
    steps.push(Step { version: "9000_slow", checksum: "revision 1".into(), work: Work::Code(slow) });
    steps
}

fn slow(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch("CREATE TABLE slow (n INTEGER PRIMARY KEY, text TEXT NOT NULL); DELETE FROM settings WHERE key = 'proxy.max_retries'")?;
    for n in 0..ROWS {
        tx.execute("INSERT INTO slow VALUES (?1, hex(randomblob(500)))", [n])?;
        if n % 40 == 0 {
            say("step");
        }
    }
    Ok(())
}

#[test]
fn a_kill_during_a_migration_leaves_the_old_schema_or_the_new_one() {
    let mut dice = Dice(seed());
    let (mut old, mut new) = (0, 0);
    for kill in 0..MIGRATIONS {
        let shown = format!("seed {}, kill {kill}", seed());
        let folder = Folder::new();
        let first = argos(&folder);
        let retries = json!({"key": "proxy.max_retries", "value": "4"});
        first.call("settings.set", retries.as_object().unwrap().clone()).unwrap();
        drop(first);
        let (mut process, mut out) = child("migrate", &folder.path(), 0);
        let wanted = dice.roll(14);
        let (mut seen, mut line) = (0, String::new());
        while seen < wanted && out.read_line(&mut line).unwrap() > 0 {
            seen += u64::from(["begin\n", "step\n", "done\n"].contains(&line.as_str()));
            line.clear();
        }
        a_moment(&mut dice);
        process.kill().unwrap();
        process.wait().unwrap();
        let finished = rest_of(out).iter().any(|line| line == "done");
        let db = Connection::open(folder.path().join("argos.db")).unwrap();
        sound(&db);
        let sql = "SELECT (SELECT count(*) FROM schema_migrations WHERE version = '9000_slow'),
            (SELECT count(*) FROM sqlite_master WHERE name = 'slow'),
            (SELECT count(*) FROM settings WHERE key = 'proxy.max_retries')";
        let state: (i64, i64, i64) = db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
        if state == (1, 1, 0) {
            new += 1;
            let rows: i64 = db.query_row("SELECT count(*) FROM slow", [], |r| r.get(0)).unwrap();
            assert_eq!(rows, ROWS, "{shown}");
        } else {
            old += 1;
            assert_eq!(state, (0, 0, 1), "{shown}: neither the old state nor the new one");
            assert!(!finished, "{shown}: it said that it was done");
        }
        drop(db);
        // The next start does what is missing.
        drop(Store::open_with(&options(&folder.path()), &with_step()).unwrap());
    }
    assert!(old > 0 && new > 0, "{old} old, {new} new: the points do not spread");
}

#[test]
fn a_clock_that_jumps_breaks_no_order_and_no_change() {
    const START: i64 = 1_767_225_600_000;
    const DAY: i64 = 86_400_000;
    let folder = Folder::new();
    let clock = Clock::manual(Timestamp(START));
    let open = || Argos::open(Options { clock: clock.clone(), ..Options::new(folder.path()) }).unwrap();
    let call = |argos: &Argos, name: &str, input: serde_json::Value| {
        argos.call(name, input.as_object().unwrap().clone()).unwrap_or_else(|e| panic!("{name}: {e:?}"))
    };
    let mut running = open();
    let soon = Timestamp(START + DAY);
    let token = call(&running, "tokens.create", json!({"name": "ci", "role": "viewer", "expires_at": soon}));
    let token = token.value["token"].as_str().unwrap().to_owned();
    let host =
        json!({"domain": "a.example", "tls_mode": "none", "target_group": {"targets": [{"host": "::1", "port": 9}]}});
    call(&running, "hosts.create", host);
    let mut times = Vec::new();
    for (n, jump) in [0, 3650 * DAY, -3650 * DAY, 5, -START, 0].into_iter().enumerate() {
        let now = Timestamp(START + jump);
        clock.set(now);
        times.push(now);
        let made = call(&running, "hosts.toggle", json!({"id": 1, "enabled": n % 2 == 1}));
        assert_eq!(made.generation, Some(n as u64 + 2));
        assert_eq!(made.value["updated_at"], json!(now));
        // A token ends by the clock as it is now, and its use is noted by it.
        assert_eq!(running.token(&token).unwrap().is_some(), now < soon, "at {now}");
        if now < soon {
            running.check_writer().unwrap();
            let noted = running.token(&token).unwrap().unwrap().last_used_at.unwrap();
            assert!((now.0 - 60_000..=now.0).contains(&noted.0), "at {now} the last use is {noted}");
        }
        drop(running);
        running = open();
        assert_eq!(running.snapshot().generation, n as u64 + 2);
    }
    // What came first stands first, whatever the clock said.
    let versions = running.config().versions(ListVersions { limit: None, cursor: None, order: None }).unwrap().items;
    let order: Vec<u64> = versions.iter().map(|v| v.generation).collect();
    assert_eq!(order, [7, 6, 5, 4, 3, 2, 1]);
    let said: Vec<Timestamp> = versions.iter().rev().skip(1).map(|v| v.created_at).collect();
    assert_eq!(said, times);
    running.config().rollback(RollBack::all(3)).unwrap();
    let db = Connection::open(folder.path().join("argos.db")).unwrap();
    sound(&db);
    assert_eq!(played_back(&db), stored(&db));
    // Rows are found by time, each once, page by page.
    let mut seen = Vec::new();
    let mut input = json!({"source": "audit", "limit": 2});
    loop {
        let page = call(&running, "logs.search", input.clone()).value;
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()));
        if page["next_cursor"].is_null() {
            break;
        }
        input["cursor"] = page["next_cursor"].clone();
    }
    let rows = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((rows, seen.len()), (9, 9));
}
