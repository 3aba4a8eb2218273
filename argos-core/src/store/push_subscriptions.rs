//! `push_subscriptions`.

use rusqlite::{Row, named_params};

use super::columns::time;
use super::span::Span;
use super::tx::{Read, Tx};
use crate::error::{Error, Result};
use crate::schema::{PushSubscription, PushSubscriptionId, UserId};
use crate::secret::Secret;

/// Subscriptions of one user, at most.
const MOST: i64 = 20;

/// What it takes to tell a browser something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Identity of the row.
    pub id: PushSubscriptionId,
    /// Where its push service is told.
    pub endpoint: String,
    /// Its public key, P-256 uncompressed, in base64url without padding.
    pub p256dh: String,
    /// Its authentication secret, 16 bytes, in base64url without padding.
    pub auth: Secret<String>,
}

const SELECT: &str = "SELECT id, endpoint, user_agent, created_at FROM push_subscriptions";

fn from_row(row: &Row<'_>) -> rusqlite::Result<PushSubscription> {
    Ok(PushSubscription {
        id: PushSubscriptionId(row.get("id")?),
        endpoint: row.get("endpoint")?,
        user_agent: row.get("user_agent")?,
        created_at: time(row, "created_at")?,
    })
}

/// Subscriptions of a user by id.
///
/// # Errors
/// Those of the database.
pub fn of_user(read: &Read<'_>, user: UserId, span: Span) -> Result<Vec<PushSubscription>> {
    let sql = format!("{SELECT} WHERE user_id = :user AND {}", span.sql("id"));
    read.all(&sql, named_params! { ":user": user.0, ":after": span.after, ":limit": span.limit }, from_row)
}

/// One subscription of a user.
///
/// # Errors
/// `push_subscription.not_found`, also for one of another user.
pub fn get(read: &Read<'_>, user: UserId, id: PushSubscriptionId) -> Result<PushSubscription> {
    let sql = format!("{SELECT} WHERE id = :id AND user_id = :user");
    let found = read.one(&sql, named_params! { ":id": id.0, ":user": user.0 }, from_row)?;
    found.ok_or_else(|| Error::not_found("push_subscription.not_found", format!("subscription {id}")))
}

/// Where all those listen who may be told: enabled users with role viewer or above.
///
/// # Errors
/// Those of the database.
pub fn of_listeners(read: &Read<'_>) -> Result<Vec<Listener>> {
    let sql = "SELECT p.id, p.endpoint, p.p256dh_key, p.auth_key FROM push_subscriptions p
        JOIN users u ON u.id = p.user_id
        WHERE u.enabled = 1 AND u.role IN ('viewer', 'operator', 'admin') ORDER BY p.id";
    let map = |row: &Row<'_>| {
        Ok(Listener {
            id: PushSubscriptionId(row.get(0)?),
            endpoint: row.get(1)?,
            p256dh: row.get(2)?,
            auth: Secret::new(row.get(3)?),
        })
    };
    read.all(sql, [], map)
}

/// Stores that a user listens with the browser at `endpoint`, and tells whether that is new. Whoever did so with it
/// before no longer does; keys that it had are replaced.
///
/// # Errors
/// `push_subscription.too_many`.
pub fn put(
    tx: &Tx<'_>,
    user: UserId,
    endpoint: &str,
    p256dh: &str,
    auth: &Secret<String>,
) -> Result<(PushSubscriptionId, bool)> {
    let own = "SELECT id, p256dh_key, auth_key FROM push_subscriptions WHERE user_id = :user AND endpoint = :endpoint";
    let params = named_params! { ":user": user.0, ":endpoint": endpoint };
    let stored = tx.one(own, params, |r| {
        let same = r.get::<_, String>(1)? == p256dh && Secret::new(r.get::<_, String>(2)?) == *auth;
        Ok((PushSubscriptionId(r.get(0)?), same))
    })?;
    if let Some((id, same)) = stored {
        if !same {
            let sql = "UPDATE push_subscriptions SET p256dh_key = :p256dh, auth_key = :auth WHERE id = :id";
            tx.execute(sql, named_params! { ":id": id.0, ":p256dh": p256dh, ":auth": auth.expose() })?;
        }
        return Ok((id, !same));
    }
    let sql = "SELECT count(*) FROM push_subscriptions WHERE user_id = :user";
    let count: Option<i64> = tx.one(sql, named_params! { ":user": user.0 }, |r| r.get(0))?;
    if count.unwrap_or_default() >= MOST {
        let text = format!("nobody gets notifications with more than {MOST} browsers: unsubscribe one first");
        return Err(Error::conflict("push_subscription.too_many", "endpoint", text));
    }
    tx.execute("DELETE FROM push_subscriptions WHERE endpoint = :endpoint", named_params! { ":endpoint": endpoint })?;
    tx.execute(
        "INSERT INTO push_subscriptions (user_id, endpoint, p256dh_key, auth_key, user_agent, created_at)
         VALUES (:user, :endpoint, :p256dh, :auth, :user_agent, :now)",
        named_params! {
            ":user": user.0,
            ":endpoint": endpoint,
            ":p256dh": p256dh,
            ":auth": auth.expose(),
            ":user_agent": tx.origin().user_agent,
            ":now": tx.now().0,
        },
    )?;
    Ok((PushSubscriptionId(tx.last_id()), true))
}

/// Deletes a subscription.
///
/// # Errors
/// Those of the database.
pub fn delete(tx: &Tx<'_>, id: PushSubscriptionId) -> Result<()> {
    tx.execute("DELETE FROM push_subscriptions WHERE id = :id", named_params! { ":id": id.0 }).map(drop)
}

/// Deletes subscriptions that push services said are gone.
///
/// # Errors
/// Those of the database.
pub fn delete_gone(tx: &Tx<'_>, ids: &[PushSubscriptionId]) -> Result<()> {
    ids.iter().try_for_each(|id| delete(tx, *id))
}
