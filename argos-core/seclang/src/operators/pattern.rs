//! PCRE syntax to the syntax of the `regex` crate, over bytes.
//!
//! The two differ where an escape or a class means something else; the language matched stays the same.
//! Possessive quantifiers and atomic groups become plain ones: they only ever remove matches, so a rule may
//! match more, never less.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Captures, Refusal};
use crate::screen::Needs;

/// Compiles a rule's pattern: bytes, dot takes newlines, `^` and `$` hold at line borders.
pub(crate) fn compile(pattern: &[u8]) -> Result<Regex, Refusal> {
    let translated = translate(pattern)?;
    if translated.looks {
        return Err(Refusal {
            code: "seclang.regex",
            text: "look-around and back-references are for @rx only".to_owned(),
        });
    }
    linear(&translated.output, SIZE_LIMIT)
}

fn linear(text: &str, size: usize) -> Result<Regex, Refusal> {
    RegexBuilder::new(text)
        .unicode(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .size_limit(size)
        .nest_limit(NEST_LIMIT)
        .build()
        .map_err(|error| refusal(error.to_string()))
}

fn refusal(text: String) -> Refusal {
    Refusal { code: "seclang.regex", text: text.replace('\n', " ") }
}

/// A pattern on the engine it needs.
#[derive(Debug)]
pub(super) enum Pattern {
    Linear(Linear),
    Backtracking(Box<fancy_regex::Regex>),
}

/// A pattern that is matched in linear time. It is compiled when a value first gets as far as that.
///
/// Guarantee: what is wrong with a pattern is found at load. Its syntax is checked there, and where its size can't
/// be shown to be within the limit it is compiled there.
#[derive(Debug)]
pub(super) struct Linear {
    text: Box<str>,
    regex: OnceLock<Regex>,
    needs: Option<Box<Needs>>,
}

impl Linear {
    fn new(text: String) -> Result<Self, Refusal> {
        // Parsed without the flag, a letter is a letter and not a class of two, which is far less work.
        let (part, caseless) = match text.strip_prefix("(?i)").filter(|rest| plain_groups(rest)) {
            Some(rest) => (rest, true),
            None => (text.as_str(), false),
        };
        let parsed = parse(part).or_else(|_| parse(&text)).map_err(|error| refusal(error.to_string()))?;
        let regex = OnceLock::new();
        if size(&parsed).saturating_mul(1 + usize::from(caseless)) > SIZE_LIMIT / 4 {
            let compiled = linear(&text, SIZE_LIMIT)?;
            regex.get_or_init(|| compiled);
        }
        let needs = Some(Box::new(Needs::of_pattern(&parsed, caseless)));
        Ok(Self { text: text.into(), regex, needs })
    }

    fn regex(&self) -> &Regex {
        self.regex.get_or_init(|| linear(&self.text, usize::MAX).expect("syntax and size were checked at load"))
    }
}

/// Whether no group changes how letters are read.
fn plain_groups(text: &str) -> bool {
    memchr::memmem::find_iter(text.as_bytes(), b"(?").all(|at| text.as_bytes().get(at + 2) == Some(&b':'))
}

fn parse(text: &str) -> Result<Hir, Box<regex_syntax::Error>> {
    let mut builder = regex_syntax::ParserBuilder::new();
    builder.unicode(false).utf8(false).dot_matches_new_line(true).multi_line(true).nest_limit(NEST_LIMIT);
    builder.build().parse(text).map_err(Box::new)
}

/// Bytes that `pattern` takes at most once it is compiled, an estimate from above; none for what does not compile.
pub(crate) fn estimate(pattern: &[u8]) -> usize {
    let Ok(translated) = translate(pattern) else { return 0 };
    let mut text = translated.output;
    if translated.looks {
        // What is looked at is compiled as a group is.
        for look in ["(?<=", "(?<!", "(?=", "(?!"] {
            text = text.replace(look, "(?:");
        }
        for group in 1..=9 {
            text = text.replace(&format!("(?:\\{group})"), "(?:)");
        }
    }
    match parse(&text) {
        Ok(hir) => size(&hir).min(SIZE_LIMIT),
        // The other engine may know more.
        Err(_) if translated.looks => SIZE_LIMIT,
        Err(_) => 0,
    }
}

/// Bytes that the compiled form of `hir` takes at most, for the purpose of a limit: an estimate from above.
fn size(hir: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().fold(STATE, |sum, part| sum.saturating_add(size(part)));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(STATE),
        HirKind::Class(Class::Bytes(class)) => STATE + class.ranges().len() * 16,
        HirKind::Class(Class::Unicode(class)) => match class.ranges().iter().all(|range| range.end().is_ascii()) {
            true => STATE + class.ranges().len() * 16,
            false => SIZE_LIMIT,
        },
        HirKind::Capture(capture) => size(&capture.sub).saturating_add(2 * STATE),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.map_or(repetition.min.saturating_add(1), |max| max.max(1)) as usize;
            size(&repetition.sub).saturating_add(2 * STATE).saturating_mul(copies)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts).saturating_add(parts.len() * STATE),
    }
}

