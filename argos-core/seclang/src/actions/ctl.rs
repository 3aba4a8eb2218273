//! `ctl`: changes how the rest of this transaction is inspected.

use std::sync::Arc;

use super::{AuditEngine, Ctl, PartsChange, Processor};
use crate::body::xpath::Path;
use crate::program::Engine;
use crate::variables::{self, Selector, VarId};

/// A `ctl` that was understood.
pub(crate) enum Parsed {
    Change(Ctl),
    /// Accepted without effect.
    NoEffect,
}

/// Reads `option=value`.
pub(crate) fn parse(text: &[u8]) -> Result<Parsed, (&'static str, String)> {
    let bad = |text: &str| ("seclang.ctl", text.to_owned());
    let equals = text.iter().position(|byte| *byte == b'=').ok_or_else(|| bad("ctl takes option=value"))?;
    let (option, value) = (text[..equals].trim_ascii().to_ascii_lowercase(), text[equals + 1..].trim_ascii());
    let on_off = |text: &[u8]| switch(text).ok_or_else(|| bad("On or Off is needed"));
    let ids = |text: &[u8]| range(text).ok_or_else(|| bad("an id or a range of ids is needed"));
    Ok(Parsed::Change(match option.as_slice() {
        b"ruleengine" => Ctl::Engine(engine(value).ok_or_else(|| bad("On, Off or DetectionOnly is needed"))?),
        b"ruleremovebyid" => {
            let (from, to) = ids(value)?;
            Ctl::RemoveById(from, to)
        }
        b"ruleremovebytag" => Ctl::RemoveByTag(value.into()),
        b"ruleremovetargetbyid" => {
            let (rule, variable, selector) = target(value)?;
            let (from, to) = ids(rule)?;
            Ctl::RemoveTargetById(from, to, variable, selector)
        }
        b"ruleremovetargetbytag" => {
            let (tag, variable, selector) = target(value)?;
            Ctl::RemoveTargetByTag(tag.into(), variable, selector)
        }
        b"requestbodyprocessor" => match Processor::parse(value) {
            Some(processor) => Ctl::Processor(processor),
            None => return Err(bad("URLENCODED, MULTIPART, JSON, XML or RAW is needed")),
        },
        b"requestbodyaccess" => Ctl::RequestBodyAccess(on_off(value)?),
        b"forcerequestbodyvariable" => Ctl::ForceRequestBody(on_off(value)?),
        b"hashengine" | b"hashenforcement" | b"debugloglevel" => return Ok(Parsed::NoEffect),
        b"ruleremovebymsg" => Ctl::RemoveByMsg(value.into()),
        b"ruleremovetargetbymsg" => {
            let (msg, variable, selector) = target(value)?;
            Ctl::RemoveTargetByMsg(msg.into(), variable, selector)
        }
        b"requestbodylimit" => Ctl::RequestBodyLimit(bytes(value).ok_or_else(|| bad(BYTES))?),
        b"responsebodylimit" => Ctl::ResponseBodyLimit(bytes(value).ok_or_else(|| bad(BYTES))?),
        b"responsebodyaccess" => Ctl::ResponseBodyAccess(on_off(value)?),
        b"responsebodyprocessor" => match Processor::parse(value) {
            Some(processor @ (Processor::Json | Processor::Xml | Processor::Raw)) => Ctl::ResponseProcessor(processor),
            _ => return Err(bad("JSON, XML or RAW is needed")),
        },
        b"forceresponsebodyvariable" => Ctl::ForceResponseBody(on_off(value)?),
        b"auditengine" => {
            Ctl::AuditEngine(AuditEngine::parse(value).ok_or_else(|| bad("On, Off or RelevantOnly is needed"))?)
        }
        b"auditlogparts" => {
            Ctl::AuditParts(parts(value).ok_or_else(|| bad("letters, +letters or -letters are needed"))?)
        }
        _ => return Err(bad("unknown ctl option")),
    }))
}

/// `rule;VARIABLE:key`.
fn target(value: &[u8]) -> Result<(&[u8], VarId, Selector), (&'static str, String)> {
    let bad = |text: &str| ("seclang.ctl", text.to_owned());
    let at = value.iter().position(|byte| *byte == b';').ok_or_else(|| bad("rule;target is needed"))?;
    let (rule, target) = (&value[..at], value[at + 1..].trim_ascii());
    let colon = target.iter().position(|byte| *byte == b':').unwrap_or(target.len());
    let name = &target[..colon];
    let variable =
        variables::by_name(name).ok_or_else(|| ("seclang.unknown_variable", "unknown variable".to_owned()))?;
    let key = target.get(colon + 1..).unwrap_or_default();
    let selector = match key {
        [] => Selector::All,
        _ if matches!(variable, VarId::Xml | VarId::ResponseXml) => {
            let path = Path::parse(key).ok_or_else(|| ("seclang.xpath", "this path is not supported".to_owned()))?;
            Selector::Path(Box::new(path))
        }
        [b'/', inner @ .., b'/'] => Selector::Regex(Arc::new(
            crate::operators::compile_regex(inner).map_err(|refusal| (refusal.code, refusal.text))?,
        )),
        _ => Selector::Key(key.to_ascii_lowercase().into()),
    };
    Ok((rule, variable, selector))
}

/// `n` or `n-m`.
pub(crate) fn range(text: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}

/// `On` or `Off`.
pub(crate) fn switch(text: &[u8]) -> Option<bool> {
    match text.to_ascii_lowercase().as_slice() {
        b"on" => Some(true),
        b"off" => Some(false),
        _ => None,
    }
}

/// `On`, `Off`, `DetectionOnly`.
pub(crate) fn engine(text: &[u8]) -> Option<Engine> {
    match text.to_ascii_lowercase().as_slice() {
        b"on" => Some(Engine::On),
        b"off" => Some(Engine::Off),
        b"detectiononly" => Some(Engine::DetectionOnly),
        _ => None,
    }
}

/// A number of bytes up to 1 GiB.
fn bytes(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok().filter(|bytes| *bytes <= 1 << 30)
}

/// `ABC`, `+E`, `-E`.
pub(crate) fn parts(text: &[u8]) -> Option<PartsChange> {
    let (change, letters): (fn(String) -> PartsChange, _) = match text {
        [b'+', rest @ ..] => (PartsChange::Add, rest),
        [b'-', rest @ ..] => (PartsChange::Remove, rest),
        _ => (PartsChange::Set, text),
    };
    let known =
        !letters.is_empty() && letters.iter().all(|letter| matches!(letter.to_ascii_uppercase(), b'A'..=b'K' | b'Z'));
    known.then(|| change(letters.iter().map(|letter| char::from(letter.to_ascii_uppercase())).collect()))
}

const BYTES: &str = "a number of bytes up to 1073741824 is needed";
