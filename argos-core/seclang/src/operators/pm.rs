//! `@pm`: one of several phrases occurs in the value, in any case.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};

use super::{Captures, Operator, Refusal};
use crate::screen::Needs;

/// Phrases are separated by white space; `|41 42|` is bytes in hexadecimal.
pub(super) fn make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    build(phrases(argument))
}

/// `@pmFromFile`: one phrase per line.
pub(super) fn make_lines(lines: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    build(lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

fn build(phrases: Vec<Vec<u8>>) -> Result<Box<dyn Operator>, Refusal> {
    if phrases.is_empty() {
        return Err(Refusal::argument("at least one phrase is needed"));
    }
    Ok(Box::new(Pm { automaton: OnceLock::new(), phrases }))
}

/// The automaton is built when a value first gets as far as that.
#[derive(Debug)]
struct Pm {
    automaton: OnceLock<AhoCorasick>,
    phrases: Vec<Vec<u8>>,
}

impl Operator for Pm {
    fn take_needs(&mut self, _: &[u8]) -> Option<Needs> {
        Some(Needs::one_of(&self.phrases))
    }

    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let automaton = self.automaton.get_or_init(|| {
            let builder = AhoCorasickBuilder::new().ascii_case_insensitive(true).build(&self.phrases);
            builder.expect("fewer states than the automaton can number: rule files are bounded")
        });
        match automaton.find(input) {
            Some(found) => {
                captures.whole(&input[found.range()]);
                true
            }
            None => false,
        }
    }
}

fn phrases(argument: &[u8]) -> Vec<Vec<u8>> {
    let mut found = vec![Vec::new()];
    let mut rest = argument;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let last = found.len() - 1;
        if byte.is_ascii_whitespace() {
            found.push(Vec::new());
        } else if let Some((bytes, used)) = (byte == b'|').then(|| hex(tail)).flatten() {
            found[last].extend(bytes);
            rest = &tail[used..];
        } else {
            found[last].push(byte);
        }
    }
    found.retain(|phrase| !phrase.is_empty());
    found
}

/// Pairs of digits up to the closing bar, and the bytes used including it.
fn hex(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let end = memchr::memchr(b'|', text)?;
    let digits: Vec<u8> = text[..end].iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if digits.is_empty() || digits.len() % 2 == 1 {
        return None;
    }
    let bytes =
        (0..digits.len()).step_by(2).map(|at| crate::transforms::pair(&digits, at)).collect::<Option<Vec<u8>>>()?;
    Some((bytes, end + 1))
}
