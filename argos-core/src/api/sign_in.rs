//! Signing in and out.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use url::Url;

use super::operation::operation;
use super::passwords::{Attempt, LOCKED_OUT, Purpose, tell_failed};
use super::{Context, Mutation, Query, View};
use crate::auth::oidc::Client;
use crate::auth::{RecoveryCodes, TotpSecret, limiter};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Cookie, CookieName, Provider, Role, SameSite, SessionKind, User, UserId, Username};
use crate::secret::{MasterKey, Reveal, Secret, random_token, token_hash};
use crate::store::sessions::NewSession;
use crate::store::{AuthEvent, Tx, audit, sessions, users};

/// How long a second factor is waited for.
pub(crate) const CHALLENGE_MS: i64 = 5 * 60_000;
/// Tries of one challenge.
const TRIES: u32 = 10;
/// Times that recovery codes are read again because somebody else spent one meanwhile.
const SPENDING_TRIES: u32 = 5;

/// Somebody who gave the right password, and of whom a second factor is asked.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    user: UserId,
    ip: String,
    cookie_hash: String,
    password_changed_at: Option<Timestamp>,
    tries: u32,
}

impl SecondFactor {
    /// Ends the sign-ins of a person that wait for a second factor: their sessions end too.
    pub(super) fn end_all(cx: &Context, of: UserId) {
        cx.second_factors.retain(|factor| factor.user != of);
    }
}

/// Whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Me {
    /// Identity.
    pub id: UserId,
    /// The name to sign in with.
    pub username: String,
    /// Name as others read it.
    pub display_name: Option<String>,
    /// Address of mail.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// `oidc` where an identity of the identity provider is attached.
    pub provider: Provider,
    /// Whether a second factor is asked of them.
    pub totp_enabled: bool,
    /// Whether they can sign in by a password.
    pub has_password: bool,
    /// Recovery codes that are left; null without a second factor. Below 3 it is time for new ones.
    pub recovery_codes_remaining: Option<usize>,
}

impl Me {
    /// What is shown of a user to themselves.
    pub(super) fn of(stored: &users::Stored, key: &MasterKey) -> Result<Self> {
        let codes = stored.recovery_codes.as_deref().filter(|_| stored.user.totp_enabled);
        let left = codes.map(|codes| Ok::<_, Error>(RecoveryCodes::stored(codes, key)?.left())).transpose()?;
        let User { id, username, display_name, email, role, provider, totp_enabled, has_password, .. } =
            stored.user.clone();
        let recovery_codes_remaining = left;
        Ok(Self {
            id,
            username,
            display_name,
            email,
            role,
            provider,
            totp_enabled,
            has_password,
            recovery_codes_remaining,
        })
    }
}

/// Shows whoever asks.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetMe {}
operation!(GetMe => Me, "auth.me", Get "/auth/me", Session, 200, "Shows whoever asks.");

impl Query for GetMe {
    fn run(self, view: &View<'_>) -> Result<Me> {
        Me::of(&asking(view.actor.user_id(), |id| users::get(&view.read, id))?, &view.cx.key)
    }
}

/// The user who asks.
pub(super) fn asking(id: Option<UserId>, get: impl FnOnce(UserId) -> Result<users::Stored>) -> Result<users::Stored> {
    get(id.ok_or_else(|| Error::internal("a session without its user"))?)
}

/// Signs in by a password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name to sign in with.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
    #[serde(skip)]
    #[schemars(skip)]
    attempt: Option<Attempt>,
}
operation!(SignIn => SignedIn, "auth.login", Post "/auth/login", Public, 200,
    "Signs in by a password: sets the session's cookie, or asks for a second factor.");

