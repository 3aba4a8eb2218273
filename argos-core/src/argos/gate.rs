//! What the gate before protected hosts has written: sessions of hosts, and who was turned away.

use std::fmt;
use std::sync::{Arc, Weak};

use serde_json::json;

use super::Inner;
use super::change::noted;
use crate::auth::{Session, Ticket};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::proxy::gate::{Entry, Gate, Keeper};
use crate::schema::{Actor, HostId, SessionKind};
use crate::secret::{Secret, random_token, token_hash};
use crate::store::audit::{self, AuthEvent};
use crate::store::sessions::{self, NewSession};
use crate::store::{Origin, Read};

/// Writes for the gate of one Argos.
pub(super) struct Porter {
    // Not the other way about: what serves must not keep alive what is served.
    inner: Weak<Inner>,
}

impl fmt::Debug for Porter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Porter").finish_non_exhaustive()
    }
}

/// The gate of an Argos.
pub(super) fn gate(inner: &Arc<Inner>) -> Gate {
    Gate {
        sessions: Arc::clone(&inner.cx.sessions),
        tickets: Arc::clone(&inner.cx.tickets),
        keeper: Arc::new(Porter { inner: Arc::downgrade(inner) }),
    }
}

impl Porter {
    fn inner(&self) -> Result<Arc<Inner>> {
        let closed = || Error::new(ErrorKind::Unavailable, "sessions.closed", "Argos is closing");
        self.inner.upgrade().ok_or_else(closed)
    }
}

impl Keeper for Porter {
    fn enter(&self, ticket: &Ticket, from: Origin) -> Result<Option<Entry>> {
        let inner = self.inner()?;
        let (id, host) = (ticket.session, ticket.host);
        let terms = inner.live.load().panel_settings.sessions;
        let now = inner.cx.clock.now();
        let token = Secret::new(random_token());
        let hash = token_hash(token.expose());
        let expires_at = inner.store.write(move |conn| {
            let Some(parent) = sessions::by_id(&Read::new(conn, now), id)? else { return Ok(None) };
            if parent.kind != SessionKind::Panel || terms.are_over(&parent, now) {
                return Ok(None);
            }
            let person = &parent.person;
            let end = parent.expires_at.0.min(parent.created_at.0.saturating_add(terms.absolute_ms));
            let actor =
                Actor::User { id: person.id, username: person.username.clone(), role: person.role, session: None };
            noted(conn, now, actor, from, |tx| {
                let (remote_ip, user_agent) = (tx.origin().source_ip.clone(), tx.origin().user_agent.clone());
                sessions::insert(
                    tx,
                    &NewSession {
                        token_hash: &hash,
                        user: person.id,
                        kind: SessionKind::Host,
                        host: Some(host),
                        parent: Some(id),
                        expires_at: Timestamp(end),
                        remote_ip: &remote_ip,
                        user_agent: &user_agent,
                    },
                )
            })
            .result?;
            Ok::<_, Error>(Some(Timestamp(end)))
        })??;
        Ok(expires_at.map(|expires_at| Entry { token, expires_at }))
    }

    fn leave(&self, session: &Session, from: Origin) -> Result<()> {
        let inner = self.inner()?;
        let now = inner.cx.clock.now();
        let (id, person) = (session.id, Arc::clone(&session.person));
        let done = inner.store.write(move |conn| {
            let actor =
                Actor::User { id: person.id, username: person.username.clone(), role: person.role, session: None };
            noted(conn, now, actor, from, |tx| {
                sessions::end(tx, person.id, id)?;
                let event = AuthEvent {
                    action: "logout",
                    user: Some(person.id),
                    username: &person.username,
                    detail: json!({}),
                };
                audit::auth(tx, &event)
            })
        })?;
        if done.people {
            inner.cx.sessions.forget();
        }
        match done.result {
            // It ended meanwhile.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    fn denied(&self, session: &Session, host: HostId, domain: &str, from: Origin) {
        let Ok(inner) = self.inner() else { return };
        let now = inner.cx.clock.now();
        let person = Arc::clone(&session.person);
        if !inner.cx.told.is_due(&format!("denied {} {host}", person.id), now) {
            return;
        }
        let domain = domain.to_owned();
        let sent = inner.store.submit(move |conn| {
            let actor =
                Actor::User { id: person.id, username: person.username.clone(), role: person.role, session: None };
            let done = noted(conn, now, actor, from, |tx| {
                let detail = json!({ "host_id": host, "host": domain });
                let (user, username) = (Some(person.id), person.username.as_str());
                audit::auth(tx, &AuthEvent { action: "host_access_denied", user, username, detail })
            });
            if let Err(e) = done.result {
                tracing::warn!("that {} may not open {domain} was not noted: {e}", person.username);
            }
        });
        if let Err(e) = sent {
            tracing::warn!("that somebody may not open a host was not noted: {e}");
        }
    }
}
