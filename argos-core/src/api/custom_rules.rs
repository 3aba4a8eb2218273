//! A host's own WAF rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::changes;
use super::operation::operation;
use super::page::{by_number, list_input};
use super::waf::crs_path;
use super::{Context, Look, Mutation, Page, Query, View};
use crate::error::{Error, ErrorKind, FieldError, Result};
use crate::schema::{CustomRule, CustomRuleId, HostId, Order, RuleFinding};
use crate::store::custom_rules::{self, CustomRuleFields};
use crate::store::{Read, Span, Tx, hosts};
use crate::waf::{CustomFault, OwnRules, RuleSource};

list_input! {
    /// Lists the own rules of a host by id, the order in which they run.
    ListCustomRules {
        /// The host.
        host_id: HostId,
    }
}
operation!(ListCustomRules => Page<CustomRule>, "custom_rules.list", Get "/hosts/{host_id}/waf-rules", Viewer, 200,
    "Lists the own rules of a host by id, the order in which they run.");

impl Query for ListCustomRules {
    fn run(self, view: &View<'_>) -> Result<Page<CustomRule>> {
        hosts::get(&view.read, self.host_id)?;
        let fetch = |span| custom_rules::list(&view.read, self.host_id, span);
        let of = format!("custom rules of {}", self.host_id);
        let mut page = by_number(view, &of, &self.asked(Order::Asc), fetch, |r| r.id.0)?;
        page.items.iter_mut().for_each(|row| warn(row, &view.live.rules));
        Ok(page)
    }
}

impl From<HostId> for ListCustomRules {
    fn from(host_id: HostId) -> Self {
        Self::first(host_id)
    }
}

/// Shows one own rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetCustomRule {
    /// The host.
    pub host_id: HostId,
    /// The own rule.
    pub id: CustomRuleId,
}
operation!(GetCustomRule => CustomRule, "custom_rules.get", Get "/hosts/{host_id}/waf-rules/{id}", Viewer, 200,
    "Shows one own rule.");

impl Query for GetCustomRule {
    fn run(self, view: &View<'_>) -> Result<CustomRule> {
        let mut row = custom_rules::get(&view.read, self.host_id, self.id)?;
        warn(&mut row, &view.live.rules);
        Ok(row)
    }
}

/// Makes an own rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCustomRule {
    /// The host.
    pub host_id: HostId,
    /// A name for people, at most 128 characters.
    #[serde(default)]
    pub name: String,
    /// `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`; at most 64 KiB.
    pub secrule: String,
    /// Whether it takes part; default true.
    pub enabled: Option<bool>,
}
operation!(CreateCustomRule => CustomRule, "custom_rules.create", Post "/hosts/{host_id}/waf-rules", Operator, 201,
    "Makes an own rule.");

impl CreateCustomRule {
    /// These directives, on.
    #[must_use]
    pub fn new(host_id: HostId, secrule: String) -> Self {
        Self { host_id, name: String::new(), secrule, enabled: None }
    }
}

impl Mutation for CreateCustomRule {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<CustomRule> {
        hosts::get(tx, self.host_id)?;
        let enabled = self.enabled.unwrap_or(true);
        let fields = CustomRuleFields { name: self.name, secrule: self.secrule, enabled };
        check(tx, cx, self.host_id, None, &fields)?;
        let id = custom_rules::insert(tx, self.host_id, &fields)?;
        done(tx, cx, self.host_id, id, "create")
    }
}

changes! {
    /// Changes the given fields of an own rule; omitted ones stay.
    UpdateCustomRule,
    /// Replaces every field of an own rule.
    ReplaceCustomRule
    at {
        /// The host.
        host_id: HostId,
        /// The own rule.
        id: CustomRuleId,
    }
    fields {
        /// A name for people, at most 128 characters.
        name: String,
        /// `SecRule`, `SecAction`, `SecMarker`, `SecRuleRemove…` and `SecRuleUpdate…`; at most 64 KiB.
        secrule: String,
        /// Whether it takes part.
        enabled: bool,
    }
    nullable {}
    later {}
}
operation!(ReplaceCustomRule => CustomRule, "custom_rules.replace", Put "/hosts/{host_id}/waf-rules/{id}", Operator,
    200, "Replaces every field of an own rule.", of GetCustomRule { host_id, id });
