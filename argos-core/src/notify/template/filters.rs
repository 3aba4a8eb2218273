//! Filters of texts, beside those of the engine.

use std::borrow::Cow;

use minijinja::value::{StringInput, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::OUTPUT;
use super::escape::{self, Escape, plain, too_long};
use crate::clock::Timestamp;
use crate::event::Severity;

/// Bytes of a pattern of dates, and of what is trimmed.
const PATTERN: usize = 100;

/// Adds what texts need, and replaces what the engine does without a bound.
pub(super) fn add(env: &mut Environment<'static>, to: Escape) {
    env.add_filter("iso8601", |value: Value| instant(&value).map(|at| at.to_string()));
    env.add_filter("date", |value: Value, pattern: String| date(&value, &pattern));
    env.add_filter("truncate", |value: Value, most: usize| truncate(&value, most));
    env.add_filter("severity_emoji", |value: Value| severity_emoji(&value));
    for name in ["json", "tojson"] {
        env.add_filter(name, move |value: Value| Ok::<_, Error>(to.made(Escape::Json, escape::json(&value, None)?)));
    }
    env.add_filter("json_indent", move |value: Value| {
        Ok::<_, Error>(to.made(Escape::Json, escape::json(&value, Some(2))?))
    });
    env.add_filter("json_escape", move |value: Value| {
        let quoted = escape::json_text(&plain(&value)?);
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        Ok::<_, Error>(to.made(Escape::Json, inside.to_owned()))
    });
    env.add_filter("escape_html", move |value: Value| {
        Ok::<_, Error>(to.made(Escape::Html, escape::html(&plain(&value)?)))
    });
    env.add_filter("escape_md", move |value: Value| {
        Ok::<_, Error>(to.made(Escape::Markdown, escape::markdown(&plain(&value)?)))
    });
    env.add_filter("join", move |value: Value, between: Option<String>| join(&value, &between.unwrap_or_default()));
    env.add_filter("trim", trim);
    env.add_filter("string", |value: Value| if value.is_safe() { Ok(value) } else { plain(&value).map(Value::from) });
}

/// What stands for how much an event matters.
pub(super) const fn emoji(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "\u{2139}\u{fe0f}",
        Severity::Warning => "\u{26a0}\u{fe0f}",
        Severity::Error => "\u{274c}",
        Severity::Critical => "\u{1f6a8}",
    }
}

fn severity_emoji(value: &Value) -> Result<&'static str, Error> {
    let severity = value.as_str().and_then(Severity::parse);
    severity.map(emoji).ok_or_else(|| refused("this is no severity: info, warning, error or critical"))
}

fn instant(value: &Value) -> Result<Timestamp, Error> {
    let at = value.as_str().and_then(Timestamp::parse);
    at.ok_or_else(|| refused("this is no time such as 2026-01-02T03:04:05Z"))
}

fn date(value: &Value, pattern: &str) -> Result<String, Error> {
    if pattern.len() > PATTERN {
        return Err(refused(format!("a pattern of dates has at most {PATTERN} bytes")));
    }
    let at = jiff::Timestamp::from_millisecond(instant(value)?.millis());
    let shown =
        at.and_then(|at| jiff::fmt::strtime::format(pattern, &jiff::ZonedDateTime::new(at, jiff::tz::TimeZone::UTC)));
    shown.map_err(|e| refused(format!("a date can't be written so: {e}")))
}

/// At most so many characters, of which the last says that there were more.
fn truncate(value: &Value, most: usize) -> Result<String, Error> {
    let text = plain(value)?;
    if text.chars().nth(most).is_none() {
        return Ok(text);
    }
    let kept = most.saturating_sub(1);
    Ok(text.chars().take(kept).chain("…".chars().take(most)).collect())
}

/// Each character at an end is compared with each of the marks.
fn trim(value: StringInput<'_>, marks: Option<Cow<'_, str>>) -> Result<Value, Error> {
    match &marks {
        Some(marks) if marks.len() > PATTERN => Err(refused(format!("at most {PATTERN} bytes can be trimmed at once"))),
        _ => Ok(minijinja::filters::trim(value, marks)),
    }
}

fn join(value: &Value, between: &str) -> Result<String, Error> {
    let mut out = String::new();
    for (at, item) in value.try_iter()?.enumerate() {
        let item = if item.kind() == ValueKind::String { item } else { Value::from(plain(&item)?) };
        let (before, item) = (if at == 0 { "" } else { between }, item.as_str().unwrap_or_default());
        if out.len() + before.len() + item.len() > OUTPUT {
            return Err(too_long());
        }
        out.push_str(before);
        out.push_str(item);
    }
    Ok(out)
}

fn refused(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}