/// Bytes of one state of a compiled pattern, at most.
const STATE: usize = 64;

impl Pattern {
    /// Compiles `pattern`; `steps` bounds backtracking.
    pub(super) fn compile(pattern: &[u8], steps: usize) -> Result<Self, Refusal> {
        let translated = translate(pattern)?;
        if !translated.looks {
            return Linear::new(translated.output).map(Self::Linear);
        }
        fancy_regex::RegexBuilder::new(&format!("(?sm){}", translated.output))
            .bytes_mode(fancy_regex::BytesMode::Ascii)
            .backtrack_limit(steps)
            .delegate_size_limit(SIZE_LIMIT)
            .build()
            .map(|regex| Self::Backtracking(Box::new(regex)))
            .map_err(|error| refusal(error.to_string()))
    }

    /// What a value must have to match, handed over once.
    pub(super) fn take_needs(&mut self) -> Option<Needs> {
        match self {
            Self::Linear(linear) => linear.needs.take().map(|needs| *needs),
            Self::Backtracking(_) => None,
        }
    }

    /// Whether a match depends on the value alone, and not on what the transaction has spent.
    pub(super) fn is_pure(&self) -> bool {
        matches!(self, Self::Linear(_))
    }

    /// Whether the transaction has no steps left for this pattern.
    fn gives_up(&self, captures: &mut Captures) -> bool {
        let gives_up = captures.spent && matches!(self, Self::Backtracking(_));
        captures.exceeded |= gives_up;
        gives_up
    }

    pub(super) fn is_match(&self, input: &[u8], captures: &mut Captures) -> bool {
        if self.gives_up(captures) {
            return false;
        }
        match self {
            Self::Linear(linear) => linear.regex().is_match(input),
            Self::Backtracking(regex) => {
                let found = regex.is_match(input);
                captures.exceeded |= found.is_err();
                found.unwrap_or(false)
            }
        }
    }

    /// The first match and its groups, ten at most.
    pub(super) fn groups(&self, input: &[u8], captures: &mut Captures) -> Option<Vec<Vec<u8>>> {
        if self.gives_up(captures) {
            return None;
        }
        match self {
            Self::Linear(linear) => linear.regex().captures(input).map(|groups| {
                let bytes = |group: Option<regex::bytes::Match<'_>>| group.map(|found| found.as_bytes().to_vec());
                groups.iter().take(10).map(|group| bytes(group).unwrap_or_default()).collect()
            }),
            Self::Backtracking(regex) => match regex.captures(input) {
                Ok(groups) => groups.map(|groups| owned_groups(&groups)),
                Err(_) => {
                    captures.exceeded = true;
                    None
                }
            },
        }
    }

    /// The groups of all matches in order, ten in all.
    pub(super) fn all_groups(&self, input: &[u8], captures: &mut Captures) -> Vec<Vec<u8>> {
        if self.gives_up(captures) {
            return Vec::new();
        }
        let mut found = Vec::new();
        match self {
            Self::Linear(linear) => {
                for groups in linear.regex().captures_iter(input).take(10) {
                    found.extend(groups.iter().map(|group| group.map(|m| m.as_bytes().to_vec()).unwrap_or_default()));
                }
            }
            Self::Backtracking(regex) => {
                for groups in regex.captures_iter(input).take(10) {
                    match groups {
                        Ok(groups) => found.extend(owned_groups(&groups)),
                        Err(_) => {
                            captures.exceeded = true;
                            break;
                        }
                    }
                }
            }
        }
        found.truncate(10);
        found
    }
}

fn owned_groups(groups: &fancy_regex::Captures<'_, [u8]>) -> Vec<Vec<u8>> {
    groups.iter().take(10).map(|group| group.map(|found| found.as_bytes().to_vec()).unwrap_or_default()).collect()
}

fn translate(pattern: &[u8]) -> Result<Translator<'_>, Refusal> {
    let output = String::with_capacity(pattern.len() + 16);
    Translator { input: pattern, at: 0, output, looks: false }.run()
}

