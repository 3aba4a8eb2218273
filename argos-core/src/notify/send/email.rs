//! Email.

use super::{Outcome, Parcel, Terms};
use crate::notify::config::Email;

pub(super) async fn send(_to: &Email, _terms: &Terms, _parcel: &Parcel<'_>) -> Outcome {
    Outcome::Refused { error: "not built".into() }
}
