//! Telegram.

use super::{Outcome, Parcel, Terms};
use crate::notify::config::Telegram;

pub(super) async fn send(_to: &Telegram, _terms: &Terms, _parcel: &Parcel<'_>) -> Outcome {
    Outcome::Refused { error: "not built".into() }
}
