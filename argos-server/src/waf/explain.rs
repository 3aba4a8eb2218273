//! `argos waf explain`: why one request is stopped, or passes. By rules of files, or by those that a host runs.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::PathBuf;

use argos_core::api::describe;
use argos_core::error::{Error, Result};
use argos_core::explain::{curl, offline};
use argos_core::schema::MASKED;
use argos_core::waf::inspect::RequestLine;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use crate::{Failure, client, output};

/// Fields of the operation, which is asked when one of them is given.
const OF_HOST: [&str; 4] = ["host_id", "request", "request_id", "log_id"];

pub(super) fn command(with_rules: Command) -> Command {
    let text = |name: &'static str, option: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(option).value_name(value).allow_hyphen_values(true).help(help)
    };
    with_rules
        .about("Explains one request: each rule on each target that exists, and what decided")
        .arg(super::file("in", "Where the request comes from: a JSON line or a curl command [default: standard input]"))
        .arg(text("curl", "curl", "COMMAND", "The request as a curl command"))
        .arg(text("host_id", "host-id", "NUMBER", "The host whose rules judge, with its exclusions and its mode"))
        .arg(text("request", "request", "JSON", "The request as JSON; needs a host"))
        .arg(text("request_id", "request-id", "TEXT", "A request of the log that the WAF had something to say about"))
        .arg(text("log_id", "log-id", "NUMBER", "A row of the log whose request is meant"))
        .arg(
            Arg::new("matched")
                .long("matched")
                .action(ArgAction::SetTrue)
                .help("Only rules that matched, and what an exclusion left out; not with --json"),
        )
}

pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let explained = if OF_HOST.iter().any(|field| matches.get_one::<String>(field).is_some()) {
        by_host(matches)?
    } else {
        let (inspector, mode) = super::inspector(matches, true)?;
        let masked: Vec<Box<str>> = MASKED.split(',').map(Into::into).collect();
        serde_json::to_value(offline(&inspector, mode, &line(matches)?, &masked)).map_err(unwritten)?
    };
    if matches.get_flag("json") {
        output::line(format_args!("{explained:#}"));
    } else {
        print(&explained, matches.get_flag("matched"));
    }
    Ok(())
}

fn unwritten(e: serde_json::Error) -> Error {
    Error::internal(format!("writing a result: {e}"))
}

/// Asks the operation.
fn by_host(matches: &ArgMatches) -> Result<Value> {
    let op = describe().into_iter().find(|op| op.name == "waf.explain").expect("the registry has it");
    let mut input = crate::cli::fields(&op, matches)?;
    let given = ["request", "curl", "request_id", "log_id"].iter().any(|field| input.contains_key(*field));
    if !given {
        let text = read(matches)?;
        match curl::is_command(&text) {
            true => drop(input.insert("curl".to_owned(), text.into())),
            false => {
                let line: Map<String, Value> = serde_json::from_str(&text).map_err(no_request)?;
                input.insert("request".to_owned(), line.into());
            }
        }
    }
    client::Way::open(matches)?.call(&op, input)
}

/// The request that was given.
fn line(matches: &ArgMatches) -> Result<RequestLine> {
    if let Some(command) = matches.get_one::<String>("curl") {
        return curl::parse(command);
    }
    let text = read(matches)?;
    if curl::is_command(&text) { curl::parse(&text) } else { serde_json::from_str(&text).map_err(no_request) }
}

fn no_request(e: serde_json::Error) -> Error {
    Error::invalid("waf.request", "in", format!("neither a JSON request nor a curl command: {e}"))
}

/// Bytes of a request that is given, at most.
const MOST: u64 = 16 * 1024 * 1024;

/// The first line that says something; of a curl command all lines.
fn read(matches: &ArgMatches) -> Result<String> {
    let unusable = |e: std::io::Error| Error::invalid("file", "in", format!("can't be used: {e}"));
    let input: Box<dyn BufRead> = match matches.get_one::<PathBuf>("in") {
        Some(path) => Box::new(BufReader::new(File::open(path).map_err(unusable)?)),
        None => Box::new(std::io::stdin().lock()),
    };
    let mut text = String::new();
    for line in input.take(MOST).lines() {
        let line = line.map_err(unusable)?;
        if line.trim().is_empty() && text.is_empty() {
            continue;
        }
        text.push_str(&line);
        if text.len() as u64 >= MOST {
            return Err(Error::invalid(
                "file",
                "in",
                format!("has {MOST} bytes or more, which is the most that is read"),
            ));
        }
        text.push('\n');
        if !curl::is_command(&text) {
            break;
        }
    }
    Ok(text)
}

/// For people: rule after rule, then the reason.
fn print(explained: &Value, matched_only: bool) {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let none = Vec::new();
    let mut last = Value::Null;
    let matched = explained["result"]["matched"].as_array().unwrap_or(&none);
    // A link of a chain may match while its rule does not.
    let matches =
        |step: &Value| step["result"] == "matched" && matched.iter().any(|rule| rule["id"] == step["rule_id"]);
    for step in explained["steps"].as_array().unwrap_or(&none) {
        if matched_only && !matches(step) && step["excluded_by"] != "exclusion" {
            continue;
        }
        let rule = &step["rule_id"];
        if *rule != last {
            let (file, line) = (text(step, "file"), &step["line"]);
            output::line(format_args!("rule {rule}, phase {}, {file}:{line}", step["phase"]));
            last = rule.clone();
        }
        let link =
            step["link"].as_u64().filter(|link| *link > 1).map(|link| format!("link {link}: ")).unwrap_or_default();
        let names: Vec<&str> =
            step["transformations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let through = if names.is_empty() { String::new() } else { format!(" through {}", names.join(", ")) };
        let result = match step["excluded_by"].as_str() {
            Some(by) => format!("left out by {by}"),
            None => text(step, "result"),
        };
        let scores: String = step["scores"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|score| format!(", {} +{}", text(score, "name"), score["added"]))
            .collect();
        let value = match text(step, "variable").as_str() {
            "" => String::new(),
            variable => format!("{variable}{through} = {:?}: ", text(step, "value")),
        };
        output::line(format_args!("  {link}{value}{result}{scores}"));
    }
    if let Some(count) = explained["steps_left_out"].as_u64().filter(|count| *count > 0) {
        output::line(format_args!("{count} further tries without a match"));
    }
    for rule in matched {
        let (msg, severity) = (text(rule, "msg"), text(rule, "severity"));
        if !msg.is_empty() {
            output::line(format_args!("matched rule {} {msg:?} {severity}", rule["id"]));
        }
    }
    let (limits, result) = (&explained["limits"], &explained["result"]);
    output::line(format_args!(
        "scores: inbound {} of {}, outbound {} of {}; paranoia {}, detection {}; mode {}",
        result["score_in"],
        limits["inbound_threshold"],
        result["score_out"],
        limits["outbound_threshold"],
        limits["paranoia"],
        limits["detection_paranoia"],
        text(explained, "mode"),
    ));
    if explained["source"] == "memory" && explained["whole"] == false {
        output::line("the body is longer than what is kept of it: rules saw more than was tried here");
    }
    output::line(format_args!("{}: {}", text(explained, "verdict"), text(explained, "reason")));
}
