//! The facade that ties all of it: open, ask, change, serve, close.

mod change;
pub mod form;
mod gate;
pub mod handles;
mod health;
mod history;
mod memo;
mod notifier;
mod orders;
mod repeat;
mod serve;
mod upkeep;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use form::{Form, Json};
use rusqlite::Connection;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use history::History;
use memo::Memo;
use notifier::Heard;
use repeat::{Answers, Call};
pub use serve::{ServeOptions, Serving};

use crate::api::{Context, Mutation, Operation, Query, ReloadRules, Terms, View, routes};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::outbound::OwnListeners;
use crate::proxy;
use crate::schema::{Actor, ApiToken, Cookie, SessionKind, Signed, site};
use crate::secret::{MasterKeySource, Reveal, Secret, token_hash};
use crate::snapshot::{HostFault, Snapshot};
use crate::store::{OpenOptions, Origin, Read, Store, StoreError, tokens, users};
use crate::waf::Places;

/// Read-only connections that queries share.
const READERS: usize = 4;

/// How a database is opened.
#[derive(Debug, Default)]
pub struct Options {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Where the master key may come from.
    pub key: MasterKeySource,
    /// The time; the system's by default.
    pub clock: Clock,
    /// Makes a new database even where copies of an old one lie.
    pub create: bool,
    /// Where people reach the panel, in place of the setting `panel.public_url`.
    pub panel_url: Option<String>,
    /// The core rule set that hosts run, or `baseline`; none: the setting `crs.path`, then the usual places.
    pub crs: Option<PathBuf>,
}

impl Options {
    /// Opens `data_dir` with the key that lies in it, or a new one.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            key: MasterKeySource::in_folder(&data_dir),
            data_dir,
            clock: Clock::system(),
            create: false,
            panel_url: None,
            crs: None,
        }
    }
}

/// A changed value and the generation it made; none when no configuration changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<T> {
    /// The operation's result.
    pub value: T,
    /// The new generation.
    pub generation: Option<u64>,
    /// What the caller's browser shall keep or forget.
    pub cookies: Vec<Cookie>,
}

/// The result of a call by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<T = Value> {
    /// The operation's result: JSON, or the form that was asked for.
    pub value: T,
    /// The new generation; none when no configuration changed.
    pub generation: Option<u64>,
    /// The tag of what was shown or changed, for `if_match`; none when nothing there has one.
    pub etag: Option<String>,
    /// What the caller's browser shall keep or forget.
    pub cookies: Vec<Cookie>,
}

/// One open Argos. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Argos {
    inner: Arc<Inner>,
    actor: Actor,
    origin: Origin,
    terms: Terms,
}

struct Inner {
    // Ends first: it reads through the store.
    history: History,
    store: Store,
    live: Arc<ArcSwap<Snapshot>>,
    cx: Context,
    faults: Vec<HostFault>,
    answers: Answers,
    memo: Memo,
    /// Events that wait to be dispatched; none while a thread does so.
    heard: Mutex<Option<Heard>>,
}

impl fmt::Debug for Argos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argos").field("actor", &self.actor).finish_non_exhaustive()
    }
}

impl Argos {
    /// Opens the data folder: lock, key, migrations, and the stored configuration compiled.
    ///
    /// # Errors
    /// `Conflict` when another process has it, `Corrupt` for a wrong key or a newer database.
    pub fn open(options: Options) -> Result<Self> {
        let clock = options.clock.clone();
        let panel_url = options.panel_url.as_deref().map(|text| {
            site(text).ok_or_else(|| {
                Error::invalid("setting.value", "panel_url", "the https (or http) URL of a site without path")
            })
        });
        let panel_url = panel_url.transpose()?;
        let places = Places { given: options.crs, data_dir: Some(options.data_dir.clone()), ..Places::default() };
        let (store, key) = Store::open(&OpenOptions {
            data_dir: options.data_dir,
            key: options.key,
            clock: options.clock,
            create: options.create,
            readers: READERS,
        })?;
        Self::with_store(store, key, clock, places, panel_url)
    }

    /// The same Argos, asked by `actor`.
    #[must_use]
    pub fn acting(&self, actor: Actor, origin: Origin) -> Self {
        Self { inner: self.inner.clone(), actor, origin, terms: self.terms.clone() }
    }

    /// The same Argos, which makes its changes on these terms only.
    #[must_use]
    pub fn on(&self, terms: Terms) -> Self {
        Self { terms, ..self.clone() }
    }

    /// The same Argos, asked by the holder of the bearer token `text`; without one by nobody, who may ask only what is
    /// public.
    ///
    /// # Errors
    /// `token.refused`, and those of the database.
    pub fn with_token(&self, text: Option<&str>, origin: Origin) -> Result<Self> {
        let Some(text) = text else { return Ok(self.acting(Actor::Anonymous, origin)) };
        let token = self.token(text)?.ok_or_else(|| {
            Error::new(ErrorKind::Unauthorized, "token.refused", "this token is unknown, revoked or ended")
        })?;
        Ok(self.acting(Actor::Token { id: token.id, name: token.name, role: token.role.into() }, origin))
    }

