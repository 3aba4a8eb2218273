//! Whether the visitor of a protected host is signed in and may open it.
//!
//! What memory knows of a session is asked first and without waiting; only a token that it does not know is looked up
//! in the database, on another thread. Everything else here is what those get who may not come in.

mod places;

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use smallvec::SmallVec;

use crate::auth::return_url::{LONGEST, within};
use crate::auth::{Found, Session, Sessions};
use crate::clock::Timestamp;
use crate::error::Result as Outcome;
use crate::proxy::cookies;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::h1::field::Known;
use crate::proxy::stop::{SentOn, Stop, Unsigned};
use crate::schema::{Cookie, CookieName, SameSite, SessionKind};
use crate::secret::{Secret, random_token, token_hash};
use crate::snapshot::{Host, Snapshot};
use crate::store::Origin;

/// Cookies of one name that are tried.
const MOST_COOKIES: usize = 4;
/// Characters of a token.
const TOKEN: usize = 43;
/// How long a browser keeps what a ticket is bound to.
const STATE_LIFE_MS: i64 = 600_000;
/// The path below which the cookie of a ticket comes along.
const OWN_PATH: &str = "/.argos/";
/// Bytes of a program's name that are kept.
const AGENT: usize = 256;
/// What is written as it is in a part of a query.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Lets signed-in visitors pass who may open the host, and notes who they are. A host that wants no sign-in lets
/// everybody pass.
pub(crate) async fn visitor(ex: &mut Exchange, live: &Snapshot, core: &Core, host: &Host) -> Result<(), Stop> {
    let Some(access) = &host.access else { return Ok(()) };
    if let Some(place) = places::find(ex) {
        // What such a query holds is good once, and nobody's to read.
        let stop = Box::pin(places::answer(ex, live, core, host, place)).await;
        ex.query = None;
        return Err(stop);
    }
    let Some(session) = signed_in(ex, live, core, host).await? else { return Err(unsigned(ex, live)) };
    if !access.admits(session.person.id, session.person.role) {
        if let Some(gate) = &core.shared.gate {
            gate.keeper.denied(&session, host.id, &host.domain, origin(ex));
        }
        return Err(Stop::NotAdmitted(NOT_LISTED));
    }
    ex.visitor = Some(session);
    Ok(())
}

const NOT_LISTED: &str = "You are signed in, but this account may not open this page.";

/// The session that counts here.
async fn signed_in(ex: &Exchange, live: &Snapshot, core: &Core, host: &Host) -> Result<Option<Arc<Session>>, Stop> {
    let Some(gate) = &core.shared.gate else { return Ok(None) };
    let terms = live.panel_settings.sessions;
    let counts = |session: &Session| counts(session, &ex.name, live, host);
    for token in tokens(ex) {
        match gate.sessions.at_hand(token, terms) {
            Found::Live(session) if counts(&session) => return Ok(Some(session)),
            Found::Live(_) | Found::Nothing => {}
            // What comes first counts first: the ones behind it have to wait.
            Found::Ask => {
                let tokens: Vec<Secret<String>> = tokens(ex).map(|token| Secret::new(token.to_owned())).collect();
                let sessions = Arc::clone(&gate.sessions);
                let found = aside(move || {
                    tokens.iter().map(|token| sessions.find(token.expose(), terms)).collect::<Outcome<Vec<_>>>()
                });
                return Ok(found.await?.into_iter().flatten().find(|session| counts(session)));
            }
        }
    }
    Ok(None)
}

/// What would become of the request, for whoever may wait: who it is of, where the host wants to know, or how it ends.
/// No ticket is spent and no session ends.
pub(crate) fn look(
    ex: &Exchange,
    live: &Snapshot,
    sessions: &Sessions,
    host: &Host,
) -> Result<Option<Arc<Session>>, Stop> {
    let Some(access) = &host.access else { return Ok(None) };
    if let Some(place) = places::find(ex) {
        return Err(place.unvisited());
    }
    let found: Outcome<Vec<_>> = tokens(ex).map(|token| sessions.find(token, live.panel_settings.sessions)).collect();
    let found = found.map_err(|e| Stop::GateFailed(e.to_string()))?;
    let counts = |session: &Arc<Session>| counts(session, &ex.name, live, host);
    match found.into_iter().flatten().find(counts) {
        None => Err(unsigned(ex, live)),
        Some(session) if access.admits(session.person.id, session.person.role) => Ok(Some(session)),
        Some(_) => Err(Stop::NotAdmitted(NOT_LISTED)),
    }
}

