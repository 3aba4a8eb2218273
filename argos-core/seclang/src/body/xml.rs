//! XML to text and attributes, in one pass. Source: XML 1.0.
//!
//! Nothing is fetched and no declared entity is expanded: only the five predefined ones and character
//! references are. What was read before a mistake stays.

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// All character data in document order: `XML:/*`.
    pub(crate) text: Vec<u8>,
    /// All attribute values in document order: `XML://@*`.
    pub(crate) attributes: Vec<Vec<u8>>,
    pub(crate) error: Option<&'static str>,
}

/// Reads a document nested at most `depth` deep with at most `most` attributes.
pub(crate) fn parse(text: &[u8], depth: usize, most: usize) -> Parsed {
    let mut reader = Reader { rest: text, open: Vec::new(), seen: false, depth, most, parsed: Parsed::default() };
    let error = reader.run().err();
    Parsed { error, ..reader.parsed }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Names of the open elements.
    open: Vec<&'a [u8]>,
    /// The root element was met.
    seen: bool,
    depth: usize,
    most: usize,
    parsed: Parsed,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(), &'static str> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'<', self.rest).unwrap_or(self.rest.len());
            let (data, rest) = self.rest.split_at(end);
            self.rest = rest;
            decode(data, &mut self.parsed.text);
            if self.open.is_empty() && !data.strip_prefix(BOM).unwrap_or(data).trim_ascii().is_empty() {
                return Err("text outside the root element");
            }
            if !rest.is_empty() {
                self.markup()?;
            }
        }
        match (self.seen, self.open.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err("an element without end"),
            (false, _) => Err("no root element"),
        }
    }

    fn markup(&mut self) -> Result<(), &'static str> {
        if self.rest.starts_with(b"<!--") {
            self.until(4, b"-->").map(|_| ())
        } else if self.rest.starts_with(b"<![CDATA[") {
            let data = self.until(9, b"]]>")?;
            self.parsed.text.extend_from_slice(data);
            Ok(())
        } else if self.rest.starts_with(b"<?") {
            self.until(2, b"?>").map(|_| ())
        } else if self.rest.starts_with(b"<!") {
            self.doctype()
        } else if self.rest.starts_with(b"</") {
            let name = self.until(2, b">")?.trim_ascii();
            if self.open.pop() == Some(name) { Ok(()) } else { Err("an end tag that closes nothing") }
        } else {
            self.start()
        }
    }

    /// What stands between `skip` bytes and `end`; goes on after it.
    fn until(&mut self, skip: usize, end: &[u8]) -> Result<&'a [u8], &'static str> {
        let inner = self.rest.get(skip..).unwrap_or_default();
        let at = memchr::memmem::find(inner, end).ok_or("markup without end")?;
        self.rest = &inner[at + end.len()..];
        Ok(&inner[..at])
    }

    /// Passes over a document type with its internal subset. Its text is kept, so that rules see it.
    fn doctype(&mut self) -> Result<(), &'static str> {
        let (mut level, mut quote) = (0_usize, None);
        for (at, &byte) in self.rest.iter().enumerate() {
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (Some(_), _) => {}
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'<' | b'[') => level += 1,
                (None, b'>' | b']') => level = level.saturating_sub(1),
                _ => {}
            }
            if level == 0 && byte == b'>' {
                self.parsed.text.extend_from_slice(&self.rest[..=at]);
                self.rest = &self.rest[at + 1..];
                return Ok(());
            }
        }
        Err("a document type without end")
    }

    fn start(&mut self) -> Result<(), &'static str> {
        if self.seen && self.open.is_empty() {
            return Err("a second root element");
        }
        let length = self.rest[1..].iter().take_while(|byte| named(**byte)).count();
        let name = &self.rest[1..1 + length];
        self.rest = &self.rest[1 + length..];
        if name.is_empty() {
            return Err("an element without name");
        }
        self.seen = true;
        loop {
            self.rest = self.rest.trim_ascii_start();
            if let Some(rest) = self.rest.strip_prefix(b"/>") {
                self.rest = rest;
                return Ok(());
            }
            if let Some(rest) = self.rest.strip_prefix(b">") {
                self.rest = rest;
                if self.open.len() >= self.depth {
                    return Err("elements nest too deep");
                }
                self.open.push(name);
                return Ok(());
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Result<(), &'static str> {
        let length = self.rest.iter().take_while(|byte| named(**byte)).count();
        let rest = self.rest[length..].trim_ascii_start().strip_prefix(b"=").ok_or("an attribute without value")?;
        let rest = rest.trim_ascii_start();
        let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\'')).ok_or("a value without quotes")?;
        let end = memchr::memchr(quote, &rest[1..]).ok_or("a value without end")?;
        if length == 0 {
            return Err("an attribute without name");
        }
        if self.parsed.attributes.len() >= self.most {
            return Err("more arguments than SecArgumentsLimit allows");
        }
        let mut value = Vec::new();
        decode(&rest[1..=end], &mut value);
        self.parsed.attributes.push(value);
        self.rest = &rest[end + 2..];
        Ok(())
    }
}

fn named(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !matches!(byte, b'<' | b'>' | b'/' | b'=' | b'"' | b'\'')
}

/// Appends `data` with predefined entities and character references resolved; others stay as written.
fn decode(data: &[u8], output: &mut Vec<u8>) {
    let mut rest = data;
    while let Some(at) = memchr::memchr(b'&', rest) {
        output.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let end = memchr::memchr(b';', &rest[..rest.len().min(12)]);
        match end.and_then(|end| Some((end, entity(&rest[1..end])?))) {
            Some((end, character)) => {
                output.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[end + 1..];
            }
            None => {
                output.push(b'&');
                rest = &rest[1..];
            }
        }
    }
    output.extend_from_slice(rest);
}

fn entity(name: &[u8]) -> Option<char> {
    let number =
        |digits: &[u8], base| char::from_u32(u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()?);
    match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";
