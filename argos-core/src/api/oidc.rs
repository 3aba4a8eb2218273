//! Signing in by the identity provider, and attaching its identities to people.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::operation::operation;
use super::passwords::{Proof, tell_failed};
use super::sign_in::{ask_for_second_factor, asking, begin_session, event};
use super::totp::proven;
use super::{Context, Mutation, Query, View};
use crate::auth::oidc::{
    AGE_SECONDS, Answer, Client, Config, Failure, Fault, Identity, Purpose, Stage, Started, numbered, username,
};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Cookie, CookieName, Role, SameSite, SessionId, UserId, Username};
use crate::secret::{Reveal, Secret};
use crate::store::users::{NewUser, Stored};
use crate::store::{AuthEvent, Tx, audit, sessions, tokens, users};

/// Names that are tried for a new account.
const NAMES: usize = 1000;
/// Bytes of the place to go on to.
const MOST_PLACE: usize = 2048;

/// Tells whether people can sign in by the identity provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetOidcAvailable {}
operation!(GetOidcAvailable => OidcAvailable, "auth.oidc_available", Get "/auth/oidc/available", Public, 200,
    "Tells whether people can sign in by the identity provider.");

/// The settings that run.
pub(super) fn config(view: &View<'_>) -> Result<Config> {
    Config::read(&view.read, view.live.given_public_url.as_ref())
}

/// Whether people can sign in by the identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcAvailable {
    /// Whether they can.
    pub enabled: bool,
    /// The provider's name: its host; null when they can't.
    pub name: Option<String>,
}

impl Query for GetOidcAvailable {
    fn run(self, view: &View<'_>) -> Result<OidcAvailable> {
        let name = config(view)?.client(&view.cx.key).ok().map(|client| client.issuer.host().to_owned());
        Ok(OidcAvailable { enabled: name.is_some(), name })
    }
}

/// Where the browser goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcRedirect {
    /// The address.
    #[schemars(with = "String")]
    pub location: Reveal<String>,
}

impl OidcRedirect {
    fn to(location: String) -> Self {
        Self { location: Reveal::new(location) }
    }

    /// The sign-in page, which goes on to the place that is meant.
    fn page(error: Option<Failure>, place: &str) -> Self {
        let error = error.map(|failure| format!("error={failure}"));
        let parts: Vec<&str> = error.as_deref().into_iter().chain([place]).filter(|part| !part.is_empty()).collect();
        let mark = if parts.is_empty() { "" } else { "?" };
        Self::to(format!("/login{mark}{}", parts.join("&")))
    }
}

/// Sends the browser to the identity provider.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartOidc {
    /// Where the person goes on to; the sign-in page reads it, which has it checked.
    pub rd: Option<String>,
    /// What a protected host said with the request to sign in.
    pub st: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    client: Option<Client>,
    #[serde(skip)]
    #[schemars(skip)]
    began: Option<Began>,
}
operation!(StartOidc => OidcRedirect, "auth.oidc_login", Get "/auth/oidc/login", Public, 302,
    "Sends the browser to the identity provider.");

/// What came of beginning a sign-in.
type Began = std::result::Result<Started, Fault>;

