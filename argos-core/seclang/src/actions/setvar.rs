//! `setvar`: sets, counts or unsets a member of `TX`.

use super::{Act, Change};
use crate::compile::template::Templates;

/// Reads `tx.name`, `tx.name=value`, `tx.name=+n`, `tx.name=-n`, `!tx.name`.
pub(crate) fn parse(text: &[u8], templates: &mut Templates<'_>) -> Result<Act, (&'static str, String)> {
    let (unset, text) = match text.strip_prefix(b"!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let name = name.trim_ascii();
    let dot = name.iter().position(|byte| *byte == b'.').unwrap_or(name.len());
    let collection = name[..dot].to_ascii_lowercase();
    match collection.as_slice() {
        b"tx" => {}
        b"ip" | b"session" | b"user" | b"global" | b"resource" => {
            return Err(("seclang.not_available_yet", "persistent collections are not available yet".to_owned()));
        }
        _ => return Err(("seclang.setvar", "setvar writes to TX only".to_owned())),
    }
    let key = name.get(dot + 1..).unwrap_or_default();
    if key.is_empty() {
        return Err(("seclang.setvar", "a name is missing after the dot".to_owned()));
    }
    let name = templates.parse(key);
    let change = match (unset, value) {
        (true, _) => Change::Unset,
        (false, None) => Change::Set(templates.parse(b"1")),
        (false, Some([b'+', amount @ ..])) => Change::Add(templates.parse(amount)),
        (false, Some([b'-', amount @ ..])) => Change::Subtract(templates.parse(amount)),
        (false, Some(value)) => Change::Set(templates.parse(value)),
    };
    Ok(Act::SetVar { name, change })
}
