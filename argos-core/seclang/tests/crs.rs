//! The public core rule set as a load test: all of it loads, unchanged.
//!
//! The rules lie outside this package; without them the test says so and passes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use std::path::{Path, PathBuf};

use argos_seclang::{Now, RuleSet, Verdict};
use shared::Disk;

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

/// Debian's package, as `scripts/setup-crs` unpacks it or as the system has it; `CRS_DIR` names another place.
#[test]
fn the_packaged_rule_set_loads_unchanged_and_blocks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let places = [
        std::env::var_os("CRS_DIR").map(PathBuf::from),
        Some(target.join("crs-3.3/usr/share/modsecurity-crs")),
        Some("/usr/share/modsecurity-crs".into()),
    ];
    match places.into_iter().flatten().find(|folder| folder.is_dir()) {
        Some(folder) => load(&folder),
        None => println!("not run: modsecurity-crs is not there; scripts/setup-crs fetches it"),
    }
}
