//! People who may sign in, for administrators.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::account::{bearer, sessions_of};
use super::operation::operation;
use super::page::{by_number, list_input};
use super::passwords::{PasswordSettings, Proof};
use super::sign_in::{SecondFactor, event};
use super::totp::proven;
use super::{Context, Mutation, Page, Query, View};
use crate::auth::{Bearer, HashSettings, check_new, hash};
use crate::error::{Error, Result};
use crate::schema::{Order, Patch, Role, SessionId, SessionRow, User, UserId, Username};
use crate::secret::Secret;
use crate::store::users::{NewUser, Stored};
use crate::store::{Tx, audit, sessions, tokens, users};

list_input! {
    /// Lists people by id.
    #[derive(Default)]
    ListUsers {
        /// Only the one of this name.
        username: Option<String>,
    }
}
operation!(ListUsers => Page<User>, "users.list", Get "/users", AdminNoToken, 200, "Lists people by id.");

impl Query for ListUsers {
    fn run(self, view: &View<'_>) -> Result<Page<User>> {
        let name = self.username.as_deref();
        let fetch = |span| Ok(users::list(&view.read, name, span)?.into_iter().map(|s| s.user).collect());
        by_number(view, &format!("users {}", name.unwrap_or_default()), &self.asked(Order::Asc), fetch, |u| u.id.0)
    }
}

/// Shows one person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetUser {
    /// The person.
    pub id: UserId,
}
operation!(GetUser => User, "users.get", Get "/users/{id}", AdminNoToken, 200, "Shows one person.");

impl From<UserId> for GetUser {
    fn from(id: UserId) -> Self {
        Self { id }
    }
}

impl Query for GetUser {
    fn run(self, view: &View<'_>) -> Result<User> {
        Ok(users::get(&view.read, self.id)?.user)
    }
}

/// Makes a person who may sign in.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 1–64 ASCII letters, digits and `_ . - @`; unique, case does not tell two apart.
    pub username: String,
    /// At least `auth.password_min_length` characters; without one they sign in by the identity provider only.
    pub password: Option<Secret<String>>,
    /// Address of mail.
    pub email: Option<String>,
    /// Name as others read it, at most 128 characters.
    pub display_name: Option<String>,
    /// What they may do, default `user`.
    pub role: Option<Role>,
    /// Whether they can sign in, default true.
    pub enabled: Option<bool>,
    #[serde(skip)]
    #[schemars(skip)]
    cost: Option<HashSettings>,
    #[serde(skip)]
    #[schemars(skip)]
    hash: Option<String>,
}
operation!(CreateUser => User, "users.create", Post "/users", AdminNoToken, 201, "Makes a person who may sign in.",
    positional ["username"]);

impl CreateUser {
    /// A person of that name, role and password.
    #[must_use]
    pub fn new(username: impl Into<String>, role: Role, password: Option<&str>) -> Self {
        Self {
            username: username.into(),
            password: password.map(|p| p.to_owned().into()),
            email: None,
            display_name: None,
            role: Some(role),
            enabled: None,
            cost: None,
            hash: None,
        }
    }
}

impl fmt::Debug for CreateUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateUser").field("username", &self.username).finish_non_exhaustive()
    }
}

fn check_profile(email: Option<&str>, display_name: Option<&str>) -> Result<()> {
    if email.is_some_and(|email| email.len() > 320 || !crate::schema::is_mail_address(email)) {
        return Err(Error::invalid("user.email", "email", "an address of mail, at most 320 bytes"));
    }
    display_name.map_or(Ok(()), |name| super::check_name("display_name", name, 128))
}

