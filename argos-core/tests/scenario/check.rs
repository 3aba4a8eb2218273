//! Values against what a scenario expects of them.

use std::collections::BTreeMap;

use argos_core::clock::Timestamp;
use serde_json::{Map, Value};

type Known = BTreeMap<String, Value>;

/// Compares `given` with `expected`. `$name` keeps a value, and is that value ever after; `<time>` and the like stand
/// for any value of that sort. Unless `whole`, objects may have further fields; lists never have further items.
pub fn check(expected: &Value, given: &Value, whole: bool, known: &mut Known) -> Result<(), String> {
    compare(expected, given, whole, known).map_err(|(path, fault)| format!("{path}: {fault}"))
}

fn compare(expected: &Value, given: &Value, whole: bool, known: &mut Known) -> Result<(), (String, String)> {
    let below = |step: String| move |(path, fault): (String, String)| (format!("{step}{path}"), fault);
    let differs = || Err((String::new(), format!("{given}, expected {expected}")));
    match (expected, given) {
        (Value::String(text), _) => match sort(text) {
            Some(Sort::Kept(name)) => match known.get(name) {
                Some(before) if before != given => Err((String::new(), format!("{given}, expected {text} = {before}"))),
                Some(_) => Ok(()),
                None => {
                    known.insert(name.to_owned(), given.clone());
                    Ok(())
                }
            },
            Some(Sort::Any(fits)) if fits(given) => Ok(()),
            None if expected == given => Ok(()),
            _ => differs(),
        },
        (Value::Object(wanted), Value::Object(fields)) => {
            for (name, value) in wanted {
                let Some(field) = fields.get(name) else { return Err((format!(".{name}"), "is missing".into())) };
                compare(value, field, whole, known).map_err(below(format!(".{name}")))?;
            }
            match fields.keys().find(|name| !wanted.contains_key(*name)) {
                Some(more) if whole => Err((format!(".{more}"), "is not expected".into())),
                _ => Ok(()),
            }
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            for (i, (value, item)) in wanted.iter().zip(items).enumerate() {
                compare(value, item, whole, known).map_err(below(format!("[{i}]")))?;
            }
            Ok(())
        }
        _ if expected == given => Ok(()),
        _ => differs(),
    }
}

enum Sort<'a> {
    Kept(&'a str),
    Any(fn(&Value) -> bool),
}

fn sort(text: &str) -> Option<Sort<'_>> {
    if let Some(name) = text.strip_prefix('$') {
        return Some(Sort::Kept(name));
    }
    Some(Sort::Any(match text {
        "<any>" => |_| true,
        "<id>" => |v| v.as_i64().is_some_and(|n| n > 0),
        "<number>" => Value::is_i64,
        "<text>" => |v| v.as_str().is_some_and(|t| !t.is_empty()),
        "<time>" => |v| v.as_str().is_some_and(|t| t.ends_with('Z') && Timestamp::parse(t).is_some()),
        _ => return None,
    }))
}

/// `fields` with each `$name` replaced by what was kept under it.
pub fn filled_fields(fields: &Map<String, Value>, known: &Known) -> Result<Map<String, Value>, String> {
    fields.iter().map(|(name, value)| Ok((name.clone(), filled(value, known)?))).collect()
}

/// `value` with each `$name` replaced by what was kept under it.
fn filled(value: &Value, known: &Known) -> Result<Value, String> {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => known.get(name).cloned().ok_or_else(|| format!("{text} was not kept before")),
            None => Ok(value.clone()),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, known)).collect(),
        Value::Object(fields) => filled_fields(fields, known).map(Value::Object),
        _ => Ok(value.clone()),
    }
}

#[test]
fn what_differs_is_named_by_its_path() {
    use serde_json::json;
    let given = json!({"id": 7, "at": "2026-01-02T03:04:05.678Z", "items": [{"a": 1, "b": null}], "text": ""});
    for (expected, whole, fault) in [
        (json!({"id": "<id>", "at": "<time>", "items": [{"a": "<number>"}]}), false, ""),
        (json!({"id": "$id", "items": "<any>"}), false, ""),
        (json!({"id": "$same"}), false, ".id: 7, expected $same = 8"),
        (json!({"id": 8}), false, ".id: 7, expected 8"),
        (json!({"id": "<text>"}), false, ".id: 7, expected \"<text>\""),
        (json!({"text": "<text>"}), false, ".text: \"\", expected \"<text>\""),
        (json!({"text": "<time>"}), false, ".text: \"\", expected \"<time>\""),
        (json!({"items": []}), false, ".items: [{\"a\":1,\"b\":null}], expected []"),
        (json!({"items": [{"a": 2}]}), false, ".items[0].a: 1, expected 2"),
        (json!({"items": [{"c": 2}]}), false, ".items[0].c: is missing"),
        (json!({"id": 7, "at": "<any>", "items": [{"a": 1}], "text": ""}), true, ".items[0].b: is not expected"),
        (json!({"id": 7, "at": "<any>", "items": [{"a": 1, "b": null}]}), true, ".text: is not expected"),
    ] {
        let mut known = Known::from([("same".to_owned(), json!(8))]);
        let found = check(&expected, &given, whole, &mut known).err().unwrap_or_default();
        assert_eq!(found, fault, "{expected}");
        if fault.is_empty() {
            assert_eq!(known.len(), 1 + usize::from(expected["id"] == "$id"));
        }
    }
    let kept = Known::from([("id".to_owned(), json!(7))]);
    assert_eq!(filled(&json!({"a": ["$id", "x"]}), &kept).unwrap(), json!({"a": [7, "x"]}));
    assert!(filled(&json!("$other"), &kept).is_err());
}
