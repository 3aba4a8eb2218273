//! The first administrator.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::operation::operation;
use super::passwords::PasswordSettings;
use super::{Context, Mutation, View};
use crate::auth::{Bearer, HashSettings, check_new, hash};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Role, UserId, Username};
use crate::secret::Secret;
use crate::store::users::NewUser;
use crate::store::{AuthEvent, Read, Tx, audit, users};

/// Makes the first administrator with the token that the start printed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFirstAdmin {
    /// The setup token.
    pub token: String,
    /// 1–64 ASCII letters, digits and `_ . - @`.
    pub username: String,
    /// At least `auth.password_min_length` characters.
    pub password: Secret<String>,
    #[serde(skip)]
    #[schemars(skip)]
    cost: Option<HashSettings>,
    #[serde(skip)]
    #[schemars(skip)]
    hash: Option<String>,
}
operation!(CreateFirstAdmin => FirstAdmin, "setup.create", Post "/auth/setup", Public, 201,
    "Makes the first administrator with the token that the start printed.");

impl fmt::Debug for CreateFirstAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateFirstAdmin").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The administrator that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FirstAdmin {
    /// Identity.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// Always `admin`.
    pub role: Role,
}

impl CreateFirstAdmin {
    /// The wish of the person who holds `token`.
    #[must_use]
    pub fn new(token: String, username: String, password: String) -> Self {
        Self { token, username, password: password.into(), cost: None, hash: None }
    }
}

fn refuse_second(read: &Read<'_>) -> Result<()> {
    if users::admin_exists(read)? {
        return Err(Error::new(ErrorKind::NotFound, "setup.done", "an administrator exists; set-up is over"));
    }
    Ok(())
}

impl Mutation for CreateFirstAdmin {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        refuse_second(&view.read)?;
        view.cx.setup.check(&self.token)?;
        let username = Username::parse(&self.username)?;
        let settings = PasswordSettings::read(&view.read)?;
        let of = Bearer { username: username.as_str(), ..Bearer::default() };
        check_new("password", &self.password, settings.min_length, &of)?;
        self.cost = Some(settings.cost);
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        let (password, cost) = (self.password.clone(), self.cost);
        let cost = cost.ok_or_else(|| Error::internal("set-up hashes without its cost"))?;
        self.hash = Some(cx.hashing.run(move || hash(&password, cost))??);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<FirstAdmin> {
        // Two calls may have passed `prepare` side by side; the writer lets one through.
        refuse_second(tx)?;
        cx.setup.check(&self.token)?;
        let hash = self.hash.ok_or_else(|| Error::internal("set-up ran without its hash"))?;
        let username = Username::parse(&self.username)?;
        let new = NewUser {
            username: &username,
            password_hash: Some(&hash),
            email: None,
            display_name: None,
            role: Role::Admin,
            enabled: true,
            external_id: None,
            groups: &[],
        };
        let id = users::insert(tx, &new)?;
        let (user, username) = (Some(id), username.as_str());
        audit::auth(tx, &AuthEvent { action: "setup_completed", user, username, detail: json!({}) })?;
        Ok(FirstAdmin { id, username: username.to_owned(), role: Role::Admin })
    }

    fn done(cx: &Context) {
        cx.setup.end();
    }
}
