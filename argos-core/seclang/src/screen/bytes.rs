//! Sets of byte values.

/// A set of byte values; also the bytes that occur in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// No byte.
    pub(crate) const EMPTY: Self = Self([0; 4]);

    /// The bytes that occur in `text`.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        if text.len() < 48 {
            for &byte in text {
                set.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
            }
            return set;
        }
        // Writes that do not wait for each other are faster over long texts.
        let mut seen = [0_u8; 256];
        for &byte in text {
            seen[usize::from(byte)] = 1;
        }
        let (groups, _) = seen.as_chunks::<8>();
        for (place, group) in groups.iter().enumerate() {
            // Brings the lowest bits of eight bytes together in one.
            let bits = u64::from_le_bytes(*group).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            set.0[place / 8] |= bits << (place % 8 * 8);
        }
        set
    }

    /// The set with the bytes from `from` to `to`, both included.
    #[must_use]
    pub(crate) const fn with(mut self, from: u8, to: u8) -> Self {
        let mut byte = from as usize;
        while byte <= to as usize {
            self.0[byte >> 6] |= 1 << (byte & 63);
            byte += 1;
        }
        self
    }

    /// The set with each byte of `bytes`.
    #[must_use]
    pub(crate) const fn and(mut self, bytes: &[u8]) -> Self {
        let mut at = 0;
        while at < bytes.len() {
            self.0[(bytes[at] >> 6) as usize] |= 1 << (bytes[at] & 63);
            at += 1;
        }
        self
    }

    /// Whether a byte is in both sets.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }

    /// The bytes of either set.
    #[must_use]
    pub(crate) fn or(&self, other: &Self) -> Self {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        Self([a | e, b | f, c | g, d | h])
    }

    /// The bytes of this set that are not in the other.
    #[must_use]
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        Self([a & !e, b & !f, c & !g, d & !h])
    }

    /// The set with each letter in both cases.
    #[must_use]
    pub(crate) fn both_cases(self) -> Self {
        const UPPER: u64 = ((1 << 26) - 1) << (b'A' - 64);
        let [low, letters, high, highest] = self.0;
        let (upper, lower) = (letters & UPPER, letters >> 32 & UPPER);
        Self([low, letters | upper << 32 | lower, high, highest])
    }

    /// How many bytes are in it.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// The set with all letters of a case, all digits and all bytes above ASCII where it has one of them. Most texts
    /// of ordinary traffic share a few of these sets.
    #[must_use]
    pub(crate) fn coarse(&self) -> Self {
        const KINDS: [ByteSet; 4] = [
            ByteSet::EMPTY.with(b'a', b'z'),
            ByteSet::EMPTY.with(b'A', b'Z'),
            ByteSet::EMPTY.with(b'0', b'9'),
            ByteSet::EMPTY.with(0x80, 0xff),
        ];
        KINDS.iter().filter(|kind| kind.meets(self)).fold(*self, |set, kind| set.or(kind))
    }

    /// The bytes in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..4_u8).flat_map(move |word| {
            let mut left = self.0[usize::from(word)];
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros() as u8;
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(word << 6 | bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_occurs() {
        for text in [b"".to_vec(), b"az\x00\xff".to_vec(), b"abc ".repeat(200)] {
            let set = ByteSet::of(&text);
            for byte in 0..=255 {
                assert_eq!(set.has(byte), text.contains(&byte));
            }
            let mut sorted = text.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(set.iter().collect::<Vec<_>>(), sorted);
            assert_eq!(set.coarse().or(&set), set.coarse());
        }
        let set = ByteSet::EMPTY.with(b'a', b'c').and(b"z");
        assert_eq!((set, set.len()), (ByteSet::of(b"abcz"), 4));
        assert_eq!(set.minus(&ByteSet::of(b"bz\xff")), ByteSet::of(b"ac"));
        assert_eq!(ByteSet::of(b"aZ[@\x00\xe1").both_cases(), ByteSet::of(b"aAzZ[@\x00\xe1"));
    }
}