impl SignIn {
    /// Signs `username` in.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<Secret<String>>) -> Self {
        Self { username: username.into(), password: password.into(), attempt: None }
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What signing in has come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignedIn {
    /// Who is signed in; null while a second factor is asked for.
    pub user: Option<Me>,
    /// Whether a second factor is asked for.
    pub requires_totp: bool,
    /// What the second factor is given with, within 5 minutes, from the same address and browser.
    #[schemars(with = "Option<String>")]
    pub challenge_id: Option<Reveal<String>>,
    /// Recovery codes that are left, where a second factor was given.
    pub recovery_codes_remaining: Option<usize>,
}

impl Mutation for SignIn {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let username = Username::parse(&self.username)?;
        self.attempt = Some(Attempt::begin(view, "password", username, &self.password)?);
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.attempt.as_mut().map_or(Ok(()), |attempt| attempt.check(cx))
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<SignedIn> {
        let attempt = self.attempt.ok_or_else(|| Error::internal("a sign-in ran without its check"))?;
        let found = attempt.settle(tx, cx, Purpose::SignIn)?;
        if found.user.totp_enabled {
            return ask_for_second_factor(tx, cx, &found);
        }
        begin_session(tx, cx, &found, "login")
    }
}

/// Has the caller's browser give a second factor.
pub(super) fn ask_for_second_factor(tx: &Tx<'_>, cx: &Context, found: &users::Stored) -> Result<SignedIn> {
    let panel = cx.panel();
    let (id, bound) = (random_token(), random_token());
    let factor = SecondFactor {
        user: found.user.id,
        ip: tx.origin().source_ip.clone(),
        cookie_hash: token_hash(&bound),
        password_changed_at: found.user.password_changed_at,
        tries: 0,
    };
    cx.second_factors.put(&id, factor, tx.now());
    tx.set_cookie(Cookie {
        name: CookieName::Challenge,
        value: Some(bound.into()),
        path: "/",
        domain: None,
        secure: panel.is_secure(tx.origin()),
        same_site: SameSite::Strict,
        expires: Timestamp(tx.now().0 + CHALLENGE_MS),
    });
    audit::auth(tx, &event("login_totp_challenge", found, json!({})))?;
    Ok(SignedIn {
        user: None,
        requires_totp: true,
        challenge_id: Some(Reveal::new(id)),
        recovery_codes_remaining: None,
    })
}

/// A row about a user.
pub(super) fn event<'a>(action: &'static str, of: &'a users::Stored, detail: serde_json::Value) -> AuthEvent<'a> {
    AuthEvent { action, user: Some(of.user.id), username: &of.user.username, detail }
}

/// Begins a session of a person who has proved everything that is asked of them. The one that asks, if any, ends.
pub(super) fn begin_session(
    tx: &Tx<'_>,
    cx: &Context,
    found: &users::Stored,
    action: &'static str,
) -> Result<SignedIn> {
    let panel = cx.panel();
    let (origin, user) = (tx.origin(), &found.user);
    if let (Some(before), Some(whose)) = (tx.actor().session(), tx.actor().user_id()) {
        sessions::end(tx, whose, before.id)?;
    }
    let token = random_token();
    let expires_at = Timestamp(tx.now().0 + panel.sessions.absolute_ms);
    sessions::insert(
        tx,
        &NewSession {
            token_hash: &token_hash(&token),
            user: user.id,
            kind: SessionKind::Panel,
            host: None,
            parent: None,
            expires_at,
            remote_ip: &origin.source_ip,
            user_agent: &origin.user_agent,
        },
    )?;
    users::note_login(tx, user.id)?;
    limiter::pass_login(tx, &origin.source_ip, &Username::parse(&user.username)?)?;
    audit::auth(tx, &event(action, found, json!({})))?;
    tx.set_cookie(panel.session_cookie(origin, Some(token.into()), expires_at));
    let me = Me::of(found, &cx.key)?;
    let recovery_codes_remaining = me.recovery_codes_remaining;
    Ok(SignedIn { user: Some(me), requires_totp: false, challenge_id: None, recovery_codes_remaining })
}

/// Gives a code of the second factor.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyTotp {
    /// What signing in answered.
    pub challenge_id: String,
    /// Six digits.
    pub code: String,
}
operation!(VerifyTotp => SignedIn, "auth.verify_totp", Post "/auth/totp/verify", Public, 200,
    "Ends a sign-in with a code of the second factor.");