struct Translator<'a> {
    input: &'a [u8],
    at: usize,
    output: String,
    /// The pattern looks around or refers back.
    looks: bool,
}

impl<'a> Translator<'a> {
    fn run(mut self) -> Result<Translator<'a>, Refusal> {
        while let Some(&byte) = self.input.get(self.at) {
            match byte {
                b'\\' => self.escape(false)?,
                b'[' => self.class()?,
                b'(' => self.group()?,
                b'{' if !self.counts() => self.literal(byte),
                b'}' if !self.closes() => self.literal(byte),
                b'*' | b'+' | b'?' | b'}' => self.quantifier(byte),
                _ => self.literal_or_plain(byte),
            }
        }
        Ok(self)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.input.get(self.at + ahead).copied()
    }

    /// A byte that is not special here: ASCII stays, others become `\xHH`.
    fn literal_or_plain(&mut self, byte: u8) {
        if byte.is_ascii() {
            self.output.push(char::from(byte));
        } else {
            self.output.push_str(&format!("\\x{byte:02x}"));
        }
        self.at += 1;
    }

    fn literal(&mut self, byte: u8) {
        self.output.push('\\');
        self.literal_or_plain(byte);
    }

    /// Whether the `{` here begins `{n}`, `{n,}` or `{n,m}`.
    fn counts(&self) -> bool {
        let rest = &self.input[self.at + 1..];
        let Some(end) = memchr::memchr(b'}', &rest[..rest.len().min(16)]) else { return false };
        let mut parts = rest[..end].splitn(2, |byte| *byte == b',');
        let first = parts.next().unwrap_or_default();
        !first.is_empty()
            && first.iter().all(u8::is_ascii_digit)
            && parts.next().is_none_or(|part| part.iter().all(u8::is_ascii_digit))
    }

    /// Whether the `}` here ends a quantifier already written.
    fn closes(&self) -> bool {
        let Some(open) = self.output.rfind('{') else { return false };
        !self.output[..open].ends_with('\\')
            && self.output[open + 1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
    }

    /// Writes a quantifier, dropping the `+` that makes it possessive.
    fn quantifier(&mut self, byte: u8) {
        self.output.push(char::from(byte));
        self.at += 1;
        if self.peek(0) == Some(b'+') {
            self.at += 1;
        } else if self.peek(0) == Some(b'?') {
            self.output.push('?');
            self.at += 1;
        }
    }

    fn group(&mut self) -> Result<(), Refusal> {
        let rest = &self.input[self.at..];
        if rest.starts_with(b"(?=")
            || rest.starts_with(b"(?!")
            || rest.starts_with(b"(?<=")
            || rest.starts_with(b"(?<!")
        {
            self.looks = true;
            let length = if rest[2] == b'<' { 4 } else { 3 };
            for &byte in &rest[..length] {
                self.output.push(char::from(byte));
            }
            self.at += length;
            return Ok(());
        }
        if rest.starts_with(b"(?>") {
            self.output.push_str("(?:");
            self.at += 3;
        } else if rest.starts_with(b"(?#") {
            self.at += memchr::memchr(b')', rest).map_or(rest.len(), |end| end + 1);
        } else {
            self.output.push('(');
            self.at += 1;
            if self.peek(0) == Some(b'?') {
                // The flags and names that follow are the same in both.
                self.output.push('?');
                self.at += 1;
            }
        }
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), Refusal> {
        let Some(byte) = self.peek(1) else {
            return Err(Refusal { code: "seclang.regex", text: "the pattern ends with a backslash".to_owned() });
        };
        self.at += 2;
        let text = match byte {
            b'h' if in_class => "\\t\\x20\\xa0",
            b'h' => "[\\t\\x20\\xa0]",
            b'H' if !in_class => "[^\\t\\x20\\xa0]",
            b'v' if in_class => "\\n\\x0b\\x0c\\r\\x85",
            b'v' => "[\\n\\x0b\\x0c\\r\\x85]",
            b'V' if !in_class => "[^\\n\\x0b\\x0c\\r\\x85]",
            b'R' if !in_class => "(?:\\r\\n|[\\n\\x0b\\x0c\\r\\x85])",
            b'N' if !in_class => "[^\\n]",
            b'e' => "\\x1b",
            b'Z' if !in_class => "(?:\\n?\\z)",
            b'b' if in_class => "\\x08",
            // The PCRE class takes the vertical tab too, like the one of the regex crate over ASCII.
            b's' => {
                if in_class {
                    "\\t\\n\\x0b\\x0c\\r\\x20"
                } else {
                    "[\\t\\n\\x0b\\x0c\\r\\x20]"
                }
            }
            b'x' => return self.hexadecimal(),
            b'0' => return self.octal(),
            b'1'..=b'9' if !in_class => {
                // In a group, so that a digit after it is no part of the number.
                self.looks = true;
                self.output.push_str(&format!("(?:\\{})", char::from(byte)));
                return Ok(());
            }
            b'Q' => return self.quoted(in_class),
            b'E' => "",
            b'k' | b'g' | b'G' | b'K' | b'X' | b'C' => return Err(refused("this escape")),
            _ => {
                if byte.is_ascii_alphabetic() {
                    self.output.push('\\');
                    self.output.push(char::from(byte));
                } else {
                    self.output.push_str(&format!("\\x{byte:02x}"));
                }
                return Ok(());
            }
        };
        self.output.push_str(text);
        Ok(())
    }

    /// `\Q…\E`.
    fn quoted(&mut self, _in_class: bool) -> Result<(), Refusal> {
        let rest = &self.input[self.at..];
        let end = memchr::memmem::find(rest, b"\\E").unwrap_or(rest.len());
        for byte in &rest[..end] {
            self.output.push_str(&format!("\\x{byte:02x}"));
        }
        self.at += (end + 2).min(rest.len());
        Ok(())
    }

    /// `\xH`, `\xHH`, `\x{H…}`.
    fn hexadecimal(&mut self) -> Result<(), Refusal> {
        let rest = &self.input[self.at..];
        let (digits, used) = match rest {
            [b'{', inner @ ..] => {
                let end = memchr::memchr(b'}', inner).unwrap_or(inner.len());
                (&inner[..end], end + 2)
            }
            _ => {
                let end = rest.iter().take(2).take_while(|byte| byte.is_ascii_hexdigit()).count();
                (&rest[..end], end)
            }
        };
        let text = std::str::from_utf8(digits).unwrap_or("?");
        let code = if digits.is_empty() { Ok(0) } else { u32::from_str_radix(text, 16) };
        match code {
            Ok(code @ 0..=255) => {
                self.output.push_str(&format!("\\x{code:02x}"));
                self.at = (self.at + used).min(self.input.len());
                Ok(())
            }
            _ => Err(Refusal { code: "seclang.regex", text: "an escape names more than one byte".to_owned() }),
        }
    }

    fn octal(&mut self) -> Result<(), Refusal> {
        let digits = self.input[self.at..].iter().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let code =
            self.input[self.at..self.at + digits].iter().fold(0_u32, |code, byte| code << 3 | u32::from(byte - b'0'));
        self.output.push_str(&format!("\\x{code:02x}"));
        self.at += digits;
        Ok(())
    }

    /// A class. `[`, `&`, `~` and a leading `]` are plain in PCRE but special in the regex crate.
    fn class(&mut self) -> Result<(), Refusal> {
        self.output.push('[');
        self.at += 1;
        if self.peek(0) == Some(b'^') {
            self.output.push('^');
            self.at += 1;
        }
        if self.peek(0) == Some(b']') {
            self.literal(b']');
        }
        while let Some(byte) = self.peek(0) {
            match byte {
                b']' => {
                    self.output.push(']');
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape(true)?,
                b'[' if self.peek(1) == Some(b':') => {
                    let rest = &self.input[self.at..];
                    match memchr::memmem::find(rest, b":]") {
                        Some(end) if rest[2..end].iter().all(|b| b.is_ascii_alphabetic() || *b == b'^') => {
                            for &byte in &rest[..end + 2] {
                                self.output.push(char::from(byte));
                            }
                            self.at += end + 2;
                        }
                        _ => self.literal(byte),
                    }
                }
                // A hyphen that is no range: `[\w-x]` or doubled.
                b'-' if self.peek(1) == Some(b'-') || self.output.ends_with('-') => self.literal(byte),
                b'[' | b'&' | b'~' => self.literal(byte),
                _ => self.literal_or_plain(byte),
            }
        }
        Err(Refusal { code: "seclang.regex", text: "a character class is not closed".to_owned() })
    }
}

fn refused(what: &str) -> Refusal {
    Refusal { code: "seclang.regex", text: format!("{what} is not supported in a pattern") }
}

/// Bytes a compiled pattern may take; the longest word lists of known rule sets need about 4 MiB.
const SIZE_LIMIT: usize = 16 << 20;
/// Groups in each other.
const NEST_LIMIT: u32 = 100;
