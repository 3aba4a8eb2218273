//! `setvar`, `expirevar`, `deprecatevar`, `initcol`, `setenv`: what rules write to `TX`, `ENV` and the collections
//! that outlive transactions.

use super::{Act, Change};
use crate::compile::rule::integer;
use crate::compile::template::Templates;
use crate::variables::{self, VarId};

type Result<T> = std::result::Result<T, (&'static str, String)>;

/// Reads `tx.name`, `tx.name=value`, `tx.name=+n`, `tx.name=-n`, `!tx.name`.
pub(crate) fn parse(text: &[u8], templates: &mut Templates<'_>) -> Result<Act> {
    let (unset, text) = match text.strip_prefix(b"!") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (name, value) = match text.iter().position(|byte| *byte == b'=') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (collection, key) = place(name, "setvar writes to TX, IP, SESSION, USER, GLOBAL and RESOURCE only")?;
    let name = templates.parse(key);
    let change = match (unset, value) {
        (true, _) => Change::Unset,
        (false, None) => Change::Set(templates.parse(b"1")),
        (false, Some([b'+', amount @ ..])) => Change::Add(templates.parse(amount)),
        (false, Some([b'-', amount @ ..])) => Change::Subtract(templates.parse(amount)),
        (false, Some(value)) => Change::Set(templates.parse(value)),
    };
    Ok(Act::SetVar { collection, name, change })
}

/// Collection and key of `collection.key`.
fn place<'a>(text: &'a [u8], refusal: &str) -> Result<(VarId, &'a [u8])> {
    let text = text.trim_ascii();
    let dot = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let collection = match &text[..dot] {
        name if name.eq_ignore_ascii_case(b"tx") => VarId::Tx,
        name => variables::persistent(name).ok_or_else(|| ("seclang.setvar", refusal.to_owned()))?,
    };
    match text.get(dot + 1..) {
        Some(key) if !key.is_empty() => Ok((collection, key)),
        _ => Err(("seclang.setvar", "a name is missing after the dot".to_owned())),
    }
}

fn halves(text: &[u8]) -> Result<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == b'=').filter(|at| *at > 0);
    let at = at.ok_or_else(|| ("seclang.setvar", "name=value is needed".to_owned()))?;
    Ok((text[..at].trim_ascii(), &text[at + 1..]))
}

/// Reads `ip.name=seconds`.
pub(crate) fn parse_expire(text: &[u8], templates: &mut Templates<'_>) -> Result<Act> {
    let (name, seconds) = halves(text)?;
    let (collection, key) = place(name, "expirevar takes a member of a collection")?;
    Ok(Act::Expire { collection, name: templates.parse(key), seconds: templates.parse(seconds) })
}

/// Reads `ip.name=amount/seconds`.
pub(crate) fn parse_deprecate(text: &[u8], templates: &mut Templates<'_>) -> Result<Act> {
    let (name, change) = halves(text)?;
    let (collection, key) = place(name, "deprecatevar takes a member of a collection")?;
    let mut parts =
        change.splitn(2, |byte| *byte == b'/').map(|part| integer(part).and_then(|n| i64::try_from(n).ok()));
    match (parts.next().flatten(), parts.next().flatten().filter(|period| *period > 0)) {
        (Some(amount), Some(period)) => Ok(Act::Deprecate { collection, name: templates.parse(key), amount, period }),
        _ => Err(("seclang.setvar", "amount/seconds is needed".to_owned())),
    }
}

/// Reads `collection=key`.
pub(crate) fn parse_open(text: &[u8], templates: &mut Templates<'_>) -> Result<Act> {
    let (name, key) = halves(text)?;
    let collection = variables::persistent(name)
        .ok_or_else(|| ("seclang.setvar", "IP, SESSION, USER, GLOBAL or RESOURCE is needed".to_owned()))?;
    Ok(Act::Open(collection, templates.parse(key)))
}

/// Reads `name=value`; a name alone is set to the empty text.
pub(crate) fn parse_env(text: &[u8], templates: &mut Templates<'_>) -> Result<Act> {
    let (name, value) = halves(text).unwrap_or((text, b""));
    Ok(Act::SetEnv { name: templates.parse(name), value: templates.parse(value) })
}
