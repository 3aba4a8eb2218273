//! Directives in order: files, settings, rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::actions::table::Choice;
use crate::actions::{Disruptive, ctl};
use crate::ast::{ActionText, Body, Item, OperatorText, VariableText};
use crate::compile::custom::{self, Claim};
use crate::compile::never::{self, Known};
use crate::compile::phases::{self, Step};
use crate::compile::rule::Draft;
use crate::compile::target;
use crate::diagnostic::{Diagnostic, Findings, LoadReport};
use crate::directives::{self, Class, DirectiveId};
use crate::lex::Word;
use crate::limits::Limits;
use crate::operators::{GeoLookup, Resolver};
use crate::parse::{self, position};
use crate::plan::{self, Shortcut};
use crate::program::{Fixed, Link, Program, Rule, Settings, Test};
use crate::source::{LoadError, Loader, Position, relative_to};

/// The state of one load.
pub(crate) struct Compiler<'a> {
    pub(super) loader: &'a dyn Loader,
    pub(super) findings: Findings,
    pub(super) program: Program,
    pub(super) settings: Settings,
    pub(super) steps: Vec<Step>,
    pub(super) ids: HashSet<u64>,
    pub(super) defaults: [Draft; 6],
    /// A chain whose next link has not been read yet.
    open: Option<(Rule, Draft, Position)>,
    /// Names of the files being read, outermost first.
    reading: Vec<String>,
    pub(super) operators: HashMap<(&'static str, Vec<u8>), u32>,
    pub(super) known: Known,
    pub(super) datasets: HashMap<Vec<u8>, Vec<u8>>,
    pub(super) geo: Option<Arc<dyn GeoLookup>>,
    pub(super) resolver: Option<Arc<dyn Resolver>>,
    /// The files of a whole rule set are being read, which loads unchanged.
    pub(super) packaged: bool,
    deferring: bool,
    deferred: Vec<Edit>,
    /// A host's own rules are being read.
    pub(super) custom: bool,
    pub(super) custom_deferred: Vec<Edit>,
    /// The changes being made are those of a host's own rules.
    pub(super) sparing: bool,
    /// Bytes that the patterns of a host's own rules take so far.
    pub(super) spent: usize,
    /// The rules that a host's own texts make.
    pub(super) claimed: Vec<Claim>,
}

/// A directive that changes other rules, to be done later.
pub(super) type Edit = (DirectiveId, Position, Vec<Word>);

impl<'a> Compiler<'a> {
    pub(crate) fn new(loader: &'a dyn Loader, limits: Limits) -> Self {
        let default = Draft { choice: Some(Choice::Fixed(Disruptive::Pass)), log: Some(true), ..Draft::default() };
        Self {
            loader,
            findings: Findings::default(),
            program: Program::default(),
            settings: Settings { limits, ..Settings::default() },
            steps: Vec::new(),
            ids: HashSet::new(),
            defaults: std::array::from_fn(|_| default.clone()),
            open: None,
            reading: Vec::new(),
            operators: HashMap::new(),
            known: Known::default(),
            datasets: HashMap::new(),
            geo: None,
            resolver: None,
            packaged: false,
            deferring: false,
            deferred: Vec::new(),
            custom: false,
            custom_deferred: Vec::new(),
            sparing: false,
            spent: 0,
            claimed: Vec::new(),
        }
    }

    /// `WEBAPPID` until a directive says otherwise.
    pub(crate) fn web_app(&mut self, id: &[u8]) {
        self.settings.web_app = Some(id.to_vec());
    }

    /// Whether directives that change earlier rules wait for [`Self::deferred_edits`].
    pub(crate) fn defer_edits(&mut self, defer: bool) {
        self.deferring = defer;
    }

    /// Makes the changes that waited.
    pub(crate) fn deferred_edits(&mut self) {
        for (id, at, words) in std::mem::take(&mut self.deferred) {
            let file = at.file.clone();
            self.edit(id, &file, &at, &words);
        }
    }

    /// Notes that the rule set `name` can't be listed.
    pub(crate) fn missing(&mut self, name: &str, error: &LoadError) {
        let at = Position { file: name.into(), line: 1, column: 1 };
        self.findings.error("seclang.file", &at, name.as_bytes(), error.reason.clone());
    }

