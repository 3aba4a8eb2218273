//! Outside text → the fields of an operation: strict JSON, path and query words, and errors that name the field.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Described;
use crate::error::{Error, ErrorKind, Result};

/// Parses a JSON object; duplicate keys at any depth are refused.
///
/// # Errors
/// `json.syntax` (HTTP 400) with line and column, `json.duplicate_key`, `json.not_an_object`.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let parsed = Strict.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    match parsed {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(Error::invalid("json.not_an_object", "", "the body must be a JSON object")),
        Err(e) if e.is_data() => {
            let text = e.to_string();
            // The key is quoted in the text that `Strict` makes.
            let key = text.split('"').nth(1).unwrap_or_default().to_owned();
            Err(Error::invalid("json.duplicate_key", key, text))
        }
        Err(e) => Err(Error::invalid("json.syntax", "", format!("not JSON: {e}"))),
    }
}

/// Makes an operation from its fields.
///
/// # Errors
/// `Invalid`, naming the field.
pub fn into_operation<O: DeserializeOwned>(fields: Map<String, Value>) -> Result<O> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|e| {
        let path = e.path().to_string();
        let reason = e.inner().to_string();
        let (code, field) = match quoted_after(&reason, &["unknown field `", "missing field `"]) {
            // The path ends at the record; the field is only in the text.
            Some((0, name)) => ("unknown_field", join(&path, name)),
            Some((_, name)) => ("missing_field", join(&path, name)),
            None => ("wrong_value", if path == "." { String::new() } else { path }),
        };
        Error::invalid(code, field, reason)
    })
}

fn quoted_after<'a>(text: &'a str, markers: &[&str]) -> Option<(usize, &'a str)> {
    markers.iter().enumerate().find_map(|(i, marker)| {
        let rest = &text[text.find(marker)? + marker.len()..];
        Some((i, &rest[..rest.find('`')?]))
    })
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" | "." => name.to_owned(),
        _ if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        _ => format!("{path}.{name}"),
    }
}

/// A word of a path, a query or the command line as the JSON value that `field` of `op` expects.
///
/// # Errors
/// `unknown_field`, `wrong_value`.
pub fn coerce(op: &Described, field: &str, text: &str) -> Result<Value> {
    let Some(schema) = op.input["properties"].get(field) else {
        if op.input.get("additionalProperties").is_some_and(|a| a.is_object() || *a == true) {
            return Ok(Value::String(text.to_owned()));
        }
        return Err(Error::invalid("unknown_field", field, format!("{} has no such field", op.name)));
    };
    let wrong = |what: &str| Error::invalid("wrong_value", field, format!("{text:?} is not {what}"));
    let types = types_of(schema);
    let is = |name: &str| types.contains(&name);
    if is("string") {
        return Ok(Value::String(text.to_owned()));
    }
    if text == "null" && is("null") {
        return Ok(Value::Null);
    }
    if is("integer") {
        // One form for each number: no plus, no zeros in front.
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        return number.map(|number| Value::Number(number.into())).ok_or_else(|| wrong("a whole number"));
    }
    if is("boolean") {
        return text.parse().map(Value::Bool).map_err(|_| wrong("true or false"));
    }
    serde_json::from_str(text).map_err(|e| wrong(&format!("JSON: {e}")))
}

/// The JSON types that a schema allows.
#[must_use]
pub fn types_of(schema: &Value) -> Vec<&str> {
    let mut types = Vec::new();
    match &schema["type"] {
        Value::String(one) => types.push(one.as_str()),
        Value::Array(many) => types.extend(many.iter().filter_map(Value::as_str)),
        _ => {}
    }
    if schema.get("enum").is_some() || schema.get("const").is_some() {
        types.push("string");
    }
    for key in ["anyOf", "oneOf"] {
        for option in schema[key].as_array().into_iter().flatten() {
            types.extend(types_of(option));
        }
    }
    types
}

/// A path of the registry with the value of each field put in.
///
/// # Errors
/// `missing_field`.
pub fn fill_path(path: &str, mut value_of: impl FnMut(&str) -> Option<Value>) -> Result<String> {
    let segments = path.split('/').skip(1);
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            Some(field) => {
                let text = match value_of(field) {
                    Some(Value::String(text)) => text,
                    Some(Value::Number(number)) => number.to_string(),
                    _ => return Err(Error::invalid("missing_field", field, "is needed")),
                };
                let escaped = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
                path.push_str(&escaped.to_string());
            }
            None => path.push_str(segment),
        }
    }
    Ok(path)
}

/// Whether an error is about the form of a body and not about its values: HTTP 400 instead of 422.
#[must_use]
pub fn is_syntax(error: &Error) -> bool {
    error.kind() == ErrorKind::Invalid && error.code() == "json.syntax"
}

