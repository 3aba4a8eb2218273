//! Finds which of many short texts occur in a value, in any case.
//!
//! Each text is found by four bytes in a row that are rare in ordinary traffic (by two, where it is shorter). The
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
    /// Texts of two and three bytes.
    shorts: Windows<SMALL>,
    /// All others, in one of two tables: a small one where it has room for them.
    few: Windows<SMALL>,
    many: Option<Windows<LARGE>>,
}

#[derive(Clone, Copy, Debug)]
struct Literal {
    start: u32,
    length: u32,
    /// Bytes up to the end of its window.
    reach: u32,
}

/// Windows that some text has, and which texts they are. Windows may share a bit of the `64 * WORDS`: a text is always
/// compared whole.
#[derive(Debug)]
struct Windows<const WORDS: usize> {
    known: Box<[u64; WORDS]>,
    /// By word: where its texts begin in `members`, and at the end their number.
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
        Self { known: Box::new([0; WORDS]), starts: vec![0; WORDS + 1], members: Vec::new() }
    }
}

impl<const WORDS: usize> Windows<WORDS> {
    /// Over texts with their windows.
    fn new(list: Vec<(u32, Member)>) -> Self {
        let mut windows = Self::default();
        let mut list: Vec<(usize, Member)> = list.into_iter().map(|(w, text)| (Self::place(w), text)).collect();
        list.sort_by_key(|(place, _)| *place);
        for (place, text) in list {
            windows.known[place / 64] |= 1 << (place % 64);
            windows.starts[place / 64 + 1] += 1;
            windows.members.push(text);
        }
        (0..WORDS).for_each(|word| windows.starts[word + 1] += windows.starts[word]);
        windows
    }

    /// The bit of `window`.
    fn place(window: u32) -> usize {
        (window.wrapping_mul(0x9e37_79b1) >> (32 - (64 * WORDS).trailing_zeros())) as usize
    }

    /// The word of `window`, if its bit is set.
    fn knows(&self, window: u32) -> Option<usize> {
        let place = Self::place(window);
        (self.known[place / 64 % WORDS] >> (place % 64) & 1 == 1).then_some(place / 64)
    }

    /// The texts of a word, of whatever window.
    fn texts(&self, word: usize) -> &[Member] {
        &self.members[self.starts[word] as usize..self.starts[word + 1] as usize]
    }
}

impl Literals {
    /// Over texts of two bytes or more, all in lower case.
    pub(super) fn new(texts: &[&[u8]]) -> Self {
        let mut literals = Self::default();
        let (mut shorts, mut longs) = (Vec::new(), Vec::new());
        let sharing = sharing(texts);
        for (place, text) in (0_u32..).zip(texts) {
            let (size, list) = if text.len() < 4 { (2, &mut shorts) } else { (4, &mut longs) };
            let rarity = |at: &usize| {
                let window = &text[*at..*at + size];
                // A window of many texts is met as often as any of them, and then all of them are looked at.
                let shared = sharing[slot(window)].max(1).ilog2();
                window.iter().map(|byte| commonness(*byte)).sum::<u32>() + 6 * shared
            };
            let at = (0..=text.len() - size).min_by_key(rarity).unwrap_or(0);
            let before = &text[(at + size).saturating_sub(8)..at + size];
            let near = before.iter().fold(0, |near, byte| near << 8 | u64::from(*byte));
            let window = near as u32 & (u32::MAX >> (32 - 8 * size));
            list.push((window, Member { near, mask: u64::MAX >> (64 - 8 * before.len()), place }));
            let (start, length) = (literals.bytes.len() as u32, text.len() as u32);
            literals.texts.push(Literal { start, length, reach: (at + size) as u32 });
            literals.bytes.extend_from_slice(text);
        }
        literals.shorts = Windows::new(shorts);
        match longs.len() > FEW {
            true => literals.many = Some(Windows::new(longs)),
            false => literals.few = Windows::new(longs),
        }
        literals
    }

    /// Calls `found` with the place of each text in `value`, once or more often.
    pub(super) fn find(&self, value: &[u8], found: impl FnMut(u32)) {
        match &self.many {
            None if self.texts.is_empty() => {}
            None if self.shorts.members.is_empty() => self.search::<false, SMALL>(&self.few, value, found),
            None => self.search::<true, SMALL>(&self.few, value, found),
            Some(many) => self.search::<true, LARGE>(many, value, found),
        }
    }

    fn search<const SHORTS: bool, const WORDS: usize>(
        &self,
        longs: &Windows<WORDS>,
        value: &[u8],
        mut found: impl FnMut(u32),
    ) {
        let mut near = 0_u64;
        for (at, &byte) in value.iter().enumerate() {
            near = near << 8 | u64::from(LOWER[usize::from(byte)]);
            if SHORTS && let Some(word) = self.shorts.knows(near as u32 & 0xffff) {
                self.check(self.shorts.texts(word), value, (at + 1, near), &mut found);
            }
            if let Some(word) = longs.knows(near as u32) {
                self.check(longs.texts(word), value, (at + 1, near), &mut found);
            }
        }
    }

    /// Looks whether `texts` stand in `value` with their windows ending at `end`, behind the bytes `near`.
    #[inline(never)]
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

/// By [`slot`]: how often windows of four bytes stand in the texts, about.
fn sharing(texts: &[&[u8]]) -> Vec<u32> {
    let mut counts = vec![0; 1 << 16];
    texts.iter().flat_map(|text| text.windows(4)).for_each(|window| counts[slot(window)] += 1);
    counts
}

/// The counter of a window.
fn slot(window: &[u8]) -> usize {
    let window = window.iter().fold(0_u32, |window, byte| window << 8 | u32::from(*byte));
    (window.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// Words of the tables: 512 bytes, and 16 KiB.
const SMALL: usize = 64;
const LARGE: usize = 2048;
/// Texts of the small table: with a sixteenth of its bits set, what meets one by chance is rare.
const FEW: usize = SMALL * 64 / 16;

/// Each byte in lower case.
const LOWER: [u8; 256] = {
    let mut lower = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        lower[byte] = (byte as u8).to_ascii_lowercase();
        byte += 1;
    }
    lower
};

/// How often a byte occurs in ordinary traffic, roughly; only the order counts. Letters are in lower case.
fn commonness(byte: u8) -> u32 {
    // Letters of European languages and of JSON and form fields, from the rarest to the most common.
    const LETTERS: &[u8] = b"qzjxkvwybgfphmucdlnsrtoiae";
    match byte {
        b'a'..=b'z' => 4 + LETTERS.iter().position(|letter| *letter == byte).unwrap_or(0) as u32,
        b'0'..=b'9' => 26,
        b' ' | b'.' | b'/' | b'-' | b'=' | b'&' | b':' | b',' | b'_' | b'"' => 22,
        b'!'..=b'~' => 14,
        // Rare in itself, but not where bytes come from a decoder.
        _ => 30,
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
