//! What lets the runner pass over rules without looking at their values one by one.
//!
//! A *part* is one target of variable lists with what the list excludes; rules share parts. A *view* is a part behind
//! a transformation chain. A rule's test is one *bit* of the [`Screen`]: where no value of its views may satisfy the
//! bit, the rule does not match.

use std::collections::HashMap;
use std::sync::Arc;

use crate::actions::Act;
use crate::operators::number;
use crate::program::{ChainId, Chains, Fixed, OperatorUse, Program, Rule, Test};
use crate::run::tx::hash;
use crate::screen::{LANES, Screen, set, words_for};
use crate::variables::{Group, Selector, Target, VarId, group_of};

/// Tables that all transactions of a rule set share.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) screen: Screen,
    pub(crate) parts: Vec<Part>,
    pub(crate) views: Vec<View>,
    /// The lane of each chain behind which rules look at a request.
    pub(crate) lanes: Vec<(ChainId, u8)>,
    /// Bits whose answer hangs on the value alone, so that it may be remembered.
    pub(crate) pure: Vec<bool>,
    /// By place of a rule: what its first link needs.
    pub(crate) gates: Vec<Gate>,
    /// The views that gates name.
    pub(crate) gate_views: Vec<u32>,
    /// Comparisons of one variable of `TX` with a number, each one once.
    pub(crate) numbers: Vec<NumberTest>,
}

/// What the first link of a rule needs, small enough that passing over a rule touches nothing else of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gate {
    /// Nothing can be said.
    Open,
    /// Some value in these views, a range of `gate_views`, may satisfy the bit.
    Views { bit: u32, from: u32, to: u32 },
    /// One of `numbers` holds.
    Number(u32),
}

/// A comparison of one variable of `TX` with a number.
#[derive(Debug)]
pub(crate) struct NumberTest {
    pub(crate) name: Box<[u8]>,
    pub(crate) hash: usize,
    pub(crate) compare: Compare,
}

/// One target with what its lists exclude of it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) target: Target,
    pub(crate) exclude: Vec<Selector>,
    /// The lane of all operators that its values may meet.
    pub(crate) root: u8,
}

/// A part behind a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) part: u32,
    pub(crate) chain: ChainId,
    /// Each stage of the chain counts.
    pub(crate) multi: bool,
    pub(crate) group: Group,
    /// A lane of the [`Screen`] with all operators that look at the view.
    pub(crate) lane: u8,
}

/// How a test may be passed over.
#[derive(Debug, Default)]
pub(crate) enum Shortcut {
    /// It is evaluated plainly.
    #[default]
    None,
    /// It can't match where no value in these views may satisfy the bit.
    Screened { bit: u32, views: Box<[u32]> },
    /// It compares one variable of `TX` with a number.
    Number(u32),
    /// It compares how many values there are with a number.
    Count(Compare),
}

/// A comparison with a number that is known at load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compare {
    pub(crate) accepts: fn(&i64, &i64) -> bool,
    pub(crate) number: i64,
}

impl PartialEq for Compare {
    fn eq(&self, other: &Self) -> bool {
        // Comparisons that are told apart needlessly are only worked out twice.
        std::ptr::fn_addr_eq(self.accepts, other.accepts) && self.number == other.number
    }
}

impl Compare {
    pub(crate) fn holds(&self, value: i64) -> bool {
        (self.accepts)(&value, &self.number)
    }
}

/// Chooses a shortcut for each test and builds the tables.
pub(crate) fn build(program: &mut Program) {
    let mut maker = Maker::default();
    let Program { rules, operators, .. } = program;
    for rule in rules.iter_mut() {
        rule.fixed = Fixed::of(rule);
        for link in &mut rule.links {
            if let Some(test) = &mut link.test {
                test.shortcut = maker.shortcut(test, operators);
            }
        }
    }
    let needs: Vec<_> = maker
        .tests
        .iter()
        .map(|&(index, negate)| {
            let OperatorUse { operator, argument } = &mut operators[index as usize];
            let needs = operator.take_needs(argument.literal().unwrap_or_default());
            // What lacks something satisfies the negated operator.
            needs.filter(|_| !negate)
        })
        .collect();
    let pure = maker.tests.iter().map(|&(index, _)| operators[index as usize].operator.is_pure()).collect();
    let mut gate_views = Vec::new();
    let mut gate = |rule: &Rule| match rule.links.first().and_then(|link| link.test.as_ref()).map(|test| &test.shortcut)
    {
        Some(Shortcut::Screened { bit, views }) => {
            let from = gate_views.len() as u32;
            gate_views.extend_from_slice(views);
            Gate::Views { bit: *bit, from, to: gate_views.len() as u32 }
        }
        Some(Shortcut::Number(number)) => Gate::Number(*number),
        _ => Gate::Open,
    };
    let gates = rules.iter().map(&mut gate).collect();
    let Maker { parts, mut views, numbers, .. } = maker;
    let (sets, lanes) = lanes(rules, &mut views, &program.chains, needs.len());
    program.plan = Plan { screen: Screen::new(&needs, &sets), parts, views, lanes, pure, gates, gate_views, numbers };
    mark_meant(rules);
}

