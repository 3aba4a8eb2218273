//! Who may open a host that wants a sign-in.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::{Context, Mutation, Query, View};
use crate::error::{Error, Result};
use crate::schema::{HostAccess, HostId, Role, UserId};
use crate::store::{Tx, host_access, hosts};

/// Users that one list may name.
const MOST_USERS: usize = 10_000;

/// Shows who may open a host that wants a sign-in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAccess {
    /// The host.
    pub host_id: HostId,
}
operation!(GetAccess => HostAccess, "access.get", Get "/hosts/{host_id}/access", Viewer, 200,
    "Shows who may open a host that wants a sign-in; empty lists = every user who is switched on.");

impl Query for GetAccess {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<HostAccess> {
        hosts::get(&view.read, self.host_id)?;
        host_access::get(&view.read, self.host_id)
    }
}

impl From<HostId> for GetAccess {
    fn from(host_id: HostId) -> Self {
        Self { host_id }
    }
}

/// Replaces who may open a host that wants a sign-in. Administrators may always.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplaceAccess {
    /// The host.
    pub host_id: HostId,
    /// Users who may.
    pub users: Vec<UserId>,
    /// Roles whose users may; each is named itself, whatever it allows elsewhere.
    pub roles: Vec<Role>,
}
operation!(ReplaceAccess => HostAccess, "access.replace", Put "/hosts/{host_id}/access", Operator, 200,
    "Replaces who may open a host that wants a sign-in; empty lists = every user who is switched on.",
    of GetAccess { host_id });

impl Mutation for ReplaceAccess {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<HostAccess> {
        let host = hosts::get(tx, self.host_id)?;
        if self.users.len() > MOST_USERS {
            return Err(Error::invalid("out_of_range", "users", format!("at most {MOST_USERS}; name roles instead")));
        }
        let missing = host_access::missing(tx, &self.users)?;
        if let Some(first) = missing.first() {
            let reason = |place: usize| format!("user {} does not exist", self.users[place]);
            let error = Error::invalid("access.user_missing", format!("users[{first}]"), reason(*first));
            return Err(missing[1..].iter().fold(error, |e, n| e.with_field(format!("users[{n}]"), reason(*n))));
        }
        let users = self.users.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let roles = self.roles.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let access = HostAccess { users, roles };
        host_access::replace(tx, self.host_id, &access)?;
        tx.about("update", "host_access", self.host_id, Some((self.host_id, host.domain.as_str())));
        Ok(access)
    }
}
