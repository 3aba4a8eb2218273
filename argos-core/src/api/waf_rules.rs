//! The rules that hosts run, one by one, and the mode over all hosts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::changes::not_null;
use super::operation::operation;
use super::page::{list_input, of_all};
use super::waf::{WafStatus, crs_path};
use super::{Context, Mutation, Page, Query, View, in_range};
use crate::error::Result;
use crate::schema::{AppsecMode, Order};
use crate::store::{Tx, settings};
use crate::waf::{ListedRule, catalogue};

/// Changes the mode over all hosts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetWafMode {
    /// The cap of every host's mode: `disabled`, `detect` or `block`; omitted = it stays.
    #[serde(default, deserialize_with = "not_null")]
    pub mode: Option<AppsecMode>,
}
operation!(SetWafMode => WafStatus, "waf.mode", Patch "/waf/mode", Operator, 200, "Changes the mode over all hosts.",
    positional ["mode"]);

impl From<AppsecMode> for SetWafMode {
    fn from(mode: AppsecMode) -> Self {
        Self { mode: Some(mode) }
    }
}

impl Mutation for SetWafMode {
    fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<WafStatus> {
        let before = settings::value(tx, "appsec.mode")?;
        let before = before.as_deref().and_then(AppsecMode::parse).unwrap_or(AppsecMode::Block);
        if let Some(mode) = self.mode.filter(|mode| *mode != before) {
            settings::write(tx, "appsec.mode", mode.as_str())?;
            settings::write_own(tx, "appsec.previous_mode", before.as_str())?;
            settings::write_own(tx, "appsec.last_mode_change_at", &tx.now().to_string())?;
            settings::write_own(tx, "appsec.last_mode_change_by", &tx.actor().label())?;
        }
        tx.about("appsec_mode_changed", "setting", "appsec.mode", None);
        WafStatus::of(tx, &cx.rules.found(&crs_path(tx)?))
    }
}

/// A rule that hosts run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CatalogueRule {
    /// Its id.
    pub id: u64,
    /// 1 request head, 2 request body, 3 answer's head, 4 answer's body, 5 logging.
    pub phase: u8,
    /// The level from which it takes part, by its tag `paranoia-level/…`; null = it says none.
    pub paranoia: Option<u8>,
    /// Such as `CRITICAL`; null = none.
    pub severity: Option<String>,
    /// Its message as written, with `%{…}`.
    pub msg: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// The file that it stands in.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u32,
}

impl From<ListedRule> for CatalogueRule {
    fn from(rule: ListedRule) -> Self {
        let level = rule.tags.iter().find_map(|tag| tag.strip_prefix("paranoia-level/")?.parse().ok());
        Self {
            id: rule.id,
            phase: rule.phase,
            paranoia: level,
            severity: rule.severity.map(|severity| severity.as_str().to_owned()),
            msg: rule.msg,
            tags: rule.tags,
            file: rule.file,
            line: rule.line,
        }
    }
}

list_input! {
    /// Lists the rules that all hosts run, in the order in which they stand.
    ListWafRules {
        /// Part of the id or of the message, in any case.
        q: Option<String>,
        /// A tag, in the same letters.
        tag: Option<String>,
        /// The level of paranoia from which a rule takes part, 1–4.
        paranoia: Option<i64>,
    }
}
operation!(ListWafRules => Page<CatalogueRule>, "waf.rules", Get "/waf/rules", Viewer, 200,
    "Lists the rules that all hosts run, in the order in which they stand.");

impl Query for ListWafRules {
    fn run(self, view: &View<'_>) -> Result<Page<CatalogueRule>> {
        if let Some(level) = self.paranoia {
            in_range("paranoia", level, 1, 4)?;
        }
        let q = self.q.as_deref().unwrap_or_default().to_lowercase();
        let meant = |rule: &CatalogueRule| {
            (q.is_empty() || rule.id.to_string().contains(&q) || rule.msg.to_lowercase().contains(&q))
                && self.tag.as_ref().is_none_or(|tag| rule.tags.contains(tag))
                && self.paranoia.is_none_or(|level| rule.paranoia.map(i64::from) == Some(level))
        };
        let all = catalogue(&view.live.rules)?.into_iter().map(CatalogueRule::from).filter(meant).collect();
        let of = format!("WAF rules {:?} {:?} {:?}", self.q, self.tag, self.paranoia);
        of_all(view, &of, &self.asked(Order::Asc), all)
    }
}

impl Default for ListWafRules {
    fn default() -> Self {
        Self::first(None, None, None)
    }
}
