//! What a rule does when it matches.

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
    SetVar { name: Template, change: Change },
    Ctl(Ctl),
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
    Engine(Engine),
    RemoveById(u64, u64),
    RemoveByTag(Box<[u8]>),
    RemoveTargetById(u64, u64, VarId, Selector),
    RemoveTargetByTag(Box<[u8]>, VarId, Selector),
    Processor(Processor),
    RequestBodyAccess(bool),
    ForceRequestBody(bool),
}

/// Who reads a request body.
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
