//! The distinct texts of one transaction: what they become under transformations, and which operators they may
//! satisfy. Each is worked out once per text, however many variables and rules look at it.
//!
//! Guarantee: [`Texts::form`] gives the text that running the chain afresh gives; [`Texts::may`] says no only where
//! the operator, asked afresh, does not match.

use std::collections::HashMap;

use super::store::{Bytes, Value};
use crate::program::{ChainId, Chains};
use crate::screen::{ByteSet, Screen};

/// The place of a text. Equal texts of one transaction have one place, but for long ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextId(u32);

/// All texts of one transaction.
#[derive(Debug, Default)]
pub(super) struct Texts {
    places: HashMap<Bytes, TextId>,
    /// By number of a value: its text's place plus one, 0 where it is not known yet.
    of_value: Vec<u32>,
    texts: Vec<Text>,
    /// By text: a set of operators.
    possible: Vec<u64>,
    /// By text that has any: what each single transformation makes of it, as a place plus one, 0 where not known.
    made: Vec<u32>,
}

#[derive(Debug)]
struct Text {
    bytes: Bytes,
    seen: ByteSet,
    screened: bool,
    /// Where its row in `made` begins, plus one; 0 for none.
    made: u32,
}

impl Texts {
    /// Forgets all texts.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.of_value.clear();
        self.texts.clear();
        self.possible.clear();
        self.made.clear();
    }

    /// Bytes that the tables take, about.
    pub(super) fn memory(&self) -> usize {
        self.texts.capacity() * size_of::<Text>()
            + self.places.capacity() * size_of::<(Bytes, TextId)>()
            + self.possible.capacity() * 8
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
                row
            }
            row => row as usize - 1,
        };
        let place = row + usize::from(step);
        if self.made[place] > 0 {
            return TextId(self.made[place] - 1);
        }
        let next = match chains.apply_step(step, &self.texts[text.0 as usize].bytes) {
            Some(changed) => self.intern(&changed.into()),
            None => text,
        };
        self.made[place] = next.0 + 1;
        next
    }

    /// Whether `text` may satisfy operator `bit`.
    pub(super) fn may(&mut self, text: TextId, bit: u32, screen: &Screen) -> bool {
        let bit = bit as usize;
        self.possible(text, screen)[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The operators that `text` may satisfy.
    pub(super) fn possible(&mut self, text: TextId, screen: &Screen) -> &[u64] {
        let place = text.0 as usize;
        let words = screen.words();
        if !self.texts[place].screened {
            if self.possible.len() < self.texts.len() * words {
                self.possible.resize(self.texts.len() * words, 0);
            }
            let Text { bytes, seen, .. } = &self.texts[place];
            screen.possible(bytes, seen, &mut self.possible[place * words..(place + 1) * words]);
            self.texts[place].screened = true;
        }
        &self.possible[place * words..(place + 1) * words]
    }

    /// Remembers that `text` does not satisfy operator `bit`.
    pub(super) fn rule_out(&mut self, text: TextId, bit: u32, screen: &Screen) {
        let bit = bit as usize;
        self.possible[text.0 as usize * screen.words() + bit / 64] &= !(1 << (bit % 64));
    }

    fn intern(&mut self, bytes: &Bytes) -> TextId {
        let next = TextId(self.texts.len() as u32);
        if bytes.len() <= SHARED {
            if let Some(known) = self.places.get(bytes) {
                return *known;
            }
            self.places.insert(bytes.clone(), next);
        }
        self.texts.push(Text { bytes: bytes.clone(), seen: ByteSet::of(bytes), screened: false, made: 0 });
        next
    }
}

/// Texts up to this many bytes are looked up by their content. Longer ones rarely repeat.
const SHARED: usize = 4096;

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
