//! The scenarios of `argos-core/testdata/scenarios` through the real binary: over HTTP, and at the command line with a
//! running process and without.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails with the position")]

#[path = "../../argos-core/tests/scenario/mod.rs"]
mod scenario;
mod support;

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Output, Stdio};

use argos_core::api::input::{fill_path, types_of};
use argos_core::api::{Described, Method, Place, describe};
use scenario::{Face, Outcome, ROLES, Refusal, Step, exit_of, run_all};
use serde_json::{Map, Value, json};
use support::{Answer, Folder, Server, ask, ask_socket};

/// The panel listener of a running process, with bearer tokens.
struct Http {
    server: Server,
    operations: Vec<Described>,
    tokens: HashMap<&'static str, String>,
    _folder: Folder,
}

impl Face for Http {
    const NAME: &'static str = "http";
    const ACTOR: &'static str = "token:admin";
    const ROLES: bool = true;

    fn open() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, &[]);
        let make = |role: &&'static str| {
            let body = json!({"name": role, "role": role}).to_string();
            let made = ask_socket(&folder, "POST", "/api/v1/tokens", &body).json();
            (*role, made["token"].as_str().unwrap().to_owned())
        };
        let tokens = ROLES.iter().map(make).collect();
        Self { server, operations: describe(), tokens, _folder: folder }
    }

    fn call(&mut self, step: &Step, mut input: Map<String, Value>, terms: Map<String, Value>) -> Outcome {
        let op = self.operations.iter().find(|op| op.name == step.call).unwrap();
        let mut target = format!("/api/v1{}", fill_path(op.path, |field| input.remove(field)).unwrap());
        let mut body = step.text.clone().unwrap_or_default();
        let mut words = Map::new();
        if matches!(op.method, Method::Get | Method::Delete) {
            words = input;
        } else if step.text.is_none() {
            body = Value::Object(input).to_string();
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut said: Vec<(&str, String)> = Vec::new();
        for term in op.terms() {
            let Some(value) = terms.get(term.name) else { continue };
            match term.place {
                Place::Header("If-Match") => said.push(("If-Match", format!("\"{}\"", text(value)))),
                Place::Header(name) => said.push((name, text(value))),
                Place::Query => drop(words.insert(term.name.to_owned(), value.clone())),
            }
        }
        target.push_str(&query(&words));
        let who = step.who.as_deref().unwrap_or("admin");
        let bearer = self.tokens.get(who).map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(said.iter().map(|(name, value)| (*name, value.as_str())));
        headers.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        outcome(op, &ask(self.server.panel, op.method.as_str(), &target, &headers, &body))
    }

    fn setup_token(&self) -> Option<String> {
        setup_token(&self.server)
    }
}

fn query(input: &Map<String, Value>) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let escaped = |text: &str| -> String { text.bytes().map(|b| format!("%{b:02X}")).collect() };
    let pairs: Vec<String> = input.iter().map(|(k, v)| format!("{k}={}", escaped(&text(v)))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn outcome(op: &Described, answer: &Answer) -> Outcome {
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.head);
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status);
        assert_eq!(problem["type"], format!("urn:argos:problem:{}", problem["code"].as_str().unwrap()));
        assert_eq!(problem["request_id"], answer.header("x-request-id").unwrap());
        // The kind stands in no field: the status tells it.
        let kind = match answer.status {
            400 | 413 | 415 | 422 => "Invalid",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 | 412 => "Conflict",
            502 | 503 => "Unavailable",
            other => panic!("{other} for {}: {problem}", op.name),
        };
        return Outcome::Refused(Refusal { status: Some(answer.status), ..refusal(kind, &problem) });
    }
    assert_eq!(answer.status, op.status, "{}: {}", op.name, answer.head);
    let value = match answer.status {
        204 => Value::Null,
        _ if op.media_type() != "application/json" => {
            assert_eq!(answer.header("content-type"), Some(op.media_type()));
            Value::String(answer.body.clone())
        }
        _ => answer.json(),
    };
    let generation = answer.header("x-argos-generation").map(|text| text.parse().unwrap());
    // What is only looked at has a tag for caches, also where no change takes it.
    let etag = answer.header("etag").filter(|_| op.tagged).map(|text| text.trim_matches('"').to_owned());
    Outcome::Done(value, Some(generation), Some(etag))
}

