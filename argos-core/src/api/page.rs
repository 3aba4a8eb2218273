//! One page of a list, and what every list takes.

use schemars::JsonSchema;
use serde::Serialize;

use super::{View, cursor, in_range};
use crate::error::Result;
use crate::schema::Order;
use crate::store::Span;

/// One page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next_cursor: Option<String>,
}

/// Declares the input of a list: its own fields, and those that every list has.
macro_rules! list_input {
    ($(#[$doc:meta])* $name:ident { $($(#[$own_meta:meta])* $own:ident : $own_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$own_meta])* pub $own: $own_type,)*
            /// Items in one page, 1–500, default 100.
            pub limit: Option<i64>,
            /// `asc` or `desc`; without it the list's own.
            pub order: Option<$crate::schema::Order>,
            /// Where the page begins: `next_cursor` of the page before.
            pub cursor: Option<String>,
        }

        impl $name {
            /// The first page in the list's own order.
            #[must_use]
            pub fn first($($own: $own_type),*) -> Self {
                Self { $($own,)* limit: None, order: None, cursor: None }
            }

            fn asked(&self, own_order: $crate::schema::Order) -> $crate::api::page::Asked<'_> {
                let order = self.order.unwrap_or(own_order);
                $crate::api::page::Asked { limit: self.limit, order, cursor: self.cursor.as_deref() }
            }
        }
    };
}
pub(super) use list_input;

/// The part of a list that a caller asks for.
pub(super) struct Asked<'a> {
    pub limit: Option<i64>,
    pub order: Order,
    pub cursor: Option<&'a str>,
}

impl Asked<'_> {
    /// Where to go on, as a cursor of this list and direction says.
    fn span(&self, key: &[u8; 32], of: &str) -> Result<Span> {
        let mut span = Span::first(self.order, limit(self.limit, 500)?);
        if let Some(text) = self.cursor {
            [span.after] = cursor::decode::<1>(key, &self.name(of), text)?;
        }
        Ok(span)
    }

    fn name(&self, of: &str) -> String {
        format!("{of} {}", self.order)
    }

    fn page<T>(&self, key: &[u8; 32], of: &str, mut items: Vec<T>, limit: u32, at: impl Fn(&T) -> i64) -> Page<T> {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|last| cursor::encode(key, &self.name(of), &[at(last)]));
        Page { items, next_cursor }
    }
}

/// The limit of a list: 1–`max`, 100 when omitted.
pub(super) fn limit(given: Option<i64>, max: i64) -> Result<u32> {
    let limit = given.unwrap_or(100);
    in_range("limit", limit, 1, max)?;
    Ok(u32::try_from(limit).unwrap_or(100))
}

/// A page of a list that is sorted by one number. `of` names the list and what it belongs to: a cursor of another
/// list is refused.
pub(super) fn by_number<T>(
    view: &View<'_>,
    of: &str,
    asked: &Asked<'_>,
    fetch: impl FnOnce(Span) -> Result<Vec<T>>,
    number: impl Fn(&T) -> i64,
) -> Result<Page<T>> {
    let key = view.cx.cursor_key();
    let span = asked.span(&key, of)?;
    // One row more than asked for tells whether another page follows.
    let items = fetch(Span { limit: span.limit + 1, ..span })?;
    Ok(asked.page(&key, of, items, span.limit, number))
}

/// A page of a list that is made whole each time, in the same order.
pub(super) fn of_all<T>(view: &View<'_>, of: &str, asked: &Asked<'_>, all: Vec<T>) -> Result<Page<T>> {
    let numbered = (0..).zip(all);
    let fetch = |span: Span| {
        let behind = |(n, _): &(i64, T)| match span.order {
            Order::Asc => *n > span.after,
            Order::Desc => *n < span.after,
        };
        let mut rows: Vec<(i64, T)> = numbered.filter(behind).collect();
        if span.order == Order::Desc {
            rows.reverse();
        }
        rows.truncate(span.limit as usize);
        Ok(rows)
    };
    let page = by_number(view, of, asked, fetch, |(n, _)| *n)?;
    Ok(Page { items: page.items.into_iter().map(|(_, item)| item).collect(), next_cursor: page.next_cursor })
}
