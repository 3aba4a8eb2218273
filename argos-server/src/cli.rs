//! The command line. Commands of resources come from the registry: a new operation is a new command.

use std::path::PathBuf;

use argos_core::api::input::{coerce, into_operation, parse_object, types_of};
use argos_core::api::{Described, Term, Terms, Version, describe};
use argos_core::error::{Error, Result};
use argos_core::schema::{Setting, SettingKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use serde_json::{Map, Value};

use crate::{Failure, client, crs, environment, explain, file, logs, output, serve, user, waf};

/// Verbs with a command of their own below the resource.
const OWN: &[&str] = &["logs.tail", "logs.search"];

/// Exit code of the trial of a channel whose receiver did not take it.
const FAILED_TRIAL: u8 = 1;

/// Characters of a set of words that stands in place of a value in the help; a longer one is listed below the text.
const WIDEST_WORDS: usize = 56;

/// Begins the names of options that are terms, so that no field has the same.
const TERM: &str = "term ";

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// The whole command line.
pub(crate) fn command() -> Command {
    let mut command = Command::new("argos")
        .about("The edge gateway: reverse proxy, web application firewall and identity gate in one process")
        .version(version())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(common())
        .subcommand(serve::command())
        .subcommand(waf::command())
        .subcommand(crs::command())
        .subcommand(explain::command())
        .subcommand(user::command())
        .subcommand(call_command());
    for resource in resources() {
        let own = command.find_subcommand(&resource.word).is_some();
        command = if own {
            command.mut_subcommand(&resource.word, |own| with_operations(own, &resource))
        } else {
            command.subcommand(resource_command(&resource))
        };
    }
    command
}

fn version() -> String {
    let v = Version::current();
    format!("{} (commit {}, built {})", v.version, v.commit, v.built_at)
}

fn common() -> Vec<Arg> {
    vec![
        Arg::new("data-dir")
            .long("data-dir")
            .env("ARGOS_DATA_DIR")
            .value_name("FOLDER")
            .value_parser(value_parser!(PathBuf))
            .global(true)
            .help_heading(EVERYWHERE)
            .help("The data folder [default: ./data]"),
        Arg::new("master-key-file")
            .long("master-key-file")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .global(true)
            .help_heading(EVERYWHERE)
            .help("The file that holds the master key"),
        Arg::new("json")
            .long("json")
            .action(ArgAction::SetTrue)
            .global(true)
            .help_heading(EVERYWHERE)
            .help("Print JSON"),
        Arg::new("log-level")
            .long("log-level")
            .env("ARGOS_LOG_LEVEL")
            .value_name("LEVEL")
            .global(true)
            .help_heading(EVERYWHERE)
            .help("error, warn, info, debug or trace, to standard error [default: info to serve, else warn]"),
        Arg::new("create")
            .long("create")
            .action(ArgAction::SetTrue)
            .global(true)
            .help_heading(EVERYWHERE)
            .help("Make a new database where there is none"),
    ]
}

pub(crate) fn wants_json(matches: &ArgMatches) -> bool {
    let mut deepest = matches;
    while let Some((_, below)) = deepest.subcommand() {
        deepest = below;
    }
    deepest.get_flag("json")
}

/// A resource of the registry with its operations.
struct Resource {
    /// Its word on the command line, such as `target-group`.
    word: String,
    operations: Vec<Described>,
}

fn resources() -> Vec<Resource> {
    let mut resources: Vec<Resource> = Vec::new();
    for op in describe() {
        let Some((word, _)) = op.command() else { continue };
        match resources.iter_mut().find(|r| r.word == word) {
            Some(resource) => resource.operations.push(op),
            None => resources.push(Resource { word, operations: vec![op] }),
        }
    }
    resources
}

fn resource_command(resource: &Resource) -> Command {
    let about = resource.operations.first().map_or("", |op| op.resource_summary.trim_end_matches('.'));
    let command =
        Command::new(resource.word.clone()).about(about).subcommand_required(true).arg_required_else_help(true);
    with_operations(command, resource)
}

fn with_operations(mut command: Command, resource: &Resource) -> Command {
    for op in &resource.operations {
        if command.find_subcommand(op.verb()).is_some() {
            // A command of its own takes the operation's fields, too.
            continue;
        }
        command = match op.name {
            "logs.tail" => command.subcommand(logs::tail_command()),
            _ => command.subcommand(operation_command(op)),
        };
    }
    command
}

fn properties(op: &Described) -> impl Iterator<Item = (&String, &Value)> {
    op.input["properties"].as_object().into_iter().flatten()
}

fn operation_command(op: &Described) -> Command {
    let mut command = Command::new(op.verb()).about(op.summary);
    if op.verb().contains('_') {
        command = command.alias(op.verb().replace('_', "-"));
    }
    let by_position: Vec<&str> = op.path_fields().chain(op.positional.iter().copied()).collect();
    let required: Vec<&str> = op.input["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for field in &by_position {
        let arg = Arg::new(field.to_string()).value_name(field.to_uppercase()).required(true);
        command = command.arg(helped(arg, op, field));
    }
    for (field, schema) in properties(op).filter(|(field, _)| !by_position.contains(&field.as_str())) {
        let mut arg = Arg::new(field.clone())
            .long(field.replace('_', "-"))
            .value_name(if is_file(field, schema) { "FILE".to_owned() } else { placeholder(field, schema) })
            .required(required.contains(&field.as_str()))
            .allow_hyphen_values(true);
        arg = helped(arg, op, field);
        if op.path_fields().count() == 0 && op.positional.is_empty() && field == "domain" {
            arg = arg.short('d');
        }
        command = command.arg(arg);
    }
    for term in op.terms() {
        command = command.arg(term_option(term));
    }
    if op.input.get("additionalProperties").is_some_and(Value::is_object) {
        command = command.arg(Arg::new("").value_name("KEY=VALUE").num_args(1..).required(true));
    }
    command
}

/// An argument with what its field means. A value that is a file or one of many words is explained.
fn helped(arg: Arg, op: &Described, field: &str) -> Arg {
    let schema = &op.input["properties"][field];
    let mut text = schema["description"].as_str().unwrap_or_default().trim_end_matches('.').to_owned();
    if is_file(field, schema) {
        text += if is_json_file(schema) { "; a JSON file, - = standard input" } else { "; a file, - = standard input" };
    }
    let words = taken(schema);
    let by_position = arg.get_long().is_none();
    if words.is_empty() || (!by_position && words.join("|").chars().count() <= WIDEST_WORDS) {
        return arg.help(text);
    }
    let list = words.join(", ");
    if list.chars().count() <= WIDEST_WORDS {
        return arg.help(format!("{text}: {list}"));
    }
    let mut long = format!("{text}. One of:");
    for few in words.chunks(4) {
        long += &format!("\n{}", few.join(", "));
    }
    arg.help(format!("{text} (--help lists the words)")).long_help(long)
}

/// What a value looks like: the words of a closed set, or the type.
fn placeholder(field: &str, schema: &Value) -> String {
    let words = taken(schema).join("|");
    if words.chars().count() > WIDEST_WORDS {
        return field.to_uppercase();
    }
    if !words.is_empty() {
        return words;
    }
    let types = types_of(schema);
    let name = if types.contains(&"string") {
        "TEXT"
    } else if types.contains(&"integer") {
        "NUMBER"
    } else if types.contains(&"boolean") {
        "true|false"
    } else {
        "JSON"
    };
    name.to_owned()
}

/// The words that a field takes, if it takes nothing but words.
fn taken(schema: &Value) -> Vec<&str> {
    let mut words = words(schema);
    words.retain(|word| schema["not"]["const"] != **word);
    words
}

/// The words that a schema allows, if it allows nothing but words.
fn words(schema: &Value) -> Vec<&str> {
    let options = schema["anyOf"].as_array().or(schema["oneOf"].as_array()).into_iter().flatten();
    let own = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const")).filter_map(Value::as_str);
    own.chain(options.flat_map(words)).collect()
}

/// An option of the command line for a term of the call.
fn term_option(term: &'static Term) -> Arg {
    let option = Arg::new(TERM.to_owned() + term.name)
        .long(term.name.replace('_', "-"))
        .help_heading("Terms of the change")
        .help(term.doc.trim_end_matches('.'));
    if term.switch { option.action(ArgAction::SetTrue) } else { option.value_name("TEXT").allow_hyphen_values(true) }
}

/// The terms that a command's arguments give.
fn terms(op: &Described, matches: &ArgMatches) -> Result<Terms> {
    let mut terms = Terms::default();
    for term in op.terms() {
        let id = TERM.to_owned() + term.name;
        let word = if term.switch {
            matches.get_flag(&id).then_some("true")
        } else {
            matches.get_one::<String>(&id).map(String::as_str)
        };
        if let Some(word) = word {
            terms.set(term.name, word)?;
        }
    }
    Ok(terms)
}

/// The fields that a command's arguments give.
pub(crate) fn fields(op: &Described, matches: &ArgMatches) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for (field, schema) in properties(op) {
        if let Some(text) = matches.try_get_one::<String>(field).ok().flatten() {
            let value = match is_file(field, schema) {
                true if is_json_file(schema) => {
                    if text.trim_start().starts_with('{') {
                        // The text may hold secrets.
                        let reason = "give the name of a file that holds this JSON, or - for standard input";
                        return Err(Error::invalid("file", field.as_str(), reason));
                    }
                    // What is wrong in it is told without it.
                    Value::Object(parse_object(file::text(field, text)?.as_bytes()).map_err(|e| e.under(field))?)
                }
                true => Value::String(file::pem(field, text)?),
                false => coerce(op, field, text)?,
            };
            fields.insert(field.clone(), value);
        }
    }
    for pair in matches.try_get_many::<String>("").ok().flatten().into_iter().flatten() {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Error::invalid("wrong_value", pair.as_str(), "give KEY=VALUE"))?;
        fields.insert(key.to_owned(), Value::String(setting(key, value)?));
    }
    if op.name == "settings.set"
        && let (Some(Value::String(key)), Some(Value::String(value))) = (fields.get("key"), fields.get("value"))
    {
        let value = setting(key, value)?;
        fields.insert("value".into(), Value::String(value));
    }
    Ok(fields)
}