    /// What `@geoLookup` and `@rbl` ask.
    pub(crate) fn lookups(&mut self, geo: Option<Arc<dyn GeoLookup>>, resolver: Option<Arc<dyn Resolver>>) {
        self.geo = geo;
        self.resolver = resolver;
    }

    /// Reads a file of a whole rule set.
    pub(crate) fn packaged_file(&mut self, name: &str) {
        self.packaged = true;
        self.file(name);
        self.packaged = false;
    }

    /// Reads rule text.
    pub(crate) fn text(&mut self, name: &str, text: &[u8]) {
        let file: Arc<str> = name.into();
        let items = parse::parse(&file, text, &mut self.findings);
        self.reading.push(name.to_owned());
        for item in items {
            self.item(&file, item);
        }
        self.reading.pop();
        self.close_chain();
    }

    /// Reads the file `name` through the loader.
    pub(crate) fn file(&mut self, name: &str) {
        let at = Position { file: name.into(), line: 1, column: 1 };
        match self.loader.read(name) {
            Ok(text) => self.text(name, &text),
            Err(error) => self.findings.error("seclang.file", &at, name.as_bytes(), error.to_string()),
        }
    }

    /// The program, or all that is wrong.
    pub(crate) fn finish(mut self) -> Result<(Program, Settings, LoadReport), Vec<Diagnostic>> {
        if !self.findings.errors.is_empty() {
            return Err(self.findings.errors);
        }
        never::warn(&self.steps, &self.known, &mut self.findings);
        phases::build(&mut self.program, self.steps, &mut self.findings);
        if !self.findings.errors.is_empty() {
            return Err(self.findings.errors);
        }
        plan::build(&mut self.program);
        let rules = self.program.rules.iter().filter(|rule| !rule.is_own()).count();
        let signature = self.settings.signature.clone();
        Ok((self.program, self.settings, LoadReport { warnings: self.findings.warnings, rules, signature }))
    }

    fn close_chain(&mut self) {
        if let Some((_, _, at)) = self.open.take() {
            self.findings.error("seclang.chain_open", &at, &[], "the chain has no next rule");
        }
    }

    fn item(&mut self, file: &Arc<str>, item: Item) {
        let at = position(file, &item.name, 0);
        let name = item.name.bytes.clone();
        let class = directives::by_name(&name);
        let effective = match &class {
            Some(Class::Effective(id)) => Some(*id),
            _ => None,
        };
        if self.custom && class.is_some() && !custom::allows(effective) {
            let text = "only SecRule, SecAction, SecMarker, SecRuleRemove* and SecRuleUpdate* may stand here";
            return self.findings.error("seclang.custom_directive", &at, &name, text);
        }
        if self.custom && !self.affords(file, &item) {
            return;
        }
        let id = match class {
            Some(Class::Effective(id)) => id,
            Some(Class::NoEffect) => {
                return self.findings.warn("seclang.no_effect", &at, &name, "accepted without effect");
            }
            Some(Class::OffOnly) => {
                let off = matches!(&item.body, Body::Plain(words) if words.first().is_some_and(|word| {
                    ctl::switch(&word.text.bytes) == Some(false)
                }));
                return match off {
                    true => self.findings.warn("seclang.no_effect", &at, &name, "accepted without effect"),
                    false => self.findings.error("seclang.refused_directive", &at, &name, "only Off is supported"),
                };
            }
            Some(Class::Error) => {
                let text = "this directive is not supported";
                return self.findings.error("seclang.refused_directive", &at, &name, text);
            }
            None => return self.findings.error("seclang.unknown_directive", &at, &name, "unknown directive"),
        };
        match (id, item.body) {
            (_, Body::Rule { variables, operator, actions }) => {
                self.rule(file, &at, Some((&variables, &operator)), &actions);
            }
            (DirectiveId::DefaultAction, Body::Action(actions)) => self.default_action(file, &at, &actions),
            (_, Body::Action(actions)) => self.rule(file, &at, None, &actions),
            (id, Body::Plain(words)) => self.setting(id, file, &at, &name, &words),
        }
    }

