//! The two halves of a sign-in: before the browser leaves for the provider, and when it comes back. Source: OpenID
//! Connect Core 1.0, §3.1; RFC 7636; RFC 9207.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{StatusCode, Url};
use tokio::sync::Semaphore;

use super::discovery::{self, Issuer, Provider};
use super::exchange::{exchange, userinfo};
use super::fault::{Failure, Fault, Stage, quoted};
use super::identity::{Identity, is_incomplete};
use super::keys::Keys;
use super::states::{Pending, States, digest};
use super::token::{Claims, Expected, Unverified};
use super::wire::{Reach, Wire};
use crate::clock::{Clock, Timestamp, random};
use crate::outbound::wait_for;
use crate::outbound::{Limits, OwnListeners};
use crate::schema::{SessionId, UserId};
use crate::secret::{Secret, random_token};

/// A provider's document is believed for this time.
const KNOWN_MS: i64 = 3_600_000;
/// A provider that could not be asked is asked again after this time.
const FAILED_MS: i64 = 5_000;
/// Answers that wait for the provider at once; the next one is refused, so that a slow provider keeps no thread from others.
const BUSY: usize = 32;
/// Bytes of a code.
const MOST_CODE: usize = 8192;

/// Who Argos is at the provider, and what it asks there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The provider.
    pub issuer: Issuer,
    /// The client's name at the provider.
    pub id: String,
    /// What proves it, where the provider gave a secret.
    pub secret: Option<Secret<String>>,
    /// What is asked for, separated by blanks.
    pub scopes: String,
    /// Where the browser comes back.
    pub redirect_uri: Url,
    /// The claim that names groups.
    pub groups_claim: String,
}

/// Why a browser is sent to the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in, and to go on to an address that was checked.
    SignIn {
        /// That address.
        return_to: String,
    },
    /// To attach the identity to a user who is signed in.
    Bind {
        /// The user.
        user: UserId,
        /// The session that asks: who has signed out meanwhile gets nothing attached.
        session: SessionId,
    },
}

/// A sign-in that began.
#[derive(Clone, Debug)]
pub struct Started {
    /// Where the browser goes.
    pub url: Url,
    /// What its cookie holds.
    pub cookie: Secret<String>,
}

/// What the browser brought back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The code.
    pub code: Option<Secret<String>>,
    /// Who says that they answer.
    pub iss: Option<String>,
    /// Why the provider refused.
    pub error: Option<String>,
    /// The same in words.
    pub error_description: Option<String>,
}

/// A sign-in whose answer came.
#[derive(Debug)]
pub struct Begun(Pending<Purpose>);

impl Begun {
    /// Why the browser was sent.
    #[must_use]
    pub fn purpose(&self) -> &Purpose {
        &self.0.purpose
    }
}

/// Argos as the provider's client, with what it keeps between calls.
#[derive(Debug)]
pub struct RelyingParty {
    clock: Clock,
    limits: Limits,
    own: OwnListeners,
    known: Mutex<Option<Known>>,
    /// Held by who asks for the document: others wait for the answer instead of asking, too.
    turn: tokio::sync::Mutex<()>,
    keys: Keys,
    states: States<Purpose>,
    busy: Semaphore,
}

#[derive(Clone, Debug)]
struct Known {
    issuer: Issuer,
    provider: Result<Arc<Provider>, Fault>,
    fetched: Timestamp,
}

impl RelyingParty {
    /// One that knows no provider yet. One that is only tried is not looked for where `own` listens.
    #[must_use]
    pub fn new(clock: Clock, limits: Limits, own: OwnListeners) -> Self {
        Self {
            clock,
            limits,
            own,
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            keys: Keys::default(),
            states: States::default(),
            busy: Semaphore::new(BUSY),
        }
    }

    /// The saved provider `issuer`, asked at most once an hour. May block as long as [`Limits::whole`].
    ///
    /// # Errors
    /// Why it can't be had, or is not what it should be.
    pub fn provider(&self, issuer: &Issuer) -> Result<Arc<Provider>, Fault> {
        if let Some(known) = self.at_hand(issuer) {
            return known;
        }
        waited(wait_for(async { self.look(&self.wire(issuer, Reach::Saved), issuer).await }))
    }

