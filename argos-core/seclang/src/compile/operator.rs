//! Operators of rules: made once per text, with what files, datasets and the caller have for them.

use std::sync::Arc;

use crate::ast::OperatorText;
use crate::compile::load::Compiler;
use crate::compile::{rule, template::Templates};
use crate::operators::{self, Entry, From, Geo, Operator, Rbl, Refusal, rx};
use crate::parse::position;
use crate::program::{OperatorUse, Template};
use crate::source::{Position, relative_to};

impl Compiler<'_> {
    /// The operator's place in the program; the same text gives the same place.
    pub(super) fn operator(&mut self, file: &Arc<str>, text: &OperatorText) -> Option<u32> {
        let at = position(file, &text.name, 0);
        let name = &text.name.bytes;
        let Some(entry) = operators::by_name(name) else {
            let (code, why) = match () {
                () if rule::listed(operators::ERROR, name) => {
                    ("seclang.refused_operator", "this operator is not supported")
                }
                () => ("seclang.unknown_operator", "unknown operator"),
            };
            self.findings.error(code, &at, name, why);
            return None;
        };
        let lines;
        let mut argument = &text.argument.bytes;
        let place = position(file, &text.argument, 0);
        match entry.from {
            From::Argument | From::Caller => {}
            From::Files if self.custom => {
                let text = "own rules read no files";
                self.findings.error("seclang.file_refused", &place, argument, text);
                return None;
            }
            From::Files => {
                lines = self.lines(file, &place, argument)?;
                argument = &lines;
            }
            From::Dataset => match self.datasets.get(argument.trim_ascii()) {
                Some(known) => {
                    lines = known.clone();
                    argument = &lines;
                }
                None => {
                    self.findings.error("seclang.dataset_missing", &place, argument, "no such SecDataset before this");
                    return None;
                }
            },
        }
        let key = (entry.name, argument.clone());
        if let Some(known) = self.operators.get(&key) {
            return Some(*known);
        }
        match self.make(entry, argument, &at) {
            Ok(operator) => {
                let argument = if entry.macros {
                    Templates { findings: &mut self.findings, at }.parse(argument)
                } else {
                    Template::default()
                };
                let index = self.program.operators.len() as u32;
                match entry.name {
                    "nomatch" => self.known.no.push(index),
                    "unconditionalmatch" => self.known.yes.push(index),
                    _ => {}
                }
                self.program.operators.push(OperatorUse { operator, argument });
                self.operators.insert(key, index);
                Some(index)
            }
            Err(refusal) => {
                let at = position(file, &text.argument, 0);
                self.findings.error(refusal.code, &at, argument, refusal.text);
                None
            }
        }
    }

    /// Makes an operator; those that ask the caller get what the caller handed in.
    fn make(&mut self, entry: &Entry, argument: &[u8], at: &Position) -> Result<Box<dyn Operator>, Refusal> {
        match entry.name {
            "rx" => rx::make_stepped(argument, self.settings.pattern_steps),
            "geolookup" => {
                if self.geo.is_none() {
                    let text = "there is no lookup of places: this never matches";
                    self.findings.warn("seclang.lookup_missing", at, b"geoLookup", text);
                }
                Ok(Box::new(Geo(self.geo.clone())))
            }
            "rbl" => {
                let list = String::from_utf8_lossy(argument.trim_ascii()).into_owned();
                let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
                if list.is_empty() || !list.bytes().all(name) {
                    return Err(Refusal::argument("the name of a block list is needed"));
                }
                let text = "there is no resolver";
                match (&self.resolver, self.packaged) {
                    (None, false) => return Err(Refusal { code: "seclang.resolver_missing", text: text.to_owned() }),
                    // A whole rule set is loaded unchanged; its rule just never matches.
                    (None, true) => self.findings.warn("seclang.resolver_missing", at, argument, text),
                    (Some(_), _) => {}
                }
                Ok(Box::new(Rbl { list, resolver: self.resolver.clone() }))
            }
            _ => (entry.make)(argument),
        }
    }

    /// The lines of the files named in `names`, without comments and empty ones.
    pub(super) fn lines(&mut self, file: &Arc<str>, at: &Position, names: &[u8]) -> Option<Vec<u8>> {
        let mut lines = Vec::new();
        for name in names.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty()) {
            let read = std::str::from_utf8(name)
                .map_err(|_| "a file name is UTF-8".to_owned())
                .and_then(|name| self.loader.read(&relative_to(file, name)).map_err(|error| error.to_string()));
            match read {
                Ok(text) => {
                    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
                        if !line.is_empty() && !line.starts_with(b"#") {
                            lines.extend_from_slice(line);
                            lines.push(b'\n');
                        }
                    }
                }
                Err(text) => {
                    self.findings.error("seclang.file", at, name, text);
                    return None;
                }
            }
        }
        Some(lines)
    }
}
