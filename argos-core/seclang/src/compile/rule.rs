//! One directive's actions, read and checked.

use std::sync::Arc;

use crate::actions::table::{self, ActionId, Choice};
use crate::actions::{Act, Sanitise, Severity, ctl, setvar};
use crate::ast::ActionText;
use crate::compile::template::Templates;
use crate::diagnostic::Findings;
use crate::lex::Mapped;
use crate::parse::position;
use crate::program::{ChainId, Rule, Template};
use crate::source::Position;
use crate::transforms::{self, Transform};
use crate::variables::VarId;

/// The actions of one directive before defaults and chains are settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) id: Option<u64>,
    /// An id was written, be it a bad one: then its absence is no second mistake.
    pub(crate) id_given: bool,
    pub(crate) phase: Option<u8>,
    pub(crate) msg: Option<Template>,
    pub(crate) logdata: Option<Template>,
    pub(crate) rev: Option<Box<[u8]>>,
    pub(crate) severity: Option<Severity>,
    pub(crate) status: Option<u16>,
    pub(crate) tags: Vec<Template>,
    pub(crate) choice: Option<Choice>,
    pub(crate) chain: bool,
    pub(crate) skip: u32,
    pub(crate) skip_after: Option<Box<[u8]>>,
    pub(crate) capture: bool,
    pub(crate) multi_match: bool,
    pub(crate) log: Option<bool>,
    /// `auditlog` and `noauditlog`; a rule that says neither does as it does about `log`.
    pub(crate) audit: Option<bool>,
    pub(crate) transforms: Vec<(&'static str, Transform)>,
    /// `t:none` stood in the list, so nothing is inherited.
    pub(crate) own_transforms: bool,
    pub(crate) acts: Vec<Act>,
}

impl Draft {
    /// Reads `actions`; what can't be used becomes a diagnostic.
    pub(crate) fn read(file: &Arc<str>, actions: &[ActionText], findings: &mut Findings) -> Self {
        let mut draft = Self::default();
        for action in actions {
            let at = position(file, &action.name, 0);
            let name = &action.name.bytes;
            match table::by_name(name) {
                Some(id) => {
                    if let Err((code, text)) = draft.take(id, action.value.as_ref(), &at, findings) {
                        let token = action.value.as_ref().unwrap_or(&action.name);
                        findings.error(code, &position(file, token, 0), &token.bytes, text);
                    }
                }
                None if listed(table::ERROR, name) => {
                    findings.error("seclang.refused_action", &at, name, "this action is not supported");
                }
                None => findings.error("seclang.unknown_action", &at, name, "unknown action"),
            }
        }
        draft
    }