/// Deserialises any JSON value, refusing duplicate keys. The key `type` is put first, so that tagged records are
/// read in one pass and errors below them keep their path.
struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> std::result::Result<Value, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> std::result::Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> std::result::Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E>(self, v: f64) -> std::result::Result<Value, E> {
        Ok(Number::from_f64(v).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, v: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> std::result::Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Strict)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("key {key:?} is given twice")));
            }
            let value = map.next_value_seed(Strict)?;
            if key == "type" {
                fields.shift_insert(0, key, value);
            } else {
                fields.insert(key, value);
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{CreateHost, CreateRule, Operation, SearchLogs, UpdateHost};

    fn refused<O: Operation>(json: &str) -> (String, String) {
        let error = parse_object(json.as_bytes()).and_then(into_operation::<O>).err().unwrap();
        (error.code().to_owned(), error.fields()[0].field.clone())
    }

    #[test]
    fn refusals_name_the_field() {
        for (json, code, field) in [
            (r#"{"domain": "a.test", "colour": 1}"#, "unknown_field", "colour"),
            (r#"{"domain": "a b"}"#, "wrong_value", "domain"),
            (r#"{"domain": 5}"#, "wrong_value", "domain"),
            (r#"{"target_group_id": 1}"#, "missing_field", "domain"),
            (r#"{"domain": "a.test", "target_group_id": "1"}"#, "wrong_value", "target_group_id"),
            (r#"{"domain": "a.test", "target_group_id": -1}"#, "wrong_value", "target_group_id"),
            (r#"{"domain": "a.test", "tls_mode": "maybe"}"#, "wrong_value", "tls_mode"),
            (
                r#"{"domain": "a.test", "target_group": {"targets": [{"host": "x", "port": 70000}]}}"#,
                "wrong_value",
                "target_group.targets[0].port",
            ),
            (r#"{"domain": "a.test", "domain": "b.test"}"#, "json.duplicate_key", "domain"),
            (r#"{"domain": "#, "json.syntax", ""),
            ("[]", "json.not_an_object", ""),
        ] {
            assert_eq!(refused::<CreateHost>(json), (code.to_owned(), field.to_owned()), "{json}");
        }
    }

    #[test]
    fn a_fault_below_a_tagged_record_keeps_its_path() {
        let rule = |action: &str| format!(r#"{{"host_id": 1, "action": {action}}}"#);
        for (action, code, field) in [
            (
                r#"{"config": {"status_code": "x", "target": "/"}, "type": "redirect"}"#,
                "wrong_value",
                "action.config.status_code",
            ),
            (
                r#"{"type": "redirect", "config": {"status_code": 308, "target": "/", "x": 1}}"#,
                "unknown_field",
                "action.config.x",
            ),
            (r#"{"type": "teleport", "config": {}}"#, "wrong_value", "action.type"),
        ] {
            assert_eq!(refused::<CreateRule>(&rule(action)), (code.to_owned(), field.to_owned()), "{action}");
        }
    }

    #[test]
    fn words_become_what_the_field_expects() {
        let op = |name: &str| crate::api::describe().into_iter().find(|d| d.name == name).unwrap();
        let update = op("hosts.update");
        assert_eq!(coerce(&update, "id", "7").unwrap(), 7);
        for text in ["+7", "07", "-0", " 7", "7.0", "0x7", ""] {
            assert_eq!(coerce(&update, "id", text).unwrap_err().code(), "wrong_value", "{text}");
        }
        assert_eq!(coerce(&update, "enabled", "true").unwrap(), true);
        assert_eq!(coerce(&update, "domain", "5").unwrap(), "5");
        assert_eq!(coerce(&update, "max_body_bytes", "null").unwrap(), Value::Null);
        assert_eq!(coerce(&update, "enabled", "yes").unwrap_err().fields()[0].field, "enabled");
        assert_eq!(coerce(&update, "colour", "x").unwrap_err().code(), "unknown_field");
        let mut fields = Map::from_iter([("id".to_owned(), Value::from(7)), ("enabled".to_owned(), true.into())]);
        assert_eq!(fill_path(update.path, |field| fields.remove(field)).unwrap(), "/hosts/7");
        assert_eq!(fields.len(), 1);
        let key = |_: &str| Some(Value::from("a/b c"));
        assert_eq!(fill_path(op("settings.get").path, key).unwrap(), "/settings/a%2Fb%20c");
        assert_eq!(fill_path(update.path, |_| None).unwrap_err().fields()[0].field, "id");
        assert_eq!((UpdateHost::NAME, SearchLogs::NAME), ("hosts.update", "logs.search"));
    }
}
