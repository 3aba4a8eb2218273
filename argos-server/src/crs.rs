//! `argos crs`: the core rule set in the data folder, installed from an archive.
//!
//! Where a database is, an installation is the operation `waf.install`: it is audited, and a running Argos runs the new
//! rules at once. What to fetch is said by the person at this machine, so any https server may be asked from here.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use argos_core::api::describe;
use argos_core::error::{Error, ErrorKind, Result};
use argos_core::outbound::Reach;
use argos_core::waf::download;
use argos_core::waf::install::{self, MOST_ARCHIVE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::{Failure, client, environment, output};

pub(crate) fn command() -> Command {
    Command::new("crs")
        .about("Installs a core rule set into the data folder, or goes back to the one before")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("install")
                .about("Unpacks an archive beside, compiles it, and puts it in place; the set before stays")
                .arg(
                    Arg::new("archive")
                        .value_name("FILE|URL")
                        .required(true)
                        .help("A release as a gzipped tar archive of at most 16 MiB: a file, or where it is by https"),
                )
                .arg(
                    Arg::new("sha256")
                        .long("sha256")
                        .value_name("HEX")
                        .required(true)
                        .help("The archive's SHA-256, from where the release is announced"),
                ),
        )
        .subcommand(Command::new("status").about("Shows what is installed"))
        .subcommand(Command::new("rollback").about("Brings the set before back"))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let (verb, args) = matches.subcommand().expect("clap demands a sub-command");
    let folder = environment::data_dir(args);
    let found = match verb {
        "install" => {
            let name = args.get_one::<String>("archive").expect("clap demands it");
            let sum = args.get_one::<String>("sha256").expect("clap demands it");
            let bytes = archive(name)?;
            if client::runs(&folder) || args.get_flag("create") || folder.join("argos.db").exists() {
                by_operation(args, &bytes, sum)?
            } else {
                json!(install::install(&folder, &bytes, sum)?)
            }
        }
        "rollback" => json!(install::roll_back(&folder)?),
        _ => json!(install::status(&folder)?),
    };
    show(&found, args.get_flag("json"));
    if verb == "rollback" && client::runs(&folder) {
        output::note(format_args!("a running Argos goes on with the rules it has read: argos waf reload"));
    }
    Ok(())
}

/// Installs through the registry and returns what was installed.
fn by_operation(args: &ArgMatches, bytes: &[u8], sum: &str) -> Result<Value> {
    let op = describe().into_iter().find(|op| op.name == "waf.install").expect("the registry has it");
    let input = Map::from_iter([
        ("archive".to_owned(), STANDARD.encode(bytes).into()),
        ("sha256".to_owned(), sum.to_owned().into()),
    ]);
    let mut done = client::Way::open(args)?.call(&op, input)?;
    let installed = done["installed"].take();
    if done["rule_set"]["path"] != installed["path"] {
        let path = done["rule_set"]["path"].as_str().unwrap_or_default();
        output::note(format_args!("hosts run other rules: crs.path, --crs or ARGOS_CRS_PATH names {path}"));
    }
    Ok(installed)
}

fn archive(name: &str) -> Result<Vec<u8>> {
    if name.contains("://") {
        return download::fetch(name, Reach { private: true, ..Reach::default() });
    }
    let unreadable = |e: std::io::Error| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Unavailable };
        Error::new(kind, "crs.archive_file", format!("{name}: {e}"))
    };
    let file = File::open(PathBuf::from(name)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_ARCHIVE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_ARCHIVE {
        return Err(Error::invalid("crs.archive", "archive", "larger than 16 MiB"));
    }
    Ok(bytes)
}

fn show(found: &Value, as_json: bool) {
    if as_json {
        return output::line(format_args!("{found:#}"));
    }
    let path = Path::new(found["path"].as_str().unwrap_or_default());
    let version = found["version"].as_str().filter(|text| !text.is_empty()).unwrap_or("of no version");
    let (rules, warnings) = (&found["rules"], &found["warnings"]);
    output::line(format_args!("{}: {version}, {rules} rules, {warnings} warnings", path.display()));
    if found["previous"] == true {
        output::line(format_args!("the set before is kept: argos crs rollback"));
    }
}
