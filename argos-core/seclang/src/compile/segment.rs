//! A host's own rules compiled to run among rules that are compiled already.

use std::collections::HashMap;
use std::sync::Arc;

use super::edit::Which;
use super::exclusion::is_protected;
use super::load::{Compiler, Edit};
use super::phases::{self, Step};
use super::rule::Draft;
use super::target;
use crate::actions::Act;
use crate::diagnostic::Diagnostic;
use crate::directives::DirectiveId;
use crate::parse;
use crate::plan;
use crate::program::{Program, Rule};
use crate::run::RuleSet;
use crate::run::own::Own;
use crate::run::segment::Segment;
use crate::source::NoFiles;

/// What the rules of a program say at the place where a host's own rules stand.
#[derive(Debug, Default)]
pub(crate) struct Border {
    /// Per phase: how many rules of the list stand before it.
    pub(crate) at: [u32; 6],
    pub(crate) defaults: [Draft; 6],
    pub(crate) datasets: HashMap<Vec<u8>, Vec<u8>>,
    /// Markers that rules before it jump to.
    pub(crate) jumps: Vec<Box<[u8]>>,
    /// A rule before it may go on behind it.
    pub(crate) crossed: bool,
}

/// What became of a host's own rules.
pub(super) enum Made {
    /// They run among the rules of the set.
    Segment(Box<Segment>),
    /// Only compiled together with all rules do they act as they should.
    NeedsAll,
}

/// Compiles `texts`; `own` takes what they remove.
pub(super) fn make(base: &RuleSet, own: &mut Own, texts: &[(String, Vec<u8>)]) -> Result<Made, Vec<Diagnostic>> {
    let program = base.program();
    let Some(border) = &program.border else { return Ok(Made::NeedsAll) };
    let loader = NoFiles;
    let mut compiler = Compiler::behind(&loader, border, program, own.settings.clone());
    for (name, text) in texts {
        compiler.custom_text(name, text);
    }
    let edits = std::mem::take(&mut compiler.custom_deferred);
    if !compiler.findings.errors.is_empty() {
        return Err(compiler.findings.errors);
    }
    if border.crossed || compiler.steps.iter().enumerate().any(|(at, step)| leaves(step, &compiler.steps[at..], border))
    {
        return Ok(Made::NeedsAll);
    }
    compiler.sparing = true;
    for edit in edits {
        if !apply(&mut compiler, program, own, edit) {
            return Ok(Made::NeedsAll);
        }
    }
    if !compiler.findings.errors.is_empty() {
        return Err(compiler.findings.errors);
    }
    let mut segment = compiler.program;
    phases::build(&mut segment, compiler.steps, &mut compiler.findings);
    plan::build(&mut segment);
    mark_meant(program, &mut segment);
    Ok(Made::Segment(Box::new(Segment::new(segment, border.at, program.rules.len() as u32))))
}

/// Whether `step`, the first of `rest`, has to do with rules outside: it jumps or skips to them, or they to it.
fn leaves(step: &Step, rest: &[Step], border: &Border) -> bool {
    match step {
        Step::Border => false,
        Step::Marker(name) => border.jumps.contains(name),
        Step::Rule(rule) => {
            let there = |name: &[u8]| rest.iter().any(|step| matches!(step, Step::Marker(marker) if **marker == *name));
            rule.0.skip > 0 || rule.1.as_ref().is_some_and(|name| !there(name))
        }
    }
}

/// Makes one change to all rules; false where the rules of the set would have to change themselves.
fn apply(compiler: &mut Compiler<'_>, program: &Program, own: &mut Own, (id, at, words): Edit) -> bool {
    let file = at.file.clone();
    let targets = match id {
        DirectiveId::RuleRemoveById | DirectiveId::RuleRemoveByTag | DirectiveId::RuleRemoveByMsg => None,
        DirectiveId::UpdateTargetById | DirectiveId::UpdateTargetByTag | DirectiveId::UpdateTargetByMsg
            if words.len() == 2 =>
        {
            let list = parse::variables(&file, &words[1].text, &mut compiler.findings);
            let targets = target::compile(&file, &list, &mut compiler.findings);
            if !targets.include.is_empty() {
                return false;
            }
            Some(targets.exclude)
        }
        _ => return false,
    };
    let names = if targets.is_some() { &words[..1] } else { &words[..] };
    let Some(which) = Which::read(id, &at, names, &mut compiler.findings) else { return true };
    for (place, rule) in program.rules.iter().enumerate().filter(|(_, rule)| which.means(rule)) {
        if is_protected(rule.id) {
            continue;
        }
        match &targets {
            None => own.remove(place as u32),
            Some(targets) if rule.links.first().is_some_and(|link| link.test.is_some()) => {
                own.exclude(place as u32, targets);
            }
            Some(_) => {}
        }
    }
    compiler.edit(id, &file, &at, &words);
    true
}

/// Has each `ctl` of the own rules know the rules that it means, those of the set first.
fn mark_meant(program: &Program, segment: &mut Program) {
    let from = program.rules.len();
    let changes = |rule: &Rule| rule.links.iter().flat_map(|link| &link.actions).any(|act| matches!(act, Act::Ctl(..)));
    if !segment.rules.iter().any(changes) {
        return;
    }
    for place in 0..segment.rules.len() {
        for link in 0..segment.rules[place].links.len() {
            for act in 0..segment.rules[place].links[link].actions.len() {
                let Act::Ctl(change, _) = &segment.rules[place].links[link].actions[act] else { continue };
                let (Some(mut bits), Some(own)) = (change.meant(&program.rules), change.meant(&segment.rules)) else {
                    continue;
                };
                bits.resize((from + segment.rules.len()).div_ceil(64), 0);
                for place in (0..segment.rules.len()).filter(|place| own[place / 64] >> (place % 64) & 1 == 1) {
                    bits[(from + place) / 64] |= 1 << ((from + place) % 64);
                }
                let shared: Arc<[u64]> = bits.into();
                if let Act::Ctl(_, meant) = &mut segment.rules[place].links[link].actions[act] {
                    *meant = Some(shared);
                }
            }
        }
    }
}

impl<'a> Compiler<'a> {
    /// Reads on where `border` stands in `program`.
    fn behind(loader: &'a NoFiles, border: &Border, program: &Program, settings: crate::program::Settings) -> Self {
        let limits = settings.limits.clone();
        let mut compiler = Self::new(loader, limits);
        compiler.settings = settings;
        compiler.defaults = border.defaults.clone();
        compiler.datasets = border.datasets.clone();
        compiler.ids = program.rules.iter().map(|rule| rule.id).collect();
        compiler.program.chains.unicode_of(&program.chains);
        compiler
    }

    /// Notes that a host's own rules would stand here.
    pub(crate) fn border(&mut self) {
        self.steps.push(Step::Border);
        let (defaults, datasets) = (self.defaults.clone(), self.datasets.clone());
        self.program.border = Some(Border { defaults, datasets, ..Border::default() });
    }
}
