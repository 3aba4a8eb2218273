//! What rules look at, resolved once per list entry and not once per rule.
//!
//! Guarantee: [`Transaction::may_match`] says no only where no value of the views satisfies the operator. The
//! variables of views change between phases only.

use super::resolve::{Candidate, Context, resolve};
use super::texts::TextId;
use super::transaction::Transaction;
use crate::plan::Plan;
use crate::program::Program;
use crate::screen::ByteSet;
use crate::variables::Group;

/// The views of one transaction, by their place in the plan.
#[derive(Debug, Default)]
pub(super) struct Views {
    parts: Vec<PartState>,
    views: Vec<ViewState>,
    /// Sets of operators that parts and views point to.
    words: Vec<u64>,
    /// How often each group of variables has changed.
    request: u32,
    response: u32,
}

#[derive(Clone, Debug, Default)]
struct PartState {
    /// The change of its group that it was resolved at; 0 for never.
    at: u32,
    found: Found,
    seen: ByteSet,
    /// Operators that any text may satisfy as it stands; where the set begins in `words`.
    union: usize,
}

/// The values of a part and their texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) texts: Vec<TextId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct ViewState {
    at: u32,
    union: usize,
}

impl Views {
    /// Forgets what the transaction looked at.
    pub(super) fn clear(&mut self) {
        for part in self.parts.iter_mut().filter(|part| part.at > 0) {
            part.at = 0;
            part.found.candidates.clear();
            part.found.texts.clear();
        }
        self.views.fill(ViewState::default());
        self.words.clear();
        (self.request, self.response) = (0, 0);
    }

    /// Notes that variables of `group` may have changed.
    pub(super) fn changed(&mut self, group: Group) {
        match group {
            Group::Request => self.request += 1,
            Group::Response => self.response += 1,
        }
    }

    /// Counts the changes that `other` has counted.
    pub(super) fn keep_pace(&mut self, other: &Self) {
        (self.request, self.response) = (other.request, other.response);
    }

    fn now(&self, group: Group) -> u32 {
        1 + match group {
            Group::Request => self.request,
            Group::Response => self.response,
        }
    }

    /// Takes the values of `part`; [`Self::put_back`] returns them.
    pub(super) fn take(&mut self, part: u32) -> Found {
        std::mem::take(&mut self.parts[part as usize].found)
    }

    pub(super) fn put_back(&mut self, part: u32, found: Found) {
        self.parts[part as usize].found = found;
    }
}

impl Transaction {
    /// Keeps what is worked out about the names and everyday header values of this request for the next ones. Values
    /// that may be secret are not among them.
    pub(super) fn remember_head(&mut self) {
        if self.plain {
            return;
        }
        let (store, plan, chains) = (&self.store, &self.program.plan, &self.program.chains);
        let headers = &store.request_headers;
        let names = headers.iter().chain(&store.args_get).chain(&store.cookies).map(|member| &member.name);
        let everyday = headers.iter().filter(|header| is_everyday(&header.name.bytes)).map(|header| &header.value);
        for value in names.chain(everyday).chain(&store.method).chain(&store.protocol) {
            self.texts.remember(&value.bytes, chains, plan);
        }
    }

    /// Whether a value in one of `views` may satisfy operator `bit`.
    pub(super) fn may_match(&mut self, program: &Program, bit: u32, views: &[u32]) -> bool {
        let (word, bit) = (bit as usize / 64, bit % 64);
        views.iter().any(|view| {
            let union = self.view(program, *view);
            self.views.words[union + word] >> bit & 1 == 1
        })
    }

    /// The set of operators that some value in `view` may satisfy.
    fn view(&mut self, program: &Program, index: u32) -> usize {
        let plan = &program.plan;
        let view = plan.views[index as usize];
        if self.views.views.is_empty() {
            self.views.views.resize(plan.views.len(), ViewState::default());
            self.views.parts.resize(plan.parts.len(), PartState::default());
        }
        let now = self.views.now(view.group);
        let known = self.views.views[index as usize];
        if known.at == now {
            return known.union;
        }
        let union = self.union(program, index, now);
        self.views.views[index as usize] = ViewState { at: now, union };
        union
    }

    fn union(&mut self, program: &Program, index: u32, now: u32) -> usize {
        let plan = &program.plan;
        let view = plan.views[index as usize];
        self.part(plan, view.part, now);
        let Views { parts, words: sets, .. } = &mut self.views;
        let part = &parts[view.part as usize];
        if !program.chains.touches(view.chain, &part.seen) {
            return part.union;
        }
        let words = plan.screen.words();
        let union = sets.len();
        // The set may hold more than is needed: texts that the chain changes are in it too.
        sets.extend_from_within(part.union..part.union + words);
        for &text in &part.found.texts {
            if !program.chains.touches(view.chain, self.texts.seen(text)) {
                continue;
            }
            let mut form = text;
            for step in program.chains.steps(view.chain) {
                form = self.texts.step(form, *step, &program.chains);
                if view.multi {
                    add(&mut sets[union..], self.texts.possible(form, view.lane, &plan.screen));
                }
            }
            add(&mut sets[union..], self.texts.possible(form, view.lane, &plan.screen));
        }
        union
    }

    /// Resolves `index` unless it is up to date.
    fn part(&mut self, plan: &Plan, index: u32, now: u32) {
        if self.views.parts[index as usize].at == now {
            return;
        }
        let part = &plan.parts[index as usize];
        let mut state = std::mem::take(&mut self.views.parts[index as usize]);
        state.at = now;
        state.found.candidates.clear();
        state.found.texts.clear();
        state.seen = ByteSet::EMPTY;
        let excluded = |_, key: &[u8]| part.exclude.iter().any(|selector| selector.accepts(key));
        let context = Context { now: self.now, rule: None };
        resolve(&mut self.store, context, &part.target, &excluded, &mut state.found.candidates);
        let words = plan.screen.words();
        state.union = self.views.words.len();
        self.views.words.resize(state.union + words, 0);
        for candidate in &state.found.candidates {
            let text = self.texts.of(&candidate.value);
            state.seen = state.seen.or(self.texts.seen(text));
            state.found.texts.push(text);
            add(&mut self.views.words[state.union..], self.texts.possible(text, part.root, &plan.screen));
        }
        self.views.parts[index as usize] = state;
    }
}

fn add(all: &mut [u64], some: &[u64]) {
    all.iter_mut().zip(some).for_each(|(all, some)| *all |= some);
}

/// Whether values of the header `name` repeat from request to request and hold nothing of the visitor's own.
fn is_everyday(name: &[u8]) -> bool {
    let fetch = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"sec-"));
    fetch || EVERYDAY.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const EVERYDAY: &[&[u8]] = &[
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"cache-control",
    b"connection",
    b"content-type",
    b"host",
    b"pragma",
    b"upgrade-insecure-requests",
    b"user-agent",
];
