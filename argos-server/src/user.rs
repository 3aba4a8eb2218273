//! `argos user`: people who may sign in, by their names. Passwords come from the terminal, standard input or a file.

use std::io::{IsTerminal as _, Write as _};

use argos_core::api::{Described, describe};
use argos_core::error::{Error, ErrorKind, Result};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::cli::add_pages;
use crate::client::Way;
use crate::{Failure, file, output};

/// The roles, from the weakest.
const ROLES: [&str; 4] = ["user", "viewer", "operator", "admin"];

pub(crate) fn command() -> Command {
    let named = |verb: &'static str, about: &'static str| {
        Command::new(verb).about(about).arg(Arg::new("name").value_name("NAME").required(true).help("Who"))
    };
    let sure = |command: Command| {
        let help = "Do it without asking";
        command.arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help(help))
    };
    let role = Arg::new("role").long("role").value_name("ROLE").value_parser(ROLES).required(true);
    let role = role.help("What they may do: user, viewer, operator or admin");
    let password = Arg::new("password").long("password").value_name("FILE");
    let password =
        password.help("The file that holds the password, - for standard input [default: asked at the terminal]");
    Command::new("user")
        .about("People who may sign in")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("Lists people"))
        .subcommand(
            named("create", "Makes a person who may sign in")
                .arg(role.clone())
                .arg(password.clone())
                .arg(
                    Arg::new("no-password")
                        .long("no-password")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("password")
                        .help("They sign in by the identity provider only"),
                )
                .arg(Arg::new("email").long("email").value_name("ADDRESS").help("Address of mail"))
                .arg(Arg::new("display-name").long("display-name").value_name("TEXT").help("Name as others read it")),
        )
        .subcommand(sure(named("delete", "Deletes a person, their sessions and the tokens they made")))
        .subcommand(sure(named("set-role", "Gives a person another role; their sessions end").arg(role)))
        .subcommand(sure(named("enable", "Lets a person sign in again")))
        .subcommand(sure(named("disable", "Lets a person sign in no more; their sessions end")))
        .subcommand(sure(named("reset-password", "Sets the password of a person; their sessions end").arg(password)))
        .subcommand(sure(named("disable-2fa", "Switches a person's second factor off; their sessions end")))
        .subcommand(named("sessions", "Lists the sessions of a person"))
        .subcommand(sure(named("revoke", "Ends all sessions of a person")))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    let (verb, args) = matches.subcommand().expect("clap demands one");
    let as_json = args.get_flag("json");
    let way = Way::open(args)?;
    if verb == "list" {
        output::value(&list(&way, "users.list", json!({}))?, as_json);
        return Ok(());
    }
    let name = args.get_one::<String>("name").expect("clap demands it").as_str();
    if verb == "create" {
        let password = match args.get_flag("no-password") {
            true => Value::Null,
            false => password(args)?.into(),
        };
        let text = |option: &str| args.get_one::<String>(option).cloned();
        let input = json!({
            "username": name, "role": text("role"), "password": password, "email": text("email"),
            "display_name": text("display-name"),
        });
        output::value(&call(&way, "users.create", input)?, as_json);
        return Ok(());
    }
    let id = find(&way, name)?;
    if verb == "sessions" {
        output::value(&list(&way, "users.sessions", json!({"id": id}))?, as_json);
        return Ok(());
    }
    confirm(args, verb, name)?;
    let role = || args.get_one::<String>("role").cloned();
    let done = match verb {
        "delete" => call(&way, "users.delete", json!({"id": id})),
        "set-role" => call(&way, "users.update", json!({"id": id, "role": role()})),
        "enable" => call(&way, "users.update", json!({"id": id, "enabled": true})),
        "disable" => call(&way, "users.update", json!({"id": id, "enabled": false})),
        "reset-password" => call(&way, "users.set_password", json!({"id": id, "new": password(args)?})),
        "disable-2fa" => call(&way, "users.disable_2fa", json!({"id": id})),
        _ => call(&way, "users.end_sessions", json!({"id": id})),
    };
    output::value(&done?, as_json);
    Ok(())
}

fn call(way: &Way, name: &str, input: Value) -> Result<Value> {
    let (op, input) = asked(name, input);
    way.call(&op, input)
}

/// An operation and its input, without the fields that are not said.
fn asked(name: &str, input: Value) -> (Described, Map<String, Value>) {
    let op = describe().into_iter().find(|op| op.name == name).expect("the registry has it");
    let input = match input {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    };
    (op, input)
}

/// A list with the pages behind its first.
fn list(way: &Way, name: &str, input: Value) -> Result<Value> {
    let (op, input) = asked(name, input);
    let mut all = way.call(&op, input.clone())?;
    add_pages(way, &op, &input, &mut all)?;
    Ok(all)
}

/// The number of whoever has that name.
fn find(way: &Way, name: &str) -> Result<i64> {
    let found = call(way, "users.list", json!({"username": name}))?;
    let id = found["items"][0]["id"].as_i64();
    id.ok_or_else(|| Error::not_found("user.not_found", format!("user {name:?}")))
}

/// Asks whether it is meant, unless that is said.
fn confirm(args: &ArgMatches, verb: &str, name: &str) -> Result<()> {
    if args.get_flag("yes") {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::invalid(
            "not_confirmed",
            "yes",
            format!("say --yes to {verb} {name}; nobody can be asked here"),
        ));
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "{verb} {name}? [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.map_err(|e| Error::invalid("not_confirmed", "yes", format!("reading the answer: {e}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::new(ErrorKind::Conflict, "not_confirmed", "nothing was done")),
    }
}

/// The password from the file that is named, else from the terminal, where it is not shown and asked for twice.
fn password(args: &ArgMatches) -> Result<String> {
    if let Some(path) = args.get_one::<String>("password") {
        return file::secret("password", path);
    }
    if !std::io::stdin().is_terminal() {
        let reason = "there is no terminal to ask at: name a file that holds it, or - for standard input";
        return Err(Error::invalid("password.missing", "password", reason));
    }
    let ask = |prompt: &str| {
        let read = rpassword::prompt_password(prompt);
        read.map_err(|e| Error::invalid("password.missing", "password", format!("reading it: {e}")))
    };
    let first = ask("Password: ")?;
    if ask("Again: ")? != first {
        return Err(Error::invalid("password.differs", "password", "the two are not the same"));
    }
    Ok(first)
}
