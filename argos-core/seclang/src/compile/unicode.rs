//! `SecUnicodeMapFile`: which byte a character becomes in `urlDecodeUni`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::load::Compiler;
use crate::compile::rule::integer;
use crate::lex::Word;
use crate::source::{Position, relative_to};

impl Compiler<'_> {
    /// Reads the table of one code page: a line that begins with its number, then lines of `character:byte`.
    pub(super) fn unicode_map(&mut self, file: &Arc<str>, at: &Position, words: &[Word]) {
        let name = words.first().map(|word| word.text.bytes.as_slice()).unwrap_or_default();
        let page = words.get(1).map(|word| word.text.bytes.as_slice());
        let read = std::str::from_utf8(name)
            .map_err(|_| "a file name is UTF-8".to_owned())
            .and_then(|name| self.loader.read(&relative_to(file, name)).map_err(|error| error.to_string()));
        let text = match read {
            Ok(text) => text,
            Err(why) => return self.findings.error("seclang.file", at, name, why),
        };
        match table(&text, page.and_then(integer)) {
            Some(table) => self.program.chains.set_unicode(table),
            None => {
                self.findings.error("seclang.directive_value", at, page.unwrap_or(name), "no table of this code page")
            }
        }
    }
}

fn table(text: &[u8], page: Option<u64>) -> Option<HashMap<u16, u8>> {
    let mut table = HashMap::new();
    let mut inside = page.is_none();
    for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        if !line.contains(&b':') {
            let number = integer(line.split(u8::is_ascii_whitespace).next().unwrap_or_default());
            inside = if page.is_none() { table.is_empty() } else { number == page };
            continue;
        }
        for pair in line.split(u8::is_ascii_whitespace).filter(|_| inside) {
            let pair = std::str::from_utf8(pair).ok()?;
            if let Some((character, byte)) = pair.split_once(':') {
                table.insert(u16::from_str_radix(character, 16).ok()?, u8::from_str_radix(byte, 16).ok()?);
            }
        }
    }
    (!table.is_empty()).then_some(table)
}
