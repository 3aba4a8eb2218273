//! Why a request ended early. Here, and only here, that becomes a status, a connection's fate and the log's action.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::h1::chunked::ChunkFault;
use super::h1::head::Refusal;
use super::path::BadPath;
use crate::logs::AccessAction;
use crate::secret::Secret;
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
    /// The body comes in a coding that the rules can't read, and the host blocks.
    Coding,
    /// The head or the body did not arrive in time.
    SlowClient,
    /// The client left.
    ClientGone,
    /// A rule of the WAF.
    Waf(Box<Block>),
    /// The WAF's engine failed, or too many bodies are held, and such requests are not let pass.
    EngineFailed,
    /// An authority asks for the proof of a name.
    AcmeChallenge(Arc<Reply>),
    /// No host serves the name.
    UnknownHost,
    /// The name is not served over this TLS connection.
    Misdirected,
    /// The host wants a certificate of the client, and none that is trusted was shown.
    NoClientCertificate,
    /// Plain HTTP for a host that is served over https: where to ask instead.
    HttpsRedirect(Vec<u8>),
    /// The host is switched off; 404 or 503 by setting.
    HostDisabled(u16),
    /// The host's stored configuration does not compile.
    HostFault,
    /// The client asks more often than the host allows.
    Limited {
        /// The host's status for that.
        status: u16,
        /// After how many seconds one more request may come.
        seconds: u32,
    },
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
    /// A person is sent to sign in, or back from there.
    SentOn(Box<SentOn>),
    /// A program is not signed in; where that would be.
    Unsigned(Box<Unsigned>),
    /// Somebody who is known may not come in, or a ticket is refused; what the page says.
    NotAdmitted(&'static str),
    /// A person has signed out; the cookies that are forgotten.
    SignedOut(Box<SetCookies>),
    /// Nobody can sign in: the panel's address is not known.
    NoSignIn,
    /// Who is signed in could not be read.
    GateFailed(String),
    /// A place of Argos that does not exist.
    NoPlace,
    /// The group has no enabled target.
    NoTarget,
    /// No target could be reached, or all of them failed before an answer began.
    Unreachable(String),
    /// The upstream's answer is not well-formed.
    BadReply(&'static str),
    /// The upstream did not answer in time.
    UpstreamSlow,
}

/// Values of `Set-Cookie`.
pub(crate) type SetCookies = SmallVec<[Secret<String>; 2]>;

/// Where a person is sent.
#[derive(Debug)]
pub(crate) struct SentOn {
    pub(crate) location: Vec<u8>,
    pub(crate) cookies: SetCookies,
    /// Whether they have been to sign in.
    pub(crate) back: bool,
}

/// How the WAF ends a request.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) status: u16,
    /// Where a rule's `redirect` leads.
    pub(crate) location: Option<Vec<u8>>,
    /// The host's own text; none = the standard page.
    pub(crate) content: Option<Arc<Reply>>,
    /// The connection is closed without an answer.
    pub(crate) drop: bool,
}

/// Where a program could sign in that did not.
#[derive(Debug, Default)]
pub(crate) struct Unsigned {
    /// The page for it.
    pub(crate) login: String,
    /// Values of `Set-Cookie`: a session that is none is to be forgotten.
    pub(crate) cookies: SetCookies,
}

/// What a stopped request is answered with.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Content and its type; none = the standard page.
    pub(crate) content: Option<Arc<Reply>>,
    /// `Location`.
    pub(crate) location: Option<Vec<u8>>,
    /// `Retry-After` in seconds.
    pub(crate) retry_after: Option<u32>,
    /// What the gate adds.
    pub(crate) gate: Option<Box<GateAnswer>>,
}

/// What is special about answers of the gate.
#[derive(Debug, Default)]
pub(crate) struct GateAnswer {
    /// Values of `Set-Cookie`.
    pub(crate) cookies: SetCookies,
    /// `WWW-Authenticate`, to programs, which get problem+json.
    pub(crate) challenge: Option<String>,
    /// What the page says; none = what it says of its status.
    pub(crate) text: Option<&'static str>,
}

