//! What a host leaves out of the rules it runs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::changes::changes;
use super::custom_rules::own;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::waf::crs_path;
use super::{Context, Mutation, Page, Query, View, in_range};
use crate::error::{Error, Result};
use crate::proxy::path::matching_form;
use crate::schema::{Exclusion, ExclusionId, HostId, MOST_PATH, Order, csv};
use crate::store::exclusions::{self, ExclusionFields};
use crate::store::{Tx, hosts};
use crate::waf::scope::{climbs, covers};
use crate::waf::{Made, RuleSource, reach};

list_input! {
    /// Lists the exclusions of a host by id.
    ListExclusions {
        /// The host.
        host_id: HostId,
    }
}
operation!(ListExclusions => Page<Exclusion>, "exclusions.list", Get "/hosts/{host_id}/waf-exclusions", Viewer, 200,
    "Lists the exclusions of a host by id.");

impl Query for ListExclusions {
    fn run(self, view: &View<'_>) -> Result<Page<Exclusion>> {
        hosts::get(&view.read, self.host_id)?;
        let fetch = |span| exclusions::list(&view.read, self.host_id, span);
        let of = format!("exclusions of {}", self.host_id);
        let mut page = by_number(view, &of, &self.asked(Order::Asc), fetch, |e| e.id.0)?;
        let own = own(&view.read, Some(self.host_id), None)?;
        let own = own.made();
        page.items.iter_mut().for_each(|row| warn(row, &view.live.rules, &own));
        Ok(page)
    }
}

impl From<HostId> for ListExclusions {
    fn from(host_id: HostId) -> Self {
        Self::first(host_id)
    }
}

/// Shows one exclusion.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetExclusion {
    /// The host.
    pub host_id: HostId,
    /// The exclusion.
    pub id: ExclusionId,
}
operation!(GetExclusion => Exclusion, "exclusions.get", Get "/hosts/{host_id}/waf-exclusions/{id}", Viewer, 200,
    "Shows one exclusion.");

impl Query for GetExclusion {
    fn run(self, view: &View<'_>) -> Result<Exclusion> {
        let mut row = exclusions::get(&view.read, self.host_id, self.id)?;
        warn(&mut row, &view.live.rules, &own(&view.read, Some(self.host_id), None)?.made());
        Ok(row)
    }
}

/// Makes an exclusion.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateExclusion {
    /// The host.
    pub host_id: HostId,
    /// The rule with this id; else `tag` is given.
    pub crs_rule_id: Option<i64>,
    /// The rules with this tag; else `crs_rule_id` is given.
    #[serde(default)]
    pub tag: String,
    /// The path up to a segment's border, decoded, beginning with `/`; empty = every path.
    #[serde(default)]
    pub path_pattern: String,
    /// Methods, comma-separated; empty = every method.
    #[serde(default)]
    pub method: String,
    /// Targets, comma-separated, such as `ARGS:password`; empty = the whole rules.
    #[serde(default)]
    pub target: String,
    /// Why, for people, at most 512 characters.
    #[serde(default)]
    pub reason: String,
    /// Whether it takes part; default true.
    pub enabled: Option<bool>,
}
operation!(CreateExclusion => Exclusion, "exclusions.create", Post "/hosts/{host_id}/waf-exclusions", Operator, 201,
    "Makes an exclusion.");

impl CreateExclusion {
    /// Leaves out the rule `id` for every request.
    #[must_use]
    pub fn of_rule(host_id: HostId, id: i64) -> Self {
        Self { crs_rule_id: Some(id), ..Self::of_tag(host_id, String::new()) }
    }

    /// Leaves out the rules with `tag` for every request.
    #[must_use]
    pub fn of_tag(host_id: HostId, tag: String) -> Self {
        let (path_pattern, method, target, reason) = Default::default();
        Self { host_id, crs_rule_id: None, tag, path_pattern, method, target, reason, enabled: None }
    }
}

impl Mutation for CreateExclusion {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Exclusion> {
        hosts::get(tx, self.host_id)?;
        let mut fields = ExclusionFields {
            crs_rule_id: self.crs_rule_id,
            tag: self.tag,
            path_pattern: self.path_pattern,
            method: self.method,
            target: self.target,
            reason: self.reason,
            enabled: self.enabled.unwrap_or(true),
        };
        let rules = loaded(tx, cx)?;
        check(&mut fields, &rules)?;
        let id = exclusions::insert(tx, self.host_id, &fields)?;
        done(tx, "create", self.host_id, id, &rules)
    }
}

