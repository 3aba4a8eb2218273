//! Results and errors for people, or as JSON.

use std::io::IsTerminal as _;

use argos_core::error::Error;
use serde_json::{Map, Value, json};

/// Prints one line to standard output. A reader that has gone ends the command quietly; any other fault ends it with
/// its reason.
pub(crate) fn line(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let Err(e) = writeln!(std::io::stdout().lock(), "{text}") else { return };
    if e.kind() == std::io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    note(format_args!("argos: standard output: {e}"));
    std::process::exit(i32::from(argos_core::ErrorKind::Unavailable.exit_code()));
}

/// Prints one line to standard error; where that is closed, nobody wants to know.
pub(crate) fn note(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints an error to standard error.
pub(crate) fn error(e: &Error, as_json: bool) {
    if as_json {
        let body = json!({"kind": e.kind().name(), "code": e.code(), "message": e.message(), "errors": e.fields()});
        note(body);
        return;
    }
    note(format_args!("argos: {e}"));
    for field in e.fields().iter().filter(|f| !e.message().contains(&f.reason)) {
        note(format_args!("  {}: {}", field.field, field.reason));
    }
}

/// Prints a result: a list as a table, a record as lines, nothing for nothing.
pub(crate) fn value(value: &Value, as_json: bool) {
    if as_json {
        line(format_args!("{value:#}"));
        return;
    }
    match value {
        Value::Null => {}
        Value::Object(record) => match record.get("items").and_then(Value::as_array) {
            Some(items) => table(items, ""),
            None => fields(&expanded("", record)),
        },
        // A text of several lines, such as a certificate.
        Value::String(text) => text.lines().for_each(|row| line(cell(&row.into()))),
        other => line(cell(other)),
    }
}

/// The fields of a record with their names; those of a record in it that holds lists stand beside them.
fn expanded<'a>(of: &str, record: &'a Map<String, Value>) -> Vec<(String, &'a Value)> {
    let holds_lists = |inner: &Map<String, Value>| inner.values().any(Value::is_array);
    let field = |(name, value): (&String, &'a Value)| match value {
        Value::Object(inner) if holds_lists(inner) => expanded(&format!("{of}{name}."), inner),
        value => vec![(format!("{of}{name}"), value)],
    };
    record.iter().flat_map(field).collect()
}

/// Whether `value` holds records, each of which `fits`; endpoints are one word each.
fn is_list(value: &Value, fits: impl Fn(&Map<String, Value>) -> bool) -> bool {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else { return false };
    items.iter().all(|item| item.as_object().is_some_and(|item| !item.contains_key("port") && fits(item)))
}

/// Prints fields line by line: a list of texts below each other, a list of plain records as a table.
fn fields(fields: &[(String, &Value)]) {
    let plain = |item: &Map<String, Value>| {
        let lists = |value: &Value| value.as_array().is_some_and(|list| list.iter().any(|item| !item.is_string()));
        !item.values().any(|value| value.is_object() || lists(value))
    };
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in fields {
        match value {
            Value::Array(items) if is_list(value, plain) => {
                line(name);
                table(items, "  ");
            }
            Value::Array(texts) if !texts.is_empty() && texts.iter().all(Value::is_string) => {
                for (at, text) in texts.iter().enumerate() {
                    let name = if at == 0 { name.as_str() } else { "" };
                    line(format_args!("{name:width$}  {}", cell(text)));
                }
            }
            value => line(format_args!("{name:width$}  {}", cell(value))),
        }
    }
}

/// Beginnings of the columns that a table leaves out; `get` and `--json` show them.
const NOT_IN_TABLES: &[&str] = &[
    "created_at",
    "updated_at",
    "domain_unicode",
    "tls_",
    "ca_bundle_",
    "client_",
    "https_redirect",
    "hsts_",
    "auth_required",
    "verify_tls",
    "health_check_",
    "http_version",
    "slow_start",
    "not_before",
    "fingerprint_",
    "ari_window_",
    "uploaded_by",
    "last_checked_at",
];

/// The column that stands last, where a long text has room.
const LAST: &str = "last_error";

/// Columns that a list of records shows: those with plain values in every row.
fn table(items: &[Value], indent: &str) {
    let Some(first) = items.first().and_then(Value::as_object) else {
        line("(none)");
        return;
    };
    let mut names: Vec<&String> = first
        .keys()
        .filter(|name| !NOT_IN_TABLES.iter().any(|hidden| name.starts_with(hidden)))
        .filter(|name| items.iter().any(|row| !is_default(&row[name.as_str()])))
        .collect();
    // A stable order: all others stay where they are.
    names.sort_by_key(|name| *name == LAST);
    if names.last().is_none_or(|name| *name != LAST) {
        names.truncate(9);
    }
    // Only a terminal is narrow. The last column of a record, and what went wrong, is whole there too.
    let narrow = std::io::stdout().is_terminal();
    let whole = |at: usize| !narrow || (at + 1 == names.len() && (!indent.is_empty() || names[at] == LAST));
    let text = |row: &Value, at: usize, name: &str| {
        let text = cell(&row[name]);
        if whole(at) { text } else { shortened(text) }
    };
    let rows: Vec<Vec<String>> =
        items.iter().map(|row| names.iter().enumerate().map(|(at, name)| text(row, at, name)).collect()).collect();
    let widths: Vec<usize> = (0..names.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0).max(names[i].len()))
        .collect();
    let row_of = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(c, w)| format!("{c:w$}", w = *w)).collect();
        line(format_args!("{indent}{}", padded.join("  ").trim_end()));
    };
    row_of(&mut names.iter().map(|n| n.as_str()));
    for row in &rows {
        row_of(&mut row.iter().map(String::as_str));
    }
}

/// A cell of a table, at most 60 characters.
fn shortened(text: String) -> String {
    match text.char_indices().nth(59) {
        Some((at, _)) if text.chars().count() > 60 => format!("{}…", &text[..at]),
        _ => text,
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
        // Nobody reads these; `--json` has them whole.
        Value::String(s) if s.starts_with("-----BEGIN ") && s.contains('\n') => format!("PEM of {} bytes", s.len()),
        // A control character in a stored text must not reach the terminal.
        Value::String(s) => s.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        Value::Array(items) if items.iter().all(|i| i.get("host").is_some() && i.get("port").is_some()) => {
            let parts: Vec<String> = items.iter().map(|i| format!("{}:{}", cell(&i["host"]), i["port"])).collect();
            parts.join(",")
        }
        other => other.to_string(),
    }
}
