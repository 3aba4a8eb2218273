//! `argos waf`: rules checked and requests judged without a server.

mod explain;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;

use argos_core::error::{Error, ErrorKind, FieldError, Result};
use argos_core::schema::WafMode;
use argos_core::waf::ftw::{self, FtwOptions};
use argos_core::waf::inspect::{Inspector, InspectorOptions, RequestLine, check};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use crate::{Failure, file, output};

/// Lines judged in one go; with several threads they share them.
const BATCH: usize = 1024;

/// Exit status of a suite with failed tests.
const FAILED: u8 = 9;

pub(crate) fn command() -> Command {
    Command::new("waf")
        .about("Checks rules and judges requests; shows, reads anew and installs the rules that hosts run")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("check")
                .about("Compiles rule files and prints what is wrong, with its position")
                .arg(
                    Arg::new("files")
                        .value_name("FILE")
                        .value_parser(value_parser!(PathBuf))
                        .num_args(1..)
                        .required_unless_present("crs")
                        .help("SecLang files, loaded in this order as one rule set"),
                )
                .arg(file("crs", "A core rule set, loaded around the files").value_name("DIR")),
        )
        .subcommand(explain::command(rules_of(Command::new("explain"))))
        .subcommand(
            rules_of(Command::new("eval"))
                .about("Judges one JSON request a line and prints one JSON result a line, in the same order")
                .arg(number("threads", 1, 256, "1", "Threads that judge"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Rules with nolog too"))
                .arg(file("in", "Where requests come from [default: standard input]"))
                .arg(file("out", "Where results go [default: standard output]")),
        )
        .subcommand(
            Command::new("ftw")
                .about("Runs a regression suite in the FTW format; exit status 9 when a test fails")
                .arg(file("tests", "A folder of suites, or one").required(true).value_name("DIR"))
                .arg(file("crs", "A core rule set; without it the built-in rules run").value_name("DIR"))
                .arg(file("rules", "A SecLang file of yours; may be given several times").action(ArgAction::Append))
                .arg(file("setup", "Rule text; with --crs in place of the set-up that its own suite is written for"))
                .arg(file("overrides", "Tests whose expectation is another one, each with its reason"))
                .arg(Arg::new("filter").long("filter").value_name("PATTERN").help("Tests whose id matches")),
        )
}

fn number(name: &'static str, low: i64, high: i64, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("NUMBER")
        .value_parser(value_parser!(u32).range(low..=high))
        .default_value(default)
        .help(help)
}

fn file(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
}

/// The options that say which rules judge, and how.
fn rules_of(command: Command) -> Command {
    command
        .arg(file("rules", "A SecLang file; may be given several times").action(ArgAction::Append))
        .arg(
            Arg::new("baseline")
                .long("baseline")
                .action(ArgAction::SetTrue)
                .conflicts_with("crs")
                .help("The built-in rules; the default when no file and no rule set is given"),
        )
        .arg(file("crs", "A core rule set, loaded around the files").value_name("DIR"))
        .arg(number("paranoia", 1, 4, "1", "Paranoia level, 1–4"))
        .arg(number("inbound", 1, 1000, "5", "Inbound anomaly threshold, 1–1000"))
        .arg(number("outbound", 1, 1000, "4", "Outbound anomaly threshold, 1–1000"))
        .arg(
            Arg::new("mode")
                .long("mode")
                .value_parser(["detect", "block"])
                .default_value("block")
                .help("What a disruptive outcome does"),
        )
}

/// The rules that the options of [`rules_of`] choose.
fn inspector(matches: &ArgMatches, all: bool) -> Result<(Inspector, WafMode)> {
    let files: Vec<PathBuf> = matches.get_many("rules").into_iter().flatten().cloned().collect();
    let number = |name: &str| matches.get_one::<u32>(name).copied().unwrap_or(1);
    let crs = matches.get_one::<PathBuf>("crs").cloned();
    let mode = match matches.get_one::<String>("mode").map(String::as_str) {
        Some("detect") => WafMode::Detect,
        _ => WafMode::Block,
    };
    let inspector = Inspector::compile(InspectorOptions {
        rules: None,
        baseline: matches.get_flag("baseline") || (files.is_empty() && crs.is_none()),
        crs,
        files,
        paranoia: u8::try_from(number("paranoia")).unwrap_or(1),
        inbound: number("inbound"),
        outbound: number("outbound"),
        mode,
        all,
    })?;
    Ok((inspector, mode))
}

/// Whether a verb needs neither a database nor a running Argos; the others are operations.
pub(crate) fn is_own(verb: &str) -> bool {
    matches!(verb, "check" | "eval" | "explain" | "ftw")
}

pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("check", args)) => run_check(args),
        Some(("explain", args)) => explain::run(args),
        Some(("ftw", args)) => run_ftw(args),
        Some((_, args)) => run_eval(args),
        None => Ok(()),
    }
}

