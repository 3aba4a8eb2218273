//! The JSON Schema of an operation's input, where the type alone says less than its method does.

use serde_json::{Value, json};

use super::Method;
use crate::schema::CLEARABLE;

/// PUT needs every field that is shown; PATCH takes null only for fields that can be cleared.
pub(super) fn refine(method: Method, mut schema: Value) -> Value {
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return schema };
    if !matches!(method, Method::Patch | Method::Put) {
        return schema;
    }
    for field in fields.values_mut() {
        let Some(field) = field.as_object_mut() else { continue };
        field.remove("default");
        let clearable = field.remove(CLEARABLE).is_some();
        if method == Method::Patch && !clearable {
            let mut plain = Value::Object(std::mem::take(field));
            refuse_null(&mut plain);
            if let Value::Object(plain) = plain {
                *field = plain;
            }
        }
    }
    if method == Method::Put {
        // What is never shown can't be put back: omitted, it stays.
        let shown = fields.iter().filter(|(_, field)| field["writeOnly"] != true);
        let all = json!(shown.map(|(name, _)| name).collect::<Vec<_>>());
        schema["required"] = all;
    }
    schema
}

fn refuse_null(schema: &mut Value) {
    if let Some(types) = schema["type"].as_array() {
        let rest: Vec<Value> = types.iter().filter(|t| *t != "null").cloned().collect();
        schema["type"] = match rest.as_slice() {
            [one] => one.clone(),
            _ => Value::Array(rest),
        };
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
    let Some(options) = schema.get_mut("anyOf").and_then(Value::as_array_mut) else { return };
    options.retain(|option| option["type"] != "null");
    if let [only] = options.as_slice() {
        let only = only.clone();
        if let (Some(schema), Value::Object(only)) = (schema.as_object_mut(), only) {
            schema.remove("anyOf");
            for (name, value) in only {
                // What the field says of itself stands before what its type says.
                schema.entry(name).or_insert(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_takes_null_where_a_field_can_be_cleared() {
        let schema = json!({"properties": {
            "on": {"type": ["boolean", "null"], "description": "x", "default": null},
            "name": {"anyOf": [{"$ref": "#/a"}, {"type": "null"}], "description": "y"},
            "word": {"type": ["string", "null"], "enum": ["a", "b", null]},
            "max": {"type": ["integer", "null"], "default": null, CLEARABLE: true},
            "id": {"type": "integer"},
            "key": {"type": ["string", "null"], "writeOnly": true, CLEARABLE: true},
        }, "required": ["id"]});
        let patch = refine(Method::Patch, schema.clone());
        assert_eq!(
            patch,
            json!({"properties": {
                "on": {"type": "boolean", "description": "x"},
                "name": {"$ref": "#/a", "description": "y"},
                "word": {"type": "string", "enum": ["a", "b"]},
                "max": {"type": ["integer", "null"]},
                "id": {"type": "integer"},
                "key": {"type": ["string", "null"], "writeOnly": true},
            }, "required": ["id"]})
        );
        let put = refine(Method::Put, schema.clone());
        assert_eq!(put["required"], json!(["on", "name", "word", "max", "id"]));
        assert_eq!(refine(Method::Post, schema.clone()), schema);
    }
}
