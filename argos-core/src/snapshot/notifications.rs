//! Channels, rules and settings of notifications, compiled.

use std::sync::Arc;

use super::Snapshot;
use super::limits::Values;
use crate::error::Result;
use crate::notify::{Plan, PlanTerms};
use crate::store::{Read, settings};

/// Reads them all anew: they are few, and change seldom.
pub(super) fn read(read: &Read<'_>, next: &mut Snapshot) -> Result<()> {
    let Some(key) = next.opener.master() else { return Ok(()) };
    let stored = settings::values(read)?;
    let values = Values(&stored);
    let terms =
        PlanTerms { private: values.text("notifications.allow_private_targets") == "true", ..PlanTerms::default() };
    next.notifications = Arc::new(Plan::read(read, key, terms)?);
    Ok(())
}