    /// What the provider `issuer` says of itself just now. Nothing is kept of it. Blocks.
    ///
    /// # Errors
    /// Why it can't be had, or is not what it should be.
    pub fn probe(&self, issuer: &Issuer, reach: Reach) -> Result<Provider, Fault> {
        waited(wait_for(async {
            let wire = self.wire(issuer, reach);
            let provider = discovery::fetch(&wire, issuer).await?;
            // Without its keys nobody could sign in.
            wire.get(&provider.jwks_uri, None).await.and_then(|keys| checked_keys(keys.status, &keys.body))?;
            Ok(provider)
        }))
    }

    /// Where the browser goes so that the provider signs the person out too, and comes back to `back`. Nothing where the
    /// provider has no place for it, or can't be asked. May block as [`RelyingParty::provider`].
    #[must_use]
    pub fn end_session(&self, client: &Client, back: Option<&Url>) -> Option<Url> {
        let mut url = self.provider(&client.issuer).ok()?.end_session_endpoint.clone()?;
        url.query_pairs_mut().append_pair("client_id", &client.id);
        if let Some(back) = back {
            url.query_pairs_mut().append_pair("post_logout_redirect_uri", back.as_str());
        }
        Some(url)
    }

    /// Forgets what is known of the provider, as when another one is saved.
    pub fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.keys.forget();
    }

    /// Begins a sign-in. May block as [`RelyingParty::provider`].
    ///
    /// # Errors
    /// Those of the provider.
    pub fn start(&self, client: &Client, purpose: Purpose) -> Result<Started, Fault> {
        let provider = self.provider(&client.issuer)?;
        let (state, nonce, cookie) = (random_token(), random_token(), Secret::new(random_token()));
        let verifier = Secret::new(URL_SAFE_NO_PAD.encode(random::<64>()));
        let challenge = URL_SAFE_NO_PAD.encode(digest(verifier.expose()));
        let mut url = provider.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", client.redirect_uri.as_str())
            .append_pair("scope", &client.scopes)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let pending = Pending {
            binding: digest(cookie.expose()),
            nonce: digest(&nonce),
            verifier,
            issuer: client.issuer.as_str().to_owned(),
            client_id: client.id.clone(),
            purpose,
            began: self.clock.now(),
        };
        self.states.put(&state, pending);
        Ok(Started { url, cookie })
    }

    /// The sign-in that an answer with `state` belongs to, if it comes from the browser that began it. It ends with
    /// that, whatever comes of it.
    ///
    /// # Errors
    /// `state_mismatch`.
    pub fn take(&self, state: &str, cookie: Option<&str>) -> Result<Begun, Fault> {
        self.states.take(&self.clock, state, cookie).map(Begun)
    }

    /// Who came back. Blocks while the provider is asked.
    ///
    /// # Errors
    /// Why the answer is not believed.
    pub fn finish(&self, client: &Client, begun: &Begun, answer: &Answer) -> Result<Identity, Fault> {
        let begun = &begun.0;
        if (&*begun.issuer, &*begun.client_id) != (client.issuer.as_str(), &*client.id) {
            let text = "the settings changed since this sign-in began";
            return Err(Fault::new(Stage::State, Failure::StateMismatch, text));
        }
        let Ok(_turn) = self.busy.try_acquire() else {
            let text = format!("{BUSY} sign-ins wait for the provider already");
            return Err(Fault::new(Stage::Exchange, Failure::IdpError, text));
        };
        waited(wait_for(async {
            let wire = self.wire(&client.issuer, Reach::Saved);
            let provider = self.look(&wire, &client.issuer).await?;
            let code = checked_answer(&provider, answer)?;
            let tokens = exchange(&wire, &provider, client, code, &begun.verifier).await?;
            let (sub, claims) = self.believe(&wire, &provider, begun, tokens.id.expose()).await?;
            let mut more = Claims::new();
            if is_incomplete(&claims, &client.groups_claim)
                && let (Some(url), Some(token)) = (&provider.userinfo_endpoint, &tokens.access)
            {
                more = userinfo(&wire, url, token, &sub).await?;
            }
            Identity::read(sub, &claims, &more, &client.groups_claim)
        }))
    }

    /// What an ID token says, once it is proven.
    async fn believe(
        &self,
        wire: &Wire,
        provider: &Provider,
        begun: &Pending<Purpose>,
        token: &str,
    ) -> Result<(String, Claims), Fault> {
        let token = Unverified::parse(token)?;
        let fetch = async || {
            let answer = wire.get(&provider.jwks_uri, None).await?;
            checked_keys(answer.status, &answer.body)?;
            Ok(answer.body)
        };
        let claims = self.keys.find(&self.clock, provider.jwks_uri.as_str(), fetch, |keys| token.verify(keys)).await?;
        let expected = Expected {
            issuer: &provider.issuer,
            client_id: &begun.client_id,
            nonce: &begun.nonce,
            now: self.clock.now(),
        };
        Ok((expected.check(&claims)?, claims))
    }

    fn wire(&self, issuer: &Issuer, reach: Reach) -> Wire {
        Wire::new(issuer, reach, self.limits, self.own.clone())
    }

    async fn look(&self, wire: &Wire, issuer: &Issuer) -> Result<Arc<Provider>, Fault> {
        if let Some(known) = self.at_hand(issuer) {
            return known;
        }
        let _turn = self.turn.lock().await;
        if let Some(known) = self.at_hand(issuer) {
            return known;
        }
        let provider = discovery::fetch(wire, issuer).await.map(Arc::new);
        let known = Known { issuer: issuer.clone(), provider: provider.clone(), fetched: self.clock.now() };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        provider
    }

    fn at_hand(&self, issuer: &Issuer) -> Option<Result<Arc<Provider>, Fault>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age = self.clock.now().millis() - known.fetched.millis();
        let good_for = if known.provider.is_ok() { KNOWN_MS } else { FAILED_MS };
        (known.issuer == *issuer && (0..good_for).contains(&age)).then_some(known.provider)
    }
}

