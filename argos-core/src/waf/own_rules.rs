//! The rules that one host adds to those of all.

use std::cell::OnceCell;
use std::collections::HashSet;

use argos_seclang::{Builder, Diagnostic, NEEDS_ALL, Variant, claims, remarks};

use super::RuleSource;
use crate::schema::{CustomRule, CustomRuleId};

/// A host's own rules, in the order in which they run.
#[derive(Clone, Debug, Default)]
pub struct OwnRules {
    rows: Vec<Row>,
    /// Place of the row that is looked at.
    tried: usize,
}

#[derive(Clone, Debug)]
struct Row {
    id: CustomRuleId,
    text: String,
    enabled: bool,
}

/// Something wrong with the text of an own rule, or something to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomFault {
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// Stable code.
    pub code: String,
    /// The fault in words.
    pub text: String,
}

impl CustomFault {
    fn of(found: &Diagnostic, name: &str) -> Self {
        let token = if found.token.is_empty() { String::new() } else { format!(" ({})", found.token) };
        // Another text may be where it shows: its place says nothing about this one.
        let (line, column) = if found.file == name { (found.line, found.column) } else { (1, 1) };
        Self { line, column, code: found.code.to_owned(), text: format!("{}{token}", found.text) }
    }
}

impl OwnRules {
    /// Adds a stored row.
    pub fn add(&mut self, row: &CustomRule) {
        self.rows.push(Row { id: row.id, text: row.secrule.clone(), enabled: row.enabled });
    }

    /// With one more row to be looked at, new or in the place of the one with its id. It counts as switched on.
    #[must_use]
    pub fn and(mut self, id: Option<CustomRuleId>, text: &str) -> Self {
        let id = id.unwrap_or(CustomRuleId(i64::MAX));
        self.tried = self.rows.partition_point(|row| row.id < id);
        self.rows.insert(self.tried, Row { id, text: text.to_owned(), enabled: true });
        self
    }

    /// Bytes of all rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row.text.len()).sum()
    }

    /// Whether no row is switched on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.rows.iter().any(|row| row.enabled)
    }

    /// What rows that are switched on make; to be asked about many rules.
    #[must_use]
    pub fn made(&self) -> Made<'_> {
        Made { own: self, ids: OnceCell::new() }
    }

    /// What to know about the row `id` among `rules` although it can be stored: what it turns off, what it leaves alone.
    /// Without `id` it is the looked-at row.
    #[must_use]
    pub fn remarks(&self, id: Option<CustomRuleId>, rules: &RuleSource) -> Vec<CustomFault> {
        let row = match id {
            Some(id) => self.rows.iter().find(|row| row.id == id),
            None => self.rows.get(self.tried),
        };
        let Some(row) = row else { return Vec::new() };
        let name = name(row.id);
        remarks(&name, &row.text, rules.rules().ok()).iter().map(|found| CustomFault::of(found, &name)).collect()
    }

    /// What the looked-at row makes, or all that is wrong with it: alone, beside the other rows, and among `rules`.
    ///
    /// # Errors
    /// The faults, at most 100.
    pub fn check(&self, rules: &RuleSource) -> Result<Vec<u64>, Vec<CustomFault>> {
        let Some(row) = self.rows.get(self.tried) else { return Ok(Vec::new()) };
        let name = name(row.id);
        let faults = |found: Vec<Diagnostic>| found.iter().map(|d| CustomFault::of(d, &name)).collect::<Vec<_>>();
        let own = claims(&name, &row.text).map_err(faults)?;
        let mut taken = Vec::new();
        for other in self.rows.iter().filter(|other| other.id != row.id) {
            let others = claims("", &other.text).unwrap_or_default();
            for claim in own.iter().filter(|claim| others.iter().any(|other| other.id == claim.id)) {
                let text = format!("rule {} stands in custom rule {} of this host", claim.id, other.id);
                let code = "custom_rule.id_taken".to_owned();
                taken.push(CustomFault { line: claim.line, column: claim.column, code, text });
            }
        }
        if !taken.is_empty() {
            return Err(taken);
        }
        // Rules that can't be used refuse nothing.
        if let Ok(compiled) = rules.rules() {
            match self.add_to(compiled.vary()).compile() {
                Err(found) if needs_all(&found) => {
                    if let Ok(builder) = rules.builder() {
                        self.compose(builder).compile().map_err(faults)?;
                    }
                }
                made => drop(made.map_err(faults)?),
            }
        }
        Ok(own.into_iter().map(|claim| claim.id).collect())
    }

    /// Compiled rules with the rows that are switched on.
    pub(super) fn add_to(&self, variant: Variant) -> Variant {
        let rows = self.rows.iter().filter(|row| row.enabled);
        rows.fold(variant, |variant, row| variant.custom(&name(row.id), &row.text))
    }

    /// `builder` with the rows that are switched on.
    pub(super) fn compose(&self, builder: Builder) -> Builder {
        let rows = self.rows.iter().filter(|row| row.enabled);
        rows.fold(builder, |builder, row| builder.custom(&name(row.id), &row.text))
    }
}

/// The rules that rows make, read when it is first asked about one.
#[derive(Debug)]
pub struct Made<'a> {
    own: &'a OwnRules,
    ids: OnceCell<HashSet<u64>>,
}

impl Made<'_> {
    /// Whether the rule `id` is among them, or the text of one names `tag`.
    #[must_use]
    pub fn mentions(&self, id: Option<i64>, tag: &str) -> bool {
        let on = || self.own.rows.iter().filter(|row| row.enabled);
        match id {
            Some(id) => {
                let read =
                    || on().filter_map(|row| claims("", &row.text).ok()).flatten().map(|claim| claim.id).collect();
                self.ids.get_or_init(read).contains(&id.unsigned_abs())
            }
            None => on().any(|row| row.text.contains(tag)),
        }
    }
}

/// Whether rows can't be added to compiled rules.
pub(super) fn needs_all(found: &[Diagnostic]) -> bool {
    found.iter().any(|found| found.code == NEEDS_ALL)
}

/// What findings and log rows call the text of a row.
fn name(id: CustomRuleId) -> String {
    if id.0 == i64::MAX { "custom rule".into() } else { format!("custom rule {id}") }
}