operation!(UpdateCustomRule => CustomRule, "custom_rules.update", Patch "/hosts/{host_id}/waf-rules/{id}", Operator,
    200, "Changes the given fields of an own rule.", of GetCustomRule { host_id, id });

fn fields_of(rule: CustomRule) -> CustomRuleFields {
    CustomRuleFields { name: rule.name, secrule: rule.secrule, enabled: rule.enabled }
}

impl Mutation for UpdateCustomRule {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<CustomRule> {
        self.refuse_later()?;
        let old = fields_of(custom_rules::get(tx, self.host_id, self.id)?);
        let new = CustomRuleFields {
            name: self.name.unwrap_or_else(|| old.name.clone()),
            secrule: self.secrule.unwrap_or_else(|| old.secrule.clone()),
            enabled: self.enabled.unwrap_or(old.enabled),
        };
        store(tx, cx, self.host_id, self.id, (&old, &new), "update")
    }
}

fn store(
    tx: &Tx<'_>,
    cx: &Context,
    host: HostId,
    id: CustomRuleId,
    (old, new): (&CustomRuleFields, &CustomRuleFields),
    action: &'static str,
) -> Result<CustomRule> {
    if old != new {
        check(tx, cx, host, Some(id), new)?;
        custom_rules::update(tx, id, new)?;
    }
    done(tx, cx, host, id, action)
}

/// Deletes an own rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteCustomRule {
    /// The host.
    pub host_id: HostId,
    /// The own rule.
    pub id: CustomRuleId,
}
operation!(DeleteCustomRule => (), "custom_rules.delete", Delete "/hosts/{host_id}/waf-rules/{id}", Operator, 204,
    "Deletes an own rule.", of GetCustomRule { host_id, id });

impl Mutation for DeleteCustomRule {
    fn run(self, tx: &Tx<'_>, _cx: &Context) -> Result<()> {
        custom_rules::get(tx, self.host_id, self.id)?;
        custom_rules::delete(tx, self.id)?;
        about(tx, "delete", self.host_id, self.id)
    }
}

/// Switches an own rule on or off.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToggleCustomRule {
    /// The host.
    pub host_id: HostId,
    /// The own rule.
    pub id: CustomRuleId,
    /// Whether it takes part.
    pub enabled: bool,
}
operation!(ToggleCustomRule => CustomRule, "custom_rules.toggle", Post "/hosts/{host_id}/waf-rules/{id}/toggle",
    Operator, 200, "Switches an own rule on or off.", positional ["enabled"], of GetCustomRule { host_id, id });

impl Mutation for ToggleCustomRule {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<CustomRule> {
        let old = fields_of(custom_rules::get(tx, self.host_id, self.id)?);
        let new = CustomRuleFields { enabled: self.enabled, ..old.clone() };
        store(tx, cx, self.host_id, self.id, (&old, &new), "toggle")
    }
}

/// Says what is wrong with rules before they are a host's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRules {
    /// The host whose other own rules they would stand beside; none = no other own rules.
    pub host_id: Option<HostId>,
    /// The directives, at most 64 KiB.
    pub secrule: String,
}
operation!(CheckRules => CheckedRules, "waf.check_rules", Post "/waf/check", Operator, 200,
    "Says what is wrong with rules before they are a host's.");

/// What rules would make, and what to know about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckedRules {
    /// Whether they could be stored.
    pub ok: bool,
    /// Ids of the rules, in the order of the text; empty where something is wrong.
    pub rules: Vec<u64>,
    /// All that is wrong, at most 100 findings.
    pub errors: Vec<RuleFinding>,
    /// What to know although nothing is wrong: what they turn off, and what they leave alone though they seem to mean it.
    pub warnings: Vec<RuleFinding>,
}

impl Query for CheckRules {
    fn run(self, view: &View<'_>) -> Result<CheckedRules> {
        self.look(view)?.finish()
    }

