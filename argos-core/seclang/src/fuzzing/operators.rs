//! Operators: a match does not depend on captures being wanted, captures are bounded, and what has a plain meaning
//! agrees with it.

use super::choices::Choices;
use crate::operators::{Captures, From, Operator, TABLE, by_name, number};

pub(super) fn operators(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let entry = &TABLE[choices.below(TABLE.len())];
    let argument = choices.bytes(64);
    let input = choices.rest();
    if matches!(entry.from, From::Argument | From::Files | From::Dataset)
        && let Ok(operator) = (entry.make)(argument)
    {
        agrees_with_itself(entry.name, operator.as_ref(), input, argument);
    }
    if let Some(expected) = plainly(entry.name, input, argument) {
        let operator = (entry.make)(argument).expect("these take any argument");
        let matches = operator.matches(input, argument, &mut Captures::default());
        assert_eq!(matches, expected, "{} {:?}", entry.name, argument.escape_ascii().to_string());
    }
    quoted_pattern(input, argument);
    phrase(input, argument);
}

fn agrees_with_itself(name: &str, operator: &dyn Operator, input: &[u8], argument: &[u8]) {
    let run = |wanted| {
        let mut captures = Captures { wanted, ..Captures::default() };
        (operator.matches(input, argument, &mut captures), captures)
    };
    let (plain, kept) = run(false);
    let (matches, captures) = run(true);
    assert_eq!(plain, matches, "{name} matches only with or without captures");
    assert_eq!((matches, &captures.found), (run(true).0, &run(true).1.found), "{name} is not pure");
    assert!(kept.found.is_empty(), "{name} kept what nobody wanted");
    assert!(captures.found.len() <= 10, "{name} kept {} groups", captures.found.len());
    // A fingerprint is the only capture that is no part of either side.
    let most = input.len().max(argument.len()).max(64);
    assert!(captures.found.iter().all(|group| group.len() <= most), "{name} kept a long group");
}

/// What the operator says in one line, where that is possible.
fn plainly(name: &str, input: &[u8], argument: &[u8]) -> Option<bool> {
    let occurs = |inner: &[u8], outer: &[u8]| inner.is_empty() || outer.windows(inner.len()).any(|part| part == inner);
    Some(match name {
        "beginswith" => input.len() >= argument.len() && input[..argument.len()] == *argument,
        "contains" | "strmatch" => occurs(argument, input),
        "endswith" => input.len() >= argument.len() && input[input.len() - argument.len()..] == *argument,
        "eq" => number(input) == number(argument),
        "ge" => number(input) >= number(argument),
        "gt" => number(input) > number(argument),
        "le" => number(input) <= number(argument),
        "lt" => number(input) < number(argument),
        "nomatch" => false,
        "streq" => input == argument,
        "unconditionalmatch" => true,
        "validateutf8encoding" => std::str::from_utf8(input).is_err(),
        "within" => occurs(input, argument),
        _ => return None,
    })
}

/// A pattern of escaped bytes finds what they are.
fn quoted_pattern(input: &[u8], argument: &[u8]) {
    let pattern: String = argument.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let found = made("rx", pattern.as_bytes()).matches(input, b"", &mut Captures::default());
    assert_eq!(Some(found), plainly("contains", input, argument), "@rx {pattern}");
}

/// A phrase of letters is found in any case.
fn phrase(input: &[u8], argument: &[u8]) {
    let phrase: Vec<u8> = argument.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if phrase.is_empty() {
        return;
    }
    let found = made("pm", &phrase).matches(input, b"", &mut Captures::default());
    let expected = input.windows(phrase.len()).any(|part| part.eq_ignore_ascii_case(&phrase));
    assert_eq!(found, expected, "@pm {}", phrase.escape_ascii());
}

fn made(name: &str, argument: &[u8]) -> Box<dyn Operator> {
    let entry = by_name(name.as_bytes()).expect("the operator is in the table");
    (entry.make)(argument).expect("the argument is made to be good")
}