fn run_ftw(matches: &ArgMatches) -> Result<(), Failure> {
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let setup = match path("setup") {
        Some(path) => Some(file::text("setup", &path.to_string_lossy())?),
        // Own rules over the built-in ones are tested as a host runs them.
        None => path("crs").map(|_| ftw::SETUP.to_owned()),
    };
    let report = ftw::run(&FtwOptions {
        tests: path("tests").unwrap_or_default(),
        crs: path("crs"),
        rules: matches.get_many("rules").into_iter().flatten().cloned().collect(),
        setup,
        overrides: path("overrides"),
        filter: matches.get_one::<String>("filter").cloned(),
    })?;
    if matches.get_flag("json") {
        println!("{:#}", json!(report));
    } else {
        report.failures.iter().for_each(|failure| println!("failed: {}: {}", failure.id, failure.reason));
        let (run, passed) = (report.run, report.passed);
        println!("{passed} of {run} passed, {} under an override, {} left out", report.overridden, report.ignored);
    }
    if report.failures.is_empty() { Ok(()) } else { Err(Failure::Findings(FAILED)) }
}

fn run_check(matches: &ArgMatches) -> Result<(), Failure> {
    let files: Vec<PathBuf> = matches.get_many("files").into_iter().flatten().cloned().collect();
    let as_json = matches.get_flag("json");
    let checked = check(matches.get_one::<PathBuf>("crs").map(PathBuf::as_path), &files);
    if as_json {
        let body = match &checked {
            Ok(good) => json!({"ok": true, "rules": good.rules, "errors": [], "warnings": good.warnings}),
            Err(e) => json!({"ok": false, "errors": e.fields(), "warnings": []}),
        };
        output::line(format_args!("{body:#}"));
    }
    match checked {
        Ok(good) => {
            if !as_json {
                good.warnings.iter().for_each(|w| output::line(format_args!("warning: {}", positioned(w))));
                output::line(format_args!("ok: {} rules", good.rules));
            }
            Ok(())
        }
        Err(e) if e.code() == "waf.rules_broken" => {
            if !as_json {
                e.fields().iter().for_each(|f| output::line(positioned(f)));
            }
            Err(Failure::Findings(ErrorKind::Invalid.exit_code()))
        }
        Err(e) => Err(e.into()),
    }
}

/// `file:line:column: code: text`.
fn positioned(f: &FieldError) -> String {
    format!("{}:{}:{}: {}", f.field, f.line.unwrap_or(0), f.column.unwrap_or(0), f.reason)
}

fn run_eval(matches: &ArgMatches) -> Result<(), Failure> {
    let (inspector, _) = inspector(matches, matches.get_flag("all"))?;
    let threads = matches.get_one::<u32>("threads").map_or(1, |n| *n as usize);
    let unusable =
        |name: &'static str| move |e: std::io::Error| Error::invalid("file", name, format!("can't be used: {e}"));
    let input: Box<dyn BufRead> = match matches.get_one::<PathBuf>("in") {
        Some(path) => Box::new(BufReader::new(File::open(path).map_err(unusable("in"))?)),
        None => Box::new(std::io::stdin().lock()),
    };
    let mut output: Box<dyn Write> = match matches.get_one::<PathBuf>("out") {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(unusable("out"))?)),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    let mut lines = input.split(b'\n');
    let (mut first, mut bad) = (1, false);
    loop {
        let batch: Vec<Vec<u8>> = lines.by_ref().take(BATCH).collect::<std::io::Result<_>>().map_err(unusable("in"))?;
        if batch.is_empty() {
            break;
        }
        for (result, good) in judge(&inspector, &batch, first, threads) {
            bad |= !good;
            writeln!(output, "{result}").map_err(unusable("out"))?;
        }
        first += batch.len();
    }
    output.flush().map_err(unusable("out"))?;
    if bad { Err(Failure::Findings(ErrorKind::Invalid.exit_code())) } else { Ok(()) }
}

/// The results of a batch in its order, with whether each line was good.
fn judge(inspector: &Inspector, batch: &[Vec<u8>], first: usize, threads: usize) -> Vec<(String, bool)> {
    let share = batch.len().div_ceil(threads);
    let parts = batch.chunks(share).enumerate();
    std::thread::scope(|scope| {
        let workers: Vec<_> = parts
            .map(|(i, part)| {
                let inspector = inspector.clone();
                scope.spawn(move || {
                    let number = first + i * share;
                    let filled = (number..).zip(part).filter(|(_, line)| !line.trim_ascii().is_empty());
                    filled.map(|(n, line)| judge_line(&inspector, line, n)).collect::<Vec<_>>()
                })
            })
            .collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.flat_map(|part| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn judge_line(inspector: &Inspector, line: &[u8], number: usize) -> (String, bool) {
    let result = serde_json::from_slice::<RequestLine>(line)
        .map_err(|e| e.to_string())
        .and_then(|request| serde_json::to_string(&inspector.inspect(&request)).map_err(|e| e.to_string()));
    match result {
        Ok(result) => (result, true),
        Err(error) => {
            // The id is given back where the line is JSON at all.
            let id = serde_json::from_slice::<Value>(line).map_or(Value::Null, |v| v["id"].clone());
            (json!({"id": id, "error": error, "line": number}).to_string(), false)
        }
    }
}
