//! Browsers that people get notifications with (RFC 8030), each their own.

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::page::{by_number, list_input};
use super::sign_in::asking;
use super::{Context, Mutation, Page, Query, View};
use crate::error::{Error, ErrorKind, Result};
use crate::notify::web_push::{check_endpoint, from_base64url, is_point, public_key, to_base64url};
use crate::outbound::Reach;
use crate::schema::{Order, PushKey, PushSubscription, PushSubscriptionId, UserId};
use crate::secret::Secret;
use crate::store::{Read, Tx, push_subscriptions, settings, users};

/// Shows what browsers subscribe with.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetPushKey {}
operation!(GetPushKey => PushKey, "push.key", Get "/push/key", Session, 200, "Shows what browsers subscribe with.");

impl Query for GetPushKey {
    fn run(self, view: &View<'_>) -> Result<PushKey> {
        let none =
            || Error::new(ErrorKind::Unavailable, "push.no_key", "no pair of keys is stored: see the process log");
        Ok(PushKey { public_key: public_key(&view.read)?.ok_or_else(none)? })
    }
}

list_input! {
    /// Lists the browsers that whoever asks gets notifications with, by id.
    #[derive(Default)]
    ListPushSubscriptions {}
}
operation!(ListPushSubscriptions => Page<PushSubscription>, "push.list", Get "/push/subscriptions", Session, 200,
    "Lists the browsers that whoever asks gets notifications with, by id.");

impl Query for ListPushSubscriptions {
    fn run(self, view: &View<'_>) -> Result<Page<PushSubscription>> {
        let user = own(view.actor.user_id(), &view.read)?;
        let fetch = |span| push_subscriptions::of_user(&view.read, user, span);
        by_number(view, &format!("push subscriptions of {user}"), &self.asked(Order::Asc), fetch, |s| s.id.0)
    }
}

/// Has whoever asks get notifications with a browser. The input is what the browser's `PushSubscription.toJSON()` gives.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// Where its push service is told: an https URL of at most 2048 bytes.
    pub endpoint: String,
    /// When the browser ends the subscription by itself, in milliseconds since 1970. It is not stored: push services say
    /// when a subscription has ended. The browser's own spelling `expirationTime` is taken too.
    #[serde(alias = "expirationTime")]
    pub expiration_time: Option<f64>,
    /// Its keys.
    pub keys: PushKeys,
}
operation!(Subscribe => PushSubscription, "push.subscribe", Post "/push/subscriptions", Session, 201,
    "Has whoever asks get notifications with a browser; who did so with it before no longer does.");

/// The keys of a browser, in base64url.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    /// Its public key: a point of the curve P-256, uncompressed, 65 bytes.
    pub p256dh: String,
    /// Its authentication secret: 16 bytes.
    pub auth: Secret<String>,
}

impl Mutation for Subscribe {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<PushSubscription> {
        let user = own(tx.actor().user_id(), tx)?;
        let private = settings::value(tx, "notifications.allow_private_targets")?.as_deref() == Some("true");
        let reach = Reach { private, own: cx.own.clone() };
        let endpoint = check_endpoint(&self.endpoint, &reach)
            .map_err(|reason| Error::invalid("push_subscription.endpoint", "endpoint", reason))?;
        let invalid = |field, reason| Error::invalid("push_subscription.keys", field, reason);
        let point = from_base64url(&self.keys.p256dh).filter(|bytes| is_point(bytes)).ok_or_else(|| {
            invalid("keys.p256dh", "must be an uncompressed point of the curve P-256 (65 bytes) in base64url")
        })?;
        let auth = from_base64url(self.keys.auth.expose()).filter(|bytes| bytes.len() == 16);
        let auth = auth.ok_or_else(|| invalid("keys.auth", "must be 16 bytes in base64url"))?;
        let auth = Secret::new(to_base64url(&auth));
        let (id, new) = push_subscriptions::put(tx, user, endpoint.as_str(), &to_base64url(&point), &auth)?;
        if new {
            tx.about("create", "push_subscription", id, None);
        }
        push_subscriptions::get(tx, user, id)
    }
}

/// Ends notifications to a browser of whoever asks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The subscription.
    pub id: PushSubscriptionId,
}
operation!(Unsubscribe => (), "push.unsubscribe", Delete "/push/subscriptions/{id}", Session, 204,
    "Ends notifications to a browser of whoever asks.");

impl Mutation for Unsubscribe {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let user = own(tx.actor().user_id(), tx)?;
        push_subscriptions::get(tx, user, self.id)?;
        push_subscriptions::delete(tx, self.id)?;
        tx.about("delete", "push_subscription", self.id, None);
        Ok(())
    }
}

/// Who asks.
fn own(id: Option<UserId>, read: &Read<'_>) -> Result<UserId> {
    Ok(asking(id, |id| users::get(read, id))?.user.id)
}
