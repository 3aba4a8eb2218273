//! A part of a list that is sorted by one number.

use crate::schema::Order;

/// Rows behind a number, in one direction.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The last number that was seen.
    pub after: i64,
    /// Rows at most.
    pub limit: u32,
    /// The direction.
    pub order: Order,
}

impl Span {
    /// Every row, smallest first.
    pub const ALL: Self = Self { after: i64::MIN, limit: u32::MAX, order: Order::Asc };

    /// The first rows in that direction.
    #[must_use]
    pub const fn first(order: Order, limit: u32) -> Self {
        let after = match order {
            Order::Asc => i64::MIN,
            Order::Desc => i64::MAX,
        };
        Self { after, limit, order }
    }

    /// The end of a statement that has the parameters `:after` and `:limit`: the last condition, order and limit.
    pub(super) fn sql(self, column: &str) -> String {
        let (sign, order) = match self.order {
            Order::Asc => (">", "ASC"),
            Order::Desc => ("<", "DESC"),
        };
        format!("{column} {sign} :after ORDER BY {column} {order} LIMIT :limit")
    }
}
