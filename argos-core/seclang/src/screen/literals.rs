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
    pairs: Windows<PAIRS>,
    triples: Windows<TRIPLES>,
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
    before: Box<[u32; WORDS]>,
    /// By rank of a known window: where its texts begin in `members`, and at the end their number.
    starts: Vec<u32>,
    members: Vec<Member>,
}

/// A text under one of its windows.
#[derive(Clone, Copy, Debug)]
struct Member {
    /// Up to eight bytes of the text that end with the window, and which they are: most of what has the window by
    /// chance ends here.
    near: u64,
    mask: u64,
    place: u32,
}

impl<const WORDS: usize> Default for Windows<WORDS> {
    fn default() -> Self {
        Self { known: Box::new([0; WORDS]), before: Box::new([0; WORDS]), starts: vec![0], members: Vec::new() }
    }
}

impl<const WORDS: usize> Windows<WORDS> {
    /// Over texts and their windows.
    fn new(mut list: Vec<(u32, Member)>) -> Self {
        list.sort_by_key(|(window, _)| *window);
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
            count += word.count_ones();
        }
        windows
    }

    fn knows(&self, window: u32) -> bool {
        self.known[window as usize / 64 % WORDS] >> (window % 64) & 1 == 1
    }

    /// The texts of a window that is known.
    fn texts(&self, window: u32) -> &[Member] {
        let word = window as usize / 64 % WORDS;
        let lower = self.known[word] & ((1 << (window % 64)) - 1);
        let rank = self.before[word] as usize + lower.count_ones() as usize;
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
            let window = text[at..at + size].iter().fold(0, |window, byte| window << BITS | class(*byte));
            let before = &text[(at + size).saturating_sub(8)..at + size];
            let near = before.iter().fold(0, |near, byte| near << 8 | u64::from(*byte));
            let member = Member { near, mask: u64::MAX >> (64 - 8 * before.len()), place };
            let list = if size == 3 { &mut triples } else { &mut pairs };
            list.push((window, member));
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
        let (mut window, mut near) = (0_u32, 0_u64);
        for (at, &byte) in value.iter().enumerate() {
            window = (window << BITS | u32::from(CLASSES[usize::from(byte)])) & (TRIPLES as u32 * 64 - 1);
            near = near << 8 | u64::from(byte.to_ascii_lowercase());
            let pair = window & (PAIRS as u32 * 64 - 1);
            if self.pairs.knows(pair) {
                self.check(self.pairs.texts(pair), value, (at + 1, near), &mut found);
            }
            if self.triples.knows(window) {
                self.check(self.triples.texts(window), value, (at + 1, near), &mut found);
            }
        }
    }

    /// Looks whether `texts` stand in `value` with their windows ending at `end`, behind the bytes `near`.
    fn check(&self, texts: &[Member], value: &[u8], (end, near): (usize, u64), found: &mut impl FnMut(u32)) {
        for &Member { place, .. } in texts.iter().filter(|text| near & text.mask == text.near) {
            let Literal { start, length, reach } = self.texts[place as usize];
            let text = &self.bytes[start as usize..(start + length) as usize];
            let Some(from) = end.checked_sub(reach as usize) else { continue };
            if value.get(from..from + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text)) {
                found(place);
            }
        }
    }
}

/// Bits of a class.
const BITS: u32 = 6;
/// Words of a bit for each two, and each three, classes in a row.
const PAIRS: usize = 1 << (2 * BITS - 6);
const TRIPLES: usize = 1 << (3 * BITS - 6);

/// Bytes that may stand for each other in a window: letters, in both cases, digits and common signs have classes for
/// themselves.
const fn class(byte: u8) -> u32 {
    match byte {
        b'a'..=b'z' => (byte - b'a') as u32,
        b'A'..=b'Z' => (byte - b'A') as u32,
        b'0'..=b'9' => 26 + (byte - b'0') as u32,
        b' '..=b'/' => 36 + (byte - b' ') as u32,
        b':'..=b'@' => 52 + (byte - b':') as u32,
        b'[' | b']' => 59,
        b'\\' | b'^' | b'`' => 60,
        b'_' => 61,
        b'{'..=b'~' => 62,
        _ => 63,
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
        26..=35 => 26,
        _ if matches!(byte, b' ' | b'.' | b'/' | b'-' | b'=' | b'&' | b':' | b',' | b'_' | b'"') => 22,
        36..=62 => 14,
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
