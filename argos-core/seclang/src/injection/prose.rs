//! Text whose beginning alone shows that it is no SQL injection.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

/// Whether `input` begins with two words that SQL has no use for.
///
/// Guarantee: such an input is no injection for the tokeniser. Both words become the type "bareword"; no fold takes a
/// bareword that follows another one away, changes it, or joins it with what comes before; and no pattern of an
/// injection begins with two barewords (the tests read the crate's own table). Quotes would have the text read once
/// more as if it began inside a string; braces, backticks and comments can end the reading early.
pub(super) fn begins_as_prose(input: &[u8]) -> bool {
    let Some((first, rest)) = word(input) else { return false };
    let spaces = rest.iter().take_while(|byte| SPACES.contains(byte)).count();
    let Some((second, rest)) = word(&rest[spaces..]) else { return false };
    let ends = match rest {
        [] => true,
        // A dot belongs to the word, and the word before it counts as well.
        [b'.', rest @ ..] => rest.first().is_none_or(|byte| SPACES.contains(byte)),
        [byte, ..] => SPACES.contains(byte) || b",;:?!".contains(byte),
    };
    spaces > 0 && ends && !input.iter().any(|byte| DISTURBING.contains(byte)) && is_unknown(first) && is_unknown(second)
}

const SPACES: &[u8] = b" \t\r\n";
const DISTURBING: &[u8] = b"'\"`{}*\\\0";

/// The letters that `input` begins with, and what follows; none where there are none, or too many for a keyword.
fn word(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = input.iter().take(LONGEST + 1).take_while(|byte| byte.is_ascii_alphabetic()).count();
    (1..=LONGEST).contains(&len).then(|| input.split_at(len))
}

/// Letters of the longest word that is looked at.
const LONGEST: usize = 24;

/// Whether no entry of the tokeniser's table is or begins with `word`.
fn is_unknown(word: &[u8]) -> bool {
    static KNOWN: LazyLock<HashSet<&'static [u8], FixedState>> = LazyLock::new(|| {
        let words = SQL_KEYWORDS.iter().filter_map(|entry| entry.word.split(' ').next());
        words.chain(FUNCTIONS.iter().copied()).map(str::as_bytes).collect()
    });
    let mut upper = [0; LONGEST];
    let upper = &mut upper[..word.len()];
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    !KNOWN.contains(&*upper)
}

/// Words that become functions before a parenthesis, whether the table has them or not.
const FUNCTIONS: &[&str] = &["DATABASE", "PASSWORD", "USER", "LOCALTIME", "LOCALTIMESTAMP"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::injection::tokenised;

    #[test]
    fn no_pattern_of_an_injection_begins_with_two_barewords() {
        let patterns = SQL_KEYWORDS.iter().filter(|entry| entry.token_type == b'F');
        assert!(patterns.clone().count() > 5000);
        assert!(!patterns.clone().any(|entry| entry.word.starts_with("0NN")));
        // Both letters are needed: one bareword begins many.
        assert!(patterns.clone().any(|entry| entry.word.starts_with("0N")));
    }

    #[test]
    fn knows_prose_from_what_may_be_sql() {
        for text in ["Lorem ipsum", "blue shoes, size 4 or more", "Dear customer: (select", "Good morning. and 1=1"] {
            assert!(begins_as_prose(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "shoes",
            "shoes ",
            "blue-shoes",
            "blue  ",
            "select shoes",
            "blue select",
            "it's shoes",
            "blue shoes'",
            "blue shoes(1)",
            "blue shoes /* x",
            "1 shoes",
            "blue 1",
            "alter database",
            "my user(1)",
            "blue shoes.x",
        ] {
            assert!(!begins_as_prose(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The guarantee, with words of both sorts and everything that tokens are made of behind them.
        #[test]
        fn what_begins_as_prose_is_no_injection(
            start in prop::collection::vec(prop_oneof![
                prop::sample::select(&["blue", "shoes", "x", "Dear", "lorem", "ipsum", "b", "n", "q", "user", "cross",
                    "group", "current", "is", "in", "not", "like", "union", "and", "password", "collate"][..])
                    .prop_map(str::to_owned),
                "[a-z]{1,5}",
            ], 2..4),
            rest in prop::collection::vec(prop::sample::select(&[" ", ",", ";", "(", ")", ".", "1", "=", "or", "and",
                "--", "#", "/", "-", "!", "union", "select", "from", "x", "@a", "0x1", ":", "::", "<", "&&", "||", "in",
                "not", "like", "case", "when", "int", "\n", "?", "%", "[", "]", "^", "~", "+", "int(", "if", "sleep("][..]),
                0..12),
        ) {
            let text = format!("{} {}", start.join(" "), rest.concat());
            if begins_as_prose(text.as_bytes()) {
                prop_assert!(tokenised(text.as_bytes()).is_none(), "{text}");
            }
        }
    }
}
