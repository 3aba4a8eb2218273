//! Notifications of browsers, by way of the push services of those who make them (RFC 8030).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Map, Value};

use super::webhook::{silent, unwelcome};
use super::{Outcome, Parcel, Subscriber, Terms, Vapid};
use crate::event::Severity;
use crate::notify::web_push::{MOST, check_endpoint, from_base64url, seal};
use crate::outbound::{Call, Outbound};
use crate::schema::PushSubscriptionId;

/// How long a service keeps a message for a browser that is not there.
const TTL_SECONDS: u32 = 86_400;
/// Browsers that are told at once. Anybody may subscribe with services that never answer: few must not hold many up.
const AT_ONCE: usize = 64;
/// Members of a message that are cut, beside its body.
const CUT: usize = 3;
/// What stands for what was left out.
const MORE: &str = "…";

/// What one browser's push service says.
enum Told {
    /// It has the message.
    Sent,
    /// There is no such subscription any more.
    Gone,
    /// It has not.
    Not(Outcome),
}

pub(super) async fn send(
    terms: &Terms,
    out: &Outbound,
    parcel: &Parcel<'_>,
    gone: &mut Vec<PushSubscriptionId>,
) -> Outcome {
    let refused = |error: &str| Outcome::Refused { error: error.into() };
    if parcel.subscribers.is_empty() {
        return refused("no subscribers");
    }
    let Some(vapid) = &terms.vapid else { return refused("there are no keys for push services: see the process log") };
    let text = fitting(&parcel.text.body);
    let message = text.as_bytes();
    let telling: Vec<_> =
        parcel.subscribers.iter().map(|to| tell(to, vapid, terms, out, parcel.severity, message)).collect();
    let told: Vec<Told> = stream::iter(telling).buffered(AT_ONCE).collect().await;
    let ended = parcel.subscribers.iter().zip(&told).filter(|(_, told)| matches!(told, Told::Gone));
    gone.extend(ended.map(|(to, _)| to.id));
    conclude(told)
}

/// It is sent when one browser gets it. Else it may be tried again if one may get it then.
fn conclude(told: impl IntoIterator<Item = Told>) -> Outcome {
    let (mut refused, mut failed) = (None, None::<(String, Option<Duration>)>);
    for told in told {
        match told {
            Told::Sent | Told::Not(Outcome::Sent) => return Outcome::Sent,
            Told::Gone => {}
            Told::Not(Outcome::Refused { error }) => refused = refused.or(Some(error)),
            Told::Not(Outcome::Failed { error, after }) => {
                failed = Some(match failed {
                    None => (error, after),
                    Some((first, longest)) => (first, longest.max(after)),
                });
            }
        }
    }
    match (failed, refused) {
        (Some((error, after)), _) => Outcome::Failed { error, after },
        (None, Some(error)) => Outcome::Refused { error },
        (None, None) => Outcome::Refused { error: "no subscribers: the subscriptions there were have ended".into() },
    }
}

async fn tell(
    to: &Subscriber,
    vapid: &Vapid,
    terms: &Terms,
    out: &Outbound,
    severity: Severity,
    message: &[u8],
) -> Told {
    let refused = |error: String| Told::Not(Outcome::Refused { error });
    // A setting may be another one since it was subscribed with.
    let url = match check_endpoint(&to.endpoint, &terms.reach) {
        Ok(url) => url,
        Err(error) => return refused(error),
    };
    let keys = from_base64url(&to.p256dh).zip(from_base64url(to.auth.expose()));
    let Some(body) = keys.and_then(|(p256dh, auth)| seal(message, &p256dh, &auth)) else {
        return refused(format!("the keys of subscription {} are none", to.id));
    };
    let origin = url.origin().ascii_serialization();
    let signed = vapid.authorization(&origin, terms.clock.now()).map_err(|e| e.to_string());
    let signed = signed.and_then(|text| HeaderValue::from_str(text.expose()).map_err(|e| e.to_string()));
    let mut signed = match signed {
        Ok(signed) => signed,
        Err(error) => return refused(error),
    };
    signed.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, signed);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    headers.insert(HeaderName::from_static("ttl"), HeaderValue::from(TTL_SECONDS));
    headers.insert(HeaderName::from_static("urgency"), HeaderValue::from_static(urgency(severity)));
    let call = Call {
        method: Method::POST,
        url: &url,
        headers,
        body: body.into(),
        https_only: true,
        redirects: 0,
        by_head: true,
    };
    match out.call(call).await {
        Ok(answer) if answer.status.is_success() => Told::Sent,
        Ok(answer) if [404, 410].contains(&answer.status.as_u16()) => Told::Gone,
        Ok(answer) => Told::Not(unwelcome(&answer, "", None)),
        Err(fault) => Told::Not(silent(&fault)),
    }
}

/// Whether a device is woken up for it. What only informs can wait until it has power or a better network; an error can't
/// wait at all. Source: RFC 8030 §5.3.
const fn urgency(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "low",
        Severity::Warning => "normal",
        Severity::Error | Severity::Critical => "high",
    }
}