/// Chooses the lane of each view, and returns the operators of each lane. The values of requests and of answers have
/// one each; chains with a transformation that few operators look behind share one for these operators.
fn lanes(rules: &[Rule], views: &mut [View], chains: &Chains, bits: usize) -> (Vec<Vec<u64>>, Vec<(ChainId, u8)>) {
    let words = words_for(bits);
    let empty = || vec![0_u64; words];
    let mut of_view: Vec<Vec<u64>> = views.iter().map(|_| empty()).collect();
    for link in rules.iter().flat_map(|rule| &rule.links) {
        let Some(Shortcut::Screened { bit, views }) = link.test.as_ref().map(|test| &test.shortcut) else { continue };
        views.iter().for_each(|view| set(&mut of_view[*view as usize], *bit as usize));
    }
    let join = |all: &mut Vec<u64>, some: &Vec<u64>| all.iter_mut().zip(some).for_each(|(all, some)| *all |= some);
    let mut sets = vec![empty(); 2];
    let mut behind: Vec<Vec<u64>> = (0..chains.step_count()).map(|_| empty()).collect();
    for (view, bits) in views.iter().zip(&of_view) {
        join(&mut sets[usize::from(root_of(view.group))], bits);
        if view.group == Group::Request {
            chains.steps(view.chain).iter().for_each(|step| join(&mut behind[usize::from(*step)], bits));
        }
    }
    let count = |set: &[u64]| set.iter().map(|word| word.count_ones()).sum::<u32>();
    let few = count(&sets[usize::from(REQUEST)]) / RARE;
    let mut rare: Vec<(u32, usize)> = behind.iter().enumerate().map(|(step, set)| (count(set), step)).collect();
    rare.retain(|(size, _)| (1..=few).contains(size));
    rare.sort_unstable();
    let mut of_step: HashMap<u16, u8> = HashMap::new();
    for (_, step) in rare {
        let known = sets[2..].iter().position(|set| *set == behind[step]).map(|place| place + 2);
        let lane = match known {
            Some(known) => known,
            None if sets.len() == LANES => continue,
            None => {
                sets.push(behind[step].clone());
                sets.len() - 1
            }
        };
        of_step.insert(step as u16, lane as u8);
    }
    let size: Vec<u32> = sets.iter().map(|set| count(set)).collect();
    let mut of_chain = Vec::new();
    for view in views {
        view.lane = root_of(view.group);
        if view.group == Group::Request {
            let lanes = chains.steps(view.chain).iter().filter_map(|step| of_step.get(step)).copied();
            view.lane = lanes.min_by_key(|lane| size[usize::from(*lane)]).unwrap_or(REQUEST);
            if !of_chain.iter().any(|(chain, _)| *chain == view.chain) {
                of_chain.push((view.chain, view.lane));
            }
        }
    }
    (sets, of_chain)
}

/// The lane of all operators that look at values of `group`.
fn root_of(group: Group) -> u8 {
    match group {
        Group::Request => REQUEST,
        Group::Response => 1,
    }
}

/// The lane of requests.
pub(crate) const REQUEST: u8 = 0;

/// Operators behind a transformation are few where they are this part of all.
const RARE: u32 = 8;

/// Has each `ctl` know the rules that it means.
fn mark_meant(rules: &mut [Rule]) {
    let mut all: HashMap<Vec<u64>, Arc<[u64]>> = HashMap::new();
    for place in 0..rules.len() {
        for link in 0..rules[place].links.len() {
            for act in 0..rules[place].links[link].actions.len() {
                let Act::Ctl(change, _) = &rules[place].links[link].actions[act] else { continue };
                let Some(bits) = change.meant(rules) else { continue };
                let shared = all.entry(bits).or_insert_with_key(|bits| bits.as_slice().into()).clone();
                if let Act::Ctl(_, meant) = &mut rules[place].links[link].actions[act] {
                    *meant = Some(shared);
                }
            }
        }
    }
}

#[derive(Default)]
struct Maker {
    parts: Vec<Part>,
    views: Vec<View>,
    /// Operator and negation of each bit.
    tests: Vec<(u32, bool)>,
    numbers: Vec<NumberTest>,
}

impl Maker {
    fn shortcut(&mut self, test: &Test, operators: &[OperatorUse]) -> Shortcut {
        let operator = &operators[test.operator as usize];
        let Some(argument) = operator.argument.literal() else { return Shortcut::None };
        let root = test.chain == ChainId::default() && !test.multi_match && !test.negate;
        if let ([target], true, Some(accepts)) = (test.targets.include.as_slice(), root, operator.operator.comparison())
        {
            let compare = Compare { accepts, number: number(argument) };
            match &target.selector {
                _ if target.count => return Shortcut::Count(compare),
                Selector::Key(name) if target.variable == VarId::Tx && test.targets.exclude.is_empty() => {
                    return Shortcut::Number(place(
                        &mut self.numbers,
                        |known| *known.name == **name && known.compare == compare,
                        || NumberTest { name: name.clone(), hash: hash(name), compare },
                    ));
                }
                _ => {}
            }
        }
        let mut views = Vec::new();
        for target in &test.targets.include {
            let Some(group) = group_of(target.variable).filter(|_| !target.count) else { return Shortcut::None };
            let part = self.part(test, target);
            let view = View { part, chain: test.chain, multi: test.multi_match, group, lane: root_of(group) };
            views.push(place(&mut self.views, |known| *known == view, || view));
        }
        let key = (test.operator, test.negate);
        let bit = place(&mut self.tests, |known| *known == key, || key);
        Shortcut::Screened { bit, views: views.into() }
    }

    fn part(&mut self, test: &Test, target: &Target) -> u32 {
        let excluded = || test.targets.exclude.iter().filter(|(id, _)| *id == target.variable).map(|(_, what)| what);
        let same = |part: &Part| {
            part.target.same(target)
                && part.exclude.len() == excluded().count()
                && part.exclude.iter().zip(excluded()).all(|(a, b)| a.same(b))
        };
        place(&mut self.parts, same, || Part {
            target: target.clone(),
            exclude: excluded().cloned().collect(),
            root: group_of(target.variable).map_or(REQUEST, root_of),
        })
    }
}

/// The index of what `is` accepts, added if it is new.
fn place<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
    let known = list.iter().position(is);
    known.unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    }) as u32
}
