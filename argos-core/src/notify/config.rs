//! What a channel's type needs: its stored form, what is shown of it, and opened with its defaults.

mod check;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

pub use check::is_loopback;
use check::{check_header_name, check_header_value};

use crate::error::{Error, Result};
use crate::schema::{
    ChannelConfig, ChannelConfigShown, ChannelKind, HeaderChange, HeaderShown, ParseMode, Patch, SecretText, SmtpAuth,
    SmtpTls, WebhookMethod,
};
use crate::secret::{MasterKey, Secret};

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

/// What is not said: where the Bot API is.
const TELEGRAM_API: &str = "https://api.telegram.org";
/// The port of a mail server where none is given. Source: RFC 6409 §3.1.
const SUBMISSION: u16 = 587;
/// The template of a subject where none is given.
pub const SUBJECT: &str = "[argos] {{ severity }}: {{ type }}";
/// Header lines that one webhook adds.
const MOST_HEADERS: usize = 50;

/// The stored form of a channel's config: secrets are envelopes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredConfig(pub Map<String, Value>);

/// Fields, the type that each belongs to, and whether it is secret.
const FIELDS: &[(&str, ChannelKind, bool)] = &[
    ("url", ChannelKind::Webhook, true),
    ("method", ChannelKind::Webhook, false),
    ("content_type", ChannelKind::Webhook, false),
    ("secret", ChannelKind::Webhook, true),
    ("smtp_host", ChannelKind::Email, false),
    ("smtp_port", ChannelKind::Email, false),
    ("smtp_username", ChannelKind::Email, false),
    ("smtp_password", ChannelKind::Email, true),
    ("smtp_auth", ChannelKind::Email, false),
    ("tls", ChannelKind::Email, false),
    ("from", ChannelKind::Email, false),
    ("to", ChannelKind::Email, false),
    ("subject", ChannelKind::Email, false),
    ("bot_token", ChannelKind::Telegram, true),
    ("chat_id", ChannelKind::Telegram, false),
    ("parse_mode", ChannelKind::Telegram, false),
    ("thread_id", ChannelKind::Telegram, false),
    ("api_url", ChannelKind::Telegram, false),
];