impl Stop {
    /// The status it is answered with; 499 is for the log only.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status,
            Self::BadPath(_) | Self::BadBody(_) | Self::BadResult => 400,
            Self::TooLarge => 413,
            Self::Coding => 415,
            Self::SlowClient => 408,
            Self::ClientGone => 499,
            Self::Waf(block) => block.status,
            Self::UnknownHost => 404,
            Self::Misdirected => 421,
            Self::NoClientCertificate => 403,
            Self::HttpsRedirect(_) => 308,
            Self::HostDisabled(status) => *status,
            Self::Redirect { status, .. } | Self::Limited { status, .. } => *status,
            Self::Fixed(reply) | Self::Block(reply) | Self::AcmeChallenge(reply) => reply.status,
            Self::SentOn(_) => 302,
            Self::Unsigned(_) => 401,
            Self::NotAdmitted(_) => 403,
            Self::SignedOut(_) => 200,
            Self::NoPlace => 404,
            Self::NoSignIn | Self::GateFailed(_) => 503,
            Self::HostFault | Self::NoTarget | Self::EngineFailed => 503,
            Self::Unreachable(_) | Self::BadReply(_) => 502,
            Self::UpstreamSlow => 504,
        }
    }

    /// The log's action.
    pub(crate) fn action(&self) -> AccessAction {
        match self {
            Self::Refused(_) | Self::BadPath(_) | Self::BadBody(_) | Self::BadResult => AccessAction::BadRequest,
            Self::TooLarge | Self::Coding | Self::SlowClient => AccessAction::BadRequest,
            Self::ClientGone => AccessAction::ClientClosed,
            Self::UnknownHost | Self::HostDisabled(_) => AccessAction::NotFound,
            Self::AcmeChallenge(_) => AccessAction::AcmeChallenge,
            Self::Misdirected => AccessAction::Misdirected,
            Self::NoClientCertificate | Self::Unsigned(_) | Self::NotAdmitted(_) => AccessAction::AuthDenied,
            Self::NoSignIn | Self::GateFailed(_) => AccessAction::AuthDenied,
            Self::SentOn(to) if to.back => AccessAction::AuthCallback,
            Self::SentOn(_) => AccessAction::AuthRedirect,
            Self::SignedOut(_) => AccessAction::AuthCallback,
            Self::NoPlace => AccessAction::NotFound,
            Self::HttpsRedirect(_) => AccessAction::HttpsRedirect,
            Self::Limited { .. } => AccessAction::RateLimited,
            Self::Waf(_) | Self::EngineFailed => AccessAction::WafBlocked,
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
            Self::BadBody(_) | Self::TooLarge | Self::Coding | Self::SlowClient | Self::ClientGone => true,
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
            Self::Coding => "the body's content coding can't be read for inspection",
            Self::SlowClient => "the request did not arrive in time",
            Self::ClientGone => "the client left",
            Self::UnknownHost => "no host serves this name",
            Self::Misdirected => "this name is not served over this connection",
            Self::NoClientCertificate => "no certificate of the client was shown",
            Self::HttpsRedirect(_) | Self::AcmeChallenge(_) => "",
            Self::SentOn(to) if to.back => "signed in at the host",
            Self::SentOn(_) => "sent to sign in",
            Self::SignedOut(_) => "signed out",
            Self::Unsigned(_) => "not signed in",
            Self::NotAdmitted(text) => text,
            Self::NoSignIn => "sign-in is not configured: panel.public_url is not set",
            Self::GateFailed(_) => "who is signed in could not be read",
            Self::NoPlace => "no such place of Argos",
            Self::HostDisabled(_) => "the host is disabled",
            Self::Limited { .. } => "more requests than the host allows",
            Self::Waf(_) => "",
            Self::EngineFailed => "the request could not be inspected",
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
            Self::GateFailed(text) => text.clone().into(),
            _ => self.message().into(),
        };
        match self.action() {
            _ if matches!(self, Self::EngineFailed) => Some(("waf", true, detail)),
            _ if matches!(self, Self::GateFailed(_)) => Some(("auth", true, detail)),
            AccessAction::BadRequest => Some((AccessAction::BadRequest.as_str(), false, detail)),
            AccessAction::UpstreamError => Some(("upstream", true, detail)),
            _ => None,
        }
    }

    /// What the client gets; nothing when it has left.
    pub(crate) fn into_answer(self) -> Option<Answer> {
        let status = self.status();
        let answer = |content, location| Some(Answer { status, content, location, retry_after: None, gate: None });
        let gate = |location, gate| {
            Some(Answer { status, content: None, location, retry_after: None, gate: Some(Box::new(gate)) })
        };
        let says = |text| GateAnswer { text: Some(text), ..GateAnswer::default() };
        match self {
            Self::ClientGone => None,
            Self::Limited { seconds, .. } => {
                Some(Answer { status, content: None, location: None, retry_after: Some(seconds), gate: None })
            }
            Self::SentOn(to) => gate(Some(to.location), GateAnswer { cookies: to.cookies, ..GateAnswer::default() }),
            Self::SignedOut(cookies) => gate(None, GateAnswer { cookies: *cookies, ..says("You are signed out.") }),
            Self::Unsigned(to) => {
                let challenge = Some(format!("Argos login_url=\"{}\"", to.login));
                gate(None, GateAnswer { challenge, cookies: to.cookies, text: None })
            }
            Self::NotAdmitted(text) => gate(None, says(text)),
            Self::NoSignIn => gate(None, says("A sign-in is needed here, and sign-in is not configured.")),
            Self::Waf(block) if block.drop => None,
            Self::Waf(block) => answer(block.content, block.location),
            Self::Redirect { location, .. } | Self::HttpsRedirect(location) => answer(None, Some(location)),
            Self::Fixed(reply) | Self::AcmeChallenge(reply) => answer(Some(reply), None),
            Self::Block(reply) => answer((!reply.body.is_empty()).then_some(reply), None),
            _ => answer(None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Arc<Reply> {
        Arc::new(Reply { status, body: body.into(), content_type: "text/plain".into() })
    }

    #[test]
    fn each_stop_has_its_status_action_and_fate() {
        use AccessAction as A;
        let block = |drop| Box::new(Block { status: 406, location: None, content: None, drop });
        let to = |back| Box::new(SentOn { location: b"https://p/".to_vec(), cookies: SetCookies::new(), back });
        let refusal = Refusal { status: 431, close: true, text: "too many header lines" };
        // stop, status, action, closes, writes an error row, answers
        let table = [
            (Stop::Refused(refusal), 431, A::BadRequest, true, true, true),
            (Stop::BadPath(BadPath::Zero), 400, A::BadRequest, false, true, true),
            (Stop::BadBody(ChunkFault::Size), 400, A::BadRequest, true, true, true),
            (Stop::TooLarge, 413, A::BadRequest, true, true, true),
            (Stop::Coding, 415, A::BadRequest, true, true, true),
            (Stop::SlowClient, 408, A::BadRequest, true, true, true),
            (Stop::ClientGone, 499, A::ClientClosed, true, false, false),
            (Stop::Waf(block(false)), 406, A::WafBlocked, false, false, true),
            (Stop::Waf(block(true)), 406, A::WafBlocked, false, false, false),
            (Stop::EngineFailed, 503, A::WafBlocked, false, true, true),
            (Stop::AcmeChallenge(reply(200, "a.b")), 200, A::AcmeChallenge, false, false, true),
            (Stop::UnknownHost, 404, A::NotFound, false, false, true),
            (Stop::NoClientCertificate, 403, A::AuthDenied, false, false, true),
            (Stop::Misdirected, 421, A::Misdirected, false, false, true),
            (Stop::HttpsRedirect(b"https://a/".to_vec()), 308, A::HttpsRedirect, false, false, true),
            (Stop::HostDisabled(503), 503, A::NotFound, false, false, true),
            (Stop::HostFault, 503, A::UpstreamError, false, true, true),
            (Stop::Limited { status: 429, seconds: 7 }, 429, A::RateLimited, false, false, true),
            (Stop::Redirect { status: 308, location: b"/".to_vec() }, 308, A::Redirect, false, false, true),
            (Stop::Fixed(reply(200, "hi")), 200, A::FixedResponse, false, false, true),
            (Stop::Block(reply(403, "")), 403, A::BlockRule, false, false, true),
            (Stop::SentOn(to(false)), 302, A::AuthRedirect, false, false, true),
            (Stop::SentOn(to(true)), 302, A::AuthCallback, false, false, true),
            (Stop::Unsigned(Box::default()), 401, A::AuthDenied, false, false, true),
            (Stop::NotAdmitted("no"), 403, A::AuthDenied, false, false, true),
            (Stop::SignedOut(Box::default()), 200, A::AuthCallback, false, false, true),
            (Stop::NoSignIn, 503, A::AuthDenied, false, false, true),
            (Stop::GateFailed("x".into()), 503, A::AuthDenied, false, true, true),
            (Stop::NoPlace, 404, A::NotFound, false, false, true),
            (Stop::BadResult, 400, A::BadRequest, false, true, true),
            (Stop::NoTarget, 503, A::UpstreamError, false, true, true),
            (Stop::Unreachable("x".into()), 502, A::UpstreamError, false, true, true),
            (Stop::BadReply("x"), 502, A::UpstreamError, false, true, true),
            (Stop::UpstreamSlow, 504, A::UpstreamError, false, true, true),
        ];
        for (stop, status, action, closes, fault, answers) in table {
            let shown = format!("{stop:?}");
            assert_eq!((stop.status(), stop.action(), stop.closes()), (status, action, closes), "{shown}");
            assert_eq!(stop.fault().is_some(), fault, "{shown}");
            assert_eq!(stop.into_answer().map(|a| a.status), answers.then_some(status), "{shown}");
        }
    }

    #[test]
    fn an_empty_block_is_the_standard_page_and_a_fixed_answer_never_is() {
        assert!(Stop::Block(reply(403, "")).into_answer().unwrap().content.is_none());
        assert!(Stop::Block(reply(403, "no")).into_answer().unwrap().content.is_some());
        assert!(Stop::Fixed(reply(200, "")).into_answer().unwrap().content.is_some());
    }
}
