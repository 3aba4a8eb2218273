//! The compiled rule set: flat, immutable, shared between transactions.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actions::{Act, AuditEngine, Disruptive, Severity};
use crate::compile::segment::Border;
use crate::directives::DirectiveId;
use crate::limits::Limits;
use crate::operators::Operator;
use crate::plan::{Plan, Shortcut};
use crate::run::own::HOST_RULE;
use crate::screen::ByteSet;
use crate::transforms::{Transform, touches, url};
use crate::variables::{Targets, VarId, name_of};

/// Everything the runner needs, in flat arrays.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) rules: Vec<Rule>,
    /// Per phase (index 1–5): indices into `rules`, in file order.
    pub(crate) phases: [Vec<u32>; 6],
    pub(crate) operators: Vec<OperatorUse>,
    pub(crate) chains: Chains,
    pub(crate) plan: Plan,
    /// Where a host's own rules would stand.
    pub(crate) border: Option<Border>,
}

/// What directives decide about a transaction as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Directives that set a value here.
    pub(crate) stated: Vec<DirectiveId>,
    pub(crate) engine: Engine,
    pub(crate) request_body: bool,
    pub(crate) response_body: bool,
    pub(crate) response_types: Vec<Vec<u8>>,
    pub(crate) argument_separator: u8,
    pub(crate) limits: Limits,
    /// Status of `deny` where a rule names none.
    pub(crate) status: u16,
    /// Whose records the collections hold that outlive transactions.
    pub(crate) web_app: Option<Vec<u8>>,
    /// Seconds after which a record ends that nothing wrote to.
    pub(crate) collection_timeout: i64,
    /// Cookies follow RFC 2109: commas separate too, values may be quoted.
    pub(crate) cookies_v1: bool,
    /// Files of one upload before `MULTIPART_FILE_LIMIT_EXCEEDED`.
    pub(crate) upload_files: usize,
    /// Steps of a pattern that needs backtracking.
    pub(crate) pattern_steps: usize,
    pub(crate) audit_engine: AuditEngine,
    /// How the rules name themselves.
    pub(crate) signature: Option<String>,
    pub(crate) audit_parts: String,
    pub(crate) audit_status: Option<Arc<dyn Operator>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stated: Vec::new(),
            engine: Engine::On,
            request_body: true,
            response_body: true,
            response_types: ["text/plain", "text/html", "text/xml", "application/json"].map(Vec::from).to_vec(),
            argument_separator: b'&',
            limits: Limits::default(),
            status: 403,
            web_app: None,
            collection_timeout: 3600,
            cookies_v1: false,
            upload_files: 100,
            pattern_steps: 1_000_000,
            audit_engine: AuditEngine::default(),
            signature: None,
            audit_parts: "ABCFHZ".to_owned(),
            audit_status: None,
        }
    }
}

/// `SecRuleEngine` and `ctl:ruleEngine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    On,
    Off,
    DetectionOnly,
}

/// One rule: a chain is one rule with several links.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    pub(crate) file: Arc<str>,
    pub(crate) line: u32,
    pub(crate) links: Vec<Link>,
    pub(crate) msg: Option<Template>,
    pub(crate) logdata: Option<Template>,
    pub(crate) rev: Option<Box<[u8]>>,
    pub(crate) severity: Option<Severity>,
    pub(crate) tags: Vec<Template>,
    pub(crate) log: bool,
    pub(crate) audit: bool,
    pub(crate) disruptive: Disruptive,
    pub(crate) status: Option<u16>,
    /// `skip:n` rules of the same phase.
    pub(crate) skip: u32,
    /// Where `skipAfter` goes on: an index into the phase's list.
    pub(crate) skip_to: Option<u32>,
    /// Texts for the log that need no expanding; made when all rules are known.
    pub(crate) fixed: Fixed,
}

/// Texts of a rule without macros, as its matches share them. None where there is something to expand.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    pub(crate) msg: Option<Arc<str>>,
    pub(crate) tags: Option<Arc<[String]>>,
}

impl Fixed {
    pub(crate) fn of(rule: &Rule) -> Self {
        let text = |template: &Template| template.literal().map(|text| String::from_utf8_lossy(text).into_owned());
        Self {
            msg: rule.msg.as_ref().map_or(Some(String::new()), text).map(Into::into),
            tags: rule.tags.iter().map(text).collect::<Option<Vec<_>>>().map(Into::into),
        }
    }
}

impl Program {
    /// Whether there are rules in `phase` besides the engine's own.
    pub(crate) fn has_phase(&self, phase: u8) -> bool {
        let list = self.phases.get(usize::from(phase)).map(Vec::as_slice).unwrap_or_default();
        list.iter().any(|index| !self.rules[*index as usize].is_own())
    }
}

impl Rule {
    /// The engine put this rule in; the caller's count leaves it out.
    pub(crate) fn is_own(&self) -> bool {
        self.id == HOST_RULE || (200_000..=200_099).contains(&self.id)
    }
}

/// One member of a chain.
#[derive(Debug)]
pub(crate) struct Link {
    /// None for `SecAction`, which always matches.
    pub(crate) test: Option<Test>,
    pub(crate) actions: Vec<Act>,
}

