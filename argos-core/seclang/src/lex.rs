//! Bytes to logical lines and words. Never fails: an open quote ends with the line and is marked.

/// One line after joining continuations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) text: Mapped,
}

/// Bytes that remember where they came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) bytes: Vec<u8>,
    /// (offset, line, column): from this offset on, columns count up from here.
    marks: Vec<(u32, u32, u32)>,
}

impl Mapped {
    /// Line and column of the byte at `offset`.
    pub(crate) fn place(&self, offset: usize) -> (u32, u32) {
        let after = self.marks.partition_point(|mark| mark.0 as usize <= offset);
        match after.checked_sub(1).and_then(|index| self.marks.get(index)) {
            Some(&(start, line, column)) => (line, column + (offset as u32).saturating_sub(start)),
            None => (1, 1),
        }
    }

    /// The bytes `from..to` with their places.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Mapped {
        let mut part = Mapped::default();
        part.copy(self, from, to.min(self.bytes.len()));
        if part.marks.is_empty() {
            let (line, column) = self.place(from);
            part.marks.push((0, line, column));
        }
        part
    }

    /// Adds one byte that stands at the given place.
    pub(crate) fn append(&mut self, byte: u8, place: (u32, u32)) {
        self.run(&[byte], place);
    }

    /// Adds the bytes `from..to` of `other`, with their places.
    pub(crate) fn copy(&mut self, other: &Mapped, from: usize, to: usize) {
        let mut at = from;
        let mut next = other.marks.partition_point(|mark| mark.0 as usize <= at);
        while at < to {
            let end = other.marks.get(next).map_or(to, |mark| to.min(mark.0 as usize));
            self.run(&other.bytes[at..end], other.place(at));
            (at, next) = (end, next + 1);
        }
    }

    /// Adds bytes of one line that begin at the given place.
    fn run(&mut self, bytes: &[u8], (line, column): (u32, u32)) {
        if bytes.is_empty() {
            return;
        }
        let follows = self
            .marks
            .last()
            .is_some_and(|&(start, l, c)| l == line && c + (self.bytes.len() as u32).saturating_sub(start) == column);
        if !follows {
            self.marks.push((self.bytes.len() as u32, line, column));
        }
        self.bytes.extend_from_slice(bytes);
    }
}

/// A word of a line: bare, or quoted with `"` or `'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: Mapped,
    /// The closing quote is missing.
    pub(crate) open: bool,
}

/// Splits rule text into logical lines; comments and empty lines are left out.
pub(crate) fn lines(source: &[u8]) -> Vec<Line> {
    let mut found = Vec::new();
    let mut current = Line::default();
    let mut joining = false;
    for (index, raw) in source.split(|&byte| byte == b'\n').enumerate() {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        if in_dataset(&current.text.bytes) {
            let number = index as u32 + 1;
            current.text.run(raw, (number, 1));
            current.text.run(b"\n", (number, raw.len() as u32 + 1));
            if !in_dataset(&current.text.bytes) {
                finish(&mut current, &mut found);
            }
            continue;
        }
        let trimmed = raw.trim_ascii();
        // A comment inside a continuation is rule text in some rule sets' eyes, a comment in others';
        // the reference implementations keep reading the directive after it.
        if trimmed.starts_with(b"#") && (!joining || current.text.bytes.trim_ascii().is_empty()) {
            continue;
        }
        let (body, more) = match raw.trim_ascii_end().strip_suffix(b"\\") {
            Some(body) => (body, true),
            None => (raw, false),
        };
        let number = index as u32 + 1;
        let indent = if joining { body.len() - body.trim_ascii_start().len() } else { 0 };
        current.text.run(&body[indent..], (number, indent as u32 + 1));
        joining = more;
        if in_dataset(&current.text.bytes) {
            joining = false;
            current.text.run(b"\n", (number, raw.len() as u32 + 1));
        } else if !more {
            finish(&mut current, &mut found);
        }
    }
    finish(&mut current, &mut found);
    found
}

/// Whether `line` is a `SecDataset` whose lines have begun and not ended: they stand between two backticks.
fn in_dataset(line: &[u8]) -> bool {
    is_dataset(line) && memchr::memchr_iter(b'`', line).count() == 1
}

fn is_dataset(line: &[u8]) -> bool {
    line.trim_ascii_start().get(..10).is_some_and(|name| name.eq_ignore_ascii_case(b"secdataset"))
}

fn finish(current: &mut Line, found: &mut Vec<Line>) {
    let line = std::mem::take(current);
    if !line.text.bytes.trim_ascii().is_empty() {
        found.push(line);
    }
}

/// Splits a line into words. Within quotes `\` before the quote gives the quote; other backslashes stay.
pub(crate) fn words(line: &Line) -> Vec<Word> {
    let bytes = &line.text.bytes;
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let ticks = bytes[at] == b'`' && is_dataset(bytes);
        let quote = Some(bytes[at]).filter(|byte| ticks || matches!(byte, b'"' | b'\''));
        let mut word = Word { text: Mapped::default(), open: quote.is_some() };
        if quote.is_some() {
            at += 1;
        }
        let start = at;
        // What is not in the word yet.
        let mut from = at;
        while at < bytes.len() {
            let byte = bytes[at];
            match quote {
                Some(q) if byte == b'\\' && bytes.get(at + 1) == Some(&q) => {
                    word.text.copy(&line.text, from, at);
                    at += 1;
                    from = at;
                }
                Some(q) if byte == q => {
                    word.open = false;
                    break;
                }
                None if byte.is_ascii_whitespace() => break,
                _ => {}
            }
            at += 1;
        }
        word.text.copy(&line.text, from, at);
        at += 1;
        if word.text.bytes.is_empty() {
            word.text = line.text.slice(start, start);
        }
        found.push(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_places_over_continuations() {
        let text = b"# note\nSecRule ARGS \\\n   \"@rx a\\\"b\" \\\n  \"id:1\"\n";
        let all = lines(text);
        assert_eq!(all.len(), 1);
        let words = words(&all[0]);
        assert_eq!(words[2].text.bytes, b"@rx a\"b");
        assert_eq!(words[2].text.place(0), (3, 5));
        assert_eq!(words[2].text.place(6), (3, 12));
        assert_eq!(words[3].text.place(3), (4, 7));
    }

    #[test]
    fn an_open_quote_is_marked() {
        let all = lines(b"SecRule ARGS \"@rx a");
        assert!(words(&all[0])[2].open);
    }
}