/// The code of an answer that comes from the provider and says yes.
fn checked_answer<'a>(provider: &Provider, answer: &'a Answer) -> Result<&'a str, Fault> {
    let mismatch = |why: String| Err(Fault::new(Stage::Issuer, Failure::StateMismatch, why));
    // Before all else: what another provider says is not even read. Source: RFC 9207 §2.4.
    match &answer.iss {
        Some(iss) if *iss != provider.issuer => {
            return mismatch(format!("the answer comes from {} (iss), not from {:?}", quoted(iss), provider.issuer));
        }
        None if provider.answers_with_issuer => {
            return mismatch("the answer does not say who it comes from (iss), which this provider always does".into());
        }
        _ => {}
    }
    let refused = |why: String| Fault::new(Stage::Provider, Failure::IdpError, why);
    if let Some(error) = &answer.error {
        let why = answer.error_description.as_deref().map(quoted).unwrap_or_default();
        return Err(refused(format!("the provider answers {} {why}", quoted(error)).trim_end().to_owned()));
    }
    let code = answer.code.as_ref().map(|code| code.expose().as_str()).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| refused("the provider's answer holds neither a code nor an error".into()))?;
    if code.len() > MOST_CODE {
        return Err(refused(format!("the provider's code is longer than {MOST_CODE} bytes")));
    }
    Ok(code)
}

fn checked_keys(status: StatusCode, body: &[u8]) -> Result<(), Fault> {
    if status != StatusCode::OK {
        let text = format!("the provider's jwks_uri answers {status}");
        return Err(Fault::new(Stage::Keys, Failure::IdpError, text));
    }
    super::keys::KeySet::read(body).map(drop)
}

fn waited<T>(done: crate::error::Result<Result<T, Fault>>) -> Result<T, Fault> {
    done.unwrap_or_else(|e| Err(Fault::discovery(e.message())))
}