    fn default_action(&mut self, file: &Arc<str>, at: &Position, actions: &[ActionText]) {
        let mut draft = Draft::read(file, actions, &mut self.findings);
        let phase = draft.phase.unwrap_or(2);
        draft.log = draft.log.or(Some(true));
        match draft.choice {
            Some(Choice::Fixed(_)) => self.defaults[usize::from(phase)] = draft,
            _ => {
                self.findings.error("seclang.default_action", at, &[], "a disruptive action other than block is needed")
            }
        }
    }

    fn rule(
        &mut self,
        file: &Arc<str>,
        at: &Position,
        test: Option<(&[VariableText], &OperatorText)>,
        actions: &[ActionText],
    ) {
        let mut draft = Draft::read(file, actions, &mut self.findings);
        if self.custom {
            self.spare(file, actions, &mut draft);
        }
        let phase = match &self.open {
            Some((rule, _, _)) => rule.phase,
            None => draft.phase.unwrap_or(2),
        };
        let test = match test {
            Some((variables, operator)) => self.test(file, variables, operator, &draft, phase),
            None => None,
        };
        let chain = draft.chain;
        let link = Link { test, actions: draft.acts.clone() };
        let (mut rule, starter, start) = match self.open.take() {
            Some(open) => {
                if draft.id.is_some() || draft.choice.is_some() {
                    let text = "id and disruptive actions of a later link have no effect";
                    self.findings.warn("seclang.chain_meta", at, &[], text);
                }
                open
            }
            None => {
                self.claim(&draft, at);
                (self.head(file, at, &draft, phase), draft, at.clone())
            }
        };
        rule.links.push(link);
        if chain {
            self.open = Some((rule, starter, start));
        } else {
            self.steps.push(Step::Rule(Box::new((rule, starter.skip_after))));
        }
    }

    /// Takes `id` for the rule at `at`.
    fn claim(&mut self, draft: &Draft, at: &Position) {
        match draft.id {
            None if draft.id_given => {}
            None => self.findings.error("seclang.id_missing", at, &[], "the rule has no id"),
            Some(id) if self.custom && !custom::allows_id(id) => {
                let text = "ids of own rules are 100000 to 899999 without 200000 to 200099";
                self.findings.error("seclang.custom_id", at, id.to_string().as_bytes(), text);
            }
            Some(id) if !self.ids.insert(id) => {
                let text = "this id is taken by an earlier rule";
                self.findings.error("seclang.id_duplicate", at, id.to_string().as_bytes(), text);
            }
            Some(id) if self.custom => self.claimed.push(Claim { id, line: at.line, column: at.column }),
            Some(_) => {}
        }
    }

    fn head(&self, file: &Arc<str>, at: &Position, draft: &Draft, phase: u8) -> Rule {
        let default = &self.defaults[usize::from(phase)];
        let fixed = |choice: &Option<Choice>| match choice {
            Some(Choice::Fixed(disruptive)) => Some(disruptive.clone()),
            _ => None,
        };
        let inherited = fixed(&default.choice).unwrap_or(Disruptive::Pass);
        Rule {
            id: draft.id.unwrap_or(0),
            phase,
            file: file.clone(),
            line: at.line,
            links: Vec::new(),
            msg: draft.msg.clone(),
            logdata: draft.logdata.clone(),
            rev: draft.rev.clone(),
            severity: draft.severity.or(default.severity),
            tags: default.tags.iter().chain(&draft.tags).cloned().collect(),
            log: draft.log.or(default.log).unwrap_or(true),
            audit: draft.audit.or(default.audit).unwrap_or(true),
            disruptive: fixed(&draft.choice).unwrap_or(inherited),
            status: draft.status.or(default.status),
            skip: draft.skip,
            skip_to: None,
            fixed: Fixed::default(),
        }
    }

