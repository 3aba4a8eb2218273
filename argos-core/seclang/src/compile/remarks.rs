//! What a host should know of its own rules though they may be stored: what they turn off, and what they leave alone.

use super::edit::{SPARED, Which};
use super::exclusion::is_protected;
use super::load::Compiler;
use super::never;
use super::phases::Step;
use super::rule::Draft;
use crate::actions::table::Choice;
use crate::actions::{Act, Ctl, Disruptive, Scope};
use crate::diagnostic::{Diagnostic, Findings};
use crate::directives::DirectiveId;
use crate::limits::Limits;
use crate::parse;
use crate::program::{Engine, Rule};
use crate::run::RuleSet;
use crate::source::{NoFiles, Position};

/// What is worth saying about `text` as a host's own rules over `base`, in the order of the text. It is nothing where the
/// text does not compile.
#[must_use]
pub fn remarks(name: &str, text: impl AsRef<[u8]>, base: Option<&RuleSet>) -> Vec<Diagnostic> {
    let mut compiler = Compiler::new(&NoFiles, Limits::default());
    let program = base.map(RuleSet::program);
    if let Some(border) = program.and_then(|program| program.border.as_ref()) {
        compiler.defaults = border.defaults.clone();
        compiler.datasets = border.datasets.clone();
    }
    compiler.custom_text(name, text.as_ref());
    if !compiler.findings.errors.is_empty() {
        return Vec::new();
    }
    let rules = program.map(|program| program.rules.as_slice()).unwrap_or_default();
    let mut findings = std::mem::take(&mut compiler.findings);
    for step in &compiler.steps {
        let Step::Rule(rule) = step else { continue };
        let claimed = compiler.claimed.iter().find(|claim| claim.id == rule.0.id);
        let column = claimed.map_or(1, |claim| claim.column);
        let at = Position { file: rule.0.file.clone(), line: rule.0.line, column };
        let acts = rule.0.links.iter().flat_map(|link| &link.actions);
        turned_off(Some(&rule.0.disruptive), acts, &at, rules, &mut findings);
    }
    for (id, at, words) in std::mem::take(&mut compiler.custom_deferred) {
        let updates = words.len() > 1
            && !matches!(id, DirectiveId::RuleRemoveById | DirectiveId::RuleRemoveByTag | DirectiveId::RuleRemoveByMsg);
        let names = if updates { &words[..1] } else { &words[..] };
        if let Some(which) = Which::read(id, &at, names, &mut findings)
            && rules.iter().any(|rule| is_protected(rule.id) && which.means(rule))
        {
            let token = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
            findings.warn("seclang.protected", &at, token, SPARED);
        }
        if id == DirectiveId::UpdateActionById && updates {
            let actions = parse::actions(&at.file, &words[1].text, &mut findings);
            let draft = Draft::read(&at.file, &actions, &mut findings);
            let disruptive = match &draft.choice {
                Some(Choice::Fixed(disruptive)) => Some(disruptive),
                _ => None,
            };
            turned_off(disruptive, draft.acts.iter(), &at, rules, &mut findings);
        }
    }
    never::warn(&compiler.steps, &compiler.known, &mut findings);
    let mut said = findings.warnings;
    said.sort_by_key(|found| (found.line, found.column));
    said.dedup();
    said
}

/// Notes what a rule turns off for the requests that it matches, and what its `ctl` leaves alone among `rules`.
fn turned_off<'a>(
    disruptive: Option<&Disruptive>,
    acts: impl Iterator<Item = &'a Act>,
    at: &Position,
    rules: &[Rule],
    findings: &mut Findings,
) {
    let allowed = match disruptive {
        Some(Disruptive::Allow(Scope::All)) => Some("no later rule runs for the requests that match"),
        Some(Disruptive::Allow(Scope::Request)) => {
            Some("no later rule of the request's phases runs for the requests that match")
        }
        Some(Disruptive::Allow(Scope::Phase)) => Some("no later rule of its phase runs for the requests that match"),
        _ => None,
    };
    if let Some(text) = allowed {
        findings.warn(TURNS_OFF, at, b"allow", text);
    }
    for act in acts {
        let Act::Ctl(change, _) = act else { continue };
        let (token, text): (&[u8], _) = match change.said() {
            Ctl::Engine(Engine::Off) => (
                b"ctl:ruleEngine=Off",
                "turns the WAF off for the requests that match: no later rule runs, none blocks",
            ),
            Ctl::Engine(Engine::DetectionOnly) => {
                (b"ctl:ruleEngine=DetectionOnly", "no later rule blocks the requests that match")
            }
            Ctl::RequestBodyAccess(false) => {
                (b"ctl:requestBodyAccess=Off", "the bodies of the requests that match are not inspected")
            }
            Ctl::ResponseBodyAccess(false) => {
                (b"ctl:responseBodyAccess=Off", "the bodies of the answers to requests that match are not inspected")
            }
            said if rules.iter().any(|rule| is_protected(rule.id) && said.means(rule)) => {
                findings.warn("seclang.protected", at, b"ctl", SPARED);
                continue;
            }
            _ => continue,
        };
        findings.warn(TURNS_OFF, at, token, text);
    }
}

