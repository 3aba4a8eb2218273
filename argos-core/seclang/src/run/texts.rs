//! The distinct texts of one transaction: what they become under transformations, and which operators they may
//! satisfy. Each is worked out once per text, however many variables and rules look at it.
//!
//! Guarantee: [`Texts::form`] gives the text that running the chain afresh gives; [`Texts::may`] says no only where
//! the operator, asked afresh, does not match.

use foldhash::HashMap;

use super::store::{Bytes, Value};
use crate::plan::{Plan, REQUEST};
use crate::program::{ChainId, Chains};
use crate::screen::{ByteSet, Screen};

/// The place of a text. Equal texts of one transaction have one place, but for long ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextId(u32);

/// All texts of one transaction.
#[derive(Debug, Default)]
pub(super) struct Texts {
    places: HashMap<Bytes, TextId>,
    /// The places of what outlives the transaction: [`Texts::remember`].
    kept: HashMap<Bytes, TextId>,
    /// How many texts and made rows belong to `kept`; the others follow them.
    marks: (usize, usize),
    keeping: bool,
    /// Something kept has come to point to what is not.
    mixed: bool,
    /// By number of a value: its text's place plus one, 0 where it is not known yet.
    of_value: Vec<u32>,
    texts: Vec<Text>,
    /// By text: a set of operators.
    possible: Vec<u64>,
    /// By text: the set before bytes and length narrow it. Texts that differ in case only have the same.
    found: Vec<u64>,
    /// Sets of operators that are content with texts of certain bytes: where each begins in `contents`. They hang on
    /// the rule set alone and outlive transactions.
    content: HashMap<ByteSet, u32>,
    contents: Vec<u64>,
    /// By text that has any: what each single transformation makes of it, as a place plus one, 0 where not known.
    made: Vec<u32>,
}

#[derive(Debug)]
struct Text {
    bytes: Bytes,
    seen: ByteSet,
    /// The lanes it was screened for, as bits.
    screened: u8,
    /// A text that differs from this one in case only, if one is known.
    folds_like: Option<TextId>,
    /// Where its row in `made` begins, plus one; 0 for none.
    made: u32,
}

impl Texts {
    /// Forgets all texts but those that are remembered.
    pub(super) fn clear(&mut self, words: usize) {
        if self.mixed || self.marks.0 > KEPT_TEXTS {
            *self = Self::default();
            return;
        }
        self.places.clear();
        self.of_value.clear();
        self.texts.truncate(self.marks.0);
        self.made.truncate(self.marks.1);
        self.possible.truncate(self.marks.0 * words);
        self.found.truncate(self.marks.0 * words);
    }

    /// Works out all about `bytes` and keeps it for the transactions that follow. Only before the transaction's own
    /// texts.
    ///
    /// Guarantee: what is kept hangs on the text and the rule set alone, so no request can change what the next one
    /// finds.
    pub(super) fn remember(&mut self, bytes: &Bytes, chains: &Chains, plan: &Plan) {
        if bytes.len() > KEPT_BYTES || self.texts.len() > self.marks.0 || self.kept.contains_key(bytes) {
            return;
        }
        self.keeping = true;
        let text = self.intern(bytes);
        self.possible(text, REQUEST, &plan.screen);
        for (chain, lane) in &plan.lanes {
            let mut form = text;
            for step in chains.steps(*chain) {
                form = self.step(form, *step, chains);
                self.possible(form, *lane, &plan.screen);
            }
        }
        self.keeping = false;
        self.marks = (self.texts.len(), self.made.len());
    }

    /// Bytes that the tables take, about.
    pub(super) fn memory(&self) -> usize {
        self.texts.capacity() * size_of::<Text>()
            + self.places.capacity() * size_of::<(Bytes, TextId)>()
            + (self.possible.capacity() + self.found.capacity() + self.contents.capacity()) * 8
            + (self.of_value.capacity() + self.made.capacity()) * 4
    }

    /// The text of `value`.
    pub(super) fn of(&mut self, value: &Value) -> TextId {
        let number = value.number as usize;
        if let Some(known) = self.of_value.get(number).copied().filter(|known| *known > 0) {
            return TextId(known - 1);
        }
        let text = self.intern(&value.bytes);
        if self.of_value.len() <= number {
            self.of_value.resize(number + 64, 0);
        }
        self.of_value[number] = text.0 + 1;
        text
    }

    pub(super) fn bytes(&self, text: TextId) -> &Bytes {
        &self.texts[text.0 as usize].bytes
    }

    /// The bytes that occur in `text`.
    pub(super) fn seen(&self, text: TextId) -> &ByteSet {
        &self.texts[text.0 as usize].seen
    }

    /// `text` after `chain`.
    pub(super) fn form(&mut self, text: TextId, chain: ChainId, chains: &Chains) -> TextId {
        if !chains.touches(chain, self.seen(text)) {
            return text;
        }
        chains.steps(chain).iter().fold(text, |text, step| self.step(text, *step, chains))
    }

