//! Why a request ended early. Here, and only here, that becomes a status, a connection's fate and the log's action.

use std::borrow::Cow;
use std::sync::Arc;

use super::h1::chunked::ChunkFault;
use super::h1::head::Refusal;
use super::path::BadPath;
use crate::logs::AccessAction;
use crate::snapshot::Reply;

/// Why a request ended before an upstream's answer was passed on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The head is not well-formed or too large.
    Refused(Refusal),
    /// The path has no canonical form.
    BadPath(BadPath),
    /// The body's chunks are not well-formed.
    BadBody(ChunkFault),
    /// The body is larger than the host allows.
    TooLarge,
    /// The head or the body did not arrive in time.
    SlowClient,
    /// The client left.
    ClientGone,
    /// No host serves the name.
    UnknownHost,
    /// The host is switched off; 404 or 503 by setting.
    HostDisabled(u16),
    /// The host's stored configuration does not compile.
    HostFault,
    /// A redirect rule.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The new location.
        location: Vec<u8>,
    },
    /// A fixed-response rule.
    Fixed(Arc<Reply>),
    /// A block rule.
    Block(Arc<Reply>),
    /// A rule's redirect or rewrite would hold control bytes.
    BadResult,
    /// The group has no enabled target.
    NoTarget,
    /// No target could be reached, or all of them failed before an answer began.
    Unreachable(String),
    /// The upstream's answer is not well-formed.
    BadReply(&'static str),
    /// The upstream did not answer in time.
    UpstreamSlow,
}

/// What a stopped request is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Content and its type; none = the standard page.
    pub(crate) content: Option<Arc<Reply>>,
    /// `Location`.
    pub(crate) location: Option<Vec<u8>>,
}

impl Stop {
    /// The status it is answered with; 499 is for the log only.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status,
            Self::BadPath(_) | Self::BadBody(_) | Self::BadResult => 400,
            Self::TooLarge => 413,
            Self::SlowClient => 408,
            Self::ClientGone => 499,
            Self::UnknownHost => 404,
            Self::HostDisabled(status) => *status,
            Self::Redirect { status, .. } => *status,
            Self::Fixed(reply) | Self::Block(reply) => reply.status,
            Self::HostFault | Self::NoTarget => 503,
            Self::Unreachable(_) | Self::BadReply(_) => 502,
            Self::UpstreamSlow => 504,
        }
    }

    /// The log's action.
    pub(crate) fn action(&self) -> AccessAction {
        match self {
            Self::Refused(_) | Self::BadPath(_) | Self::BadBody(_) | Self::BadResult => AccessAction::BadRequest,
            Self::TooLarge | Self::SlowClient => AccessAction::BadRequest,
            Self::ClientGone => AccessAction::ClientClosed,
            Self::UnknownHost | Self::HostDisabled(_) => AccessAction::NotFound,
            Self::Redirect { .. } => AccessAction::Redirect,
            Self::Fixed(_) => AccessAction::FixedResponse,
            Self::Block(_) => AccessAction::BlockRule,
            Self::HostFault | Self::NoTarget => AccessAction::UpstreamError,
            Self::Unreachable(_) | Self::BadReply(_) | Self::UpstreamSlow => AccessAction::UpstreamError,
        }
    }

    /// Whether what follows on the connection can't be trusted or is not wanted.
    pub(crate) fn closes(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.close,
            Self::BadBody(_) | Self::TooLarge | Self::SlowClient | Self::ClientGone => true,
            _ => false,
        }
    }

    /// The outcome in the access row.
    pub(crate) fn message(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.text,
            Self::BadPath(BadPath::Triplet) => "an invalid % triplet in the path",
            Self::BadPath(BadPath::Zero) => "%00 in the path",
            Self::BadBody(_) => "the chunked body is not well-formed",
            Self::TooLarge => "the body is too large",
            Self::SlowClient => "the request did not arrive in time",
            Self::ClientGone => "the client left",
            Self::UnknownHost => "no host serves this name",
            Self::HostDisabled(_) => "the host is disabled",
            Self::HostFault => "the host's configuration does not compile",
            Self::Redirect { .. } | Self::Fixed(_) | Self::Block(_) => "",
            Self::BadResult => "the rule's result would hold control bytes",
            Self::NoTarget => "no target is enabled",
            Self::Unreachable(_) => "no target answered",
            Self::BadReply(_) => "the upstream's answer is not well-formed",
            Self::UpstreamSlow => "the upstream did not answer in time",
        }
    }

    /// The error row it writes: component, whether it is Argos's or the upstream's fault, text.
    pub(crate) fn fault(&self) -> Option<(&'static str, bool, Cow<'static, str>)> {
        let detail: Cow<'static, str> = match self {
            Self::BadBody(fault) => fault.to_string().into(),
            Self::Unreachable(text) => text.clone().into(),
            Self::BadReply(text) => (*text).into(),
            _ => self.message().into(),
        };
        match self.action() {
            AccessAction::BadRequest => Some((AccessAction::BadRequest.as_str(), false, detail)),
            AccessAction::UpstreamError => Some(("upstream", true, detail)),
            _ => None,
        }
    }

    /// What the client gets; nothing when it has left.
    pub(crate) fn into_answer(self) -> Option<Answer> {
        let status = self.status();
        let answer = |content, location| Some(Answer { status, content, location });
        match self {
            Self::ClientGone => None,
            Self::Redirect { location, .. } => answer(None, Some(location)),
            Self::Fixed(reply) => answer(Some(reply), None),
            Self::Block(reply) => answer((!reply.body.is_empty()).then_some(reply), None),
            _ => answer(None, None),
        }
    }
}
