//! `@detectSQLi` and `@detectXSS`.

use super::{Captures, Operator, Refusal};
use crate::injection;
use crate::screen::{ByteSet, Needs};

pub(super) fn make_sqli(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(DetectSqli))
}

pub(super) fn make_xss(_: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    Ok(Box::new(DetectXss))
}

#[derive(Debug)]
struct DetectSqli;

impl Operator for DetectSqli {
    /// A word alone is one token, and no pattern of one token is an injection.
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::byte_of(NO_LETTERS))
    }

    /// Captures the fingerprint, as the reference implementation does.
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        if is_harmless_word(input) {
            return false;
        }
        match injection::sqli(input) {
            Some(fingerprint) => {
                captures.whole(fingerprint.as_bytes());
                true
            }
            None => false,
        }
    }
}

/// All bytes but letters and the low line.
const NO_LETTERS: ByteSet = ByteSet::EMPTY.with(0, b'@').with(b'[', b'^').with(b'`', b'`').with(b'{', 0xff);

/// Whether `input` is letters, digits and low lines without `union`: a number, a word or one behind the other, and the
/// only pattern of two such tokens is a number before that keyword.
fn is_harmless_word(input: &[u8]) -> bool {
    input.len() <= WORD
        && input.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && !input.windows(5).any(|part| part.eq_ignore_ascii_case(b"union"))
}

/// Longer words are left to the tokeniser.
const WORD: usize = 64;

#[derive(Debug)]
struct DetectXss;

impl Operator for DetectXss {
    /// A verdict needs a tag, a comment or a doctype, which `<` opens, or the value of an attribute, which `=` opens.
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::byte_of(ByteSet::EMPTY.and(b"<=")))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let found = injection::xss(input);
        if found {
            captures.whole(input);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        /// What the two shortcuts pass over is no injection for the tokeniser either.
        #[test]
        fn words_alone_are_no_injection(
            words in prop::collection::vec(prop_oneof![
                "[a-zA-Z_]{1,6}",
                "[0-9a-fA-FxXbBeE_]{1,6}",
                prop::sample::select(&["or", "and", "select", "INTO", "outfile", "like", "null", "user", "sleep", "xor",
                    "from", "where", "drop", "table", "exec", "waitfor", "delay", "having", "limit", "true", "not",
                    "0x", "1e5", "0b1", "div", "mod", "rlike", "sounds", "binary", "case", "when", "end"][..])
                    .prop_map(str::to_owned),
            ], 1..5),
        ) {
            let word = words.concat();
            let passed_over = is_harmless_word(word.as_bytes()) || !ByteSet::of(word.as_bytes()).meets(&NO_LETTERS);
            prop_assert!(!passed_over || injection::sqli(word.as_bytes()).is_none(), "{word}");
        }
    }

    #[test]
    fn a_number_before_union_is_left_to_the_tokeniser() {
        assert!(is_harmless_word(b"1onion_2") && !is_harmless_word(b"1UNION") && !is_harmless_word(b"1 or 1"));
    }
}