    /// `text` after one transformation.
    pub(super) fn step(&mut self, text: TextId, step: u16, chains: &Chains) -> TextId {
        let Text { seen, made, .. } = &self.texts[text.0 as usize];
        if !chains.step_touches(step, seen) {
            return text;
        }
        let row = match *made {
            0 => {
                let row = self.made.len();
                self.made.resize(row + chains.step_count(), 0);
                self.texts[text.0 as usize].made = row as u32 + 1;
                self.mixed |= !self.keeping && (text.0 as usize) < self.marks.0;
                row
            }
            row => row as usize - 1,
        };
        let place = row + usize::from(step);
        if self.made[place] > 0 {
            return TextId(self.made[place] - 1);
        }
        let next = match chains.apply_step(step, &self.texts[text.0 as usize].bytes) {
            Some(changed) => {
                let known = self.texts.len();
                let next = self.intern(&changed.into());
                if next.0 as usize == known && chains.step_folds(step) {
                    self.texts[known].folds_like = Some(text);
                }
                next
            }
            None => text,
        };
        self.made[place] = next.0 + 1;
        self.mixed |= !self.keeping && (text.0 as usize) < self.marks.0;
        next
    }

    /// Whether `text` may satisfy operator `bit`, which is one of `lane`.
    pub(super) fn may(&mut self, text: TextId, bit: u32, lane: u8, screen: &Screen) -> bool {
        let bit = bit as usize;
        self.possible(text, lane, screen)[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The operators of `lane` that `text` may satisfy. Of other operators it says nothing.
    pub(super) fn possible(&mut self, text: TextId, lane: u8, screen: &Screen) -> &[u64] {
        let place = text.0 as usize;
        let words = screen.words();
        if self.texts[place].screened & screen.answers(lane) == 0 {
            self.screen(text, lane, screen);
        }
        &self.possible[place * words..(place + 1) * words]
    }

    fn screen(&mut self, text: TextId, lane: u8, screen: &Screen) {
        let words = screen.words();
        let place = text.0 as usize;
        if self.possible.len() < self.texts.len() * words {
            self.possible.resize(self.texts.len() * words, 0);
            self.found.resize(self.texts.len() * words, 0);
        }
        let row = place * words..(place + 1) * words;
        let known = self.texts[place].folds_like.map(|other| other.0 as usize);
        let now = match known.filter(|other| self.texts[*other].screened & screen.answers(lane) != 0) {
            Some(other) => {
                self.found.copy_within(other * words..(other + 1) * words, row.start);
                self.texts[other].screened
            }
            None => {
                let Text { bytes, seen, screened, .. } = &self.texts[place];
                screen.find(lane, bytes, seen, &mut self.found[row.clone()]);
                screened | 1 << lane
            }
        };
        self.texts[place].screened = now;
        self.possible[row.clone()].copy_from_slice(&self.found[row.clone()]);
        if self.found[row.clone()].iter().all(|word| *word == 0) {
            return;
        }
        let Text { bytes, seen, .. } = &self.texts[place];
        let coarse = seen.coarse();
        let content = match self.content.get(&coarse) {
            Some(known) => *known,
            None => {
                if self.content.len() >= KEPT_SETS {
                    self.content.clear();
                    self.contents.clear();
                }
                let new = self.contents.len();
                self.contents.resize(new + words, 0);
                screen.content(&coarse, &mut self.contents[new..]);
                self.content.insert(coarse, new as u32);
                new as u32
            }
        } as usize;
        screen.narrow(bytes.len(), &self.contents[content..content + words], &mut self.possible[row]);
    }

    /// Remembers that `text` does not satisfy operator `bit`.
    pub(super) fn rule_out(&mut self, text: TextId, bit: u32, screen: &Screen) {
        let bit = bit as usize;
        self.possible[text.0 as usize * screen.words() + bit / 64] &= !(1 << (bit % 64));
    }

    fn intern(&mut self, bytes: &Bytes) -> TextId {
        let next = TextId(self.texts.len() as u32);
        if bytes.len() <= SHARED {
            if let Some(known) = self.kept.get(bytes).or_else(|| self.places.get(bytes)) {
                return *known;
            }
            let places = if self.keeping { &mut self.kept } else { &mut self.places };
            places.insert(bytes.clone(), next);
        }
        self.texts.push(Text {
            bytes: bytes.clone(),
            seen: ByteSet::of(bytes),
            screened: 0,
            folds_like: None,
            made: 0,
        });
        next
    }
}

/// Texts up to this many bytes are looked up by their content. Longer ones rarely repeat.
const SHARED: usize = 4096;
/// Kinds of bytes in texts that are remembered; beyond that all are forgotten at once.
const KEPT_SETS: usize = 512;
/// Bytes of a text that is remembered, at most.
const KEPT_BYTES: usize = 256;
/// Texts that are remembered, forms included; beyond that all are forgotten at once.
const KEPT_TEXTS: usize = 2048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transforms::TABLE;

    proptest! {
        /// The first guarantee above.
        #[test]
        fn forms_are_what_chains_make(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4),
            lists in prop::collection::vec(prop::collection::vec(0..TABLE.len(), 0..5), 1..8),
        ) {
            let mut chains = Chains::default();
            let lists: Vec<Vec<_>> = lists.iter().map(|list| list.iter().map(|index| TABLE[*index]).collect()).collect();
            let ids: Vec<ChainId> = lists.iter().map(|list| chains.intern(list)).collect();
            let mut known = Texts::default();
            for (list, chain) in lists.iter().zip(ids) {
                for (number, text) in texts.iter().enumerate() {
                    let value = Value { bytes: text.as_slice().into(), number: number as u32 };
                    let slow = list.iter().fold(text.clone(), |text, (_, step)| step(&text).unwrap_or(text));
                    let text = known.of(&value);
                    let form = known.form(text, chain, &chains);
                    prop_assert_eq!(&**known.bytes(form), slow.as_slice());
                    prop_assert_eq!(&*chains.run(chain, &value.bytes), slow.as_slice());
                }
            }
        }
    }
}
