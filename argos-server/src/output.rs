//! Results and errors for people, or as JSON.

use argos_core::error::Error;
use serde_json::{Value, json};

/// Prints an error to standard error.
pub(crate) fn error(e: &Error, as_json: bool) {
    if as_json {
        let body = json!({"kind": e.kind().name(), "code": e.code(), "message": e.message(), "errors": e.fields()});
        eprintln!("{body}");
        return;
    }
    eprintln!("argos: {e}");
    for field in e.fields().iter().filter(|f| !e.message().contains(&f.reason)) {
        eprintln!("  {}: {}", field.field, field.reason);
    }
}

/// Prints a result: a list as a table, a record as lines, nothing for nothing.
pub(crate) fn value(value: &Value, as_json: bool) {
    if as_json {
        println!("{value:#}");
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(record) => match record.get("items").and_then(Value::as_array) {
            Some(items) => table(items),
            None => {
                let width = record.keys().map(String::len).max().unwrap_or(0);
                for (name, value) in record {
                    println!("{name:width$}  {}", cell(value));
                }
            }
        },
        other => println!("{}", cell(other)),
    }
}

/// Beginnings of the columns that a table leaves out; `get` and `--json` show them.
const NOT_IN_TABLES: &[&str] = &[
    "created_at",
    "updated_at",
    "domain_unicode",
    "tls_",
    "https_redirect",
    "hsts_",
    "auth_required",
    "verify_tls",
    "health_check_",
    "http_version",
    "slow_start",
];

/// Columns that a list of records shows: those with plain values in every row.
fn table(items: &[Value]) {
    let Some(first) = items.first().and_then(Value::as_object) else {
        println!("(none)");
        return;
    };
    let names: Vec<&String> = first
        .keys()
        .filter(|name| !NOT_IN_TABLES.iter().any(|hidden| name.starts_with(hidden)))
        .filter(|name| items.iter().any(|row| !is_default(&row[name.as_str()])))
        .take(9)
        .collect();
    let rows: Vec<Vec<String>> =
        items.iter().map(|row| names.iter().map(|name| cell(&row[name.as_str()])).collect()).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0).max(names[i].len()))
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(c, w)| format!("{c:w$}", w = *w)).collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(&mut names.iter().map(|n| n.as_str()));
    for row in &rows {
        line(&mut row.iter().map(String::as_str));
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        _ => false,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        // A control character in a stored text must not reach the terminal.
        Value::String(s) => s.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        Value::Array(items) if items.iter().all(|i| i.get("host").is_some() && i.get("port").is_some()) => {
            let parts: Vec<String> = items.iter().map(|i| format!("{}:{}", cell(&i["host"]), i["port"])).collect();
            parts.join(",")
        }
        other => other.to_string(),
    }
}
