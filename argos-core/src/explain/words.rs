//! The words of a command line, as a POSIX shell with `$'…'` (bash, zsh), or as the command prompt of Windows and the
//! programs that it starts, read them. Nothing is expanded.

use std::iter::Peekable;
use std::str::Chars;

/// The words of `command`.
///
/// # Errors
/// What can't be read.
pub(super) fn split(command: &str) -> Result<Vec<String>, &'static str> {
    if is_prompt(command) { arguments(&without_carets(command)) } else { posix(command) }
}

/// Whether `command` is written for the command prompt, as browsers do: `^` stands before quotes or ends a line.
fn is_prompt(command: &str) -> bool {
    let lines = command.trim_end().lines();
    command.contains("^\"") || lines.rev().skip(1).any(|line| line.trim_end().ends_with('^'))
}

fn posix(command: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => take(&mut words, &mut word)?,
            '#' if word.is_none() => while rest.next_if(|c| *c != '\n').is_some() {},
            '\'' => quoted(&mut rest, word.get_or_insert_default())?,
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '$' if rest.next_if_eq(&'\'').is_some() => ansi_c(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next() {
                Some('\n') => {}
                Some('\r') if rest.next_if_eq(&'\n').is_some() => {}
                Some(c) => push(word.get_or_insert_default(), c),
                None => return Err("it ends with a backslash"),
            },
            c => push(word.get_or_insert_default(), c),
        }
    }
    take(&mut words, &mut word)?;
    Ok(words)
}

fn take(words: &mut Vec<String>, word: &mut Option<Vec<u8>>) -> Result<(), &'static str> {
    if let Some(word) = word.take() {
        let text = String::from_utf8(word);
        words.push(text.map_err(|_| "it holds bytes that are no UTF-8: give the request as JSON with body_b64")?);
    }
    Ok(())
}

fn push(word: &mut Vec<u8>, c: char) {
    word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

const OPEN: &str = "a quote is not closed";

fn quoted(rest: &mut Peekable<Chars<'_>>, word: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(OPEN)? {
            '\'' => return Ok(()),
            c => push(word, c),
        }
    }
}

fn double_quoted(rest: &mut Peekable<Chars<'_>>, word: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(OPEN)? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => push(word, c),
                c => {
                    push(word, '\\');
                    push(word, c);
                }
            },
            c => push(word, c),
        }
    }
}

/// `$'…'`. Source: section "ANSI-C Quoting" of the manual of bash.
fn ansi_c(rest: &mut Peekable<Chars<'_>>, word: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(OPEN)? {
            '\'' => return Ok(()),
            '\\' => match rest.next().ok_or(OPEN)? {
                'a' => word.push(7),
                'b' => word.push(8),
                'e' | 'E' => word.push(27),
                'f' => word.push(12),
                'n' => word.push(b'\n'),
                'r' => word.push(b'\r'),
                't' => word.push(b'\t'),
                'v' => word.push(11),
                c @ ('\\' | '\'' | '"' | '?') => push(word, c),
                'c' => word.push(rest.next().ok_or(OPEN)? as u8 & 0x1f),
                'x' => match number(rest, 16, 2) {
                    Some(byte) => word.push(byte as u8),
                    None => word.extend_from_slice(b"\\x"),
                },
                'u' => code(rest, 4, word)?,
                'U' => code(rest, 8, word)?,
                first @ '0'..='7' => {
                    let more = std::iter::from_fn(|| rest.next_if(|c| matches!(c, '0'..='7'))).take(2);
                    let byte = std::iter::once(first).chain(more).fold(0, |sum, c| sum * 8 + (c as u32 - '0' as u32));
                    word.push(byte as u8);
                }
                c => {
                    push(word, '\\');
                    push(word, c);
                }
            },
            c => push(word, c),
        }
    }
}

/// Up to `most` digits.
fn number(rest: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> Option<u32> {
    let mut found = None;
    for _ in 0..most {
        let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)) else { break };
        rest.next();
        found = Some(found.unwrap_or(0) * radix + digit);
    }
    found
}

