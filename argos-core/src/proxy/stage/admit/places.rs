//! The places of Argos on protected hosts, which no upstream ever hears of: where a ticket is spent, and where a session
//! ends.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::{MOST_COOKIES, OWN_PATH, TOKEN, aside, origin, own_cookie, signed_in};
use crate::proxy::cookies;
use crate::proxy::core::Core;
use crate::proxy::exchange::Exchange;
use crate::proxy::stop::{SentOn, Stop};
use crate::schema::{Cookie, CookieName, SessionKind};
use crate::secret::token_hash;
use crate::snapshot::{Host, Snapshot};

/// A place of Argos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Where a ticket is spent.
    Callback,
    /// Where a session ends.
    Logout,
    /// There is nothing.
    Nothing,
}

impl Place {
    /// What is there for whoever brings nothing.
    pub(super) fn unvisited(self) -> Stop {
        match self {
            Self::Callback => Stop::NotAdmitted(TICKET_REFUSED),
            Self::Logout => Stop::SignedOut(Box::default()),
            Self::Nothing => Stop::NoPlace,
        }
    }
}

/// Which place of Argos is asked for. All that an upstream may read as being below `/.argos` is.
pub(super) fn find(ex: &Exchange) -> Option<Place> {
    let rest = ex.matching_path().strip_prefix(b"/.argos")?;
    let reads = matches!(ex.method(), b"GET" | b"HEAD");
    match rest {
        b"/auth/callback" if reads => Some(Place::Callback),
        b"/auth/logout" if matches!(ex.method(), b"GET" | b"POST") => Some(Place::Logout),
        [] | [b'/' | b'%' | b'\\' | b';', ..] => Some(Place::Nothing),
        _ => None,
    }
}

pub(super) async fn answer(ex: &mut Exchange, live: &Snapshot, core: &Core, host: &Host, place: Place) -> Stop {
    let done = match place {
        Place::Callback => callback(ex, live, core, host).await,
        Place::Logout => logout(ex, live, core, host).await,
        Place::Nothing => Err(Stop::NoPlace),
    };
    done.unwrap_or_else(|stop| stop)
}

const TICKET_REFUSED: &str =
    "This sign-in has ended, was used before or began in another browser. Please open the page again.";
const FROM_ELSEWHERE: &str = "Another site can't sign you out.";

/// Spends a ticket: the browser that was sent to sign in comes back with a session of this host.
async fn callback(ex: &Exchange, live: &Snapshot, core: &Core, host: &Host) -> Result<Stop, Stop> {
    let refused = || Stop::NotAdmitted(TICKET_REFUSED);
    let gate = core.shared.gate.as_ref().ok_or(Stop::NoSignIn)?;
    let text = ticket_of(ex.raw_query().unwrap_or_default()).ok_or_else(refused)?;
    let states: SmallVec<[String; 1]> = cookies::values(ex, CookieName::Ticket)
        .filter(|state| state.len() == TOKEN)
        .take(MOST_COOKIES)
        .map(token_hash)
        .collect();
    let ticket = gate.tickets.spend(text, host.id, &ex.name, &states).ok_or_else(refused)?;
    let (keeper, from, rd) = (Arc::clone(&gate.keeper), origin(ex), ticket.rd.clone());
    let entry = aside(move || keeper.enter(&ticket, from)).await?.ok_or_else(refused)?;
    let session = own_cookie(ex, live, CookieName::Session, "/");
    let session = Cookie { value: Some(entry.token), expires: entry.expires_at, ..session };
    let cookies = smallvec![session.field(), own_cookie(ex, live, CookieName::Ticket, OWN_PATH).field()];
    Ok(Stop::SentOn(Box::new(SentOn { location: rd.into_bytes(), cookies, back: true })))
}

/// The text of the ticket in a query.
fn ticket_of(query: &[u8]) -> Option<&str> {
    let mut parts = query.split(|b| *b == b'&').filter_map(|part| part.strip_prefix(b"ticket="));
    match (parts.next(), parts.next()) {
        (Some(text), None) if text.len() == TOKEN => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

/// Ends the session that counts here.
async fn logout(ex: &Exchange, live: &Snapshot, core: &Core, host: &Host) -> Result<Stop, Stop> {
    // Nor can a neighbour below the same domain, by a picture or a link.
    let foreign = |site: &[u8]| !site.eq_ignore_ascii_case(b"same-origin") && !site.eq_ignore_ascii_case(b"none");
    if ex.values(b"sec-fetch-site").any(foreign) {
        return Err(Stop::NotAdmitted(FROM_ELSEWHERE));
    }
    let gate = core.shared.gate.as_ref().ok_or(Stop::NoSignIn)?;
    let mut cookie = own_cookie(ex, live, CookieName::Session, "/");
    if let Some(session) = signed_in(ex, live, core, host).await? {
        if session.kind == SessionKind::Panel {
            cookie.domain = Some(live.panel_settings.parent_domain.to_string());
        }
        let (keeper, from) = (Arc::clone(&gate.keeper), origin(ex));
        aside(move || keeper.leave(&session, from)).await?;
    }
    Ok(Stop::SignedOut(Box::new(smallvec![cookie.field()])))
}
