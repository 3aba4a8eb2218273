//! A long text in parts that Telegram takes as messages: cut at line ends, never inside a tag, an entity or an escape.
//! What is open where a part ends is closed there and opened again in the next one.

use crate::schema::ParseMode;

/// Characters of one message, in UTF-16 code units with all marks: never fewer than Telegram itself counts. Source: the
/// Bot API, `sendMessage`, `text`.
const MOST: usize = 4096;
/// Marks that are open at once, and their code units as they open and close. Further ones stay as they are, so that half
/// of each part is for its text.
const DEPTH: usize = 32;
const MOST_MARKS: usize = MOST / 2;
/// Bytes of a language's name, with the line end.
const LANGUAGE: usize = 40;

/// The parts of `text`; none are blank, so that there is none of a blank text.
pub(super) fn parts(text: &str, mode: ParseMode) -> Vec<String> {
    if length(text) <= MOST {
        return if text.trim().is_empty() { Vec::new() } else { vec![text.to_owned()] };
    }
    let ends = Ends::of(if mode == ParseMode::MarkdownV2 { text } else { "" });
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let piece = match mode {
            ParseMode::Html => html(rest),
            ParseMode::MarkdownV2 => markdown(text, at, &part.open, &ends),
            ParseMode::None => plain(rest),
        };
        let now = &rest[..piece.length];
        if !part.fits(now, &piece) && part.text.len() > part.begin {
            let cut = part.cut(at, false);
            parts.extend(cut.done);
            (part, at) = (Part::begin(cut.open), cut.source);
            continue;
        }
        part.push(now, piece);
        at += now.len();
        part.remember(now, at);
    }
    let end = part.cut(at, true);
    parts.extend(end.done);
    parts
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// What can't be divided.
struct Piece {
    /// Bytes.
    length: usize,
    change: Change,
}

/// What a piece does to what is open.
enum Change {
    None,
    Opens(Mark),
    Closes,
}

/// Something open: what opens it, and what closes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    opening: String,
    closing: String,
}

impl Mark {
    fn units(&self) -> usize {
        length(&self.opening) + length(&self.closing)
    }
}

/// A part that grows.
#[derive(Debug, Default)]
struct Part {
    text: String,
    /// Code units of `text`.
    units: usize,
    /// Bytes at the beginning that only open again what the part before had open.
    begin: usize,
    /// Whether anything can be seen of it.
    is_seen: bool,
    open: Vec<Mark>,
    /// Code units of these.
    marks: usize,
    /// Behind the last line end, and behind the last blank.
    line: Option<Stop>,
    blank: Option<Stop>,
}

/// Where a part may end: there in its own text and in the whole, and what is open.
#[derive(Debug)]
struct Stop {
    length: usize,
    source: usize,
    open: Vec<Mark>,
}

/// A part that ended: it, unless nothing can be seen of it, where the next one begins, and what is open there.
struct Cut {
    done: Option<String>,
    source: usize,
    open: Vec<Mark>,
}

impl Part {
    fn begin(open: Vec<Mark>) -> Self {
        let text = joined(open.iter().map(|mark| &*mark.opening));
        let marks = open.iter().map(Mark::units).sum();
        Self { units: length(&text), begin: text.len(), text, open, marks, ..Self::default() }
    }

    fn fits(&self, more: &str, piece: &Piece) -> bool {
        let new = match &piece.change {
            Change::Opens(mark) => length(&mark.closing),
            _ => 0,
        };
        self.units + length(more) + length(&closings(&self.open)) + new <= MOST
    }

    fn push(&mut self, more: &str, piece: Piece) {
        self.text += more;
        self.units += length(more);
        match piece.change {
            Change::Opens(mark) if self.open.len() < DEPTH && self.marks + mark.units() <= MOST_MARKS => {
                self.marks += mark.units();
                self.open.push(mark);
            }
            Change::Opens(_) => {}
            Change::Closes => self.marks -= self.open.pop().map_or(0, |mark| mark.units()),
            Change::None => self.is_seen |= !more.trim().is_empty(),
        }
    }

    /// Remembers that it may end behind `last`, which ends at `source` in the whole text.
    fn remember(&mut self, last: &str, source: usize) {
        let stop = || Some(Stop { length: self.text.len(), source, open: self.open.clone() });
        match last {
            "\n" if self.is_seen => self.line = stop(),
            " " if self.is_seen => self.blank = stop(),
            _ => {}
        }
    }

    /// Ends it: at a line end if it has one, or else at a blank; `source` is how far the whole text was read. At the end
    /// of that text nothing stands behind.
    fn cut(mut self, source: usize, is_end: bool) -> Cut {
        let here = Stop { length: self.text.len(), source, open: std::mem::take(&mut self.open) };
        let stop = match is_end {
            true => here,
            false => self.line.or(self.blank).unwrap_or(here),
        };
        self.text.truncate(stop.length);
        self.text.truncate(self.text.trim_end_matches('\n').len());
        self.text += &closings(&stop.open);
        Cut { done: self.is_seen.then_some(self.text), source: stop.source, open: stop.open }
    }
}

