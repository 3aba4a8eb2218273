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

/// Columns of lists whose records hold more than a table has room for; a dot leads into a record. `get` and `--json`
/// show the rest.
const CHOSEN: &[(&str, &[&str])] = &[
    ("channels.list", &["id", "name", "type", "enabled", "rate_limit_per_minute"]),
    (
        "deliveries.list",
        &["id", "created_at", "event_type", "channel_id", "status", "attempts", "error_message", "event.message"],
    ),
    ("notifications.event_types", &["type", "severity", "text"]),
    ("notifications.presets", &["name", "config.method", "config.content_type", "config.url"]),
];

/// Prints the result of an operation.
pub(crate) fn result(operation: &str, done: &Value, as_json: bool) {
    let chosen = CHOSEN.iter().find(|(name, _)| *name == operation);
    match (chosen, &done["items"]) {
        (Some((_, columns)), Value::Array(items)) if !as_json => {
            rows(items, columns, true, "");
            beside(done);
        }
        _ => value(done, as_json),
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
            Some(items) => {
                table(items, "");
                beside(value);
            }
            None => fields(&expanded("", record)),
        },
        // A text of several lines, such as a certificate.
        Value::String(text) => text.lines().for_each(|row| line(inert(row))),
        other => line(cell(other)),
    }
}

/// Prints the records that a page holds beside its items, such as counts.
fn beside(page: &Value) {
    for (of, record) in page.as_object().into_iter().flatten() {
        if let Value::Object(record) = record {
            line("");
            let named: Vec<(String, &Value)> = record.iter().map(|(name, v)| (format!("{of}.{name}"), v)).collect();
            fields(&named);
        }
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
            // A text of several lines keeps them; those after the first are indented, so that none looks like a field.
            Value::String(text) if text.trim_end().contains('\n') && !is_pem(text) => {
                for (at, row) in text.trim_end().lines().enumerate() {
                    let name = if at == 0 { name.as_str() } else { "" };
                    line(format!("{name:width$}  {}", inert(row)).trim_end());
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
    let mut names: Vec<&str> = first
        .keys()
        .map(String::as_str)
        .filter(|name| !NOT_IN_TABLES.iter().any(|hidden| name.starts_with(hidden)))
        .filter(|name| items.iter().any(|row| !is_default(&row[*name])))
        .collect();
    // A stable order: all others stay where they are.
    names.sort_by_key(|name| *name == LAST);
    if names.last().is_none_or(|name| *name != LAST) {
        names.truncate(9);
    }
    // The last column of a record, and what went wrong, is whole on a terminal, too.
    let whole_last = !indent.is_empty() || names.last() == Some(&LAST);
    rows(items, &names, whole_last, indent);
}

/// What a row has in a column; a dot leads into a record.
fn at<'a>(row: &'a Value, column: &str) -> &'a Value {
    column.split('.').fold(row, |row, name| &row[name])
}

/// Prints these columns of records, the last of them whole if `whole_last`.
fn rows(items: &[Value], columns: &[&str], whole_last: bool, indent: &str) {
    if items.is_empty() {
        line("(none)");
        return;
    }
    // Only a terminal is narrow.
    let narrow = std::io::stdout().is_terminal();
    let text = |row: &Value, i: usize, column: &str| {
        let text = cell(at(row, column));
        if !narrow || (whole_last && i + 1 == columns.len()) { text } else { shortened(text) }
    };
    let heads: Vec<&str> = columns.iter().map(|column| column.rsplit('.').next().unwrap_or(column)).collect();
    let rows: Vec<Vec<String>> =
        items.iter().map(|row| columns.iter().enumerate().map(|(i, column)| text(row, i, column)).collect()).collect();
    let widths: Vec<usize> = (0..heads.len())
        .map(|i| rows.iter().map(|r| r[i].chars().count()).max().unwrap_or(0).max(heads[i].len()))
        .collect();
    let row_of = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells.zip(&widths).map(|(c, w)| format!("{c:w$}", w = *w)).collect();
        line(format_args!("{indent}{}", padded.join("  ").trim_end()));
    };
    row_of(&mut heads.iter().copied());
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
        Value::String(s) if is_pem(s) => format!("PEM of {} bytes", s.len()),
        Value::String(s) => inert(&s.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")),
        Value::Array(items) if items.iter().all(|i| i.get("host").is_some() && i.get("port").is_some()) => {
            let parts: Vec<String> = items.iter().map(|i| format!("{}:{}", cell(&i["host"]), i["port"])).collect();
            parts.join(",")
        }
        other => inert(&other.to_string()),
    }
}

fn is_pem(text: &str) -> bool {
    text.starts_with("-----BEGIN ") && text.contains('\n')
}

/// A text whose control characters do not reach the terminal, but for tabs.
fn inert(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_without_control_characters() {
        assert_eq!(cell(&json!("a\r\nb\tc\u{1b}[2J\u{9b}")), "a\\r\\nb\\tc\u{fffd}[2J\u{fffd}");
        assert_eq!(cell(&json!({"a": "\u{9b}\n"})), "{\"a\":\"\u{fffd}\\n\"}");
        assert_eq!(inert("a\tb\u{7}"), "a\tb\u{fffd}");
    }

    #[test]
    fn chosen_columns_are_of_operations_that_exist() {
        let operations = argos_core::api::describe();
        for (name, _) in CHOSEN {
            assert!(operations.iter().any(|op| op.name == *name), "{name}");
        }
    }
}
