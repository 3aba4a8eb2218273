//! What notifications can tell, and how: the catalogue of events, webhooks of known services, and trying a template.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::{json, operation};
use super::{Query, View};
use crate::error::{Error, Result};
use crate::event::{EventKind, Severity};
use crate::notify::{self, Config, Email, Occasion, PRESETS, Preset, Telegram, Template, Webhook};
use crate::schema::{ChannelKind, ParseMode, SmtpAuth, SmtpTls, WebhookMethod};

/// Lists every type of event that a rule can name, with what it tells.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEventTypes {}
operation!(ListEventTypes => EventTypes, "notifications.event_types", Get "/notifications/event-types", Viewer, 200,
    "Lists every type of event that a rule can name, with what it tells.");

/// The catalogue of events.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventTypes {
    /// Every type.
    pub items: Vec<EventType>,
}

/// A type of event.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct EventType {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// How much it matters.
    pub severity: Severity,
    /// When it happens.
    pub text: &'static str,
    /// JSON Schema of its `data`.
    pub data_schema: Value,
    /// An event of this type as it may come.
    pub sample: Value,
}

impl Query for ListEventTypes {
    fn run(self, _view: &View<'_>) -> Result<EventTypes> {
        let shown = |kind: &EventKind| {
            Ok(EventType {
                kind: *kind,
                severity: kind.severity(),
                text: kind.text().trim(),
                data_schema: kind.data_schema().to_value(),
                sample: json(&kind.sample())?,
            })
        };
        Ok(EventTypes { items: EventKind::ALL.iter().map(shown).collect::<Result<_>>()? })
    }
}

/// Lists webhooks of known services, to be filled in and stored as channels.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPresets {}
operation!(ListPresets => ChannelPresets, "notifications.presets", Get "/notifications/presets", Viewer, 200,
    "Lists webhooks of known services, to be filled in and stored as channels.");

/// Webhooks of known services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelPresets {
    /// Every preset, by name.
    pub items: Vec<ChannelPreset>,
}

/// The webhook of a service. What must be filled in stands in capitals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelPreset {
    /// The service.
    pub name: &'static str,
    /// The config of a channel of type `webhook`.
    pub config: PresetConfig,
    /// The template of the channel.
    pub template: &'static str,
}

/// The config of a webhook of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PresetConfig {
    /// Where it is sent.
    pub url: &'static str,
    /// Its method.
    pub method: WebhookMethod,
    /// `Content-Type` of the body.
    pub content_type: &'static str,
    /// Further header lines.
    pub headers: BTreeMap<&'static str, &'static str>,
}

impl From<&Preset> for ChannelPreset {
    fn from(preset: &Preset) -> Self {
        Self {
            name: preset.name,
            config: PresetConfig {
                url: preset.url,
                method: preset.method,
                content_type: preset.content_type,
                headers: preset.headers.iter().copied().collect(),
            },
            template: preset.template,
        }
    }
}

impl Query for ListPresets {
    fn run(self, _view: &View<'_>) -> Result<ChannelPresets> {
        Ok(ChannelPresets { items: PRESETS.iter().map(ChannelPreset::from).collect() })
    }
}

/// Renders a template with the sample of an event, and tells whether a channel would take what it makes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenderTemplate {
    /// The type of the channel that it is for.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// The template; empty = the default of the type.
    #[serde(default)]
    pub template: String,
    /// The type of the event.
    pub event_type: EventKind,
    /// `webhook`: `Content-Type` of the body; default `application/json`.
    pub content_type: Option<String>,
    /// `telegram`: how marks are read; default `HTML`.
    pub parse_mode: Option<ParseMode>,
    /// `email`: template of the subject.
    pub subject: Option<String>,
}
operation!(RenderTemplate => RenderedTemplate, "notifications.render", Post "/notifications/render", Operator, 200,
    "Renders a template with the sample of an event, and tells whether a channel would take what it makes.",
    positional ["type", "event_type"]);

/// What a template makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RenderedTemplate {
    /// `email`: the subject.
    pub subject: Option<String>,
    /// The text that is sent.
    pub output: String,
}

impl Query for RenderTemplate {
    fn run(self, view: &View<'_>) -> Result<RenderedTemplate> {
        let (event, config) = (json(&self.event_type.sample())?, self.config()?);
        let panel = view.live.panel_settings.public_url.as_ref().map_or("", |url| url.as_str());
        let occasion = Occasion { event: &event, delivery_id: 0, panel_url: panel, generation: view.live.generation };
        let made = Template::new(&config, &self.template).and_then(|template| template.render_checked(&occasion));
        let made = made.map_err(subject_at_top)?;
        Ok(RenderedTemplate { subject: made.subject, output: made.body })
    }
}

impl RenderTemplate {
    /// A channel's config, as far as a text depends on it.
    fn config(&self) -> Result<Config> {
        let of_type = |name: &str, given: bool, kind: ChannelKind| match given && self.kind != kind {
            true => Err(Error::invalid("channel.config", name, format!("is for a channel of type {kind}"))),
            false => Ok(()),
        };
        of_type("content_type", self.content_type.is_some(), ChannelKind::Webhook)?;
        of_type("parse_mode", self.parse_mode.is_some(), ChannelKind::Telegram)?;
        of_type("subject", self.subject.is_some(), ChannelKind::Email)?;
        Ok(match self.kind {
            ChannelKind::Webhook => Config::Webhook(Webhook {
                url: String::new().into(),
                method: WebhookMethod::Post,
                content_type: self.content_type.clone().unwrap_or_else(|| "application/json".to_owned()),
                headers: Vec::new(),
                secret: None,
            }),
            ChannelKind::Email => Config::Email(Email {
                smtp_host: String::new(),
                smtp_port: 0,
                username: String::new(),
                password: None,
                auth: SmtpAuth::None,
                tls: SmtpTls::Starttls,
                from: String::new(),
                to: Vec::new(),
                subject: self.subject.clone().unwrap_or_else(|| notify::config::SUBJECT.to_owned()),
            }),
            ChannelKind::Telegram => Config::Telegram(Telegram {
                bot_token: String::new().into(),
                chat_id: String::new(),
                parse_mode: self.parse_mode.unwrap_or(ParseMode::Html),
                thread_id: None,
                api_url: String::new(),
            }),
            ChannelKind::BrowserPush => Config::BrowserPush,
        })
    }
}

/// A subject is a field of its own here, not one of a config.
fn subject_at_top(e: Error) -> Error {
    let own = |field: &str| field.strip_prefix("config.").unwrap_or(field).to_owned();
    let fields = e.fields().iter().map(|f| crate::error::FieldError { field: own(&f.field), ..f.clone() });
    Error::new(e.kind(), "channel.template", own(e.message())).with_fields(fields.collect::<Vec<_>>())
}
