//! Webhooks: an HTTP request, signed where the channel has a secret.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use url::Url;

use super::{Outcome, Parcel, Terms};
use crate::clock::Timestamp;
use crate::notify::config::Webhook;
use crate::outbound::{Answer, Call, Cause, Fault, Outbound};
use crate::schema::WebhookMethod;
use crate::secret::hmac_sha256;

/// Redirects that are followed.
const REDIRECTS: u8 = 3;
/// The longest time that a receiver may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub(super) async fn send(to: &Webhook, terms: &Terms, out: &Outbound, parcel: &Parcel<'_>) -> Outcome {
    let refused = |error: String| Outcome::Refused { error };
    // What the parser says could quote the URL.
    let Ok(url) = Url::parse(to.url.expose()) else { return refused("config.url is not a URL".into()) };
    let headers = match headers(to, terms.clock.now(), parcel) {
        Ok(headers) => headers,
        Err(error) => return refused(error),
    };
    let method = match to.method {
        WebhookMethod::Post => Method::POST,
        WebhookMethod::Put => Method::PUT,
        WebhookMethod::Patch => Method::PATCH,
    };
    let body = parcel.text.body.clone().into();
    let call = Call { method, url: &url, headers, body, https_only: false, redirects: REDIRECTS, by_head: true };
    match out.call(call).await {
        Ok(answer) if answer.status.is_success() => Outcome::Sent,
        Ok(answer) => unwelcome(&answer, "", None),
        Err(fault) => silent(&fault),
    }
}

/// The header lines. Ours stand for those of the same name that the channel names.
fn headers(to: &Webhook, now: Timestamp, parcel: &Parcel<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &to.headers {
        let bad = || format!("config.headers.{}: is not a header line", name.escape_default());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| bad())?;
        // So that it goes to no other server.
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let mut ours = |name: &'static str, value: &str| {
        let value =
            HeaderValue::from_str(value).map_err(|_| format!("{name} can't be written: it holds control bytes"))?;
        headers.insert(HeaderName::from_static(name), value);
        Ok::<_, String>(())
    };
    ours(CONTENT_TYPE.as_str(), &to.content_type)?;
    ours("user-agent", concat!("argos/", env!("CARGO_PKG_VERSION")))?;
    ours("idempotency-key", parcel.idempotency_key)?;
    ours("x-argos-event", parcel.event_type)?;
    ours("x-argos-delivery", &parcel.delivery.to_string())?;
    match &to.secret {
        Some(secret) => ours("x-argos-signature", &signature(secret.expose(), now, &parcel.text.body))?,
        None => drop(headers.remove("x-argos-signature")),
    }
    Ok(headers)
}

/// What proves that the body comes from here, and since when.
#[must_use]
pub fn signature(secret: &str, now: Timestamp, body: &str) -> String {
    let t = now.millis().div_euclid(1000);
    let mac = hmac_sha256(secret.as_bytes(), format!("{t}.{body}").as_bytes());
    format!("t={t},v1={}", hex::encode(mac))
}

/// What an answer that is no success means. `why` is what the receiver says beside it, `after` how long it asks to wait
/// where its header lines don't say.
pub(super) fn unwelcome(answer: &Answer, why: &str, after: Option<Duration>) -> Outcome {
    let status = answer.status;
    let mut error = format!("{} answers {status}{why}", answer.at);
    if status.is_redirection() {
        error += ", a redirect that is not followed";
    }
    if status.is_client_error() && ![408, 425, 429].contains(&status.as_u16()) {
        return Outcome::Refused { error };
    }
    let after = after.or(answer.retry_after);
    if let Some(after) = after.filter(|after| *after > LONGEST_WAIT) {
        error += &format!("; it asks to wait {} s, and gets {}", after.as_secs(), LONGEST_WAIT.as_secs());
    }
    Outcome::Failed { error, after: after.map(|after| after.min(LONGEST_WAIT)) }
}

/// What a call without an answer means.
pub(super) fn silent(fault: &Fault) -> Outcome {
    let error = match fault.cause {
        Cause::NotPublic => format!("{fault}; the setting notifications.allow_private_targets allows it"),
        _ => fault.to_string(),
    };
    if fault.may_pass() { Outcome::Failed { error, after: None } } else { Outcome::Refused { error } }
}
