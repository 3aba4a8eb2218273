//! What the changes of one transaction touch, as far as compiling goes.

use std::collections::BTreeSet;

use crate::schema::{GroupId, HostId};
use crate::store::Change;

/// Which compiled parts a change reaches.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) hosts: BTreeSet<HostId>,
    pub(super) groups: BTreeSet<GroupId>,
    pub(super) settings: bool,
    /// The setting that chooses the rules.
    pub(super) rules: bool,
    /// Certificates that belong to no host.
    pub(super) fallback: bool,
    pub(super) notifications: bool,
}

impl Touched {
    pub(super) fn of(changes: &[Change]) -> Self {
        let mut touched = Self::default();
        for change in changes {
            let id = |column: &str| change.integer(column);
            match change.table.name {
                "hosts" => touched.hosts.extend(id("id").map(HostId)),
                "rules" | "host_security" | "host_access" | "waf_exclusions" | "waf_custom_rules" => {
                    touched.hosts.extend(id("host_id").map(HostId))
                }
                "certificates" => match id("host_id") {
                    Some(host) => drop(touched.hosts.insert(HostId(host))),
                    None => touched.fallback = true,
                },
                "target_groups" => touched.groups.extend(id("id").map(GroupId)),
                "targets" => touched.groups.extend(id("target_group_id").map(GroupId)),
                "settings" => {
                    touched.settings = true;
                    touched.rules |= change.key == "crs.path";
                }
                "notification_channels" | "notification_rules" => touched.notifications = true,
                _ => {}
            }
        }
        touched
    }
}