/// The value of a setting as it is given: secrets and certificates stand in a file.
fn setting(key: &str, given: &str) -> Result<String> {
    match Setting::find(key).map(|setting| setting.kind) {
        Some(SettingKind::Secret) => file::secret(key, given),
        Some(SettingKind::Pem) => file::pem(key, given),
        _ => Ok(given.to_owned()),
    }
}

/// Whether a field is given as a file: arguments are seen by every process of the machine, and a key is a secret.
fn is_file(field: &str, schema: &Value) -> bool {
    field.ends_with("_pem") || holds_secret(schema)
}

/// Whether the file of a field holds JSON.
fn is_json_file(schema: &Value) -> bool {
    types_of(schema).contains(&"object")
}

/// Whether a secret stands somewhere in the value of a field.
fn holds_secret(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.get("writeOnly") == Some(&Value::Bool(true)) || map.values().any(holds_secret),
        Value::Array(items) => items.iter().any(holds_secret),
        _ => false,
    }
}

fn call_command() -> Command {
    Command::new("call")
        .about("Runs operations by name with JSON input: one, or one a line from standard input")
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .help("Such as hosts.list; `-` reads lines of {\"call\": NAME, \"input\": {…}}")
                .required(true),
        )
        .arg(Arg::new("input").value_name("JSON").default_value("{}").help("The input as a JSON object"))
        .arg(
            Arg::new("terms")
                .long("terms")
                .value_name("JSON")
                .help("The terms as a JSON object of if_match, dry_run and idempotency_key"),
        )
}

