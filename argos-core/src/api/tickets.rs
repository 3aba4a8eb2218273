//! Where people go once they are signed in, and what lets them in there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operation::operation;
use super::{Context, Mutation, Query, View};
use crate::auth::Ticket;
use crate::auth::return_url::{At, Places, ReturnUrl};
use crate::error::{Error, Result};
use crate::schema::HostId;
use crate::secret::Reveal;
use crate::snapshot::Snapshot;
use crate::store::Tx;

/// Bytes of a hash as text.
const HASH: usize = 64;

/// Reads where a link wants a person to be sent after signing in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckReturnUrl {
    /// The place: a path of the panel, or a URL of the panel or of a protected host.
    pub rd: String,
}
operation!(CheckReturnUrl => ReturnPlace, "auth.return_url", Get "/auth/return-url", Public, 200,
    "Reads where a link wants a person to be sent after signing in; what is no place of ours is `/`.");

/// Where a person is sent after signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReturnPlace {
    /// A path of the panel, or the URL of a protected host.
    pub url: String,
    /// Whether that place takes them only with a ticket.
    pub ticket_needed: bool,
}

impl Query for CheckReturnUrl {
    fn run(self, view: &View<'_>) -> Result<ReturnPlace> {
        let found = read(&self.rd, &view.live, view.cx).unwrap_or_else(ReturnUrl::home);
        Ok(ReturnPlace { ticket_needed: matches!(found.at, At::Host { .. }), url: found.url })
    }
}

fn read(rd: &str, live: &Snapshot, cx: &Context) -> Option<ReturnUrl> {
    let panel = &live.panel_settings;
    let (https, http) = cx.tickets.ports();
    ReturnUrl::parse(
        rd,
        &Places {
            panel: panel.public_url.as_ref(),
            parent: Some(&*panel.parent_domain).filter(|parent| !parent.is_empty()),
            ports: (&https, &http),
            protects: &|name| protected(live, name).is_some(),
        },
    )
}

/// The protected host of that name. One that takes every name is nobody's place.
fn protected(live: &Snapshot, name: &str) -> Option<HostId> {
    let host = live.host(name).filter(|host| host.enabled && host.access.is_some() && &*host.domain != "*")?;
    Some(host.id)
}

/// Makes a ticket for the person who asks: it lets them in at a protected host, once and soon.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeTicket {
    /// Where the person goes.
    pub rd: String,
    /// What the host said with the request to sign in: 64 hex digits.
    pub st: String,
    #[serde(skip)]
    #[schemars(skip)]
    place: Option<Place>,
}
operation!(MakeTicket => TicketPlace, "auth.ticket", Post "/auth/ticket", Session, 200,
    "Makes a ticket for the person who asks: it lets them in at a protected host, once and within 30 seconds.");

impl MakeTicket {
    /// A ticket for `rd`, in the browser that holds what `st` is the hash of.
    #[must_use]
    pub fn new(rd: String, st: String) -> Self {
        Self { rd, st, place: None }
    }
}

/// A protected host as it was asked for.
#[derive(Clone, Debug)]
struct Place {
    host: HostId,
    name: String,
    origin: String,
    url: String,
}

/// Where a ticket is spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TicketPlace {
    /// The URL to open, which holds the ticket.
    #[schemars(with = "String")]
    pub url: Reveal<String>,
}

impl Mutation for MakeTicket {
    const CONFIGURES: bool = false;

    fn prepare(&mut self, view: &View<'_>) -> Result<()> {
        let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        if self.st.len() != HASH || !self.st.bytes().all(hex) {
            return Err(Error::invalid("ticket.state", "st", "64 hex digits in lower case"));
        }
        self.place = read(&self.rd, &view.live, view.cx).and_then(|ReturnUrl { url, at }| match at {
            At::Host { name, origin } => Some(Place { host: protected(&view.live, &name)?, name, origin, url }),
            At::Panel | At::Shared => None,
        });
        match self.place {
            Some(_) => Ok(()),
            None => Err(Error::invalid("ticket.place", "rd", "not a URL of a protected host that takes tickets")),
        }
    }

    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<TicketPlace> {
        let Some(Place { host, name, origin, url }) = self.place else {
            return Err(Error::internal("a ticket without its place"));
        };
        let session = tx.actor().session().ok_or_else(|| Error::internal("a ticket without a session"))?.id;
        let text = cx.tickets.issue(Ticket { session, host, name, state: self.st, rd: url });
        Ok(TicketPlace { url: Reveal::new(format!("{origin}/.argos/auth/callback?ticket={}", text.expose())) })
    }
}
