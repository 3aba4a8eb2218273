//! What a rule does when it matches.

use std::sync::Arc;

use crate::program::{Engine, Template};
use crate::variables::{Selector, VarId};

pub(crate) mod ctl;
pub(crate) mod setvar;
pub(crate) mod table;

/// How grave a match is. Source: syslog levels, as `severity` uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the syslog levels")]
pub enum Severity {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

impl Severity {
    /// Upper-case name, such as `CRITICAL`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        SEVERITIES[self as usize].0
    }

    /// Reads a name in any case or a digit.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let digit = match text {
            [digit @ b'0'..=b'7'] => Some(usize::from(digit - b'0')),
            _ => None,
        };
        SEVERITIES
            .iter()
            .enumerate()
            .find(|(index, (name, _))| Some(*index) == digit || name.as_bytes().eq_ignore_ascii_case(text))
            .map(|(_, (_, severity))| *severity)
    }
}

const SEVERITIES: [(&str, Severity); 8] = [
    ("EMERGENCY", Severity::Emergency),
    ("ALERT", Severity::Alert),
    ("CRITICAL", Severity::Critical),
    ("ERROR", Severity::Error),
    ("WARNING", Severity::Warning),
    ("NOTICE", Severity::Notice),
    ("INFO", Severity::Info),
    ("DEBUG", Severity::Debug),
];

/// What a rule does to the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disruptive {
    Pass,
    Deny,
    Drop,
    Redirect(Template),
    Allow(Scope),
}

/// How far `allow` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Phase,
    Request,
    All,
}

/// A non-disruptive action, run for each match of its link.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    SetVar {
        collection: VarId,
        name: Template,
        change: Change,
    },
    /// `initcol`, `setsid`, `setuid`, `setrsc`: opens the record with this key.
    Open(VarId, Template),
    /// `expirevar`: ends a value after so many seconds.
    Expire {
        collection: VarId,
        name: Template,
        seconds: Template,
    },
    /// `deprecatevar`: takes an amount per period, in seconds.
    Deprecate {
        collection: VarId,
        name: Template,
        amount: i64,
        period: i64,
    },
    SetEnv {
        name: Template,
        value: Template,
    },
    Sanitise(Sanitise),
    /// A change, and the rules it means where it names any: bits by their place, made when all rules are known.
    Ctl(Ctl, Option<Arc<[u64]>>),
}

/// What `setvar` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(Template),
    Add(Template),
    Subtract(Template),
    Unset,
}

/// A change of this transaction only.
#[derive(Clone, Debug)]
pub(crate) enum Ctl {
    /// Of a host's own rule: what it says of other rules leaves those alone that set up, sum or block.
    Sparing(Box<Ctl>),
    RemoveByMsg(Box<[u8]>),
    RemoveTargetByMsg(Box<[u8]>, VarId, Selector),
    RequestBodyLimit(usize),
    ResponseBodyLimit(usize),
    ResponseBodyAccess(bool),
    ResponseProcessor(Processor),
    ForceResponseBody(bool),
    AuditEngine(AuditEngine),
    AuditParts(PartsChange),
    Engine(Engine),
    RemoveById(u64, u64),
    RemoveByTag(Box<[u8]>),
    RemoveTargetById(u64, u64, VarId, Selector),
    RemoveTargetByTag(Box<[u8]>, VarId, Selector),
    Processor(Processor),
    RequestBodyAccess(bool),
    ForceRequestBody(bool),
}

/// What must not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sanitise {
    Arg(Box<[u8]>),
    RequestHeader(Box<[u8]>),
    ResponseHeader(Box<[u8]>),
    /// Whatever the rule matched.
    Matched,
}

/// `SecAuditEngine` and `ctl:auditEngine`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum AuditEngine {
    On,
    Off,
    #[default]
    RelevantOnly,
}

impl AuditEngine {
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match text.to_ascii_lowercase().as_slice() {
            b"on" => Some(Self::On),
            b"off" => Some(Self::Off),
            b"relevantonly" => Some(Self::RelevantOnly),
            _ => None,
        }
    }
}

/// How `auditLogParts` changes the letters in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PartsChange {
    Set(String),
    Add(String),
    Remove(String),
}

impl PartsChange {
    /// Changes the letters in force.
    pub(crate) fn apply(&self, parts: &mut String) {
        match self {
            Self::Set(letters) => parts.clone_from(letters),
            Self::Add(letters) => {
                parts.extend(letters.chars().filter(|letter| !parts.contains(*letter)).collect::<Vec<_>>())
            }
            Self::Remove(letters) => parts.retain(|letter| !letters.contains(letter)),
        }
    }
}

/// Who reads a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    Urlencoded,
    Json,
    Multipart,
    Xml,
    Raw,
}

impl Processor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Processor::Urlencoded => "URLENCODED",
            Processor::Json => "JSON",
            Processor::Multipart => "MULTIPART",
            Processor::Xml => "XML",
            Processor::Raw => "RAW",
        }
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        [Self::Urlencoded, Self::Json, Self::Multipart, Self::Xml, Self::Raw]
            .into_iter()
            .find(|processor| processor.name().as_bytes().eq_ignore_ascii_case(text))
    }
}