fn read_terms(text: Option<&str>) -> Result<Terms> {
    let Some(text) = text else { return Ok(Terms::default()) };
    into_operation(parse_object(text.as_bytes())?)
}

/// Runs the command that was given.
pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let unknown = environment::check()?;
    let (name, below) = matches.subcommand().expect("clap demands a sub-command");
    if name != "serve" {
        serve::start_process_log(below, "warn")?;
    }
    match name {
        "serve" => serve::run(below, &unknown),
        "waf" if below.subcommand_name().is_some_and(waf::is_own) => waf::run(below),
        "crs" => crs::run(below),
        "call" => call(below),
        "explain" => explain::run(below),
        "user" => user::run(below),
        resource => {
            let resources = resources();
            let resource = resources.iter().find(|r| r.word == resource).expect("clap knows only these");
            let (verb, args) = below.subcommand().expect("clap demands a verb");
            let op = resource.operations.iter().find(|o| o.verb() == verb).expect("clap knows only these");
            if op.name == "logs.tail" {
                return logs::tail(args);
            }
            let input = fields(op, args)?;
            let way = client::Way::open(args)?;
            let reply = way.call_on(op, input.clone(), &terms(op, args)?)?;
            let mut done = reply.value;
            let whole = done["next_cursor"].is_null();
            let has_pages = op.input["properties"].get("cursor").is_some() && !OWN.contains(&op.name);
            if has_pages && !input.contains_key("limit") && !input.contains_key("cursor") {
                add_pages(&way, op, &input, &mut done)?;
            }
            if OWN.contains(&op.name) && !args.get_flag("json") {
                logs::print(&done);
            } else {
                output::result(op.name, &done, args.get_flag("json"));
            }
            if let Some(etag) = reply.etag.filter(|_| !op.mutates && whole) {
                output::note(format_args!("etag: {etag}"));
            }
            if let Some(cursor) = done["next_cursor"].as_str().filter(|_| !args.get_flag("json")) {
                output::note(format_args!("more: --cursor {cursor}"));
            }
            // A trial that was carried out, and failed.
            if op.name == "channels.test" && done["success"] == false {
                return Err(Failure::Findings(FAILED_TRIAL));
            }
            Ok(())
        }
    }
}

