//! Push.

use super::{Outcome, Parcel, Terms};
use crate::schema::PushSubscriptionId;

pub(super) async fn send(_terms: &Terms, _parcel: &Parcel<'_>, _gone: &mut Vec<PushSubscriptionId>) -> Outcome {
    Outcome::Refused { error: "not built".into() }
}