impl Mutation for CreateUser {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let username = Username::parse(&self.username)?;
        check_profile(self.email.as_deref(), self.display_name.as_deref())?;
        let settings = PasswordSettings::read(&view.read)?;
        if let Some(password) = &self.password {
            let (email, display_name) = (self.email.as_deref(), self.display_name.as_deref());
            let of = Bearer { username: username.as_str(), email, display_name };
            check_new("password", password, settings.min_length, &of)?;
        }
        self.cost = Some(settings.cost);
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        if let (Some(password), Some(cost)) = (self.password.clone(), self.cost) {
            self.hash = Some(cx.hashing.run(move || hash(&password, cost))??);
        }
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<User> {
        let username = Username::parse(&self.username)?;
        let new = NewUser {
            username: &username,
            password_hash: self.hash.as_deref(),
            email: self.email.as_deref(),
            display_name: self.display_name.as_deref(),
            role: self.role.unwrap_or(Role::User),
            enabled: self.enabled.unwrap_or(true),
            external_id: None,
            groups: &[],
        };
        let made = users::get(tx, users::insert(tx, &new)?)?;
        audit::auth(tx, &event("user_created", &made, json!({"role": made.user.role})))?;
        Ok(made.user)
    }
}

/// Changes the given fields of a person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUser {
    /// The person.
    pub id: UserId,
    /// Another name to sign in with.
    #[serde(default, deserialize_with = "super::changes::not_null")]
    pub username: Option<String>,
    /// Address of mail; null = none.
    #[serde(default)]
    pub email: Patch<String>,
    /// Name as others read it; null = none.
    #[serde(default)]
    pub display_name: Patch<String>,
    /// What they may do. Their sessions end when it is another one.
    #[serde(default, deserialize_with = "super::changes::not_null")]
    pub role: Option<Role>,
    /// Whether they can sign in. Their sessions end when they can't.
    #[serde(default, deserialize_with = "super::changes::not_null")]
    pub enabled: Option<bool>,
}
operation!(UpdateUser => User, "users.update", Patch "/users/{id}", AdminNoToken, 200,
    "Changes the given fields of a person; their sessions end with another role or when they are disabled.",
    of GetUser { id });

impl UpdateUser {
    /// Changes nothing of `id` yet.
    #[must_use]
    pub fn new(id: UserId) -> Self {
        Self { id, username: None, email: Patch::Keep, display_name: Patch::Keep, role: None, enabled: None }
    }
}

impl Mutation for UpdateUser {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<User> {
        let before = users::get(tx, self.id)?;
        let mut user = before.user.clone();
        if let Some(username) = &self.username {
            user.username = Username::parse(username)?.as_str().to_owned();
        }
        self.email.apply(&mut user.email);
        self.display_name.apply(&mut user.display_name);
        check_profile(user.email.as_deref(), user.display_name.as_deref())?;
        user.role = self.role.unwrap_or(user.role);
        user.enabled = self.enabled.unwrap_or(user.enabled);
        if user == before.user {
            return Ok(user);
        }
        if user.role != Role::Admin || !user.enabled {
            refuse_last_admin(tx, &before, "is disabled or gets another role")?;
        }
        users::update(tx, &user)?;
        let mut ended = 0;
        if user.role != before.user.role || !user.enabled {
            SecondFactor::end_all(cx, self.id);
            ended = sessions::end_all(tx, self.id, tx.actor().session().map(|s| s.id).filter(|_| user.enabled))?;
        }
        if user.role < before.user.role {
            tokens::revoke_above(tx, self.id, Some(user.role))?;
        }
        let changed = json!({"role": user.role, "enabled": user.enabled, "ended_sessions": ended});
        audit::auth(tx, &event("user_updated", &before, changed))?;
        Ok(users::get(tx, self.id)?.user)
    }
}

fn refuse_last_admin(tx: &Tx<'_>, user: &Stored, what: &str) -> Result<()> {
    let counts = user.user.role == Role::Admin && user.user.enabled && user.password_hash.is_some();
    if counts && !users::other_admin(tx, user.user.id)? {
        let reason = format!("nobody else could administrate by a password if {} {what}", user.user.username);
        return Err(Error::conflict("user.last_admin", "id", reason));
    }
    Ok(())
}

/// Deletes a person: sessions and entries of hosts' access lists go too, tokens end, what they did stays.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteUser {
    /// The person.
    pub id: UserId,
}
operation!(DeleteUser => (), "users.delete", Delete "/users/{id}", AdminNoToken, 204,
    "Deletes a person: sessions and entries of hosts' access lists go too, tokens end.", of GetUser { id });

impl From<UserId> for DeleteUser {
    fn from(id: UserId) -> Self {
        Self { id }
    }
}

