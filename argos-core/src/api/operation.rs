//! What an operation is.

use std::sync::{Arc, LazyLock, Mutex};

use arc_swap::ArcSwap;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Notify;
use url::Url;

use super::routes;
use super::shape::refine;
use super::sign_in::SecondFactor;
use crate::auth::limiter::Told;
use crate::auth::oidc::RelyingParty;
use crate::auth::{Hashing, Pending, Sessions, SetupToken, Tickets};
use crate::certs::acme::Challenges;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::logs::Queue;
use crate::notify::{Health, Lookout};
use crate::outbound::OwnListeners;
use crate::proxy::Upstreams;
use crate::proxy::limit::Quotas;
use crate::schema::{Actor, By, Role, Username};
use crate::secret::{MasterKey, Secret, Subkey, hmac_sha256};
use crate::snapshot::{PanelSettings, Snapshot};
use crate::store::{Origin, Read, Tx};
use crate::waf::RuleSets;
use crate::waf::flagged::Flagged;

/// The HTTP method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Looks.
    Get,
    /// Makes, or does something that is no field.
    Post,
    /// Replaces.
    Put,
    /// Changes the given fields.
    Patch,
    /// Deletes.
    Delete,
}

impl Method {
    /// The method's token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Something that can be asked. Fields that stand in [`Operation::PATH`] as `{name}` come from there.
pub trait Operation: DeserializeOwned + JsonSchema + Send + 'static {
    /// The result.
    type Output: Serialize + JsonSchema + Send + Sync + 'static;
    /// Resource and verb, such as `hosts.create`.
    const NAME: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path below `/api/v1`, with `{field}` for fields.
    const PATH: &'static str;
    /// The weakest role that may ask; none = public.
    const ROLE: Option<Role>;
    /// Who of them.
    const BY: By = By::Anyone;
    /// The HTTP status of success.
    const STATUS: u16;
    /// One sentence.
    const SUMMARY: &'static str;
    /// Fields beside those of the path that the command line takes by position.
    const POSITIONAL: &'static [&'static str] = &[];
    /// What shows the thing that it changes.
    const OF: Option<Of> = None;
    /// Bytes of a body that asks for it, at most.
    const MOST_BODY: usize = 1 << 20;

    /// What it changes, as [`Operation::OF`] shows it; none where nothing does.
    ///
    /// # Errors
    /// Those of that query.
    fn shown(&self, view: &View<'_>) -> Result<Option<Value>> {
        let _ = view;
        Ok(None)
    }
}

/// The query that shows what an operation changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Of {
    /// Its name, such as `hosts.get`.
    pub query: &'static str,
    /// Whether the operation's result is what the query shows; else it is a part of it, or nothing.
    pub answered: bool,
}

/// An operation that looks.
pub trait Query: Operation {
    /// Whether it reads nothing but configuration: it has one answer to an input as long as a generation runs.
    const CONFIGURED: bool = false;

    /// Answers from one consistent view.
    ///
    /// # Errors
    /// Those of the operation.
    fn run(self, view: &View<'_>) -> Result<Self::Output>;

    /// As [`run`](Self::run), but only as far as the view is needed: a query that works for long on what it has read
    /// leaves the rest, so that it does not keep a connection from others meanwhile.
    ///
    /// # Errors
    /// Those of the operation.
    fn look(self, view: &View<'_>) -> Result<Look<Self::Output>> {
        self.run(view).map(Look::Answer)
    }
}

/// What a query makes of a view.
pub enum Look<T> {
    /// The answer.
    Answer(T),
    /// The rest, which needs no view.
    Rest(Box<dyn FnOnce() -> Result<T>>),
}

impl<T> Look<T> {
    /// Leaves `work` to be done without a view.
    pub(super) fn rest(work: impl FnOnce() -> Result<T> + 'static) -> Self {
        Self::Rest(Box::new(work))
    }

    /// The answer, after the rest is done.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn finish(self) -> Result<T> {
        match self {
            Self::Answer(answer) => Ok(answer),
            Self::Rest(work) => work(),
        }
    }
}

impl<T> std::fmt::Debug for Look<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Answer(_)) { "Answer" } else { "Rest" })
    }
}

/// An operation that changes something.
pub trait Mutation: Operation {
    /// Whether it changes configuration: it makes a generation, and can be tried without being done.
    const CONFIGURES: bool = true;
    /// Whether the rules of all hosts are other ones behind it, so that every host is made anew.
    const RELOADS: bool = false;