    fn look(self, view: &View<'_>) -> Result<Look<CheckedRules>> {
        if let Some(host) = self.host_id {
            hosts::get(&view.read, host)?;
        }
        let own = own(&view.read, self.host_id, None)?;
        length(&own, &self.secrule)?;
        let tried = own.and(None, &self.secrule);
        let rules = view.live.rules.clone();
        Ok(Look::rest(move || {
            Ok(match tried.check(&rules) {
                Ok(made) => {
                    let warnings = tried.remarks(None, &rules).into_iter().map(finding).collect();
                    CheckedRules { ok: true, rules: made, errors: Vec::new(), warnings }
                }
                Err(faults) => {
                    let errors = faults.into_iter().map(finding).collect();
                    CheckedRules { ok: false, rules: Vec::new(), errors, warnings: Vec::new() }
                }
            })
        }))
    }
}

fn finding(found: CustomFault) -> RuleFinding {
    RuleFinding { line: found.line, column: found.column, code: found.code, text: found.text }
}

/// Says what to know about an own rule.
fn warn(row: &mut CustomRule, rules: &RuleSource) {
    let mut own = OwnRules::default();
    own.add(row);
    row.warnings = own.remarks(Some(row.id), rules).into_iter().map(finding).collect();
}

/// The own rules of a host, without `but`.
pub(super) fn own(read: &Read<'_>, host: Option<HostId>, but: Option<CustomRuleId>) -> Result<OwnRules> {
    let mut own = OwnRules::default();
    if let Some(host) = host {
        for row in custom_rules::list(read, host, Span::ALL)?.iter().filter(|row| Some(row.id) != but) {
            own.add(row);
        }
    }
    Ok(own)
}

fn check(tx: &Tx<'_>, cx: &Context, host: HostId, id: Option<CustomRuleId>, fields: &CustomRuleFields) -> Result<()> {
    if fields.name.chars().count() > 128 || fields.name.chars().any(char::is_control) {
        return Err(Error::invalid("name", "name", "at most 128 characters, no control character"));
    }
    let own = own(tx, Some(host), id)?;
    length(&own, &fields.secrule)?;
    let rules = cx.rules.found(&crs_path(tx)?);
    let faults = match own.and(id, &fields.secrule).check(&rules) {
        Ok(_) => return Ok(()),
        Err(faults) => faults,
    };
    let first =
        faults.first().map_or_else(String::new, |f| format!("line {}, column {}: {}", f.line, f.column, f.text));
    let error = Error::new(ErrorKind::Invalid, "custom_rule.does_not_compile", format!("secrule: {first}"));
    Err(error.with_fields(faults.into_iter().map(|f| FieldError {
        field: "secrule".into(),
        reason: format!("{}: {}", f.code, f.text),
        line: Some(f.line),
        column: Some(f.column),
    })))
}

/// Bytes of one own rule, and of all of a host: each change compiles them.
const LONGEST: usize = 64 << 10;
const LONGEST_TOGETHER: usize = 256 << 10;

/// Whether `text` is of a length to be looked at, and stands beside `others`.
fn length(others: &OwnRules, text: &str) -> Result<()> {
    if text.len() > LONGEST || text.trim().is_empty() {
        return Err(Error::invalid("out_of_range", "secrule", "one directive or more, at most 64 KiB"));
    }
    let together = others.bytes() + text.len();
    if together > LONGEST_TOGETHER {
        let reason = format!("the own rules of a host have at most 256 KiB together, here {together} bytes");
        return Err(Error::invalid("out_of_range", "secrule", reason));
    }
    Ok(())
}

fn about(tx: &Tx<'_>, action: &'static str, host: HostId, id: CustomRuleId) -> Result<()> {
    let domain = hosts::get(tx, host)?.domain;
    tx.about(action, "waf_custom_rule", id, Some((host, domain.as_str())));
    Ok(())
}

fn done(tx: &Tx<'_>, cx: &Context, host: HostId, id: CustomRuleId, action: &'static str) -> Result<CustomRule> {
    about(tx, action, host, id)?;
    let mut row = custom_rules::get(tx, host, id)?;
    warn(&mut row, &cx.rules.found(&crs_path(tx)?));
    Ok(row)
}
