//! Notification rules: which events go to which channel.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View, in_range};
use crate::error::{Error, Result};
use crate::event::{EventKind, NotificationRule, Severity};
use crate::schema::{ChannelId, HostId, NotificationRuleId, Order};
use crate::store::notification_rules::{self, NotificationRuleFields};
use crate::store::{Tx, channels, hosts};

/// Characters of a name.
const MOST_NAME: usize = 128;
/// Hosts that one rule names.
const MOST_HOSTS: usize = 1000;
/// A day.
const LONGEST_WINDOW: i64 = 86_400;

list_input! {
    /// Lists notification rules by id.
    #[derive(Default)]
    ListNotificationRules {
        /// Only those to this channel.
        channel_id: Option<ChannelId>,
    }
}
operation!(ListNotificationRules => Page<NotificationRule>, "notification_rules.list", Get "/notifications/rules",
    Viewer, 200, "Lists notification rules by id.");

impl Query for ListNotificationRules {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<NotificationRule>> {
        let fetch = |span| notification_rules::list(&view.read, self.channel_id, span);
        let of = match self.channel_id {
            Some(id) => format!("notification rules of {id}"),
            None => "notification rules".to_owned(),
        };
        by_number(view, &of, &self.asked(Order::Asc), fetch, |rule| rule.id.0)
    }
}

/// Shows one notification rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetNotificationRule {
    /// The rule.
    pub id: NotificationRuleId,
}
operation!(GetNotificationRule => NotificationRule, "notification_rules.get", Get "/notifications/rules/{id}", Viewer,
    200, "Shows one notification rule.");

impl Query for GetNotificationRule {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<NotificationRule> {
        notification_rules::get(&view.read, self.id)
    }
}

impl From<NotificationRuleId> for GetNotificationRule {
    fn from(id: NotificationRuleId) -> Self {
        Self { id }
    }
}

/// Makes a notification rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNotificationRule {
    /// Where events go.
    pub channel_id: ChannelId,
    /// What happened.
    pub event_type: EventKind,
    /// A name for people, at most 128 characters.
    #[serde(default)]
    pub name: String,
    /// Only events about these hosts; empty = all events, also those about no host.
    #[serde(default)]
    pub filter_host_ids: Vec<HostId>,
    /// Only events that matter so much; empty = all.
    #[serde(default)]
    pub filter_severities: Vec<Severity>,
    /// Seconds in which one event about the same host is enough, 0–86,400; 0, the default, holds none back.
    pub throttle_window_seconds: Option<i64>,
    /// Whether it is used; default true.
    pub enabled: Option<bool>,
}
operation!(CreateNotificationRule => NotificationRule, "notification_rules.create", Post "/notifications/rules",
    Operator, 201, "Makes a notification rule.", positional ["channel_id", "event_type"]);

impl CreateNotificationRule {
    /// Every event of `event_type` to a channel.
    #[must_use]
    pub fn new(channel_id: ChannelId, event_type: EventKind) -> Self {
        Self {
            channel_id,
            event_type,
            name: String::new(),
            filter_host_ids: Vec::new(),
            filter_severities: Vec::new(),
            throttle_window_seconds: None,
            enabled: None,
        }
    }
}

impl Mutation for CreateNotificationRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<NotificationRule> {
        let fields = NotificationRuleFields {
            name: self.name,
            channel_id: self.channel_id,
            event_type: self.event_type,
            filter_host_ids: self.filter_host_ids,
            filter_severities: self.filter_severities,
            throttle_window_seconds: self.throttle_window_seconds.unwrap_or(0),
            enabled: self.enabled.unwrap_or(true),
        };
        let fields = checked(tx, fields, &[])?;
        let id = notification_rules::insert(tx, &fields)?;
        done(tx, id, "create")
    }
}

/// Refuses what names nothing. Hosts that the rule named before may be gone since.
fn checked(tx: &Tx<'_>, mut fields: NotificationRuleFields, known: &[HostId]) -> Result<NotificationRuleFields> {
    if fields.name.chars().count() > MOST_NAME || fields.name.chars().any(char::is_control) {
        let reason = format!("at most {MOST_NAME} characters, no control characters");
        return Err(Error::invalid("name", "name", reason));
    }
    in_range("throttle_window_seconds", fields.throttle_window_seconds, 0, LONGEST_WINDOW)?;
    let wrong = |field: String, reason: String| Error::invalid("notification_rule.filter", field, reason);
    let id = fields.channel_id;
    channels::get(tx, id)
        .map_err(|_| Error::invalid("notification_rule.channel", "channel_id", format!("there is no channel {id}")))?;
    if fields.filter_host_ids.len() > MOST_HOSTS {
        return Err(wrong("filter_host_ids".into(), format!("at most {MOST_HOSTS}")));
    }
    for (i, host) in fields.filter_host_ids.iter().enumerate() {
        if !known.contains(host) && hosts::find(tx, *host)?.is_none() {
            return Err(wrong(format!("filter_host_ids[{i}]"), format!("there is no host {host}")));
        }
    }
    fields.filter_host_ids.sort_unstable();
    fields.filter_host_ids.dedup();
    fields.filter_severities.sort_unstable();
    fields.filter_severities.dedup();
    Ok(fields)
}

