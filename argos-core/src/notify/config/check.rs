//! What no delivery could be sent with.

use std::net::IpAddr;

use lettre::message::Mailbox;
use url::Url;

use super::{Config, Email, Telegram, Webhook, refuse};
use crate::error::Result;
use crate::outbound::{self, Cause, Reach};
use crate::schema::{Hostname, SmtpAuth, SmtpTls, is_token};
use crate::secret::Secret;

/// Bytes of a URL.
const MOST_URL: usize = 2048;
/// Bytes of a secret.
const MOST_SECRET: usize = 4096;
/// Addresses that one channel writes to.
const MOST_ADDRESSES: usize = 50;

/// Header lines that a webhook has by itself, or that belong to the connection.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Config {
    /// Refuses what no delivery could be sent with, so far as that can be told without looking a name up.
    ///
    /// # Errors
    /// `channel.config`, naming the field.
    pub fn check(&self, reach: &Reach) -> Result<()> {
        match self {
            Self::Webhook(to) => check_webhook(to, reach),
            Self::Email(to) => check_email(to, reach),
            Self::Telegram(to) => check_telegram(to, reach),
            Self::BrowserPush => Ok(()),
        }
    }
}

fn check_webhook(to: &Webhook, reach: &Reach) -> Result<()> {
    let url = parse_url("url", to.url.expose())?;
    check_reached("url", &url, reach, false)?;
    check_text("content_type", &to.content_type, 200)?;
    let essence = to.content_type.split(';').next().unwrap_or_default().trim();
    if essence.split('/').filter(|part| is_token(part)).count() != 2 || essence.matches('/').count() != 1 {
        return Err(refuse(
            "content_type",
            "must be a media type, such as application/json or text/plain; charset=utf-8",
        ));
    }
    match &to.secret {
        Some(secret) => check_secret("secret", secret),
        None => Ok(()),
    }
}

fn check_email(to: &Email, reach: &Reach) -> Result<()> {
    let literal = to.smtp_host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let name = Hostname::parse(&to.smtp_host).ok().filter(|n| !n.is_wildcard() && !n.is_catch_all());
    if literal.is_none() && name.is_none() {
        return Err(refuse("smtp_host", "must be a name or an address, without port"));
    }
    if let Some(ip) = literal {
        // As for sending: mail servers often lie in the network of one's own.
        let reach = Reach { private: true, own: reach.own.clone() };
        reach.check(ip, to.smtp_port).map_err(|fault| refuse("smtp_host", fault.why))?;
    }
    check_text("smtp_username", &to.username, 320)?;
    if to.auth != SmtpAuth::None {
        if to.username.is_empty() {
            return Err(refuse("smtp_username", format!("is needed for smtp_auth {}", to.auth)));
        }
        let Some(password) = &to.password else {
            return Err(refuse("smtp_password", format!("is needed for smtp_auth {}", to.auth)));
        };
        check_secret("smtp_password", password)?;
        if to.tls == SmtpTls::None && !is_loopback(&to.smtp_host) {
            let text = "none would show the password to everybody on the way: use starttls or implicit";
            return Err(refuse("tls", text));
        }
    }
    check_address("from", &to.from)?;
    if to.to.is_empty() || to.to.len() > MOST_ADDRESSES {
        return Err(refuse("to", format!("1–{MOST_ADDRESSES} addresses")));
    }
    for (i, address) in to.to.iter().enumerate() {
        check_address(&format!("to[{i}]"), address)?;
    }
    check_text("subject", &to.subject, 1000)
}

fn check_telegram(to: &Telegram, reach: &Reach) -> Result<()> {
    let token = to.bot_token.expose();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-');
    if token.len() > 256 || !token.bytes().all(plain) {
        return Err(refuse("bot_token", "must be a token as BotFather gives it, such as 123456:ABC-DEF"));
    }
    let number = to.chat_id.parse::<i64>().is_ok_and(|n| n != 0);
    let name = to.chat_id.strip_prefix('@').is_some_and(|name| {
        (4..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    if !number && !name {
        return Err(refuse("chat_id", "must be a number, such as -1001234567890, or the @name of a public channel"));
    }
    if to.thread_id.is_some_and(|id| id < 1) {
        return Err(refuse("thread_id", "must be a positive number"));
    }
    let url = parse_url("api_url", &to.api_url)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("api_url", "must be a URL without ? and #"));
    }
    let local = reach.private && url.host_str().is_some_and(is_loopback);
    if url.scheme() != "https" && !local {
        return Err(refuse("api_url", "must begin with https://: the token is sent there"));
    }
    check_reached("api_url", &url, reach, true)
}

/// An http or https URL. What stands in it may be secret: nothing of it is told.
fn parse_url(field: &str, text: &str) -> Result<Url> {
    if text.len() > MOST_URL {
        return Err(refuse(field, format!("at most {MOST_URL} bytes")));
    }
    let url = Url::parse(text).map_err(|e| refuse(field, format!("is not a URL: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(field, "must begin with https:// or http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(field, "must not hold a name and a password: a header can carry them"));
    }
    Ok(url)
}

/// Refuses an address that no call reaches. Names are judged by what they resolve to, when something is sent.
fn check_reached(field: &str, url: &Url, reach: &Reach, https_only: bool) -> Result<()> {
    outbound::check(reach, url, https_only).map_err(|fault| match fault.cause {
        Cause::NotPublic => refuse(field, format!("{}; notifications.allow_private_targets would allow it", fault.why)),
        Cause::Refused | Cause::Unreachable => refuse(field, fault.why),
    })
}

fn check_secret(field: &str, secret: &Secret<String>) -> Result<()> {
    let text = secret.expose();
    if text.len() <= MOST_SECRET && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(refuse(field, format!("at most {MOST_SECRET} bytes, no control characters")))
}

fn check_text(field: &str, text: &str, most: usize) -> Result<()> {
    if text.len() <= most && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(refuse(field, format!("at most {most} bytes, no line ends or other control characters")))
}

fn check_address(field: &str, text: &str) -> Result<()> {
    check_text(field, text, 320)?;
    match text.parse::<Mailbox>() {
        Ok(_) => Ok(()),
        Err(_) => Err(refuse(field, "must be an address of mail, such as ops@example.org or Ops <ops@example.org>")),
    }
}

pub(super) fn check_header_name(name: &str) -> Result<()> {
    let folded = name.to_ascii_lowercase();
    if !is_token(name) || name.len() > 128 {
        return Err(refuse("headers", format!("{name:?} is not the name of a header")));
    }
    if RESERVED.contains(&&*folded) || folded.starts_with("x-argos-") {
        return Err(refuse("headers", format!("{name:?} is written by Argos itself")));
    }
    Ok(())
}

pub(super) fn check_header_value(name: &str, value: &str) -> Result<()> {
    if value.len() <= MOST_SECRET && value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b) || b >= 0x80) {
        return Ok(());
    }
    let text =
        format!("the value of {name:?} has at most {MOST_SECRET} bytes, without line ends and control characters");
    Err(refuse("headers", text))
}

/// Whether a host, as a URL writes it, is this very machine.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}
