//! SQL injection and cross-site scripting by tokenising, over the `libinjectionrs` crate.
//!
//! What that crate misses is put right here: words of endless length, whose cost it does not bound, and the keywords
//! `INTO OUTFILE` and `INTO DUMPFILE` in small letters (see `keywords`). `testdata/operators/detectSQLi.toml` holds
//! both to cases.

mod keywords;
mod prose;

use std::borrow::Cow;

use libinjectionrs::{SqliFlags, SqliState};

/// The fingerprint of the SQL injection in `input`, if there is one.
pub(crate) fn sqli(input: &[u8]) -> Option<String> {
    if prose::begins_as_prose(input) { None } else { tokenised(input) }
}

fn tokenised(input: &[u8]) -> Option<String> {
    let input = keywords::with_capital_into(with_bounded_words(input));
    let mut state = SqliState::new(&input, SqliFlags::FLAG_NONE);
    state.detect().then(|| state.fingerprint_string())
}

/// Whether `input` would run script in any place of an HTML page.
pub(crate) fn xss(input: &[u8]) -> bool {
    libinjectionrs::detect_xss(input).is_injection()
}

/// `input` with letters in the place of dots and backticks behind the 64th of one word.
///
/// The tokeniser looks up the beginning of a word once for each of its dots and backticks, so that a word of nothing
/// else costs the square of its length. No keyword is that long: the tokens stay what they are.
fn with_bounded_words(input: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(input);
    if memchr::memchr2_iter(b'.', b'`', input).nth(MARKS_PER_WORD).is_none() {
        return out;
    }
    let mut marks = 0;
    for (at, byte) in input.iter().enumerate() {
        match byte {
            b'.' | b'`' if marks == MARKS_PER_WORD => out.to_mut()[at] = b'a',
            b'.' | b'`' => marks += 1,
            byte if WORD_ENDS.contains(byte) => marks = 0,
            _ => {}
        }
    }
    out
}

const MARKS_PER_WORD: usize = 64;

/// The bytes at which the tokeniser ends a word.
const WORD_ENDS: &[u8] = b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0B\x0C\r\"\xA0\x00";

#[cfg(test)]
mod tests {
    use super::{Cow, sqli, with_bounded_words, xss};

    #[test]
    fn tells_attacks_from_text() {
        assert_eq!(sqli(b"1' OR '1'='1").as_deref(), Some("s&sos"));
        assert_eq!(sqli(b"O'Neill and sons"), None);
        assert!(xss(b"<script>alert(1)</script>"));
        assert!(!xss(b"a < b and c > d"));
    }

    #[test]
    fn words_are_bounded_one_by_one() {
        let word = b"a.".repeat(64);
        assert!(matches!(with_bounded_words(&word), Cow::Borrowed(_)));
        let two = [word.as_slice(), b" ", &word].concat();
        assert!(matches!(with_bounded_words(&two), Cow::Borrowed(_)));
        let longer = [word.as_slice(), b".`b.", b" c.d"].concat();
        assert_eq!(&*with_bounded_words(&longer), [word.as_slice(), b"aaba", b" c.d"].concat());
    }

    #[test]
    fn an_attack_behind_an_endless_word_is_still_found() {
        // Without the bound this takes minutes.
        let word = b"a.".repeat(200_000);
        assert_eq!(sqli(&word), None);
        let attack = [b"x' UNION SELECT ".as_slice(), &word, b" FROM t -- "].concat();
        assert!(sqli(&attack).is_some());
    }
}
