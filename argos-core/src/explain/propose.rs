//! The narrowest exclusions that let one request pass: found in its trace, and tried on it.

use std::collections::BTreeMap;

use argos_seclang::{LeftOut, is_protected};
use schemars::JsonSchema;
use serde::Serialize;

use super::scope::Scope;
use super::{ExplainedFrom, Explanation, Judge, TryResult, WafVerdict};
use crate::schema::{Exclusion, WafMode};
use crate::waf::asked::Asked;
use crate::waf::inspect::ResultLine;

/// Exclusions that would let a request pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Proposal {
    /// Whether the request passes with them; tried on it.
    pub passes: bool,
    /// Whether it was tried on all that rules saw; a long body is cut in memory.
    pub whole: bool,
    /// What is proposed, each as `exclusions.create` takes it; empty where the request passes without.
    pub exclusions: Vec<ProposedExclusion>,
    /// What to know before they are saved, such as that one covers more than this request's path.
    pub warnings: Vec<String>,
    /// Rules that stop the request and that nothing may leave out.
    pub refused: Vec<RefusedRule>,
    /// What block mode finds without them.
    pub before: ResultLine,
    /// What block mode still finds with them.
    pub after: ResultLine,
}

/// One exclusion to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProposedExclusion {
    /// The host.
    pub host_id: i64,
    /// The rule.
    pub crs_rule_id: i64,
    /// Targets that the rule does not look at; empty: the whole rule.
    pub target: String,
    /// The path, and what lies below it; empty: every path.
    pub path_pattern: String,
    /// The method; empty: every method.
    pub method: String,
    /// Why.
    pub reason: String,
}

/// A rule that nothing may leave out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedRule {
    /// The rule; 0 = the limit of a body.
    pub rule_id: u64,
    /// Why not.
    pub reason: String,
}

/// Bytes of a name that a target may have: no application gives longer ones.
const LONGEST_NAME: usize = 128;

/// Rules that are tried to be left out.
const MOST_CAUSES: usize = 20;

/// A rule that adds to a score or decides, and where it matched.
struct Cause {
    rule_id: u64,
    targets: Vec<String>,
    weight: i64,
}

/// Proposes exclusions for `asked`, a request of the host `host_id`, which has those of `known`; `why` is what they are
/// for.
#[must_use]
pub fn propose(judge: &Judge<'_>, host_id: i64, known: &[Exclusion], asked: &Asked, why: &str) -> Proposal {
    // Only detecting, so that all is found and not only what comes first.
    let judge = Judge { mode: WafMode::Detect, ..judge.clone() };
    let found = judge.explain(asked, ExplainedFrom::Memory);
    let refused = refused(&found);
    let mut causes = causes(&found);
    let mut chosen: Vec<(Cause, LeftOut)> = Vec::new();
    let passes = |chosen: &[(Cause, LeftOut)]| {
        let left: Vec<LeftOut> = chosen.iter().map(|(_, left)| left.clone()).collect();
        judge.verdict_without(asked, &left) == WafVerdict::Passed
    };
    let mut done = passes(&chosen);
    // The heaviest first: few exclusions, each of one rule.
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.weight));
    // Each one costs up to two evaluations.
    causes.truncate(MOST_CAUSES);
    for mut cause in causes {
        if done {
            break;
        }
        let left = judge.left_out(&mut cause);
        chosen.push((cause, left));
        done = passes(&chosen);
    }
    if done {
        // What a later one made needless goes.
        let mut at = 0;
        while at < chosen.len() {
            let taken = chosen.remove(at);
            if !passes(&chosen) {
                chosen.insert(at, taken);
                at += 1;
            }
        }
    }
    let left: Vec<LeftOut> = chosen.iter().map(|(_, left)| left.clone()).collect();
    let after = judge.explain_without(asked, ExplainedFrom::Memory, &left);
    let Scope { path_pattern, method, mut warnings } = Scope::of(asked, judge.masked);
    if chosen.is_empty() {
        warnings.clear();
    }
    for (cause, _) in &chosen {
        let named = |target: &&String| {
            let member = format!("{target}:");
            found.steps.iter().any(|step| step.rule_id == cause.rule_id && step.variable.starts_with(&member))
        };
        if let Some(target) = cause.targets.iter().find(named) {
            warnings.push(format!(
                "rule {}: an exclusion can't name what matched, so all of {target} is left out",
                cause.rule_id
            ));
        }
    }
    let exclusions = chosen.into_iter().map(|(cause, _)| ProposedExclusion {
        host_id,
        crs_rule_id: i64::try_from(cause.rule_id).unwrap_or(i64::MAX),
        target: cause.targets.join(","),
        path_pattern: path_pattern.clone(),
        method: method.clone(),
        reason: why.to_owned(),
    });
    let exclusions: Vec<_> = exclusions.collect();
    for known in known {
        let same = |new: &&ProposedExclusion| {
            known.crs_rule_id == Some(new.crs_rule_id) && known.path_pattern == new.path_pattern
        };
        if let Some(new) = exclusions.iter().find(same) {
            warnings.push(format!(
                "exclusion {} has the rule {} and this path already: change that one, two can't have both",
                known.id, new.crs_rule_id
            ));
        }
    }
    let (before, after) = (told(found.result), told(after.result));
    Proposal { passes: done, whole: true, exclusions, warnings, refused, before, after }
}