/// Gives a recovery code.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRecovery {
    /// What signing in answered.
    pub challenge_id: String,
    /// A code that was not used yet.
    pub recovery_code: String,
}
operation!(VerifyRecovery => SignedIn, "auth.verify_recovery", Post "/auth/totp/recovery", Public, 200,
    "Ends a sign-in with a recovery code, which is then used up.");

impl fmt::Debug for VerifyTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyTotp").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifyRecovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyRecovery").finish_non_exhaustive()
    }
}

impl Mutation for VerifyTotp {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<SignedIn> {
        let found = challenged(tx, cx, &self.challenge_id)?;
        check_code_rate(tx, cx, &found)?;
        if !spend_code(tx, cx, &found, &self.code)? {
            return Err(wrong_code(tx, cx, &found, "totp_login_failed")?);
        }
        admit(tx, cx, &found, &self.challenge_id, "totp_login_success")
    }
}

impl Mutation for VerifyRecovery {
    const CONFIGURES: bool = false;

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<SignedIn> {
        let found = challenged(tx, cx, &self.challenge_id)?;
        check_code_rate(tx, cx, &found)?;
        let Some(left) = spend_recovery_code(tx, cx, &found, &self.recovery_code)? else {
            return Err(wrong_code(tx, cx, &found, "totp_recovery_failed")?);
        };
        audit::auth(tx, &event("totp_recovery_used", &found, json!({"remaining": left})))?;
        let found = users::get(tx, found.user.id)?;
        admit(tx, cx, &found, &self.challenge_id, "login")
    }
}

/// The person that a challenge is for; a try of it is used up.
fn challenged(tx: &Tx<'_>, cx: &Context, id: &str) -> Result<users::Stored> {
    let unknown = || {
        let text = "this sign-in has ended; begin again with the password";
        Error::new(ErrorKind::Unauthorized, "challenge.unknown", text)
    };
    let origin = tx.origin();
    // Another site below the same domain may have planted some.
    let cookies: Vec<String> = origin.cookies.challenges.iter().take(4).map(|c| token_hash(c.expose())).collect();
    let factor = cx.second_factors.with(id, tx.now(), |factor| {
        // Whoever has only the id, and not the browser, uses nothing up.
        let is_same = |cookie: &String| bool::from(factor.cookie_hash.as_bytes().ct_eq(cookie.as_bytes()));
        let same = cookies.iter().any(is_same) && factor.ip == origin.source_ip;
        factor.tries += u32::from(same);
        same.then(|| factor.clone())
    });
    let factor = factor.flatten().ok_or_else(unknown)?;
    if factor.tries > TRIES {
        cx.second_factors.take(id, tx.now());
        return Err(unknown());
    }
    let found = users::find(tx, factor.user)?;
    let good = |found: &users::Stored| {
        found.user.enabled && found.user.totp_enabled && found.user.password_changed_at == factor.password_changed_at
    };
    found.filter(good).ok_or_else(unknown)
}

/// Refuses a code where too many were wrong.
pub(super) fn check_code_rate(tx: &Tx<'_>, cx: &Context, of: &users::Stored) -> Result<()> {
    let ip = &tx.origin().source_ip;
    let Some(limited) = limiter::check_totp(tx, ip, of.user.id)? else { return Ok(()) };
    if !cx.told.is_due(&format!("totp {}", limiter::totp_key(of.user.id, ip)), tx.now()) {
        return Err(limited.refusal(tx.now()));
    }
    audit::auth(tx, &event("totp_rate_limit_hit", of, json!({"until": limited.until})))?;
    Err(limited.refusal(tx.now()).kept())
}

/// Takes a code of the second factor; whether it was right and is taken for the first time.
pub(super) fn spend_code(tx: &Tx<'_>, cx: &Context, of: &users::Stored, code: &str) -> Result<bool> {
    let Some(secret) = &of.totp_secret else { return Ok(false) };
    let secret = TotpSecret::stored(cx.key.decrypt(secret)?);
    match secret.step(code, tx.now())? {
        Some(step) => users::spend_step(tx, of.user.id, step),
        None => Ok(false),
    }
}

