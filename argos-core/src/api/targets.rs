//! The endpoints of a target group.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, NewTarget, Page, Query, View, in_range};
use crate::error::Result;
use crate::schema::{GroupId, Order, Target, TargetHost, TargetId};
use crate::store::targets::{self, TargetFields};
use crate::store::{Tx, target_groups};

list_input! {
    /// Lists the targets of a group by id.
    ListTargets {
        /// The group.
        target_group_id: GroupId,
    }
}
operation!(ListTargets => Page<Target>, "targets.list", Get "/target-groups/{target_group_id}/targets", Viewer, 200,
    "Lists the targets of a group by id.");

impl Query for ListTargets {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<Target>> {
        target_groups::get(&view.read, self.target_group_id)?;
        let fetch = |span| targets::list(&view.read, self.target_group_id, span);
        let of = format!("targets of {}", self.target_group_id);
        by_number(view, &of, &self.asked(Order::Asc), fetch, |t| t.id.0)
    }
}

impl From<GroupId> for ListTargets {
    fn from(target_group_id: GroupId) -> Self {
        Self::first(target_group_id)
    }
}

/// Shows one target.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetTarget {
    /// The group.
    pub target_group_id: GroupId,
    /// The target.
    pub id: TargetId,
}
operation!(GetTarget => Target, "targets.get", Get "/target-groups/{target_group_id}/targets/{id}", Viewer, 200,
    "Shows one target.");

impl Query for GetTarget {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Target> {
        targets::get(&view.read, self.target_group_id, self.id)
    }
}

/// Makes a target.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTarget {
    /// The group.
    pub target_group_id: GroupId,
    /// Address or name.
    pub host: TargetHost,
    /// TCP port, 1–65535.
    pub port: u16,
    /// Share of the requests, 1–256, default 1.
    pub weight: Option<i64>,
    /// Whether it takes requests; default true.
    pub enabled: Option<bool>,
}
operation!(CreateTarget => Target, "targets.create", Post "/target-groups/{target_group_id}/targets", Operator, 201,
    "Makes a target.");

impl Mutation for CreateTarget {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Target> {
        let group = self.target_group_id;
        target_groups::get(tx, group)?;
        let new = NewTarget { host: self.host, port: self.port, weight: self.weight, enabled: self.enabled };
        let id = targets::insert(tx, group, &new.fields()?)?;
        tx.about("create", "target", id, None);
        targets::get(tx, group, id)
    }
}

changes! {
    /// Changes the given fields of a target; omitted ones stay.
    UpdateTarget,
    /// Replaces every field of a target.
    ReplaceTarget
    at {
        /// The group.
        target_group_id: GroupId,
        /// The target.
        id: TargetId,
    }
    fields {
        /// Address or name.
        host: TargetHost,
        /// TCP port, 1–65535.
        port: u16,
        /// Share of the requests, 1–256.
        weight: i64,
        /// Whether it takes requests.
        enabled: bool,
    }
    nullable {}
    later {}
}
operation!(ReplaceTarget => Target, "targets.replace", Put "/target-groups/{target_group_id}/targets/{id}", Operator,
    200, "Replaces every field of a target.", of GetTarget { target_group_id, id });
operation!(UpdateTarget => Target, "targets.update", Patch "/target-groups/{target_group_id}/targets/{id}", Operator,
    200, "Changes the given fields of a target.", of GetTarget { target_group_id, id });

fn fields_of(target: Target) -> TargetFields {
    TargetFields { host: target.host, port: target.port, weight: target.weight, enabled: target.enabled }
}

impl Mutation for UpdateTarget {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Target> {
        self.refuse_later()?;
        let old = fields_of(targets::get(tx, self.target_group_id, self.id)?);
        let mut new = old.clone();
        new.host = self.host.unwrap_or(new.host);
        new.enabled = self.enabled.unwrap_or(new.enabled);
        if let Some(port) = self.port {
            in_range("port", port.into(), 1, 65_535)?;
            new.port = port;
        }
        if let Some(weight) = self.weight {
            in_range("weight", weight, 1, 256)?;
            new.weight = u32::try_from(weight).unwrap_or(1);
        }
        store(tx, self.target_group_id, self.id, &old, &new, "update")
    }
}

fn store(
    tx: &Tx<'_>,
    group: GroupId,
    id: TargetId,
    old: &TargetFields,
    new: &TargetFields,
    action: &'static str,
) -> Result<Target> {
    if old != new {
        targets::update(tx, group, id, new)?;
    }
    tx.about(action, "target", id, None);
    targets::get(tx, group, id)
}

/// Deletes a target.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteTarget {
    /// The group.
    pub target_group_id: GroupId,
    /// The target.
    pub id: TargetId,
}
operation!(DeleteTarget => (), "targets.delete", Delete "/target-groups/{target_group_id}/targets/{id}", Operator, 204,
    "Deletes a target.", of GetTarget { target_group_id, id });

impl Mutation for DeleteTarget {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        targets::get(tx, self.target_group_id, self.id)?;
        targets::delete(tx, self.id)?;
        tx.about("delete", "target", self.id, None);
        Ok(())
    }
}

/// Switches a target on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleTarget {
    /// The group.
    pub target_group_id: GroupId,
    /// The target.
    pub id: TargetId,
    /// Whether it takes requests.
    pub enabled: bool,
}
operation!(ToggleTarget => Target, "targets.toggle", Post "/target-groups/{target_group_id}/targets/{id}/toggle",
    Operator, 200, "Switches a target on or off.", positional ["enabled"],
    of GetTarget { target_group_id, id });

impl Mutation for ToggleTarget {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Target> {
        let old = fields_of(targets::get(tx, self.target_group_id, self.id)?);
        let new = TargetFields { enabled: self.enabled, ..old.clone() };
        store(tx, self.target_group_id, self.id, &old, &new, "toggle")
    }
}