const TURNS_OFF: &str = "seclang.turns_off";

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_own_rules_turn_off_or_leave_alone_is_said_with_its_place() {
        let (base, _) = RuleSet::builder(NoFiles).baseline().compile().unwrap();
        let protected = base.list().into_iter().find(|rule| rule.id == 9109).unwrap();
        let tag = &protected.tags[0];
        let by_tag = format!("SecAction \"id:100001,phase:1,pass,ctl:ruleRemoveByTag={tag}\"");
        let removed = format!("SecRuleRemoveByTag {tag}");
        for (text, code, token, line, column) in [
            ("\n SecAction \"id:100001,pass,ctl:ruleEngine=Off\"", TURNS_OFF, "ctl:ruleEngine=Off", 2, 2),
            (
                "SecAction \"id:100001,pass,ctl:ruleEngine=DetectionOnly\"",
                TURNS_OFF,
                "ctl:ruleEngine=DetectionOnly",
                1,
                1,
            ),
            ("SecAction \"id:100001,phase:1,allow\"", TURNS_OFF, "allow", 1, 1),
            ("SecAction \"id:100001,phase:1,allow:phase\"", TURNS_OFF, "allow", 1, 1),
            ("SecAction \"id:100001,phase:1,allow:request\"", TURNS_OFF, "allow", 1, 1),
            ("SecAction \"id:100001,pass,ctl:requestBodyAccess=Off\"", TURNS_OFF, "ctl:requestBodyAccess=Off", 1, 1),
            ("SecAction \"id:100001,pass,ctl:responseBodyAccess=Off\"", TURNS_OFF, "ctl:responseBodyAccess=Off", 1, 1),
            ("SecRuleUpdateActionById 3001 \"allow\"", TURNS_OFF, "allow", 1, 1),
            ("SecRuleUpdateActionById 3001 \"pass,ctl:ruleEngine=Off\"", TURNS_OFF, "ctl:ruleEngine=Off", 1, 1),
            ("SecAction \"id:100001,pass,ctl:ruleRemoveById=3000-9999\"", "seclang.protected", "ctl", 1, 1),
            ("SecAction \"id:100001,pass,ctl:ruleRemoveTargetById=1-99999;ARGS:a\"", "seclang.protected", "ctl", 1, 1),
            (&by_tag, "seclang.protected", "ctl", 1, 1),
            ("SecRuleRemoveById 3000-9999", "seclang.protected", "3000-9999", 1, 1),
            (&removed, "seclang.protected", tag, 1, 1),
            ("SecRuleUpdateTargetById 1-9999 \"!ARGS:a\"", "seclang.protected", "1-9999", 1, 1),
        ] {
            let found = remarks("own", text, Some(&base));
            let [one] = found.as_slice() else { panic!("{text}: {found:?}") };
            assert_eq!((one.code, one.token.as_str(), one.line, one.column), (code, token, line, column), "{text}");
        }
        for text in [
            "SecRule ARGS a \"id:100001,phase:2,deny\"",
            "SecAction \"id:100001,pass,ctl:ruleRemoveById=3001\"",
            "SecRuleRemoveById 3001",
            "SecRule ARGS \"@rx (\" \"id:100001,phase:2,allow\"",
        ] {
            assert_eq!(remarks("own", text, Some(&base)), [], "{text}");
        }
    }
}