/// Adds the pages behind the first: a list without a limit is shown whole.
pub(crate) fn add_pages(
    way: &client::Way,
    op: &Described,
    input: &Map<String, Value>,
    first: &mut Value,
) -> Result<()> {
    while let Some(cursor) = first["next_cursor"].as_str() {
        let mut input = input.clone();
        input.insert("cursor".into(), cursor.into());
        input.insert("limit".into(), 500.into());
        let mut next = way.call(op, input)?;
        first["next_cursor"] = next["next_cursor"].take();
        if let (Some(items), Value::Array(more)) = (first["items"].as_array_mut(), next["items"].take()) {
            items.extend(more);
        }
    }
    Ok(())
}

fn call(matches: &ArgMatches) -> Result<(), Failure> {
    let operations = describe();
    let find = |name: &str| {
        let found = operations.iter().find(|o| o.name == name);
        found.ok_or_else(|| Error::not_found("operation.not_found", format!("operation {name:?}")))
    };
    let way = client::Way::open(matches)?;
    let name = matches.get_one::<String>("name").expect("clap demands it");
    if name != "-" {
        let input = matches.get_one::<String>("input").expect("it has a default");
        let input = parse_object(input.as_bytes())?;
        let terms = read_terms(matches.get_one::<String>("terms").map(String::as_str))?;
        output::value(&way.call_on(find(name)?, input, &terms)?.value, true);
        return Ok(());
    }
    for line in std::io::stdin().lines() {
        let line = line.map_err(|e| Error::invalid("input", "-", e.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let mut call = parse_object(line.as_bytes())?;
        let input = match call.remove("input") {
            Some(Value::Object(input)) => input,
            None => Map::new(),
            Some(_) => return Err(Error::invalid("wrong_value", "input", "must be a JSON object").into()),
        };
        let name = call.get("call").and_then(Value::as_str).unwrap_or_default().to_owned();
        output::line(way.call(find(&name)?, input)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn arguments_become_typed_fields() {
        let words = ["argos", "rule", "update", "3", "7", "--enabled", "false", "--matchers", "[]"];
        let matches = command().try_get_matches_from(words).unwrap();
        let (_, rule) = matches.subcommand().unwrap();
        let (_, update) = rule.subcommand().unwrap();
        let op = describe().into_iter().find(|o| o.name == "rules.update").unwrap();
        let fields = Value::Object(fields(&op, update).unwrap());
        assert_eq!(fields, serde_json::json!({"host_id": 3, "id": 7, "enabled": false, "matchers": []}));
    }
}
