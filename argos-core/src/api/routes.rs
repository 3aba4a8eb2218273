//! The registry's routes, and what follows from them: which results have a tag, and where new things are found.

use std::any::TypeId;
use std::sync::LazyLock;

use super::for_each_operation;
use super::operation::{Method, Mutation, Of, Operation, Query};
use crate::error::Result;
use crate::schema::{Actor, By, Role};

/// What a route says about its neighbours.
struct Route {
    name: &'static str,
    method: Method,
    path: &'static str,
    role: Option<Role>,
    by: By,
    mutates: bool,
    of: Option<Of>,
    output: TypeId,
}

impl Route {
    fn query<Q: Query>() -> Self {
        Self::new::<Q>(false)
    }

    fn change<M: Mutation>() -> Self {
        Self::new::<M>(true)
    }

    fn new<O: Operation>(mutates: bool) -> Self {
        Self {
            name: O::NAME,
            method: O::METHOD,
            path: O::PATH,
            role: O::ROLE,
            by: O::BY,
            mutates,
            of: O::OF,
            output: TypeId::of::<O::Output>(),
        }
    }

    /// Whether this is the route of what `maker` makes.
    fn holds(&self, maker: &Self) -> bool {
        self.path.strip_prefix(maker.path) == Some("/{id}")
    }
}

macro_rules! routes {
    ($($(#[$doc:meta])* $resource:ident : $handle:ident $parent:tt {
        $($verb:ident : $kind:ident $op:ident),+ $(,)?
    })+) => {
        vec![$($(Route::$kind::<super::$op>()),+),+]
    };
}

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| for_each_operation!(routes));

fn route(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}

/// Whether the result of an operation has a tag: it shows what another operation changes, or leaves it so.
pub(crate) fn tagged(name: &str) -> bool {
    let Some(route) = route(name) else { return false };
    let changed = || ROUTES.iter().any(|other| other.of.is_some_and(|of| of.query == name));
    let made = || {
        let shows = |other: &&Route| other.method == Method::Get && other.holds(route) && other.output == route.output;
        ROUTES.iter().any(|other| shows(&other))
    };
    match (route.method, route.of) {
        (Method::Get, _) => changed(),
        (Method::Delete, _) => false,
        (_, Some(of)) => of.answered,
        (Method::Post, None) => made(),
        _ => false,
    }
}

/// Whether a call made again is answered without being done again, if it has a key.
pub(crate) fn repeats(name: &str) -> bool {
    // What signs people in sets cookies, which belong to one answer.
    let signs_in = name.starts_with("auth.");
    !signs_in && route(name).is_some_and(|route| route.mutates && route.method == Method::Post)
}

/// Operations whose fields may also come as the parts of a form, because they are files where people have them.
const FORMS: &[&str] = &["certificates.upload"];

/// Whether the fields of an operation's body may come as the parts of a form (`multipart/form-data`).
pub(super) fn takes_form(name: &str) -> bool {
    FORMS.contains(&name)
}

/// Refuses an actor that may not ask the operation of that name.
///
/// # Errors
/// `unauthorized`, `forbidden`, `forbidden.token`, `forbidden.session`.
pub(crate) fn allow(name: &str, actor: &Actor) -> Result<()> {
    let Some(route) = route(name) else { return Ok(()) };
    actor.require(route.role)?;
    actor.require_by(route.by)
}

/// The path at which the thing that an operation makes is found, with `{id}` for its number.
pub(super) fn place(name: &str) -> Option<&'static str> {
    let maker = route(name).filter(|route| route.method == Method::Post)?;
    ROUTES.iter().find(|other| other.holds(maker)).map(|other| other.path)
}
