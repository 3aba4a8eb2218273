//! Why a sign-in over a provider ended: what the browser is told, and what only the audit log says.

use crate::schema::text_enum;

text_enum! {
    /// What the sign-in page is told, as `error` of its address. Nothing else of a fault reaches a browser.
    Failure {
        /// The provider can't be reached, is not what it should be, or refused.
        IdpError = "idp_error",
        /// The answer belongs to no sign-in that this browser began, or comes from somebody else.
        StateMismatch = "state_mismatch",
        /// The provider did not give a token for its code, or nothing about the person.
        ExchangeFailed = "exchange_failed",
        /// What the provider says about the person can't be believed.
        TokenInvalid = "token_invalid",
        /// The provider tells no address of mail.
        EmailMissing = "email_missing",
        /// The provider does not vouch for the address of mail.
        EmailUnverified = "email_unverified",
        /// Neither the address of mail nor a group is among those that may sign in.
        NotAllowed = "not_allowed",
        /// Nobody here is bound to the identity, and none is made.
        NoAccount = "no_account",
        /// The person may not sign in.
        Disabled = "disabled",
    }
}

text_enum! {
    /// The step at which a sign-in ended, for the audit log.
    Stage {
        /// The settings are not complete.
        Config = "config",
        /// What the provider publishes about itself.
        Discovery = "discovery",
        /// Which sign-in an answer belongs to.
        State = "state",
        /// Who an answer comes from.
        Issuer = "issuer",
        /// What the provider answers to the browser.
        Provider = "provider",
        /// The code for tokens.
        Exchange = "exchange",
        /// The provider's public keys.
        Keys = "keys",
        /// The ID token.
        Token = "token",
        /// The provider's answer about the person.
        Userinfo = "userinfo",
        /// Who may sign in at all.
        Gate = "gate",
        /// Which user it is.
        Account = "account",
    }
}

/// A sign-in that ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// At which step.
    pub stage: Stage,
    /// What the browser is told.
    pub failure: Failure,
    /// What exactly, for the audit log and for administrators. Holds no secret.
    pub reason: String,
}

impl Fault {
    /// A fault at `stage`.
    #[must_use]
    pub fn new(stage: Stage, failure: Failure, reason: impl Into<String>) -> Self {
        Self { stage, failure, reason: reason.into() }
    }

    pub(super) fn token(reason: impl Into<String>) -> Self {
        Self::new(Stage::Token, Failure::TokenInvalid, reason)
    }

    pub(super) fn discovery(reason: impl Into<String>) -> Self {
        Self::new(Stage::Discovery, Failure::IdpError, reason)
    }

    /// The same fault, told of another step.
    #[must_use]
    pub(super) fn at(mut self, stage: Stage, failure: Failure) -> Self {
        (self.stage, self.failure) = (stage, failure);
        self
    }
}

/// A foreign text as a fault may quote it: without control characters, at most 200 of the others.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("{shown:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_are_cut_and_hold_no_control_character() {
        assert_eq!(quoted("a\r\nb\u{1b}[0m\"c"), r#""ab[0m\"c""#);
        assert_eq!(quoted(&"é".repeat(5000)).chars().count(), 202);
    }
}
