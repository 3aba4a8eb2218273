//! Which operators may match a value, from one look at the value.
//!
//! Guarantee: [`Screen::find`] and [`Screen::narrow`] leave an operator out only when it can't match: the value lacks a text, a byte
//! or the length that every match has. They never say that an operator matches.

mod bytes;
mod literals;
mod needs;

pub(crate) use bytes::ByteSet;
use literals::Literals;
use needs::LOUD;
pub(crate) use needs::Needs;

/// The texts that operators need, and tables for bytes and lengths. A *bit* is one operator. A *lane* is a set of
/// operators that are asked about the same values, so that a value is not searched for what other operators need.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Words of 64 bits in each set of operators.
    words: usize,
    lanes: Vec<Lane>,
    /// For each of the byte sets of an operator: bytes with equal rows are one class, and a row names the operators
    /// that are content with the class.
    gates: Vec<Gate>,
    /// Operators that are content with values of length 0, 1, 2…; longer values have the last row.
    lengths: Vec<u64>,
}

/// What the operators of a lane require of any value, and of one without the bytes of [`LOUD`].
#[derive(Debug)]
struct Lane {
    any: Required,
    calm: Required,
    /// Bits of the lanes that answer for this one, itself among them.
    answers: u8,
}

/// The texts that operators require.
#[derive(Debug, Default)]
struct Required {
    literals: Literals,
    /// By literal: the operators that it makes possible, as a range of `masks`.
    owners: Vec<(u32, u32)>,
    /// Words of a set of operators.
    masks: Vec<(u32, u64)>,
    /// Operators that need no text.
    free: Vec<u64>,
}

impl Required {
    /// Over the texts that each operator of `lane` requires; `None` means that nothing is known.
    fn new<'a>(all: impl Iterator<Item = Option<&'a Vec<Vec<u8>>>>, lane: &[u64]) -> Self {
        let mut free = vec![0; lane.len()];
        let mut texts: Vec<(&[u8], u32)> = Vec::new();
        for (bit, literals) in all.enumerate().filter(|(bit, _)| lane[bit / 64] >> (bit % 64) & 1 == 1) {
            match literals {
                Some(literals) => texts.extend(literals.iter().map(|text| (text.as_slice(), bit as u32))),
                None => set(&mut free, bit),
            }
        }
        texts.sort_unstable();
        let mut literals: Vec<&[u8]> = Vec::new();
        let mut owners: Vec<(u32, u32)> = Vec::new();
        let mut masks: Vec<(u32, u64)> = Vec::new();
        for (text, bit) in texts {
            let (word, mask) = (bit / 64, 1 << (bit % 64));
            if literals.last() != Some(&text) {
                literals.push(text);
                owners.push((masks.len() as u32, masks.len() as u32));
            }
            let Some(owner) = owners.last_mut() else { continue };
            // Bits come in order, so a text's words do.
            match masks[owner.0 as usize..].last_mut() {
                Some((last, masks)) if *last == word => *masks |= mask,
                _ => masks.push((word, mask)),
            }
            owner.1 = masks.len() as u32;
        }
        Self { literals: Literals::new(&literals), owners, masks, free }
    }

    fn find(&self, text: &[u8], found: &mut [u64]) {
        found.iter_mut().zip(&self.free).for_each(|(found, free)| *found |= free);
        self.literals.find(text, |literal| {
            let (from, to) = self.owners[literal as usize];
            for (word, mask) in &self.masks[from as usize..to as usize] {
                found[*word as usize] |= mask;
            }
        });
    }
}

#[derive(Debug, Default)]
struct Gate {
    /// Bytes of each row, and where the row begins in `rows`.
    classes: Vec<(ByteSet, usize)>,
    rows: Vec<u64>,
    /// Operators without a byte set here.
    open: Vec<u64>,
}

