//! What a channel's type needs, opened and with its defaults.

use crate::schema::{ChannelKind, ParseMode, SmtpAuth, SmtpTls, WebhookMethod};
use crate::secret::Secret;

/// What a channel's type needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Config {
    /// An HTTP request.
    Webhook(Webhook),
    /// Mail.
    Email(Email),
    /// A Telegram bot.
    Telegram(Telegram),
    /// Notifications of browsers.
    BrowserPush,
}

/// Where a webhook goes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// An http or https URL; what stands in it may be secret.
    pub url: Secret<String>,
    /// Its method.
    pub method: WebhookMethod,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// Further header lines: names as given, and their values.
    pub headers: Vec<(String, Secret<String>)>,
    /// What signs the body; none = it is not signed.
    pub secret: Option<Secret<String>>,
}

/// How mail is sent, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The mail server's name or address.
    pub smtp_host: String,
    /// Its port.
    pub smtp_port: u16,
    /// The name to sign in with; empty = none.
    pub username: String,
    /// The word to sign in with.
    pub password: Option<Secret<String>>,
    /// How to sign in.
    pub auth: SmtpAuth,
    /// How the way is encrypted.
    pub tls: SmtpTls,
    /// The sender's address, with or without a name.
    pub from: String,
    /// Addresses that get it, at least one.
    pub to: Vec<String>,
    /// Template of the subject.
    pub subject: String,
}

/// Which bot writes into which chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telegram {
    /// The bot's token.
    pub bot_token: Secret<String>,
    /// The chat: a number, or the `@name` of a public channel.
    pub chat_id: String,
    /// How marks in the text are read.
    pub parse_mode: ParseMode,
    /// The topic within the chat.
    pub thread_id: Option<i64>,
    /// Where the Bot API is, without `/` at the end.
    pub api_url: String,
}

impl Config {
    /// How the channel reaches people.
    #[must_use]
    pub const fn kind(&self) -> ChannelKind {
        match self {
            Self::Webhook(_) => ChannelKind::Webhook,
            Self::Email(_) => ChannelKind::Email,
            Self::Telegram(_) => ChannelKind::Telegram,
            Self::BrowserPush => ChannelKind::BrowserPush,
        }
    }
}
