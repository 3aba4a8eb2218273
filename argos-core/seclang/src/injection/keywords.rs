//! `INTO OUTFILE` and `INTO DUMPFILE` in any case.
//!
//! The tokeniser joins words such as `into outfile` to one keyword in any case. The test that then tells
//! `1 into outfile 'x'` from harmless text with a keyword in its middle looks for `INTO` in capitals only, so it took
//! every other spelling for harmless. The reference implementation compares without case.

use std::borrow::Cow;

/// `input` with every word `into` in capitals.
///
/// Guarantee: nothing but that test sees a difference. Words are looked up without case, and what stands in strings,
/// comments and numbers is no word.
pub(super) fn with_capital_into(input: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let part = |at: Option<usize>| {
        at.and_then(|at| input.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let is_word = |at: &usize| {
        input.get(*at..*at + INTO.len()).is_some_and(|word| word.eq_ignore_ascii_case(INTO) && word != INTO)
            && !part(at.checked_sub(1))
            && !part(Some(at + INTO.len()))
    };
    let found: Vec<usize> = memchr::memchr2_iter(b'i', b'I', &input).filter(is_word).collect();
    if found.is_empty() {
        return input;
    }
    let mut out = input.into_owned();
    for at in found {
        out[at..at + INTO.len()].copy_from_slice(INTO);
    }
    Cow::Owned(out)
}

const INTO: &[u8] = b"INTO";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_changes() {
        for (given, wanted) in [
            ("1 into outfile 'x'", "1 INTO outfile 'x'"),
            ("into", "INTO"),
            ("a Into(into)b", "a INTO(INTO)b"),
            ("pinto intone in_to into_ _into into1", "pinto intone in_to into_ _into into1"),
            ("INTO int", "INTO int"),
            ("", ""),
        ] {
            assert_eq!(&*with_capital_into(given.as_bytes().into()), wanted.as_bytes(), "{given}");
        }
        assert!(matches!(with_capital_into(b"INTO".as_slice().into()), Cow::Borrowed(_)));
    }
}