impl Mutation for DeleteUser {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        let found = users::get(tx, self.id)?;
        refuse_last_admin(tx, &found, "is deleted")?;
        users::delete(tx, self.id)?;
        audit::auth(tx, &event("user_deleted", &found, json!({})))?;
        if !tx.changes().is_empty() {
            tx.about("user_deleted", "host_access", self.id, None);
        }
        Ok(())
    }
}

proven! {
    /// Sets the password of a person, whose sessions all end.
    SetUserPassword {
        /// The person.
        id: UserId,
        /// Their new password, at least `auth.password_min_length` characters.
        new: Secret<String>,
    }
    keeps { hash: Option<String>, cost: Option<HashSettings> }
}
operation!(SetUserPassword => (), "users.set_password", Post "/users/{id}/password", AdminNoToken, 204,
    "Sets the password of a person, whose sessions all end.");

impl SetUserPassword {
    /// Sets `new` as the password of `id`.
    #[must_use]
    pub fn new(id: UserId, new: &str) -> Self {
        Self::proven_by(None, id, new.to_owned().into())
    }
}

impl Mutation for SetUserPassword {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = users::get(&view.read, self.id)?;
        let settings = PasswordSettings::read(&view.read)?;
        check_new("new", &self.new, settings.min_length, &bearer(&found))?;
        self.cost = Some(settings.cost);
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)?;
        if let Some(cost) = self.cost {
            let new = self.new.clone();
            self.hash = Some(cx.hashing.run(move || hash(&new, cost))??);
        }
        Ok(())
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.settle(tx, cx)?;
        let found = users::get(tx, self.id)?;
        let hash = self.hash.ok_or_else(|| Error::internal("a password was set without its hash"))?;
        users::set_password(tx, self.id, &hash)?;
        let ended = sessions::end_all(tx, self.id, None)?;
        audit::auth(tx, &event("password_reset", &found, json!({"ended_sessions": ended})))
    }
}

proven! {
    /// Switches the second factor of a person off, whose sessions all end.
    DisableUserTotp {
        /// The person.
        id: UserId,
    }
}
operation!(DisableUserTotp => (), "users.disable_2fa", Post "/users/{id}/disable-2fa", AdminNoToken, 204,
    "Switches the second factor of a person off, whose sessions all end.");

impl From<UserId> for DisableUserTotp {
    fn from(id: UserId) -> Self {
        Self::proven_by(None, id)
    }
}

impl Mutation for DisableUserTotp {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        users::get(&view.read, self.id)?;
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.settle(tx, cx)?;
        let found = users::get(tx, self.id)?;
        users::disable_totp(tx, self.id)?;
        let ended = sessions::end_all(tx, self.id, None)?;
        audit::auth(tx, &event("totp_disabled", &found, json!({"ended_sessions": ended})))
    }
}

list_input! {
    /// Lists the sessions of a person, by id.
    ListUserSessions {
        /// The person.
        id: UserId,
    }
}
operation!(ListUserSessions => Page<SessionRow>, "users.sessions", Get "/users/{id}/sessions", AdminNoToken, 200,
    "Lists the sessions of a person, by id.");

impl From<UserId> for ListUserSessions {
    fn from(id: UserId) -> Self {
        Self::first(id)
    }
}

impl Query for ListUserSessions {
    fn run(self, view: &View<'_>) -> Result<Page<SessionRow>> {
        users::get(&view.read, self.id)?;
        let current: Option<SessionId> = view.actor.session().map(|s| s.id);
        sessions_of(view, self.id, current, &self.asked(Order::Asc))
    }
}

/// Ends all sessions of a person.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndUserSessions {
    /// The person.
    pub id: UserId,
}
operation!(EndUserSessions => (), "users.end_sessions", Delete "/users/{id}/sessions", AdminNoToken, 204,
    "Ends all sessions of a person.");

impl From<UserId> for EndUserSessions {
    fn from(id: UserId) -> Self {
        Self { id }
    }
}

impl Mutation for EndUserSessions {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        let found = users::get(tx, self.id)?;
        SecondFactor::end_all(cx, self.id);
        let revoked = sessions::end_all(tx, self.id, None)?;
        audit::auth(tx, &event("session_revoked", &found, json!({"all": revoked})))
    }
}
