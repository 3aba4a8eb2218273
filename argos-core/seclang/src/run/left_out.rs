//! What a transaction leaves out from its start.

use std::sync::Arc;

use crate::variables::{Selector, VarId};

/// Rules of one [`RuleSet`](crate::RuleSet) that are left out, or targets that they do not look at. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LeftOut(Arc<Inner>);

#[derive(Clone, Debug, Default)]
struct Inner {
    /// The rules, as bits by their place.
    rules: Vec<u64>,
    /// What they do not look at; empty where they are left out as a whole.
    targets: Vec<(VarId, Selector)>,
    protected: bool,
}

impl LeftOut {
    pub(crate) fn new(targets: Vec<(VarId, Selector)>) -> Self {
        Self(Arc::new(Inner { targets, ..Inner::default() }))
    }

    /// Adds the rule at `place`; one that is protected is only noted.
    pub(crate) fn add(&mut self, place: u32, protected: bool) {
        let inner = Arc::make_mut(&mut self.0);
        match protected {
            true => inner.protected = true,
            false => set(&mut inner.rules, place),
        }
    }

    /// How many rules it means.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.0.rules.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether it would mean rules that nothing may leave out.
    #[must_use]
    pub fn names_protected(&self) -> bool {
        self.0.protected
    }
}

/// All that is left out of one transaction, or of each of a rule set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaving {
    rules: Vec<u64>,
    narrowing: Vec<LeftOut>,
}

impl Leaving {
    pub(crate) fn add(&mut self, left: &LeftOut) {
        if !left.0.targets.is_empty() {
            return self.narrowing.push(left.clone());
        }
        if self.rules.len() < left.0.rules.len() {
            self.rules.resize(left.0.rules.len(), 0);
        }
        self.rules.iter_mut().zip(&left.0.rules).for_each(|(all, some)| *all |= some);
    }

    /// Whether the rule at `place` is left out as a whole.
    pub(crate) fn has(&self, place: u32) -> bool {
        has(&self.rules, place)
    }

    /// The targets that no link of the rule at `place` looks at.
    pub(crate) fn targets(&self, place: u32) -> impl Iterator<Item = &(VarId, Selector)> {
        self.narrowing.iter().filter(move |left| has(&left.0.rules, place)).flat_map(|left| &left.0.targets)
    }
}

fn has(bits: &[u64], place: u32) -> bool {
    bits.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
}

fn set(bits: &mut Vec<u64>, place: u32) {
    let word = place as usize / 64;
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    bits[word] |= 1 << (place % 64);
}
