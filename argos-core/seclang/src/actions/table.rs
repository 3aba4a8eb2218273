//! The closed list of actions.

use super::Severity;
use super::{Disruptive, Scope};
use crate::program::Template;

/// An action as rule text names it; the value is read later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActionId {
    Allow,
    Block,
    Deny,
    Drop,
    Pass,
    Redirect,
    Id,
    Phase,
    Msg,
    Tag,
    Severity,
    Ver,
    Rev,
    Maturity,
    Accuracy,
    Logdata,
    Status,
    Chain,
    Skip,
    SkipAfter,
    SetVar,
    Capture,
    Log,
    NoLog,
    AuditLog,
    NoAuditLog,
    Transform,
    MultiMatch,
    Ctl,
    ExpireVar,
    DeprecateVar,
    InitCol,
    SetSid,
    SetUid,
    SetRsc,
    SetEnv,
    SanitiseArg,
    SanitiseMatched,
    SanitiseRequestHeader,
    SanitiseResponseHeader,
    XmlNs,
}

/// Lower-case name to action.
pub(crate) const TABLE: &[(&str, ActionId)] = &[
    ("allow", ActionId::Allow),
    ("block", ActionId::Block),
    ("deny", ActionId::Deny),
    ("drop", ActionId::Drop),
    ("pass", ActionId::Pass),
    ("redirect", ActionId::Redirect),
    ("id", ActionId::Id),
    ("phase", ActionId::Phase),
    ("msg", ActionId::Msg),
    ("tag", ActionId::Tag),
    ("severity", ActionId::Severity),
    ("ver", ActionId::Ver),
    ("rev", ActionId::Rev),
    ("maturity", ActionId::Maturity),
    ("accuracy", ActionId::Accuracy),
    ("logdata", ActionId::Logdata),
    ("status", ActionId::Status),
    ("chain", ActionId::Chain),
    ("skip", ActionId::Skip),
    ("skipafter", ActionId::SkipAfter),
    ("setvar", ActionId::SetVar),
    ("capture", ActionId::Capture),
    ("log", ActionId::Log),
    ("nolog", ActionId::NoLog),
    ("auditlog", ActionId::AuditLog),
    ("noauditlog", ActionId::NoAuditLog),
    ("t", ActionId::Transform),
    ("multimatch", ActionId::MultiMatch),
    ("ctl", ActionId::Ctl),
    ("expirevar", ActionId::ExpireVar),
    ("deprecatevar", ActionId::DeprecateVar),
    ("initcol", ActionId::InitCol),
    ("setsid", ActionId::SetSid),
    ("setuid", ActionId::SetUid),
    ("setrsc", ActionId::SetRsc),
    ("setenv", ActionId::SetEnv),
    ("sanitisearg", ActionId::SanitiseArg),
    ("sanitisematched", ActionId::SanitiseMatched),
    // Which bytes of a value are secret is a guess; the whole value is masked.
    ("sanitisematchedbytes", ActionId::SanitiseMatched),
    ("sanitiserequestheader", ActionId::SanitiseRequestHeader),
    ("sanitiseresponseheader", ActionId::SanitiseResponseHeader),
    ("xmlns", ActionId::XmlNs),
];

/// Refused for good.
pub(crate) const ERROR: &[&str] = &["exec", "proxy", "append", "prepend", "pause"];

/// The action called `name`, in any case.
pub(crate) fn by_name(name: &[u8]) -> Option<ActionId> {
    TABLE.iter().find(|(text, _)| text.as_bytes().eq_ignore_ascii_case(name)).map(|(_, id)| *id)
}

/// What rule text decides about a disruptive action; `block` is settled by `SecDefaultAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Block,
    Fixed(Disruptive),
}

/// The disruptive action `id` with `value`.
pub(crate) fn disruptive(id: ActionId, value: Option<Template>) -> Result<Choice, &'static str> {
    Ok(Choice::Fixed(match id {
        ActionId::Block => return Ok(Choice::Block),
        ActionId::Deny => Disruptive::Deny,
        ActionId::Drop => Disruptive::Drop,
        ActionId::Pass => Disruptive::Pass,
        ActionId::Redirect => Disruptive::Redirect(value.ok_or("redirect needs an address")?),
        ActionId::Allow => Disruptive::Allow(match value.as_ref().map(Template::literal) {
            None => Scope::All,
            Some(Some(text)) if text.eq_ignore_ascii_case(b"phase") => Scope::Phase,
            Some(Some(text)) if text.eq_ignore_ascii_case(b"request") => Scope::Request,
            Some(_) => return Err("allow takes phase or request"),
        }),
        _ => return Err("not a disruptive action"),
    }))
}

/// The phase a text names.
pub(crate) fn phase(text: &[u8]) -> Option<u8> {
    match text.to_ascii_lowercase().as_slice() {
        [digit @ b'1'..=b'5'] => Some(digit - b'0'),
        b"request" => Some(2),
        b"response" => Some(4),
        b"logging" => Some(5),
        _ => None,
    }
}

/// The severity a text names.
pub(crate) fn severity(text: &[u8]) -> Option<Severity> {
    Severity::parse(text)
}
