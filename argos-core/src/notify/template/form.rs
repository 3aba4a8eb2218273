//! What a channel's text must be, and whether it is.

use super::escape::Escape;
use super::telegram::{Wrong, check_html, check_markdown};
use crate::notify::config::Config;
use crate::schema::ParseMode;

/// What a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Any text.
    Any,
    /// A text of mail.
    Mail,
    /// A page in mail.
    MailPage,
    /// JSON.
    Json,
    /// What browsers show: JSON with a title and a body.
    Push,
    /// Words of a chat.
    Chat,
    /// A chat's words with tags.
    ChatHtml,
    /// A chat's words with marks.
    ChatMarkdown,
}

impl Form {
    /// That of a channel with a template of its own, or with the default.
    pub(super) fn of(config: &Config, own: Option<&str>) -> Self {
        match config {
            Config::Webhook(webhook) if own.is_none() || is_json(&webhook.content_type) => Self::Json,
            Config::Webhook(_) => Self::Any,
            Config::Email(_) if own.is_some_and(|text| text.to_ascii_lowercase().contains("<html")) => Self::MailPage,
            Config::Email(_) => Self::Mail,
            Config::Telegram(telegram) => match telegram.parse_mode {
                ParseMode::Html => Self::ChatHtml,
                ParseMode::MarkdownV2 => Self::ChatMarkdown,
                ParseMode::None => Self::Chat,
            },
            Config::BrowserPush => Self::Push,
        }
    }

    pub(super) const fn escape(self) -> Escape {
        match self {
            Self::Any | Self::Mail | Self::Chat => Escape::None,
            Self::Json | Self::Push => Escape::Json,
            Self::MailPage | Self::ChatHtml => Escape::Html,
            Self::ChatMarkdown => Escape::Markdown,
        }
    }

    pub(super) fn check(self, text: &str) -> Result<(), Wrong> {
        match self {
            Self::Any => Ok(()),
            Self::Json => json(text).map(drop),
            Self::Push => {
                let made = json(text)?;
                match ["title", "body"].iter().find(|name| !made[**name].is_string()) {
                    Some(name) => Err((0, format!("the JSON has no text `{name}`, which browsers show"))),
                    None => Ok(()),
                }
            }
            _ if text.trim().is_empty() => Err((0, "there is no text".into())),
            Self::Mail | Self::MailPage | Self::Chat => Ok(()),
            Self::ChatHtml => check_html(text),
            Self::ChatMarkdown => check_markdown(text),
        }
    }

    /// The text as it is sent.
    pub(super) fn finished(self, text: String) -> String {
        if self != Self::Mail {
            return text;
        }
        // A value must not make a page of a text whose template is none: nothing in it is escaped.
        let lower = text.to_ascii_lowercase();
        if !lower.contains("<html") {
            return text;
        }
        let mut out = String::with_capacity(text.len() + 8);
        let mut from = 0;
        for (at, _) in lower.match_indices("<html") {
            out.push_str(&text[from..=at]);
            out.push(' ');
            from = at + 1;
        }
        out.push_str(&text[from..]);
        out
    }
}

/// `application/json`, `application/cloudevents+json` and so on, with parameters or without.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("/json") || kind.ends_with("+json")
}

fn json(text: &str) -> Result<serde_json::Value, Wrong> {
    serde_json::from_str(text).map_err(|e| {
        let before: usize = text.split_inclusive('\n').take(e.line().saturating_sub(1)).map(str::len).sum();
        (before + e.column().saturating_sub(1), format!("this makes no JSON: {e}"))
    })
}
