//! The first administrator.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::{Context, Mutation, View};
use crate::auth::{HashSettings, check_new, hash};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Role, Setting, UserId};
use crate::secret::Secret;
use crate::store::{Read, Tx, settings, users};

/// Makes the first administrator with the token that the start printed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFirstAdmin {
    /// The setup token.
    pub token: String,
    /// 1–64 ASCII letters, digits and `_ . - @`.
    pub username: String,
    /// At least `auth.password_min_length` characters.
    pub password: String,
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
        Self { token, username, password, hash: None }
    }
}

fn refuse_second(read: &Read<'_>) -> Result<()> {
    if users::admin_exists(read)? {
        return Err(Error::new(ErrorKind::NotFound, "setup.done", "an administrator exists; set-up is over"));
    }
    Ok(())
}

fn check_username(name: &str) -> Result<()> {
    let ok = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@'));
    if ok {
        return Ok(());
    }
    Err(Error::invalid("user.username", "username", "1–64 ASCII letters, digits and _ . - @"))
}

impl Mutation for CreateFirstAdmin {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        refuse_second(&view.read)?;
        view.cx.setup.check(&self.token)?;
        check_username(&self.username)?;
        let stored = settings::values(&view.read)?;
        let number = |key: &str| {
            let default = Setting::find(key).map_or("", |s| s.default);
            stored.get(key).map_or(default, String::as_str).parse::<u32>().unwrap_or(u32::MAX)
        };
        let password = Secret::new(std::mem::take(&mut self.password));
        check_new(&password, number("auth.password_min_length") as usize)?;
        let cost = HashSettings {
            memory_kib: number("auth.argon2_memory_kib"),
            iterations: number("auth.argon2_iterations"),
            parallelism: number("auth.argon2_parallelism"),
        };
        self.hash = Some(hash(&password, cost)?);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<FirstAdmin> {
        // Two calls may have passed `prepare` side by side; the writer lets one through.
        refuse_second(tx)?;
        cx.setup.check(&self.token)?;
        let hash = self.hash.ok_or_else(|| Error::internal("set-up ran without its hash"))?;
        let id = users::insert(tx, &self.username, &hash, Role::Admin)?;
        tx.about("setup_completed", "user", id, None);
        Ok(FirstAdmin { id, username: self.username, role: Role::Admin })
    }

    fn done(cx: &Context) {
        cx.setup.end();
    }
}
