//! Operations by their names with any input: refused without a trace, or done and answered.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Number, Value, json};

use super::choices::Choices;
use crate::api::input::{coerce, parse_object, types_of};
use crate::api::{Described, describe};
use crate::argos::{Argos, Options};
use crate::clock::{Clock, Timestamp};
use crate::error::ErrorKind;

static OPERATIONS: LazyLock<Vec<Described>> = LazyLock::new(describe);

/// Calls of one sequence.
const CALLS: usize = 12;

struct Room {
    argos: Argos,
    _folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut options = Options::new(folder.path().join("data"));
        options.clock = Clock::manual(Timestamp(1_767_225_600_007));
        let argos = Argos::open(options).expect("a new folder opens");
        Self { argos, _folder: folder }
    }
}

thread_local! {
    // Used until something was changed, so that every input meets the same new database.
    static ROOM: RefCell<Option<Room>> = const { RefCell::new(None) };
}

fn with_room(work: impl FnOnce(&Argos) -> bool) {
    ROOM.with_borrow_mut(|room| {
        let changed = work(&room.get_or_insert_with(Room::new).argos);
        if changed {
            *room = None;
        }
    });
}

/// One call: a line with the operation's name, then its input as JSON.
pub(super) fn calls(bytes: &[u8]) {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let (name, text) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let Some(operation) = OPERATIONS.iter().find(|o| o.name.as_bytes() == name) else { return unknown(name) };
    words(operation, text);
    let Ok(input) = parse_object(text) else { return };
    let written = serde_json::to_vec(&input).expect("a JSON value can be written");
    let again = parse_object(&written).expect("what is written is JSON");
    assert_eq!(rounded(Value::Object(again)), rounded(Value::Object(input.clone())));
    with_room(|argos| call(argos, operation.name, input));
}

/// What is no operation is not found, whatever its name.
fn unknown(name: &[u8]) {
    with_room(|argos| call(argos, &String::from_utf8_lossy(name), Map::new()));
}

/// Calls one after the other, with inputs by the operations' own schemas.
pub(super) fn call_sequences(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    with_room(|argos| {
        let mut changed = false;
        for _ in 0..CALLS {
            if choices.is_empty() {
                break;
            }
            let operation = &OPERATIONS[choices.below(OPERATIONS.len())];
            let Value::Object(input) = value(&operation.input, &mut choices, 4) else { continue };
            changed |= call(argos, operation.name, input);
        }
        changed
    });
}

/// Operations behind which every host runs other rules.
const RELOADS: &[&str] = &["waf.reload", "waf.install"];

/// Whether something was changed.
fn call(argos: &Argos, name: &str, input: Map<String, Value>) -> bool {
    let before = argos.snapshot();
    let shown = || format!("{name} {}", Value::Object(input.clone()));
    let done = argos.call(name, input.clone());
    let after = argos.snapshot();
    match done {
        Ok(done) => {
            assert_eq!(done.generation.is_some(), after.generation != before.generation, "{}", shown());
            match done.generation {
                Some(generation) => {
                    assert_eq!((generation, after.generation), (before.generation + 1, generation), "{}", shown());
                }
                // Rules that are read anew run at once and are no generation.
                None if RELOADS.contains(&name) => {}
                None => assert!(Arc::ptr_eq(&before, &after), "{} swapped", shown()),
            }
            let operation = OPERATIONS.iter().find(|o| o.name == name);
            operation.is_some_and(|o| o.mutates)
        }
        Err(error) => {
            assert!(Arc::ptr_eq(&before, &after), "{} was refused and swapped", shown());
            assert!(!matches!(error.kind(), ErrorKind::Internal | ErrorKind::Corrupt), "{}: {error:?}", shown());
            assert!(!error.code().is_empty() && !error.message().is_empty(), "{}", shown());
            let invalid = error.kind() == ErrorKind::Invalid;
            assert!(!invalid || !error.fields().is_empty(), "{} names no field: {error:?}", shown());
            // Refused once is refused again, the same way.
            assert_eq!(argos.call(name, input.clone()).err().as_ref(), Some(&error), "{}", shown());
            false
        }
    }
}