changes! {
    /// Changes the given fields of a notification rule; omitted ones stay.
    UpdateNotificationRule,
    /// Replaces every field of a notification rule.
    ReplaceNotificationRule
    at {
        /// The rule.
        id: NotificationRuleId,
    }
    fields {
        /// A name for people, at most 128 characters.
        name: String,
        /// Where events go.
        channel_id: ChannelId,
        /// What happened.
        event_type: EventKind,
        /// Only events about these hosts; empty = all events, also those about no host.
        filter_host_ids: Vec<HostId>,
        /// Only events that matter so much; empty = all.
        filter_severities: Vec<Severity>,
        /// Seconds in which one event about the same host is enough, 0–86,400; 0 holds none back.
        throttle_window_seconds: i64,
        /// Whether it is used.
        enabled: bool,
    }
    nullable {}
    later {}
}
operation!(ReplaceNotificationRule => NotificationRule, "notification_rules.replace", Put "/notifications/rules/{id}",
    Operator, 200, "Replaces every field of a notification rule.", of GetNotificationRule { id });
operation!(UpdateNotificationRule => NotificationRule, "notification_rules.update", Patch "/notifications/rules/{id}",
    Operator, 200, "Changes the given fields of a notification rule.", of GetNotificationRule { id });

impl Mutation for UpdateNotificationRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<NotificationRule> {
        self.refuse_later()?;
        let old = NotificationRuleFields::from(notification_rules::get(tx, self.id)?);
        let kept = old.clone();
        let new = NotificationRuleFields {
            name: self.name.unwrap_or(kept.name),
            channel_id: self.channel_id.unwrap_or(kept.channel_id),
            event_type: self.event_type.unwrap_or(kept.event_type),
            filter_host_ids: self.filter_host_ids.unwrap_or(kept.filter_host_ids),
            filter_severities: self.filter_severities.unwrap_or(kept.filter_severities),
            throttle_window_seconds: self.throttle_window_seconds.unwrap_or(kept.throttle_window_seconds),
            enabled: self.enabled.unwrap_or(kept.enabled),
        };
        let new = checked(tx, new, &old.filter_host_ids)?;
        if new != old {
            notification_rules::update(tx, self.id, &new)?;
        }
        done(tx, self.id, "update")
    }
}

/// Deletes a notification rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteNotificationRule {
    /// The rule.
    pub id: NotificationRuleId,
}
operation!(DeleteNotificationRule => (), "notification_rules.delete", Delete "/notifications/rules/{id}", Operator, 204,
    "Deletes a notification rule.", of GetNotificationRule { id });

impl Mutation for DeleteNotificationRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        notification_rules::get(tx, self.id)?;
        notification_rules::delete(tx, self.id)?;
        tx.about("delete", "notification_rule", self.id, None);
        Ok(())
    }
}

impl From<NotificationRuleId> for DeleteNotificationRule {
    fn from(id: NotificationRuleId) -> Self {
        Self { id }
    }
}

/// Switches a notification rule on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleNotificationRule {
    /// The rule.
    pub id: NotificationRuleId,
    /// Whether it is used.
    pub enabled: bool,
}
operation!(ToggleNotificationRule => NotificationRule, "notification_rules.toggle",
    Post "/notifications/rules/{id}/toggle", Operator, 200, "Switches a notification rule on or off.",
    positional ["enabled"], of GetNotificationRule { id });

impl Mutation for ToggleNotificationRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<NotificationRule> {
        let old = NotificationRuleFields::from(notification_rules::get(tx, self.id)?);
        if old.enabled != self.enabled {
            notification_rules::update(tx, self.id, &NotificationRuleFields { enabled: self.enabled, ..old })?;
        }
        done(tx, self.id, "toggle")
    }
}

fn done(tx: &Tx<'_>, id: NotificationRuleId, action: &'static str) -> Result<NotificationRule> {
    tx.about(action, "notification_rule", id, None);
    notification_rules::get(tx, id)
}
