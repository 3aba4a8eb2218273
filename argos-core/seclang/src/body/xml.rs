//! XML to text and attributes, in one pass. Source: XML 1.0.
//!
//! Nothing is fetched and no declared entity is expanded: only the five predefined ones and character
//! references are. What was read before a mistake stays.

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Document {
    /// All character data in document order.
    pub(crate) text: Vec<u8>,
    /// In document order, so a parent stands before its children.
    pub(crate) elements: Vec<Element>,
    /// Pieces of text without markup between.
    pub(crate) runs: Vec<Run>,
    pub(crate) attributes: Vec<Attribute>,
}

/// An element; its text is `start..end` of the document's.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: Vec<u8>,
    pub(crate) parent: Option<usize>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Text directly in an element.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) element: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// An attribute of an element.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) element: usize,
    pub(crate) name: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// Reads a document nested at most `depth` deep with at most `most` attributes.
pub(crate) fn parse(text: &[u8], depth: usize, most: usize) -> (Document, Option<&'static str>) {
    let mut reader = Reader { rest: text, open: Vec::new(), seen: false, depth, most, parsed: Document::default() };
    let error = reader.run().err();
    // What was never closed reaches to where reading stopped.
    while reader.open.pop().is_some_and(|(_, element)| reader.parsed.end(element)) {}
    (reader.parsed, error)
}

impl Document {
    /// Ends `element` here; always true.
    fn end(&mut self, element: usize) -> bool {
        let end = self.text.len();
        if let Some(element) = self.elements.get_mut(element) {
            element.end = end;
        }
        true
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Names and places of the open elements.
    open: Vec<(&'a [u8], usize)>,
    /// The root element was met.
    seen: bool,
    depth: usize,
    most: usize,
    parsed: Document,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(), &'static str> {
        while !self.rest.is_empty() {
            let end = memchr::memchr(b'<', self.rest).unwrap_or(self.rest.len());
            let (data, rest) = self.rest.split_at(end);
            self.rest = rest;
            let start = self.parsed.text.len();
            decode(data, &mut self.parsed.text);
            self.ran(start);
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

    /// Notes the text since `start` as one piece of the innermost element.
    fn ran(&mut self, start: usize) {
        let end = self.parsed.text.len();
        if let Some((_, element)) = self.open.last().filter(|_| end > start && self.parsed.runs.len() < ELEMENTS) {
            self.parsed.runs.push(Run { element: *element, start, end });
        }
    }

    fn markup(&mut self) -> Result<(), &'static str> {
        if self.rest.starts_with(b"<!--") {
            self.until(4, b"-->").map(|_| ())
        } else if self.rest.starts_with(b"<![CDATA[") {
            let data = self.until(9, b"]]>")?;
            let start = self.parsed.text.len();
            self.parsed.text.extend_from_slice(data);
            self.ran(start);
            Ok(())
        } else if self.rest.starts_with(b"<?") {
            self.until(2, b"?>").map(|_| ())
        } else if self.rest.starts_with(b"<!") {
            self.doctype()
        } else if self.rest.starts_with(b"</") {
            let name = self.until(2, b">")?.trim_ascii();
            match self.open.pop() {
                Some((open, element)) if self.parsed.end(element) && open == name => Ok(()),
                _ => Err("an end tag that closes nothing"),
            }
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
        if self.parsed.elements.len() >= ELEMENTS {
            return Err("more elements than are inspected");
        }
        self.seen = true;
        let (here, start) = (self.parsed.elements.len(), self.parsed.text.len());
        let parent = self.open.last().map(|(_, element)| *element);
        self.parsed.elements.push(Element { name: name.to_vec(), parent, start, end: start });
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
                self.open.push((name, here));
                return Ok(());
            }
            self.attribute(here)?;
        }
    }

    fn attribute(&mut self, element: usize) -> Result<(), &'static str> {
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
        let name = self.rest[..length].to_vec();
        self.parsed.attributes.push(Attribute { element, name, value });
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

/// Elements of one document; each costs far more memory than its seven bytes of text.
const ELEMENTS: usize = 100_000;
const BOM: &[u8] = b"\xef\xbb\xbf";
