//! `argos logs tail` and how log rows look on a terminal.

use std::time::Duration;

use argos_core::api::describe;
use argos_core::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value, json};

use crate::Failure;
use crate::client::Way;
use crate::output;

/// How often a follower asks for new rows.
const EVERY: Duration = Duration::from_millis(300);

pub(crate) fn tail_command() -> Command {
    Command::new("tail")
        .about("Shows the newest rows; with --follow goes on with each new one")
        .arg(
            Arg::new("lines")
                .short('n')
                .long("lines")
                .value_name("NUMBER")
                .value_parser(value_parser!(i64).range(1..=1000))
                .default_value("20")
                .help("Rows to begin with, 1–1000"),
        )
        .arg(Arg::new("follow").short('f').long("follow").action(ArgAction::SetTrue).help("Go on until interrupted"))
}

pub(crate) fn tail(matches: &ArgMatches) -> Result<(), Failure> {
    let operations = describe();
    let op = operations.iter().find(|o| o.name == "logs.tail").ok_or_else(|| Error::internal("logs.tail is gone"))?;
    let as_json = matches.get_flag("json");
    let lines = matches.get_one::<i64>("lines").copied().unwrap_or(20);
    let way = Way::open(matches)?;
    let mut input = Map::from_iter([("limit".to_owned(), json!(lines))]);
    let mut last = 0;
    loop {
        let page = way.call(op, input)?;
        if as_json {
            page["items"].as_array().into_iter().flatten().for_each(output::line);
        } else {
            print(&page);
        }
        last = page["items"].as_array().and_then(|rows| rows.last()).and_then(|r| r["id"].as_i64()).unwrap_or(last);
        if !matches.get_flag("follow") {
            return Ok(());
        }
        input = Map::from_iter([("after_id".to_owned(), json!(last)), ("limit".to_owned(), json!(1000))]);
        std::thread::sleep(EVERY);
    }
}

/// Prints rows, one line each.
pub(crate) fn print(page: &Value) {
    for row in page["items"].as_array().into_iter().flatten() {
        output::line(line(row));
    }
}

fn line(row: &Value) -> String {
    let text = |name: &str| -> String {
        let value = row[name].as_str().unwrap_or_default();
        // What a client sent must not reach the terminal as control characters.
        value.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    };
    let number = |name: &str| row[name].as_i64().unwrap_or(0);
    let query = text("query");
    let target = if query.is_empty() { text("path") } else { format!("{}?{query}", text("path")) };
    let head = format!("{} {:<9}", text("timestamp"), source(&text("source")));
    match text("source").as_str() {
        "caddy_access" => format!(
            "{head} {} {} {}{target} {} {} {}ms {}B{}",
            text("remote_ip"),
            text("method"),
            text("host_domain"),
            number("status"),
            text("action"),
            number("duration_ms"),
            number("size_bytes"),
            match text("upstream") {
                upstream if upstream.is_empty() => String::new(),
                upstream => format!(" -> {upstream}"),
            },
        ),
        "waf_audit" => format!(
            "{head} {} {} {}{target} {} rule {} \"{}\" {} score {}",
            text("remote_ip"),
            text("method"),
            text("host_domain"),
            text("action"),
            number("waf_rule_id"),
            text("waf_rule_message"),
            text("waf_severity"),
            number("waf_anomaly_score"),
        ),
        _ => format!("{head} {} {} {}", text("remote_ip"), text("host_domain"), text("message")),
    }
}

fn source(stored: &str) -> &str {
    match stored {
        "caddy_access" => "access",
        "caddy_error" => "error",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_line_without_control_characters() {
        let row = json!({"timestamp": "2026-01-01T00:00:00.000Z", "source": "caddy_access", "remote_ip": "::1",
            "method": "GET", "host_domain": "a.test", "path": "/x\u{1b}[2J\n", "status": 200, "action": "proxied",
            "duration_ms": 3, "size_bytes": 12, "upstream": "127.0.0.1:9"});
        let line = line(&row);
        assert!(!line.contains('\u{1b}') && !line.contains('\n'), "{line}");
        assert!(line.ends_with("200 proxied 3ms 12B -> 127.0.0.1:9"), "{line}");
    }
}