/// Uses a recovery code up; how many are left if it was one.
pub(super) fn spend_recovery_code(tx: &Tx<'_>, cx: &Context, of: &users::Stored, code: &str) -> Result<Option<usize>> {
    for _ in 0..SPENDING_TRIES {
        let Some(old) = users::get(tx, of.user.id)?.recovery_codes else { return Ok(None) };
        let mut codes = RecoveryCodes::stored(&old, &cx.key)?;
        if !codes.spend(code)? {
            return Ok(None);
        }
        if users::swap_recovery_codes(tx, of.user.id, &old, &codes.seal(&cx.key))? {
            return Ok(Some(codes.left()));
        }
    }
    Err(Error::new(ErrorKind::Unavailable, "recovery_code.busy", "try again").with_retry_after(1))
}

/// Counts a wrong code; the refusal keeps what was counted.
pub(super) fn wrong_code(tx: &Tx<'_>, cx: &Context, of: &users::Stored, action: &'static str) -> Result<Error> {
    let ip = &tx.origin().source_ip;
    audit::auth(tx, &event(action, of, json!({})))?;
    // Who is signed in has only mistyped.
    if tx.actor().user_id().is_none() {
        tell_failed(tx, &of.user.username, "wrong code of the second factor");
    }
    if limiter::fail_totp(tx, ip, of.user.id)? {
        cx.told.is_due(&format!("totp {}", limiter::totp_key(of.user.id, ip)), tx.now());
        audit::auth(tx, &event("totp_rate_limit_hit", of, json!({})))?;
        tell_failed(tx, &of.user.username, LOCKED_OUT);
    }
    Ok(Error::new(ErrorKind::Unauthorized, "totp.wrong", "this code is not right, or was used before").kept())
}

/// Ends a challenge with a session.
fn admit(tx: &Tx<'_>, cx: &Context, found: &users::Stored, id: &str, action: &'static str) -> Result<SignedIn> {
    limiter::pass_totp(tx, &tx.origin().source_ip, found.user.id)?;
    cx.second_factors.take(id, tx.now());
    let panel = cx.panel();
    tx.set_cookie(Cookie {
        name: CookieName::Challenge,
        value: None,
        path: "/",
        domain: None,
        secure: panel.is_secure(tx.origin()),
        same_site: SameSite::Strict,
        expires: tx.now(),
    });
    begin_session(tx, cx, found, action)
}

/// Signs out.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOut {
    #[serde(skip)]
    #[schemars(skip)]
    provider: Option<(Client, Option<Url>)>,
    #[serde(skip)]
    #[schemars(skip)]
    end_session: Option<Url>,
}
operation!(SignOut => Option<SignedOut>, "auth.logout", Post "/auth/logout", Session, 204,
    "Signs out: the session and those of protected hosts that hang on it end.");

/// Where to go so that the identity provider signs out too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SignedOut {
    /// The provider's address for it.
    pub end_session_url: String,
}

impl Mutation for SignOut {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        if found.user.provider == Provider::Oidc {
            let config = super::oidc::config(view)?;
            let back = config.signed_out_uri();
            self.provider = config.client(&view.cx.key).ok().map(|client| (client, back));
        }
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        // A provider that does not answer keeps nobody signed in here.
        let asked = self.provider.as_ref();
        self.end_session = asked.and_then(|(client, back)| cx.oidc.end_session(client, back.as_ref()));
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Option<SignedOut>> {
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        let session = tx.actor().session().ok_or_else(|| Error::internal("signing out without a session"))?;
        sessions::end(tx, found.user.id, session.id)?;
        audit::auth(tx, &event("logout", &found, json!({})))?;
        tx.set_cookie(cx.panel().session_cookie(tx.origin(), None, tx.now()));
        Ok(self.end_session.map(|url| SignedOut { end_session_url: url.into() }))
    }
}
