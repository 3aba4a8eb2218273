//! Channels: where notifications go.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{ChannelId, Patch, SecretText, text_enum};
use crate::clock::Timestamp;
use crate::secret::is_envelope;

text_enum! {
    /// How a channel reaches people.
    ChannelKind {
        /// An HTTP request.
        Webhook = "webhook",
        /// Mail.
        Email = "email",
        /// A Telegram bot.
        Telegram = "telegram",
        /// Notifications of browsers that people subscribed with (RFC 8030).
        BrowserPush = "browser_push",
    }
}

text_enum! {
    /// The method of a webhook.
    WebhookMethod {
        /// POST
        Post = "POST",
        /// PUT
        Put = "PUT",
        /// PATCH
        Patch = "PATCH",
    }
}

text_enum! {
    /// How a mail server is signed in at. Source: RFC 4954, RFC 4616.
    SmtpAuth {
        /// PLAIN
        Plain = "plain",
        /// LOGIN
        Login = "login",
        /// Not at all.
        None = "none",
    }
}

text_enum! {
    /// How the way to a mail server is encrypted. Source: RFC 3207, RFC 8314.
    SmtpTls {
        /// From `STARTTLS` on, which the server must know.
        Starttls = "starttls",
        /// From the first byte.
        Implicit = "implicit",
        /// Not at all.
        None = "none",
    }
}

text_enum! {
    /// How Telegram reads the marks in a text.
    ParseMode {
        /// Tags of HTML.
        Html = "HTML",
        /// Its own marks, second form.
        MarkdownV2 = "MarkdownV2",
        /// As it stands.
        None = "none",
    }
}

/// A value of a webhook's header in an input: a text to set, `true` to keep what is stored, `null` to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderChange {
    /// This value.
    Set(SecretText),
    /// What is stored.
    Keep,
    /// None.
    Remove,
}

impl<'de> Deserialize<'de> for HeaderChange {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Flag(bool),
            Nothing(()),
        }
        let given =
            Given::deserialize(d).map_err(|_| de::Error::custom("a text, true to keep it, null to remove it"))?;
        match given {
            Given::Text(text) if is_envelope(&text) => {
                Err(de::Error::custom("secret_looks_encrypted: give the secret itself"))
            }
            Given::Text(text) if text.is_empty() => Ok(Self::Remove),
            Given::Text(text) => Ok(Self::Set(text.into())),
            Given::Flag(true) => Ok(Self::Keep),
            Given::Flag(false) => Err(de::Error::custom("a text, true to keep it, null to remove it")),
            Given::Nothing(()) => Ok(Self::Remove),
        }
    }
}

impl JsonSchema for HeaderChange {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HeaderChange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "A text, `true` to keep what is stored, `null` to remove it."})
    }
}

/// What a channel's type needs. Omitted fields stay, `null` brings the default back; fields of another type are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ChannelConfig {
    /// `webhook`: http or https URL, at most 2048 bytes. What is shown of it later is its scheme and host.
    pub url: Patch<SecretText>,
    /// `webhook`: its method; default POST.
    pub method: Patch<WebhookMethod>,
    /// `webhook`: `Content-Type` of the body; default `application/json`, whose template writes JSON.
    pub content_type: Patch<String>,
    /// `webhook`: further header lines, at most 50. A given map is all of them: `true` keeps a stored value.
    pub headers: Patch<BTreeMap<String, HeaderChange>>,
    /// `webhook`: signs the body, at most 4096 bytes; see `X-Argos-Signature`.
    pub secret: Patch<SecretText>,
    /// `email`: the mail server's name or address.
    pub smtp_host: Patch<String>,
    /// `email`: its port, 1–65535; default 587.
    pub smtp_port: Patch<i64>,
    /// `email`: the name to sign in with.
    pub smtp_username: Patch<String>,
    /// `email`: the word to sign in with.
    pub smtp_password: Patch<SecretText>,
    /// `email`: how to sign in; default `plain` where a name is given, else `none`.
    pub smtp_auth: Patch<SmtpAuth>,
    /// `email`: how the way is encrypted; default `implicit` for port 465, else `starttls`.
    pub tls: Patch<SmtpTls>,
    /// `email`: the sender, such as `Argos <argos@example.org>`.
    pub from: Patch<String>,
    /// `email`: who gets it, 1–50 addresses.
    pub to: Patch<Vec<String>>,
    /// `email`: template of the subject; default `[argos] {{ severity }}: {{ type }}`.
    pub subject: Patch<String>,
    /// `telegram`: the bot's token.
    pub bot_token: Patch<SecretText>,
    /// `telegram`: the chat's number, or the `@name` of a public channel.
    #[serde(deserialize_with = "text_or_number")]
    pub chat_id: Patch<String>,
    /// `telegram`: how marks in the text are read; default `HTML`.
    pub parse_mode: Patch<ParseMode>,
    /// `telegram`: the topic within the chat.
    pub thread_id: Patch<i64>,
    /// `telegram`: where the Bot API is; default `https://api.telegram.org`.
    pub api_url: Patch<String>,
}

/// A text that people also write as a number.
fn text_or_number<'de, D: Deserializer<'de>>(d: D) -> Result<Patch<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Text(String),
        Number(i64),
        Nothing(()),
    }
    Ok(match Given::deserialize(d).map_err(|_| de::Error::custom("a text or a whole number"))? {
        Given::Text(text) => Patch::Set(text),
        Given::Number(number) => Patch::Set(number.to_string()),
        Given::Nothing(()) => Patch::Clear,
    })
}

/// Whether a header of a webhook has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeaderShown {
    /// Whether its value is stored.
    pub set: bool,
}

/// What a channel's type needs, without its secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelConfigShown {
    /// `webhook`: scheme and host of its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// `webhook`: its method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<WebhookMethod>,
    /// `webhook`: `Content-Type` of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `webhook`: names of the further header lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, HeaderShown>>,
    /// `webhook`: whether the body is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_set: Option<bool>,
    /// `email`: the mail server's name or address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_host: Option<String>,
    /// `email`: its port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_port: Option<i64>,
    /// `email`: the name to sign in with; empty = none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_username: Option<String>,
    /// `email`: whether the word to sign in with is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_password_set: Option<bool>,
    /// `email`: how to sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp_auth: Option<SmtpAuth>,
    /// `email`: how the way is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<SmtpTls>,
    /// `email`: the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `email`: who gets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// `email`: template of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `telegram`: whether the bot's token is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot_token_set: Option<bool>,
    /// `telegram`: the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<String>,
    /// `telegram`: how marks in the text are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parse_mode: Option<ParseMode>,
    /// `telegram`: the topic within the chat; none = the chat itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<i64>,
    /// `telegram`: where the Bot API is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
}

/// A stored channel. Its secrets are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Channel {
    /// Identity.
    pub id: ChannelId,
    /// Unique name.
    pub name: String,
    /// How it reaches people; never changes.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Whether it is used.
    pub enabled: bool,
    /// What its type needs, without secrets.
    pub config: ChannelConfigShown,
    /// What is sent; empty = the default of its type.
    pub template: String,
    /// Deliveries in a minute, and at once, 0–10,000; 0 = as many as come.
    pub rate_limit_per_minute: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
