//! What is wrong with rule text, and where.

use std::fmt;

use crate::source::Position;

/// One finding about rule text: an error or a warning, told apart by the list it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code such as `seclang.unknown_directive`.
    pub code: &'static str,
    /// Name of the rule text.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in bytes, from 1.
    pub column: u32,
    /// The text that is meant, shortened to 80 characters.
    pub token: String,
    /// The finding in words.
    pub text: String,
}

impl Diagnostic {
    pub(crate) fn new(code: &'static str, at: &Position, token: &[u8], text: impl Into<String>) -> Self {
        Self {
            code,
            file: at.file.to_string(),
            line: at.line,
            column: at.column,
            // Only for people to read; rule text itself is never converted.
            token: String::from_utf8_lossy(token).chars().take(80).collect(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}: {}", self.file, self.line, self.column, self.code, self.text)?;
        if self.token.is_empty() { Ok(()) } else { write!(f, " ({})", self.token) }
    }
}

impl std::error::Error for Diagnostic {}

/// What a successful load has to tell.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Directives without effect and the like; at most 1000 are kept.
    pub warnings: Vec<Diagnostic>,
    /// Rules that were loaded, a chain counting once.
    pub rules: usize,
    /// How the rules name themselves: the last `SecComponentSignature`.
    pub signature: Option<String>,
}

/// Collects the findings of one load.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Findings {
    pub(crate) fn error(&mut self, code: &'static str, at: &Position, token: &[u8], text: impl Into<String>) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(Diagnostic::new(code, at, token, text));
        }
    }

    pub(crate) fn warn(&mut self, code: &'static str, at: &Position, token: &[u8], text: impl Into<String>) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(Diagnostic::new(code, at, token, text));
        }
    }
}

/// Errors kept of one load; the rest would be noise.
const MAX_ERRORS: usize = 100;
const MAX_WARNINGS: usize = 1000;