/// The tokens that are tried: only what has the form of one takes part.
fn tokens(ex: &Exchange) -> impl Iterator<Item = &str> {
    cookies::values(ex, CookieName::Session).filter(|token| token.len() == TOKEN).take(MOST_COOKIES)
}

/// Whether a session counts at this host, which was asked for by `name`: the panel's on names that share its cookie, and
/// a host's own on that host.
fn counts(session: &Session, name: &str, live: &Snapshot, host: &Host) -> bool {
    match session.kind {
        SessionKind::Panel => within(name, &live.panel_settings.parent_domain),
        SessionKind::Host => session.host == Some(host.id),
    }
}

/// Does what waits for the disk on another thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Outcome<T> + Send + 'static) -> Result<T, Stop> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(e)) => Err(Stop::GateFailed(e.to_string())),
        Err(_) => Err(Stop::GateFailed("a thread panicked".to_owned())),
    }
}

/// What a visitor gets who is not signed in: people are sent to sign in, programs are told where that would be.
fn unsigned(ex: &Exchange, live: &Snapshot) -> Stop {
    let panel = &live.panel_settings;
    let Some(public) = &panel.public_url else { return Stop::NoSignIn };
    if !is_navigation(ex) {
        let mut to = Unsigned { login: format!("{public}login"), ..Unsigned::default() };
        if cookies::values(ex, CookieName::Session).next().is_some() {
            to.cookies.push(own_cookie(ex, live, CookieName::Session, "/").field());
        }
        return Stop::Unsigned(Box::new(to));
    }
    let mut location = format!("{public}login?rd={}", utf8_percent_encode(&asked_url(ex), PART));
    let mut cookies = SmallVec::new();
    if !within(&ex.name, &panel.parent_domain) {
        let state = random_token();
        location.push_str("&st=");
        location.push_str(&token_hash(&state));
        let cookie = own_cookie(ex, live, CookieName::Ticket, OWN_PATH);
        let expires = Timestamp(ex.facts.at.millis() + STATE_LIFE_MS);
        cookies.push(Cookie { value: Some(Secret::new(state)), expires, ..cookie }.field());
    }
    Stop::SentOn(Box::new(SentOn { location: location.into_bytes(), cookies, back: false }))
}

/// Whether a person looks at what is asked for. Source: Fetch Metadata Request Headers §2.2.
fn is_navigation(ex: &Exchange) -> bool {
    let html = |value: &[u8]| value.windows(9).any(|part| part.eq_ignore_ascii_case(b"text/html"));
    matches!(ex.method(), b"GET" | b"HEAD")
        && ex.values(b"accept").any(html)
        && !ex.values(b"sec-fetch-mode").any(|mode| mode.eq_ignore_ascii_case(b"cors"))
        && !ex.head.websocket
        && ex.known(Known::Upgrade).is_none()
}

/// The URL that was asked for; that of the host alone where it is too long to come back to.
fn asked_url(ex: &Exchange) -> String {
    let bytes = ex.bytes();
    let authority = ex.head.host.map(|host| host.of_bytes(bytes)).unwrap_or_default();
    let mut url = format!("{}://", if ex.https { "https" } else { "http" });
    url.push_str(&String::from_utf8_lossy(authority));
    let alone = url.len();
    url.push_str(&String::from_utf8_lossy(ex.forwarded_path()));
    if let Some(query) = ex.raw_query() {
        url.push('?');
        url.push_str(&String::from_utf8_lossy(query));
    }
    if url.len() > LONGEST {
        url.truncate(alone);
        url.push('/');
    }
    url
}

/// A cookie of ours for this host alone, which is to be forgotten until it has a value.
fn own_cookie(ex: &Exchange, live: &Snapshot, name: CookieName, path: &'static str) -> Cookie {
    let panel_is_secure = live.panel_settings.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
    Cookie {
        name,
        value: None,
        path,
        domain: None,
        secure: ex.https || panel_is_secure,
        same_site: SameSite::Lax,
        expires: Timestamp(0),
    }
}

/// Where the request came from, for what is written about it.
fn origin(ex: &Exchange) -> Origin {
    let agent = String::from_utf8_lossy(ex.known(Known::Agent).unwrap_or_default());
    let end = (0..=AGENT.min(agent.len())).rev().find(|at| agent.is_char_boundary(*at)).unwrap_or(0);
    Origin {
        source_ip: ex.client.ip.to_string(),
        user_agent: agent[..end].to_owned(),
        request_id: ex.id.as_str().to_owned(),
        secure: ex.https,
        ..Origin::default()
    }
}
