//! Texts of notifications.
//!
//! A template is compiled with strict rules (`allowed`), bounds of steps and bytes (`engine`), and marks of values that
//! fit where it is sent (`escape`). Before it is stored it is tried with every kind of event, and with values that
//! look like marks (`trial`), and what it makes must be what the channel takes (`form`).

mod allowed;
mod defaults;
mod engine;
mod escape;
mod filters;
mod form;
mod paying;
mod telegram;
mod trial;

use std::borrow::Cow;

use minijinja::value::Value as Shown;
use serde_json::Value;

use self::engine::{Engine, Fault};
use self::escape::Escape;
use self::form::Form;
use super::config::Config;
use crate::error::{Error, ErrorKind, FieldError, Result};
use crate::event::Severity;

/// Bytes of a template.
const TEXT: usize = 64 * 1024;
/// Bytes of what it makes.
const OUTPUT: usize = 256 * 1024;
/// Bytes of one text of an event.
const FACT: usize = 8 * 1024;
/// Steps of one rendering; 64 bytes that are made or read on the way count as one.
const FUEL: u64 = 100_000;
/// Characters of a subject.
const SUBJECT: usize = 250;
/// What a template may name.
const PAGE: &[&str] = &[
    "type",
    "severity",
    "severity_emoji",
    "host_id",
    "host_domain",
    "timestamp",
    "message",
    "data",
    "delivery_id",
    "panel_url",
    "generation",
];

/// What a text may speak of.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The event in its stored form: `type`, `severity`, `host_id?`, `host_domain?`, `timestamp`, `message`, `data`.
    pub event: &'a Value,
    /// Identity of the delivery; 0 for a trial.
    pub delivery_id: i64,
    /// The panel's address; empty = not known.
    pub panel_url: &'a str,
    /// The running generation.
    pub generation: u64,
}

impl Occasion<'_> {
    /// Every name that a template may use.
    fn page(&self) -> Shown {
        let severity = self.event["severity"].as_str().and_then(Severity::parse);
        let data = self.event["data"].as_object().into_iter().flatten();
        let data = Shown::from_pairs(data.map(|(name, fact)| (name.as_str(), shown(fact))));
        Shown::from_pairs(PAGE.iter().map(|name| {
            let value = match *name {
                "severity_emoji" => Shown::from(severity.map_or("", filters::emoji)),
                "data" => data.clone(),
                "delivery_id" => Shown::from(self.delivery_id),
                "panel_url" => Shown::from(self.panel_url),
                "generation" => Shown::from(self.generation),
                name => shown(&self.event[name]),
            };
            (*name, value)
        }))
    }
}

/// One plain value: facts have no parts.
fn shown(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::from(()),
        Value::Bool(value) => Shown::from(*value),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Shown::from(n),
            (_, Some(n)) => Shown::from(n),
            _ => Shown::from(n.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Shown::from(short(text)),
        parts => Shown::from(short(&parts.to_string())),
    }
}

/// A text of an event, of which the end is left out where it is too long to be told.
fn short(text: &str) -> Cow<'_, str> {
    if text.len() <= FACT {
        return Cow::Borrowed(text);
    }
    let mark = "…";
    Cow::Owned(format!("{}{mark}", &text[..text.floor_char_boundary(FACT - mark.len())]))
}

/// A text that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject of mail.
    pub subject: Option<String>,
    /// The body.
    pub body: String,
}

impl Rendered {
    /// One text that is stored and shown: of mail, the subject's line stands first.
    #[must_use]
    pub fn to_stored(&self) -> String {
        match &self.subject {
            Some(subject) => format!("Subject: {subject}\n\n{}", self.body),
            None => self.body.clone(),
        }
    }

    /// What [`Rendered::to_stored`] made.
    #[must_use]
    pub fn from_stored(text: &str, is_mail: bool) -> Self {
        let mail = text.strip_prefix("Subject: ").filter(|_| is_mail).and_then(|text| text.split_once("\n\n"));
        match mail {
            Some((subject, body)) => Self { subject: Some(subject.to_owned()), body: body.to_owned() },
            None => Self { subject: None, body: text.to_owned() },
        }
    }
}

