//! Telegram: one message of a bot, or several where the text is longer than a message may be. Source: the Bot API,
//! `sendMessage`.

mod split;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::webhook::{silent, unwelcome};
use super::{Outcome, Parcel};
use crate::notify::config::Telegram;
use crate::outbound::{Answer, Call, Outbound};
use crate::schema::ParseMode;
use crate::secret::Secret;

/// Texts that are remembered while parts of them are missing.
const BEGUN: usize = 1000;
/// Characters of the token that may not be told in one run.
const RUN: usize = 8;
/// Characters of Telegram's own words that are told.
const WORDS: usize = 200;

/// Texts of which the beginning was sent, so that another attempt goes on behind it. A new process knows none of them and
/// sends all parts again.
#[derive(Debug, Default)]
pub(super) struct Begun(VecDeque<Place>);

/// How far a text was sent.
#[derive(Debug)]
struct Place {
    idempotency_key: String,
    text: u64,
    sent: usize,
}

impl Begun {
    /// Parts of `text` that were sent under this key. It is forgotten with that.
    fn take(&mut self, idempotency_key: &str, text: u64) -> usize {
        let Some(at) = self.0.iter().position(|place| place.idempotency_key == idempotency_key) else { return 0 };
        self.0.remove(at).filter(|place| place.text == text).map_or(0, |place| place.sent)
    }

    fn put(&mut self, place: Place) {
        if self.0.len() == BEGUN {
            self.0.pop_front();
        }
        self.0.push_back(place);
    }
}

pub(super) async fn send(to: &Telegram, out: &Outbound, parcel: &Parcel<'_>, begun: &mut Begun) -> Outcome {
    let Some(url) = method_url(to) else { return Outcome::Refused { error: "config.api_url is not a URL".into() } };
    let parts = split::parts(&parcel.text.body, to.parse_mode);
    if parts.is_empty() {
        return Outcome::Refused { error: "the text is empty, which Telegram does not take".into() };
    }
    let mut hasher = DefaultHasher::new();
    parcel.text.body.hash(&mut hasher);
    let text = hasher.finish();
    let first = begun.take(parcel.idempotency_key, text);
    for (n, part) in parts.iter().enumerate().skip(first) {
        let told = |error: String| match parts.len() {
            1 => error,
            all => format!("part {} of {all}: {error}", n + 1),
        };
        match send_part(to, out, &url, part).await {
            Outcome::Sent => {}
            Outcome::Failed { error, after } => {
                if n > 0 {
                    begun.put(Place { idempotency_key: parcel.idempotency_key.to_owned(), text, sent: n });
                }
                return Outcome::Failed { error: told(error), after };
            }
            Outcome::Refused { error } => return Outcome::Refused { error: told(error) },
        }
    }
    Outcome::Sent
}

/// Where a bot's messages go. The token is a part of it.
fn method_url(to: &Telegram) -> Option<Url> {
    let mut url = Url::parse(&to.api_url).ok()?;
    let bot = format!("bot{}", to.bot_token.expose());
    url.path_segments_mut().ok()?.pop_if_empty().extend([&*bot, "sendMessage"]);
    Some(url)
}

async fn send_part(to: &Telegram, out: &Outbound, url: &Url, text: &str) -> Outcome {
    let chat: Value = to.chat_id.parse::<i64>().map_or_else(|_| json!(to.chat_id), Value::from);
    let mut body = json!({"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": true}});
    if to.parse_mode != ParseMode::None {
        body["parse_mode"] = json!(to.parse_mode.as_str());
    }
    if let Some(thread) = to.thread_id {
        body["message_thread_id"] = json!(thread);
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = body.to_string().into();
    match out
        .call(Call { method: Method::POST, url, headers, body, https_only: true, redirects: 0, by_head: false })
        .await
    {
        Ok(answer) => read(&answer, &to.bot_token),
        Err(fault) => silent(&fault),
    }
}

