//! The public core rule set as a load test: all of it loads, unchanged.
//!
//! The rules lie outside this package; without them the test says so and passes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use argos_seclang::{LoadError, Loader, Now, RuleSet, Verdict};

/// Folders on disk. Its globs know one star in the file name.
struct Disk;

impl Loader for Disk {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(name).map_err(|error| LoadError { name: name.to_owned(), reason: error.to_string() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        let Some((before, after)) = pattern.split_once('*') else {
            return Ok(Path::new(pattern).exists().then(|| pattern.to_owned()).into_iter().collect());
        };
        let (folder, start) = before.rsplit_once('/').unwrap();
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(Vec::new()) };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names
            .filter(|name| name.starts_with(start) && name.ends_with(after))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        names.sort();
        Ok(names)
    }
}

fn load(folder: &Path) {
    match RuleSet::builder(Disk).crs(folder.to_str().unwrap()).paranoia(1).compile() {
        Ok((set, report)) => {
            println!("{}: {} rules, {} warnings", folder.display(), set.rule_count(), report.warnings.len());
            report.warnings.iter().for_each(|warning| println!("{warning}"));
            assert!(set.rule_count() > 150);
            assert_eq!(verdict(&set, b"/"), Verdict::Pass);
            assert_eq!(verdict(&set, b"/?q=1%27%20OR%20%271%27=%271"), Verdict::Blocked);
        }
        Err(errors) => {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

fn verdict(set: &RuleSet, uri: &[u8]) -> Verdict {
    let mut transaction = set.transaction(Now { unix_millis: 1_709_210_096_789 });
    transaction.connection([192, 0, 2, 7].into(), 5000, [192, 0, 2, 1].into(), 443);
    transaction.request_line(b"GET", uri, b"HTTP/1.1");
    for (name, value) in [("Host", "shop.example"), ("User-Agent", "test"), ("Accept", "*/*")] {
        transaction.request_header(name.as_bytes(), value.as_bytes());
    }
    if transaction.phase1().is_none() {
        transaction.phase2();
    }
    transaction.finish().verdict
}

#[test]
fn the_core_rule_set_loads_unchanged_and_blocks() {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("crs");
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return;
    }
    load(&folder);
}

/// Where Debian's package puts its rules; `CRS_DIR` names another place.
#[test]
fn the_packaged_rule_set_loads_unchanged_and_blocks() {
    let folder = PathBuf::from(std::env::var("CRS_DIR").unwrap_or_else(|_| "/usr/share/modsecurity-crs".to_owned()));
    if !folder.is_dir() {
        println!("not run: modsecurity-crs is not installed");
        return;
    }
    load(&folder);
}