/// A character by its code; browsers write those beyond U+FFFF as two halves.
fn code(rest: &mut Peekable<Chars<'_>>, most: usize, word: &mut Vec<u8>) -> Result<(), &'static str> {
    let none = "a \\u in $'…' is no character";
    let mut code = number(rest, 16, most).ok_or(none)?;
    if (0xd800..0xdc00).contains(&code) {
        let follows = rest.next_if_eq(&'\\').is_some() && rest.next_if_eq(&'u').is_some();
        let low = if follows { number(rest, 16, 4) } else { None };
        let low = low.filter(|low| (0xdc00..0xe000).contains(low)).ok_or(none)?;
        code = 0x1_0000 + (code - 0xd800) * 0x400 + (low - 0xdc00);
    }
    push(word, char::from_u32(code).ok_or(none)?);
    Ok(())
}

/// What the command prompt gives on: outside of quotes `^` takes away the meaning of what follows.
fn without_carets(command: &str) -> String {
    let command = command.replace("\r\n", "\n");
    let mut plain = String::with_capacity(command.len());
    let mut quoted = false;
    let mut rest = command.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '^' if !quoted => match rest.next() {
                // The line goes on; the first character of the next one has no meaning.
                Some('\n') => plain.extend(rest.next_if(|c| matches!(c, '\n' | '"' | '^'))),
                Some(c) => plain.push(c),
                None => {}
            },
            c => {
                quoted ^= c == '"';
                plain.push(c);
            }
        }
    }
    plain
}

/// The arguments that a program of Windows sees: `\"` and `""` within quotes are a quote, and a backslash before anything
/// else is one.
fn arguments(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' if !quoted => words.extend(word.take()),
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let word = word.get_or_insert_default();
                if rest.peek() == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        rest.next();
                        word.push('"');
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', count));
                }
            }
            '"' if quoted && rest.next_if_eq(&'"').is_some() => word.get_or_insert_default().push('"'),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted { Err(OPEN) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        for (command, expected) in [
            ("", vec![]),
            ("a  'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a\\ b 'c'\\''d' \"e\\\"\\n\\$f\"", vec!["a b", "c'd", "e\"\\n$f"]),
            ("a \\\n  b \\\r\n c", vec!["a", "b", "c"]),
            ("a # b\nc 'x#y'z#", vec!["a", "c", "x#yz#"]),
            ("'' \"\"", vec!["", ""]),
            (r"$'it\'s \u0021 \x41\101\e\cA\tz\q'", vec!["it's ! AA\u{1b}\u{1}\tz\\q"]),
            (r"$'\u00e9\ud83d\ude00\U0001f600\xc3\xa9'", vec!["é😀😀é"]),
            (r#"a$'b\n'"c$'d'" '$'x"#, vec!["ab\nc$'d'", "$x"]),
        ] {
            assert_eq!(split(command).unwrap(), expected, "{command}");
        }
        for (command, named) in [
            ("a 'b", "quote"),
            ("a \"b", "quote"),
            ("a $'b\\'", "quote"),
            ("a\\", "backslash"),
            (r"$'\xe9'", "UTF-8"),
            (r"$'\ud83d'", "no character"),
            (r"$'\uzz'", "no character"),
        ] {
            assert!(split(command).unwrap_err().contains(named), "{command}");
        }
    }

    #[test]
    fn words_of_the_command_prompt() {
        for (command, expected) in [
            (
                "curl ^\"http://a.test/?a=1^&b=%^2F^\" ^\r\n  -H ^\"X: y^\"",
                vec!["curl", "http://a.test/?a=1&b=%2F", "-H", "X: y"],
            ),
            ("c --data-raw ^\"^{^\\^\"a^\\^\":1^}^\"", vec!["c", "--data-raw", "{\"a\":1}"]),
            ("c ^\"a^\n\nb^\"", vec!["c", "a\nb"]),
            ("c \"a ^ b\" ^\n -d \"x\"\"y\"", vec!["c", "a ^ b", "-d", "x\"y"]),
            ("c ^\"\\\\\\\\x\\\\^\"", vec!["c", "\\\\\\\\x\\"]),
        ] {
            assert_eq!(split(command).unwrap(), expected, "{command}");
        }
        assert!(split("curl ^\"a").is_err());
        // A caret alone is no sign of it.
        assert_eq!(split("curl 'a^b' c^").unwrap(), ["curl", "a^b", "c^"]);
    }
}