fn closings(open: &[Mark]) -> String {
    joined(open.iter().rev().map(|mark| &*mark.closing))
}

/// Marks in a row. `_` before another one would be read as `__`, so an empty bold text stands between. Source: the Bot
/// API, "MarkdownV2 style".
fn joined<'a>(marks: impl Iterator<Item = &'a str>) -> String {
    let mut all = String::new();
    let mut last = "";
    for mark in marks {
        if last == "_" && mark == "__" {
            all += "**";
        }
        all += mark;
        last = mark;
    }
    all
}

fn plain(rest: &str) -> Piece {
    Piece { length: rest.chars().next().map_or(0, char::len_utf8), change: Change::None }
}

/// A tag, an entity or a character of HTML.
fn html(rest: &str) -> Piece {
    if rest.starts_with('&')
        && let Some(end) = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '#')
        && rest[1 + end..].starts_with(';')
    {
        return Piece { length: end + 2, change: Change::None };
    }
    let Some(end) = tag_end(rest) else { return plain(rest) };
    let tag = &rest[..end];
    if tag.starts_with("</") {
        return Piece { length: end, change: Change::Closes };
    }
    let name = tag[1..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
    if name.is_empty() || tag.ends_with("/>") {
        return Piece { length: end, change: Change::None };
    }
    let mark = Mark { opening: tag.to_owned(), closing: format!("</{name}>") };
    Piece { length: end, change: Change::Opens(mark) }
}

/// Bytes of the tag that `rest` begins with. A value in quotes may hold `>`. No tag holds another: what is opened again
/// and again is not read to its end each time.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    if !rest.starts_with('<') {
        return None;
    }
    for (at, byte) in rest.bytes().enumerate().take(MOST) {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'>', None) => return Some(at + 1),
            (b'<', None) if at > 0 => return None,
            _ => {}
        }
    }
    None
}

/// Marks that open and close the same way, the longer ones first.
const MARKS: [&str; 7] = ["```", "||", "__", "*", "_", "~", "`"];

/// An escape, a mark, a link or a character of MarkdownV2.
fn markdown(text: &str, at: usize, open: &[Mark], ends: &Ends) -> Piece {
    let (before, rest) = text.split_at(at);
    let whole = |length| Piece { length, change: Change::None };
    if let Some(escaped) = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
        return whole(1 + escaped.len_utf8());
    }
    let last = open.last().map(|mark| &*mark.closing);
    // In code nothing else has a meaning.
    if let Some(code) = last.filter(|mark| mark.starts_with('`')) {
        return match rest.starts_with(code) {
            true => Piece { length: code.len(), change: Change::Closes },
            false => plain(rest),
        };
    }
    // What parts one quotation from the next before it.
    if (before.is_empty() || before.ends_with('\n')) && rest.starts_with("**>") {
        return whole(3);
    }
    if let Some(end) = ends.of_link(text, at) {
        return whole(end - at);
    }
    let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) else { return plain(rest) };
    if last == Some(mark) {
        return Piece { length: mark.len(), change: Change::Closes };
    }
    // At the end of a line that mark folds a quotation.
    let behind = &rest[mark.len()..];
    if mark == "||" && (behind.is_empty() || behind.starts_with('\n')) {
        return whole(2);
    }
    if mark != "```" {
        let change = Change::Opens(Mark { opening: mark.to_owned(), closing: mark.to_owned() });
        return Piece { length: mark.len(), change };
    }
    // Code may name its language in the first line, which in the next part says it again.
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-#".contains(&b));
    let line = behind[..behind.floor_char_boundary(LANGUAGE)].split_once('\n');
    let first = line.filter(|(word, _)| plain(word)).map_or("", |(word, _)| &behind[..=word.len()]);
    let opening = if first.is_empty() { "```\n".to_owned() } else { format!("```{first}") };
    let change = Change::Opens(Mark { opening, closing: mark.to_owned() });
    Piece { length: mark.len() + first.len(), change }
}

/// Where texts and addresses of links may end: found once, so that a text of many `[` is not read once for each.
#[derive(Default)]
struct Ends {
    /// Every `]` that is not escaped.
    texts: Vec<usize>,
    /// Every `)` that is not escaped.
    addresses: Vec<usize>,
}

impl Ends {
    fn of(text: &str) -> Self {
        let mut ends = Self::default();
        let mut escaped = false;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b']' => ends.texts.push(at),
                b')' => ends.addresses.push(at),
                _ => {}
            }
        }
        ends
    }

    /// The end of the link `[text](address)` that begins at this byte, or of the emoji `![text](address)`.
    fn of_link(&self, text: &str, at: usize) -> Option<usize> {
        let rest = &text[at..];
        if !rest.starts_with('[') && !rest.starts_with("![") {
            return None;
        }
        let after = |ends: &[usize], at: usize| ends.get(ends.partition_point(|end| *end <= at)).copied();
        let middle = after(&self.texts, at)?;
        if !text[middle + 1..].starts_with('(') {
            return None;
        }
        let end = after(&self.addresses, middle)? + 1;
        // One that is longer than a message can't stay whole.
        (end - at <= MOST).then_some(end)
    }
}

#[cfg(test)]
mod tests;
