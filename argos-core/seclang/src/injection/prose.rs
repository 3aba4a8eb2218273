//! Text whose beginning alone shows that it is no SQL injection.

use std::collections::HashSet;
use std::sync::LazyLock;

use foldhash::fast::FixedState;
use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

/// Whether `input` is a decimal number, a word, or begins with a word and then another one or a name with `@`, all of them such as SQL
/// has no use for: names of arguments, addresses of people, prose.
///
/// Guarantee: such an input is no injection for the tokeniser. A word becomes the type "bareword", a name with `@` the
/// type "variable". No fold takes the second of them away, changes it, or joins it with the first, and no pattern of an
/// injection is one number or one bareword, or begins with a bareword before one of these (the tests read the crate's own table).
/// Quotes would have the text read once more as if it began inside a string; braces, backticks and comments can end the
/// reading early.
pub(super) fn begins_as_prose(input: &[u8]) -> bool {
    if is_decimal(input) {
        return true;
    }
    let Some((first, rest)) = word(input) else { return false };
    let second = match rest {
        [] => None,
        [b'@', rest @ ..] => {
            let name = rest.iter().take_while(|byte| is_part(byte)).count();
            if name == 0 || rest.get(name).is_some_and(|byte| !SPACES.contains(byte)) {
                return false;
            }
            None
        }
        rest => {
            let spaces = rest.iter().take_while(|byte| SPACES.contains(byte)).count();
            match word(&rest[spaces..]) {
                Some((second, rest)) if spaces > 0 && rest.first().is_none_or(|byte| ENDS.contains(byte)) => {
                    Some(second)
                }
                _ => return false,
            }
        }
    };
    is_unknown(first) && second.is_none_or(is_unknown) && !input.iter().any(|byte| DISTURBING[usize::from(*byte)])
}

/// Digits, and digits behind a dot.
fn is_decimal(input: &[u8]) -> bool {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    match input.iter().position(|byte| *byte == b'.') {
        Some(dot) => digits(&input[..dot]) && digits(&input[dot + 1..]),
        None => digits(input),
    }
}

const SPACES: &[u8] = b" \t\r\n";
/// What may end the second word.
const ENDS: &[u8] = b" \t\r\n,:;?!";
/// Whether a byte is one of `'"`{}*\` and NUL.
const DISTURBING: [bool; 256] = {
    let bytes = b"'\"`{}*\\\0";
    let (mut all, mut at) = ([false; 256], 0);
    while at < bytes.len() {
        all[bytes[at] as usize] = true;
        at += 1;
    }
    all
};

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// The word that `input` begins with, up to its first dot, and what follows the whole word; none where there is none,
/// or where it is too long for a keyword.
fn word(input: &[u8]) -> Option<(&[u8], &[u8])> {
    if !input.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let (word, rest) = input.split_at(input.iter().take_while(|byte| is_part(byte)).count());
    let first = word.split(|byte| *byte == b'.').next().unwrap_or(word);
    (first.len() <= LONGEST).then_some((first, rest))
}

/// Letters of the longest word that is looked at.
const LONGEST: usize = 24;

/// Whether no entry of the tokeniser's table begins with `word` and then ends, or goes on with a space or a dot.
fn is_unknown(word: &[u8]) -> bool {
    static KNOWN: LazyLock<HashSet<&'static [u8], FixedState>> = LazyLock::new(|| {
        let words = SQL_KEYWORDS.iter().filter_map(|entry| entry.word.split([' ', '.']).next());
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
    fn no_pattern_of_an_injection_begins_like_prose() {
        let is_pattern = |entry: &&libinjectionrs::sqli::sqli_data::Keyword| entry.token_type == b'F';
        let patterns: Vec<&str> = SQL_KEYWORDS.iter().filter(is_pattern).map(|entry| entry.word).collect();
        assert!(patterns.len() > 5000 && patterns.iter().all(|pattern| pattern.starts_with('0')));
        assert!(!patterns.iter().any(|pattern| pattern.starts_with("0NN") || pattern.starts_with("0NV")));
        assert!(!patterns.contains(&"0N") && !patterns.contains(&"01"));
        // More is needed than the first: one bareword begins many.
        assert!(patterns.iter().any(|pattern| pattern.starts_with("0N")));
    }

    #[test]
    fn knows_prose_from_what_may_be_sql() {
        for text in [
            "Lorem ipsum",
            "blue shoes, size 4 or more",
            "Dear customer: (select",
            "Good morning. and 1=1",
            "shoes",
            "json.items.array_0.select",
            "first.last@mail.example",
            "blue shoes.x",
            "19.90",
            "007",
        ] {
            assert!(begins_as_prose(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "shoes ",
            "blue-shoes",
            "blue  ",
            "select",
            "select.shoes",
            "select shoes",
            "blue select",
            "it's shoes",
            "blue shoes'",
            "blue shoes(1)",
            "blue shoes /* x",
            "1 shoes",
            "1.",
            ".1",
            "1.1.1",
            "blue 1",
            "alter database",
            "my user(1)",
            "x@",
            "x@user(1)",
            "x@y-1",
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
                "[a-z]{1,3}[.@_][a-z0-9]{1,3}",
                "[0-9]{1,3}[.]?[0-9]{0,2}",
            ], 1..4),
            rest in prop::collection::vec(prop::sample::select(&[" ", ",", ";", "(", ")", ".", "1", "=", "or", "and",
                "--", "#", "/", "-", "!", "union", "select", "from", "x", "@a", "0x1", ":", "::", "<", "&&", "||", "in",
                "not", "like", "case", "when", "int", "\n", "?", "%", "[", "]", "^", "~", "+", "int(", "if", "sleep("][..]),
                0..12),
        ) {
            let text = format!("{}{}", start.join(" "), rest.concat());
            if begins_as_prose(text.as_bytes()) {
                prop_assert!(tokenised(text.as_bytes()).is_none(), "{text}");
            }
        }
    }
}
