//! Rule text to syntax tree. Never fails: what can't be read becomes a diagnostic and is left out.

use std::sync::Arc;

use crate::ast::{ActionText, Body, Item, OperatorText, SelectorText, VariableText};
use crate::diagnostic::Findings;
use crate::lex::{self, Mapped, Word};
use crate::source::Position;

/// Parses the text called `file`.
pub(crate) fn parse(file: &Arc<str>, text: &[u8], findings: &mut Findings) -> Vec<Item> {
    lex::lines(text).iter().filter_map(|line| item(file, lex::words(line), findings)).collect()
}

/// Where the byte at `offset` of `text` stands.
pub(crate) fn position(file: &Arc<str>, text: &Mapped, offset: usize) -> Position {
    let (line, column) = text.place(offset);
    Position { file: file.clone(), line, column }
}

fn item(file: &Arc<str>, mut words: Vec<Word>, findings: &mut Findings) -> Option<Item> {
    for word in &words {
        if word.open {
            let at = position(file, &word.text, 0);
            findings.error("seclang.open_quote", &at, &word.text.bytes, "the closing quote is missing");
            return None;
        }
    }
    if words.is_empty() {
        return None;
    }
    let name = words.remove(0).text;
    let at = position(file, &name, 0);
    let body = match name.bytes.to_ascii_lowercase().as_slice() {
        b"secrule" => {
            if words.len() < 2 || words.len() > 3 {
                findings.error(
                    "seclang.argument_count",
                    &at,
                    &name.bytes,
                    "SecRule takes variables, an operator and optional actions",
                );
                return None;
            }
            let actions = words.get(2).map(|word| actions(file, &word.text, findings)).unwrap_or_default();
            let variables = variables(file, &words[0].text, findings);
            Body::Rule { variables, operator: operator(&words[1].text), actions }
        }
        b"secaction" | b"secdefaultaction" => {
            let [word] = words.as_slice() else {
                findings.error("seclang.argument_count", &at, &name.bytes, "takes one argument: actions");
                return None;
            };
            Body::Action(actions(file, &word.text, findings))
        }
        _ => Body::Plain(words),
    };
    Some(Item { name, body })
}

/// Splits `A|!B:key|&C:/re/`.
pub(crate) fn variables(file: &Arc<str>, text: &Mapped, findings: &mut Findings) -> Vec<VariableText> {
    let bytes = &text.bytes;
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (mut count, mut exclude) = (false, false);
        let start = at;
        while let Some(byte) = bytes.get(at).filter(|byte| matches!(byte, b'!' | b'&' | b' ' | b'|')) {
            count |= *byte == b'&';
            exclude |= *byte == b'!';
            at += 1;
        }
        let from = at;
        at += bytes[at..].iter().take_while(|byte| !matches!(byte, b'|' | b':')).count();
        let name = text.slice(from, at);
        if name.bytes.is_empty() {
            findings.error("seclang.variable_empty", &position(file, text, start), &[], "a variable name is missing");
            break;
        }
        let mut selector = SelectorText::None;
        if bytes.get(at) == Some(&b':') {
            // `XML:/*|XML://@*` are paths, not patterns.
            let path = [&b"XML"[..], b"RESPONSE_XML"].iter().any(|xml| name.bytes.eq_ignore_ascii_case(xml));
            (selector, at) = self::selector(text, at + 1, path);
        }
        found.push(VariableText { name, count, exclude, selector });
        at += 1;
    }
    found
}

/// Reads `key`, `/re/`, `'/re/'` or `'key'` at `from`; returns it with the offset of the `|` after it.
fn selector(text: &Mapped, from: usize, path: bool) -> (SelectorText, usize) {
    let bytes = &text.bytes;
    let quoted = bytes.get(from) == Some(&b'\'');
    let start = from + usize::from(quoted);
    let slash = !path && bytes.get(start) == Some(&b'/');
    let open = start + usize::from(slash);
    let mut at = open;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if slash => at += 1,
            b'/' if slash && (!quoted || bytes.get(at + 1) == Some(&b'\'')) => break,
            b'\'' if quoted && !slash => break,
            b'|' if !quoted && !slash => break,
            _ => {}
        }
        at += 1;
    }
    let inner = text.slice(open, at);
    // A pattern without an end is a key that begins with a slash.
    if slash && at >= bytes.len() {
        let end = start + bytes[start..].iter().take_while(|byte| **byte != b'|').count();
        return (SelectorText::Key(text.slice(start, end)), end);
    }
    let mut end = at;
    while bytes.get(end).is_some_and(|byte| *byte != b'|') {
        end += 1;
    }
    (if slash { SelectorText::Regex(inner) } else { SelectorText::Key(inner) }, end)
}

fn operator(text: &Mapped) -> OperatorText {
    let bytes = &text.bytes;
    let mut at = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let mut negate = false;
    if bytes.get(at) == Some(&b'!') && bytes.get(at + 1) == Some(&b'@') {
        negate = true;
        at += 1;
    } else if bytes.get(at) == Some(&b'!') {
        negate = true;
        return OperatorText { negate, name: text.slice(at, at), argument: text.slice(at + 1, bytes.len()) };
    }
    if bytes.get(at) != Some(&b'@') {
        return OperatorText { negate, name: text.slice(at, at), argument: text.slice(0, bytes.len()) };
    }
    let from = at + 1;
    let end = from + bytes[from..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let argument = end + bytes[end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    OperatorText { negate, name: text.slice(from, end), argument: text.slice(argument, bytes.len()) }
}

/// Splits `a,b:c,d:'e,f'`. A quoted value keeps commas; `\'` in it gives `'`.
pub(crate) fn actions(file: &Arc<str>, text: &Mapped, findings: &mut Findings) -> Vec<ActionText> {
    let bytes = &text.bytes;
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_whitespace() || bytes[at] == b',' {
            at += 1;
            continue;
        }
        let from = at;
        at += bytes[at..].iter().take_while(|byte| !matches!(byte, b',' | b':')).count();
        let end = from + bytes[from..at].trim_ascii_end().len();
        let name = text.slice(from, end);
        let mut value = None;
        if bytes.get(at) == Some(&b':') {
            at += 1;
            at += bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let (text, next) = action_value(file, text, at, findings);
            value = Some(text);
            at = next;
        }
        found.push(ActionText { name, value });
        at += 1;
    }
    found
}

fn action_value(file: &Arc<str>, text: &Mapped, from: usize, findings: &mut Findings) -> (Mapped, usize) {
    let bytes = &text.bytes;
    if bytes.get(from) != Some(&b'\'') {
        // `setvar:tx.a=%{tx.b}` and `setvar:'…'` alike end at the comma.
        let end = from + bytes[from..].iter().take_while(|byte| **byte != b',').count();
        let cut = from + bytes[from..end].trim_ascii_end().len();
        return (text.slice(from, cut), end);
    }
    let mut value = text.slice(from + 1, from + 1);
    let mut at = from + 1;
    // What is not in the value yet.
    let mut kept = at;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if matches!(bytes.get(at + 1), Some(b'\'')) => {
                value.copy(text, kept, at);
                at += 1;
                kept = at;
            }
            b'\'' => break,
            _ => {}
        }
        at += 1;
    }
    value.copy(text, kept, at);
    if at >= bytes.len() {
        let at = position(file, text, from);
        findings.error("seclang.open_quote", &at, &bytes[from..], "the closing quote of the action is missing");
    }
    let end = at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| **byte != b',').count();
    (value, end)
}