/// What Telegram's answer means.
fn read(answer: &Answer, token: &Secret<String>) -> Outcome {
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return match &said["ok"] {
            Value::Bool(true) => Outcome::Sent,
            _ => Outcome::Failed { error: format!("{} does not answer as Telegram does", answer.at), after: None },
        };
    }
    let mut why = said["description"].as_str().map(|words| format!(": {}", harmless(words, token))).unwrap_or_default();
    if let Some(chat) = said["parameters"]["migrate_to_chat_id"].as_i64() {
        why += &format!("; the chat's new chat_id is {chat}");
    }
    let after = said["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
    unwelcome(answer, &why, after)
}

/// Words of a server that may be told: short, in one line, and only where they hold no part of the token, which stands in
/// the path it was asked for.
fn harmless(words: &str, token: &Secret<String>) -> String {
    // What stands between two letters of it hides nothing from a reader.
    let plain = |text: &str| {
        let bytes = text.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
        Zeroizing::new(bytes.map(|b| b.to_ascii_lowercase()).collect::<Vec<u8>>())
    };
    let (said, token) = (plain(words), plain(token.expose()));
    let holds = |part: &[u8]| said.windows(part.len()).any(|run| run == part);
    if !token.is_empty() && token.windows(RUN.min(token.len())).any(holds) {
        return "its words are left out: they hold a part of config.bot_token".into();
    }
    words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_one_segment_of_the_path() {
        let to = |api_url: &str, token: &str| Telegram {
            bot_token: Secret::new(token.into()),
            chat_id: "1".into(),
            parse_mode: ParseMode::Html,
            thread_id: None,
            api_url: api_url.into(),
        };
        let url = |api_url, token| method_url(&to(api_url, token)).unwrap().to_string();
        assert_eq!(url("https://api.telegram.org", "1:Ab-_"), "https://api.telegram.org/bot1:Ab-_/sendMessage");
        assert_eq!(url("https://own.example/api/", "1:A"), "https://own.example/api/bot1:A/sendMessage");
        assert_eq!(url("https://own.example", "../a?b#c"), "https://own.example/bot..%2Fa%3Fb%23c/sendMessage");
        assert_eq!(method_url(&to("mailto:a", "1:A")), None);
    }

    #[test]
    fn what_a_server_says_is_told_without_the_token_and_in_one_line() {
        let token = Secret::new("123:hidden".to_owned());
        assert_eq!(harmless("no chat 123\r\nhidden", &token), "no chat 123  hidden");
        let whole = "123456:AAhidden-token_of_a_bot";
        let long = Secret::new(whole.to_owned());
        for part in
            [&whole[..8], &whole[7..15], &whole[22..], "AAHIDDEN-T", "A A h i d d e n", &whole.replace('-', "\n-")]
        {
            let told = harmless(&format!("no /bot{part}/x"), &long);
            assert!(told.starts_with("its words are left out"), "{part}: {told}");
        }
        assert_eq!(harmless("a token of a bot", &long), "a token of a bot");
        assert!(harmless("no /bot123:hidden/", &token).starts_with("its words are left out"));
        assert_eq!(harmless(&"é".repeat(5000), &token).chars().count(), WORDS);
    }

    #[test]
    fn how_far_a_text_was_sent_is_known_once_and_for_the_same_text() {
        let mut begun = Begun::default();
        let place = |key: &str, sent| Place { idempotency_key: key.into(), text: 7, sent };
        begun.put(place("a", 2));
        assert_eq!((begun.take("b", 7), begun.take("a", 7), begun.take("a", 7)), (0, 2, 0));
        begun.put(place("a", 2));
        assert_eq!(begun.take("a", 8), 0);
        (0..=BEGUN).for_each(|n| begun.put(place(&n.to_string(), 1)));
        assert_eq!((begun.0.len(), begun.take("0", 7), begun.take("1", 7)), (BEGUN, 0, 1));
    }
}