/// What a link looks at and how.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) targets: Targets,
    pub(crate) operator: u32,
    pub(crate) negate: bool,
    pub(crate) chain: ChainId,
    pub(crate) multi_match: bool,
    pub(crate) capture: bool,
    /// How it may be passed over; chosen when all rules are known.
    pub(crate) shortcut: Shortcut,
}

/// An operator with its argument; rules with the same text share one.
#[derive(Debug)]
pub(crate) struct OperatorUse {
    pub(crate) operator: Box<dyn Operator>,
    pub(crate) argument: Template,
}

/// A transformation chain of the rule set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct ChainId(pub(crate) u32);

/// All transformation chains of a rule set; the empty one is the first.
#[derive(Debug)]
pub(crate) struct Chains {
    chains: Vec<Chain>,
    /// Distinct transformations.
    steps: Vec<Step>,
    unicode: Option<HashMap<u16, u8>>,
}

#[derive(Debug, Default)]
struct Chain {
    /// Indices of transformations.
    steps: Box<[u16]>,
    touches: Option<ByteSet>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    transform: Transform,
    touches: Option<ByteSet>,
}

impl Default for Chains {
    fn default() -> Self {
        let empty = Chain { steps: Box::default(), touches: Some(ByteSet::EMPTY) };
        Self { chains: vec![empty], steps: Vec::new(), unicode: None }
    }
}

impl Chains {
    /// The place of `chain`, made if it is new.
    pub(crate) fn intern(&mut self, chain: &[(&'static str, Transform)]) -> ChainId {
        let steps: Vec<u16> = chain
            .iter()
            .map(|(name, transform)| {
                let known = self.steps.iter().position(|step| step.name == *name);
                known.unwrap_or_else(|| {
                    self.steps.push(Step { name, transform: *transform, touches: touches(name) });
                    self.steps.len() - 1
                }) as u16
            })
            .collect();
        let known = self.chains.iter().position(|known| *known.steps == *steps);
        let index = known.unwrap_or_else(|| {
            let all =
                |all: Option<ByteSet>, step: &u16| Some(all?.or(self.steps[usize::from(*step)].touches.as_ref()?));
            let touches = steps.iter().fold(Some(ByteSet::EMPTY), all);
            self.chains.push(Chain { steps: steps.into(), touches });
            self.chains.len() - 1
        });
        ChainId(index as u32)
    }

    /// The transformations of `chain`.
    pub(crate) fn steps(&self, chain: ChainId) -> &[u16] {
        &self.chains[chain.0 as usize].steps
    }

    /// The names of its transformations, for people.
    pub(crate) fn names(&self, chain: ChainId) -> Vec<&'static str> {
        self.steps(chain).iter().map(|step| self.steps[usize::from(*step)].name).collect()
    }

    /// Whether `chain` may change a text with these bytes. A text that no transformation changes stays the same
    /// through all of them.
    pub(crate) fn touches(&self, chain: ChainId, seen: &ByteSet) -> bool {
        self.chains[chain.0 as usize].touches.as_ref().is_none_or(|touches| touches.meets(seen))
    }

    /// Whether one transformation may change a text with these bytes.
    pub(crate) fn step_touches(&self, step: u16, seen: &ByteSet) -> bool {
        self.steps[usize::from(step)].touches.as_ref().is_none_or(|touches| touches.meets(seen))
    }

    /// Whether one transformation changes the case of letters and nothing else.
    pub(crate) fn step_folds(&self, step: u16) -> bool {
        matches!(self.steps[usize::from(step)].name, "lowercase" | "uppercase")
    }

    /// Distinct transformations.
    pub(crate) fn step_count(&self) -> usize {
        self.steps.len()
    }

    /// One transformation over `bytes`; None means unchanged.
    pub(crate) fn apply_step(&self, step: u16, bytes: &[u8]) -> Option<Vec<u8>> {
        let Step { name, transform, .. } = &self.steps[usize::from(step)];
        match &self.unicode {
            Some(table) if *name == "urldecodeuni" => url::decode_uni_with(bytes, |code| table.get(&code).copied()),
            _ => transform(bytes),
        }
    }

    /// `bytes` after `chain`, worked out afresh.
    pub(crate) fn run(&self, chain: ChainId, bytes: &Arc<[u8]>) -> Arc<[u8]> {
        self.steps(chain).iter().fold(bytes.clone(), |bytes, step| match self.apply_step(*step, &bytes) {
            Some(changed) => changed.into(),
            None => bytes,
        })
    }

    /// Decodes characters as `other` does.
    pub(crate) fn unicode_of(&mut self, other: &Self) {
        self.unicode.clone_from(&other.unicode);
    }

    /// Which byte a character becomes in `urlDecodeUni`.
    pub(crate) fn set_unicode(&mut self, table: HashMap<u16, u8>) {
        self.unicode = Some(table);
    }
}

/// Text with `%{macros}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(Box<[u8]>),
    Variable(VarId, Option<Box<[u8]>>),
}

impl Template {
    /// The text with its macros, names of variables in capitals.
    pub(crate) fn written(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Part::Variable(id, None) => format!("%{{{}}}", name_of(*id)),
            Part::Variable(id, Some(key)) => format!("%{{{}.{}}}", name_of(*id), String::from_utf8_lossy(key)),
        };
        self.parts.iter().map(part).collect()
    }

    /// The text when there is nothing to expand.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [] => Some(b""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}
