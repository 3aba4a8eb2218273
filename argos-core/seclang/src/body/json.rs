//! JSON to named values, in one pass and without recursion.
//!
//! Names are paths: `json.a.b`, array items `json.a.array_0`. Scalars are kept as written (strings unescaped),
//! `null` is empty, duplicate keys all stay. What was read before a mistake stays too.
//! Source: RFC 8259. Differs: strings may hold any byte from 0x20 up, so that ill-formed UTF-8 is inspected.

use super::Pair;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) error: Option<&'static str>,
}

/// Reads at most `most` scalars, nested at most `depth` deep.
pub(crate) fn parse(text: &[u8], depth: usize, most: usize) -> Parsed {
    let mut walker =
        Walker { text, at: 0, path: b"json".to_vec(), open: Vec::new(), pairs: Vec::new(), depth, most, names: 0 };
    let error = walker.run().err();
    Parsed { pairs: walker.pairs, error }
}

/// An open object or array: the length of its path, and for arrays the next index.
struct Level {
    path: usize,
    index: Option<usize>,
}

struct Walker<'a> {
    text: &'a [u8],
    at: usize,
    path: Vec<u8>,
    open: Vec<Level>,
    pairs: Vec<Pair>,
    depth: usize,
    most: usize,
    /// Bytes spent on names so far: long keys repeat in every name below them.
    names: usize,
}

impl Walker<'_> {
    fn run(&mut self) -> Result<(), &'static str> {
        loop {
            let opened = self.value()?;
            // After a value: close what ends here, or go on to the next member.
            let mut first = opened;
            loop {
                self.space();
                let Some(level) = self.open.last() else {
                    return if self.at == self.text.len() { Ok(()) } else { Err("text after the JSON value") };
                };
                let end = if level.index.is_some() { b']' } else { b'}' };
                if self.peek() == Some(end) {
                    self.at += 1;
                    let path = self.open.pop().map_or(4, |level| level.path);
                    // The name of the value that just closed belongs to the level above.
                    self.path.truncate(path);
                    first = false;
                    continue;
                }
                if !first {
                    self.expect(b',', "a comma or an end is missing")?;
                    self.space();
                }
                self.member()?;
                break;
            }
        }
    }

    /// Reads up to the next member's value and sets the path to its name.
    fn member(&mut self) -> Result<(), &'static str> {
        let Some(level) = self.open.last_mut() else { return Err("no open object") };
        self.path.truncate(level.path);
        if let Some(index) = &mut level.index {
            let name = format!(".array_{index}");
            *index += 1;
            self.path.extend_from_slice(name.as_bytes());
            return Ok(());
        }
        let key = self.string()?;
        self.path.push(b'.');
        self.path.extend_from_slice(&key);
        self.space();
        self.expect(b':', "a colon is missing")
    }

    /// Reads a scalar, or the opening of an object or array (true).
    fn value(&mut self) -> Result<bool, &'static str> {
        self.space();
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                if self.open.len() >= self.depth {
                    return Err("nested deeper than SecRequestBodyJsonDepthLimit allows");
                }
                self.at += 1;
                self.open.push(Level { path: self.path.len(), index: (open == b'[').then_some(0) });
                return Ok(true);
            }
            Some(b'"') => {
                let value = self.string()?;
                self.keep(value)?;
            }
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(b'-' | b'0'..=b'9') => {
                let length = number(&self.text[self.at..]).ok_or("a malformed number")?;
                let value = self.text[self.at..self.at + length].to_vec();
                self.at += length;
                self.keep(value)?;
            }
            Some(_) => return Err("an unexpected byte"),
            None => return Err("the text ends too early"),
        }
        Ok(false)
    }

    fn keep(&mut self, value: Vec<u8>) -> Result<(), &'static str> {
        self.names += self.path.len();
        if self.pairs.len() >= self.most || self.names > NAME_BYTES {
            return Err("more arguments than SecArgumentsLimit allows");
        }
        self.pairs.push((self.path.clone(), value));
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), &'static str> {
        if !self.text[self.at..].starts_with(word) {
            return Err("an unexpected word");
        }
        self.at += word.len();
        self.keep(if word == b"null" { Vec::new() } else { word.to_vec() })
    }

    fn string(&mut self) -> Result<Vec<u8>, &'static str> {
        self.expect(b'"', "a string is missing")?;
        let mut value = Vec::new();
        loop {
            let byte = self.peek().ok_or("a string without end")?;
            self.at += 1;
            match byte {
                b'"' => return Ok(value),
                b'\\' => self.escape(&mut value)?,
                0..=0x1f => return Err("a control character in a string"),
                _ => value.push(byte),
            }
        }
    }

    fn escape(&mut self, value: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = self.peek().ok_or("a string without end")?;
        self.at += 1;
        value.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let character = self.unicode()?;
                value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err("an unknown escape"),
        });
        Ok(())
    }

    /// The character after `\u`, surrogate pairs joined; a lone surrogate is the replacement character.
    fn unicode(&mut self) -> Result<char, &'static str> {
        let high = self.four()?;
        if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let low = self.four()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four(&mut self) -> Result<u32, &'static str> {
        let pair = |at| crate::transforms::pair(self.text, at).map(u32::from);
        let (high, low) = pair(self.at).zip(pair(self.at + 2)).ok_or("an escape without four digits")?;
        self.at += 4;
        Ok(high << 8 | low)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8, error: &'static str) -> Result<(), &'static str> {
        if self.peek() != Some(byte) {
            return Err(error);
        }
        self.at += 1;
        Ok(())
    }
}

/// The length of the number `text` begins with. Source: RFC 8259 §6.
fn number(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text[at] == b'0') {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Bytes of all names together; a small body with long nested keys must not grow without bound.
const NAME_BYTES: usize = 16 << 20;