    /// Work that needs no transaction and would hold up the writer, such as hashing a password.
    ///
    /// # Errors
    /// Those of the operation; nothing was written.
    fn prepare(&mut self, _view: &View<'_>) -> Result<()> {
        Ok(())
    }

    /// What it does outside, behind [`Mutation::prepare`]: it may take long, and holds no connection meanwhile.
    ///
    /// # Errors
    /// Those of the operation; nothing was written.
    fn act(&mut self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    /// Writes, and says by [`Tx::about`] what the audit row is about.
    ///
    /// # Errors
    /// Those of the operation; the transaction is then rolled back.
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Self::Output>;

    /// Runs after the change is stored and live.
    fn done(cx: &Context) {
        let _ = cx;
    }
}

/// What operations may use beside the store.
#[derive(Debug)]
pub struct Context {
    /// The running configuration.
    pub live: Arc<ArcSwap<Snapshot>>,
    /// The time.
    pub clock: Clock,
    /// The key of this database.
    pub key: MasterKey,
    /// The first administrator's token.
    pub setup: SetupToken,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// What proves to the panel that a request comes from the proxy.
    pub panel_proof: Secret<String>,
    /// What lets people in at protected hosts of other domains.
    pub tickets: Arc<Tickets>,
    /// Where passwords are hashed.
    pub hashing: Hashing,
    /// Sign-ins that wait for a second factor.
    pub second_factors: Pending<SecondFactor>,
    /// What is known of the identity provider, and sign-ins that wait for it.
    pub oidc: Arc<RelyingParty>,
    /// When refusals, of sign-ins and at hosts, were last told to the audit log.
    pub told: Told,
    /// The log queue, for its figures.
    pub logs: Arc<Queue>,
    /// Where the rules of all hosts come from.
    pub rules: RuleSets,
    /// The last requests that the WAF had something to say about.
    pub flagged: Arc<Flagged>,
    /// What proofs of names are answered with.
    pub challenges: Arc<Challenges>,
    /// What is known of targets.
    pub upstreams: Arc<Upstreams>,
    /// What clients have left, where hosts limit their requests.
    pub quotas: Arc<Quotas>,
    /// What is made of what many requests show.
    pub lookout: Arc<Lookout>,
    /// How the parts of Argos did when they were last checked.
    pub health: Arc<Mutex<Health>>,
    /// Told after each change, for whoever orders certificates.
    pub changed: Arc<Notify>,
    /// Told when a delivery is to be tried once more.
    pub retried: Arc<Notify>,
    /// Where events go.
    pub events: Events,
    /// Where Argos itself listens, which nothing that it sends may reach.
    pub own: OwnListeners,
}

impl Context {
    /// What the panel reads of the running configuration.
    pub(super) fn panel(&self) -> Arc<PanelSettings> {
        Arc::clone(&self.live.load().panel_settings)
    }

    /// The panel's address where the environment says it.
    pub(super) fn given_public_url(&self) -> Option<Url> {
        self.live.load().given_public_url.clone()
    }

    /// A number that belongs to a name, and that nobody else can foresee.
    pub(super) fn pick(&self, name: &Username) -> u64 {
        let mac = hmac_sha256(self.key.subkey(Subkey::Ticket).expose(), format!("name {}", name.folded()).as_bytes());
        u64::from_be_bytes(std::array::from_fn(|i| mac[i]))
    }

    /// The key that authenticates cursors.
    pub(super) fn cursor_key(&self) -> [u8; 32] {
        *self.key.subkey(Subkey::Cursor).expose()
    }
}

/// What a query sees: one read transaction and one snapshot.
#[derive(Debug)]
pub struct View<'c> {
    /// The database.
    pub read: Read<'c>,
    /// The running configuration.
    pub live: Arc<Snapshot>,
    /// Who asks.
    pub actor: &'c Actor,
    /// Where the call came from.
    pub origin: &'c Origin,
    /// The rest.
    pub cx: &'c Context,
}

/// Resources whose input holds secrets, which never stand in arguments, or which only sessions may ask: they have no
/// command.
const NO_COMMAND: &[&str] = &["auth", "push", "setup", "users"];

