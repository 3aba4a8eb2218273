//! What belongs to whoever asks: the password and the sessions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::operation::operation;
use super::page::{by_number, list_input};
use super::passwords::{Attempt, PasswordSettings, Purpose};
use super::sign_in::{SecondFactor, asking, event};
use super::{Context, Mutation, Page, Query, View};
use crate::auth::{Bearer, HashSettings, check_new, hash};
use crate::error::{Error, Result};
use crate::schema::{Order, SessionId, SessionRow, Signed, UserId, Username};
use crate::secret::Secret;
use crate::store::{Tx, audit, sessions, users};

/// Sets another password for whoever asks. Their other sessions end.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    pub current: Secret<String>,
    /// The new one, at least `auth.password_min_length` characters.
    pub new: Secret<String>,
    #[serde(skip)]
    #[schemars(skip)]
    work: Option<(Attempt, HashSettings)>,
    #[serde(skip)]
    #[schemars(skip)]
    hash: Option<String>,
}
operation!(ChangePassword => (), "auth.change_password", Post "/auth/password", Session, 204,
    "Sets another password for whoever asks; their other sessions end.");

impl ChangePassword {
    /// From one password to another.
    #[must_use]
    pub fn new(current: &str, new: &str) -> Self {
        Self { current: current.to_owned().into(), new: new.to_owned().into(), work: None, hash: None }
    }
}

impl fmt::Debug for ChangePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePassword").finish_non_exhaustive()
    }
}

impl Mutation for ChangePassword {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        let settings = PasswordSettings::read(&view.read)?;
        check_new("new", &self.new, settings.min_length, &bearer(&found))?;
        if self.new == self.current {
            return Err(Error::invalid("password.same", "new", "is the password until now"));
        }
        let username = Username::parse(&found.user.username)?;
        self.work = Some((Attempt::begin(view, "current", username, &self.current)?, settings.cost));
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        let Some((attempt, cost)) = &mut self.work else { return Ok(()) };
        attempt.check(cx)?;
        let (new, cost) = (self.new.clone(), *cost);
        self.hash = Some(cx.hashing.run(move || hash(&new, cost))??);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        let (Some((attempt, _)), Some(hash)) = (self.work, self.hash) else {
            return Err(Error::internal("a password was changed without its hash"));
        };
        let found = attempt.settle(tx, cx, Purpose::Again)?;
        users::set_password(tx, found.user.id, &hash)?;
        let ended = sessions::end_all(tx, found.user.id, tx.actor().session().map(|s| s.id))?;
        audit::auth(tx, &event("password_changed", &found, json!({"ended_sessions": ended})))
    }
}

/// What a password of that user must not be.
pub(super) fn bearer(of: &users::Stored) -> Bearer<'_> {
    let user = &of.user;
    Bearer { username: &user.username, email: user.email.as_deref(), display_name: user.display_name.as_deref() }
}

list_input! {
    /// Lists the sessions of whoever asks, by id.
    #[derive(Default)]
    ListOwnSessions {}
}
operation!(ListOwnSessions => Page<SessionRow>, "auth.sessions", Get "/auth/sessions", Session, 200,
    "Lists the sessions of whoever asks, by id.");

impl Query for ListOwnSessions {
    fn run(self, view: &View<'_>) -> Result<Page<SessionRow>> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        let current = view.actor.session().map(|s| s.id);
        sessions_of(view, found.user.id, current, &self.asked(Order::Asc))
    }
}

/// A page of the sessions of a user.
pub(super) fn sessions_of(
    view: &View<'_>,
    user: UserId,
    current: Option<SessionId>,
    asked: &super::page::Asked<'_>,
) -> Result<Page<SessionRow>> {
    let fetch = |span| sessions::of_user(&view.read, user, current, span);
    by_number(view, &format!("sessions of {user}"), asked, fetch, |s| s.id.0)
}

/// Ends a session of whoever asks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndOwnSession {
    /// The session.
    pub id: SessionId,
}
operation!(EndOwnSession => (), "auth.end_session", Delete "/auth/sessions/{id}", Session, 204,
    "Ends a session of whoever asks, and those that hang on it.");

impl Mutation for EndOwnSession {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        sessions::end(tx, found.user.id, self.id)?;
        audit::auth(tx, &event("session_revoked", &found, json!({"session": self.id})))
    }
}

/// Ends all sessions of whoever asks but this one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndOtherSessions {}
operation!(EndOtherSessions => EndedSessions, "auth.end_other_sessions", Post "/auth/sessions/revoke-others", Session,
    200, "Ends all sessions of whoever asks but this one.");

/// How many sessions have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EndedSessions {
    /// So many.
    pub revoked: usize,
}

impl Mutation for EndOtherSessions {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<EndedSessions> {
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        SecondFactor::end_all(cx, found.user.id);
        let revoked = sessions::end_all(tx, found.user.id, tx.actor().session().map(|Signed { id, .. }| *id))?;
        audit::auth(tx, &event("session_revoked", &found, json!({"others": revoked})))?;
        Ok(EndedSessions { revoked })
    }
}
