//! How the endpoints of all groups do.

use schemars::JsonSchema;
use serde::Deserialize;

use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Page, Query, View};
use crate::error::Result;
use crate::schema::{GroupId, Order, Target, TargetHealth, TargetState};
use crate::store::{target_groups, targets};

list_input! {
    /// Lists how targets do, by their ids.
    #[derive(Default)]
    ListTargetHealth {
        /// Only those of this group.
        target_group_id: Option<GroupId>,
    }
}
operation!(ListTargetHealth => Page<TargetHealth>, "target_health.list", Get "/targets/health", Viewer, 200,
    "Lists how the targets of all groups do, as the running proxy knows them.");

impl Query for ListTargetHealth {
    fn run(self, view: &View<'_>) -> Result<Page<TargetHealth>> {
        if let Some(group) = self.target_group_id {
            target_groups::get(&view.read, group)?;
        }
        let fetch = |span| {
            let rows = targets::list_with_group_names(&view.read, self.target_group_id, span)?;
            Ok(rows.into_iter().map(|(target, group)| health(view, target, group)).collect())
        };
        let of = format!("target health of {}", self.target_group_id.map_or(0, |id| id.0));
        by_number(view, &of, &self.asked(Order::Asc), fetch, |health: &TargetHealth| health.target_id.0)
    }
}

fn health(view: &View<'_>, row: Target, group_name: String) -> TargetHealth {
    let address = match row.host.as_str() {
        host if host.contains(':') => format!("[{host}]:{}", row.port),
        host => format!("{host}:{}", row.port),
    };
    let bare = TargetHealth {
        target_id: row.id,
        target_group_id: row.target_group_id,
        target_group: group_name,
        address,
        state: if row.enabled { TargetState::Unknown } else { TargetState::Disabled },
        since: None,
        last_error: String::new(),
        in_flight: 0,
        effective_weight: if row.enabled { f64::from(row.weight) } else { 0.0 },
    };
    let group = view.live.groups.get(&row.target_group_id);
    let target = group.and_then(|group| Some((group, group.targets.iter().find(|t| t.id == row.id)?)));
    match target.and_then(|(group, target)| view.cx.upstreams.shown(group, target)) {
        Some(shown) => TargetHealth {
            state: shown.state,
            since: shown.since,
            last_error: shown.last_error.into(),
            in_flight: shown.in_flight,
            effective_weight: shown.weight,
            ..bare
        },
        None => bare,
    }
}
