//! `@verifyCC` `@verifySSN` `@verifyCPF` `@verifySVNR` `@validateNid`: a pattern finds numbers, a checksum tells
//! real ones.

use regex::bytes::Regex;

use super::{Captures, Operator, Refusal, compile_regex};

macro_rules! verifiers {
    ($($make:ident $check:ident),*) => {$(
        pub(super) fn $make(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
            Ok(Box::new(Verify { regex: compile_regex(argument)?, check: $check }))
        }
    )*};
}

verifiers!(make_card card, make_ssn ssn, make_cpf cpf, make_svnr svnr);

/// `us pattern` or `cl pattern`.
pub(super) fn make_nid(argument: &[u8]) -> Result<Box<dyn Operator>, Refusal> {
    let blank = argument.iter().position(u8::is_ascii_whitespace).unwrap_or(argument.len());
    let check = match argument[..blank].to_ascii_lowercase().as_slice() {
        b"us" => ssn,
        b"cl" => rut,
        _ => return Err(Refusal::argument("us or cl and a pattern are needed")),
    };
    Ok(Box::new(Verify { regex: compile_regex(argument[blank..].trim_ascii_start())?, check }))
}

#[derive(Debug)]
struct Verify {
    regex: Regex,
    check: fn(&[u8]) -> bool,
}

impl Operator for Verify {
    fn matches(&self, input: &[u8], _: &[u8], captures: &mut Captures) -> bool {
        let found = self.regex.find_iter(input).find(|found| (self.check)(found.as_bytes()));
        if let Some(found) = &found {
            captures.whole(found.as_bytes());
        }
        found.is_some()
    }
}

/// The digits of `text`; more than 32 are no number of this kind.
fn digits(text: &[u8]) -> Vec<u32> {
    text.iter().filter(|byte| byte.is_ascii_digit()).take(33).map(|byte| u32::from(byte - b'0')).collect()
}

/// 12 to 19 digits with a Luhn sum. Source: ISO/IEC 7812-1 annex B.
fn card(text: &[u8]) -> bool {
    let digits = digits(text);
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    (12..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// United States: no part is all zeros, the area is neither 666 nor above 899. Source: Social Security
/// Administration, "randomization".
fn ssn(text: &[u8]) -> bool {
    let digits = digits(text);
    let number = |range: std::ops::Range<usize>| digits[range].iter().fold(0, |sum, digit| sum * 10 + digit);
    digits.len() == 9
        && !matches!(number(0..3), 0 | 666 | 900..)
        && number(3..5) != 0
        && number(5..9) != 0
        && digits.iter().any(|digit| *digit != digits[0])
}

/// Brazil: eleven digits, the last two from weights 10… and 11…, not all alike. Source: Receita Federal.
fn cpf(text: &[u8]) -> bool {
    let digits = digits(text);
    let check = |count: usize| {
        let sum: u32 =
            digits[..count].iter().zip((2..=count as u32 + 1).rev()).map(|(digit, weight)| digit * weight).sum();
        sum * 10 % 11 % 10
    };
    digits.len() == 11
        && digits.iter().any(|digit| *digit != digits[0])
        && check(9) == digits[9]
        && check(10) == digits[10]
}

/// Austria: ten digits, the fourth from weights 3 7 9 – 5 8 4 2 1 6. Source: Hauptverband, "Versicherungsnummer".
fn svnr(text: &[u8]) -> bool {
    let digits = digits(text);
    let sum: u32 = digits.iter().zip([3, 7, 9, 0, 5, 8, 4, 2, 1, 6]).map(|(digit, weight)| digit * weight).sum();
    digits.len() == 10 && digits[0] != 0 && sum % 11 == digits[3]
}

/// Chile: digits and a last one or K from weights 2 to 7. Source: Servicio de Impuestos Internos, "dígito verificador".
fn rut(text: &[u8]) -> bool {
    let plain: Vec<u8> = text.iter().copied().filter(|byte| byte.is_ascii_alphanumeric()).take(33).collect();
    let Some((last, number)) = plain.split_last() else { return false };
    let sum: u32 = (number.iter().rev().zip((2..=7).cycle()))
        .map(|(digit, weight)| u32::from(digit - b'0'.min(*digit)) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        digit => b'0' + digit as u8,
    };
    (7..=9).contains(&plain.len()) && number.iter().all(u8::is_ascii_digit) && last.eq_ignore_ascii_case(&expected)
}