/// The compiled texts of a channel.
#[derive(Debug)]
pub struct Template {
    form: Form,
    body: Engine,
    subject: Option<Engine>,
}

impl Template {
    /// Compiles the template of a channel, and the subject of mail; the empty text is the default of its type.
    ///
    /// # Errors
    /// `channel.template`, naming `template` or `config.subject` with line and column.
    pub fn new(config: &Config, text: &str) -> Result<Self> {
        let own = Some(text).filter(|text| !text.is_empty());
        let form = Form::of(config, own);
        let source = own.unwrap_or_else(|| defaults::of(config));
        let body = Engine::new(source, form.escape()).map_err(|fault| BODY.refused(fault, source, None))?;
        let subject = match config {
            Config::Email(email) => {
                let made = Engine::new(&email.subject, Escape::None);
                Some(made.map_err(|fault| SUBJECT_OF_MAIL.refused(fault, &email.subject, None))?)
            }
            _ => None,
        };
        Ok(Self { form, body, subject })
    }

    /// As [`Template::new`], and tries it with a sample of every event and with hostile texts.
    ///
    /// # Errors
    /// `channel.template`, naming the event, line and column.
    pub fn checked(config: &Config, text: &str) -> Result<Self> {
        let template = Self::new(config, text)?;
        trial::every_kind(&template)?;
        Ok(template)
    }

    /// The text for one event.
    ///
    /// # Errors
    /// `channel.template` for one that can't be rendered.
    pub fn render(&self, occasion: &Occasion<'_>) -> Result<Rendered> {
        self.made(&occasion.page(), None)
    }

    /// As [`Template::render`], and refuses what the channel would not take.
    ///
    /// # Errors
    /// `channel.template`, with line and column.
    pub fn render_checked(&self, occasion: &Occasion<'_>) -> Result<Rendered> {
        let page = occasion.page();
        let made = self.made(&page, None)?;
        self.check(&made, &page, None)?;
        Ok(made)
    }

    fn made(&self, page: &Shown, event: Option<&str>) -> Result<Rendered> {
        let render = |engine: &Engine, field: Field| {
            engine.render(page).map_err(|fault| field.refused(fault, &engine.source, event))
        };
        let subject = self.subject.as_ref().map(|subject| render(subject, SUBJECT_OF_MAIL)).transpose()?;
        let body = self.form.finished(render(&self.body, BODY)?);
        Ok(Rendered { subject: subject.map(|subject| one_line(&subject)), body })
    }

    fn check(&self, made: &Rendered, page: &Shown, event: Option<&str>) -> Result<()> {
        self.form.check(&made.body).map_err(|(at, text)| {
            let fault = Fault::at(self.body.source_of(page, at), text);
            BODY.refused(fault, &self.body.source, event)
        })?;
        match (&self.subject, made.subject.as_deref()) {
            (Some(subject), Some("")) => {
                Err(SUBJECT_OF_MAIL.refused(Fault::at(0, "there is no text"), &subject.source, event))
            }
            _ => Ok(()),
        }
    }
}

/// A subject is one line, whatever stands in its values.
fn one_line(text: &str) -> String {
    let line: String = text.chars().take(SUBJECT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().to_owned()
}

/// The field of a channel that a text stands in.
#[derive(Clone, Copy)]
struct Field(&'static str);

const BODY: Field = Field("template");
const SUBJECT_OF_MAIL: Field = Field("config.subject");

impl Field {
    fn refused(self, fault: Fault, source: &str, event: Option<&str>) -> Error {
        let (place, text) = fault.told(source);
        let at = place.map_or_else(String::new, |(line, column)| format!("line {line}, column {column}: "));
        let with = event.map_or_else(String::new, |event| format!(" (with an event of type {event})"));
        let (line, column) = place.unzip();
        let reason = format!("{at}{text}{with}");
        let message = format!("{}: {reason}", self.0);
        let field = FieldError { field: self.0.to_owned(), reason, line, column };
        Error::new(ErrorKind::Invalid, "channel.template", message).with_fields([field])
    }
}

#[cfg(test)]
mod tests;