    fn take(
        &mut self,
        id: ActionId,
        value: Option<&Mapped>,
        at: &Position,
        findings: &mut Findings,
    ) -> Result<(), (&'static str, String)> {
        let mut templates = Templates { findings, at: at.clone() };
        let bytes = value.map(|value| value.bytes.as_slice());
        let needed = || bytes.ok_or_else(|| ("seclang.action_value", "this action needs a value".to_owned()));
        let bad = |text: &str| ("seclang.action_value", text.to_owned());
        match id {
            ActionId::Allow
            | ActionId::Block
            | ActionId::Deny
            | ActionId::Drop
            | ActionId::Pass
            | ActionId::Redirect => {
                let value = bytes.map(|text| templates.parse(text));
                self.choice = Some(table::disruptive(id, value).map_err(bad)?);
            }
            ActionId::Id => {
                self.id_given = true;
                let id = integer(needed()?).filter(|id| *id > 0).ok_or_else(|| bad("an id above 0 is needed"))?;
                self.id = Some(id);
            }
            ActionId::Phase => self.phase = Some(table::phase(needed()?).ok_or_else(|| bad("phases are 1 to 5"))?),
            ActionId::Msg => self.msg = Some(templates.parse(needed()?)),
            ActionId::Logdata => self.logdata = Some(templates.parse(needed()?)),
            ActionId::Tag => self.tags.push(templates.parse(needed()?)),
            ActionId::Severity => {
                self.severity = Some(table::severity(needed()?).ok_or_else(|| bad("severities are 0 to 7"))?);
            }
            ActionId::Rev => self.rev = Some(needed()?.into()),
            ActionId::Ver | ActionId::Maturity | ActionId::Accuracy => {
                needed()?;
            }
            ActionId::Status => {
                let status = integer(needed()?).filter(|status| (100..=599).contains(status));
                self.status = Some(status.ok_or_else(|| bad("a status from 100 to 599 is needed"))? as u16);
            }
            ActionId::Chain => self.chain = true,
            ActionId::Skip => {
                let count = integer(needed()?).filter(|count| *count <= 100_000);
                self.skip = count.ok_or_else(|| bad("a number of rules is needed"))? as u32;
            }
            ActionId::SkipAfter => self.skip_after = Some(needed()?.into()),
            ActionId::SetVar => self.acts.push(setvar::parse(needed()?, &mut templates)?),
            ActionId::ExpireVar => self.acts.push(setvar::parse_expire(needed()?, &mut templates)?),
            ActionId::DeprecateVar => self.acts.push(setvar::parse_deprecate(needed()?, &mut templates)?),
            ActionId::InitCol => self.acts.push(setvar::parse_open(needed()?, &mut templates)?),
            ActionId::SetSid => self.acts.push(Act::Open(VarId::Session, templates.parse(needed()?))),
            ActionId::SetUid => self.acts.push(Act::Open(VarId::User, templates.parse(needed()?))),
            ActionId::SetRsc => self.acts.push(Act::Open(VarId::Resource, templates.parse(needed()?))),
            ActionId::SetEnv => self.acts.push(setvar::parse_env(needed()?, &mut templates)?),
            ActionId::SanitiseArg => self.acts.push(Act::Sanitise(Sanitise::Arg(needed()?.into()))),
            ActionId::SanitiseMatched => self.acts.push(Act::Sanitise(Sanitise::Matched)),
            ActionId::SanitiseRequestHeader => {
                self.acts.push(Act::Sanitise(Sanitise::RequestHeader(needed()?.into())));
            }
            ActionId::SanitiseResponseHeader => {
                self.acts.push(Act::Sanitise(Sanitise::ResponseHeader(needed()?.into())));
            }
            // Paths compare local names, so a prefix needs no address.
            ActionId::XmlNs => {
                needed()?;
            }
            ActionId::Capture => self.capture = true,
            ActionId::MultiMatch => self.multi_match = true,
            ActionId::Log => self.log = Some(true),
            ActionId::NoLog => self.log = Some(false),
            ActionId::AuditLog => self.audit = Some(true),
            ActionId::NoAuditLog => self.audit = Some(false),
            ActionId::Transform => self.transform(needed()?)?,
            ActionId::Ctl => match ctl::parse(needed()?)? {
                ctl::Parsed::Change(change) => self.acts.push(Act::Ctl(change, None)),
                ctl::Parsed::NoEffect => {
                    findings.warn("seclang.no_effect", at, bytes.unwrap_or_default(), "accepted without effect");
                }
            },
        }
        Ok(())
    }

    fn transform(&mut self, name: &[u8]) -> Result<(), (&'static str, String)> {
        if name.eq_ignore_ascii_case(b"none") {
            self.transforms.clear();
            self.own_transforms = true;
            return Ok(());
        }
        match transforms::by_name(name) {
            Some(found) => {
                self.transforms.push(found);
                Ok(())
            }
            None => Err(("seclang.unknown_transformation", "unknown transformation".to_owned())),
        }
    }
}

impl Draft {
    /// Changes `rule` as `SecRuleUpdateActionById` does: what is written replaces, tags and actions are added.
    pub(crate) fn change(&self, rule: &mut Rule, chain: Option<ChainId>) {
        if let Some(Choice::Fixed(disruptive)) = &self.choice {
            rule.disruptive = disruptive.clone();
        }
        let replace = |new: &Option<Template>, old: &mut Option<Template>| {
            if new.is_some() {
                old.clone_from(new);
            }
        };
        replace(&self.msg, &mut rule.msg);
        replace(&self.logdata, &mut rule.logdata);
        rule.rev = self.rev.clone().or_else(|| rule.rev.take());
        rule.severity = self.severity.or(rule.severity);
        rule.status = self.status.or(rule.status);
        rule.log = self.log.unwrap_or(rule.log);
        rule.audit = self.audit.unwrap_or(rule.audit);
        rule.tags.extend(self.tags.iter().cloned());
        rule.skip = if self.skip > 0 { self.skip } else { rule.skip };
        if let Some(link) = rule.links.first_mut() {
            link.actions.extend(self.acts.iter().cloned());
            if let Some(test) = &mut link.test {
                test.chain = chain.unwrap_or(test.chain);
                test.capture |= self.capture;
                test.multi_match |= self.multi_match;
            }
        }
    }
}

/// Whether `name` is one of the lower-case `names`, in any case.
pub(crate) fn listed(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// A whole decimal number.
pub(crate) fn integer(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}