/// The refusal in a problem document, or in what the command line prints.
fn refusal(kind: &str, told: &Value) -> Refusal {
    let fields = told["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap().to_owned());
    let code = told["code"].as_str().unwrap().to_owned();
    Refusal { kind: kind.to_owned(), code, fields: fields.collect(), status: None }
}

fn setup_token(server: &Server) -> Option<String> {
    server.log.iter().find_map(|line| line.split_once("setup token: ")).map(|(_, token)| token.trim().to_owned())
}

/// The command line, which asks a running process over its socket.
struct Socket {
    folder: Folder,
    server: Server,
}

impl Face for Socket {
    const NAME: &'static str = "socket";
    const ACTOR: &'static str = "cli";
    const ROLES: bool = false;

    fn open() -> Self {
        let folder = Folder::new();
        let server = Server::start(&folder, &[]);
        make_tokens(&folder);
        Self { folder, server }
    }

    fn call(&mut self, step: &Step, input: Map<String, Value>, terms: Map<String, Value>) -> Outcome {
        told(&self.folder.run(&by_name(step, input, terms).iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn setup_token(&self) -> Option<String> {
        setup_token(&self.server)
    }
}

/// The command line, which opens the data folder; operations are called by their own commands where words can say it.
struct Directly {
    folder: Folder,
    operations: Vec<Described>,
}

impl Face for Directly {
    const NAME: &'static str = "folder";
    const ACTOR: &'static str = "cli";
    const ROLES: bool = false;

    fn open() -> Self {
        let folder = Folder::new();
        make_tokens(&folder);
        Self { folder, operations: describe() }
    }

    fn call(&mut self, step: &Step, input: Map<String, Value>, terms: Map<String, Value>) -> Outcome {
        let op = self.operations.iter().find(|op| op.name == step.call && step.text.is_none());
        let words = op.and_then(|op| words(op, &input, &terms)).unwrap_or_else(|| by_name(step, input, terms));
        told(&self.folder.run(&words.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

fn make_tokens(folder: &Folder) {
    let mut command = folder.command(&["call", "-", "--create"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for role in ROLES {
        writeln!(stdin, "{}", json!({"call": "tokens.create", "input": {"name": role, "role": role}})).unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// The words of `argos call`.
fn by_name(step: &Step, input: Map<String, Value>, terms: Map<String, Value>) -> Vec<String> {
    let text = step.text.clone().unwrap_or_else(|| Value::Object(input).to_string());
    let terms = Value::Object(terms).to_string();
    vec!["call".into(), step.call.clone(), text, "--terms".into(), terms, "--json".into()]
}

/// The words of the operation's own command; none where the input can't be said in words.
fn words(op: &Described, input: &Map<String, Value>, terms: &Map<String, Value>) -> Option<Vec<String>> {
    // A text that stands in a file: keys, and what holds a secret.
    let in_file = |field: &String| {
        field.ends_with("_pem") || (field == "config" && ["dns_providers", "channels"].contains(&op.resource()))
    };
    if op.name == "logs.tail" || input.keys().any(in_file) {
        return None;
    }
    let (resource, verb) = op.command()?;
    let mut words = vec![resource, verb.to_owned(), "--json".to_owned()];
    for (name, value) in terms {
        words.push(format!("--{}", name.replace('_', "-")));
        words.extend(value.as_str().map(str::to_owned));
    }
    let mut rest = input.clone();
    if op.input["additionalProperties"].is_object() {
        for (key, value) in &rest {
            words.push(format!("{key}={}", value.as_str()?));
        }
        return Some(words).filter(|_| !rest.is_empty());
    }
    for field in op.path_fields().chain(op.positional.iter().copied()) {
        words.push(word(op, field, &rest.shift_remove(field)?).filter(|word| !word.starts_with('-'))?);
    }
    let mut required = op.input["required"].as_array().into_iter().flatten();
    if required.any(|field| !input.contains_key(field.as_str().unwrap())) {
        return None;
    }
    for (field, value) in &rest {
        words.push(format!("--{}", field.replace('_', "-")));
        words.push(word(op, field, value)?);
    }
    Some(words)
}

fn word(op: &Described, field: &str, value: &Value) -> Option<String> {
    let types = types_of(op.input["properties"].get(field)?);
    match value {
        Value::String(text) => Some(text.clone()),
        _ if types.contains(&"string") => None,
        Value::Null if !types.contains(&"null") => None,
        other => Some(other.to_string()),
    }
}

fn told(output: &Output) -> Outcome {
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A trial that failed has a result, and says by its exit code that it failed.
    let failed_trial = output.status.code() == Some(1) && !output.stdout.is_empty();
    if output.status.success() || failed_trial {
        // Shown where one resource is: other commands tell no tag, and none tells the generation.
        let etag = stderr.lines().find_map(|line| line.strip_prefix("etag: ")).map(str::to_owned);
        return Outcome::Done(serde_json::from_slice(&output.stdout).unwrap(), None, etag.map(Some));
    }
    let error: Value = serde_json::from_str(stderr.lines().last().unwrap()).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let kind = error["kind"].as_str().unwrap();
    assert_eq!(output.status.code(), Some(exit_of(kind)), "{stderr}");
    Outcome::Refused(refusal(kind, &error))
}

#[test]
fn every_scenario_over_http() {
    run_all::<Http>();
}

#[test]
fn every_scenario_at_the_command_line_of_a_running_process() {
    run_all::<Socket>();
}

#[test]
fn every_scenario_at_the_command_line_of_a_folder() {
    run_all::<Directly>();
}
