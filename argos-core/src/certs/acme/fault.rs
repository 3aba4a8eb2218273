//! What went wrong with an authority, in words a person can act on, and how long to wait.

use std::fmt;
use std::time::Duration;

use instant_acme::{Error, Problem};

use super::account::Binding;

/// What a fault is about; whether another proof may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The proof failed: another way may succeed.
    Unproven,
    /// The authority wants fewer orders: it is left alone for a while, by all hosts.
    Limited,
    /// The authority did not answer in time: its other names wait a while.
    Silent,
    /// The order is gone or can't go on: a new one may.
    Stale,
    /// The account is not known any more: it is registered anew.
    NoAccount,
    /// Everything else.
    Other,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is about.
    pub kind: FaultKind,
    /// In words.
    pub text: String,
    /// How long the authority asked to wait.
    pub wait: Option<Duration>,
}

/// Most bytes of an authority's own words: they go into rows and pages.
const MOST_WORDS: usize = 600;
/// Most bytes of a whole text.
const MOST_TEXT: usize = 2000;

impl Fault {
    /// A fault in words of ours.
    pub fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), wait: None }
    }

    /// One that another try, later, may not meet.
    pub fn other(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Other, text)
    }

    /// The same, while doing something that is named.
    #[must_use]
    pub fn during(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// What the authority said of a challenge that failed.
    pub(super) fn unproven(problem: &Problem) -> Self {
        Self { kind: FaultKind::Unproven, text: said(problem, hint(word(problem), true)), wait: None }
    }

    /// What the authority said of an account that it does not register.
    pub(super) fn unregistered(problem: &Problem, binding: &Binding) -> Self {
        let hint = match (binding, word(problem)) {
            (Binding::To(_), "externalAccountRequired" | "unauthorized" | "malformed") => {
                "it does not take the external account: compare acme.eab_kid and acme.eab_hmac_key with what it gave you"
            }
            (Binding::Elsewhere, "externalAccountRequired") => {
                "it takes only accounts that are known to it, and acme.eab_kid and acme.eab_hmac_key are for the \
                 authority of acme.directory_url only: register an account here with another client, and store it \
                 with its key by `argos acme-account create`"
            }
            (_, word) => hint(word, false),
        };
        Self { text: said(problem, hint), ..Self::from(problem) }
    }

    /// Its text as it may stand in rows and lines: bounded, and without control characters.
    #[must_use]
    pub fn shown(&self) -> String {
        cut(&clean(&self.text), MOST_TEXT).to_owned()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

/// The last part of an error type. Source: RFC 8555 §6.7.
fn word(problem: &Problem) -> &str {
    problem.r#type.as_deref().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

/// What helps.
fn hint(word: &str, of_proof: bool) -> &'static str {
    match word {
        "unauthorized" if !of_proof => {
            "it does not take this account: `argos acme-account delete` lets the next order register another"
        }
        "externalAccountRequired" => {
            "it takes only accounts that are known to it: set acme.eab_kid and acme.eab_hmac_key"
        }
        "rateLimited" => "it takes no more orders for now",
        "rejectedIdentifier" | "unsupportedIdentifier" => "it does not sign this name: check the host's domain",
        "caa" => "a CAA record of the name lets other authorities sign only",
        "dns" => "the name can't be resolved: check its A, AAAA and CAA records",
        "connection" => {
            "it can't reach Argos at the address that the name has: check that its ports 80 and 443 lead here"
        }
        "unauthorized" | "incorrectResponse" => {
            "it reached something else than Argos: check that the name leads here, and what stands in between"
        }
        "tls" => "it reached no TLS of Argos: check that port 443 leads here unterminated",
        "badNonce" => "it refuses the nonces that it gave",
        "invalidContact" | "unsupportedContact" => {
            "it does not take this address of mail: check tls_email and acme.email"
        }
        "userActionRequired" => "it wants something of its account's owner",
        _ => "",
    }
}

impl From<&Problem> for Fault {
    fn from(problem: &Problem) -> Self {
        let word = word(problem);
        let kind = match word {
            "rateLimited" => FaultKind::Limited,
            "accountDoesNotExist" => FaultKind::NoAccount,
            "malformed" | "orderNotReady" if problem.status == Some(404) => FaultKind::Stale,
            "caa" | "dns" | "connection" | "incorrectResponse" | "tls" => FaultKind::Unproven,
            _ if problem.status == Some(404) => FaultKind::Stale,
            _ => FaultKind::Other,
        };
        Self { kind, text: said(problem, hint(word, false)), wait: None }
    }
}

/// What the authority says, behind what helps.
fn said(problem: &Problem, hint: &str) -> String {
    let mut words = clean(problem.detail.as_deref().unwrap_or_default());
    for sub in &problem.subproblems {
        words.push_str("; ");
        words.push_str(&clean(sub.detail.as_deref().unwrap_or_default()));
    }
    let word = clean(word(problem));
    let word = if word.is_empty() { "error" } else { cut(&word, 64) };
    let hint = if hint.is_empty() { String::new() } else { format!("{hint} ") };
    format!("{hint}(the authority says: {word}, {})", cut(&words, MOST_WORDS))
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        match e {
            Error::Api(problem) => Self::from(&problem),
            Error::Timeout(_) => Self::other("the authority did not come to an end in time"),
            Error::Json(e) => Self::other(format!("the authority's answer can't be read: {e}")),
            Error::Other(e) => match e.downcast::<Self>() {
                Ok(own) => *own,
                Err(e) => Self::other(clean(&e.to_string())),
            },
            e => Self::other(clean(&e.to_string())),
        }
    }
}

/// Without control characters, which would break lines of logs.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::super::Eab;
    use super::*;
    use crate::secret::Secret;

    fn problem(word: &str, detail: &str, status: u16) -> Problem {
        let text = serde_json::json!({"type": format!("urn:ietf:params:acme:error:{word}"), "detail": detail, "status": status});
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn what_an_authority_says_becomes_a_kind_and_a_hint() {
        for (word, status, kind, hint) in [
            ("rateLimited", 429, FaultKind::Limited, "no more orders"),
            ("externalAccountRequired", 400, FaultKind::Other, "acme.eab_kid"),
            ("accountDoesNotExist", 400, FaultKind::NoAccount, "accountDoesNotExist"),
            ("connection", 400, FaultKind::Unproven, "ports 80 and 443"),
            ("caa", 403, FaultKind::Unproven, "CAA"),
            ("malformed", 404, FaultKind::Stale, "malformed"),
            ("serverInternal", 500, FaultKind::Other, "serverInternal"),
        ] {
            let fault = Fault::from(Error::Api(problem(word, "its own words", status)));
            assert_eq!(fault.kind, kind, "{word}");
            assert!(fault.text.contains(hint) && fault.text.contains("its own words"), "{}", fault.text);
        }
    }

    #[test]
    fn an_account_that_is_not_registered_names_what_binds_it() {
        let eab = || Binding::To(Eab { kid: "kid".into(), key: Secret::new(b"key".to_vec()) });
        for (binding, word, hint) in [
            (eab(), "unauthorized", "compare acme.eab_kid and acme.eab_hmac_key"),
            (eab(), "malformed", "compare acme.eab_kid and acme.eab_hmac_key"),
            (eab(), "rateLimited", "no more orders"),
            (Binding::Unset, "externalAccountRequired", "set acme.eab_kid and acme.eab_hmac_key"),
            (Binding::Elsewhere, "externalAccountRequired", "`argos acme-account create`"),
        ] {
            let fault = Fault::unregistered(&problem(word, "its own words", 403), &binding);
            assert!(fault.text.contains(hint) && !fault.text.contains("acme-account delete"), "{}", fault.text);
        }
    }

    #[test]
    fn its_words_are_bounded_and_break_no_line() {
        let fault = Fault::from(&problem("dns", &"a\r\nb\u{1b}ä".repeat(1000), 400));
        assert!(fault.text.len() < 1000 && !fault.text.chars().any(char::is_control));
    }
}