/// An operation as generators and front ends see it.
#[derive(Clone, Debug)]
pub struct Described {
    /// Resource and verb, such as `hosts.create`.
    pub name: &'static str,
    /// The HTTP method.
    pub method: Method,
    /// The path below `/api/v1`.
    pub path: &'static str,
    /// The weakest role; none = public.
    pub role: Option<Role>,
    /// Who of those that have the role.
    pub by: By,
    /// The HTTP status of success.
    pub status: u16,
    /// One sentence.
    pub summary: &'static str,
    /// What the resource is, in one sentence.
    pub resource_summary: &'static str,
    /// The field that names what the resource belongs to, such as `host_id`.
    pub parent: Option<&'static str>,
    /// Whether it changes something.
    pub mutates: bool,
    /// Whether it changes configuration.
    pub configures: bool,
    /// The query that shows what it changes.
    pub of: Option<&'static str>,
    /// Whether its result has a tag.
    pub tagged: bool,
    /// The path at which what it makes is found, with `{id}` for the result's.
    pub place: Option<&'static str>,
    /// Fields beside those of the path that the command line takes by position.
    pub positional: &'static [&'static str],
    /// Bytes of a body that asks for it, at most.
    pub most_body: usize,
    /// Whether the fields of its body may also come as the parts of a form (`multipart/form-data`).
    pub form: bool,
    /// JSON Schema of the input, references resolved in place.
    pub input: Value,
    /// JSON Schema of the result.
    pub output: Value,
    shared: fn(&mut SchemaGenerator) -> (Value, Value),
}

impl Described {
    pub(super) fn query<Q: Query>(resource_summary: &'static str, parent: Option<&'static str>) -> Self {
        Self::new::<Q>(resource_summary, parent)
    }

    pub(super) fn change<M: Mutation>(resource_summary: &'static str, parent: Option<&'static str>) -> Self {
        Self { mutates: true, configures: M::CONFIGURES, ..Self::new::<M>(resource_summary, parent) }
    }

    fn new<O: Operation>(resource_summary: &'static str, parent: Option<&'static str>) -> Self {
        let schema =
            |inline: bool| SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = inline).into_generator();
        Self {
            name: O::NAME,
            method: O::METHOD,
            path: O::PATH,
            role: O::ROLE,
            by: O::BY,
            status: O::STATUS,
            summary: O::SUMMARY,
            resource_summary: resource_summary.trim_ascii(),
            parent,
            mutates: false,
            configures: false,
            of: O::OF.map(|of| of.query),
            tagged: routes::tagged(O::NAME),
            place: routes::place(O::NAME),
            positional: O::POSITIONAL,
            most_body: O::MOST_BODY,
            form: routes::takes_form(O::NAME),
            input: refine(O::METHOD, schema(true).into_root_schema_for::<O>().to_value()),
            output: schema(false).into_root_schema_for::<O::Output>().to_value(),
            shared: |all| {
                (refine(O::METHOD, O::json_schema(all).to_value()), all.subschema_for::<O::Output>().to_value())
            },
        }
    }

    /// JSON Schemas of the input and of the result; the records they name are added to `all`.
    pub fn schemas(&self, all: &mut SchemaGenerator) -> (Value, Value) {
        (self.shared)(all)
    }

    /// Refuses an actor that may not ask.
    ///
    /// # Errors
    /// `unauthorized`, `forbidden`, `forbidden.token`, `forbidden.session`.
    pub fn allow(&self, actor: &Actor) -> Result<()> {
        actor.require(self.role)?;
        actor.require_by(self.by)
    }

    /// The words of the command line, such as `target-group create`; none where the input holds secrets.
    #[must_use]
    pub fn command(&self) -> Option<(String, &'static str)> {
        let one = match self.resource() {
            resource if NO_COMMAND.contains(&resource) => return None,
            same @ ("access" | "logs" | "security" | "system" | "waf") => same,
            "deliveries" => "delivery",
            many => many.strip_suffix('s').unwrap_or(many),
        };
        Some((one.replace('_', "-"), self.verb()))
    }

    /// The media type of its result over HTTP: JSON, unless the result is a text of its own.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        if self.path.ends_with(".pem") { "application/x-pem-file" } else { "application/json" }
    }

    /// The fields that stand in the path, in order.
    pub fn path_fields(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The resource, such as `hosts`.
    #[must_use]
    pub fn resource(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(resource, _)| resource)
    }

    /// The verb, such as `create`.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(_, verb)| verb)
    }
}