/// A change of one field: its new value in the open, or none to clear it.
type Given = (&'static str, Option<Value>);

fn plain<T: Clone + Serialize>(field: &'static str, change: &Patch<T>) -> Option<Given> {
    match change {
        Patch::Keep => None,
        Patch::Clear => Some((field, None)),
        // Texts, numbers and words always have a form.
        Patch::Set(value) => Some((field, serde_json::to_value(value).ok().filter(|v| v != ""))),
    }
}

fn secret(field: &'static str, change: &Patch<SecretText>) -> Option<Given> {
    match change {
        Patch::Keep => None,
        Patch::Clear => Some((field, None)),
        Patch::Set(text) => Some((field, text.given().map(|s| s.expose().as_str().into()))),
    }
}

fn given(c: &ChannelConfig) -> Vec<Given> {
    let all = [
        secret("url", &c.url),
        plain("method", &c.method),
        plain("content_type", &c.content_type),
        secret("secret", &c.secret),
        plain("smtp_host", &c.smtp_host),
        plain("smtp_port", &c.smtp_port),
        plain("smtp_username", &c.smtp_username),
        secret("smtp_password", &c.smtp_password),
        plain("smtp_auth", &c.smtp_auth),
        plain("tls", &c.tls),
        plain("from", &c.from),
        plain("to", &c.to),
        plain("subject", &c.subject),
        secret("bot_token", &c.bot_token),
        plain("chat_id", &c.chat_id),
        plain("parse_mode", &c.parse_mode),
        plain("thread_id", &c.thread_id),
        plain("api_url", &c.api_url),
    ];
    all.into_iter().flatten().collect()
}

impl StoredConfig {
    /// This with the given fields of `change`.
    ///
    /// # Errors
    /// `channel.config`, naming a field of another type.
    pub fn with(mut self, kind: ChannelKind, change: &ChannelConfig, key: &MasterKey) -> Result<Self> {
        for (field, value) in given(change) {
            let (_, owner, is_secret) = FIELDS.iter().find(|(name, ..)| *name == field).ok_or_else(unknown)?;
            if *owner != kind {
                return Err(refuse(field, format!("belongs to type {owner}, not {kind}")));
            }
            match value {
                None => drop(self.0.remove(field)),
                Some(Value::String(text)) if *is_secret => self.seal(field, &text, key),
                Some(value) => drop(self.0.insert(field.to_owned(), value)),
            }
        }
        match &change.headers {
            Patch::Keep => {}
            _ if kind != ChannelKind::Webhook => {
                return Err(refuse("headers", format!("belongs to type webhook, not {kind}")));
            }
            Patch::Clear => drop(self.0.remove("headers")),
            Patch::Set(headers) => self.set_headers(headers, key)?,
        }
        Ok(self)
    }

    /// Stores a secret, unless it is the stored one: an envelope is another one each time it is made.
    fn seal(&mut self, field: &str, text: &str, key: &MasterKey) {
        let same = self.0.get(field).and_then(|v| key.decrypt(v.as_str()?).ok()).is_some_and(|s| s.expose() == text);
        if !same {
            self.0.insert(field.to_owned(), key.encrypt(text).into());
        }
    }

    fn set_headers(&mut self, headers: &BTreeMap<String, HeaderChange>, key: &MasterKey) -> Result<()> {
        let stored = match self.0.remove("headers") {
            Some(Value::Object(stored)) => stored,
            _ => Map::new(),
        };
        let kept = |name: &str| stored.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
        let mut next = Map::new();
        for (name, change) in headers {
            check_header_name(name)?;
            if next.keys().any(|n| n.eq_ignore_ascii_case(name)) {
                return Err(refuse("headers", format!("{name:?} stands twice")));
            }
            let value = match change {
                HeaderChange::Remove => continue,
                HeaderChange::Keep => {
                    kept(name).ok_or_else(|| refuse("headers", format!("{name:?} has no stored value to keep")))?
                }
                HeaderChange::Set(text) => {
                    let text = text.given().map_or("", |s| s.expose().as_str());
                    check_header_value(name, text)?;
                    let same = kept(name).filter(|v| {
                        let opened = v.as_str().and_then(|v| key.decrypt(v).ok());
                        opened.is_some_and(|s| s.expose() == text)
                    });
                    same.unwrap_or_else(|| key.encrypt(text).into())
                }
            };
            next.insert(name.clone(), value);
        }
        if next.len() > MOST_HEADERS {
            return Err(refuse("headers", format!("at most {MOST_HEADERS}")));
        }
        if !next.is_empty() {
            self.0.insert("headers".to_owned(), next.into());
        }
        Ok(())
    }

    /// Refuses a change of `before` to this that sends kept secrets to another server: whoever may change a channel may
    /// not read them, and the other server could be theirs.
    ///
    /// # Errors
    /// `channel.secret_needed`, naming what must be given anew.
    pub fn check_kept(&self, before: &Self, kind: ChannelKind, change: &ChannelConfig, key: &MasterKey) -> Result<()> {
        let of = match kind {
            ChannelKind::Webhook => "url",
            ChannelKind::Telegram => "api_url",
            ChannelKind::Email if before.text("smtp_host") == self.text("smtp_host") => "smtp_port",
            ChannelKind::Email => "smtp_host",
            ChannelKind::BrowserPush => return Ok(()),
        };
        if self.server(kind, key) == before.server(kind, key) {
            return Ok(());
        }
        let headers = match &change.headers {
            Patch::Keep => true,
            Patch::Clear => false,
            Patch::Set(lines) => lines.values().any(|line| *line == HeaderChange::Keep),
        };
        let kept = [
            ("headers", headers),
            ("secret", change.secret.is_keep()),
            ("smtp_password", change.smtp_password.is_keep()),
            ("bot_token", change.bot_token.is_keep()),
        ];
        let Some((field, _)) = kept.into_iter().find(|(field, kept)| *kept && self.0.contains_key(*field)) else {
            return Ok(());
        };
        let text = format!(
            "must be given anew, or cleared by null, together with config.{of}, which names another server: what is \
             stored was given for the one before"
        );
        Err(Error::invalid("channel.secret_needed", field, text).under("config"))
    }

    /// Which server it sends to; none where that can't be told.
    fn server(&self, kind: ChannelKind, key: &MasterKey) -> Option<String> {
        let origin = |text: &str| Some(Url::parse(text).ok()?.origin().ascii_serialization());
        match kind {
            ChannelKind::Webhook => origin(key.decrypt(self.text("url")?).ok()?.expose()),
            ChannelKind::Telegram => origin(self.text("api_url").unwrap_or(TELEGRAM_API)),
            ChannelKind::Email => {
                let port = self.0.get("smtp_port").and_then(Value::as_i64).unwrap_or(SUBMISSION.into());
                Some(format!("{}:{port}", self.text("smtp_host")?.to_ascii_lowercase()))
            }
            ChannelKind::BrowserPush => None,
        }
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// What of it is shown.
    ///
    /// # Errors
    /// Those of the key, and of a stored form that this version does not know.
    pub fn shown(&self, kind: ChannelKind, key: &MasterKey) -> Result<ChannelConfigShown> {
        let none = ChannelConfigShown::default();
        let set = |field: &str| Some(self.0.contains_key(field));
        Ok(match self.open(kind, key)? {
            Config::Webhook(w) => ChannelConfigShown {
                url: Some(scheme_and_host(w.url.expose())),
                method: Some(w.method),
                content_type: Some(w.content_type),
                headers: Some(w.headers.into_iter().map(|(name, _)| (name, HeaderShown { set: true })).collect()),
                secret_set: set("secret"),
                ..none
            },
            Config::Email(e) => ChannelConfigShown {
                smtp_host: Some(e.smtp_host),
                smtp_port: Some(e.smtp_port.into()),
                smtp_username: Some(e.username),
                smtp_password_set: set("smtp_password"),
                smtp_auth: Some(e.auth),
                tls: Some(e.tls),
                from: Some(e.from),
                to: e.to,
                subject: Some(e.subject),
                ..none
            },
            Config::Telegram(t) => ChannelConfigShown {
                bot_token_set: set("bot_token"),
                chat_id: Some(t.chat_id),
                parse_mode: Some(t.parse_mode),
                thread_id: t.thread_id,
                api_url: Some(t.api_url),
                ..none
            },
            Config::BrowserPush => none,
        })
    }

    /// Opened, and with the defaults.
    ///
    /// # Errors
    /// `channel.config`, naming what is needed or has another form; those of the key.
    pub fn open(&self, kind: ChannelKind, key: &MasterKey) -> Result<Config> {
        let stored = Opened { fields: &self.0, key };
        Ok(match kind {
            ChannelKind::Webhook => Config::Webhook(Webhook {
                url: stored.secret("url")?.ok_or_else(|| refuse("url", "is needed"))?,
                method: stored.word("method", WebhookMethod::parse)?.unwrap_or(WebhookMethod::Post),
                content_type: stored.text("content_type").unwrap_or("application/json").to_owned(),
                headers: stored.headers()?,
                secret: stored.secret("secret")?,
            }),
            ChannelKind::Email => {
                let username = stored.text("smtp_username").unwrap_or_default().to_owned();
                let smtp_port = match stored.number("smtp_port") {
                    None => SUBMISSION,
                    Some(n) => u16::try_from(n)
                        .ok()
                        .filter(|n| *n > 0)
                        .ok_or_else(|| refuse("smtp_port", "allowed: 1–65535"))?,
                };
                let auth = if username.is_empty() { SmtpAuth::None } else { SmtpAuth::Plain };
                let tls = if smtp_port == 465 { SmtpTls::Implicit } else { SmtpTls::Starttls };
                Config::Email(Email {
                    smtp_host: stored.needed("smtp_host")?.to_owned(),
                    smtp_port,
                    password: stored.secret("smtp_password")?,
                    auth: stored.word("smtp_auth", SmtpAuth::parse)?.unwrap_or(auth),
                    tls: stored.word("tls", SmtpTls::parse)?.unwrap_or(tls),
                    from: stored.needed("from")?.to_owned(),
                    to: stored.list("to"),
                    subject: stored.text("subject").unwrap_or(SUBJECT).to_owned(),
                    username,
                })
            }
            ChannelKind::Telegram => Config::Telegram(Telegram {
                bot_token: stored.secret("bot_token")?.ok_or_else(|| refuse("bot_token", "is needed"))?,
                chat_id: stored.needed("chat_id")?.to_owned(),
                parse_mode: stored.word("parse_mode", ParseMode::parse)?.unwrap_or(ParseMode::Html),
                thread_id: stored.number("thread_id"),
                api_url: stored.text("api_url").unwrap_or(TELEGRAM_API).trim_end_matches('/').to_owned(),
            }),
            ChannelKind::BrowserPush => Config::BrowserPush,
        })
    }
}

/// Stored fields and what opens them.
struct Opened<'a> {
    fields: &'a Map<String, Value>,
    key: &'a MasterKey,
}

impl<'a> Opened<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field)?.as_str()
    }

    fn needed(&self, field: &'static str) -> Result<&'a str> {
        self.text(field).filter(|text| !text.trim().is_empty()).ok_or_else(|| refuse(field, "is needed"))
    }

    fn number(&self, field: &str) -> Option<i64> {
        self.fields.get(field)?.as_i64()
    }

    fn list(&self, field: &str) -> Vec<String> {
        let items = self.fields.get(field).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    }

    fn word<T>(&self, field: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        let parsed = self.text(field).map(|text| parse(text).ok_or_else(|| refuse(field, "is not known")));
        parsed.transpose()
    }

    fn secret(&self, field: &str) -> Result<Option<Secret<String>>> {
        Ok(self.text(field).map(|text| self.key.decrypt(text)).transpose()?)
    }

    fn headers(&self) -> Result<Vec<(String, Secret<String>)>> {
        let stored = self.fields.get("headers").and_then(Value::as_object);
        let open = |(name, value): (&String, &Value)| {
            Ok((name.clone(), self.key.decrypt(value.as_str().unwrap_or_default())?))
        };
        stored.into_iter().flatten().map(open).collect()
    }
}

/// What of a URL is shown.
fn scheme_and_host(text: &str) -> String {
    let url = Url::parse(text);
    url.map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}

fn refuse(field: &str, reason: impl Into<String>) -> Error {
    Error::invalid("channel.config", field, reason).under("config")
}

fn unknown() -> Error {
    Error::internal("a field of a channel's config that its table does not have")
}