impl StartOidc {
    /// The place as the sign-in page's address names it.
    fn place(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("rd", &self.rd), ("st", &self.st)] {
            if let Some(value) = value.as_ref().filter(|value| value.len() <= MOST_PLACE) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}

impl Mutation for StartOidc {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        self.client = Some(config(view)?.client(&view.cx.key)?);
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        let purpose = Purpose::SignIn { return_to: self.place() };
        self.began = self.client.as_ref().map(|client| cx.oidc.start(client, purpose));
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<OidcRedirect> {
        match self.began.clone().ok_or_else(not_begun)? {
            Ok(started) => {
                tx.set_cookie(cookie(tx, cx, Some(started.cookie)));
                Ok(OidcRedirect::to(started.url.into()))
            }
            Err(fault) => {
                record(tx, cx, &fault, None, true)?;
                Ok(OidcRedirect::page(Some(fault.failure), &self.place()))
            }
        }
    }
}

fn not_begun() -> Error {
    Error::internal("a sign-in at the provider ran without its beginning")
}

/// The cookie that binds a sign-in to this browser, or what makes the browser forget it.
fn cookie(tx: &Tx<'_>, cx: &Context, value: Option<Secret<String>>) -> Cookie {
    Cookie {
        name: CookieName::Oidc,
        value,
        path: "/api/v1/auth/oidc",
        domain: None,
        secure: cx.panel().is_secure(tx.origin()),
        // The browser comes back by a link of another site.
        same_site: SameSite::Lax,
        expires: Timestamp(tx.now().0 + AGE_SECONDS * 1000),
    }
}

/// Writes why a sign-in ended, or the binding of an identity. What anybody can provoke without a provider is told once a
/// minute for each client.
fn record(tx: &Tx<'_>, cx: &Context, fault: &Fault, who: Option<&Identity>, signs_in: bool) -> Result<()> {
    let key = match fault.stage {
        Stage::State => Some(format!("oidc state {}", tx.origin().source_ip)),
        Stage::Discovery => Some("oidc discovery".to_owned()),
        _ => None,
    };
    if key.is_some_and(|key| !cx.told.is_due(&key, tx.now())) {
        return Ok(());
    }
    let name = who.and_then(|who| who.preferred_username.as_ref().or(who.email.as_ref()));
    let detail = json!({
        "stage": fault.stage, "error": fault.failure, "reason": fault.reason, "subject": who.map(|who| &who.sub),
    });
    let username = name.map_or("", String::as_str);
    if signs_in {
        tell_failed(tx, username, format!("at the identity provider: {}", fault.reason));
    }
    audit::auth(tx, &AuthEvent { action: "oidc_login_failed", user: None, username, detail })
}

/// Ends a sign-in at the identity provider: the browser comes back with its answer. What else providers add to it is not
/// read. Source: RFC 6749 §4.1.2.
#[derive(Deserialize, JsonSchema)]
pub struct FinishOidc {
    /// Which sign-in it is.
    pub state: Option<String>,
    /// What the provider gave for it.
    pub code: Option<Secret<String>>,
    /// Who says that they answer.
    pub iss: Option<String>,
    /// Why the provider refused.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
    #[serde(skip)]
    #[schemars(skip)]
    ready: Option<(Config, Client, Option<Secret<String>>)>,
    #[serde(skip)]
    #[schemars(skip)]
    ended: Option<Ended>,
}
operation!(FinishOidc => OidcRedirect, "auth.oidc_callback", Get "/auth/oidc/callback", Public, 302,
    "Ends a sign-in at the identity provider: the browser comes back with its answer.");

impl fmt::Debug for FinishOidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FinishOidc").finish_non_exhaustive()
    }
}

/// What an answer has come to.
struct Ended {
    /// Nothing where it belongs to no sign-in.
    purpose: Option<Purpose>,
    who: std::result::Result<Identity, Fault>,
}

impl Mutation for FinishOidc {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let config = config(view)?;
        let client = config.client(&view.cx.key)?;
        self.ready = Some((config, client, view.origin.cookies.oidc.clone()));
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        let (_, client, cookie) = self.ready.as_ref().ok_or_else(not_begun)?;
        let state = self.state.as_deref().unwrap_or_default();
        self.ended = Some(match cx.oidc.take(state, cookie.as_ref().map(|cookie| cookie.expose().as_str())) {
            Err(fault) => Ended { purpose: None, who: Err(fault) },
            Ok(begun) => {
                let answer = Answer {
                    code: self.code.clone(),
                    iss: self.iss.clone(),
                    error: self.error.clone(),
                    error_description: self.error_description.clone(),
                };
                let who = cx.oidc.finish(client, &begun, &answer);
                Ended { purpose: Some(begun.purpose().clone()), who }
            }
        });
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<OidcRedirect> {
        let (Some((config, ..)), Some(Ended { purpose, who })) = (self.ready, self.ended) else {
            return Err(not_begun());
        };
        tx.set_cookie(cookie(tx, cx, None));
        let place = match &purpose {
            Some(Purpose::SignIn { return_to }) => return_to.as_str(),
            _ => "",
        };
        let (who, done) = match who {
            Err(fault) => (None, Err(fault)),
            Ok(who) => {
                let done = match (config.gate().check(&who), &purpose) {
                    (Err(fault), _) => Err(fault),
                    (Ok(()), Some(Purpose::Bind { user, session })) => attach(tx, &who, *user, *session)?,
                    (Ok(()), _) => enter(tx, cx, &config, &who, place)?,
                };
                (Some(who), done)
            }
        };
        done.or_else(|fault| {
            record(tx, cx, &fault, who.as_ref(), !matches!(purpose, Some(Purpose::Bind { .. })))?;
            Ok(OidcRedirect::page(Some(fault.failure), place))
        })
    }
}

