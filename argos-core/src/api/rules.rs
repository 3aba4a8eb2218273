//! The rules of a host.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::{Context, Mutation, Page, Query, View, in_range};
use crate::error::{Error, Result};
use crate::explain::overlap::oddities;
use crate::schema::{Action, HostId, Matcher, Order, Rule, RuleId};
use crate::store::rules::{self, MAX_PRIORITY, RuleFields};
use crate::store::{Read, Span, Tx, hosts, target_groups};

list_input! {
    /// Lists the rules of a host in order of priority.
    ListRules {
        /// The host.
        host_id: HostId,
    }
}
operation!(ListRules => Page<Rule>, "rules.list", Get "/hosts/{host_id}/rules", Viewer, 200,
    "Lists the rules of a host in order of priority.");

impl Query for ListRules {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Page<Rule>> {
        hosts::get(&view.read, self.host_id)?;
        let fetch = |span| {
            let mut items = rules::list(&view.read, self.host_id, span)?;
            note_oddities(&view.read, self.host_id, &mut items)?;
            Ok(items)
        };
        let of = format!("rules of {}", self.host_id);
        by_number(view, &of, &self.asked(Order::Asc), fetch, |r| r.priority)
    }
}

impl From<HostId> for ListRules {
    fn from(host_id: HostId) -> Self {
        Self::first(host_id)
    }
}

/// Shows one rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetRule {
    /// The host.
    pub host_id: HostId,
    /// The rule.
    pub id: RuleId,
}
operation!(GetRule => Rule, "rules.get", Get "/hosts/{host_id}/rules/{id}", Viewer, 200, "Shows one rule.");

impl Query for GetRule {
    const CONFIGURED: bool = true;

    fn run(self, view: &View<'_>) -> Result<Rule> {
        shown(&view.read, self.host_id, self.id)
    }
}

/// Makes a rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRule {
    /// The host.
    pub host_id: HostId,
    /// 1–50,000, unique in the host; default: 10 after the last.
    pub priority: Option<i64>,
    /// A name for people, at most 128 characters.
    #[serde(default)]
    pub name: String,
    /// Whether it takes part; default true.
    pub enabled: Option<bool>,
    /// What happens.
    pub action: Action,
    /// What must hold; empty = always.
    #[serde(default)]
    pub matchers: Vec<Matcher>,
}
operation!(CreateRule => Rule, "rules.create", Post "/hosts/{host_id}/rules", Operator, 201, "Makes a rule.");

impl CreateRule {
    /// A rule behind all others of the host, on.
    #[must_use]
    pub fn new(host_id: HostId, action: Action, matchers: Vec<Matcher>) -> Self {
        Self { host_id, priority: None, name: String::new(), enabled: None, action, matchers }
    }
}

/// A rule with what is odd about it beside the others.
fn shown(read: &Read<'_>, host: HostId, id: RuleId) -> Result<Rule> {
    let mut one = [rules::get(read, host, id)?];
    note_oddities(read, host, &mut one)?;
    let [rule] = one;
    Ok(rule)
}

/// Rules of a host up to which lists say how they stand to each other: of more, each one that is shown alone does.
const ALL_WITH_ALL: usize = 500;

/// Notes what is odd about `some` rules of a host.
fn note_oddities(read: &Read<'_>, host: HostId, some: &mut [Rule]) -> Result<()> {
    let domain = hosts::get(read, host)?.domain;
    let all = rules::list(read, host, Span::ALL)?;
    let each = some.len() == 1 || all.len() <= ALL_WITH_ALL;
    for rule in some {
        if each {
            rule.warnings = oddities(rule, &all, domain.as_str());
        }
        if let Action::Forward(config) = &rule.action
            && let Some(text) = target_groups::without_targets(read, config.target_group_id)?
        {
            rule.warnings.push(text);
        }
    }
    Ok(())
}

fn check(fields: &RuleFields) -> Result<()> {
    in_range("priority", fields.priority, 1, MAX_PRIORITY)?;
    if fields.name.chars().count() > 128 || fields.name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "name", "at most 128 characters, no control character"));
    }
    if fields.matchers.len() > 100 {
        return Err(Error::invalid("rule.matchers", "matchers", "at most 100 matchers"));
    }
    Ok(())
}

fn about(tx: &Tx<'_>, action: &'static str, host: HostId, id: impl ToString) -> Result<()> {
    let domain = hosts::get(tx, host)?.domain;
    tx.about(action, "rule", id, Some((host, domain.as_str())));
    Ok(())
}

impl Mutation for CreateRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Rule> {
        hosts::get(tx, self.host_id)?;
        let priority = match self.priority {
            Some(priority) => priority,
            None => rules::next_priority(tx, self.host_id)?,
        };
        let fields = RuleFields {
            priority,
            name: self.name,
            enabled: self.enabled.unwrap_or(true),
            action: self.action,
            matchers: self.matchers,
        };
        check(&fields)?;
        let id = rules::insert(tx, self.host_id, &fields)?;
        about(tx, "create", self.host_id, id)?;
        shown(tx, self.host_id, id)
    }
}

