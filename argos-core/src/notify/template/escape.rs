//! How values become part of a text: whole JSON values, or words that can't be taken for marks.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, ErrorKind};

use super::OUTPUT;

/// Deepest nesting that is written.
const DEPTH: usize = 160;

/// What a text is made of, and so how a value is written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// Words without marks.
    None,
    /// JSON: each expression is a complete value.
    Json,
    /// HTML.
    Html,
    /// Telegram's MarkdownV2.
    Markdown,
}

impl Escape {
    /// The value as it stands in the text.
    pub(super) fn of(self, value: &Value) -> Result<String, Error> {
        if value.is_safe() {
            return plain(value);
        }
        Ok(match self {
            Self::None => plain(value)?,
            Self::Json => json(value, None)?,
            Self::Html => html(&plain(value)?),
            Self::Markdown => markdown(&plain(value)?),
        })
    }

    /// A text that `own` made: done with where the template's text is of that kind, a plain one elsewhere.
    pub(super) fn made(self, own: Self, text: String) -> Value {
        if self == own || self == Self::None { Value::from_safe_string(text) } else { Value::from(text) }
    }
}

/// Words: nothing for none, and JSON for what is made of parts.
pub(super) fn plain(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::None | ValueKind::Undefined => Ok(String::new()),
        _ => json(value, None),
    }
}

/// JSON, in one line or with so many blanks for each level.
pub(super) fn json(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    let mut out = Writer { text: String::new(), indent };
    out.value(value, 0)?;
    Ok(out.text)
}

pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Source: Telegram's Bot API, "MarkdownV2 style".
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "_*[]()~`>#+-=|{}.!\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Writes JSON, and no more than a whole text may have.
struct Writer {
    text: String,
    indent: Option<usize>,
}

impl Writer {
    fn push(&mut self, text: &str) -> Result<(), Error> {
        if self.text.len() + text.len() > OUTPUT {
            return Err(too_long());
        }
        self.text.push_str(text);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        match self.indent {
            Some(indent) => self.push(&format!("\n{}", " ".repeat(indent * depth))),
            None => Ok(()),
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "a value is nested too deeply"));
        }
        match value.kind() {
            ValueKind::Undefined | ValueKind::None => self.push("null"),
            ValueKind::Bool => self.push(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.push(&value.to_string()),
            ValueKind::Number => {
                let number = f64::try_from(value.clone())?;
                self.push(&serde_json::Value::from(number).to_string())
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?;
                self.parts("[", "]", depth, items, |out, item| out.value(&item, depth + 1))
            }
            ValueKind::Map => {
                let keys = value.try_iter()?;
                self.parts("{", "}", depth, keys, |out, key| {
                    out.push(&json_text(&plain(&key)?))?;
                    out.push(if out.indent.is_some() { ": " } else { ":" })?;
                    out.value(&value.get_item(&key)?, depth + 1)
                })
            }
            ValueKind::String => self.push(&json_text(value.as_str().unwrap_or_default())),
            _ => Err(Error::new(ErrorKind::InvalidOperation, "this has no text")),
        }
    }

    fn parts(
        &mut self,
        open: &str,
        close: &str,
        depth: usize,
        parts: impl Iterator<Item = Value>,
        part: impl Fn(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.push(open)?;
        let mut empty = true;
        for item in parts {
            if !empty {
                self.push(",")?;
            }
            empty = false;
            self.line(depth + 1)?;
            part(self, item)?;
        }
        if !empty {
            self.line(depth)?;
        }
        self.push(close)
    }
}

pub(super) fn too_long() -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("a value has more than {} KiB", OUTPUT / 1024))
}
