//! Operators: tests of one value against an argument.

mod begins_with;
mod compare;
mod constant;
mod contains;
mod contains_word;
mod detect;
mod ends_with;
mod ip_match;
mod lookup;
mod pattern;
mod pm;
mod restpath;
mod rsub;
pub(crate) mod rx;
mod streq;
mod validate_byte_range;
mod validate_url_encoding;
mod validate_utf8_encoding;
mod verify;
mod within;

use std::fmt;

pub(crate) use lookup::{Geo, Rbl};
pub use lookup::{GeoLookup, Resolver};
pub(crate) use pattern::{compile as compile_regex, estimate as pattern_size};

use crate::screen::Needs;

/// One operator, made for one argument text.
pub(crate) trait Operator: Send + Sync + fmt::Debug {
    /// Whether `input` satisfies the operator. `argument` is the argument with its macros expanded;
    /// operators that compile theirs ahead ignore it.
    fn matches(&self, input: &[u8], argument: &[u8], captures: &mut Captures) -> bool;

    /// What every value has that matches; None where nothing can be said. Asked once, when the rule set is built.
    fn take_needs(&mut self, _argument: &[u8]) -> Option<Needs> {
        None
    }

    /// The comparison, of those that compare numbers.
    fn comparison(&self) -> Option<fn(&i64, &i64) -> bool> {
        None
    }

    /// Whether the same value and argument always give the same answer.
    fn is_pure(&self) -> bool {
        true
    }
}

/// What an operator caught, for `TX:0`–`TX:9`.
#[derive(Debug, Default)]
pub(crate) struct Captures {
    /// The rule says `capture`; otherwise nothing needs to be kept.
    pub(crate) wanted: bool,
    pub(crate) found: Vec<Vec<u8>>,
    /// What `@geoLookup` learned.
    pub(crate) geo: Option<Vec<(&'static str, String)>>,
    /// What `@restpath` named.
    pub(crate) path: Vec<(Vec<u8>, Vec<u8>)>,
    /// Too many patterns gave up before: those that need backtracking count as giving up too.
    pub(crate) spent: bool,
    /// A pattern gave up at its step limit.
    pub(crate) exceeded: bool,
}

impl Captures {
    /// Keeps `text` as the whole match.
    pub(crate) fn whole(&mut self, text: &[u8]) {
        if self.wanted {
            self.found.clear();
            self.found.push(text.to_vec());
        }
    }
}

/// Makes an operator from its argument. The error is the diagnostic's code and text.
pub(crate) type Make = fn(&[u8]) -> Result<Box<dyn Operator>, Refusal>;

/// Why an operator's argument was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) text: String,
}

impl Refusal {
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Self { code: "seclang.operator_argument", text: text.into() }
    }
}

/// One line of the table.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) make: Make,
    /// Macros in the argument are expanded for each transaction.
    pub(crate) macros: bool,
    pub(crate) from: From,
}

/// Where an operator's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The argument itself.
    Argument,
    /// The argument names files; `make` gets their lines, comments left out.
    Files,
    /// The argument names a `SecDataset`; `make` gets its lines.
    Dataset,
    /// The caller answers; `make` is not called.
    Caller,
}

const fn entry(name: &'static str, make: Make, macros: bool) -> Entry {
    Entry { name, make, macros, from: From::Argument }
}

const fn of_lines(name: &'static str, make: Make, from: From) -> Entry {
    Entry { name, make, macros: false, from }
}

/// Lower-case name to operator.
pub(crate) const TABLE: &[Entry] = &[
    entry("beginswith", begins_with::make, true),
    entry("contains", contains::make, true),
    entry("containsword", contains_word::make, true),
    entry("detectsqli", detect::make_sqli, false),
    entry("detectxss", detect::make_xss, false),
    entry("endswith", ends_with::make, true),
    entry("eq", compare::make_eq, true),
    entry("ge", compare::make_ge, true),
    of_lines("geolookup", constant::make_never, From::Caller),
    entry("gt", compare::make_gt, true),
    entry("ipmatch", ip_match::make, false),
    of_lines("ipmatchf", ip_match::make_lines, From::Files),
    of_lines("ipmatchfromfile", ip_match::make_lines, From::Files),
    of_lines("ipmatchfromdataset", ip_match::make_lines, From::Dataset),
    entry("le", compare::make_le, true),
    entry("lt", compare::make_lt, true),
    entry("nomatch", constant::make_never, false),
    entry("pm", pm::make, false),
    of_lines("pmf", pm::make_lines, From::Files),
    of_lines("pmfromdataset", pm::make_lines, From::Dataset),
    of_lines("pmfromfile", pm::make_lines, From::Files),
    of_lines("rbl", constant::make_never, From::Caller),
    entry("restpath", restpath::make, false),
    entry("rsub", rsub::make, false),
    entry("rx", rx::make, false),
    entry("rxglobal", rx::make_global, false),
    entry("streq", streq::make, true),
    entry("strmatch", contains::make, true),
    entry("unconditionalmatch", constant::make_always, false),
    entry("validatebyterange", validate_byte_range::make, false),
    entry("validatenid", verify::make_nid, false),
    entry("validateurlencoding", validate_url_encoding::make, false),
    entry("validateutf8encoding", validate_utf8_encoding::make, false),
    entry("verifycc", verify::make_card, false),
    entry("verifycpf", verify::make_cpf, false),
    entry("verifyssn", verify::make_ssn, false),
    entry("verifysvnr", verify::make_svnr, false),
    entry("within", within::make, true),
];

/// Refused for good.
pub(crate) const ERROR: &[&str] =
    &["validateschema", "validatedtd", "fuzzyhash", "inspectfile", "gsblookup", "validatehash"];

/// The operator called `name`, in any case; the empty name is `rx`.
pub(crate) fn by_name(name: &[u8]) -> Option<&'static Entry> {
    let name = if name.is_empty() { b"rx" } else { name };
    TABLE.iter().find(|entry| entry.name.as_bytes().eq_ignore_ascii_case(name))
}

/// The leading integer of `text`, 0 where there is none.
pub(crate) fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |value, byte| value.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests;