    /// The same Argos, asked by whoever has one of these panel sessions; none where none of them is good. The first that is
    /// good counts, of four at most: a browser may hold several of one name, of which some are not ours.
    ///
    /// # Errors
    /// Those of the database.
    pub fn with_session(&self, tokens: &[Secret<String>], origin: &Origin) -> Result<Option<Self>> {
        let terms = self.inner.live.load().panel_settings.sessions;
        for token in tokens.iter().take(4) {
            let found = self.inner.cx.sessions.find(token.expose(), terms)?;
            let Some(session) = found.filter(|session| session.kind == SessionKind::Panel) else { continue };
            let person = &session.person;
            let (id, username, role) = (person.id, person.username.clone(), person.role);
            let signed = Some(Signed { id: session.id, at: session.created_at });
            return Ok(Some(self.acting(Actor::User { id, username, role, session: signed }, origin.clone())));
        }
        Ok(None)
    }

    /// The address of the client behind the panel's `peer`, and whether it came over TLS: as trusted proxies say, where
    /// `peer` is one. `forwarded_for` are the lines of `X-Forwarded-For`.
    #[must_use]
    pub fn client_of(&self, peer: IpAddr, forwarded_for: &[&[u8]], forwarded_proto: &[u8]) -> (IpAddr, bool) {
        let live = self.inner.live.load();
        let client = proxy::client_of(peer.to_canonical(), &live.proxy.trusted_proxies, forwarded_for);
        (client.0, client.1 && forwarded_proto.eq_ignore_ascii_case(b"https"))
    }

    /// The client that the proxy names in [`proxy::PANEL_CLIENT`], if it was the proxy of this Argos that did. Its
    /// connection is inside TLS.
    #[must_use]
    pub fn client_by_proxy(&self, told: &[u8]) -> Option<IpAddr> {
        let (proof, ip) = std::str::from_utf8(told).ok()?.split_once(' ')?;
        let ours = self.inner.cx.panel_proof.expose().as_bytes().ct_eq(proof.as_bytes());
        if ours.into() { ip.parse().ok() } else { None }
    }

    /// Who asks through this handle.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Hosts that could not be compiled when the database was opened.
    #[must_use]
    pub fn faults(&self) -> &[HostFault] {
        &self.inner.faults
    }

