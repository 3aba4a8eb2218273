//! A password that somebody gives: whether it may be tried, what it is checked against, and what it leaves behind.
//!
//! The three steps are those of a change: [`Attempt::begin`] looks, [`Attempt::check`] hashes without holding a
//! connection, [`Attempt::settle`] counts inside the transaction, where attempts made side by side come one by one.

use serde_json::json;

use super::{Context, View};
use crate::auth::limiter::{self, Limited};
use crate::auth::{Checked, HashSettings, hash, verify};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, LoginFailed};
use crate::schema::{Setting, UserId, Username};
use crate::secret::Secret;
use crate::store::{AuthEvent, Read, Tx, audit, settings, users};

/// The settings `auth.*`.
#[derive(Clone, Copy, Debug)]
pub(super) struct PasswordSettings {
    pub(super) min_length: usize,
    pub(super) cost: HashSettings,
}

impl PasswordSettings {
    pub(super) fn read(read: &Read<'_>) -> Result<Self> {
        let stored = settings::values(read)?;
        let number = |key: &str| {
            let default = Setting::find(key).map_or("", |s| s.default);
            stored.get(key).map_or(default, String::as_str).parse::<u32>().unwrap_or(u32::MAX)
        };
        Ok(Self {
            min_length: number("auth.password_min_length") as usize,
            cost: HashSettings {
                memory_kib: number("auth.argon2_memory_kib"),
                iterations: number("auth.argon2_iterations"),
                parallelism: number("auth.argon2_parallelism"),
            },
        })
    }
}

/// A password on trial.
pub(super) struct Attempt {
    username: Username,
    given: Secret<String>,
    /// Whose it would be; none = nobody's.
    user: Option<UserId>,
    /// The stored form that it is checked against: that of the user, else of somebody else, which costs as much.
    stored: Option<String>,
    /// Whether it would sign somebody in.
    counts: bool,
    /// Why it is refused, if it is.
    why: &'static str,
    cost: HashSettings,
    limited: Option<Limited>,
    checked: Option<Checked>,
    /// The same password in a form that costs an attacker more.
    renewed: Option<String>,
}

/// Why a password is asked for: the audit row of a failure, and what the caller is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    SignIn,
    /// Somebody who is signed in proves that it is still them.
    Again,
}

impl Attempt {
    /// Looks whether the password may be tried, and for what it is checked against.
    ///
    /// # Errors
    /// `password.nul`, `password.too_long`, `password.empty`; `rate_limited` where it was told to the audit log lately.
    pub(super) fn begin(
        view: &View<'_>,
        field: &'static str,
        username: Username,
        given: &Secret<String>,
    ) -> Result<Self> {
        let text = given.expose();
        if text.is_empty() {
            return Err(Error::invalid("password.empty", field, "must not be empty"));
        }
        if text.len() > 1024 {
            return Err(Error::invalid("password.too_long", field, "at most 1024 bytes"));
        }
        if text.contains('\0') {
            return Err(Error::invalid("password.nul", field, "NUL is not allowed"));
        }
        let ip = &view.origin.source_ip;
        let limited = limiter::check_login(&view.read, ip, &username)?;
        if let Some(limited) = limited
            && !view.cx.told.is_due(&told_key(limited, ip, &username), view.read.now())
        {
            return Err(limited.refusal(view.read.now()));
        }
        let found = users::by_name(&view.read, &username)?;
        let why = match &found {
            None => "no such user",
            Some(found) if !found.user.enabled => "the user is disabled",
            Some(found) if found.password_hash.is_none() => "the user has no password",
            Some(_) => "wrong password",
        };
        let (user, enabled) = (found.as_ref().map(|f| f.user.id), found.as_ref().is_some_and(|f| f.user.enabled));
        let own = found.and_then(|found| found.password_hash);
        let counts = enabled && own.is_some();
        let stored = match own {
            Some(own) => Some(own),
            // Stored forms may cost differently: then names without one must, too, each always the same.
            None => users::some_hash(&view.read, view.cx.pick(&username))?,
        };
        let (given, cost) = (given.clone(), PasswordSettings::read(&view.read)?.cost);
        Ok(Self { username, given, user, stored, counts, why, cost, limited, checked: None, renewed: None })
    }

    /// Checks it, and hashes it anew where its stored form is outdated.
    ///
    /// # Errors
    /// `hashing.busy`.
    pub(super) fn check(&mut self, cx: &Context) -> Result<()> {
        if self.limited.is_some() {
            return Ok(());
        }
        let (given, stored, counts, cost) = (self.given.clone(), self.stored.clone(), self.counts, self.cost);
        let (checked, renewed) = cx.hashing.run(move || {
            let checked = verify(&given, stored.as_deref(), cost)?;
            let checked = if counts { checked } else { Checked::Wrong };
            let outdated = matches!(checked, Checked::Right { outdated: true });
            Ok::<_, Error>((checked, outdated.then(|| hash(&given, cost)).transpose()?))
        })??;
        (self.checked, self.renewed) = (Some(checked), renewed);
        Ok(())
    }