    fn test(
        &mut self,
        file: &Arc<str>,
        variables: &[VariableText],
        operator: &OperatorText,
        draft: &Draft,
        phase: u8,
    ) -> Option<Test> {
        let targets = target::compile(file, variables, &mut self.findings);
        let negate = operator.negate;
        let operator = self.operator(file, operator)?;
        let default = &self.defaults[usize::from(phase)];
        let mut transforms = if draft.own_transforms { Vec::new() } else { default.transforms.clone() };
        transforms.extend(&draft.transforms);
        let chain = self.program.chains.intern(&transforms);
        let (multi_match, capture) = (draft.multi_match, draft.capture);
        Some(Test { targets, operator, negate, chain, multi_match, capture, shortcut: Shortcut::None })
    }

    fn setting(&mut self, id: DirectiveId, file: &Arc<str>, at: &Position, name: &[u8], words: &[Word]) {
        let first = words.first().map(|word| word.text.bytes.as_slice());
        let value = match (id, first) {
            (DirectiveId::ResponseBodyMimeTypesClear, _) => &b""[..],
            (_, Some(value)) => value,
            (_, None) => {
                return self.findings.error("seclang.argument_count", at, name, "this directive needs a value");
            }
        };
        match id {
            DirectiveId::Dataset => match words {
                [name, lines] => {
                    let lines = lines.text.bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
                    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).collect();
                    self.datasets.insert(name.text.bytes.clone(), lines.join(&b'\n'));
                }
                _ => self.findings.error("seclang.argument_count", at, name, "a name and lines between ` are needed"),
            },
            DirectiveId::UnicodeMapFile => self.unicode_map(file, at, words),
            DirectiveId::GeoLookupDb => self.geo_database(file, at, words),
            DirectiveId::Marker => self.steps.push(Step::Marker(value.into())),
            DirectiveId::Include => self.include(file, at, value, true),
            DirectiveId::IncludeOptional => self.include(file, at, value, false),
            DirectiveId::RuleRemoveById
            | DirectiveId::RuleRemoveByTag
            | DirectiveId::RuleRemoveByMsg
            | DirectiveId::UpdateTargetById
            | DirectiveId::UpdateTargetByTag
            | DirectiveId::UpdateTargetByMsg
            | DirectiveId::UpdateActionById
                if self.custom =>
            {
                if !self.names_protected(id, file, words) {
                    self.custom_deferred.push((id, at.clone(), words.to_vec()));
                }
            }
            DirectiveId::RuleRemoveById
            | DirectiveId::RuleRemoveByTag
            | DirectiveId::RuleRemoveByMsg
            | DirectiveId::UpdateTargetById
            | DirectiveId::UpdateTargetByTag
            | DirectiveId::UpdateTargetByMsg
            | DirectiveId::UpdateActionById => match self.deferring {
                true => self.deferred.push((id, at.clone(), words.to_vec())),
                false => self.edit(id, file, at, words),
            },
            _ => {
                if let Err(text) = super::settings::apply(&mut self.settings, id, words) {
                    self.findings.error("seclang.directive_value", at, value, text);
                }
                self.settings.stated.push(id);
            }
        }
    }

    fn include(&mut self, file: &Arc<str>, at: &Position, pattern: &[u8], needed: bool) {
        let Ok(pattern) = std::str::from_utf8(pattern) else {
            return self.findings.error("seclang.file", at, pattern, "a file name is UTF-8");
        };
        if self.reading.len() >= INCLUDE_DEPTH {
            return self.findings.error(
                "seclang.include_depth",
                at,
                pattern.as_bytes(),
                "includes nest deeper than 32",
            );
        }
        let names = match self.loader.glob(&relative_to(file, pattern)) {
            Ok(names) => names,
            Err(error) => return self.findings.error("seclang.file", at, pattern.as_bytes(), error.to_string()),
        };
        if names.is_empty() && needed {
            return self.findings.error("seclang.file", at, pattern.as_bytes(), "no such file");
        }
        for name in names {
            if self.reading.contains(&name) {
                self.findings.error("seclang.include_loop", at, name.as_bytes(), "this file is being read already");
                continue;
            }
            match self.loader.read(&name) {
                Ok(text) => self.text(&name, &text),
                Err(error) => self.findings.error("seclang.file", at, name.as_bytes(), error.to_string()),
            }
        }
    }
}

/// Files that may include each other in a row.
const INCLUDE_DEPTH: usize = 32;
