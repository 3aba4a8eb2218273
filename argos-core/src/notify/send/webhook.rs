//! Webhook.

use super::{Outcome, Parcel, Terms};
use crate::notify::config::Webhook;

pub(super) async fn send(_to: &Webhook, _terms: &Terms, _parcel: &Parcel<'_>) -> Outcome {
    Outcome::Refused { error: "not built".into() }
}
