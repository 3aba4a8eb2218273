//! `argos crs`: the core rule set in the data folder, installed from an archive.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use argos_core::error::{Error, ErrorKind, Result};
use argos_core::waf::install::{self, Installed, MOST_ARCHIVE};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

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
                        .value_name("FILE")
                        .required(true)
                        .help("A release as a gzipped tar archive, at most 64 MiB"),
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
            install::install(&folder, &archive(name)?, sum)?
        }
        "rollback" => install::roll_back(&folder)?,
        _ => install::status(&folder)?,
    };
    show(&found, args.get_flag("json"));
    if verb != "status" && client::runs(&folder) {
        output::note(format_args!("a running Argos goes on with the rules it has read; SIGHUP makes it read these"));
    }
    Ok(())
}

fn archive(name: &str) -> Result<Vec<u8>> {
    if name.contains("://") {
        let reason = "downloads are not available yet: fetch the archive with a tool of yours and give the file";
        return Err(Error::invalid("crs.download", "archive", reason));
    }
    let unreadable = |e: std::io::Error| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Unavailable };
        Error::new(kind, "crs.archive_file", format!("{name}: {e}"))
    };
    let file = File::open(PathBuf::from(name)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_ARCHIVE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST_ARCHIVE {
        return Err(Error::invalid("crs.archive", "archive", "larger than 64 MiB"));
    }
    Ok(bytes)
}

fn show(found: &Installed, as_json: bool) {
    if as_json {
        return output::line(format_args!("{:#}", json!(found)));
    }
    let version = if found.version.is_empty() { "of no version" } else { &found.version };
    let (rules, warnings) = (found.rules, found.warnings);
    output::line(format_args!("{}: {version}, {rules} rules, {warnings} warnings", found.path.display()));
    if found.previous {
        output::line(format_args!("the set before is kept: argos crs rollback"));
    }
}
