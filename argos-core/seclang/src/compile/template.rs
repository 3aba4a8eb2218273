//! Text with `%{macros}`.

use crate::diagnostic::Findings;
use crate::program::{Part, Template};
use crate::source::Position;
use crate::variables;

/// Parses templates of one action or argument; an unknown macro is a warning and expands to nothing.
pub(crate) struct Templates<'a> {
    pub(crate) findings: &'a mut Findings,
    pub(crate) at: Position,
}

impl Templates<'_> {
    /// Splits `text` at its macros.
    pub(crate) fn parse(&mut self, text: &[u8]) -> Template {
        let mut parts = Vec::new();
        let mut plain = Vec::new();
        let mut rest = text;
        while let Some(start) = memchr::memmem::find(rest, b"%{") {
            let Some(length) = memchr::memchr(b'}', &rest[start..]) else { break };
            plain.extend_from_slice(&rest[..start]);
            let inner = &rest[start + 2..start + length];
            rest = &rest[start + length + 1..];
            let dot = inner.iter().position(|byte| matches!(byte, b'.' | b':')).unwrap_or(inner.len());
            match variables::by_name(&inner[..dot]) {
                Some(variable) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain).into()));
                    }
                    parts.push(Part::Variable(
                        variable,
                        inner.get(dot + 1..).map(|key| key.to_ascii_lowercase().into()),
                    ));
                }
                None => self.findings.warn("seclang.unknown_macro", &self.at, inner, "expands to the empty text"),
            }
        }
        plain.extend_from_slice(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain.into()));
        }
        Template { parts }
    }
}
