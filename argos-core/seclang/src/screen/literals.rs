//! Finds which of many short texts occur in a value, in any case.
//!
//! Each text is found by three bytes in a row that are rare in ordinary traffic (two, where it has no more). The
//! tables that most bytes of a value meet fit into the fastest cache, and no step waits for the one before; an
//! automaton over the same texts takes a hundred times the memory and waits for it at each byte.
//!
//! Guarantee: [`Literals::find`] names each text that occurs in the value, and no other.

/// Texts and where to look for them.
#[derive(Debug, Default)]
pub(super) struct Literals {
    /// The texts, one after the other, in lower case.
    bytes: Vec<u8>,
    /// By place: where a text lies and where its rare bytes end.
    texts: Vec<Literal>,
    pairs: Windows<16>,
    triples: Windows<512>,
}

#[derive(Clone, Copy, Debug)]
struct Literal {
    start: u32,
    length: u32,
    /// Bytes up to the end of its window.
    reach: u32,
}

/// Windows that some text has, and which texts they are.
#[derive(Debug)]
struct Windows<const WORDS: usize> {
    known: Box<[u64; WORDS]>,
    /// Known windows before each word.
    before: Box<[u16; WORDS]>,
    /// By rank of a known window: where its texts begin in `members`, and at the end their number.
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl<const WORDS: usize> Default for Windows<WORDS> {
    fn default() -> Self {
        Self { known: Box::new([0; WORDS]), before: Box::new([0; WORDS]), starts: vec![0], members: Vec::new() }
    }
}

impl<const WORDS: usize> Windows<WORDS> {
    /// Over pairs of a window and a text's place.
    fn new(mut list: Vec<(u32, u32)>) -> Self {
        list.sort_unstable();
        let mut windows = Self { starts: Vec::new(), ..Self::default() };
        for (window, text) in list {
            let word = &mut windows.known[window as usize / 64];
            if *word >> (window % 64) & 1 == 0 {
                *word |= 1 << (window % 64);
                windows.starts.push(windows.members.len() as u32);
            }
            windows.members.push(text);
        }
        windows.starts.push(windows.members.len() as u32);
        let mut count = 0;
        for (before, word) in windows.before.iter_mut().zip(windows.known.iter()) {
            *before = count;
            count += word.count_ones() as u16;
        }
        windows
    }

    fn knows(&self, window: u32) -> bool {
        self.known[window as usize / 64 % WORDS] >> (window % 64) & 1 == 1
    }

    /// The texts of a window that is known.
    fn texts(&self, window: u32) -> &[u32] {
        let word = window as usize / 64 % WORDS;
        let lower = self.known[word] & ((1 << (window % 64)) - 1);
        let rank = usize::from(self.before[word]) + lower.count_ones() as usize;
        &self.members[self.starts[rank] as usize..self.starts[rank + 1] as usize]
    }
}

impl Literals {
    /// Over texts of two bytes or more, all in lower case.
    pub(super) fn new(texts: &[&[u8]]) -> Self {
        let mut literals = Self::default();
        let (mut pairs, mut triples) = (Vec::new(), Vec::new());
        for (place, text) in (0_u32..).zip(texts) {
            let size = text.len().min(3);
            let rarity = |at: &usize| text[*at..*at + size].iter().map(|byte| commonness(*byte)).sum::<u32>();
            let at = (0..=text.len() - size).min_by_key(rarity).unwrap_or(0);
            let window = text[at..at + size].iter().fold(0, |window, byte| window << 5 | class(*byte));
            if size == 3 {
                triples.push((window, place))
            } else {
                pairs.push((window, place))
            }
            let (start, length) = (literals.bytes.len() as u32, text.len() as u32);
            literals.texts.push(Literal { start, length, reach: (at + size) as u32 });
            literals.bytes.extend_from_slice(text);
        }
        literals.pairs = Windows::new(pairs);
        literals.triples = Windows::new(triples);
        literals
    }

    /// Calls `found` with the place of each text in `value`, once or more often.
    pub(super) fn find(&self, value: &[u8], mut found: impl FnMut(u32)) {
        let mut window = 0_u32;
        for (at, &byte) in value.iter().enumerate() {
            window = (window << 5 | u32::from(CLASSES[usize::from(byte)])) & 0x7fff;
            let pair = window & 0x3ff;
            if self.pairs.knows(pair) {
                self.check(self.pairs.texts(pair), value, at + 1, &mut found);
            }
            if self.triples.knows(window) {
                self.check(self.triples.texts(window), value, at + 1, &mut found);
            }
        }
    }

    /// Looks whether `texts` stand in `value` with their windows ending at `end`.
    fn check(&self, texts: &[u32], value: &[u8], end: usize, found: &mut impl FnMut(u32)) {
        for &place in texts {
            let Literal { start, length, reach } = self.texts[place as usize];
            let text = &self.bytes[start as usize..(start + length) as usize];
            let Some(from) = end.checked_sub(reach as usize) else { continue };
            if value.get(from..from + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text)) {
                found(place);
            }
        }
    }
}

/// Bytes that may stand for each other in a window; a letter has its class for itself, in both cases.
const fn class(byte: u8) -> u32 {
    match byte {
        b'a'..=b'z' => (byte - b'a') as u32,
        b'A'..=b'Z' => (byte - b'A') as u32,
        b'0'..=b'9' => 26,
        0..=b' ' => 27,
        b'/' | b'\\' | b'.' => 28,
        b'\'' | b'"' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => 29,
        0x80.. => 31,
        _ => 30,
    }
}

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class(byte as u8) as u8;
        byte += 1;
    }
    classes
};

/// How often a byte occurs in ordinary traffic, roughly; only the order counts.
fn commonness(byte: u8) -> u32 {
    // Letters of European languages and of JSON and form fields, from the rarest to the most common.
    const LETTERS: &[u8] = b"qzjxkvwybgfphmucdlnsrtoiae";
    match class(byte) {
        0..=25 => 4 + LETTERS.iter().position(|letter| letter.eq_ignore_ascii_case(&byte)).unwrap_or(0) as u32,
        26 => 26,
        27 | 28 => 22,
        29 | 30 => 14,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The guarantee above, against a search for each text by itself.
        #[test]
        fn finds_what_occurs_and_nothing_else(
            texts in prop::collection::btree_set("[a-d0-1/.'é;\\x00-\\x02]{2,7}", 1..40),
            value in "[a-dA-D0-1/.'é;\\x00-\\x02]{0,60}",
            planted in any::<prop::sample::Index>(),
            upper in any::<bool>(),
        ) {
            let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
            let mut value = value.into_bytes();
            let text = planted.get(&texts);
            value.extend(if upper { text.to_ascii_uppercase() } else { text.to_vec() });
            let mut found = Vec::new();
            Literals::new(&texts).find(&value, |place| found.push(place as usize));
            found.sort_unstable();
            found.dedup();
            let folded = value.to_ascii_lowercase();
            let wanted: Vec<usize> =
                (0..texts.len()).filter(|place| memchr::memmem::find(&folded, texts[*place]).is_some()).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