/// The text, cut to what push services take: better half of it is read than nothing is heard. Of an object of JSON the
/// member `body` is cut, and then the longest others; if that is not enough, nothing is left but title and body.
fn fitting(text: &str) -> Cow<'_, str> {
    if text.len() <= MOST {
        return Cow::Borrowed(text);
    }
    let Ok(Value::Object(mut object)) = serde_json::from_str(text) else { return Cow::Owned(cut(text, MOST)) };
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    let mut others: Vec<_> = object.iter().filter(|(name, _)| *name != "body").collect();
    others.sort_by_key(|(_, value)| Reverse(length(value)));
    let others: Vec<String> = others.into_iter().take(CUT).map(|(name, _)| name.clone()).collect();
    shorten(&mut object, ["body"].into_iter().chain(others.iter().map(String::as_str)));
    if json(&object).len() > MOST {
        object.retain(|name, value| value.is_string() && ["title", "body"].contains(&name.as_str()));
        shorten(&mut object, ["body", "title"]);
    }
    Cow::Owned(json(&object))
}

/// Cuts these members in turn until the object is short enough.
fn shorten<'a>(object: &mut Map<String, Value>, names: impl IntoIterator<Item = &'a str>) {
    let mut over = json(object).len().saturating_sub(MOST);
    for name in names {
        let Some(Value::String(text)) = object.get_mut(name).filter(|_| over > 0) else { continue };
        if text.len() <= MORE.len() {
            continue;
        }
        let size: usize = text.chars().map(written).sum();
        let most = size.saturating_sub(over + MORE.len());
        let mut kept = 0;
        let fits = |c: &char| {
            kept += written(*c);
            kept <= most
        };
        let end = text.chars().take_while(fits).map(char::len_utf8).sum();
        let left: usize = text[..end].chars().map(written).sum();
        text.truncate(end);
        text.push_str(MORE);
        over = over.saturating_sub(size.saturating_sub(left + MORE.len()));
    }
}

/// Bytes of a character in JSON.
const fn written(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..'\u{20}' => 6,
        c => c.len_utf8(),
    }
}

fn json(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

/// At most `most` bytes of `text`, or the mark alone.
fn cut(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most.saturating_sub(MORE.len()));
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_long_loses_the_end_of_its_body_first() {
        assert_eq!(fitting("{\"body\": 1}"), "{\"body\": 1}");
        let exactly = json!({"body": "a".repeat(MOST - 11)}).to_string();
        assert_eq!((exactly.len(), fitting(&exactly)), (MOST, exactly.as_str().into()));
        for letter in ["a", "\"", "\n", "\u{1}", "ü", "日", "🦚"] {
            let text = json!({"title": "t", "body": letter.repeat(4000), "severity": "error", "url": "u"}).to_string();
            let made = fitting(&text);
            assert!(made.len() <= MOST && made.len() > MOST - 12, "{letter:?}: {}", made.len());
            let read: Value = serde_json::from_str(&made).unwrap();
            let body = read["body"].as_str().unwrap().strip_suffix(MORE).unwrap();
            assert!(letter.repeat(4000).starts_with(body));
            assert_eq!((&read["title"], &read["severity"], &read["url"]), (&json!("t"), &json!("error"), &json!("u")));
        }
    }

    #[test]
    fn what_has_no_body_to_cut_is_cut_elsewhere() {
        let text = json!({"title": "t".repeat(9000), "body": "hello", "host": "h".repeat(5000)}).to_string();
        let read: Value = serde_json::from_str(&fitting(&text)).unwrap();
        assert!(read["title"].as_str().unwrap().ends_with(MORE) && read["host"].as_str().unwrap().ends_with(MORE));
        let text = json!({"title": "t", "list": vec![1; 4000]}).to_string();
        assert!(fitting(&text).contains("\"title\":\"t\""));
        for text in ["x".repeat(4000), "日".repeat(4000), json!(vec![1; 4000]).to_string()] {
            assert!(fitting(&text).len() <= MOST && fitting(&text).ends_with(MORE));
        }
    }

    #[test]
    fn a_message_of_very_many_members_is_cut_to_title_and_body() {
        let mut object: Map<String, Value> = (0..40_000).map(|n| (n.to_string(), "abcdef".into())).collect();
        object.insert("title".into(), "t".into());
        object.insert("body".into(), "\u{1}b".repeat(9000).into());
        let made = fitting(&json(&object)).into_owned();
        let read: Map<String, Value> = serde_json::from_str(&made).unwrap();
        assert_eq!((read.len(), &read["title"], &read["body"]), (2, &json!("t"), &json!(MORE)));
        object.insert("title".into(), vec![1; 4000].into());
        assert_eq!(fitting(&json(&object)), json!({"body": MORE}).to_string());
    }

    #[test]
    fn what_a_character_takes_in_json_is_known() {
        for c in (0..0x300).filter_map(char::from_u32).chain(['日', '🦚']) {
            assert_eq!(written(c) + 2, Value::from(c.to_string()).to_string().len(), "{c:?}");
        }
    }

    #[test]
    fn one_that_is_told_is_enough() {
        let failed = |seconds: Option<u64>| {
            Told::Not(Outcome::Failed { error: "later".into(), after: seconds.map(Duration::from_secs) })
        };
        let refused = || Told::Not(Outcome::Refused { error: "no".into() });
        assert_eq!(conclude([refused(), failed(None), Told::Gone, Told::Sent]), Outcome::Sent);
        let later = |seconds| Outcome::Failed { error: "later".into(), after: Some(Duration::from_secs(seconds)) };
        assert_eq!(conclude([refused(), failed(Some(3)), failed(None), failed(Some(9))]), later(9));
        assert_eq!(conclude([Told::Gone, refused()]), Outcome::Refused { error: "no".into() });
        let Outcome::Refused { error } = conclude([Told::Gone]) else { panic!("nobody has it") };
        assert!(error.starts_with("no subscribers"), "{error}");
    }
}