/// What comes of an identity: a fault is told to the browser, and what was written stays.
type Told<T> = Result<std::result::Result<T, Fault>>;

/// Signs in whom an identity that may come in belongs to.
fn enter(tx: &Tx<'_>, cx: &Context, config: &Config, who: &Identity, place: &str) -> Told<OidcRedirect> {
    let fault = |failure, why: &str| Ok(Err(Fault::new(Stage::Account, failure, why)));
    let found = match users::by_identity(tx, &who.sub)? {
        Some(found) if !found.user.enabled => return fault(Failure::Disabled, "the user is disabled"),
        Some(found) => refreshed(tx, config, who, &found)?,
        None if config.auto_provision => provisioned(tx, config, who)?,
        None => {
            let why = "nobody here is bound to this identity, and oidc.auto_provision is off";
            return fault(Failure::NoAccount, why);
        }
    };
    if found.user.totp_enabled && !who.has_mfa {
        let asked = ask_for_second_factor(tx, cx, &found)?;
        let page = OidcRedirect::page(None, place);
        // Behind the mark `#` it reaches no server and no log.
        let id = asked.challenge_id.as_ref().map_or("", |id| id.show());
        return Ok(Ok(OidcRedirect::to(format!("{}#challenge={id}", page.location.show()))));
    }
    begin_session(tx, cx, &found, "oidc_login_success")?;
    Ok(Ok(OidcRedirect::page(None, place)))
}

/// Takes over what the provider says of somebody who is known. Another role ends what began under the old one.
fn refreshed(tx: &Tx<'_>, config: &Config, who: &Identity, found: &Stored) -> Result<Stored> {
    let (id, before) = (found.user.id, found.user.role);
    let mut role = config.roles.role(&who.groups).unwrap_or(before);
    let is_last = before == Role::Admin && found.password_hash.is_some() && !users::other_admin(tx, id)?;
    if role < before && is_last {
        // Who has the only password that administrates keeps the role: somebody must.
        role = before;
    }
    let name = who.name.as_deref().or(found.user.display_name.as_deref());
    users::refresh(tx, id, who.email.as_deref(), name, &who.groups, role)?;
    if role != before {
        let ended = sessions::end_all(tx, id, None)?;
        if role < before {
            tokens::revoke_above(tx, id, Some(role))?;
        }
        let detail = json!({"role": role, "before": before, "by": "groups", "ended_sessions": ended});
        audit::auth(tx, &event("user_updated", found, detail))?;
    }
    users::get(tx, id)
}

/// Makes an account under the first name that is free.
fn provisioned(tx: &Tx<'_>, config: &Config, who: &Identity) -> Result<Stored> {
    let role = config.roles.role(&who.groups).unwrap_or(Role::User);
    let wished = username(who);
    for tries in 0..NAMES {
        let name = Username::parse(&numbered(&wished, tries))?;
        let new = NewUser {
            username: &name,
            password_hash: None,
            email: who.email.as_deref(),
            display_name: who.name.as_deref(),
            role,
            enabled: true,
            external_id: Some(&who.sub),
            groups: &who.groups,
        };
        match users::insert(tx, &new) {
            Err(e) if e.code() == "user.username_taken" => {}
            made => {
                let made = users::get(tx, made?)?;
                audit::auth(tx, &event("user_created", &made, json!({"role": role, "by": "provider"})))?;
                return Ok(made);
            }
        }
    }
    let text = format!("{NAMES} names like {wished:?} are taken");
    Err(Error::conflict("user.username_taken", "username", text))
}