/// Every operation, in the order of the registry.
#[must_use]
pub fn describe() -> Vec<Described> {
    // The schemas are the same each time; making them takes a good part of a short command.
    static ALL: LazyLock<Vec<Described>> = LazyLock::new(super::registry::describe);
    ALL.clone()
}

/// Declares an operation: `operation!(UpdateHost => Host, "hosts.update", Patch "/hosts/{id}", Operator, 200, "…");`
///
/// Behind the summary may stand `positional ["field"]`, `body` with the bytes that a body may have, and `of GetHost { id }`: the query that shows what the operation
/// changes, with fields of the same name or of the given value. With `of` the result is what that query shows, or
/// nothing; with `part of` it is something else. `If-Match` is compared with the tag of what the query shows.
macro_rules! operation {
    (@role Public) => { None };
    (@role Session) => { Some($crate::schema::Role::User) };
    (@role AdminNoToken) => { Some($crate::schema::Role::Admin) };
    (@by Session) => { $crate::schema::By::Session };
    (@by AdminNoToken) => { $crate::schema::By::NoToken };
    (@by $role:ident) => { $crate::schema::By::Anyone };
    (@role $role:ident) => { Some($crate::schema::Role::$role) };
    (@value $op:ident $field:ident) => { ::std::clone::Clone::clone(&$op.$field) };
    (@value $op:ident $field:ident $value:expr) => { $value };
    (@of [$($part:ident)?] $query:ident { $($field:ident $(: $value:expr)?),* }) => {
        const OF: Option<$crate::api::Of> = Some($crate::api::Of {
            query: <$query as $crate::api::Operation>::NAME,
            answered: $crate::api::operation::operation!(@answered $($part)?),
        });

        fn shown(&self, view: &$crate::api::View<'_>) -> $crate::error::Result<Option<serde_json::Value>> {
            let op = self;
            let _ = op;
            let query = $query { $($field: $crate::api::operation::operation!(@value op $field $($value)?)),* };
            let shown = $crate::api::Query::run(query, view)?;
            $crate::api::operation::json(&shown).map(Some)
        }
    };
    (@facts $output:ty, $name:literal, $method:ident $path:literal, $role:ident, $status:literal, $summary:literal
        $(, $positional:expr)?) => {
        type Output = $output;
        const NAME: &'static str = $name;
        const METHOD: $crate::api::Method = $crate::api::Method::$method;
        const PATH: &'static str = $path;
        const ROLE: Option<$crate::schema::Role> = $crate::api::operation::operation!(@role $role);
        const BY: $crate::schema::By = $crate::api::operation::operation!(@by $role);
        const STATUS: u16 = $status;
        const SUMMARY: &'static str = $summary;
        $(const POSITIONAL: &'static [&'static str] = &$positional;)?
    };
    (@answered) => { true };
    (@answered part) => { false };
    ($op:ty => $output:ty, $name:literal, $method:ident $path:literal, $role:ident, $status:literal, $summary:literal
        $(, positional $positional:expr)? $(, body $most:expr)?) => {
        impl $crate::api::Operation for $op {
            $crate::api::operation::operation!(@facts $output, $name, $method $path, $role, $status, $summary $(, $positional)?);
            $(const MOST_BODY: usize = $most;)?
        }
    };
    ($op:ty => $output:ty, $name:literal, $method:ident $path:literal, $role:ident, $status:literal, $summary:literal
        $(, positional $positional:expr)?, of $query:ident { $($of:tt)* }) => {
        impl $crate::api::Operation for $op {
            $crate::api::operation::operation!(@facts $output, $name, $method $path, $role, $status, $summary $(, $positional)?);
            $crate::api::operation::operation!(@of [] $query { $($of)* });
        }
    };
    ($op:ty => $output:ty, $name:literal, $method:ident $path:literal, $role:ident, $status:literal, $summary:literal
        $(, positional $positional:expr)?, part of $query:ident { $($of:tt)* }) => {
        impl $crate::api::Operation for $op {
            $crate::api::operation::operation!(@facts $output, $name, $method $path, $role, $status, $summary $(, $positional)?);
            $crate::api::operation::operation!(@of [part] $query { $($of)* });
        }
    };
}
pub(super) use operation;

/// A result as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::internal(format!("writing a result: {e}")))
}
