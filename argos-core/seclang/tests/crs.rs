//! The public core rule set as a load test: nothing in it is wrong, some of it is not available yet.
//!
//! The rules lie outside this package; without them the test says so and passes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use argos_seclang::{LoadError, Loader, RuleSet};

/// A folder on disk.
struct Folder(std::path::PathBuf);

impl Loader for Folder {
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(self.0.join(name)).map_err(|error| LoadError { name: name.to_owned(), reason: error.to_string() })
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, LoadError> {
        Ok(vec![pattern.to_owned()])
    }
}

#[test]
fn the_core_rule_set_meets_only_what_is_not_available_yet() {
    let shared = std::env::var("SHARED_DIR").unwrap_or_else(|_| "../../../shared".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("crs/rules");
    if !folder.is_dir() {
        println!("not run: SHARED_DIR missing");
        return;
    }
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".conf"))
        .collect();
    names.sort();
    let mut missing = BTreeMap::<String, usize>::new();
    let mut wrong = Vec::new();
    let mut loaded = 0;
    for name in names {
        match RuleSet::builder(Folder(folder.clone())).rules_file(&name).compile() {
            Ok((set, _)) => loaded += set.rule_count(),
            Err(errors) => {
                for error in errors {
                    if error.code == "seclang.not_available_yet" {
                        *missing
                            .entry(format!("{} {}", error.token.chars().take(30).collect::<String>(), error.text))
                            .or_default() += 1;
                    } else {
                        wrong.push(error.to_string());
                    }
                }
            }
        }
    }
    println!("{loaded} rules in whole files; missing: {missing:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
