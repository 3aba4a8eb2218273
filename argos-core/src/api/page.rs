//! One page of a list.

use schemars::JsonSchema;
use serde::Serialize;

use super::{View, cursor, in_range};
use crate::error::Result;

/// One page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// The limit of a list: 1–500, 100 when omitted.
pub(super) fn limit(given: Option<i64>, max: i64) -> Result<u32> {
    let limit = given.unwrap_or(100);
    in_range("limit", limit, 1, max)?;
    Ok(u32::try_from(limit).unwrap_or(100))
}

/// A page of a list that is sorted by one number: `fetch` gets the last number seen and how many rows to read.
pub(super) fn by_number<T>(
    view: &View<'_>,
    of: &str,
    given_limit: Option<i64>,
    given_cursor: Option<&str>,
    fetch: impl FnOnce(i64, u32) -> Result<Vec<T>>,
    number: impl Fn(&T) -> i64,
) -> Result<Page<T>> {
    let limit = limit(given_limit, 500)?;
    let key = view.cx.cursor_key();
    let after = match given_cursor {
        Some(text) => cursor::decode::<1>(&key, of, text)?[0],
        None => 0,
    };
    // One row more than asked for tells whether another page follows.
    let mut items = fetch(after, limit + 1)?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| cursor::encode(&key, of, &[number(last)]));
    Ok(Page { items, next_cursor })
}
