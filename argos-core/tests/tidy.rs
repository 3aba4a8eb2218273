//! The rules of the house that a compiler does not know: who may import whom, how long a file may be, where time,
//! randomness, environment and files enter. Reads sources as text; a room that is not built yet is not missed.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

use std::path::{Path, PathBuf};

/// Modules of the core by rank: each imports only from ranks before its own.
const RANKS: &[&[&str]] = &[
    &["error", "clock", "secret", "metrics"],
    &["schema"],
    &["event"],
    &["store", "outbound"],
    &["auth", "bans", "waf", "certs", "notify", "logs", "backup"],
    &["snapshot"],
    &["proxy"],
    &["jobs", "explain"],
    &["api"],
    &["argos"],
    &["fuzzing"],
];

/// Imports that the ranks forbid: from, to, why they stand.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    ("secret", "clock", "nonces and keys come from the one room of randomness"),
    ("secret", "error", "its faults become the error that callers see, beside their enum"),
];

/// Modules that may name the rule engine.
const ENGINE: &[(&str, &str)] = &[
    ("waf", "chooses and composes the rules"),
    ("snapshot", "holds a host's compiled rules, whose type is the engine's"),
    ("explain", "reads what the engine's trace tells"),
    ("proxy", "feeds a request to the engine's transaction and reads its findings"),
];

/// Lines of a source file without its tests.
const LINES: usize = 500;

/// Files that may be longer: path, why.
const LONG: &[(&str, &str)] = &[];

/// Words of code, the places that may use them, and what the words mean.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    (
        "time",
        &["SystemTime::now", "Instant::now", "Utc::now", "Timestamp::now", "Zoned::now"],
        // The proxy measures how long a request takes; benchmarks measure everything.
        &["argos-core/src/clock.rs", "argos-core/src/proxy/", "benches/"],
    ),
    (
        "randomness",
        &["rand::", "SysRng", "OsRng", "getrandom", "thread_rng", "new_v4", "now_v7"],
        &["argos-core/src/clock.rs", "benches/"],
    ),
    ("environment", &["std::env", "env::var", "env::args", "env::temp_dir"], &["argos-server/", "benches/"]),
    (
        "files",
        &["std::fs", "tokio::fs", "fs::read", "fs::write", "File::open", "File::create"],
        &[
            "argos-core/src/secret/source.rs",
            "argos-core/src/store/",
            "argos-core/src/waf/",
            // How many sockets the process may open is told only by a file of the system.
            "argos-core/src/proxy/listener.rs",
            // Whether a command that is given is a file that may be run.
            "argos-core/src/certs/dns/exec.rs",
            "argos-server/",
            "benches/",
        ],
    ),
];

/// Short names of files in the table of attacks.
const ATTACKS: &[(&str, &str)] = &[
    ("sign-in", "argos-core/tests/sign_in.rs"),
    ("gate", "argos-core/tests/gate.rs"),
    ("oidc", "argos-core/tests/oidc.rs"),
    ("guard", "argos-server/src/http/guard.rs"),
    ("page", "argos-server/tests/clients/test_login.py"),
    ("cross-site", "argos-server/tests/clients/test_cross_site.py"),
];

/// Words that no source holds. Written in halves, so that this file does not hold them.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
];

/// Folders of the machine that a source was written on.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Texts that may name such a folder: path, why.
const NAMES_FOLDERS: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Folders of the workspace's packages, from its manifest.
fn packages() -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("\nmembers = [").unwrap();
    let (members, _) = rest.split_once("\n]").unwrap();
    let named = members.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once('"'));
    let packages: Vec<String> = named.map(|(name, _)| name.to_owned()).collect();
    assert!(packages.len() >= 7, "{packages:?}");
    packages
}

/// Files below `folder` with one of the endings, as paths from the root with `/`.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    const SKIPPED: &[&str] =
        &["target", ".git", "node_modules", ".venv", "__pycache__", "dist", "corpus", "corpora", "fixtures"];
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.rsplit_once('.').is_some_and(|(_, e)| e == *ending)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Rust files below every package's `src`, without files of tests.
fn sources() -> Vec<String> {
    let all = packages().into_iter().flat_map(|package| files(&format!("{package}/src"), &["rs"]));
    let found: Vec<String> = all
        .filter(|path| !path.ends_with("/tests.rs") && !path.ends_with("/testdata.rs") && !path.contains("/tests/"))
        .collect();
    assert!(found.len() > 50, "only {} sources were found", found.len());
    found
}

/// The text before the tests at the file's end.
fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod tests").map_or(text, |at| &text[..=at])
}

/// Lines of code with their numbers: comments are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    numbered.map(|(n, line)| (n, line.split("//").next().unwrap_or_default())).filter(|(_, l)| !l.trim().is_empty())
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

