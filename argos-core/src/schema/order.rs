//! The direction of a list.

use super::text_enum;

text_enum! {
    /// The direction of a list.
    Order {
        /// Smallest first.
        Asc = "asc",
        /// Greatest first.
        Desc = "desc",
    }
}
