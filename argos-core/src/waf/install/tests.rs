//! Installing, refusing and going back, over small archives.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::*;

const RULE: &str = "SecComponentSignature \"SET/1\"\nSecAction \"id:1,phase:1,pass\"\n";

/// A gzipped tar of (path, kind, content). Paths are written as they are.
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        if *kind == EntryType::Symlink || *kind == EntryType::Link {
            header.set_size(0);
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, if header.size().unwrap() == 0 { &b""[..] } else { content }).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}

fn set(rules: &str) -> Vec<u8> {
    archive(&[
        ("set-1/", EntryType::Directory, b""),
        ("set-1/crs-setup.conf.example", EntryType::Regular, b"# nothing\n"),
        ("set-1/rules/", EntryType::Directory, b""),
        ("set-1/rules/a.conf", EntryType::Regular, rules.as_bytes()),
    ])
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_set_is_installed_replaced_and_brought_back() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(status(data.path()).unwrap_err().code(), "crs.not_installed");
    assert_eq!(roll_back(data.path()).unwrap_err().code(), "crs.no_previous");
    let first = set(RULE);
    let done = install(data.path(), &first, &sum(&first).to_uppercase()).unwrap();
    assert_eq!((done.version.as_str(), done.rules, done.previous), ("SET/1", 1, false));
    let second = set(&format!("{}SecAction \"id:2,phase:1,pass\"\n", RULE.replace("SET/1", "SET/2")));
    let done = install(data.path(), &second, &sum(&second)).unwrap();
    assert_eq!((done.version.as_str(), done.rules, done.previous), ("SET/2", 2, true));
    let back = roll_back(data.path()).unwrap();
    assert_eq!((back.version.as_str(), back.previous), ("SET/1", true));
    assert_eq!(status(data.path()).unwrap(), back);
    assert_eq!(roll_back(data.path()).unwrap().version, "SET/2");
    assert_eq!(names(data.path()), ["crs", "crs.previous"]);
}

#[test]
fn an_archive_may_have_no_folder_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let bytes =
        archive(&[("crs-setup.conf", EntryType::Regular, b""), ("rules/a.conf", EntryType::Regular, RULE.as_bytes())]);
    assert_eq!(install(data.path(), &bytes, &sum(&bytes)).unwrap().rules, 1);
    let bytes = archive(&[
        ("./set/rules/a.conf", EntryType::Regular, RULE.as_bytes()),
        ("./set/crs-setup.conf", EntryType::Regular, b""),
    ]);
    assert_eq!(install(data.path(), &bytes, &sum(&bytes)).unwrap().rules, 1);
}

#[test]
fn what_is_refused_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let good = set(RULE);
    install(data.path(), &good, &sum(&good)).unwrap();
    let before = status(data.path()).unwrap();
    let file = |path: &'static str| (path, EntryType::Regular, RULE.as_bytes());
    let mut bomb = vec![0; 1 << 20];
    {
        let mut header = Header::new_gnu();
        header.set_path("set/rules/a.conf").unwrap();
        header.set_size(1 << 40);
        header.set_cksum();
        bomb[..512].copy_from_slice(header.as_bytes());
    }
    for (bytes, code) in [
        (archive(&[file("../outside.conf")]), "crs.archive"),
        (archive(&[file("set/../../outside.conf")]), "crs.archive"),
        (archive(&[file("/outside.conf")]), "crs.archive"),
        (archive(&[file("set/rules/a.conf"), ("set/b", EntryType::Symlink, b"")]), "crs.archive"),
        (archive(&[file("set/rules/a.conf"), ("set/b", EntryType::Link, b"")]), "crs.archive"),
        (archive(&[file("set/rules/a.conf"), ("set/b", EntryType::Fifo, b"")]), "crs.archive"),
        (archive(&[file("set/rules/a.conf"), file("other/b.conf")]), "crs.archive"),
        (archive(&[file("set/nothing.conf")]), "crs.archive"),
        (archive(&[file("set/rules/a.conf")]), "waf.rules_broken"),
        (set("SecNothing On\n"), "waf.rules_broken"),
        (gzip(&bomb), "crs.archive"),
        (good[..good.len() / 2].to_vec(), "crs.archive"),
        (b"no archive".to_vec(), "crs.archive"),
        (Vec::new(), "crs.archive"),
    ] {
        let refused = install(data.path(), &bytes, &sum(&bytes)).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert_eq!(names(data.path()), ["crs"], "{refused}");
    }
    for wrong in ["", "00", &sum(b"another"), &"g".repeat(64)] {
        assert_eq!(install(data.path(), &good, wrong).unwrap_err().code(), "crs.checksum");
    }
    assert_eq!(status(data.path()).unwrap(), before);
    assert!(!data.path().parent().unwrap().join("outside.conf").exists());
}

#[test]
fn an_archive_that_grows_without_end_is_cut_off() {
    let data = tempfile::tempdir().unwrap();
    // Empty folders cost nothing in the archive: their number is bounded.
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = Header::new_gnu();
    header.set_path("set").unwrap();
    header.set_entry_type(EntryType::Directory);
    header.set_size(0);
    header.set_cksum();
    for _ in 0..=MOST_ENTRIES {
        builder.append(&header, &b""[..]).unwrap();
    }
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    assert!(bytes.len() < 1 << 20);
    let refused = install(data.path(), &bytes, &sum(&bytes)).unwrap_err();
    assert!(refused.message().contains("50,000"), "{refused}");
}

#[test]
fn what_is_taken_back_leaves_both_sets_that_were_there() {
    let data = tempfile::tempdir().unwrap();
    let archives = ["1", "2", "3"].map(|version| set(&RULE.replace("SET/1", &format!("SET/{version}"))));
    for bytes in &archives[..2] {
        install(data.path(), bytes, &sum(bytes)).unwrap();
    }
    let version = || status(data.path()).unwrap().version;
    let staged = Staged::unpack(data.path(), &archives[2], &sum(&archives[2])).unwrap();
    let (_, undo) = staged.place().unwrap();
    assert_eq!(version(), "SET/3");
    undo();
    assert_eq!((version().as_str(), names(data.path())), ("SET/2", vec!["crs".to_owned(), "crs.previous".to_owned()]));
    assert_eq!(roll_back(data.path()).unwrap().version, "SET/1");
}