/// The module of the core that a path belongs to, and whether the file is that module's own root.
fn module(path: &str) -> Option<(&str, bool)> {
    let inside = path.strip_prefix("argos-core/src/")?;
    match inside.split_once('/') {
        Some((module, file)) => Some((module, file == "mod.rs")),
        None => inside.strip_suffix(".rs").map(|module| (module, true)).filter(|(module, _)| *module != "lib"),
    }
}

/// Names that follow `prefix` in a line, such as `store` in `crate::store::Tx`.
fn named_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let ends = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    line.match_indices(prefix)
        .filter(|(at, _)| !line[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
        .map(|(at, _)| &line[at + prefix.len()..])
        .map(|rest| &rest[..ends(rest)])
        .collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn each_module_imports_only_from_ranks_before_its_own() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for path in sources() {
        let Some((from, is_root)) = module(&path) else { continue };
        let Some(own) = rank(from) else {
            faults.push(format!("{path}: module {from} has no rank"));
            continue;
        };
        let text = read(&path);
        for (n, line) in code(without_tests(&text)) {
            let at = format!("{path}:{n}");
            if line.contains("crate::{") || line.contains("crate::*") {
                faults.push(format!("{at}: imports are not grouped at the crate root"));
            }
            let mut to = named_after(line, "crate::");
            // From a module's root, and by two steps from a file in it, `super` is the crate's root.
            to.extend(named_after(line, if is_root { "super::" } else { "super::super::" }));
            for to in to {
                let Some(other) = rank(to) else { continue };
                seen += 1;
                let excepted = NEIGHBOURS.iter().any(|(a, b, _)| (*a, *b) == (from, to));
                if to != from && other >= own && !excepted {
                    faults.push(format!("{at}: {from} may not import {to}"));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were seen");
    report(&faults);
}

#[test]
fn the_rule_engine_stands_alone_and_is_named_in_few_places() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = read(&path);
        for (n, line) in code(&text) {
            let engine = line.contains("argos_seclang");
            let allowed = module(&path).is_some_and(|(module, _)| ENGINE.iter().any(|(m, _)| *m == module));
            let own = path.starts_with("argos-core/seclang/") || path.starts_with("benches/");
            if engine && !allowed && !own {
                faults.push(format!("{path}:{n}: the rule engine is for waf"));
            }
            let ours = ["argos_core", "argos_migrations"].iter().any(|name| line.contains(name));
            if path.starts_with("argos-core/seclang/") && ours {
                faults.push(format!("{path}:{n}: the rule engine imports nothing of ours"));
            }
        }
    }
    for line in read("argos-core/seclang/Cargo.toml").lines().filter(|line| line.starts_with("argos-")) {
        faults.push(format!("argos-core/seclang/Cargo.toml: {line}"));
    }
    report(&faults);
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = read(&path);
        let lines = without_tests(&text).lines().count();
        let excepted = LONG.iter().any(|(long, _)| *long == path);
        if lines > LINES && !excepted && !is_table(without_tests(&text)) {
            faults.push(format!("{path}: {lines} lines, {LINES} at most"));
        }
    }
    report(&faults);
}

/// A pure table: constants and nothing that runs.
fn is_table(text: &str) -> bool {
    let has = |word: &str| code(text).any(|(_, line)| line.contains(word));
    (has("const ") || has("static ")) && !has("fn ") && !has("impl ") && !has("macro_rules!")
}

#[test]
fn every_package_forbids_unsafe_code() {
    let workspace = read("Cargo.toml");
    let (_, lints) = workspace.split_once("[workspace.lints.rust]").unwrap();
    let forbidden = lints.split("\n[").next().unwrap().lines().any(|l| l.trim() == "unsafe_code = \"forbid\"");
    let mut faults = Vec::new();
    for package in packages() {
        let manifest = read(&format!("{package}/Cargo.toml"));
        let inherits = manifest.replace("\r\n", "\n").contains("\n[lints]\nworkspace = true\n");
        let roots = ["src/lib.rs", "src/main.rs"].map(|root| format!("{package}/{root}"));
        for path in roots.iter().filter(|path| self::root().join(path).exists()) {
            let text = read(path);
            // The macros of the Node binding write code that `forbid` refuses.
            let denied = package == "argos-node" && text.contains("#![deny(unsafe_code)]");
            let safe = (forbidden && inherits) || text.contains("#![forbid(unsafe_code)]") || denied;
            if !safe {
                faults.push(format!("{path}: unsafe code is not forbidden"));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut faults = Vec::new();
    for path in files("", &["rs", "sql", "py", "js", "ts", "toml", "sh", "css", "html"]) {
        for (n, line) in read(&path).lines().enumerate() {
            for word in UNFINISHED {
                let whole = line.match_indices(word).any(|(at, _)| {
                    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part)
                });
                // A macro's opening bracket may be followed by anything.
                if whole || (word.ends_with('(') && line.contains(word)) {
                    faults.push(format!("{path}:{}: {word}", n + 1));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn time_randomness_environment_and_files_enter_in_their_rooms() {
    let mut faults = Vec::new();
    let mut used = 0;
    for path in sources() {
        let text = read(&path);
        for (n, line) in code(without_tests(&text)) {
            for (what, words, rooms) in ROOMS {
                let grouped = |name: &str| line.trim_start().starts_with("use std::{") && line.contains(name);
                let named = words.iter().any(|word| line.contains(word));
                let named = named || (*what == "files" && grouped("fs")) || (*what == "environment" && grouped("env"));
                used += usize::from(named);
                if named && !rooms.iter().any(|room| path.starts_with(room)) {
                    faults.push(format!("{path}:{n}: {what} enters only in {rooms:?}: {}", line.trim()));
                }
            }
        }
    }
    assert!(used > 10, "only {used} uses were seen");
    report(&faults);
}

#[test]
fn no_text_names_a_folder_of_a_machine() {
    let mut faults = Vec::new();
    let kinds =
        ["rs", "toml", "md", "sql", "py", "pyi", "json", "js", "mjs", "ts", "html", "css", "sh", "yml", "yaml", "txt"];
    for path in files("", &kinds) {
        if NAMES_FOLDERS.iter().any(|(excepted, _)| *excepted == path) {
            continue;
        }
        for (n, line) in read(&path).lines().enumerate() {
            for folder in MACHINE {
                // Behind a letter it is a part of another path, such as a URL's.
                let absolute = |(at, _): (usize, &str)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
                if line.match_indices(folder).any(absolute) {
                    faults.push(format!("{path}:{}: {folder}", n + 1));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn the_tests_that_the_table_of_attacks_names_exist() {
    let text = read("docs/security.md");
    for (name, path) in ATTACKS {
        assert!(text.contains(&format!("**{name}**")) && text.contains(&format!("`{path}`")), "{name}");
    }
    let (mut faults, mut seen) = (Vec::new(), 0);
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Attack")) {
        let before = seen;
        let mut file = String::new();
        // A file, or its short name, stands before the tests in it.
        for word in row.rsplit(" | ").next().unwrap().split(['`', '*']) {
            let short = ATTACKS.iter().find(|(name, _)| *name == word).map(|(_, path)| *path);
            if let Some(path) = short.or(word.contains('/').then_some(word)) {
                file = read(path);
            } else if word.contains('_') {
                seen += 1;
                if ![format!("fn {word}("), format!("def {word}(")].iter().any(|head| file.contains(head)) {
                    faults.push(format!("there is no test {word}: {row}"));
                }
            }
        }
        if seen == before {
            faults.push(format!("no test is named: {row}"));
        }
    }
    assert!(seen > 50, "{seen} tests were seen");
    report(&faults);
}

#[test]
fn an_exception_names_a_real_module_and_says_why() {
    for (from, to, why) in NEIGHBOURS {
        assert!(rank(from).is_some() && rank(to).is_some() && !why.is_empty(), "{from} to {to}");
    }
    for (module, why) in ENGINE {
        assert!(rank(module).is_some() && !why.is_empty(), "{module}");
    }
    for (path, why) in LONG.iter().chain(NAMES_FOLDERS) {
        assert!(root().join(path).exists() && !why.is_empty(), "{path}");
    }
}

/// The reader of imports itself.
#[test]
fn imports_are_seen_in_each_form() {
    assert_eq!(named_after("use crate::store::Tx;", "crate::"), ["store"]);
    assert_eq!(named_after("pub(crate) fn f(x: crate::api::A, y: $crate::schema::B)", "crate::"), ["api", "schema"]);
    assert_eq!(named_after("use super::super::api::X;", "super::super::"), ["api"]);
    assert_eq!(named_after("use supercrate::store;", "crate::"), [""; 0]);
    assert_eq!(module("argos-core/src/store/mod.rs"), Some(("store", true)));
    assert_eq!(module("argos-core/src/store/tx.rs"), Some(("store", false)));
    assert_eq!(module("argos-core/src/argos.rs"), Some(("argos", true)));
    assert_eq!(module("argos-core/src/lib.rs"), None);
    assert_eq!(module("argos-server/src/main.rs"), None);
    assert!(is_table("const A: &[u8] = &[1];") && !is_table("const A: u8 = 1;\nfn f() {}"));
}