changes! {
    /// Changes the given fields of a rule; omitted ones stay.
    UpdateRule,
    /// Replaces every field of a rule.
    ReplaceRule
    at {
        /// The host.
        host_id: HostId,
        /// The rule.
        id: RuleId,
    }
    fields {
        /// 1–50,000, unique in the host.
        priority: i64,
        /// A name for people, at most 128 characters.
        name: String,
        /// Whether it takes part.
        enabled: bool,
        /// What happens.
        action: Action,
        /// What must hold; empty = always.
        matchers: Vec<Matcher>,
    }
    nullable {}
    later {}
}
operation!(ReplaceRule => Rule, "rules.replace", Put "/hosts/{host_id}/rules/{id}", Operator, 200,
    "Replaces every field of a rule.", of GetRule { host_id, id });
operation!(UpdateRule => Rule, "rules.update", Patch "/hosts/{host_id}/rules/{id}", Operator, 200,
    "Changes the given fields of a rule.", of GetRule { host_id, id });

fn fields_of(rule: Rule) -> RuleFields {
    RuleFields {
        priority: rule.priority,
        name: rule.name,
        enabled: rule.enabled,
        action: rule.action,
        matchers: rule.matchers,
    }
}

impl Mutation for UpdateRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Rule> {
        self.refuse_later()?;
        let old = fields_of(rules::get(tx, self.host_id, self.id)?);
        let new = RuleFields {
            priority: self.priority.unwrap_or(old.priority),
            name: self.name.unwrap_or_else(|| old.name.clone()),
            enabled: self.enabled.unwrap_or(old.enabled),
            action: self.action.unwrap_or_else(|| old.action.clone()),
            matchers: self.matchers.unwrap_or_else(|| old.matchers.clone()),
        };
        check(&new)?;
        store(tx, self.host_id, self.id, &old, &new, "update")
    }
}

fn store(
    tx: &Tx<'_>,
    host: HostId,
    id: RuleId,
    old: &RuleFields,
    new: &RuleFields,
    action: &'static str,
) -> Result<Rule> {
    if old != new {
        rules::update(tx, host, id, new)?;
    }
    about(tx, action, host, id)?;
    shown(tx, host, id)
}

/// Deletes a rule; its log rows stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRule {
    /// The host.
    pub host_id: HostId,
    /// The rule.
    pub id: RuleId,
}
operation!(DeleteRule => (), "rules.delete", Delete "/hosts/{host_id}/rules/{id}", Operator, 204,
    "Deletes a rule; its log rows stay.", of GetRule { host_id, id });

impl Mutation for DeleteRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        rules::get(tx, self.host_id, self.id)?;
        rules::delete(tx, self.id)?;
        about(tx, "delete", self.host_id, self.id)
    }
}

/// Switches a rule on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleRule {
    /// The host.
    pub host_id: HostId,
    /// The rule.
    pub id: RuleId,
    /// Whether it takes part.
    pub enabled: bool,
}
operation!(ToggleRule => Rule, "rules.toggle", Post "/hosts/{host_id}/rules/{id}/toggle", Operator, 200,
    "Switches a rule on or off.", positional ["enabled"], of GetRule { host_id, id });

impl Mutation for ToggleRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Rule> {
        let old = fields_of(rules::get(tx, self.host_id, self.id)?);
        let new = RuleFields { enabled: self.enabled, ..old.clone() };
        store(tx, self.host_id, self.id, &old, &new, "toggle")
    }
}

/// Gives the rules of a host the priorities 10, 20, 30 … in the given order.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReorderRules {
    /// The host.
    pub host_id: HostId,
    /// Every rule of the host exactly once.
    pub rule_ids: Vec<RuleId>,
}
operation!(ReorderRules => Page<Rule>, "rules.reorder", Post "/hosts/{host_id}/rules/reorder", Operator, 200,
    "Gives the rules of a host the priorities 10, 20, 30 … in the given order.",
    of ListRules { host_id, limit: Some(500), order: None, cursor: None });

impl Mutation for ReorderRules {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<Page<Rule>> {
        hosts::get(tx, self.host_id)?;
        let stored = rules::list(tx, self.host_id, Span::ALL)?;
        let known: HashSet<RuleId> = stored.iter().map(|r| r.id).collect();
        let mut seen = HashSet::new();
        for (i, id) in self.rule_ids.iter().enumerate() {
            let refused = |reason: String| Err(Error::invalid("rule.order", format!("rule_ids[{i}]"), reason));
            if !known.contains(id) {
                return refused(format!("rule {id} does not belong to host {}", self.host_id));
            }
            if !seen.insert(*id) {
                return refused(format!("rule {id} is listed twice"));
            }
        }
        if let Some(missing) = stored.iter().find(|r| !seen.contains(&r.id)) {
            return Err(Error::invalid("rule.order", "rule_ids", format!("rule {} is missing", missing.id)));
        }
        let placed = (10..).step_by(10).zip(&self.rule_ids);
        if !placed.zip(&stored).all(|((priority, id), rule)| rule.id == *id && rule.priority == priority) {
            rules::reorder(tx, self.host_id, &self.rule_ids)?;
        }
        about(tx, "reorder", self.host_id, self.host_id)?;
        let mut items = rules::list(tx, self.host_id, Span::ALL)?;
        note_oddities(tx, self.host_id, &mut items)?;
        Ok(Page { items, next_cursor: None })
    }
}