/// A result without the rules that say nothing: those that set up and jump.
fn told(mut result: ResultLine) -> ResultLine {
    result.matched.retain(|rule| !rule.msg.is_empty() || rule.severity.is_some());
    result
}

impl Judge<'_> {
    /// What the exclusion of `cause` leaves out. Targets that no exclusion can name are dropped from it, so that what is
    /// proposed is what was tried.
    fn left_out(&self, cause: &mut Cause) -> LeftOut {
        let narrow = argos_seclang::Exclusion::id(cause.rule_id).targets(&cause.targets.join(","));
        let exclusion = narrow.unwrap_or_else(|_| {
            cause.targets.clear();
            argos_seclang::Exclusion::id(cause.rule_id)
        });
        self.rules.left_out(&exclusion)
    }
}

/// Protected rules that decide by something else than the scores of others.
fn refused(found: &Explanation) -> Vec<RefusedRule> {
    let limits = &found.limits;
    let by_score = |phase: u8| match phase {
        1 | 2 => limits.inbound_threshold.is_some_and(|threshold| found.result.score_in >= threshold),
        _ => limits.outbound_threshold.is_some_and(|threshold| found.result.score_out >= threshold),
    };
    let base = |id: u64| (200_000..=200_099).contains(&id);
    let mut refused: Vec<RefusedRule> = Vec::new();
    for decision in found.decisions.iter().filter(|decision| decision.action != "allow") {
        let id = decision.rule_id;
        let sums = is_protected(id) && !base(id) && by_score(decision.phase);
        if sums || id != 0 && !is_protected(id) || refused.iter().any(|known| known.rule_id == id) {
            continue;
        }
        let reason = match id {
            0 => "the body is longer than the limit, which is a setting",
            _ => "a rule that sets up, sums or blocks can't be left out",
        };
        refused.push(RefusedRule { rule_id: id, reason: reason.to_owned() });
    }
    refused
}

/// The rules that matched in whole and count, each with the targets that it matched on.
fn causes(found: &Explanation) -> Vec<Cause> {
    let decides = |id: u64| found.decisions.iter().any(|decision| decision.rule_id == id && decision.action != "allow");
    let matched: Vec<u64> = found.result.matched.iter().map(|rule| rule.id).collect();
    let mut links: BTreeMap<u64, Vec<(usize, &str)>> = BTreeMap::new();
    let mut weights: BTreeMap<u64, i64> = BTreeMap::new();
    for step in found.steps.iter().filter(|step| step.result == TryResult::Matched) {
        if is_protected(step.rule_id) || !matched.contains(&step.rule_id) {
            continue;
        }
        let added = step.scores.iter().filter(|score| score.name.contains("anomaly_score")).map(|score| score.added);
        *weights.entry(step.rule_id).or_default() += added.sum::<i64>();
        links.entry(step.rule_id).or_default().push((step.link, &step.variable));
    }
    let counts = |id: &u64| weights.get(id).is_some_and(|weight| *weight > 0) || decides(*id);
    let causes = links.into_iter().filter(|(id, _)| counts(id)).map(|(rule_id, steps)| {
        let weight = if decides(rule_id) { i64::MAX } else { weights.get(&rule_id).copied().unwrap_or_default() };
        Cause { rule_id, targets: targets(&steps), weight }
    });
    causes.collect()
}

