//! A disk that is full and a folder that can't be written: refused with a clear error, nothing half there, traffic
//! goes on, and all recovers by itself.
//!
//! A small file system of the test's own is the disk. Who may not mount one does it in a name space of their own, for
//! which the test starts itself again. Where the system allows neither, the test says so and passes.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

mod support;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::{Folder, Server, api, ask, ask_socket, token};

/// A file system in memory of so many KiB at the test's data folder; gone when dropped.
struct Disk(PathBuf);

/// Set where the test runs in a name space of its own.
const INSIDE: &str = "ARGOS_TEST_INSIDE";

impl Disk {
    /// None when `test` has run elsewhere, or can't run here.
    fn new(test: &str, folder: &Folder, kib: u32) -> Option<Self> {
        let at = folder.data();
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={kib}k,mode=700");
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        if made.is_ok_and(|out| out.status.success()) {
            return Some(Self(at));
        }
        assert!(std::env::var_os(INSIDE).is_none(), "a name space of its own takes no file system");
        let may = Command::new("unshare").args(["-rm", "true"]).output().is_ok_and(|out| out.status.success());
        if !may {
            // Past the test's own output, which nobody sees when it passes.
            let _ = writeln!(std::io::stderr(), "{test}: not run: this user can't mount a file system");
            return None;
        }
        let mut again = Command::new("unshare");
        again.arg("-rm").arg(std::env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]);
        let out = again.env(INSIDE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success() && text.contains("1 passed"), "{text}");
        None
    }

    fn remount(&self, options: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }

    /// Takes all space that is left but so many bytes.
    fn fill(&self, leave: usize) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = [0; 4096];
        let mut taken = 0;
        while file.write_all(&block).is_ok() {
            taken += block.len();
        }
        file.set_len(u64::try_from(taken.saturating_sub(leave)).unwrap()).unwrap();
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn health(folder: &Folder) -> Value {
    ask_socket(folder, "GET", "/api/v1/system/health", "").json()
}

#[test]
fn a_full_disk_refuses_changes_and_nothing_else() {
    let folder = Folder::new();
    let Some(disk) = Disk::new("a_full_disk_refuses_changes_and_nothing_else", &folder, 8 * 1024) else { return };
    let server = Server::start(&folder, &[]);
    let admin = token(&folder, "admin");
    let get = || ask(server.http, "GET", "/healthz", &[("Host", "localhost")], "").status;
    let change = |n: usize| {
        let body = json!({"max_body_bytes": n, "access_log": true}).to_string();
        api(&server, &admin, "PATCH", "/hosts/1", &body)
    };
    let targets = json!([{"host": "127.0.0.1", "port": server.panel.port()}]);
    let host = json!({"domain": "localhost", "tls_mode": "none", "target_group": {"targets": targets}});
    assert_eq!(api(&server, &admin, "POST", "/hosts", &host.to_string()).status, 201);
    assert_eq!((get(), change(1).status), (200, 200));

    let filler = disk.fill(0);
    // Changes go on while they fit into the log of writes, then they are refused.
    let refused = (2..20_000).map(|n| (n, change(n))).find(|(_, answer)| answer.status != 200);
    let (at, answer) = refused.expect("a full disk takes no change");
    let problem = answer.json();
    assert_eq!((answer.status, problem["code"].as_str()), (503, Some("store.disk_full")), "{problem}");
    let shown = api(&server, &admin, "GET", "/hosts/1", "").json();
    let stored = usize::try_from(shown["max_body_bytes"].as_u64().unwrap()).unwrap();
    assert_eq!(stored, at - 1, "a refused change leaves no trace");
    let figures = health(&folder);
    assert_eq!(figures["stored_generation"], figures["running_generation"]);
    // The writer says that it does not work; traffic goes on, and its rows are counted as dropped.
    assert_eq!(ask(server.panel, "GET", "/healthz", &[], "").status, 503);
    let dropped = |figures: &Value| figures["log_dropped_access"].as_u64().unwrap();
    let before = dropped(&figures);
    let lost = (0..20_000).any(|n| {
        // 503 is what the upstream says, which is our own panel.
        assert!([200, 503].contains(&get()));
        n % 50 == 49 && dropped(&health(&folder)) > before
    });
    assert!(lost, "rows that can't be written are counted");

    // Space again: nobody has to do anything.
    std::fs::remove_file(filler).unwrap();
    let recovered = change(at);
    assert_eq!(recovered.status, 200, "{}", recovered.body);
    assert_eq!(ask(server.panel, "GET", "/healthz", &[], "").status, 200);
    assert_eq!(get(), 200);
    assert!(server.stop());
    let db = rusqlite::Connection::open(folder.data().join("argos.db")).unwrap();
    let word: String = db.query_row("PRAGMA integrity_check", [], |r| r.get(0)).unwrap();
    assert_eq!(word, "ok");
    // One audit row for each generation, and no generation is missing.
    let sql = "SELECT (SELECT value FROM settings WHERE key = 'config.generation'),
        (SELECT count(*) FROM log_entries WHERE source = 'audit' AND raw ->> 'generation' IS NOT NULL),
        (SELECT count(*) FROM config_versions) - (SELECT max(generation) - min(generation) + 1 FROM config_versions)";
    let (generation, audited, missing): (String, i64, i64) =
        db.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    assert_eq!((audited.to_string(), missing), (generation, 0));
}

/// Starts on this folder and expects to be refused with exit code 8.
fn refused(folder: &Folder, text: &str) {
    for command in [&["serve", "--http", "off", "--https", "off", "--panel", "off"][..], &["host", "list"]] {
        let out = folder.run(command);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(8), "{command:?}: {stderr}");
        assert!(stderr.contains(text), "{command:?}: {stderr}");
    }
}

#[test]
fn a_start_on_a_full_disk_is_refused_and_the_next_one_works() {
    let folder = Folder::new();
    let Some(disk) = Disk::new("a_start_on_a_full_disk_is_refused_and_the_next_one_works", &folder, 1024) else {
        return;
    };
    let filler = disk.fill(64 * 1024);
    let out = folder.run(&["serve", "--http", "off", "--https", "off", "--panel", "off"]);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(8), "{stderr}");
    assert!(stderr.contains("full"), "{stderr}");
    std::fs::remove_file(filler).unwrap();
    assert_eq!(folder.json(&["host", "list"])["items"], json!([]));
}

#[test]
fn a_folder_that_can_not_be_written_is_refused_and_left_alone() {
    let folder = Folder::new();
    let is_root = Path::new("/proc/self").metadata().is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if !is_root {
        folder.json(&["host", "list"]);
        let mode = |mode| std::fs::set_permissions(folder.data(), std::fs::Permissions::from_mode(mode)).unwrap();
        let lock = folder.data().join("argos.lock");
        std::fs::remove_file(&lock).unwrap();
        mode(0o500);
        refused(&folder, "argos.lock");
        mode(0o700);
        return;
    }
    // Modes mean nothing to this user; a file system that is mounted for reading does.
    let Some(disk) = Disk::new("a_folder_that_can_not_be_written_is_refused_and_left_alone", &folder, 4096) else {
        return;
    };
    folder.json(&["host", "list"]);
    let before = std::fs::read(folder.data().join("argos.db")).unwrap();
    disk.remount("ro");
    refused(&folder, "Read-only file system");
    assert!(std::fs::read(folder.data().join("argos.db")).unwrap() == before);
    disk.remount("rw");
    assert_eq!(folder.json(&["host", "list"])["items"], json!([]));
}