impl Screen {
    /// Over operators with these needs; `None` means that nothing is known. `lanes` are sets of operators, at most
    /// [`LANES`] of them.
    pub(crate) fn new(needs: &[Option<Needs>], lanes: &[Vec<u64>]) -> Self {
        let words = words_for(needs.len());
        let any = || needs.iter().map(|needs| needs.as_ref()?.literals.as_ref());
        let calm = || needs.iter().map(|needs| needs.as_ref().and_then(|n| n.calm.as_ref().or(n.literals.as_ref())));
        let holds = |all: &Vec<u64>, some: &Vec<u64>| all.iter().zip(some).all(|(all, some)| some & !all == 0);
        let lane = |lane: &Vec<u64>| Lane {
            any: Required::new(any(), lane),
            calm: Required::new(calm(), lane),
            answers: (0..).zip(lanes).fold(0, |all, (place, other)| all | u8::from(holds(other, lane)) << place),
        };
        let gates = (0..needs::GATES).map(|index| Gate::new(needs, index, words)).collect();
        Self { words, lanes: lanes.iter().map(lane).collect(), gates, lengths: lengths(needs, words) }
    }

    /// Words in a set of operators.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The lanes that tell of a text what `lane` tells, as bits.
    pub(crate) fn answers(&self, lane: u8) -> u8 {
        self.lanes[usize::from(lane)].answers
    }

    /// Adds the operators of `lane` whose literals occur in `text`, which has the bytes `seen`, and those that need
    /// none. Texts that differ in case only give the same.
    pub(crate) fn find(&self, lane: u8, text: &[u8], seen: &ByteSet, found: &mut [u64]) {
        let Lane { any, calm, .. } = &self.lanes[usize::from(lane)];
        let required = if seen.meets(&LOUD) { any } else { calm };
        required.find(text, found);
    }

    /// Leaves out of `found` what a text of this length can't satisfy, and what one with these bytes can't by
    /// `content`, which [`Self::content`] filled for them.
    pub(crate) fn narrow(&self, length: usize, content: &[u64], found: &mut [u64]) {
        let row = length.min(self.lengths.len() / self.words - 1) * self.words;
        for ((word, content), long) in found.iter_mut().zip(content).zip(&self.lengths[row..]) {
            *word &= content & long;
        }
    }

    /// The operators that are content with texts of these bytes.
    pub(crate) fn content(&self, seen: &ByteSet, content: &mut [u64]) {
        content.fill(u64::MAX);
        self.gates.iter().for_each(|gate| gate.narrow(seen, content));
    }
}

impl Gate {
    fn new(needs: &[Option<Needs>], index: usize, words: usize) -> Self {
        let mut open = vec![0; words];
        let mut sets: Vec<(usize, ByteSet)> = Vec::new();
        for (bit, needs) in needs.iter().enumerate() {
            match needs.as_ref().and_then(|needs| needs.bytes.get(index)) {
                Some(bytes) => sets.push((bit, *bytes)),
                None => set(&mut open, bit),
            }
        }
        let mut gate = Self { classes: Vec::new(), rows: Vec::new(), open };
        for byte in 0..=255_u8 {
            let mut row = vec![0; words];
            sets.iter().filter(|(_, bytes)| bytes.has(byte)).for_each(|(bit, _)| set(&mut row, *bit));
            if row.iter().all(|word| *word == 0) {
                continue;
            }
            let known = gate.classes.iter_mut().find(|(_, at)| gate.rows[*at..*at + words] == row);
            match known {
                Some((bytes, _)) => *bytes = bytes.and(&[byte]),
                None => {
                    gate.classes.push((ByteSet::EMPTY.and(&[byte]), gate.rows.len()));
                    gate.rows.extend(row);
                }
            }
        }
        gate
    }

    fn narrow(&self, seen: &ByteSet, possible: &mut [u64]) {
        let mut content = [0_u64; MOST_WORDS];
        let words = possible.len();
        let Some(content) = content.get_mut(..words) else { return };
        content.copy_from_slice(&self.open);
        for (bytes, at) in &self.classes {
            if bytes.meets(seen) {
                for (word, row) in content.iter_mut().zip(&self.rows[*at..*at + words]) {
                    *word |= row;
                }
            }
        }
        for (word, content) in possible.iter_mut().zip(content) {
            *word &= *content;
        }
    }
}