/// The targets that a rule matched on: of the last link that looks at the request itself. None: the whole rule.
fn targets(steps: &[(usize, &str)]) -> Vec<String> {
    let last = steps.iter().filter(|(_, variable)| selectable(variable)).map(|(link, _)| *link).max();
    let mut targets: Vec<String> = Vec::new();
    for (_, variable) in steps.iter().filter(|(link, _)| Some(*link) == last) {
        let Some(target) = target(variable) else { return Vec::new() };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    // More than a reader would look through, and than a list holds.
    if targets.iter().map(|target| target.len() + 1).sum::<usize>() > 1000 { Vec::new() } else { targets }
}

fn selectable(variable: &str) -> bool {
    let collection = variable.split(':').next().unwrap_or_default();
    let own = ["TX", "MATCHED_VAR", "MATCHED_VARS", "MATCHED_VARS_NAMES", "MATCHED_VAR_NAME", "RULE", "ENV"];
    !collection.is_empty() && !collection.starts_with('&') && !own.contains(&collection)
}

/// A target as an exclusion names it; a name with other than plain letters as a pattern.
fn target(variable: &str) -> Option<String> {
    if !selectable(variable) {
        return None;
    }
    let Some((collection, key)) = variable.split_once(':') else { return Some(variable.to_owned()) };
    // A name that is content, or too long, or no text, or hidden, is another one with each request.
    let content = |c: char| matches!(c, '{' | '<' | '"' | char::REPLACEMENT_CHARACTER);
    if key.len() > LONGEST_NAME || key == "***" || key.contains(content) {
        return Some(collection.to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if key.chars().all(plain) || collection == "XML" {
        return Some(variable.to_owned());
    }
    let escaped: String = key
        .bytes()
        .map(|b| if plain(char::from(b)) && b != b'.' { char::from(b).to_string() } else { format!("\\x{b:02x}") })
        .collect();
    // `^` and `$` would hold at line breaks in a name, too.
    Some(format!(r"{collection}:/\A{escaped}\z/"))
}

#[cfg(test)]
mod tests {
    use argos_seclang::{NoFiles, RuleSet};

    use super::*;
    use crate::clock::Timestamp;
    use crate::waf::inspect::RequestLine;

    const RULES: &str = r#"
SecAction "id:901001,phase:1,nolog,pass,setvar:tx.inbound_anomaly_score_threshold=5"
SecRule ARGS "@contains evil" "id:942100,phase:2,pass,log,setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule ARGS:note "@contains evil" "id:941100,phase:2,pass,log,setvar:tx.inbound_anomaly_score_pl1=+3"
SecRule ARGS:hard "@contains evil" "id:100001,phase:2,deny,log"
SecRule ARGS:base "@contains evil" "id:200009,phase:2,deny,log"
SecAction "id:949001,phase:2,nolog,pass,setvar:tx.blocking_inbound_anomaly_score=+%{tx.inbound_anomaly_score_pl1}"
SecRule TX:blocking_inbound_anomaly_score "@ge %{tx.inbound_anomaly_score_threshold}" "id:949110,phase:2,deny,log"
"#;

    fn proposal(uri: &str) -> Proposal {
        let (rules, _) = RuleSet::builder(NoFiles).rules_str("own.conf", RULES).compile().unwrap();
        let (mode, now) = (WafMode::Block, Timestamp(0));
        let judge = Judge { rules: &rules, tuned: None, mode, web_app: "1", now, masked: &[] };
        let line = RequestLine { uri: uri.to_owned(), ..RequestLine::default() };
        propose(&judge, 7, &[], &Asked::from(&line), "r1")
    }

    #[test]
    fn the_fewest_exclusions_that_suffice_are_proposed_each_as_narrow_as_it_can_be() {
        let found = proposal("/post?note=evil&a%5Bb%5D=evil&c=fine");
        assert!(found.passes);
        let [one] = found.exclusions.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.crs_rule_id, one.target.as_str()), (942_100, r"ARGS:note,ARGS:/\Aa\x5bb\x5d\z/"));
        assert_eq!((one.path_pattern.as_str(), one.method.as_str(), one.host_id), ("/post", "GET", 7));
        // What stays below the threshold stays.
        assert_eq!((found.before.score_in, found.after.score_in), (13, 3));
        assert!(!found.before.matched.iter().any(|rule| rule.id == 901_001), "it says nothing");
    }

    #[test]
    fn a_name_that_is_content_or_hidden_is_no_target() {
        for (variable, expected) in [
            ("ARGS:note", Some("ARGS:note")),
            ("ARGS:a b", Some(r"ARGS:/\Aa\x20b\z/")),
            ("ARGS_NAMES:***", Some("ARGS_NAMES")),
            ("ARGS_NAMES:{\"password\":\"x\"}", Some("ARGS_NAMES")),
            ("ARGS:<a>", Some("ARGS")),
            ("ARGS:\u{fffd}", Some("ARGS")),
            ("XML:/*", Some("XML:/*")),
            ("TX:1", None),
            ("&ARGS", None),
        ] {
            assert_eq!(target(variable).as_deref(), expected, "{variable}");
        }
        assert_eq!(target(&format!("ARGS:{}", "n".repeat(129))).as_deref(), Some("ARGS"));
        // An exclusion for such a request can be used for the next one, too, and shows nothing of it.
        let (rules, _) = RuleSet::builder(NoFiles).rules_str("own.conf", NAMES).compile().unwrap();
        let (mode, now) = (WafMode::Block, Timestamp(0));
        let masked: [Box<str>; 1] = ["password".into()];
        let judge = Judge { rules: &rules, tuned: None, mode, web_app: "1", now, masked: &masked };
        let uri = "/?%7B%22password%22:%22evil-hush%22%7D".to_owned();
        let found = propose(&judge, 7, &[], &Asked::from(&RequestLine { uri, ..RequestLine::default() }), "r1");
        assert!(found.passes && !serde_json::to_string(&found).unwrap().contains("hush"), "{found:?}");
        assert_eq!(found.exclusions[0].target, "ARGS_NAMES");
    }

    const NAMES: &str = r#"SecRule ARGS_NAMES "@contains evil" "id:100001,phase:2,deny,log,msg:'%{MATCHED_VAR_NAME}',logdata:'%{MATCHED_VAR}'""#;

    #[test]
    fn more_rules_than_a_proposal_takes_stay() {
        let rules: String = (100_001..=100_030)
            .map(|id| format!("SecRule ARGS \"@contains evil\" \"id:{id},phase:2,deny,log\"\n"))
            .collect();
        let (rules, _) = RuleSet::builder(NoFiles).rules_str("own.conf", rules).compile().unwrap();
        let (mode, now) = (WafMode::Block, Timestamp(0));
        let judge = Judge { rules: &rules, tuned: None, mode, web_app: "1", now, masked: &[] };
        let line = RequestLine { uri: "/?a=evil".to_owned(), ..RequestLine::default() };
        let found = propose(&judge, 7, &[], &Asked::from(&line), "r1");
        assert!(!found.passes && found.exclusions.len() == MOST_CAUSES, "{found:?}");
    }

    #[test]
    fn a_request_that_passes_needs_none_and_a_protected_rule_gets_none() {
        let wide = proposal("/post?%22a%22=evil");
        let targets: Vec<&str> = wide.exclusions.iter().map(|one| one.target.as_str()).collect();
        assert_eq!((targets, wide.warnings.len()), (vec!["ARGS"], 1), "{:?}", wide.warnings);
        assert!(wide.warnings[0].contains("all of ARGS"));
        let fine = proposal("/?a=fine");
        assert!(fine.passes && fine.exclusions.is_empty() && fine.refused.is_empty());
        let hard = proposal("/?hard=evil");
        assert!(hard.passes);
        assert!(hard.exclusions.iter().any(|e| (e.crs_rule_id, e.target.as_str()) == (100_001, "ARGS:hard")));
        let base = proposal("/?base=evil");
        assert!(!base.passes);
        assert_eq!(base.refused.iter().map(|rule| rule.rule_id).collect::<Vec<_>>(), [200_009]);
        assert!(base.exclusions.iter().all(|e| e.crs_rule_id < 200_000 || e.crs_rule_id >= 901_000));
    }
}