/// Words of a path, a query or the command line: of the type that the field takes, or refused by name.
fn words(operation: &Described, text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    for (field, schema) in operation.input["properties"].as_object().into_iter().flatten() {
        // What is neither a text nor a number is written as JSON, which may turn out to be one.
        let takes = |name| types_of(schema).contains(&name);
        match coerce(operation, field, text) {
            Ok(Value::String(word)) if takes("string") => assert_eq!(word, text),
            Ok(Value::Number(number)) if takes("integer") => assert_eq!(number.as_i64(), text.parse().ok()),
            Ok(_) => {}
            Err(error) => assert_eq!(error.fields().first().map(|f| f.field.as_str()), Some(field.as_str())),
        }
    }
}

/// Numbers with a fraction lose their last digits: two readers may round them differently.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(n) if n.is_f64() => Value::String(format!("{:.10e}", n.as_f64().unwrap_or_default())),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, rounded(value))).collect(),
        other => other,
    }
}

/// A value that `schema` may allow; now and then one that it does not.
fn value(schema: &Value, choices: &mut Choices<'_>, depth: usize) -> Value {
    if choices.below(16) == 15 {
        return odd(choices);
    }
    if let Some(options) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        return value(&options[choices.below(options.len())], choices, depth);
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed[choices.below(allowed.len())].clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    let types = types_of(schema);
    let kind = if types.is_empty() { "null" } else { types[choices.below(types.len())] };
    match kind {
        "boolean" => Value::Bool(choices.below(2) == 1),
        "integer" | "number" => match choices.below(8) {
            7 => Value::Number(i64::MAX.into()),
            6 => Value::Number(Number::from(-1)),
            5 => Value::Number(Number::from(choices.below(256) * 257)),
            n => Value::Number(n.into()),
        },
        "string" => text(choices),
        "array" if depth > 0 => (0..choices.below(4)).map(|_| value(&schema["items"], choices, depth - 1)).collect(),
        "object" if depth > 0 => object(schema, choices, depth),
        _ => Value::Null,
    }
}

fn object(schema: &Value, choices: &mut Choices<'_>, depth: usize) -> Value {
    let required = |name: &str| schema["required"].as_array().is_some_and(|list| list.iter().any(|r| r == name));
    let mut made = Map::new();
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let skipped = if required(name) { choices.below(16) == 15 } else { choices.below(3) != 0 };
        if !skipped {
            made.insert(name.clone(), value(inner, choices, depth - 1));
        }
    }
    if schema["additionalProperties"].is_object() {
        let keys = ["proxy.max_retries", "appsec.mode", "logs.mask_params", "config.history_max", "no.such"];
        made.insert(choices.of(&keys).to_owned(), text(choices));
    }
    Value::Object(made)
}

/// A text that some field takes, or any.
fn text(choices: &mut Choices<'_>) -> Value {
    const TEXTS: &[&str] = &[
        "a.example",
        "*.b.example",
        "*",
        "127.0.0.1",
        "::1",
        "g",
        "none",
        "/a*",
        "^/(x)",
        "(",
        "GET",
        "10.0.0.0/8",
        "https://{host}{path}",
        "1",
        "off",
        "proxy.max_retries",
        "logs.retention_days",
        "appsec.inbound_threshold",
        "2026-01-01T00:00:00Z",
    ];
    match choices.below(TEXTS.len() + 4) {
        n if n < TEXTS.len() => json!(TEXTS[n]),
        _ => json!(String::from_utf8_lossy(choices.bytes(20))),
    }
}

fn odd(choices: &mut Choices<'_>) -> Value {
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!(" a\u{0}é "),
        json!([]),
        json!({}),
        json!([null]),
        json!({"type": "path", "config": {}}),
        json!("x".repeat(3000)),
    ];
    values[choices.below(values.len())].clone()
}
