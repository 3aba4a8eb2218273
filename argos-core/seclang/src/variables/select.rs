//! Which members of a collection a rule looks at.

use std::sync::Arc;

use regex::bytes::Regex;

use super::VarId;
use crate::body::xpath::Path;

/// The part after the colon.
#[derive(Clone, Debug)]
pub(crate) enum Selector {
    All,
    /// Kept in lower case; names compare without case.
    Key(Box<[u8]>),
    Regex(Arc<Regex>),
    /// Of `XML` and `RESPONSE_XML`.
    Path(Box<Path>),
}

impl Selector {
    pub(crate) fn accepts(&self, key: &[u8]) -> bool {
        match self {
            Selector::All => true,
            Selector::Key(wanted) => wanted.eq_ignore_ascii_case(key),
            Selector::Regex(regex) => regex.is_match(key),
            Selector::Path(path) => path.text() == key,
        }
    }
}

impl Selector {
    /// Whether both were written alike.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Selector::All, Selector::All) => true,
            (Selector::Key(a), Selector::Key(b)) => a == b,
            (Selector::Regex(a), Selector::Regex(b)) => a.as_str() == b.as_str(),
            (Selector::Path(a), Selector::Path(b)) => a == b,
            _ => false,
        }
    }
}

/// One member of a rule's variable list.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) variable: VarId,
    pub(crate) selector: Selector,
    pub(crate) count: bool,
}

impl Target {
    /// Whether both were written alike.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.variable == other.variable && self.count == other.count && self.selector.same(&other.selector)
    }
}

/// A whole variable list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) include: Vec<Target>,
    pub(crate) exclude: Vec<(VarId, Selector)>,
}

impl Targets {
    /// Whether `key` of `variable` is excluded by the list itself.
    pub(crate) fn excludes(&self, variable: VarId, key: &[u8]) -> bool {
        self.exclude.iter().any(|(id, selector)| *id == variable && selector.accepts(key))
    }
}
