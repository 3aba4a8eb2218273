//! What front ends make of results: each language has a form of its own, made from the result itself.

mod rows;
mod tree;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};

pub use rows::Rows;
pub use tree::{Column, Name, Node, Table, Tables, Tree};

/// Makes a front end's form of a result.
pub trait Form: 'static {
    /// The form.
    type Made: Send + Sync + 'static;

    /// Makes it.
    ///
    /// # Errors
    /// Those of the form.
    fn make<T: Serialize>(&self, value: &T) -> Result<Self::Made>;

    /// The same once more, where that costs less than to make it and nobody can change what was given before.
    fn again(made: &Self::Made) -> Option<Self::Made> {
        let _ = made;
        None
    }
}

/// Results as JSON.
pub(super) struct Json;

impl Form for Json {
    type Made = Value;

    fn make<T: Serialize>(&self, value: &T) -> Result<Value> {
        serde_json::to_value(value).map_err(|e| Error::internal(format!("writing a result: {e}")))
    }
}