    /// Counts it. A wrong one is refused, and what was counted is kept.
    ///
    /// # Errors
    /// `rate_limited`, `login.failed`, `reauth.failed`.
    pub(super) fn settle(self, tx: &Tx<'_>, cx: &Context, purpose: Purpose) -> Result<users::Stored> {
        let (ip, username) = (&tx.origin().source_ip, &self.username);
        let tell = |action, detail| {
            audit::auth(tx, &AuthEvent { action, user: self.user, username: username.as_str(), detail })
        };
        if let Some(limited) = self.limited {
            tell("rate_limited_login", json!({"until": limited.until, "ban": limited.is_ban}))?;
            return Err(limited.refusal(tx.now()).kept());
        }
        // Others that were tried at the same time have been counted by now.
        if let Some(limited) = limiter::check_login(tx, ip, username)? {
            return Err(limited.refusal(tx.now()));
        }
        let found = self.user.map(|id| users::find(tx, id)).transpose()?.flatten();
        // What was checked is what counts: a password that was changed meanwhile is another one.
        let same = |found: &users::Stored| found.user.enabled && found.password_hash == self.stored;
        let right = matches!(self.checked, Some(Checked::Right { .. }));
        if let Some(found) = found.filter(|found| right && same(found)) {
            if let Some(renewed) = &self.renewed {
                users::rehash(tx, found.user.id, renewed)?;
            }
            return Ok(found);
        }
        let (action, code, text) = match purpose {
            Purpose::SignIn => ("failed_login", "login.failed", "the user name or the password is wrong"),
            Purpose::Again => ("reauth_failed", "reauth.failed", "the password is wrong"),
        };
        tell(action, json!({"reason": self.why}))?;
        if matches!(purpose, Purpose::SignIn) {
            tell_failed(tx, username.as_str(), self.why);
        }
        if limiter::fail_login(tx, ip, username)? {
            let ban = Limited { until: tx.now(), is_ban: true };
            cx.told.is_due(&told_key(ban, ip, username), tx.now());
            tell("rate_limited_login", json!({"ban": true}))?;
            tell_failed(tx, username.as_str(), LOCKED_OUT);
        }
        Err(Error::new(ErrorKind::Unauthorized, code, text).kept())
    }
}

/// Why somebody is told of who tried too often.
pub(super) const LOCKED_OUT: &str = "too many failed attempts: locked out for 30 minutes";

/// Tells, once it is stored, that somebody who gave the name `username` could not sign in. What is refused unseen, because
/// its address is locked out or its name pauses, is not told: the limiter bounds what a flood of attempts can have told.
pub(super) fn tell_failed(tx: &Tx<'_>, username: &str, reason: impl Into<String>) {
    let remote_ip = tx.origin().source_ip.clone();
    let facts = LoginFailed { username: username.to_owned(), remote_ip, reason: reason.into() };
    tx.emit(Event::of_system(tx.now(), facts));
}

/// Under what a refusal is remembered.
fn told_key(limited: Limited, ip: &str, username: &Username) -> String {
    match limited.is_ban {
        true => format!("login {}", limiter::client_key(ip)),
        false => format!("name {}", username.folded()),
    }
}

/// How long after signing in somebody need not give the password again.
const FRESH_MS: i64 = 5 * 60_000;

/// Whether the session that asks began lately.
pub(super) fn is_fresh(view: &View<'_>) -> bool {
    view.actor.session().is_some_and(|s| (0..=FRESH_MS).contains(&(view.read.now().0 - s.at.0)))
}

/// A proof that whoever asks still is who signed in: the password, or a sign-in that is not long ago.
pub(super) struct Proof(Option<Attempt>);

impl Proof {
    /// Takes the password where it is given, else the sign-in.
    ///
    /// # Errors
    /// `reauth.needed`, and those of [`Attempt::begin`].
    pub(super) fn begin(view: &View<'_>, given: Option<&Secret<String>>) -> Result<Self> {
        let label = view.actor.label();
        match (given, view.actor.session()) {
            // The command line and programs that embed Argos have the file itself.
            (_, None) => Ok(Self(None)),
            (Some(given), Some(_)) => {
                Ok(Self(Some(Attempt::begin(view, "password", Username::parse(&label)?, given)?)))
            }
            (None, Some(_)) if is_fresh(view) => Ok(Self(None)),
            (None, Some(_)) => {
                let text = "give your password, or sign in again: the last sign-in is more than 5 minutes ago";
                Err(Error::new(ErrorKind::Forbidden, "reauth.needed", text).with_field("password", "is needed"))
            }
        }
    }

    pub(super) fn check(&mut self, cx: &Context) -> Result<()> {
        self.0.as_mut().map_or(Ok(()), |attempt| attempt.check(cx))
    }

    pub(super) fn settle(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.0.map_or(Ok(()), |attempt| attempt.settle(tx, cx, Purpose::Again).map(drop))
    }
}