changes! {
    /// Changes the given fields of an exclusion; omitted ones stay.
    UpdateExclusion,
    /// Replaces every field of an exclusion.
    ReplaceExclusion
    at {
        /// The host.
        host_id: HostId,
        /// The exclusion.
        id: ExclusionId,
    }
    fields {
        /// The rules with this tag; empty = the rule `crs_rule_id`.
        tag: String,
        /// The path up to a segment's border, decoded, beginning with `/`; empty = every path.
        path_pattern: String,
        /// Methods, comma-separated; empty = every method.
        method: String,
        /// Targets, comma-separated, such as `ARGS:password`; empty = the whole rules.
        target: String,
        /// Why, for people, at most 512 characters.
        reason: String,
        /// Whether it takes part.
        enabled: bool,
    }
    nullable {
        /// The rule with this id; null = the rules with `tag`.
        crs_rule_id: i64,
    }
    later {}
}
operation!(ReplaceExclusion => Exclusion, "exclusions.replace", Put "/hosts/{host_id}/waf-exclusions/{id}", Operator,
    200, "Replaces every field of an exclusion.", of GetExclusion { host_id, id });
operation!(UpdateExclusion => Exclusion, "exclusions.update", Patch "/hosts/{host_id}/waf-exclusions/{id}", Operator,
    200, "Changes the given fields of an exclusion.", of GetExclusion { host_id, id });

impl Mutation for UpdateExclusion {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Exclusion> {
        self.refuse_later()?;
        let old = fields_of(exclusions::get(tx, self.host_id, self.id)?);
        let mut new = ExclusionFields {
            crs_rule_id: {
                let mut id = old.crs_rule_id;
                self.crs_rule_id.apply(&mut id);
                id
            },
            tag: self.tag.unwrap_or_else(|| old.tag.clone()),
            path_pattern: self.path_pattern.unwrap_or_else(|| old.path_pattern.clone()),
            method: self.method.unwrap_or_else(|| old.method.clone()),
            target: self.target.unwrap_or_else(|| old.target.clone()),
            reason: self.reason.unwrap_or_else(|| old.reason.clone()),
            enabled: self.enabled.unwrap_or(old.enabled),
        };
        let rules = loaded(tx, cx)?;
        check(&mut new, &rules)?;
        if old != new {
            exclusions::update(tx, self.host_id, self.id, &new)?;
        }
        done(tx, "update", self.host_id, self.id, &rules)
    }
}

/// Deletes an exclusion.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteExclusion {
    /// The host.
    pub host_id: HostId,
    /// The exclusion.
    pub id: ExclusionId,
}
operation!(DeleteExclusion => (), "exclusions.delete", Delete "/hosts/{host_id}/waf-exclusions/{id}", Operator, 204,
    "Deletes an exclusion.", of GetExclusion { host_id, id });

impl Mutation for DeleteExclusion {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        exclusions::get(tx, self.host_id, self.id)?;
        exclusions::delete(tx, self.id)?;
        about(tx, "delete", self.host_id, self.id)
    }
}

/// Switches an exclusion on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleExclusion {
    /// The host.
    pub host_id: HostId,
    /// The exclusion.
    pub id: ExclusionId,
    /// Whether it takes part.
    pub enabled: bool,
}
operation!(ToggleExclusion => Exclusion, "exclusions.toggle", Post "/hosts/{host_id}/waf-exclusions/{id}/toggle",
    Operator, 200, "Switches an exclusion on or off.", positional ["enabled"], of GetExclusion { host_id, id });

impl Mutation for ToggleExclusion {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Exclusion> {
        let old = fields_of(exclusions::get(tx, self.host_id, self.id)?);
        let new = ExclusionFields { enabled: self.enabled, ..old.clone() };
        if old != new {
            exclusions::update(tx, self.host_id, self.id, &new)?;
        }
        done(tx, "toggle", self.host_id, self.id, &loaded(tx, cx)?)
    }
}

fn fields_of(row: Exclusion) -> ExclusionFields {
    ExclusionFields {
        crs_rule_id: row.crs_rule_id,
        tag: row.tag,
        path_pattern: row.path_pattern,
        method: row.method,
        target: row.target,
        reason: row.reason,
        enabled: row.enabled,
    }
}