    /// The running configuration.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.inner.live.load_full()
    }

    /// Asks something.
    ///
    /// # Errors
    /// Those of the operation, and of the actor's role.
    pub fn query<Q: Query>(&self, op: Q) -> Result<Q::Output> {
        self.allow::<Q>()?;
        self.view(|view| op.look(view))?.finish()
    }

    /// Changes something: one transaction, one audit row, one swap, or no trace at all.
    ///
    /// # Errors
    /// Those of the operation, of the actor's role, and of the compiler.
    pub fn change<M: Mutation>(&self, mut op: M) -> Result<Applied<M::Output>> {
        self.allow::<M>()?;
        self.terms.suit::<M>()?;
        self.view(|view| {
            op.prepare(view)?;
            // Nothing is done outside for what is refused anyway; what decides is the look inside the transaction.
            self.terms.check(&op, view)
        })?;
        op.act(&self.inner.cx)?;
        let inner = self.inner.clone();
        let (actor, origin, terms) = (self.actor.clone(), self.origin.clone(), self.terms.clone());
        let dry_run = terms.dry_run;
        let applied = self.inner.store.write(move |conn| inner.run(conn, actor, &origin, &terms, op))??;
        if dry_run {
            return Ok(applied);
        }
        M::done(&self.inner.cx);
        self.inner.cx.changed.notify_one();
        if let Some(generation) = applied.generation {
            self.inner.history.made(generation);
        }
        Ok(applied)
    }

    /// Runs the operation called `name` with JSON input and output, for front ends in other languages.
    ///
    /// # Errors
    /// `NotFound` for an unknown name, `Invalid` naming the field, and those of the operation.
    pub fn call(&self, name: &str, input: Map<String, Value>) -> Result<Reply> {
        self.call_as(name, input, &Json)
    }

    /// As [`Argos::call`], with the result in a form of the front end's own.
    ///
    /// # Errors
    /// As [`Argos::call`], and those of the form. A change whose result can't be given that form is made all the same.
    pub fn call_as<F: Form>(&self, name: &str, input: Map<String, Value>, form: &F) -> Result<Reply<F::Made>> {
        let mut once = self.clone();
        // Nothing else than POST needs a key to be made again, and what is only tried leaves nothing behind.
        let key = once.terms.idempotency_key.take().filter(|_| routes::repeats(name) && !self.terms.dry_run);
        let Some(key) = key else { return handles::call(&once, name, input, form) };
        // What a role does not allow is not given a second time either.
        routes::allow(name, &self.actor)?;
        let call = Call::new(&self.actor, &key, name, &input)?;
        let now = self.inner.cx.clock.now();
        let done = self.inner.answers.once(call, now, || handles::call(&once, name, input, &Json))?;
        Ok(Reply {
            value: form.make(&done.value)?,
            generation: done.generation,
            etag: done.etag,
            cookies: done.cookies,
        })
    }

    /// The answer that [`Argos::call_as`] would give, if it is at hand and nothing has to be read or waited for.
    ///
    /// # Errors
    /// `Forbidden`, and those of the form.
    pub fn at_hand<F: Form>(&self, name: &str, input: &Map<String, Value>, form: &F) -> Result<Option<Reply<F::Made>>> {
        handles::at_hand(self, name, input, form)
    }

    /// The live token whose text is `text`; notes its use at most once a minute.
    ///
    /// # Errors
    /// Those of the database.
    pub fn token(&self, text: &str) -> Result<Option<ApiToken>> {
        let hash = token_hash(text);
        let found = self.view(|view| tokens::find_live(&view.read, &hash))?;
        if let Some(token) = &found {
            self.touch(token);
        }
        Ok(found)
    }

    /// A new token for making the first administrator; none when one exists.
    ///
    /// # Errors
    /// Those of the database.
    pub fn issue_setup_token(&self) -> Result<Option<Reveal<String>>> {
        let done = self.view(|view| users::admin_exists(&view.read))?;
        Ok((!done).then(|| self.inner.cx.setup.issue()))
    }

    /// Whether the first administrator can still be made with the token that this process issued.
    ///
    /// # Errors
    /// When the users can't be read.
    pub fn awaits_setup(&self) -> Result<bool> {
        Ok(self.inner.cx.setup.is_live() && !self.view(|view| users::admin_exists(&view.read))?)
    }

    /// Where this process listens, which nothing that Argos sends may reach. The proxy's listeners are added by
    /// [`Argos::start`]; whoever opens another one adds it.
    #[must_use]
    pub fn own_listeners(&self) -> &OwnListeners {
        &self.inner.cx.own
    }

    /// Every event from now on, such as a certificate that could not be had. A listener that falls 1,000 behind misses
    /// some; nobody waits for it.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<Arc<Event>> {
        self.inner.cx.events.subscribe()
    }

    /// Stores the deliveries of events that came since [`Serving`] stopped; the next process sends them. For whoever ends a
    /// process in which changes were still made while it stopped.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_events(&self) -> Result<()> {
        notifier::keep(self)
    }

    /// Tells an event to all who listen, as parts of Argos do.
    #[doc(hidden)]
    pub fn tell(&self, event: Event) {
        self.inner.cx.events.emit(event);
    }

    /// Waits until everything that a change leaves to be done after it is done, such as full copies of its generation.
    ///
    /// # Errors
    /// Those of [`Argos::check_writer`].
    pub fn rest(&self) -> Result<()> {
        self.inner.history.rest();
        self.check_writer()?;
        while self.inner.history.is_busy() {
            self.check_writer()?;
        }
        Ok(())
    }

    /// Whether changes can be made: the writer writes, and the disk has room.
    ///
    /// # Errors
    /// `store.disk_full`, and those of the database and its folder.
    pub fn check(&self) -> Result<()> {
        self.check_writer()?;
        self.inner.store.check_room()
    }

    /// Has the writer write, and waits for it: it works, and everything asked of it before is done.
    ///
    /// # Errors
    /// Those of the database, such as a full disk.
    pub fn check_writer(&self) -> Result<()> {
        self.inner.store.write(touch_database)?
    }

    /// Reads the rules of all hosts anew, as `waf.reload` does.
    ///
    /// # Errors
    /// `waf.rule_set_missing`, `waf.rules_broken` with every position.
    pub fn reload_rules(&self) -> Result<()> {
        self.change(ReloadRules::default()).map(drop)
    }

    fn view<T>(&self, look: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        let cx = &self.inner.cx;
        let live = self.inner.live.load_full();
        let (actor, origin) = (&self.actor, &self.origin);
        self.inner.store.read(|conn| look(&View { read: Read::new(conn, cx.clock.now()), live, actor, origin, cx }))?
    }

    fn allow<O: Operation>(&self) -> Result<()> {
        self.actor.require(O::ROLE)?;
        self.actor.require_by(O::BY)
    }
}

/// Writes a row as it was: that needs room on the disk as any change does.
fn touch_database(conn: &mut Connection) -> Result<()> {
    let sql = "UPDATE settings SET value = value WHERE key = 'logs.access_offset'";
    Ok(conn.execute(sql, []).map(drop).map_err(StoreError::from)?)
}

#[cfg(test)]
mod tests;
