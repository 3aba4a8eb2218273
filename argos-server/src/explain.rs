//! `argos explain`: where one request would go, and why.

use argos_core::api::describe;
use argos_core::error::{Error, Result};
use argos_core::explain::curl;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::{Failure, client, output};

pub(crate) fn command() -> Command {
    Command::new("explain")
        .about("Explains where a request would go: host, limit, WAF, rules, target, and why; nothing is sent")
        .after_help(
            "argos explain GET https://shop.example/cart -H 'X-A: 1' --from 192.0.2.7\n\
             argos explain curl -X POST -d a=1 https://shop.example/cart",
        )
        .args_conflicts_with_subcommands(true)
        .subcommand_negates_reqs(true)
        .arg(
            Arg::new("request")
                .value_names(["METHOD", "URL"])
                .num_args(1..=2)
                .required(true)
                .help("Method and URL, a URL alone (GET), or a curl command as one word"),
        )
        .arg(
            Arg::new("header")
                .short('H')
                .long("header")
                .value_name("NAME: VALUE")
                .action(ArgAction::Append)
                .help("A header; may be given several times"),
        )
        .arg(Arg::new("from").long("from").value_name("IP").help("The client's address [default: 127.0.0.1]"))
        .arg(waf())
        .subcommand(
            Command::new("curl")
                .about("The request as a curl command; its own options follow")
                .disable_help_flag(true)
                .arg(
                    Arg::new("words")
                        .value_name("ARGUMENTS")
                        .num_args(1..)
                        .required(true)
                        .trailing_var_arg(true)
                        .allow_hyphen_values(true),
                ),
        )
}

fn waf() -> Arg {
    Arg::new("waf").long("waf").action(ArgAction::SetTrue).help("Let the host's WAF judge it, too")
}

pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let (input, args) = match matches.subcommand() {
        Some((_, args)) => {
            let words: Vec<String> =
                args.get_many::<String>("words").into_iter().flatten().map(|w| quoted(w)).collect();
            (json!({"curl": format!("curl {}", words.join(" "))}), args)
        }
        None => (request(matches)?, matches),
    };
    let mut input: Map<String, Value> = if let Value::Object(input) = input { input } else { Map::new() };
    if matches.get_flag("waf") {
        input.insert("waf".into(), true.into());
    }
    if let Some(from) = matches.get_one::<String>("from") {
        input.insert("remote_ip".into(), from.as_str().into());
    }
    let op = describe().into_iter().find(|op| op.name == "requests.explain").expect("the registry has it");
    let said = client::Way::open(args)?.call(&op, input)?;
    if args.get_flag("json") {
        output::line(format_args!("{said:#}"));
    } else {
        print(&said);
    }
    Ok(())
}

/// The word as a shell reads it back.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn request(matches: &ArgMatches) -> Result<Value> {
    let words: Vec<&String> = matches.get_many::<String>("request").into_iter().flatten().collect();
    let (method, url) = match words.as_slice() {
        [command] if curl::is_command(command) => return Ok(json!({"curl": command})),
        [url] => ("GET", url.as_str()),
        [method, url] => (method.as_str(), url.as_str()),
        _ => return Err(Error::invalid("request.missing", "request", "give METHOD URL, or a curl command")),
    };
    let mut headers = Vec::new();
    for line in matches.get_many::<String>("header").into_iter().flatten() {
        let (name, value) = line.split_once(':').ok_or_else(|| {
            Error::invalid("request.header", "header", format!("NAME: VALUE; got {line:?}, which has no colon"))
        })?;
        headers.push([name.trim(), value.trim()]);
    }
    Ok(json!({"method": method, "url": url, "headers": headers}))
}

/// For people: each step of the way, then where it ends.
fn print(said: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let scheme = if said["https"] == true { "https" } else { "http" };
    output::line(format_args!("client  {} over {scheme}", text(&said["client"])));
    match &said["host"] {
        Value::Null => output::line(format_args!("host    none for {:?}", text(&said["name"]))),
        host => output::line(format_args!(
            "host    {} {}, {} match of {}",
            host["host_id"],
            text(&host["domain"]),
            text(&host["matched_by"]).replace('_', "-"),
            text(&said["name"]),
        )),
    }
    if let Some(limit) = said["limit"].as_object() {
        let (all, window, left) = (&limit["requests"], &limit["window_seconds"], &limit["left"]);
        let stands = if limit["allowed"] == true { "passes" } else { "is over it" };
        output::line(format_args!("limit   {all} in {window} s: {stands}, {left} left"));
    }
    if let Some(waf) = said["waf"].as_object() {
        // Rules without a text set things up.
        let found = waf["result"]["matched"].as_array().into_iter().flatten();
        let matched = found.filter(|rule| !text(&rule["msg"]).is_empty()).count();
        let score = &waf["result"]["score_in"];
        let (verdict, mode) = (text(&waf["verdict"]), text(&waf["mode"]));
        output::line(format_args!("waf     {verdict} in mode {mode}: score {score}, {matched} rules matched"));
    }
    rules(&said["rules"]);
    output::line(format_args!("→       {}", text(&said["outcome"])));
}

fn rules(rules: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for tried in rules["tried"].as_array().into_iter().flatten() {
        let (id, name) = (&tried["rule_id"], text(&tried["name"]));
        let name = if name.is_empty() { String::new() } else { format!(" {name:?}") };
        if tried["matched"] == true {
            output::line(format_args!("rule    {id}{name} matches: {}", text(&rules["action"]["type"])));
            continue;
        }
        let failed = &tried["failed_matcher"];
        let found = match failed["found"].as_str() {
            Some(found) => format!("{found:?}"),
            None => "nothing".to_owned(),
        };
        let (index, kind, expected) = (&failed["index"], text(&failed["type"]), text(&failed["expected"]));
        output::line(format_args!("rule    {id}{name}: matcher {index}, {kind} {expected}, does not hold for {found}"));
    }
    let Some(target) = rules["target"].as_object() else { return };
    let (group, algorithm) = (text(&target["target_group"]), text(&target["algorithm"]));
    let one = target["address"].as_str().map_or_else(|| "no single target yet".to_owned(), str::to_owned);
    output::line(format_args!("target  {one} of {group}, {algorithm}: {}", text(&target["reason"])));
    for candidate in target["candidates"].as_array().into_iter().flatten() {
        let share = candidate["share"].as_f64().unwrap_or_default() * 100.0;
        let (address, busy) = (text(&candidate["address"]), &candidate["in_flight"]);
        output::line(format_args!("        {address}: {share:.1} % by weight, {busy} requests under way"));
    }
}
