//! Terms of a call: what a caller may say beside the fields. One table, which every face reads.

use serde::Deserialize;
use serde_json::Value;

use super::operation::{Described, Mutation, View};
use super::routes;
use super::tag::{allows, tag};
use crate::error::{Error, Result};

/// What a caller says beside the fields of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// The tag that the resource must still have.
    pub if_match: Option<String>,
    /// Whether the change is only tried.
    pub dry_run: bool,
    /// What tells a call that is made again from a new one.
    pub idempotency_key: Option<String>,
}

impl Terms {
    /// Only tries: all checks, no change.
    #[must_use]
    pub fn dry_run() -> Self {
        Self { dry_run: true, ..Self::default() }
    }

    /// Only if the resource still has `tag`.
    #[must_use]
    pub fn if_match(tag: impl Into<String>) -> Self {
        Self { if_match: Some(tag.into()), ..Self::default() }
    }

    /// Sets the term of that name from a word.
    ///
    /// # Errors
    /// `wrong_value`, `unknown_field`.
    pub fn set(&mut self, name: &str, word: &str) -> Result<()> {
        match name {
            "if_match" => self.if_match = Some(word.to_owned()),
            "idempotency_key" => self.idempotency_key = Some(word.to_owned()),
            "dry_run" => {
                let wrong = || Error::invalid("wrong_value", "dry_run", format!("{word:?} is not true or false"));
                self.dry_run = word.parse().map_err(|_| wrong())?;
            }
            _ => return Err(Error::invalid("unknown_field", name, "there is no such term")),
        }
        Ok(())
    }

    /// The text of the term of that name; none where nothing is said.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&str> {
        match name {
            "if_match" => self.if_match.as_deref(),
            "idempotency_key" => self.idempotency_key.as_deref(),
            _ => self.dry_run.then_some("true"),
        }
    }

    /// Refuses what `M` can't do.
    pub(crate) fn suit<M: Mutation>(&self) -> Result<()> {
        let refused = |term: &str, why: &str| Err(Error::invalid("unknown_field", term, format!("{}: {why}", M::NAME)));
        if self.dry_run && !M::CONFIGURES {
            return refused("dry_run", "only changes of configuration can be tried");
        }
        if self.idempotency_key.is_some() {
            return refused("idempotency_key", "keys are for calls by name");
        }
        if self.if_match.is_some() && M::OF.is_none() {
            return refused("if_match", "what this changes has no tag");
        }
        Ok(())
    }

    /// Refuses a change of something that has another tag by now. Called inside the transaction of the change.
    pub(crate) fn check<M: Mutation>(&self, op: &M, view: &View<'_>) -> Result<()> {
        let Some(asked) = &self.if_match else { return Ok(()) };
        let Some(shown) = op.shown(view)? else { return Ok(()) };
        let now = tag(&shown);
        if allows(asked, &now)? {
            return Ok(());
        }
        let text = format!("it was changed meanwhile: its tag is {now} now");
        Err(Error::conflict(STALE, "if_match", text))
    }
}

/// The code of a change that came too late; HTTP 412.
pub const STALE: &str = "stale";

/// Where a term stands in an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header of this name.
    Header(&'static str),
    /// The query.
    Query,
}

/// One term as generators and front ends see it.
#[derive(Debug)]
pub struct Term {
    /// As a field of [`Terms`].
    pub name: &'static str,
    /// Where it stands in an HTTP request.
    pub place: Place,
    /// Whether it is true or false; else a text.
    pub switch: bool,
    /// What it means.
    pub doc: &'static str,
    /// Which operations take it.
    taken_by: fn(&Described) -> bool,
}

/// Every term.
pub static TERMS: [Term; 3] = [
    Term {
        name: "if_match",
        place: Place::Header("If-Match"),
        switch: false,
        doc: "The tag that the resource must still have; a Conflict `stale` if it was changed since.",
        taken_by: |op| op.of.is_some(),
    },
    Term {
        name: "dry_run",
        place: Place::Query,
        switch: true,
        doc: "Whether the change is only tried: all checks, and the result it would have.",
        taken_by: |op| op.configures,
    },
    Term {
        name: "idempotency_key",
        place: Place::Header("Idempotency-Key"),
        switch: false,
        doc: "1–255 visible characters; the same call with the same key within 24 hours is answered without being \
              done again.",
        taken_by: |op| routes::repeats(op.name),
    },
];

impl Described {
    /// The terms that it takes.
    pub fn terms(&self) -> impl Iterator<Item = &'static Term> {
        TERMS.iter().filter(|term| (term.taken_by)(self))
    }
}

impl Term {
    /// JSON Schema of its value.
    #[must_use]
    pub fn schema(&self) -> Value {
        if self.switch {
            serde_json::json!({ "type": "boolean", "default": false })
        } else {
            serde_json::json!({ "type": "string" })
        }
    }
}