fn lengths(needs: &[Option<Needs>], words: usize) -> Vec<u64> {
    let mut rows = vec![0; (LENGTHS + 1) * words];
    for (bit, needs) in needs.iter().enumerate() {
        let least = needs.as_ref().map_or(0, |needs| needs.length).min(LENGTHS);
        for length in least..=LENGTHS {
            set(&mut rows[length * words..(length + 1) * words], bit);
        }
    }
    rows
}

/// Words of a set of so many operators.
pub(crate) fn words_for(bits: usize) -> usize {
    bits.div_ceil(64).max(1)
}

/// Adds `bit` to a set.
pub(crate) fn set(words: &mut [u64], bit: usize) {
    words[bit / 64] |= 1 << (bit % 64);
}

/// Lanes, at most.
pub(crate) const LANES: usize = 8;

/// Lengths told apart.
const LENGTHS: usize = 31;
/// Rule sets with more operators than 64 times this are not gated by bytes.
const MOST_WORDS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn satisfied(needs: &Needs, text: &[u8]) -> bool {
        let folded = text.to_ascii_lowercase();
        let seen = ByteSet::of(text);
        let holds = |literal: &Vec<u8>| memchr::memmem::find(&folded, literal).is_some();
        let calm = needs.calm.as_ref().filter(|_| !seen.meets(&LOUD));
        needs.literals.as_ref().is_none_or(|literals| literals.iter().any(holds))
            && calm.is_none_or(|literals| literals.iter().any(holds))
            && needs.bytes.iter().all(|set| set.meets(&seen))
            && text.len() >= needs.length
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// The guarantee above: whose needs are satisfied stays possible.
        #[test]
        fn leaves_out_only_what_lacks_something(
            literals in prop::collection::vec(prop::option::of(prop::collection::vec("[abX;]{2,9}", 1..3)), 1..150),
            sets in prop::collection::vec(prop::collection::vec("[a-dX;]{1,3}", 0..3), 1..150),
            calm in prop::collection::vec(prop::option::of(prop::collection::vec("[abX]{2,4}", 0..3)), 150),
            length in 0_usize..40,
            text in "[abcdxX;]{0,40}",
        ) {
            let needs: Vec<Option<Needs>> = literals.into_iter().zip(sets).enumerate().map(|(index, (texts, sets))| {
                let mut needs = texts.map(Needs::one_of).unwrap_or_default();
                needs.bytes = sets.iter().map(|set| ByteSet::of(set.as_bytes())).collect();
                needs.length = length * (index % 2);
                needs.calm = calm[index].as_ref().map(|texts| texts.iter().map(|t| t.to_lowercase().into_bytes()).collect());
                (index % 7 != 0).then_some(needs)
            }).collect();
            let mut lanes = vec![vec![0; words_for(needs.len())]; 2];
            (0..needs.len()).for_each(|bit| set(&mut lanes[bit % 2], bit));
            let screen = Screen::new(&needs, &lanes);
            let mut possible = vec![0; screen.words()];
            (0..2).for_each(|lane| {
                let before = possible.clone();
                screen.find(lane, text.as_bytes(), &ByteSet::of(text.as_bytes()), &mut possible);
                let other = &lanes[1 - usize::from(lane)];
                assert!(possible.iter().zip(&before).zip(other).all(|((now, before), other)| (now ^ before) & other == 0));
            });
            let mut content = vec![0; screen.words()];
            screen.content(&ByteSet::of(text.as_bytes()).coarse(), &mut content);
            screen.narrow(text.len(), &content, &mut possible);
            for (bit, needs) in needs.iter().enumerate() {
                if needs.as_ref().is_none_or(|needs| satisfied(needs, text.as_bytes())) {
                    prop_assert!(possible[bit / 64] >> (bit % 64) & 1 == 1, "{needs:?}");
                }
            }
        }
    }
}
