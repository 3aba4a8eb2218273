//! Channels, rules and settings of notifications, compiled.

use std::sync::Arc;

use super::Snapshot;
use super::limits::Values;
use crate::error::Result;
use crate::notify::send::Vapid;
use crate::notify::{Plan, PlanTerms};
use crate::store::{Read, settings};

/// Reads them all anew: they are few, and change seldom.
pub(super) fn read(read: &Read<'_>, next: &mut Snapshot) -> Result<()> {
    let Some(key) = next.opener.master() else { return Ok(()) };
    let stored = settings::values(read)?;
    let values = Values(&stored);
    let private = key.decrypt(values.text("notifications.vapid_private_key")).ok();
    let vapid = private.map(|private| Vapid {
        private,
        public: values.text("notifications.vapid_public_key").to_owned(),
        contact: values.text("notifications.vapid_contact_email").to_owned(),
    });
    let terms = PlanTerms {
        private: values.text("notifications.allow_private_targets") == "true",
        most_rows: values.number("notifications.max_entries"),
        vapid: vapid.map(Arc::new),
    };
    next.notifications = Arc::new(Plan::read(read, key, terms)?);
    Ok(())
}