/// Attaches an identity to the user whose session began this, if both are still there.
fn attach(tx: &Tx<'_>, who: &Identity, user: UserId, session: SessionId) -> Told<OidcRedirect> {
    let found = users::find(tx, user)?.filter(|found| found.user.enabled);
    let Some(found) = found.filter(|_| sessions::is_there(tx, user, session).unwrap_or(false)) else {
        let why = "the session that began this has ended";
        return Ok(Err(Fault::new(Stage::Account, Failure::StateMismatch, why)));
    };
    let refused = check_unbound(&found).and_then(|()| users::bind(tx, user, Some(&who.sub)));
    if let Err(e) = refused {
        let detail = json!({"stage": Stage::Account, "reason": e.message(), "subject": who.sub});
        audit::auth(tx, &event("oidc_login_failed", &found, detail))?;
        return Err(e.kept());
    }
    audit::auth(tx, &event("oidc_bound", &found, json!({"subject": who.sub})))?;
    Ok(Ok(OidcRedirect::page(None, "")))
}

fn check_unbound(found: &Stored) -> Result<()> {
    match &found.external_id {
        None => Ok(()),
        Some(_) => {
            let text = "an identity is attached to this user already; take it off first";
            Err(Error::new(ErrorKind::Conflict, "oidc.bound", text))
        }
    }
}

proven! {
    /// Begins to attach an identity of the identity provider to whoever asks.
    BindOidc {}
    keeps { client: Option<Client>, asks: Option<Purpose>, began: Option<Began> }
}
operation!(BindOidc => OidcBinding, "auth.bind_oidc", Post "/auth/oidc/bind", Session, 200,
    "Begins to attach an identity of the identity provider to whoever asks: gives the address to open.");

/// Where whoever asks signs in, so that the identity becomes theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OidcBinding {
    /// The provider's address, for this browser only.
    #[schemars(with = "String")]
    pub url: Reveal<String>,
}

impl BindOidc {
    /// Begins with the password of whoever asks.
    #[must_use]
    pub fn new(password: Option<&str>) -> Self {
        let password = password.map(|password| password.to_owned().into());
        Self { password, client: None, began: None, asks: None, proof: None }
    }
}

impl Mutation for BindOidc {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let found = asking(view.actor.user_id(), |id| users::get(&view.read, id))?;
        check_unbound(&found)?;
        self.client = Some(config(view)?.client(&view.cx.key)?);
        self.asks = view.actor.session().map(|session| Purpose::Bind { user: found.user.id, session: session.id });
        self.prove(view)
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        self.check(cx)?;
        if let (Some(client), Some(purpose)) = (&self.client, self.asks.take()) {
            self.began = Some(cx.oidc.start(client, purpose));
        }
        Ok(())
    }

    fn run(mut self, tx: &Tx<'_>, cx: &Context) -> Result<OidcBinding> {
        self.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        check_unbound(&found)?;
        let started = self.began.take().ok_or_else(not_begun)?.map_err(unavailable)?;
        tx.set_cookie(cookie(tx, cx, Some(started.cookie)));
        Ok(OidcBinding { url: Reveal::new(started.url.into()) })
    }
}

/// A provider that does not do what it should, as an error.
pub(super) fn unavailable(fault: Fault) -> Error {
    Error::new(ErrorKind::Unavailable, "oidc.provider", fault.reason)
}

/// Takes the identity of the identity provider off whoever asks, who has a password.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnbindOidc {
    #[serde(skip)]
    #[schemars(skip)]
    proof: Option<Proof>,
}
operation!(UnbindOidc => (), "auth.unbind_oidc", Delete "/auth/oidc/bind", Session, 204,
    "Takes the identity of the identity provider off whoever asks, within 5 minutes of their sign-in.");

impl fmt::Debug for UnbindOidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnbindOidc").finish_non_exhaustive()
    }
}

impl Mutation for UnbindOidc {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        // A deletion has no body, and a password does not stand in an address.
        self.proof = Some(Proof::begin(view, None)?);
        Ok(())
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<()> {
        self.proof.ok_or_else(|| Error::internal("a proof that was not begun"))?.settle(tx, cx)?;
        let found = asking(tx.actor().user_id(), |id| users::get(tx, id))?;
        let user = &found.user;
        if found.external_id.is_none() {
            return Err(Error::not_found("oidc.not_bound", format!("an identity of user {}", user.username)));
        }
        if found.password_hash.is_none() {
            let text = "this user has no password, and could not sign in any more";
            return Err(Error::new(ErrorKind::Conflict, "oidc.no_password", text));
        }
        users::bind(tx, user.id, None)?;
        users::refresh(tx, user.id, user.email.as_deref(), user.display_name.as_deref(), &[], user.role)?;
        audit::auth(tx, &event("oidc_unbound", &found, json!({"subject": found.external_id})))
    }
}