/// The rules that hosts run when this change is live.
fn loaded(tx: &Tx<'_>, cx: &Context) -> Result<RuleSource> {
    Ok(cx.rules.found(&crs_path(tx)?))
}

/// Refuses what can't be an exclusion, and writes methods and tag as they are compared.
fn check(fields: &mut ExclusionFields, rules: &RuleSource) -> Result<()> {
    fields.tag = fields.tag.trim().to_owned();
    let refused = |code, field: &str, reason: String| Err(Error::invalid(code, field, reason));
    match (fields.crs_rule_id, fields.tag.is_empty()) {
        (Some(_), false) | (None, true) => {
            return refused("exclusion.selector", "crs_rule_id", "give either crs_rule_id or tag".into());
        }
        (Some(id), true) => in_range("crs_rule_id", id, 1, i64::MAX)?,
        (None, false) => {}
    }
    for (field, text, most) in [
        ("tag", &fields.tag, 256),
        ("path_pattern", &fields.path_pattern, MOST_PATH),
        ("target", &fields.target, 2048),
        ("reason", &fields.reason, 512),
    ] {
        if text.chars().count() > most || text.chars().any(char::is_control) {
            return refused("out_of_range", field, format!("at most {most} characters, no control character"));
        }
    }
    if !fields.path_pattern.is_empty() && !fields.path_pattern.starts_with('/') {
        return refused("exclusion.path", "path_pattern", "begins with `/`, or is empty for every path".into());
    }
    let methods: Vec<&str> = csv(&fields.method).collect();
    for method in &methods {
        if !Exclusion::has_method(method) {
            let reason = format!("{method:?}: upper-case method names with commas between, such as GET,POST");
            return refused("exclusion.method", "method", reason);
        }
    }
    if methods.is_empty() && !fields.method.is_empty() {
        return refused("exclusion.method", "method", "names no method; leave it empty for every method".into());
    }
    fields.method = methods.join(",");
    if reach(rules, fields.crs_rule_id, &fields.tag, &fields.target)?.protected {
        let (field, named) = match fields.crs_rule_id {
            Some(id) => ("crs_rule_id", format!("rule {id}")),
            None => ("tag", format!("a rule with the tag {:?}", fields.tag)),
        };
        return refused("exclusion.protected", field, format!("{named} sets up, sums or blocks: it can't be left out"));
    }
    Ok(())
}

/// Says what keeps an exclusion from having an effect.
fn warn(row: &mut Exclusion, rules: &RuleSource, own: &Made<'_>) {
    let reached = reach(rules, row.crs_rule_id, &row.tag, &row.target);
    if reached.is_ok_and(|reach| reach.rules == Some(0)) && !own.mentions(row.crs_rule_id, &row.tag) {
        row.warnings.push(match row.crs_rule_id {
            Some(id) => format!("no loaded rule has the id {id}"),
            None => format!("no loaded rule has the tag {:?}", row.tag),
        });
    }
    row.warnings.extend(about_path(&row.path_pattern));
}

/// Says what keeps an exclusion with the path `pattern` from holding where it seems to.
fn about_path(pattern: &str) -> Option<String> {
    if pattern.contains('?') {
        return Some("the query of a request is no part of its path".to_owned());
    }
    if climbs(pattern.as_bytes()) {
        let text = "some upstreams may read this path as one outside of it: no exclusion of a path holds there";
        return Some(text.to_owned());
    }
    // A pattern is compared as it stands; who wrote it as requests are written meant something else.
    let form = matching_form(pattern.as_bytes()).filter(|form| !covers(pattern.as_bytes(), form))?;
    let form = String::from_utf8_lossy(&form);
    Some(format!("a request to {pattern:?} is compared as {form:?}, which this path does not cover"))
}

fn about(tx: &Tx<'_>, action: &'static str, host: HostId, id: ExclusionId) -> Result<()> {
    let domain = hosts::get(tx, host)?.domain;
    tx.about(action, "waf_exclusion", id, Some((host, domain.as_str())));
    Ok(())
}

fn done(tx: &Tx<'_>, action: &'static str, host: HostId, id: ExclusionId, rules: &RuleSource) -> Result<Exclusion> {
    about(tx, action, host, id)?;
    let mut row = exclusions::get(tx, host, id)?;
    warn(&mut row, rules, &own(tx, Some(host), None)?.made());
    Ok(row)
}
